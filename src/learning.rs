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
//! The products are those of [`product`], not ONNX Runtime's: weights that change with every chunk would have to be inputs of
//! the graph, packed again in each call, and the products of the update have no place in it.

pub(crate) mod gradient;
mod product;

use std::ops::Range;

use pulp::NullaryFnOnce;

use self::gradient::{ERROR_MAX, Group};
use self::product::{Left, Product, padded, vectorised};
use crate::mixture::MixtureShape;
use crate::moves::{self, Moves};
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
    /// How biases alone learn, for an encoder.
    const OF_BIASES: Self = Self { chunk: 64, step: 5, pull_back: 16 };

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
        Self { chunk: 256, step: 4, pull_back: 10 }
    }
}

impl Learning {
    /// For a part of so many pixels: few of them need more updates each.
    pub fn for_pixels(pixels: usize) -> Self {
        const FEW: usize = 1 << 15;
        if pixels < FEW { Self { chunk: 64, ..Self::default() } } else { Self::default() }
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
/// log2 of the steps of the first layer, beside those of others.
const FIRST_STEP: i32 = 2;
const STEP_BITS_MAX: i32 = 20;
const GRADIENT_SHIFT: u32 = 6;
const GRADIENT_MAX: i32 = 2047;
const MOMENTUM_BITS: u32 = 4;
const BACKWARD_SHIFT_MAX: u32 = 23;
/// Inputs whose weights are updated together.
const BLOCK: usize = 8;

/// A network that learns from one tile.
#[derive(Debug)]
pub(crate) struct Learner {
    shape: MixtureShape,
    chunk: usize,
    layers: Vec<LearningLayer>,
    /// What goes into each layer, and what comes out of the last: (chunk, padded inputs).
    activations: Vec<Vec<f32>>,
    /// The errors of each layer's rows: (chunk, padded rows).
    errors: Vec<Vec<f32>>,
    /// Pixels of the chunk that are coded.
    coded: usize,
    /// If only biases learn, what becomes of them.
    averages: Option<Averages>,
}

/// The averages of what was added to biases, over all updates but the first.
#[derive(Debug)]
struct Averages {
    /// Updates, and those of them that are left out.
    updates: usize,
    left_out: usize,
    /// By layer and row.
    sums: Vec<Vec<i64>>,
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
        let errors: Vec<_> = layers.iter().map(|layer| vec![0.0; chunk * padded(layer.rows)]).collect();
        let contexts = vec![0.0; chunk * padded(model.context_size())];
        let activations = std::iter::once(contexts).chain(errors.clone()).collect();
        Self { shape: model.shape, chunk, layers, activations, errors, coded: 0, averages: None }
    }

    /// A network whose biases alone learn, from so many pixels, for an encoder to tell the result.
    pub fn of_biases(model: &CheckedModel, pixels: usize) -> Self {
        let updates = pixels / usize::from(Learning::OF_BIASES.chunk);
        let sums = model.layers.iter().map(|layer| vec![0; layer.biases.len()]).collect();
        let averages = Some(Averages { updates: 0, left_out: updates / 2, sums });
        Self { averages, ..Self::new(model, Learning::OF_BIASES) }
    }

    /// What was added to the biases of such a network, on average.
    pub fn moves(&self, model: &CheckedModel) -> Option<Moves> {
        let Averages { updates, left_out, sums } = self.averages.as_ref()?;
        let number = updates.checked_sub(*left_out).filter(|&number| number > 0)? as i64;
        let layer = |((sums, learned), layer): ((&Vec<i64>, &LearningLayer), &Layer)| {
            let unit = |shift: u32| number << (shift + moves::UNIT_BITS + FRACTION - learned.bias_bits);
            let rounded = |(sum, &shift): (&i64, &u32)| (2 * sum + unit(shift)).div_euclid(2 * unit(shift)) as i32;
            sums.iter().zip(&layer.shifts).map(rounded).collect()
        };
        Some(Moves(sums.iter().zip(&self.layers).zip(&model.layers).map(layer).collect()))
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
        let columns = self.layers[0].inputs;
        let pixels = contexts.len() / columns;
        let range = |columns: usize| self.coded * padded(columns)..(self.coded + pixels) * padded(columns);
        let rows = self.activations[0][range(columns)].chunks_exact_mut(padded(columns));
        for (row, context) in rows.zip(contexts.chunks_exact(columns)) {
            row[..columns].copy_from_slice(context);
        }
        for (index, layer) in self.layers.iter().enumerate() {
            let (before, after) = self.activations.split_at_mut(index + 1);
            layer.forward(&before[index][range(layer.inputs)], &mut after[0][range(layer.rows)]);
        }
        let last = self.activations.last().expect("a network has a layer");
        let rows = self.shape.outputs();
        outputs.clear();
        for row in last[range(rows)].chunks_exact(padded(rows)) {
            outputs.extend(row[..rows].iter().map(|&output| to_integer(output) as i16));
        }
    }

    /// Where the errors of a pixel belong; pixels are counted from the first of the last [`run`](Self::run).
    pub fn errors(&mut self, pixel: usize) -> &mut [f32] {
        let outputs = self.shape.outputs();
        let errors = self.errors.last_mut().expect("a network has a layer");
        &mut errors[(self.coded + pixel) * padded(outputs)..][..outputs]
    }

    /// Whether all rows are exact in float32.
    #[cfg(any(test, fuzzing))]
    pub fn keeps_contract(&self) -> bool {
        let row = |layer: &LearningLayer, row: usize| {
            let weights = layer.used_weights.iter().skip(row).step_by(padded(layer.rows));
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
            layer.learn_biases(&errors[0]);
            if self.averages.is_none() {
                layer.learn_weights(inputs, &errors[0], self.chunk);
            }
        }
        let Some(Averages { updates, left_out, sums }) = &mut self.averages else { return };
        *updates += 1;
        if updates > left_out {
            for (sums, layer) in sums.iter_mut().zip(&self.layers) {
                sums.iter_mut().zip(&layer.moves.values).for_each(|(sum, &value)| *sum += i64::from(value));
            }
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

/// One layer; matrices have the axes (input, row), rows [`padded`]; what belongs to rows is [`padded`], too.
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
    /// (row, input); of the first layer, none.
    lifted: Vec<f32>,
}

impl LearningLayer {
    fn new(layer: &Layer, first: bool, output: Option<MixtureShape>, learning: Learning) -> Self {
        let (inputs, rows) = layer.weights.dim();
        let group = |row: usize| output.map_or(Group::HIDDEN, |shape| Group::of(shape, row));
        let steps = |row: usize| {
            let kind = if first { FIRST_STEP } else { 0 };
            let bits = layer.shifts[row] as i32 + i32::from(learning.step) + kind + group(row).step;
            1 << bits.clamp(0, STEP_BITS_MAX)
        };
        // An error is worth the less, the larger this is. 8 bits of error and 7 of weight leave 8 to lift and rows.
        let worth: Vec<i32> = (0..rows).map(|row| (layer.shifts[row] + group(row).bits) as i32).collect();
        let least = worth.iter().min().expect("a layer has rows");
        let lift = 8 - rows.next_power_of_two().ilog2() as i32;
        let stride = padded(rows);
        let mut start = vec![0; inputs * stride];
        for (start, weights) in start.chunks_exact_mut(stride).zip(layer.weights.outer_iter()) {
            start.iter_mut().zip(weights).for_each(|(start, &weight)| *start = i32::from(weight) << FRACTION);
        }
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
            scales: extended(layer.shifts.iter().map(|&shift| power_of_two(-(shift as i32))), stride),
            steps: extended((0..rows).map(steps), stride),
            lifts: extended(worth.iter().map(|worth| power_of_two(lift - (worth - least))), stride),
            backward_scale: 1.0,
            biases: extended(layer.biases.iter().copied(), stride),
            weights: Parameters::new(start),
            moves: Parameters::new(vec![0; stride]),
            used_weights: vec![0.0; inputs * stride],
            used_biases: vec![0.0; stride],
            lifted: vec![0.0; if first { 0 } else { rows * padded(inputs) }],
        };
        vectorised(Round { layer: &mut new, inputs: 0..inputs, magnitudes: &mut vec![0; stride] });
        new.round_biases();
        // An input's error has about the size of the errors that it comes from.
        let squares: u64 = new.lifted.iter().map(|&weight| u64::from(to_integer(weight).unsigned_abs()).pow(2)).sum();
        let shift = (2 * squares / inputs as u64).max(1).ilog2() / 2;
        new.backward_scale = power_of_two(-(shift.min(BACKWARD_SHIFT_MAX) as i32));
        new
    }

    /// The layer's outputs: (pixels, inputs) -> (pixels, rows).
    fn forward(&self, inputs: &[f32], outputs: &mut [f32]) {
        let (stride, pixels) = (padded(self.inputs), inputs.len() / padded(self.inputs));
        let (left, right) = (Left::Rows(inputs, stride), &self.used_weights[..]);
        let (inner, columns) = (self.inputs, self.rows);
        Product { left, right, result: outputs, rows: pixels, inner, columns }.compute();
        let Self { used_biases, scales, limits, .. } = self;
        vectorised(Activate { sums: outputs, columns, biases: used_biases, scales, limits: *limits });
    }

    /// The errors of the inputs, which are those of the rows of the layer before.
    fn backward(&self, errors: &[f32], inputs: &[f32], previous: &mut [f32]) {
        let (stride, pixels) = (padded(self.rows), errors.len() / padded(self.rows));
        let (left, right) = (Left::Rows(errors, stride), &self.lifted[..]);
        Product { left, right, result: previous, rows: pixels, inner: self.rows, columns: self.inputs }.compute();
        vectorised(Close { sums: previous, inputs, scale: self.backward_scale });
    }

    /// Moves biases against the gradient.
    fn learn_biases(&mut self, errors: &[f32]) {
        let stride = padded(self.rows);
        let pull_back = u32::from(self.learning.pull_back);
        let mut sums = vec![0.0; stride];
        let input = power_of_two((self.bias_bits - self.narrowed) as i32);
        vectorised(AddRows { rows: errors, sums: &mut sums, scale: input });
        let limit = BIAS_MOVE_MAX << (FRACTION - self.bias_bits);
        let Self { steps, moves, .. } = &mut *self;
        vectorised(Update { parameters: moves, first: 0, gradients: &sums, steps, pull_back, limit });
        self.round_biases();
    }

    /// Moves weights against the gradient.
    fn learn_weights(&mut self, inputs: &mut [f32], errors: &[f32], pixels: usize) {
        let stride = padded(self.rows);
        let pull_back = u32::from(self.learning.pull_back);
        vectorised(Narrow { values: inputs, scale: power_of_two(-(self.narrowed as i32)) });
        let mut magnitudes = vec![0; stride];
        let mut gradients = vec![0.0; BLOCK * stride];
        for first in (0..self.inputs).step_by(BLOCK) {
            let rows = BLOCK.min(self.inputs - first);
            let left = Left::Columns(&inputs[first..], padded(self.inputs));
            let (result, columns) = (&mut gradients[..rows * stride], self.rows);
            Product { left, right: errors, result, rows, inner: pixels, columns }.compute();
            let Self { steps, weights: parameters, .. } = &mut *self;
            let (gradients, limit) = (&gradients[..rows * stride], WEIGHT_MAX << FRACTION);
            vectorised(Update { parameters, first, gradients, steps, pull_back, limit });
            vectorised(Round { layer: self, inputs: first..first + rows, magnitudes: &mut magnitudes });
        }
        self.keep_bound(&magnitudes);
    }

    /// Rounds biases to what the network uses.
    fn round_biases(&mut self) {
        let bits = FRACTION - self.bias_bits;
        for ((used, bias), value) in self.used_biases.iter_mut().zip(&self.biases).zip(&self.moves.values) {
            *used = (bias + rounded(*value, bits)) as f32;
        }
    }

    /// Where rounded weights would break the bound on a row, the row's weights go half of the way back to those of the
    /// model, which keep it, until it holds.
    fn keep_bound(&mut self, magnitudes: &[i32]) {
        let stride = padded(self.rows);
        let broken = |row: usize, sum: i32| row_bound(self.input_max, sum.into(), self.biases[row]) >= EXACT;
        let all: Vec<usize> = (0..self.rows).filter(|&row| broken(row, magnitudes[row])).collect();
        for &row in &all {
            loop {
                let Parameters { pretrained, values, .. } = &mut self.weights;
                let values = values.iter_mut().skip(row).step_by(stride);
                for (value, pretrained) in values.zip(pretrained.iter().skip(row).step_by(stride)) {
                    *value = pretrained + (*value - pretrained) / 2;
                }
                let values = self.weights.values.iter().skip(row).step_by(stride);
                if !broken(row, values.map(|&value| rounded(value, FRACTION).abs()).sum()) {
                    break;
                }
            }
        }
        if !all.is_empty() {
            let inputs = self.inputs;
            vectorised(Round { layer: self, inputs: 0..inputs, magnitudes: &mut vec![0; stride] });
        }
    }
}

/// One step of Lion for the parameters from an input on, with a pull back to where they came from.
struct Update<'a> {
    parameters: &'a mut Parameters,
    first: usize,
    /// Sums of products; whole rows.
    gradients: &'a [f32],
    steps: &'a [i32],
    pull_back: u32,
    /// Largest magnitude of a value.
    limit: i32,
}

impl NullaryFnOnce for Update<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        const HALF: i32 = 1 << (GRADIENT_SHIFT - 1);
        const LIMIT: f32 = ((GRADIENT_MAX + 1) << GRADIENT_SHIFT) as f32;
        let Self { parameters, first, gradients, steps, pull_back, limit } = self;
        let stride = steps.len();
        let range = first * stride..first * stride + gradients.len();
        let Parameters { pretrained, values, momenta } = parameters;
        let values =
            values[range.clone()].chunks_exact_mut(stride).zip(momenta[range.clone()].chunks_exact_mut(stride));
        let sources = pretrained[range].chunks_exact(stride).zip(gradients.chunks_exact(stride));
        for ((values, momenta), (pretrained, gradients)) in values.zip(sources) {
            let values = values.iter_mut().zip(momenta).zip(pretrained);
            for (((value, momentum), pretrained), (&gradient, &step)) in values.zip(gradients.iter().zip(steps)) {
                let gradient = (to_integer(clamp(gradient, (-LIMIT, LIMIT))) + HALF) >> GRADIENT_SHIFT;
                let gradient = gradient.clamp(-GRADIENT_MAX, GRADIENT_MAX);
                let average = rounded(*momentum, MOMENTUM_BITS);
                *momentum += gradient - average;
                let direction = 3 * average + gradient;
                let down = if direction > 0 { step } else { 0 };
                let up = if direction < 0 { step } else { 0 };
                let moved = *value - down + up;
                *value = (moved - rounded(moved - pretrained, pull_back)).clamp(-limit, limit);
            }
        }
    }
}

