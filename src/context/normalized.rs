//! The normalised context: the taps around a pixel, scaled by how much they differ and by their sign. Format: section
//! "Normalised contexts".
//!
//! Where neighbours differ little, the taps are shifted left; if most of them lie below the prediction, they are negated.
//! So surroundings that have the same form look alike, and the network sees them in fewer bits.

use crate::entropy::cdf::Alphabet;
use crate::entropy::mixture::{MAX_CHANNELS, Normalisation};
use crate::tile::{REACH, TAPS, TileSamples, median_edge};

/// The taps are shifted by one bit for each of these that activity is below.
const SHIFT_THRESHOLDS: [i32; 4] = [480, 240, 120, 60];
/// The class of a pixel is the number of these that activity reaches.
const CLASS_THRESHOLDS: [i32; CLASSES - 1] = [1, 6, 12, 18, 24, 31, 40, 51, 67, 88, 119, 164, 233, 345, 564];
pub(crate) const CLASSES: usize = 16;
/// All activity from here on is of the last class.
const MOST_ACTIVITY: i32 = CLASS_THRESHOLDS[CLASSES - 2];
/// The class and the shift of each activity.
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
/// The context of a pixel's class.
const CLASS_FLAG: i16 = 32;
/// Bits of a tap's context.
const TAP_BITS: i32 = 8;

/// The number of contexts per pixel of so many channels.
pub(crate) const fn context_size(channels: usize) -> usize {
    (TAPS + 1) * channels + CLASSES
}

/// Appends the context of the pixel at column `x` of row `y`. Returns the predictions of its channels, and what its taps were
/// normalised by.
pub(crate) fn push_context(
    tile: &TileSamples,
    (x, y): (usize, usize),
    alphabets: &[Alphabet],
    contexts: &mut Vec<i16>,
) -> ([i32; MAX_CHANNELS], Normalisation) {
    let alphabet = alphabets[0]; // the depth is the same for all
    match tile.channels() {
        1 => push::<1, 8, 8, 4, 2>(tile, (x, y), alphabet, contexts),
        _ => push::<3, 24, 16, 16, 8>(tile, (x, y), alphabet, contexts),
    }
}

