//! For each rule of the contract, models that break only this rule.

mod file;

use prost::Message;

use super::super::file::ModelFile;
use super::super::onnx::{Attribute, OperatorSetId, StringEntry, ValueInfo};
use super::*;
use crate::base::limits::MAX_MODEL_BYTES;
use crate::context::repeats;
use crate::model::family::Content;
use crate::model::registry::RegisteredModel;

/// A grey model of the registry.
fn grey() -> ModelProto {
    let is_grey = |model: &&RegisteredModel| model.content == Content::GraphicsPlane;
    let model = crate::model::registry::models().iter().find(is_grey).expect("a model");
    ModelProto::decode(model.file).expect("an ONNX file")
}

/// The network of a file with a single network.
fn read(bytes: &[u8]) -> Result<CheckedModel> {
    ModelFile::read(bytes).map(|file| (*file.networks[0]).clone())
}

/// The message that refuses the grey model after a change.
fn refusal(change: impl FnOnce(&mut ModelProto)) -> String {
    let mut model = grey();
    change(&mut model);
    match read(&model.encode_to_vec()).map(drop) {
        Err(Error::Model(reason)) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

#[track_caller]
fn assert_refused(rule: &str, change: impl FnOnce(&mut ModelProto)) {
    let reason = refusal(change);
    assert!(reason.contains(rule), "`{reason}` does not say `{rule}`");
}

fn graph(model: &mut ModelProto) -> &mut GraphProto {
    model.graph.as_mut().expect("a graph")
}

fn node(model: &mut ModelProto, index: usize) -> &mut NodeProto {
    &mut graph(model).node[index]
}

fn initializer<'a>(model: &'a mut ModelProto, name: &str) -> &'a mut TensorProto {
    graph(model).initializer.iter_mut().find(|tensor| tensor.name == name).expect("the initializer")
}

fn set_metadata(model: &mut ModelProto, key: &str, value: &str) {
    model.metadata_props.iter_mut().find(|entry| entry.key == key).expect("the entry").value = value.to_owned();
}

/// The number of layers of the grey model.
fn layers() -> usize {
    graph(&mut grey()).node.len() / NODES_PER_LAYER
}

#[test]
fn an_unchanged_model_is_accepted() {
    let bytes = grey().encode_to_vec();
    let checked = read(&bytes).expect("a model that keeps the contract");
    assert_eq!(checked.onnx, bytes);
    assert_eq!(checked.context_size(), checked.context.size(1, 0));
    let sizes = checked.layers.iter().map(|layer| layer.weights.nrows() * layer.weights.ncols());
    assert_eq!(checked.multiplications(), sizes.sum::<usize>());
}

#[test]
fn weights_biases_and_shifts_are_read_in_their_order() {
    let mut model = grey();
    let rows = initializer(&mut model, "weight_0").dims[1] as usize;
    initializer(&mut model, "weight_0").raw_data[rows + 2] = 0x80;
    initializer(&mut model, "bias_0").raw_data[4..8].copy_from_slice(&(-7i32).to_le_bytes());
    initializer(&mut model, "scale_0").raw_data[8..12].copy_from_slice(&0.125f32.to_le_bytes());
    let layer = &read(&model.encode_to_vec()).expect("a model that keeps the contract").layers[0];
    assert_eq!((layer.weights[[1, 2]], layer.biases[1], layer.shifts[2]), (-128, -7, 3));
}

/// Sets the bias of one row so that the row's bound is `bound`.
fn set_bound(model: &mut ModelProto, index: usize, bound: i64, negative: bool) {
    let checked = read(&grey().encode_to_vec()).expect("a model that keeps the contract");
    let input_max = [128, 255][index.min(1)];
    let sum: i64 = checked.layers[index].weights.column(1).iter().map(|&weight| i64::from(weight).abs()).sum();
    let bias = bound - (1 << 20) - input_max * sum;
    let bias = if negative { -bias } else { bias } as i32;
    initializer(model, &format!("bias_{index}")).raw_data[4..8].copy_from_slice(&bias.to_le_bytes());
}

#[test]
fn a_row_may_reach_the_last_exact_integer_and_no_further() {
    for index in 0..layers() {
        for negative in [false, true] {
            let mut model = grey();
            set_bound(&mut model, index, (1 << 24) - 1, negative);
            read(&model.encode_to_vec()).expect("a row just below the bound");
            assert_refused(&format!("row 1 of layer {index} can reach 16777216, which is not below 2^24"), |model| {
                set_bound(model, index, 1 << 24, negative);
            });
        }
    }
}

