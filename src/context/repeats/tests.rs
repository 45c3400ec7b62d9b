//! Repeats against a plain implementation: dictionaries instead of tables, and borders computed by their rule.

use std::collections::HashMap;

use ndarray::Array3;

use super::*;
use crate::image::Rect;
use crate::testing::Random;

/// What is known about a pixel before it is coded.
#[derive(Debug, Clone, PartialEq)]
struct Expected {
    candidates: Vec<Vec<i64>>,
    context: Vec<i64>,
}

/// The samples of a tile, and what has been learned from its coded pixels.
struct Reference<'a> {
    samples: &'a Array3<u16>,
    sizes: &'a [u32],
    depth: u32,
    /// By kind of context and hash: the pixel that followed last, and how many times in a row.
    followers: HashMap<(usize, u64), (Vec<i64>, i64)>,
    /// By position: which candidates a coded pixel equalled.
    matches: HashMap<(i64, i64), Vec<bool>>,
}

const LONG_PLACES: [(i64, i64); 11] =
    [(-1, -2), (0, -2), (1, -2), (-2, -1), (-1, -1), (0, -1), (1, -1), (2, -1), (-3, 0), (-2, 0), (-1, 0)];
const SHORT_PLACES: [(i64, i64); 5] = [(-1, -1), (0, -1), (1, -1), (-2, 0), (-1, 0)];

impl Reference<'_> {
    /// The pixel at a position in the tile or in its border.
    fn pixel(&self, x: i64, y: i64) -> Vec<i64> {
        let (channels, _, width) = self.samples.dim();
        if y < 0 {
            vec![1 << (self.depth - 1); channels]
        } else if x < 0 {
            self.pixel(0, y - 1)
        } else if x >= width as i64 {
            self.pixel(width as i64 - 1, y)
        } else {
            (0..channels).map(|c| self.samples[(c, y as usize, x as usize)].into()).collect()
        }
    }

    fn hash(&self, x: i64, y: i64, places: &[(i64, i64)]) -> u64 {
        let mut hash: u64 = 0;
        for &(right, down) in places {
            for sample in self.pixel(x + right, y + down) {
                hash = ((hash + sample as u64 + 1) * 0x9e37_79b1) % (1 << 32);
            }
        }
        let (_, height, width) = self.samples.dim();
        let bits = (10..20).find(|bits| 1 << bits >= width * height).unwrap_or(20);
        hash / (1 << (32 - bits))
    }

    fn keys(&self, x: i64, y: i64) -> [(usize, u64); 2] {
        [(0, self.hash(x, y, &LONG_PLACES)), (1, self.hash(x, y, &SHORT_PLACES))]
    }

    fn to_byte(&self, difference: i64) -> i64 {
        let in_eight_bits = if self.depth >= 8 {
            difference.div_euclid(1 << (self.depth - 8))
        } else {
            difference * (1 << (8 - self.depth))
        };
        in_eight_bits.clamp(-128, 127)
    }

    fn expect(&self, x: i64, y: i64, predictions: &[i64]) -> Expected {
        let at = |right: i64, down: i64| self.pixel(x + right, y + down);
        let (west, north, northwest, northeast) = (at(-1, 0), at(0, -1), at(-1, -1), at(1, -1));
        let (west2, north2) = (at(-2, 0), at(0, -2));
        let plane = |a: &[i64], b: &[i64], c: &[i64]| -> Vec<i64> {
            let sample = |i: usize| (a[i] + b[i] - c[i]).max(0).min(i64::from(self.sizes[i]) - 1);
            (0..a.len()).map(sample).collect()
        };
        let extrapolated =
            [plane(&west, &north, &northwest), plane(&west, &west, &west2), plane(&north, &north, &north2)];
        let mut candidates = vec![west.clone(), north, northwest, northeast, west2, north2];
        candidates.extend(extrapolated);
        let mut counts = Vec::new();
        for key in self.keys(x, y) {
            let (pixel, count) = self.followers.get(&key).cloned().unwrap_or((west.clone(), 0));
            candidates.push(pixel);
            counts.push(count);
        }
        let mut context = Vec::new();
        for candidate in &candidates[9..] {
            context.extend(candidate.iter().zip(predictions).map(|(sample, p)| self.to_byte(sample - p)));
        }
        context.extend(counts.iter().map(|count| 8 * count));
        for place in [(x - 1, y), (x, y - 1), (x - 1, y - 1), (x + 1, y - 1)] {
            let matches = self.matches.get(&place).cloned().unwrap_or(vec![false; 11]);
            context.extend(matches.iter().map(|&matched| 64 * i64::from(matched)));
        }
        let pairs = (1..11).map(|b| (0, b)).chain((2..11).map(|b| (1, b))).chain([(9, 10)]);
        context.extend(pairs.map(|(a, b)| 64 * i64::from(candidates[a] == candidates[b])));
        Expected { candidates, context }
    }

    fn learn(&mut self, x: i64, y: i64, candidates: &[Vec<i64>]) {
        let pixel = self.pixel(x, y);
        self.matches.insert((x, y), candidates.iter().map(|candidate| *candidate == pixel).collect());
        for key in self.keys(x, y) {
            let follower = self.followers.entry(key).or_insert((pixel.clone(), 0));
            *follower = if follower.0 == pixel { (pixel.clone(), 15.min(follower.1 + 1)) } else { (pixel.clone(), 1) };
        }
    }
}

