//! Plain integer arithmetic, for all processors.

use super::isa::{Isa, Work};
use super::{LANES, Lanes};

pub(super) const TILE_ROWS: usize = 2;

#[derive(Clone, Copy)]
struct Scalar;

pub(super) fn run(work: impl Work) {
    work.call::<Scalar, TILE_ROWS, 1>(Scalar);
}

impl Isa for Scalar {
    const GROUP: usize = 2;
    type Words = [i32; LANES];
    type Weights = [i32; 2];
    type Sums = [i32; LANES];

    #[inline(always)]
    fn load(self, from: &Lanes) -> Self::Words {
        from.0
    }

    #[inline(always)]
    fn store(self, words: Self::Words, to: &mut Lanes) {
        to.0 = words;
    }

    #[inline(always)]
    fn splat(self, weights: i32) -> Self::Weights {
        [i32::from(weights as i16), weights >> 16]
    }

    #[inline(always)]
    fn start(self, bias: i32) -> Self::Sums {
        [bias; LANES]
    }

    #[inline(always)]
    fn add_products(self, mut sums: Self::Sums, inputs: Self::Words, weights: Self::Weights) -> Self::Sums {
        for (sum, input) in sums.iter_mut().zip(inputs) {
            *sum += i32::from(input as i16) * weights[0] + (input >> 16) * weights[1];
        }
        sums
    }

    #[inline(always)]
    fn scale(self, sums: Self::Sums, shift: i32) -> Self::Words {
        sums.map(|sum| sum >> shift)
    }

    #[inline(always)]
    fn clip(self, words: Self::Words, max: i32) -> Self::Words {
        words.map(|word| word.clamp(0, max))
    }

    #[inline(always)]
    fn join<const BITS: u32>(self, mut low: Self::Words, high: Self::Words) -> Self::Words {
        for (low, high) in low.iter_mut().zip(high) {
            *low |= high << BITS;
        }
        low
    }

    #[inline(always)]
    fn store_narrow(self, words: Self::Words, to: &mut [i16; LANES]) {
        *to = words.map(|word| word.clamp(i16::MIN.into(), i16::MAX.into()) as i16);
    }
}
