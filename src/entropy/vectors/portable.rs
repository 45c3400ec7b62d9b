//! Plain loops, for processors without the other levels.

use super::{LANES, Lanes, Simd, entry};

#[derive(Debug, Clone, Copy)]
pub(super) struct Portable;

/// Lanes per vector, as in SSE2, NEON and WebAssembly.
const WIDTH: usize = 4;

#[inline(always)]
fn map<A: Copy, B: Copy, R>(a: [A; WIDTH], b: [B; WIDTH], f: impl Fn(A, B) -> R) -> [R; WIDTH] {
    std::array::from_fn(|lane| f(a[lane], b[lane]))
}

#[inline(always)]
fn part<T: Copy>(lanes: &Lanes<T>, part: usize) -> [T; WIDTH] {
    lanes.as_chunks().0[part]
}

impl Simd for Portable {
    const PARTS: usize = LANES / WIDTH;
    type Ints = [i32; WIDTH];
    type Longs = [u64; WIDTH];
    type Mask = [bool; WIDTH];

    #[inline(always)]
    fn splat(self, value: i32) -> Self::Ints {
        [value; WIDTH]
    }

    #[inline(always)]
    fn load(self, from: &Lanes<i32>, index: usize) -> Self::Ints {
        part(from, index)
    }

    #[inline(always)]
    fn load_i16(self, from: &Lanes<i16>, index: usize) -> Self::Ints {
        part(from, index).map(i32::from)
    }

    #[inline(always)]
    fn store(self, value: Self::Ints, to: &mut Lanes<i32>, index: usize) {
        to.as_chunks_mut().0[index] = value;
    }

    #[inline(always)]
    fn add(self, a: Self::Ints, b: Self::Ints) -> Self::Ints {
        map(a, b, i32::wrapping_add)
    }

    #[inline(always)]
    fn sub(self, a: Self::Ints, b: Self::Ints) -> Self::Ints {
        map(a, b, i32::wrapping_sub)
    }

    #[inline(always)]
    fn mul(self, a: Self::Ints, b: Self::Ints) -> Self::Ints {
        map(a, b, i32::wrapping_mul)
    }

    #[inline(always)]
    fn min(self, a: Self::Ints, b: Self::Ints) -> Self::Ints {
        map(a, b, i32::min)
    }

    #[inline(always)]
    fn max(self, a: Self::Ints, b: Self::Ints) -> Self::Ints {
        map(a, b, i32::max)
    }

    #[inline(always)]
    fn and(self, a: Self::Ints, b: Self::Ints) -> Self::Ints {
        map(a, b, |a, b| a & b)
    }

    #[inline(always)]
    fn shl(self, a: Self::Ints, by: Self::Ints) -> Self::Ints {
        map(a, by, |a, by| a << (by & 31))
    }

    #[inline(always)]
    fn shr(self, a: Self::Ints, by: Self::Ints) -> Self::Ints {
        map(a, by, |a, by| if by as u32 > 31 { 0 } else { (a as u32 >> (by & 31)) as i32 })
    }

    #[inline(always)]
    fn sar(self, a: Self::Ints, by: Self::Ints) -> Self::Ints {
        map(a, by, |a, by| a >> (by & 31))
    }

    #[inline(always)]
    fn gt(self, a: Self::Ints, b: Self::Ints) -> Self::Mask {
        map(a, b, |a, b| a > b)
    }

    #[inline(always)]
    fn eq(self, a: Self::Ints, b: Self::Ints) -> Self::Mask {
        map(a, b, |a, b| a == b)
    }

    #[inline(always)]
    fn both(self, a: Self::Mask, b: Self::Mask) -> Self::Mask {
        map(a, b, |a, b| a & b)
    }

    #[inline(always)]
    fn any(self, mask: Self::Mask) -> bool {
        mask.into_iter().fold(false, |any, lane| any | lane)
    }

    #[inline(always)]
    fn select(self, mask: Self::Mask, a: Self::Ints, b: Self::Ints) -> Self::Ints {
        std::array::from_fn(|lane| if mask[lane] { a[lane] } else { b[lane] })
    }

    #[inline(always)]
    fn widen(self, a: Self::Ints) -> Self::Longs {
        a.map(|a| u64::from(a as u32))
    }

    #[inline(always)]
    fn narrow<const SHIFT: u32>(self, a: Self::Longs) -> Self::Ints {
        a.map(|a| (a >> SHIFT) as i32)
    }

    #[inline(always)]
    fn add_longs(self, a: Self::Longs, b: Self::Longs) -> Self::Longs {
        map(a, b, u64::wrapping_add)
    }

    #[inline(always)]
    fn shl_longs(self, a: Self::Longs, by: Self::Longs) -> Self::Longs {
        map(a, by, |a, by| a << (by & 63))
    }

    #[inline(always)]
    fn mul_wide(self, a: Self::Ints, b: Self::Ints) -> Self::Longs {
        map(a, b, |a, b| u64::from(a as u32) * u64::from(b as u32))
    }

    #[inline(always)]
    fn leading_zeros(self, a: Self::Longs) -> Self::Longs {
        a.map(|a| u64::from(a.leading_zeros()))
    }

    #[inline(always)]
    fn reciprocal(self, divisor: Self::Ints) -> Self::Ints {
        divisor.map(|divisor| ((1u64 << 52) as f64 / f64::from(divisor as u32)) as i32)
    }

    #[inline(always)]
    fn lookup<const N: usize>(self, table: &[u64; N], index: Self::Ints) -> Self::Longs {
        index.map(|index| entry(table, index as u32))
    }
}
