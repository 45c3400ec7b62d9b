//! Bijections of (integer, stack): the building blocks of bits-back coding. Format: section "Bijections".
//!
//! Each function has an exact inverse, in both directions and on any stack, even an empty one. Compositions of them are
//! bijections, too: any words that a decoder accepts are what an encoder writes for the result. Values are integers in
//! units of `2^-fraction`.

use super::cdf::{CDF_BITS, Interval, sigma};
use super::stack::Stack;
use super::tables::{EXP2, GAUSS, SIGMA};
use super::tally::Tally;

/// log2 of the number of states for a scale of 1.
const SCALE_BITS: u32 = 10;
/// Largest magnitude of the exponent of a scale, in units of 1/64.
pub(crate) const EXPONENT_MAX: i32 = 6 << 6;
/// Magnitude below which an integer can be divided by a scale without overflow.
pub(crate) const DIVISIBLE: i64 = 1 << 54;
/// Magnitude below which the base distribution can code an integer.
pub(crate) const CODABLE: i64 = 1 << 47;
/// log2 of the number of buckets in an interval of length 1.
const BUCKET_BITS: u32 = 5;
/// Buckets on either side of 0; symbols, of which two stand for values beyond the buckets.
const BUCKETS: i64 = 512;
const SYMBOLS: u32 = 2 * BUCKETS as u32 + 2;
/// Bit lengths that the distance beyond the buckets may have.
const LENGTHS: u32 = 48;
/// log2 of the bound on noise beyond the buckets.
const DRAWN_BITS: u32 = 10;
pub(crate) const DRAWN_REACH: u64 = 1 << DRAWN_BITS;
/// Bits pushed at once.
const CHUNK: u32 = 16;

/// The interval of one of `count` equally likely symbols, at most 2^16.
fn uniform(symbol: u32, count: u32) -> Interval {
    let edge = |symbol: u32| ((u64::from(symbol) << CDF_BITS) / u64::from(count)) as u32;
    Interval { left: edge(symbol), probability: edge(symbol + 1) - edge(symbol) }
}

/// Pushes one of `count` equally likely symbols, at most 2^16.
pub(crate) fn push_uniform(stack: &mut Stack, symbol: u32, count: u32) {
    stack.push(uniform(symbol, count));
}

/// Pops what [`push_uniform`] pushed.
pub(crate) fn pop_uniform(stack: &mut Stack, count: u32) -> u32 {
    let symbol = (((u64::from(stack.quantile()) + 1) * u64::from(count) - 1) >> CDF_BITS) as u32;
    stack.pop(uniform(symbol, count));
    symbol
}

/// Pushes a uniformly distributed number of `bits` bits, the highest bits last.
pub(crate) fn push_bits(stack: &mut Stack, value: u64, bits: u32) {
    for first in (0..bits).step_by(CHUNK as usize) {
        let count = CHUNK.min(bits - first);
        stack.push_bits((value >> first) as u32 & ((1 << count) - 1), count);
    }
}

/// Pops what [`push_bits`] pushed.
pub(crate) fn pop_bits(stack: &mut Stack, bits: u32) -> u64 {
    let firsts = (0..bits).step_by(CHUNK as usize).rev();
    firsts.fold(0, |value, first| {
        let count = CHUNK.min(bits - first);
        value << count | u64::from(stack.pop_bits(count))
    })
}

/// The number of states of a scale of `2^(exponent / 64)`, which is 2^10 for a scale of 1.
pub(crate) fn states(exponent: i32) -> u32 {
    let exponent = exponent.clamp(-EXPONENT_MAX, EXPONENT_MAX);
    let shift = 16 - SCALE_BITS as i32 - (exponent >> 6);
    (EXP2[(exponent & 63) as usize] + ((1 << shift) >> 1)) >> shift
}

/// Multiplies by a scale: the modular scale transform (iFlow, Zhang et al. 2021). Pushes the bits of the product below
/// the grid, and pops the remainder modulo the factor, so that the length of the stack changes by the log2 of the
/// volume change.
pub(crate) fn scale(stack: &mut Stack, x: i64, states: u32) -> i64 {
    let remainder = i64::from(pop_uniform(stack, states));
    let factor = i64::from(states);
    let below = factor * (x & ((1 << SCALE_BITS) - 1)) + remainder;
    push_bits(stack, (below & ((1 << SCALE_BITS) - 1)) as u64, SCALE_BITS);
    factor.wrapping_mul(x >> SCALE_BITS).wrapping_add(below >> SCALE_BITS)
}

/// Inverse of [`scale`]; for magnitudes from [`DIVISIBLE`] on, the result is unspecified.
pub(crate) fn unscale(stack: &mut Stack, z: i64, states: u32) -> i64 {
    let factor = i64::from(states);
    let (quotient, rest) = (z.div_euclid(factor), z.rem_euclid(factor));
    let below = (rest << SCALE_BITS) + pop_bits(stack, SCALE_BITS) as i64;
    push_uniform(stack, (below % factor) as u32, states);
    (quotient << SCALE_BITS).wrapping_add(below / factor)
}

/// A distribution function at the edges of the buckets, in units of 2^-24.
pub(crate) type Table = [u32; 2 * BUCKETS as usize + 1];

/// A base distribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Distribution {
    /// The standard logistic distribution.
    Logistic,
    /// The standard normal distribution.
    Gaussian,
    /// For each channel, a mixture of logistic distributions.
    Mixtures(Vec<Table>),
}

