//! Coded samples -> errors: the gradient of the code length with respect to the network's outputs, in integers, for a
//! block of pixels. Format: section "Errors".
//!
//! For a component with the logistic function `l` and `u` at the edges of sample `x`, with posterior `q` (after all
//! channels of the pixel) and prior `pi`, the derivatives of the code length in nats are
//!
//! ```text
//! logit              ln 2 (pi - q)
//! mean               -q (u + l - 1) / s
//! log2 of the scale  -ln 2 q ((x - mu)/s (u + l - 1) - (u (1 - u) + l (1 - l)) / (2 s (u - l)))
//! coefficient        that of the mean times the earlier channel's residual
//! ```
//!
//! Where contexts are normalised, the derivative of a mean is multiplied by the normalisation's factor. An output
//! beyond its limits has derivative 0. Far in the tail of a component, `u - l` is a few units of 2^-24, so the quotient
//! is coarse; where its bound is below the true value, scales learn more slowly.
//!
//! The formulas are scalar, in loops over lanes that the compiler vectorises.

use super::components::ComponentLanes;
use super::{Block, IntervalLanes, LANES, LaneMixture, Lanes, Simd, Vectorised};
use crate::entropy::cdf::{Alphabet, CDF_BITS};
use crate::entropy::mixture::{
    COEFFICIENT_LIMITS, LOG_SCALE_LIMITS, LOGIT_LIMITS, MAX_CHANNELS, MAX_COMPONENTS, MixtureShape, OUTPUT_BITS,
};

/// Largest magnitude of an error.
pub(crate) const ERROR_MAX: i32 = 255;
/// `ln 2`, in units of 2^-8.
const LN_2: i64 = 177;
/// 1 in units of the logistic function; largest magnitude of a distance, and largest quotient, in units of 2^-16.
const SIGMA_ONE: i64 = 1 << CDF_BITS;
const DISTANCE_MAX: i64 = 1 << 20;
const QUOTIENT_MAX: f64 = (1 << 22) as f64;

/// Parameters shared by all outputs of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Group {
    /// Errors are derivatives in units of `2^-bits`.
    pub bits: u32,
    /// log2 of the step size of these rows, relative to other groups: how far training had to move them.
    pub step: i32,
    /// Outputs outside these limits have error 0.
    limits: (i32, i32),
}

impl Group {
    /// The rows of hidden layers.
    pub const HIDDEN: Self = Self { bits: 0, step: 0, limits: (i32::MIN, i32::MAX) };
    const LOGIT: Self = Self { bits: 8, step: 0, limits: LOGIT_LIMITS };
    const MEAN: Self = Self { bits: 7, step: 2, limits: (i32::MIN, i32::MAX) };
    const LOG_SCALE: Self = Self { bits: 7, step: 0, limits: LOG_SCALE_LIMITS };
    const COEFFICIENT: Self = Self { bits: 3, step: -2, limits: COEFFICIENT_LIMITS };

    /// The group that an output belongs to.
    pub fn of(shape: MixtureShape, output: usize) -> Self {
        match output / shape.components {
            0 => Self::LOGIT,
            group if group <= shape.channels => Self::MEAN,
            group if group <= 2 * shape.channels => Self::LOG_SCALE,
            _ => Self::COEFFICIENT,
        }
    }

    /// The error of an output, from its derivative in units of `2^-fraction`.
    #[inline(always)]
    fn error(self, derivative: i64, fraction: u32, output: i32) -> i32 {
        let (shift, (low, high)) = (fraction - self.bits, self.limits);
        let error = (derivative + (1 << (shift - 1))) >> shift;
        let error = error.clamp(-i64::from(ERROR_MAX), i64::from(ERROR_MAX)) as i32;
        if low <= output && output <= high { error } else { 0 }
    }
}

/// Intermediate values of the errors of a block, besides its mixture after all channels.
struct Notes {
    priors: [Lanes<i32>; MAX_COMPONENTS],
    /// By channel and component, `(u + l - 1) / s`, in units of 2^-16.
    slopes: [[Lanes<i32>; MAX_COMPONENTS]; MAX_CHANNELS],
    /// By channel and component, the parenthesis in the derivative of the log2 scale, in units of 2^-16.
    widths: [[Lanes<i32>; MAX_COMPONENTS]; MAX_CHANNELS],
    /// Residuals of the channels, in 8-bit samples.
    residuals: [Lanes<i32>; MAX_CHANNELS],
}

impl LaneMixture {
    /// The errors of all outputs, given the samples; undefined in lanes without a pixel.
    pub fn errors(
        &mut self,
        block: Block<'_>,
        alphabets: &[Alphabet],
        samples: &[Lanes<i32>],
        errors: &mut [Lanes<i32>],
    ) {
        self.vectors.run(Errors { mixture: self, block, alphabets, samples, errors });
    }
}

struct Errors<'a> {
    mixture: &'a mut LaneMixture,
    block: Block<'a>,
    alphabets: &'a [Alphabet],
    samples: &'a [Lanes<i32>],
    errors: &'a mut [Lanes<i32>],
}

