//! Mixtures, intervals and searches for a block of 16 pixels, one pixel per lane. Input: the network's outputs for the
//! block, with axes (output, lane). Output: the same integers as [`crate::entropy::mixture::PixelMixture`] and
//! [`crate::entropy::cdf::Cdf`] give for each pixel alone, for all inputs, even hostile ones. Format: sections
//! "Mixture" and "CDF".
//!
//! The same source serves all levels of [`Vectors`]. Pinned components are not supported.
//!
//! ```text
//! samples known:  intervals                                        (encoding, measuring, verifying)
//! decoding:       start -> quantiles -> decode -> pop the intervals, channel after channel
//! learning:       errors
//! ```

mod components;
pub(crate) mod gradient;
mod search;
mod weights;

use self::components::{ComponentLanes, edge};
use self::search::Search;
use super::vectors::{Simd, Vectorised, Vectors};
use crate::entropy::cdf::{Alphabet, CDF_BITS, Interval, WEIGHT_BITS};
use crate::entropy::mixture::{MAX_CHANNELS, MAX_COMPONENTS, MixtureShape};

pub(crate) use super::vectors::{LANES, Lanes};

/// The inputs of a block's mixtures. Unused lanes may hold anything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block<'a> {
    /// Outputs of the network, with axes (output, lane).
    pub outputs: &'a [Lanes<i16>],
    /// Predictions, with axes (channel, lane).
    pub predictions: &'a [Lanes<i32>],
    /// Sign and shift by which the network's contexts were normalised: see [`crate::entropy::mixture::Normalisation`].
    pub signs: &'a Lanes<i32>,
    pub shifts: &'a Lanes<i32>,
}

/// An interval for each pixel of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct IntervalLanes {
    pub left: Lanes<i32>,
    pub probability: Lanes<i32>,
}

impl IntervalLanes {
    /// Sets the interval of one pixel.
    pub fn set(&mut self, lane: usize, interval: Interval) {
        (self.left[lane], self.probability[lane]) = (interval.left as i32, interval.probability as i32);
    }

    /// The interval of one pixel.
    pub fn lane(&self, lane: usize) -> Interval {
        Interval { left: self.left[lane] as u32, probability: self.probability[lane] as u32 }
    }
}

/// The mixtures of a block.
#[derive(Debug)]
pub(crate) struct LaneMixture {
    shape: MixtureShape,
    vectors: Vectors,
    weights: [Lanes<i32>; MAX_COMPONENTS],
    components: [ComponentLanes; MAX_COMPONENTS],
    residuals: [Lanes<i32>; MAX_CHANNELS],
    /// Probabilities of the sample under each component.
    densities: [Lanes<i32>; MAX_COMPONENTS],
    search: Search,
}

impl LaneMixture {
    /// Working memory for the mixtures of a block; networks with pinned components are not supported.
    pub fn new(shape: MixtureShape, vectors: Vectors) -> Self {
        assert!(!shape.pinned && shape.components <= MAX_COMPONENTS && shape.channels <= MAX_CHANNELS);
        Self {
            shape,
            vectors,
            weights: [[0; LANES]; MAX_COMPONENTS],
            densities: [[0; LANES]; MAX_COMPONENTS],
            search: Search::default(),
            components: [ComponentLanes::default(); MAX_COMPONENTS],
            residuals: [[0; LANES]; MAX_CHANNELS],
        }
    }

    /// The intervals of known samples, by channel.
    pub fn intervals(
        &mut self,
        block: Block<'_>,
        alphabets: &[Alphabet],
        samples: &[Lanes<i32>],
        intervals: &mut [IntervalLanes],
    ) {
        self.vectors.run(Intervals { mixture: self, block, alphabets, samples, intervals });
    }

    /// Starts to decode a block: sets the weights for its first channel.
    pub fn start(&mut self, block: Block<'_>) {
        self.vectors.run(Start { mixture: self, block });
    }

    /// Finds the next channel's samples whose intervals contain the quantiles (below 2^24), and these intervals, in the
    /// first `active` lanes. Other lanes are undefined.
    pub fn decode(
        &mut self,
        block: Block<'_>,
        (channel, alphabet): (usize, Alphabet),
        (quantiles, active): (&Lanes<i32>, usize),
        (samples, intervals): (&mut Lanes<i32>, &mut IntervalLanes),
    ) {
        let quantiles = (quantiles, active);
        self.vectors.run(Decode { mixture: self, block, channel, alphabet, quantiles, samples, intervals });
    }

