//! The options of a codec, and how it divides images.

use std::num::NonZeroUsize;
use std::sync::Arc;

use rayon::ThreadPool;

use super::{Codec, Level};
use crate::base::error::Result;
use crate::base::limits::Limits;
use crate::infer::pool::{Engine, Threads};
use crate::infer::session::Device;
use crate::model::registry::{ModelChoice, Models};

/// How images are divided when they are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Division {
    /// Largest side of a tile, in pixels: for photographs; for networks that learn, since counts of few colours need
    /// many pixels; and for graphics, which repeat themselves over longer distances.
    pub tile_side: u32,
    pub learning_tile_side: u32,
    pub graphics_tile_side: u32,
    /// Most pixels of a band, unless a single row has more.
    pub band_pixels: u32,
    /// Tiles with at least this many pixels have one state of the entropy coder per lane, which costs 72 bytes.
    pub lanes_from: u32,
}

impl Default for Division {
    fn default() -> Self {
        let (tile_side, learning_tile_side, graphics_tile_side) = (512, 1024, 2048);
        Self { tile_side, learning_tile_side, graphics_tile_side, band_pixels: 1 << 24, lanes_from: 1 << 17 }
    }
}

impl Division {
    /// Rows per band: all rows of the image; or a multiple of the side of a graphics tile; or, for very wide images,
    /// fewer.
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

/// Which transforms are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Transforms {
    /// All of them.
    #[default]
    All,
    /// None: the planes are coded unchanged, to see what the transforms gain.
    None,
}

/// How much time encoder and decoder may spend on a smaller file. The file records it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Effort {
    /// Networks as they were trained.
    Low,
    /// The networks for photographs with bias offsets, where that makes the file smaller. Decoding takes no longer.
    #[default]
    Default,
    /// The networks for photographs continue to learn from each tile while it is coded, where that makes it smaller.
    /// Tiles are larger, so fewer threads may be used.
    Max,
}

/// Whether encoded data are decoded and compared before they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Verify {
    /// The bytes of each band are decoded as a reader of the file would, and all samples are compared.
    #[default]
    Full,
    /// Nothing is decoded. A fault of this library or of the machine would be detected when the file is read, by its
    /// checksums. Useful to see what verification costs, and to compare with codecs that have none.
    None,
}

/// A function of (samples done, all samples), called as tiles are completed, with ascending numbers. All samples are
/// those of the image, or those of the tiles that a region needs.
#[derive(Clone)]
pub struct Progress(pub Arc<dyn Fn(u64, u64) + Send + Sync>);

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Progress(..)")
    }
}

/// The options of a [`Codec`]; none of them changes the decoded samples.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub transforms: Transforms,
    pub effort: Effort,
    pub verify: Verify,
    pub limits: Limits,
    pub division: Division,
}

/// Builds a [`Codec`].
///
/// ```
/// use ansel::{Codec, Effort, Limits};
///
/// let codec = Codec::builder().effort(Effort::Low).threads(2).limits(Limits::default()).build()?;
/// # Ok::<(), ansel::Error>(())
/// ```
#[derive(Debug, Default)]
#[must_use]
pub struct CodecBuilder {
    model: ModelChoice,
    device: Device,
    threads: Option<NonZeroUsize>,
    pool: Option<Arc<ThreadPool>>,
    settings: Settings,
}

impl CodecBuilder {
    /// The model to compress with, and the model file to decompress with where a file needs one.
    pub fn model(self, model: ModelChoice) -> Self {
        Self { model, ..self }
    }

    /// Sets the networks and the effort of this level.
    pub fn level(self, level: Level) -> Self {
        self.model(ModelChoice::Named(level.model().to_owned())).effort(level.effort())
    }

    /// Whether planes are transformed where that makes the file smaller.
    pub fn transforms(mut self, transforms: Transforms) -> Self {
        self.settings.transforms = transforms;
        self
    }

    /// How much time may be spent on a smaller file.
    pub fn effort(mut self, effort: Effort) -> Self {
        self.settings.effort = effort;
        self
    }

    /// Whether encoded data are decoded and compared before they are written.
    pub fn verify(mut self, verify: Verify) -> Self {
        self.settings.verify = verify;
        self
    }

    /// Limits on the input.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// The number of threads for all calls together; 0, the default, is one per core. With 1, all work is done in the
    /// calling thread. The bytes are the same for any number.
    pub fn threads(self, threads: usize) -> Self {
        Self { threads: NonZeroUsize::new(threads), ..self }
    }

    /// Uses the caller's threads instead of the codec's own.
    pub fn pool(self, pool: Arc<ThreadPool>) -> Self {
        Self { pool: Some(pool), ..self }
    }

    /// The device that runs networks.
    pub fn device(self, device: Device) -> Self {
        Self { device, ..self }
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn division(mut self, division: Division) -> Self {
        self.settings.division = division;
        self
    }

    /// Builds the codec. ONNX Runtime is loaded when it is first needed.
    ///
    /// # Errors
    /// [`Error::Model`](crate::Error::Model) if no model has the given name, or the model file breaks the contract.
    pub fn build(self) -> Result<Codec> {
        let threads = self.pool.map_or_else(|| Threads::own(self.threads), Threads::Callers);
        let engine = Engine::new(Models::new(&self.model)?, self.device, threads);
        Ok(Codec { engine, settings: Arc::new(self.settings), progress: None, keeps_sample_bits: false })
    }
}
