//! The layers of a network, laid out for an instruction set.

use ndarray::ArrayView2;

use super::isa::{MAX_BLOCKS, Work};
use super::{Instructions, LANES};
use crate::model::contract::Layer;
use crate::model::precision::Precision;

/// A network whose weights are laid out for this processor's instructions. Shared by threads.
#[derive(Debug)]
pub(crate) struct Packed {
    instructions: Instructions,
    precision: Precision,
    pub(super) layers: Vec<PackedLayer>,
    context_size: usize,
}

/// A layer, its rows padded with zeros to whole tiles.
#[derive(Debug)]
pub(super) struct PackedLayer {
    /// Words with the weights of one row for one group of inputs; axes (tile, group, row in the tile).
    pub weights: Vec<i32>,
    /// By tile.
    pub rests: Vec<Rest>,
    /// Groups of inputs.
    pub groups: usize,
    /// Rows without padding.
    pub rows: usize,
    pub biases: Vec<i32>,
    pub shifts: Vec<i32>,
}

/// What is left of weights that were cut so that no sum of two products saturates.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// Groups of inputs.
    pub groups: Vec<usize>,
    /// Words of weights, axes (index in `groups`, row in the tile).
    pub weights: Vec<i32>,
}

impl Packed {
    /// Packs for the instructions that [`Instructions::detect`] finds.
    pub fn new(layers: &[Layer], precision: Precision) -> Self {
        Self::with_instructions(layers, precision, Instructions::detect())
    }

    pub fn with_instructions(layers: &[Layer], precision: Precision, instructions: Instructions) -> Self {
        // The kernel's functions are safe only with instructions that the processor has.
        assert!(instructions.is_available(), "these instructions are not there");
        assert!(!layers.is_empty(), "a network has layers");
        let group = instructions.group(precision);
        let tile_rows = instructions.tile_rows(group);
        let pack = |layer: &Layer| {
            let mut packed = PackedLayer::new(layer.weights.view(), (&layer.biases, &layer.shifts), group, tile_rows);
            if group == 4 && instructions.saturates() {
                packed.cut_weights(tile_rows);
            }
            packed
        };
        let mut packed: Vec<_> = layers.iter().map(pack).collect();
        if group == 4 {
            // Contexts are offset by 128 to be unsigned, activations by -128 to be signed.
            match instructions.signed_bytes() {
                false => packed[0].offset_inputs(&layers[0], 128),
                true => packed.iter_mut().zip(layers).skip(1).for_each(|(to, layer)| to.offset_inputs(layer, -128)),
            }
        }
        Self { instructions, precision, layers: packed, context_size: layers[0].weights.nrows() }
    }

    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Contexts per pixel.
    pub fn context_size(&self) -> usize {
        self.context_size
    }

    /// Outputs per pixel.
    pub fn output_size(&self) -> usize {
        self.rows(self.layers.len() - 1)
    }

    /// The length of the outputs of this many pixels, rounded up to whole blocks.
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

    /// Inputs per word.
    pub(super) fn group(&self) -> usize {
        self.instructions.group(self.precision)
    }

    /// The words per lane that the inputs of each layer take.
    pub(super) fn scratch_lanes(&self) -> impl Iterator<Item = usize> {
        // Contexts are arranged four groups at a time.
        let (first, group) = (self.layers[0].groups.next_multiple_of(4), self.group());
        let later = self.layers.iter().map(move |layer| layer.biases.len().div_ceil(group));
        std::iter::once(first).chain(later).take(self.layers.len()).map(|words| words * MAX_BLOCKS)
    }

    /// Blocks that are evaluated at once.
    pub(super) fn kept_blocks(&self) -> usize {
        self.instructions.blocks()
    }

    /// A layer with these weights, axes (input, row), in groups of two, for the same instructions.
    pub(super) fn transposed(&self, weights: ArrayView2<'_, i16>, biases: &[i32], shifts: &[u32]) -> PackedLayer {
        PackedLayer::new(weights, (biases, shifts), 2, self.instructions.tile_rows(2))
    }

    pub(super) fn run(&self, group: usize, work: impl Work) {
        self.instructions.run(group, work);
    }
}

