//! Half a block in a 256-bit vector; longs in two vectors, even lanes and odd lanes.

use std::arch::x86_64::{__m128i, __m256d, __m256i};

use pulp::cast;
use pulp::x86::V3;

use super::{Lanes, Simd, TWO_TO_52, entry};

impl Simd for V3 {
    const PARTS: usize = 2;
    type Ints = __m256i;
    type Longs = [__m256i; 2];
    type Mask = __m256i;

    #[inline(always)]
    fn splat(self, value: i32) -> Self::Ints {
        self.avx._mm256_set1_epi32(value)
    }

    #[inline(always)]
    fn load(self, from: &Lanes<i32>, part: usize) -> Self::Ints {
        cast::<[i32; 8], _>(from.as_chunks().0[part])
    }

    #[inline(always)]
    fn load_i16(self, from: &Lanes<i16>, part: usize) -> Self::Ints {
        self.avx2._mm256_cvtepi16_epi32(cast::<[i16; 8], __m128i>(from.as_chunks().0[part]))
    }

    #[inline(always)]
    fn store(self, value: Self::Ints, to: &mut Lanes<i32>, part: usize) {
        to.as_chunks_mut().0[part] = cast::<_, [i32; 8]>(value);
    }

    #[inline(always)]
    fn add(self, a: Self::Ints, b: Self::Ints) -> Self::Ints {
        self.avx2._mm256_add_epi32(a, b)
    }

    #[inline(always)]
    fn sub(self, a: Self::Ints, b: Self::Ints) -> Self::Ints {
        self.avx2._mm256_sub_epi32(a, b)
    }

    #[inline(always)]
    fn mul(self, a: Self::Ints, b: Self::Ints) -> Self::Ints {
        self.avx2._mm256_mullo_epi32(a, b)
    }

    #[inline(always)]
    fn min(self, a: Self::Ints, b: Self::Ints) -> Self::Ints {
        self.avx2._mm256_min_epi32(a, b)
    }

    #[inline(always)]
    fn max(self, a: Self::Ints, b: Self::Ints) -> Self::Ints {
        self.avx2._mm256_max_epi32(a, b)
    }

    #[inline(always)]
    fn and(self, a: Self::Ints, b: Self::Ints) -> Self::Ints {
        self.avx2._mm256_and_si256(a, b)
    }

    #[inline(always)]
    fn shl(self, a: Self::Ints, by: Self::Ints) -> Self::Ints {
        self.avx2._mm256_sllv_epi32(a, by)
    }

    #[inline(always)]
    fn shr(self, a: Self::Ints, by: Self::Ints) -> Self::Ints {
        self.avx2._mm256_srlv_epi32(a, by)
    }

    #[inline(always)]
    fn sar(self, a: Self::Ints, by: Self::Ints) -> Self::Ints {
        self.avx2._mm256_srav_epi32(a, by)
    }

    #[inline(always)]
    fn gt(self, a: Self::Ints, b: Self::Ints) -> Self::Mask {
        self.avx2._mm256_cmpgt_epi32(a, b)
    }

    #[inline(always)]
    fn eq(self, a: Self::Ints, b: Self::Ints) -> Self::Mask {
        self.avx2._mm256_cmpeq_epi32(a, b)
    }

    #[inline(always)]
    fn both(self, a: Self::Mask, b: Self::Mask) -> Self::Mask {
        self.avx2._mm256_and_si256(a, b)
    }

    #[inline(always)]
    fn any(self, mask: Self::Mask) -> bool {
        self.avx2._mm256_movemask_epi8(mask) != 0
    }

    #[inline(always)]
    fn select(self, mask: Self::Mask, a: Self::Ints, b: Self::Ints) -> Self::Ints {
        self.avx2._mm256_blendv_epi8(b, a, mask)
    }

    #[inline(always)]
    fn widen(self, a: Self::Ints) -> Self::Longs {
        let even = self.avx2._mm256_and_si256(a, self.avx._mm256_set1_epi64x(0xffff_ffff));
        [even, self.avx2._mm256_srli_epi64::<32>(a)]
    }

