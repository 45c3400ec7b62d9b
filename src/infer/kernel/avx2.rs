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
            let (inputs, weights) = if GROUP == 4 {
                // Sums of two products, which saturate; weights were cut so that they never do.
                (_mm256_maddubs_epi16(inputs, weights), _mm256_set1_epi16(1))
            } else {
                (inputs, weights)
            };
            _mm256_add_epi32(sums, _mm256_madd_epi16(inputs, weights))
        }
    }
}
