//! How a codec works: what a caller may choose, and how images are divided.

use std::num::NonZeroUsize;
use std::sync::Arc;

use rayon::ThreadPool;

use super::{Codec, Level};
use crate::base::error::Result;
use crate::base::limits::Limits;
use crate::infer::pool::{Engine, Threads};
use crate::infer::session::Device;
use crate::model::registry::{ModelChoice, Models};

/// How the images that are written are divided.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Division {
    /// Largest side of a tile, in pixels: of photographs, and of graphics, which repeat themselves over longer
    /// distances.
    pub tile_side: u32,
    pub graphics_tile_side: u32,
    /// Most pixels of a band, unless a row has more.
    pub band_pixels: u32,
    /// Tiles of so many pixels have a state of the entropy coder for each lane, which costs 72 bytes.
    pub lanes_from: u32,
}

impl Default for Division {
    fn default() -> Self {
        Self { tile_side: 512, graphics_tile_side: 2048, band_pixels: 1 << 24, lanes_from: 1 << 17 }
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

/// Which transforms are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Transforms {
    /// All of them.
    #[default]
    All,
    /// None: the planes are coded as they are. To see what the transforms gain.
    None,
}

/// How much time may be spent for a smaller file, by encoder and decoder alike. The file records it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Effort {
    /// Networks as they were trained.
    Low,
    /// The networks for photographs with bias offsets, where that makes the file smaller. Decoding takes no longer.
    #[default]
    Default,
    /// The networks for photographs go on learning from each tile while it is coded, where that makes it smaller.
    /// Tiles are larger, so that fewer threads can be used.
    Max,
}

/// Whether what is encoded is decoded before it is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Verify {
    /// The bytes of each band are decoded, by the decoder that will read the file, and all samples compared.
    #[default]
    Full,
    /// Nothing is decoded: a fault of this library or of the machine would show when the file is read, by its
    /// checksums. To see what verification costs, and to compare with codecs that have none.
    None,
}

/// A function of (samples done, samples in all), called as tiles are done, in ascending order. Those in all are the
/// samples of the image, or of the tiles that a region needs.
#[derive(Clone)]
pub struct Progress(pub Arc<dyn Fn(u64, u64) + Send + Sync>);

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Progress(..)")
    }
}

/// What a [`Codec`] does; none of it changes the samples that come back.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub transforms: Transforms,
    pub effort: Effort,
    pub verify: Verify,
    pub limits: Limits,
    pub division: Division,
}

/// Makes a [`Codec`].
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
    /// The model to compress with, and the model file to decompress with if a file asks for one.
    pub fn model(self, model: ModelChoice) -> Self {
        Self { model, ..self }
    }

    /// The networks and the effort of this level.
    pub fn level(self, level: Level) -> Self {
        self.model(ModelChoice::Named(level.model().to_owned())).effort(level.effort())
    }

    /// Whether planes are transformed where that makes the file smaller.
    pub fn transforms(mut self, transforms: Transforms) -> Self {
        self.settings.transforms = transforms;
        self
    }

    /// How much time may be spent for a smaller file.
    pub fn effort(mut self, effort: Effort) -> Self {
        self.settings.effort = effort;
        self
    }

    /// Whether what is encoded is decoded before it is handed out.
    pub fn verify(mut self, verify: Verify) -> Self {
        self.settings.verify = verify;
        self
    }

    /// Bounds on the input.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// So many threads for all calls together; 0, and the default, is one per core. With 1, work is done in the thread
    /// that calls. The bytes are the same for any number.
    pub fn threads(self, threads: usize) -> Self {
        Self { threads: NonZeroUsize::new(threads), ..self }
    }

    /// The caller's threads instead of those of the codec's own.
    pub fn pool(self, pool: Arc<ThreadPool>) -> Self {
        Self { pool: Some(pool), ..self }
    }

    /// Where networks run.
    pub fn device(self, device: Device) -> Self {
        Self { device, ..self }
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn division(mut self, division: Division) -> Self {
        self.settings.division = division;
        self
    }

    /// The codec. ONNX Runtime is loaded when it is first needed.
    ///
    /// # Errors
    /// [`Error::Model`](crate::Error::Model) if no model has the name that was given, or the model file breaks the
    /// contract.
    pub fn build(self) -> Result<Codec> {
        let threads = self.pool.map_or_else(|| Threads::own(self.threads), Threads::Callers);
        let engine = Engine::new(Models::new(&self.model)?, self.device, threads);
        Ok(Codec { engine, settings: Arc::new(self.settings), progress: None, tells_bits: false })
    }
}
