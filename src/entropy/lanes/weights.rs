//! The weights of a block's mixtures.

use super::components::clamp;
use super::{Block, LaneMixture, Simd};
use crate::mixture::{LOGIT_LIMITS, MAX_COMPONENTS, OUTPUT_BITS};
use crate::tables::EXP2;

/// Fractional bits of weights that are not normalised.
const FRACTION: u32 = 31;

/// `2^(i / 64)` in units of 2^-31.
static POWERS: [u64; 64] = {
    let mut powers = [0; 64];
    let mut step = 0;
    while step < 64 {
        powers[step] = (EXP2[step] as u64) << (FRACTION - 16);
        step += 1;
    }
    powers
};

impl LaneMixture {
    /// The weights of the first channel.
    #[inline(always)]
    pub(super) fn first_weights<S: Simd>(&mut self, simd: S, part: usize, block: Block<'_>) {
        let count = self.shape.components;
        let logit = |k: usize| clamp(simd, simd.load_i16(&block.outputs[k], part), LOGIT_LIMITS);
        let mut most = simd.splat(LOGIT_LIMITS.0);
        for k in 0..count {
            most = simd.max(most, logit(k));
        }
        let mut weights = [simd.widen(simd.splat(0)); MAX_COMPONENTS];
        for k in 0..count {
            let down = simd.sub(most, logit(k));
            let step = simd.and(simd.sub(simd.splat(0), down), simd.splat(63));
            let power = simd.narrow::<0>(simd.lookup(&POWERS, step));
            // A fraction of an octave down is one octave down, and a step up.
            let octaves = simd.shr(simd.add(down, simd.splat(63)), simd.splat(OUTPUT_BITS as i32));
            weights[k] = simd.widen(simd.shr(power, octaves));
        }
        self.set_weights(simd, part, &weights);
    }

    /// Normalises weights, below 2^48, to a sum of at most 2^20; where all are zero, the old ones stay.
    #[inline(always)]
    pub(super) fn set_weights<S: Simd>(&mut self, simd: S, part: usize, weights: &[S::Longs; MAX_COMPONENTS]) {
        let weights = &weights[..self.shape.components];
        let mut sum = simd.widen(simd.splat(0));
        for &weight in weights {
            sum = simd.add_longs(sum, weight);
        }
        let zeros = simd.leading_zeros(sum);
        let scale = |&weight: &S::Longs| simd.narrow::<32>(simd.shl_longs(weight, zeros));
        let mut total = simd.splat(0);
        for weight in weights {
            total = simd.add(total, scale(weight));
        }
        let none = simd.eq(total, simd.splat(0));
        let reciprocal = simd.reciprocal(total);
        for (old, weight) in self.weights.iter_mut().zip(weights) {
            let new = simd.narrow::<32>(simd.mul_wide(scale(weight), reciprocal));
            simd.store(simd.select(none, simd.load(old, part), new), old, part);
        }
    }
}
