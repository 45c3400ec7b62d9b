//! Exact learning while coding: after each chunk of pixels, encoder and decoder take the same step on the network's
//! weights, from the pixels just coded. Input: contexts, and the errors of what was coded. Output: network outputs, as
//! [`Network`](crate::network::Network) gives them, of a network that changes. Format: section "Learning".
//!
//! This is dynamic evaluation (Krause et al. 2018), which NNCP (Bellard 2019) brought to lossless compression, with the
//! sign updates of Lion (Chen et al. 2023). All of it is integer arithmetic. Matrix products carry the integers in
//! float32, and no sum in them reaches 2^24, so that they are exact in any order:
//!
//! * the network itself, by the contract's bound on rows, which every update keeps;
//! * errors times weights: `255 * 127 * 2^lift * rows < 2^23`, see [`LearningLayer::new`];
//! * errors times inputs, over a chunk: `255 * 256 * 256 < 2^24`.
//!
//! The products are ndarray's (`matrixmultiply`), not ONNX Runtime's: weights that change with every chunk would have to
//! be inputs of the graph, packed again in each call, and the products of the update have no place in it.

pub(crate) mod gradient;

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};

use self::gradient::{ERROR_MAX, Group};
use crate::mixture::MixtureShape;
use crate::network::contract::{
    ACTIVATION_MAX, CheckedModel, DELTA_MAX, EXACT, Layer, OUTPUT_MAX, OUTPUT_MIN, input_max, row_bound,
};

/// How a network learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Learning {
    /// Pixels between two updates.
    pub chunk: u16,
    /// log2 of a step, beside what belongs to layer and row.
    pub step: u8,
    /// Each update takes weights `2^-pull_back` of the way back to those of the model.
    pub pull_back: u8,
}

impl Learning {
    /// Whether a file may ask for this. Smaller chunks would let a short file keep a decoder busy.
    pub fn is_allowed(self) -> bool {
        (64..=256).contains(&self.chunk) && self.step <= 8 && (4..=16).contains(&self.pull_back)
    }

    /// Whether a tile of so many pixels has any that are coded after an update. To make a learner for others would be
    /// much work for a short stream.
    pub fn fits(self, pixels: usize) -> bool {
        pixels > self.chunk.into()
    }
}

impl Default for Learning {
    /// The best on photographs that no model was trained on.
    fn default() -> Self {
        Self { chunk: 128, step: 4, pull_back: 10 }
    }
}

/// Fractional bits of the weights that updates change; the network uses them rounded.
const FRACTION: u32 = 16;
const WEIGHT_MAX: i32 = 127;
/// Largest magnitude of what is added to a bias.
const BIAS_MOVE_MAX: i32 = DELTA_MAX as i32 / 2;
/// Hidden activations, of 11 bits, lose these in the products of gradients.
const NARROWED: u32 = 3;
/// A bias is a weight whose input is 2^5 in the first layer; in others 2^7, or narrowed 2^4.
const FIRST_BIAS_BITS: u32 = 5;
const BIAS_BITS: u32 = 7;
/// log2 of the steps of the first and the last layer, beside those of others.
const FIRST_STEP: i32 = 2;
const LAST_STEP: i32 = 1;
const STEP_BITS_MAX: i32 = 20;
const GRADIENT_SHIFT: u32 = 6;
const GRADIENT_MAX: i32 = 2047;
const MOMENTUM_BITS: u32 = 4;
const BACKWARD_SHIFT_MAX: u32 = 23;

/// A network that learns from one tile.
#[derive(Debug)]
pub(crate) struct Learner {
    shape: MixtureShape,
    chunk: usize,
    layers: Vec<LearningLayer>,
    /// What goes into each layer, and what comes out of the last: (chunk, inputs).
    activations: Vec<Vec<f32>>,
    /// The errors of each layer's rows: (chunk, rows).
    errors: Vec<Vec<f32>>,
    /// Pixels of the chunk that are coded.
    coded: usize,
}

impl Learner {
    /// A network that starts with the weights of a model, which has no pinned components.
    pub fn new(model: &CheckedModel, learning: Learning) -> Self {
        let chunk = usize::from(learning.chunk);
        let last = model.layers.len() - 1;
        let layer = |(index, layer): (usize, &Layer)| {
            let output = (index == last).then_some(model.shape);
            LearningLayer::new(layer, index == 0, output, learning)
        };
        let layers: Vec<_> = model.layers.iter().enumerate().map(layer).collect();
        let errors: Vec<_> = layers.iter().map(|layer| vec![0.0; chunk * layer.rows]).collect();
        let activations = std::iter::once(vec![0.0; chunk * model.context_size()]).chain(errors.clone()).collect();
        Self { shape: model.shape, chunk, layers, activations, errors, coded: 0 }
    }

