//! The noise of dequantization: popped by the encoder, pushed back by the decoder. Format: section "Dequantization".
//!
//! The noise is uniform (Theis et al. 2016), or, for 8-bit samples, has truncated logistic distributions whose
//! parameters are outputs of networks (variational, Ho et al. 2019): one half of a checkerboard after the other, and
//! within each half one channel after the other.

use super::Walk;
use crate::base::error::Result;
use crate::context::patch::Patch;
use crate::entropy::bijections::{pop_bits, push_bits, states};
use crate::entropy::cdf::{CDF_BITS, Interval, sigma};
use crate::infer::{Evaluator, outputs_of};
use crate::model::program::Dequantization;

/// Bits of the noise of an 8-bit sample, and the number of its values.
const BITS: u32 = 6;
const CELLS: i64 = 1 << BITS;
/// Exponents of a scale, in units of 1/64; a scale of 1 is a cell.
const EXPONENTS: std::ops::RangeInclusive<i32> = -256..=192;

/// A logistic distribution truncated to the cell of a sample.
#[derive(Debug, Clone, Copy)]
struct Truncated {
    /// In units of 2^-6 of the cell, from its lower end.
    mean: i64,
    exponent: i32,
    below: i64,
    within: i64,
}

impl Truncated {
    /// From a mean relative to the middle of the cell.
    fn new(mean: i64, exponent: i32) -> Self {
        let exponent = exponent.clamp(*EXPONENTS.start(), *EXPONENTS.end());
        let limit = CELLS / 2 + i64::from(states(exponent) >> 2); // half a cell, and four scales
        let mean = mean.clamp(-limit, limit) + CELLS / 2;
        let mut distribution = Self { mean, exponent, below: 0, within: 0 };
        distribution.below = distribution.sigma(0);
        distribution.within = distribution.sigma(CELLS) - distribution.below;
        distribution
    }

    fn sigma(self, noise: i64) -> i64 {
        // The inverse scale has 10 fractional bits, the distance 6, and the argument 16.
        sigma(((noise - self.mean) * i64::from(states(-self.exponent))) << (16 - 10 - BITS)).into()
    }

    /// The CDF below a noise value, which gives each value a count of at least one. Where the logistic has no mass in
    /// the cell, all values are equally likely.
    fn edge(self, noise: i64) -> u32 {
        let edge = match self.within {
            0 => noise << (CDF_BITS as u32 - BITS),
            within => noise + (self.sigma(noise) - self.below) * ((1 << CDF_BITS) - CELLS) / within,
        };
        edge as u32
    }

    fn interval(self, noise: i64) -> Interval {
        Interval { left: self.edge(noise), probability: self.edge(noise + 1) - self.edge(noise) }
    }

    fn quantile(self, quantile: u32) -> i64 {
        let (mut low, mut high) = (0, CELLS);
        while high - low > 1 {
            let middle = (low + high) / 2;
            if self.edge(middle) <= quantile { low = middle } else { high = middle }
        }
        low
    }
}

impl<N: Evaluator> Walk<'_, N> {
    fn first_network(&self) -> Option<usize> {
        match self.program.dequantization {
            Dequantization::Variational(first) if self.grid.depth == 8 => Some(first),
            _ => None,
        }
    }

    /// Pops noise from the stack and adds it to samples.
    pub(super) fn pop_noise(&mut self, patch: &mut Patch) -> Result<()> {
        if self.program.dequantization == Dequantization::None {
            return Ok(());
        }
        let Some(first) = self.first_network() else {
            let noise = self.grid.noise;
            for x in patch.planes.iter_mut().flatten() {
                *x |= pop_bits(&mut self.stack, noise) as i64;
                self.terms.dequantization.count(0.5f64.powi(noise as i32));
            }
            return Ok(());
        };
        patch.planes.iter_mut().flatten().for_each(|x| *x += CELLS / 2);
        for step in 0..2 * patch.planes.len() {
            let (parity, channel) = (step / patch.planes.len(), step % patch.planes.len());
            self.evaluate_noise(first + step, parity, patch)?;
            let side = patch.side;
            for (index, (y, x)) in patch.places(Some(parity)).enumerate() {
                let distribution = self.distribution(index);
                let noise = distribution.quantile(self.stack.quantile());
                self.stack.pop(distribution.interval(noise));
                self.terms.dequantization.count_interval(distribution.interval(noise));
                patch.planes[channel][y * side + x] += noise - CELLS / 2;
            }
        }
        Ok(())
    }

    /// Pushes the noise of samples back onto the stack.
    pub(super) fn push_noise(&mut self, patch: &mut Patch) -> Result<()> {
        if self.program.dequantization == Dequantization::None {
            let cell = 1 << self.grid.noise;
            self.out_of_range |= patch.planes.iter().flatten().any(|x| x & (cell - 1) != 0);
            return Ok(());
        }
        let Some(first) = self.first_network() else {
            let noise = self.grid.noise;
            for &x in patch.planes.iter().rev().flat_map(|plane| plane.iter().rev()) {
                push_bits(&mut self.stack, (x & ((1 << noise) - 1)) as u64, noise);
                self.terms.dequantization.count(0.5f64.powi(noise as i32));
            }
            return Ok(());
        };
        for step in (0..2 * patch.planes.len()).rev() {
            let (parity, channel) = (step / patch.planes.len(), step % patch.planes.len());
            let places: Vec<usize> = patch.places(Some(parity)).map(|(y, x)| y * patch.side + x).collect();
            let plane = &mut patch.planes[channel];
            let drawn: Vec<i64> = places.iter().map(|&at| plane[at] & (CELLS - 1)).collect();
            places.iter().for_each(|&at| plane[at] = (plane[at] & -CELLS) + CELLS / 2);
            self.evaluate_noise(first + step, parity, patch)?;
            for (index, &noise) in drawn.iter().enumerate().rev() {
                let interval = self.distribution(index).interval(noise);
                self.stack.push(interval);
                self.terms.dequantization.count_interval(interval);
            }
        }
        Ok(())
    }

    fn evaluate_noise(&mut self, network: usize, parity: usize, patch: &Patch) -> Result<()> {
        self.contexts.clear();
        patch.places(Some(parity)).for_each(|place| patch.push_noise_context(place, &mut self.contexts));
        self.networks[network].run(&self.contexts, &mut self.outputs)
    }

    /// The distribution of the noise of pixel `index`, from the outputs of a network.
    fn distribution(&self, index: usize) -> Truncated {
        let mut outputs = outputs_of(&self.outputs, 2, index);
        let mut next = || outputs.next().expect("two outputs");
        Truncated::new(next().into(), next().into())
    }
}

#[cfg(test)]
mod tests;
