//! The kernel, with all instruction sets of this processor, against 64-bit integers and ONNX Runtime.

use ndarray::Array2;

use super::*;
use crate::infer::known_answer;
use crate::model::contract::{CheckedModel, DELTA_MAX, EXACT, Layer, OUTPUT_MAX, OUTPUT_MIN};
use crate::model::file::ModelFile;
use crate::model::precision::Precision;
use crate::model::registry::models;
use crate::testing::Random;

type Deltas = Vec<Vec<i32>>;

fn registered() -> Vec<Arc<CheckedModel>> {
    models().iter().flat_map(|model| ModelFile::read(model.file).expect("a model of the registry").networks).collect()
}

fn kernel(layers: &[Layer], precision: Precision, instructions: Instructions) -> Kernel {
    Kernel::new(Arc::new(Packed::with_instructions(layers, precision, instructions)))
}

/// Outputs with axes (pixel, output).
fn run_rows(kernel: &mut Kernel, contexts: &[i16]) -> Vec<i16> {
    // Old contents of the buffer must not matter.
    let mut blocks = vec![i16::MIN; 12_345];
    kernel.run(contexts, &mut blocks);
    let (pixels, size) = (contexts.len() / kernel.packed.context_size(), kernel.packed.output_size());
    assert_eq!(blocks.len(), pixels.div_ceil(LANES) * size * LANES);
    let output = |pixel: usize, row: usize| blocks[(pixel / LANES * size + row) * LANES + pixel % LANES];
    (0..pixels).flat_map(|pixel| (0..size).map(move |row| (pixel, row))).map(|(p, row)| output(p, row)).collect()
}

/// The contract: `y = Clip(Floor((x W + (bias + delta)) * 2^-shift))`.
fn evaluate(layers: &[Layer], deltas: &Deltas, precision: Precision, contexts: &[i16]) -> Vec<i16> {
    let mut outputs = Vec::new();
    for row in contexts.chunks_exact(layers[0].weights.nrows()) {
        let mut values: Vec<i64> = row.iter().map(|&context| context.into()).collect();
        for (index, (layer, deltas)) in layers.iter().zip(deltas).enumerate() {
            let last = index + 1 == layers.len();
            let (low, high) = if last { (OUTPUT_MIN, OUTPUT_MAX) } else { (0, precision.activation_max().into()) };
            let output = |row: usize| {
                let products = values.iter().zip(layer.weights.column(row)).map(|(x, &weight)| x * i64::from(weight));
                let sum = products.sum::<i64>() + i64::from(layer.biases[row]) + i64::from(deltas[row]);
                assert!(sum.abs() < EXACT);
                (sum >> layer.shifts[row]).clamp(low, high)
            };
            values = (0..layer.biases.len()).map(output).collect();
        }
        outputs.extend(values.iter().map(|&value| value as i16));
    }
    outputs
}

fn no_deltas(layers: &[Layer]) -> Deltas {
    layers.iter().map(|layer| vec![0; layer.biases.len()]).collect()
}

fn assert_same(found: &[i16], expected: &[i16], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let wrong = found.iter().zip(expected).position(|(a, b)| a != b);
    assert_eq!(wrong.map(|at| (at, found[at], expected[at])), None, "{what}");
}

/// A weight: any, or an extreme one.
fn weight(random: &mut Random, extreme: bool) -> i8 {
    if extreme { [i8::MIN, i8::MAX][random.index(2)] } else { random.symmetric(127) as i8 }
}

/// A layer with deltas whose rows come close to the bound of the contract; every third row reaches it exactly.
fn layer_at_the_bound(random: &mut Random, inputs: usize, rows: usize, input_max: i64) -> (Layer, Vec<i32>) {
    let mut weights = Array2::zeros((inputs, rows));
    let (mut biases, mut shifts, mut deltas) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..rows {
        let extreme = random.below(2) == 0;
        let delta = random.symmetric(DELTA_MAX as i32);
        let mut left = EXACT - 1 - i64::from(delta).abs();
        for input in 0..inputs {
            let weight = weight(random, extreme);
            if input_max * i64::from(weight).abs() <= left {
                weights[[input, row]] = weight;
                left -= input_max * i64::from(weight).abs();
            }
        }
        // Same sign as the delta, so that both add up.
        let bias = if row % 3 == 0 { left as i32 } else { random.below(left as u32 / 2 + 1) as i32 };
        biases.push(if delta < 0 { -bias } else { bias });
        deltas.push(delta);
        shifts.push(if row % 5 == 0 { 0 } else { 6 + random.below(18) });
    }
    (Layer { weights, biases, shifts }, deltas)
}

fn network_at_the_bound(random: &mut Random, precision: Precision) -> (Vec<Layer>, Deltas) {
    let count = 1 + random.index(4);
    let mut inputs = 1 + random.index(100);
    let layer = |index: usize| {
        let input_max = precision.input_max(index == 0);
        let most = if random.below(4) == 0 { 300 } else { 40 };
        let rows = 1 + random.index(most);
        let layer = layer_at_the_bound(random, inputs, rows, input_max);
        inputs = rows;
        layer
    };
    (0..count).map(layer).unzip()
}

