//! The numerical contract: the rules that a model file must keep for its float32 arithmetic to be exact.
//!
//! Input: the ONNX model of one network. Output: its integer layers, and an ONNX file with nothing but what was
//! checked. A network is a chain of layers, each
//!
//! ```text
//! y = Clip(Floor((x W + (bias + delta)) * 2^-shift))
//! ```
//!
//! with int8 weights, int32 biases, a power-of-two scale per output row, and a `delta` that is an input of the graph.
//! In the graph, `2^-shift` is multiplied into weights and biases, and the delta input is expected to be multiplied by
//! it. For every row, `max|x| * sum|w| + |bias| + max|delta| < 2^24`: all partial sums are multiples of `2^-shift` with
//! fewer than 24 bits, so float32 adds them exactly in any order, with or without FMA. This is why batch size, thread
//! count, library version and execution provider cannot change an output.

use std::collections::HashMap;

use byteorder::{ByteOrder, LittleEndian};
use ndarray::Array2;

use super::onnx::{self, GraphProto, ModelProto, NodeProto, TensorProto};
use crate::base::error::{Error, Result};
use crate::context::ContextKind;
use crate::entropy::mixture::{COMPONENTS, MAX_CHANNELS, MixtureShape};
use crate::model::family::Family;
use crate::model::precision::Precision;

/// Largest magnitude of a delta.
pub(crate) const DELTA_MAX: i64 = 1 << 20;
pub(crate) const OUTPUT_MIN: i64 = -(1 << 15);
pub(crate) const OUTPUT_MAX: i64 = (1 << 15) - 1;
/// Integers up to this magnitude are exact in float32.
pub(crate) const EXACT: i64 = 1 << 24;
const MAX_SHIFT: u32 = 23;
const MAX_LAYERS: usize = 16;
const MAX_LAYER_SIZE: usize = 4096;
const IR_VERSIONS: std::ops::RangeInclusive<i64> = 7..=10;
const MIN_OPSET: i64 = 13;
const MAX_OPSET: i64 = 21;
const NODES_PER_LAYER: usize = 8;
const INITIALIZERS_PER_LAYER: usize = 3;
const LIMIT_INITIALIZERS: usize = 4;

/// A layer. `weights` has the axes (input, output row).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layer {
    pub weights: Array2<i8>,
    pub biases: Vec<i32>,
    pub shifts: Vec<u32>,
}

/// A network that keeps the contract.
#[derive(Debug, Clone)]
pub(crate) struct CheckedModel {
    pub name: String,
    /// The mixture that its outputs parametrise. For a network of a program: no mixture, only the model's channels.
    pub shape: MixtureShape,
    /// The kind of context that it takes.
    pub context: ContextKind,
    /// SHA-256, in hexadecimal, that the known-answer test must yield.
    pub known_answer: String,
    pub layers: Vec<Layer>,
    /// The checked model as an ONNX file.
    #[cfg(any(test, feature = "ort"))]
    pub onnx: Vec<u8>,
}

impl CheckedModel {
    /// Checks network `index` of a model file of this family.
    ///
    /// # Errors
    /// [`Error::Model`], with the rule that is broken.
    pub(super) fn of(model: ModelProto, family: Family, index: usize) -> Result<Self> {
        let Some(graph) = &model.graph else { return refuse("it has no graph") };
        let text = |key: &str| metadata(&model, key);
        let context = context_of(&text("ansel.context")?, family)?;
        let precision = Precision::of(context);
        let layers = read_layers(graph, precision)?;
        check_row_bounds(&layers, precision)?;
        let number = |key: &str| text(key)?.parse().map_err(|_| Error::Model(format!("{key} is not a number")));
        if text("ansel.version")? != "1" {
            return refuse("its family or version is not known to this library");
        }
        let (components, channels) = (number("ansel.components")?, number("ansel.channels")?);
        check_mixture(components, channels)?;
        let shape = MixtureShape { components, channels, pinned: context == ContextKind::Repeats };
        check_sizes((context.size(channels, index), shape.outputs()), &layers)?;
        Self::assembled(&model, shape, context, layers)
    }

