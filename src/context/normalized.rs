//! The normalised context: the taps around a pixel, scaled by how much they differ and by their sign. Format: section
//! "Normalised contexts".
//!
//! Where neighbours differ little, the taps are shifted left; if most of them lie below the prediction, they are negated.
//! So surroundings that have the same form look alike, and the network sees them in fewer bits.

use crate::entropy::cdf::Alphabet;
use crate::entropy::mixture::{MAX_CHANNELS, Normalisation};
use crate::tile::{REACH, TAPS, TileSamples};

/// The taps are shifted by one bit for each of these that activity is below.
const SHIFT_THRESHOLDS: [i32; 4] = [480, 240, 120, 60];
/// The class of a pixel is the number of these that activity reaches.
const CLASS_THRESHOLDS: [i32; CLASSES - 1] = [1, 6, 12, 18, 24, 31, 40, 51, 67, 88, 119, 164, 233, 345, 564];
pub(crate) const CLASSES: usize = 16;
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
        1 => push::<1, 7, 3>(tile, (x, y), alphabet, contexts),
        _ => push::<3, 21, 9>(tile, (x, y), alphabet, contexts),
    }
}

/// For `C` channels: the taps in raster order, channels interleaved; then each prediction less half the range; then a
/// flag for each class. A row has `ABOVE` samples of taps above, `LEFT` to the left.
fn push<const C: usize, const ABOVE: usize, const LEFT: usize>(
    tile: &TileSamples,
    (x, y): (usize, usize),
    alphabet: Alphabet,
    contexts: &mut Vec<i16>,
) -> ([i32; MAX_CHANNELS], Normalisation) {
    let above: [&[u16; ABOVE]; REACH] = std::array::from_fn(|row| tile.taps(x, y, row));
    let left: &[u16; LEFT] = tile.taps(x, y, REACH);
    let predictions: [i32; C] = std::array::from_fn(|channel| tile.predict(x, y, channel));
    let activity = activity::<C>(above[1], above[2], left, alphabet);
    let count = |thresholds: &[i32], counts: fn(i32, i32) -> bool| -> i32 {
        thresholds.iter().map(|&threshold| i32::from(counts(activity, threshold))).sum()
    };
    let shift = count(&SHIFT_THRESHOLDS, |activity, threshold| activity < threshold);
    let class = count(&CLASS_THRESHOLDS, |activity, threshold| activity >= threshold);
    let negative = nearest::<C>(above[1], above[2], left) < 6 * predictions.iter().sum::<i32>();
    // One prediction per sample of a row, so that whole rows are normalised at once.
    let repeated: [i32; ABOVE] = std::array::from_fn(|i| predictions[i % C]);
    let bits = shift + TAP_BITS - 1 - alphabet.depth as i32;
    let (up, down, flip) = (bits.max(0), (-bits).max(0), -i32::from(negative));
    let wide = |tap: u16, prediction: i32| {
        let difference = ((i32::from(tap) - prediction) ^ flip) - flip;
        ((difference << up) >> down).clamp(-128, 127) as i16
    };
    // Differences of up to 15 bits have 16 bits, which vectors hold twice as many of.
    let narrow = |tap: u16, prediction: i32| {
        let difference = ((tap as i16 - prediction as i16) ^ flip as i16) - flip as i16;
        ((difference << up) >> down).clamp(-128, 127)
    };
    if alphabet.depth < 16 {
        push_taps(above, left, &repeated, narrow, contexts);
    } else {
        push_taps(above, left, &repeated, wide, contexts);
    }
    let half = 1 << (alphabet.depth - 1);
    contexts.extend_from_slice(&predictions.map(|p| alphabet.to_eight_bits(p - half) as i16));
    let flag = |index: usize| if index == class as usize { CLASS_FLAG } else { 0 };
    contexts.extend_from_slice(&std::array::from_fn::<_, CLASSES, _>(flag));
    let predictions = std::array::from_fn(|channel| if channel < C { predictions[channel] } else { 0 });
    (predictions, Normalisation { sign: if negative { -1 } else { 1 }, shift: shift as u32 })
}

/// Appends the contexts of the taps, from each and the prediction of its channel.
#[inline(always)]
fn push_taps<const ABOVE: usize, const LEFT: usize>(
    above: [&[u16; ABOVE]; REACH],
    left: &[u16; LEFT],
    predictions: &[i32; ABOVE],
    normalised: impl Fn(u16, i32) -> i16,
    contexts: &mut Vec<i16>,
) {
    for row in above {
        contexts.extend_from_slice(&std::array::from_fn::<_, ABOVE, _>(|i| normalised(row[i], predictions[i])));
    }
    contexts.extend_from_slice(&std::array::from_fn::<_, LEFT, _>(|i| normalised(left[i], predictions[i])));
}

/// How much the neighbours of a pixel differ: the sum of the magnitudes of the differences of those that lie side by side or
/// one above the other, for one channel three times that. Rows two and one above, and the one to the left.
#[inline(always)]
fn activity<const C: usize>(two_above: &[u16], above: &[u16], left: &[u16], alphabet: Alphabet) -> i32 {
    let beside = sum_of_differences(&above[2 * C..6 * C], &above[C..5 * C])
        + sum_of_differences(&left[2 * C..3 * C], &left[C..2 * C]);
    let upright = sum_of_differences(&above[2 * C..5 * C], &two_above[2 * C..5 * C])
        + sum_of_differences(&left[C..3 * C], &above[C..3 * C]);
    let sum = alphabet.to_eight_bits(beside + upright);
    if C == 1 { 3 * sum } else { sum }
}

#[inline(always)]
fn sum_of_differences(some: &[u16], others: &[u16]) -> i32 {
    some.iter().zip(others).map(|(&a, &b)| i32::from(a.abs_diff(b))).sum()
}

/// The sum of all channels of the six nearest pixels.
#[inline(always)]
fn nearest<const C: usize>(two_above: &[u16], above: &[u16], left: &[u16]) -> i32 {
    let sum = |samples: &[u16]| -> i32 { samples.iter().map(|&sample| i32::from(sample)).sum() };
    sum(&above[2 * C..5 * C]) + sum(&left[C..3 * C]) + sum(&two_above[3 * C..4 * C])
}

#[cfg(test)]
mod tests;
