//! The autoregressive family: one walk over tiles in coding order, for encoder and decoder alike.
//!
//! Input: tiles and their sample coders. At each step of the coding order the contexts of all pixels of the
//! step, over all tiles of the group, go through the network together; then each sample is coded under its
//! mixture. Encoder and decoder differ in the [`SampleCoder`] alone. Format: section "Coding order".
//!
//! The network is PixelCNN (van den Oord et al. 2016) with a local context and 1x1 layers after the first, as
//! in NeLLoC (Zhang et al. 2021).

use crate::ans::{Encoder, SampleCoder};
use crate::cdf::Alphabet;
use crate::error::Result;
use crate::learning::counts::{Contexts, Counts};
use crate::learning::gradient::HeadGradient;
use crate::learning::{Learner, Learning};
use crate::mixture::{MAX_CHANNELS, MAX_COMPONENTS, MixtureShape, PixelMixture};
use crate::moves::Moves;
use crate::network::Network;
use crate::network::contract::CheckedModel;
use crate::repeats::{CANDIDATES, Found, Repeats};
use crate::tile::{REACH, TileSamples};

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

/// A pixel of a batch: its tile and place.
type Place = (usize, usize, usize);

/// What evaluates contexts.
enum Predictor<'a> {
    /// A network as it is.
    Fixed(&'a mut Network),
    /// A network that learns from what is coded, of one tile.
    Learning(Box<Learner>),
}

impl Predictor<'_> {
    fn shape(&self) -> MixtureShape {
        match self {
            Self::Fixed(network) => network.model().shape,
            Self::Learning(learner) => learner.shape(),
        }
    }

    /// Pixels that may be gathered before they have to be coded.
    fn room(&self) -> usize {
        match self {
            Self::Fixed(_) => usize::MAX,
            Self::Learning(learner) => learner.room(),
        }
    }

    fn run(&mut self, contexts: &[f32], outputs: &mut Vec<i16>) -> Result<()> {
        match self {
            Self::Fixed(network) => network.run(contexts, outputs),
            Self::Learning(learner) => {
                learner.run(contexts, outputs);
                Ok(())
            }
        }
    }
}

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
        let mut predictor = match tiles[0].learning {
            Some(learning) => Predictor::Learning(Box::new(Learner::new(network.model(), learning))),
            None => Predictor::Fixed(&mut *network),
        };
        with_components(&mut predictor, tiles, alphabets)?;
    }
    Ok(())
}

/// What is added to a network's biases when they learn from tiles, in lockstep; `None` if there is too little to learn from.
pub(crate) fn learn_biases(
    model: &CheckedModel,
    tiles: &mut [ActiveTile<Encoder>],
    alphabets: &[Alphabet],
) -> Result<Option<Moves>> {
    let pixels = tiles.iter().map(|tile| tile.samples.width() * tile.samples.height()).sum();
    let mut predictor = Predictor::Learning(Box::new(Learner::of_biases(model, pixels)));
    with_components(&mut predictor, tiles, alphabets)?;
    let Predictor::Learning(learner) = predictor else { unreachable!("it was made above") };
    Ok(learner.moves(model))
}

fn with_components<C: SampleCoder>(
    predictor: &mut Predictor<'_>,
    tiles: &mut [ActiveTile<C>],
    alphabets: &[Alphabet],
) -> Result<()> {
    // The numbers of components are known to the compiler in all that runs once per sample.
    match predictor.shape().components {
        1 => with_pinned::<C, 1>(predictor, tiles, alphabets),
        2 => with_pinned::<C, 2>(predictor, tiles, alphabets),
        3 => with_pinned::<C, 3>(predictor, tiles, alphabets),
        4 => with_pinned::<C, 4>(predictor, tiles, alphabets),
        5 => with_pinned::<C, 5>(predictor, tiles, alphabets),
        6 => with_pinned::<C, 6>(predictor, tiles, alphabets),
        7 => with_pinned::<C, 7>(predictor, tiles, alphabets),
        8 => with_pinned::<C, 8>(predictor, tiles, alphabets),
        9 => with_pinned::<C, 9>(predictor, tiles, alphabets),
        MAX_COMPONENTS => with_pinned::<C, MAX_COMPONENTS>(predictor, tiles, alphabets),
        other => unreachable!("the contract refuses {other} components"),
    }
}

fn with_pinned<C: SampleCoder, const K: usize>(
    predictor: &mut Predictor<'_>,
    tiles: &mut [ActiveTile<C>],
    alphabets: &[Alphabet],
) -> Result<()> {
    if predictor.shape().pinned {
        walk::<C, K, CANDIDATES>(predictor, tiles, alphabets)
    } else {
        walk::<C, K, 0>(predictor, tiles, alphabets)
    }
}