/// The same, as [`Repeats`] finds it.
fn found<const C: usize>(
    repeats: &Repeats,
    tile: &TileSamples,
    (x, y): (usize, usize),
    alphabets: &[Alphabet],
) -> (Found, Expected) {
    let found = repeats.find::<C>(tile, x, y, alphabets);
    let predictions: [i32; C] = std::array::from_fn(|channel| tile.predict(x, y, channel));
    let mut context = Vec::new();
    repeats.push_context((x, y), &found, predictions, alphabets, &mut context);
    assert_eq!(context.len(), context_size(C));
    let candidates = found.candidates.iter().map(|pixel| pixel[..C].iter().map(|&s| s.into()).collect()).collect();
    let context = context.into_iter().map(|value| value as i64).collect();
    (found, Expected { candidates, context })
}

/// Walks over a tile in coding order, and compares what is found with the plain implementation.
fn assert_as_expected<const C: usize>(samples: &Array3<u16>, sizes: [u32; C]) {
    let alphabets = crate::streams::network::alphabets(&sizes);
    let depth = alphabets[0].depth;
    let (_, height, width) = samples.dim();
    let rect = Rect { x: 0, y: 0, width: width as u32, height: height as u32 };
    // One tile has all samples, as in an encoder; the other only those coded so far, as in a decoder.
    let known = TileSamples::of(samples.view(), rect, depth);
    let mut growing = known.cleared();
    let mut repeats = Repeats::new(width, height);
    let followers = HashMap::new();
    let mut reference = Reference { samples, sizes: &sizes, depth, followers, matches: HashMap::new() };
    for step in 0..known.steps() {
        let mut of_step = Vec::new();
        for y in known.rows(step) {
            let x = TileSamples::column(step, y);
            let predictions: Vec<i64> = (0..C).map(|channel| known.predict(x, y, channel).into()).collect();
            let expected = reference.expect(x as i64, y as i64, &predictions);
            assert!(expected.context.iter().all(|value| (-128..128).contains(value)), "a context beyond the contract");
            let (found_here, of_known) = found::<C>(&repeats, &known, (x, y), &alphabets);
            assert_eq!(of_known, expected, "pixel {x}, {y} of {width} x {height}");
            let (_, of_growing) = found::<C>(&repeats, &growing, (x, y), &alphabets);
            assert_eq!(of_growing, expected, "pixel {x}, {y} of a tile that grows");
            of_step.push((x, y, found_here, expected.candidates));
        }
        for (x, y, found, candidates) in of_step {
            (0..C).for_each(|channel| growing.set(x, y, channel, samples[(channel, y, x)]));
            repeats.note::<C>(&growing, x, y, &found);
            reference.learn(x as i64, y as i64, &candidates);
        }
    }
}

/// Tiles of noise, of few values, of a constant, and of a repeating pattern, with symbols below these sizes.
fn tiles(sizes: &[u32], width: usize, height: usize) -> Vec<Array3<u16>> {
    let shape = (sizes.len(), height, width);
    let mut random = Random(0x1234_5678_9abc_def1);
    let noise = Array3::from_shape_fn(shape, |(c, _, _)| random.below(sizes[c]) as u16);
    let few = Array3::from_shape_fn(shape, |(c, _, _)| random.below(sizes[c].min(2)) as u16);
    let flat = Array3::from_shape_fn(shape, |(c, _, _)| (sizes[c] - 1) as u16);
    let pattern = Array3::from_shape_fn(shape, |(c, y, x)| noise[(c, y % 5 % height, x % 7 % width)]);
    vec![noise, few, flat, pattern]
}

fn assert_all<const C: usize>(sizes: [u32; C]) {
    for (width, height) in [(1, 1), (1, 9), (9, 1), (2, 5), (23, 17), (40, 8), (32, 32), (41, 25)] {
        for samples in tiles(&sizes, width, height) {
            assert_as_expected(&samples, sizes);
        }
    }
}

#[test]
fn repeats_of_one_channel_are_those_of_the_plain_implementation() {
    for size in [2, 4, 5, 256, 200, 65_536, 40_000] {
        assert_all([size]);
    }
}

#[test]
fn repeats_of_three_channels_are_those_of_the_plain_implementation() {
    for sizes in [[2; 3], [256; 3], [65_536; 3], [256, 3, 1], [1, 5, 300]] {
        assert_all(sizes);
    }
}

#[test]
fn counts_grow_to_their_most_and_start_again_with_another_pixel() {
    // Along a flat row, the short context is the same from the third pixel on.
    let row = |last: u16| Array3::from_shape_fn((1, 1, 40), |(_, _, x)| if x == 38 { last } else { 9 });
    let count_at = |samples: &Array3<u16>, at: usize| {
        let alphabets = [Alphabet::full(8)];
        let tile = TileSamples::of(samples.view(), Rect { x: 0, y: 0, width: 40, height: 1 }, 8);
        let mut repeats = Repeats::new(40, 1);
        for x in 0..at {
            let found = repeats.find::<1>(&tile, x, 0, &alphabets);
            repeats.note::<1>(&tile, x, 0, &found);
        }
        repeats.find::<1>(&tile, at, 0, &alphabets).counts
    };
    assert_eq!(count_at(&row(9), 0), [0, 0]);
    assert_eq!(count_at(&row(9), 3)[1], 1);
    assert_eq!(count_at(&row(9), 38), [15, 15]);
    assert_eq!(count_at(&row(7), 38), [15, 15]);
}
