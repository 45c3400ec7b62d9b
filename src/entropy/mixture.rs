//! Network outputs -> mixture of one pixel. The only place where probabilities are made, for encoder and decoder alike.
//! Input: one row of network outputs. Output: the integer components of each channel. Format: section "Mixture".
//!
//! This is the discretized logistic mixture of PixelCNN++ (Salimans et al. 2017, section 2). The mean of a channel is
//! linear in the residuals of the channels before it. All channels of a pixel share the mixture weights, which after
//! each channel become the posterior of the components.

use std::ops::RangeInclusive;

use crate::entropy::cdf::{Alphabet, Cdf, Component, Edges, INVERSE_BITS, POSITION_BITS, Pinned, WEIGHT_BITS};
use crate::entropy::tables::EXP2;

/// Most channels that one network codes jointly.
pub(crate) const MAX_CHANNELS: usize = 3;
/// Fractional bits of every network output.
pub(crate) const OUTPUT_BITS: u32 = 6;
pub(crate) const LOGIT_LIMITS: (i32, i32) = (-2048, 2047);
pub(crate) const LOG_SCALE_LIMITS: (i32, i32) = (-384, 511);
pub(crate) const COEFFICIENT_LIMITS: (i32, i32) = (-128, 128);

/// Numbers of logistic components that are supported: walks are compiled for each.
pub(crate) const COMPONENTS: RangeInclusive<usize> = 3..=MAX_COMPONENTS;
/// Most components of a mixture.
pub(crate) const MAX_COMPONENTS: usize = 5;
/// Number of pinned components in networks that have them.
pub(crate) const PINNED: usize = 11;

/// The pixel that a pinned component names; channels that the image lacks are ignored.
pub(crate) type Candidate = [u16; MAX_CHANNELS];

/// The shape of a network's mixture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MixtureShape {
    /// Logistic components.
    pub components: usize,
    /// Channels that the mixture models jointly.
    pub channels: usize,
    /// Whether each repeat candidate has a pinned component.
    pub pinned: bool,
}

impl MixtureShape {
    /// The number of network outputs: per component a logit, and per channel a mean, a log2 scale, and a
    /// coefficient for each earlier channel; then a logit per pinned component.
    pub fn outputs(self) -> usize {
        self.logistic_outputs() + if self.pinned { PINNED } else { 0 }
    }

    fn logistic_outputs(self) -> usize {
        self.components * (1 + 2 * self.channels + self.channels * (self.channels - 1) / 2)
    }
}

/// How the contexts of a pixel were normalised. The network's means are in units of `sign / 2^shift`, its scales in
/// units of `1 / 2^shift`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Normalisation {
    /// 1 or -1.
    pub sign: i32,
    /// 0 to 4.
    pub shift: u32,
}

impl Default for Normalisation {
    fn default() -> Self {
        Self { sign: 1, shift: 0 }
    }
}

/// The mixture of one pixel, channel after channel: [`next_channel`](Self::next_channel),
/// [`cdf`](Self::cdf), [`observe`](Self::observe).
#[derive(Debug)]
pub(crate) struct PixelMixture<'a, const K: usize, const P: usize> {
    channels: usize,
    outputs: &'a [i16],
    normalisation: Normalisation,
    candidates: &'a [Candidate; P],
    channel: usize,
    residuals: [i32; MAX_CHANNELS],
    components: [Component; K],
    pinned: [Pinned; P],
}

impl<'a, const K: usize, const P: usize> PixelMixture<'a, K, P> {
    /// The mixture of a pixel with `channels` channels, from one row of network outputs. The network has a pinned
    /// component either for each candidate or for none. Any outputs are valid.
    pub fn new(channels: usize, outputs: &'a [i16], candidates: &'a [Candidate; P]) -> Self {
        const { assert!(P == 0 || P == PINNED) };
        let shape = MixtureShape { components: K, channels, pinned: P > 0 };
        debug_assert_eq!(outputs.len(), shape.outputs());
        let (components, pinned) = ([Component::default(); K], [Pinned::default(); P]);
        let residuals = [0; MAX_CHANNELS];
        let normalisation = Normalisation::default();
        let mut mixture =
            Self { channels, outputs, normalisation, candidates, channel: 0, residuals, components, pinned };
        let clamp = |logit: i32| logit.clamp(LOGIT_LIMITS.0, LOGIT_LIMITS.1);
        let logits = mixture.group(0).map(clamp);
        let pinned_logits: [i32; P] = std::array::from_fn(|p| clamp(outputs[shape.logistic_outputs() + p].into()));
        let most = logits.into_iter().chain(pinned_logits).fold(LOGIT_LIMITS.0, i32::max);
        let weight = |logit: i32| exp2(logit - most, 31);
        mixture.set_weights(&logits.map(weight), &pinned_logits.map(weight));
        mixture
    }

