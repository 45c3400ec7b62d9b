//! AVX2: pairs of 16-bit inputs. Its byte products saturate, so 8-bit networks use pairs, too.

use std::arch::x86_64::{__m256i, _mm256_add_epi32, _mm256_madd_epi16};

use super::isa::Work;
use super::ymm::{Products, Ymm};

pub(super) const TILE_ROWS: usize = 4;

#[derive(Clone, Copy)]
struct Madd(());

#[target_feature(enable = "avx2")]
pub(super) fn run(work: impl Work) {
    work.call::<_, TILE_ROWS, 1>(Ymm(Madd(())));
}

// SAFETY: values are made only by `run`, where AVX2 is available.
unsafe impl Products for Madd {
    const GROUP: usize = 2;

    #[inline(always)]
    fn add(self, sums: __m256i, inputs: __m256i, weights: __m256i) -> __m256i {
        // SAFETY: the processor has AVX2.
        unsafe { _mm256_add_epi32(sums, _mm256_madd_epi16(inputs, weights)) }
    }
}