/// Rows of contexts: the extremes, those that drive a row of the first layer to its extreme, and random ones.
fn contexts(random: &mut Random, layer: &Layer, precision: Precision, pixels: usize) -> Vec<i16> {
    let (size, rows) = layer.weights.dim();
    let (low, high) = precision.contexts().into_inner();
    let mut contexts = Vec::with_capacity(pixels * size);
    for pixel in 0..pixels {
        let (kind, row) = (random.below(6), random.index(rows));
        let drive = |weight: i8, up: bool| if (weight > 0) == up { high } else { low };
        contexts.extend((0..size).map(|context| match kind {
            0 => low,
            1 => high,
            2 | 3 => drive(layer.weights[[context, row]], kind == 2),
            _ => random.symmetric(i32::from(high) >> (pixel % 8)) as i16,
        }));
    }
    contexts
}

#[test]
fn every_instruction_set_is_exact_at_the_contract_s_bounds() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for case in 0..120 {
        let precision = [Precision::Eleven, Precision::Eight][case % 2];
        let (layers, deltas) = network_at_the_bound(&mut random, precision);
        let pixels = if case < 80 { case } else { 1 + random.index(200) };
        let contexts = contexts(&mut random, &layers[0], precision, pixels);
        let zero = no_deltas(&layers);
        let (plain, moved) =
            (evaluate(&layers, &zero, precision, &contexts), evaluate(&layers, &deltas, precision, &contexts));
        for instructions in Instructions::available() {
            let mut kernel = kernel(&layers, precision, instructions);
            let what = format!("case {case}, {precision:?}, {}", instructions.name());
            assert_same(&run_rows(&mut kernel, &contexts), &plain, &what);
            kernel.set_deltas(&deltas);
            assert_same(&run_rows(&mut kernel, &contexts), &moved, &what);
            kernel.set_deltas(&zero);
            assert_same(&run_rows(&mut kernel, &contexts), &plain, &what);
        }
    }
}

/// Random networks rarely reach both limits of an output.
#[test]
fn outputs_are_cut_to_16_bits() {
    let sums = [-16_000_000, -32_769, -32_768, -1, 0, 1, 32_767, 32_768, 16_000_000];
    let layer = Layer { weights: Array2::zeros((1, sums.len())), biases: sums.to_vec(), shifts: vec![0; sums.len()] };
    let expected = sums.map(|sum| sum.clamp(-32_768, 32_767) as i16);
    for instructions in Instructions::available() {
        for precision in [Precision::Eleven, Precision::Eight] {
            let mut kernel = kernel(std::slice::from_ref(&layer), precision, instructions);
            assert_eq!(run_rows(&mut kernel, &[1]), expected, "{}", instructions.name());
        }
    }
}

#[test]
fn lanes_beyond_the_last_pixel_hold_outputs_of_contexts_of_zero() {
    let model = registered().remove(0);
    let mut random = Random(7);
    for instructions in Instructions::available() {
        let mut kernel = kernel(&model.layers, model.precision(), instructions);
        let mut zeros = Vec::new();
        kernel.run(&vec![0; model.context_size()], &mut zeros);
        for pixels in [1, 15, 17, 31, 33] {
            let mut outputs = Vec::new();
            kernel.run(&contexts(&mut random, &model.layers[0], model.precision(), pixels), &mut outputs);
            let last = &outputs[outputs.len() - zeros.len()..];
            for (row, zeros) in last.chunks_exact(LANES).zip(zeros.chunks_exact(LANES)) {
                let used = (pixels - 1) % LANES + 1;
                assert_eq!(row[used..], zeros[used..], "{}", instructions.name());
            }
        }
    }
}

#[test]
fn every_instruction_set_gives_the_recorded_answers_of_all_models() {
    for model in registered() {
        for instructions in Instructions::available() {
            let mut kernel = kernel(&model.layers, model.precision(), instructions);
            let answer = known_answer::digest::<()>(&model, |contexts, deltas| {
                kernel.set_deltas(deltas);
                Ok(run_rows(&mut kernel, contexts))
            });
            assert_eq!(answer.as_ref(), Ok(&model.known_answer), "{}, {}", model.name, instructions.name());
        }
    }
}

#[cfg(feature = "ort")]
#[test]
fn outputs_equal_those_of_onnx_runtime() {
    use crate::infer::graph::GraphSession;
    use ort::session::builder::GraphOptimizationLevel;

    let mut random = Random(5);
    for model in registered() {
        let mut graph = GraphSession::on_cpu(model.clone(), GraphOptimizationLevel::All).expect("ONNX Runtime");
        let mut kernel = Kernel::new(Arc::new(Packed::new(&model.layers, model.precision())));
        for magnitude in [0, 1000, DELTA_MAX as i32] {
            let mut deltas = no_deltas(&model.layers);
            deltas.iter_mut().flatten().for_each(|delta| *delta = random.symmetric(magnitude));
            kernel.set_deltas(&deltas);
            graph.set_deltas(&deltas).expect("deltas");
            let contexts = contexts(&mut random, &model.layers[0], model.precision(), 992);
            let (mut expected, mut outputs) = (Vec::new(), Vec::new());
            graph.run(&contexts, &mut expected).expect("outputs");
            kernel.run(&contexts, &mut outputs);
            assert!(outputs == expected, "{}", model.name);
        }
    }
}

#[test]
fn threads_share_a_packed_network() {
    let model = registered().remove(0);
    let packed = Arc::new(Packed::new(&model.layers, model.precision()));
    let contexts = contexts(&mut Random(3), &model.layers[0], model.precision(), 100);
    let expected = evaluate(&model.layers, &no_deltas(&model.layers), model.precision(), &contexts);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_same(&run_rows(&mut Kernel::new(packed.clone()), &contexts), &expected, "a thread"));
        }
    });
}
