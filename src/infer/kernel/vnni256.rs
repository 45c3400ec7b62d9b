//! 256-bit dot products: AVX-512 VNNI on short vectors, and AVX-VNNI. Those of 16-bit integers are the saturating ones:
//! sums do not saturate, and compilers would split the instructions that wrap around into two.

use std::arch::x86_64::*;

use super::isa::Work;
use super::ymm::{Products, Ymm};

pub(super) const TILE_ROWS: usize = 8;
/// AVX-VNNI has 16 registers, half as many as AVX-512.
pub(super) const AVX_TILE_ROWS: usize = 4;

/// The instruction in AVX-512's encoding.
#[derive(Clone, Copy)]
struct Vnni<const GROUP: usize>(());

/// The instruction in AVX's encoding.
#[derive(Clone, Copy)]
struct AvxVnni<const GROUP: usize>(());

#[target_feature(enable = "avx2,avx512vl,avx512vnni")]
pub(super) fn run<const GROUP: usize>(work: impl Work) {
    work.call::<_, TILE_ROWS, 1>(Ymm(Vnni::<GROUP>(())));
}

#[target_feature(enable = "avx2,avxvnni")]
pub(super) fn run_avx<const GROUP: usize>(work: impl Work) {
    work.call::<_, AVX_TILE_ROWS, 1>(Ymm(AvxVnni::<GROUP>(())));
}

// SAFETY: values are made only by `run`, where AVX2 is available.
unsafe impl<const GROUP: usize> Products for Vnni<GROUP> {
    const GROUP: usize = GROUP;

    #[inline(always)]
    fn add(self, sums: __m256i, inputs: __m256i, weights: __m256i) -> __m256i {
        // SAFETY: the processor has AVX-512 VNNI and VL, which `run` enables.
        unsafe {
            if GROUP == 4 {
                _mm256_dpbusd_epi32(sums, inputs, weights)
            } else {
                _mm256_dpwssds_epi32(sums, inputs, weights)
            }
        }
    }
}

// SAFETY: values are made only by `run_avx`, where AVX2 is available.
unsafe impl<const GROUP: usize> Products for AvxVnni<GROUP> {
    const GROUP: usize = GROUP;

    #[inline(always)]
    fn add(self, sums: __m256i, inputs: __m256i, weights: __m256i) -> __m256i {
        // SAFETY: the processor has AVX-VNNI, which `run_avx` enables.
        unsafe {
            if GROUP == 4 {
                _mm256_dpbusd_avx_epi32(sums, inputs, weights)
            } else {
                _mm256_dpwssds_avx_epi32(sums, inputs, weights)
            }
        }
    }
}
