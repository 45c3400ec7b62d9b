//! Backpropagation: errors of outputs -> errors of all earlier rows, from which the biases of a network learn. Input:
//! the errors of the blocks evaluated last. Output: the sums of errors by row.
//!
//! Errors are integers of magnitude up to [`ERROR_MAX`]. The error of a layer's input is the sum over the layer's rows
//! of error times (transposed) weight; it is 0 if the input is at an end of its range. All layers are run for one or
//! two blocks of pixels at a time, as in the evaluation.

use ndarray::Array2;

use super::driver::scaled_rows;
use super::isa::{Input, Isa, MAX_BLOCKS, Work};
use super::pack::{Packed, PackedLayer};
use super::{LANES, Lanes};
use crate::entropy::lanes::gradient::ERROR_MAX;

const NONE: Lanes = Lanes([0; LANES]);

/// The layers of a network except the first, transposed. Shared by threads.
#[derive(Debug)]
pub(crate) struct Transposed {
    layers: Vec<PackedLayer>,
}

impl Transposed {
    /// From the weights (row, input) of each layer except the first, and the shift of the sums over rows. Sums of
    /// products with errors must stay below 2^31.
    pub fn new(packed: &Packed, layers: &[(Array2<i16>, u32)]) -> Self {
        let transpose = |(weights, shift): &(Array2<i16>, u32)| {
            let inputs = weights.ncols();
            // Rounds sums to nearest.
            let half = (1 << shift) >> 1;
            packed.transposed(weights.view(), &vec![half; inputs], &vec![*shift; inputs])
        };
        Self { layers: layers.iter().map(transpose).collect() }
    }
}

/// The errors of all rows. Belongs to one thread.
#[derive(Debug)]
pub(crate) struct Backward {
    /// By layer, the errors of rows in pairs, with axes (pair, block).
    errors: Vec<Vec<Lanes>>,
    /// By layer and row, over all pixels so far.
    sums: Vec<Vec<Lanes>>,
}

impl Backward {
    /// All sums are zero.
    pub fn new(packed: &Packed) -> Self {
        let rows = |layer: &PackedLayer| layer.biases.len().next_multiple_of(2);
        let errors = packed.layers.iter().map(|layer| vec![NONE; rows(layer) / 2 * MAX_BLOCKS]).collect();
        let sums = packed.layers.iter().map(|layer| vec![NONE; rows(layer)]).collect();
        Self { errors, sums }
    }

    /// Returns the sums of a layer's first rows since the last call, and resets them.
    pub fn take_sums(&mut self, layer: usize, sums: &mut [i32]) {
        for (sum, lanes) in sums.iter_mut().zip(&mut self.sums[layer]) {
            *sum = std::mem::replace(lanes, NONE).0.iter().sum();
        }
    }
}

/// One backward pass through all layers.
pub(super) struct Step<'a> {
    pub packed: &'a Packed,
    pub transposed: &'a Transposed,
    /// The inputs of each layer.
    pub activations: &'a [Vec<Lanes>],
    /// The errors of the outputs, with axes (block, output).
    pub outputs: &'a [[i32; LANES]],
    pub to: &'a mut Backward,
}

impl Work for Step<'_> {
    #[inline(always)]
    fn call<I: Isa, const ROWS: usize, const BLOCKS: usize>(self, isa: I) {
        if self.outputs.len() == BLOCKS * self.packed.output_size() {
            self.go::<I, ROWS, BLOCKS>(isa);
        } else {
            self.go::<I, ROWS, 1>(isa);
        }
    }
}

