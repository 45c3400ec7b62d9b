//! Exact learning while coding: after each chunk of pixels, encoder and decoder take the same step on the network's
//! weights, from the pixels just coded. Input: contexts, and the errors of what was coded. Output: network outputs, as
//! [`Network`](crate::network::Network) gives them, of a network that changes. Format: section "Learning".
//!
//! This is dynamic evaluation (Krause et al. 2018), which NNCP (Bellard 2019) brought to lossless compression, with the
//! sign updates of Lion (Chen et al. 2023). All of it is integer arithmetic. Matrix products carry the integers in
//! float32, and no sum in them reaches 2^24, so that they are exact in any order:
//!
//! * the network itself, by the contract's bound on rows, which every update keeps;
//! * errors times weights: `255 * 127 * 2^lift * rows < 2^23`, see [`LearningLayer::new`];
//! * errors times inputs, over a chunk: `255 * 256 * 256 < 2^24`.
//!
//! The products are those of [`product`], not ONNX Runtime's: weights that change with every chunk would have to be inputs of
//! the graph, packed again in each call, and the products of the update have no place in it.

pub(crate) mod counts;
pub(crate) mod gradient;
mod layer;
mod product;
mod steps;

use self::layer::{FRACTION, LearningLayer};
use self::product::padded;
use self::steps::to_integer;
use crate::mixture::MixtureShape;
use crate::moves::{self, Moves};
use crate::network::contract::{CheckedModel, Layer};

/// How a network learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Learning {
    /// Pixels between two updates.
    pub chunk: u16,
    /// log2 of a step, beside what belongs to layer and row.
    pub step: u8,
    /// Each update takes weights `2^-pull_back` of the way back to those of the model.
    pub pull_back: u8,
}

impl Learning {
    /// How biases alone learn, for an encoder.
    const OF_BIASES: Self = Self { chunk: 64, step: 5, pull_back: 16 };

    /// For a part of so many pixels: few of them need more updates each.
    pub fn for_pixels(pixels: usize) -> Self {
        const FEW: usize = 1 << 15;
        if pixels < FEW { Self { chunk: 64, ..Self::default() } } else { Self::default() }
    }

    /// Whether a file may ask for this. Smaller chunks would let a short file keep a decoder busy.
    pub fn is_allowed(self) -> bool {
        (64..=256).contains(&self.chunk) && self.step <= 8 && (4..=16).contains(&self.pull_back)
    }

    /// Whether a tile of so many pixels has any that are coded after an update. To make a learner for others would be
    /// much work for a short stream.
    pub fn fits(self, pixels: usize) -> bool {
        pixels > self.chunk.into()
    }
}

impl Default for Learning {
    /// The best on photographs that no model was trained on.
    fn default() -> Self {
        Self { chunk: 256, step: 4, pull_back: 10 }
    }
}

/// A network that learns from one tile.
#[derive(Debug)]
pub(crate) struct Learner {
    shape: MixtureShape,
    chunk: usize,
    layers: Vec<LearningLayer>,
    /// What goes into each layer, and what comes out of the last: (chunk, padded inputs).
    activations: Vec<Vec<f32>>,
    /// The errors of each layer's rows: (chunk, padded rows).
    errors: Vec<Vec<f32>>,
    /// Pixels of the chunk that are coded.
    coded: usize,
    /// If only biases learn, what becomes of them.
    averages: Option<Averages>,
    /// After each update: a digest of all parameters, and whether they keep the contract.
    #[cfg(test)]
    pub updates: Vec<(u64, bool)>,
}

/// The averages of what was added to biases, over all updates but the first.
#[derive(Debug)]
struct Averages {
    /// Updates, and those of them that are left out.
    updates: usize,
    left_out: usize,
    /// By layer and row.
    sums: Vec<Vec<i64>>,
}

impl Learner {
    /// A network that starts with the weights of a model, which has no pinned components.
    pub fn new(model: &CheckedModel, learning: Learning) -> Self {
        let chunk = usize::from(learning.chunk);
        let last = model.layers.len() - 1;
        let layer = |(index, layer): (usize, &Layer)| {
            let output = (index == last).then_some(model.shape);
            LearningLayer::new(layer, index == 0, output, learning)
        };
        let layers: Vec<_> = model.layers.iter().enumerate().map(layer).collect();
        let errors: Vec<_> = layers.iter().map(|layer| vec![0.0; chunk * padded(layer.rows)]).collect();
        let contexts = vec![0.0; chunk * padded(model.context_size())];
        let activations = std::iter::once(contexts).chain(errors.clone()).collect();
        Self {
            shape: model.shape,
            chunk,
            layers,
            activations,
            errors,
            coded: 0,
            averages: None,
            #[cfg(test)]
            updates: Vec::new(),
        }
    }