#[test]
fn rows_beyond_the_bound_are_refused() {
    for bias in [i32::MIN, i32::MAX, -(1 << 24)] {
        assert_refused("not below 2^24", |model| {
            initializer(model, "bias_1").raw_data[..4].copy_from_slice(&bias.to_le_bytes());
        });
    }
    // The largest sum of weights in a row, int8 at its lower end, beside a bias that is allowed with others.
    let biased = |model: &mut ModelProto| {
        initializer(model, "bias_1").raw_data[..4].copy_from_slice(&(14_i32 << 20).to_le_bytes());
    };
    let mut allowed = grey();
    biased(&mut allowed);
    read(&allowed.encode_to_vec()).expect("a row within the bound");
    assert_refused("not below 2^24", |model| {
        biased(model);
        initializer(model, "weight_1").raw_data.fill(0x80);
    });
}

#[test]
fn scales_must_be_powers_of_two() {
    for scale in [0.75, 0.0, -0.5, 2.0, 1.0 / (1 << 24) as f32, f32::NAN, f32::INFINITY, 0.5f32.next_up()] {
        assert_refused("is not a power of two", |model| {
            initializer(model, "scale_0").raw_data[..4].copy_from_slice(&scale.to_le_bytes());
        });
    }
}

#[test]
fn foreign_operators_are_refused() {
    for operator in ["Relu", "Exp", "MatMul", "Conv", "gemm", ""] {
        assert_refused("stands where the contract has Gemm", |model| node(model, 5).op_type = operator.to_owned());
    }
    assert_refused("stands where the contract has Floor", |model| node(model, 6).op_type = "Ceil".to_owned());
    assert_refused("a Gemm node of layer 0", |model| node(model, 5).domain = "com.microsoft".to_owned());
}

#[test]
fn attributes_other_than_the_types_of_casts_are_refused() {
    let attribute = |name: &str, i, kind| Attribute { name: name.to_owned(), i, kind };
    for extra in [attribute("transB", 1, 2), attribute("alpha", 0, 1)] {
        assert_refused("contract has Gemm", |model| node(model, 5).attribute.push(extra));
    }
    assert_refused("contract has Cast", |model| node(model, 0).attribute.clear());
    assert_refused("contract has Cast", |model| node(model, 0).attribute[0].i = onnx::INT32.into());
    assert_refused("contract has Cast", |model| node(model, 0).attribute[0].kind = 1);
    assert_refused("contract has Cast", |model| node(model, 0).attribute[0].name = "saturate".to_owned());
    assert_refused("contract has Cast", |model| node(model, 2).attribute.push(attribute("to", 1, 2)));
}

#[test]
fn other_wiring_is_refused() {
    let nodes = NODES_PER_LAYER * layers();
    for index in 0..nodes {
        for slot in 0..node(&mut grey(), index).input.len() {
            assert_refused("stands where", |model| node(model, index).input[slot] = "other".to_owned());
        }
        assert_refused("stands where", |model| node(model, index).output[0] = "other".to_owned());
        assert_refused("stands where", |model| node(model, index).output.push("more".to_owned()));
        assert_refused("stands where", |model| node(model, index).input.push("more".to_owned()));
    }
    assert_refused("stands where", |model| node(model, 5).input.swap(0, 1));
    assert_refused("stands where", |model| graph(model).node.swap(0, 2));
    assert_refused("stands where", |model| node(model, 13).input[0] = "context".to_owned());
    assert_refused("stands where", |model| node(model, 7).input.swap(1, 2));
}

#[test]
fn the_nodes_must_be_whole_layers() {
    assert_refused("are not 1 to 16 layers of 8", |model| drop(graph(model).node.pop()));
    assert_refused("0 nodes", |model| graph(model).node.clear());
    assert_refused("136 nodes", |model| graph(model).node.resize(136, NodeProto::default()));
    assert_refused("nodes", |model| graph(model).node.push(NodeProto::default()));
    assert_refused("no graph", |model| model.graph = None);
}

