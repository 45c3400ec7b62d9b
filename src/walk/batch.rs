//! The pixels of one network call: contexts are gathered and evaluated together, and samples are coded under the
//! mixtures. Shared by all walks. Format: sections "Mixture", "CDF" and "Streams".

use std::ops::Range;

use crate::base::error::Result;
use crate::context::repeats::Found;
use crate::entropy::ans::SampleCoder;
use crate::entropy::cdf::Alphabet;
use crate::entropy::lanes::{Block, IntervalLanes, LaneMixture, Lanes};
use crate::entropy::mixture::{MAX_CHANNELS, MixtureShape, Normalisation, PINNED, PixelMixture};
use crate::entropy::vectors::Vectors;
use crate::infer::{Evaluator, LANES, outputs_of};
use crate::model::adaptation::Learning;
use crate::tile::TileSamples;
use crate::walk::counts::{Contexts, Counts};

/// A tile that a walk is coding.
#[derive(Debug)]
pub(crate) struct ActiveTile<C> {
    pub samples: TileSamples,
    pub coder: C,
    /// How its network learns, if it does.
    pub learning: Option<Learning>,
}

/// A pixel of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pixel {
    /// The index of its tile; `None` for a [filler](Batch::align).
    pub tile: Option<usize>,
    pub x: usize,
    pub y: usize,
    pub predictions: [i32; MAX_CHANNELS],
    pub normalisation: Normalisation,
}

/// The pixels of one network call.
#[derive(Debug)]
pub(super) struct Batch {
    shape: MixtureShape,
    pub pixels: Vec<Pixel>,
    /// For each pixel, the repeats that were found; empty if the network has no pinned components.
    pub found: Vec<Found>,
    pub contexts: Vec<i16>,
    /// Outputs in blocks of pixels, with axes (block, output, lane).
    pub outputs: Vec<i16>,
    /// Counts, if the samples are coded under a network that learns.
    pub counts: Option<Counts>,
    /// Errors of the outputs in blocks of pixels, with axes (block, output).
    errors: Vec<Lanes<i32>>,
    lanes: Option<BlockCoder>,
}

impl Batch {
    /// An empty batch for mixtures of a shape.
    pub fn new(shape: MixtureShape) -> Self {
        let lanes = (!shape.pinned).then(|| BlockCoder::new(shape));
        let (pixels, found, contexts, outputs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { shape, pixels, found, contexts, outputs, counts: None, errors: Vec::new(), lanes }
    }

    /// Pads the last block, so that the next pixel is in lane 0 of a new block.
    pub fn align(&mut self) {
        let Some(columns) = self.contexts.len().checked_div(self.pixels.len()) else { return };
        let Some(&last) = self.pixels.last() else { return };
        self.pixels.resize(self.pixels.len().next_multiple_of(LANES), Pixel { tile: None, ..last });
        self.contexts.resize(self.pixels.len() * columns, 0);
    }

    /// Evaluates the contexts and codes the samples of all pixels.
    pub fn run<C: SampleCoder>(
        &mut self,
        evaluator: &mut dyn Evaluator,
        tiles: &mut [ActiveTile<C>],
        alphabets: &[Alphabet],
    ) -> Result<()> {
        if !self.pixels.is_empty() {
            evaluator.run(&self.contexts, &mut self.outputs)?;
            self.code(Some(evaluator), tiles, alphabets);
        }
        Ok(())
    }

    /// Codes the samples of all pixels under the outputs. With an evaluator that learns but without counts, samples are
    /// known: it learns from them, and nothing is coded.
    pub fn code<C: SampleCoder>(
        &mut self,
        evaluator: Option<&mut dyn Evaluator>,
        tiles: &mut [ActiveTile<C>],
        alphabets: &[Alphabet],
    ) {
        let learning = evaluator.filter(|evaluator| evaluator.learns());
        let Self { shape, pixels, found, outputs, counts, errors, lanes, .. } = self;
        let one = One { shape: *shape, pixels, found, outputs };
        match (lanes, learning) {
            (Some(lanes), Some(evaluator)) => {
                if let Some(counts) = counts {
                    one.code(0..pixels.len(), Some(counts), tiles, alphabets);
                }
                lanes.errors(pixels, outputs, (&*tiles, alphabets), errors);
                evaluator.learn(errors, pixels.len());
            }
            (Some(lanes), None) if C::KNOWS_SAMPLES => lanes.encode(pixels, outputs, tiles, alphabets),
            (Some(lanes), None) => {
                let mut first = 0;
                for pixels in pixels.chunk_by(|pixel, next| pixel.tile == next.tile) {
                    let range = first..first + pixels.len();
                    first = range.end;
                    let Some(tile) = pixels[0].tile else { continue };
                    if tiles[tile].coder.quantiles().is_some() {
                        let blocks = &outputs[range.start * shape.outputs()..];
                        lanes.decode(pixels, blocks, &mut tiles[tile], alphabets);
                    } else {
                        one.code(range, None, tiles, alphabets);
                    }
                }
            }
            (None, _) => one.code(0..pixels.len(), None, tiles, alphabets),
        }
    }

    /// Removes all pixels.
    pub fn clear(&mut self) {
        self.pixels.clear();
        self.found.clear();
        self.contexts.clear();
        self.outputs.clear();
    }
}

/// Codes blocks of 16 pixels in vector lanes.
#[derive(Debug)]
struct BlockCoder {
    shape: MixtureShape,
    mixture: LaneMixture,
    predictions: [Lanes<i32>; MAX_CHANNELS],
    samples: [Lanes<i32>; MAX_CHANNELS],
    intervals: [IntervalLanes; MAX_CHANNELS],
    signs: Lanes<i32>,
    shifts: Lanes<i32>,
}

impl BlockCoder {
    fn new(shape: MixtureShape) -> Self {
        Self {
            shape,
            mixture: LaneMixture::new(shape, Vectors::best()),
            predictions: [[0; LANES]; MAX_CHANNELS],
            samples: [[0; LANES]; MAX_CHANNELS],
            intervals: [IntervalLanes::default(); MAX_CHANNELS],
            signs: [1; LANES],
            shifts: [0; LANES],
        }
    }

