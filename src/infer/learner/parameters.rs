//! Learned parameters at full resolution, and their units. Format: section "Learning".

use crate::model::precision::Precision;

/// Fractional bits of learned weights; the network uses them rounded.
pub(super) const FRACTION: u32 = 16;

/// Parameters at full resolution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parameters {
    pub pretrained: Vec<i32>,
    pub values: Vec<i32>,
    pub momenta: Vec<i32>,
}

impl Parameters {
    pub fn new(pretrained: Vec<i32>) -> Self {
        Self { values: pretrained.clone(), momenta: vec![0; pretrained.len()], pretrained }
    }
}

/// Constants that follow from the units of a layer's inputs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Units {
    /// log2 of the constant input of which a bias is the weight: 1 in the inputs' units.
    pub bias_bits: u32,
    /// Bits that inputs lose in the products of gradients.
    pub narrowed: u32,
    /// log2 of the factor on step sizes, relative to other layers.
    pub step: i32,
}

impl Units {
    pub fn of(precision: Precision, first: bool, last: bool) -> Self {
        match (precision, first, last) {
            (Precision::Eleven, true, _) => Self { bias_bits: 5, narrowed: 0, step: 2 },
            (Precision::Eleven, _, false) => Self { bias_bits: 7, narrowed: 3, step: 1 },
            (Precision::Eleven, ..) => Self { bias_bits: 7, narrowed: 3, step: 0 },
            (Precision::Eight, true, _) => Self { bias_bits: 4, narrowed: 0, step: 0 },
            (Precision::Eight, _, false) => Self { bias_bits: 4, narrowed: 0, step: 1 },
            (Precision::Eight, ..) => Self { bias_bits: 4, narrowed: 0, step: 3 },
        }
    }
}
