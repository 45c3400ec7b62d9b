//! The local context: the taps around a pixel and the predictions of its channels, with the context of repeats. Format:
//! section "Prediction and context".

use super::repeats::{Found, Repeats};
use crate::entropy::cdf::Alphabet;
use crate::entropy::mixture::MAX_CHANNELS;
use crate::tile::{REACH, TAPS, TileSamples};

/// The context size of a pixel with this many channels.
pub(crate) const fn context_size(channels: usize) -> usize {
    (TAPS + 1) * channels
}

/// Appends the context of the pixel at column `x` of row `y`. Returns the predictions of its channels, and the repeats
/// that were found.
pub(crate) fn push_context(
    tile: &TileSamples,
    repeats: &Repeats,
    (x, y): (usize, usize),
    alphabets: &[Alphabet],
    contexts: &mut Vec<i16>,
) -> ([i32; MAX_CHANNELS], Found) {
    match tile.channels() {
        1 => push::<1, 7, 3>(tile, repeats, (x, y), alphabets, contexts),
        _ => push::<3, 21, 9>(tile, repeats, (x, y), alphabets, contexts),
    }
}

/// For `C` channels: the taps in raster order, channels interleaved, minus the prediction of their channel; then the
/// predictions minus half the range; all in units of 8-bit samples, as bytes; then the context of repeats. A row of taps has
/// `ABOVE` samples above the pixel, `LEFT` samples to its left.
fn push<const C: usize, const ABOVE: usize, const LEFT: usize>(
    tile: &TileSamples,
    repeats: &Repeats,
    (x, y): (usize, usize),
    alphabets: &[Alphabet],
    contexts: &mut Vec<i16>,
) -> ([i32; MAX_CHANNELS], Found) {
    let predictions: [i32; C] = std::array::from_fn(|channel| tile.predict(x, y, channel));
    // The predictions, repeated along a row, so that whole rows are subtracted at once.
    let repeated: [i32; ABOVE] = std::array::from_fn(|i| predictions[i % C]);
    let alphabet = alphabets[0]; // all have the same depth
    let relative = |tap: u16, prediction: i32| alphabet.to_byte(i32::from(tap) - prediction);
    for row in 0..REACH {
        let taps: &[u16; ABOVE] = tile.taps(x, y, row);
        let row: [i16; ABOVE] = std::array::from_fn(|i| relative(taps[i], repeated[i]));
        contexts.extend_from_slice(&row);
    }
    let taps: &[u16; LEFT] = tile.taps(x, y, REACH);
    let row: [i16; LEFT] = std::array::from_fn(|i| relative(taps[i], repeated[i]));
    contexts.extend_from_slice(&row);
    let half = 1 << (alphabet.depth - 1);
    contexts.extend_from_slice(&predictions.map(|p| alphabet.to_byte(p - half)));
    let found = repeats.find::<C>(tile, x, y, alphabets);
    repeats.push_context((x, y), &found, predictions, alphabets, contexts);
    (std::array::from_fn(|channel| if channel < C { predictions[channel] } else { 0 }), found)
}
