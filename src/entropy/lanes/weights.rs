//! The weights of a block's mixtures: those of the first channel, and the posterior after a channel.

use super::{Block, LANES, LaneMixture, Lanes};
use crate::cdf::WEIGHT_BITS;
use crate::mixture::{LOGIT_LIMITS, MAX_COMPONENTS, OUTPUT_BITS};
use crate::tables::EXP2;

/// Fractional bits of weights that are not normalised.
const FRACTION: u32 = 31;

impl LaneMixture {
    /// The weights of the first channel.
    #[inline(always)]
    pub(super) fn first_weights(&mut self, block: Block<'_>) {
        let count = self.shape.components;
        let logit = |k: usize, lane: usize| i32::from(block.outputs[k][lane]).max(LOGIT_LIMITS.0).min(LOGIT_LIMITS.1);
        let mut most = [LOGIT_LIMITS.0; LANES];
        for k in 0..count {
            for lane in 0..LANES {
                most[lane] = most[lane].max(logit(k, lane));
            }
        }
        let mut weights = [[0; LANES]; MAX_COMPONENTS];
        for k in 0..count {
            for lane in 0..LANES {
                let exponent = logit(k, lane) - most[lane];
                let value = EXP2[(exponent & 63) as usize] << (FRACTION - 16);
                let down = -(exponent >> OUTPUT_BITS) as u32;
                weights[k][lane] = if down < 32 { u64::from(value >> (down & 31)) } else { 0 };
            }
        }
        self.set_weights(&weights);
    }

    /// The weights become the posterior of the components after samples, whose edges are known.
    #[inline(always)]
    pub(super) fn posterior(&mut self) {
        let mut weights = [[0; LANES]; MAX_COMPONENTS];
        for k in 0..self.shape.components {
            let (low, high, old) = (&self.low[k], &self.high[k], &self.weights[k]);
            for lane in 0..LANES {
                let density = high[lane].wrapping_sub(low[lane]);
                weights[k][lane] = u64::from(old[lane]) * u64::from(density);
            }
        }
        self.set_weights(&weights);
    }

    /// Normalises weights to a sum of at most 2^20; where all are zero, the old ones stay.
    #[inline(always)]
    fn set_weights(&mut self, weights: &[Lanes<u64>; MAX_COMPONENTS]) {
        let count = self.shape.components;
        let (mut sums, mut totals) = ([0u64; LANES], [0u32; LANES]);
        for weights in &weights[..count] {
            for lane in 0..LANES {
                sums[lane] += weights[lane];
            }
        }
        let mut zeros = [0; LANES];
        for lane in 0..LANES {
            // A shift of 63 keeps it defined where all weights are zero.
            zeros[lane] = sums[lane].leading_zeros().min(63);
        }
        let scale = |weight: u64, zeros: u32| ((weight << zeros) >> 32) as u32;
        for weights in &weights[..count] {
            for lane in 0..LANES {
                totals[lane] = totals[lane].wrapping_add(scale(weights[lane], zeros[lane]));
            }
        }
        let reciprocals = reciprocals(&totals);
        for (weights, old) in weights[..count].iter().zip(&mut self.weights) {
            for lane in 0..LANES {
                let scaled = u64::from(scale(weights[lane], zeros[lane]));
                let weight = ((scaled * u64::from(reciprocals[lane])) >> 32) as u32;
                old[lane] = if sums[lane] == 0 { old[lane] } else { weight };
            }
        }
    }
}

/// `2^52 / total`, rounded down, of totals from `2^31 - 10` on.
///
/// The division of binary64 rounds to the nearest multiple of at least 2^-31, as the quotient is below 2^22. A quotient that
/// is not an integer is at least `1 / total > 2^-32` below the next one, so that it is not rounded up to it.
#[inline(always)]
fn reciprocals(totals: &Lanes<u32>) -> Lanes<u32> {
    let mut reciprocals = [0; LANES];
    for lane in 0..LANES {
        let quotient = (1u64 << (32 + WEIGHT_BITS)) as f64 / f64::from(totals[lane]);
        reciprocals[lane] = quotient as i32 as u32;
    }
    reciprocals
}
