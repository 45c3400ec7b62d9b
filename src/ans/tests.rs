use super::*;
use crate::cdf::Component;
use crate::mixture::MAX_COMPONENTS as K;

type Case = ([Component; K], u32);

/// Numbers that look random, the same in every run (Marsaglia's xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (((self.0 >> 32) * u64::from(end)) >> 32) as u32
    }
}

/// Mixtures from sharp to flat, and a sample for each: mostly a likely one, now and then any.
fn cases(count: usize, depth: u32) -> Vec<Case> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut case = || {
        let used = 1 + random.below(K as u32);
        let mut mixture = [Component { inverse: 1, ..Component::default() }; K];
        for component in &mut mixture[..used as usize] {
            let (mean, inverse) = (random.below(256 << 10) as i32, 1 << (10 + random.below(15)));
            *component = Component { weight: (1 << 20) / used, mean, inverse };
        }
        let quantile = random.below(1 << CDF_BITS);
        let likely = Cdf::new(&mixture, depth).quantile(quantile, 0);
        let sample = if random.below(16) == 0 { random.below(1 << depth) } else { likely };
        (mixture, sample)
    };
    (0..count).map(|_| case()).collect()
}

fn encode(cases: &[Case], depth: u32) -> (Vec<u32>, Vec<u16>) {
    let mut encoder = Encoder::with_capacity(cases.len());
    for (mixture, sample) in cases {
        let cdf = Cdf::new(mixture, depth);
        assert_eq!(encoder.code(cdf, || *sample), (*sample, cdf.interval(*sample).1));
    }
    encoder.finish()
}

/// Decodes all cases, starting each search from `guess`, and returns the ideal code length in bits.
fn assert_decodes(mut decoder: Decoder, cases: &[Case], depth: u32, guess: u32) -> f64 {
    for (mixture, sample) in cases {
        let cdf = Cdf::new(mixture, depth);
        assert_eq!(decoder.code(cdf, || guess), (*sample, cdf.interval(*sample).1));
    }
    assert!(decoder.is_empty());
    decoder.ideal_bits()
}

#[test]
fn what_is_encoded_is_decoded_in_the_same_order() {
    for depth in [8, 12, 16] {
        for count in [0, 1, 2, 3, 100, 5000] {
            let cases = cases(count, depth);
            let (words, samples) = encode(&cases, depth);
            assert!(samples.iter().map(|&sample| u32::from(sample)).eq(cases.iter().map(|case| case.1)));
            for guess in [0, 1 << (depth - 1), u32::MAX >> 1] {
                let decoder = Decoder::new(words.clone()).expect("the encoder's words");
                assert_decodes(decoder, &cases, depth, guess.min((1 << depth) - 1));
            }
        }
    }
}

#[test]
fn a_decoder_that_expects_other_samples_decodes_the_same() {
    let cases = cases(2000, 8);
    let (words, samples) = encode(&cases, 8);
    let wrong: Vec<u16> = samples.iter().enumerate().map(|(i, &s)| if i % 3 == 0 { s ^ 1 } else { s }).collect();
    let short = samples[..1000].to_vec();
    for expected in [samples, wrong, short, vec![0; 2000], vec![255; 3000], Vec::new()] {
        let decoder = Decoder::expecting(words.clone(), expected).expect("the encoder's words");
        assert_decodes(decoder, &cases, 8, 128);
    }
}

#[test]
fn the_words_are_as_long_as_the_information() {
    for depth in [8, 16] {
        let cases = cases(20_000, depth);
        let interval = |(mixture, sample): &Case| Cdf::new(mixture, depth).interval(*sample).0;
        let probability = |interval: Interval| f64::from(interval.probability) / f64::from(1 << CDF_BITS);
        let ideal: f64 = cases.iter().map(|case| -probability(interval(case)).log2()).sum();
        let (words, _) = encode(&cases, depth);
        let coded = 32.0 * words.len() as f64;
        assert!((coded - ideal).abs() < 1e-4 * ideal + 64.0, "{coded} bits for {ideal}");
        let reported = assert_decodes(Decoder::new(words).expect("the encoder's words"), &cases, depth, 0);
        assert!((reported - ideal).abs() < 1e-6 * ideal, "{reported} bits reported for {ideal}");
    }
}

/// The words are part of the format. They come from an implementation of ANS in arbitrary precision.
#[test]
fn a_known_sequence_has_its_known_words() {
    let mut mixture = [Component { inverse: 1, ..Component::default() }; K];
    mixture[0] = Component { weight: 524_288, mean: 100 << 10, inverse: 1 << 18 };
    mixture[1] = Component { weight: 393_216, mean: (100 << 10) + 512, inverse: 1 << 15 };
    mixture[2] = Component { weight: 131_071, mean: -(3 << 10), inverse: 1035 };
    let cases = [100, 99, 0, 255, 101, 7].map(|sample| (mixture, sample));
    assert_eq!(encode(&cases, 8).0, [0x5f8f_a5ab, 0x54]);
    assert_eq!(encode(&[], 8).0, [0u32; 0]);
    // The state starts at zero and stays there for samples at the very bottom: they cost nothing.
    assert_eq!(encode(&[(mixture, 0)], 8).0, [0u32; 0]);
}

#[test]
fn a_last_word_of_zero_is_refused() {
    for words in [vec![0], vec![7, 0], vec![0, 0, 0]] {
        assert!(Decoder::new(words.clone()).is_none());
        assert!(Decoder::expecting(words, vec![1]).is_none());
    }
    assert!(Decoder::new(vec![0, 7]).is_some());
}

#[test]
fn a_decoder_is_empty_only_at_the_end() {
    let cases = cases(500, 8);
    let mut decoder = Decoder::new(encode(&cases, 8).0).expect("the encoder's words");
    for (mixture, sample) in &cases {
        assert!(!decoder.is_empty());
        assert_eq!(decoder.code(Cdf::new(mixture, 8), || 0).0, *sample);
    }
    assert!(decoder.is_empty());
}

#[test]
fn a_word_too_many_or_too_few_is_noticed() {
    let cases = cases(500, 8);
    let (words, _) = encode(&cases, 8);
    let longer = [&[1], &words[..]].concat();
    for damaged in [longer, words[1..].to_vec()] {
        let mut decoder = Decoder::new(damaged).expect("a last word that is not zero");
        let decode = |(mixture, sample): &Case| decoder.code(Cdf::new(mixture, 8), || 0).0 == *sample;
        let right = cases.iter().map(decode).filter(|&right| right).count();
        assert!(right < cases.len() || !decoder.is_empty());
    }
}

#[test]
fn hostile_words_decode_to_samples_in_range_without_end() {
    let mut random = Random(77);
    for length in [0, 1, 5] {
        let words: Vec<u32> = (0..length).map(|_| random.below(u32::MAX) | 1).collect();
        let mut decoder = Decoder::new(words).expect("a last word that is not zero");
        for (mixture, _) in cases(2000, 16) {
            let (sample, _) = decoder.code(Cdf::new(&mixture, 16), || 65_535);
            assert!(sample < 1 << 16);
        }
        assert!(decoder.ideal_bits().is_finite());
    }
}
