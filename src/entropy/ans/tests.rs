use super::*;
use crate::entropy::cdf::{Alphabet, Component, Pinned};
use crate::entropy::mixture::MAX_COMPONENTS as K;
use crate::testing::Random;

/// Pinned components of a mixture.
const PINS: usize = 3;
/// Full alphabets, some that are not powers of two, and one of a single sample.
const ALPHABETS: [Alphabet; 7] = [
    Alphabet { depth: 8, size: 256 },
    Alphabet { depth: 12, size: 4096 },
    Alphabet { depth: 16, size: 65536 },
    Alphabet { depth: 1, size: 2 },
    Alphabet { depth: 3, size: 5 },
    Alphabet { depth: 16, size: 40_000 },
    Alphabet { depth: 8, size: 1 },
];
const EIGHT: Alphabet = ALPHABETS[0];
const SIXTEEN: Alphabet = ALPHABETS[2];

#[derive(Debug, Clone)]
struct Case {
    components: [Component; K],
    pinned: [Pinned; PINS],
    sample: u32,
}

impl Case {
    fn cdf(&self, alphabet: Alphabet) -> Cdf<'_, K> {
        Cdf::new(&self.components, &self.pinned, alphabet)
    }
}

/// Mixtures from sharp to flat, with a sample for each: usually a likely one, sometimes any. Some pinned components
/// name samples outside the alphabet.
fn cases(count: usize, alphabet: Alphabet) -> Vec<Case> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut case = || {
        let used = 1 + random.below(K as u32);
        let mut components = [Component { inverse: 1, ..Component::default() }; K];
        for component in &mut components[..used as usize] {
            let (mean, inverse) = (random.below(256 << 10) as i32, 1 << (10 + random.below(15)));
            *component = Component { weight: (1 << 19) / used, mean, inverse };
        }
        let pinned = std::array::from_fn(|_| Pinned {
            weight: random.below((1 << 19) / PINS as u32),
            sample: random.below(alphabet.size + 2),
        });
        let mut case = Case { components, pinned, sample: 0 };
        case.sample = case.cdf(alphabet).quantile(random.below(1 << CDF_BITS), 0);
        if random.below(16) == 0 {
            case.sample = random.below(alphabet.size);
        }
        case
    };
    (0..count).map(|_| case()).collect()
}

fn encode(cases: &[Case], alphabet: Alphabet) -> Vec<u32> {
    let mut encoder = Encoder::with_capacity(cases.len());
    for case in cases {
        let cdf = case.cdf(alphabet);
        assert_eq!(encoder.code(cdf, || case.sample), (case.sample, cdf.interval(case.sample).1));
    }
    encoder.finish()
}

/// Decodes all cases, with each search starting at `guess`, and returns the ideal code length in bits.
fn assert_decodes(mut decoder: Decoder, cases: &[Case], alphabet: Alphabet, guess: u32) -> f64 {
    for case in cases {
        let cdf = case.cdf(alphabet);
        assert_eq!(decoder.code(cdf, || guess), (case.sample, cdf.interval(case.sample).1));
    }
    decoder.finish().expect("all words were read")
}

#[test]
fn what_is_encoded_is_decoded_in_the_same_order() {
    for alphabet in ALPHABETS {
        for count in [0, 1, 2, 3, 100, 5000] {
            let cases = cases(count, alphabet);
            let words = encode(&cases, alphabet);
            for guess in [0, alphabet.size / 2, alphabet.size - 1] {
                let decoder = Decoder::new(words.clone()).expect("the encoder's words");
                assert_decodes(decoder, &cases, alphabet, guess.min(alphabet.size - 1));
            }
        }
    }
}

#[test]
fn the_words_are_as_long_as_the_information() {
    for alphabet in ALPHABETS {
        let cases = cases(20_000, alphabet);
        let interval = |case: &Case| case.cdf(alphabet).interval(case.sample).0;
        let probability = |interval: Interval| f64::from(interval.probability) / f64::from(1 << CDF_BITS);
        let ideal: f64 = cases.iter().map(|case| -probability(interval(case)).log2()).sum();
        let words = encode(&cases, alphabet);
        let coded = 32.0 * words.len() as f64;
        assert!((coded - ideal).abs() < 1e-4 * ideal + 64.0, "{coded} bits for {ideal}");
        let reported = assert_decodes(Decoder::new(words).expect("the encoder's words"), &cases, alphabet, 0);
        assert!((reported - ideal).abs() <= 1e-6 * ideal, "{reported} bits reported for {ideal}");
    }
}

