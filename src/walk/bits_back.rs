//! The bits-back family: runs a patch through a program. Forwards, as in the encoder, noise is popped, and channels
//! that leave the patch are pushed; backwards, as in the decoder, all of this is undone in reverse. Format: section
//! "Programs".
//!
//! Input: the samples of a patch (encoder only), and a stack, which all patches share. The code lengths are those of
//! the variational bounds, since the bits popped as noise are bits of what lies below on the stack (Wallace 1990;
//! Townsend et al. 2019). For flows: `-log2 p(z) - log2 |det J| + log2 q(u | y)` (Dinh et al. 2017; Theis et al. 2016;
//! Ho et al. 2019). For latents: `-log2 p(x | z) - log2 p(z) + log2 q(z | x)` (Kingma and Welling 2013).

mod couple;
mod dequantize;
mod observe;
mod operations;
mod terms;

pub use self::terms::BoundTerms;

use self::terms::Terms;
use crate::base::error::Result;
use crate::context::patch::Patch;
use crate::entropy::cdf::Alphabet;
use crate::entropy::stack::Stack;
use crate::infer::Evaluator;
use crate::model::program::{Program, TRANSLATION_BITS};

/// The grid of the numbers that samples are converted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Grid {
    /// Bits of a sample.
    depth: u32,
    /// Fractional bits, in units of an 8-bit sample.
    fraction: u32,
    /// Bits of the noise added to a sample.
    noise: u32,
}

impl Grid {
    fn new(depth: u32) -> Self {
        let fraction = TRANSLATION_BITS.max(depth.saturating_sub(2));
        Self { depth, fraction, noise: fraction + 8 - depth }
    }

    fn half(self) -> i64 {
        1 << (self.depth - 1)
    }

    /// The lower end of a sample's cell.
    fn of_sample(self, sample: u16) -> i64 {
        (i64::from(sample) - self.half()) << self.noise
    }

    /// The sample whose cell contains a number; `None` if it is not in the alphabet.
    fn sample(self, x: i64, alphabet: Alphabet) -> Option<u16> {
        let sample = (x >> self.noise).checked_add(self.half())?;
        (0..i64::from(alphabet.size)).contains(&sample).then_some(sample as u16)
    }

    /// Converts a translation in units of 2^-6 of an 8-bit sample to the grid.
    fn translation(self, translation: i32) -> i64 {
        i64::from(translation) << (self.fraction - TRANSLATION_BITS)
    }
}

/// Codes patches on a stack.
#[derive(Debug)]
pub(crate) struct Walk<'a, N> {
    program: &'a Program,
    networks: &'a mut [N],
    stack: Stack,
    terms: Terms,
    grid: Grid,
    /// One per channel, in the program's order of channels.
    alphabets: Vec<Alphabet>,
    contexts: Vec<i16>,
    outputs: Vec<i16>,
    /// Whether an integer has left the range that an encoder's integers stay in.
    out_of_range: bool,
}

impl<'a, N: Evaluator> Walk<'a, N> {
    /// A walk for patches with these alphabets, one per channel of the program, all of the same depth.
    pub fn new(program: &'a Program, networks: &'a mut [N], stack: Stack, alphabets: &[Alphabet]) -> Self {
        let mut alphabets = alphabets.to_vec();
        green_first(&mut alphabets);
        let (grid, terms) = (Grid::new(alphabets[0].depth), Terms::default());
        let (contexts, outputs) = (Vec::new(), Vec::new());
        Self { program, networks, stack, terms, grid, alphabets, contexts, outputs, out_of_range: false }
    }

    /// The terms of the bound of all patches so far, without those of a primer; and the stack.
    pub fn finish(self) -> (BoundTerms, Stack) {
        (self.terms.bound(), self.stack)
    }

    /// Pushes a patch of samples, with axes (channel, row x column).
    ///
    /// # Errors
    /// Those of the networks.
    pub fn push(&mut self, mut samples: Vec<Vec<u16>>) -> Result<()> {
        green_first(&mut samples);
        let on_grid = |sample: u16| self.grid.of_sample(sample);
        let planes = samples.into_iter().map(|plane| plane.into_iter().map(on_grid).collect()).collect();
        let mut patch = Patch { side: self.program.side, planes };
        self.pop_noise(&mut patch)?;
        let program = self.program;
        program.operations.iter().try_for_each(|placed| self.forwards(placed, &mut patch))
    }

    /// Pops a patch; `None` if no encoder can have pushed it.
    ///
    /// # Errors
    /// Those of the networks.
    pub fn pop(&mut self) -> Result<Option<Vec<Vec<u16>>>> {
        let Some(mut patch) = self.pop_numbers()? else { return Ok(None) };
        let mut samples = Vec::with_capacity(patch.planes.len());
        for (plane, &alphabet) in patch.planes.iter().zip(&self.alphabets) {
            let plane = plane.iter().map(|&x| self.grid.sample(x, alphabet)).collect::<Option<Vec<u16>>>();
            let Some(plane) = plane else { return Ok(None) };
            samples.push(plane);
        }
        green_first(&mut samples);
        self.push_noise(&mut patch)?;
        Ok((!self.out_of_range).then_some(samples))
    }

    /// Pops the numbers that the samples of a patch became; `None` if no encoder can have pushed them.
    fn pop_numbers(&mut self) -> Result<Option<Patch>> {
        let program = self.program;
        let mut patch = Patch::default();
        for placed in program.operations.iter().rev() {
            self.backwards(placed, &mut patch)?;
            if self.out_of_range {
                return Ok(None);
            }
        }
        Ok(Some(patch))
    }

    /// Draws a patch from the model, if the stack has random words. A flow has numbers beyond all samples, too: these become
    /// the nearest sample.
    ///
    /// # Errors
    /// Those of the networks.
    #[cfg(feature = "bench")]
    pub fn draw(&mut self) -> Result<Option<Vec<Vec<u16>>>> {
        let Some(patch) = self.pop_numbers()? else { return Ok(None) };
        let nearest = |x: i64, most: u32| ((x >> self.grid.noise) + self.grid.half()).clamp(0, most.into()) as u16;
        let samples = patch.planes.iter().zip(&self.alphabets);
        let samples = samples.map(|(plane, alphabet)| plane.iter().map(|&x| nearest(x, alphabet.size - 1)).collect());
        let mut samples: Vec<_> = samples.collect();
        green_first(&mut samples);
        Ok(Some(samples))
    }
}

/// Swaps the red and green planes: programs start with green.
fn green_first<T>(planes: &mut [T]) {
    if planes.len() == 3 {
        planes.swap(0, 1);
    }
}

#[cfg(test)]
mod tests;
