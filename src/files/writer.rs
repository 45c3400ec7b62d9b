//! A writer of image files in any format: rows in order, after what stands beside them.

use std::io::Write;

use crate::base::error::{Error, Result};
use crate::image::ImageInfo;
use crate::image::planes::Planes;

pub(super) type Output<'a> = Box<dyn Write + Send + 'a>;

/// Writes the rows of a file in one format.
pub(super) trait WriteRows: Send {
    fn write_rows(&mut self, planes: &Planes) -> Result<()>;

    fn finish(self: Box<Self>) -> Result<()>;
}

/// A writer of an image file, from the first row to the last.
pub struct ImageWriter<'a> {
    pub(super) info: ImageInfo,
    pub(super) not_kept: Vec<String>,
    pub(super) rows: Box<dyn WriteRows + 'a>,
    pub(super) done: u32,
}

impl std::fmt::Debug for ImageWriter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImageWriter").field("info", &self.info).field("done", &self.done).finish_non_exhaustive()
    }
}

impl ImageWriter<'_> {
    /// Metadata that the format cannot hold; for a warning.
    #[must_use]
    pub fn not_kept(&self) -> &[String] {
        &self.not_kept
    }

    /// Writes the next rows.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the rows do not match the announced image or its palette; [`Error::Io`] if writing
    /// fails.
    pub fn write_rows(&mut self, planes: &Planes) -> Result<()> {
        let rows = planes.height();
        let left = self.info.height - self.done;
        if (ImageInfo { height: self.info.height, ..ImageInfo::of(planes) }) != self.info || rows > left {
            return Err(Error::Unsupported("rows that do not match the announced image".to_owned()));
        }
        self.rows.write_rows(planes)?;
        self.done += rows;
        Ok(())
    }

    /// Writes what follows the last row.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if rows are missing, [`Error::Io`] if writing fails.
    pub fn finish(self) -> Result<()> {
        if self.done < self.info.height {
            return Err(Error::Unsupported(format!("an image with {} of {} rows", self.done, self.info.height)));
        }
        self.rows.finish()
    }
}
