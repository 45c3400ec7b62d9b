//! The bits-back family: a patch through a program and back. Forwards, as the encoder goes, noise is popped, and what the program
//! factors out is pushed; backwards, as the decoder goes, all of it is undone, in reverse. Format: section "Programs".
//!
//! Input: the samples of a patch, or nothing; and a stack, which other patches share. The bits are those of the lectures' bounds:
//! `-log2 p(z) - log2 |det J| + log2 q(u | y)` (Dinh et al. 2017; Theis et al. 2016; Ho et al. 2019), since what is popped for
//! the noise carries bits of what is below it on the stack (Wallace 1990; Townsend et al. 2019).

mod dequantize;

use crate::base::error::Result;
use crate::context::patch::{Patch, Seen};
use crate::entropy::bijections::{DIVISIBLE, Tally, pop_base, push_base, scale, states, unscale};
use crate::entropy::cdf::Alphabet;
use crate::entropy::stack::Stack;
use crate::infer::session::Network;
use crate::infer::{Evaluator, outputs_of};
use crate::model::program::{Couple, Lu, MATRIX_BITS, Moved, Operation, PATCH, Placed, Program, TRANSLATION_BITS};

/// Adds up the bits of patches, by the terms of the bound.
#[derive(Debug, Clone, Default)]
struct Terms {
    base: Tally,
    volume: Tally,
    dequantization: Tally,
}

/// Bits of tiles of the bits-back family, by the terms of the bound that they are coded with.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct BoundTerms {
    /// `-log2 p(z)` of what was factored out, under the base distribution.
    pub base: f64,
    /// `-log2 |det J|` of the program.
    pub volume: f64,
    /// `log2 q(u | y)` of the noise, which comes back: mostly negative, as base and volume are on the noise's grid.
    pub dequantization: f64,
    /// What the primer's network codes, outside of the bound.
    pub primer: f64,
}

impl BoundTerms {
    /// The sum of all terms.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.base + self.volume + self.dequantization + self.primer
    }
}

impl std::ops::AddAssign for BoundTerms {
    fn add_assign(&mut self, other: Self) {
        self.base += other.base;
        self.volume += other.volume;
        self.dequantization += other.dequantization;
        self.primer += other.primer;
    }
}

/// The grid of the numbers that samples become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Grid {
    /// Bits of a sample.
    depth: u32,
    /// Fractional bits of an 8-bit sample.
    fraction: u32,
    /// Bits of the noise of a sample.
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
}

/// Codes patches on a stack.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    program: &'a Program,
    networks: &'a mut [Network],
    stack: Stack,
    terms: Terms,
    grid: Grid,
    sizes: Vec<u32>,
    contexts: Vec<i16>,
    outputs: Vec<i16>,
    /// Whether integers have left the range that an encoder's are in.
    out_of_range: bool,
}

impl<'a> Walk<'a> {
    /// For patches of these alphabets, of which there are as many as the program has channels, and all of one depth.
    pub fn new(program: &'a Program, networks: &'a mut [Network], stack: Stack, alphabets: &[Alphabet]) -> Self {
        let sizes = alphabets.iter().map(|alphabet| alphabet.size).collect();
        let (grid, terms) = (Grid::new(alphabets[0].depth), Terms::default());
        let (contexts, outputs) = (Vec::new(), Vec::new());
        Self { program, networks, stack, terms, grid, sizes, contexts, outputs, out_of_range: false }
    }

    /// The terms of the bound of all patches so far, without a primer, and the stack.
    pub fn finish(self) -> (BoundTerms, Stack) {
        let Terms { base, volume, dequantization } = self.terms;
        let terms = BoundTerms {
            base: base.bits(),
            volume: volume.bits(),
            dequantization: -dequantization.bits(),
            primer: 0.0,
        };
        (terms, self.stack)
    }

    /// Pushes a patch of samples, by channel and row.
    ///
    /// # Errors
    /// Those of the networks.
    pub fn push(&mut self, samples: Vec<Vec<u16>>) -> Result<()> {
        let Grid { noise, .. } = self.grid;
        let centred = |sample: u16| (i64::from(sample) - self.grid.half()) << noise;
        let planes = samples.into_iter().map(|plane| plane.into_iter().map(centred).collect()).collect();
        let mut patch = Patch { side: PATCH, planes };
        self.green_first(&mut patch);
        self.pop_noise(&mut patch)?;
        let program = self.program;
        program.operations.iter().try_for_each(|placed| self.forwards(placed, &mut patch))
    }

