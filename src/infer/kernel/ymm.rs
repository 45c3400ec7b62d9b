//! 256-bit vectors, two per block: all operations but the products, which differ between instruction sets.

use std::arch::x86_64::*;

use super::isa::{ARRANGED, Input, Isa};
use super::{LANES, Lanes};

/// How products are added to sums.
///
/// # Safety
/// A value of the type exists only where the processor has AVX2.
pub(super) unsafe trait Products: Copy {
    /// As [`Isa::GROUP`].
    const GROUP: usize;
    /// Adds the products of a group in each lane.
    fn add(self, sums: __m256i, inputs: __m256i, weights: __m256i) -> __m256i;
    /// Adds the products of two groups in each lane.
    #[inline(always)]
    fn add_two(self, sums: __m256i, inputs: [__m256i; 2], weights: [__m256i; 2]) -> __m256i {
        self.add(self.add(sums, inputs[0], weights[0]), inputs[1], weights[1])
    }
}

/// 256-bit vectors with one kind of products.
#[derive(Clone, Copy)]
pub(super) struct Ymm<P>(pub P);

impl<P: Products> Isa for Ymm<P> {
    const GROUP: usize = P::GROUP;
    type Words = [__m256i; 2];
    type Weights = __m256i;
    type Sums = [__m256i; 2];

    #[inline(always)]
    fn load(self, from: &Lanes) -> Self::Words {
        let halves = from.0.as_chunks::<8>().0;
        // SAFETY: the processor has AVX2, and each array has 256 bits.
        unsafe {
            [_mm256_loadu_si256((&raw const halves[0]).cast()), _mm256_loadu_si256((&raw const halves[1]).cast())]
        }
    }

    #[inline(always)]
    fn store(self, words: Self::Words, to: &mut Lanes) {
        let halves = to.0.as_chunks_mut::<8>().0;
        for (words, half) in words.into_iter().zip(halves) {
            // SAFETY: the processor has AVX2, and the array has 256 bits.
            unsafe { _mm256_storeu_si256((&raw mut *half).cast(), words) };
        }
    }

    #[inline(always)]
    fn splat(self, weights: i32) -> Self::Weights {
        // SAFETY: the processor has AVX2.
        unsafe { _mm256_set1_epi32(weights) }
    }

    #[inline(always)]
    fn start(self, bias: i32) -> Self::Sums {
        [self.splat(bias); 2]
    }

    #[inline(always)]
    fn add_products(self, sums: Self::Sums, inputs: Self::Words, weights: Self::Weights) -> Self::Sums {
        [self.0.add(sums[0], inputs[0], weights), self.0.add(sums[1], inputs[1], weights)]
    }

    #[inline(always)]
    fn add_products_of_two(self, sums: Self::Sums, inputs: [Self::Words; 2], weights: [__m256i; 2]) -> Self::Sums {
        [
            self.0.add_two(sums[0], [inputs[0][0], inputs[1][0]], weights),
            self.0.add_two(sums[1], [inputs[0][1], inputs[1][1]], weights),
        ]
    }

    #[inline(always)]
    fn scale(self, sums: Self::Sums, shift: i32) -> Self::Words {
        let shift = self.splat(shift);
        // SAFETY: the processor has AVX2.
        unsafe { [_mm256_srav_epi32(sums[0], shift), _mm256_srav_epi32(sums[1], shift)] }
    }

    #[inline(always)]
    fn clip(self, words: Self::Words, max: i32) -> Self::Words {
        let (zero, max) = (self.splat(0), self.splat(max));
        // SAFETY: the processor has AVX2.
        let clip = |words| unsafe { _mm256_max_epi32(zero, _mm256_min_epi32(max, words)) };
        [clip(words[0]), clip(words[1])]
    }

    #[inline(always)]
    fn join<const BITS: u32>(self, low: Self::Words, high: Self::Words) -> Self::Words {
        // SAFETY: the processor has AVX2.
        let join = |low, high| unsafe { _mm256_or_si256(low, _mm256_sll_epi32(high, _mm_cvtsi32_si128(BITS as i32))) };
        [join(low[0], high[0]), join(low[1], high[1])]
    }

