//! Element-wise steps on weights, sums and errors, with the processor's widest vectors.

use pulp::NullaryFnOnce;

use super::parameters::Parameters;
use super::product::padded;
use crate::entropy::lanes::gradient::ERROR_MAX;
use crate::infer::{SHIFTER, to_integer};

const GRADIENT_SHIFT: u32 = 6;
const GRADIENT_MAX: i32 = 2047;
const MOMENTUM_BITS: u32 = 3;

/// A step of Lion for the parameters from input `first` on, with weight decay towards the pretrained values.
pub(super) struct Update<'a> {
    pub parameters: &'a mut Parameters,
    pub first: usize,
    /// Gradients: whole rows of sums of products.
    pub gradients: &'a [f32],
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
                let direction = 2 * average + gradient;
                let down = if direction > 0 { step } else { 0 };
                let up = if direction < 0 { step } else { 0 };
                let moved = *value - down + up;
                *value = (moved - rounded(moved - pretrained, pull_back)).clamp(-limit, limit);
            }
        }
    }
}

/// Sums -> outputs of a layer, in rows with `columns` columns.
pub(super) struct Activate<'a> {
    pub sums: &'a mut [f32],
    pub columns: usize,
    pub biases: &'a [f32],
    pub scales: &'a [f32],
    pub limits: (f32, f32),
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

/// Sums -> errors of inputs; 0 for inputs at an end of their range.
pub(super) struct ClipGradient<'a> {
    pub sums: &'a mut [f32],
    pub inputs: &'a [f32],
    /// The largest input.
    pub most: f32,
    pub scale: f32,
}

impl NullaryFnOnce for ClipGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let limits = (-ERROR_MAX as f32, ERROR_MAX as f32);
        for (sum, &input) in self.sums.iter_mut().zip(self.inputs) {
            let error = floor(clamp(*sum * self.scale + 0.5, limits));
            *sum = if input > 0.0 && input < self.most { error } else { 0.0 };
        }
    }
}

/// Adds up rows.
pub(super) struct AddRows<'a> {
    pub rows: &'a [f32],
    pub sums: &'a mut [f32],
}

impl NullaryFnOnce for AddRows<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for row in self.rows.chunks_exact(self.sums.len()) {
            self.sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
    }
}

/// Divides values by a power of two, rounding down.
pub(super) struct Narrow<'a> {
    pub values: &'a mut [f32],
    pub scale: f32,
}

impl NullaryFnOnce for Narrow<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.values.iter_mut().for_each(|value| *value = floor(*value * self.scale));
    }
}

/// `value / 2^bits`, rounded.
#[inline(always)]
pub(super) fn rounded(value: i32, bits: u32) -> i32 {
    (value + (1 << (bits - 1))) >> bits
}

/// `2^exponent`, for exponents from -126 to 127.
pub(super) fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits(((127 + exponent) as u32) << 23)
}

/// Rounds down a number of magnitude up to 2^21.
#[inline(always)]
pub(super) fn floor(value: f32) -> f32 {
    let rounded = (value + SHIFTER) - SHIFTER;
    if rounded > value { rounded - 1.0 } else { rounded }
}

#[inline(always)]
pub(super) fn clamp(value: f32, (low, high): (f32, f32)) -> f32 {
    let value = if value < low { low } else { value };
    if value > high { high } else { value }
}
