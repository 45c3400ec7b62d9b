//! Networks against a plain evaluation of their layers in 64-bit integers.

use prost::Message;

use super::*;
use crate::base::error::ErrorKind;
use crate::infer::LANES;
use crate::infer::graph::to_integer;
use crate::model::contract::{DELTA_MAX, Layer};
use crate::model::onnx::ModelProto;
use crate::model::precision::Precision;
use crate::model::registry::{RegisteredModel, models};
use crate::testing::Random;

const LEVELS: [GraphOptimizationLevel; 5] = [
    GraphOptimizationLevel::Disable,
    GraphOptimizationLevel::Level1,
    GraphOptimizationLevel::Level2,
    GraphOptimizationLevel::Level3,
    GraphOptimizationLevel::All,
];
const BATCHES: [usize; 7] = [1, 2, 3, 7, 64, 257, 1000];
const ROWS: usize = 1000;

fn registered() -> Vec<Arc<CheckedModel>> {
    let networks = |model: &RegisteredModel| ModelFile::read(model.file).expect("a model of the registry").networks;
    models().iter().flat_map(networks).collect()
}

fn network(model: Arc<CheckedModel>, device: Device) -> Result<Network> {
    let packed = Arc::new(Packed::new(&model.layers, model.precision()));
    Network::new(model, packed, EngineRequest { device, few: false })
}

/// The kernel alone.
fn on_kernel(model: &Arc<CheckedModel>) -> Result<Network> {
    let packed = Arc::new(Packed::new(&model.layers, model.precision()));
    Network::proven(model.clone(), packed.clone(), Engine::Kernel(Kernel::new(packed)))
}

/// The plain graph in ONNX Runtime, even if the kernel has instructions for this processor.
fn on_graph(model: &Arc<CheckedModel>, level: GraphOptimizationLevel) -> Result<Network> {
    let packed = Arc::new(Packed::new(&model.layers, model.precision()));
    Network::proven(model.clone(), packed, Engine::Graph(GraphSession::on_cpu(model.clone(), level)?))
}

/// One layer, as the contract states it: `y = Clip(Floor((x W + (bias + delta)) * 2^-shift))`.
fn evaluate_layer(layer: &Layer, input: &[i64], delta: &[i64], (low, high): (i64, i64)) -> Vec<i64> {
    let mut sums: Vec<i64> = layer.biases.iter().zip(delta).map(|(&bias, &delta)| i64::from(bias) + delta).collect();
    // Input by input, since the weights of one input lie together: tests run without much optimisation.
    for (&x, weights) in input.iter().zip(layer.weights.rows()) {
        let weights = weights.to_slice().expect("rows that lie together");
        sums.iter_mut().zip(weights).for_each(|(sum, &weight)| *sum += x * i64::from(weight));
    }
    sums.iter().zip(&layer.shifts).map(|(sum, &shift)| (sum >> shift).clamp(low, high)).collect()
}

/// The outputs for one row of contexts.
fn evaluate_row(model: &CheckedModel, context: &[i64], deltas: &[Vec<i64>]) -> Vec<i64> {
    let mut values = context.to_vec();
    let most = if model.precision() == Precision::Eight { 255 } else { 2047 };
    for (index, layer) in model.layers.iter().enumerate() {
        let limits = if index + 1 == model.layers.len() { (-32_768, 32_767) } else { (0, most) };
        values = evaluate_layer(layer, &values, &deltas[index], limits);
    }
    values
}

fn evaluate(model: &CheckedModel, contexts: &[i16], deltas: &[Vec<i64>]) -> Vec<i16> {
    let rows = contexts.chunks_exact(model.context_size());
    let evaluate = |row: &[i16]| evaluate_row(model, &row.iter().map(|&x| x.into()).collect::<Vec<_>>(), deltas);
    rows.flat_map(evaluate).map(|output| i16::try_from(output).expect("a clipped output")).collect()
}

fn no_deltas(model: &CheckedModel) -> Vec<Vec<i64>> {
    model.layers.iter().map(|layer| vec![0; layer.biases.len()]).collect()
}

fn narrow(deltas: &[Vec<i64>]) -> Vec<Vec<i32>> {
    deltas.iter().map(|delta| delta.iter().map(|&x| x as i32).collect()).collect()
}