    #[inline(always)]
    fn narrow<const SHIFT: u32>(self, a: Self::Longs) -> Self::Ints {
        let [even, odd] = a;
        let up = self.avx._mm256_set1_epi64x(32 - i64::from(SHIFT));
        let down = self.avx._mm256_set1_epi64x(i64::from(SHIFT) - 32);
        let even = self.avx2._mm256_srlv_epi64(even, self.avx._mm256_set1_epi64x(i64::from(SHIFT)));
        // In odd lanes, the low half becomes the high half.
        let odd = match SHIFT {
            32 => odd,
            0..32 => self.avx2._mm256_sllv_epi64(odd, up),
            _ => self.avx2._mm256_srlv_epi64(odd, down),
        };
        self.avx2._mm256_blend_epi32::<0xaa>(even, odd)
    }

    #[inline(always)]
    fn add_longs(self, a: Self::Longs, b: Self::Longs) -> Self::Longs {
        [self.avx2._mm256_add_epi64(a[0], b[0]), self.avx2._mm256_add_epi64(a[1], b[1])]
    }

    #[inline(always)]
    fn shl_longs(self, a: Self::Longs, by: Self::Longs) -> Self::Longs {
        [self.avx2._mm256_sllv_epi64(a[0], by[0]), self.avx2._mm256_sllv_epi64(a[1], by[1])]
    }

    #[inline(always)]
    fn mul_wide(self, a: Self::Ints, b: Self::Ints) -> Self::Longs {
        let (odd_a, odd_b) = (self.avx2._mm256_srli_epi64::<32>(a), self.avx2._mm256_srli_epi64::<32>(b));
        [self.avx2._mm256_mul_epu32(a, b), self.avx2._mm256_mul_epu32(odd_a, odd_b)]
    }

    #[inline(always)]
    fn leading_zeros(self, a: Self::Longs) -> Self::Longs {
        [leading_zeros(self, a[0]), leading_zeros(self, a[1])]
    }

    #[inline(always)]
    fn reciprocal(self, divisor: Self::Ints) -> Self::Ints {
        let [even, odd] = self.widen(divisor);
        self.narrow::<0>([reciprocal(self, even), reciprocal(self, odd)])
    }

    #[inline(always)]
    fn lookup<const N: usize>(self, table: &[u64; N], index: Self::Ints) -> Self::Longs {
        let index: [u32; 8] = cast(index);
        [
            cast([entry(table, index[0]), entry(table, index[2]), entry(table, index[4]), entry(table, index[6])]),
            cast([entry(table, index[1]), entry(table, index[3]), entry(table, index[5]), entry(table, index[7])]),
        ]
    }
}

/// Numbers below 2^52, converted to binary64.
#[inline(always)]
fn real(simd: V3, a: __m256i) -> __m256d {
    let units = simd.avx._mm256_set1_epi64x(TWO_TO_52 as i64);
    simd.avx._mm256_sub_pd(cast(simd.avx2._mm256_or_si256(a, units)), cast(units))
}

#[inline(always)]
fn leading_zeros(simd: V3, a: __m256i) -> __m256i {
    let exponent = simd.avx2._mm256_srli_epi64::<52>(cast(real(simd, a)));
    let zeros = simd.avx2._mm256_sub_epi64(simd.avx._mm256_set1_epi64x(63 + 1023), exponent);
    // For zero, the exponent is 0.
    simd.avx2._mm256_min_epu8(zeros, simd.avx._mm256_set1_epi64x(63))
}

#[inline(always)]
fn reciprocal(simd: V3, divisor: __m256i) -> __m256i {
    let dividend = simd.avx._mm256_set1_pd((1u64 << 52) as f64);
    let whole = simd.avx._mm256_floor_pd(simd.avx._mm256_div_pd(dividend, real(simd, divisor)));
    cast(simd.avx._mm256_add_pd(whole, simd.avx._mm256_set1_pd(f64::from_bits(TWO_TO_52))))
}