    /// Checks a network of a program for this many channels; `sizes` are its numbers of contexts and outputs.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub(super) fn of_program(model: ModelProto, channels: usize, sizes: (usize, usize)) -> Result<Self> {
        let Some(graph) = &model.graph else { return refuse("it has no graph") };
        let context = ContextKind::Program;
        let precision = Precision::of(context);
        let layers = read_layers(graph, precision)?;
        check_row_bounds(&layers, precision)?;
        check_sizes(sizes, &layers)?;
        let shape = MixtureShape { components: 0, channels, pinned: false };
        Self::assembled(&model, shape, context, layers)
    }

    /// A model from its checked parts, with its name and known answer.
    fn assembled(model: &ModelProto, shape: MixtureShape, context: ContextKind, layers: Vec<Layer>) -> Result<Self> {
        Ok(Self {
            name: metadata(model, "ansel.name")?,
            shape,
            context,
            known_answer: metadata(model, "ansel.known_answer")?,
            layers,
            #[cfg(any(test, feature = "ort"))]
            onnx: prost::Message::encode_to_vec(model),
        })
    }

    /// The range of its layers' inputs.
    pub fn precision(&self) -> Precision {
        Precision::of(self.context)
    }

    /// Contexts per pixel.
    pub fn context_size(&self) -> usize {
        self.layers[0].weights.nrows()
    }

    /// The number of outputs per pixel.
    pub fn output_size(&self) -> usize {
        self.layers[self.layers.len() - 1].weights.ncols()
    }

    /// Multiplications per pixel.
    pub fn multiplications(&self) -> usize {
        self.layers.iter().map(|layer| layer.weights.len()).sum()
    }
}

pub(super) fn refuse<T>(reason: impl Into<String>) -> Result<T> {
    Err(Error::Model(reason.into()))
}

pub(super) fn check_opset(model: &ModelProto) -> Result<()> {
    if !IR_VERSIONS.contains(&model.ir_version) {
        return refuse(format!("ONNX IR version {} (7 to 10 are allowed)", model.ir_version));
    }
    match &model.opset_import[..] {
        [only] if only.domain.is_empty() && (MIN_OPSET..=MAX_OPSET).contains(&only.version) => Ok(()),
        _ => refuse(format!("it must import the standard operators, versions {MIN_OPSET} to {MAX_OPSET}, alone")),
    }
}

pub(super) fn metadata(model: &ModelProto, key: &str) -> Result<String> {
    let entry = model.metadata_props.iter().find(|entry| entry.key == key);
    entry.map(|entry| entry.value.clone()).ok_or_else(|| Error::Model(format!("metadata {key} is missing")))
}

/// The kind of context that a model of this family names.
fn context_of(name: &str, family: Family) -> Result<ContextKind> {
    match ContextKind::named(name) {
        Some(kind) if (kind == ContextKind::Levels) == (family == Family::Flow) => Ok(kind),
        _ => refuse(format!("contexts of kind `{name}` are not known to this library")),
    }
}

fn check_mixture(components: usize, channels: usize) -> Result<()> {
    if !COMPONENTS.contains(&components) {
        return refuse(format!("{components} mixture components"));
    }
    if channels != 1 && channels != MAX_CHANNELS {
        return refuse(format!("{channels} channels"));
    }
    Ok(())
}

fn check_sizes(expected: (usize, usize), layers: &[Layer]) -> Result<()> {
    let found = (layers[0].weights.nrows(), layers[layers.len() - 1].weights.ncols());
    if found != expected {
        return refuse(format!(
            "it maps {} contexts to {} outputs, not {} to {}",
            found.0, found.1, expected.0, expected.1
        ));
    }
    Ok(())
}

/// An upper bound on all partial sums of a row, given the sum of its weights' magnitudes.
pub(crate) fn row_bound(input_max: i64, sum: i64, bias: i32) -> i64 {
    input_max * sum + i64::from(bias).abs() + DELTA_MAX
}

