use proptest::prelude::*;

use super::*;
use crate::testing::seeded;

const K: usize = 5;
const GREY: MixtureShape = MixtureShape { components: K, channels: 1, pinned: false };
const COLOUR: MixtureShape = MixtureShape { components: K, channels: 3, pinned: false };
const EIGHT: Alphabet = Alphabet { depth: 8, size: 256 };

/// Network outputs for the most components and channels: all 16-bit numbers are possible.
fn outputs() -> impl Strategy<Value = Vec<i16>> {
    let shape = MixtureShape { components: MAX_COMPONENTS, channels: MAX_CHANNELS, pinned: true };
    let extreme = prop::sample::select(vec![i16::MIN, -1, 0, 1, i16::MAX]);
    prop::collection::vec(prop_oneof![any::<i16>(), extreme, -600..600i16], shape.outputs())
}

/// The weights sum to at most 2^20, and each component loses less than one count.
fn assert_weights<const K: usize, const P: usize>(mixture: &PixelMixture<'_, K, P>) {
    let pinned = &mixture.pinned;
    let logistic: u32 = mixture.components.iter().map(|component| component.weight).sum();
    let sum = logistic + pinned.iter().map(|pin| pin.weight).sum::<u32>();
    let whole = 1 << WEIGHT_BITS;
    let lost = (K + P) as u32;
    assert!((whole - lost..=whole).contains(&sum), "the weights sum to {sum}");
}

/// A pixel of 16-bit samples, its predictions, and candidates for a repeat.
#[derive(Debug, Clone)]
struct Pixel {
    samples: [u16; MAX_CHANNELS],
    predictions: [u16; MAX_CHANNELS],
    candidates: Vec<Candidate>,
}

/// Codes the channels of a pixel, scaled to an alphabet, and checks every step.
fn assert_walk<const K: usize>(outputs: &[i16], channels: usize, alphabet: Alphabet, pixel: &Pixel) {
    match pixel.candidates.first_chunk() {
        Some(candidates) => assert_walk_with::<K, PINNED>(outputs, channels, alphabet, pixel, candidates),
        None => assert_walk_with::<K, 0>(outputs, channels, alphabet, pixel, &[]),
    }
}

fn assert_walk_with<const K: usize, const P: usize>(
    outputs: &[i16],
    channels: usize,
    alphabet: Alphabet,
    pixel: &Pixel,
    candidates: &[Candidate; P],
) {
    let used = MixtureShape { components: K, channels, pinned: P > 0 }.outputs();
    let mut mixture = PixelMixture::<K, P>::new(channels, &outputs[..used], candidates);
    for (sample, prediction) in pixel.samples.into_iter().zip(pixel.predictions).take(channels) {
        let prediction = i32::from(prediction >> (16 - alphabet.depth));
        let sample = u32::from(sample >> (16 - alphabet.depth)).min(alphabet.size - 1);
        assert_weights(&mixture);
        mixture.next_channel(prediction, alphabet);
        for component in &mixture.components {
            assert!(component.mean.abs() < 1 << 23, "mean {}", component.mean);
            assert!((1024..=1 << 24).contains(&component.inverse), "inverse {}", component.inverse);
        }
        assert!(mixture.guess(alphabet) < alphabet.size);
        let (interval, edges) = mixture.cdf(alphabet).interval(sample);
        assert!(interval.probability > 0 && interval.left + interval.probability <= 1 << 24);
        mixture.observe(sample, prediction, &edges);
    }
    assert_weights(&mixture);
}

/// [`assert_walk`] for few and many components, for grey and colour.
fn assert_walks(outputs: &[i16], alphabet: Alphabet, pixel: &Pixel) {
    for channels in [1, MAX_CHANNELS] {
        assert_walk::<1>(outputs, channels, alphabet, pixel);
        assert_walk::<K>(outputs, channels, alphabet, pixel);
        assert_walk::<MAX_COMPONENTS>(outputs, channels, alphabet, pixel);
    }
}

/// Candidates for a repeat, or none; some equal the pixel.
fn candidates(samples: [u16; MAX_CHANNELS]) -> impl Strategy<Value = Vec<Candidate>> {
    let candidate = prop_oneof![Just(samples), any::<Candidate>(), any::<u16>().prop_map(|sample| [sample; 3])];
    let all = prop::collection::vec(candidate, PINNED);
    prop_oneof![1 => Just(Vec::new()), 3 => all]
}