    /// The same mixture, for outputs of normalised contexts.
    pub fn normalised(self, normalisation: Normalisation) -> Self {
        Self { normalisation, ..self }
    }

    /// The `index`-th group of outputs, one per component.
    fn group(&self, index: usize) -> [i32; K] {
        let outputs = &self.outputs[index * K..][..K];
        std::array::from_fn(|k| outputs[k].into())
    }

    /// Computes the components of the next channel; `prediction` is a sample of the channel's alphabet.
    pub fn next_channel(&mut self, prediction: i32, alphabet: Alphabet) {
        let (means, log_scales) = (self.group(1 + self.channel), self.group(1 + self.channels + self.channel));
        let Normalisation { sign, shift } = self.normalisation;
        let mut positions = [alphabet.to_eight_bits(prediction << OUTPUT_BITS); K];
        let first_pair = 1 + 2 * self.channels + self.channel * self.channel.saturating_sub(1) / 2;
        for earlier in 0..self.channel {
            let coefficients = self.group(first_pair + earlier);
            for (position, coefficient) in positions.iter_mut().zip(coefficients) {
                let coefficient = coefficient.clamp(COEFFICIENT_LIMITS.0, COEFFICIENT_LIMITS.1);
                *position += alphabet.to_eight_bits(self.residuals[earlier] * coefficient);
            }
        }
        let outputs = means.into_iter().zip(log_scales);
        for ((component, position), (mean, log_scale)) in self.components.iter_mut().zip(positions).zip(outputs) {
            let mean = ((sign * mean) << (POSITION_BITS - OUTPUT_BITS)) >> shift;
            component.mean = mean + (position << (POSITION_BITS - OUTPUT_BITS));
            let log_scale = (log_scale - (shift << OUTPUT_BITS) as i32).clamp(LOG_SCALE_LIMITS.0, LOG_SCALE_LIMITS.1);
            component.inverse = exp2(-log_scale, INVERSE_BITS) as i32;
        }
        for (pin, candidate) in self.pinned.iter_mut().zip(self.candidates) {
            pin.sample = candidate[self.channel].into();
        }
    }

    /// The CDF of the channel.
    pub fn cdf(&self, alphabet: Alphabet) -> Cdf<'_, K> {
        Cdf::new(&self.components, &self.pinned, alphabet)
    }

    /// A likely sample of the channel: the mean of the heaviest component.
    pub fn guess(&self, alphabet: Alphabet) -> u32 {
        let heaviest = self.components.iter().max_by_key(|component| component.weight);
        let (weight, mean) = heaviest.map_or((0, 0), |component| (component.weight, component.mean));
        let pin = self.pinned.iter().max_by_key(|pin| pin.weight);
        match pin.filter(|pin| pin.weight > weight) {
            Some(pin) => pin.sample.min(alphabet.size - 1),
            None => {
                let sample = i64::from(mean) >> (POSITION_BITS + 8 - alphabet.depth);
                sample.clamp(0, i64::from(alphabet.size) - 1) as u32
            }
        }
    }

    /// Moves on to the next channel, if there is one: the weights become the posterior of the components.
    ///
    /// `sample` is the one just coded, `prediction` the channel's; `edges` are those of [`Cdf::interval`].
    pub fn observe(&mut self, sample: u32, prediction: i32, edges: &[Edges; K]) {
        self.residuals[self.channel] = sample as i32 - prediction;
        self.channel += 1;
        if self.channel < self.channels {
            self.weigh(sample, edges);
        }
    }

    /// The weights become the posterior of the components, given a sample.
    fn weigh(&mut self, sample: u32, edges: &[Edges; K]) {
        let weight = |k: usize| u64::from(self.components[k].weight) * u64::from(edges[k].density());
        let pinned = self.pinned.map(|pin| if pin.sample == sample { u64::from(pin.weight) << 24 } else { 0 });
        self.set_weights(&std::array::from_fn(weight), &pinned);
    }

    /// Normalises weights to a sum of at most 2^20; if all are zero, keeps the old ones.
    fn set_weights(&mut self, logistic: &[u64; K], pinned: &[u64; P]) {
        let sum = logistic.iter().chain(pinned).sum::<u64>();
        if sum == 0 {
            return;
        }
        let zeros = sum.leading_zeros();
        let scale = |weight: u64| (weight << zeros) >> 32;
        let total = logistic.iter().chain(pinned).map(|&weight| scale(weight)).sum::<u64>();
        let reciprocal = (1u64 << (32 + WEIGHT_BITS)) / total;
        let normalise = |weight: u64| ((scale(weight) * reciprocal) >> 32) as u32;
        for (component, &weight) in self.components.iter_mut().zip(logistic) {
            component.weight = normalise(weight);
        }
        for (pin, &weight) in self.pinned.iter_mut().zip(pinned) {
            pin.weight = normalise(weight);
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
