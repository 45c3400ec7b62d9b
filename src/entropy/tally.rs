//! Ideal code lengths, added up: what a perfect entropy coder would take.

use super::cdf::{CDF_BITS, Interval};

/// A sum of ideal code lengths.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    /// The product of the probabilities since their logarithm was last taken.
    product: f64,
    bits: f64,
}

impl Default for Tally {
    fn default() -> Self {
        Self { product: 1.0, bits: 0.0 }
    }
}

impl Tally {
    /// Adds an event with this probability, or density.
    pub fn count(&mut self, probability: f64) {
        self.product *= probability;
        if !(1e-200..1e200).contains(&self.product) {
            self.bits -= self.product.log2();
            self.product = 1.0;
        }
    }

    /// Adds a symbol with this interval.
    pub fn count_interval(&mut self, interval: Interval) {
        self.count(f64::from(interval.probability) / (1u64 << CDF_BITS) as f64);
    }

    /// Adds a number of bits.
    pub fn add(&mut self, bits: f64) {
        self.bits += bits;
    }

    /// The sum, in bits.
    pub fn bits(&self) -> f64 {
        self.bits - self.product.log2()
    }
}