/// Rows of contexts: the extremes, those that drive each row of the first layer to its extreme, and random ones of all
/// magnitudes.
fn contexts(model: &CheckedModel) -> Vec<i16> {
    let size = model.context_size();
    let (low, high) = if model.precision() == Precision::Eight { (-128, 127) } else { (-256, 256) };
    let alternating = |a: i64, b: i64| (0..size).map(move |i| if i % 2 == 0 { a } else { b });
    let mut all: Vec<i64> = vec![high; size];
    all.extend(vec![low; size]);
    all.extend(vec![0; size]);
    all.extend(alternating(low, high).chain(alternating(high, low)));
    for weights in model.layers[0].weights.columns() {
        all.extend(weights.iter().map(|&weight| if weight > 0 { high } else { low }));
        all.extend(weights.iter().map(|&weight| if weight > 0 { low } else { high }));
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    while all.len() < ROWS * size {
        let magnitude = high >> (all.len() / size % 8);
        all.extend((0..size).map(|_| i64::from(random.symmetric(magnitude as i32))));
    }
    all[..ROWS * size].iter().map(|&x| x as i16).collect()
}

/// Evaluates all rows in batches of one size.
fn run_in_batches(network: &mut Network, contexts: &[i16], batch: usize) -> Vec<i16> {
    let size = network.model().context_size();
    let (mut all, mut outputs) = (Vec::new(), Vec::new());
    for rows in contexts.chunks(batch * size) {
        network.run(rows, &mut outputs).expect("a run");
        let outputs_size = network.model().output_size();
        all.extend((0..rows.len() / size).flat_map(|pixel| outputs_of(&outputs, outputs_size, pixel)));
    }
    all
}

/// Names the first difference instead of printing both.
fn assert_same(found: &[i16], expected: &[i16], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let wrong = found.iter().zip(expected).position(|(a, b)| a != b);
    assert_eq!(wrong.map(|at| (at, found[at], expected[at])), None, "{what}");
}

#[test]
fn every_model_is_exact_at_every_batch_size_and_optimization() {
    for model in registered() {
        let contexts = contexts(&model);
        let expected = evaluate(&model, &contexts, &no_deltas(&model));
        assert!(expected.iter().any(|&x| x < 0) && expected.iter().any(|&x| x > 0));
        for level in LEVELS {
            let what = format!("model {} at {level:?}", model.name);
            let mut network = on_graph(&model, level).expect("a session");
            for batch in BATCHES {
                let outputs = run_in_batches(&mut network, &contexts, batch);
                assert_same(&outputs, &expected, &format!("{what} in batches of {batch}"));
            }
        }
    }
}

#[test]
fn deltas_up_to_the_bound_are_exact_in_every_layer() {
    for model in registered() {
        let contexts = &contexts(&model)[..300 * model.context_size()];
        let mut network = network(model.clone(), Device::Cpu).expect("a session");
        let patterns: [fn(usize) -> i64; 4] = [
            |_| DELTA_MAX,
            |_| -DELTA_MAX,
            |i| if i % 2 == 0 { DELTA_MAX } else { -DELTA_MAX },
            |i| (i as i64 * 7919) % 2003 - 1001,
        ];
        for layer in 0..model.layers.len() {
            for pattern in patterns {
                let mut deltas = no_deltas(&model);
                deltas[layer] = (0..deltas[layer].len()).map(pattern).collect();
                network.engine.set_deltas(&narrow(&deltas)).expect("deltas");
                let expected = evaluate(&model, contexts, &deltas);
                for batch in [1, 64, 300] {
                    let outputs = run_in_batches(&mut network, contexts, batch);
                    assert_same(&outputs, &expected, &format!("model {}, layer {layer}", model.name));
                }
            }
        }
    }
}

#[test]
fn sessions_in_parallel_threads_are_exact() {
    for model in registered() {
        let contexts = contexts(&model);
        let expected = evaluate(&model, &contexts, &no_deltas(&model));
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (model, contexts, expected) = (model.clone(), &contexts, &expected);
                scope.spawn(move || {
                    let mut network = network(model, Device::Auto).expect("a session");
                    for batch in [1 + 10 * thread, 200] {
                        let outputs = run_in_batches(&mut network, contexts, batch);
                        assert_same(&outputs, expected, &format!("thread {thread}"));
                    }
                });
            }
        });
    }
}

/// The known answer of a model, computed with integers only.
fn integer_answer(model: &CheckedModel) -> String {
    let answer = known_answer::digest::<()>(model, |contexts, deltas| {
        let deltas: Vec<Vec<i64>> = deltas.iter().map(|delta| delta.iter().map(|&x| x.into()).collect()).collect();
        Ok(evaluate(model, contexts, &deltas))
    });
    answer.expect("integers do not fail")
}

