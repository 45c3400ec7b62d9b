//! A block in one 512-bit vector; longs in two vectors, even lanes and odd lanes.

use std::arch::x86_64::{__m256i, __m512i, __mmask16};

use pulp::cast;
use pulp::x86::V4;

use super::{Lanes, Simd, entry};

const ODD: __mmask16 = 0xaaaa;

impl Simd for V4 {
    const PARTS: usize = 1;
    type Ints = __m512i;
    type Longs = [__m512i; 2];
    type Mask = __mmask16;

    #[inline(always)]
    fn splat(self, value: i32) -> Self::Ints {
        self.avx512f._mm512_set1_epi32(value)
    }

    #[inline(always)]
    fn load(self, from: &Lanes<i32>, _: usize) -> Self::Ints {
        cast(*from)
    }

    #[inline(always)]
    fn load_i16(self, from: &Lanes<i16>, _: usize) -> Self::Ints {
        self.avx512f._mm512_cvtepi16_epi32(cast::<Lanes<i16>, __m256i>(*from))
    }

    #[inline(always)]
    fn store(self, value: Self::Ints, to: &mut Lanes<i32>, _: usize) {
        *to = cast(value);
    }

    #[inline(always)]
    fn add(self, a: Self::Ints, b: Self::Ints) -> Self::Ints {
        self.avx512f._mm512_add_epi32(a, b)
    }

    #[inline(always)]
    fn sub(self, a: Self::Ints, b: Self::Ints) -> Self::Ints {
        self.avx512f._mm512_sub_epi32(a, b)
    }

    #[inline(always)]
    fn mul(self, a: Self::Ints, b: Self::Ints) -> Self::Ints {
        self.avx512f._mm512_mullo_epi32(a, b)
    }

    #[inline(always)]
    fn min(self, a: Self::Ints, b: Self::Ints) -> Self::Ints {
        self.avx512f._mm512_min_epi32(a, b)
    }

    #[inline(always)]
    fn max(self, a: Self::Ints, b: Self::Ints) -> Self::Ints {
        self.avx512f._mm512_max_epi32(a, b)
    }

    #[inline(always)]
    fn and(self, a: Self::Ints, b: Self::Ints) -> Self::Ints {
        self.avx512f._mm512_and_si512(a, b)
    }

    #[inline(always)]
    fn shl(self, a: Self::Ints, by: Self::Ints) -> Self::Ints {
        self.avx512f._mm512_sllv_epi32(a, by)
    }

    #[inline(always)]
    fn shr(self, a: Self::Ints, by: Self::Ints) -> Self::Ints {
        self.avx512f._mm512_srlv_epi32(a, by)
    }

    #[inline(always)]
    fn sar(self, a: Self::Ints, by: Self::Ints) -> Self::Ints {
        self.avx512f._mm512_srav_epi32(a, by)
    }

    #[inline(always)]
    fn gt(self, a: Self::Ints, b: Self::Ints) -> Self::Mask {
        self.avx512f._mm512_cmpgt_epi32_mask(a, b)
    }

    #[inline(always)]
    fn eq(self, a: Self::Ints, b: Self::Ints) -> Self::Mask {
        self.avx512f._mm512_cmpeq_epi32_mask(a, b)
    }

    #[inline(always)]
    fn both(self, a: Self::Mask, b: Self::Mask) -> Self::Mask {
        a & b
    }

    #[inline(always)]
    fn any(self, mask: Self::Mask) -> bool {
        mask != 0
    }

    #[inline(always)]
    fn select(self, mask: Self::Mask, a: Self::Ints, b: Self::Ints) -> Self::Ints {
        self.avx512f._mm512_mask_mov_epi32(b, mask, a)
    }

    #[inline(always)]
    fn widen(self, a: Self::Ints) -> Self::Longs {
        let even = self.avx512f._mm512_and_si512(a, self.avx512f._mm512_set1_epi64(0xffff_ffff));
        [even, self.avx512f._mm512_srli_epi64::<32>(a)]
    }

    #[inline(always)]
    fn narrow<const SHIFT: u32>(self, a: Self::Longs) -> Self::Ints {
        let [even, odd] = a;
        let even = self.avx512f._mm512_srli_epi64::<SHIFT>(even);
        // In odd lanes, the low half becomes the high half.
        let odd = match SHIFT {
            32 => odd,
            0..32 => self.avx512f._mm512_sllv_epi64(odd, self.avx512f._mm512_set1_epi64(32 - i64::from(SHIFT))),
            _ => self.avx512f._mm512_srlv_epi64(odd, self.avx512f._mm512_set1_epi64(i64::from(SHIFT) - 32)),
        };
        self.avx512f._mm512_mask_mov_epi32(even, ODD, odd)
    }

    #[inline(always)]
    fn add_longs(self, a: Self::Longs, b: Self::Longs) -> Self::Longs {
        [self.avx512f._mm512_add_epi64(a[0], b[0]), self.avx512f._mm512_add_epi64(a[1], b[1])]
    }

    #[inline(always)]
    fn shl_longs(self, a: Self::Longs, by: Self::Longs) -> Self::Longs {
        [self.avx512f._mm512_sllv_epi64(a[0], by[0]), self.avx512f._mm512_sllv_epi64(a[1], by[1])]
    }

    #[inline(always)]
    fn mul_wide(self, a: Self::Ints, b: Self::Ints) -> Self::Longs {
        let (odd_a, odd_b) = (self.avx512f._mm512_srli_epi64::<32>(a), self.avx512f._mm512_srli_epi64::<32>(b));
        [self.avx512f._mm512_mul_epu32(a, b), self.avx512f._mm512_mul_epu32(odd_a, odd_b)]
    }

    #[inline(always)]
    fn leading_zeros(self, a: Self::Longs) -> Self::Longs {
        [self.avx512cd._mm512_lzcnt_epi64(a[0]), self.avx512cd._mm512_lzcnt_epi64(a[1])]
    }

    #[inline(always)]
    fn reciprocal(self, divisor: Self::Ints) -> Self::Ints {
        let [even, odd] = self.widen(divisor);
        self.narrow::<0>([reciprocal(self, even), reciprocal(self, odd)])
    }

    #[inline(always)]
    fn lookup<const N: usize>(self, table: &[u64; N], index: Self::Ints) -> Self::Longs {
        let index: [u32; 16] = cast(index);
        [
            cast([
                entry(table, index[0]),
                entry(table, index[2]),
                entry(table, index[4]),
                entry(table, index[6]),
                entry(table, index[8]),
                entry(table, index[10]),
                entry(table, index[12]),
                entry(table, index[14]),
            ]),
            cast([
                entry(table, index[1]),
                entry(table, index[3]),
                entry(table, index[5]),
                entry(table, index[7]),
                entry(table, index[9]),
                entry(table, index[11]),
                entry(table, index[13]),
                entry(table, index[15]),
            ]),
        ]
    }
}

#[inline(always)]
fn reciprocal(simd: V4, divisor: __m512i) -> __m512i {
    let dividend = simd.avx512f._mm512_set1_pd((1u64 << 52) as f64);
    let quotient = simd.avx512f._mm512_div_pd(dividend, simd.avx512dq._mm512_cvtepi64_pd(divisor));
    simd.avx512dq._mm512_cvttpd_epi64(quotient)
}