fn pixels() -> impl Strategy<Value = Pixel> {
    (any::<[u16; MAX_CHANNELS]>(), any::<[u16; MAX_CHANNELS]>())
        .prop_flat_map(|(samples, predictions)| (Just(samples), Just(predictions), candidates(samples)))
        .prop_map(|(samples, predictions, candidates)| Pixel { samples, predictions, candidates })
}

proptest! {
    #![proptest_config(seeded(3000))]

    #[test]
    fn any_outputs_and_any_samples_make_a_valid_mixture(
        outputs in outputs(),
        depth in 1..=16u32,
        share in 0..=256u32,
        mut pixel in pixels(),
    ) {
        let alphabet = Alphabet { depth, size: (((1 << depth) * share) >> 8).max(1) };
        // The samples of candidates are below `2^depth`, but not always in the alphabet.
        pixel.candidates.iter_mut().flatten().for_each(|sample| *sample >>= 16 - depth);
        assert_walks(&outputs, alphabet, &pixel);
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
        let outputs: Vec<i16> = (0..10 * MAX_COMPONENTS + PINNED).map(pattern).collect();
        for bits in 0..64 {
            let extreme = |bit: usize| if bits >> bit & 1 == 1 { u16::MAX } else { 0 };
            let samples = std::array::from_fn(extreme);
            let predictions = std::array::from_fn(|channel| extreme(channel + MAX_CHANNELS));
            for candidates in [vec![], vec![samples; PINNED], vec![predictions; PINNED]] {
                let pixel = Pixel { samples, predictions, candidates };
                for alphabet in [EIGHT, Alphabet::full(16), Alphabet { depth: 7, size: 1 }] {
                    assert_walks(&outputs, alphabet, &pixel);
                }
            }
        }
    }
}

#[test]
fn weights_that_are_all_zero_leave_the_old_ones() {
    let outputs = vec![0; COLOUR.outputs()];
    let mut mixture = PixelMixture::<K, 0>::new(COLOUR.channels, &outputs, &[]);
    let before = mixture.components.map(|component| component.weight);
    mixture.observe(0, 0, &[Edges::default(); K]);
    assert_eq!(mixture.components.map(|component| component.weight), before);
}

#[test]
fn the_weights_become_the_posterior_of_the_components() {
    let outputs = vec![0; COLOUR.outputs()];
    let mut mixture = PixelMixture::<K, 0>::new(COLOUR.channels, &outputs, &[]);
    let mut edges = [Edges::default(); K];
    (edges[0].high, edges[3].high) = (3_000_000, 1_000_000);
    mixture.observe(0, 0, &edges);
    let weights = mixture.components.map(|component| component.weight);
    // Rounding down may lose one count.
    assert!(weights[0].abs_diff(3 << 18) <= 1 && weights[3].abs_diff(1 << 18) <= 1, "{weights:?}");
    assert_eq!(weights.iter().filter(|&&weight| weight > 0).count(), 2);
}

#[test]
fn the_guess_is_the_mean_of_the_heaviest_component() {
    let mut outputs = vec![0; GREY.outputs()];
    (outputs[2], outputs[K + 2]) = (64, -20 * 64);
    for (depth, prediction, expected) in [(8, 100, 80), (8, 10, 0), (16, 100 << 8, 80 << 8)] {
        let mut mixture = PixelMixture::<K, 0>::new(GREY.channels, &outputs, &[]);
        mixture.next_channel(prediction, Alphabet::full(depth));
        assert_eq!(mixture.guess(Alphabet::full(depth)), expected);
    }
}

/// Outputs with all logits 0, except that of one pinned component.
fn outputs_with_pin(shape: MixtureShape, index: usize, logit: i16) -> Vec<i16> {
    let mut outputs = vec![0; shape.outputs()];
    outputs[shape.logistic_outputs() + index] = logit;
    outputs
}

#[test]
fn the_guess_is_the_sample_of_a_pinned_component_that_is_heavier() {
    let shape = MixtureShape { pinned: true, ..GREY };
    let mut candidates = [[0; 3]; PINNED];
    candidates[4][0] = 200;
    let outputs = outputs_with_pin(shape, 4, 640);
    for (size, expected) in [(256, 200), (100, 99), (1, 0)] {
        let alphabet = Alphabet { depth: 8, size };
        let mut mixture = PixelMixture::<K, PINNED>::new(1, &outputs, &candidates);
        mixture.next_channel(50, alphabet);
        assert_eq!(mixture.guess(alphabet), expected);
    }
}

