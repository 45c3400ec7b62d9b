use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;

const K: usize = 5;
const GREY: MixtureShape = MixtureShape { components: K, channels: 1 };
const COLOUR: MixtureShape = MixtureShape { components: K, channels: 3 };

/// Cases that are the same in every run.
fn seeded(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..Default::default() }
}

/// Outputs of a network for most components and channels: all 16-bit numbers are possible.
fn outputs() -> impl Strategy<Value = Vec<i16>> {
    let shape = MixtureShape { components: MAX_COMPONENTS, channels: MAX_CHANNELS };
    let extreme = prop::sample::select(vec![i16::MIN, -1, 0, 1, i16::MAX]);
    prop::collection::vec(prop_oneof![any::<i16>(), extreme, -600..600i16], shape.outputs())
}

/// The weights sum to at most 2^20, and each component loses less than one count.
fn assert_weights<const K: usize>(mixture: &PixelMixture<'_, K>) {
    let sum: u32 = mixture.components.iter().map(|component| component.weight).sum();
    let whole = 1 << WEIGHT_BITS;
    assert!((whole - K as u32..=whole).contains(&sum), "the weights sum to {sum}");
}

/// A pixel of 16-bit samples and its predictions.
#[derive(Debug, Clone, Copy)]
struct Pixel {
    samples: [u16; MAX_CHANNELS],
    predictions: [u16; MAX_CHANNELS],
}

/// Walks through the channels of a pixel, brought to `depth` bits, and checks every step.
fn assert_walk<const K: usize>(outputs: &[i16], channels: usize, depth: u32, pixel: Pixel) {
    let used = MixtureShape { components: K, channels }.outputs();
    let mut mixture = PixelMixture::<K>::new(channels, &outputs[..used]);
    for (sample, prediction) in pixel.samples.into_iter().zip(pixel.predictions).take(channels) {
        let (sample, prediction) = (u32::from(sample >> (16 - depth)), i32::from(prediction >> (16 - depth)));
        assert_weights(&mixture);
        mixture.next_channel(prediction, depth);
        for component in &mixture.components {
            assert!(component.mean.abs() < 1 << 23, "mean {}", component.mean);
            assert!((1024..=1 << 24).contains(&component.inverse), "inverse {}", component.inverse);
        }
        assert!(mixture.guess(depth) < 1 << depth);
        let (interval, densities) = mixture.cdf(depth).interval(sample);
        assert!(interval.probability > 0 && interval.left + interval.probability <= 1 << 24);
        mixture.observe(sample as i32 - prediction, &densities);
    }
    assert_weights(&mixture);
}

/// [`assert_walk`] for few and many components, grey and colour.
fn assert_walks(outputs: &[i16], depth: u32, pixel: Pixel) {
    for channels in [1, MAX_CHANNELS] {
        assert_walk::<1>(outputs, channels, depth, pixel);
        assert_walk::<K>(outputs, channels, depth, pixel);
        assert_walk::<MAX_COMPONENTS>(outputs, channels, depth, pixel);
    }
}

proptest! {
    #![proptest_config(seeded(3000))]

    #[test]
    fn any_outputs_and_any_samples_make_a_valid_mixture(
        outputs in outputs(),
        depth in prop::sample::select(vec![8u32, 12, 16]),
        samples in any::<[u16; MAX_CHANNELS]>(),
        predictions in any::<[u16; MAX_CHANNELS]>(),
    ) {
        assert_walks(&outputs, depth, Pixel { samples, predictions });
    }
}

