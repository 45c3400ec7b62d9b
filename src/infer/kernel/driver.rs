//! The loops over tiles of pixels, layers and tiles of rows, for any instruction set.

use super::isa::{ARRANGED, Isa, MAX_BLOCKS, Work};
use super::pack::{Packed, PackedLayer};
use super::{LANES, Lanes, Scratch};

/// The arguments of an evaluation.
pub(super) struct Job<'a> {
    pub packed: &'a Packed,
    /// By layer and row, padded like the layers' own.
    pub biases: &'a [Vec<i32>],
    pub scratch: &'a mut Scratch,
    pub contexts: &'a [i16],
    pub outputs: &'a mut [i16],
}

/// Evaluates all pixels.
impl Work for Job<'_> {
    #[inline(always)]
    fn call<I: Isa, const ROWS: usize, const BLOCKS: usize>(self, isa: I) {
        const { assert!(BLOCKS <= MAX_BLOCKS && ROWS.is_multiple_of(I::GROUP)) };
        let Job { packed, biases, scratch, mut contexts, outputs } = self;
        let block_contexts = LANES * packed.context_size();
        for outputs in outputs.chunks_mut(BLOCKS * packed.output_size() * LANES) {
            if outputs.len() == BLOCKS * packed.output_size() * LANES {
                evaluate::<I, ROWS, BLOCKS>(isa, Job { packed, biases, scratch: &mut *scratch, contexts, outputs });
            } else {
                evaluate::<I, ROWS, 1>(isa, Job { packed, biases, scratch: &mut *scratch, contexts, outputs });
            }
            contexts = contexts.get(BLOCKS * block_contexts..).unwrap_or_default();
        }
    }
}

/// Evaluates `BLOCKS` blocks; `contexts` holds those of these pixels and of all later ones.
#[inline(always)]
fn evaluate<I: Isa, const ROWS: usize, const BLOCKS: usize>(isa: I, job: Job<'_>) {
    let Job { packed, biases, scratch, contexts, outputs } = job;
    let (first, later) = scratch.activations.split_first_mut().expect("a network has layers");
    let mut from = first.as_chunks_mut::<BLOCKS>().0;
    arrange_contexts(isa, packed, contexts, &mut scratch.last_contexts, from);
    let (last, hidden) = packed.layers.split_last().expect("a network has layers");
    let (last_biases, hidden_biases) = biases.split_last().expect("a network has layers");
    for ((layer, biases), to) in hidden.iter().zip(hidden_biases).zip(later) {
        let (max, to) = (packed.precision().activation_max(), to.as_chunks_mut::<BLOCKS>().0);
        hidden_layer::<I, ROWS, BLOCKS>(isa, (layer, biases), max, from, to);
        from = to;
    }
    last_layer::<I, ROWS, BLOCKS>(isa, last, last_biases, from, outputs);
}

/// Transposes the contexts of `BLOCKS` blocks into lanes, with zeros for missing pixels. Values after a pixel's last
/// context are multiplied by zero weights.
#[inline(always)]
fn arrange_contexts<I: Isa, const BLOCKS: usize>(
    isa: I,
    packed: &Packed,
    contexts: &[i16],
    last_contexts: &mut Vec<i16>,
    to: &mut [[Lanes; BLOCKS]],
) {
    let (size, step) = (packed.context_size(), ARRANGED * I::GROUP);
    let read = (BLOCKS * LANES - 1) * size + size.next_multiple_of(step);
    let contexts = if contexts.len() < read {
        last_contexts.clear();
        last_contexts.extend_from_slice(contexts);
        last_contexts.resize(read, 0);
        last_contexts
    } else {
        contexts
    };
    for (start, to) in (0..size).step_by(step).zip(to.chunks_exact_mut(ARRANGED)) {
        for block in 0..BLOCKS {
            let words = isa.arrange(&contexts[block * LANES * size + start..], size);
            for (words, to) in words.into_iter().zip(&mut *to) {
                isa.store(words, &mut to[block]);
            }
        }
    }
}

#[inline(always)]
fn hidden_layer<I: Isa, const ROWS: usize, const BLOCKS: usize>(
    isa: I,
    (layer, biases): (&PackedLayer, &[i32]),
    max: i32,
    from: &[[Lanes; BLOCKS]],
    to: &mut [[Lanes; BLOCKS]],
) {
    for (tile, to) in to.chunks_exact_mut(ROWS / I::GROUP).enumerate().take(biases.len() / ROWS) {
        let rows = scaled_rows::<I, ROWS, BLOCKS>(isa, layer, biases, tile, from);
        for (rows, to) in rows.chunks_exact(I::GROUP).zip(to) {
            for block in 0..BLOCKS {
                let clip = |row: usize| isa.clip(rows[row][block], max);
                let words = if I::GROUP == 2 {
                    isa.join::<16>(clip(0), clip(1))
                } else {
                    isa.join::<16>(isa.join::<8>(clip(0), clip(1)), isa.join::<8>(clip(2), clip(3)))
                };
                isa.store(words, &mut to[block]);
            }
        }
    }
}