impl Distribution {
    /// The distribution of a channel.
    pub fn table(&self, channel: usize) -> &Table {
        match self {
            Self::Logistic => &SIGMA,
            Self::Gaussian => &GAUSS,
            Self::Mixtures(tables) => &tables[channel],
        }
    }
}

/// log2 of the sum of a mixture's weights.
pub(crate) const SHARE_BITS: u32 = 16;
/// Fractional bits of the mean of a component.
const MEAN_BITS: u32 = 6;

/// A component of a mixture of logistic distributions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share {
    /// In units of 2^-16.
    pub weight: u32,
    /// In units of 2^-6.
    pub mean: i32,
    /// The exponent of its inverse scale.
    pub exponent: i32,
}

/// The distribution function of a mixture, whose weights have the sum 1.
pub(crate) fn mixture(components: &[Share]) -> Table {
    std::array::from_fn(|edge| {
        let position = (edge as i64 - BUCKETS) << (MEAN_BITS - BUCKET_BITS);
        // The scale has 10 fractional bits, the distance 6, and the argument 16.
        let below = |c: &Share| sigma((position - i64::from(c.mean)) * i64::from(states(c.exponent)));
        let sum: u64 = components.iter().map(|c| u64::from(c.weight) * u64::from(below(c))).sum();
        (sum >> SHARE_BITS) as u32
    })
}

/// A base distribution over integers in units of 2^-fraction, with a fraction of at least [`BUCKET_BITS`] bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Base<'a> {
    table: &'a Table,
    /// log2 of the integers per bucket.
    low: u32,
    /// Bit lengths that the distance beyond the buckets may have.
    lengths: u32,
}

impl<'a> Base<'a> {
    /// A distribution over all integers of magnitude below [`CODABLE`].
    pub fn new(table: &'a Table, fraction: u32) -> Self {
        Self { table, low: fraction - BUCKET_BITS, lengths: LENGTHS }
    }

    /// A distribution of noise, which is bounded: it reaches [`DRAWN_REACH`] beyond the buckets.
    pub fn of_noise(table: &'a Table, fraction: u32) -> Self {
        Self { lengths: fraction + DRAWN_BITS, ..Self::new(table, fraction) }
    }

    /// The cumulative count below a symbol: the distribution function, plus one count per symbol.
    fn edge(self, symbol: u32) -> u32 {
        let room = (1u64 << CDF_BITS) - u64::from(SYMBOLS);
        match symbol {
            0 => 0,
            SYMBOLS => 1 << CDF_BITS,
            _ => symbol + ((u64::from(self.table[symbol as usize - 1]) * room) >> CDF_BITS) as u32,
        }
    }

    fn interval(self, symbol: u32) -> Interval {
        Interval { left: self.edge(symbol), probability: self.edge(symbol + 1) - self.edge(symbol) }
    }

    fn end(self) -> i64 {
        BUCKETS << self.low
    }

    fn bucket(self, z: i64) -> i64 {
        (z >> self.low) + BUCKETS
    }

    /// The distance of an integer beyond the buckets, from 1; 0 within them.
    fn beyond(self, z: i64) -> u64 {
        let beyond = if z < 0 { (-self.end()).saturating_sub(z) } else { z - self.end() + 1 };
        beyond.max(0) as u64
    }

    /// Whether the distribution can code an integer.
    pub fn has(self, z: i64) -> bool {
        self.beyond(z) >> self.lengths == 0
    }

    /// Pushes an integer that the distribution can code; adds its code length to `tally`.
    pub fn push(self, stack: &mut Stack, z: i64, tally: &mut Tally) {
        let bucket = self.bucket(z);
        if (0..2 * BUCKETS).contains(&bucket) {
            push_bits(stack, (z & ((1 << self.low) - 1)) as u64, self.low);
            tally.count(0.5f64.powi(self.low as i32));
        } else {
            let beyond = self.beyond(z);
            let length = beyond.ilog2();
            debug_assert!(length < self.lengths, "an integer that it has");
            push_bits(stack, beyond - (1 << length), length);
            push_uniform(stack, length, self.lengths);
            tally.count(0.5f64.powi(length as i32) / f64::from(self.lengths));
        }
        let symbol = (bucket + 1).clamp(0, i64::from(SYMBOLS) - 1) as u32;
        stack.push(self.interval(symbol));
        tally.count_interval(self.interval(symbol));
    }

    /// Inverse of [`push`](Self::push).
    pub fn pop(self, stack: &mut Stack, tally: &mut Tally) -> i64 {
        let quantile = stack.quantile();
        let (mut symbol, mut end) = (0, SYMBOLS);
        while end - symbol > 1 {
            let middle = (symbol + end) / 2;
            if self.edge(middle) <= quantile { symbol = middle } else { end = middle }
        }
        stack.pop(self.interval(symbol));
        tally.count_interval(self.interval(symbol));
        if (1..SYMBOLS - 1).contains(&symbol) {
            tally.count(0.5f64.powi(self.low as i32));
            return ((i64::from(symbol) - 1 - BUCKETS) << self.low) + pop_bits(stack, self.low) as i64;
        }
        let length = pop_uniform(stack, self.lengths);
        tally.count(0.5f64.powi(length as i32) / f64::from(self.lengths));
        let beyond = ((1u64 << length) + pop_bits(stack, length)) as i64;
        if symbol == 0 { -self.end() - beyond } else { self.end() + beyond - 1 }
    }
}

#[cfg(test)]
mod tests;