#[test]
fn the_recorded_answers_are_those_of_integer_arithmetic() {
    for model in registered() {
        assert_eq!(integer_answer(&model), model.known_answer, "model {}", model.name);
    }
}

/// The grey model of the registry after a change.
fn changed(change: impl FnOnce(&mut ModelProto)) -> CheckedModel {
    let grey = models().iter().find(|model| model.content.channels() == 1).expect("a grey model");
    let mut model = ModelProto::decode(grey.file).expect("an ONNX file");
    change(&mut model);
    let file = ModelFile::read(&model.encode_to_vec()).expect("a model that keeps the contract");
    (*file.networks[0]).clone()
}

fn set_metadata(model: &mut ModelProto, key: &str, value: String) {
    model.metadata_props.iter_mut().find(|entry| entry.key == key).expect("the entry").value = value;
}

fn raw_data<'a>(model: &'a mut ModelProto, name: &str) -> &'a mut Vec<u8> {
    let graph = model.graph.as_mut().expect("a graph");
    &mut graph.initializer.iter_mut().find(|tensor| tensor.name == name).expect("the initializer").raw_data
}

fn assert_fails_known_answer(model: CheckedModel) {
    let model = Arc::new(model);
    let on_cpu = network(model.clone(), Device::Cpu);
    for refused in [on_cpu, on_kernel(&model), on_graph(&model, GraphOptimizationLevel::All)] {
        match refused.map(drop) {
            Err(Error::Runtime(reason)) => assert!(reason.contains("known-answer"), "{reason}"),
            other => panic!("not refused: {other:?}"),
        }
    }
}

#[test]
fn a_model_whose_recorded_answer_is_wrong_is_refused() {
    let right = changed(|_| ()).known_answer;
    let flipped = if right.ends_with('0') { "1" } else { "0" };
    let wrong = right[..63].to_owned() + flipped;
    for answer in [wrong, right.to_uppercase() + " ", String::new()] {
        assert_fails_known_answer(changed(|model| set_metadata(model, "ansel.known_answer", answer)));
    }
}

#[test]
fn a_model_with_one_changed_bias_fails_its_recorded_answer() {
    assert_fails_known_answer(changed(|model| raw_data(model, "bias_0")[1] ^= 1));
    let last = changed(|_| ()).layers.len() - 1;
    assert_fails_known_answer(changed(|model| raw_data(model, &format!("bias_{last}"))[1] ^= 1));
}

/// Gives a layer the largest sums that the row bound allows, with both signs, and without scaling in every other row.
fn drive_to_the_bound(model: &mut ModelProto, index: usize, layer: &Layer) {
    let (inputs, rows) = layer.weights.dim();
    let weight = |i: usize, row: usize| if (i + row).is_multiple_of(3) { -53i8 } else { 59 };
    let mut biases = Vec::new();
    for row in 0..rows {
        let sum: i64 = (0..inputs).map(|i| i64::from(weight(i, row)).abs()).sum();
        let input_max = if index == 0 { 256 } else { 2047 };
        let most = (1 << 24) - 1 - DELTA_MAX - input_max * sum;
        assert!(most > 0, "the weights alone break the bound");
        biases.push(if row % 2 == 0 { most } else { -most } as i32);
    }
    let weights = (0..inputs).flat_map(|i| (0..rows).map(move |row| weight(i, row) as u8)).collect();
    *raw_data(model, &format!("weight_{index}")) = weights;
    *raw_data(model, &format!("bias_{index}")) = biases.iter().flat_map(|bias| bias.to_le_bytes()).collect();
    let scale = |row: usize| if row.is_multiple_of(2) { 1.0 / 16_384.0 } else { 1.0f32 };
    *raw_data(model, &format!("scale_{index}")) = (0..rows).flat_map(|row| scale(row).to_le_bytes()).collect();
}