    /// Pops a patch; `None` if no encoder pushed it.
    ///
    /// # Errors
    /// Those of the networks.
    pub fn pop(&mut self) -> Result<Option<Vec<Vec<u16>>>> {
        let program = self.program;
        let mut patch = Patch::default();
        for placed in program.operations.iter().rev() {
            self.backwards(placed, &mut patch)?;
            if self.out_of_range {
                return Ok(None);
            }
        }
        let Grid { noise, .. } = self.grid;
        let half = self.grid.half();
        let sample =
            |(x, size): (i64, u32)| (x >> noise).checked_add(half).filter(|y| (0..i64::from(size)).contains(y));
        let mut samples = Vec::with_capacity(patch.planes.len());
        self.green_first(&mut patch);
        for (plane, &size) in patch.planes.iter().zip(&self.sizes) {
            let plane = plane.iter().map(|&x| Some(sample((x, size))? as u16)).collect::<Option<Vec<u16>>>();
            let Some(plane) = plane else { return Ok(None) };
            samples.push(plane);
        }
        self.green_first(&mut patch);
        self.push_noise(&mut patch)?;
        Ok(Some(samples))
    }

    /// Swaps red and green: programs begin with green.
    fn green_first(&self, patch: &mut Patch) {
        if patch.planes.len() == 3 {
            patch.planes.swap(0, 1);
        }
    }

    fn forwards(&mut self, placed: &Placed, patch: &mut Patch) -> Result<()> {
        match &placed.operation {
            Operation::Squeeze => patch.squeeze(),
            Operation::Lu(lu) => {
                shear(patch, &lu.lower, (0..lu.lower.len()).rev(), i64::wrapping_add);
                shear(patch, &lu.upper, 0..lu.upper.len(), i64::wrapping_add);
                self.scale_channels(patch, lu);
            }
            Operation::Norm(moved) => {
                let first = patch.planes.len() - moved.len();
                for (plane, &Moved { translation, exponent }) in patch.planes[first..].iter_mut().zip(moved) {
                    let translation = self.on_grid(translation);
                    for x in plane {
                        *x = self.scaled(x.wrapping_sub(translation), exponent);
                    }
                }
            }
            Operation::Couple(couple) => {
                self.evaluate(couple, patch)?;
                self.couple(couple, patch);
            }
            &Operation::Factor(count) => {
                let left = patch.planes.len() - count;
                for plane in patch.planes.drain(left..) {
                    plane.iter().for_each(|&z| push_base(&mut self.stack, z, self.grid.fraction, &mut self.terms.base));
                }
            }
        }
        Ok(())
    }

    /// Undoes [`forwards`](Self::forwards); what it visits, it visits in reverse.
    fn backwards(&mut self, placed: &Placed, patch: &mut Patch) -> Result<()> {
        match &placed.operation {
            Operation::Squeeze => patch.unsqueeze(),
            Operation::Lu(lu) => {
                self.unscale_channels(patch, lu);
                shear(patch, &lu.upper, (0..lu.upper.len()).rev(), i64::wrapping_sub);
                shear(patch, &lu.lower, 0..lu.lower.len(), i64::wrapping_sub);
            }
            Operation::Norm(moved) => {
                let first = patch.planes.len() - moved.len();
                for (plane, &Moved { translation, exponent }) in patch.planes[first..].iter_mut().zip(moved).rev() {
                    let translation = self.on_grid(translation);
                    for z in plane.iter_mut().rev() {
                        *z = self.unscaled(*z, exponent).wrapping_add(translation);
                    }
                }
            }
            Operation::Couple(couple) => {
                self.evaluate(couple, patch)?;
                self.uncouple(couple, patch);
            }
            &Operation::Factor(count) => {
                patch.side = placed.side;
                let pixels = placed.side * placed.side;
                let mut pop = || pop_base(&mut self.stack, self.grid.fraction, &mut self.terms.base);
                let planes = (0..count).map(|_| {
                    let mut plane: Vec<i64> = (0..pixels).map(|_| pop()).collect();
                    plane.reverse();
                    plane
                });
                let planes: Vec<_> = planes.collect();
                patch.planes.extend(planes.into_iter().rev());
            }
        }
        Ok(())
    }

