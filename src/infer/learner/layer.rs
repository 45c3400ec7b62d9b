//! A layer that learns: outputs, errors of its inputs, updates. Format: section "Learning".

use std::ops::Range;

use pulp::NullaryFnOnce;

use super::Learning;
use super::biases::{Biases, Lifts, backward_shift, extended, lifts};
use super::parameters::{FRACTION, Parameters, layer_step};
use super::steps::{Activate, AddRows, ClipGradient, Pair, Update, integers, rounded, vectorised};
use crate::entropy::mixture::MixtureShape;
use crate::infer::kernel::{LANES, Lanes, Left, Product, padded, word};
use crate::model::contract::{EXACT, Layer, OUTPUT_MAX, OUTPUT_MIN, row_bound};
use crate::model::precision::Precision;

pub(super) const WEIGHT_MAX: i32 = 127;
/// Inputs whose weights are updated together.
const BLOCK: usize = 8;

/// A layer. Rows of matrices and per-row vectors are [`padded`].
#[derive(Debug)]
pub(super) struct LearningLayer {
    pub inputs: usize,
    pub rows: usize,
    pub learning: Learning,
    /// Largest magnitude of an input.
    pub input_max: i64,
    /// Inputs from this one on are flags: if no pixel has a flag, its weights are not updated.
    pub flags: usize,
    /// Range of an output.
    pub limits: (i32, i32),
    /// By row.
    pub shifts: Vec<i32>,
    /// By row, the factors for weights that make errors of all rows comparable.
    pub lifts: Lifts,
    /// The shift that brings products of errors and lifted weights back to the size of errors.
    pub backward_shift: u32,
    pub biases: Biases,
    /// At full resolution, in units of `2^-FRACTION`, with axes (input, row).
    pub weights: Parameters,
    /// The rounded weights, which the network uses: pairs of inputs, with axes (pair, block of rows).
    pub used_weights: Vec<Lanes>,
    pub used_biases: Vec<i32>,
    /// Lifted weights: pairs of rows, with axes (pair, block of inputs); empty in the first layer.
    pub lifted: Vec<Lanes>,
}

/// Buffers for products, shared by all layers.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    sums: Vec<Lanes>,
    inputs: Vec<Lanes>,
    errors: Vec<Lanes>,
}

/// This many blocks of a buffer, with their old contents.
fn room(buffer: &mut Vec<Lanes>, blocks: usize) -> &mut [Lanes] {
    if buffer.len() < blocks {
        buffer.resize(blocks, Lanes([0; LANES]));
    }
    &mut buffer[..blocks]
}

impl LearningLayer {
    pub fn new(layer: &Layer, first: bool, output: Option<MixtureShape>, learning: Learning) -> Self {
        let (inputs, rows) = layer.weights.dim();
        let step = layer_step(first, output.is_some());
        let stride = padded(rows);
        let mut start = vec![0; inputs * stride];
        for (start, weights) in start.chunks_exact_mut(stride).zip(layer.weights.outer_iter()) {
            start.iter_mut().zip(weights).for_each(|(start, &weight)| *start = i32::from(weight) << FRACTION);
        }
        let zeros = |pairs: usize, columns: usize| vec![Lanes([0; LANES]); pairs * padded(columns) / LANES];
        let mut new = Self {
            inputs,
            rows,
            learning,
            input_max: Precision::Eight.input_max(first),
            flags: inputs,
            limits: if output.is_some() {
                (OUTPUT_MIN as i32, OUTPUT_MAX as i32)
            } else {
                (0, Precision::Eight.activation_max())
            },
            shifts: extended(layer.shifts.iter().map(|&shift| shift as i32), stride),
            lifts: Lifts::new(lifts(layer, output), stride),
            backward_shift: 0,
            biases: Biases::new(layer, step, output, learning),
            weights: Parameters::new(start),
            used_weights: zeros(inputs.div_ceil(2), rows),
            used_biases: vec![0; stride],
            lifted: if first { Vec::new() } else { zeros(rows.div_ceil(2), inputs) },
        };
        new.round_weights();
        new.round_biases();
        let square = |half: i32| u64::from(half.unsigned_abs()).pow(2);
        let squares = |&word: &i32| square(i32::from(word as i16)) + square(word >> 16);
        let squares: u64 = new.lifted.iter().flat_map(|words| &words.0).map(squares).sum();
        new.backward_shift = backward_shift(squares, inputs);
        new
    }