#[test]
fn extreme_outputs_and_extreme_samples_make_a_valid_mixture() {
    let patterns: [fn(usize) -> i16; 6] = [
        |_| i16::MIN,
        |_| i16::MAX,
        |_| 0,
        |i| if i % 2 == 0 { i16::MIN } else { i16::MAX },
        |i| if i % 3 == 0 { i16::MAX } else { i16::MIN },
        |i| if i < 40 { i16::MAX } else { i16::MIN },
    ];
    for pattern in patterns {
        let outputs: Vec<i16> = (0..100).map(pattern).collect();
        for bits in 0..64 {
            let extreme = |bit: usize| if bits >> bit & 1 == 1 { u16::MAX } else { 0 };
            let samples = std::array::from_fn(extreme);
            let predictions = std::array::from_fn(|channel| extreme(channel + MAX_CHANNELS));
            for depth in [8, 16] {
                assert_walks(&outputs, depth, Pixel { samples, predictions });
            }
        }
    }
}

#[test]
fn weights_that_are_all_zero_leave_the_old_ones() {
    let outputs = vec![0; COLOUR.outputs()];
    let mut mixture = PixelMixture::<K>::new(COLOUR.channels, &outputs);
    let before = mixture.components.map(|component| component.weight);
    mixture.observe(0, &[0; K]);
    assert_eq!(mixture.components.map(|component| component.weight), before);
}

#[test]
fn the_weights_become_the_posterior_of_the_components() {
    let outputs = vec![0; COLOUR.outputs()];
    let mut mixture = PixelMixture::<K>::new(COLOUR.channels, &outputs);
    let mut densities = [0; K];
    (densities[0], densities[3]) = (3_000_000, 1_000_000);
    mixture.observe(0, &densities);
    let weights = mixture.components.map(|component| component.weight);
    // One count may be lost in rounding down.
    assert!(weights[0].abs_diff(3 << 18) <= 1 && weights[3].abs_diff(1 << 18) <= 1, "{weights:?}");
    assert_eq!(weights.iter().filter(|&&weight| weight > 0).count(), 2);
}

#[test]
fn the_guess_is_the_mean_of_the_heaviest_component() {
    let mut outputs = vec![0; GREY.outputs()];
    (outputs[2], outputs[K + 2]) = (64, -20 * 64);
    for (depth, prediction, expected) in [(8, 100, 80), (8, 10, 0), (16, 100 << 8, 80 << 8)] {
        let mut mixture = PixelMixture::<K>::new(GREY.channels, &outputs);
        mixture.next_channel(prediction, depth);
        assert_eq!(mixture.guess(depth), expected);
    }
}

#[test]
fn powers_of_two_are_right_to_sixteen_bits() {
    for (fraction, exponents) in [(31, -4095..=0), (INVERSE_BITS, -511..=384)] {
        for exponent in exponents {
            let exact = (f64::from(exponent) / 64.0 + f64::from(fraction)).exp2();
            let error = (exp2(exponent, fraction) as f64 - exact).abs();
            assert!(error <= 1.0 + exact * 2f64.powi(-17), "2^({exponent} / 64) is off by {error} of {exact}");
        }
    }
}

/// The discretized logistic mixture of PixelCNN++ in float64, written from the paper for samples of 8 bits.
mod reference {
    use super::*;

    fn logistic(t: f64) -> f64 {
        1.0 / (1.0 + (-t).exp())
    }

    /// The probability of a sample under one logistic component; written so that neither tail cancels.
    fn probability(sample: u32, mean: f64, scale: f64) -> f64 {
        let low = (f64::from(sample) - 0.5 - mean) / scale;
        let high = (f64::from(sample) + 0.5 - mean) / scale;
        match sample {
            0 => logistic(high),
            255 => logistic(-low),
            _ if low > 0.0 => logistic(-low) - logistic(-high),
            _ => logistic(high) - logistic(low),
        }
    }

