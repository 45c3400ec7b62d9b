//! Samples as binary decisions. Their probabilities are those of the mixture, corrected by counts of earlier decisions
//! in the tile. Input: the CDF of a sample. Output: calls of a [`SampleCoder`]. Format: section "Decisions".
//!
//! Few images use all samples and colours that their depth allows. Scans, conversions between colour spaces and changes
//! of contrast leave gaps, which a mixture of a few logistic distributions cannot model. Counts per context and
//! decision, and their mixing in the logistic domain with weights that learn, are those of PAQ (Mahoney 2005).

use crate::entropy::ans::SampleCoder;
use crate::entropy::cdf::{CDF_BITS, Cdf, Edges, Interval, SIGMA_BITS, sigma};
use crate::entropy::tables::LN;
use crate::tile::TileSamples;

/// Number of contexts of a sample.
const CONTEXTS: usize = 2;
/// Decisions that share a line of counts; after these, the next line is looked up.
const LINE_DECISIONS: u32 = 4;
/// Least and most lines of a tile's counts.
const MIN_LINES: usize = 1 << 8;
const MAX_LINES: usize = 1 << 16;
/// 2^64 over the golden ratio.
const HASH: u64 = 0x9e37_79b9_7f4a_7c15;
/// Greatest depth, in bits.
const MAX_DEPTH: usize = 16;
/// Number of mixing inputs: the mixture's probability, a constant, and a count per context.
const INPUTS: usize = 2 + CONTEXTS;
/// Counts do not correct decisions whose less likely outcome has a probability below this, in units of 2^-24: 2^-8.
const DOUBT: u32 = 1 << (CDF_BITS - 8);
/// The whole range of a CDF.
const WHOLE: u32 = 1 << CDF_BITS;
/// ln 2 and 1, in units of 2^-16.
const LN_2: i32 = 45_426;
const ONE: i32 = 1 << 16;
/// The constant mixing input.
const BIAS: i32 = ONE / 4;
/// Largest magnitudes of a weight and of the mixed inputs, in units of 2^-16.
const WEIGHT_MAX: i64 = 1 << 20;
const MIXED_MAX: i64 = 12 << 16;

/// The decisions counted in one context: the share of ones in units of 2^-22, and in the low 10 bits their number, at
/// most [`Count::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Count(u32);

impl Count {
    /// No decisions yet.
    const NONE: Self = Self(1 << 31);
    /// The number saturates here, so that the share keeps adapting.
    const MAX: u32 = 60;
    /// By number of decisions `n`, the adaptation rate in units of 2^-16: 1 / (n + 1.6).
    const RATES: [i64; Self::MAX as usize + 1] = {
        let mut rates = [0; Self::MAX as usize + 1];
        let mut n = 0;
        while n < rates.len() {
            rates[n] = 655_360 / (10 * n as i64 + 16);
            n += 1;
        }
        rates
    };
    /// By number of decisions `n`, the confidence in the share in units of 2^-17: n / (n + 3) / 2.
    const TRUSTS: [i64; Self::MAX as usize + 1] = {
        let mut trusts = [0; Self::MAX as usize + 1];
        let mut n = 0;
        while n < trusts.len() {
            trusts[n] = 65_536 * n as i64 / (n as i64 + 3);
            n += 1;
        }
        trusts
    };

    /// The logit of the share of ones, scaled down if there were few decisions.
    fn input(self) -> i32 {
        let stretched = stretch(((self.0 >> 10) << 2) + 2);
        ((i64::from(stretched) * Self::TRUSTS[(self.0 & 1023) as usize]) >> 17) as i32
    }

    fn add(&mut self, decision: bool) {
        let (share, n) = (i64::from(self.0 >> 10), self.0 & 1023);
        let target = if decision { (1 << 22) - 1 } else { 0 };
        let share = share + (((target - share) * Self::RATES[n as usize]) >> 16);
        self.0 = (share as u32) << 10 | (n + 1).min(Self::MAX);
    }
}

/// Counts that share a line of the cache, by the decisions since the last look-up: a one, then these decisions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[repr(align(64))]
struct Line([Count; 1 << LINE_DECISIONS]);

/// The contexts of a sample: the earlier channels of its pixel, and the sample above.
#[derive(Debug)]
pub(crate) struct Contexts {
    pub channel: usize,
    pub values: [u64; CONTEXTS],
}

impl Contexts {
    /// The contexts of a sample of a tile.
    pub fn of(tile: &TileSamples, (x, y): (usize, usize), channel: usize) -> Self {
        let earlier = tile.pixel(x, y)[..channel].iter().rev().fold(0, |all, &sample| all << 16 | u64::from(sample));
        Self { channel, values: [earlier, tile.above(x, y, channel).into()] }
    }
}

/// The counts of a tile, and the weights for mixing them.
#[derive(Debug)]
pub(crate) struct Counts {
    lines: Vec<Line>,
    /// By channel and decision, in units of 2^-16.
    weights: Vec<[i32; INPUTS]>,
}

impl Counts {
    /// The counts of a tile with this many pixels, before the first one.
    pub fn new(pixels: usize) -> Self {
        let lines = (CONTEXTS * pixels).next_power_of_two().clamp(MIN_LINES, MAX_LINES);
        let mut weights = [0; INPUTS];
        weights[0] = ONE;
        let sets = crate::entropy::mixture::MAX_CHANNELS * MAX_DEPTH;
        Self { lines: vec![Line([Count::NONE; 1 << LINE_DECISIONS]); lines], weights: vec![weights; sets] }
    }