    #[inline(always)]
    fn store_narrow(self, words: Self::Words, to: &mut [i16; LANES]) {
        // SAFETY: the processor has AVX2, and the array has 256 bits.
        unsafe {
            // The instruction interleaves 128-bit halves.
            let narrow = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(words[0], words[1]));
            _mm256_storeu_si256((&raw mut *to).cast(), narrow);
        }
    }

    #[inline(always)]
    fn add(self, a: Self::Words, b: Self::Words) -> Self::Words {
        // SAFETY: the processor has AVX2.
        unsafe { [_mm256_add_epi32(a[0], b[0]), _mm256_add_epi32(a[1], b[1])] }
    }

    #[inline(always)]
    fn pair(self, low: Self::Words, high: Self::Words) -> Self::Words {
        // SAFETY: the processor has AVX2.
        let pair = |low, high| unsafe { _mm256_blend_epi16::<0b1010_1010>(low, _mm256_slli_epi32::<16>(high)) };
        [pair(low[0], high[0]), pair(low[1], high[1])]
    }

    #[inline(always)]
    fn clip_gradient(self, errors: Self::Words, most: i32, inputs: Self::Words, input: Input) -> Self::Words {
        let (zero, place, mask, max) =
            (self.splat(0), self.splat(input.place), self.splat(input.mask), self.splat(input.max));
        let (least, most) = (self.splat(-most), self.splat(most));
        // SAFETY: the processor has AVX2.
        let clip_gradient = |errors, inputs| unsafe {
            let value = _mm256_and_si256(_mm256_srav_epi32(inputs, place), mask);
            let open = _mm256_and_si256(_mm256_cmpgt_epi32(value, zero), _mm256_cmpgt_epi32(max, value));
            _mm256_and_si256(open, _mm256_min_epi32(_mm256_max_epi32(errors, least), most))
        };
        [clip_gradient(errors[0], inputs[0]), clip_gradient(errors[1], inputs[1])]
    }

    #[inline(always)]
    fn arrange(self, contexts: &[i16], size: usize) -> [Self::Words; ARRANGED] {
        let (low, high) = (transpose::<P>(contexts, size), transpose::<P>(&contexts[8 * size..], size));
        [[low[0], high[0]], [low[1], high[1]], [low[2], high[2]], [low[3], high[3]]]
    }
}

/// The first four groups of contexts of eight pixels, transposed into lanes.
#[inline(always)]
fn transpose<P: Products>(contexts: &[i16], size: usize) -> [__m256i; ARRANGED] {
    let row = |row: usize| &contexts[row * size..];
    let rows =
        [groups::<P>(row(0), size), groups::<P>(row(1), size), groups::<P>(row(2), size), groups::<P>(row(3), size)];
    // SAFETY: the processor has AVX2.
    unsafe {
        // Transposes 4 x 4 words in each half.
        let (a, b) = (_mm256_unpacklo_epi32(rows[0], rows[1]), _mm256_unpacklo_epi32(rows[2], rows[3]));
        let (c, d) = (_mm256_unpackhi_epi32(rows[0], rows[1]), _mm256_unpackhi_epi32(rows[2], rows[3]));
        [
            _mm256_unpacklo_epi64(a, b),
            _mm256_unpackhi_epi64(a, b),
            _mm256_unpacklo_epi64(c, d),
            _mm256_unpackhi_epi64(c, d),
        ]
    }
}

/// The first four groups of contexts of two pixels, which are 4 pixels apart.
#[inline(always)]
fn groups<P: Products>(contexts: &[i16], size: usize) -> __m256i {
    if P::GROUP == 2 {
        return eight(contexts, size);
    }
    // SAFETY: the processor has AVX2.
    unsafe {
        let bytes = _mm256_packs_epi16(eight(contexts, size), eight(&contexts[8..], size));
        _mm256_xor_si256(bytes, _mm256_set1_epi8(-128))
    }
}

/// The first eight contexts of each of these pixels.
#[inline(always)]
fn eight(contexts: &[i16], size: usize) -> __m256i {
    let (low, high) = (&contexts[..8], &contexts[4 * size..][..8]);
    // SAFETY: the processor has AVX2, and each slice has 128 bits.
    unsafe { _mm256_loadu2_m128i(high.as_ptr().cast(), low.as_ptr().cast()) }
}
