use super::*;
use crate::context::levels::PHASES;

const SHAPES: [(usize, usize); 8] = [(1, 1), (1, 9), (9, 1), (2, 3), (13, 7), (5, 40), (130, 3), (64, 64)];

/// A tile whose samples are all different, as far as 16 bits allow.
fn tile(width: usize, height: usize) -> TileSamples {
    let mut tile = TileSamples::new(width, height, 1, 16);
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        tile.set(x, y, 0, (y * width + x) as u16);
    }
    tile
}

#[test]
fn contexts_are_of_pixels_that_are_known_before() {
    for (width, height) in SHAPES {
        let tile = tile(width, height);
        let mut known = vec![false; width * height];
        levels::coarsest(width, height).for_each(|(x, y)| known[y * width + x] = true);
        for (level, phase) in (0..LEVELS).rev().flat_map(|level| (0..PHASES).map(move |phase| (level, phase))) {
            let coupling = Coupling::new(level, phase);
            for (x, y) in levels::pixels(level, phase, width, height) {
                for &tap in &coupling.taps {
                    let Tap { down, right } = coupling.within(&tile, (x, y), tap);
                    let (column, row) = (x.wrapping_add_signed(right), y.wrapping_add_signed(down));
                    assert!(column < width && row < height, "a tap outside of the tile");
                    assert!(known[row * width + column], "{tap:?} of {x}, {y} in level {level}, phase {phase}");
                }
            }
            levels::pixels(level, phase, width, height).for_each(|(x, y)| known[y * width + x] = true);
        }
        assert!(known.iter().all(|&known| known));
    }
}

#[test]
fn inside_of_a_tile_taps_are_read_at_their_places() {
    let (width, height) = (64, 64);
    let tile = tile(width, height);
    for (level, phase) in (0..LEVELS).flat_map(|level| (0..PHASES).map(move |phase| (level, phase))) {
        let coupling = Coupling::new(level, phase);
        for place in levels::pixels(level, phase, width, height) {
            let mut context = Vec::new();
            let alphabet = Alphabet { depth: 8, size: 256 };
            let translation = coupling.push_context::<1>(&tile, place, alphabet, &mut context)[0];
            let (taps, rest) = context.split_at(coupling.taps.len());
            for (&value, &tap) in taps.iter().zip(&coupling.taps) {
                let Tap { down, right } = coupling.within(&tile, place, tap);
                let sample = tile.neighbour::<1>(place.0, place.1, (down, right))[0];
                assert_eq!(i32::from(value), (i32::from(sample) - translation).clamp(-128, 127));
            }
            assert_eq!(rest, [(translation - 128).clamp(-128, 127) as i16, (32 * level.min(3)) as i16]);
        }
    }
}

#[test]
fn the_translation_is_the_rounded_mean_of_the_four_nearest_and_contexts_are_bounded() {
    for depth in [1, 8, 16] {
        let (most, alphabet) = (u16::MAX >> (16 - depth), Alphabet { depth, size: 1 << depth });
        for (pattern, expected) in [([0, 0, 0, 0], 0), ([1, 1, 1, 1], 1), ([0, 0, 0, 1], 0), ([0, 0, 1, 1], 1)] {
            let mut tile = TileSamples::new(3, 3, 3, depth);
            for ((x, y), value) in [(0, 0), (2, 0), (0, 2), (2, 2)].into_iter().zip(pattern) {
                (0..3).for_each(|channel| tile.set(x, y, channel, value * most));
            }
            let mut context = Vec::new();
            let translations = Coupling::new(0, 0).push_context::<3>(&tile, (1, 1), alphabet, &mut context);
            let sum: i32 = pattern.iter().map(|&value| i32::from(value * most)).sum();
            assert_eq!(translations, [(sum + 2) / 4; 3]);
            assert!(depth > 1 || translations == [expected; 3]);
            assert_eq!(context.len(), levels::context_size(0, 3));
            assert!(context.iter().all(|value| (-128..128).contains(value)), "{context:?}");
        }
    }
}
