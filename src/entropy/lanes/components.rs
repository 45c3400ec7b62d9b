//! The logistic components of a channel, and their values at edges of samples.

use super::{Block, LANES, LaneMixture, Lanes};
use crate::cdf::{ARGUMENT_BITS, Alphabet, INVERSE_BITS, POSITION_BITS, STEP_BITS};
use crate::mixture::{COEFFICIENT_LIMITS, LOG_SCALE_LIMITS, OUTPUT_BITS};
use crate::tables::{EXP2, SIGMA};

/// One component of each pixel.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ComponentLanes {
    means: Lanes<i32>,
    inverses: Lanes<i32>,
    /// Distances from the mean beyond these have the values of these.
    limits: Lanes<i32>,
}

/// Steps at both ends of the table of the logistic function without a rise.
const FLAT_STEPS: usize = 8;
const STEPS: usize = SIGMA.len() - 1;
const HALF_RANGE: u32 = (STEPS as u32 / 2) << STEP_BITS;

/// Each step of the logistic function: its value at the start in the low half, its rise in the high half.
static SIGMA_STEPS: [u64; STEPS] = {
    let mut steps = [0; STEPS];
    let mut index = 0;
    while index < STEPS {
        assert!((FLAT_STEPS <= index && index < STEPS - FLAT_STEPS) || SIGMA[index] == SIGMA[index + 1]);
        steps[index] = SIGMA[index] as u64 | ((SIGMA[index + 1] - SIGMA[index]) as u64) << 32;
        index += 1;
    }
    steps
};

const SCALES: usize = (LOG_SCALE_LIMITS.1 - LOG_SCALE_LIMITS.0 + 1) as usize;

/// For each log2 of a scale: the inverse of the scale in the low half; in the high half the largest distance whose product
/// with it has 32 bits beside its sign.
static INVERSES: [u64; SCALES] = {
    let mut inverses = [0; SCALES];
    let mut index = 0;
    while index < SCALES {
        let exponent = -(LOG_SCALE_LIMITS.0 + index as i32);
        let value = EXP2[(exponent & 63) as usize] as u64;
        let shift = (exponent >> OUTPUT_BITS) + INVERSE_BITS as i32 - 16;
        let inverse = if shift >= 0 { value << shift } else { value >> -shift };
        let limit = u32::MAX as u64 / inverse;
        // At the limit, the logistic function is flat.
        assert!((limit * inverse) >> PRODUCT_SHIFT >= (HALF_RANGE as u64) - ((FLAT_STEPS as u64) << STEP_BITS));
        inverses[index] = inverse | limit << 32;
        index += 1;
    }
    inverses
};

/// From the product of a distance and an inverse scale to an argument of the logistic function.
const PRODUCT_SHIFT: u32 = POSITION_BITS + INVERSE_BITS - ARGUMENT_BITS;

/// The positions of the lower edges of samples.
#[inline(always)]
pub(super) fn edges(samples: &Lanes<u32>, alphabet: Alphabet) -> Lanes<i32> {
    let shift = POSITION_BITS - 1 + 8 - alphabet.depth;
    samples.map(|sample| (2 * sample as i32 - 1) << shift)
}

impl ComponentLanes {
    /// The logistic functions at edges, in units of 2^-24.
    #[inline(always)]
    pub fn logistic(&self, edges: &Lanes<i32>) -> Lanes<u32> {
        let mut values = [0; LANES];
        for lane in 0..LANES {
            let limit = self.limits[lane];
            let distance = edges[lane].wrapping_sub(self.means[lane]).max(-limit).min(limit);
            // The product has 32 bits and a sign, which is that of the distance.
            let product = distance.wrapping_mul(self.inverses[lane]) as u32;
            let argument = (product >> PRODUCT_SHIFT) + if distance < 0 { 0 } else { HALF_RANGE };
            let step = SIGMA_STEPS[(argument >> STEP_BITS) as usize % STEPS];
            let fraction = argument & ((1 << STEP_BITS) - 1);
            values[lane] = (step as u32).wrapping_add(((step >> 32) as u32).wrapping_mul(fraction) >> STEP_BITS);
        }
        values
    }
}

impl LaneMixture {
    /// Makes the components of a channel, after all channels before it.
    #[inline(always)]
    pub(super) fn make_components(&mut self, block: Block<'_>, channel: usize, alphabet: Alphabet) {
        let (count, channels) = (self.shape.components, self.shape.channels);
        let group = |index: usize| &block.outputs[index * count..][..count];
        let (means, log_scales) = (group(1 + channel), group(1 + channels + channel));
        let first_pair = 1 + 2 * channels + channel * channel.saturating_sub(1) / 2;
        let (up, down) = (8u32.saturating_sub(alphabet.depth), alphabet.depth.saturating_sub(8));
        let to_eight_bits = |difference: i32| (difference << up) >> down;
        let (signs, shifts) = (block.signs, block.shifts);
        let mut predictions = [0; LANES];
        for lane in 0..LANES {
            predictions[lane] = to_eight_bits(block.predictions[channel][lane] << OUTPUT_BITS);
        }
        for k in 0..count {
            let component = &mut self.components[k];
            let mut moved = predictions;
            for earlier in 0..channel {
                let coefficients = &group(first_pair + earlier)[k];
                for lane in 0..LANES {
                    let coefficient = i32::from(coefficients[lane]);
                    let coefficient = coefficient.max(COEFFICIENT_LIMITS.0).min(COEFFICIENT_LIMITS.1);
                    let moves = to_eight_bits(self.residuals[earlier][lane].wrapping_mul(coefficient));
                    moved[lane] = moved[lane].wrapping_add(moves);
                }
            }
            for lane in 0..LANES {
                let mean = i32::from(means[k][lane]).wrapping_mul(signs[lane]) << (POSITION_BITS - OUTPUT_BITS);
                let moved = moved[lane] << (POSITION_BITS - OUTPUT_BITS);
                component.means[lane] = (mean >> (shifts[lane] & 31)).wrapping_add(moved);
                let log_scale = i32::from(log_scales[k][lane]).wrapping_sub((shifts[lane] << OUTPUT_BITS) as i32);
                let log_scale = log_scale.max(LOG_SCALE_LIMITS.0).min(LOG_SCALE_LIMITS.1);
                let scale = INVERSES[(log_scale - LOG_SCALE_LIMITS.0) as usize];
                component.inverses[lane] = scale as i32;
                component.limits[lane] = (scale >> 32) as i32;
            }
        }
    }

    /// Likely samples: those at the mean of the heaviest component.
    #[inline(always)]
    pub(super) fn guesses(&self, alphabet: Alphabet) -> (Lanes<i32>, Lanes<i32>) {
        let (mut heaviest, mut means, mut limits) = ([0; LANES], [0; LANES], [0; LANES]);
        for k in 0..self.shape.components {
            let (component, weights) = (&self.components[k], &self.weights[k]);
            for lane in 0..LANES {
                let heavier = weights[lane] >= heaviest[lane];
                heaviest[lane] = if heavier { weights[lane] } else { heaviest[lane] };
                means[lane] = if heavier { component.means[lane] } else { means[lane] };
                limits[lane] = if heavier { component.limits[lane] } else { limits[lane] };
            }
        }
        let shift = POSITION_BITS + 8 - alphabet.depth;
        // A limit is sixteen scales away from the mean.
        (means.map(|mean| mean.wrapping_add(1 << (shift - 1)) >> shift), limits.map(|limit| (limit >> 4) >> shift))
    }
}
