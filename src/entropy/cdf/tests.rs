use proptest::prelude::*;

use super::*;
use crate::entropy::mixture::MAX_COMPONENTS as K;
use crate::testing::seeded;

const WHOLE: u32 = 1 << CDF_BITS;

/// A mixture, pinned components and an alphabet.
#[derive(Debug, Clone)]
struct Case {
    components: [Component; K],
    pinned: Vec<Pinned>,
    alphabet: Alphabet,
}

impl Case {
    fn cdf(&self) -> Cdf<'_, K> {
        Cdf::new(&self.components, &self.pinned, self.alphabet)
    }

    /// Samples to check: all of a small alphabet; otherwise both ends, the surroundings of every mean and pinned
    /// sample, and evenly spaced ones.
    fn samples(&self) -> Vec<u32> {
        let end = self.alphabet.size;
        if end <= 256 {
            return (0..end).collect();
        }
        let mut chosen: Vec<u32> = (0..4).chain(end - 4..end).chain((0..end).step_by(509)).collect();
        let mut around = |sample: u32| chosen.extend(sample - 2..=sample + 2);
        for component in &self.components {
            let mean = component.mean >> (POSITION_BITS + 8 - self.alphabet.depth);
            around(mean.clamp(2, end as i32 - 3) as u32);
        }
        self.pinned.iter().for_each(|pin| around(pin.sample.clamp(2, end - 3)));
        chosen.sort_unstable();
        chosen.dedup();
        chosen
    }
}

/// Cases that the module must handle: more than `mixture.rs` can produce.
fn cases() -> impl Strategy<Value = Case> {
    let share = || prop_oneof![Just(0), Just(1 << 16), 0..=1u64 << 16];
    let mean = prop_oneof![-(1 << 23)..=1 << 23, 0..=255 << POSITION_BITS];
    // A uniform exponent: equally many wide and narrow components.
    let inverse = prop_oneof![Just(1), Just(1 << 24), Just(i32::MAX), (0..25u32, any::<u32>()).prop_map(wide_range)];
    // Pinned components may name any 16-bit sample, inside the alphabet or not, and a sample may be named twice.
    let sample = prop_oneof![any::<u16>(), 0..4u16, any::<u16>().prop_map(|sample| sample & 0xff00)];
    let components = prop::array::uniform5((share(), mean, inverse));
    let pinned = prop::collection::vec((share(), sample), 0..=crate::entropy::mixture::PINNED);
    (components, pinned, alphabets(), any::<bool>()).prop_map(|(components, pinned, alphabet, pinned_first)| {
        // Each takes a share, in units of 2^-16, of the weight that the ones before it have left.
        let mut left = 1 << WEIGHT_BITS;
        let mut take = |share: u64| {
            let weight = ((left * share) >> 16) as u32;
            left -= u64::from(weight);
            weight
        };
        let mut weights = vec![0; K + pinned.len()];
        let shares: Vec<u64> = components.iter().map(|part| part.0).chain(pinned.iter().map(|part| part.0)).collect();
        let order: Vec<usize> =
            if pinned_first { (0..shares.len()).rev().collect() } else { (0..shares.len()).collect() };
        order.into_iter().for_each(|index| weights[index] = take(shares[index]));
        let logistic =
            std::array::from_fn(|k| Component { weight: weights[k], mean: components[k].1, inverse: components[k].2 });
        let pin = |(&weight, &(_, sample)): (&u32, &(u64, u16))| Pinned { weight, sample: sample.into() };
        let pinned = weights[K..].iter().zip(&pinned).map(pin).collect();
        Case { components: logistic, pinned, alphabet }
    })
}

/// Alphabets of all depths: full, a single sample, or any size between.
fn alphabets() -> impl Strategy<Value = Alphabet> {
    (1..=16u32, any::<u32>(), 0..4u8).prop_map(|(depth, bits, kind)| {
        let full = 1 << depth;
        let size = match kind {
            0 => full,
            1 => 1 + (bits & 1),
            2 => full / 2 + 1,
            _ => 1 + (bits & (full - 1)),
        };
        Alphabet { depth, size }
    })
}

/// `2^exponent` plus some of the bits below it.
fn wide_range((exponent, bits): (u32, u32)) -> i32 {
    ((1 << exponent) | (bits & ((1 << exponent) - 1))) as i32
}

proptest! {
    #![proptest_config(seeded(600))]

    #[test]
    fn the_cdf_starts_at_nothing_ends_at_everything_and_rises_at_every_sample(case in cases()) {
        let cdf = case.cdf();
        prop_assert_eq!(cdf.cumulative(0), 0);
        prop_assert_eq!(cdf.cumulative(case.alphabet.size), WHOLE);
        let mut before = None;
        for sample in case.samples() {
            let (left, right) = (cdf.cumulative(sample), cdf.cumulative(sample + 1));
            prop_assert!(left < right, "sample {} has [{}, {})", sample, left, right);
            prop_assert!(before <= Some(left), "the CDF falls before sample {}", sample);
            before = Some(right);
        }
    }

    #[test]
    fn an_interval_lies_between_the_values_of_the_cdf(case in cases()) {
        let cdf = case.cdf();
        for sample in case.samples() {
            let (interval, _) = cdf.interval(sample);
            let left = cdf.cumulative(sample);
            prop_assert_eq!(interval, Interval { left, probability: cdf.cumulative(sample + 1) - left });
        }
    }

    #[test]
    fn a_quantile_leads_to_its_sample_from_any_guess(case in cases(), guess in any::<u32>(), step in 1u32..40) {
        let cdf = case.cdf();
        for sample in case.samples() {
            let Interval { left, probability } = cdf.interval(sample).0;
            let scaled = guess >> (32 - case.alphabet.depth);
            for guess in [0, sample.saturating_sub(step), sample, sample + step, scaled, guess, u32::MAX] {
                prop_assert_eq!(cdf.quantile(left, guess), sample);
                prop_assert_eq!(cdf.quantile(left + probability - 1, guess), sample);
            }
        }
    }
}

