//! Exact learning while coding: after each chunk of pixels, encoder and decoder make the same update to the network's
//! weights, from the pixels just coded. Input: contexts, and the errors of the coded samples. Output: network outputs,
//! as from [`Network`](crate::infer::session::Network), but the network changes. Format: section "Learning".
//!
//! This is dynamic evaluation (Krause et al. 2018), which NNCP (Bellard 2019) brought to lossless compression, with the
//! sign updates of Lion (Chen et al. 2023). All arithmetic is on integers: factors have 16 bits, sums 32. All sums stay
//! below 2^24, so float32 would be exact, too:
//!
//! * the network itself, by the contract's bound on rows, which every update keeps;
//! * errors times weights: `255 * 127 * 2^lift * rows < 2^23`, see [`LearningLayer::new`];
//! * errors times inputs, summed over a chunk: `255 * 255 * 256 < 2^24`.
//!
//! The products are computed by the [kernel](crate::infer::kernel), not by ONNX Runtime: weights that change with every
//! chunk would have to be inputs of the graph, packed again in each call, and the graph has no place for the products of
//! the update.

mod biases;
mod layer;
pub(crate) mod offsets;
mod parameters;
mod steps;

use self::layer::{LearningLayer, Scratch};
use crate::base::error::Result;
use crate::base::stop::Stop;
use crate::context::normalized;
use crate::entropy::lanes::Lanes;
use crate::entropy::mixture::MixtureShape;
use crate::infer::kernel::padded;
use crate::infer::{Evaluator, LANES};
use crate::model::adaptation::Learning;
use crate::model::contract::{CheckedModel, Layer};

/// A network that learns from a single tile.
#[derive(Debug)]
pub(crate) struct Learner {
    shape: MixtureShape,
    chunk: usize,
    layers: Vec<LearningLayer>,
    /// The inputs of each layer, and the outputs of the last, with axes (pixel, padded inputs). In an odd chunk, a pixel
    /// of zeros follows.
    activations: Vec<Vec<i16>>,
    /// The errors of each layer's rows, with axes (pixel, padded rows).
    errors: Vec<Vec<i16>>,
    scratch: Scratch,
    /// Pixels of the chunk that are already coded.
    coded: usize,
    /// Cancels runs.
    stop: Stop,
    /// After each update: a digest of all parameters, and whether they keep the contract.
    #[cfg(test)]
    pub updates: Vec<(u64, bool)>,
}

impl Learner {
    /// A network that starts with the weights of a model; its contexts are normalised.
    pub fn new(model: &CheckedModel, learning: Learning) -> Self {
        let chunk = usize::from(learning.chunk);
        let last = model.layers.len() - 1;
        let layer = |(index, layer): (usize, &Layer)| {
            let output = (index == last).then_some(model.shape);
            LearningLayer::new(layer, index == 0, output, learning)
        };
        let mut layers: Vec<_> = model.layers.iter().enumerate().map(layer).collect();
        layers[0].flags = model.context_size() - normalized::CLASSES;
        let even = chunk.next_multiple_of(2);
        let errors: Vec<_> = layers.iter().map(|layer| vec![0; even * padded(layer.rows)]).collect();
        let contexts = vec![0; even * padded(model.context_size())];
        let activations = std::iter::once(contexts).chain(errors.clone()).collect();
        Self {
            shape: model.shape,
            chunk,
            layers,
            activations,
            errors,
            scratch: Scratch::default(),
            coded: 0,
            stop: Stop::default(),
            #[cfg(test)]
            updates: Vec::new(),
        }
    }

    /// The same learner, cancelled by `stop`.
    pub fn stopped_by(self, stop: &Stop) -> Self {
        Self { stop: stop.clone(), ..self }
    }

    /// The place for the errors of a pixel, counted from the first of the last [`run`](Self::run).
    pub fn errors(&mut self, pixel: usize) -> &mut [i16] {
        let outputs = self.shape.outputs();
        let errors = self.errors.last_mut().expect("a network has a layer");
        &mut errors[(self.coded + pixel) * padded(outputs)..][..outputs]
    }

