//! The plain graph of a network in a session of ONNX Runtime, for CUDA and for processors whose instructions the kernel
//! does not use. Input: rows of integer contexts. Output: blocks of integer mixture parameters, the same on every
//! machine: see [`contract`](crate::model::contract). Floating point here only carries integers.

use std::sync::Arc;

use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{Session, SessionInputValue};
use ort::value::{Tensor, TensorRef};

use super::LANES;
use super::runtime::{self, runtime_error};
use crate::base::error::{Error, Result};
use crate::model::contract::{CheckedModel, Layer};

/// A session of one network. It belongs to one thread.
#[derive(Debug)]
pub(super) struct GraphSession {
    model: Arc<CheckedModel>,
    session: Session,
    deltas: Vec<Tensor<f32>>,
    /// The contexts as the session's input.
    contexts: Vec<f32>,
    #[cfg(feature = "cuda")]
    is_on_cuda: bool,
}

impl GraphSession {
    /// A session on the CPU, with the model's own biases.
    ///
    /// # Errors
    /// [`Error::Runtime`] if ONNX Runtime is missing, or rejects the graph.
    pub fn on_cpu(model: Arc<CheckedModel>, optimization: GraphOptimizationLevel) -> Result<Self> {
        let builder = Session::builder(runtime::environment()?).map_err(runtime_error)?;
        Self::commit(model, builder.with_optimization_level(optimization).map_err(runtime_error)?)
    }

    /// A session on CUDA.
    ///
    /// # Errors
    /// [`Error::Runtime`] if this machine has no CUDA.
    #[cfg(feature = "cuda")]
    pub fn on_cuda(model: Arc<CheckedModel>) -> Result<Self> {
        let provider = ort::ep::CUDA::default().with_tf32(false).build().error_on_failure();
        let builder = Session::builder(runtime::environment()?).map_err(runtime_error)?;
        let graph = Self::commit(model, builder.with_execution_providers([provider]).map_err(runtime_error)?)?;
        Ok(Self { is_on_cuda: true, ..graph })
    }

    #[cfg(feature = "cuda")]
    pub fn is_on_cuda(&self) -> bool {
        self.is_on_cuda
    }

    fn commit(model: Arc<CheckedModel>, builder: SessionBuilder) -> Result<Self> {
        // Tiles run in parallel, so a session has one thread, and does not spin.
        let builder = builder.with_intra_threads(1).map_err(runtime_error)?;
        let mut builder = builder.with_intra_op_spinning(false).map_err(runtime_error)?;
        let session = builder.commit_from_memory(&model.onnx).map_err(runtime_error)?;
        let mut graph = Self {
            model,
            session,
            deltas: Vec::new(),
            contexts: Vec::new(),
            #[cfg(feature = "cuda")]
            is_on_cuda: false,
        };
        let none: Vec<Vec<i32>> = graph.model.layers.iter().map(|layer| vec![0; layer.biases.len()]).collect();
        graph.set_deltas(&none)?;
        Ok(graph)
    }

    /// Replaces the deltas: the numbers added to the biases of each layer, of magnitude up to
    /// [`DELTA_MAX`](crate::model::contract::DELTA_MAX).
    pub fn set_deltas(&mut self, deltas: &[Vec<i32>]) -> Result<()> {
        let tensor = |(layer, delta): (&Layer, &Vec<i32>)| {
            let scaled = layer.shifts.iter().zip(delta).map(|(shift, &delta)| delta as f32 / (1u32 << shift) as f32);
            Tensor::from_array(([1, delta.len()], scaled.collect::<Vec<_>>())).map_err(runtime_error)
        };
        self.deltas = self.model.layers.iter().zip(deltas).map(tensor).collect::<Result<_>>()?;
        Ok(())
    }

    /// As [`Evaluator::run`](super::Evaluator::run).
    pub fn run(&mut self, contexts: &[i16], outputs: &mut Vec<i16>) -> Result<()> {
        let (columns, size) = (self.model.context_size(), self.model.output_size());
        let rows = contexts.len() / columns;
        self.contexts.clear();
        self.contexts.extend(contexts.iter().map(|&context| f32::from(context)));
        let contexts = TensorRef::from_array_view(([rows, columns], &self.contexts[..])).map_err(runtime_error)?;
        let mut inputs: Vec<SessionInputValue<'_>> = vec![contexts.into()];
        inputs.extend(self.deltas.iter().map(SessionInputValue::from));
        let results = self.session.run(&inputs[..]).map_err(runtime_error)?;
        let (_, parameters) = results[0].try_extract_tensor::<f32>().map_err(runtime_error)?;
        if parameters.len() != rows * size {
            return Err(Error::Runtime("a network returned a tensor of the wrong shape".to_owned()));
        }
        to_blocks(parameters.chunks_exact(size), size, outputs);
        Ok(())
    }
}

/// Transposes rows of outputs into blocks; replaces `blocks`.
fn to_blocks<'a>(rows: impl ExactSizeIterator<Item = &'a [f32]>, size: usize, blocks: &mut Vec<i16>) {
    blocks.clear();
    blocks.resize(rows.len().div_ceil(LANES) * LANES * size, 0);
    for (pixel, row) in rows.enumerate() {
        let block = &mut blocks[pixel / LANES * size * LANES..][..size * LANES];
        let lane = block.iter_mut().skip(pixel % LANES).step_by(LANES);
        lane.zip(row).for_each(|(output, &value)| *output = to_integer(value) as i16);
    }
}

/// Adding 1.5 * 2^23 rounds a float32 to an integer in its low bits. Compilers vectorise this for every processor,
/// unlike `f32::floor` and the saturating conversion by `as`.
const SHIFTER: f32 = 12_582_912.0;

/// Converts an integer carried in float32, of magnitude up to 2^21.
#[inline(always)]
pub(super) fn to_integer(value: f32) -> i32 {
    (value + SHIFTER).to_bits().wrapping_sub(SHIFTER.to_bits()) as i32
}
