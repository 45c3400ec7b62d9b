//! A coupling layer, `y = x - t`. The translation `t` is interpolated from pixels that are known before the phase of
//! `x`; from the same pixels comes the context, from which a network makes the mixture of `y`. Format: section
//! "Levels".
//!
//! The map `x -> y` preserves volume, so `y` has the probability of `x` (integer discrete flows, Hoogeboom et al.
//! 2019). The mixture of `x` is that of `y` shifted by `t`, and cut off at the ends of the alphabet, so that every
//! decoded `y` has an `x`.

use super::levels::{self, LEVELS, Tap};
use crate::entropy::cdf::Alphabet;
use crate::entropy::mixture::MAX_CHANNELS;
use crate::tile::TileSamples;

/// Number of taps whose mean is the translation.
const INTERPOLATED: usize = 4;
/// Levels that networks distinguish; coarser levels look like the last of these.
const NAMED_LEVELS: u32 = 4;
/// Step between levels in the level entry of a context.
const LEVEL_UNIT: u32 = 32;

/// The coupling layer of a phase of a level.
#[derive(Debug)]
pub(crate) struct Coupling {
    /// Offsets in pixels.
    taps: Vec<Tap>,
    anchor: Tap,
    /// Rows and columns that the taps reach, in pixels.
    reach: usize,
    level: i16,
}

impl Coupling {
    pub fn new(level: u32, phase: usize) -> Self {
        debug_assert!(level < LEVELS);
        let scaled = |tap: Tap| Tap { down: tap.down << level, right: tap.right << level };
        let taps: Vec<Tap> = levels::taps(phase).into_iter().map(scaled).collect();
        let reach = taps.iter().map(|tap| tap.down.max(tap.right)).max().unwrap_or(0) as usize;
        let level = (level.min(NAMED_LEVELS - 1) * LEVEL_UNIT) as i16;
        Self { taps, anchor: scaled(levels::anchor(phase)), reach, level }
    }

    /// Appends the context of a pixel of `C` channels, and returns its translations. The context consists of the taps,
    /// channels interleaved, minus the translation of their channel; then the translations minus half the range; all in
    /// units of 8-bit samples; then the level.
    pub fn push_context<const C: usize>(
        &self,
        tile: &TileSamples,
        (x, y): (usize, usize),
        alphabet: Alphabet,
        contexts: &mut Vec<i16>,
    ) -> [i32; MAX_CHANNELS] {
        let inside = |at: usize, length: usize| at >= self.reach && at + self.reach < length;
        let translations = if inside(x, tile.width()) && inside(y, tile.height()) {
            self.push_taps(|tap| tile.neighbour::<C>(x, y, (tap.down, tap.right)), alphabet, contexts)
        } else {
            let within = |tap| {
                let Tap { down, right } = self.within(tile, (x, y), tap);
                tile.neighbour::<C>(x, y, (down, right))
            };
            self.push_taps(within, alphabet, contexts)
        };
        let half = 1 << (alphabet.depth - 1);
        contexts.extend(translations.map(|translation| alphabet.to_byte(translation - half)));
        contexts.push(self.level);
        std::array::from_fn(|channel| if channel < C { translations[channel] } else { 0 })
    }

    /// Appends the taps' part of a context, and returns the translations; `pixel` returns the pixel of a tap.
    fn push_taps<'a, const C: usize>(
        &self,
        pixel: impl Fn(Tap) -> &'a [u16; C],
        alphabet: Alphabet,
        contexts: &mut Vec<i16>,
    ) -> [i32; C] {
        let mut sums = [2; C];
        for &tap in &self.taps[..INTERPOLATED] {
            sums.iter_mut().zip(pixel(tap)).for_each(|(sum, &sample)| *sum += i32::from(sample));
        }
        let translations = sums.map(|sum| sum >> 2);
        let first = contexts.len();
        contexts.resize(first + self.taps.len() * C, 0);
        for (&tap, values) in self.taps.iter().zip(contexts[first..].chunks_exact_mut(C)) {
            for ((value, &sample), translation) in values.iter_mut().zip(pixel(tap)).zip(translations) {
                *value = alphabet.to_byte(i32::from(sample) - translation);
            }
        }
        translations
    }

    /// A tap inside the tile: the tap itself, or the first of its mirror images that is inside, or the anchor.
    fn within(&self, tile: &TileSamples, (x, y): (usize, usize), Tap { down, right }: Tap) -> Tap {
        let inside = |tap: &Tap| {
            x.checked_add_signed(tap.right).is_some_and(|x| x < tile.width())
                && y.checked_add_signed(tap.down).is_some_and(|y| y < tile.height())
        };
        let images = [(down, right), (-down, right), (down, -right), (-down, -right)];
        images.map(|(down, right)| Tap { down, right }).into_iter().find(inside).unwrap_or(self.anchor)
    }
}

#[cfg(test)]
mod tests;
