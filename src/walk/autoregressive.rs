//! The autoregressive family: one walk over tiles in coding order, for encoder and decoder alike.
//!
//! Input: tiles and their sample coders. At each step of the coding order, the contexts of all pixels of the step, over
//! all tiles of the group, go through the network together; then each sample is coded under its mixture. Only the
//! [`SampleCoder`] differs between encoder and decoder. Format: section "Coding order".
//!
//! The network is PixelCNN (van den Oord et al. 2016) with a local context, and 1x1 layers after the first, as in
//! NeLLoC (Zhang et al. 2021).

use super::batch::{ActiveTile, Batch, Pixel};
use super::counts::Counts;
use crate::base::error::Result;
use crate::context::repeats::Repeats;
use crate::context::{local, normalized};
use crate::entropy::ans::SampleCoder;
use crate::entropy::cdf::Alphabet;
use crate::entropy::mixture::Normalisation;
use crate::infer::Evaluator;
use crate::infer::learner::Learner;
use crate::infer::session::Network;
use crate::tile::TileSamples;

/// Pixels that the encoder, which knows all samples, gathers for one network call.
const ENCODER_BATCH: usize = 1024;

/// Codes all samples of a group of tiles. Consecutive tiles that do not learn are coded in lockstep. All tiles have as
/// many channels as the network, and one alphabet per channel, all of the same depth. A network that learns must not
/// have pinned components.
///
/// The grouping of tiles affects the speed, not the result.
pub(crate) fn code_tiles<C: SampleCoder>(
    network: &mut Network,
    tiles: &mut [ActiveTile<C>],
    alphabets: &[Alphabet],
) -> Result<()> {
    for tiles in tiles.chunk_by_mut(|tile, next| tile.learning.is_none() && next.learning.is_none()) {
        match tiles[0].learning {
            Some(learning) => {
                let mut learner = Learner::new(network.model(), learning).stopped_by(network.stop());
                code_with(&mut learner, tiles, alphabets)?;
            }
            None => code_with(network, tiles, alphabets)?,
        }
    }
    Ok(())
}

/// The number of pixels in each step of a tile; within each, pixels are assigned to lanes.
pub(crate) fn groups(tile: &TileSamples) -> Vec<usize> {
    (0..tile.steps()).map(|step| tile.rows(step).len()).collect()
}

/// Codes all samples of a group of tiles in lockstep; of a single tile if the evaluator learns.
pub(crate) fn code_with<C: SampleCoder>(
    evaluator: &mut dyn Evaluator,
    tiles: &mut [ActiveTile<C>],
    alphabets: &[Alphabet],
) -> Result<()> {
    let steps = tiles.iter().map(|tile| tile.samples.steps()).max().unwrap_or(0);
    let repeats = |tile: &ActiveTile<C>| Repeats::new(tile.samples.width(), tile.samples.height());
    let mut repeats: Option<Vec<Repeats>> = evaluator.shape().pinned.then(|| tiles.iter().map(repeats).collect());
    let mut batch = Batch::new(evaluator.shape());
    // A tile whose network learns is the only one.
    batch.counts = tiles[0].learning.map(|_| Counts::new(tiles[0].samples.width() * tiles[0].samples.height()));
    for step in 0..steps {
        let first = batch.pixels.len();
        for index in 0..tiles.len() {
            if step >= tiles[index].samples.steps() {
                continue;
            }
            if tiles[index].coder.quantiles().is_some() {
                batch.align();
            }
            for y in tiles[index].samples.rows(step) {
                let repeats = repeats.as_ref().map(|repeats| &repeats[index]);
                let place = (index, TileSamples::column(step, y), y);
                gather(&mut batch, &tiles[index].samples, repeats, place, alphabets);
                if batch.pixels.len() == evaluator.room() {
                    batch.run(evaluator, tiles, alphabets)?;
                    batch.clear();
                }
            }
        }
        if C::KNOWS_SAMPLES {
            note(&batch, first, tiles, repeats.as_mut());
            if batch.pixels.len() >= ENCODER_BATCH || step + 1 == steps {
                batch.run(evaluator, tiles, alphabets)?;
                batch.clear();
            }
        } else {
            batch.run(evaluator, tiles, alphabets)?;
            note(&batch, first, tiles, repeats.as_mut());
            batch.clear();
        }
    }
    Ok(())
}

/// Adds the pixel at column `x` of row `y` of a tile, and its context: that of repeats, or the normalised one.
fn gather(
    batch: &mut Batch,
    tile: &TileSamples,
    repeats: Option<&Repeats>,
    (index, x, y): (usize, usize, usize),
    alphabets: &[Alphabet],
) {
    let contexts = &mut batch.contexts;
    let (predictions, normalisation) = match repeats {
        None => normalized::push_context(tile, (x, y), alphabets, contexts),
        Some(repeats) => {
            let (predictions, found) = local::push_context(tile, repeats, (x, y), alphabets, contexts);
            batch.found.push(found);
            (predictions, Normalisation::default())
        }
    };
    batch.pixels.push(Pixel { tile: Some(index), x, y, predictions, normalisation });
}

/// Updates the repeats with the pixels from `first` on, which are those of one step.
fn note<C>(batch: &Batch, first: usize, tiles: &[ActiveTile<C>], repeats: Option<&mut Vec<Repeats>>) {
    let Some(repeats) = repeats else { return };
    for (&Pixel { tile, x, y, .. }, found) in batch.pixels[first..].iter().zip(&batch.found[first..]) {
        let Some(tile) = tile else { continue };
        let (samples, repeats) = (&tiles[tile].samples, &mut repeats[tile]);
        match samples.channels() {
            1 => repeats.note::<1>(samples, x, y, found),
            _ => repeats.note::<3>(samples, x, y, found),
        }
    }
}

#[cfg(test)]
mod tests;
