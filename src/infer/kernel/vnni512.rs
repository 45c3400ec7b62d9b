//! AVX-512 VNNI: 512-bit dot products, one vector per block.

use std::arch::x86_64::*;

use super::isa::{ARRANGED, Input, Isa, Work};
use super::{LANES, Lanes};

pub(super) const TILE_ROWS: usize = 8;
pub(super) const BLOCKS: usize = 2;

#[derive(Clone, Copy)]
struct Vnni512<const GROUP: usize>(());

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) fn run<const GROUP: usize>(work: impl Work) {
    work.call::<_, TILE_ROWS, BLOCKS>(Vnni512::<GROUP>(()));
}

// Values are made only by `run`, so in all methods the processor has the instructions that `run` enables.
impl<const GROUP: usize> Isa for Vnni512<GROUP> {
    const GROUP: usize = GROUP;
    type Words = __m512i;
    type Weights = __m512i;
    type Sums = __m512i;

    #[inline(always)]
    fn load(self, from: &Lanes) -> __m512i {
        // SAFETY: the processor has AVX-512 F, and the array has 512 bits.
        unsafe { _mm512_loadu_si512((&raw const from.0).cast()) }
    }

    #[inline(always)]
    fn store(self, words: __m512i, to: &mut Lanes) {
        // SAFETY: the processor has AVX-512 F, and the array has 512 bits.
        unsafe { _mm512_storeu_si512((&raw mut to.0).cast(), words) }
    }

    #[inline(always)]
    fn splat(self, weights: i32) -> __m512i {
        // SAFETY: the processor has AVX-512 F.
        unsafe { _mm512_set1_epi32(weights) }
    }

    #[inline(always)]
    fn start(self, bias: i32) -> __m512i {
        self.splat(bias)
    }

    #[inline(always)]
    fn add_products(self, sums: __m512i, inputs: __m512i, weights: __m512i) -> __m512i {
        // SAFETY: the processor has AVX-512 VNNI.
        unsafe {
            if GROUP == 4 {
                _mm512_dpbusd_epi32(sums, inputs, weights)
            } else {
                // Sums do not saturate. Compilers would split the instruction that wraps around into two.
                _mm512_dpwssds_epi32(sums, inputs, weights)
            }
        }
    }

    #[inline(always)]
    fn scale(self, sums: __m512i, shift: i32) -> __m512i {
        // SAFETY: the processor has AVX-512 F.
        unsafe { _mm512_srav_epi32(sums, _mm512_set1_epi32(shift)) }
    }

    #[inline(always)]
    fn clip(self, words: __m512i, max: i32) -> __m512i {
        // SAFETY: the processor has AVX-512 F.
        unsafe { _mm512_max_epi32(_mm512_setzero_si512(), _mm512_min_epi32(_mm512_set1_epi32(max), words)) }
    }

    #[inline(always)]
    fn join<const BITS: u32>(self, low: __m512i, high: __m512i) -> __m512i {
        // SAFETY: the processor has AVX-512 F.
        unsafe { _mm512_or_si512(low, _mm512_slli_epi32::<BITS>(high)) }
    }

    #[inline(always)]
    fn store_narrow(self, words: __m512i, to: &mut [i16; LANES]) {
        // SAFETY: the processor has AVX-512 F, and the array has 256 bits.
        unsafe { _mm256_storeu_si256((&raw mut *to).cast(), _mm512_cvtsepi32_epi16(words)) }
    }

    #[inline(always)]
    fn add(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the processor has AVX-512 F.
        unsafe { _mm512_add_epi32(a, b) }
    }

    #[inline(always)]
    fn pair(self, low: __m512i, high: __m512i) -> __m512i {
        // SAFETY: the processor has AVX-512 F and BW.
        unsafe { _mm512_mask_blend_epi16(0xaaaa_aaaa, low, _mm512_slli_epi32::<16>(high)) }
    }

    #[inline(always)]
    fn clip_gradient(self, errors: __m512i, most: i32, inputs: __m512i, input: Input) -> __m512i {
        // SAFETY: the processor has AVX-512 F.
        unsafe {
            let value = _mm512_srav_epi32(inputs, _mm512_set1_epi32(input.place));
            let value = _mm512_and_si512(value, _mm512_set1_epi32(input.mask));
            let above = _mm512_cmpgt_epi32_mask(value, _mm512_setzero_si512());
            let open = _mm512_mask_cmplt_epi32_mask(above, value, _mm512_set1_epi32(input.max));
            let least = _mm512_max_epi32(errors, _mm512_set1_epi32(-most));
            _mm512_maskz_min_epi32(open, least, _mm512_set1_epi32(most))
        }
    }

    #[inline(always)]
    fn arrange(self, contexts: &[i16], size: usize) -> [__m512i; ARRANGED] {
        let row = |row: usize| &contexts[row * size..];
        let rows = [
            groups::<GROUP>(row(0), size),
            groups::<GROUP>(row(1), size),
            groups::<GROUP>(row(2), size),
            groups::<GROUP>(row(3), size),
        ];
        // SAFETY: the processor has AVX-512 F.
        unsafe {
            // Transposes 4 x 4 words in each quarter.
            let (a, b) = (_mm512_unpacklo_epi32(rows[0], rows[1]), _mm512_unpacklo_epi32(rows[2], rows[3]));
            let (c, d) = (_mm512_unpackhi_epi32(rows[0], rows[1]), _mm512_unpackhi_epi32(rows[2], rows[3]));
            [
                _mm512_unpacklo_epi64(a, b),
                _mm512_unpackhi_epi64(a, b),
                _mm512_unpacklo_epi64(c, d),
                _mm512_unpackhi_epi64(c, d),
            ]
        }
    }
}

/// The first four groups of contexts of four pixels, which are 4 pixels apart.
#[inline(always)]
fn groups<const GROUP: usize>(contexts: &[i16], size: usize) -> __m512i {
    if GROUP == 2 {
        return eight(contexts, size);
    }
    // SAFETY: the processor has AVX-512 F and BW.
    unsafe {
        let bytes = _mm512_packs_epi16(eight(contexts, size), eight(&contexts[8..], size));
        _mm512_xor_si512(bytes, _mm512_set1_epi8(-128))
    }
}

/// The first eight contexts of each of these pixels.
#[inline(always)]
fn eight(contexts: &[i16], size: usize) -> __m512i {
    let at = |pixel: usize| contexts[pixel * size..][..8].as_ptr();
    // SAFETY: the processor has AVX-512 F, and each slice has 128 bits.
    unsafe {
        let low = _mm256_loadu2_m128i(at(4).cast(), at(0).cast());
        let high = _mm256_loadu2_m128i(at(12).cast(), at(8).cast());
        _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
    }
}