/// Rounds the weights of some inputs to what the network uses, and adds their magnitudes to those of their rows.
struct Round<'a> {
    layer: &'a mut LearningLayer,
    inputs: Range<usize>,
    magnitudes: &'a mut [i32],
}

impl NullaryFnOnce for Round<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let LearningLayer { inputs, rows, weights, used_weights, lifted, lifts, .. } = self.layer;
        let stride = padded(*rows);
        let range = self.inputs.start * stride..self.inputs.end * stride;
        let values = weights.values[range.clone()].chunks_exact(stride);
        for (used, values) in used_weights[range.clone()].chunks_exact_mut(stride).zip(values) {
            for ((used, &value), magnitude) in used.iter_mut().zip(values).zip(&mut *self.magnitudes) {
                let weight = rounded(value, FRACTION);
                *magnitude += weight.abs();
                *used = weight as f32;
            }
        }
        let used = &used_weights[range];
        for (row, (lifted, &lift)) in lifted.chunks_exact_mut(padded(*inputs)).zip(&*lifts).enumerate() {
            for (lifted, used) in lifted[self.inputs.clone()].iter_mut().zip(used.chunks_exact(stride)) {
                *lifted = floor(used[row] * lift + 0.5);
            }
        }
    }
}

/// Sums -> outputs of a layer, in rows of so many columns.
struct Activate<'a> {
    sums: &'a mut [f32],
    columns: usize,
    biases: &'a [f32],
    scales: &'a [f32],
    limits: (f32, f32),
}