proptest! {
    #![proptest_config(seeded(40))]

    #[test]
    fn the_densities_of_a_component_sum_to_one(case in cases()) {
        let cdf = case.cdf();
        let mut sums = [0u64; K];
        for sample in 0..case.alphabet.size {
            let (_, edges) = cdf.interval(sample);
            for (sum, density) in sums.iter_mut().zip(edges.map(Edges::density)) {
                *sum += u64::from(density);
            }
        }
        prop_assert_eq!(sums, [u64::from(WHOLE); K]);
    }
}

/// A narrow component, a wide one, the widest one below the range, and one without weight.
const KNOWN: [Component; 4] = [
    Component { weight: 524_288, mean: 100 << 10, inverse: 1 << 18 },
    Component { weight: 393_216, mean: (100 << 10) + 512, inverse: 1 << 15 },
    Component { weight: 131_071, mean: -(3 << 10), inverse: 1035 },
    Component { weight: 0, mean: 7, inverse: 7 },
];

/// The numbers are part of the format. They come from evaluating its formulas in arbitrary precision.
#[test]
fn a_known_mixture_has_its_known_cdf() {
    let eight = [
        (0, 0),
        (1, 1_055_815),
        (2, 1_057_891),
        (50, 1_167_578),
        (99, 5_540_753),
        (100, 7_374_286),
        (101, 9_627_120),
        (102, 11_462_172),
        (128, 15_784_648),
        (254, 16_218_400),
        (255, 16_220_019),
        (256, WHOLE),
    ];
    let sixteen = [
        (0, 0),
        (1, 1_050_678),
        (25_472, 7_366_763),
        (25_600, 8_488_566),
        (25_601, 8_497_499),
        (25_728, 9_611_055),
        (65_534, 16_224_581),
        (65_535, 16_224_588),
        (65_536, WHOLE),
    ];
    for (depth, table) in [(8, &eight[..]), (16, &sixteen)] {
        for &(sample, value) in table {
            assert_eq!(
                Cdf::new(&KNOWN, &[], Alphabet::full(depth)).cumulative(sample),
                value,
                "sample {sample} of {depth} bits"
            );
        }
    }
}

#[test]
fn without_weight_each_sample_keeps_its_one_count() {
    for depth in [8, 16] {
        let cdf = Cdf::new(&[Component { weight: 0, mean: 5, inverse: 9 }], &[], Alphabet::full(depth));
        assert_eq!(cdf.interval(1).0, Interval { left: 1, probability: 1 });
        assert_eq!(cdf.cumulative((1 << depth) - 1), (1 << depth) - 1);
    }
}

#[test]
fn a_pinned_component_gives_all_its_weight_to_its_sample() {
    let nothing = [Component { weight: 0, mean: 5, inverse: 9 }];
    let alphabet = Alphabet { depth: 4, size: 11 };
    let room = WHOLE - 11;
    let pin = |weight, sample| Pinned { weight, sample };
    let pinned = [pin(1 << 19, 3), pin(1 << 18, 7), pin(1 << 18, 7)];
    let cdf = Cdf::new(&nothing, &pinned, alphabet);
    let lefts: Vec<u32> = (0..=11).map(|sample| cdf.cumulative(sample)).collect();
    let half = room / 2;
    let expected = [0, 1, 2, 3, 4 + half, 5 + half, 6 + half, 7 + half, 8 + room, 9 + room, 10 + room, WHOLE];
    assert_eq!(lefts, expected);
    assert_eq!(cdf.interval(3).0, Interval { left: 3, probability: half + 1 });
}

#[test]
fn the_weight_of_pinned_components_outside_of_the_alphabet_falls_to_the_last_sample() {
    let nothing = [Component { weight: 0, mean: 5, inverse: 9 }];
    for (size, sample) in [(1, 1), (1, 65_535), (5, 5), (5, 6), (200, 65_535)] {
        let pinned = [Pinned { weight: 1 << 20, sample }];
        let cdf = Cdf::new(&nothing, &pinned, Alphabet { depth: 8, size });
        let last = Interval { left: size - 1, probability: WHOLE - size + 1 };
        assert_eq!(cdf.interval(size - 1).0, last);
        assert_eq!(cdf.quantile(WHOLE - 1, 0), size - 1);
    }
}

#[test]
fn differences_are_brought_to_eight_bits() {
    for (depth, difference, expected) in
        [(8, -3, -3), (16, -1, -1), (16, 511, 1), (1, 1, 128), (4, -2, -32), (12, -17, -2)]
    {
        assert_eq!(Alphabet::full(depth).to_eight_bits(difference), expected);
    }
}

#[test]
fn an_interval_contains_its_ends_and_no_neighbour() {
    let interval = Interval { left: 5, probability: 3 };
    let inside: Vec<u32> = (0..20).filter(|&quantile| interval.contains(quantile)).collect();
    assert_eq!(inside, [5, 6, 7]);
    assert!(!interval.contains(u32::MAX));
}
