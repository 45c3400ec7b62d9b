//! Errors of outputs -> errors of all rows before them: what the biases of a network learn from. Input: the errors of the
//! blocks that were evaluated last. Output: the sums of errors by row.
//!
//! Errors are integers of magnitude up to [`ERROR_MAX`]. Those of a layer's inputs are sums over its rows of errors times turned
//! weights; an input that is at an end of its range has none. All layers follow each other for one or two blocks of pixels,
//! as in the evaluation.

use ndarray::Array2;

use super::driver::{Isa, MAX_BLOCKS, Work, scaled_rows};
use super::pack::{Packed, PackedLayer};
use super::{LANES, Lanes};
use crate::entropy::lanes::gradient::ERROR_MAX;

const NONE: Lanes = Lanes([0; LANES]);

/// The layers of a network but the first, the other way around. Threads may share them.
#[derive(Debug)]
pub(crate) struct Turned {
    layers: Vec<PackedLayer>,
}

impl Turned {
    /// Of weights (row, input) for each layer but the first, and what the sums over their rows are shifted by. Sums of
    /// products with errors have to stay below 2^31.
    pub fn new(packed: &Packed, layers: &[(Array2<i16>, u32)]) -> Self {
        let turn = |(weights, shift): &(Array2<i16>, u32)| {
            let inputs = weights.ncols();
            // Sums are rounded to the nearest integer.
            let half = (1 << shift) >> 1;
            packed.turned(weights.view(), &vec![half; inputs], &vec![*shift; inputs])
        };
        Self { layers: layers.iter().map(turn).collect() }
    }
}

/// The errors of the rows of all layers. It belongs to one thread.
#[derive(Debug)]
pub(crate) struct Backward {
    /// By layer, the errors of pairs of rows: (pair, block).
    errors: Vec<Vec<Lanes>>,
    /// By layer and row, of all pixels so far.
    sums: Vec<Vec<Lanes>>,
}

impl Backward {
    /// With sums of zero.
    pub fn new(packed: &Packed) -> Self {
        let rows = |layer: &PackedLayer| layer.biases.len().next_multiple_of(2);
        let errors = packed.layers.iter().map(|layer| vec![NONE; rows(layer) / 2 * MAX_BLOCKS]).collect();
        let sums = packed.layers.iter().map(|layer| vec![NONE; rows(layer)]).collect();
        Self { errors, sums }
    }

    /// The sums of a layer's first rows since they were taken last.
    pub fn take_sums(&mut self, layer: usize, sums: &mut [i32]) {
        for (sum, lanes) in sums.iter_mut().zip(&mut self.sums[layer]) {
            *sum = std::mem::replace(lanes, NONE).0.iter().sum();
        }
    }
}

/// The way back through all layers.
pub(super) struct Step<'a> {
    pub packed: &'a Packed,
    pub turned: &'a Turned,
    /// The inputs of each layer.
    pub activations: &'a [Vec<Lanes>],
    /// The errors of the outputs: (block, output).
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
        let Self { packed, turned, activations, outputs, to: Backward { errors, sums } } = self;
        let last = packed.layers.len() - 1;
        take_outputs::<BLOCKS>(outputs, &mut errors[last], &mut sums[last]);
        let (group, max) = (packed.group(), packed.precision().activation_max());
        for (index, layer) in turned.layers.iter().enumerate().rev() {
            let (to, from) = errors.split_at_mut(index + 1);
            let from = from[0].as_chunks::<BLOCKS>().0;
            let to = to[index].as_chunks_mut::<BLOCKS>().0;
            let inputs = Inputs { words: activations[index + 1].as_chunks::<BLOCKS>().0, group, max };
            layer_back::<I, ROWS, BLOCKS>(isa, layer, from, inputs, (to, &mut sums[index]));
        }
    }
}

/// Adds up the errors of the outputs, and brings them into pairs.
#[inline(always)]
fn take_outputs<const BLOCKS: usize>(outputs: &[[i32; LANES]], errors: &mut [Lanes], sums: &mut [Lanes]) {
    let errors = errors.as_chunks_mut::<BLOCKS>().0;
    let size = outputs.len() / BLOCKS;
    for (block, outputs) in outputs.chunks_exact(size).enumerate() {
        for (row, error) in outputs.iter().enumerate() {
            add(&mut sums[row].0, error);
            let pair = &mut errors[row / 2][block].0;
            *pair = if row % 2 == 0 { joined(error, &[0; LANES]) } else { joined(pair, error) };
        }
    }
}

/// The inputs of a layer, in words of `group`; the largest is `max`.
struct Inputs<'a, const BLOCKS: usize> {
    words: &'a [[Lanes; BLOCKS]],
    group: usize,
    max: i32,
}

/// From the errors of a layer's rows to those of its inputs.
#[inline(always)]
fn layer_back<I: Isa, const ROWS: usize, const BLOCKS: usize>(
    isa: I,
    layer: &PackedLayer,
    from: &[[Lanes; BLOCKS]],
    inputs: Inputs<'_, BLOCKS>,
    (to, sums): (&mut [[Lanes; BLOCKS]], &mut [Lanes]),
) {
    const { assert!(ROWS.is_multiple_of(2)) };
    let bits = 32 / inputs.group;
    let mask = u32::MAX >> (32 - bits);
    for tile in 0..layer.biases.len() / ROWS {
        let rows = scaled_rows::<I, ROWS, BLOCKS>(isa, layer, &layer.biases, tile, from);
        for (pair, rows) in rows.chunks_exact(2).enumerate().take_while(|(pair, _)| tile * ROWS + 2 * pair < layer.rows)
        {
            let first = tile * ROWS + 2 * pair;
            for block in 0..BLOCKS {
                let mut errors = [NONE; 2];
                for (i, error) in errors.iter_mut().enumerate() {
                    isa.store(rows[i][block], error);
                    let row = first + i;
                    let (words, place) = (&inputs.words[row / inputs.group][block].0, row % inputs.group * bits);
                    for (error, &word) in error.0.iter_mut().zip(words) {
                        let input = ((word as u32 >> place) & mask) as i32;
                        let open = 0 < input && input < inputs.max;
                        *error = if open { (*error).clamp(-ERROR_MAX, ERROR_MAX) } else { 0 };
                    }
                    add(&mut sums[row].0, &error.0);
                }
                to[first / 2][block].0 = joined(&errors[0].0, &errors[1].0);
            }
        }
    }
}

/// Pairs of 16 bits.
#[inline(always)]
fn joined(low: &[i32; LANES], high: &[i32; LANES]) -> [i32; LANES] {
    std::array::from_fn(|lane| low[lane] & 0xffff | high[lane] << 16)
}

#[inline(always)]
fn add(sums: &mut [i32; LANES], values: &[i32; LANES]) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}
