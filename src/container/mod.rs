#![doc = include_str!("FORMAT.md")]
//!
//! This module reads and writes the container: the header, bands with their tables, and the header of stored JPEG
//! files.

mod band;
mod coder;
mod header;
mod jpeg;
mod samples;

pub use self::band::{Band, PartSummary};
pub(crate) use self::band::{Part, TileEntry};
pub(crate) use self::coder::{Coder, NetworkCoder};
#[cfg(feature = "image-hooks")]
pub(crate) use self::header::MAGIC;
pub use self::header::{FileKind, Header};
pub(crate) use self::jpeg::{JpegCoder, JpegHeader};
pub(crate) use self::samples::sample_checksum;
