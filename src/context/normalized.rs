//! The normalised context: the taps around a pixel, scaled by their contrast and by a sign. Format: section "Normalised
//! contexts".
//!
//! Where neighbours differ little, the taps are shifted left; if most of them lie below the prediction, they are
//! negated. Surroundings of the same shape then look alike, and take the network fewer bits.

use crate::entropy::cdf::Alphabet;
use crate::entropy::mixture::{MAX_CHANNELS, Normalisation};
use crate::entropy::vectors::{Simd, Vectorised, Vectors};
use crate::tile::{REACH, TAPS, TileSamples, median_edge};

/// The taps are shifted by the number of these thresholds that are above the activity.
const SHIFT_THRESHOLDS: [i32; 4] = [480, 240, 120, 60];
/// The class of a pixel is the number of these thresholds that its activity reaches.
const CLASS_THRESHOLDS: [i32; CLASSES - 1] = [1, 6, 12, 18, 24, 31, 40, 51, 67, 88, 119, 164, 233, 345, 564];
pub(crate) const CLASSES: usize = 16;
/// From this activity on, the class is the last.
const MOST_ACTIVITY: i32 = CLASS_THRESHOLDS[CLASSES - 2];
/// Class and shift by activity.
static CLASS_AND_SHIFT: [(u8, u8); MOST_ACTIVITY as usize + 1] = {
    let mut all = [(0, 0); MOST_ACTIVITY as usize + 1];
    let mut activity = 0;
    while activity < all.len() {
        let mut index = 0;
        while index < CLASS_THRESHOLDS.len() {
            all[activity].0 += (activity as i32 >= CLASS_THRESHOLDS[index]) as u8;
            if index < SHIFT_THRESHOLDS.len() {
                all[activity].1 += ((activity as i32) < SHIFT_THRESHOLDS[index]) as u8;
            }
            index += 1;
        }
        activity += 1;
    }
    all
};
/// The value of the context entry for the pixel's class; the entries of other classes are 0.
const CLASS_FLAG: i16 = 32;
/// Bits of a tap in the context.
const TAP_BITS: i32 = 8;

/// The context size of a pixel with this many channels.
pub(crate) const fn context_size(channels: usize) -> usize {
    (TAPS + 1) * channels + CLASSES
}

/// Appends the context of the pixel at column `x` of row `y`. Returns the predictions of its channels, and how its taps
/// were normalised.
pub(crate) fn push_context(
    tile: &TileSamples,
    (x, y): (usize, usize),
    alphabets: &[Alphabet],
    contexts: &mut Vec<i16>,
) -> ([i32; MAX_CHANNELS], Normalisation) {
    let alphabet = alphabets[0]; // all have the same depth
    Vectors::best().run(Push { tile, place: (x, y), alphabet, contexts })
}

/// What [`push_context`] does, with any vector instructions.
struct Push<'a> {
    tile: &'a TileSamples,
    place: (usize, usize),
    alphabet: Alphabet,
    contexts: &'a mut Vec<i16>,
}

impl Vectorised for Push<'_> {
    type Output = ([i32; MAX_CHANNELS], Normalisation);

    #[inline(always)]
    fn call<S: Simd>(self, _: S) -> Self::Output {
        match self.tile.channels() {
            1 => push::<1, 8, 8>(self.tile, self.place, self.alphabet, self.contexts),
            _ => push::<3, 24, 16>(self.tile, self.place, self.alphabet, self.contexts),
        }
    }
}