impl Step<'_> {
    #[inline(always)]
    fn go<I: Isa, const ROWS: usize, const BLOCKS: usize>(self, isa: I) {
        let Self { packed, transposed, activations, outputs, to: Backward { errors, sums } } = self;
        let last = packed.layers.len() - 1;
        take_outputs::<I, BLOCKS>(isa, outputs, &mut errors[last], &mut sums[last]);
        let (group, max) = (packed.group(), packed.precision().activation_max());
        for (index, layer) in transposed.layers.iter().enumerate().rev() {
            let (to, from) = errors.split_at_mut(index + 1);
            let from = from[0].as_chunks::<BLOCKS>().0;
            let to = to[index].as_chunks_mut::<BLOCKS>().0;
            let inputs = Inputs { words: activations[index + 1].as_chunks::<BLOCKS>().0, group, max };
            layer_back::<I, ROWS, BLOCKS>(isa, layer, from, inputs, (to, &mut sums[index]));
        }
    }
}

/// Adds the errors of the outputs to the sums, and packs them into pairs.
#[inline(always)]
fn take_outputs<I: Isa, const BLOCKS: usize>(
    isa: I,
    outputs: &[[i32; LANES]],
    errors: &mut [Lanes],
    sums: &mut [Lanes],
) {
    let errors = errors.as_chunks_mut::<BLOCKS>().0;
    let size = outputs.len() / BLOCKS;
    for (block, outputs) in outputs.chunks_exact(size).enumerate() {
        for ((outputs, errors), sums) in outputs.chunks(2).zip(&mut *errors).zip(sums.chunks_exact_mut(2)) {
            let low = isa.load(&Lanes(outputs[0]));
            let high = isa.load(&outputs.get(1).map_or(NONE, |&output| Lanes(output)));
            isa.store(isa.add(isa.load(&sums[0]), low), &mut sums[0]);
            isa.store(isa.add(isa.load(&sums[1]), high), &mut sums[1]);
            isa.store(isa.pair(low, high), &mut errors[block]);
        }
    }
}

/// The inputs of a layer, packed in words of `group`; the largest possible is `max`.
struct Inputs<'a, const BLOCKS: usize> {
    words: &'a [[Lanes; BLOCKS]],
    group: usize,
    max: i32,
}

impl<const BLOCKS: usize> Inputs<'_, BLOCKS> {
    /// The errors of an input for a block of pixels, from the scaled sums of products.
    #[inline(always)]
    fn clip_gradient<I: Isa>(&self, isa: I, input: usize, block: usize, errors: I::Words) -> I::Words {
        let bits = 32 / self.group;
        let place =
            Input { place: (input % self.group * bits) as i32, mask: (u32::MAX >> (32 - bits)) as i32, max: self.max };
        isa.clip_gradient(errors, ERROR_MAX, isa.load(&self.words[input / self.group][block]), place)
    }
}

/// Computes the errors of a layer's inputs from those of its rows.
#[inline(always)]
fn layer_back<I: Isa, const ROWS: usize, const BLOCKS: usize>(
    isa: I,
    layer: &PackedLayer,
    from: &[[Lanes; BLOCKS]],
    inputs: Inputs<'_, BLOCKS>,
    (to, sums): (&mut [[Lanes; BLOCKS]], &mut [Lanes]),
) {
    const { assert!(ROWS.is_multiple_of(2)) };
    for tile in 0..layer.biases.len() / ROWS {
        let rows = scaled_rows::<I, ROWS, BLOCKS>(isa, layer, &layer.biases, tile, from);
        let first = tile * ROWS;
        let sums = sums[first..first + ROWS].chunks_exact_mut(2);
        for (pair, ((rows, sums), to)) in rows.chunks_exact(2).zip(sums).zip(&mut to[first / 2..]).enumerate() {
            let input = first + 2 * pair;
            if input >= layer.rows {
                break;
            }
            let (mut low_sum, mut high_sum) = (isa.load(&sums[0]), isa.load(&sums[1]));
            for (block, to) in to.iter_mut().enumerate() {
                let low = inputs.clip_gradient(isa, input, block, rows[0][block]);
                let high = inputs.clip_gradient(isa, input + 1, block, rows[1][block]);
                (low_sum, high_sum) = (isa.add(low_sum, low), isa.add(high_sum, high));
                isa.store(isa.pair(low, high), to);
            }
            isa.store(low_sum, &mut sums[0]);
            isa.store(high_sum, &mut sums[1]);
        }
    }
}
