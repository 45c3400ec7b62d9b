//! Bounds on what an input may ask for. Every declared size is held against them before memory is allocated.

use crate::base::error::{Error, Result};

/// Largest side of a tile, in pixels: what VP8L can code.
pub(crate) const MAX_TILE_SIDE: u32 = 16_383;
/// Largest side of a tile that a network codes, in pixels: its memory is needed at once.
pub(crate) const MAX_NETWORK_TILE_SIDE: u32 = 4096;
/// Largest model file, in bytes. Parsing may take some sixty times as much memory.
pub(crate) const MAX_MODEL_BYTES: u64 = 4 << 20;
/// Most metadata blocks in one file.
pub(crate) const MAX_METADATA_BLOCKS: u8 = 8;

/// Limits of one codec, against hostile or surprising input.
///
/// ```
/// let limits = ansel::Limits { samples: 1 << 20, ..Default::default() };
/// assert_eq!(limits.metadata_bytes, 64 << 20);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Most samples (width x height x channels) of an image. Default 2^31 (about 716 megapixels of RGB).
    pub samples: u64,
    /// Most bytes of metadata, uncompressed, all blocks together. Default 64 MiB.
    pub metadata_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { samples: 1 << 31, metadata_bytes: 64 << 20 }
    }
}

/// Fails if `value` exceeds `limit`.
pub(crate) fn check(what: &'static str, value: u64, limit: u64) -> Result<()> {
    if value > limit {
        return Err(Error::LimitsExceeded { what, value, limit });
    }
    Ok(())
}

/// Fails if an image of this size has more samples than `limits` allow.
pub(crate) fn check_samples(width: u32, height: u32, channels: usize, limits: &Limits) -> Result<()> {
    let samples = (u64::from(width) * u64::from(height)).saturating_mul(channels as u64);
    check("the number of samples", samples, limits.samples)
}
