//! Mixture -> integer CDF -> intervals. Input: the components of one channel of one pixel. Output: the interval of a
//! sample, or the sample that a quantile belongs to. Format: section "CDF".
//!
//! Guarantees, for every possible mixture, hostile ones included:
//! 1. `cumulative(0) = 0` and `cumulative(size) = 2^24`;
//! 2. `cumulative` is strictly increasing, so every sample has a probability of at least 2^-24.

use crate::entropy::tables::SIGMA;

/// Bits of the CDF: probabilities are in units of 2^-24.
pub(crate) const CDF_BITS: usize = 24;
/// Fractional bits of a position, which is in 8-bit samples.
pub(crate) const POSITION_BITS: u32 = 10;
/// Fractional bits of an inverse scale.
pub(crate) const INVERSE_BITS: u32 = 18;
/// Bits of a mixture weight: the weights of a mixture sum to at most 2^20.
pub(crate) const WEIGHT_BITS: u32 = 20;

/// Bits of the logistic function.
pub(crate) const SIGMA_BITS: u32 = 24;
/// Fractional bits of the argument of the logistic function; the table has a step of 2^-5.
pub(crate) const ARGUMENT_BITS: u32 = 16;
pub(crate) const STEP_BITS: u32 = ARGUMENT_BITS - 5;
const ARGUMENT_LIMIT: i64 = 16 << ARGUMENT_BITS;

/// One logistic component of one channel.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Component {
    /// Weight, in units of 2^-20.
    pub weight: u32,
    /// Mean, in units of 2^-10 of an 8-bit sample.
    pub mean: i32,
    /// Inverse scale, in units of 2^-18 per 8-bit sample; positive.
    pub inverse: i32,
}

/// A component with all its probability on one sample.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pinned {
    /// Weight, in units of 2^-20.
    pub weight: u32,
    /// The sample.
    pub sample: u32,
}

/// The logistic function of a component at the two edges of a sample, in units of 2^-24.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Edges {
    pub low: u32,
    pub high: u32,
}

impl Edges {
    /// The probability of the sample under the component, in units of 2^-24.
    pub fn density(self) -> u32 {
        self.high - self.low
    }
}

/// The range of a channel's samples: `0..size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Alphabet {
    /// Bits per sample, 1 to 16. The network sees samples scaled from this depth to 8 bits.
    pub depth: u32,
    /// The number of samples, 1 to `2^depth`.
    pub size: u32,
}

impl Alphabet {
    /// All samples of a depth.
    #[cfg(test)]
    pub fn full(depth: u32) -> Self {
        Self { depth, size: 1 << depth }
    }

    /// The position of a sample, in units of 2^-10 of an 8-bit sample.
    pub fn centre(self, sample: u32) -> i64 {
        i64::from(sample) << (POSITION_BITS + 8 - self.depth)
    }

    /// Scales a difference of samples to 8-bit samples.
    pub fn to_eight_bits(self, difference: i32) -> i32 {
        if self.depth >= 8 { difference >> (self.depth - 8) } else { difference << (8 - self.depth) }
    }

    /// A difference of samples in these units as an entry of a context, from -128 to 127.
    #[inline]
    pub fn to_byte(self, difference: i32) -> i16 {
        self.to_eight_bits(difference).clamp(-128, 127) as i16
    }
}

/// The interval of a sample: `[left, left + probability)` out of 2^24.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interval {
    pub left: u32,
    pub probability: u32,
}

impl Interval {
    /// Whether a quantile lies in the interval.
    pub fn contains(self, quantile: u32) -> bool {
        quantile.wrapping_sub(self.left) < self.probability
    }
}

/// A discretized logistic mixture of `K` components, plus pinned components, over an alphabet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cdf<'a, const K: usize> {
    components: &'a [Component; K],
    pinned: &'a [Pinned],
    alphabet: Alphabet,
}

impl<'a, const K: usize> Cdf<'a, K> {
    /// The CDF of the mixture over the samples of `alphabet`.
    pub fn new(components: &'a [Component; K], pinned: &'a [Pinned], alphabet: Alphabet) -> Self {
        debug_assert!((1..=16).contains(&alphabet.depth) && (1..=1 << alphabet.depth).contains(&alphabet.size));
        Self { components, pinned, alphabet }
    }

    /// The position of the lower edge of a sample, `x - 1/2`.
    fn edge(self, sample: u32) -> i64 {
        (2 * i64::from(sample) - 1) << (POSITION_BITS - 1 + 8 - self.alphabet.depth)
    }

    /// The alphabet of the CDF.
    pub fn alphabet(self) -> Alphabet {
        self.alphabet
    }