    /// What the mixture is made of.
    pub fn shape(&self) -> MixtureShape {
        self.shape
    }

    /// Pixels until the next update: at most so many may be evaluated before they are coded.
    pub fn room(&self) -> usize {
        self.chunk - self.coded
    }

    /// Evaluates rows of contexts, as [`Network::run`](crate::network::Network::run) does.
    pub fn run(&mut self, contexts: &[f32], outputs: &mut Vec<i16>) {
        let columns = self.activations[0].len() / self.chunk;
        let pixels = contexts.len() / columns;
        let range = |columns: usize| self.coded * columns..(self.coded + pixels) * columns;
        self.activations[0][range(columns)].copy_from_slice(contexts);
        for (index, layer) in self.layers.iter().enumerate() {
            let (before, after) = self.activations.split_at_mut(index + 1);
            layer.forward(&before[index][range(layer.inputs)], &mut after[0][range(layer.rows)]);
        }
        let last = self.activations.last().expect("a network has a layer");
        outputs.clear();
        outputs.extend(last[range(self.shape.outputs())].iter().map(|&output| to_integer(output) as i16));
    }

    /// Where the errors of a pixel belong; pixels are counted from the first of the last [`run`](Self::run).
    pub fn errors(&mut self, pixel: usize) -> &mut [f32] {
        let outputs = self.shape.outputs();
        let errors = self.errors.last_mut().expect("a network has a layer");
        &mut errors[(self.coded + pixel) * outputs..][..outputs]
    }

    /// Whether all rows are exact in float32.
    #[cfg(any(test, fuzzing))]
    pub fn keeps_contract(&self) -> bool {
        let row = |layer: &LearningLayer, row: usize| {
            let weights = layer.used_weights.iter().skip(row).step_by(layer.rows);
            let sum: f64 = weights.map(|&weight| f64::from(weight).abs()).sum();
            layer.input_max as f64 * sum + f64::from(layer.used_biases[row]).abs() < EXACT as f64
        };
        let valid = |weight: &f32| weight.abs() <= WEIGHT_MAX as f32 && *weight == weight.trunc();
        self.layers
            .iter()
            .all(|layer| layer.used_weights.iter().all(valid) && (0..layer.rows).all(|index| row(layer, index)))
    }

    /// Goes on behind so many pixels, whose errors are known; after a whole chunk, the network learns.
    pub fn advance(&mut self, pixels: usize) {
        self.coded += pixels;
        if self.coded < self.chunk {
            return;
        }
        self.coded = 0;
        for (index, layer) in self.layers.iter_mut().enumerate().rev() {
            let (before, errors) = self.errors.split_at_mut(index);
            let inputs = &mut self.activations[index];
            if let Some(previous) = before.last_mut() {
                layer.backward(&errors[0], inputs, previous);
            }
            layer.learn(inputs, &errors[0]);
        }
    }
}

/// Parameters in their finest form.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Parameters {
    pretrained: Vec<i32>,
    values: Vec<i32>,
    momenta: Vec<i32>,
}

impl Parameters {
    fn new(pretrained: Vec<i32>) -> Self {
        Self { values: pretrained.clone(), momenta: vec![0; pretrained.len()], pretrained }
    }
}

/// One layer; matrices have the axes (input, row).
#[derive(Debug)]
struct LearningLayer {
    inputs: usize,
    rows: usize,
    learning: Learning,
    /// Largest magnitude of an input.
    input_max: i64,
    /// Range of an output.
    limits: (f32, f32),
    /// The input that a bias is the weight of, in bits.
    bias_bits: u32,
    /// Bits that the inputs lose in the gradient.
    narrowed: u32,
    /// `2^-shift`, by row.
    scales: Vec<f32>,
    /// Step of an update, by row.
    steps: Vec<i32>,
    /// By row, what a weight is multiplied by to make errors of all rows comparable.
    lifts: Vec<f32>,
    /// What brings the products of errors and lifted weights back to the size of errors.
    backward_scale: f32,
    /// The biases of the model.
    biases: Vec<i32>,
    /// In units of `2^-FRACTION`.
    weights: Parameters,
    /// What is added to the biases, in units of `2^(bias_bits - FRACTION)`.
    moves: Parameters,
    /// What the network uses.
    used_weights: Vec<f32>,
    used_biases: Vec<f32>,
    lifted: Vec<f32>,
    gradient: Vec<f32>,
}