impl Vectorised for Errors<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) {
        let Self { mixture, block, alphabets, samples, errors } = self;
        let MixtureShape { components: count, channels, .. } = mixture.shape;
        let none = [[[0; LANES]; MAX_COMPONENTS]; MAX_CHANNELS];
        for part in 0..S::PARTS {
            mixture.first_weights(simd, part, block);
        }
        let residuals = [[0; LANES]; MAX_CHANNELS];
        let mut notes = Notes { priors: mixture.weights, slopes: none, widths: none, residuals };
        let mut intervals = IntervalLanes::default();
        for (channel, (&alphabet, samples)) in alphabets.iter().zip(samples).enumerate() {
            for part in 0..S::PARTS {
                mixture.make_components(simd, part, block, (channel, alphabet));
                let sample = simd.load(samples, part);
                mixture.interval::<S, true>(simd, part, (sample, alphabet), &mut intervals);
            }
            let (slopes, widths) = (&mut notes.slopes[channel], &mut notes.widths[channel]);
            for k in 0..count {
                let (low, high) = mixture.search.sides(k);
                let component = &mixture.components[k];
                slopes_and_widths(component, (alphabet, samples), (low, high), (&mut slopes[k], &mut widths[k]));
            }
            let residuals = notes.residuals[channel].iter_mut().zip(samples).zip(&block.predictions[channel]);
            for ((residual, sample), prediction) in residuals {
                *residual = alphabet.to_eight_bits(sample - prediction);
            }
            for part in 0..S::PARTS {
                if channel + 1 < channels {
                    mixture.observe(simd, part, (block, channel), simd.load(samples, part));
                } else {
                    mixture.posterior(simd, part);
                }
            }
        }
        for k in 0..count {
            notes.errors(&mixture.weights[k], (k, count, channels), block, errors);
        }
    }
}

impl Notes {
    /// The errors of the outputs that belong to one component.
    #[inline(always)]
    fn errors(
        &self,
        weights: &Lanes<i32>,
        (k, count, channels): (usize, usize, usize),
        block: Block<'_>,
        errors: &mut [Lanes<i32>],
    ) {
        let Block { outputs, signs, shifts, .. } = block;
        for lane in 0..LANES {
            let logit = LN_2 * i64::from(self.priors[k][lane] - weights[lane]);
            errors[k][lane] = Group::LOGIT.error(logit, 28, outputs[k][lane].into());
        }
        let mut pair = count * (1 + 2 * channels) + k;
        for channel in 0..channels {
            let (mean, scale) = (count * (1 + channel) + k, count * (1 + channels + channel) + k);
            let mut slopes = [0i64; LANES];
            for lane in 0..LANES {
                let posterior = i64::from(weights[lane]);
                let shift = shifts[lane] as u32;
                let slope = -((posterior * i64::from(self.slopes[channel][k][lane])) >> 12); // units of 2^-24
                slopes[lane] = slope;
                let signed = i64::from(signs[lane]) * slope;
                errors[mean][lane] = Group::MEAN.error(signed, 24 + shift, outputs[mean][lane].into());
                let width = -LN_2 * posterior * i64::from(self.widths[channel][k][lane]);
                let log_scale = i32::from(outputs[scale][lane]) - (shift << OUTPUT_BITS) as i32;
                errors[scale][lane] = Group::LOG_SCALE.error(width, 44, log_scale);
            }
            for residuals in &self.residuals[..channel] {
                for lane in 0..LANES {
                    let derivative = slopes[lane] * i64::from(residuals[lane]);
                    errors[pair][lane] = Group::COEFFICIENT.error(derivative, 24, outputs[pair][lane].into());
                }
                pair += count;
            }
        }
    }
}

/// The slopes and the widths of a component at the samples.
#[inline(always)]
fn slopes_and_widths(
    component: &ComponentLanes,
    (alphabet, samples): (Alphabet, &Lanes<i32>),
    (low, high): (&Lanes<i32>, &Lanes<i32>),
    (slopes, widths): (&mut Lanes<i32>, &mut Lanes<i32>),
) {
    let (means, inverses) = component.means_and_inverses();
    for lane in 0..LANES {
        let (low, high, inverse) = (i64::from(low[lane]), i64::from(high[lane]), i64::from(inverses[lane]));
        let balance = high + low - SIGMA_ONE;
        let centre = alphabet.centre(samples[lane] as u32);
        let distance = ((centre - i64::from(means[lane])) * inverse) >> 12;
        let spread = (high * (SIGMA_ONE - high) + low * (SIGMA_ONE - low)) as u64 >> 24;
        let quotient = quotient((inverse as u64 * spread) >> 3, ((high - low) as u64).max(1));
        let width = (distance.clamp(-DISTANCE_MAX, DISTANCE_MAX) * balance) >> 24;
        slopes[lane] = ((inverse * balance) >> 26) as i32;
        widths[lane] = (width - quotient) as i32;
    }
}

/// The quotient of a number below 2^52 and one below 2^25, rounded down, and at most [`QUOTIENT_MAX`].
///
/// Binary64 division rounds to the nearest multiple of at most 2^-30 where the quotient is at most [`QUOTIENT_MAX`]. A
/// quotient that is not an integer is at least `1 / divisor > 2^-25` below the next integer, so it is not rounded up to
/// it.
#[inline(always)]
fn quotient(dividend: u64, divisor: u64) -> i64 {
    // From 2^52 to 2^53, the mantissa of a binary64 number counts units.
    const TWO_TO_52: f64 = (1u64 << 52) as f64;
    let float = |number: u64| f64::from_bits(number | TWO_TO_52.to_bits()) - TWO_TO_52;
    let quotient = (float(dividend) / float(divisor)).min(QUOTIENT_MAX).floor();
    ((quotient + TWO_TO_52).to_bits() - TWO_TO_52.to_bits()) as i64
}

#[cfg(test)]
mod tests;
