//! AVX2: sums of two products have 16 bits for bytes, and 32 for pairs of 16-bit inputs.

use std::arch::x86_64::*;

use super::isa::Work;
use super::ymm::{Products, Ymm};

pub(super) const TILE_ROWS: usize = 4;

#[derive(Clone, Copy)]
struct Madd<const GROUP: usize>(());

#[target_feature(enable = "avx2")]
pub(super) fn run<const GROUP: usize>(work: impl Work) {
    work.call::<_, TILE_ROWS, 1>(Ymm(Madd::<GROUP>(())));
}

// SAFETY: values are made only by `run`, where AVX2 is available.
unsafe impl<const GROUP: usize> Products for Madd<GROUP> {
    const GROUP: usize = GROUP;

    #[inline(always)]
    fn add(self, sums: __m256i, inputs: __m256i, weights: __m256i) -> __m256i {
        // SAFETY: the processor has AVX2.
        unsafe {
            if GROUP == 4 {
                add_pairs(sums, _mm256_maddubs_epi16(inputs, weights))
            } else {
                _mm256_add_epi32(sums, _mm256_madd_epi16(inputs, weights))
            }
        }
    }

    #[inline(always)]
    fn add_two(self, sums: __m256i, inputs: [__m256i; 2], weights: [__m256i; 2]) -> __m256i {
        if GROUP == 4 {
            // Weights were cut so that no sum of four products overflows, nor one of two.
            // SAFETY: the processor has AVX2.
            unsafe {
                let [first, second] =
                    [_mm256_maddubs_epi16(inputs[0], weights[0]), _mm256_maddubs_epi16(inputs[1], weights[1])];
                add_pairs(sums, _mm256_add_epi16(first, second))
            }
        } else {
            self.add(self.add(sums, inputs[0], weights[0]), inputs[1], weights[1])
        }
    }
}

/// Adds pairs of 16-bit integers to sums.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn add_pairs(sums: __m256i, pairs: __m256i) -> __m256i {
    // SAFETY: as above.
    unsafe { _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))) }
}