/// The words are part of the format. They were computed by an implementation of ANS in arbitrary precision.
#[test]
fn a_known_sequence_has_its_known_words() {
    let mut components = [Component { inverse: 1, ..Component::default() }; K];
    components[0] = Component { weight: 524_288, mean: 100 << 10, inverse: 1 << 18 };
    components[1] = Component { weight: 393_216, mean: (100 << 10) + 512, inverse: 1 << 15 };
    components[2] = Component { weight: 131_071, mean: -(3 << 10), inverse: 1035 };
    let case = |sample| Case { components, pinned: Default::default(), sample };
    assert_eq!(encode(&[100, 99, 0, 255, 101, 7].map(case), EIGHT), [0x5f8f_a5ab, 0x54]);
    assert_eq!(encode(&[], EIGHT), [0u32; 0]);
    // The state starts at zero and stays zero while the samples have intervals that begin at 0: these cost nothing.
    assert_eq!(encode(&[case(0)], EIGHT), [0u32; 0]);
}

#[test]
fn a_last_word_of_zero_is_refused() {
    for words in [vec![0], vec![7, 0], vec![0, 0, 0]] {
        assert!(Decoder::new(words).is_none());
    }
    assert!(Decoder::new(vec![0, 7]).is_some());
}

#[test]
fn a_decoder_is_empty_only_at_the_end() {
    let cases = cases(500, EIGHT);
    let mut decoder = Decoder::new(encode(&cases, EIGHT)).expect("the encoder's words");
    for case in &cases {
        assert!(decoder.clone().finish().is_none());
        assert_eq!(decoder.code(case.cdf(EIGHT), || 0).0, case.sample);
    }
    assert!(decoder.finish().is_some());
}

#[test]
fn a_word_too_many_or_too_few_is_noticed() {
    let cases = cases(500, EIGHT);
    let words = encode(&cases, EIGHT);
    let longer = [&[1], &words[..]].concat();
    for damaged in [longer, words[1..].to_vec()] {
        let mut decoder = Decoder::new(damaged).expect("a last word that is not zero");
        let decode = |case: &Case| decoder.code(case.cdf(EIGHT), || 0).0 == case.sample;
        let right = cases.iter().map(decode).filter(|&right| right).count();
        assert!(right < cases.len() || decoder.finish().is_none());
    }
}

#[test]
fn hostile_words_decode_to_samples_in_range_without_end() {
    let mut random = Random(77);
    for length in [0, 1, 5] {
        let words: Vec<u32> = (0..length).map(|_| random.below(u32::MAX) | 1).collect();
        let mut decoder = Decoder::new(words).expect("a last word that is not zero");
        for case in cases(2000, SIXTEEN) {
            let (sample, _) = decoder.code(case.cdf(SIXTEEN), || 65_535);
            assert!(sample < 1 << 16);
        }
        assert!(decoder.finish().is_none_or(f64::is_finite));
    }
}

#[test]
fn an_alphabet_of_one_sample_costs_nothing() {
    let one = Alphabet { depth: 8, size: 1 };
    assert_eq!(encode(&cases(1000, one), one), [0u32; 0]);
}

#[test]
fn intervals_come_back_from_either_end() {
    let mut random = Random(0x1f);
    let whole = 1 << CDF_BITS;
    let mut intervals = vec![
        Interval { left: 0, probability: 1 },
        Interval { left: 0, probability: whole - 1 },
        Interval { left: whole - 1, probability: 1 },
        Interval { left: 1, probability: whole - 1 },
        Interval { left: 1, probability: whole - 2 },
        Interval { left: 0, probability: whole },
    ];
    for _ in 0..2000 {
        let left = if random.below(3) == 0 { 0 } else { random.below(whole) };
        let probability = if random.below(3) == 0 { whole - left } else { 1 + random.below(whole - left) };
        intervals.push(Interval { left, probability });
    }
    let mut kept = Intervals::default();
    intervals.iter().for_each(|&interval| kept.push(interval));
    assert!(kept.range(0..kept.0.len()).eq(intervals.iter().copied()));
    assert!(kept.reversed().eq(intervals.iter().rev().copied()));
}

#[test]
fn the_length_of_chosen_pixels_is_that_of_their_intervals() {
    let mut encoder = Encoder::default();
    for (sample, probabilities) in
        [&[1 << 22, 1 << 20][..], &[1 << 23], &[1 << 21], &[1 << 10, 1 << 23, 1 << 21]].into_iter().enumerate()
    {
        for &probability in probabilities {
            encoder.settle(Interval { left: 7 * (sample as u32 % 2), probability });
        }
        encoder.end_sample();
    }
    let chosen = |pixels: [bool; 2]| encoder.ideal_bits(2, pixels.into_iter());
    assert_eq!(chosen([true, false]), 2.0 + 4.0 + 1.0);
    assert_eq!(chosen([false, true]), 3.0 + 14.0 + 1.0 + 3.0);
    assert_eq!(chosen([true, true]), chosen([true, false]) + chosen([false, true]));
}
