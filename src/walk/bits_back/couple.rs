//! Couplings, of halves of a patch (Dinh et al. 2017) and pixel by pixel (Papamakarios et al. 2017; Kingma et al. 2016). Format:
//! section "Programs".

use super::Walk;
use crate::base::error::Result;
use crate::context::patch::{Conditioning, Patch, Pixels};
use crate::entropy::bijections::{DIVISIBLE, scale, states, unscale};
use crate::infer::{Evaluator, outputs_of};
use crate::model::program::Couple;

impl<N: Evaluator> Walk<'_, N> {
    /// Moves what changes. In raster order, an encoder knows all contexts, and goes backwards: from each pixel, a decoder learns
    /// the contexts of those after it.
    pub(super) fn couple(&mut self, couple: &Couple, patch: &mut Patch) -> Result<()> {
        let places = places(couple, patch);
        self.run(couple.network, &Conditioning::of(couple), patch, places.iter().copied())?;
        let side = patch.side;
        let planes = &mut patch.planes[couple.to.clone()];
        if couple.pixels == Pixels::Raster {
            for (index, (y, x)) in places.into_iter().enumerate().rev() {
                for (channel, plane) in planes.iter_mut().enumerate().rev() {
                    self.apply_affine(couple, (index, channel), &mut plane[y * side + x]);
                }
            }
            return Ok(());
        }
        for (channel, plane) in planes.iter_mut().enumerate() {
            for (index, &(y, x)) in places.iter().enumerate() {
                self.apply_affine(couple, (index, channel), &mut plane[y * side + x]);
            }
        }
        Ok(())
    }

    /// Undoes [`couple`](Self::couple).
    pub(super) fn uncouple(&mut self, couple: &Couple, patch: &mut Patch) -> Result<()> {
        let (places, conditioning, side) = (places(couple, patch), Conditioning::of(couple), patch.side);
        if couple.pixels == Pixels::Raster {
            for (y, x) in places {
                self.run(couple.network, &conditioning, patch, [(y, x)].into_iter())?;
                for (channel, plane) in patch.planes[couple.to.clone()].iter_mut().enumerate() {
                    self.invert_affine(couple, (0, channel), &mut plane[y * side + x]);
                }
            }
            return Ok(());
        }
        self.run(couple.network, &conditioning, patch, places.iter().copied())?;
        for (channel, plane) in patch.planes[couple.to.clone()].iter_mut().enumerate().rev() {
            for (index, &(y, x)) in places.iter().enumerate().rev() {
                self.invert_affine(couple, (index, channel), &mut plane[y * side + x]);
            }
        }
        Ok(())
    }

    /// The outputs of a network for some pixels.
    pub(super) fn run(
        &mut self,
        network: usize,
        conditioning: &Conditioning,
        patch: &Patch,
        places: impl Iterator<Item = (usize, usize)>,
    ) -> Result<()> {
        self.contexts.clear();
        for place in places {
            patch.push_context(place, conditioning, self.grid.fraction, &mut self.contexts);
        }
        self.networks[network].run(&self.contexts, &mut self.outputs)
    }

    /// What the network says of a pixel that it was run for, by index, and of a channel of those that change: translation and
    /// exponent.
    fn affine(&self, couple: &Couple, (index, channel): (usize, usize)) -> (i64, i32) {
        let mut outputs = outputs_of(&self.outputs, couple.outputs(), index).skip(channel);
        let translation = outputs.next().expect("an output for each channel");
        let exponent = outputs.nth(couple.to.len() - 1).unwrap_or(0);
        (self.grid.translation(translation.into()), exponent.into())
    }

    fn apply_affine(&mut self, couple: &Couple, at: (usize, usize), value: &mut i64) {
        let (translation, exponent) = self.affine(couple, at);
        *value = value.wrapping_sub(translation);
        if !couple.additive {
            *value = self.scaled(*value, exponent, couple.inverted);
        }
    }

    fn invert_affine(&mut self, couple: &Couple, at: (usize, usize), value: &mut i64) {
        let (translation, exponent) = self.affine(couple, at);
        if !couple.additive {
            *value = self.unscaled(*value, exponent, couple.inverted);
        }
        *value = value.wrapping_add(translation);
    }

    /// Scales; of an inverted coupling, this happens backwards.
    pub(super) fn scaled(&mut self, x: i64, exponent: i32, inverted: bool) -> i64 {
        let states = states(exponent);
        self.count_scale(states, inverted);
        scale(&mut self.stack, x, states)
    }

    /// Undoes [`scaled`](Self::scaled).
    pub(super) fn unscaled(&mut self, z: i64, exponent: i32, inverted: bool) -> i64 {
        let states = states(exponent);
        self.count_scale(states, inverted);
        self.out_of_range |= z.unsigned_abs() >= DIVISIBLE as u64;
        unscale(&mut self.stack, z, states)
    }

    /// Takes note of the factor of a density: of the prior, or of a posterior.
    fn count_scale(&mut self, states: u32, inverted: bool) {
        let tally = if inverted { &mut self.terms.posterior } else { &mut self.terms.volume };
        tally.count(f64::from(states) / 1024.0);
    }
}

/// The places of the pixels that change.
fn places(couple: &Couple, patch: &Patch) -> Vec<(usize, usize)> {
    patch.places(couple.pixels.parity()).collect()
}

impl Conditioning {
    fn of(couple: &Couple) -> Self {
        Self::new(&couple.known, &couple.half, couple.pixels, couple.taps)
    }
}