    /// Loads predictions and normalisations of up to 16 pixels.
    fn take(&mut self, pixels: &[Pixel]) {
        for (lane, pixel) in pixels.iter().enumerate() {
            for (predictions, &prediction) in self.predictions.iter_mut().zip(&pixel.predictions) {
                predictions[lane] = prediction;
            }
            (self.signs[lane], self.shifts[lane]) = (pixel.normalisation.sign, pixel.normalisation.shift as i32);
        }
    }

    /// Loads the samples of up to 16 pixels.
    fn take_samples<C>(&mut self, pixels: &[Pixel], tiles: &[ActiveTile<C>]) {
        for (lane, &Pixel { tile, x, y, .. }) in pixels.iter().enumerate() {
            let tile = &tiles[tile.expect("only decoders with lanes align batches")];
            for (samples, &sample) in self.samples.iter_mut().zip(tile.samples.pixel(x, y)) {
                samples[lane] = sample.into();
            }
        }
    }

    /// The errors of the outputs of pixels with known samples, from any tiles; zero in lanes without pixels.
    fn errors<C>(
        &mut self,
        pixels: &[Pixel],
        outputs: &[i16],
        (tiles, alphabets): (&[ActiveTile<C>], &[Alphabet]),
        errors: &mut Vec<Lanes<i32>>,
    ) {
        let (channels, size, (blocks, _)) = (self.shape.channels, self.shape.outputs(), outputs.as_chunks());
        errors.resize(pixels.len().div_ceil(LANES) * size, [0; LANES]);
        let blocks = pixels.chunks(LANES).zip(blocks.chunks_exact(size));
        for ((pixels, outputs), errors) in blocks.zip(errors.chunks_exact_mut(size)) {
            self.take(pixels);
            self.take_samples(pixels, tiles);
            let Self { mixture, predictions, samples, signs, shifts, .. } = self;
            let block = Block { outputs, predictions: &predictions[..channels], signs, shifts };
            mixture.errors(block, alphabets, &samples[..channels], errors);
            errors.iter_mut().for_each(|errors| errors[pixels.len()..].fill(0));
        }
    }

    /// Encodes pixels of any tiles.
    fn encode<C: SampleCoder>(
        &mut self,
        pixels: &[Pixel],
        outputs: &[i16],
        tiles: &mut [ActiveTile<C>],
        alphabets: &[Alphabet],
    ) {
        let (channels, (blocks, _)) = (self.shape.channels, outputs.as_chunks());
        for (pixels, outputs) in pixels.chunks(LANES).zip(blocks.chunks_exact(self.shape.outputs())) {
            self.take(pixels);
            self.take_samples(pixels, tiles);
            let Self { mixture, predictions, samples, intervals, signs, shifts, .. } = self;
            let block = Block { outputs, predictions: &predictions[..channels], signs, shifts };
            mixture.intervals(block, alphabets, &samples[..channels], &mut intervals[..channels]);
            for (lane, pixel) in pixels.iter().enumerate() {
                let coder = &mut tiles[pixel.tile.expect("only decoders with lanes align batches")].coder;
                for (samples, intervals) in samples[..channels].iter().zip(&*intervals) {
                    coder.known(samples[lane] as u32, intervals.lane(lane));
                }
            }
        }
    }

