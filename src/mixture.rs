//! Network outputs -> mixture of one pixel. The only place where probabilities are made: encoder and decoder
//! both call it. Input: one row of network outputs. Output: the integer components of each channel. Format:
//! section "Mixture".
//!
//! Discretized logistic mixture of PixelCNN++ (Salimans et al. 2017, section 2): the mean of a channel is
//! linear in the residuals of the channels before it, and all channels of a pixel share the mixture weights,
//! so that after each channel the weights become the posterior of the components.

use crate::cdf::{Cdf, Component, INVERSE_BITS, POSITION_BITS, WEIGHT_BITS};
use crate::tables::EXP2;

/// Most channels that one network codes jointly.
pub(crate) const MAX_CHANNELS: usize = 3;
/// Fractional bits of every network output.
const OUTPUT_BITS: u32 = 6;
const LOGIT_LIMITS: (i32, i32) = (-2048, 2047);
const LOG_SCALE_LIMITS: (i32, i32) = (-384, 511);
const COEFFICIENT_LIMITS: (i32, i32) = (-128, 128);

/// Most components of a mixture.
pub(crate) const MAX_COMPONENTS: usize = 10;

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
pub(crate) struct PixelMixture<'a, const K: usize> {
    channels: usize,
    outputs: &'a [i16],
    channel: usize,
    residuals: [i32; MAX_CHANNELS],
    components: [Component; K],
}

impl<'a, const K: usize> PixelMixture<'a, K> {
    /// The mixture of `channels` channels given by one row of network outputs. Any outputs are valid.
    pub fn new(channels: usize, outputs: &'a [i16]) -> Self {
        debug_assert_eq!(outputs.len(), MixtureShape { components: K, channels }.outputs());
        let components = [Component::default(); K];
        let mut mixture = Self { channels, outputs, channel: 0, residuals: [0; MAX_CHANNELS], components };
        let logits = mixture.group(0).map(|logit| logit.clamp(LOGIT_LIMITS.0, LOGIT_LIMITS.1));
        let most = logits.into_iter().fold(LOGIT_LIMITS.0, i32::max);
        mixture.set_weights(&logits.map(|logit| exp2(logit - most, 31)));
        mixture
    }

    /// The `index`-th group of outputs, one per component.
    fn group(&self, index: usize) -> [i32; K] {
        let outputs = &self.outputs[index * K..][..K];
        std::array::from_fn(|k| outputs[k].into())
    }

    /// Makes the components of the next channel; `prediction` is the channel's, of samples of `depth` bits.
    pub fn next_channel(&mut self, prediction: i32, depth: u32) {
        let (means, log_scales) = (self.group(1 + self.channel), self.group(1 + self.channels + self.channel));
        let mut positions = means.map(|mean| mean + (prediction << OUTPUT_BITS >> (depth - 8)));
        let first_pair = 1 + 2 * self.channels + self.channel * self.channel.saturating_sub(1) / 2;
        for earlier in 0..self.channel {
            let coefficients = self.group(first_pair + earlier);
            for (position, coefficient) in positions.iter_mut().zip(coefficients) {
                let coefficient = coefficient.clamp(COEFFICIENT_LIMITS.0, COEFFICIENT_LIMITS.1);
                *position += (self.residuals[earlier] * coefficient) >> (depth - 8);
            }
        }
        for ((component, position), log_scale) in self.components.iter_mut().zip(positions).zip(log_scales) {
            component.mean = position << (POSITION_BITS - OUTPUT_BITS);
            let log_scale = log_scale.clamp(LOG_SCALE_LIMITS.0, LOG_SCALE_LIMITS.1);
            component.inverse = exp2(-log_scale, INVERSE_BITS) as i32;
        }
    }

    /// The CDF of the channel, over samples of `depth` bits.
    pub fn cdf(&self, depth: u32) -> Cdf<'_, K> {
        Cdf::new(&self.components, depth)
    }

    /// A likely sample of the channel: the mean of the heaviest component.
    pub fn guess(&self, depth: u32) -> u32 {
        let heaviest = self.components.iter().max_by_key(|component| component.weight).map_or(0, |c| c.mean);
        let sample = i64::from(heaviest) >> (POSITION_BITS + 8 - depth);
        sample.clamp(0, (1 << depth) - 1) as u32
    }

    /// Moves to the next channel: the weights become the posterior of the components.
    ///
    /// `residual` is the sample less its prediction; `densities` come from [`Cdf::interval`].
    pub fn observe(&mut self, residual: i32, densities: &[u32; K]) {
        self.residuals[self.channel] = residual;
        self.channel += 1;
        if self.channel < self.channels {
            let weight = |k: usize| u64::from(self.components[k].weight) * u64::from(densities[k]);
            self.set_weights(&std::array::from_fn(weight));
        }
    }

    /// Normalises weights to a sum of at most 2^20; weights that are all zero leave the old ones.
    fn set_weights(&mut self, weights: &[u64; K]) {
        let sum: u64 = weights.iter().sum();
        if sum == 0 {
            return;
        }
        let zeros = sum.leading_zeros();
        let scaled = weights.map(|weight| (weight << zeros) >> 32);
        let total: u64 = scaled.iter().sum();
        let reciprocal = (1u64 << (32 + WEIGHT_BITS)) / total;
        for (component, weight) in self.components.iter_mut().zip(scaled) {
            component.weight = ((weight * reciprocal) >> 32) as u32;
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

#[cfg(test)]
mod tests;
