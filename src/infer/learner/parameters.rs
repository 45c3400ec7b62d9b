//! Learned parameters at full resolution, and their units. Format: section "Learning".

/// Fractional bits of learned weights; the network uses them rounded.
pub(super) const FRACTION: u32 = 16;
/// log2 of the constant input of which a bias is the weight: 1 in the units of 8-bit inputs.
pub(super) const BIAS_BITS: u32 = 4;

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

/// log2 of the factor on the step sizes of a layer, relative to other layers.
pub(super) fn layer_step(first: bool, last: bool) -> i32 {
    match (first, last) {
        (true, _) => 0,
        (_, false) => 1,
        _ => 3,
    }
}
