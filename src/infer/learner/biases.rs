//! The rows of a layer: their biases, which learn, and the relative weight of errors of different rows. Format: section
//! "Learning".

use super::Learning;
use super::parameters::{BIAS_BITS, FRACTION, Parameters};
use super::steps::{Update, rounded, vectorised};
use crate::entropy::lanes::gradient::Group;
use crate::entropy::mixture::MixtureShape;
use crate::infer::kernel::padded;
use crate::model::contract::Layer;

/// Largest magnitude of the change to a bias at full resolution: a quarter of the contract's largest delta.
const OFFSET_MAX: i32 = 1 << 30;
const STEP_BITS_MAX: i32 = 20;
const BACKWARD_SHIFT_MAX: u32 = 23;

/// Per-row vectors have [`padded`] length.
#[derive(Debug)]
pub(super) struct Biases {
    pull_back: u32,
    /// Step size of an update, by row.
    pub steps: Vec<i32>,
    /// The biases of the model.
    pub of_model: Vec<i32>,
    /// Changes to the biases, in units of `2^(BIAS_BITS - FRACTION)`.
    pub offsets: Parameters,
}

impl Biases {
    /// The biases of a layer, whose steps are multiplied by `2^layer_step`; `output` is set for the last layer.
    pub fn new(layer: &Layer, layer_step: i32, output: Option<MixtureShape>, learning: Learning) -> Self {
        let (rows, stride) = (layer.biases.len(), padded(layer.biases.len()));
        let step = |row: usize| {
            let bits = layer.shifts[row] as i32 + i32::from(learning.step) + layer_step + group(output, row).step;
            1 << bits.clamp(0, STEP_BITS_MAX)
        };
        Self {
            pull_back: learning.pull_back.into(),
            steps: extended((0..rows).map(step), stride),
            of_model: extended(layer.biases.iter().copied(), stride),
            offsets: Parameters::new(vec![0; stride]),
        }
    }

    /// Moves biases against the gradient, given sums of errors by row.
    pub fn learn(&mut self, sums: &mut [i32]) {
        sums.iter_mut().for_each(|sum| *sum <<= BIAS_BITS);
        let Self { steps, offsets, pull_back, .. } = &mut *self;
        let (parameters, pull_back, limit) = (offsets, *pull_back, OFFSET_MAX);
        vectorised(Update { parameters, first: 0, gradients: sums, steps, pull_back, limit });
    }

    /// The rounded change to a bias of the model.
    pub fn delta(&self, row: usize) -> i32 {
        rounded(self.offsets.values[row], FRACTION - BIAS_BITS)
    }
}

/// By row, log2 of the factor for weights that makes errors of all rows comparable.
pub(super) fn lifts(layer: &Layer, output: Option<MixtureShape>) -> impl Iterator<Item = i32> + Clone {
    // log2 of an error's unit: the finer the unit, the less the error counts. 8 bits of error and 7 of weight leave 8
    // bits for lift and rows.
    let worth = move |row: usize| (layer.shifts[row] + group(output, row).bits) as i32;
    let rows = layer.shifts.len();
    let least = (0..rows).map(worth).min().expect("a layer has rows");
    let lift = 8 - rows.next_power_of_two().ilog2() as i32;
    (0..rows).map(move |row| lift - (worth(row) - least))
}

/// How weights are multiplied by powers of two, and rounded, by row.
#[derive(Debug)]
pub(super) struct Lifts {
    up: Vec<i32>,
    down: Vec<i32>,
}

impl Lifts {
    /// From log2 of the factors. Weights have at most 8 bits, so that nothing is left of them after 16.
    pub fn new(lifts: impl Iterator<Item = i32> + Clone, length: usize) -> Self {
        let down = lifts.clone().map(|lift| (-lift).clamp(0, 16));
        Self { up: extended(lifts.map(|lift| lift.max(0)), length), down: extended(down, length) }
    }

    #[inline(always)]
    pub fn apply(&self, weights: &mut [i16]) {
        for (weight, (up, down)) in weights.iter_mut().zip(self.up.iter().zip(&self.down)) {
            *weight = (((i32::from(*weight) << up) + ((1 << down) >> 1)) >> down) as i16;
        }
    }
}

/// log2 of the divisor that brings products of errors and lifted weights back to the size of errors, so that an input's
/// error is about as large as those it comes from. `squares` is the sum of squares of the lifted weights.
pub(super) fn backward_shift(squares: u64, inputs: usize) -> u32 {
    let shift = (2 * squares / inputs as u64).max(1).ilog2() / 2;
    shift.min(BACKWARD_SHIFT_MAX)
}

fn group(output: Option<MixtureShape>, row: usize) -> Group {
    output.map_or(Group::HIDDEN, |shape| Group::of(shape, row))
}

/// Pads values with zeros to `length`.
pub(super) fn extended<T: Copy + Default>(values: impl Iterator<Item = T>, length: usize) -> Vec<T> {
    values.chain(std::iter::repeat(T::default())).take(length).collect()
}
