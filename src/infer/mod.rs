//! Evaluation of contexts: the fused kernel, alone or as an operator of ONNX Runtime; the plain graph in sessions of
//! ONNX Runtime; networks that learn; and the pool of sessions.

#[cfg(feature = "ort")]
mod graph;
pub(crate) mod kernel;
mod known_answer;
pub(crate) mod learner;
#[cfg(feature = "ort")]
mod operator;
pub(crate) mod pool;
#[cfg(feature = "ort")]
mod runtime;
pub(crate) mod session;

use crate::base::error::Result;
use crate::entropy::lanes::Lanes;
use crate::entropy::mixture::MixtureShape;

/// Pixels in a block of outputs.
pub(crate) use self::kernel::LANES;

/// Evaluates contexts.
pub(crate) trait Evaluator {
    /// The shape of its mixtures.
    fn shape(&self) -> MixtureShape;

    /// Most pixels per run.
    fn room(&self) -> usize {
        usize::MAX
    }

    /// Evaluates contexts with axes (pixel, context). Replaces `outputs` by blocks of [`LANES`] pixels, with axes
    /// (block, output, lane). Lanes after the last pixel are unspecified.
    ///
    /// # Errors
    /// [`Error::Runtime`](crate::Error::Runtime) if the engine fails; [`Error::Stopped`](crate::Error::Stopped).
    fn run(&mut self, contexts: &[i16], outputs: &mut Vec<i16>) -> Result<()>;

    /// Whether [`learn`](Self::learn) must be called after each run.
    fn learns(&self) -> bool {
        false
    }

    /// Learns from the errors of the last run's outputs for this many pixels, with axes (block, output).
    fn learn(&mut self, _errors: &[Lanes<i32>], _pixels: usize) {}
}

/// The outputs of a pixel, from blocks with `size` outputs per pixel.
pub(crate) fn outputs_of(blocks: &[i16], size: usize, pixel: usize) -> impl Iterator<Item = i16> {
    let block = &blocks[pixel / LANES * size * LANES..][..size * LANES];
    block.iter().skip(pixel % LANES).step_by(LANES).copied()
}
