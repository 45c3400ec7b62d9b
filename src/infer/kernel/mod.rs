//! Contexts -> network outputs, in integers. Input: rows of 16-bit contexts. Output: blocks of outputs with one pixel
//! per lane, exactly the integers that the numerical contract defines.
//!
//! All layers are evaluated for one or two blocks of [`LANES`] pixels before the next blocks, so that activations stay
//! in the nearest cache. Each vector lane holds a group of 2 or 4 inputs of one pixel in a 32-bit word. The weights of
//! an output row for that group are one word, too, broadcast to all lanes; one instruction adds the 2 or 4 products to
//! the row's sum (two or three without VNNI). Groups of 4 are unsigned bytes, for 8-bit networks on processors with such
//! instructions: contexts are offset by 128, and the first layer's biases compensate for it; where such instructions take
//! signed bytes, all inputs are offset back, and the other layers' biases compensate for that. Otherwise, groups are pairs
//! of 16 bits. No sum overflows, so all instruction sets give the same integers.
//!
//! This is the only module with `unsafe` code: calls of instructions that the processor was found to have. They read
//! and write arrays of fixed size, which safe code splits off slices.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx2;
mod backward;
mod driver;
mod instructions;
mod isa;
#[cfg(target_arch = "aarch64")]
mod neon;
mod pack;
mod product;
mod scalar;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod vnni256;
#[cfg(target_arch = "x86_64")]
mod vnni512;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;
#[cfg(target_arch = "x86_64")]
mod ymm;

use std::sync::Arc;

pub(crate) use self::backward::{Backward, Transposed};
pub(crate) use self::instructions::Instructions;
pub(crate) use self::pack::Packed;
pub(crate) use self::product::{Left, Product, padded, word};

/// Pixels in a block of outputs.
pub(crate) use crate::entropy::vectors::LANES;

/// One word for each pixel of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(align(64))]
pub(crate) struct Lanes(pub [i32; LANES]);

// SAFETY: an array of integers, whose size is that of its alignment, so without padding.
unsafe impl bytemuck::Zeroable for Lanes {}
// SAFETY: as above.
unsafe impl bytemuck::Pod for Lanes {}

/// Evaluates one network. Belongs to one thread.
#[derive(Debug)]
pub(crate) struct Kernel {
    packed: Arc<Packed>,
    /// By layer and row, deltas included.
    biases: Vec<Vec<i32>>,
    scratch: Scratch,
}

/// The inputs of each layer for the blocks evaluated last; and a padded copy of the contexts at the end of a run.
#[derive(Debug)]
struct Scratch {
    activations: Vec<Vec<Lanes>>,
    last_contexts: Vec<i16>,
}

impl Kernel {
    /// A kernel with the model's own biases.
    pub fn new(packed: Arc<Packed>) -> Self {
        let activations = packed.scratch_lanes().map(|lanes| vec![Lanes([0; LANES]); lanes]).collect();
        let scratch = Scratch { activations, last_contexts: Vec::new() };
        let biases = packed.biases();
        Self { packed, biases, scratch }
    }

    /// Replaces the deltas: numbers added to the model's biases, by layer and row. The contract bounds the sums.
    pub fn set_deltas(&mut self, deltas: &[Vec<i32>]) {
        self.biases = self.packed.biases();
        assert_eq!(deltas.len(), self.biases.len(), "deltas are given for all layers");
        for (index, (biases, deltas)) in self.biases.iter_mut().zip(deltas).enumerate() {
            assert_eq!(deltas.len(), self.packed.rows(index), "deltas are given for all rows");
            for (bias, delta) in biases.iter_mut().zip(deltas) {
                *bias = bias.wrapping_add(*delta);
            }
        }
    }

    /// Evaluates contexts with axes (pixel, context). Replaces `outputs` by axes (block, output row, lane), with
    /// [`LANES`] pixels per block. Lanes after the last pixel hold the outputs of all-zero contexts.
    pub fn run(&mut self, contexts: &[i16], outputs: &mut Vec<i16>) {
        let pixels = contexts.len() / self.packed.context_size();
        // All elements are overwritten.
        outputs.resize(self.packed.outputs_of(pixels), 0);
        self.run_into(contexts, outputs);
    }

    /// Like [`Self::run`], but into a slice of the right length.
    pub fn run_into(&mut self, contexts: &[i16], outputs: &mut [i16]) {
        let size = self.packed.context_size();
        assert!(contexts.len().is_multiple_of(size), "whole rows of contexts");
        assert_eq!(outputs.len(), self.packed.outputs_of(contexts.len() / size), "room for all outputs");
        debug_assert!(contexts.iter().all(|context| self.packed.precision().contexts().contains(context)));
        let Self { packed, biases, scratch } = self;
        packed.run(packed.group(), driver::Job { packed, biases, scratch, contexts, outputs });
    }

    /// Most pixels of a [`run`](Self::run) whose activations are kept for [`backward`](Self::backward).
    pub fn kept_pixels(&self) -> usize {
        self.packed.kept_blocks() * LANES
    }

    /// Backpropagates the errors of the last run's outputs, with axes (block, output), to all rows, and adds them up by
    /// row.
    pub fn backward(&self, transposed: &Transposed, errors: &[[i32; LANES]], to: &mut Backward) {
        let Self { packed, scratch, .. } = self;
        assert!(errors.len() <= packed.kept_blocks() * packed.output_size(), "the errors of what was kept");
        // Groups are pairs: errors are signed, and transposed weights have more than 8 bits.
        packed.run(2, backward::Step { packed, transposed, activations: &scratch.activations, outputs: errors, to });
    }
}
