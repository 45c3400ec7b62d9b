//! A layer that learns: outputs, errors of its inputs, updates. Format: section "Learning".

use std::ops::Range;

use pulp::NullaryFnOnce;

use super::Learning;
use super::biases::{Biases, backward_shift, extended, lifts};
use super::parameters::{FRACTION, Parameters, Units};
use super::product::{Left, Product, padded, vectorised};
use super::steps::{Activate, AddRows, ClipGradient, Narrow, Update, floor, power_of_two, rounded};
use crate::entropy::mixture::MixtureShape;
use crate::infer::to_integer;
use crate::model::contract::{EXACT, Layer, OUTPUT_MAX, OUTPUT_MIN, row_bound};
use crate::model::precision::Precision;

pub(super) const WEIGHT_MAX: i32 = 127;
/// Inputs whose weights are updated together.
const BLOCK: usize = 8;

/// A layer. Matrices have the axes (input, row); rows and per-row vectors are [`padded`].
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
    pub limits: (f32, f32),
    /// `2^-shift`, by row.
    pub scales: Vec<f32>,
    /// By row, the factor for weights that makes errors of all rows comparable.
    pub lifts: Vec<f32>,
    /// The factor that brings products of errors and lifted weights back to the size of errors.
    pub backward_scale: f32,
    pub biases: Biases,
    /// At full resolution, in units of `2^-FRACTION`.
    pub weights: Parameters,
    /// The rounded weights, which the network uses.
    pub used_weights: Vec<f32>,
    pub used_biases: Vec<f32>,
    /// Lifted weights, with axes (row, input); empty in the first layer.
    pub lifted: Vec<f32>,
}

impl LearningLayer {
    pub fn new(
        layer: &Layer,
        (first, precision): (bool, Precision),
        output: Option<MixtureShape>,
        learning: Learning,
    ) -> Self {
        let (inputs, rows) = layer.weights.dim();
        let units = Units::of(precision, first, output.is_some());
        let stride = padded(rows);
        let mut start = vec![0; inputs * stride];
        for (start, weights) in start.chunks_exact_mut(stride).zip(layer.weights.outer_iter()) {
            start.iter_mut().zip(weights).for_each(|(start, &weight)| *start = i32::from(weight) << FRACTION);
        }
        let mut new = Self {
            inputs,
            rows,
            learning,
            input_max: precision.input_max(first),
            flags: inputs,
            limits: if output.is_some() {
                (OUTPUT_MIN as f32, OUTPUT_MAX as f32)
            } else {
                (0.0, precision.activation_max() as f32)
            },
            scales: extended(layer.shifts.iter().map(|&shift| power_of_two(-(shift as i32))), stride),
            lifts: extended(lifts(layer, output).map(power_of_two), stride),
            backward_scale: 1.0,
            biases: Biases::new(layer, units, output, learning),
            weights: Parameters::new(start),
            used_weights: vec![0.0; inputs * stride],
            used_biases: vec![0.0; stride],
            lifted: vec![0.0; if first { 0 } else { rows * padded(inputs) }],
        };
        vectorised(Round { layer: &mut new, inputs: 0..inputs, magnitudes: &mut vec![0; stride] });
        new.round_biases();
        let squares: u64 = new.lifted.iter().map(|&weight| u64::from(to_integer(weight).unsigned_abs()).pow(2)).sum();
        new.backward_scale = power_of_two(-(backward_shift(squares, inputs) as i32));
        new
    }

    /// The layer's outputs, (pixels, inputs) -> (pixels, rows).
    pub fn forward(&self, inputs: &[f32], outputs: &mut [f32]) {
        let (stride, pixels) = (padded(self.inputs), inputs.len() / padded(self.inputs));
        let (left, right) = (Left::Rows(inputs, stride), &self.used_weights[..]);
        let (inner, columns) = (self.inputs, self.rows);
        Product { left, right, result: outputs, rows: pixels, inner, columns }.compute();
        let Self { used_biases, scales, limits, .. } = self;
        vectorised(Activate { sums: outputs, columns, biases: used_biases, scales, limits: *limits });
    }

    /// The errors of the inputs, which are the errors of the previous layer's rows.
    pub fn backward(&self, errors: &[f32], inputs: &[f32], previous: &mut [f32]) {
        let (stride, pixels) = (padded(self.rows), errors.len() / padded(self.rows));
        let (left, right) = (Left::Rows(errors, stride), &self.lifted[..]);
        Product { left, right, result: previous, rows: pixels, inner: self.rows, columns: self.inputs }.compute();
        vectorised(ClipGradient { sums: previous, inputs, most: self.input_max as f32, scale: self.backward_scale });
    }

    /// Moves biases against the gradient.
    pub fn learn_biases(&mut self, errors: &[f32]) {
        let mut sums = vec![0.0; padded(self.rows)];
        vectorised(AddRows { rows: errors, sums: &mut sums });
        self.biases.learn(&mut sums);
        self.round_biases();
    }

    /// Moves weights against the gradient.
    pub fn learn_weights(&mut self, inputs: &mut [f32], errors: &[f32], pixels: usize) {
        let stride = padded(self.rows);
        let pull_back = u32::from(self.learning.pull_back);
        vectorised(Narrow { values: inputs, scale: power_of_two(-(self.biases.narrowed as i32)) });
        let nowhere = |flag: &usize| inputs.iter().skip(*flag).step_by(padded(self.inputs)).all(|&value| value == 0.0);
        let kept: Vec<usize> = (self.flags..self.inputs).filter(nowhere).collect();
        let mut magnitudes = vec![0; stride];
        let mut gradients = vec![0.0; BLOCK * stride];
        for first in (0..self.inputs).step_by(BLOCK) {
            let rows = BLOCK.min(self.inputs - first);
            let left = Left::Columns(&inputs[first..], padded(self.inputs));
            let (result, columns) = (&mut gradients[..rows * stride], self.rows);
            Product { left, right: errors, result, rows, inner: pixels, columns }.compute();
            let Self { biases: Biases { steps, .. }, weights: parameters, .. } = &mut *self;
            let limit = WEIGHT_MAX << FRACTION;
            let gradients = gradients.chunks_exact(stride).zip(first..first + rows);
            for (gradients, first) in gradients.filter(|(_, input)| !kept.contains(input)) {
                vectorised(Update { parameters: &mut *parameters, first, gradients, steps, pull_back, limit });
            }
            vectorised(Round { layer: self, inputs: first..first + rows, magnitudes: &mut magnitudes });
        }
        self.keep_bound(&magnitudes);
    }

    /// Rounds biases for the network.
    fn round_biases(&mut self) {
        for (row, (used, bias)) in self.used_biases.iter_mut().zip(&self.biases.of_model).enumerate() {
            *used = (bias + self.biases.delta(row)) as f32;
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
            let inputs = self.inputs;
            vectorised(Round { layer: self, inputs: 0..inputs, magnitudes: &mut vec![0; stride] });
        }
    }
}

/// Rounds the weights of some inputs for the network, and adds their magnitudes to the sums of their rows.
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