    /// Decodes pixels of one tile, whose coder has one state per lane.
    fn decode<C: SampleCoder>(
        &mut self,
        pixels: &[Pixel],
        outputs: &[i16],
        tile: &mut ActiveTile<C>,
        alphabets: &[Alphabet],
    ) {
        let (channels, (blocks, _)) = (self.shape.channels, outputs.as_chunks());
        for (pixels, outputs) in pixels.chunks(LANES).zip(blocks.chunks_exact(self.shape.outputs())) {
            self.take(pixels);
            let Self { mixture, predictions, samples, intervals, signs, shifts, .. } = self;
            let block = Block { outputs, predictions: &predictions[..channels], signs, shifts };
            mixture.start(block);
            for (channel, &alphabet) in alphabets.iter().enumerate() {
                let quantiles = tile.coder.quantiles().expect("a coder with lanes");
                let found = (&mut samples[channel], &mut intervals[channel]);
                mixture.decode(block, (channel, alphabet), (&quantiles, pixels.len()), found);
                tile.coder.pop(&intervals[channel], pixels.len());
                for (lane, (&Pixel { x, y, .. }, &sample)) in pixels.iter().zip(&samples[channel]).enumerate() {
                    tile.samples.set(x, y, channel, sample as u16);
                    tile.coder.note_in_block([channel, y, x], intervals[channel].lane(lane));
                }
            }
        }
    }
}

/// Codes pixels one by one: for tiles with one state, pinned components, and networks that learn.
#[derive(Clone, Copy)]
struct One<'a> {
    shape: MixtureShape,
    pixels: &'a [Pixel],
    found: &'a [Found],
    outputs: &'a [i16],
}

impl One<'_> {
    /// Codes a range of the batch's pixels.
    fn code<C: SampleCoder>(
        self,
        range: Range<usize>,
        counts: Option<&mut Counts>,
        tiles: &mut [ActiveTile<C>],
        alphabets: &[Alphabet],
    ) {
        // Makes the numbers of components compile-time constants in the code that runs once per sample.
        let MixtureShape { components, pinned, .. } = self.shape;
        match (components, pinned) {
            (3, false) => self.code_with::<C, 3, 0>(range, counts, tiles, alphabets),
            (4, false) => self.code_with::<C, 4, 0>(range, counts, tiles, alphabets),
            (5, false) => self.code_with::<C, 5, 0>(range, counts, tiles, alphabets),
            (3, true) => self.code_with::<C, 3, PINNED>(range, counts, tiles, alphabets),
            (4, true) => self.code_with::<C, 4, PINNED>(range, counts, tiles, alphabets),
            (5, true) => self.code_with::<C, 5, PINNED>(range, counts, tiles, alphabets),
            (other, _) => unreachable!("the contract refuses {other} components"),
        }
    }

    fn code_with<C: SampleCoder, const K: usize, const P: usize>(
        self,
        range: Range<usize>,
        mut counts: Option<&mut Counts>,
        tiles: &mut [ActiveTile<C>],
        alphabets: &[Alphabet],
    ) {
        let Self { shape, pixels, found, outputs: blocks } = self;
        let mut outputs = vec![0; shape.outputs()];
        for index in range {
            let Pixel { tile, x, y, predictions, normalisation } = pixels[index];
            let Some(tile) = tile else { continue };
            outputs.iter_mut().zip(outputs_of(blocks, shape.outputs(), index)).for_each(|(to, from)| *to = from);
            let ActiveTile { samples, coder, .. } = &mut tiles[tile];
            let candidates = found.get(index).map_or(&[][..], |found| &found.candidates);
            let candidates = candidates.first_chunk().expect("candidates for all pinned components");
            let mixture = PixelMixture::<K, P>::new(shape.channels, &outputs, candidates);
            let mut mixture = mixture.normalised(normalisation);
            for (channel, (&prediction, &alphabet)) in predictions.iter().zip(alphabets).enumerate() {
                mixture.next_channel(prediction, alphabet);
                let known = samples.pixel(x, y)[channel];
                let guess = || if C::KNOWS_SAMPLES { known.into() } else { mixture.guess(alphabet) };
                let (sample, edges) = match &mut counts {
                    None => coder.code(mixture.cdf(alphabet), guess),
                    Some(counts) => {
                        let contexts = Contexts::of(samples, (x, y), channel);
                        counts.code(coder, mixture.cdf(alphabet), &contexts, known.into())
                    }
                };
                coder.note([channel, y, x]);
                mixture.observe(sample, prediction, &edges);
                if !C::KNOWS_SAMPLES {
                    samples.set(x, y, channel, sample as u16);
                }
            }
        }
    }
}