#[test]
fn a_pinned_component_loses_its_weight_with_the_first_sample_that_is_not_its_own() {
    let shape = MixtureShape { pinned: true, ..COLOUR };
    let candidates = std::array::from_fn::<_, PINNED, _>(|index| [10, 20 + index as u16, 30]);
    let outputs = outputs_with_pin(shape, 4, 640);
    let mut mixture = PixelMixture::<K, PINNED>::new(3, &outputs, &candidates);
    for (channel, sample) in [10, 24, 31].into_iter().enumerate() {
        mixture.next_channel(100, EIGHT);
        let heavy = mixture.pinned[4].weight;
        match channel {
            0 => assert!(heavy > 1 << 19, "{heavy}"),
            1 => assert!(heavy > 1 << 19 && mixture.pinned.iter().all(|pin| pin.weight > 0), "{heavy}"),
            _ => assert!(mixture.pinned.iter().enumerate().all(|(index, pin)| (pin.weight > 0) == (index == 4))),
        }
        let (_, edges) = mixture.cdf(EIGHT).interval(sample);
        mixture.observe(sample, 100, &edges);
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

/// The discretized logistic mixture of PixelCNN++ in float64, written from the paper for 8-bit samples.
mod reference {
    use super::*;

    fn logistic(t: f64) -> f64 {
        1.0 / (1.0 + (-t).exp())
    }

    /// The probability of a sample under one logistic component, computed without cancellation in either tail.
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

    /// `sum_k pi_k prod_c P_ck(x_c)`: the joint probability of the first `pixel.len()` channels. Each candidate has a
    /// component with probability 1 for its own samples.
    pub fn joint(
        shape: MixtureShape,
        outputs: &[i16],
        candidates: &[Candidate],
        pixel: &[u32],
        predictions: &[i32],
    ) -> f64 {
        let real = |group: usize, k: usize| f64::from(outputs[group * shape.components + k]) / 64.0;
        let weight = |k: usize| real(0, k).exp2();
        let first_pin = outputs.len() - candidates.len();
        let pin_weight = |index: usize| (f64::from(outputs[first_pin + index]) / 64.0).exp2();
        let total = (0..shape.components).map(weight).sum::<f64>() + (0..candidates.len()).map(pin_weight).sum::<f64>();
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
        let repeats = |index: &usize| pixel.iter().zip(candidates[*index]).all(|(&a, b)| a == u32::from(b));
        let pinned: f64 = (0..candidates.len()).filter(repeats).map(|index| pin_weight(index) / total).sum();
        pinned + (0..shape.components).map(component).sum::<f64>()
    }
}

/// Outputs of the size that networks produce: logits within 2^-3 to 2^3, means within +-12, scales of 1/2 to 16
/// samples, coefficients of 0 to 1; logits of pinned components from 2^-8 to 2^4.
fn moderate(shape: MixtureShape) -> impl Strategy<Value = Vec<i16>> {
    let count = |groups: usize| groups * shape.components;
    let pairs = shape.channels * (shape.channels - 1) / 2;
    let groups = (
        prop::collection::vec(-192..=192i16, count(1)),
        prop::collection::vec(-768..=768i16, count(shape.channels)),
        prop::collection::vec(-64..=256i16, count(shape.channels)),
        prop::collection::vec(0..=64i16, count(pairs)),
        prop::collection::vec(-512..=256i16, if shape.pinned { PINNED } else { 0 }),
    );
    groups.prop_map(|(logits, means, scales, coefficients, pinned)| {
        [logits, means, scales, coefficients, pinned].concat()
    })
}

/// A coded pixel of 8-bit samples.
struct CodedPixel {
    samples: Vec<u32>,
    /// Its code length in bits, according to the coder.
    bits: f64,
    /// The least probability among its samples, in units of 2^-24.
    least: u32,
}

/// Codes the channels of a pixel; `choose` picks each sample from its CDF.
fn code_pixel(
    outputs: &[i16],
    candidates: &[Candidate],
    predictions: &[i32],
    choose: impl Fn(usize, Cdf<'_, K>) -> u32,
) -> CodedPixel {
    match candidates.first_chunk() {
        Some(candidates) => code_pixel_with::<PINNED>(outputs, candidates, predictions, choose),
        None => code_pixel_with::<0>(outputs, &[], predictions, choose),
    }
}

fn code_pixel_with<const P: usize>(
    outputs: &[i16],
    candidates: &[Candidate; P],
    predictions: &[i32],
    choose: impl Fn(usize, Cdf<'_, K>) -> u32,
) -> CodedPixel {
    let mut mixture = PixelMixture::<K, P>::new(predictions.len(), outputs, candidates);
    let mut coded = CodedPixel { samples: Vec::new(), bits: 0.0, least: 1 << 24 };
    for (channel, &prediction) in predictions.iter().enumerate() {
        mixture.next_channel(prediction, EIGHT);
        let sample = choose(channel, mixture.cdf(EIGHT));
        let (interval, edges) = mixture.cdf(EIGHT).interval(sample);
        coded.bits += 24.0 - f64::from(interval.probability).log2();
        coded.least = coded.least.min(interval.probability);
        mixture.observe(sample, prediction, &edges);
        coded.samples.push(sample);
    }
    coded
}

/// Candidates near the predictions, some equal to each other.
fn near_candidates() -> impl Strategy<Value = Vec<[i16; MAX_CHANNELS]>> {
    prop::collection::vec(prop::array::uniform3(-6..=6i16), PINNED)
}

fn moved(offsets: &[[i16; MAX_CHANNELS]], predictions: &[i32]) -> Vec<Candidate> {
    let sample = |offset: i16, channel: usize| {
        let prediction = predictions.get(channel).copied().unwrap_or(0);
        (prediction + i32::from(offset)).clamp(0, 255) as u16
    };
    offsets.iter().map(|offset| std::array::from_fn(|channel| sample(offset[channel], channel))).collect()
}

proptest! {
    #![proptest_config(seeded(1000))]

    #[test]
    fn the_code_length_of_a_pixel_is_that_of_the_real_mixture(
        outputs in moderate(COLOUR),
        predictions in prop::array::uniform3(0..=255i32),
        quantiles in prop::array::uniform3(1u32 << 18..63 << 18),
    ) {
        // Samples drawn from the mixture, except for the tails, where the one count per sample dominates.
        let choose = |channel: usize, cdf: Cdf<'_, K>| cdf.quantile(quantiles[channel], 128);
        let coded = code_pixel(&outputs, &[], &predictions, choose);
        let real = -reference::joint(COLOUR, &outputs, &[], &coded.samples, &predictions).log2();
        prop_assert!((coded.bits - real).abs() < 3e-3, "{} bits instead of {}", coded.bits, real);
    }

    #[test]
    fn the_code_length_with_pinned_components_is_that_of_the_real_mixture(
        outputs in moderate(MixtureShape { pinned: true, ..COLOUR }),
        predictions in prop::array::uniform3(0..=255i32),
        offsets in near_candidates(),
        quantiles in prop::array::uniform3(1u32 << 18..63 << 18),
    ) {
        let candidates = moved(&offsets, &predictions);
        let choose = |channel: usize, cdf: Cdf<'_, K>| cdf.quantile(quantiles[channel], 128);
        let coded = code_pixel(&outputs, &candidates, &predictions, choose);
        // Between two pinned samples, a likely quantile may fall on an unlikely sample.
        prop_assume!(coded.least > 1 << 14);
        let shape = MixtureShape { pinned: true, ..COLOUR };
        let real = -reference::joint(shape, &outputs, &candidates, &coded.samples, &predictions).log2();
        prop_assert!((coded.bits - real).abs() < 4e-3, "{} bits instead of {}", coded.bits, real);
    }

    #[test]
    fn the_mean_code_length_exceeds_the_entropy_by_almost_nothing(
        outputs in moderate(MixtureShape { pinned: true, ..GREY }),
        offsets in near_candidates(),
        prediction in 0..=255i32,
        pinned in any::<bool>(),
    ) {
        let shape = MixtureShape { pinned, ..GREY };
        let candidates = if pinned { moved(&offsets, &[prediction]) } else { Vec::new() };
        let outputs = &outputs[..shape.outputs()];
        let mut excess = 0.0;
        for sample in 0..256 {
            let real = reference::joint(shape, outputs, &candidates, &[sample], &[prediction]);
            let coded = code_pixel(outputs, &candidates, &[prediction], |_, _| sample);
            excess += real * (coded.bits + real.log2());
        }
        prop_assert!((-1e-9..1e-3).contains(&excess), "{} bits", excess);
    }
}
