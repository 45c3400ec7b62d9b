//! Exact learning while coding: after each chunk of pixels, encoder and decoder make the same update to the network's
//! weights, from the pixels just coded. Input: contexts, and the errors of the coded samples. Output: network outputs,
//! as from [`Network`](crate::infer::session::Network), but the network changes. Format: section "Learning".
//!
//! This is dynamic evaluation (Krause et al. 2018), which NNCP (Bellard 2019) brought to lossless compression, with the
//! sign updates of Lion (Chen et al. 2023). All arithmetic is on integers. Matrix products carry the integers in
//! float32; all sums stay below 2^24, so they are exact in any order:
//!
//! * the network itself, by the contract's bound on rows, which every update keeps;
//! * errors times weights: `255 * 127 * 2^lift * rows < 2^23`, see [`LearningLayer::new`];
//! * errors times inputs, summed over a chunk: `255 * 256 * 256 < 2^24`, with 11-bit activations narrowed to 8 bits.
//!
//! The products are computed by [`product`], not by ONNX Runtime: weights that change with every chunk would have to be
//! inputs of the graph, packed again in each call, and the graph has no place for the products of the update.

mod biases;
mod layer;
pub(crate) mod offsets;
mod parameters;
mod product;
mod steps;

use self::layer::LearningLayer;
use self::product::padded;
use crate::base::error::Result;
use crate::base::stop::Stop;
use crate::context::{ContextKind, normalized};
use crate::entropy::lanes::Lanes;
use crate::entropy::mixture::MixtureShape;
use crate::infer::{Evaluator, LANES, to_blocks};
use crate::model::adaptation::Learning;
use crate::model::contract::{CheckedModel, Layer};

/// A network that learns from a single tile.
#[derive(Debug)]
pub(crate) struct Learner {
    shape: MixtureShape,
    context: ContextKind,
    chunk: usize,
    layers: Vec<LearningLayer>,
    /// The inputs of each layer, and the outputs of the last, with axes (chunk, padded inputs).
    activations: Vec<Vec<f32>>,
    /// The errors of each layer's rows, with axes (chunk, padded rows).
    errors: Vec<Vec<f32>>,
    /// Pixels of the chunk that are already coded.
    coded: usize,
    /// Cancels runs.
    stop: Stop,
    /// After each update: a digest of all parameters, and whether they keep the contract.
    #[cfg(test)]
    pub updates: Vec<(u64, bool)>,
}

impl Learner {
    /// A network that starts with the weights of a model; the model must not have pinned components.
    pub fn new(model: &CheckedModel, learning: Learning) -> Self {
        let chunk = usize::from(learning.chunk);
        let last = model.layers.len() - 1;
        let layer = |(index, layer): (usize, &Layer)| {
            let output = (index == last).then_some(model.shape);
            LearningLayer::new(layer, (index == 0, model.precision()), output, learning)
        };
        let mut layers: Vec<_> = model.layers.iter().enumerate().map(layer).collect();
        if model.context == ContextKind::Normalized {
            layers[0].flags = model.context_size() - normalized::CLASSES;
        }
        let errors: Vec<_> = layers.iter().map(|layer| vec![0.0; chunk * padded(layer.rows)]).collect();
        let contexts = vec![0.0; chunk * padded(model.context_size())];
        let activations = std::iter::once(contexts).chain(errors.clone()).collect();
        Self {
            shape: model.shape,
            context: model.context,
            chunk,
            layers,
            activations,
            errors,
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
    pub fn errors(&mut self, pixel: usize) -> &mut [f32] {
        let outputs = self.shape.outputs();
        let errors = self.errors.last_mut().expect("a network has a layer");
        &mut errors[(self.coded + pixel) * padded(outputs)..][..outputs]
    }

    /// Whether all rows keep the bound that makes them exact in float32.
    #[cfg(any(test, fuzzing))]
    pub fn keeps_contract(&self) -> bool {
        let row = |layer: &LearningLayer, row: usize| {
            let weights = layer.used_weights.iter().skip(row).step_by(padded(layer.rows));
            let sum: f64 = weights.map(|&weight| f64::from(weight).abs()).sum();
            layer.input_max as f64 * sum + f64::from(layer.used_biases[row]).abs()
                < crate::model::contract::EXACT as f64
        };
        let valid = |weight: &f32| weight.abs() <= layer::WEIGHT_MAX as f32 && *weight == weight.trunc();
        self.layers
            .iter()
            .all(|layer| layer.used_weights.iter().all(valid) && (0..layer.rows).all(|index| row(layer, index)))
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
            for used in [&layer.used_weights, &layer.used_biases, &layer.lifted] {
                used.iter().for_each(|value| value.to_bits().hash(&mut hasher));
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
            let inputs = &mut self.activations[index];
            if let Some(previous) = before.last_mut() {
                layer.backward(&errors[0], inputs, previous);
            }
            layer.learn_biases(&errors[0]);
            layer.learn_weights(inputs, &errors[0], self.chunk);
        }
        #[cfg(test)]
        self.updates.push((self.digest(), self.keeps_contract()));
    }
}

impl Evaluator for Learner {
    fn shape(&self) -> MixtureShape {
        self.shape
    }

    fn context(&self) -> ContextKind {
        self.context
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
            row.iter_mut().zip(context).for_each(|(value, &context)| *value = context.into());
        }
        for (index, layer) in self.layers.iter().enumerate() {
            let (before, after) = self.activations.split_at_mut(index + 1);
            layer.forward(&before[index][range(layer.inputs)], &mut after[0][range(layer.rows)]);
        }
        let last = self.activations.last().expect("a network has a layer");
        let size = self.shape.outputs();
        to_blocks(last[range(size)].chunks_exact(padded(size)).map(|row| &row[..size]), size, outputs);
        Ok(())
    }

    fn learns(&self) -> bool {
        true
    }

    fn learn(&mut self, errors: &[Lanes<i32>], pixels: usize) {
        let outputs = self.shape.outputs();
        for pixel in 0..pixels {
            let block = &errors[pixel / LANES * outputs..][..outputs];
            let lane = block.iter().map(|row| row[pixel % LANES] as f32);
            self.errors(pixel).iter_mut().zip(lane).for_each(|(to, error)| *to = error);
        }
        self.advance(pixels);
    }
}

#[cfg(test)]
mod tests;
