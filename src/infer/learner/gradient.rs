//! Coded samples -> errors: the gradient of the code length with respect to the network's outputs, in integers.
//! Format: section "Errors".
//!
//! For a component with the logistic function `l` and `u` at the edges of sample `x`, the posterior `q` after all channels
//! of the pixel and the prior `pi` before, the derivatives of the code length in nats are
//!
//! ```text
//! logit              ln 2 (pi - q)
//! mean               -q (u + l - 1) / s
//! log2 of the scale  -ln 2 q ((x - mu)/s (u + l - 1) - (u (1 - u) + l (1 - l)) / (2 s (u - l)))
//! coefficient        that of the mean times the earlier channel's residual
//! ```
//!
//! that of a mean times what a network with normalised contexts has it multiplied by, and 0 for an output beyond its limits. Far in the tail of a component, `u - l` is a few units of 2^-24, and the quotient
//! as coarse; where its bound is too small for the true one, scales learn more slowly.

use crate::entropy::cdf::{Alphabet, Component, Edges};
use crate::entropy::mixture::{
    COEFFICIENT_LIMITS, LOG_SCALE_LIMITS, LOGIT_LIMITS, MAX_CHANNELS, MixtureShape, Normalisation, OUTPUT_BITS,
};

/// Largest magnitude of an error.
pub(crate) const ERROR_MAX: i32 = 255;
/// `ln 2`, in units of 2^-8.
const LN_2: i64 = 177;
/// 1, in units of the logistic function; largest magnitude of a distance, and largest quotient, in units of 2^-16.
const SIGMA_ONE: i64 = 1 << 24;
const DISTANCE_MAX: i64 = 1 << 20;
const QUOTIENT_MAX: u64 = 1 << 22;

/// What outputs of one kind have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Group {
    /// Errors are derivatives in units of `2^-bits`.
    pub bits: u32,
    /// log2 of the steps of these rows, beside those of others: how far training had to move them.
    pub step: i32,
    /// Outputs beyond have no error.
    limits: (i32, i32),
}

impl Group {
    /// The rows of hidden layers.
    pub const HIDDEN: Self = Self { bits: 0, step: 0, limits: (i32::MIN, i32::MAX) };
    const LOGIT: Self = Self { bits: 8, step: 0, limits: LOGIT_LIMITS };
    const MEAN: Self = Self { bits: 7, step: 2, limits: (i32::MIN, i32::MAX) };
    const LOG_SCALE: Self = Self { bits: 7, step: 0, limits: LOG_SCALE_LIMITS };
    const COEFFICIENT: Self = Self { bits: 3, step: -2, limits: COEFFICIENT_LIMITS };

    /// The group of an output.
    pub fn of(shape: MixtureShape, output: usize) -> Self {
        match output / shape.components {
            0 => Self::LOGIT,
            group if group <= shape.channels => Self::MEAN,
            group if group <= 2 * shape.channels => Self::LOG_SCALE,
            _ => Self::COEFFICIENT,
        }
    }

    /// The error of an output, from its derivative in units of `2^-fraction`.
    fn error(self, derivative: i64, fraction: u32, output: i32) -> f32 {
        let (shift, (low, high)) = (fraction - self.bits, self.limits);
        let error = (derivative + (1 << (shift - 1))) >> shift;
        let error = error.clamp(-i64::from(ERROR_MAX), i64::from(ERROR_MAX));
        if (low..=high).contains(&output) { error as f32 } else { 0.0 }
    }
}

/// What the errors of one pixel are made of: [`observe`](Self::observe) for each channel, then [`errors`](Self::errors).
#[derive(Debug)]
pub(crate) struct HeadGradient<const K: usize> {
    normalisation: Normalisation,
    priors: [u32; K],
    /// By channel and component, `(u + l - 1) / s`, in units of 2^-16.
    slopes: [[i32; K]; MAX_CHANNELS],
    /// By channel and component, what is in the parenthesis of the log scale's derivative, in units of 2^-16.
    widths: [[i32; K]; MAX_CHANNELS],
    /// In 8-bit samples.
    residuals: [i32; MAX_CHANNELS],
}

impl<const K: usize> HeadGradient<K> {
    /// Of a pixel whose contexts were normalised by this.
    pub fn new(normalisation: Normalisation) -> Self {
        let zeros = [[0; K]; MAX_CHANNELS];
        Self { normalisation, priors: [0; K], slopes: zeros, widths: zeros, residuals: [0; MAX_CHANNELS] }
    }

    /// Takes note of a channel's sample, before the weights of the components become the posterior.
    pub fn observe(
        &mut self,
        channel: usize,
        components: &[Component; K],
        edges: &[Edges; K],
        (sample, prediction): (u32, i32),
        alphabet: Alphabet,
    ) {
        if channel == 0 {
            self.priors = components.map(|component| component.weight);
        }
        self.residuals[channel] = alphabet.to_eight_bits(sample as i32 - prediction);
        for (k, (component, &edges)) in components.iter().zip(edges).enumerate() {
            (self.slopes[channel][k], self.widths[channel][k]) =
                slope_and_width(alphabet.centre(sample), component, edges);
        }
    }

    /// The errors of all outputs, when the weights of the components are the posterior after all channels.
    pub fn errors(&self, components: &[Component; K], channels: usize, outputs: &[i16], errors: &mut [f32]) {
        let Normalisation { sign, shift } = self.normalisation;
        let output = |index: usize| i32::from(outputs[index]);
        for (k, component) in components.iter().enumerate() {
            let posterior = i64::from(component.weight);
            let logit = LN_2 * (i64::from(self.priors[k]) - posterior);
            errors[k] = Group::LOGIT.error(logit, 28, output(k));
            let mut pair = K * (1 + 2 * channels) + k;
            for channel in 0..channels {
                let (mean, scale) = (K * (1 + channel) + k, K * (1 + channels + channel) + k);
                let slope = -((posterior * i64::from(self.slopes[channel][k])) >> 12); // units of 2^-24
                errors[mean] = Group::MEAN.error(i64::from(sign) * slope, 24 + shift, output(mean));
                let width = -LN_2 * posterior * i64::from(self.widths[channel][k]);
                let log_scale = output(scale) - (shift << OUTPUT_BITS) as i32;
                errors[scale] = Group::LOG_SCALE.error(width, 44, log_scale);
                for &residual in &self.residuals[..channel] {
                    errors[pair] = Group::COEFFICIENT.error(slope * i64::from(residual), 24, output(pair));
                    pair += K;
                }
            }
        }
    }
}

/// The slope and the width of a component at a sample.
fn slope_and_width(centre: i64, component: &Component, edges: Edges) -> (i32, i32) {
    let (low, high, inverse) = (i64::from(edges.low), i64::from(edges.high), i64::from(component.inverse));
    let balance = high + low - SIGMA_ONE;
    let distance = ((centre - i64::from(component.mean)) * inverse) >> 12;
    let spread = (high * (SIGMA_ONE - high) + low * (SIGMA_ONE - low)) as u64 >> 24;
    let quotient = ((inverse as u64 * spread) >> 3) / u64::from(edges.density().max(1));
    let width = (distance.clamp(-DISTANCE_MAX, DISTANCE_MAX) * balance) >> 24;
    (((inverse * balance) >> 26) as i32, (width - quotient.min(QUOTIENT_MAX) as i64) as i32)
}