impl NullaryFnOnce for Activate<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for row in self.sums.chunks_exact_mut(padded(self.columns)) {
            for ((sum, bias), scale) in row[..self.columns].iter_mut().zip(self.biases).zip(self.scales) {
                *sum = floor(clamp((*sum + bias) * scale, self.limits));
            }
        }
    }
}

/// Sums -> errors of inputs; of those that are at an end of their range, none.
struct Close<'a> {
    sums: &'a mut [f32],
    inputs: &'a [f32],
    scale: f32,
}

impl NullaryFnOnce for Close<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let limits = (-ERROR_MAX as f32, ERROR_MAX as f32);
        for (sum, &input) in self.sums.iter_mut().zip(self.inputs) {
            let error = floor(clamp(*sum * self.scale + 0.5, limits));
            *sum = if input > 0.0 && input < ACTIVATION_MAX as f32 { error } else { 0.0 };
        }
    }
}

/// Rows -> their scaled sum.
struct AddRows<'a> {
    rows: &'a [f32],
    sums: &'a mut [f32],
    scale: f32,
}

impl NullaryFnOnce for AddRows<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for row in self.rows.chunks_exact(self.sums.len()) {
            self.sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value * self.scale);
        }
    }
}

/// Scales values down, and rounds them down.
struct Narrow<'a> {
    values: &'a mut [f32],
    scale: f32,
}

