//! Mixtures, intervals and searches of a block of pixels, one pixel in each lane. Input: the network's outputs of the block,
//! with axes (output, lane). Output: the integers that [`crate::mixture::PixelMixture`] and [`crate::cdf::Cdf`] give for each
//! pixel by itself, for all inputs, hostile ones included. Format: sections "Mixture" and "CDF".
//!
//! Loops over the lanes are the innermost ones, over arrays of [`LANES`], so that the compiler makes vectors of them; no
//! intrinsics, one source for all [`Vectors`]. There are no pinned components.
//!
//! ```text
//! samples known:  start -> intervals                               (encoding, measuring, verifying)
//! decoding:       start -> quantiles -> decode -> pop the intervals, channel after channel
//! ```

mod components;
mod search;
mod weights;

use self::components::ComponentLanes;
use crate::cdf::{Alphabet, CDF_BITS, Interval, WEIGHT_BITS};
use crate::entropy::vectors::Vectors;
use crate::mixture::{MAX_CHANNELS, MAX_COMPONENTS, MixtureShape};

/// Pixels of a block.
pub(crate) const LANES: usize = 16;
/// One value for each pixel of a block.
pub(crate) type Lanes<T> = [T; LANES];

/// What the mixtures of a block are made of. Lanes that are not needed may hold anything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block<'a> {
    /// Outputs of the network.
    pub outputs: &'a [Lanes<i16>],
    /// Of each channel.
    pub predictions: &'a [Lanes<i32>],
    /// What the network's contexts were normalised by: see [`crate::mixture::Normalisation`].
    pub signs: &'a Lanes<i32>,
    pub shifts: &'a Lanes<u32>,
}

/// An interval for each pixel of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct IntervalLanes {
    pub left: Lanes<u32>,
    pub probability: Lanes<u32>,
}

impl IntervalLanes {
    /// The interval of one pixel.
    pub fn lane(&self, lane: usize) -> Interval {
        Interval { left: self.left[lane], probability: self.probability[lane] }
    }
}

/// The mixtures of a block.
#[derive(Debug)]
pub(crate) struct LaneMixture {
    shape: MixtureShape,
    vectors: Vectors,
    weights: [Lanes<u32>; MAX_COMPONENTS],
    components: [ComponentLanes; MAX_COMPONENTS],
    /// The logistic functions at both edges of the samples.
    low: [Lanes<u32>; MAX_COMPONENTS],
    high: [Lanes<u32>; MAX_COMPONENTS],
    residuals: [Lanes<i32>; MAX_CHANNELS],
}

impl LaneMixture {
    /// Room for the mixtures of any block of a network without pinned components.
    pub fn new(shape: MixtureShape, vectors: Vectors) -> Self {
        assert!(!shape.pinned, "pinned components have no lanes");
        let (zeros, components) = ([[0; LANES]; MAX_COMPONENTS], [ComponentLanes::default(); MAX_COMPONENTS]);
        let residuals = [[0; LANES]; MAX_CHANNELS];
        Self { shape, vectors, weights: zeros, components, low: zeros, high: zeros, residuals }
    }

    /// Begins a block: the weights of its first channel.
    pub fn start(&mut self, block: Block<'_>) {
        let vectors = self.vectors;
        vectors.run(
            #[inline(always)]
            || self.first_weights(block),
        );
    }

    /// The intervals of known samples, of each channel.
    pub fn intervals(
        &mut self,
        block: Block<'_>,
        alphabets: &[Alphabet],
        samples: &[Lanes<u16>],
        intervals: &mut [IntervalLanes],
    ) {
        let vectors = self.vectors;
        vectors.run(
            #[inline(always)]
            || {
                self.first_weights(block);
                for (channel, &alphabet) in alphabets.iter().enumerate() {
                    self.make_components(block, channel, alphabet);
                    intervals[channel] = self.interval(&samples[channel], alphabet);
                    self.observe(&samples[channel], block, channel);
                }
            },
        );
    }

    /// The samples of the next channel whose intervals contain the quantiles of the first `active` lanes, and these
    /// intervals. Other lanes are undefined.
    pub fn decode(
        &mut self,
        block: Block<'_>,
        (channel, alphabet): (usize, Alphabet),
        quantiles: &Lanes<u32>,
        active: usize,
    ) -> (Lanes<u16>, IntervalLanes) {
        let vectors = self.vectors;
        vectors.run(
            #[inline(always)]
            || {
                self.make_components(block, channel, alphabet);
                let (samples, intervals) = self.search(quantiles, alphabet, active);
                self.observe(&samples, block, channel);
                (samples, intervals)
            },
        )
    }

    /// The intervals of samples, whose edges are kept.
    #[inline(always)]
    fn interval(&mut self, samples: &Lanes<u16>, alphabet: Alphabet) -> IntervalLanes {
        let samples = samples.map(u32::from);
        let last = alphabet.size - 1;
        let low_edges = components::edges(&samples, alphabet);
        let high_edges = components::edges(&samples.map(|sample| sample + 1), alphabet);
        let (mut low_sums, mut high_sums) = ([0; LANES], [0; LANES]);
        for k in 0..self.shape.components {
            let component = &self.components[k];
            let (low, high) = (component.logistic(&low_edges), component.logistic(&high_edges));
            for lane in 0..LANES {
                let low = if samples[lane] == 0 { 0 } else { low[lane] };
                let high = if samples[lane] == last { 1 << CDF_BITS } else { high[lane] };
                let weight = u64::from(self.weights[k][lane]);
                low_sums[lane] += weight * u64::from(low);
                high_sums[lane] += weight * u64::from(high);
                (self.low[k][lane], self.high[k][lane]) = (low, high);
            }
        }
        let mut intervals = IntervalLanes::default();
        for lane in 0..LANES {
            let sample = samples[lane];
            let left = if sample == 0 { 0 } else { with_floor(low_sums[lane], sample, alphabet) };
            let right =
                if sample == last { 1 << CDF_BITS } else { with_floor(high_sums[lane], sample + 1, alphabet) };
            intervals.left[lane] = left;
            intervals.probability[lane] = right.wrapping_sub(left);
        }
        intervals
    }

    /// Moves to the next channel, if there is one: the weights become the posterior of the components.
    #[inline(always)]
    fn observe(&mut self, samples: &Lanes<u16>, block: Block<'_>, channel: usize) {
        if channel + 1 == self.shape.channels {
            return;
        }
        for lane in 0..LANES {
            self.residuals[channel][lane] = i32::from(samples[lane]).wrapping_sub(block.predictions[channel][lane]);
        }
        self.posterior();
    }
}

/// Scales a weighted sum of logistic values and adds one count per sample: the CDF at the lower edge of a sample that is neither
/// the first nor beyond the last.
#[inline(always)]
fn with_floor(sum: u64, sample: u32, alphabet: Alphabet) -> u32 {
    let room = (1 << CDF_BITS) - alphabet.size;
    // Both factors have at most 25 bits.
    let scaled = (u64::from((sum >> WEIGHT_BITS) as u32) * u64::from(room)) >> CDF_BITS;
    sample.wrapping_add(scaled as u32)
}

#[cfg(test)]
mod tests;
