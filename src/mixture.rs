//! Network outputs -> mixture of one pixel. The only place where probabilities are made: encoder and decoder
//! both call it. Input: one row of network outputs (integers in float32). Output: the integer components of
//! each channel. Format: section "Mixture". Floating point ends here.
//!
//! Discretized logistic mixture of PixelCNN++ (Salimans et al. 2017, section 2): the mean of a channel is
//! linear in the residuals of the channels before it, and all channels of a pixel share the mixture weights,
//! so that after each channel the weights become the posterior of the components.

use crate::cdf::{Cdf, Component, INVERSE_BITS, MAX_COMPONENTS, POSITION_BITS, PerComponent, WEIGHT_BITS};
use crate::tables::EXP2;

/// Most channels that one network codes jointly.
pub(crate) const MAX_CHANNELS: usize = 3;
/// Fractional bits of every network output.
const OUTPUT_BITS: u32 = 6;
const LOGIT_LIMITS: (i32, i32) = (-2048, 2047);
const LOG_SCALE_LIMITS: (i32, i32) = (-384, 511);
const COEFFICIENT_LIMITS: (i32, i32) = (-128, 128);

/// The number of components and channels of a network's mixture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MixtureShape {
    pub components: usize,
    pub channels: usize,
}

impl MixtureShape {
    /// The number of network outputs: per component a logit, and per channel a mean, a log2 scale, and a
    /// coefficient for each earlier channel.
    pub fn outputs(self) -> usize {
        self.components * (1 + 2 * self.channels + self.channels * (self.channels - 1) / 2)
    }
}

/// The mixture of one pixel, channel after channel: [`next_channel`](Self::next_channel),
/// [`cdf`](Self::cdf), [`observe`](Self::observe).
#[derive(Debug)]
pub(crate) struct PixelMixture<'a> {
    shape: MixtureShape,
    outputs: &'a [f32],
    channel: usize,
    residuals: [i32; MAX_CHANNELS],
    components: [Component; MAX_COMPONENTS],
}

impl<'a> PixelMixture<'a> {
    /// The mixture given by `shape.outputs()` network outputs. Any finite values are valid.
    pub fn new(shape: MixtureShape, outputs: &'a [f32]) -> Self {
        debug_assert_eq!(outputs.len(), shape.outputs());
        let components = [Component::default(); MAX_COMPONENTS];
        let mut mixture = Self { shape, outputs, channel: 0, residuals: [0; MAX_CHANNELS], components };
        let logits = mixture.group(0, LOGIT_LIMITS);
        let most = logits[..shape.components].iter().copied().max().unwrap_or(0);
        let mut weights = [0; MAX_COMPONENTS];
        for (weight, logit) in weights.iter_mut().zip(&logits[..shape.components]) {
            *weight = exp2(logit - most, 31);
        }
        mixture.set_weights(&weights);
        mixture
    }

    /// The `index`-th group of outputs, one per component, clamped to `limits`.
    fn group(&self, index: usize, limits: (i32, i32)) -> [i32; MAX_COMPONENTS] {
        let count = self.shape.components;
        let mut values = [0; MAX_COMPONENTS];
        for (value, output) in values.iter_mut().zip(&self.outputs[index * count..][..count]) {
            *value = (*output as i32).clamp(limits.0, limits.1);
        }
        values
    }

    /// Makes the components of the next channel; `prediction` is the channel's, of samples of `depth` bits.
    pub fn next_channel(&mut self, prediction: i32, depth: u32) {
        let channels = self.shape.channels;
        let means = self.group(1 + self.channel, (i32::MIN, i32::MAX));
        let log_scales = self.group(1 + channels + self.channel, LOG_SCALE_LIMITS);
        let mut positions = means.map(|mean| mean + (prediction << OUTPUT_BITS >> (depth - 8)));
        let first_pair = 1 + 2 * channels + self.channel * self.channel.saturating_sub(1) / 2;
        for earlier in 0..self.channel {
            let coefficients = self.group(first_pair + earlier, COEFFICIENT_LIMITS);
            for (position, coefficient) in positions.iter_mut().zip(coefficients) {
                *position += (self.residuals[earlier] * coefficient) >> (depth - 8);
            }
        }
        let all = self.components.iter_mut().zip(positions).zip(log_scales).take(self.shape.components);
        for ((component, position), log_scale) in all {
            component.mean = position << (POSITION_BITS - OUTPUT_BITS);
            component.inverse = exp2(-log_scale, INVERSE_BITS) as i32;
        }
    }

    /// The CDF of the channel, over samples of `depth` bits.
    pub fn cdf(&self, depth: u32) -> Cdf<'_> {
        Cdf::new(&self.components[..self.shape.components], depth)
    }

    /// A likely sample of the channel: the mean of the heaviest component.
    pub fn guess(&self, depth: u32) -> u32 {
        let used = &self.components[..self.shape.components];
        let heaviest = used.iter().max_by_key(|component| component.weight).map_or(0, |c| c.mean);
        let sample = i64::from(heaviest) >> (POSITION_BITS + 8 - depth);
        sample.clamp(0, (1 << depth) - 1) as u32
    }

    /// Moves to the next channel: the weights become the posterior of the components.
    ///
    /// `residual` is the sample less its prediction; `densities` come from [`Cdf::interval`].
    pub fn observe(&mut self, residual: i32, densities: &PerComponent) {
        self.residuals[self.channel] = residual;
        self.channel += 1;
        let mut weights = [0; MAX_COMPONENTS];
        for ((weight, component), density) in weights.iter_mut().zip(&self.components).zip(densities) {
            *weight = u64::from(component.weight) * u64::from(*density);
        }
        self.set_weights(&weights);
    }

    /// Normalises weights to a sum of at most 2^20; weights that are all zero leave the old ones.
    fn set_weights(&mut self, weights: &[u64; MAX_COMPONENTS]) {
        let weights = &weights[..self.shape.components];
        let sum: u64 = weights.iter().sum();
        if sum == 0 {
            return;
        }
        let bits = u64::BITS - sum.leading_zeros();
        let scaled = |weight: u64| if bits > 32 { weight >> (bits - 32) } else { weight << (32 - bits) };
        let total: u64 = weights.iter().map(|&weight| scaled(weight)).sum();
        let reciprocal = (1u64 << (32 + WEIGHT_BITS)) / total;
        for (component, &weight) in self.components.iter_mut().zip(weights) {
            component.weight = ((scaled(weight) * reciprocal) >> 32) as u32;
        }
    }
}

/// `2^(exponent / 64)` in units of `2^-fraction`, for exponents below `64 * (33 - fraction)`.
fn exp2(exponent: i32, fraction: u32) -> u64 {
    let (octave, step) = (exponent >> OUTPUT_BITS, exponent & 63);
    let value = u64::from(EXP2[step as usize]);
    let shift = octave + fraction as i32 - 16;
    if shift >= 0 { value << shift } else { value >> (-shift).min(63) }
}
