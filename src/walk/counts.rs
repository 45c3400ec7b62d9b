//! Samples as binary decisions, whose probabilities are the mixture's, corrected by counts of what the tile has had so
//! far. Input: the CDF of a sample. Output: what a [`SampleCoder`] codes. Format: section "Decisions".
//!
//! Few images have all samples and all colours that their depth allows for; scans, conversions between colour spaces and
//! changes of contrast leave gaps, which a mixture of a few logistic distributions cannot have. Counts per context, by
//! decision, and the mixing in the logistic domain, with weights that learn, are those of paq (Mahoney 2005).

use crate::entropy::ans::SampleCoder;
use crate::entropy::cdf::{CDF_BITS, Cdf, Edges, Interval, sigma};
use crate::entropy::tables::LN;
use crate::tile::TileSamples;

/// Contexts of a sample.
const CONTEXTS: usize = 2;
/// Decisions that share a line of counts: after these, another line is looked up.
const LINE_DECISIONS: u32 = 4;
/// Lines of a tile's counts.
const MIN_LINES: usize = 1 << 8;
const MAX_LINES: usize = 1 << 16;
/// 2^64 over the golden ratio.
const HASH: u64 = 0x9e37_79b9_7f4a_7c15;
/// Bits of a depth, at most.
const MAX_DEPTH: usize = 16;
/// What is mixed: the mixture's probability, a constant, and a count per context.
const INPUTS: usize = 2 + CONTEXTS;
/// Counts do not correct decisions of which the mixture is surer, in units of 2^-24: 2^-8.
const DOUBT: u32 = 1 << (CDF_BITS - 8);
/// All of a CDF.
const WHOLE: u32 = 1 << CDF_BITS;
/// ln 2, and 1, in units of 2^-16.
const LN_2: i32 = 45_426;
const ONE: i32 = 1 << 16;
/// The constant input.
const BIAS: i32 = ONE / 4;
/// Largest magnitudes of a weight, in units of 2^-16, and of what is mixed of the inputs.
const WEIGHT_MAX: i64 = 1 << 20;
const MIXED_MAX: i64 = 12 << 16;

/// What was decided in one context: the share of ones, in units of 2^-22, and in the low 10 bits how many decisions it
/// is of, at most [`Count::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Count(u32);

impl Count {
    /// Nothing.
    const NONE: Self = Self(1 << 31);
    /// More make no difference, so that a share follows changes.
    const MAX: u32 = 60;
    /// By how many were counted, the part of the way to the new decision, in units of 2^-16: 1 / (n + 1.6).
    const RATES: [i64; Self::MAX as usize + 1] = {
        let mut rates = [0; Self::MAX as usize + 1];
        let mut n = 0;
        while n < rates.len() {
            rates[n] = 655_360 / (10 * n as i64 + 16);
            n += 1;
        }
        rates
    };
    /// By how many were counted, how far they are trusted, in units of 2^-17: n / (n + 3) / 2.
    const TRUSTS: [i64; Self::MAX as usize + 1] = {
        let mut trusts = [0; Self::MAX as usize + 1];
        let mut n = 0;
        while n < trusts.len() {
            trusts[n] = 65_536 * n as i64 / (n as i64 + 3);
            n += 1;
        }
        trusts
    };

    /// The share of ones, stretched; the less, the fewer they are.
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

/// The contexts of a sample: the pixel's earlier channels, and the sample above.
#[derive(Debug)]
pub(crate) struct Contexts {
    pub channel: usize,
    pub values: [u64; CONTEXTS],
}

impl Contexts {
    /// Those of a sample of a tile.
    pub fn of(tile: &TileSamples, (x, y): (usize, usize), channel: usize) -> Self {
        let earlier = tile.pixel(x, y)[..channel].iter().rev().fold(0, |all, &sample| all << 16 | u64::from(sample));
        Self { channel, values: [earlier, tile.above(x, y, channel).into()] }
    }
}

/// The counts of a tile, and how they are mixed.
#[derive(Debug)]
pub(crate) struct Counts {
    /// By the decisions since the last look-up: a one, then the decisions.
    lines: Vec<[Count; 1 << LINE_DECISIONS]>,
    /// By channel and decision, in units of 2^-16.
    weights: Vec<[i32; INPUTS]>,
}

impl Counts {
    /// Those of a tile of so many pixels, before its first.
    pub fn new(pixels: usize) -> Self {
        let lines = (CONTEXTS * pixels).next_power_of_two().clamp(MIN_LINES, MAX_LINES);
        let mut weights = [0; INPUTS];
        weights[0] = ONE;
        let sets = crate::entropy::mixture::MAX_CHANNELS * MAX_DEPTH;
        Self { lines: vec![[Count::NONE; 1 << LINE_DECISIONS]; lines], weights: vec![weights; sets] }
    }

