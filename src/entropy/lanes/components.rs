//! The logistic components of a channel, and their CDFs at the edges of samples.

use super::{Block, LaneMixture, Lanes, Simd};
use crate::entropy::cdf::{ARGUMENT_BITS, Alphabet, CDF_BITS, INVERSE_BITS, POSITION_BITS, STEP_BITS};
use crate::entropy::mixture::{COEFFICIENT_LIMITS, LOG_SCALE_LIMITS, MixtureShape, OUTPUT_BITS};
use crate::entropy::tables::{EXP2, SIGMA};

/// One component for each pixel of a block.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ComponentLanes {
    means: Lanes<i32>,
    inverses: Lanes<i32>,
    /// Distances from the mean are clamped to this magnitude; the logistic function is flat beyond.
    limits: Lanes<i32>,
}

/// Steps at either end of the logistic table where it does not rise.
const FLAT_STEPS: usize = 8;
const STEPS: usize = SIGMA.len() - 1;
const HALF_RANGE: i32 = (STEPS as i32 / 2) << STEP_BITS;

/// Each step of the logistic table: its value in the low half, its rise to the next in the high half.
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

/// For each log2 scale: the inverse scale in the low half; in the high half, the largest distance whose product with it
/// fits 32 bits and a sign.
static INVERSES: [u64; SCALES.next_power_of_two()] = {
    let mut inverses = [0; SCALES.next_power_of_two()];
    let mut index = 0;
    while index < SCALES {
        let exponent = -(LOG_SCALE_LIMITS.0 + index as i32);
        let value = EXP2[(exponent & 63) as usize] as u64;
        let shift = (exponent >> OUTPUT_BITS) + INVERSE_BITS as i32 - 16;
        let inverse = if shift >= 0 { value << shift } else { value >> -shift };
        let limit = u32::MAX as u64 / inverse;
        // At the largest distance, the logistic function is flat.
        assert!((limit * inverse) >> PRODUCT_SHIFT >= (HALF_RANGE as u64) - ((FLAT_STEPS as u64) << STEP_BITS));
        inverses[index] = inverse | limit << 32;
        index += 1;
    }
    inverses
};

const LOGITS: usize = 256;

/// The inverse of the logistic function at the middle of each 256th, in steps of its table: the starting point of a
/// search.
static LOGIT: [u64; LOGITS] = {
    let mut logits = [0; LOGITS];
    let (mut index, mut step) = (0, 0);
    while index < LOGITS {
        while (SIGMA[step] as usize) < (2 * index + 1) << 15 {
            step += 1;
        }
        logits[index] = (step as i64 - STEPS as i64 / 2) as u64;
        index += 1;
    }
    logits
};

/// Shift from distance x inverse scale to the argument of the logistic function.
const PRODUCT_SHIFT: u32 = POSITION_BITS + INVERSE_BITS - ARGUMENT_BITS;

/// The positions of the samples' lower edges.
#[inline(always)]
pub(super) fn edge<S: Simd>(simd: S, sample: S::Ints, alphabet: Alphabet) -> S::Ints {
    let doubled = simd.sub(simd.add(sample, sample), simd.splat(1));
    simd.shl(doubled, simd.splat((POSITION_BITS - 1 + 8 - alphabet.depth) as i32))
}

/// Scales differences of samples to 8-bit samples.
#[inline(always)]
fn to_eight_bits<S: Simd>(simd: S, difference: S::Ints, alphabet: Alphabet) -> S::Ints {
    let depth = alphabet.depth as i32;
    let (up, down) = ((8 - depth).max(0), (depth - 8).max(0));
    simd.sar(simd.shl(difference, simd.splat(up)), simd.splat(down))
}

/// Clamps numbers to a range.
#[inline(always)]
pub(super) fn clamp<S: Simd>(simd: S, value: S::Ints, (least, most): (i32, i32)) -> S::Ints {
    simd.min(simd.max(value, simd.splat(least)), simd.splat(most))
}

impl ComponentLanes {
    /// Means and inverse scales, in the units of [`crate::entropy::cdf::Component`].
    #[inline(always)]
    pub fn means_and_inverses(&self) -> (&Lanes<i32>, &Lanes<i32>) {
        (&self.means, &self.inverses)
    }

