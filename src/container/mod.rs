#![doc = include_str!("FORMAT.md")]
//!
//! This module reads and writes the container: header, metadata blocks, tile streams.

mod header;
mod metadata;

pub use self::header::Header;
pub(crate) use self::header::{ModelIdentity, TileEntry};
pub(crate) use self::metadata::{CHUNK_HEADER_BYTES, Palette, PngChunk};
pub use self::metadata::{Metadata, MetadataBlock, MetadataKind};

use sha2::{Digest, Sha256};

/// The first eight bytes of a SHA-256: every checksum of the format.
pub(crate) fn checksum(bytes: &[u8]) -> [u8; 8] {
    let digest = Sha256::digest(bytes);
    std::array::from_fn(|i| digest[i])
}
