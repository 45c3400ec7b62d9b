//! The operations of a program, forwards and backwards. Format: section "Programs".

use super::Walk;
use crate::base::error::Result;
use crate::context::patch::{Patch, Seen};
use crate::entropy::bijections::{Base, DIVISIBLE, scale, states, unscale};
use crate::infer::{Evaluator, outputs_of};
use crate::model::program::{Couple, Lu, MATRIX_BITS, Moved, Operation, Placed};

impl Walk<'_> {
    pub(super) fn forwards(&mut self, placed: &Placed, patch: &mut Patch) -> Result<()> {
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
                    let translation = self.grid.translation(translation);
                    for x in plane {
                        *x = self.scaled(x.wrapping_sub(translation), exponent, false);
                    }
                }
            }
            Operation::Couple(couple) => {
                self.evaluate(couple, patch)?;
                if couple.inverted { self.uncouple(couple, patch) } else { self.couple(couple, patch) }
            }
            &Operation::Factor(count) => {
                let left = patch.planes.len() - count;
                let base = Base::new(self.grid.fraction);
                for plane in patch.planes.drain(left..) {
                    plane.iter().for_each(|&z| base.push(&mut self.stack, z, &mut self.terms.base));
                }
            }
            &Operation::Draw(count) => {
                let (pixels, base) = (placed.side * placed.side, Base::of_noise(self.grid.fraction));
                let mut pop = || base.pop(&mut self.stack, &mut self.terms.posterior);
                let drawn: Vec<Vec<i64>> = (0..count).map(|_| (0..pixels).map(|_| pop()).collect()).collect();
                patch.planes.splice(0..0, drawn);
            }
            Operation::Observe(observe) => self.push_samples(observe, patch)?,
        }
        Ok(())
    }

    /// Inverse of [`forwards`](Self::forwards), in exactly the reverse order.
    pub(super) fn backwards(&mut self, placed: &Placed, patch: &mut Patch) -> Result<()> {
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
                    let translation = self.grid.translation(translation);
                    for z in plane.iter_mut().rev() {
                        *z = self.unscaled(*z, exponent, false).wrapping_add(translation);
                    }
                }
            }
            Operation::Couple(couple) => {
                self.evaluate(couple, patch)?;
                if couple.inverted { self.couple(couple, patch) } else { self.uncouple(couple, patch) }
            }
            &Operation::Factor(count) => {
                patch.side = placed.side;
                let (pixels, base) = (placed.side * placed.side, Base::new(self.grid.fraction));
                let mut pop = || base.pop(&mut self.stack, &mut self.terms.base);
                let planes = (0..count).map(|_| {
                    let mut plane: Vec<i64> = (0..pixels).map(|_| pop()).collect();
                    plane.reverse();
                    plane
                });
                let planes: Vec<_> = planes.collect();
                patch.planes.extend(planes.into_iter().rev());
            }
            &Operation::Draw(count) => {
                let base = Base::of_noise(self.grid.fraction);
                for z in patch.planes.drain(..count).rev().flat_map(|plane| plane.into_iter().rev()) {
                    if base.has(z) {
                        base.push(&mut self.stack, z, &mut self.terms.posterior);
                    } else {
                        self.out_of_range = true;
                    }
                }
            }
            Operation::Observe(observe) => self.pop_samples(observe, patch)?,
        }
        Ok(())
    }

    /// Scales a number; for an inverted coupling, this happens backwards.
    fn scaled(&mut self, x: i64, exponent: i32, inverted: bool) -> i64 {
        let states = states(exponent);
        self.count_scale(states, inverted);
        scale(&mut self.stack, x, states)
    }

    /// Inverse of [`scaled`](Self::scaled).
    fn unscaled(&mut self, z: i64, exponent: i32, inverted: bool) -> i64 {
        let states = states(exponent);
        self.count_scale(states, inverted);
        self.out_of_range |= z.unsigned_abs() >= DIVISIBLE as u64;
        unscale(&mut self.stack, z, states)
    }

    /// Adds a scale to the code length: of the volume, or of a posterior.
    fn count_scale(&mut self, states: u32, inverted: bool) {
        let tally = if inverted { &mut self.terms.posterior } else { &mut self.terms.volume };
        tally.count(f64::from(states) / 1024.0);
    }

    fn scale_channels(&mut self, patch: &mut Patch, lu: &Lu) {
        for (plane, &exponent) in patch.planes.iter_mut().zip(&lu.exponents).filter(|(_, exponent)| **exponent != 0) {
            plane.iter_mut().for_each(|x| *x = self.scaled(*x, exponent, false));
        }
    }

    fn unscale_channels(&mut self, patch: &mut Patch, lu: &Lu) {
        let scaled = patch.planes.iter_mut().zip(&lu.exponents).filter(|(_, exponent)| **exponent != 0);
        for (plane, &exponent) in scaled.rev() {
            plane.iter_mut().rev().for_each(|z| *z = self.unscaled(*z, exponent, false));
        }
    }

    /// Computes the outputs of a coupling's network for all pixels that change.
    fn evaluate(&mut self, couple: &Couple, patch: &Patch) -> Result<()> {
        let seen = Seen::new(&couple.known, &couple.half, couple.taps);
        self.run(couple.network, &seen, patch, couple.parity)
    }

    /// Computes the outputs of a network for all pixels of a parity.
    pub(super) fn run(&mut self, network: usize, seen: &Seen, patch: &Patch, parity: Option<usize>) -> Result<()> {
        self.contexts.clear();
        for place in patch.places(parity) {
            patch.push_context(place, seen, self.grid.fraction, &mut self.contexts);
        }
        self.networks[network].run(&self.contexts, &mut self.outputs)
    }

    /// The network's translation and exponent for pixel `index` of channel `channel`, both counted among those that
    /// change.
    fn moved(&self, couple: &Couple, index: usize, channel: usize) -> (i64, i32) {
        let mut outputs = outputs_of(&self.outputs, couple.outputs(), index).skip(channel);
        let translation = outputs.next().expect("an output for each channel");
        let exponent = outputs.nth(couple.to.len() - 1).unwrap_or(0);
        (self.grid.translation(translation.into()), exponent.into())
    }

    fn couple(&mut self, couple: &Couple, patch: &mut Patch) {
        let places = patch.places(couple.parity);
        for (channel, plane) in patch.planes[couple.to.clone()].iter_mut().enumerate() {
            for (index, (y, x)) in places.clone().enumerate() {
                let (translation, exponent) = self.moved(couple, index, channel);
                let value = &mut plane[y * patch.side + x];
                *value = value.wrapping_sub(translation);
                if !couple.additive {
                    *value = self.scaled(*value, exponent, couple.inverted);
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
                    *value = self.unscaled(*value, exponent, couple.inverted);
                }
                *value = value.wrapping_add(translation);
            }
        }
    }
}

/// Adds to each channel in turn (or subtracts) a row of a matrix times the current channels.
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