impl NullaryFnOnce for Narrow<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.values.iter_mut().for_each(|value| *value = floor(*value * self.scale));
    }
}

/// Values, and zeros up to a length.
fn extended<T: Copy + Default>(values: impl Iterator<Item = T>, length: usize) -> Vec<T> {
    values.chain(std::iter::repeat(T::default())).take(length).collect()
}

/// `value / 2^bits`, rounded.
#[inline(always)]
fn rounded(value: i32, bits: u32) -> i32 {
    (value + (1 << (bits - 1))) >> bits
}

/// For exponents from -126 to 127.
fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits(((127 + exponent) as u32) << 23)
}

/// Adding 1.5 * 2^23 rounds a float32 to an integer, which is then in its low bits. Compilers vectorise this for every
/// processor, and not `f32::floor` and `as`.
const SHIFTER: f32 = 12_582_912.0;

/// Rounds down a number of magnitude up to 2^21.
#[inline(always)]
fn floor(value: f32) -> f32 {
    let rounded = (value + SHIFTER) - SHIFTER;
    if rounded > value { rounded - 1.0 } else { rounded }
}

/// An integer of magnitude up to 2^21 that float32 carries.
#[inline(always)]
fn to_integer(value: f32) -> i32 {
    (value + SHIFTER).to_bits().wrapping_sub(SHIFTER.to_bits()) as i32
}

#[inline(always)]
fn clamp(value: f32, (low, high): (f32, f32)) -> f32 {
    let value = if value < low { low } else { value };
    if value > high { high } else { value }
}

#[cfg(test)]
mod tests;
