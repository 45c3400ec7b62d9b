//! Contexts -> network outputs. The only module that knows ONNX Runtime. Input: rows of integer contexts in
//! float32. Output: rows of integer mixture parameters, the same on every machine: see [`contract`].
//! Floating point ends here.

pub(crate) mod contract;
pub(crate) mod known_answer;
pub(crate) mod model_file;
pub(crate) mod onnx;
pub(crate) mod runtime;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{Session, SessionInputValue};
use ort::value::{Tensor, TensorRef};

use self::contract::{CheckedModel, Layer};
use self::model_file::ModelFile;
use crate::error::{Error, FormatErrorKind, Result, malformed};
use crate::mixture::MixtureShape;
use crate::models::Family;
use crate::moves::Moves;

/// Where networks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Device {
    /// CUDA if this build and this machine have it, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// CUDA, or an error.
    Cuda,
}

/// Sessions of all networks of a model file on one device. They belong to one thread.
#[derive(Debug)]
pub(crate) struct Networks {
    pub family: Family,
    /// One, or one per phase of a flow.
    pub all: Vec<Network>,
}

impl Networks {
    /// Creates the sessions and has each pass its known-answer test.
    ///
    /// # Errors
    /// As [`Network::new`].
    pub fn new(file: &ModelFile, device: Device) -> Result<Self> {
        let all = file.networks.iter().map(|model| Network::new(model.clone(), device)).collect::<Result<_>>()?;
        Ok(Self { family: file.family, all })
    }

    /// Adds moves to the biases of the only network, from now on, or nothing. Those of a flow stay as they are.
    ///
    /// # Errors
    /// [`Error::Format`] for moves that are not of this model.
    pub fn move_biases(&mut self, moves: Option<&[u8]>) -> Result<()> {
        match (&mut self.all[..], moves) {
            ([only], moves) => only.move_biases(moves),
            (_, None) => Ok(()),
            _ => malformed(FormatErrorKind::InvalidField, "moves of a flow"),
        }
    }

    /// What their mixtures are made of.
    pub fn shape(&self) -> MixtureShape {
        self.all[0].model().shape
    }
}

/// A session of one network on one device. It belongs to one thread.
#[derive(Debug)]
pub(crate) struct Network {
    model: Arc<CheckedModel>,
    session: Session,
    deltas: Vec<Tensor<f32>>,
}

pub(crate) fn runtime_error(error: impl std::fmt::Display) -> Error {
    Error::Runtime(error.to_string().lines().next().unwrap_or_default().to_owned())
}

impl Network {
    /// Creates a session and has it pass the known-answer test.
    ///
    /// # Errors
    /// [`Error::Runtime`] if ONNX Runtime is missing, the device is not there, or the test fails.
    pub fn new(model: Arc<CheckedModel>, device: Device) -> Result<Self> {
        match device {
            Device::Cpu => Self::on_cpu(model, GraphOptimizationLevel::All),
            Device::Cuda => Self::on_cuda(model),
            Device::Auto => Self::on_cuda(model.clone()).or_else(|_| Self::on_cpu(model, GraphOptimizationLevel::All)),
        }
    }

    fn on_cpu(model: Arc<CheckedModel>, optimization: GraphOptimizationLevel) -> Result<Self> {
        let builder = Session::builder(runtime::environment()?).map_err(runtime_error)?;
        let builder = builder.with_optimization_level(optimization).map_err(runtime_error)?;
        Self::commit(model, builder, "CPU")
    }

    #[cfg(not(feature = "cuda"))]
    fn on_cuda(_: Arc<CheckedModel>) -> Result<Self> {
        Err(Error::Runtime("this build has no CUDA support (build with `--features cuda`)".to_owned()))
    }

    #[cfg(feature = "cuda")]
    fn on_cuda(model: Arc<CheckedModel>) -> Result<Self> {
        let provider = ort::ep::CUDA::default().with_tf32(false).build().error_on_failure();
        let builder = Session::builder(runtime::environment()?).map_err(runtime_error)?;
        let builder = builder.with_execution_providers([provider]).map_err(runtime_error)?;
        Self::commit(model, builder, "CUDA")
    }