    /// The intervals of samples, and their densities under the components; with `SIDES`, also stores the logistic
    /// functions at their edges.
    #[inline(always)]
    fn interval<S: Simd, const SIDES: bool>(
        &mut self,
        simd: S,
        part: usize,
        (sample, alphabet): (S::Ints, Alphabet),
        intervals: &mut IntervalLanes,
    ) {
        let (zero, one, whole) = (simd.splat(0), simd.splat(1), simd.splat(1 << CDF_BITS));
        let next = simd.add(sample, one);
        let first = simd.eq(sample, zero);
        let last = simd.eq(next, simd.splat(alphabet.size as i32));
        let edges = (edge(simd, sample, alphabet), edge(simd, next, alphabet));
        let none = simd.widen(zero);
        let (mut low_sum, mut high_sum) = (none, none);
        for k in 0..self.shape.components {
            let component = &self.components[k];
            let low = simd.select(first, zero, component.logistic(simd, part, edges.0));
            let high = simd.select(last, whole, component.logistic(simd, part, edges.1));
            let weight = simd.load(&self.weights[k], part);
            low_sum = simd.add_longs(low_sum, simd.mul_wide(weight, low));
            high_sum = simd.add_longs(high_sum, simd.mul_wide(weight, high));
            simd.store(simd.sub(high, low), &mut self.densities[k], part);
            if SIDES {
                self.search.store_sides(simd, part, k, (low, high));
            }
        }
        let left = simd.select(first, zero, with_floor(simd, low_sum, sample, alphabet));
        let right = simd.select(last, whole, with_floor(simd, high_sum, next, alphabet));
        simd.store(left, &mut intervals.left, part);
        simd.store(simd.sub(right, left), &mut intervals.probability, part);
    }

    /// Moves on to the next channel, if there is one: the weights become the posterior of the components.
    #[inline(always)]
    fn observe<S: Simd>(&mut self, simd: S, part: usize, (block, channel): (Block<'_>, usize), sample: S::Ints) {
        if channel + 1 < self.shape.channels {
            let residual = simd.sub(sample, simd.load(&block.predictions[channel], part));
            simd.store(residual, &mut self.residuals[channel], part);
            self.posterior(simd, part);
        }
    }
}

/// Scales a weighted sum of logistic values and adds one count per sample: the CDF at the lower edge of a sample other
/// than the first, within the alphabet.
#[inline(always)]
fn with_floor<S: Simd>(simd: S, sum: S::Longs, sample: S::Ints, alphabet: Alphabet) -> S::Ints {
    let room = simd.splat((1 << CDF_BITS) - alphabet.size as i32);
    let scaled = simd.mul_wide(simd.narrow::<WEIGHT_BITS>(sum), room);
    simd.add(sample, simd.narrow::<{ CDF_BITS as u32 }>(scaled))
}

struct Intervals<'a> {
    mixture: &'a mut LaneMixture,
    block: Block<'a>,
    alphabets: &'a [Alphabet],
    samples: &'a [Lanes<i32>],
    intervals: &'a mut [IntervalLanes],
}

impl Vectorised for Intervals<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) {
        let Self { mixture, block, alphabets, samples, intervals } = self;
        for part in 0..S::PARTS {
            mixture.first_weights(simd, part, block);
            for (channel, &alphabet) in alphabets.iter().enumerate() {
                mixture.make_components(simd, part, block, (channel, alphabet));
                let sample = simd.load(&samples[channel], part);
                mixture.interval::<S, false>(simd, part, (sample, alphabet), &mut intervals[channel]);
                mixture.observe(simd, part, (block, channel), sample);
            }
        }
    }
}

struct Start<'a> {
    mixture: &'a mut LaneMixture,
    block: Block<'a>,
}

impl Vectorised for Start<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) {
        for part in 0..S::PARTS {
            self.mixture.first_weights(simd, part, self.block);
        }
    }
}

struct Decode<'a> {
    mixture: &'a mut LaneMixture,
    block: Block<'a>,
    channel: usize,
    alphabet: Alphabet,
    quantiles: (&'a Lanes<i32>, usize),
    samples: &'a mut Lanes<i32>,
    intervals: &'a mut IntervalLanes,
}

impl Vectorised for Decode<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) {
        let Self { mixture, block, channel, alphabet, quantiles, samples, intervals } = self;
        for part in 0..S::PARTS {
            mixture.make_components(simd, part, block, (channel, alphabet));
            let sample = mixture.find(simd, part, alphabet, quantiles, intervals);
            simd.store(sample, samples, part);
            mixture.observe(simd, part, (block, channel), sample);
        }
    }
}

#[cfg(test)]
mod tests;
