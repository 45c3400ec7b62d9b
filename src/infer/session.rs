//! Sessions of the networks of a model on one device; each has passed its known-answer test.

use std::sync::Arc;

use ort::session::builder::GraphOptimizationLevel;

use super::graph::GraphSession;
use super::kernel::{Instructions, Packed};
use super::operator::OperatorSession;
use super::{Evaluator, known_answer, outputs_of};
use crate::base::error::{Error, FormatErrorKind, Result, malformed};
use crate::base::stop::Stop;
use crate::context::ContextKind;
use crate::entropy::mixture::MixtureShape;
use crate::model::contract::CheckedModel;
use crate::model::family::Family;
use crate::model::file::ModelFile;
use crate::model::offsets::Offsets;

/// Where networks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Device {
    /// CUDA if this build and this machine have it, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// CUDA, or an error.
    Cuda,
}

/// The weights of a model's networks as the kernel reads them; all sessions share them.
pub(crate) type PackedNetworks = Vec<Arc<Packed>>;

/// Packs the networks of a model.
pub(crate) fn packed(file: &ModelFile) -> PackedNetworks {
    file.networks.iter().map(|model| Arc::new(Packed::new(&model.layers, model.precision()))).collect()
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
    pub fn new(file: &ModelFile, packed: &PackedNetworks, device: Device) -> Result<Self> {
        let network =
            |(model, packed): (&Arc<CheckedModel>, &Arc<Packed>)| Network::new(model.clone(), packed.clone(), device);
        let all = file.networks.iter().zip(packed).map(network).collect::<Result<_>>()?;
        Ok(Self { family: file.family, all })
    }

    /// Lets a caller end all further runs.
    pub fn stop_with(&mut self, stop: &Stop) {
        self.all.iter_mut().for_each(|network| network.stop = stop.clone());
    }

    /// Adds offsets to the biases of the only network, from now on, or nothing. Those of a flow stay as they are.
    ///
    /// # Errors
    /// [`Error::Format`] for offsets that are not of this model.
    pub fn offset_biases(&mut self, offsets: Option<&[u8]>) -> Result<()> {
        match (&mut self.all[..], offsets) {
            ([only], offsets) => only.offset_biases(offsets),
            (_, None) => Ok(()),
            _ => malformed(FormatErrorKind::InvalidField, "bias offsets of a flow"),
        }
    }

    /// What their mixtures are made of.
    pub fn shape(&self) -> MixtureShape {
        self.all[0].model().shape
    }
}

/// Sessions of a model file on the CPU.
#[cfg(any(test, fuzzing))]
pub(crate) fn networks_of(file: &[u8]) -> Networks {
    let file = ModelFile::read(file).expect("a model that keeps the contract");
    Networks::new(&file, &packed(&file), Device::Cpu).expect("ONNX Runtime")
}

/// What computes a network.
#[derive(Debug)]
enum Engine {
    /// The kernel, as an operator of ONNX Runtime on the CPU.
    Operator(OperatorSession),
    /// The plain graph.
    Graph(GraphSession),
}

impl Engine {
    /// The operator, where this processor has instructions for the kernel.
    fn on_cpu(model: &Arc<CheckedModel>, packed: Arc<Packed>) -> Result<Self> {
        if Instructions::detect() == Instructions::Scalar {
            return Ok(Self::Graph(GraphSession::on_cpu(model.clone(), GraphOptimizationLevel::All)?));
        }
        Ok(Self::Operator(OperatorSession::new(packed)?))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Operator(_) => "kernel",
            Self::Graph(_) => "graph of ONNX Runtime",
        }
    }

    fn set_deltas(&mut self, deltas: &[Vec<i32>]) -> Result<()> {
        match self {
            Self::Operator(session) => session.set_deltas(deltas),
            Self::Graph(session) => session.set_deltas(deltas),
        }
    }

    fn run(&mut self, contexts: &[i16], outputs: &mut Vec<i16>) -> Result<()> {
        match self {
            Self::Operator(session) => session.run(contexts, outputs),
            Self::Graph(session) => session.run(contexts, outputs),
        }
    }
}

/// A session of one network on one device. It belongs to one thread.
#[derive(Debug)]
pub(crate) struct Network {
    model: Arc<CheckedModel>,
    engine: Engine,
    /// Ends runs.
    stop: Stop,
}

impl Network {
    /// Creates a session and has it pass the known-answer test.
    ///
    /// # Errors
    /// [`Error::Runtime`] if ONNX Runtime is missing, the device is not there, or the test fails.
    pub fn new(model: Arc<CheckedModel>, packed: Arc<Packed>, device: Device) -> Result<Self> {
        let cuda = |model: &Arc<CheckedModel>| GraphSession::on_cuda(model.clone()).map(Engine::Graph);
        let engine = match device {
            Device::Cpu => Engine::on_cpu(&model, packed)?,
            Device::Cuda => cuda(&model)?,
            Device::Auto => cuda(&model).or_else(|_| Engine::on_cpu(&model, packed))?,
        };
        Self::proven(model, engine)
    }

    /// The network, if the engine computes it as the model's author did.
    fn proven(model: Arc<CheckedModel>, engine: Engine) -> Result<Self> {
        let mut network = Self { model, engine, stop: Stop::default() };
        let model = network.model.clone();
        let (columns, size) = (model.context_size(), model.shape.outputs());
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

    /// What ends runs.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// The model.
    pub fn model(&self) -> &CheckedModel {
        &self.model
    }

    /// Adds offsets to the biases, from now on, or nothing.
    ///
    /// # Errors
    /// [`Error::Format`] for offsets that are not of this model.
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

    fn context(&self) -> ContextKind {
        self.model.context
    }

    fn run(&mut self, contexts: &[i16], outputs: &mut Vec<i16>) -> Result<()> {
        self.stop.check()?;
        self.engine.run(contexts, outputs)
    }
}

#[cfg(test)]
mod tests;
