//! How a codec works: what a caller may choose, and how images are divided.

use std::num::NonZeroUsize;
use std::sync::Arc;

use crate::base::limits::Limits;
use crate::infer::session::Device;
use crate::model::registry::ModelChoice;

/// How the images that are written are divided.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Division {
    /// Largest side of a tile, in pixels: of photographs, and of graphics, which repeat themselves over longer
    /// distances.
    pub tile_side: u32,
    pub graphics_tile_side: u32,
    /// Most pixels of a band, unless a row has more.
    pub band_pixels: u32,
}

impl Default for Division {
    fn default() -> Self {
        Self { tile_side: 512, graphics_tile_side: 2048, band_pixels: 1 << 24 }
    }
}

impl Division {
    /// Rows of a band: all; or a multiple of the side of a graphics tile; or, where the image is so wide, fewer.
    pub fn band_rows(self, width: u32, height: u32) -> u32 {
        let rows = (self.band_pixels / width).max(1);
        if rows >= height {
            height
        } else if rows > self.graphics_tile_side {
            rows / self.graphics_tile_side * self.graphics_tile_side
        } else {
            rows
        }
    }
}

/// How a [`Codec`] works. None of it changes the samples that come back.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The model to compress with, and the model file to decompress with if a file asks for one.
    pub model: ModelChoice,
    /// Whether planes are transformed where that makes the file smaller.
    pub transforms: Transforms,
    /// How much time may be spent for a smaller file.
    pub effort: Effort,
    /// Threads; `None` for one per core. The bytes are the same for any number.
    pub threads: Option<NonZeroUsize>,
    /// Where networks run.
    pub device: Device,
    /// Bounds on the input.
    pub limits: Limits,
    /// Called as tiles are done.
    pub progress: Option<Progress>,
}

/// Which transforms are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transforms {
    /// All of them.
    #[default]
    All,
    /// None: the planes are coded as they are. To see what the transforms gain.
    None,
}

/// How much time may be spent for a smaller file, by encoder and decoder alike. The file records it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Effort {
    /// Networks as they were trained.
    Low,
    /// The networks for photographs with moved biases, where that makes the file smaller. Decoding takes no longer.
    #[default]
    Default,
    /// The networks for photographs go on learning from each tile while it is coded, where that makes it smaller.
    /// Tiles are larger, so that fewer threads can be used.
    Max,
}

/// A function of (samples done, samples in all). Those in all are the samples of the image, or of the tiles that a
/// region needs.
#[derive(Clone)]
pub struct Progress(pub Arc<dyn Fn(u64, u64) + Send + Sync>);

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Progress(..)")
    }
}