    /// The layer's outputs, (pixels, inputs) -> (pixels, rows).
    pub fn forward(&self, inputs: &[i16], outputs: &mut [i16], scratch: &mut Scratch) {
        let (stride, pixels) = (padded(self.inputs), inputs.len() / padded(self.inputs));
        let (pairs, columns) = (self.inputs.div_ceil(2), self.rows);
        let sums = room(&mut scratch.sums, pixels * padded(columns) / LANES);
        let left = Left::Rows(inputs, stride);
        Product { left, right: &self.used_weights, result: &mut *sums, rows: pixels, pairs, columns }.compute();
        let Self { used_biases: biases, shifts, limits, .. } = self;
        vectorised(Activate { sums, outputs, rows: columns, biases, shifts, limits: *limits });
    }

    /// The errors of the inputs, which are the errors of the previous layer's rows.
    pub fn backward(&self, errors: &[i16], inputs: &[i16], previous: &mut [i16], scratch: &mut Scratch) {
        let (stride, pixels) = (padded(self.rows), errors.len() / padded(self.rows));
        let (pairs, columns) = (self.rows.div_ceil(2), self.inputs);
        let sums = room(&mut scratch.sums, pixels * padded(columns) / LANES);
        let left = Left::Rows(errors, stride);
        Product { left, right: &self.lifted, result: &mut *sums, rows: pixels, pairs, columns }.compute();
        let (most, shift) = (self.input_max as i32, self.backward_shift);
        vectorised(ClipGradient { sums, inputs, errors: previous, columns, most, shift });
    }

    /// Moves biases against the gradient.
    pub fn learn_biases(&mut self, errors: &[i16]) {
        let mut sums = vec![0; padded(self.rows)];
        vectorised(AddRows { rows: errors, sums: &mut sums });
        self.biases.learn(&mut sums);
        self.round_biases();
    }

    /// Moves weights against the gradient. The number of pixels is even.
    pub fn learn_weights(&mut self, inputs: &[i16], errors: &[i16], scratch: &mut Scratch) {
        let pull_back = u32::from(self.learning.pull_back);
        let (strides, columns) = ((padded(self.inputs), padded(self.rows)), self.rows);
        let pairs = inputs.len() / strides.0 / 2;
        let paired = room(&mut scratch.inputs, pairs * strides.0 / LANES);
        vectorised(Pair { rows: inputs, columns: self.inputs, pairs: &mut *paired });
        let right = room(&mut scratch.errors, pairs * strides.1 / LANES);
        vectorised(Pair { rows: errors, columns, pairs: &mut *right });
        let nowhere = |flag: &usize| inputs.iter().skip(*flag).step_by(strides.0).all(|&value| value == 0);
        let kept: Vec<usize> = (self.flags..self.inputs).filter(nowhere).collect();
        let (mut magnitudes, mut halves) = (vec![0; strides.1], vec![0; BLOCK * strides.1]);
        let mut gradients = vec![Lanes([0; LANES]); BLOCK * strides.1 / LANES];
        for first in (0..self.inputs).step_by(BLOCK) {
            let rows = BLOCK.min(self.inputs - first);
            let left = Left::Columns(paired, first, strides.0 / LANES);
            Product { left, right, result: &mut gradients, rows, pairs, columns }.compute();
            let Self { biases: Biases { steps, .. }, weights: parameters, .. } = &mut *self;
            let limit = WEIGHT_MAX << FRACTION;
            let gradients = integers(&gradients).chunks_exact(strides.1).zip(first..first + rows);
            for (gradients, first) in gradients.filter(|(_, input)| !kept.contains(input)) {
                vectorised(Update { parameters: &mut *parameters, first, gradients, steps, pull_back, limit });
            }
            let inputs = first..first + rows;
            vectorised(Round { layer: self, inputs, magnitudes: &mut magnitudes, halves: &mut halves });
        }
        self.keep_bound(&magnitudes);
    }