/// Deltas go through ONNX Runtime as a single row of numbers.
#[cfg(feature = "ort")]
impl Packed {
    /// Rows of all layers.
    pub fn total_rows(&self) -> usize {
        self.layers.iter().map(|layer| layer.rows).sum()
    }

    /// Splits the numbers of all rows by layer.
    pub fn by_layer(&self, mut numbers: &[i32]) -> Vec<Vec<i32>> {
        let next = |layer: &PackedLayer| numbers.split_off(..layer.rows).expect("a number for each row").to_vec();
        self.layers.iter().map(next).collect()
    }
}

impl PackedLayer {
    fn new<T: Copy + Into<i32>>(
        weights: ArrayView2<'_, T>,
        (biases, shifts): (&[i32], &[u32]),
        group: usize,
        tile_rows: usize,
    ) -> Self {
        let (inputs, rows) = weights.dim();
        let (groups, padded) = (inputs.div_ceil(group), rows.next_multiple_of(tile_rows));
        let weight = |input: usize, row: usize| weights.get((input, row)).map_or(0, |&weight| weight.into());
        let word = |at: usize, row: usize| {
            let bits = 32 / group;
            let part = |i: usize| (weight(at * group + i, row) & ((1 << bits) - 1)) << (i * bits);
            (0..group).fold(0, |word, i| word | part(i))
        };
        let tile = |first: usize| (0..groups).flat_map(move |at| (first..first + tile_rows).map(move |row| (at, row)));
        let weights = (0..padded).step_by(tile_rows).flat_map(tile).map(|(at, row)| word(at, row)).collect();
        let mut biases = biases.to_vec();
        biases.resize(padded, 0);
        let mut shifts: Vec<i32> = shifts.iter().map(|&shift| shift as i32).collect();
        shifts.resize(padded, 0);
        let rests = (0..padded / tile_rows).map(|_| Rest::default()).collect();
        Self { weights, rests, groups, rows, biases, shifts }
    }

    /// Cuts byte weights so that sums of products of bytes fit into 16 bits: of two products in a group, and of four in two
    /// groups that are added up together.
    fn cut_weights(&mut self, tile_rows: usize) {
        let tiles = self.weights.chunks_exact_mut(self.groups * tile_rows);
        for (tile, rest) in tiles.zip(&mut self.rests) {
            for (two, words) in tile.chunks_mut(2 * tile_rows).enumerate() {
                for (index, left) in cut(words, tile_rows).chunks_exact(tile_rows).enumerate() {
                    let mut left = left.to_vec();
                    while left.iter().any(|&word| word != 0) {
                        let more = cut(&mut left, tile_rows);
                        rest.groups.push(2 * two + index);
                        rest.weights.extend(left);
                        left = more;
                    }
                }
            }
        }
    }

    /// Lets the biases compensate for an offset of the inputs.
    fn offset_inputs(&mut self, layer: &Layer, offset: i32) {
        for (bias, weights) in self.biases.iter_mut().zip(layer.weights.columns()) {
            *bias -= offset * weights.iter().map(|&weight| i32::from(weight)).sum::<i32>();
        }
    }
}

/// Cuts the bytes of words of one or two groups. In each row, neither the positive nor the negative ones at the first two
/// places exceed 128 in sum, nor those at the last two. Returns what is left.
fn cut(words: &mut [i32], tile_rows: usize) -> Vec<i32> {
    let mut left = vec![0; words.len()];
    for (row, half) in (0..tile_rows).flat_map(|row| [(row, 0), (row, 16)]) {
        let mut room = [128; 2];
        for index in (row..words.len()).step_by(tile_rows) {
            for place in [half, half + 8] {
                let weight = i32::from((words[index] >> place) as i8);
                let room = &mut room[usize::from(weight < 0)];
                let kept = weight.signum() * weight.abs().min(*room);
                *room -= kept.abs();
                words[index] = words[index] & !(0xff << place) | (kept & 0xff) << place;
                left[index] |= ((weight - kept) & 0xff) << place;
            }
        }
    }
    left
}