#[inline(always)]
fn last_layer<I: Isa, const ROWS: usize, const BLOCKS: usize>(
    isa: I,
    layer: &PackedLayer,
    biases: &[i32],
    from: &[[Lanes; BLOCKS]],
    outputs: &mut [i16],
) {
    let outputs = outputs.as_chunks_mut::<LANES>().0;
    for tile in 0..biases.len() / ROWS {
        let rows = scaled_rows::<I, ROWS, BLOCKS>(isa, layer, biases, tile, from);
        for (row, blocks) in rows.iter().enumerate().take(layer.rows - tile * ROWS) {
            for block in 0..BLOCKS {
                isa.store_narrow(blocks[block], &mut outputs[block * layer.rows + tile * ROWS + row]);
            }
        }
    }
}

/// Adds the products of a word of each row and blocks of words.
#[inline(always)]
pub(super) fn add_products<I: Isa, const ROWS: usize, const BLOCKS: usize>(
    isa: I,
    rows: &[i32; ROWS],
    blocks: &[Lanes; BLOCKS],
    sums: &mut [[I::Sums; BLOCKS]; ROWS],
) {
    let mut words = [isa.load(&blocks[0]); BLOCKS];
    for block in 1..BLOCKS {
        words[block] = isa.load(&blocks[block]);
    }
    for row in 0..ROWS {
        let word = isa.splat(rows[row]);
        for block in 0..BLOCKS {
            sums[row][block] = isa.add_products(sums[row][block], words[block], word);
        }
    }
}

/// Adds the products of two words of each row and of blocks.
#[inline(always)]
fn add_products_of_two<I: Isa, const ROWS: usize, const BLOCKS: usize>(
    isa: I,
    rows: &[[i32; ROWS]; 2],
    blocks: &[[Lanes; BLOCKS]; 2],
    sums: &mut [[I::Sums; BLOCKS]; ROWS],
) {
    let mut words = [[isa.load(&blocks[0][0]); 2]; BLOCKS];
    for block in 0..BLOCKS {
        words[block] = [isa.load(&blocks[0][block]), isa.load(&blocks[1][block])];
    }
    for row in 0..ROWS {
        let weights = [isa.splat(rows[0][row]), isa.splat(rows[1][row])];
        for block in 0..BLOCKS {
            sums[row][block] = isa.add_products_of_two(sums[row][block], words[block], weights);
        }
    }
}

/// One tile of rows, scaled but not clipped, with axes (row, block).
#[inline(always)]
pub(super) fn scaled_rows<I: Isa, const ROWS: usize, const BLOCKS: usize>(
    isa: I,
    layer: &PackedLayer,
    biases: &[i32],
    tile: usize,
    from: &[[Lanes; BLOCKS]],
) -> [[I::Words; BLOCKS]; ROWS] {
    let weights = &layer.weights.as_chunks::<ROWS>().0[tile * layer.groups..][..layer.groups];
    let (biases, shifts) = (&biases.as_chunks::<ROWS>().0[tile], &layer.shifts.as_chunks::<ROWS>().0[tile]);
    let mut sums = [[isa.start(0); BLOCKS]; ROWS];
    for (sums, &bias) in sums.iter_mut().zip(biases) {
        *sums = [isa.start(bias); BLOCKS];
    }
    let ((twos, one), (twos_of_inputs, one_of_inputs)) =
        (weights.as_chunks::<2>(), from[..layer.groups].as_chunks::<2>());
    for (weights, inputs) in twos.iter().zip(twos_of_inputs) {
        add_products_of_two(isa, weights, inputs, &mut sums);
    }
    for (weights, inputs) in one.iter().zip(one_of_inputs) {
        add_products(isa, weights, inputs, &mut sums);
    }
    let rest = &layer.rests[tile];
    for (weights, &group) in rest.weights.as_chunks::<ROWS>().0.iter().zip(&rest.groups) {
        add_products(isa, weights, &from[group], &mut sums);
    }
    let mut rows = [[isa.scale(sums[0][0], 0); BLOCKS]; ROWS];
    for row in 0..ROWS {
        for block in 0..BLOCKS {
            rows[row][block] = isa.scale(sums[row][block], shifts[row]);
        }
    }
    rows
}