    /// A translation in 2^-6 of an 8-bit sample, on the grid.
    fn on_grid(&self, translation: i32) -> i64 {
        i64::from(translation) << (self.grid.fraction - TRANSLATION_BITS)
    }

    fn scaled(&mut self, x: i64, exponent: i32) -> i64 {
        let states = states(exponent);
        self.terms.volume.count(f64::from(states) / 1024.0);
        scale(&mut self.stack, x, states)
    }

    fn unscaled(&mut self, z: i64, exponent: i32) -> i64 {
        let states = states(exponent);
        self.terms.volume.count(f64::from(states) / 1024.0);
        self.out_of_range |= z.unsigned_abs() >= DIVISIBLE as u64;
        unscale(&mut self.stack, z, states)
    }

    fn scale_channels(&mut self, patch: &mut Patch, lu: &Lu) {
        for (plane, &exponent) in patch.planes.iter_mut().zip(&lu.exponents).filter(|(_, exponent)| **exponent != 0) {
            plane.iter_mut().for_each(|x| *x = self.scaled(*x, exponent));
        }
    }

    fn unscale_channels(&mut self, patch: &mut Patch, lu: &Lu) {
        let scaled = patch.planes.iter_mut().zip(&lu.exponents).filter(|(_, exponent)| **exponent != 0);
        for (plane, &exponent) in scaled.rev() {
            plane.iter_mut().rev().for_each(|z| *z = self.unscaled(*z, exponent));
        }
    }

    /// The outputs of a coupling's network for all pixels that change.
    fn evaluate(&mut self, couple: &Couple, patch: &Patch) -> Result<()> {
        let seen = Seen::new(&couple.known, &couple.half, couple.taps);
        self.contexts.clear();
        for place in patch.places(couple.parity) {
            patch.push_context(place, &seen, self.grid.fraction, &mut self.contexts);
        }
        self.networks[couple.network].run(&self.contexts, &mut self.outputs)
    }

    /// What the network says of pixel `index` of channel `channel` of those that change: translation and exponent.
    fn moved(&self, couple: &Couple, index: usize, channel: usize) -> (i64, i32) {
        let mut outputs = outputs_of(&self.outputs, couple.outputs(), index).skip(channel);
        let translation = outputs.next().expect("an output for each channel");
        let exponent = outputs.nth(couple.to.len() - 1).unwrap_or(0);
        (self.on_grid(translation.into()), exponent.into())
    }

    fn couple(&mut self, couple: &Couple, patch: &mut Patch) {
        let places = patch.places(couple.parity);
        for (channel, plane) in patch.planes[couple.to.clone()].iter_mut().enumerate() {
            for (index, (y, x)) in places.clone().enumerate() {
                let (translation, exponent) = self.moved(couple, index, channel);
                let value = &mut plane[y * patch.side + x];
                *value = value.wrapping_sub(translation);
                if !couple.additive {
                    *value = self.scaled(*value, exponent);
                }
            }
        }
    }

    fn uncouple(&mut self, couple: &Couple, patch: &mut Patch) {
        let places: Vec<_> = patch.places(couple.parity).collect();
        for (channel, plane) in patch.planes[couple.to.clone()].iter_mut().enumerate().rev() {
            for (index, &(y, x)) in places.iter().enumerate().rev() {
                let (translation, exponent) = self.moved(couple, index, channel);
                let value = &mut plane[y * patch.side + x];
                if !couple.additive {
                    *value = self.unscaled(*value, exponent);
                }
                *value = value.wrapping_add(translation);
            }
        }
    }
}

/// Adds to each channel in turn, or takes from it, a row of a matrix times the channels as they are by then.
fn shear(patch: &mut Patch, matrix: &[Vec<i32>], rows: impl Iterator<Item = usize>, apply: fn(i64, i64) -> i64) {
    for row in rows {
        for index in 0..patch.side * patch.side {
            let products = matrix[row].iter().zip(&patch.planes).filter(|(c, _)| **c != 0);
            let sum = products.map(|(&c, plane)| i64::from(c).wrapping_mul(plane[index])).fold(0, i64::wrapping_add);
            let value = &mut patch.planes[row][index];
            *value = apply(*value, sum >> MATRIX_BITS);
        }
    }
}

#[cfg(test)]
mod tests;
