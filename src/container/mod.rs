#![doc = include_str!("FORMAT.md")]
//!
//! This module reads and writes the container: header, metadata blocks, bands and their tables.

mod band;
mod bytes;
mod header;
mod metadata;

pub use self::band::{Band, PartSummary};
pub(crate) use self::band::{Coder, ModelIdentity, Part, TileEntry, depth_of};
pub(crate) use self::bytes::{CHECKSUM_BYTES, NUMBER_BYTES, checksum, inflate, put_number, read_error, read_number};
pub use self::header::Header;
pub(crate) use self::metadata::{CHUNK_HEADER_BYTES, Palette, PngChunk};
pub use self::metadata::{Metadata, MetadataBlock, MetadataKind};