#[test]
fn initializers_must_be_exactly_those_of_the_layers() {
    let expected = format!("initializers instead of {}", 4 + 3 * layers());
    assert_refused(&expected, |model| graph(model).initializer.push(TensorProto::default()));
    assert_refused(&expected, |model| drop(graph(model).initializer.pop()));
    assert_refused(&expected, |model| {
        let again = graph(model).initializer[4].clone();
        graph(model).initializer.push(again);
    });
    assert_refused(&expected, |model| {
        let again = graph(model).initializer[5].clone();
        graph(model).initializer[4] = again;
    });
    for name in ["output_max", "weight_0", "bias_1", "scale_0"] {
        let reason = format!("initializer {name} is missing");
        assert_refused(&reason, |model| initializer(model, name).name = "other".to_owned());
    }
}

#[test]
fn the_limits_of_clip_must_be_those_of_the_contract() {
    let precision = read(&grey().encode_to_vec()).expect("a model").precision();
    for (name, value) in limits(precision) {
        let reason = format!("initializer {name} is not {value}");
        let above = value as f32 + 1.0;
        assert_refused(&reason, |model| initializer(model, name).raw_data = above.to_le_bytes().to_vec());
        assert_refused(&reason, |model| initializer(model, name).raw_data = f32::NAN.to_le_bytes().to_vec());
        assert_refused(&reason, |model| initializer(model, name).raw_data.clear());
        assert_refused(&reason, |model| initializer(model, name).data_type = onnx::INT32);
        assert_refused(&reason, |model| initializer(model, name).dims.push(1));
    }
}

#[test]
fn metadata_must_be_there_and_known() {
    for name in ["family", "version", "name", "channels", "components", "context", "known_answer"] {
        let key = format!("ansel.{name}");
        let reason = format!("metadata {key} is missing");
        assert_refused(&reason, |model| model.metadata_props.retain(|entry| entry.key != key));
    }
    assert_refused("family or version", |model| set_metadata(model, "ansel.family", "diffusion"));
    for version in ["0", "2", "1.0", ""] {
        assert_refused("family or version", |model| set_metadata(model, "ansel.version", version));
    }
    for context in ["", "local", "Normalized", "repeats "] {
        assert_refused("contexts of kind", |model| set_metadata(model, "ansel.context", context));
    }
    for text in ["", "x", "-1", "3.0", "99999999999999999999999"] {
        assert_refused("ansel.channels is not a number", |model| set_metadata(model, "ansel.channels", text));
        assert_refused("ansel.components is not a number", |model| set_metadata(model, "ansel.components", text));
    }
    // Other entries are free for the author.
    let mut model = grey();
    model.metadata_props.push(StringEntry { key: "author".to_owned(), value: "someone".to_owned() });
    read(&model.encode_to_vec()).expect("a model that keeps the contract");
}

#[test]
fn the_mixture_must_be_one_that_can_be_coded() {
    let most = u64::MAX.to_string();
    for components in ["0", "2", "6", &most] {
        assert_refused("mixture components", |model| set_metadata(model, "ansel.components", components));
    }
    for channels in ["0", "2", "4", &most] {
        assert_refused("channels", |model| set_metadata(model, "ansel.channels", channels));
    }
    assert_refused("contexts to", |model| set_metadata(model, "ansel.channels", "3"));
    assert_refused("contexts to", |model| set_metadata(model, "ansel.components", "4"));
    let other = if read(&grey().encode_to_vec()).expect("a model").shape.pinned { "normalized" } else { "repeats" };
    assert_refused("contexts to", |model| set_metadata(model, "ansel.context", other));
}

#[test]
fn contexts_and_outputs_are_those_of_the_channels_and_the_kind_of_context() {
    for model in crate::model::registry::models().iter().filter(|model| model.family == Family::Autoregressive) {
        let CheckedModel { shape, context, layers, .. } = read(model.file).expect("a model");
        let more = match context {
            ContextKind::Repeats => (repeats::context_size(shape.channels), repeats::CANDIDATES),
            ContextKind::Normalized => (16, 0),
            ContextKind::Levels | ContextKind::Program => panic!("another family among these models"),
        };
        let outputs = if shape.channels == 1 { 3 } else { 10 };
        assert_eq!(layers[0].weights.nrows(), 25 * shape.channels + more.0);
        assert_eq!(layers[layers.len() - 1].weights.ncols(), outputs * shape.components + more.1);
    }
    assert_eq!((repeats::context_size(1), repeats::context_size(3), repeats::CANDIDATES), (68, 72, 11));
}

