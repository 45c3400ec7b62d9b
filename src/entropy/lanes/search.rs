//! The samples that quantiles belong to: a search in the CDF, in all lanes at once, until the last lane has found its
//! sample.

use super::components::edge;
use super::{IntervalLanes, LaneMixture, Lanes, Simd, with_floor};
use crate::entropy::cdf::{Alphabet, CDF_BITS};
use crate::entropy::mixture::MAX_COMPONENTS;

/// The logistic functions at the edges of the samples found.
#[derive(Debug, Default)]
pub(super) struct Search {
    low: [Lanes<i32>; MAX_COMPONENTS],
    high: [Lanes<i32>; MAX_COMPONENTS],
    probe: [Lanes<i32>; MAX_COMPONENTS],
}

impl Search {
    /// The logistic functions of component `k` at the lower and upper edges of the samples.
    pub(super) fn sides(&self, k: usize) -> (&Lanes<i32>, &Lanes<i32>) {
        (&self.low[k], &self.high[k])
    }

    #[inline(always)]
    pub(super) fn store_sides<S: Simd>(&mut self, simd: S, part: usize, k: usize, (low, high): (S::Ints, S::Ints)) {
        simd.store(low, &mut self.low[k], part);
        simd.store(high, &mut self.high[k], part);
    }
}

/// An edge of the bracket: a sample, and the CDF there.
#[derive(Clone, Copy)]
struct Side<S: Simd> {
    sample: S::Ints,
    cumulative: S::Ints,
}

impl LaneMixture {
    /// Finds the samples that quantiles belong to, their intervals, and their densities under the components, in the
    /// first `active` lanes.
    ///
    /// Only the running time depends on the guess: a bracket around it grows by doubling steps, and is then bisected.
    #[inline(always)]
    pub(super) fn find<S: Simd>(
        &mut self,
        simd: S,
        part: usize,
        alphabet: Alphabet,
        (quantiles, active): (&Lanes<i32>, usize),
        intervals: &mut IntervalLanes,
    ) -> S::Ints {
        let (zero, one, whole) = (simd.splat(0), simd.splat(1), simd.splat(1 << CDF_BITS));
        let quantile = simd.load(quantiles, part);
        let (end, lanes) =
            (simd.splat(alphabet.size as i32), simd.load(&std::array::from_fn(|lane| lane as i32), part));
        let lane_end = simd.select(simd.gt(simd.splat(active as i32), lanes), end, one);
        // cumulative(low) <= quantile < cumulative(high)
        let mut low = Side::<S> { sample: zero, cumulative: zero };
        let mut high = Side::<S> { sample: lane_end, cumulative: whole };
        for k in 0..self.shape.components {
            simd.store(zero, &mut self.search.low[k], part);
            simd.store(whole, &mut self.search.high[k], part);
        }
        let (mut probe, scale) = self.guess(simd, part, (quantile, alphabet));
        let mut step = simd.max(simd.shr(scale, one), one);
        loop {
            let top = simd.sub(high.sample, one);
            if !simd.any(simd.gt(top, low.sample)) {
                break;
            }
            // In lanes whose bracket is a single sample, the probe is its lower edge, which changes nothing.
            probe = simd.min(simd.max(probe, simd.add(low.sample, one)), top);
            self.probe(simd, part, (probe, quantile, alphabet), (&mut low, &mut high));
            let middle = simd.shr(simd.add(low.sample, high.sample), one);
            let up = simd.select(simd.eq(high.sample, end), simd.add(low.sample, step), middle);
            probe = simd.select(simd.eq(low.sample, zero), simd.sub(high.sample, step), up);
            // Doubled, up to a bound that keeps sums from overflowing.
            step = simd.min(simd.add(step, step), simd.splat(1 << 20));
        }
        simd.store(low.cumulative, &mut intervals.left, part);
        simd.store(simd.sub(high.cumulative, low.cumulative), &mut intervals.probability, part);
        for k in 0..self.shape.components {
            let density = simd.sub(simd.load(&self.search.high[k], part), simd.load(&self.search.low[k], part));
            simd.store(density, &mut self.densities[k], part);
        }
        low.sample
    }

    /// Narrows brackets with the CDF at probes, which lie inside them or at their lower ends.
    #[inline(always)]
    fn probe<S: Simd>(
        &mut self,
        simd: S,
        part: usize,
        (probe, quantile, alphabet): (S::Ints, S::Ints, Alphabet),
        (low, high): (&mut Side<S>, &mut Side<S>),
    ) {
        let edge = edge(simd, probe, alphabet);
        let mut sum = simd.widen(simd.splat(0));
        for k in 0..self.shape.components {
            let value = self.components[k].logistic(simd, part, edge);
            simd.store(value, &mut self.search.probe[k], part);
            sum = simd.add_longs(sum, simd.mul_wide(simd.load(&self.weights[k], part), value));
        }
        let cumulative = with_floor(simd, sum, probe, alphabet);
        let inside = simd.gt(probe, low.sample);
        let above = simd.both(inside, simd.gt(cumulative, quantile));
        let below = simd.both(inside, simd.gt(simd.add(quantile, simd.splat(1)), cumulative));
        let Search { low: low_values, high: high_values, probe: values } = &mut self.search;
        for (side, side_values, is) in [(low, low_values, below), (high, high_values, above)] {
            side.sample = simd.select(is, probe, side.sample);
            side.cumulative = simd.select(is, cumulative, side.cumulative);
            for k in 0..self.shape.components {
                let value = simd.select(is, simd.load(&values[k], part), simd.load(&side_values[k], part));
                simd.store(value, &mut side_values[k], part);
            }
        }
    }
}
