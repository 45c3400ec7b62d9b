//! The walk with coders that record its calls: encoder and decoder must see the same ones.

use ndarray::Array3;

use super::*;
use crate::entropy::ans::test_coders::{OracleDecoder, RecordingEncoder};
use crate::entropy::ans::{Decoder, Encoder};
use crate::image::Rect;
use crate::infer::session::networks_of;
use crate::model::adaptation::Learning;
use crate::model::contract::CheckedModel;
use crate::model::family::{Content, Family};
use crate::model::file::ModelFile;
use crate::model::registry::models;
use crate::streams::network::alphabets;
use crate::testing::{Random, pattern, walked};

fn networks() -> Vec<Network> {
    let models = models().iter().filter(|model| model.family == Family::Autoregressive);
    models.flat_map(|model| networks_of(model.file).all).collect()
}

/// Tiles of sizes that end at different steps, with more pixels than a batch holds.
const TILES: [(u32, u32); 4] = [(40, 33), (3, 50), (61, 2), (1, 1)];

fn code<C: SampleCoder>(
    network: &mut Network,
    sizes: &[u32],
    coders: impl IntoIterator<Item = C>,
    group: usize,
    fill: bool,
) -> Vec<ActiveTile<C>> {
    walked(&TILES, sizes, coders, (group, fill), |tiles, alphabets| {
        code_tiles(network, tiles, alphabets).expect("coded tiles");
    })
}

#[test]
fn encoder_and_decoder_see_the_same_mixtures_in_groups_of_any_size() {
    for mut network in networks() {
        let all: &[&[u32]] = if network.model().shape.channels == 1 {
            &[&[256], &[2], &[65_536], &[37]]
        } else {
            &[&[256; 3], &[5, 1, 700]]
        };
        for sizes in all {
            let recording = || TILES.map(|_| RecordingEncoder::default());
            let encoded = code(&mut network, sizes, recording(), 1, true);
            for group in [2, 4] {
                for (alone, grouped) in encoded.iter().zip(code(&mut network, sizes, recording(), group, true)) {
                    assert!(alone.coder.intervals == grouped.coder.intervals, "other intervals in groups of {group}");
                    assert!(alone.coder.samples == grouped.coder.samples);
                }
            }
            for group in [1, 3, 4] {
                let oracles = encoded.iter().map(|tile| OracleDecoder::new(tile.coder.samples.clone()));
                let decoded = code(&mut network, sizes, oracles.collect::<Vec<_>>(), group, false);
                for (encoded, decoded) in encoded.iter().zip(decoded) {
                    assert!(encoded.coder.intervals == decoded.coder.intervals, "other intervals for the decoder");
                    assert!(encoded.samples == decoded.samples, "other samples");
                }
            }
        }
    }
}

#[test]
fn samples_are_coded_in_coding_order() {
    let mut network = networks().into_iter().find(|network| network.model().shape.channels == 3).expect("a network");
    let encoded = code(&mut network, &[256; 3], TILES.map(|_| RecordingEncoder::default()), 4, true);
    for (tile, (width, height)) in encoded.iter().zip(TILES) {
        let image = pattern(&[256; 3], width as usize, height as usize);
        let mut places: Vec<_> = (0..height as usize).flat_map(|y| (0..width as usize).map(move |x| (x, y))).collect();
        places.sort_by_key(|&(x, y)| (x + 4 * y, y));
        let expected: Vec<u32> =
            places.into_iter().flat_map(|(x, y)| [0, 1, 2].map(|c| u32::from(image[(c, y, x)]))).collect();
        assert_eq!(tile.coder.samples, expected);
    }
}

/// Codes a tile with a network that learns; returns the network as it is at the end, and the tile.
fn learned<C: SampleCoder>(
    (model, learning): (&CheckedModel, Learning),
    samples: TileSamples,
    coder: C,
) -> (Vec<(u64, bool)>, ActiveTile<C>) {
    let mut learner = Learner::new(model, learning);
    let mut tiles = [ActiveTile { samples, coder, learning: Some(learning) }];
    code_with(&mut learner, &mut tiles, &alphabets(&vec![256; model.shape.channels])).expect("a coded tile");
    let [tile] = tiles;
    (learner.updates, tile)
}

#[test]
fn encoder_and_decoder_learn_the_same_from_any_image_and_keep_the_contract() {
    // Content that the network predicts well, that it cannot predict, that drives errors and weights to their limits,
    // and that changes from one to another.
    type Sample = fn(usize, usize, usize, u32) -> u32;
    let images: [Sample; 5] = [
        |c, y, x, _| (2 * y + x + 20 * c) as u32 % 256,
        |_, _, _, noise| noise,
        |_, y, x, _| 255 * ((x + y) as u32 % 2),
        |c, _, _, noise| 255 * (noise >> c & 1),
        |c, y, x, noise| [noise, (x / 5 * 40 + 9 * c) as u32 % 256, 255 * (noise & 1), 0][y / 24 % 4],
    ];
    let wild = Learning { chunk: 64, step: 8, pull_back: 16 };
    let runs = [
        (Content::Grey, wild, (128, 96)),
        (Content::Colour, wild, (48, 40)),
        (Content::Colour, Learning::default(), (61, 50)),
    ];
    for (content, learning, (width, height)) in runs {
        let model = models().iter().find(|model| model.content == content).expect("a model of the registry");
        let model = &ModelFile::read(model.file).expect("a model that keeps the contract").networks[0];
        for image in images {
            let mut random = Random(0xada);
            let sample = |(c, y, x)| image(c, y, x, random.below(256)) as u16;
            let image = Array3::from_shape_fn((model.shape.channels, height, width), sample);
            let rect = Rect { x: 0, y: 0, width: width as u32, height: height as u32 };
            let samples = TileSamples::of(image.view(), rect, 8);
            let cleared = samples.clone().cleared();
            let (taught, encoded) = learned((model, learning), samples, Encoder::default());
            let decoder = Decoder::new(encoded.coder.finish()).expect("a stream");
            let (again, decoded) = learned((model, learning), cleared, decoder);
            assert!(decoded.samples == encoded.samples && decoded.coder.finish().is_some(), "other samples");
            assert_eq!(taught.len(), width * height / usize::from(learning.chunk));
            assert!(taught.iter().all(|&(_, kept)| kept), "a row beyond its bound");
            assert_eq!(taught, again, "encoder and decoder learned otherwise");
            assert!(taught.windows(2).all(|pair| pair[0].0 != pair[1].0), "an update that changes nothing");
        }
    }
}

#[test]
fn tiles_with_a_state_for_each_lane_come_back_in_groups_of_any_size() {
    for mut network in networks().into_iter().filter(|network| !network.model().shape.pinned) {
        let sizes = vec![256; network.model().shape.channels];
        let encoded = code(&mut network, &sizes, TILES.map(|_| Encoder::default()), 4, true);
        let words = encoded.into_iter().map(|tile| {
            let (groups, channels) = (groups(&tile.samples), tile.samples.channels());
            (tile.samples, tile.coder.finish_lanes(&groups, channels))
        });
        let (samples, words): (Vec<_>, Vec<_>) = words.unzip();
        for group in [1, 3, 4] {
            let coders = words.iter().map(|words| Decoder::of_lanes(words.clone()).expect("an encoder's words"));
            let decoded = code(&mut network, &sizes, coders.collect::<Vec<_>>(), group, false);
            for (tile, samples) in decoded.into_iter().zip(&samples) {
                assert!(tile.samples == *samples, "other samples in groups of {group}");
                assert!(tile.coder.finish().is_some(), "words are left");
            }
        }
    }
}