fn check_row_bounds(layers: &[Layer], precision: Precision) -> Result<()> {
    for (index, layer) in layers.iter().enumerate() {
        for (row, weights) in layer.weights.columns().into_iter().enumerate() {
            let sum: i64 = weights.iter().map(|&weight| i64::from(weight).abs()).sum();
            let bound = row_bound(precision.input_max(index == 0), sum, layer.biases[row]);
            if bound >= EXACT {
                return refuse(format!("row {row} of layer {index} can reach {bound}, which is not below 2^24"));
            }
        }
    }
    Ok(())
}

/// Reads the layers of a graph that is exactly the chain described above.
fn read_layers(graph: &GraphProto, precision: Precision) -> Result<Vec<Layer>> {
    let count = graph.node.len() / NODES_PER_LAYER;
    if graph.node.len() != count * NODES_PER_LAYER || !(1..=MAX_LAYERS).contains(&count) {
        return refuse(format!("{} nodes are not 1 to {MAX_LAYERS} layers of {NODES_PER_LAYER}", graph.node.len()));
    }
    let tensors: HashMap<&str, &TensorProto> = graph.initializer.iter().map(|t| (t.name.as_str(), t)).collect();
    let expected = LIMIT_INITIALIZERS + INITIALIZERS_PER_LAYER * count;
    if tensors.len() != expected || graph.initializer.len() != expected {
        return refuse(format!("{} initializers instead of {expected}", graph.initializer.len()));
    }
    check_limits(&tensors, precision)?;
    check_interface(graph, count)?;
    let mut layers: Vec<Layer> = Vec::with_capacity(count);
    for (index, nodes) in graph.node.chunks_exact(NODES_PER_LAYER).enumerate() {
        check_nodes(nodes, index, index + 1 == count)?;
        let layer = read_layer(&tensors, index)?;
        if layers.last().is_some_and(|previous| previous.weights.ncols() != layer.weights.nrows()) {
            return refuse(format!("layer {index} does not take the outputs of the layer before it"));
        }
        layers.push(layer);
    }
    Ok(layers)
}