#[test]
fn shapes_must_fit_together() {
    for dims in [vec![], vec![8], vec![1, 2, 3]] {
        assert_refused("weight_0 is not a matrix", |model| initializer(model, "weight_0").dims = dims);
    }
    for side in [0, -1, 4097, i64::MIN, i64::MAX] {
        assert_refused("side that is not 1 to 4096", |model| initializer(model, "weight_0").dims[0] = side);
        assert_refused("side that is not 1 to 4096", |model| initializer(model, "bias_0").dims[1] = side);
    }
    for name in ["weight_0", "bias_0", "scale_0"] {
        let reason = format!("initializer {name} has another type or length");
        assert_refused(&reason, |model| initializer(model, name).raw_data.truncate(3));
        assert_refused(&reason, |model| initializer(model, name).raw_data.push(0));
        assert_refused(&reason, |model| initializer(model, name).dims[1] += 1);
    }
    for name in ["bias_0", "scale_0"] {
        assert_refused("the shapes of layer 0 do not fit together", |model| {
            let tensor = initializer(model, name);
            tensor.dims[0] = 2;
            tensor.raw_data = tensor.raw_data.repeat(2);
        });
    }
    // As many elements as before, but not one per output row.
    for name in ["bias_0", "scale_0"] {
        assert_refused("the shapes of layer 0 do not fit together", |model| initializer(model, name).dims.swap(0, 1));
    }
}

/// Cuts a layer to its first `inputs` inputs.
fn cut_inputs(model: &mut ModelProto, index: usize, inputs: usize) {
    let weights = initializer(model, &format!("weight_{index}"));
    let rows = weights.dims[1] as usize;
    weights.dims[0] = inputs as i64;
    weights.raw_data.truncate(inputs * rows);
}

#[test]
fn each_layer_must_take_the_outputs_of_the_one_before_it() {
    assert_refused("layer 1 does not take the outputs", |model| cut_inputs(model, 1, 3));
    let fewer = read(&grey().encode_to_vec()).expect("a model").context_size() - 1;
    assert_refused(&format!("it maps {fewer} contexts"), |model| cut_inputs(model, 0, fewer));
}

#[test]
fn tensors_of_another_type_are_refused() {
    for (name, other) in [("weight_0", 2), ("bias_0", onnx::FLOAT), ("scale_0", onnx::INT32), ("weight_1", 0)] {
        let reason = format!("initializer {name} has another type");
        assert_refused(&reason, |model| initializer(model, name).data_type = other);
    }
}

#[test]
fn inputs_must_be_the_context_and_the_deltas() {
    let rule = "its inputs are not `context` and one `delta` per layer";
    assert_refused(rule, |model| graph(model).input.push(ValueInfo::default()));
    assert_refused(rule, |model| drop(graph(model).input.pop()));
    assert_refused(rule, |model| graph(model).input.swap(0, 1));
    // An initializer that is also an input could be overridden.
    assert_refused(rule, |model| {
        let weight = ValueInfo { name: "weight_0".to_owned(), value_type: Vec::new() };
        graph(model).input.push(weight);
    });
}

#[test]
fn the_output_must_be_the_parameters_alone() {
    let rule = "its output is not `parameters` alone";
    assert_refused(rule, |model| graph(model).output.clear());
    assert_refused(rule, |model| graph(model).output[0].name = "floor_0".to_owned());
    assert_refused(rule, |model| {
        let again = graph(model).output[0].clone();
        graph(model).output.push(again);
    });
}

#[test]
fn other_operator_sets_are_refused() {
    let set = |domain: &str, version| OperatorSetId { domain: domain.to_owned(), version };
    let rule = "it must import the standard operators, versions 13 to 21, alone";
    for version in [12, 22, 0, -1, i64::MAX] {
        assert_refused(rule, |model| model.opset_import = vec![set("", version)]);
    }
    assert_refused(rule, |model| model.opset_import.clear());
    assert_refused(rule, |model| model.opset_import = vec![set("ai.onnx.ml", 17)]);
    assert_refused(rule, |model| model.opset_import.push(set("com.microsoft", 1)));
    for version in [13, 21] {
        let mut model = grey();
        model.opset_import = vec![set("", version)];
        read(&model.encode_to_vec()).expect("a version that is allowed");
    }
}
