//! What models believe: the images that random words decode to. An entropy coder turns words without any pattern into samples
//! of its model; so a decoder is a sampler.

use ndarray::{Array3, s};

use crate::entropy::ans::Decoder;
use crate::entropy::stack::Stack;
use crate::infer::session::{Device, EngineRequest, Networks, packed};
use crate::model::file::ModelFile;
use crate::model::program::{PATCH, Program};
use crate::streams::network::alphabets;
use crate::tile::TileSamples;
use crate::walk::batch::ActiveTile;
use crate::walk::bits_back::Walk;
use crate::walk::{autoregressive, flow};
use crate::{Family, Planes, RegisteredModel};

const DEPTH: u32 = 8;
/// Words for each sample: more than any model takes.
const WORDS: usize = 2;

/// A square image of 8 bits that random words decode to, under a model of the registry. A side is whole patches: 64, 128 ...
///
/// # Panics
/// If the model does not keep the contract.
#[must_use]
pub fn drawn(model: &RegisteredModel, side: usize, words: &mut dyn Iterator<Item = u32>) -> Planes {
    let file = ModelFile::read(model.file).expect("a model that keeps the contract");
    let request = EngineRequest { device: Device::Cpu, few: true };
    let mut networks = Networks::new(&file, &packed(&file), request).expect("networks that pass their tests");
    let count = WORDS * side * side * file.shape().channels;
    let mut words = || (&mut *words).take(count).map(|word| word.max(1)).collect();
    let samples = match &file.program {
        Some(program) => patches(program, &mut networks, side, &mut words),
        None => pixels(&mut networks, side, words()),
    };
    Planes::new(samples, DEPTH).expect("samples of 8 bits")
}

/// A tile of the families that code pixels.
fn pixels(networks: &mut Networks, side: usize, words: Vec<u32>) -> Array3<u16> {
    let channels = networks.shape().channels;
    let coder = Decoder::new(words).expect("no zeros");
    let mut tiles = [ActiveTile { samples: TileSamples::new(side, side, channels, DEPTH), coder, learning: None }];
    let alphabets = alphabets(&vec![1 << DEPTH; channels]);
    match networks.family {
        Family::Flow => flow::code_tiles(&mut networks.all, &mut tiles, &alphabets),
        _ => autoregressive::code_tiles(&mut networks.all[0], &mut tiles, &alphabets),
    }
    .expect("networks that run");
    tiles[0].samples.to_array()
}

/// The patches of a tile. Words that no encoder writes, with integers that get too large, are left out: others take their place.
fn patches(
    program: &Program,
    networks: &mut Networks,
    side: usize,
    words: &mut dyn FnMut() -> Vec<u32>,
) -> Array3<u16> {
    let channels = program.channels;
    let alphabets = alphabets(&vec![1 << DEPTH; channels]);
    let mut samples = Array3::zeros((channels, side, side));
    for (y, x) in (0..side).step_by(PATCH).flat_map(|y| (0..side).step_by(PATCH).map(move |x| (y, x))) {
        let planes = loop {
            let stack = Stack::from_words(words()).expect("no zeros");
            let drawn = Walk::new(program, &mut networks.all, stack, &alphabets).draw();
            if let Some(planes) = drawn.expect("networks that run") {
                break planes.concat();
            }
        };
        let planes = Array3::from_shape_vec((channels, PATCH, PATCH), planes).expect("a patch");
        samples.slice_mut(s![.., y..y + PATCH, x..x + PATCH]).assign(&planes);
    }
    samples
}
