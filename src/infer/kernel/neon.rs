//! NEON: pairs of 16-bit inputs. The products of a pair's two inputs have separate sums, which are added at the end.

use std::arch::aarch64::*;

use super::isa::{Isa, Work};
use super::{LANES, Lanes};

pub(super) const TILE_ROWS: usize = 2;
/// Vectors per block.
const VECTORS: usize = LANES / 4;

#[derive(Clone, Copy)]
struct Neon(());

#[target_feature(enable = "neon")]
pub(super) fn run(work: impl Work) {
    work.call::<_, TILE_ROWS, 1>(Neon(()));
}

// Values are made only by `run`, so the processor has NEON in all methods.
impl Isa for Neon {
    const GROUP: usize = 2;
    type Words = [int32x4_t; VECTORS];
    type Weights = int16x8_t;
    /// For each four pixels: the sums of the first two, then of the last two, with separate sums for the two inputs of
    /// a pair.
    type Sums = [[int32x4_t; 2]; VECTORS];

    #[inline(always)]
    fn load(self, from: &Lanes) -> Self::Words {
        // SAFETY: the processor has NEON, and each array has 128 bits.
        std::array::from_fn(|i| unsafe { vld1q_s32(from.0.as_chunks::<4>().0[i].as_ptr()) })
    }

    #[inline(always)]
    fn store(self, words: Self::Words, to: &mut Lanes) {
        for (words, to) in words.into_iter().zip(to.0.as_chunks_mut::<4>().0) {
            // SAFETY: the processor has NEON, and the array has 128 bits.
            unsafe { vst1q_s32(to.as_mut_ptr(), words) };
        }
    }

    #[inline(always)]
    fn splat(self, weights: i32) -> Self::Weights {
        // SAFETY: the processor has NEON.
        unsafe { vreinterpretq_s16_s32(vdupq_n_s32(weights)) }
    }

    #[inline(always)]
    fn start(self, bias: i32) -> Self::Sums {
        // SAFETY: the processor has NEON. The bias goes to the first input of each pair.
        let sums = unsafe { vreinterpretq_s32_s64(vdupq_n_s64(i64::from(bias as u32))) };
        [[sums; 2]; VECTORS]
    }

    #[inline(always)]
    fn add_products(self, mut sums: Self::Sums, inputs: Self::Words, weights: Self::Weights) -> Self::Sums {
        for (sums, inputs) in sums.iter_mut().zip(inputs) {
            // SAFETY: the processor has NEON.
            unsafe {
                let inputs = vreinterpretq_s16_s32(inputs);
                sums[0] = vmlal_s16(sums[0], vget_low_s16(inputs), vget_low_s16(weights));
                sums[1] = vmlal_high_s16(sums[1], inputs, weights);
            }
        }
        sums
    }

    #[inline(always)]
    fn scale(self, sums: Self::Sums, shift: i32) -> Self::Words {
        // SAFETY: the processor has NEON. A left shift by a negative number is a right shift.
        sums.map(|[low, high]| unsafe { vshlq_s32(vpaddq_s32(low, high), vdupq_n_s32(-shift)) })
    }

    #[inline(always)]
    fn clip(self, words: Self::Words, max: i32) -> Self::Words {
        // SAFETY: the processor has NEON.
        words.map(|words| unsafe { vmaxq_s32(vdupq_n_s32(0), vminq_s32(vdupq_n_s32(max), words)) })
    }

    #[inline(always)]
    fn join<const BITS: u32>(self, low: Self::Words, high: Self::Words) -> Self::Words {
        // SAFETY: the processor has NEON.
        std::array::from_fn(|i| unsafe { vorrq_s32(low[i], vshlq_s32(high[i], vdupq_n_s32(BITS as i32))) })
    }

    #[inline(always)]
    fn store_narrow(self, words: Self::Words, to: &mut [i16; LANES]) {
        for (words, to) in words.into_iter().zip(to.as_chunks_mut::<4>().0) {
            // SAFETY: the processor has NEON, and the array has 64 bits.
            unsafe { vst1_s16(to.as_mut_ptr(), vqmovn_s32(words)) };
        }
    }
}
