//! Single stages of the codec, for the benchmark `tests/bench/stages.rs`. Not part of the public API.

mod drawn;

pub use self::drawn::drawn;

use std::sync::Arc;

use ndarray::Array2;

use crate::Content;
use crate::entropy::ans::{Decoder, Encoder, SampleCoder};
use crate::entropy::cdf::{Alphabet, CDF_BITS, Component};
use crate::entropy::lanes::{Block, IntervalLanes, LANES, LaneMixture, Lanes};
use crate::entropy::mixture::{MixtureShape, PixelMixture};
use crate::entropy::stack::{LaneStack, Stack};
use crate::entropy::vectors::Vectors;
use crate::infer::kernel::{Kernel, Packed};
use crate::infer::session::{EngineRequest, Network, packed};
use crate::infer::{Evaluator, outputs_of};
use crate::model::contract::Layer;
use crate::model::file::ModelFile;
use crate::model::precision::Precision;

const COMPONENTS: usize = 5;
const EIGHT_BITS: Alphabet = Alphabet { depth: 8, size: 256 };

/// The default colour model of the registry, evaluated on one batch of contexts.
#[derive(Debug)]
pub struct NetworkStage {
    network: Network,
    contexts: Vec<i16>,
    outputs: Vec<i16>,
}

impl NetworkStage {
    /// A batch of `pixels` contexts with small values, evaluated in a session of ONNX Runtime, or by the kernel
    /// `alone`.
    ///
    /// # Panics
    /// If ONNX Runtime is missing.
    #[must_use]
    pub fn new(pixels: usize, alone: bool) -> Self {
        let registered =
            crate::models().iter().find(|model| (model.name, model.content) == ("default", Content::Colour));
        let file = ModelFile::read(registered.expect("a default model").file);
        let file = file.expect("a model that keeps the contract");
        let (model, packed) = (file.networks[0].clone(), packed(&file).remove(0));
        let network = Network::new(model, packed, EngineRequest { few: alone, ..EngineRequest::default() })
            .expect("ONNX Runtime");
        let contexts = (0..pixels * network.model().context_size()).map(|i| (i * i % 31) as i16 - 15).collect();
        Self { network, contexts, outputs: Vec::new() }
    }

    /// Evaluates the batch.
    pub fn run(&mut self) -> &[i16] {
        self.network.run(&self.contexts, &mut self.outputs).expect("a session that passed its test");
        &self.outputs
    }
}

/// The fused kernel on one batch of contexts. `ANSEL_INSTRUCTIONS` limits the instructions.
#[derive(Debug)]
pub struct KernelStage {
    kernel: Kernel,
    contexts: Vec<i16>,
    outputs: Vec<i16>,
}

impl KernelStage {
    /// A network of arbitrary weights, with activations of 8 or 11 bits, and `pixels` contexts with small values.
    #[must_use]
    pub fn new(sizes: &[usize], bits: u32, pixels: usize) -> Self {
        let layer = |side: &[usize]| Layer {
            weights: Array2::from_shape_fn((side[0], side[1]), |(i, row)| ((7 * i + 11 * row) % 41) as i8 - 20),
            biases: (0..side[1]).map(|row| (row * row % 10_001) as i32 - 5000).collect(),
            shifts: vec![6; side[1]],
        };
        let layers: Vec<Layer> = sizes.windows(2).map(layer).collect();
        let precision = if bits == 8 { Precision::Eight } else { Precision::Eleven };
        let kernel = Kernel::new(Arc::new(Packed::new(&layers, precision)));
        let contexts = (0..pixels * sizes[0]).map(|i| (i * i % 31) as i16 - 15).collect();
        Self { kernel, contexts, outputs: Vec::new() }
    }

    /// Evaluates the batch.
    pub fn run(&mut self) -> &[i16] {
        self.kernel.run(&self.contexts, &mut self.outputs);
        &self.outputs
    }
}

/// Codes the samples of pixels under their mixtures, without network and walk.
#[derive(Debug)]
pub struct MixtureStage {
    shape: MixtureShape,
    outputs: Vec<i16>,
    words: Vec<u32>,
}

impl MixtureStage {
    /// Mixtures from the network's outputs on `pixels` contexts, with samples 3 above the prediction.
    ///
    /// # Panics
    /// If ONNX Runtime is missing, or the model's number of components is not that of this stage.
    #[must_use]
    pub fn new(pixels: usize) -> Self {
        let mut network = NetworkStage::new(pixels, true);
        let shape = network.network.model().shape;
        assert_eq!((shape.components, shape.pinned), (COMPONENTS, false));
        let blocks = network.run();
        let row = |pixel| outputs_of(blocks, shape.outputs(), pixel);
        let mut stage = Self { shape, outputs: (0..pixels).flat_map(row).collect(), words: Vec::new() };
        stage.words = stage.encode();
        stage
    }