/// For `C` channels: the taps in raster order, channels interleaved; then each prediction less half the range; then a
/// flag for each class.
///
/// All is done in whole vectors: `ABOVE` samples from the first tap of a row above on, `LEFT` of the row to the left, and
/// `WIDE` and `NARROW` of those that measure something. What is beyond the taps is overwritten, or masked.
fn push<const C: usize, const ABOVE: usize, const LEFT: usize, const WIDE: usize, const NARROW: usize>(
    tile: &TileSamples,
    (x, y): (usize, usize),
    alphabet: Alphabet,
    contexts: &mut Vec<i16>,
) -> ([i32; MAX_CHANNELS], Normalisation) {
    let above: [&[u16; ABOVE]; REACH] = std::array::from_fn(|row| tile.taps(x, y, row));
    let left: &[u16; LEFT] = tile.taps(x, y, REACH);
    let rows = (above[1], above[2], left);
    let predictions: [u16; C] = std::array::from_fn(|channel| {
        let (west, north) = (left[2 * C + channel], above[2][3 * C + channel]);
        median_edge(west.into(), north.into(), above[2][2 * C + channel].into()) as u16
    });
    let activity = alphabet.to_eight_bits(activity::<C, ABOVE, LEFT, WIDE, NARROW>(rows));
    let activity = if C == 1 { 3 * activity } else { activity };
    let (class, shift) = CLASS_AND_SHIFT[activity.min(MOST_ACTIVITY) as usize];
    let near = nearest::<C, ABOVE, LEFT, WIDE, NARROW>(rows);
    let negative = near < 6 * predictions.iter().map(|&prediction| i32::from(prediction)).sum::<i32>();
    let bits = i32::from(shift) + TAP_BITS - 1 - alphabet.depth as i32;
    let (up, down, flip) = (bits.max(0), (-bits).max(0), -i32::from(negative));
    let wide = |tap: u16, prediction: u16| {
        let difference = ((i32::from(tap) - i32::from(prediction)) ^ flip) - flip;
        ((difference << up) >> down).clamp(-128, 127) as i16
    };
    // Differences of up to 15 bits have 16 bits, which vectors hold twice as many of.
    let narrow = |tap: u16, prediction: u16| {
        let difference = (tap.wrapping_sub(prediction) as i16 ^ flip as i16).wrapping_sub(flip as i16);
        ((difference << up) >> down).clamp(-128, 127)
    };
    let start = contexts.len();
    contexts.resize(start + context_size(C), 0);
    let contexts = &mut contexts[start..];
    let repeated = repeated(&predictions);
    if alphabet.depth < 16 {
        put_taps::<C, ABOVE, LEFT>(above, left, &repeated, narrow, contexts);
    } else {
        put_taps::<C, ABOVE, LEFT>(above, left, &repeated, wide, contexts);
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

/// One prediction per sample of a row, so that whole rows are normalised at once.
#[inline(always)]
fn repeated<const C: usize>(predictions: &[u16; C]) -> [u16; 24] {
    // Twelve samples are whole pixels and whole words.
    let word =
        |first: usize| -> u64 { bytemuck::cast::<[u16; 4], _>(std::array::from_fn(|i| predictions[(first + i) % C])) };
    let (a, b, c) = (word(0), word(4), word(8));
    bytemuck::cast([a, b, c, a, b, c])
}

/// Writes the contexts of the taps, from each and the prediction of its channel; and others behind them.
#[inline(always)]
fn put_taps<const C: usize, const ABOVE: usize, const LEFT: usize>(
    above: [&[u16; ABOVE]; REACH],
    left: &[u16; LEFT],
    predictions: &[u16; 24],
    normalised: impl Fn(u16, u16) -> i16,
    contexts: &mut [i16],
) {
    let (width, room) = ((2 * REACH + 1) * C, "behind the taps are the contexts of predictions and classes");
    for (index, row) in above.into_iter().enumerate() {
        let to: &mut [i16; ABOVE] = contexts[index * width..].first_chunk_mut().expect(room);
        *to = std::array::from_fn(|i| normalised(row[i], predictions[i]));
    }
    let to: &mut [i16; LEFT] = contexts[REACH * width..].first_chunk_mut().expect(room);
    *to = std::array::from_fn(|i| normalised(left[i], predictions[i]));
}

/// Two rows above a pixel, one row above, and to the left, from the first tap on.
type Rows<'a, const ABOVE: usize, const LEFT: usize> = (&'a [u16; ABOVE], &'a [u16; ABOVE], &'a [u16; LEFT]);

/// How much the neighbours of a pixel differ: the sum of the magnitudes of the differences of those that lie side by side or
/// one above the other. Rows two and one above, and the one to the left.
#[inline(always)]
fn activity<const C: usize, const ABOVE: usize, const LEFT: usize, const WIDE: usize, const NARROW: usize>(
    (two_above, above, left): Rows<'_, ABOVE, LEFT>,
) -> i32 {
    let beside = differences::<WIDE>(&above[2 * C..], &above[C..], 4 * C);
    let upright = differences::<WIDE>(&above[2 * C..], &two_above[2 * C..], 3 * C);
    let left_beside = differences::<NARROW>(&left[2 * C..], &left[C..], C);
    let left_upright = differences::<NARROW>(&left[C..], &above[C..], 2 * C);
    sum(beside, upright) + sum(left_beside, left_upright)
}

/// The sum of all channels of the six nearest pixels.
#[inline(always)]
fn nearest<const C: usize, const ABOVE: usize, const LEFT: usize, const WIDE: usize, const NARROW: usize>(
    (two_above, above, left): Rows<'_, ABOVE, LEFT>,
) -> i32 {
    let above = first::<WIDE>(&above[2 * C..], 3 * C);
    let left = first::<NARROW>(&left[C..], 2 * C);
    let two_above = first::<NARROW>(&two_above[3 * C..], C);
    sum(above, [0; WIDE]) + sum(left, two_above)
}

/// The magnitudes of the differences of so many samples, then zeros.
#[inline(always)]
fn differences<const N: usize>(some: &[u16], others: &[u16], count: usize) -> [u16; N] {
    let (some, others) = (first::<N>(some, N), first::<N>(others, N));
    std::array::from_fn(|i| {
        let difference = some[i].saturating_sub(others[i]) | others[i].saturating_sub(some[i]);
        if i < count { difference } else { 0 }
    })
}

/// So many samples, then zeros.
#[inline(always)]
fn first<const N: usize>(samples: &[u16], count: usize) -> [u16; N] {
    let samples: &[u16; N] = samples.first_chunk().expect("rows are as wide as vectors");
    std::array::from_fn(|i| if i < count { samples[i] } else { 0 })
}

#[inline(always)]
fn sum<const N: usize>(some: [u16; N], others: [u16; N]) -> i32 {
    some.iter().zip(&others).map(|(&a, &b)| i32::from(a) + i32::from(b)).sum()
}

#[cfg(test)]
mod tests;
