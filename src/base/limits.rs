//! Bounds on what an input may ask for. Every declared size is checked against them before memory is allocated.

use crate::base::error::{Error, Result};

/// Most columns of an image: a row is the smallest unit that is coded at once.
pub(crate) const MAX_WIDTH: u32 = 1 << 24;
/// Most rows of an image.
pub(crate) const MAX_HEIGHT: u32 = i32::MAX as u32;
/// Most pixels of a band. A decoder holds one band, beside its output.
pub(crate) const MAX_BAND_PIXELS: u32 = 1 << 24;
/// Largest side of a tile, in pixels: the limit of VP8L.
pub(crate) const MAX_TILE_SIDE: u32 = 16_383;
/// Largest side of a tile that a network codes, in pixels; it bounds the memory of a tile's walk.
pub(crate) const MAX_NETWORK_TILE_SIDE: u32 = 4096;
/// Largest model file, in bytes. Parsing may take some sixty times as much memory.
pub(crate) const MAX_MODEL_BYTES: u64 = 4 << 20;
/// Most metadata blocks in one file.
pub(crate) const MAX_METADATA_BLOCKS: u8 = 8;

/// Limits of a codec, against hostile or unexpectedly large input.
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
    /// Most multiplications that the networks of a file may need for decoding: pixels x multiplications per pixel of
    /// their model, four times as many where the network learns. A core does 1 to 4 times 10^10 per second. Default
    /// 2^50, which no image within the default of `samples` needs under a model of the registry.
    pub work: u64,
    /// Most bytes of samples, two each, that a decoder or an encoder holds at once: its output and the band that it is
    /// coding, which has at most 2^24 pixels. Default: no limit.
    pub memory: u64,
}

impl Limits {
    /// For files from untrusted sources: at most 2^28 samples, 16 MiB of metadata, 2^44 multiplications (up to half an
    /// hour on one core) and 1 GiB of samples.
    ///
    /// ```
    /// let limits = ansel::Limits::untrusted();
    /// assert!(limits.samples < ansel::Limits::default().samples);
    /// ```
    #[must_use]
    pub fn untrusted() -> Self {
        Self { samples: 1 << 28, metadata_bytes: 16 << 20, work: 1 << 44, memory: 1 << 30 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { samples: 1 << 31, metadata_bytes: 64 << 20, work: 1 << 50, memory: u64::MAX }
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

/// Fails if this many samples take more memory than `limits` allow.
pub(crate) fn check_memory(samples: u64, limits: &Limits) -> Result<()> {
    check("the memory for samples in bytes", samples.saturating_mul(2), limits.memory)
}
