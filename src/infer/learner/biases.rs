//! The rows of a layer: their biases, which learn, and what the errors of different rows are worth. Format: section "Learning".

use super::Learning;
use super::parameters::{FRACTION, Parameters, Units};
use super::product::{padded, vectorised};
use super::steps::{Update, power_of_two, rounded};
use crate::entropy::lanes::gradient::Group;
use crate::entropy::mixture::MixtureShape;
use crate::model::contract::{DELTA_MAX, Layer};

/// Largest magnitude of what is added to a bias.
const BIAS_MOVE_MAX: i32 = DELTA_MAX as i32 / 2;
/// Largest magnitude of it in its finest form.
const OFFSET_MAX: i64 = 1 << 30;
const STEP_BITS_MAX: i32 = 20;
const BACKWARD_SHIFT_MAX: u32 = 23;

/// What belongs to rows is [`padded`].
#[derive(Debug)]
pub(super) struct Biases {
    pull_back: u32,
    /// The input that a bias is the weight of, in bits.
    pub bits: u32,
    /// Bits that the inputs lose in the gradient.
    pub narrowed: u32,
    /// Step of an update, by row.
    pub steps: Vec<i32>,
    /// The biases of the model.
    pub of_model: Vec<i32>,
    /// What is added to the biases, in units of `2^(bits - FRACTION)`.
    pub offsets: Parameters,
}

impl Biases {
    /// Those of a layer; `output` if it is the last one.
    pub fn new(layer: &Layer, units: Units, output: Option<MixtureShape>, learning: Learning) -> Self {
        let (rows, stride) = (layer.biases.len(), padded(layer.biases.len()));
        let step = |row: usize| {
            let bits = layer.shifts[row] as i32 + i32::from(learning.step) + units.step + group(output, row).step;
            1 << bits.clamp(0, STEP_BITS_MAX)
        };
        Self {
            pull_back: learning.pull_back.into(),
            bits: units.bias_bits,
            narrowed: units.narrowed,
            steps: extended((0..rows).map(step), stride),
            of_model: extended(layer.biases.iter().copied(), stride),
            offsets: Parameters::new(vec![0; stride]),
        }
    }

    /// Moves biases against the gradient: sums of errors, by row.
    pub fn learn(&mut self, sums: &mut [f32]) {
        let input = power_of_two((self.bits - self.narrowed) as i32);
        sums.iter_mut().for_each(|sum| *sum *= input);
        let limit = (i64::from(BIAS_MOVE_MAX) << (FRACTION - self.bits)).min(OFFSET_MAX) as i32;
        let Self { steps, offsets, pull_back, .. } = &mut *self;
        let update = Update { parameters: offsets, first: 0, gradients: sums, steps, pull_back: *pull_back, limit };
        vectorised(update);
    }

    /// What is added to a bias of the model.
    pub fn delta(&self, row: usize) -> i32 {
        rounded(self.offsets.values[row], FRACTION - self.bits)
    }
}

/// By row, log2 of what a weight is multiplied by to make errors of all rows comparable.
pub(super) fn lifts(layer: &Layer, output: Option<MixtureShape>) -> impl Iterator<Item = i32> {
    // An error is worth the less, the larger this is. 8 bits of error and 7 of weight leave 8 to lift and rows.
    let worth = move |row: usize| (layer.shifts[row] + group(output, row).bits) as i32;
    let rows = layer.shifts.len();
    let least = (0..rows).map(worth).min().expect("a layer has rows");
    let lift = 8 - rows.next_power_of_two().ilog2() as i32;
    (0..rows).map(move |row| lift - (worth(row) - least))
}

/// log2 of what products of errors and lifted weights are divided by to bring them back to the size of errors: an input's
/// error has about the size of the errors that it comes from. `squares`: the sum of those of the lifted weights.
pub(super) fn backward_shift(squares: u64, inputs: usize) -> u32 {
    let shift = (2 * squares / inputs as u64).max(1).ilog2() / 2;
    shift.min(BACKWARD_SHIFT_MAX)
}

fn group(output: Option<MixtureShape>, row: usize) -> Group {
    output.map_or(Group::HIDDEN, |shape| Group::of(shape, row))
}

/// Values, and zeros up to a length.
pub(super) fn extended<T: Copy + Default>(values: impl Iterator<Item = T>, length: usize) -> Vec<T> {
    values.chain(std::iter::repeat(T::default())).take(length).collect()
}
