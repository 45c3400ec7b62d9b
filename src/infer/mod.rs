//! What evaluates contexts: the fused kernel, as an operator of ONNX Runtime; the plain graph in sessions of ONNX Runtime; and
//! networks that learn. And the pool of sessions.

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
use crate::context::ContextKind;
use crate::entropy::lanes::Lanes;
use crate::entropy::mixture::MixtureShape;

/// Pixels in a block of outputs.
pub(crate) use self::kernel::LANES;

/// What evaluates contexts.
pub(crate) trait Evaluator {
    /// What its mixtures are made of.
    fn shape(&self) -> MixtureShape;

    /// What its contexts are.
    fn context(&self) -> ContextKind;

    /// Pixels that may be gathered before they have to be coded.
    fn room(&self) -> usize {
        usize::MAX
    }

    /// Evaluates rows of contexts (pixel, context). The outputs, which replace what `outputs` held, are in blocks of
    /// [`LANES`] pixels: (block, output, lane). What lies in lanes beyond the last pixel has no meaning.
    ///
    /// # Errors
    /// [`Error::Runtime`](crate::Error::Runtime) if the engine fails; [`Error::Stopped`](crate::Error::Stopped).
    fn run(&mut self, contexts: &[i16], outputs: &mut Vec<i16>) -> Result<()>;

    /// Whether it has to [`learn`](Self::learn) after each run.
    fn learns(&self) -> bool {
        false
    }

    /// Learns from the errors of the outputs of the last run, of so many pixels: (block, output).
    fn learn(&mut self, _errors: &[Lanes<i32>], _pixels: usize) {}
}

/// The outputs of a pixel, of blocks of so many outputs.
pub(crate) fn outputs_of(blocks: &[i16], size: usize, pixel: usize) -> impl Iterator<Item = i16> {
    let block = &blocks[pixel / LANES * size * LANES..][..size * LANES];
    block.iter().skip(pixel % LANES).step_by(LANES).copied()
}

/// Brings rows of outputs into blocks, which replace what `blocks` held.
fn to_blocks<'a>(rows: impl ExactSizeIterator<Item = &'a [f32]>, size: usize, blocks: &mut Vec<i16>) {
    blocks.clear();
    blocks.resize(rows.len().div_ceil(LANES) * LANES * size, 0);
    for (pixel, row) in rows.enumerate() {
        let block = &mut blocks[pixel / LANES * size * LANES..][..size * LANES];
        let lane = block.iter_mut().skip(pixel % LANES).step_by(LANES);
        lane.zip(row).for_each(|(output, &value)| *output = to_integer(value));
    }
}

/// An integer that float32 carries, as an integer. A network's last operation clips to the range of `i16`.
///
/// Adding 1.5 * 2^23 brings the integer to the low bits of the float32. Compilers vectorise that, and not the
/// saturating conversion.
fn to_integer(value: f32) -> i16 {
    const SHIFTER: f32 = 12_582_912.0;
    (value + SHIFTER).to_bits().wrapping_sub(SHIFTER.to_bits()) as i16
}
