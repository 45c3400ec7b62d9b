//! Model file -> networks. A file of the autoregressive family has one network; a file of the flow family has one for
//! each phase of a level, in one graph: all names of phase `n` begin with `phase<n>.`, and what is left of its part of
//! the graph without them is a network like any other.

use std::sync::Arc;

use prost::Message;

use super::contract::{CheckedModel, check_opset, metadata, refuse};
use super::onnx::{GraphProto, ModelProto};
use crate::base::error::{Error, Result};
use crate::base::limits::MAX_MODEL_BYTES;
use crate::context::levels::PHASES;
use crate::entropy::mixture::MixtureShape;
use crate::model::family::Family;

/// The networks of a model file that keeps the contract.
#[derive(Debug, Clone)]
pub(crate) struct ModelFile {
    pub family: Family,
    /// One, or one per phase of a flow; all have the same shape.
    pub networks: Vec<Arc<CheckedModel>>,
}

impl ModelFile {
    /// Reads a model and checks it against the contract.
    ///
    /// # Errors
    /// [`Error::Model`], naming the broken rule; [`Error::LimitsExceeded`] for a file that is too large.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        crate::base::limits::check("the model file's size in bytes", bytes.len() as u64, MAX_MODEL_BYTES)?;
        let model = ModelProto::decode(bytes).map_err(|e| Error::Model(format!("not an ONNX file: {e}")))?;
        check_opset(&model)?;
        let (family, models) = match &metadata(&model, "ansel.family")?[..] {
            "autoregressive" => (Family::Autoregressive, vec![model]),
            "flow" => (Family::Flow, split(&model)?),
            _ => return refuse("its family or version is not known to this library"),
        };
        let network = |(index, model)| CheckedModel::of(model, family, index).map(Arc::new);
        Ok(Self { family, networks: models.into_iter().enumerate().map(network).collect::<Result<_>>()? })
    }

    /// What the mixtures of all its networks are made of.
    pub fn shape(&self) -> MixtureShape {
        self.networks[0].shape
    }

    /// Multiplications per pixel, in the mean.
    pub fn multiplications(&self) -> usize {
        let all = self.networks.iter().map(|network| network.multiplications()).sum::<usize>();
        match self.family {
            Family::Autoregressive => all,
            Family::Flow => all / self.networks.len(), // phases have equally many pixels
        }
    }
}

/// The phases of a flow, each as a model of its own.
fn split(model: &ModelProto) -> Result<Vec<ModelProto>> {
    let Some(graph) = &model.graph else { return refuse("it has no graph") };
    let answers = metadata(model, "ansel.known_answer")?;
    let answers: Vec<&str> = answers.split(' ').collect();
    if answers.len() != PHASES {
        return refuse(format!("{} known answers instead of {PHASES}", answers.len()));
    }
    let graphs: Vec<GraphProto> = (0..PHASES).map(|phase| part(graph, phase)).collect();
    let parts = |count: fn(&GraphProto) -> usize| graphs.iter().map(count).sum::<usize>() == count(graph);
    if !(parts(|g| g.node.len()) && parts(|g| g.initializer.len()) && parts(|g| g.input.len() + g.output.len())) {
        return refuse("a part of its graph belongs to no phase");
    }
    let own = |(graph, answer): (GraphProto, &str)| {
        let mut own = ModelProto { graph: Some(graph), ..model.clone() };
        let entry = own.metadata_props.iter_mut().find(|entry| entry.key == "ansel.known_answer");
        entry.expect("it was read").value = answer.to_owned();
        own
    };
    Ok(graphs.into_iter().zip(answers).map(own).collect())
}

/// What of a graph belongs to a phase, without the prefix. A node belongs where its output does.
fn part(graph: &GraphProto, phase: usize) -> GraphProto {
    let prefix = format!("phase{phase}.");
    let strip = |name: &mut String| match name.strip_prefix(&prefix) {
        Some(rest) => {
            *name = rest.to_owned();
            true
        }
        None => false,
    };
    let mut part = graph.clone();
    part.node.retain_mut(|node| node.output.iter_mut().all(&strip));
    // A name of another phase keeps its prefix, and is refused with the node that it stands in.
    for name in part.node.iter_mut().flat_map(|node| &mut node.input) {
        strip(name);
    }
    part.initializer.retain_mut(|tensor| strip(&mut tensor.name));
    part.input.retain_mut(|input| strip(&mut input.name));
    part.output.retain_mut(|output| strip(&mut output.name));
    part
}

#[cfg(test)]
mod tests;
