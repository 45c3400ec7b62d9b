//! Exact repeats: the pixels that pinned components of the mixture name, and how often these were right nearby.
//!
//! Photographs rarely repeat a pixel; screenshots, drawings and text do so most of the time. A network with this
//! context decides how much of the mixture goes to each of [`CANDIDATES`] pixels that the new one may repeat: its
//! neighbours, linear extrapolations, and what followed when the same surroundings were last seen in the tile, at any
//! distance. Format: section "Repeats".

use crate::entropy::cdf::Alphabet;
use crate::entropy::mixture::{Candidate, PINNED};
use crate::tile::TileSamples;

/// Number of candidates: pixels that a new pixel may repeat.
pub(crate) const CANDIDATES: usize = NEIGHBOURS.len() + EXTRAPOLATIONS.len() + CONTEXTS;
const _: () = assert!(CANDIDATES == PINNED);
/// An offset from a pixel: (down, right).
type Offset = (isize, isize);
const NEIGHBOURS: [Offset; 6] = [(0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0)];
/// `a + b - c`.
const EXTRAPOLATIONS: [[Offset; 3]; 3] =
    [[(0, -1), (-1, 0), (-1, -1)], [(0, -1), (0, -1), (0, -2)], [(-1, 0), (-1, 0), (-2, 0)]];
/// Number of hashed contexts: a long one and a short one.
const CONTEXTS: usize = 2;
const LONG: [Offset; 11] =
    [(-2, -1), (-2, 0), (-2, 1), (-1, -2), (-1, -1), (-1, 0), (-1, 1), (-1, 2), (0, -3), (0, -2), (0, -1)];
const SHORT: [Offset; 5] = [(-1, -1), (-1, 0), (-1, 1), (0, -2), (0, -1)];
/// Pixels whose match masks are part of the context.
const MATCHES_AT: [Offset; 4] = [(0, -1), (-1, 0), (-1, -1), (-1, 1)];
/// Pairs of candidates that the context compares: the first with all others, the second with all after it, and those of
/// the two hashed contexts.
const PAIRS: usize = (CANDIDATES - 1) + (CANDIDATES - 2) + 1;

/// log2 of the table size: the number of pixels in the tile, rounded up to a power of two, within these bounds.
const TABLE_BITS: (u32, u32) = (10, 20);
const HASH_MULTIPLIER: u32 = 0x9E37_79B1;
const COUNT_MAX: u16 = 15;
/// Context entries of one count, and of a set flag.
const COUNT_UNIT: i16 = 8;
const FLAG: i16 = 64;

/// The number of entries that repeats add to a context.
pub(crate) const fn context_size(channels: usize) -> usize {
    CONTEXTS * channels + CONTEXTS + MATCHES_AT.len() * CANDIDATES + PAIRS
}

/// The pixel that last followed a context, and how many times in a row it did; count 0 if none has.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    pixel: Candidate,
    count: u16,
}

/// The repeats of a tile, as far as it is coded.
#[derive(Debug)]
pub(crate) struct Repeats {
    tables: [Vec<Entry>; CONTEXTS],
    table_bits: u32,
    /// For each coded pixel (with a border of one pixel), a bit mask of the candidates that it equalled.
    masks: Vec<u16>,
    stride: usize,
}

/// What is known about a pixel before it is coded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub candidates: [Candidate; CANDIDATES],
    entries: [usize; CONTEXTS],
    counts: [u16; CONTEXTS],
}

impl Repeats {
    /// For a tile with no pixel coded yet.
    pub fn new(width: usize, height: usize) -> Self {
        let table_bits = (width * height).next_power_of_two().ilog2().clamp(TABLE_BITS.0, TABLE_BITS.1);
        let table = || vec![Entry::default(); 1 << table_bits];
        let stride = width + 2;
        Self { tables: [table(), table()], table_bits, masks: vec![0; stride * (height + 1)], stride }
    }