    /// Codes a sample, which an encoder gives as `known`. Returns it, and the logistic functions at its edges for each
    /// component.
    pub fn code<C: SampleCoder, const K: usize>(
        &mut self,
        coder: &mut C,
        cdf: Cdf<'_, K>,
        contexts: &Contexts,
        known: u32,
    ) -> (u32, [Edges; K]) {
        let alphabet = cdf.alphabet();
        // A one, then all decisions so far; a one, then those since the last look-up.
        let (mut path, mut recent) = (1, 1);
        let mut lines = [0; CONTEXTS];
        let mut sample = 0;
        // The CDF, and the components' logistic functions, at both ends of the remaining samples.
        let (mut below, mut above) = (0, WHOLE);
        let (mut lows, mut highs) = ([0; K], [1 << SIGMA_BITS; K]);
        // Whether all decisions so far were nearly certain; these are coded together.
        let mut together = true;
        for bit in (0..alphabet.depth).rev() {
            let index = alphabet.depth - 1 - bit;
            if index.is_multiple_of(LINE_DECISIONS) {
                lines = self.look_up(contexts, path);
                recent = 1;
            }
            let middle = sample + (1 << bit);
            // If no sample of the alphabet has a one here, there is nothing to decide.
            if middle < alphabet.size {
                let (between, values) = cdf.at(middle);
                let probability = ((u64::from(above - between) << CDF_BITS) / u64::from(above - below)) as u32;
                let doubtful = probability.min(WHOLE - probability) >= DOUBT;
                if together && doubtful {
                    settle(coder, below, above);
                    together = false;
                }
                let known = known >> bit & 1 == 1;
                let one = if doubtful {
                    let set = contexts.channel * MAX_DEPTH + index as usize;
                    self.decide(coder, set, probability, lines.map(|line| (line, recent)), known)
                } else if together {
                    coder.is_above(between, known)
                } else {
                    coder.decide(probability, known)
                };
                if one {
                    (sample, below, lows) = (middle, between, values);
                } else {
                    (above, highs) = (between, values);
                }
            }
            let one = usize::from(sample >> bit & 1 == 1);
            (path, recent) = (path << 1 | one, recent << 1 | one);
        }
        if together {
            settle(coder, below, above);
        }
        coder.end_sample();
        (sample, std::array::from_fn(|k| Edges { low: lows[k], high: highs[k] }))
    }

    /// The lines of a sample's contexts after the decisions in `path`.
    fn look_up(&self, contexts: &Contexts, path: usize) -> [usize; CONTEXTS] {
        let bits = self.lines.len().ilog2();
        std::array::from_fn(|index| {
            let key = contexts.values[index] << 16 | (path << 3 | contexts.channel << 1 | index) as u64;
            (key.wrapping_mul(HASH) >> (64 - bits)) as usize
        })
    }

    /// Codes a decision that has probability `probability` / 2^24 under the mixture.
    fn decide<C: SampleCoder>(
        &mut self,
        coder: &mut C,
        set: usize,
        probability: u32,
        counts: [(usize, usize); CONTEXTS],
        known: bool,
    ) -> bool {
        let mut inputs = [stretch(probability), BIAS, 0, 0];
        for (input, (line, recent)) in inputs[INPUTS - CONTEXTS..].iter_mut().zip(counts) {
            *input = self.lines[line].0[recent].input();
        }
        let weights = &mut self.weights[set];
        let sum: i64 = weights.iter().zip(inputs).map(|(&weight, input)| i64::from(weight) * i64::from(input)).sum();
        let mixed = sigma((sum >> 16).clamp(-MIXED_MAX, MIXED_MAX));
        let decision = coder.decide(mixed, known);
        // A step of gradient descent on the code length.
        let error = (i64::from(decision) << CDF_BITS) - i64::from(mixed);
        for (weight, input) in weights.iter_mut().zip(inputs) {
            let step = (error * i64::from(input) + (1 << 31)) >> 32;
            *weight = (i64::from(*weight) + step).clamp(-WEIGHT_MAX, WEIGHT_MAX) as i32;
        }
        for (line, recent) in counts {
            self.lines[line].0[recent].add(decision);
        }
        decision
    }
}

/// Codes the decisions that lead to a part of the CDF, unless that is the whole.
fn settle(coder: &mut impl SampleCoder, below: u32, above: u32) {
    if above - below < WHOLE {
        coder.settle(Interval { left: below, probability: above - below });
    }
}

/// `ln(p / (1 - p))`, in units of 2^-16, of a probability in units of 2^-24 other than 0 and 1.
fn stretch(probability: u32) -> i32 {
    ln(probability) - ln(WHOLE - probability)
}

/// The natural logarithm, in units of 2^-16, of a positive number below 2^24; uses only its ten leading bits.
fn ln(value: u32) -> i32 {
    let octave = value.ilog2();
    let step = ((value << (CDF_BITS as u32 - octave)) >> (CDF_BITS as u32 - 9)) & 511;
    octave as i32 * LN_2 + LN[step as usize] as i32
}

#[cfg(test)]
mod tests;