impl LearningLayer {
    fn new(layer: &Layer, first: bool, output: Option<MixtureShape>, learning: Learning) -> Self {
        let (inputs, rows) = layer.weights.dim();
        let group = |row: usize| output.map_or(Group::HIDDEN, |shape| Group::of(shape, row));
        let steps = |row: usize| {
            let kind = if first { FIRST_STEP } else { 0 } + if output.is_some() { LAST_STEP } else { 0 };
            let bits = layer.shifts[row] as i32 + i32::from(learning.step) + kind + group(row).step;
            1 << bits.clamp(0, STEP_BITS_MAX)
        };
        // An error is worth the less, the larger this is. 8 bits of error and 7 of weight leave 8 to lift and rows.
        let worth: Vec<i32> = (0..rows).map(|row| (layer.shifts[row] + group(row).bits) as i32).collect();
        let least = worth.iter().min().expect("a layer has rows");
        let lift = 8 - rows.next_power_of_two().ilog2() as i32;
        let start = layer.weights.iter().map(|&weight| i32::from(weight) << FRACTION).collect();
        let mut new = Self {
            inputs,
            rows,
            learning,
            input_max: input_max(first),
            limits: if output.is_some() {
                (OUTPUT_MIN as f32, OUTPUT_MAX as f32)
            } else {
                (0.0, ACTIVATION_MAX as f32)
            },
            bias_bits: if first { FIRST_BIAS_BITS } else { BIAS_BITS },
            narrowed: if first { 0 } else { NARROWED },
            scales: layer.shifts.iter().map(|&shift| power_of_two(-(shift as i32))).collect(),
            steps: (0..rows).map(steps).collect(),
            lifts: worth.iter().map(|worth| power_of_two(lift - (worth - least))).collect(),
            backward_scale: 1.0,
            biases: layer.biases.clone(),
            weights: Parameters::new(start),
            moves: Parameters::new(vec![0; rows]),
            used_weights: vec![0.0; inputs * rows],
            used_biases: vec![0.0; rows],
            lifted: vec![0.0; inputs * rows],
            gradient: vec![0.0; inputs * rows],
        };
        new.round();
        // An input's error has about the size of the errors that it comes from.
        let squares: u64 = new.lifted.iter().map(|&weight| u64::from(to_integer(weight).unsigned_abs()).pow(2)).sum();
        let shift = (2 * squares / inputs as u64).max(1).ilog2() / 2;
        new.backward_scale = power_of_two(-(shift.min(BACKWARD_SHIFT_MAX) as i32));
        new
    }

    /// The layer's outputs: (pixels, inputs) -> (pixels, rows).
    fn forward(&self, inputs: &[f32], outputs: &mut [f32]) {
        let weights = matrix(&self.used_weights, self.rows);
        general_mat_mul(1.0, &matrix(inputs, self.inputs), &weights, 0.0, &mut matrix_mut(outputs, self.rows));
        for row in outputs.chunks_exact_mut(self.rows) {
            for ((output, bias), scale) in row.iter_mut().zip(&self.used_biases).zip(&self.scales) {
                *output = floor(clamp((*output + bias) * scale, self.limits));
            }
        }
    }

    /// The errors of the inputs, which are those of the rows of the layer before.
    fn backward(&self, errors: &[f32], inputs: &[f32], previous: &mut [f32]) {
        let lifted = matrix(&self.lifted, self.rows);
        general_mat_mul(1.0, &matrix(errors, self.rows), &lifted.t(), 0.0, &mut matrix_mut(previous, self.inputs));
        let limits = (-ERROR_MAX as f32, ERROR_MAX as f32);
        for (error, &input) in previous.iter_mut().zip(inputs) {
            let rounded = floor(clamp(*error * self.backward_scale + 0.5, limits));
            *error = if input > 0.0 && input < ACTIVATION_MAX as f32 { rounded } else { 0.0 };
        }
    }

    /// Moves weights and biases against the gradient.
    fn learn(&mut self, inputs: &mut [f32], errors: &[f32]) {
        let narrow = power_of_two(-(self.narrowed as i32));
        inputs.iter_mut().for_each(|input| *input = floor(*input * narrow));
        let inputs = matrix(inputs, self.inputs);
        let mut gradient = matrix_mut(&mut self.gradient, self.rows);
        general_mat_mul(1.0, &inputs.t(), &matrix(errors, self.rows), 0.0, &mut gradient);
        let Self { weights, moves, steps, .. } = self;
        let pull_back = u32::from(self.learning.pull_back);
        update(weights, &self.gradient, steps, pull_back, WEIGHT_MAX << FRACTION);
        let mut sums = vec![0.0; self.rows];
        for row in errors.chunks_exact(self.rows) {
            sums.iter_mut().zip(row).for_each(|(sum, error)| *sum += error);
        }
        let input = power_of_two((self.bias_bits - self.narrowed) as i32);
        sums.iter_mut().for_each(|sum| *sum *= input);
        update(moves, &sums, steps, pull_back, BIAS_MOVE_MAX << (FRACTION - self.bias_bits));
        self.round();
    }

