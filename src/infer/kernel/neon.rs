//! NEON: pairs of 16-bit inputs; or bytes, with dot products. A block takes four vectors of four pixels.

use std::arch::aarch64::*;
use std::arch::asm;

use super::isa::{ARRANGED, Isa, Work};
use super::{LANES, Lanes};

pub(super) const TILE_ROWS: usize = 2;
pub(super) const DOT_TILE_ROWS: usize = 4;
/// Vectors per block.
const VECTORS: usize = LANES / 4;

#[target_feature(enable = "neon")]
pub(super) fn run(work: impl Work) {
    work.call::<_, TILE_ROWS, 1>(Neon(Pairs(())));
}

#[target_feature(enable = "neon,dotprod")]
pub(super) fn run_dot(work: impl Work) {
    work.call::<_, DOT_TILE_ROWS, 1>(Neon(Dot(())));
}

/// The products of four pixels' groups.
///
/// # Safety
/// A value of the type proves that the processor has NEON.
unsafe trait Products: Copy {
    const GROUP: usize;
    type Sums: Copy;

    fn start(self, bias: i32) -> Self::Sums;
    fn add(self, sums: Self::Sums, inputs: int32x4_t, weights: int32x4_t) -> Self::Sums;
    fn total(self, sums: Self::Sums) -> int32x4_t;
}

#[derive(Clone, Copy)]
struct Pairs(());

// SAFETY: values are made only by `run`, where NEON is available.
unsafe impl Products for Pairs {
    const GROUP: usize = 2;
    /// The sums of the first two pixels, then of the last two, with separate sums for the two inputs of a pair.
    type Sums = [int32x4_t; 2];

    #[inline(always)]
    fn start(self, bias: i32) -> Self::Sums {
        // SAFETY: the processor has NEON. The bias goes to the first input of each pair.
        let sums = unsafe { vreinterpretq_s32_s64(vdupq_n_s64(i64::from(bias as u32))) };
        [sums; 2]
    }

    #[inline(always)]
    fn add(self, sums: Self::Sums, inputs: int32x4_t, weights: int32x4_t) -> Self::Sums {
        // SAFETY: the processor has NEON.
        unsafe {
            let (inputs, weights) = (vreinterpretq_s16_s32(inputs), vreinterpretq_s16_s32(weights));
            [vmlal_s16(sums[0], vget_low_s16(inputs), vget_low_s16(weights)), vmlal_high_s16(sums[1], inputs, weights)]
        }
    }

    #[inline(always)]
    fn total(self, [low, high]: Self::Sums) -> int32x4_t {
        // SAFETY: the processor has NEON.
        unsafe { vpaddq_s32(low, high) }
    }
}

#[derive(Clone, Copy)]
struct Dot(());

// SAFETY: values are made only by `run_dot`, where NEON is available.
unsafe impl Products for Dot {
    const GROUP: usize = 4;
    type Sums = int32x4_t;

    #[inline(always)]
    fn start(self, bias: i32) -> int32x4_t {
        // SAFETY: the processor has NEON.
        unsafe { vdupq_n_s32(bias) }
    }

    /// Takes 128 from the inputs, so that they are signed, like the weights; biases compensate for it.
    #[inline(always)]
    fn add(self, mut sums: int32x4_t, inputs: int32x4_t, weights: int32x4_t) -> int32x4_t {
        // SAFETY: the processor has NEON and its dot products, which have no stable intrinsic.
        unsafe {
            let inputs = veorq_s8(vreinterpretq_s8_s32(inputs), vdupq_n_s8(i8::MIN));
            asm!(
                "sdot {sums:v}.4s, {inputs:v}.16b, {weights:v}.16b",
                sums = inlateout(vreg) sums,
                inputs = in(vreg) inputs,
                weights = in(vreg) weights,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        sums
    }

    #[inline(always)]
    fn total(self, sums: int32x4_t) -> int32x4_t {
        sums
    }
}

#[derive(Clone, Copy)]
struct Neon<P>(P);

impl<P: Products> Isa for Neon<P> {
    const GROUP: usize = P::GROUP;
    type Words = [int32x4_t; VECTORS];
    type Weights = int32x4_t;
    type Sums = [P::Sums; VECTORS];

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
        unsafe { vdupq_n_s32(weights) }
    }

    #[inline(always)]
    fn start(self, bias: i32) -> Self::Sums {
        [self.0.start(bias); VECTORS]
    }

    #[inline(always)]
    fn add_products(self, mut sums: Self::Sums, inputs: Self::Words, weights: Self::Weights) -> Self::Sums {
        for (sums, inputs) in sums.iter_mut().zip(inputs) {
            *sums = self.0.add(*sums, inputs, weights);
        }
        sums
    }

    #[inline(always)]
    fn scale(self, sums: Self::Sums, shift: i32) -> Self::Words {
        // SAFETY: the processor has NEON. A left shift by a negative number is a right shift.
        sums.map(|sums| unsafe { vshlq_s32(self.0.total(sums), vdupq_n_s32(-shift)) })
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

    #[inline(always)]
    fn arrange(self, contexts: &[i16], size: usize) -> [Self::Words; ARRANGED] {
        let mut to = [[self.splat(0); VECTORS]; ARRANGED];
        for vector in 0..VECTORS {
            let row = |pixel: usize| groups::<P>(&contexts[(4 * vector + pixel) * size..]);
            let rows = [row(0), row(1), row(2), row(3)];
            // SAFETY: the processor has NEON.
            let columns = unsafe { transpose(rows) };
            for (to, column) in to.iter_mut().zip(columns) {
                to[vector] = column;
            }
        }
        to
    }
}

/// The first four groups of a pixel's contexts.
#[inline(always)]
fn groups<P: Products>(contexts: &[i16]) -> int32x4_t {
    // SAFETY: `Neon` proves that the processor has NEON, and each slice has 128 bits.
    unsafe {
        let low = vld1q_s16(contexts[..8].as_ptr());
        if P::GROUP == 2 {
            return vreinterpretq_s32_s16(low);
        }
        let high = vld1q_s16(contexts[8..][..8].as_ptr());
        let bytes = vcombine_s8(vqmovn_s16(low), vqmovn_s16(high));
        vreinterpretq_s32_s8(veorq_s8(bytes, vdupq_n_s8(i8::MIN)))
    }
}

/// Transposes 4 x 4 words.
#[inline(always)]
unsafe fn transpose(rows: [int32x4_t; 4]) -> [int32x4_t; 4] {
    // SAFETY: the caller's.
    unsafe {
        let (a, b) = (vtrn1q_s32(rows[0], rows[1]), vtrn2q_s32(rows[0], rows[1]));
        let (c, d) = (vtrn1q_s32(rows[2], rows[3]), vtrn2q_s32(rows[2], rows[3]));
        let [a, b, c, d] = [a, b, c, d].map(|words| vreinterpretq_s64_s32(words));
        [vtrn1q_s64(a, c), vtrn1q_s64(b, d), vtrn2q_s64(a, c), vtrn2q_s64(b, d)]
            .map(|words| vreinterpretq_s32_s64(words))
    }
}
