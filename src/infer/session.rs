//! The networks of a model on one device, each on the engine that suits it best: a session of ONNX Runtime, or the
//! kernel alone. Each has passed its known-answer test.

use std::sync::Arc;

#[cfg(feature = "ort")]
use ort::session::builder::GraphOptimizationLevel;

#[cfg(feature = "ort")]
use super::graph::GraphSession;
use super::kernel::{Instructions, Kernel, Packed};
use super::learner::offsets::BiasLearner;
#[cfg(feature = "ort")]
use super::operator::OperatorSession;
use super::{Evaluator, known_answer, outputs_of};
use crate::base::error::{Error, FormatErrorKind, Result, malformed};
use crate::base::stop::Stop;
use crate::entropy::mixture::MixtureShape;
use crate::model::contract::CheckedModel;
use crate::model::family::Family;
use crate::model::file::ModelFile;
use crate::model::offsets::Offsets;

/// The device that runs networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Device {
    /// CUDA if this build and this machine support it, otherwise the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// CUDA, or an error.
    Cuda,
}

/// How the networks of an image are evaluated. Compressed files do not depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineInfo {
    /// `CPU` or `CUDA`.
    pub device: &'static str,
    /// `kernel`, `kernel in ONNX Runtime` or `graph of ONNX Runtime`.
    pub engine: &'static str,
    /// The [instruction set](crate::instructions) in use.
    pub instructions: &'static str,
    /// Why [`Device::Auto`] did not choose CUDA, in a build that supports it.
    pub not_cuda: Option<String>,
}

/// The weights of a model's networks, laid out for the kernel; all sessions share them.
pub(crate) type PackedNetworks = Vec<Arc<Packed>>;

/// Packs the networks of a model.
pub(crate) fn packed(file: &ModelFile) -> PackedNetworks {
    file.networks.iter().map(|model| Arc::new(Packed::new(&model.layers, model.precision()))).collect()
}

/// What to choose an engine by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct EngineRequest {
    pub device: Device,
    /// Whether the image has few pixels. On the CPU, the kernel then runs without a session: starting ONNX Runtime
    /// takes 30 to 40 ms of CPU time, as long as decoding some 100,000 pixels with `fast`.
    pub few: bool,
}

/// All networks of a model file on one device. They belong to one thread.
#[derive(Debug)]
pub(crate) struct Networks {
    pub family: Family,
    /// One network; one per phase of a flow; or those of a program.
    pub all: Vec<Network>,
}

impl Networks {
    /// Creates the engines, and runs each known-answer test.
    ///
    /// # Errors
    /// As [`Network::new`].
    pub fn new(file: &ModelFile, packed: &PackedNetworks, request: EngineRequest) -> Result<Self> {
        let network =
            |(model, packed): (&Arc<CheckedModel>, &Arc<Packed>)| Network::new(model.clone(), packed.clone(), request);
        let all = file.networks.iter().zip(packed).map(network).collect::<Result<_>>()?;
        Ok(Self { family: file.family, all })
    }

    /// Sets the flag that cancels all further runs.
    pub fn stop_with(&mut self, stop: &Stop) {
        self.all.iter_mut().for_each(|network| network.stop = stop.clone());
    }

    /// Replaces the offsets on the biases of the only network; `None` is no offsets. Models with several networks take
    /// none.
    ///
    /// # Errors
    /// [`Error::Format`] for offsets that do not fit this model.
    pub fn offset_biases(&mut self, offsets: Option<&[u8]>) -> Result<()> {
        match (&mut self.all[..], offsets) {
            ([only], offsets) => only.offset_biases(offsets),
            (_, None) => Ok(()),
            _ => malformed(FormatErrorKind::InvalidField, "bias offsets of a flow"),
        }
    }

    /// The shape of their mixtures.
    pub fn shape(&self) -> MixtureShape {
        self.all[0].model().shape
    }
}

/// The networks of a model file on the CPU.
#[cfg(any(test, fuzzing))]
pub(crate) fn networks_of(file: &[u8]) -> Networks {
    let file = ModelFile::read(file).expect("a model that keeps the contract");
    Networks::new(&file, &packed(&file), EngineRequest { device: Device::Cpu, few: false }).expect("ONNX Runtime")
}

/// What evaluates a network.
#[derive(Debug)]
enum Engine {
    /// The kernel alone.
    Kernel(Kernel),
    /// The kernel, as an operator of ONNX Runtime on the CPU.
    #[cfg(feature = "ort")]
    Operator(OperatorSession),
    /// The plain graph.
    #[cfg(feature = "ort")]
    Graph(GraphSession),
}

impl Engine {
    /// The requested engine, and why it is not CUDA if CUDA was possible.
    fn new(model: &Arc<CheckedModel>, packed: Arc<Packed>, request: EngineRequest) -> Result<(Self, Option<String>)> {
        let on_cpu = |few| Self::on_cpu(model, packed, few);
        match request.device {
            Device::Cuda => Ok((Self::on_cuda(model)?, None)),
            Device::Auto if cfg!(feature = "cuda") && !request.few => match Self::on_cuda(model) {
                Ok(engine) => Ok((engine, None)),
                Err(reason) => Ok((on_cpu(false)?, Some(reason.to_string()))),
            },
            Device::Auto | Device::Cpu => Ok((on_cpu(request.few)?, None)),
        }
    }

    /// The kernel, or the plain graph if the kernel has only scalar code for this processor.
    #[cfg(feature = "ort")]
    fn on_cpu(model: &Arc<CheckedModel>, packed: Arc<Packed>, few: bool) -> Result<Self> {
        if Instructions::detect() == Instructions::Scalar {
            return Ok(Self::Graph(GraphSession::on_cpu(model.clone(), GraphOptimizationLevel::All)?));
        }
        Ok(if few { Self::Kernel(Kernel::new(packed)) } else { Self::Operator(OperatorSession::new(packed)?) })
    }

