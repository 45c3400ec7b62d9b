use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use crate::mixture::MAX_COMPONENTS as K;

const WHOLE: u32 = 1 << CDF_BITS;

/// Cases that are the same in every run.
fn seeded(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..Default::default() }
}

/// Mixtures that the module must stand: more than those that `mixture.rs` can make.
fn mixtures() -> impl Strategy<Value = [Component; K]> {
    // In 2^-16 of what the components before it have left of the whole weight.
    let share = prop_oneof![Just(0), Just(1 << 16), 0..=1u64 << 16];
    let mean = prop_oneof![-(1 << 23)..=1 << 23, 0..=255 << POSITION_BITS];
    // A uniform exponent: as many wide components as narrow ones.
    let inverse = prop_oneof![Just(1), Just(1 << 24), Just(i32::MAX), (0..25u32, any::<u32>()).prop_map(wide_range)];
    prop::array::uniform10((share, mean, inverse)).prop_map(|parts| {
        let mut left = 1 << WEIGHT_BITS;
        parts.map(|(share, mean, inverse)| {
            let weight = ((left * share) >> 16) as u32;
            left -= u64::from(weight);
            Component { weight, mean, inverse }
        })
    })
}

/// `2^exponent` and some of the bits below it.
fn wide_range((exponent, bits): (u32, u32)) -> i32 {
    ((1 << exponent) | (bits & ((1 << exponent) - 1))) as i32
}

/// Samples of `depth` bits: all of 8 bits; of more, both ends, the surroundings of every mean, and a sieve.
fn samples(components: &[Component], depth: u32) -> Vec<u32> {
    let end = 1u32 << depth;
    if depth == 8 {
        return (0..end).collect();
    }
    let mut chosen: Vec<u32> = (0..4).chain(end - 4..end).chain((0..end).step_by(509)).collect();
    for component in components {
        let mean = (component.mean >> (POSITION_BITS + 8 - depth)).clamp(2, end as i32 - 3) as u32;
        chosen.extend(mean - 2..=mean + 2);
    }
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

proptest! {
    #![proptest_config(seeded(400))]

    #[test]
    fn the_cdf_starts_at_nothing_ends_at_everything_and_rises_at_every_sample(
        components in mixtures(),
        depth in prop::sample::select(vec![8u32, 12, 16]),
    ) {
        let cdf = Cdf::new(&components, depth);
        prop_assert_eq!(cdf.cumulative(0), 0);
        prop_assert_eq!(cdf.cumulative(1 << depth), WHOLE);
        let mut before = None;
        for sample in samples(&components, depth) {
            let (left, right) = (cdf.cumulative(sample), cdf.cumulative(sample + 1));
            prop_assert!(left < right, "sample {} has [{}, {})", sample, left, right);
            prop_assert!(before <= Some(left), "the CDF falls before sample {}", sample);
            before = Some(right);
        }
    }

    #[test]
    fn an_interval_lies_between_the_values_of_the_cdf(
        components in mixtures(),
        depth in prop::sample::select(vec![8u32, 12, 16]),
    ) {
        let cdf = Cdf::new(&components, depth);
        for sample in samples(&components, depth) {
            let (interval, _) = cdf.interval(sample);
            let left = cdf.cumulative(sample);
            prop_assert_eq!(interval, Interval { left, probability: cdf.cumulative(sample + 1) - left });
        }
    }

    #[test]
    fn a_quantile_leads_to_its_sample_from_any_guess(
        components in mixtures(),
        depth in prop::sample::select(vec![8u32, 12, 16]),
        guess in any::<u32>(),
        step in 1u32..40,
    ) {
        let cdf = Cdf::new(&components, depth);
        for sample in samples(&components, depth) {
            let Interval { left, probability } = cdf.interval(sample).0;
            for guess in [0, sample.saturating_sub(step), sample, sample + step, guess >> (32 - depth), guess, u32::MAX] {
                prop_assert_eq!(cdf.quantile(left, guess), sample);
                prop_assert_eq!(cdf.quantile(left + probability - 1, guess), sample);
            }
        }
    }
}

proptest! {
    #![proptest_config(seeded(40))]

    #[test]
    fn the_densities_of_a_component_sum_to_one(
        components in mixtures(),
        depth in prop::sample::select(vec![8u32, 12, 16]),
    ) {
        let cdf = Cdf::new(&components, depth);
        let mut sums = [0u64; K];
        for sample in 0..1 << depth {
            let (_, densities) = cdf.interval(sample);
            for (sum, density) in sums.iter_mut().zip(densities) {
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

/// The numbers are part of the format. They come from an evaluation of its formulas in arbitrary precision.
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
            assert_eq!(Cdf::new(&KNOWN, depth).cumulative(sample), value, "sample {sample} of {depth} bits");
        }
    }
}

#[test]
fn without_weight_each_sample_keeps_its_one_count() {
    for depth in [8, 16] {
        let cdf = Cdf::new(&[Component { weight: 0, mean: 5, inverse: 9 }], depth);
        assert_eq!(cdf.interval(1).0, Interval { left: 1, probability: 1 });
        assert_eq!(cdf.cumulative((1 << depth) - 1), (1 << depth) - 1);
    }
}

#[test]
fn an_interval_contains_its_ends_and_no_neighbour() {
    let interval = Interval { left: 5, probability: 3 };
    let inside: Vec<u32> = (0..20).filter(|&quantile| interval.contains(quantile)).collect();
    assert_eq!(inside, [5, 6, 7]);
    assert!(!interval.contains(u32::MAX));
}
