//! Lossless image compression with neural density models.
//!
//! The modules, in the order of the data:
//!
//! ```text
//! image file    --files-->              Planes (channel, row, column) + Metadata
//! Planes        --codec, transforms-->  coded planes of each part, by measured cost
//! coded planes  --tile, context-->      tiles, coding order, contexts
//! contexts      --model, infer-->       mixture parameters (integers)
//! parameters    --entropy-->            intervals (integers), words
//! words         --container-->          bytes
//! ```
//!
//! `walk` runs the middle three, for encoder and decoder alike. `streams` calls it, or codes a part with VP8L or the
//! method of PNG where it repeats itself over long distances. [`Codec`] runs the whole path in both directions;
//! [`container`] documents the bytes.
//!
//! ```
//! use ansel::{Codec, Metadata, Planes};
//! use ndarray::Array3;
//!
//! let ramp = Planes::new(Array3::from_shape_fn((1, 8, 8), |(_, y, x)| (8 * y + x) as u16), 8)?;
//! let codec = Codec::default();
//! let bytes = codec.compress(&ramp, &Metadata::default())?;
//! assert_eq!(codec.decompress(&bytes)?.planes, ramp);
//!
//! // A rectangle: of a large file, only the tiles that it touches are read.
//! let mut archive = codec.open(std::io::Cursor::new(&bytes))?;
//! let part = archive.region(ansel::Rect { x: 2, y: 1, width: 4, height: 3 })?;
//! assert_eq!(part.samples()[[0, 0, 0]], 10);
//! # Ok::<(), ansel::Error>(())
//! ```
// Not `forbid`: ndarray's `s!` contains an `allow` for a block of its own.
#![deny(unsafe_code)]
#![deny(missing_docs)]

mod base;
mod codec;
pub mod container;
mod context;
mod entropy;
#[cfg(feature = "files")]
mod files;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz_bodies;
#[cfg(feature = "image-hooks")]
pub mod hooks;
mod image;
mod infer;
mod model;
#[cfg(feature = "bench")]
#[doc(hidden)]
pub mod stages;
mod streams;
#[cfg(test)]
mod testing;
mod tile;
mod transforms;
mod walk;

pub use self::base::{Error, ErrorKind, FormatError, FormatErrorKind, Limits, Result, Stop};
pub use self::codec::{
    Archive, BitMap, Codec, CodecBuilder, Decoded, Decoder, Effort, Encoder, FileInfo, JpegInfo, Level, Progress,
    Salvaged, Transforms, Verified, Verify,
};
pub use self::container::{Band, FileKind, Header, PartSummary};
#[cfg(feature = "files")]
pub use self::files::{
    ImageFile, ImageReader, ImageWriter, WRITABLE_FORMATS, create_image, open_image, read_image, write_image,
};
pub use self::image::{ImageInfo, Metadata, MetadataBlock, MetadataKind, Planes, Rect, Sample};
pub use self::infer::session::{Device, EngineInfo};
/// The instruction set that evaluates networks on this processor, such as `vnni512`. The environment variable
/// `ANSEL_INSTRUCTIONS` lowers it, for tests and benchmarks; compressed files do not depend on it.
#[must_use]
pub fn instructions() -> &'static str {
    self::infer::kernel::Instructions::detect().name()
}

pub use self::model::family::{Content, Family};
pub use self::model::registry::{ModelChoice, RegisteredModel, models};
pub use self::walk::bits_back::BoundTerms;

/// The examples of docs/library.md, compiled and run as doctests.
#[cfg(doctest)]
#[doc = include_str!("../docs/library.md")]
struct LibraryPage;