    /// The probability below sample `sample`, in units of 2^-24.
    pub fn cumulative(self, sample: u32) -> u32 {
        if sample == 0 {
            return 0;
        }
        if sample >= self.alphabet.size {
            return 1 << CDF_BITS;
        }
        self.at(sample).0
    }

    /// The probability below a sample other than the first, and the logistic function at its lower edge for each component.
    #[inline(always)]
    pub fn at(self, sample: u32) -> (u32, [u32; K]) {
        let edge = self.edge(sample);
        let mut sum = self.pinned_below(sample) << SIGMA_BITS;
        let mut values = [0; K];
        for (component, value) in self.components.iter().zip(&mut values) {
            *value = logistic(edge, component);
            sum += u64::from(component.weight) * u64::from(*value);
        }
        (self.with_floor(sum, sample), values)
    }

    /// The weight of the pinned components below a sample.
    fn pinned_below(self, sample: u32) -> u64 {
        self.pinned.iter().map(|pin| if pin.sample < sample { u64::from(pin.weight) } else { 0 }).sum()
    }

    /// Scales a weighted sum of logistic values to leave room for one count per sample, and adds these counts.
    fn with_floor(self, sum: u64, sample: u32) -> u32 {
        let room = (1u64 << CDF_BITS) - u64::from(self.alphabet.size);
        sample + (((sum >> WEIGHT_BITS) * room) >> CDF_BITS) as u32
    }

    /// The interval of a sample, and the logistic functions at its edges, for each component.
    pub fn interval(self, sample: u32) -> (Interval, [Edges; K]) {
        let (first, last) = (sample == 0, sample + 1 == self.alphabet.size);
        let (low_edge, high_edge) = (self.edge(sample), self.edge(sample + 1));
        let mut low_sum = self.pinned_below(sample) << SIGMA_BITS;
        let mut high_sum = self.pinned_below(sample + 1) << SIGMA_BITS;
        let mut edges = [Edges::default(); K];
        for (component, edges) in self.components.iter().zip(&mut edges) {
            let low = if first { 0 } else { logistic(low_edge, component) };
            let high = if last { 1 << SIGMA_BITS } else { logistic(high_edge, component) };
            low_sum += u64::from(component.weight) * u64::from(low);
            high_sum += u64::from(component.weight) * u64::from(high);
            *edges = Edges { low, high };
        }
        let left = if first { 0 } else { self.with_floor(low_sum, sample) };
        let right = if last { 1 << CDF_BITS } else { self.with_floor(high_sum, sample + 1) };
        (Interval { left, probability: right - left }, edges)
    }

    /// The sample whose interval contains `quantile` (below 2^24), searched from `guess` on.
    ///
    /// Only the running time depends on `guess`: a bracket around it grows by doubling steps, and is then bisected.
    pub fn quantile(self, quantile: u32, guess: u32) -> u32 {
        let end = self.alphabet.size;
        let (mut low, mut high) = (0, end);
        let mut step = 1;
        let mut probe = guess.min(end - 1);
        // Invariant: cumulative(low) <= quantile < cumulative(high).
        if self.cumulative(probe) <= quantile {
            while high == end {
                low = probe;
                probe += step;
                step *= 2;
                if probe >= end {
                    break;
                }
                if self.cumulative(probe) > quantile {
                    high = probe;
                }
            }
        } else {
            while low == 0 {
                high = probe;
                if probe <= step {
                    break;
                }
                probe -= step;
                step *= 2;
                if self.cumulative(probe) <= quantile {
                    low = probe;
                }
            }
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.cumulative(middle) <= quantile {
                low = middle;
            } else {
                high = middle;
            }
        }
        low
    }
}

/// The logistic function of a component at an edge, in units of 2^-24.
#[inline(always)]
fn logistic(edge: i64, component: &Component) -> u32 {
    let product = (edge - i64::from(component.mean)) * i64::from(component.inverse);
    sigma(product >> (POSITION_BITS + INVERSE_BITS - ARGUMENT_BITS))
}

/// The logistic function, in units of 2^-24, of an argument in units of 2^-16; interpolated linearly in the table.
#[inline(always)]
pub(crate) fn sigma(argument: i64) -> u32 {
    let argument = argument.clamp(-ARGUMENT_LIMIT, ARGUMENT_LIMIT - 1) + ARGUMENT_LIMIT;
    let index = (argument >> STEP_BITS) as usize;
    let fraction = (argument & ((1 << STEP_BITS) - 1)) as u32;
    let (low, high) = (SIGMA[index], SIGMA[index + 1]);
    low + (((high - low) * fraction) >> STEP_BITS)
}

#[cfg(test)]
mod tests;
