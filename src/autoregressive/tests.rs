//! The walk under coders that note what they are asked: encoder and decoder must be asked the same.

use ndarray::Array3;

use super::*;
use crate::ans::test_coders::{Noting, Told};
use crate::models::{Family, models};
use crate::network::model_file::ModelFile;
use crate::network::{Device, Networks};
use crate::parts::alphabets;
use crate::tile::Rect;

fn networks() -> Vec<Network> {
    let network = |file| Networks::new(&ModelFile::read(file).expect("a model"), Device::Cpu).expect("sessions");
    let models = models().iter().filter(|model| model.family == Family::Autoregressive);
    models.flat_map(|model| network(model.file).all).collect()
}

/// Something between a pattern and noise, with symbols of these sizes.
fn samples(sizes: &[u32], width: usize, height: usize) -> Array3<u16> {
    let sample = |(c, y, x): (usize, usize, usize)| {
        let value = (x / 3 * 7 + y / 2 * 11 + c * 5 + (x * y) % 13 % 3) as u32;
        (value.wrapping_mul(257) % sizes[c]) as u16
    };
    Array3::from_shape_fn((sizes.len(), height, width), sample)
}

/// Tiles of sizes that end at different steps, with more pixels than one batch has.
const TILES: [(u32, u32); 4] = [(40, 33), (3, 50), (61, 2), (1, 1)];

fn code<C: SampleCoder>(
    network: &mut Network,
    sizes: &[u32],
    coders: impl IntoIterator<Item = C>,
    group: usize,
    fill: bool,
) -> Vec<ActiveTile<C>> {
    let alphabets = alphabets(sizes);
    let tile = |((width, height), coder): ((u32, u32), C)| {
        let image = samples(sizes, width as usize, height as usize);
        let tile = TileSamples::of(image.view(), Rect { x: 0, y: 0, width, height }, alphabets[0].depth);
        ActiveTile { samples: if fill { tile } else { tile.cleared() }, coder, learning: None }
    };
    let mut tiles: Vec<_> = TILES.into_iter().zip(coders).map(tile).collect();
    for group in tiles.chunks_mut(group) {
        code_tiles(network, group, &alphabets).expect("coded tiles");
    }
    tiles
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
            let noting = || TILES.map(|_| Noting::default());
            let encoded = code(&mut network, sizes, noting(), 1, true);
            for group in [2, 4] {
                for (alone, grouped) in encoded.iter().zip(code(&mut network, sizes, noting(), group, true)) {
                    assert!(alone.coder.intervals == grouped.coder.intervals, "other intervals in groups of {group}");
                    assert!(alone.coder.samples == grouped.coder.samples);
                }
            }
            for group in [1, 3, 4] {
                let told = encoded.iter().map(|tile| Told::new(tile.coder.samples.clone()));
                let decoded = code(&mut network, sizes, told.collect::<Vec<_>>(), group, false);
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
    let encoded = code(&mut network, &[256; 3], TILES.map(|_| Noting::default()), 4, true);
    for (tile, (width, height)) in encoded.iter().zip(TILES) {
        let image = samples(&[256; 3], width as usize, height as usize);
        let mut places: Vec<_> = (0..height as usize).flat_map(|y| (0..width as usize).map(move |x| (x, y))).collect();
        places.sort_by_key(|&(x, y)| (x + 4 * y, y));
        let expected: Vec<u32> =
            places.into_iter().flat_map(|(x, y)| [0, 1, 2].map(|c| u32::from(image[(c, y, x)]))).collect();
        assert_eq!(tile.coder.samples, expected);
    }
}
