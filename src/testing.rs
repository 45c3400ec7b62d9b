//! Shared by unit tests: reproducible pseudo-random numbers, samples, and tiles for the walks.

use std::fmt::Debug;

use ndarray::Array3;
use proptest::test_runner::{Config, RngSeed};

use crate::base::bytes::put_number;
use crate::base::error::{Error, FormatError, Result};
use crate::entropy::cdf::Alphabet;
use crate::image::Rect;
use crate::streams::network::alphabets;
use crate::tile::TileSamples;
use crate::walk::batch::ActiveTile;

/// Marsaglia's xorshift64 (2003).
pub(crate) struct Random(pub u64);

impl Random {
    /// A number in `0..end`.
    pub fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (((self.0 >> 32) * u64::from(end)) >> 32) as u32
    }

    /// An index in `0..end`.
    pub fn index(&mut self, end: usize) -> usize {
        self.below(end as u32) as usize
    }

    /// A number in `-magnitude..=magnitude`.
    pub fn symmetric(&mut self, magnitude: i32) -> i32 {
        self.below(2 * magnitude as u32 + 1) as i32 - magnitude
    }

    /// Bytes that deflate cannot compress.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.below(256) as u8).collect()
    }

    /// Samples of a depth, (channels, height, width).
    pub fn samples(&mut self, shape: (usize, usize, usize), depth: u32) -> Array3<u16> {
        Array3::from_shape_simple_fn(shape, || self.below(1 << depth) as u16)
    }
}

/// A configuration with the same cases in every run.
pub(crate) fn seeded(cases: u32) -> Config {
    Config { cases, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..Default::default() }
}

/// A number in its shortest form.
pub(crate) fn number(number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_number(&mut bytes, number);
    bytes
}

/// The error for bytes that are not in the format; panics for any other result.
#[track_caller]
pub(crate) fn format_error<T: Debug>(result: Result<T>) -> FormatError {
    match result {
        Err(Error::Format(error)) => error,
        other => panic!("not a format error: {other:?}"),
    }
}

/// Smooth samples with a little noise.
pub(crate) fn smooth(channels: usize, width: usize, height: usize, depth: u32) -> Array3<u16> {
    let mut random = Random(7);
    Array3::from_shape_fn((channels, height, width), |(c, y, x)| {
        let wave = 0.25 * (x as f32 / 17.0 + c as f32).sin() + 0.2 * ((x + 2 * y) as f32 / 29.0).cos();
        let noise = random.below(1000) as f32 / 50_000.0;
        ((0.5 + wave + noise) * (1u32 << depth) as f32) as u16
    })
}

/// Samples between a pattern and noise, with symbols below these sizes.
pub(crate) fn pattern(sizes: &[u32], width: usize, height: usize) -> Array3<u16> {
    let sample = |(c, y, x): (usize, usize, usize)| {
        let value = (x / 3 * 7 + y / 2 * 11 + c * 5 + (x * y) % 13 % 3) as u32;
        (value.wrapping_mul(257) % sizes[c]) as u16
    };
    Array3::from_shape_fn((sizes.len(), height, width), sample)
}

/// Tiles of [`pattern`], filled if `fill` is set and cleared otherwise, coded by `walk` in groups of `group` tiles.
pub(crate) fn walked<C>(
    tiles: &[(u32, u32)],
    sizes: &[u32],
    coders: impl IntoIterator<Item = C>,
    (group, fill): (usize, bool),
    mut walk: impl FnMut(&mut [ActiveTile<C>], &[Alphabet]),
) -> Vec<ActiveTile<C>> {
    let alphabets = alphabets(sizes);
    let tile = |(&(width, height), coder): (&(u32, u32), C)| {
        let image = pattern(sizes, width as usize, height as usize);
        let tile = TileSamples::of(image.view(), Rect { x: 0, y: 0, width, height }, alphabets[0].depth);
        ActiveTile { samples: if fill { tile } else { tile.cleared() }, coder, learning: None }
    };
    let mut tiles: Vec<_> = tiles.iter().zip(coders).map(tile).collect();
    tiles.chunks_mut(group).for_each(|group| walk(group, &alphabets));
    tiles
}
