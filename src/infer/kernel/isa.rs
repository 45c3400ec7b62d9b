//! What the kernel needs from an instruction set.

use super::{LANES, Lanes};

/// The most blocks of pixels that are evaluated at once.
pub(super) const MAX_BLOCKS: usize = 2;
/// Groups of contexts that are transposed into lanes at once.
pub(super) const ARRANGED: usize = 4;

/// Operations on one word per pixel of a block. A value of the type proves that the processor has the instructions.
/// Everything is inlined into a function that enables them.
pub(super) trait Isa: Copy {
    /// Inputs per word: 2 of 16 bits, or 4 unsigned of 8 bits.
    const GROUP: usize;
    /// One word in each lane.
    type Words: Copy;
    /// The weights of a group, in all lanes.
    type Weights: Copy;
    /// Sums of products, possibly in several partial sums.
    type Sums: Copy;

    fn load(self, from: &Lanes) -> Self::Words;
    fn store(self, words: Self::Words, to: &mut Lanes);
    fn splat(self, weights: i32) -> Self::Weights;
    /// Sums that start with a bias.
    fn start(self, bias: i32) -> Self::Sums;
    /// Adds the products of a group.
    fn add_products(self, sums: Self::Sums, inputs: Self::Words, weights: Self::Weights) -> Self::Sums;
    /// Adds the products of two groups.
    #[inline(always)]
    fn add_products_of_two(
        self,
        sums: Self::Sums,
        inputs: [Self::Words; 2],
        weights: [Self::Weights; 2],
    ) -> Self::Sums {
        self.add_products(self.add_products(sums, inputs[0], weights[0]), inputs[1], weights[1])
    }
    /// The sums divided by 2^`shift`, rounded down.
    fn scale(self, sums: Self::Sums, shift: i32) -> Self::Words;
    /// Clamps words to `0..=max`.
    fn clip(self, words: Self::Words, max: i32) -> Self::Words;
    /// `low + high * 2^BITS`.
    fn join<const BITS: u32>(self, low: Self::Words, high: Self::Words) -> Self::Words;
    /// Stores words saturated to 16 bits.
    fn store_narrow(self, words: Self::Words, to: &mut [i16; LANES]);

    fn add(self, a: Self::Words, b: Self::Words) -> Self::Words {
        let (mut sums, b) = (to_lanes(self, a), to_lanes(self, b));
        sums.0.iter_mut().zip(b.0).for_each(|(a, b)| *a += b);
        self.load(&sums)
    }

    /// Packs pairs of numbers of at most 16 bits.
    fn pair(self, low: Self::Words, high: Self::Words) -> Self::Words {
        let mut low = to_lanes(self, low);
        low.0.iter_mut().for_each(|low| *low &= 0xffff);
        self.join::<16>(self.load(&low), high)
    }

    /// Clamps errors to `-most..=most`; sets them to zero where the input is at an end of its range.
    fn clip_gradient(self, errors: Self::Words, most: i32, inputs: Self::Words, input: Input) -> Self::Words {
        let (mut errors, inputs) = (to_lanes(self, errors), to_lanes(self, inputs));
        for (error, word) in errors.0.iter_mut().zip(inputs.0) {
            let value = (word >> input.place) & input.mask;
            *error = if 0 < value && value < input.max { (*error).clamp(-most, most) } else { 0 };
        }
        self.load(&errors)
    }

    /// Transposes the next [`ARRANGED`] groups of contexts of a block's pixels into lanes; a pixel's contexts start
    /// `size` after those of the previous one. 8-bit contexts are offset by 128.
    fn arrange(self, contexts: &[i16], size: usize) -> [Self::Words; ARRANGED] {
        assert_eq!(Self::GROUP, 2);
        let mut lanes = [Lanes([0; LANES]); ARRANGED];
        for pixel in 0..LANES {
            let pairs = contexts[pixel * size..][..2 * ARRANGED].as_chunks::<2>().0;
            for (lanes, &[low, high]) in lanes.iter_mut().zip(pairs) {
                lanes.0[pixel] = i32::from(low) & 0xffff | i32::from(high) << 16;
            }
        }
        lanes.each_ref().map(|lanes| self.load(lanes))
    }
}

/// The position of an input in the word of its group, and its largest value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input {
    pub place: i32,
    pub mask: i32,
    pub max: i32,
}

#[inline(always)]
fn to_lanes<I: Isa>(isa: I, words: I::Words) -> Lanes {
    let mut lanes = Lanes([0; LANES]);
    isa.store(words, &mut lanes);
    lanes
}

/// Work for an instruction set, on `BLOCKS` blocks of pixels and `ROWS` rows at once.
pub(super) trait Work {
    /// Must be inlined into the function that enables the instructions.
    fn call<I: Isa, const ROWS: usize, const BLOCKS: usize>(self, isa: I);
}
