//! The code lengths of patches, by the terms of the variational bound.

use crate::entropy::tally::Tally;

/// Sums of the code lengths of patches, by the terms of the bound.
#[derive(Debug, Clone, Default)]
pub(super) struct Terms {
    pub reconstruction: Tally,
    pub base: Tally,
    pub volume: Tally,
    pub posterior: Tally,
    pub dequantization: Tally,
}

impl Terms {
    /// The terms, without those of a primer.
    pub fn bound(&self) -> BoundTerms {
        BoundTerms {
            reconstruction: self.reconstruction.bits(),
            base: self.base.bits(),
            volume: self.volume.bits(),
            posterior: -self.posterior.bits(),
            dequantization: -self.dequantization.bits(),
            primer: 0.0,
        }
    }
}

/// The code length of tiles of the bits-back family in bits, by the terms of the variational bound.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct BoundTerms {
    /// `-log2 p(x | z)` of samples given latents.
    pub reconstruction: f64,
    /// `-log2 p(z)` of factored-out values, under the base distribution.
    pub base: f64,
    /// `-log2 |det J|` of the program, without its posteriors.
    pub volume: f64,
    /// `log2 q(z | x)` of latents, which is gained back.
    pub posterior: f64,
    /// `log2 q(u | y)` of the noise, which is gained back; usually negative, since base and volume are on the noise's
    /// grid.
    pub dequantization: f64,
    /// What the primer's network codes, outside the bound.
    pub primer: f64,
}

impl BoundTerms {
    /// The sum of all terms.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.reconstruction + self.divergence() + self.dequantization + self.primer
    }

    /// With latents: the KL divergence of the posterior from the prior, estimated at the drawn latents. For a flow
    /// without latents: the code length of its dequantized samples.
    #[must_use]
    pub fn divergence(&self) -> f64 {
        self.base + self.volume + self.posterior
    }
}

impl std::ops::AddAssign for BoundTerms {
    fn add_assign(&mut self, other: Self) {
        self.reconstruction += other.reconstruction;
        self.base += other.base;
        self.volume += other.volume;
        self.posterior += other.posterior;
        self.dequantization += other.dequantization;
        self.primer += other.primer;
    }
}
