use std::collections::HashMap;

use super::*;
use crate::entropy::ans::test_coders::RecordingEncoder;
use crate::entropy::ans::{Decoder, Encoder};
use crate::entropy::cdf::{Alphabet, Component, Interval};
use crate::entropy::tables::SIGMA;
use crate::testing::Random;

const K: usize = 2;
const EIGHT: Alphabet = Alphabet { depth: 8, size: 256 };

/// A sample, and the mixture and contexts that it is coded with.
struct Case {
    components: [Component; K],
    alphabet: Alphabet,
    channel: usize,
    values: [u64; CONTEXTS],
    sample: u32,
}

impl Case {
    fn cdf(&self) -> Cdf<'_, K> {
        Cdf::new(&self.components, &[], self.alphabet)
    }

    fn contexts(&self) -> Contexts {
        Contexts { channel: self.channel, values: self.values }
    }
}

/// Cases for one alphabet: samples near one mean or anywhere, with few or many contexts.
fn cases(random: &mut Random, alphabet: Alphabet, count: usize) -> Vec<Case> {
    let case = |_| {
        let middle = alphabet.size as i32 / 2;
        let near = (middle + random.symmetric(3)).clamp(0, alphabet.size as i32 - 1) as u32;
        let sample = if random.below(4) > 0 { near } else { random.below(alphabet.size) };
        let mean = (alphabet.centre(near) as i32) + random.symmetric(3000);
        let narrow = Component { weight: 800_000, mean, inverse: 1 << 16 };
        let wide = Component { weight: 200_000, mean: 128 << 10, inverse: 1 << 13 };
        let values = [random.below(3).into(), if random.below(2) > 0 { random.below(1 << 16) } else { 7 }.into()];
        Case { components: [narrow, wide], alphabet, channel: random.below(3) as usize, values, sample }
    };
    (0..count).map(case).collect()
}

fn alphabets() -> [Alphabet; 7] {
    let sizes = [(1, 1), (1, 2), (3, 5), (8, 256), (8, 129), (12, 4096), (16, 60_001)];
    sizes.map(|(depth, size)| Alphabet { depth, size })
}

/// Section "Decisions" of the format in plain 64-bit integers.
struct Reference {
    log: u32,
    /// By line and index, the share and the number of decisions.
    counts: HashMap<(u64, i64), (i64, i64)>,
    weights: HashMap<(usize, u32), [i64; 4]>,
}

impl Reference {
    fn new(pixels: usize) -> Self {
        let log = (8..16).find(|&log| 1 << log >= 2 * pixels).unwrap_or(16);
        Self { log, counts: HashMap::new(), weights: HashMap::new() }
    }

    fn ln(value: i64) -> i64 {
        let octave = (0..24).rfind(|&octave| 1 << octave <= value).expect("a positive value");
        octave * 45_426 + i64::from(LN[(((value << (24 - octave)) >> 15) & 511) as usize])
    }

    fn stretch(value: i64) -> i64 {
        Self::ln(value) - Self::ln((1 << 24) - value)
    }