    /// Rounds all weights for the network.
    fn round_weights(&mut self) {
        let (stride, inputs) = (padded(self.rows), 0..self.inputs);
        let (magnitudes, halves) = (&mut vec![0; stride], &mut vec![0; BLOCK * stride]);
        vectorised(Round { layer: self, inputs, magnitudes, halves });
    }

    /// Rounds biases for the network.
    fn round_biases(&mut self) {
        for (row, (used, bias)) in self.used_biases.iter_mut().zip(&self.biases.of_model).enumerate() {
            *used = bias + self.biases.delta(row);
        }
    }

    /// Where rounded weights would break the bound on a row, moves the row's weights halfway back to those of the
    /// model, which keep the bound, and repeats until the row keeps it.
    fn keep_bound(&mut self, magnitudes: &[i32]) {
        let stride = padded(self.rows);
        let broken = |row: usize, sum: i32| row_bound(self.input_max, sum.into(), self.biases.of_model[row]) >= EXACT;
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
            self.round_weights();
        }
    }
}

/// Rounds the weights of some inputs, from a multiple of [`BLOCK`] on, for the network, and adds their magnitudes to the
/// sums of their rows.
struct Round<'a> {
    layer: &'a mut LearningLayer,
    inputs: Range<usize>,
    magnitudes: &'a mut [i32],
    /// Room for the weights of a block of inputs.
    halves: &'a mut [i16],
}

impl NullaryFnOnce for Round<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let LearningLayer { inputs, rows, weights, used_weights, lifted, lifts, .. } = self.layer;
        let stride = padded(*rows);
        let halves = self.halves;
        for first in self.inputs.clone().step_by(BLOCK) {
            let block = BLOCK.min(self.inputs.end - first);
            let values = weights.values[first * stride..].chunks_exact(stride).take(block);
            for (values, halves) in values.zip(halves.chunks_exact_mut(stride)) {
                for ((half, &value), magnitude) in halves.iter_mut().zip(values).zip(&mut *self.magnitudes) {
                    let weight = rounded(value, FRACTION);
                    *magnitude += weight.abs();
                    *half = weight as i16;
                }
            }
            halves[block * stride..].fill(0);
            let used: &mut [i32] = bytemuck::cast_slice_mut(used_weights);
            let used = used[first / 2 * stride..].chunks_exact_mut(stride);
            for (halves, used) in halves.chunks_exact(2 * stride).zip(used) {
                let (low, high) = halves.split_at(stride);
                used.iter_mut().zip(low.iter().zip(high)).for_each(|(used, (&low, &high))| *used = word([low, high]));
            }
            if lifted.is_empty() {
                continue;
            }
            for halves in halves.chunks_exact_mut(stride) {
                lifts.apply(halves);
            }
            // Transposes pairs of rows.
            let pairs: &mut [i32] = bytemuck::cast_slice_mut(lifted);
            let pairs = pairs.chunks_exact_mut(padded(*inputs)).map(|pairs| &mut pairs[first..first + BLOCK]);
            for (at, pairs) in pairs.enumerate() {
                for (pair, halves) in pairs.iter_mut().zip(halves.chunks_exact(stride)) {
                    *pair = word([halves[2 * at], halves[2 * at + 1]]);
                }
            }
        }
    }
}