    fn walk(&self, coder: &mut impl SampleCoder) {
        for row in self.outputs.chunks_exact(self.shape.outputs()) {
            let mut mixture = PixelMixture::<COMPONENTS, 0>::new(self.shape.channels, row, &[]);
            for _ in 0..self.shape.channels {
                mixture.next_channel(128, EIGHT_BITS);
                let (sample, edges) = coder.code(mixture.cdf(EIGHT_BITS), || 131);
                mixture.observe(sample, 128, &edges);
            }
        }
    }

    /// Mixtures, intervals and ANS: the encoder after the network.
    #[must_use]
    pub fn encode(&self) -> Vec<u32> {
        let mut encoder = Encoder::with_capacity(self.outputs.len() / COMPONENTS);
        self.walk(&mut encoder);
        encoder.finish()
    }

    /// Mixtures, searches in the CDF and ANS: the decoder after the network.
    #[must_use]
    pub fn decode(&self) -> f64 {
        let mut decoder = Decoder::new(self.words.clone()).expect("words of the encoder");
        self.walk(&mut decoder);
        decoder.finish().unwrap_or_default()
    }
}

/// [`MixtureStage`] in blocks of 16 pixels, one per vector lane.
#[derive(Debug)]
pub struct LaneStage {
    mixture: LaneMixture,
    channels: usize,
    /// By block, with axes (output, lane).
    blocks: Vec<Vec<Lanes<i16>>>,
    words: Vec<u32>,
}

impl LaneStage {
    /// The pixels of [`MixtureStage`], a multiple of 16. `level` counts from 0; `None` if the processor lacks these
    /// instructions.
    #[must_use]
    pub fn new(pixels: usize, level: usize) -> Option<Self> {
        let stage = MixtureStage::new(pixels);
        let outputs = stage.shape.outputs();
        let block = |rows: &[i16]| (0..outputs).map(|o| std::array::from_fn(|lane| rows[lane * outputs + o])).collect();
        let blocks = stage.outputs.chunks_exact(outputs * LANES).map(block).collect();
        let mixture = LaneMixture::new(stage.shape, *Vectors::all().get(level)?);
        let mut stage = Self { mixture, channels: stage.shape.channels, blocks, words: Vec::new() };
        let intervals = stage.intervals();
        let mut stack = LaneStack::split(Stack::default());
        intervals.iter().rev().for_each(|intervals| stack.push(intervals, LANES));
        stage.words = stack.into_words();
        Some(stage)
    }

    /// The intervals of known samples.
    fn intervals(&mut self) -> Vec<IntervalLanes> {
        let mut intervals = vec![IntervalLanes::default(); self.blocks.len() * self.channels];
        let (predictions, samples) = (vec![[128; LANES]; self.channels], vec![[131; LANES]; self.channels]);
        let alphabets = vec![EIGHT_BITS; self.channels];
        for (outputs, intervals) in self.blocks.iter().zip(intervals.chunks_exact_mut(self.channels)) {
            let block = Block { outputs, predictions: &predictions, signs: &[1; LANES], shifts: &[0; LANES] };
            self.mixture.intervals(block, &alphabets, &samples, intervals);
        }
        intervals
    }

    /// The sum of the probabilities of known samples.
    pub fn encode(&mut self) -> u64 {
        self.intervals().iter().flat_map(|intervals| intervals.probability).map(|p| p as u64).sum()
    }

    /// Searches in the CDF and ANS; returns whether all samples are right.
    pub fn decode(&mut self) -> bool {
        let mut stack = LaneStack::from_words(self.words.clone()).expect("words of the encoder");
        let predictions = vec![[128; LANES]; self.channels];
        let (mut samples, mut intervals, mut right) = ([0; LANES], IntervalLanes::default(), true);
        for outputs in &self.blocks {
            let block = Block { outputs, predictions: &predictions, signs: &[1; LANES], shifts: &[0; LANES] };
            self.mixture.start(block);
            for channel in 0..self.channels {
                let found = (&mut samples, &mut intervals);
                self.mixture.decode(block, (channel, EIGHT_BITS), (&stack.quantiles(), LANES), found);
                stack.pop(&intervals, LANES);
                right &= samples == [131; LANES];
            }
        }
        right && stack.join().is_some_and(|stack| stack.is_empty())
    }
}

/// One CDF of five components.
#[must_use]
pub fn cumulative_counts() -> u64 {
    let component = |k: usize| Component { weight: 200_000, mean: (100 + k as i32) << 10, inverse: 1 << (18 - k) };
    let components: [Component; COMPONENTS] = std::array::from_fn(component);
    let cdf = crate::entropy::cdf::Cdf::new(&components, &[], EIGHT_BITS);
    (0..256).map(|sample| u64::from(cdf.interval(sample).0.left) >> (CDF_BITS / 2)).sum()
}