fn walk<C: SampleCoder, const K: usize, const P: usize>(
    predictor: &mut Predictor<'_>,
    tiles: &mut [ActiveTile<C>],
    alphabets: &[Alphabet],
) -> Result<()> {
    let steps = tiles.iter().map(|tile| tile.samples.steps()).max().unwrap_or(0);
    let repeats = |tile: &ActiveTile<C>| Repeats::new(tile.samples.width(), tile.samples.height());
    let mut repeats: Option<Vec<Repeats>> = predictor.shape().pinned.then(|| tiles.iter().map(repeats).collect());
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
                if batch.pixels.len() == predictor.room() {
                    batch.code::<C, K, P>(predictor, tiles, alphabets)?;
                    batch.clear();
                }
            }
        }
        if C::KNOWS_SAMPLES {
            batch.note(first, tiles, repeats.as_mut());
            if batch.pixels.len() >= ENCODER_BATCH || step + 1 == steps {
                batch.code::<C, K, P>(predictor, tiles, alphabets)?;
                batch.clear();
            }
        } else {
            batch.code::<C, K, P>(predictor, tiles, alphabets)?;
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
    contexts: Vec<f32>,
    outputs: Vec<i16>,
    /// If the network learns.
    counts: Option<Counts>,
}

impl Batch {
    /// Adds a pixel and its context.
    fn gather(&mut self, tile: &TileSamples, repeats: Option<&Repeats>, place: Place, alphabets: &[Alphabet]) {
        let predictions = match tile.channels() {
            1 => self.push_context::<1, 7, 3>(tile, repeats, place, alphabets),
            _ => self.push_context::<3, 21, 9>(tile, repeats, place, alphabets),
        };
        self.pixels.push((place, predictions));
    }

    /// Appends the context of a pixel of `C` channels, and returns its predictions. The context: the taps in
    /// raster order, channels interleaved, each less the prediction of its channel; then each prediction less
    /// half the range; all in units of 8-bit samples; then what repeats tell. A row has `ABOVE` samples of taps above,
    /// `LEFT` to the left.
    fn push_context<const C: usize, const ABOVE: usize, const LEFT: usize>(
        &mut self,
        tile: &TileSamples,
        repeats: Option<&Repeats>,
        (_, x, y): Place,
        alphabets: &[Alphabet],
    ) -> [i32; MAX_CHANNELS] {
        let predictions: [i32; C] = std::array::from_fn(|channel| tile.predict(x, y, channel));
        // One prediction per sample of a row, so that whole rows are subtracted at once.
        let repeated: [i32; ABOVE] = std::array::from_fn(|i| predictions[i % C]);
        let alphabet = alphabets[0]; // the depth is the same for all
        let relative = |tap: u16, prediction: i32| alphabet.to_eight_bits(i32::from(tap) - prediction) as f32;
        for row in 0..REACH {
            let taps: &[u16; ABOVE] = tile.taps(x, y, row);
            let row: [f32; ABOVE] = std::array::from_fn(|i| relative(taps[i], repeated[i]));
            self.contexts.extend_from_slice(&row);
        }
        let taps: &[u16; LEFT] = tile.taps(x, y, REACH);
        let row: [f32; LEFT] = std::array::from_fn(|i| relative(taps[i], repeated[i]));
        self.contexts.extend_from_slice(&row);
        let half = 1 << (alphabet.depth - 1);
        self.contexts.extend_from_slice(&predictions.map(|p| alphabet.to_eight_bits(p - half) as f32));
        if let Some(repeats) = repeats {
            let found = repeats.find::<C>(tile, x, y, alphabets);
            repeats.push_context((x, y), &found, predictions, alphabets, &mut self.contexts);
            self.found.push(found);
        }
        std::array::from_fn(|channel| if channel < C { predictions[channel] } else { 0 })
    }

    /// Evaluates the network on the gathered pixels and codes their samples.
    fn code<C: SampleCoder, const K: usize, const P: usize>(
        &mut self,
        predictor: &mut Predictor<'_>,
        tiles: &mut [ActiveTile<C>],
        alphabets: &[Alphabet],
    ) -> Result<()> {
        if self.pixels.is_empty() {
            return Ok(());
        }
        predictor.run(&self.contexts, &mut self.outputs)?;
        let shape = predictor.shape();
        let learning = matches!(predictor, Predictor::Learning(_));
        let rows = self.outputs.chunks_exact(shape.outputs());
        for (index, (&((tile, x, y), predictions), outputs)) in self.pixels.iter().zip(rows).enumerate() {
            let ActiveTile { samples, coder, .. } = &mut tiles[tile];
            let candidates = self.found.get(index).map_or(&[][..], |found| &found.candidates);
            let candidates = candidates.first_chunk().expect("candidates for all pinned components");
            let mut mixture = PixelMixture::<K, P>::new(shape.channels, outputs, candidates);
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
            if let (Some(head), Predictor::Learning(learner)) = (head, &mut *predictor) {
                head.errors(mixture.components(), shape.channels, outputs, learner.errors(index));
            }
        }
        if let Predictor::Learning(learner) = predictor {
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
