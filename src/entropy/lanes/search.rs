//! The samples of quantiles: a search in the CDF, in all lanes at once until the last has found its own.

use super::components::edge;
use super::{IntervalLanes, LaneMixture, Lanes, Simd, with_floor};
use crate::cdf::{Alphabet, CDF_BITS};
use crate::mixture::MAX_COMPONENTS;

/// What is known at an edge of samples.
#[derive(Clone, Copy)]
struct Side<S: Simd> {
    sample: S::Ints,
    cumulative: S::Ints,
    /// The logistic functions.
    values: [S::Ints; MAX_COMPONENTS],
}

impl LaneMixture {
    /// The samples of quantiles, in the first `active` lanes, their intervals, and the posterior of the components.
    ///
    /// The result does not depend on the guess, the time does: a bracket grows from it by doubling steps, and is then
    /// bisected.
    #[inline(always)]
    pub(super) fn find<S: Simd>(
        &mut self,
        simd: S,
        part: usize,
        alphabet: Alphabet,
        (quantiles, active): (&Lanes<i32>, usize),
        intervals: &mut IntervalLanes,
    ) -> (S::Ints, [S::Longs; MAX_COMPONENTS]) {
        let (zero, one, whole) = (simd.splat(0), simd.splat(1), simd.splat(1 << CDF_BITS));
        let quantile = simd.load(quantiles, part);
        let (end, lanes) = (simd.splat(alphabet.size as i32), simd.load(&std::array::from_fn(|lane| lane as i32), part));
        let lane_end = simd.select(simd.gt(simd.splat(active as i32), lanes), end, one);
        // cumulative(low) <= quantile < cumulative(high)
        let mut low = Side::<S> { sample: zero, cumulative: zero, values: [zero; MAX_COMPONENTS] };
        let mut high = Side::<S> { sample: lane_end, cumulative: whole, values: [whole; MAX_COMPONENTS] };
        let (mut probe, scale) = self.guess(simd, part, alphabet);
        let mut step = simd.max(scale, one);
        loop {
            let top = simd.sub(high.sample, one);
            if !simd.any(simd.gt(top, low.sample)) {
                break;
            }
            // Where a bracket is one sample, this is its lower edge, and changes nothing.
            probe = simd.min(simd.max(probe, simd.add(low.sample, one)), top);
            self.probe(simd, part, (probe, quantile, alphabet), (&mut low, &mut high));
            let middle = simd.shr(simd.add(low.sample, high.sample), one);
            let up = simd.select(simd.eq(high.sample, end), simd.add(low.sample, step), middle);
            probe = simd.select(simd.eq(low.sample, zero), simd.sub(high.sample, step), up);
            // Doubled, but never so far that a sum would not fit.
            step = simd.min(simd.add(step, step), simd.splat(1 << 20));
        }
        simd.store(low.cumulative, &mut intervals.left, part);
        simd.store(simd.sub(high.cumulative, low.cumulative), &mut intervals.probability, part);
        let mut posterior = [simd.widen(zero); MAX_COMPONENTS];
        for k in 0..self.shape.components {
            let density = simd.sub(high.values[k], low.values[k]);
            posterior[k] = simd.mul_wide(simd.load(&self.weights[k], part), density);
        }
        (low.sample, posterior)
    }

    /// Narrows brackets by the CDF at probes that are within them, or their lower ends.
    #[inline(always)]
    fn probe<S: Simd>(
        &self,
        simd: S,
        part: usize,
        (probe, quantile, alphabet): (S::Ints, S::Ints, Alphabet),
        (low, high): (&mut Side<S>, &mut Side<S>),
    ) {
        let edge = edge(simd, probe, alphabet);
        let mut sum = simd.widen(simd.splat(0));
        let mut values = [simd.splat(0); MAX_COMPONENTS];
        for k in 0..self.shape.components {
            values[k] = self.components[k].logistic(simd, part, edge);
            sum = simd.add_longs(sum, simd.mul_wide(simd.load(&self.weights[k], part), values[k]));
        }
        let cumulative = with_floor(simd, sum, probe, alphabet);
        let inside = simd.gt(probe, low.sample);
        let above = simd.both(inside, simd.gt(cumulative, quantile));
        let below = simd.both(inside, simd.gt(simd.add(quantile, simd.splat(1)), cumulative));
        for (side, is) in [(low, below), (high, above)] {
            side.sample = simd.select(is, probe, side.sample);
            side.cumulative = simd.select(is, cumulative, side.cumulative);
            for k in 0..self.shape.components {
                side.values[k] = simd.select(is, values[k], side.values[k]);
            }
        }
    }
}