#[test]
fn a_model_at_the_row_bound_is_exact() {
    let original = changed(|_| ());
    for index in 0..original.layers.len() {
        let edit = |model: &mut ModelProto| drive_to_the_bound(model, index, &original.layers[index]);
        let answer = integer_answer(&changed(edit));
        let model = Arc::new(changed(|model| {
            edit(model);
            set_metadata(model, "ansel.known_answer", answer);
        }));
        let contexts = &contexts(&model)[..300 * model.context_size()];
        let mut deltas = no_deltas(&model);
        for (row, delta) in deltas[index].iter_mut().enumerate() {
            *delta = if row % 2 == 0 { DELTA_MAX } else { -DELTA_MAX };
        }
        let expected = evaluate(&model, contexts, &deltas);
        for level in LEVELS {
            let mut network = on_graph(&model, level).expect("a session");
            network.engine.set_deltas(&narrow(&deltas)).expect("deltas");
            for batch in [1, 7, 300] {
                assert_same(&run_in_batches(&mut network, contexts, batch), &expected, &format!("layer {index}"));
            }
        }
    }
}

/// ONNX Runtime gets the types of inputs and outputs unread: it must refuse those that do not fit.
#[test]
fn a_model_whose_inputs_have_unfitting_types_is_an_error() {
    let type_of = |element: u8, shape: &[u8]| {
        let tensor = [&[8, element, 0x12, shape.len() as u8][..], shape].concat();
        [&[10, tensor.len() as u8][..], &tensor].concat()
    };
    let (five_by_two, float16, int8) = ([10, 2, 8, 5, 10, 2, 8, 2], 10, 3);
    let types = [vec![0xff; 9], vec![10, 200], type_of(1, &five_by_two), type_of(float16, &[]), type_of(int8, &[])];
    for value_type in types {
        for input in 0..2 {
            let model = changed(|model| {
                model.graph.as_mut().expect("a graph").input[input].value_type.clone_from(&value_type);
            });
            let refused = on_graph(&Arc::new(model), GraphOptimizationLevel::All).map(drop);
            let kind = refused.as_ref().map_err(Error::kind);
            assert_eq!(kind, Err(ErrorKind::Runtime), "{value_type:?} for input {input}: {refused:?}");
        }
    }
}

#[test]
fn few_pixels_need_no_session() {
    let model = registered().remove(0);
    let packed = Arc::new(Packed::new(&model.layers, model.precision()));
    for device in [Device::Auto, Device::Cpu] {
        let network =
            Network::new(model.clone(), packed.clone(), EngineRequest { device, few: true }).expect("an engine");
        let scalar = Instructions::detect() == Instructions::Scalar;
        assert_eq!(network.engine.name(), if scalar { "graph of ONNX Runtime" } else { "kernel" });
    }
}

#[test]
fn every_operator_set_that_the_contract_allows_is_exact() {
    for version in 13..=21 {
        let model = changed(|model| model.opset_import[0].version = version);
        on_graph(&Arc::new(model), GraphOptimizationLevel::All).expect("a session that passes the known-answer test");
    }
}

#[test]
fn outputs_are_converted_without_loss() {
    for value in i16::MIN..=i16::MAX {
        assert_eq!(to_integer(value.into()) as i16, value);
    }
    assert_eq!(to_integer(-0.0), 0);
}

#[test]
fn a_run_without_rows_has_no_outputs() {
    let model = registered().remove(0);
    let mut network = network(model, Device::Cpu).expect("a session");
    let mut outputs = vec![7; 9];
    network.run(&[], &mut outputs).expect("a run");
    assert!(outputs.is_empty());
}

#[test]
fn a_run_replaces_what_the_outputs_held() {
    let model = registered().remove(0);
    let mut network = network(model.clone(), Device::Cpu).expect("a session");
    let mut outputs = vec![7; 9999];
    network.run(&vec![0; 2 * model.context_size()], &mut outputs).expect("a run");
    assert_eq!(outputs.len(), LANES * model.shape.outputs());
}

#[cfg(not(feature = "cuda"))]
#[test]
fn without_cuda_in_the_build_cuda_is_an_error_and_auto_is_the_cpu() {
    let model = registered().remove(1);
    assert!(matches!(network(model.clone(), Device::Cuda), Err(Error::Runtime(reason)) if reason.contains("cuda")));
    assert!(network(model, Device::Auto).is_ok());
}

#[cfg(feature = "cuda")]
#[test]
fn with_cuda_in_the_build_a_machine_without_it_uses_the_cpu_and_says_why() {
    let model = registered().remove(1);
    let info = network(model.clone(), Device::Auto).expect("an engine on any machine").info();
    match network(model, Device::Cuda) {
        Ok(network) => {
            assert_eq!(info.device, "CUDA");
            assert_eq!(info, network.info());
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Runtime, "{error}");
            assert_eq!((info.device, info.not_cuda), ("CPU", Some(error.to_string())));
        }
    }
}
