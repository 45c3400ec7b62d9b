//! The walk with coders that record its calls, and with hostile words.

use super::*;
use crate::entropy::ans::test_coders::{OracleDecoder, RecordingEncoder};
use crate::entropy::ans::{Decoder, Encoder};
use crate::infer::session::networks_of;
use crate::model::family::Family;
use crate::model::registry::models;
use crate::streams::network::alphabets;
use crate::testing::{pattern, walked};
use crate::tile::TileSamples;

fn flows() -> Vec<Vec<Network>> {
    let networks = |file| networks_of(file).all;
    models().iter().filter(|model| model.family == Family::Flow).map(|model| networks(model.file)).collect()
}

/// Alphabet sizes for the channels of a flow.
fn sizes(networks: &[Network]) -> Vec<Vec<u32>> {
    match networks[0].model().shape.channels {
        1 => vec![vec![256], vec![2], vec![65_536], vec![37]],
        _ => vec![vec![256; 3], vec![5, 1, 700]],
    }
}

/// Tiles with sizes around the spacings of the levels, and with more pixels in a phase than a batch holds.
const TILES: [(u32, u32); 6] = [(90, 67), (3, 150), (129, 2), (1, 1), (128, 1), (64, 65)];

fn code<C: SampleCoder>(
    networks: &mut [Network],
    sizes: &[u32],
    coders: impl IntoIterator<Item = C>,
    group: usize,
    fill: bool,
) -> Vec<ActiveTile<C>> {
    walked(&TILES, sizes, coders, (group, fill), |tiles, alphabets| {
        code_tiles(networks, tiles, alphabets).expect("coded tiles");
    })
}

#[test]
fn encoder_and_decoder_see_the_same_mixtures_in_groups_of_any_size() {
    for mut networks in flows() {
        for sizes in sizes(&networks) {
            let recording = || TILES.map(|_| RecordingEncoder::default());
            let encoded = code(&mut networks, &sizes, recording(), 1, true);
            for (alone, grouped) in encoded.iter().zip(code(&mut networks, &sizes, recording(), 4, true)) {
                assert!(alone.coder.intervals == grouped.coder.intervals, "other intervals in a group");
                assert!(alone.coder.samples == grouped.coder.samples);
            }
            for group in [1, 3] {
                let oracles: Vec<_> =
                    encoded.iter().map(|tile| OracleDecoder::new(tile.coder.samples.clone())).collect();
                let decoded = code(&mut networks, &sizes, oracles, group, false);
                for (encoded, decoded) in encoded.iter().zip(decoded) {
                    assert!(encoded.coder.intervals == decoded.coder.intervals, "other intervals for the decoder");
                    assert!(encoded.samples == decoded.samples, "other samples");
                }
            }
        }
    }
}

#[test]
fn samples_are_coded_from_the_coarsest_level_to_the_finest_phase_after_phase() {
    let mut networks = flows().remove(0);
    let encoded = code(&mut networks, &[256; 3], TILES.map(|_| RecordingEncoder::default()), TILES.len(), true);
    for (tile, (width, height)) in encoded.iter().zip(TILES) {
        let image = pattern(&[256; 3], width as usize, height as usize);
        let mut places: Vec<_> = (0..height as usize).flat_map(|y| (0..width as usize).map(move |x| (y, x))).collect();
        // The level of a pixel is the number of times that 2 divides both its row and its column.
        let level = |y: usize, x: usize| ((y | x) | 1 << 7).trailing_zeros();
        places.sort_by_key(|&(y, x)| {
            let level = level(y, x);
            let phase = match ((y >> level) % 2, (x >> level) % 2) {
                (1, 1) => 0,
                (0, 1) => 1,
                _ => 2,
            };
            (std::cmp::Reverse(level), if level == 7 { 0 } else { phase }, y, x)
        });
        let expected: Vec<u32> =
            places.into_iter().flat_map(|(y, x)| [0, 1, 2].map(|c| u32::from(image[(c, y, x)]))).collect();
        assert_eq!(tile.coder.samples, expected);
    }
}

fn decoded(networks: &mut [Network], sizes: &[u32], words: Vec<u32>) -> TileSamples {
    let alphabets = alphabets(sizes);
    let coder = Decoder::new(words).expect("words that do not end in zero");
    let samples = TileSamples::new(33, 20, sizes.len(), alphabets[0].depth);
    let mut tiles = [ActiveTile { samples, coder, learning: None }];
    code_tiles(networks, &mut tiles, &alphabets).expect("a decoded tile");
    let [tile] = tiles;
    tile.samples
}

/// The flow is a bijection: what any words decode to can be encoded, and comes back.
#[test]
fn any_words_decode_to_samples_that_come_back() {
    let mut state = 0x5eed_u64;
    let mut word = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u32 | 1
    };
    for mut networks in flows() {
        for sizes in sizes(&networks) {
            let hostile = decoded(&mut networks, &sizes, (0..500).map(|_| word()).collect());
            let in_alphabets = |(y, x): (usize, usize)| {
                hostile.pixel(x, y).iter().zip(&sizes).all(|(&sample, &size)| u32::from(sample) < size)
            };
            assert!((0..20).flat_map(|y| (0..33).map(move |x| (y, x))).all(in_alphabets));
            let mut tiles = [ActiveTile { samples: hostile.clone(), coder: Encoder::default(), learning: None }];
            code_tiles(&mut networks, &mut tiles, &alphabets(&sizes)).expect("an encoded tile");
            let [tile] = tiles;
            assert!(decoded(&mut networks, &sizes, tile.coder.finish()) == hostile, "another tile came back");
        }
    }
}

#[test]
fn tiles_with_a_state_for_each_lane_come_back_in_groups_of_any_size() {
    for mut networks in flows() {
        let sizes = vec![256; networks[0].model().shape.channels];
        let encoded = code(&mut networks, &sizes, TILES.map(|_| Encoder::default()), 4, true);
        let words = encoded.into_iter().map(|tile| {
            let (groups, channels) = (groups(&tile.samples), tile.samples.channels());
            (tile.samples, tile.coder.finish_lanes(&groups, channels))
        });
        let (samples, words): (Vec<_>, Vec<_>) = words.unzip();
        for group in [1, 3, 6] {
            let coders = words.iter().map(|words| Decoder::of_lanes(words.clone()).expect("an encoder's words"));
            let decoded = code(&mut networks, &sizes, coders.collect::<Vec<_>>(), group, false);
            for (tile, samples) in decoded.into_iter().zip(&samples) {
                assert!(tile.samples == *samples, "other samples in groups of {group}");
                assert!(tile.coder.finish().is_some(), "words are left");
            }
        }
    }
}
