//! Model file -> networks. A file of the autoregressive family has one network. A file of the flow family has one per
//! phase of a level, in one graph: all names of phase `n` start with `phase<n>.`; with the prefix removed, its part of
//! the graph is an ordinary network. A file of the bits-back family has a program, and the networks that it names,
//! likewise with the prefix `net<n>.`.

use std::sync::Arc;

use prost::Message;

use super::contract::{CheckedModel, check_opset, metadata, refuse};
use super::onnx::{GraphProto, ModelProto, ValueInfo};
use crate::base::error::{Error, Result};
use crate::base::limits::MAX_MODEL_BYTES;
use crate::context::levels::PHASES;
use crate::entropy::mixture::{MAX_CHANNELS, MixtureShape};
use crate::model::family::Family;
use crate::model::program::{NetworkUse, PATCH, Program};

/// Most networks of a file.
const MAX_NETWORKS: usize = 256;

/// The networks of a model file that keeps the contract.
#[derive(Debug, Clone)]
pub(crate) struct ModelFile {
    pub family: Family,
    /// One network; or one per phase of a flow, all of the same shape; or those of a program.
    pub networks: Vec<Arc<CheckedModel>>,
    /// The program, in the bits-back family.
    pub program: Option<Program>,
}

impl ModelFile {
    /// Reads a model and checks it against the contract.
    ///
    /// # Errors
    /// [`Error::Model`], with the rule that is broken; [`Error::LimitsExceeded`] for a file that is too large.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        crate::base::limits::check("the model file's size in bytes", bytes.len() as u64, MAX_MODEL_BYTES)?;
        let model = ModelProto::decode(bytes).map_err(|e| Error::Model(format!("not an ONNX file: {e}")))?;
        check_opset(&model)?;
        let (family, models) = match &metadata(&model, "ansel.family")?[..] {
            "autoregressive" => (Family::Autoregressive, vec![model]),
            "flow" => (Family::Flow, split(&model, "phase", PHASES)?),
            "bits-back" => return Self::of_program(&model),
            _ => return refuse("its family or version is not known to this library"),
        };
        let network = |(index, model)| CheckedModel::of(model, family, index).map(Arc::new);
        let networks = models.into_iter().enumerate().map(network).collect::<Result<_>>()?;
        Ok(Self { family, networks, program: None })
    }

    /// Reads a model of the bits-back family.
    fn of_program(model: &ModelProto) -> Result<Self> {
        let channels = match &metadata(model, "ansel.channels")?[..] {
            "1" => 1,
            "3" => MAX_CHANNELS,
            other => return refuse(format!("{other} channels")),
        };
        if metadata(model, "ansel.version")? != "1" {
            return refuse("its family or version is not known to this library");
        }
        let program = Program::read(&metadata(model, "ansel.program")?, channels)?;
        let models = split(model, "net", program.networks())?;
        let network = |(index, model)| {
            let Some(sizes) = program.network_shape(index) else {
                return refuse(format!("network {index} is not used"));
            };
            CheckedModel::of_program(model, channels, sizes).map(Arc::new)
        };
        let networks = models.into_iter().enumerate().map(network).collect::<Result<Vec<_>>>()?;
        let unlike = |used: NetworkUse| program.network_shape(used.network) != Some(used.sizes);
        if networks.is_empty() || program.uses().any(unlike) {
            return refuse("a program without networks, or with one that is used for different sizes");
        }
        Ok(Self { family: Family::BitsBack, networks, program: Some(program) })
    }

    /// The mixture shape of all its networks.
    pub fn shape(&self) -> MixtureShape {
        self.networks[0].shape
    }

    /// Multiplications per pixel, on average.
    pub fn multiplications(&self) -> usize {
        if let Some(program) = &self.program {
            let of_patch =
                |(index, network): (usize, &Arc<CheckedModel>)| network.multiplications() * program.evaluations(index);
            return self.networks.iter().enumerate().map(of_patch).sum::<usize>().div_ceil(PATCH * PATCH);
        }
        let all = self.networks.iter().map(|network| network.multiplications()).sum::<usize>();
        all / self.networks.len() // all phases of a flow have the same number of pixels
    }
}

/// Splits a graph into its networks, each a model of its own; their names start with `name`, their index and a dot.
fn split(model: &ModelProto, name: &str, count: usize) -> Result<Vec<ModelProto>> {
    let Some(graph) = &model.graph else { return refuse("it has no graph") };
    let answers = metadata(model, "ansel.known_answer")?;
    let answers: Vec<&str> = answers.split(' ').collect();
    if answers.len() != count || count > MAX_NETWORKS {
        return refuse(format!("{} known answers instead of {count}", answers.len()));
    }
    let graphs: Vec<GraphProto> = (0..count).map(|index| part(graph, &format!("{name}{index}."))).collect();
    let parts = |count: fn(&GraphProto) -> usize| graphs.iter().map(count).sum::<usize>() == count(graph);
    if !(parts(|g| g.node.len()) && parts(|g| g.initializer.len()) && parts(|g| g.input.len() + g.output.len())) {
        return refuse("a part of its graph belongs to no network");
    }
    let own = |(graph, answer): (GraphProto, &str)| {
        let mut own = ModelProto { graph: Some(graph), ..model.clone() };
        let entry = own.metadata_props.iter_mut().find(|entry| entry.key == "ansel.known_answer");
        entry.expect("it was read").value = answer.to_owned();
        own
    };
    Ok(graphs.into_iter().zip(answers).map(own).collect())
}

/// The part of a graph that belongs to a network, without the prefix. A node belongs to the network of its output.
fn part(graph: &GraphProto, prefix: &str) -> GraphProto {
    let owns = |name: &String| name.starts_with(prefix);
    let strip = |name: &mut String| {
        if let Some(rest) = name.strip_prefix(prefix) {
            *name = rest.to_owned();
        }
    };
    let own = |values: &[ValueInfo]| values.iter().filter(|value| owns(&value.name)).cloned().collect();
    let mut part = GraphProto {
        name: graph.name.clone(),
        node: graph.node.iter().filter(|node| node.output.iter().all(owns)).cloned().collect(),
        initializer: graph.initializer.iter().filter(|tensor| owns(&tensor.name)).cloned().collect(),
        input: own(&graph.input),
        output: own(&graph.output),
    };
    // A name from another network keeps its prefix, so the node that uses it is refused.
    part.node.iter_mut().flat_map(|node| node.input.iter_mut().chain(&mut node.output)).for_each(strip);
    part.initializer.iter_mut().for_each(|tensor| strip(&mut tensor.name));
    part.input.iter_mut().chain(&mut part.output).for_each(|value| strip(&mut value.name));
    part
}

#[cfg(test)]
mod tests;
