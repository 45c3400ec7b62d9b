//! Lossless image compression with neural density models.
//!
//! The modules, in the order of the data:
//!
//! ```text
//! image file    --files-->          Planes (channel, row, column) + Metadata
//! Planes        --tile-->           tiles, coding order, contexts
//! contexts      --network-->        mixture parameters (integers)
//! parameters    --mixture, cdf-->   intervals (integers)
//! intervals     --ans-->            words
//! words         --container-->      bytes
//! ```
//!
//! [`Codec`] walks the way in both directions; [`container`] describes the bytes.
//!
//! ```
//! use ansel::{Codec, Metadata, Planes};
//! use ndarray::Array3;
//!
//! let ramp = Planes::new(Array3::from_shape_fn((1, 8, 8), |(_, y, x)| (8 * y + x) as u16), 8)?;
//! let codec = Codec::default();
//! let bytes = codec.compress(&ramp, &Metadata::default())?;
//! assert_eq!(codec.decompress(&bytes)?.planes, ramp);
//! # Ok::<(), ansel::Error>(())
//! ```
// Not `forbid`: ndarray's `s!` allows itself a block of its own.
#![deny(unsafe_code)]
#![deny(missing_docs)]

mod ans;
mod autoregressive;
mod cdf;
mod codec;
pub mod container;
mod error;
mod files;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz_bodies;
mod limits;
mod mixture;
mod models;
mod network;
mod parallel;
mod parts;
mod plan;
mod planes;
mod png_stream;
mod repeats;
#[cfg(feature = "bench")]
#[doc(hidden)]
pub mod stages;
mod tables;
mod tile;
mod transforms;
mod vp8l;

pub use codec::{Codec, Decoded, FileInfo, FileReader, Options, Progress, Transforms, Verified};
pub use container::{Band, Header, Metadata, MetadataBlock, MetadataKind, PartSummary};
pub use error::{Error, FormatError, FormatErrorKind, Result};
pub use files::{
    ImageFile, ImageInfo, ImageReader, ImageWriter, WRITABLE_FORMATS, create_image, open_image, read_image, write_image,
};
pub use limits::Limits;
pub use models::{Content, ModelChoice, RegisteredModel, models};
pub use network::Device;
pub use planes::Planes;
pub use tile::Rect;