    /// The logistic functions at `edge`, in units of 2^-24.
    #[inline(always)]
    pub fn logistic<S: Simd>(&self, simd: S, part: usize, edge: S::Ints) -> S::Ints {
        let limit = simd.load(&self.limits, part);
        let distance = simd.sub(edge, simd.load(&self.means, part));
        let distance = simd.min(simd.max(distance, simd.sub(simd.splat(0), limit)), limit);
        // The product has 32 bits and a sign, which is the sign of the distance.
        let product = simd.mul(distance, simd.load(&self.inverses, part));
        let half = simd.select(simd.gt(simd.splat(0), distance), simd.splat(0), simd.splat(HALF_RANGE));
        let argument = simd.add(simd.shr(product, simd.splat(PRODUCT_SHIFT as i32)), half);
        let step = simd.lookup(&SIGMA_STEPS, simd.shr(argument, simd.splat(STEP_BITS as i32)));
        let fraction = simd.and(argument, simd.splat((1 << STEP_BITS) - 1));
        let rise = simd.mul(simd.narrow::<32>(step), fraction);
        simd.add(simd.narrow::<0>(step), simd.shr(rise, simd.splat(STEP_BITS as i32)))
    }
}

impl LaneMixture {
    /// Computes the components of a channel, given all channels before it.
    #[inline(always)]
    pub(super) fn make_components<S: Simd>(
        &mut self,
        simd: S,
        part: usize,
        block: Block<'_>,
        (channel, alphabet): (usize, Alphabet),
    ) {
        let MixtureShape { components: count, channels, .. } = self.shape;
        let group = |index: usize| &block.outputs[index * count..][..count];
        let (means, log_scales) = (group(1 + channel), group(1 + channels + channel));
        let first_pair = 1 + 2 * channels + channel * channel.saturating_sub(1) / 2;
        let (sign, shift) = (simd.load(block.signs, part), simd.load(block.shifts, part));
        let output_bits = simd.splat(OUTPUT_BITS as i32);
        let position_bits = simd.splat((POSITION_BITS - OUTPUT_BITS) as i32);
        let prediction = simd.shl(simd.load(&block.predictions[channel], part), output_bits);
        let prediction = to_eight_bits(simd, prediction, alphabet);
        for k in 0..count {
            let mut moved = prediction;
            for earlier in 0..channel {
                let coefficient = simd.load_i16(&group(first_pair + earlier)[k], part);
                let coefficient = clamp(simd, coefficient, COEFFICIENT_LIMITS);
                let moves = simd.mul(simd.load(&self.residuals[earlier], part), coefficient);
                moved = simd.add(moved, to_eight_bits(simd, moves, alphabet));
            }
            let mean = simd.shl(simd.mul(sign, simd.load_i16(&means[k], part)), position_bits);
            let mean = simd.add(simd.sar(mean, shift), simd.shl(moved, position_bits));
            let log_scale = simd.sub(simd.load_i16(&log_scales[k], part), simd.shl(shift, output_bits));
            let log_scale = clamp(simd, log_scale, LOG_SCALE_LIMITS);
            let scale = simd.lookup(&INVERSES, simd.sub(log_scale, simd.splat(LOG_SCALE_LIMITS.0)));
            let component = &mut self.components[k];
            simd.store(mean, &mut component.means, part);
            simd.store(simd.narrow::<0>(scale), &mut component.inverses, part);
            simd.store(simd.narrow::<32>(scale), &mut component.limits, part);
        }
    }

    /// Guesses the samples of quantiles as if each mixture were its heaviest component alone; also returns the scales
    /// of these components, in samples.
    #[inline(always)]
    pub(super) fn guess<S: Simd>(
        &self,
        simd: S,
        part: usize,
        (quantile, alphabet): (S::Ints, Alphabet),
    ) -> (S::Ints, S::Ints) {
        let mut heaviest = simd.splat(-1);
        let (mut mean, mut limit) = (heaviest, heaviest);
        for (component, weight) in self.components.iter().zip(&self.weights).take(self.shape.components) {
            let weight = simd.load(weight, part);
            let heavier = simd.gt(weight, heaviest);
            heaviest = simd.max(weight, heaviest);
            mean = simd.select(heavier, simd.load(&component.means, part), mean);
            limit = simd.select(heavier, simd.load(&component.limits, part), limit);
        }
        let shift = (POSITION_BITS + 8 - alphabet.depth) as i32;
        let half = simd.splat(1 << (shift - 1));
        // The limit is sixteen scales from the mean, and a step of the table is 1/32 of a scale.
        let scale = simd.shr(limit, simd.splat(4));
        let logit = simd.narrow::<0>(simd.lookup(&LOGIT, simd.shr(quantile, simd.splat(CDF_BITS as i32 - 8))));
        let position = simd.add(mean, simd.sar(simd.mul(logit, scale), simd.splat(5)));
        (simd.sar(simd.add(position, half), simd.splat(shift)), simd.shr(scale, simd.splat(shift)))
    }
}
