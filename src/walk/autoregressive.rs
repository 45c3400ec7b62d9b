//! The autoregressive family: one walk over tiles in coding order, for encoder and decoder alike.
//!
//! Input: tiles and their sample coders. At each step of the coding order the contexts of all pixels of the
//! step, over all tiles of the group, go through the network together; then each sample is coded under its
//! mixture. Encoder and decoder differ in the [`SampleCoder`] alone. Format: section "Coding order".
//!
//! The network is PixelCNN (van den Oord et al. 2016) with a local context and 1x1 layers after the first, as
//! in NeLLoC (Zhang et al. 2021).

use super::counts::{Contexts, Counts};
use crate::base::error::Result;
use crate::context::local;
use crate::context::repeats::{Found, Repeats};
use crate::entropy::ans::SampleCoder;
use crate::entropy::cdf::Alphabet;
use crate::entropy::mixture::{MAX_CHANNELS, MixtureShape, PINNED, PixelMixture};
use crate::infer::learner::Learner;
use crate::infer::learner::gradient::HeadGradient;
use crate::infer::session::Network;
use crate::infer::{Evaluator, outputs_of};
use crate::model::adaptation::Learning;
use crate::tile::TileSamples;

/// Pixels that the encoder, which knows all samples, gathers for one network call.
const ENCODER_BATCH: usize = 1024;

/// A tile on its way through the walk.
#[derive(Debug)]
pub(crate) struct ActiveTile<C> {
    pub samples: TileSamples,
    pub coder: C,
    /// How its network learns, if it does.
    pub learning: Option<Learning>,
}

/// A pixel of a batch: its tile, its column and its row.
type Place = (usize, usize, usize);

/// Codes all samples of a group of tiles: those that do not learn in lockstep, as far as they follow each other. All tiles
/// have as many channels as the network, and one alphabet for each, of one depth. A network that learns has no pinned
/// components.
///
/// How tiles are grouped changes the speed, not the result.
pub(crate) fn code_tiles<C: SampleCoder>(
    network: &mut Network,
    tiles: &mut [ActiveTile<C>],
    alphabets: &[Alphabet],
) -> Result<()> {
    for tiles in tiles.chunk_by_mut(|tile, next| tile.learning.is_none() && next.learning.is_none()) {
        match tiles[0].learning {
            Some(learning) => {
                code_with(&mut Learner::new(network.model(), learning).stopped_by(network.stop()), tiles, alphabets)?
            }
            None => code_with(network, tiles, alphabets)?,
        }
    }
    Ok(())
}

/// Codes all samples of a group of tiles in lockstep; of one tile if the evaluator learns.
pub(crate) fn code_with<C: SampleCoder>(
    evaluator: &mut dyn Evaluator,
    tiles: &mut [ActiveTile<C>],
    alphabets: &[Alphabet],
) -> Result<()> {
    // The numbers of components are known to the compiler in all that runs once per sample.
    let MixtureShape { components, pinned, .. } = evaluator.shape();
    match (components, pinned) {
        (3, false) => walk::<C, 3, 0>(evaluator, tiles, alphabets),
        (4, false) => walk::<C, 4, 0>(evaluator, tiles, alphabets),
        (5, false) => walk::<C, 5, 0>(evaluator, tiles, alphabets),
        (3, true) => walk::<C, 3, PINNED>(evaluator, tiles, alphabets),
        (4, true) => walk::<C, 4, PINNED>(evaluator, tiles, alphabets),
        (5, true) => walk::<C, 5, PINNED>(evaluator, tiles, alphabets),
        (other, _) => unreachable!("the contract refuses {other} components"),
    }
}

fn walk<C: SampleCoder, const K: usize, const P: usize>(
    evaluator: &mut dyn Evaluator,
    tiles: &mut [ActiveTile<C>],
    alphabets: &[Alphabet],
) -> Result<()> {
    let steps = tiles.iter().map(|tile| tile.samples.steps()).max().unwrap_or(0);
    let repeats = |tile: &ActiveTile<C>| Repeats::new(tile.samples.width(), tile.samples.height());
    let mut repeats: Option<Vec<Repeats>> = evaluator.shape().pinned.then(|| tiles.iter().map(repeats).collect());
    // A tile whose network learns is alone.
    let counts = tiles[0].learning.map(|_| Counts::new(tiles[0].samples.width() * tiles[0].samples.height()));
    let mut batch = Batch { counts, ..Batch::default() };
    for step in 0..steps {
        let first = batch.pixels.len();
        for index in 0..tiles.len() {
            if step >= tiles[index].samples.steps() {
                continue;
            }
            for y in tiles[index].samples.rows(step) {
                let repeats = repeats.as_ref().map(|repeats| &repeats[index]);
                batch.gather(&tiles[index].samples, repeats, (index, TileSamples::column(step, y), y), alphabets);
                if batch.pixels.len() == evaluator.room() {
                    batch.code::<C, K, P>(evaluator, tiles, alphabets)?;
                    batch.clear();
                }
            }
        }
        if C::KNOWS_SAMPLES {
            batch.note(first, tiles, repeats.as_mut());
            if batch.pixels.len() >= ENCODER_BATCH || step + 1 == steps {
                batch.code::<C, K, P>(evaluator, tiles, alphabets)?;
                batch.clear();
            }
        } else {
            batch.code::<C, K, P>(evaluator, tiles, alphabets)?;
            batch.note(first, tiles, repeats.as_mut());
            batch.clear();
        }
    }
    Ok(())
}