/// The initializers that activations and outputs are clipped to.
fn limits(precision: Precision) -> [(&'static str, i64); LIMIT_INITIALIZERS] {
    let activation_max = precision.activation_max().into();
    [("activation_min", 0), ("activation_max", activation_max), ("output_min", OUTPUT_MIN), ("output_max", OUTPUT_MAX)]
}

fn check_limits(tensors: &HashMap<&str, &TensorProto>, precision: Precision) -> Result<()> {
    for (name, value) in limits(precision) {
        let Some(tensor) = tensors.get(name) else { return refuse(format!("initializer {name} is missing")) };
        let expected = (value as f32).to_le_bytes();
        if tensor.data_type != onnx::FLOAT || !tensor.dims.is_empty() || tensor.raw_data != expected {
            return refuse(format!("initializer {name} is not {value}"));
        }
    }
    Ok(())
}

fn check_interface(graph: &GraphProto, count: usize) -> Result<()> {
    let deltas = (0..count).map(|index| format!("delta_{index}"));
    let expected = std::iter::once("context".to_owned()).chain(deltas);
    if !expected.eq(graph.input.iter().map(|input| input.name.clone())) {
        return refuse("its inputs are not `context` and one `delta` per layer");
    }
    match &graph.output[..] {
        [only] if only.name == "parameters" => Ok(()),
        _ => refuse("its output is not `parameters` alone"),
    }
}

/// Checks that the nodes of a layer have the only form that is allowed.
fn check_nodes(nodes: &[NodeProto], index: usize, last: bool) -> Result<()> {
    let n = |name: &str| format!("{name}_{index}");
    let source = if index == 0 { "context".to_owned() } else { format!("activation_{}", index - 1) };
    let (low, high, output) = if last {
        ("output_min", "output_max", "parameters".to_owned())
    } else {
        ("activation_min", "activation_max", n("activation"))
    };
    let expected: [(&str, Vec<String>, String); NODES_PER_LAYER] = [
        ("Cast", vec![n("weight")], n("weight_real")),
        ("Mul", vec![n("weight_real"), n("scale")], n("weight_scaled")),
        ("Cast", vec![n("bias")], n("bias_real")),
        ("Mul", vec![n("bias_real"), n("scale")], n("bias_scaled")),
        ("Add", vec![n("bias_scaled"), n("delta")], n("bias_moved")),
        ("Gemm", vec![source, n("weight_scaled"), n("bias_moved")], n("sum")),
        ("Floor", vec![n("sum")], n("floor")),
        ("Clip", vec![n("floor"), low.to_owned(), high.to_owned()], output),
    ];
    for (node, (operator, inputs, output)) in nodes.iter().zip(expected) {
        let attributes_fit = match &node.attribute[..] {
            [] => operator != "Cast",
            [to] => operator == "Cast" && to.name == "to" && to.kind == 2 && to.i == i64::from(onnx::FLOAT),
            _ => false,
        };
        let wired = node.op_type == operator && node.input == inputs && node.output == [output];
        if !wired || !node.domain.is_empty() || !attributes_fit {
            return refuse(format!(
                "a {} node of layer {index} stands where the contract has {operator}",
                node.op_type
            ));
        }
    }
    Ok(())
}

fn read_layer(tensors: &HashMap<&str, &TensorProto>, index: usize) -> Result<Layer> {
    let (weights, inputs, rows) = tensor(tensors, &format!("weight_{index}"), onnx::INT8, 1)?;
    let (biases, ones, bias_rows) = tensor(tensors, &format!("bias_{index}"), onnx::INT32, 4)?;
    let (scales, also_ones, scale_rows) = tensor(tensors, &format!("scale_{index}"), onnx::FLOAT, 4)?;
    if (ones, also_ones) != (1, 1) || (bias_rows, scale_rows) != (rows, rows) {
        return refuse(format!("the shapes of layer {index} do not fit together"));
    }
    let shifts = scales.chunks_exact(4).map(|bytes| shift_of(LittleEndian::read_f32(bytes), index));
    let weights = weights.iter().map(|&byte| byte as i8).collect();
    Ok(Layer {
        weights: Array2::from_shape_vec((inputs, rows), weights).expect("the size was checked"),
        biases: biases.chunks_exact(4).map(LittleEndian::read_i32).collect(),
        shifts: shifts.collect::<Result<_>>()?,
    })
}

/// The shift of a scale; the scale must be a power of two from 2^-23 to 1.
fn shift_of(scale: f32, index: usize) -> Result<u32> {
    let shift = (0..=MAX_SHIFT).find(|&shift| scale == 1.0 / (1u32 << shift) as f32);
    shift.ok_or_else(|| Error::Model(format!("scale {scale} in layer {index} is not a power of two from 2^-23 to 1")))
}

/// The bytes and the two dimensions of an initializer.
fn tensor<'a>(
    tensors: &HashMap<&str, &'a TensorProto>,
    name: &str,
    data_type: i32,
    element_bytes: usize,
) -> Result<(&'a [u8], usize, usize)> {
    let Some(tensor) = tensors.get(name) else { return refuse(format!("initializer {name} is missing")) };
    let side = |dim: i64| usize::try_from(dim).ok().filter(|side| (1..=MAX_LAYER_SIZE).contains(side));
    let &[inputs, rows] = &tensor.dims[..] else { return refuse(format!("initializer {name} is not a matrix")) };
    let (Some(inputs), Some(rows)) = (side(inputs), side(rows)) else {
        return refuse(format!("initializer {name} has a side that is not 1 to {MAX_LAYER_SIZE}"));
    };
    if tensor.data_type != data_type || tensor.raw_data.len() != inputs * rows * element_bytes {
        return refuse(format!("initializer {name} has another type or length than the contract's"));
    }
    Ok((&tensor.raw_data, inputs, rows))
}

#[cfg(test)]
mod tests;