    fn commit(model: Arc<CheckedModel>, builder: SessionBuilder, provider: &str) -> Result<Self> {
        // Parallelism is over tiles: one thread per session, and none that spins while it waits.
        let builder = builder.with_intra_threads(1).map_err(runtime_error)?;
        let mut builder = builder.with_intra_op_spinning(false).map_err(runtime_error)?;
        let session = builder.commit_from_memory(&model.onnx).map_err(runtime_error)?;
        let mut network = Self { model, session, deltas: Vec::new() };
        let sizes: Vec<usize> = network.model.layers.iter().map(|layer| layer.biases.len()).collect();
        let answer = known_answer::digest(network.model.context_size(), &sizes, |contexts, deltas| {
            network.set_deltas(deltas)?;
            let mut outputs = Vec::new();
            network.run(contexts, &mut outputs).map(|()| outputs)
        })?;
        if answer != network.model.known_answer {
            return Err(Error::Runtime(format!(
                "the {provider} provider computes model `{}` wrongly (known-answer test), so it is not used; \
                 try another device or another ONNX Runtime",
                network.model.name
            )));
        }
        network.move_biases(None)?;
        Ok(network)
    }

    /// The model.
    pub fn model(&self) -> &CheckedModel {
        &self.model
    }

    /// Adds moves to the biases, from now on, or nothing.
    ///
    /// # Errors
    /// [`Error::Format`] for moves that are not of this model.
    pub fn move_biases(&mut self, moves: Option<&[u8]>) -> Result<()> {
        let none = || self.model.layers.iter().map(|layer| vec![0.0; layer.biases.len()]).collect();
        let deltas = moves.map_or_else(|| Ok(none()), |moves| Moves::read(moves, &self.model))?;
        self.set_deltas(&deltas)
    }

    /// Sets what is added to the biases of each layer: integers of magnitude up to [`contract::DELTA_MAX`].
    pub(crate) fn set_deltas(&mut self, deltas: &[Vec<f32>]) -> Result<()> {
        let tensor = |(layer, delta): (&Layer, &Vec<f32>)| {
            let scaled = layer.shifts.iter().zip(delta).map(|(shift, delta)| delta / (1u32 << shift) as f32);
            Tensor::from_array(([1, delta.len()], scaled.collect::<Vec<_>>())).map_err(runtime_error)
        };
        self.deltas = self.model.layers.iter().zip(deltas).map(tensor).collect::<Result<_>>()?;
        Ok(())
    }

    /// Evaluates rows of contexts: (pixels, contexts) -> (pixels, outputs), which replace what `outputs` held.
    pub fn run(&mut self, contexts: &[f32], outputs: &mut Vec<i16>) -> Result<()> {
        let columns = self.model.context_size();
        let rows = contexts.len() / columns;
        let contexts = TensorRef::from_array_view(([rows, columns], contexts)).map_err(runtime_error)?;
        let mut inputs: Vec<SessionInputValue<'_>> = vec![contexts.into()];
        inputs.extend(self.deltas.iter().map(SessionInputValue::from));
        let results = self.session.run(&inputs[..]).map_err(runtime_error)?;
        let (_, parameters) = results[0].try_extract_tensor::<f32>().map_err(runtime_error)?;
        if parameters.len() != rows * self.model.shape.outputs() {
            return Err(Error::Runtime("a network returned a tensor of another shape than its model's".to_owned()));
        }
        outputs.clear();
        outputs.extend(parameters.iter().map(|&parameter| to_integer(parameter)));
        Ok(())
    }
}

/// An integer that float32 carries, as an integer. The network's last operation clips to the range of `i16`.
///
/// Adding 1.5 * 2^23 brings the integer to the low bits of the float32. Compilers vectorise that, and not the
/// saturating conversion.
fn to_integer(value: f32) -> i16 {
    const SHIFTER: f32 = 12_582_912.0;
    (value + SHIFTER).to_bits().wrapping_sub(SHIFTER.to_bits()) as i16
}