    /// Whether all rows keep the bound that makes them exact in float32.
    #[cfg(any(test, fuzzing))]
    pub fn keeps_contract(&self) -> bool {
        let magnitudes = |word: i32| [word as i16, (word >> 16) as i16].map(|weight| i64::from(weight).abs());
        self.layers.iter().all(|layer| {
            let mut sums: Vec<_> = layer.used_biases.iter().map(|&bias| i64::from(bias).abs()).collect();
            for words in layer.used_weights.chunks_exact(sums.len() / LANES) {
                for (sum, &word) in sums.iter_mut().zip(words.iter().flat_map(|words| &words.0)) {
                    let magnitudes = magnitudes(word);
                    if magnitudes.iter().any(|&magnitude| magnitude > layer::WEIGHT_MAX.into()) {
                        return false;
                    }
                    *sum += layer.input_max * magnitudes.iter().sum::<i64>();
                }
            }
            sums.iter().all(|&sum| sum < crate::model::contract::EXACT)
        })
    }

    /// A digest of values, momenta, and the rounded weights and biases.
    #[cfg(test)]
    fn digest(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        for layer in &self.layers {
            for parameters in [&layer.weights, &layer.biases.offsets] {
                (&parameters.values, &parameters.momenta).hash(&mut hasher);
            }
            layer.used_biases.hash(&mut hasher);
            for used in [&layer.used_weights, &layer.lifted] {
                used.iter().for_each(|words| words.0.hash(&mut hasher));
            }
        }
        hasher.finish()
    }

    /// Advances by this many pixels, whose errors are set; after a whole chunk, the network learns.
    pub fn advance(&mut self, pixels: usize) {
        self.coded += pixels;
        if self.coded < self.chunk {
            return;
        }
        self.coded = 0;
        for (index, layer) in self.layers.iter_mut().enumerate().rev() {
            let (before, errors) = self.errors.split_at_mut(index);
            let (inputs, scratch) = (&self.activations[index], &mut self.scratch);
            if let Some(previous) = before.last_mut() {
                layer.backward(&errors[0], inputs, previous, scratch);
            }
            layer.learn_biases(&errors[0]);
            layer.learn_weights(inputs, &errors[0], scratch);
        }
        #[cfg(test)]
        self.updates.push((self.digest(), self.keeps_contract()));
    }
}

impl Evaluator for Learner {
    fn shape(&self) -> MixtureShape {
        self.shape
    }

    /// Pixels until the next update.
    fn room(&self) -> usize {
        self.chunk - self.coded
    }

    fn run(&mut self, contexts: &[i16], outputs: &mut Vec<i16>) -> Result<()> {
        self.stop.check()?;
        let columns = self.layers[0].inputs;
        let pixels = contexts.len() / columns;
        let range = |columns: usize| self.coded * padded(columns)..(self.coded + pixels) * padded(columns);
        let rows = self.activations[0][range(columns)].chunks_exact_mut(padded(columns));
        for (row, context) in rows.zip(contexts.chunks_exact(columns)) {
            row[..columns].copy_from_slice(context);
        }
        for (index, layer) in self.layers.iter().enumerate() {
            let (before, after) = self.activations.split_at_mut(index + 1);
            layer.forward(&before[index][range(layer.inputs)], &mut after[0][range(layer.rows)], &mut self.scratch);
        }
        let last = self.activations.last().expect("a network has a layer");
        let size = self.shape.outputs();
        outputs.clear();
        outputs.resize(pixels.next_multiple_of(LANES) * size, 0);
        for (pixel, row) in last[range(size)].chunks_exact(padded(size)).enumerate() {
            let block = outputs[pixel / LANES * size * LANES..].as_chunks_mut::<LANES>().0;
            block.iter_mut().zip(&row[..size]).for_each(|(lanes, &output)| lanes[pixel % LANES] = output);
        }
        Ok(())
    }

    fn learns(&self) -> bool {
        true
    }

    fn learn(&mut self, errors: &[Lanes<i32>], pixels: usize) {
        let outputs = self.shape.outputs();
        for pixel in 0..pixels {
            let block = &errors[pixel / LANES * outputs..][..outputs];
            let lane = block.iter().map(|row| row[pixel % LANES] as i16);
            self.errors(pixel).iter_mut().zip(lane).for_each(|(to, error)| *to = error);
        }
        self.advance(pixels);
    }
}

#[cfg(test)]
mod tests;
