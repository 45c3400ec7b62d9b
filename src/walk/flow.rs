//! The flow family: one walk over the levels of tiles, from the coarsest to the finest, for encoder and decoder alike.
//!
//! Input: tiles and their sample coders. The phases of a level are coded one after the other. The contexts of all
//! pixels of a phase, over all tiles of the group, are known before it starts, so the network takes them in calls of
//! any size, and a tile of any size needs [`PASSES`](levels::PASSES) evaluations in sequence. Only the [`SampleCoder`]
//! differs between encoder and decoder. Format: section "Levels".
//!
//! This is an integer discrete flow (Hoogeboom et al. 2019) in the form of RealNVP (Dinh et al. 2017): [`levels`]
//! squeezes and factors out, [`coupling`](crate::context::coupling) translates, and the mixture is the prior of what is
//! factored out, given all that is known. All of it is a bijection on integers, so the code length is the exact
//! likelihood.

use super::batch::{ActiveTile, Batch, Pixel};
use crate::base::error::Result;
use crate::context::coupling::Coupling;
use crate::context::levels::{self, LEVELS, PHASES};
use crate::entropy::ans::SampleCoder;
use crate::entropy::cdf::Alphabet;
use crate::entropy::mixture::{MAX_CHANNELS, MixtureShape, Normalisation};
use crate::infer::session::Network;
use crate::infer::{Evaluator, LANES};
use crate::tile::TileSamples;

/// Pixels of one network call: whole blocks, so a pixel's lane is its index in the phase modulo 16.
const BATCH: usize = 64 * LANES;
/// The log2 scale of the coarsest lattice's mixture, in units of the network's outputs: 64 samples.
const COARSEST_LOG_SCALE: i16 = 6 << 6;

/// The number of pixels in the coarsest lattice and in each phase of a tile; within each, pixels are assigned to lanes.
pub(crate) fn groups(tile: &TileSamples) -> Vec<usize> {
    let (width, height) = (tile.width(), tile.height());
    let phases = (0..LEVELS).rev().flat_map(|level| (0..PHASES).map(move |phase| (level, phase)));
    let phases = phases.map(|(level, phase)| levels::pixels(level, phase, width, height).count());
    std::iter::once(levels::coarsest(width, height).count()).chain(phases).collect()
}

/// Codes all samples of a group of tiles. `networks` has one network per phase; all tiles have as many channels as
/// these, and one alphabet per channel, all of the same depth.
///
/// The grouping of tiles affects the speed, not the result.
pub(crate) fn code_tiles<C: SampleCoder>(
    networks: &mut [Network],
    tiles: &mut [ActiveTile<C>],
    alphabets: &[Alphabet],
) -> Result<()> {
    let shape = networks[0].shape();
    let mut batch = Batch::new(shape);
    for (index, tile) in tiles.iter().enumerate() {
        push_coarsest(&mut batch, shape, (index, tile), alphabets);
    }
    batch.code(None, tiles, alphabets);
    batch.clear();
    for level in (0..LEVELS).rev() {
        for (phase, network) in networks.iter_mut().enumerate() {
            let coupling = Coupling::new(level, phase);
            for index in 0..tiles.len() {
                if tiles[index].coder.quantiles().is_some() {
                    batch.align();
                }
                let (width, height) = (tiles[index].samples.width(), tiles[index].samples.height());
                for place in levels::pixels(level, phase, width, height) {
                    gather(&mut batch, &tiles[index], &coupling, (index, place), alphabets);
                    if batch.pixels.len() == BATCH {
                        batch.run(network, tiles, alphabets)?;
                        batch.clear();
                    }
                }
            }
            batch.run(network, tiles, alphabets)?;
            batch.clear();
        }
    }
    Ok(())
}

/// Adds a pixel and its context.
fn gather<C>(
    batch: &mut Batch,
    tile: &ActiveTile<C>,
    coupling: &Coupling,
    (index, (x, y)): (usize, (usize, usize)),
    alphabets: &[Alphabet],
) {
    let alphabet = alphabets[0]; // all have the same depth
    let predictions = match alphabets.len() {
        1 => coupling.push_context::<1>(&tile.samples, (x, y), alphabet, &mut batch.contexts),
        _ => coupling.push_context::<3>(&tile.samples, (x, y), alphabet, &mut batch.contexts),
    };
    batch.pixels.push(Pixel { tile: Some(index), x, y, predictions, normalisation: Normalisation::default() });
}

/// Adds the pixels of a tile's coarsest lattice, about which nothing is known, with a wide mixture in the middle of the
/// range.
fn push_coarsest<C: SampleCoder>(
    batch: &mut Batch,
    shape: MixtureShape,
    (index, tile): (usize, &ActiveTile<C>),
    alphabets: &[Alphabet],
) {
    if tile.coder.quantiles().is_some() {
        batch.align();
    }
    let predictions = [1 << (alphabets[0].depth - 1); MAX_CHANNELS];
    for (x, y) in levels::coarsest(tile.samples.width(), tile.samples.height()) {
        batch.pixels.push(Pixel { tile: Some(index), x, y, predictions, normalisation: Normalisation::default() });
    }
    let (components, channels) = (shape.components, shape.channels);
    let log_scales = components * (1 + channels)..components * (1 + 2 * channels);
    let output = |index| if log_scales.contains(&index) { COARSEST_LOG_SCALE } else { 0 };
    while batch.outputs.len() < batch.pixels.len().next_multiple_of(LANES) * shape.outputs() {
        batch.outputs.extend((0..shape.outputs()).flat_map(|index| [output(index); LANES]));
    }
}

#[cfg(test)]
mod tests;
