//! The operations of a program, forwards and backwards. Format: section "Programs".

use super::Walk;
use crate::base::error::Result;
use crate::context::patch::Patch;
use crate::entropy::bijections::Base;
use crate::infer::Evaluator;
use crate::model::program::{Affine, BaseChannels, Lu, MATRIX_BITS, Operation, Placed};

impl<N: Evaluator> Walk<'_, N> {
    pub(super) fn forwards(&mut self, placed: &Placed, patch: &mut Patch) -> Result<()> {
        match &placed.operation {
            Operation::Squeeze => patch.squeeze(),
            Operation::Lu(lu) => {
                shear(patch, &lu.lower, (0..lu.lower.len()).rev(), i64::wrapping_add);
                shear(patch, &lu.upper, 0..lu.upper.len(), i64::wrapping_add);
                self.scale_channels(patch, lu);
            }
            Operation::Norm(affine) => {
                let first = patch.planes.len() - affine.len();
                for (plane, &Affine { translation, exponent }) in patch.planes[first..].iter_mut().zip(affine) {
                    let translation = self.grid.translation(translation);
                    for x in plane {
                        *x = self.scaled(x.wrapping_sub(translation), exponent, false);
                    }
                }
            }
            Operation::Couple(couple) => {
                if couple.inverted {
                    self.uncouple(couple, patch)?
                } else {
                    self.couple(couple, patch)?
                }
            }
            Operation::Factor(BaseChannels { distribution, count }) => {
                let left = patch.planes.len() - count;
                for (channel, plane) in patch.planes.drain(left..).enumerate() {
                    let base = Base::new(distribution.table(channel), self.grid.fraction);
                    plane.iter().for_each(|&z| base.push(&mut self.stack, z, &mut self.terms.base));
                }
            }
            Operation::Draw(BaseChannels { distribution, count }) => {
                let pixels = placed.side * placed.side;
                let plane = |channel: usize| {
                    let base = Base::of_noise(distribution.table(channel), self.grid.fraction);
                    (0..pixels).map(|_| base.pop(&mut self.stack, &mut self.terms.posterior)).collect()
                };
                let drawn: Vec<Vec<i64>> = (0..*count).map(plane).collect();
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
            Operation::Norm(affine) => {
                let first = patch.planes.len() - affine.len();
                for (plane, &Affine { translation, exponent }) in patch.planes[first..].iter_mut().zip(affine).rev() {
                    let translation = self.grid.translation(translation);
                    for z in plane.iter_mut().rev() {
                        *z = self.unscaled(*z, exponent, false).wrapping_add(translation);
                    }
                }
            }
            Operation::Couple(couple) => {
                if couple.inverted {
                    self.couple(couple, patch)?
                } else {
                    self.uncouple(couple, patch)?
                }
            }
            Operation::Factor(BaseChannels { distribution, count }) => {
                patch.side = placed.side;
                let pixels = placed.side * placed.side;
                let planes = (0..*count).rev().map(|channel| {
                    let base = Base::new(distribution.table(channel), self.grid.fraction);
                    let pop = |_| base.pop(&mut self.stack, &mut self.terms.base);
                    let mut plane: Vec<i64> = (0..pixels).map(pop).collect();
                    plane.reverse();
                    plane
                });
                let planes: Vec<_> = planes.collect();
                patch.planes.extend(planes.into_iter().rev());
            }
            Operation::Draw(BaseChannels { distribution, count }) => {
                for (channel, plane) in patch.planes.drain(..count).enumerate().rev() {
                    let base = Base::of_noise(distribution.table(channel), self.grid.fraction);
                    for z in plane.into_iter().rev() {
                        if base.has(z) {
                            base.push(&mut self.stack, z, &mut self.terms.posterior);
                        } else {
                            self.out_of_range = true;
                        }
                    }
                }
            }
            Operation::Observe(observe) => self.pop_samples(observe, patch)?,
        }
        Ok(())
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