    /// The intervals of a sample's decisions.
    fn code(&mut self, case: &Case) -> Vec<Interval> {
        let (sample, size) = (i64::from(case.sample), i64::from(case.alphabet.size));
        let cumulative = |edge: i64| i64::from(case.cdf().cumulative(edge as u32));
        let mut intervals = Vec::new();
        let (mut lines, mut recent) = ([0; 2], 1);
        let mut together = true;
        // The interval of a range of samples, unless it is the whole range.
        let samples = |from: i64, to: i64| {
            let (left, right) = (cumulative(from), cumulative(to.min(size)));
            (right - left < 1 << 24).then(|| Interval { left: left as u32, probability: (right - left) as u32 })
        };
        for bit in (0..case.alphabet.depth).rev() {
            let before = sample >> (bit + 1) << (bit + 1);
            let path = (1 << case.alphabet.depth | sample) >> (bit + 1);
            if (case.alphabet.depth - 1 - bit).is_multiple_of(4) {
                recent = 1;
                for (i, line) in lines.iter_mut().enumerate() {
                    let key = case.values[i] * 65_536 + path as u64 * 8 + case.channel as u64 * 2 + i as u64;
                    *line = ((u128::from(key) * 0x9e37_79b9_7f4a_7c15) % (1 << 64)) as u64 >> (64 - self.log);
                }
            }
            let decision = sample >> bit & 1;
            let middle = before + (1 << bit);
            if middle < size {
                let (low, high) = (cumulative(before), cumulative((before + (2 << bit)).min(size)));
                let mut p = ((high - cumulative(middle)) << 24) / (high - low);
                if p.min((1 << 24) - p) >= 1 << 16 {
                    if std::mem::take(&mut together) {
                        intervals.extend(samples(before, before + (2 << bit)));
                    }
                    p = self.mix(p, (case.channel, bit), lines.map(|line| (line, recent)), decision);
                }
                if !together {
                    let (left, probability) = if decision == 1 { (0, p) } else { (p, (1 << 24) - p) };
                    intervals.push(Interval { left: left as u32, probability: probability as u32 });
                }
            }
            recent = 2 * recent + decision;
        }
        if together {
            intervals.extend(samples(sample, sample + 1));
        }
        intervals
    }

    fn mix(&mut self, p: i64, place: (usize, u32), entries: [(u64, i64); 2], decision: i64) -> i64 {
        let weights = self.weights.entry(place).or_insert([1 << 16, 0, 0, 0]);
        let counts = entries.map(|entry| self.counts.get(&entry).copied().unwrap_or((1 << 21, 0)));
        let input = |(share, n): (i64, i64)| (Self::stretch(4 * share + 2) * ((n << 16) / (n + 3))) >> 17;
        let inputs = [Self::stretch(p), 1 << 14, input(counts[0]), input(counts[1])];
        let sum: i64 = weights.iter().zip(inputs).map(|(weight, input)| weight * input).sum();
        let a = (sum >> 16).clamp(-12 << 16, 12 << 16) + (1 << 20);
        let (low, high) = (i64::from(SIGMA[(a >> 11) as usize]), i64::from(SIGMA[(a >> 11) as usize + 1]));
        let mixed = low + (((high - low) * (a & 2047)) >> 11);
        let error = (decision << 24) - mixed;
        for (weight, input) in weights.iter_mut().zip(inputs) {
            *weight = (*weight + ((error * input + (1 << 31)) >> 32)).clamp(-(1 << 20), 1 << 20);
        }
        for entry in entries {
            let (share, n) = self.counts.entry(entry).or_insert((1 << 21, 0));
            *share += ((decision * ((1 << 22) - 1) - *share) * (655_360 / (10 * *n + 16))) >> 16;
            *n = (*n + 1).min(60);
        }
        mixed
    }
}

#[test]
fn decisions_are_those_of_the_reference() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15 + 1);
    for (alphabet, pixels) in alphabets().into_iter().zip([1, 40, 200, 3000, 40_000, 1 << 20, 1 << 30]) {
        let (mut counts, mut reference, mut coder) =
            (Counts::new(pixels), Reference::new(pixels), RecordingEncoder::default());
        for case in cases(&mut random, alphabet, 3000) {
            let (sample, edges) = counts.code(&mut coder, case.cdf(), &case.contexts(), case.sample);
            assert_eq!((sample, edges), (case.sample, case.cdf().interval(case.sample).1));
            assert_eq!(std::mem::take(&mut coder.intervals), reference.code(&case), "{alphabet:?}");
        }
    }
}

#[test]
fn a_decoder_has_the_samples_and_the_counts_of_the_encoder() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15 + 2);
    for alphabet in alphabets() {
        let cases = cases(&mut random, alphabet, 2000);
        let (mut counts, mut encoder) = (Counts::new(700), Encoder::default());
        for case in &cases {
            counts.code(&mut encoder, case.cdf(), &case.contexts(), case.sample);
        }
        let mut again = Counts::new(700);
        let mut decoder = Decoder::new(encoder.finish()).expect("words of an encoder");
        for case in &cases {
            // In a decoder, `known` is whatever the tile's buffer holds at that position.
            let (sample, edges) = again.code(&mut decoder, case.cdf(), &case.contexts(), random.below(alphabet.size));
            assert_eq!((sample, edges), (case.sample, case.cdf().interval(case.sample).1));
        }
        assert!(decoder.finish().is_some());
        assert!(counts.lines == again.lines && counts.weights == again.weights);
    }
}

