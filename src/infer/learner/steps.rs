//! Element-wise steps on weights, sums and errors, with the processor's widest vectors.

use pulp::{Arch, NullaryFnOnce};

use super::parameters::Parameters;
use crate::entropy::lanes::gradient::ERROR_MAX;
use crate::infer::kernel::{LANES, Lanes, padded, word};

const GRADIENT_SHIFT: u32 = 6;
const GRADIENT_MAX: i32 = 2047;
const MOMENTUM_BITS: u32 = 3;

/// Runs work with the processor's widest vectors; `call` and all that it calls must be `inline(always)`.
pub(super) fn vectorised<R>(work: impl NullaryFnOnce<Output = R>) -> R {
    Arch::new().dispatch(work)
}

/// A step of Lion for the parameters from input `first` on, with weight decay towards the pretrained values.
pub(super) struct Update<'a> {
    pub parameters: &'a mut Parameters,
    pub first: usize,
    /// Gradients: whole rows of sums of products.
    pub gradients: &'a [i32],
    pub steps: &'a [i32],
    pub pull_back: u32,
    /// Largest magnitude of a value.
    pub limit: i32,
}

impl NullaryFnOnce for Update<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        const HALF: i32 = 1 << (GRADIENT_SHIFT - 1);
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
                let gradient = ((gradient + HALF) >> GRADIENT_SHIFT).clamp(-GRADIENT_MAX, GRADIENT_MAX);
                let average = rounded(*momentum, MOMENTUM_BITS);
                *momentum += gradient - average;
                let direction = 2 * average + gradient;
                let down = if direction > 0 { step } else { 0 };
                let up = if direction < 0 { step } else { 0 };
                let moved = *value - down + up;
                *value = (moved - rounded(moved - pretrained, pull_back)).clamp(-limit, limit);
            }
        }
    }
}

/// Sums -> outputs of a layer. Axes are (pixel, block of rows), and (pixel, row).
pub(super) struct Activate<'a> {
    pub sums: &'a [Lanes],
    pub outputs: &'a mut [i16],
    pub rows: usize,
    pub biases: &'a [i32],
    pub shifts: &'a [i32],
    pub limits: (i32, i32),
}

impl NullaryFnOnce for Activate<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let (stride, (low, high)) = (padded(self.rows), self.limits);
        let used = ..self.rows.next_multiple_of(LANES);
        let pixels = integers(self.sums).chunks_exact(stride).zip(self.outputs.chunks_exact_mut(stride));
        for (sums, outputs) in pixels {
            let rows = sums[used].iter().zip(self.biases.iter().zip(self.shifts));
            for (output, (sum, (bias, shift))) in outputs.iter_mut().zip(rows) {
                *output = ((sum + bias) >> shift).clamp(low, high) as i16;
            }
        }
    }
}

/// Sums -> errors of inputs; 0 for inputs at an end of their range. Axes are (pixel, block of inputs), and (pixel,
/// input).
pub(super) struct ClipGradient<'a> {
    pub sums: &'a [Lanes],
    pub inputs: &'a [i16],
    pub errors: &'a mut [i16],
    pub columns: usize,
    /// The largest input.
    pub most: i32,
    pub shift: u32,
}

impl NullaryFnOnce for ClipGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let (stride, half) = (padded(self.columns), (1 << self.shift) >> 1);
        let (used, most) = (..self.columns.next_multiple_of(LANES), self.most);
        let pixels = self.inputs.chunks_exact(stride).zip(self.errors.chunks_exact_mut(stride));
        for (sums, (inputs, errors)) in integers(self.sums).chunks_exact(stride).zip(pixels) {
            for (error, (&input, sum)) in errors.iter_mut().zip(inputs.iter().zip(&sums[used])) {
                let (input, clipped) = (i32::from(input), ((sum + half) >> self.shift).clamp(-ERROR_MAX, ERROR_MAX));
                *error = if input > 0 && input < most { clipped as i16 } else { 0 };
            }
        }
    }
}

/// Adds up rows.
pub(super) struct AddRows<'a> {
    pub rows: &'a [i16],
    pub sums: &'a mut [i32],
}

impl NullaryFnOnce for AddRows<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for row in self.rows.chunks_exact(self.sums.len()) {
            self.sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += i32::from(value));
        }
    }
}

/// Pairs consecutive rows, an even number of them. Axes are (row, column), and (pair, block of columns).
pub(super) struct Pair<'a> {
    pub rows: &'a [i16],
    pub columns: usize,
    pub pairs: &'a mut [Lanes],
}

impl NullaryFnOnce for Pair<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let stride = padded(self.columns);
        let pairs: &mut [i32] = bytemuck::cast_slice_mut(self.pairs);
        for (rows, pairs) in self.rows.chunks_exact(2 * stride).zip(pairs.chunks_exact_mut(stride)) {
            let (low, high) = rows.split_at(stride);
            for (pair, (&low, &high)) in pairs.iter_mut().zip(low.iter().zip(high)) {
                *pair = word([low, high]);
            }
        }
    }
}

/// The numbers in blocks, one after the other: compilers vectorise loops over slices of any length.
#[inline(always)]
pub(super) fn integers(blocks: &[Lanes]) -> &[i32] {
    bytemuck::cast_slice(blocks)
}

/// `value / 2^bits`, rounded.
#[inline(always)]
pub(super) fn rounded(value: i32, bits: u32) -> i32 {
    (value + (1 << (bits - 1))) >> bits
}