/// For `C` channels: the taps in raster order, channels interleaved; then the predictions minus half the range; then
/// one entry per class.
///
/// Taps are read and written in whole vectors: `ABOVE` samples of each row above, `LEFT` samples of the row to the
/// left. The entries computed from samples after the taps are overwritten.
#[inline(always)]
fn push<const C: usize, const ABOVE: usize, const LEFT: usize>(
    tile: &TileSamples,
    (x, y): (usize, usize),
    alphabet: Alphabet,
    contexts: &mut Vec<i16>,
) -> ([i32; MAX_CHANNELS], Normalisation) {
    let above: [&[u16; ABOVE]; REACH] = std::array::from_fn(|row| tile.taps(x, y, row));
    let left: &[u16; LEFT] = tile.taps(x, y, REACH);
    let predictions: [u16; C] = std::array::from_fn(|channel| {
        let (west, north) = (left[2 * C + channel], above[2][3 * C + channel]);
        median_edge(west.into(), north.into(), above[2][2 * C + channel].into()) as u16
    });
    let (activity, near) = if alphabet.depth <= WORD_DEPTH {
        activity_and_nearest::<C, Words>(above[1], above[2], left)
    } else {
        activity_and_nearest::<C, Numbers>(above[1], above[2], left)
    };
    let activity = if C == 1 { 3 * alphabet.to_eight_bits(activity) } else { alphabet.to_eight_bits(activity) };
    let (class, shift) = CLASS_AND_SHIFT[activity.min(MOST_ACTIVITY) as usize];
    let negative = near < 6 * predictions.iter().map(|&prediction| i32::from(prediction)).sum::<i32>();
    let bits = i32::from(shift) + TAP_BITS - 1 - alphabet.depth as i32;
    let (up, down, flip) = (bits.max(0), (-bits).max(0), -i32::from(negative));
    let wide = |tap: u16, prediction: u16| {
        let difference = ((i32::from(tap) - i32::from(prediction)) ^ flip) - flip;
        ((difference << up) >> down).clamp(-128, 127) as i16
    };
    // Differences of up to 15 bits fit 16 bits, and a vector holds twice as many 16-bit numbers.
    let narrow = |tap: u16, prediction: u16| {
        let difference = (tap.wrapping_sub(prediction) as i16 ^ flip as i16).wrapping_sub(flip as i16);
        ((difference << up) >> down).clamp(-128, 127)
    };
    let start = contexts.len();
    contexts.resize(start + context_size(C), 0);
    let contexts = &mut contexts[start..];
    let repeated = repeated(&predictions);
    if alphabet.depth < 16 {
        put_taps::<C, ABOVE, LEFT>((above, left), &repeated, narrow, contexts);
    } else {
        put_taps::<C, ABOVE, LEFT>((above, left), &repeated, wide, contexts);
    }
    let (contexts, flags) = contexts[TAPS * C..].split_at_mut(C);
    let half = 1 << (alphabet.depth - 1);
    for (context, &prediction) in contexts.iter_mut().zip(&predictions) {
        *context = alphabet.to_eight_bits(i32::from(prediction) - half) as i16;
    }
    flags.fill(0);
    flags[usize::from(class)] = CLASS_FLAG;
    let predictions = std::array::from_fn(|channel| predictions.get(channel).copied().map_or(0, i32::from));
    (predictions, Normalisation { sign: if negative { -1 } else { 1 }, shift: shift.into() })
}

/// The predictions, repeated along a row, so that whole rows are normalised at once.
#[inline(always)]
fn repeated<const C: usize>(predictions: &[u16; C]) -> [u16; 24] {
    // Twelve samples are whole pixels and whole words.
    let word = |first: usize| word(&std::array::from_fn(|i| predictions[(first + i) % C])).to_le();
    let (a, b, c) = (word(0), word(4), word(8));
    bytemuck::cast::<_, [u16; 24]>([a, b, c, a, b, c]).map(u16::from_le)
}

/// Writes the context entries of a row of taps, from each tap and the prediction of its channel.
#[inline(always)]
fn put_taps<const C: usize, const ABOVE: usize, const LEFT: usize>(
    (above, left): ([&[u16; ABOVE]; REACH], &[u16; LEFT]),
    predictions: &[u16; 24],
    normalised: impl Fn(u16, u16) -> i16 + Copy,
    contexts: &mut [i16],
) {
    let width = (2 * REACH + 1) * C;
    for (index, row) in above.into_iter().enumerate() {
        put_row(row, predictions, normalised, &mut contexts[index * width..]);
    }
    put_row(left, predictions, normalised, &mut contexts[REACH * width..]);
}

/// Writes the context entries of a row of taps.
#[inline(always)]
fn put_row<const N: usize>(
    row: &[u16; N],
    predictions: &[u16; 24],
    normalised: impl Fn(u16, u16) -> i16,
    contexts: &mut [i16],
) {
    let mut entries = [0; N];
    for i in 0..N {
        entries[i] = normalised(row[i], predictions[i]);
    }
    contexts[..N].copy_from_slice(&entries);
}