    /// The kernel.
    #[cfg(not(feature = "ort"))]
    fn on_cpu(_: &Arc<CheckedModel>, packed: Arc<Packed>, _: bool) -> Result<Self> {
        Ok(Self::Kernel(Kernel::new(packed)))
    }

    /// The plain graph.
    ///
    /// # Errors
    /// [`Error::Runtime`] if this machine has no CUDA.
    #[cfg(feature = "cuda")]
    fn on_cuda(model: &Arc<CheckedModel>) -> Result<Self> {
        GraphSession::on_cuda(model.clone()).map(Self::Graph)
    }

    #[cfg(not(feature = "cuda"))]
    fn on_cuda(_: &Arc<CheckedModel>) -> Result<Self> {
        Err(Error::Runtime("this build has no CUDA support (build with `--features cuda`)".to_owned()))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Kernel(_) => "kernel",
            #[cfg(feature = "ort")]
            Self::Operator(_) => "kernel in ONNX Runtime",
            #[cfg(feature = "ort")]
            Self::Graph(_) => "graph of ONNX Runtime",
        }
    }

    fn device(&self) -> &'static str {
        match self {
            #[cfg(feature = "cuda")]
            Self::Graph(session) if session.is_on_cuda() => "CUDA",
            _ => "CPU",
        }
    }

    fn set_deltas(&mut self, deltas: &[Vec<i32>]) -> Result<()> {
        match self {
            Self::Kernel(kernel) => {
                kernel.set_deltas(deltas);
                Ok(())
            }
            #[cfg(feature = "ort")]
            Self::Operator(session) => session.set_deltas(deltas),
            #[cfg(feature = "ort")]
            Self::Graph(session) => session.set_deltas(deltas),
        }
    }

    fn run(&mut self, contexts: &[i16], outputs: &mut Vec<i16>) -> Result<()> {
        match self {
            Self::Kernel(kernel) => {
                kernel.run(contexts, outputs);
                Ok(())
            }
            #[cfg(feature = "ort")]
            Self::Operator(session) => session.run(contexts, outputs),
            #[cfg(feature = "ort")]
            Self::Graph(session) => session.run(contexts, outputs),
        }
    }
}

/// One network on one device. It belongs to one thread.
#[derive(Debug)]
pub(crate) struct Network {
    model: Arc<CheckedModel>,
    packed: Arc<Packed>,
    engine: Engine,
    /// Why CUDA was not chosen.
    not_cuda: Option<String>,
    /// Cancels runs.
    stop: Stop,
}

impl Network {
    /// Creates an engine, and runs the known-answer test.
    ///
    /// # Errors
    /// [`Error::Runtime`] if ONNX Runtime or the device is missing, or if the test fails.
    pub fn new(model: Arc<CheckedModel>, packed: Arc<Packed>, request: EngineRequest) -> Result<Self> {
        let (engine, not_cuda) = Engine::new(&model, packed.clone(), request)?;
        Ok(Self { not_cuda, ..Self::proven(model, packed, engine)? })
    }

    /// The network, if the engine passes the known-answer test.
    fn proven(model: Arc<CheckedModel>, packed: Arc<Packed>, engine: Engine) -> Result<Self> {
        let mut network = Self { model, packed, engine, not_cuda: None, stop: Stop::default() };
        let model = network.model.clone();
        let (columns, size) = (model.context_size(), model.output_size());
        let answer = known_answer::digest(&model, |contexts, deltas| {
            network.engine.set_deltas(deltas)?;
            let mut blocks = Vec::new();
            network.run(contexts, &mut blocks)?;
            let rows = (0..contexts.len() / columns).flat_map(|pixel| outputs_of(&blocks, size, pixel));
            Ok::<_, Error>(rows.collect())
        })?;
        if answer != model.known_answer {
            return Err(Error::Runtime(format!(
                "the {} computes model `{}` wrongly (known-answer test), so it is not used; try another device or another \
                 ONNX Runtime",
                network.engine.name(),
                model.name
            )));
        }
        network.offset_biases(None)?;
        Ok(network)
    }

    /// How the network is evaluated.
    pub fn info(&self) -> EngineInfo {
        let (device, engine) = (self.engine.device(), self.engine.name());
        let instructions = Instructions::detect().name();
        EngineInfo { device, engine, instructions, not_cuda: self.not_cuda.clone() }
    }

    /// The flag that cancels runs.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// The model.
    pub fn model(&self) -> &CheckedModel {
        &self.model
    }

    /// The same network, with biases that learn from this many pixels.
    pub fn bias_learner(&self, pixels: usize) -> BiasLearner {
        BiasLearner::new(self.model.clone(), self.packed.clone(), pixels).stopped_by(&self.stop)
    }

    /// Replaces the offsets on the biases; `None` is no offsets.
    ///
    /// # Errors
    /// [`Error::Format`] for offsets that do not fit this model.
    pub fn offset_biases(&mut self, offsets: Option<&[u8]>) -> Result<()> {
        let none = || self.model.layers.iter().map(|layer| vec![0; layer.biases.len()]).collect();
        let deltas = offsets.map_or_else(|| Ok(none()), |offsets| Offsets::read(offsets, &self.model))?;
        self.engine.set_deltas(&deltas)
    }
}

impl Evaluator for Network {
    fn shape(&self) -> MixtureShape {
        self.model.shape
    }

    fn run(&mut self, contexts: &[i16], outputs: &mut Vec<i16>) -> Result<()> {
        self.stop.check()?;
        self.engine.run(contexts, outputs)
    }
}

#[cfg(all(test, feature = "ort"))]
mod tests;