    /// Codes a sample, which is `known` to an encoder; returns it and its edges under each logistic component.
    pub fn code<C: SampleCoder, const K: usize>(
        &mut self,
        coder: &mut C,
        cdf: Cdf<'_, K>,
        contexts: &Contexts,
        known: u32,
    ) -> (u32, [Edges; K]) {
        let alphabet = cdf.alphabet();
        // The decisions so far, behind a one; those since the last look-up.
        let (mut path, mut recent) = (1, 1);
        let mut lines = [0; CONTEXTS];
        let mut sample = 0;
        // The CDF at both ends of the samples that are left.
        let (mut below, mut above) = (0, WHOLE);
        // Whether all decisions so far were beyond doubt: these are coded together.
        let mut together = true;
        for bit in (0..alphabet.depth).rev() {
            let index = alphabet.depth - 1 - bit;
            if index.is_multiple_of(LINE_DECISIONS) {
                lines = self.look_up(contexts, path);
                recent = 1;
            }
            let middle = sample + (1 << bit);
            // Where no sample of the alphabet has a one, there is nothing to decide.
            if middle < alphabet.size {
                let between = cdf.cumulative(middle);
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
                    (sample, below) = (middle, between);
                } else {
                    above = between;
                }
            }
            let one = usize::from(sample >> bit & 1 == 1);
            (path, recent) = (path << 1 | one, recent << 1 | one);
        }
        if together {
            settle(coder, below, above);
        }
        coder.end_sample();
        (sample, cdf.interval(sample).1)
    }

    /// The lines of a sample's contexts after the decisions of `path`.
    fn look_up(&self, contexts: &Contexts, path: usize) -> [usize; CONTEXTS] {
        let bits = self.lines.len().ilog2();
        std::array::from_fn(|index| {
            let key = contexts.values[index] << 16 | (path << 3 | contexts.channel << 1 | index) as u64;
            (key.wrapping_mul(HASH) >> (64 - bits)) as usize
        })
    }

    /// Codes one decision, whose probability under the mixture is `probability` / 2^24.
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
            *input = self.lines[line][recent].input();
        }
        let weights = &mut self.weights[set];
        let sum: i64 = weights.iter().zip(inputs).map(|(&weight, input)| i64::from(weight) * i64::from(input)).sum();
        let mixed = sigma((sum >> 16).clamp(-MIXED_MAX, MIXED_MAX));
        let decision = coder.decide(mixed, known);
        // Gradient descent on the code length.
        let error = (i64::from(decision) << CDF_BITS) - i64::from(mixed);
        for (weight, input) in weights.iter_mut().zip(inputs) {
            let step = (error * i64::from(input) + (1 << 31)) >> 32;
            *weight = (i64::from(*weight) + step).clamp(-WEIGHT_MAX, WEIGHT_MAX) as i32;
        }
        for (line, recent) in counts {
            self.lines[line][recent].add(decision);
        }
        decision
    }
}

/// Codes the decisions that led to a part of the CDF, unless that is all of it.
fn settle(coder: &mut impl SampleCoder, below: u32, above: u32) {
    if above - below < WHOLE {
        coder.settle(Interval { left: below, probability: above - below });
    }
}

/// `ln(p / (1 - p))` of a probability in units of 2^-24, neither 0 nor 1; in units of 2^-16.
fn stretch(probability: u32) -> i32 {
    ln(probability) - ln(WHOLE - probability)
}

/// The natural logarithm of a positive number below 2^24, in units of 2^-16; of its first ten bits.
fn ln(value: u32) -> i32 {
    let octave = value.ilog2();
    let step = ((value << (CDF_BITS as u32 - octave)) >> (CDF_BITS as u32 - 9)) & 511;
    octave as i32 * LN_2 + LN[step as usize] as i32
}

#[cfg(test)]
mod tests;