/// The activity of a pixel's neighbourhood: the sum of absolute differences of horizontal and vertical neighbours. Also
/// the sum of all channels of the six nearest pixels. The rows are those two and one above, and the pixels to the left.
#[inline(always)]
fn activity_and_nearest<const C: usize, S: Sums>(two_above: &[u16], above: &[u16], left: &[u16]) -> (i32, i32) {
    let (mut activity, mut nearest) = (S::default(), S::default());
    activity.add_differences(&above[2 * C..], &above[C..], 4 * C);
    activity.add_differences(&left[2 * C..], &left[C..], C);
    activity.add_differences(&above[2 * C..], &two_above[2 * C..], 3 * C);
    activity.add_differences(&left[C..], &above[C..], 2 * C);
    nearest.add(&above[2 * C..], 3 * C);
    nearest.add(&left[C..], 2 * C);
    nearest.add(&two_above[3 * C..], C);
    (activity.total(), nearest.total())
}

/// Sums over the first `count` samples of slices.
trait Sums: Default {
    fn add(&mut self, samples: &[u16], count: usize);
    /// Adds absolute differences.
    fn add_differences(&mut self, some: &[u16], others: &[u16], count: usize);
    fn total(self) -> i32;
}

/// Sums for samples of any depth.
#[derive(Default)]
struct Numbers(i32);

impl Sums for Numbers {
    #[inline(always)]
    fn add(&mut self, samples: &[u16], count: usize) {
        self.0 += samples[..count].iter().map(|&sample| i32::from(sample)).sum::<i32>();
    }

    #[inline(always)]
    fn add_differences(&mut self, some: &[u16], others: &[u16], count: usize) {
        self.0 += some[..count].iter().zip(others).map(|(&a, &b)| i32::from(a.abs_diff(b))).sum::<i32>();
    }

    #[inline(always)]
    fn total(self) -> i32 {
        self.0
    }
}

/// Sums for samples of up to [`WORD_DEPTH`] bits: four 16-bit sums in a word, each of at most nine samples.
#[derive(Default)]
struct Words(u64);

/// The sum of nine samples of this depth has 16 bits.
const WORD_DEPTH: u32 = 12;

impl Sums for Words {
    #[inline(always)]
    fn add(&mut self, samples: &[u16], count: usize) {
        for at in (0..count).step_by(4) {
            self.0 += first_of(count - at, word(first_four(&samples[at..])));
        }
    }

    #[inline(always)]
    fn add_differences(&mut self, some: &[u16], others: &[u16], count: usize) {
        const HIGH: u64 = 0x8000_8000_8000_8000;
        for at in (0..count).step_by(4) {
            // Each difference is raised by 2^15, so that none borrows from the next.
            let raised = (word(first_four(&some[at..])) | HIGH) - word(first_four(&others[at..]));
            let negative = !raised & HIGH;
            let ones = (negative << 1).wrapping_sub(negative >> 15); // 0xffff for negative differences
            let magnitudes = (raised ^ HIGH ^ ones).wrapping_add(negative >> 15);
            self.0 += first_of(count - at, magnitudes);
        }
    }

    #[inline(always)]
    fn total(self) -> i32 {
        let pairs = (self.0 & 0xffff_0000_ffff) + (self.0 >> 16 & 0xffff_0000_ffff);
        (pairs as u32 + (pairs >> 32) as u32) as i32
    }
}

#[inline(always)]
fn first_four(samples: &[u16]) -> &[u16; 4] {
    samples.first_chunk().expect("rows are read in whole vectors")
}

/// Packs four numbers into a word, the first in the low bits.
#[inline(always)]
fn word(numbers: &[u16; 4]) -> u64 {
    let [a, b, c, d] = numbers.map(u64::from);
    a | b << 16 | c << 32 | d << 48
}

/// Keeps the first `count` numbers of a word, and zeroes the others.
#[inline(always)]
fn first_of(count: usize, word: u64) -> u64 {
    word & u64::MAX >> (16 * (4 - count.min(4)))
}

#[cfg(test)]
mod tests;
