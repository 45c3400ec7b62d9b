//! WebAssembly's 128-bit vectors, four per block: pairs of 16-bit inputs.

use std::arch::wasm32::*;

use super::isa::{Isa, Work};
use super::{LANES, Lanes};

pub(super) const TILE_ROWS: usize = 2;
/// Vectors per block.
const VECTORS: usize = LANES / 4;

#[derive(Clone, Copy)]
struct Simd128;

pub(super) fn run(work: impl Work) {
    work.call::<_, TILE_ROWS, 1>(Simd128);
}

impl Isa for Simd128 {
    const GROUP: usize = 2;
    type Words = [v128; VECTORS];
    type Weights = v128;
    type Sums = [v128; VECTORS];

    #[inline(always)]
    fn load(self, from: &Lanes) -> Self::Words {
        // SAFETY: each array has 128 bits.
        std::array::from_fn(|i| unsafe { v128_load(from.0.as_chunks::<4>().0[i].as_ptr().cast()) })
    }

    #[inline(always)]
    fn store(self, words: Self::Words, to: &mut Lanes) {
        for (words, to) in words.into_iter().zip(to.0.as_chunks_mut::<4>().0) {
            // SAFETY: the array has 128 bits.
            unsafe { v128_store(to.as_mut_ptr().cast(), words) };
        }
    }

    #[inline(always)]
    fn splat(self, weights: i32) -> Self::Weights {
        i32x4_splat(weights)
    }

    #[inline(always)]
    fn start(self, bias: i32) -> Self::Sums {
        [i32x4_splat(bias); VECTORS]
    }

    #[inline(always)]
    fn add_products(self, sums: Self::Sums, inputs: Self::Words, weights: Self::Weights) -> Self::Sums {
        std::array::from_fn(|i| i32x4_add(sums[i], i32x4_dot_i16x8(inputs[i], weights)))
    }

    #[inline(always)]
    fn scale(self, sums: Self::Sums, shift: i32) -> Self::Words {
        sums.map(|sums| i32x4_shr(sums, shift as u32))
    }

    #[inline(always)]
    fn clip(self, words: Self::Words, max: i32) -> Self::Words {
        words.map(|words| i32x4_max(i32x4_splat(0), i32x4_min(i32x4_splat(max), words)))
    }

    #[inline(always)]
    fn join<const BITS: u32>(self, low: Self::Words, high: Self::Words) -> Self::Words {
        std::array::from_fn(|i| v128_or(low[i], i32x4_shl(high[i], BITS)))
    }

    #[inline(always)]
    fn store_narrow(self, words: Self::Words, to: &mut [i16; LANES]) {
        for (words, to) in words.chunks_exact(2).zip(to.as_chunks_mut::<8>().0) {
            // SAFETY: the array has 128 bits.
            unsafe { v128_store(to.as_mut_ptr().cast(), i16x8_narrow_i32x4(words[0], words[1])) };
        }
    }
}