    /// Rounds the parameters to what the network uses. Where that would break the bound on a row, the row's weights go
    /// half of the way back to those of the model, which keep it, until it holds.
    fn round(&mut self) {
        let half = |bits: u32| 1 << (bits - 1);
        let move_bits = FRACTION - self.bias_bits;
        for ((used, bias), value) in self.used_biases.iter_mut().zip(&self.biases).zip(&self.moves.values) {
            *used = (bias + ((value + half(move_bits)) >> move_bits)) as f32;
        }
        loop {
            let mut sums = vec![0; self.rows];
            let values = self.weights.values.chunks_exact(self.rows);
            for (used, values) in self.used_weights.chunks_exact_mut(self.rows).zip(values) {
                for ((used, value), sum) in used.iter_mut().zip(values).zip(&mut sums) {
                    let weight = (value + half(FRACTION)) >> FRACTION;
                    *sum += weight.abs();
                    *used = weight as f32;
                }
            }
            let broken = |row: &usize| row_bound(self.input_max, sums[*row].into(), self.biases[*row]) >= EXACT;
            let broken: Vec<usize> = (0..self.rows).filter(broken).collect();
            if broken.is_empty() {
                break;
            }
            let Parameters { pretrained, values, .. } = &mut self.weights;
            for (values, pretrained) in values.chunks_exact_mut(self.rows).zip(pretrained.chunks_exact(self.rows)) {
                broken.iter().for_each(|&row| values[row] = pretrained[row] + (values[row] - pretrained[row]) / 2);
            }
        }
        for (lifted, used) in self.lifted.chunks_exact_mut(self.rows).zip(self.used_weights.chunks_exact(self.rows)) {
            for ((lifted, used), lift) in lifted.iter_mut().zip(used).zip(&self.lifts) {
                *lifted = floor(used * lift + 0.5);
            }
        }
    }
}

/// One step of Lion with a pull back to where the parameters came from. Gradients are sums of products; one step a row.
fn update(parameters: &mut Parameters, gradients: &[f32], steps: &[i32], pull_back: u32, limit: i32) {
    let rows = steps.len();
    let Parameters { pretrained, values, momenta } = parameters;
    let values = values.chunks_exact_mut(rows).zip(momenta.chunks_exact_mut(rows));
    let sources = pretrained.chunks_exact(rows).zip(gradients.chunks_exact(rows));
    let (scale, limits) = (power_of_two(-(GRADIENT_SHIFT as i32)), (-GRADIENT_MAX as f32, GRADIENT_MAX as f32));
    for ((values, momenta), (pretrained, gradients)) in values.zip(sources) {
        for row in 0..rows {
            let gradient = to_integer(floor(clamp(gradients[row] * scale + 0.5, limits)));
            let average = (momenta[row] + (1 << (MOMENTUM_BITS - 1))) >> MOMENTUM_BITS;
            momenta[row] += gradient - average;
            let moved = values[row] - steps[row] * (3 * average + gradient).signum();
            let back = (moved - pretrained[row] + (1 << (pull_back - 1))) >> pull_back;
            values[row] = (moved - back).clamp(-limit, limit);
        }
    }
}

fn matrix(values: &[f32], columns: usize) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((values.len() / columns, columns), values).expect("whole rows")
}

fn matrix_mut(values: &mut [f32], columns: usize) -> ArrayViewMut2<'_, f32> {
    ArrayViewMut2::from_shape((values.len() / columns, columns), values).expect("whole rows")
}

/// For exponents from -126 to 127.
fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits(((127 + exponent) as u32) << 23)
}

/// Adding 1.5 * 2^23 rounds a float32 to an integer, which is then in its low bits. Compilers vectorise this for every
/// processor, and not `f32::floor` and `as`.
const SHIFTER: f32 = 12_582_912.0;

/// Rounds down a number of magnitude up to 2^21.
fn floor(value: f32) -> f32 {
    let rounded = (value + SHIFTER) - SHIFTER;
    if rounded > value { rounded - 1.0 } else { rounded }
}

/// An integer of magnitude up to 2^21 that float32 carries.
fn to_integer(value: f32) -> i32 {
    (value + SHIFTER).to_bits().wrapping_sub(SHIFTER.to_bits()) as i32
}

fn clamp(value: f32, (low, high): (f32, f32)) -> f32 {
    let value = if value < low { low } else { value };
    if value > high { high } else { value }
}

#[cfg(test)]
mod tests;
