//! The few vector operations that mixtures need, on 16 lanes, which take one or more vectors.
//!
//! All work on integers and are exact, so all levels return the same. `pulp` makes the instructions safe: a token for a
//! level exists only if the processor has its instructions.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

use std::sync::OnceLock;

/// Pixels of a block.
pub(crate) const LANES: usize = 16;
/// One value for each pixel of a block.
pub(crate) type Lanes<T> = [T; LANES];

/// A level of vector instructions that the processor supports.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Vectors {
    /// Loops over arrays, which the compiler vectorises.
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    /// AVX-512 F, BW, CD, DQ and VL.
    #[cfg(target_arch = "x86_64")]
    Avx512(pulp::x86::V4),
}

impl Vectors {
    /// The widest level that the processor supports and the environment variable `ANSEL_INSTRUCTIONS` allows.
    pub fn best() -> Self {
        static BEST: OnceLock<Vectors> = OnceLock::new();
        let allowed = || std::env::var("ANSEL_INSTRUCTIONS").unwrap_or_default();
        *BEST.get_or_init(|| {
            let most = match allowed().as_str() {
                "scalar" => 1,
                "avx2" | "vnni256" => 2,
                _ => 3,
            };
            let all = Self::all();
            all[most.min(all.len()) - 1]
        })
    }

    /// All levels that the processor supports, narrowest first.
    pub fn all() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = pulp::x86::V3::try_new().map(Self::Avx2);
            let avx512 = pulp::x86::V4::try_new().map(Self::Avx512);
            [Some(Self::Portable), avx2, avx512].into_iter().flatten().collect()
        }
        #[cfg(not(target_arch = "x86_64"))]
        vec![Self::Portable]
    }

    /// Runs work with these instructions. All functions that it calls should be `inline(always)`, which closures are
    /// not: code that is not inlined is correct, but many times slower.
    #[inline]
    pub fn run<W: Vectorised>(self, work: W) -> W::Output {
        match self {
            Self::Portable => work.call(portable::Portable),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => simd.vectorize(
                #[inline(always)]
                || work.call(simd),
            ),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) => simd.vectorize(
                #[inline(always)]
                || work.call(simd),
            ),
        }
    }
}

/// Work that [`Vectors::run`] runs.
pub(crate) trait Vectorised {
    type Output;

    fn call<S: Simd>(self, simd: S) -> Self::Output;
}

/// Operations on one part (vector) of a block. Sums and products wrap.
pub(crate) trait Simd: Copy {
    /// Number of parts in a block.
    const PARTS: usize;
    /// A 32-bit number in each lane.
    type Ints: Copy;
    /// An unsigned 64-bit number in each lane.
    type Longs: Copy;
    type Mask: Copy;

    fn splat(self, value: i32) -> Self::Ints;
    fn load(self, from: &Lanes<i32>, part: usize) -> Self::Ints;
    fn load_i16(self, from: &Lanes<i16>, part: usize) -> Self::Ints;
    fn store(self, value: Self::Ints, to: &mut Lanes<i32>, part: usize);

    fn add(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    fn sub(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    fn mul(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    fn min(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    fn max(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    fn and(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    /// Shifts left, by less than 32.
    fn shl(self, a: Self::Ints, by: Self::Ints) -> Self::Ints;
    /// Logical shift right; by 32 or more, the result is 0.
    fn shr(self, a: Self::Ints, by: Self::Ints) -> Self::Ints;
    /// Arithmetic shift right, by less than 32.
    fn sar(self, a: Self::Ints, by: Self::Ints) -> Self::Ints;

    fn gt(self, a: Self::Ints, b: Self::Ints) -> Self::Mask;
    fn eq(self, a: Self::Ints, b: Self::Ints) -> Self::Mask;
    fn both(self, a: Self::Mask, b: Self::Mask) -> Self::Mask;
    fn any(self, mask: Self::Mask) -> bool;
    /// `a` where the mask is set, otherwise `b`.
    fn select(self, mask: Self::Mask, a: Self::Ints, b: Self::Ints) -> Self::Ints;

    /// Zero-extends 32-bit numbers.
    fn widen(self, a: Self::Ints) -> Self::Longs;
    /// The low 32 bits after a logical shift right by `SHIFT`.
    fn narrow<const SHIFT: u32>(self, a: Self::Longs) -> Self::Ints;
    fn add_longs(self, a: Self::Longs, b: Self::Longs) -> Self::Longs;
    /// Shifts left, by less than 64; zeros may be shifted by up to 64.
    fn shl_longs(self, a: Self::Longs, by: Self::Longs) -> Self::Longs;
    /// The 64-bit products of unsigned 32-bit numbers.
    fn mul_wide(self, a: Self::Ints, b: Self::Ints) -> Self::Longs;
    /// The leading zeros of numbers below 2^52; for zero, anything up to 64.
    fn leading_zeros(self, a: Self::Longs) -> Self::Longs;
    /// `2^52 / divisor`, rounded down, for unsigned 32-bit divisors of at least 2^30.
    ///
    /// Binary64 division rounds to the nearest multiple of at most 2^-31, since the quotient is at most 2^22. A
    /// quotient that is not an integer is at least `1 / divisor > 2^-32` below the next integer, so it is not rounded
    /// up to it.
    fn reciprocal(self, divisor: Self::Ints) -> Self::Ints;
    /// Looks up entries of a table; its size is a power of two, and indices are taken modulo the size.
    fn lookup<const N: usize>(self, table: &[u64; N], index: Self::Ints) -> Self::Longs;
}

/// An entry of a table. Single loads are no slower than gather instructions, and need no pointers.
#[inline(always)]
fn entry<const N: usize>(table: &[u64; N], index: u32) -> u64 {
    const { assert!(N.is_power_of_two()) };
    table[index as usize % N]
}

/// 2^52 in binary64, whose mantissa then counts units.
#[cfg(target_arch = "x86_64")]
const TWO_TO_52: u64 = (1023 + 52) << 52;

#[cfg(test)]
mod tests;
