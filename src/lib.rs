//! Lossless image compression with neural density models.
//!
//! The modules, in the order of the data:
//!
//! ```text
//! image file    --files-->              Planes (channel, row, column) + Metadata
//! Planes        --plan, transforms-->   coded planes of each part, by measured cost
//! coded planes  --tile, repeats-->      tiles, coding order, contexts
//! contexts      --network, learning-->  mixture parameters (integers)
//! parameters    --mixture, cdf-->       intervals (integers)
//! intervals     --ans-->                words
//! words         --container-->          bytes
//! ```
//!
//! Where a part repeats itself over long distances, `vp8l` or `png_stream` may take the place of the middle four.
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
//!
//! // A rectangle of it; of a large file, only the tiles that it needs are read.
//! let mut reader = codec.reader(std::io::Cursor::new(&bytes))?;
//! let part = reader.region(ansel::Rect { x: 2, y: 1, width: 4, height: 3 })?;
//! assert_eq!(part.samples()[[0, 0, 0]], 10);
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
#[allow(dead_code, reason = "the walks do not use it yet")]
mod entropy;
mod error;
mod files;
mod flow;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz_bodies;
mod learning;
mod limits;
mod mixture;
mod models;
mod moves;
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
#[cfg(test)]
mod testing;
mod tile;
mod transforms;
mod vp8l;

pub use codec::{Codec, Decoded, Effort, FileInfo, FileReader, Options, Progress, Transforms, Verified};
pub use container::{Band, Header, Metadata, MetadataBlock, MetadataKind, PartSummary};
pub use error::{Error, FormatError, FormatErrorKind, Result};
pub use files::{
    ImageFile, ImageInfo, ImageReader, ImageWriter, WRITABLE_FORMATS, create_image, open_image, read_image, write_image,
};
pub use limits::Limits;
pub use models::{Content, Family, ModelChoice, RegisteredModel, models};
pub use network::Device;
pub use planes::Planes;
pub use tile::Rect;