    /// Finds the candidates of a pixel of `C` channels. All pixels of earlier steps must have been
    /// [`note`](Self::note)d.
    pub fn find<const C: usize>(&self, tile: &TileSamples, x: usize, y: usize, alphabets: &[Alphabet]) -> Found {
        let at = |offset| tile.neighbour::<C>(x, y, offset);
        let mut candidates = [Candidate::default(); CANDIDATES];
        let (neighbours, others) = candidates.split_at_mut(NEIGHBOURS.len());
        let (extrapolations, followers) = others.split_at_mut(EXTRAPOLATIONS.len());
        for (candidate, offset) in neighbours.iter_mut().zip(NEIGHBOURS) {
            candidate[..C].copy_from_slice(at(offset));
        }
        for (candidate, offsets) in extrapolations.iter_mut().zip(EXTRAPOLATIONS) {
            let [a, b, c] = offsets.map(at);
            for channel in 0..C {
                let value = i32::from(a[channel]) + i32::from(b[channel]) - i32::from(c[channel]);
                candidate[channel] = value.clamp(0, alphabets[channel].size as i32 - 1) as u16;
            }
        }
        let entries = [hash::<C, 11>(at, LONG), hash::<C, 5>(at, SHORT)]
            .map(|hash| (hash >> (u32::BITS - self.table_bits)) as usize);
        let mut counts = [0; CONTEXTS];
        for (index, (candidate, count)) in followers.iter_mut().zip(&mut counts).enumerate() {
            let entry = &self.tables[index][entries[index]];
            *count = entry.count;
            *candidate = if entry.count == 0 { neighbours[0] } else { entry.pixel };
        }
        Found { candidates, entries, counts }
    }

    /// Appends the context of repeats: the predictions of the hashed contexts, minus those of the channels; their
    /// counts; which candidates matched nearby; which candidates are equal.
    pub fn push_context<const C: usize>(
        &self,
        (x, y): (usize, usize),
        found: &Found,
        predictions: [i32; C],
        alphabets: &[Alphabet],
        context: &mut Vec<i16>,
    ) {
        let candidates = &found.candidates;
        for candidate in &candidates[CANDIDATES - CONTEXTS..] {
            let relative = |c: usize| alphabets[c].to_byte(i32::from(candidate[c]) - predictions[c]);
            context.extend((0..C).map(relative));
        }
        context.extend(found.counts.map(|count| COUNT_UNIT * count as i16));
        for (down, right) in MATCHES_AT {
            let mask = self.masks[self.mask_index(x, y).wrapping_add_signed(down * self.stride as isize + right)];
            context.extend((0..CANDIDATES).map(|index| if mask >> index & 1 == 1 { FLAG } else { 0 }));
        }
        let equal = |a: usize, b: usize| if candidates[a] == candidates[b] { FLAG } else { 0 };
        context.extend((1..CANDIDATES).map(|index| equal(0, index)));
        context.extend((2..CANDIDATES).map(|index| equal(1, index)));
        context.push(equal(CANDIDATES - 2, CANDIDATES - 1));
    }

    /// Learns a coded pixel; called after its whole step, from the top row down.
    pub fn note<const C: usize>(&mut self, tile: &TileSamples, x: usize, y: usize, found: &Found) {
        let mut pixel = Candidate::default();
        pixel[..C].copy_from_slice(tile.neighbour::<C>(x, y, (0, 0)));
        let mut mask = 0;
        for (index, candidate) in found.candidates.iter().enumerate() {
            mask |= u16::from(*candidate == pixel) << index;
        }
        let index = self.mask_index(x, y);
        self.masks[index] = mask;
        for (table, entry) in self.tables.iter_mut().zip(found.entries) {
            let entry = &mut table[entry];
            let again = entry.count > 0 && entry.pixel == pixel;
            *entry = Entry { pixel, count: if again { COUNT_MAX.min(entry.count + 1) } else { 1 } };
        }
    }

    fn mask_index(&self, x: usize, y: usize) -> usize {
        (y + 1) * self.stride + x + 1
    }
}

/// A hash of a context; its high bits select the table entry.
fn hash<'a, const C: usize, const N: usize>(at: impl Fn(Offset) -> &'a [u16; C], context: [Offset; N]) -> u32 {
    let samples = context.into_iter().flat_map(at);
    let step = |hash: u32, &sample: &u16| hash.wrapping_add(u32::from(sample) + 1).wrapping_mul(HASH_MULTIPLIER);
    samples.fold(0, step)
}

#[cfg(test)]
mod tests;
