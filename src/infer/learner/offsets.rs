//! The search for bias offsets: a network of which only the biases learn, for the encoder to store the result. Input:
//! contexts, and the errors of the outputs. Output: the average change to each bias.
//!
//! Weights stay fixed, so both directions use the [kernel](crate::infer::kernel), with weights that are packed once.
//! All arithmetic is on integers: the result does not depend on the instruction set.

use std::sync::Arc;

use ndarray::Array2;

use super::biases::{Biases, Lifts, backward_shift, lifts};
use super::parameters::{BIAS_BITS, FRACTION, layer_step};
use crate::base::error::Result;
use crate::base::stop::Stop;
use crate::entropy::lanes::Lanes;
use crate::entropy::mixture::MixtureShape;
use crate::infer::kernel::{Backward, Kernel, Packed, Transposed, padded};
use crate::infer::{Evaluator, LANES};
use crate::model::adaptation::Learning;
use crate::model::contract::{CheckedModel, DELTA_MAX, Layer};
use crate::model::offsets::{self, Offsets};

/// A network whose biases learn.
#[derive(Debug)]
pub(crate) struct BiasLearner {
    model: Arc<CheckedModel>,
    kernel: Kernel,
    transposed: Transposed,
    backward: Backward,
    layers: Vec<Biases>,
    chunk: usize,
    /// Pixels of the current chunk already learned from.
    learned: usize,
    /// Number of updates, and of those at the start that are left out of the averages.
    updates: usize,
    left_out: usize,
    /// Sums of the changes to biases over all later updates, by layer and row.
    sums: Vec<Vec<i64>>,
    /// Cancels runs.
    stop: Stop,
}

impl BiasLearner {
    /// A network that starts with the biases of a model, which must not have pinned components; it will learn from
    /// `pixels` pixels.
    pub fn new(model: Arc<CheckedModel>, packed: Arc<Packed>, pixels: usize) -> Self {
        let (learning, last) = (Learning::of_biases(), model.layers.len() - 1);
        let output = |index: usize| (index == last).then_some(model.shape);
        let layer = |(index, layer): (usize, &Layer)| {
            Biases::new(layer, layer_step(index == 0, index == last), output(index), learning)
        };
        let transpose = |(index, layer): (usize, &Layer)| transposed(layer, output(index));
        let transposed: Vec<_> = model.layers.iter().enumerate().skip(1).map(transpose).collect();
        let chunk = usize::from(learning.chunk);
        Self {
            transposed: Transposed::new(&packed, &transposed),
            backward: Backward::new(&packed),
            kernel: Kernel::new(packed),
            layers: model.layers.iter().enumerate().map(layer).collect(),
            chunk,
            learned: 0,
            updates: 0,
            left_out: pixels / chunk / 2,
            sums: model.layers.iter().map(|layer| vec![0; layer.biases.len()]).collect(),
            stop: Stop::default(),
            model,
        }
    }

    /// The same learner, cancelled by `stop`.
    pub fn stopped_by(self, stop: &Stop) -> Self {
        Self { stop: stop.clone(), ..self }
    }

    /// The average changes to the biases; `None` before enough updates.
    pub fn offsets(&self) -> Option<Offsets> {
        let number = self.updates.checked_sub(self.left_out).filter(|&number| number > 0)? as i64;
        let layer = |(sums, layer): (&Vec<i64>, &Layer)| {
            let unit = |shift: u32| number << (shift + offsets::UNIT_BITS + FRACTION - BIAS_BITS);
            let rounded = |(sum, &shift): (&i64, &u32)| {
                let most = DELTA_MAX >> (shift + offsets::UNIT_BITS);
                (2 * sum + unit(shift)).div_euclid(2 * unit(shift)).clamp(-most, most) as i32
            };
            sums.iter().zip(&layer.shifts).map(rounded).collect()
        };
        Some(Offsets(self.sums.iter().zip(&self.model.layers).map(layer).collect()))
    }

    #[cfg(test)]
    pub(super) fn layers(&self) -> &[Biases] {
        &self.layers
    }

    fn update(&mut self) {
        self.updates += 1;
        let mut deltas = Vec::with_capacity(self.layers.len());
        for (index, (layer, averaged)) in self.layers.iter_mut().zip(&mut self.sums).enumerate() {
            let rows = averaged.len();
            let mut sums = vec![0; padded(rows)];
            self.backward.take_sums(index, &mut sums[..rows]);
            layer.learn(&mut sums);
            deltas.push((0..rows).map(|row| layer.delta(row)).collect());
            if self.updates > self.left_out {
                averaged.iter_mut().zip(&layer.offsets.values).for_each(|(sum, &value)| *sum += i64::from(value));
            }
        }
        self.kernel.set_deltas(&deltas);
    }
}

/// The lifted weights of a layer with axes (row, input), and the shift that brings errors back to their size.
fn transposed(layer: &Layer, output: Option<MixtureShape>) -> (Array2<i16>, u32) {
    let lifts = Lifts::new(lifts(layer, output), layer.weights.ncols());
    let mut lifted = layer.weights.mapv(i16::from);
    for mut weights in lifted.rows_mut() {
        lifts.apply(weights.as_slice_mut().expect("rows that lie together"));
    }
    let lifted = lifted.reversed_axes();
    let squares = lifted.iter().map(|weight| u64::from(weight.unsigned_abs()).pow(2)).sum();
    let shift = backward_shift(squares, layer.weights.nrows());
    (lifted, shift)
}

impl Evaluator for BiasLearner {
    fn shape(&self) -> MixtureShape {
        self.model.shape
    }

    /// Pixels whose activations are kept; the size of a chunk is a multiple.
    fn room(&self) -> usize {
        self.kernel.kept_pixels()
    }

    fn run(&mut self, contexts: &[i16], outputs: &mut Vec<i16>) -> Result<()> {
        self.stop.check()?;
        self.kernel.run(contexts, outputs);
        Ok(())
    }

    fn learns(&self) -> bool {
        true
    }

    /// Pixels after the last whole chunk are not learned from.
    fn learn(&mut self, errors: &[Lanes<i32>], pixels: usize) {
        if pixels.is_multiple_of(LANES) {
            self.kernel.backward(&self.transposed, errors, &mut self.backward);
            self.learned += pixels;
            if self.learned >= self.chunk {
                self.learned = 0;
                self.update();
            }
        }
    }
}
