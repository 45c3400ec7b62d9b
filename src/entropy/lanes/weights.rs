//! The weights of a block's mixtures.

use super::components::clamp;
use super::{Block, LaneMixture, Lanes, Simd};
use crate::entropy::mixture::{LOGIT_LIMITS, OUTPUT_BITS};
use crate::entropy::tables::EXP2;

/// Fractional bits of weights before normalisation.
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
    /// The weights of the first channel, from the logits.
    #[inline(always)]
    pub(super) fn first_weights<S: Simd>(&mut self, simd: S, part: usize, block: Block<'_>) {
        let count = self.shape.components;
        let outputs = &block.outputs[..count];
        let mut most = simd.splat(LOGIT_LIMITS.0);
        for output in outputs {
            most = simd.max(most, clamp(simd, simd.load_i16(output, part), LOGIT_LIMITS));
        }
        let one = simd.splat(1);
        for (k, output) in outputs.iter().enumerate() {
            let down = simd.sub(most, clamp(simd, simd.load_i16(output, part), LOGIT_LIMITS));
            let step = simd.and(simd.sub(simd.splat(0), down), simd.splat(63));
            let power = simd.narrow::<0>(simd.lookup(&POWERS, step));
            // A fraction of an octave down is one octave down and a fraction up.
            let octaves = simd.shr(simd.add(down, simd.splat(63)), simd.splat(OUTPUT_BITS as i32));
            simd.store(simd.shr(power, octaves), &mut self.densities[k], part);
            simd.store(one, &mut self.weights[k], part);
        }
        self.posterior(simd, part);
    }

    /// Multiplies the weights by the densities and normalises them to a sum of at most 2^20; where all products are
    /// zero, keeps the old weights.
    #[inline(always)]
    pub(super) fn posterior<S: Simd>(&mut self, simd: S, part: usize) {
        let count = self.shape.components;
        let (densities, weights) = (&self.densities[..count], &mut self.weights[..count]);
        let mut sum = simd.widen(simd.splat(0));
        for (density, weight) in densities.iter().zip(weights.iter()) {
            sum = simd.add_longs(sum, simd.mul_wide(simd.load(density, part), simd.load(weight, part)));
        }
        let zeros = simd.leading_zeros(sum);
        let mut total = simd.splat(0);
        for (density, weight) in densities.iter().zip(weights.iter()) {
            total = simd.add(total, scaled(simd, part, (density, weight), zeros));
        }
        let none = simd.eq(total, simd.splat(0));
        let reciprocal = simd.reciprocal(total);
        for (density, weight) in densities.iter().zip(weights) {
            let new = simd.narrow::<32>(simd.mul_wide(scaled(simd, part, (density, weight), zeros), reciprocal));
            simd.store(simd.select(none, simd.load(weight, part), new), weight, part);
        }
    }
}

/// A product, shifted to the left, without its lower 32 bits.
#[inline(always)]
fn scaled<S: Simd>(simd: S, part: usize, (a, b): (&Lanes<i32>, &Lanes<i32>), shift: S::Longs) -> S::Ints {
    let product = simd.mul_wide(simd.load(a, part), simd.load(b, part));
    simd.narrow::<32>(simd.shl_longs(product, shift))
}