    /// `sum_k pi_k prod_c P_ck(x_c)`: the joint probability of the first `pixel.len()` channels.
    pub fn joint(shape: MixtureShape, outputs: &[i16], pixel: &[u32], predictions: &[i32]) -> f64 {
        let real = |group: usize, k: usize| f64::from(outputs[group * shape.components + k]) / 64.0;
        let weight = |k: usize| real(0, k).exp2();
        let total: f64 = (0..shape.components).map(weight).sum();
        let component = |k: usize| {
            let mut product = weight(k) / total;
            let mut pair = 1 + 2 * shape.channels;
            for (channel, &sample) in pixel.iter().enumerate() {
                let mut mean = f64::from(predictions[channel]) + real(1 + channel, k);
                for earlier in 0..channel {
                    mean += real(pair, k) * f64::from(pixel[earlier] as i32 - predictions[earlier]);
                    pair += 1;
                }
                product *= probability(sample, mean, real(1 + shape.channels + channel, k).exp2());
            }
            product
        };
        (0..shape.components).map(component).sum()
    }
}

/// Outputs of the size that networks make: logits within 2^+-3, means within +-12, scales of 1/2 to 16 samples,
/// coefficients of 0 to 1.
fn moderate(shape: MixtureShape) -> impl Strategy<Value = Vec<i16>> {
    let count = |groups: usize| groups * shape.components;
    let pairs = shape.channels * (shape.channels - 1) / 2;
    let groups = (
        prop::collection::vec(-192..=192i16, count(1)),
        prop::collection::vec(-768..=768i16, count(shape.channels)),
        prop::collection::vec(-64..=256i16, count(shape.channels)),
        prop::collection::vec(0..=64i16, count(pairs)),
    );
    groups.prop_map(|(logits, means, scales, coefficients)| [logits, means, scales, coefficients].concat())
}

/// Walks through the channels of a pixel of 8-bit samples, each chosen by `choose` from its CDF. Returns the
/// pixel and its code length in bits, as the coder sees it.
fn code_pixel(
    shape: MixtureShape,
    outputs: &[i16],
    predictions: &[i32],
    choose: impl Fn(usize, Cdf<'_, K>) -> u32,
) -> (Vec<u32>, f64) {
    let mut mixture = PixelMixture::<K>::new(shape.channels, outputs);
    let (mut pixel, mut bits) = (Vec::new(), 0.0);
    for (channel, &prediction) in predictions.iter().enumerate() {
        mixture.next_channel(prediction, 8);
        let sample = choose(channel, mixture.cdf(8));
        let (interval, densities) = mixture.cdf(8).interval(sample);
        bits += 24.0 - f64::from(interval.probability).log2();
        mixture.observe(sample as i32 - prediction, &densities);
        pixel.push(sample);
    }
    (pixel, bits)
}

proptest! {
    #![proptest_config(seeded(1000))]

    #[test]
    fn the_code_length_of_a_pixel_is_that_of_the_real_mixture(
        outputs in moderate(COLOUR),
        predictions in prop::array::uniform3(0..=255i32),
        quantiles in prop::array::uniform3(1u32 << 18..63 << 18),
    ) {
        // Samples as the mixture has them, but for the tails, where the one count of each sample matters.
        let choose = |channel: usize, cdf: Cdf<'_, K>| cdf.quantile(quantiles[channel], 128);
        let (pixel, coded) = code_pixel(COLOUR, &outputs, &predictions, choose);
        let real = -reference::joint(COLOUR, &outputs, &pixel, &predictions).log2();
        prop_assert!((coded - real).abs() < 3e-3, "{} bits instead of {}", coded, real);
    }

    #[test]
    fn the_mean_code_length_exceeds_the_entropy_by_almost_nothing(
        outputs in moderate(GREY),
        prediction in 0..=255i32,
    ) {
        let mut excess = 0.0;
        for sample in 0..256 {
            let real = reference::joint(GREY, &outputs, &[sample], &[prediction]);
            let (_, coded) = code_pixel(GREY, &outputs, &[prediction], |_, _| sample);
            excess += real * (coded + real.log2());
        }
        prop_assert!((-1e-9..1e-3).contains(&excess), "{} bits", excess);
    }
}