    /// A network whose biases alone learn, from so many pixels, for an encoder to tell the result.
    pub fn of_biases(model: &CheckedModel, pixels: usize) -> Self {
        let updates = pixels / usize::from(Learning::OF_BIASES.chunk);
        let sums = model.layers.iter().map(|layer| vec![0; layer.biases.len()]).collect();
        let averages = Some(Averages { updates: 0, left_out: updates / 2, sums });
        Self { averages, ..Self::new(model, Learning::OF_BIASES) }
    }

    /// What was added to the biases of such a network, on average.
    pub fn moves(&self, model: &CheckedModel) -> Option<Moves> {
        let Averages { updates, left_out, sums } = self.averages.as_ref()?;
        let number = updates.checked_sub(*left_out).filter(|&number| number > 0)? as i64;
        let layer = |((sums, learned), layer): ((&Vec<i64>, &LearningLayer), &Layer)| {
            let unit = |shift: u32| number << (shift + moves::UNIT_BITS + FRACTION - learned.bias_bits);
            let rounded = |(sum, &shift): (&i64, &u32)| (2 * sum + unit(shift)).div_euclid(2 * unit(shift)) as i32;
            sums.iter().zip(&layer.shifts).map(rounded).collect()
        };
        Some(Moves(sums.iter().zip(&self.layers).zip(&model.layers).map(layer).collect()))
    }

    /// What the mixture is made of.
    pub fn shape(&self) -> MixtureShape {
        self.shape
    }

    /// Pixels until the next update: at most so many may be evaluated before they are coded.
    pub fn room(&self) -> usize {
        self.chunk - self.coded
    }

    /// Evaluates rows of contexts, as [`Network::run`](crate::network::Network::run) does.
    pub fn run(&mut self, contexts: &[f32], outputs: &mut Vec<i16>) {
        let columns = self.layers[0].inputs;
        let pixels = contexts.len() / columns;
        let range = |columns: usize| self.coded * padded(columns)..(self.coded + pixels) * padded(columns);
        let rows = self.activations[0][range(columns)].chunks_exact_mut(padded(columns));
        for (row, context) in rows.zip(contexts.chunks_exact(columns)) {
            row[..columns].copy_from_slice(context);
        }
        for (index, layer) in self.layers.iter().enumerate() {
            let (before, after) = self.activations.split_at_mut(index + 1);
            layer.forward(&before[index][range(layer.inputs)], &mut after[0][range(layer.rows)]);
        }
        let last = self.activations.last().expect("a network has a layer");
        let rows = self.shape.outputs();
        outputs.clear();
        for row in last[range(rows)].chunks_exact(padded(rows)) {
            outputs.extend(row[..rows].iter().map(|&output| to_integer(output) as i16));
        }
    }

    /// Where the errors of a pixel belong; pixels are counted from the first of the last [`run`](Self::run).
    pub fn errors(&mut self, pixel: usize) -> &mut [f32] {
        let outputs = self.shape.outputs();
        let errors = self.errors.last_mut().expect("a network has a layer");
        &mut errors[(self.coded + pixel) * padded(outputs)..][..outputs]
    }

    /// Whether all rows are exact in float32.
    #[cfg(any(test, fuzzing))]
    pub fn keeps_contract(&self) -> bool {
        let row = |layer: &LearningLayer, row: usize| {
            let weights = layer.used_weights.iter().skip(row).step_by(padded(layer.rows));
            let sum: f64 = weights.map(|&weight| f64::from(weight).abs()).sum();
            layer.input_max as f64 * sum + f64::from(layer.used_biases[row]).abs()
                < crate::network::contract::EXACT as f64
        };
        let valid = |weight: &f32| weight.abs() <= layer::WEIGHT_MAX as f32 && *weight == weight.trunc();
        self.layers
            .iter()
            .all(|layer| layer.used_weights.iter().all(valid) && (0..layer.rows).all(|index| row(layer, index)))
    }

    /// Of values, momenta, and what the network uses.
    #[cfg(test)]
    fn digest(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        for layer in &self.layers {
            for parameters in [&layer.weights, &layer.moves] {
                (&parameters.values, &parameters.momenta).hash(&mut hasher);
            }
            for used in [&layer.used_weights, &layer.used_biases, &layer.lifted] {
                used.iter().for_each(|value| value.to_bits().hash(&mut hasher));
            }
        }
        hasher.finish()
    }

    /// Goes on behind so many pixels, whose errors are known; after a whole chunk, the network learns.
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
            if self.averages.is_none() {
                layer.learn_weights(inputs, &errors[0], self.chunk);
            }
        }
        #[cfg(test)]
        self.updates.push((self.digest(), self.keeps_contract()));
        let Some(Averages { updates, left_out, sums }) = &mut self.averages else { return };
        *updates += 1;
        if updates > left_out {
            for (sums, layer) in sums.iter_mut().zip(&self.layers) {
                sums.iter_mut().zip(&layer.moves.values).for_each(|(sum, &value)| *sum += i64::from(value));
            }
        }
    }
}

#[cfg(test)]
mod tests;