/// A decoder that always takes the decisions it is told.
struct Adversary {
    decision: bool,
}

impl SampleCoder for Adversary {
    const KNOWS_SAMPLES: bool = false;

    fn code<const K: usize>(&mut self, _: Cdf<'_, K>, _: impl FnOnce() -> u32) -> (u32, [Edges; K]) {
        unreachable!("samples are decided")
    }

    fn is_above(&self, edge: u32, _: bool) -> bool {
        assert!((1..WHOLE).contains(&edge));
        !self.decision
    }

    fn settle(&mut self, _: Interval) {}

    fn end_sample(&mut self) {}
}

#[test]
fn no_decisions_drive_weights_counts_or_probabilities_out_of_bounds() {
    let mut counts = Counts::new(1 << 20);
    let mut largest = [0; INPUTS];
    let mut decide = |probability: u32, entries: [(usize, usize); CONTEXTS], decision: bool| {
        counts.decide(&mut Adversary { decision }, 0, probability, entries, false);
        for (largest, weight) in largest.iter_mut().zip(counts.weights[0]) {
            assert!(i64::from(weight).abs() <= WEIGHT_MAX);
            *largest = weight.abs().max(*largest);
        }
    };
    // Only the constant input can predict that all decisions are one; then, suddenly, none is.
    let unseen =
        |step: usize| [(step / 16 % MAX_LINES, step % 16), ((step / 16 + MAX_LINES / 2) % MAX_LINES, step % 16)];
    (0..500_000).for_each(|step| decide(1 << 23, unseen(step), true));
    (0..20_000).for_each(|step| decide(DOUBT, [(step % 7, 1), (step % 3, 2)], false));
    // Everything is most certain of what does not happen.
    for step in 0..50_000 {
        let certain = if step / 100 % 2 == 0 { DOUBT } else { (1 << CDF_BITS) - DOUBT };
        decide(certain, [(0, 3), (1, 3)], step / 100 % 2 == 0);
    }
    assert_eq!(i64::from(largest[1]), WEIGHT_MAX, "the constant's weight was not driven to its bound: {largest:?}");
    assert!(counts.lines.iter().flat_map(|line| &line.0).all(|count| count.0 & 1023 <= Count::MAX));
}

#[test]
fn gaps_between_samples_are_learned() {
    let (mut random, mut encoder, mut counts) =
        (Random(0x9e37_79b9_7f4a_7c15 + 3), Encoder::default(), Counts::new(4000));
    let components = [Component { weight: 1 << 20, mean: 120 << 10, inverse: 1 << 14 }];
    let cdf = Cdf::new(&components, &[], EIGHT);
    let mut plain = Encoder::default();
    for _ in 0..4000 {
        let sample = (120 + 3 * random.symmetric(12)) as u32;
        counts.code(&mut encoder, cdf, &Contexts { channel: 0, values: [0, 120] }, sample);
        plain.code(cdf, || sample);
    }
    let last = || (0..4000).map(|pixel| pixel >= 2000);
    let (with, without) = (encoder.ideal_bits(1, last()) / 2000.0, plain.ideal_bits(1, last()) / 2000.0);
    // Only a third of the samples occur, so 1.58 bits can be saved.
    assert!(with < without - 1.4, "{with} bits per sample, {without} without counts");
}

#[test]
fn logarithms_and_their_differences_are_right_to_nine_bits() {
    for value in (1..1 << 24).step_by(977).chain([1, 2, 3, (1 << 24) - 1]) {
        let exact = f64::from(value).ln() * 65_536.0;
        assert!((f64::from(ln(value)) - exact).abs() < 160.0, "ln {value} is {}, not {exact}", ln(value));
        assert_eq!(stretch(value), -stretch((1 << CDF_BITS) - value));
    }
}
