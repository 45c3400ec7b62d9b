//! A reader of image files in any format: rows in order, and what stands beside them.

use std::io::{BufRead, Seek};

use ndarray::Axis;

use crate::base::error::{Error, Result};
use crate::base::limits::{Limits, check};
use crate::image::planes::Planes;
use crate::image::{ImageInfo, Metadata, MetadataKind};

/// The type that image files are read from, whatever the caller's type. Dynamic dispatch compiles the decoders of all
/// formats once, here, instead of in each crate that reads images.
pub(super) trait Source: BufRead + Seek + Send {}

impl<T: BufRead + Seek + Send> Source for T {}

pub(super) type Input<'a> = Box<dyn Source + 'a>;
/// Reads the rows of a file in one format.
pub(super) trait ReadRows: Send {
    /// Reads the next `rows` rows; at least one, and at most as many as are left.
    fn read_rows(&mut self, rows: u32) -> Result<Planes>;

    /// Checks what follows the last row.
    fn finish(&mut self) -> Result<()>;
}

/// A reader of an image file, from the first row to the last.
pub struct ImageReader<'a> {
    pub(super) info: ImageInfo,
    pub(super) metadata: Metadata,
    pub(super) lossy_source: Option<String>,
    pub(super) not_kept: Vec<String>,
    rows: Box<dyn ReadRows + 'a>,
    done: u32,
}

impl std::fmt::Debug for ImageReader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImageReader").field("info", &self.info).field("done", &self.done).finish_non_exhaustive()
    }
}

impl<'a> ImageReader<'a> {
    pub(super) fn new(info: ImageInfo, metadata: Metadata, rows: impl ReadRows + 'a) -> Self {
        Self { info, metadata, lossy_source: None, not_kept: Vec::new(), rows: Box::new(rows), done: 0 }
    }

    /// The shape of the image.
    #[must_use]
    pub fn info(&self) -> ImageInfo {
        self.info
    }

    /// ICC profile, Exif, XMP, palette, PNG chunks.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The lossy format that the samples are decoded from, if any. Such a file is smaller than its losslessly
    /// compressed samples.
    #[must_use]
    pub fn lossy_source(&self) -> Option<&str> {
        self.lossy_source.as_deref()
    }

    /// Other information in the file that is not kept; for a warning.
    #[must_use]
    pub fn not_kept(&self) -> &[String] {
        &self.not_kept
    }

    /// Rows not read yet.
    #[must_use]
    pub fn rows_left(&self) -> u32 {
        self.info.height - self.done
    }

    /// Reads the next rows: `rows` of them, or as many as are left. With the last row, the end of the file is checked.
    ///
    /// # Errors
    /// [`Error::Image`] if the file is damaged or ends early, or if no row is asked for or left; [`Error::Io`] if
    /// reading fails.
    pub fn read_rows(&mut self, rows: u32) -> Result<Planes> {
        let rows = rows.min(self.rows_left());
        if rows == 0 {
            return Err(Error::Image("there is no row to read".to_owned()));
        }
        let planes = self.rows.read_rows(rows)?;
        self.done += rows;
        if self.rows_left() == 0 {
            self.rows.finish()?;
        }
        Ok(planes)
    }
}

/// Planes that were decoded whole and are handed out in bands of rows.
pub(super) struct Whole {
    planes: Planes,
    done: u32,
}

impl Whole {
    pub(super) fn new(planes: Planes) -> Self {
        Self { planes, done: 0 }
    }
}

impl ReadRows for Whole {
    fn read_rows(&mut self, rows: u32) -> Result<Planes> {
        let start = self.done;
        self.done += rows;
        if rows == self.planes.height() {
            return Ok(std::mem::replace(&mut self.planes, Planes::zeros(1, 1, 1, 1)?));
        }
        Ok(self.planes.rows(start..self.done))
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Planes that are decoded when their first rows are asked for.
pub(super) struct Lazy<F> {
    decode: Option<F>,
    whole: Option<Whole>,
}

impl<F: FnOnce() -> Result<Planes> + Send> Lazy<F> {
    pub(super) fn new(decode: F) -> Self {
        Self { decode: Some(decode), whole: None }
    }
}

impl<F: FnOnce() -> Result<Planes> + Send> ReadRows for Lazy<F> {
    fn read_rows(&mut self, rows: u32) -> Result<Planes> {
        if let Some(decode) = self.decode.take() {
            self.whole = Some(Whole::new(decode()?));
        }
        let whole =
            self.whole.as_mut().ok_or_else(|| Error::Image("an earlier attempt to decode it failed".to_owned()))?;
        whole.read_rows(rows)
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Copies rows into an image, from row `start` on.
pub(super) fn put_rows(image: &mut Planes, start: u32, rows: &Planes) {
    let range = start as usize..(start + rows.height()) as usize;
    image.samples_mut().slice_axis_mut(Axis(1), range.into()).assign(rows.samples());
}

/// Sets the metadata blocks that exist; fails if they exceed the limit.
pub(super) fn set_blocks<const N: usize>(
    metadata: &mut Metadata,
    blocks: [(MetadataKind, Option<Vec<u8>>); N],
    limits: &Limits,
) -> Result<()> {
    for (kind, bytes) in blocks {
        if let Some(bytes) = bytes {
            metadata.set(kind, bytes);
        }
    }
    let bytes = metadata.blocks().iter().map(|block| block.bytes.len() as u64).sum();
    check("the size of the metadata in bytes", bytes, limits.metadata_bytes)
}
