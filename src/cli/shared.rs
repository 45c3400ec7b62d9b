//! State shared by all inputs of a run, and the outcome of one input.

use ansel::{Codec, Error, ImageReader, Limits, Metadata, Planes};

use super::args::{Compress, Decompress};
use super::batch::Budget;
use super::input::ReadSeek;
use super::output::Written;
use super::report::Reporter;

/// Shared by all inputs of `ansel compress`.
pub struct Compressing<'a> {
    pub arguments: &'a Compress,
    pub reporter: &'a Reporter,
    pub codec: Codec,
    pub limits: Limits,
    pub budget: Budget,
}

/// The result of an input, newly made or already there.
pub struct Compressed {
    pub written: Written,
    pub bytes: u64,
    pub pixels_sha256: Option<[u8; 32]>,
    /// Information in the input that is not kept.
    pub not_kept: Vec<String>,
    pub placement: Placement,
}

/// How a result came to be in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// The input was compressed.
    Made,
    /// It already existed.
    Found,
    /// As a link to the result of another input with the same content.
    Linked,
}

/// Shared by all inputs of `ansel decompress`.
pub struct Decompressing<'a> {
    pub arguments: &'a Decompress,
    pub reporter: &'a Reporter,
    pub codec: Codec,
    pub budget: Budget,
}

impl Compressing<'_> {
    /// Opens an image to compress.
    pub fn image<'b>(&self, source: Box<dyn ReadSeek>) -> ansel::Result<ImageReader<'b>> {
        let image = ansel::open_image(source, &self.limits)?;
        match image.lossy_source() {
            Some(source) if !self.arguments.allow_lossy_source => Err(lossy_source(source)),
            _ => Ok(image),
        }
    }

    /// Information in an image that is not kept.
    pub fn not_kept(&self, image: &ImageReader<'_>) -> Vec<String> {
        if self.arguments.strip { Vec::new() } else { image.not_kept().to_vec() }
    }

    /// The metadata of an image that are kept.
    pub fn metadata(&self, image: &ImageReader<'_>) -> Metadata {
        let mut metadata = if self.arguments.strip { Metadata::default() } else { image.metadata().clone() };
        if self.arguments.clear_hidden_colour {
            metadata.clear_hidden_colour();
        }
        metadata
    }

    /// The next rows of an image, as they will be compressed.
    pub fn rows(&self, image: &mut ImageReader<'_>, rows: u32) -> ansel::Result<Planes> {
        let mut planes = image.read_rows(rows)?;
        if self.arguments.clear_hidden_colour {
            planes.clear_hidden_colour();
        }
        Ok(planes)
    }
}

fn lossy_source(source: &str) -> Error {
    let what = format!(
        "pixels decoded from {source}: the file is smaller than they are without loss, so keep it \
         (or use --allow-lossy-source)"
    );
    Error::Unsupported(what)
}
