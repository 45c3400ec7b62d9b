//! The autoregressive family: one walk over tiles in coding order, for encoder and decoder alike.
//!
//! Input: tiles and their sample coders. At each step of the coding order the contexts of all pixels of the
//! step, over all tiles of the group, go through the network together; then each sample is coded under its
//! mixture. Encoder and decoder differ in the [`SampleCoder`] alone. Format: section "Coding order".
//!
//! The network is PixelCNN (van den Oord et al. 2016) with a local context and 1x1 layers after the first, as
//! in NeLLoC (Zhang et al. 2021).

use crate::ans::SampleCoder;
use crate::error::Result;
use crate::mixture::{MAX_CHANNELS, MAX_COMPONENTS, PixelMixture};
use crate::network::Network;
use crate::tile::{REACH, TileSamples};

/// Pixels that the encoder, which knows all samples, gathers into one network call.
const ENCODER_BATCH: usize = 1024;

/// A tile on its way through the walk.
#[derive(Debug)]
pub(crate) struct ActiveTile<C> {
    pub samples: TileSamples,
    pub coder: C,
}

/// A pixel of a batch: its tile and place.
type Place = (usize, usize, usize);

/// Codes all samples of a group of tiles, in lockstep. All tiles have as many channels as the network.
///
/// How tiles are grouped changes the speed, not the result. `depth` is in bits per sample.
pub(crate) fn code_tiles<C: SampleCoder>(network: &mut Network, tiles: &mut [ActiveTile<C>], depth: u32) -> Result<()> {
    // The number of components is known to the compiler in all that runs once per sample.
    match network.model().shape.components {
        1 => walk::<C, 1>(network, tiles, depth),
        2 => walk::<C, 2>(network, tiles, depth),
        3 => walk::<C, 3>(network, tiles, depth),
        4 => walk::<C, 4>(network, tiles, depth),
        5 => walk::<C, 5>(network, tiles, depth),
        6 => walk::<C, 6>(network, tiles, depth),
        7 => walk::<C, 7>(network, tiles, depth),
        8 => walk::<C, 8>(network, tiles, depth),
        9 => walk::<C, 9>(network, tiles, depth),
        MAX_COMPONENTS => walk::<C, MAX_COMPONENTS>(network, tiles, depth),
        other => unreachable!("the contract refuses {other} components"),
    }
}

fn walk<C: SampleCoder, const K: usize>(network: &mut Network, tiles: &mut [ActiveTile<C>], depth: u32) -> Result<()> {
    let steps = tiles.iter().map(|tile| tile.samples.steps()).max().unwrap_or(0);
    let mut batch = Batch::default();
    for step in 0..steps {
        for (index, tile) in tiles.iter().enumerate().filter(|(_, tile)| step < tile.samples.steps()) {
            for y in tile.samples.rows(step) {
                batch.gather(&tile.samples, (index, TileSamples::column(step, y), y), depth);
            }
        }
        if !C::KNOWS_SAMPLES || batch.places.len() >= ENCODER_BATCH || step + 1 == steps {
            batch.code::<C, K>(network, tiles, depth)?;
        }
    }
    Ok(())
}

/// The pixels of one network call.
#[derive(Debug, Default)]
struct Batch {
    places: Vec<Place>,
    predictions: Vec<[i32; MAX_CHANNELS]>,
    contexts: Vec<f32>,
    outputs: Vec<i16>,
}

impl Batch {
    /// Adds a pixel and its context.
    fn gather(&mut self, tile: &TileSamples, place: Place, depth: u32) {
        let (_, x, y) = place;
        let predictions = match tile.channels() {
            1 => self.push_context::<1, 7, 3>(tile, x, y, depth),
            _ => self.push_context::<3, 21, 9>(tile, x, y, depth),
        };
        self.places.push(place);
        self.predictions.push(predictions);
    }

    /// Appends the context of a pixel of `C` channels, and returns its predictions. The context: the taps in
    /// raster order, channels interleaved, each less the prediction of its channel; then each prediction less
    /// half the range; all in units of 8-bit samples. A row has `ABOVE` samples of taps above, `LEFT` to the left.
    fn push_context<const C: usize, const ABOVE: usize, const LEFT: usize>(
        &mut self,
        tile: &TileSamples,
        x: usize,
        y: usize,
        depth: u32,
    ) -> [i32; MAX_CHANNELS] {
        let predictions: [i32; C] = std::array::from_fn(|channel| tile.predict(x, y, channel));
        // One prediction per sample of a row, so that whole rows are subtracted at once.
        let repeated: [i32; ABOVE] = std::array::from_fn(|i| predictions[i % C]);
        let shift = depth - 8;
        let relative = |tap: u16, prediction: i32| ((i32::from(tap) - prediction) >> shift) as f32;
        for row in 0..REACH {
            let taps: &[u16; ABOVE] = tile.taps(x, y, row);
            let row: [f32; ABOVE] = std::array::from_fn(|i| relative(taps[i], repeated[i]));
            self.contexts.extend_from_slice(&row);
        }
        let taps: &[u16; LEFT] = tile.taps(x, y, REACH);
        let row: [f32; LEFT] = std::array::from_fn(|i| relative(taps[i], repeated[i]));
        self.contexts.extend_from_slice(&row);
        let half = 1 << (depth - 1);
        self.contexts.extend_from_slice(&predictions.map(|p| ((p - half) >> shift) as f32));
        std::array::from_fn(|channel| if channel < C { predictions[channel] } else { 0 })
    }

    /// Evaluates the network on the gathered pixels and codes their samples; leaves the batch empty.
    fn code<C: SampleCoder, const K: usize>(
        &mut self,
        network: &mut Network,
        tiles: &mut [ActiveTile<C>],
        depth: u32,
    ) -> Result<()> {
        if self.places.is_empty() {
            return Ok(());
        }
        network.run(&self.contexts, &mut self.outputs)?;
        let shape = network.model().shape;
        let rows = self.outputs.chunks_exact(shape.outputs());
        for ((&(tile, x, y), predictions), outputs) in self.places.iter().zip(&self.predictions).zip(rows) {
            let ActiveTile { samples, coder } = &mut tiles[tile];
            let mut mixture = PixelMixture::<K>::new(shape.channels, outputs);
            for (channel, &prediction) in predictions[..shape.channels].iter().enumerate() {
                mixture.next_channel(prediction, depth);
                let known = samples.pixel(x, y)[channel];
                let guess = || if C::KNOWS_SAMPLES { known.into() } else { mixture.guess(depth) };
                let (sample, densities) = coder.code(mixture.cdf(depth), guess);
                mixture.observe(sample as i32 - prediction, &densities);
                if !C::KNOWS_SAMPLES {
                    samples.set(x, y, channel, sample as u16);
                }
            }
        }
        self.places.clear();
        self.predictions.clear();
        self.contexts.clear();
        Ok(())
    }
}
