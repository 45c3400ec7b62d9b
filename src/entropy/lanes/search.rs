//! The samples of quantiles: a search in the CDF, in all lanes at once until the last has found its own.

use super::components::edges;
use super::{IntervalLanes, LANES, LaneMixture, Lanes, with_floor};
use crate::cdf::{Alphabet, CDF_BITS};

/// Where samples are known to lie: `cumulative(low) <= quantile < cumulative(high)`.
struct Brackets {
    low: Lanes<i32>,
    high: Lanes<i32>,
    cumulative_low: Lanes<u32>,
    cumulative_high: Lanes<u32>,
}

impl LaneMixture {
    /// The samples of quantiles and their intervals, whose edges are kept; in the first `active` lanes.
    ///
    /// The result does not depend on the guess, the time does: a bracket grows from it by doubling steps, and is then
    /// bisected.
    #[inline(always)]
    pub(super) fn search(
        &mut self,
        quantiles: &Lanes<u32>,
        alphabet: Alphabet,
        active: usize,
    ) -> (Lanes<u16>, IntervalLanes) {
        let size = alphabet.size as i32;
        let (guesses, scales) = self.guesses(alphabet);
        let mut brackets = Brackets {
            low: [0; LANES],
            high: std::array::from_fn(|lane| if lane < active { size } else { 1 }),
            cumulative_low: [0; LANES],
            cumulative_high: [1 << CDF_BITS; LANES],
        };
        for k in 0..self.shape.components {
            (self.low[k], self.high[k]) = ([0; LANES], [1 << CDF_BITS; LANES]);
        }
        let mut probes = guesses;
        let mut steps = [0; LANES];
        for lane in 0..LANES {
            steps[lane] = scales[lane].max(1);
        }
        loop {
            let mut open = 0;
            for lane in 0..LANES {
                let (low, high) = (brackets.low[lane], brackets.high[lane]);
                open |= i32::from(high - low > 1);
                // Closed lanes probe what is known.
                probes[lane] = probes[lane].min(high - 1).max(low + i32::from(high - low > 1));
            }
            if open == 0 {
                break;
            }
            self.probe(&probes, quantiles, &mut brackets, alphabet);
            for lane in 0..LANES {
                let (low, high) = (brackets.low[lane], brackets.high[lane]);
                let middle = low + ((high - low) >> 1);
                let up = low.saturating_add(steps[lane]);
                let down = high.saturating_sub(steps[lane]);
                let next = if high == size { up } else { middle };
                probes[lane] = if low == 0 { down } else { next };
                steps[lane] = steps[lane].saturating_mul(2);
            }
        }
        let mut samples = [0; LANES];
        let mut intervals = IntervalLanes::default();
        for lane in 0..LANES {
            samples[lane] = brackets.low[lane] as u16;
            intervals.left[lane] = brackets.cumulative_low[lane];
            intervals.probability[lane] = brackets.cumulative_high[lane].wrapping_sub(brackets.cumulative_low[lane]);
        }
        (samples, intervals)
    }

    /// Narrows brackets by the CDF at probes, which are within them, or their ends where a bracket is one sample.
    #[inline(always)]
    fn probe(&mut self, probes: &Lanes<i32>, quantiles: &Lanes<u32>, brackets: &mut Brackets, alphabet: Alphabet) {
        let edges = edges(&probes.map(|probe| probe as u32), alphabet);
        let mut values = [[0; LANES]; crate::mixture::MAX_COMPONENTS];
        let mut sums = [0u64; LANES];
        for k in 0..self.shape.components {
            values[k] = self.components[k].logistic(&edges);
            for lane in 0..LANES {
                sums[lane] += u64::from(self.weights[k][lane]) * u64::from(values[k][lane]);
            }
        }
        let (mut raises, mut lowers) = ([0u32; LANES], [0u32; LANES]);
        for lane in 0..LANES {
            let probe = probes[lane];
            let cumulative = with_floor(sums[lane], probe as u32, alphabet);
            let inside = probe > brackets.low[lane];
            let below = cumulative <= quantiles[lane];
            let (raise, lower) = (inside & below, inside & !below);
            brackets.low[lane] = if raise { probe } else { brackets.low[lane] };
            brackets.high[lane] = if lower { probe } else { brackets.high[lane] };
            brackets.cumulative_low[lane] = if raise { cumulative } else { brackets.cumulative_low[lane] };
            brackets.cumulative_high[lane] = if lower { cumulative } else { brackets.cumulative_high[lane] };
            (raises[lane], lowers[lane]) = (u32::from(raise), u32::from(lower));
        }
        for k in 0..self.shape.components {
            for lane in 0..LANES {
                self.low[k][lane] = if raises[lane] != 0 { values[k][lane] } else { self.low[k][lane] };
                self.high[k][lane] = if lowers[lane] != 0 { values[k][lane] } else { self.high[k][lane] };
            }
        }
    }
}
