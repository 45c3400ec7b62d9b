//! The layers of a network, arranged for an instruction set.

use super::driver::Job;
use super::{Instructions, LANES, Scratch};
use crate::model::contract::Layer;
use crate::model::precision::Precision;

/// A network whose weights are arranged for the instructions of this processor. Threads share it.
#[derive(Debug)]
pub(crate) struct Packed {
    instructions: Instructions,
    precision: Precision,
    pub(super) layers: Vec<PackedLayer>,
    context_size: usize,
}

/// A layer, its rows filled up with zeros to whole tiles.
#[derive(Debug)]
pub(super) struct PackedLayer {
    /// Words with the weights of one row for one group of inputs: (tile, group, row of the tile).
    pub weights: Vec<i32>,
    /// Groups of inputs.
    pub groups: usize,
    /// Rows that are no filling.
    pub rows: usize,
    pub biases: Vec<i32>,
    pub shifts: Vec<i32>,
}

impl Packed {
    /// For the instructions that [`Instructions::detect`] finds.
    pub fn new(layers: &[Layer], precision: Precision) -> Self {
        Self::with_instructions(layers, precision, Instructions::detect())
    }

    pub fn with_instructions(layers: &[Layer], precision: Precision, instructions: Instructions) -> Self {
        // The operations are safe with instructions that the processor has.
        assert!(instructions.is_available(), "these instructions are not there");
        assert!(!layers.is_empty(), "a network has layers");
        let (group, tile_rows) = (instructions.group(precision), instructions.tile_rows());
        let mut packed: Vec<_> = layers.iter().map(|layer| PackedLayer::new(layer, group, tile_rows)).collect();
        if group == 4 {
            packed[0].offset_inputs(&layers[0]);
        }
        Self { instructions, precision, layers: packed, context_size: layers[0].weights.nrows() }
    }

    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Contexts of a pixel.
    pub fn context_size(&self) -> usize {
        self.context_size
    }

    /// Outputs of a pixel.
    pub fn output_size(&self) -> usize {
        self.rows(self.layers.len() - 1)
    }

    /// The length of the outputs of so many pixels, with those of the lanes that fill the last block.
    pub fn outputs_of(&self, pixels: usize) -> usize {
        pixels.div_ceil(LANES) * self.output_size() * LANES
    }

    /// Rows of a layer.
    pub(super) fn rows(&self, layer: usize) -> usize {
        self.layers[layer].rows
    }

    pub(super) fn biases(&self) -> Vec<Vec<i32>> {
        self.layers.iter().map(|layer| layer.biases.clone()).collect()
    }

    /// What the inputs, or the outputs, of any layer take.
    pub(super) fn scratch_lanes(&self) -> usize {
        // Contexts are arranged four groups at a time.
        let words = |layer: &PackedLayer| layer.groups.next_multiple_of(4).max(layer.biases.len());
        self.layers.iter().map(words).max().unwrap_or(0) * super::driver::MAX_BLOCKS
    }

    pub(super) fn evaluate(&self, biases: &[Vec<i32>], scratch: &mut Scratch, contexts: &[i16], outputs: &mut [i16]) {
        let job = Job { packed: self, biases, scratch, contexts, outputs };
        self.instructions.run(job);
    }
}

/// What goes through ONNX Runtime as one row of numbers.
#[cfg(feature = "ort")]
impl Packed {
    /// Rows of all layers.
    pub fn total_rows(&self) -> usize {
        self.layers.iter().map(|layer| layer.rows).sum()
    }

    /// Numbers of all rows, by layer.
    pub fn by_layer(&self, mut numbers: &[i32]) -> Vec<Vec<i32>> {
        let next = |layer: &PackedLayer| numbers.split_off(..layer.rows).expect("a number for each row").to_vec();
        self.layers.iter().map(next).collect()
    }
}

impl PackedLayer {
    fn new(layer: &Layer, group: usize, tile_rows: usize) -> Self {
        let (inputs, rows) = layer.weights.dim();
        let (groups, padded) = (inputs.div_ceil(group), rows.next_multiple_of(tile_rows));
        let weight = |input: usize, row: usize| layer.weights.get((input, row)).copied().unwrap_or(0);
        let word = |at: usize, row: usize| {
            let bits = 32 / group;
            let part = |i: usize| (i32::from(weight(at * group + i, row)) & ((1 << bits) - 1)) << (i * bits);
            (0..group).fold(0, |word, i| word | part(i))
        };
        let tile = |first: usize| (0..groups).flat_map(move |at| (first..first + tile_rows).map(move |row| (at, row)));
        let weights = (0..padded).step_by(tile_rows).flat_map(tile).map(|(at, row)| word(at, row)).collect();
        let mut biases = layer.biases.clone();
        biases.resize(padded, 0);
        let mut shifts: Vec<i32> = layer.shifts.iter().map(|&shift| shift as i32).collect();
        shifts.resize(padded, 0);
        Self { weights, groups, rows, biases, shifts }
    }

    /// Has the biases take back that all inputs are 128 more than they were.
    fn offset_inputs(&mut self, layer: &Layer) {
        for (bias, weights) in self.biases.iter_mut().zip(layer.weights.columns()) {
            *bias -= 128 * weights.iter().map(|&weight| i32::from(weight)).sum::<i32>();
        }
    }
}