/// The pixels of one network call.
#[derive(Debug, Default)]
struct Batch {
    pixels: Vec<(Place, [i32; MAX_CHANNELS])>,
    /// For each pixel, if the network has pinned components.
    found: Vec<Found>,
    contexts: Vec<i16>,
    outputs: Vec<i16>,
    /// If the network learns.
    counts: Option<Counts>,
}

impl Batch {
    /// Adds a pixel and its context.
    fn gather(&mut self, tile: &TileSamples, repeats: Option<&Repeats>, place: Place, alphabets: &[Alphabet]) {
        let (_, x, y) = place;
        let (predictions, found) = local::push_context(tile, repeats, (x, y), alphabets, &mut self.contexts);
        self.pixels.push((place, predictions));
        self.found.extend(found);
    }

    /// Evaluates the network on the gathered pixels and codes their samples.
    fn code<C: SampleCoder, const K: usize, const P: usize>(
        &mut self,
        evaluator: &mut dyn Evaluator,
        tiles: &mut [ActiveTile<C>],
        alphabets: &[Alphabet],
    ) -> Result<()> {
        if self.pixels.is_empty() {
            return Ok(());
        }
        evaluator.run(&self.contexts, &mut self.outputs)?;
        let shape = evaluator.shape();
        let learning = evaluator.learner().is_some();
        let mut outputs = vec![0; shape.outputs()];
        for (index, &((tile, x, y), predictions)) in self.pixels.iter().enumerate() {
            outputs.iter_mut().zip(outputs_of(&self.outputs, shape.outputs(), index)).for_each(|(to, from)| *to = from);
            let ActiveTile { samples, coder, .. } = &mut tiles[tile];
            let candidates = self.found.get(index).map_or(&[][..], |found| &found.candidates);
            let candidates = candidates.first_chunk().expect("candidates for all pinned components");
            let mut mixture = PixelMixture::<K, P>::new(shape.channels, &outputs, candidates);
            let mut head = learning.then(HeadGradient::<K>::new);
            for (channel, (&prediction, &alphabet)) in predictions.iter().zip(alphabets).enumerate() {
                mixture.next_channel(prediction, alphabet);
                let known = samples.pixel(x, y)[channel];
                let guess = || if C::KNOWS_SAMPLES { known.into() } else { mixture.guess(alphabet) };
                let (sample, edges) = match &mut self.counts {
                    None => coder.code(mixture.cdf(alphabet), guess),
                    Some(counts) => {
                        let contexts = Contexts::of(samples, (x, y), channel);
                        counts.code(coder, mixture.cdf(alphabet), &contexts, known.into())
                    }
                };
                if let Some(head) = &mut head {
                    head.observe(channel, mixture.components(), &edges, (sample, prediction), alphabet);
                    if channel + 1 == shape.channels {
                        mixture.weigh(sample, &edges);
                    }
                }
                mixture.observe(sample, prediction, &edges);
                if !C::KNOWS_SAMPLES {
                    samples.set(x, y, channel, sample as u16);
                }
            }
            if let (Some(head), Some(learner)) = (head, evaluator.learner()) {
                head.errors(mixture.components(), shape.channels, &outputs, learner.errors(index));
            }
        }
        if let Some(learner) = evaluator.learner() {
            learner.advance(self.pixels.len());
        }
        Ok(())
    }

    /// Learns the repeats of the pixels from `first` on, those of one step.
    fn note<C>(&self, first: usize, tiles: &[ActiveTile<C>], repeats: Option<&mut Vec<Repeats>>) {
        let Some(repeats) = repeats else { return };
        for (&((tile, x, y), _), found) in self.pixels[first..].iter().zip(&self.found[first..]) {
            let (samples, repeats) = (&tiles[tile].samples, &mut repeats[tile]);
            match samples.channels() {
                1 => repeats.note::<1>(samples, x, y, found),
                _ => repeats.note::<3>(samples, x, y, found),
            }
        }
    }

    fn clear(&mut self) {
        self.pixels.clear();
        self.found.clear();
        self.contexts.clear();
    }
}

#[cfg(test)]
mod tests;
