//! The flow family: one walk over the levels of tiles, from the coarsest to the finest, for encoder and decoder alike.
//!
//! Input: tiles and their sample coders. A level's phases follow each other; the contexts of all pixels of a phase, over
//! all tiles of the group, are known before it, so its network takes them in calls of any size, and a tile of any size
//! takes [`PASSES`](levels::PASSES) of them after each other. Encoder and decoder differ in the [`SampleCoder`] alone. Format: section
//! "Levels".
//!
//! It is an integer discrete flow (Hoogeboom et al. 2019) in the shape of RealNVP (Dinh et al. 2017): [`levels`] squeezes
//! and factors out, [`coupling`](crate::context::coupling) translates, the mixture is the prior of what was factored out, given all that is known.
//! All of it is one to one on integers, so the code length is the exact likelihood.

use super::autoregressive::ActiveTile;
use crate::base::error::Result;
use crate::context::coupling::Coupling;
use crate::context::levels::{self, LEVELS};
use crate::entropy::ans::SampleCoder;
use crate::entropy::cdf::Alphabet;
use crate::entropy::mixture::{MAX_CHANNELS, MixtureShape, PixelMixture};
use crate::infer::session::Network;
use crate::infer::{Evaluator, LANES, outputs_of};

/// Pixels of one network call.
const BATCH: usize = 1024;
/// The log2 of the scales of the mixture of the coarsest lattice, in units of the network's outputs: 64 samples.
const COARSEST_LOG_SCALE: i16 = 6 << 6;

/// Codes all samples of a group of tiles. All tiles have as many channels as the networks, one for each phase, and one
/// alphabet for each, of one depth.
///
/// How tiles are grouped changes the speed, not the result.
pub(crate) fn code_tiles<C: SampleCoder>(
    networks: &mut [Network],
    tiles: &mut [ActiveTile<C>],
    alphabets: &[Alphabet],
) -> Result<()> {
    // The number of components is known to the compiler in all that runs once per sample.
    match networks[0].shape().components {
        3 => walk::<C, 3>(networks, tiles, alphabets),
        4 => walk::<C, 4>(networks, tiles, alphabets),
        5 => walk::<C, 5>(networks, tiles, alphabets),
        other => unreachable!("the contract refuses {other} components"),
    }
}

fn walk<C: SampleCoder, const K: usize>(
    networks: &mut [Network],
    tiles: &mut [ActiveTile<C>],
    alphabets: &[Alphabet],
) -> Result<()> {
    let mut batch = Batch::default();
    let shape = networks[0].shape();
    batch.push_coarsest(shape, tiles, alphabets);
    batch.code::<C, K>(shape, tiles, alphabets);
    for level in (0..LEVELS).rev() {
        for (phase, network) in networks.iter_mut().enumerate() {
            let coupling = Coupling::new(level, phase);
            for index in 0..tiles.len() {
                let (width, height) = (tiles[index].samples.width(), tiles[index].samples.height());
                for place in levels::pixels(level, phase, width, height) {
                    batch.gather(&tiles[index], &coupling, (index, place), alphabets);
                    if batch.pixels.len() == BATCH {
                        batch.evaluate(network)?;
                        batch.code::<C, K>(shape, tiles, alphabets);
                    }
                }
            }
            batch.evaluate(network)?;
            batch.code::<C, K>(shape, tiles, alphabets);
        }
    }
    Ok(())
}

/// A pixel of a batch: its tile, its column and its row.
type Place = (usize, (usize, usize));

/// The pixels of one network call.
#[derive(Debug, Default)]
struct Batch {
    /// With their translations.
    pixels: Vec<(Place, [i32; MAX_CHANNELS])>,
    contexts: Vec<i16>,
    outputs: Vec<i16>,
}

impl Batch {
    /// Adds a pixel and its context.
    fn gather<C>(&mut self, tile: &ActiveTile<C>, coupling: &Coupling, place: Place, alphabets: &[Alphabet]) {
        let alphabet = alphabets[0]; // the depth is the same for all
        let translations = match alphabets.len() {
            1 => coupling.push_context::<1>(&tile.samples, place.1, alphabet, &mut self.contexts),
            _ => coupling.push_context::<3>(&tile.samples, place.1, alphabet, &mut self.contexts),
        };
        self.pixels.push((place, translations));
    }

    /// Adds the pixels of the coarsest lattices, of which nothing is known, and a wide mixture in the middle of the range.
    fn push_coarsest<C>(&mut self, shape: MixtureShape, tiles: &[ActiveTile<C>], alphabets: &[Alphabet]) {
        for (index, tile) in tiles.iter().enumerate() {
            let places = levels::coarsest(tile.samples.width(), tile.samples.height());
            let middle = [1 << (alphabets[0].depth - 1); MAX_CHANNELS];
            self.pixels.extend(places.map(|place| ((index, place), middle)));
        }
        let (components, channels) = (shape.components, shape.channels);
        let log_scales = components * (1 + channels)..components * (1 + 2 * channels);
        let output = |index| if log_scales.contains(&index) { COARSEST_LOG_SCALE } else { 0 };
        for _ in 0..self.pixels.len().div_ceil(LANES) {
            self.outputs.extend((0..shape.outputs()).flat_map(|index| [output(index); LANES]));
        }
    }

    /// Evaluates the network on the gathered pixels.
    fn evaluate(&mut self, network: &mut Network) -> Result<()> {
        self.outputs.clear();
        if self.pixels.is_empty() { Ok(()) } else { network.run(&self.contexts, &mut self.outputs) }
    }

    /// Codes the samples of the gathered pixels under the outputs, and clears the batch.
    fn code<C: SampleCoder, const K: usize>(
        &mut self,
        shape: MixtureShape,
        tiles: &mut [ActiveTile<C>],
        alphabets: &[Alphabet],
    ) {
        let mut outputs = vec![0; shape.outputs()];
        for (index, &((tile, (x, y)), translations)) in self.pixels.iter().enumerate() {
            outputs.iter_mut().zip(outputs_of(&self.outputs, shape.outputs(), index)).for_each(|(to, from)| *to = from);
            let ActiveTile { samples, coder, .. } = &mut tiles[tile];
            let mut mixture = PixelMixture::<K, 0>::new(alphabets.len(), &outputs, &[]);
            for (channel, (&translation, &alphabet)) in translations.iter().zip(alphabets).enumerate() {
                mixture.next_channel(translation, alphabet);
                let known = samples.pixel(x, y)[channel];
                let guess = || if C::KNOWS_SAMPLES { known.into() } else { mixture.guess(alphabet) };
                let (sample, edges) = coder.code(mixture.cdf(alphabet), guess);
                mixture.observe(sample, translation, &edges);
                if !C::KNOWS_SAMPLES {
                    samples.set(x, y, channel, sample as u16);
                }
            }
        }
        self.pixels.clear();
        self.contexts.clear();
        self.outputs.clear();
    }
}

#[cfg(test)]
mod tests;
