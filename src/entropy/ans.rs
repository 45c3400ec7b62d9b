//! Intervals <-> words. Input: the interval of every sample, in coding order. Output: 32-bit words. The coder
//! is constriction's ANS coder (Duda 2013) with 24-bit intervals; format: section "Streams".
//!
//! ANS is a stack: the encoder pushes the intervals in reverse, so that the decoder pops them in coding
//! order. The walk over a tile is the same for both; it calls a [`SampleCoder`] at each sample.

use std::num::NonZeroU32;
use std::ops::Range;

use constriction::stream::model::{DecoderModel, EncoderModel, EntropyModel};
use ndarray::Array3;

use super::lanes::{IntervalLanes, LANES, Lanes};
use super::stack::{LaneStack, Stack};
use crate::entropy::cdf::{CDF_BITS, Cdf, Edges, Interval};

impl Interval {
    /// The ideal code length of what lies in it.
    fn bits(self) -> f64 {
        CDF_BITS as f64 - f64::from(self.probability).log2()
    }

    fn parts(self) -> (u32, NonZeroU32) {
        let probability = NonZeroU32::new(self.probability).expect("the CDF is strictly increasing");
        (self.left, probability)
    }
}

/// An interval is the model of the one sample that it belongs to.
impl EntropyModel<CDF_BITS> for Interval {
    type Symbol = ();
    type Probability = u32;
}

impl EncoderModel<CDF_BITS> for Interval {
    fn left_cumulative_and_probability(&self, _: impl std::borrow::Borrow<()>) -> Option<(u32, NonZeroU32)> {
        Some(self.parts())
    }
}

impl DecoderModel<CDF_BITS> for Interval {
    fn quantile_function(&self, _: u32) -> ((), u32, NonZeroU32) {
        let (left, probability) = self.parts();
        ((), left, probability)
    }
}

/// Codes one sample after the other; what a tile's walk calls.
pub(crate) trait SampleCoder {
    /// Whether all samples are known before the walk, so that it may look ahead in large batches.
    const KNOWS_SAMPLES: bool;

    /// Codes a sample. `sample` gives the value in the tile's buffer if `KNOWS_SAMPLES`, else a guess. Returns the
    /// coded sample and its edges under each logistic component.
    fn code<const K: usize>(&mut self, cdf: Cdf<'_, K>, sample: impl FnOnce() -> u32) -> (u32, [Edges; K]);

    /// Whether what is coded next lies at this edge out of 2^24, or above it; `known` tells if `KNOWS_SAMPLES`.
    fn is_above(&self, edge: u32, known: bool) -> bool;

    /// Codes what [`is_above`](Self::is_above) has told to be in an interval.
    fn settle(&mut self, interval: Interval);

    /// Takes note that all of a sample is coded.
    fn end_sample(&mut self);

    /// Codes a sample that is known, in its interval.
    fn known(&mut self, _sample: u32, interval: Interval) {
        self.settle(interval);
        self.end_sample();
    }

    /// What tells which intervals are next, if the tile has a state for each lane of a block: such a tile is decoded block
    /// by block.
    fn quantiles(&self) -> Option<Lanes<i32>> {
        None
    }

    /// Decodes intervals of the first `active` lanes of a block.
    fn pop(&mut self, _intervals: &IntervalLanes, _active: usize) {
        unreachable!("this coder has no lanes");
    }

    /// Takes note of the channel, row and column of the sample that was coded last.
    fn note(&mut self, _place: [usize; 3]) {}

    /// Takes note of the channel, row and column of a sample that was decoded in a block, in this interval.
    fn note_in_block(&mut self, _place: [usize; 3], _interval: Interval) {}

    /// Codes a binary decision, which is `true` with a probability of `probability` / 2^24, neither 0 nor 1.
    fn decide(&mut self, probability: u32, known: bool) -> bool {
        let decision = !self.is_above(probability, !known);
        self.settle(if decision {
            Interval { left: 0, probability }
        } else {
            Interval { left: probability, probability: (1 << CDF_BITS) - probability }
        });
        decision
    }
}

/// Intervals in little memory, to be read from either end: an interval at an end of the range takes one word, its other edge;
/// others take two, which are below [`Intervals::ONE_WORD`].
#[derive(Debug, Default)]
struct Intervals(Vec<u32>);

impl Intervals {
    /// Flags of a word that is an interval: whether it is one, and whether it begins at 0.
    const ONE_WORD: u32 = 1 << 31;
    const AT_ZERO: u32 = 1 << 30;
    const WHOLE: u32 = 1 << CDF_BITS;

    fn push(&mut self, Interval { left, probability }: Interval) {
        match (left, left + probability) {
            (0, end) => self.0.push(Self::ONE_WORD | Self::AT_ZERO | end),
            (_, Self::WHOLE) => self.0.push(Self::ONE_WORD | left),
            _ => self.0.extend([left, probability]),
        }
    }

    /// The interval of one or two words, of which one is given, and the other is there if it is needed.
    fn interval(word: u32, other: impl FnOnce() -> (u32, u32)) -> Interval {
        let edge = word & (2 * Self::WHOLE - 1);
        if word & Self::ONE_WORD == 0 {
            let (left, probability) = other();
            Interval { left, probability }
        } else if word & Self::AT_ZERO == 0 {
            Interval { left: edge, probability: Self::WHOLE - edge }
        } else {
            Interval { left: 0, probability: edge }
        }
    }

    fn reversed(&self) -> impl Iterator<Item = Interval> {
        let mut words = self.0.iter().rev();
        std::iter::from_fn(move || {
            let &word = words.next()?;
            Some(Self::interval(word, || (*words.next().expect("a pair of words"), word)))
        })
    }

    /// Those of a range of words.
    fn range(&self, range: Range<usize>) -> impl Iterator<Item = Interval> {
        let mut words = self.0[range].iter();
        std::iter::from_fn(move || {
            let &word = words.next()?;
            Some(Self::interval(word, || (word, *words.next().expect("a pair of words"))))
        })
    }
}

/// Collects intervals; [`finish`](Self::finish) turns them into words.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    intervals: Intervals,
    /// For each sample, the words of `intervals` up to its end.
    ends: Vec<u32>,
}

impl Encoder {
    pub fn with_capacity(samples: usize) -> Self {
        Self { intervals: Intervals(Vec::with_capacity(2 * samples)), ends: Vec::with_capacity(samples) }
    }

    /// The ideal code length, in bits, of the samples of some pixels of so many channels.
    pub fn ideal_bits(&self, channels: usize, chosen: impl Iterator<Item = bool>) -> f64 {
        let mut start = 0;
        let pixels = self.ends.chunks(channels).zip(chosen).map(|(ends, chosen)| {
            let end = ends[channels - 1] as usize;
            let range = std::mem::replace(&mut start, end)..end;
            if chosen { self.intervals.range(range).map(Interval::bits).sum() } else { 0.0 }
        });
        pixels.sum()
    }

    /// The compressed words of one state, in the order of the file.
    pub fn finish(&self) -> Vec<u32> {
        let mut stack = Stack::default();
        self.push_to(&mut stack);
        stack.into_words()
    }

    /// Puts all intervals on a stack, so that the first one is on top.
    pub fn push_to(&self, stack: &mut Stack) {
        self.intervals.reversed().for_each(|interval| stack.push(interval));
    }

    /// The compressed words of a state for each lane. Pixels, in coding order, are dealt out to the lanes anew in each of
    /// these groups; all samples were coded whole.
    pub fn finish_lanes(&self, groups: &[usize], channels: usize) -> Vec<u32> {
        let intervals: Vec<Interval> = self.intervals.range(0..self.intervals.0.len()).collect();
        let mut stack = LaneStack::split(Stack::default());
        let mut end = intervals.len();
        for &pixels in groups.iter().rev() {
            let start = end - pixels * channels;
            for block in intervals[start..end].chunks(LANES * channels).rev() {
                for channel in (0..channels).rev() {
                    let mut lanes = IntervalLanes::default();
                    let of_channel = block.iter().skip(channel).step_by(channels);
                    of_channel.enumerate().for_each(|(lane, &interval)| lanes.set(lane, interval));
                    stack.push(&lanes, block.len() / channels);
                }
            }
            end = start;
        }
        stack.into_words()
    }
}

impl SampleCoder for Encoder {
    const KNOWS_SAMPLES: bool = true;

    fn code<const K: usize>(&mut self, cdf: Cdf<'_, K>, sample: impl FnOnce() -> u32) -> (u32, [Edges; K]) {
        let sample = sample();
        let (interval, edges) = cdf.interval(sample);
        self.known(sample, interval);
        (sample, edges)
    }

    fn is_above(&self, _: u32, known: bool) -> bool {
        known
    }

    fn settle(&mut self, interval: Interval) {
        self.intervals.push(interval);
    }

    fn end_sample(&mut self) {
        self.ends.push(u32::try_from(self.intervals.0.len()).expect("a tile has fewer words"));
    }
}

/// Reads samples from words.
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Decoder {
    states: States,
    /// Probabilities are multiplied up, and their logarithm is taken now and then.
    product: f64,
    bits: f64,
    told: Option<Box<ToldBits>>,
}

/// The bits of each sample, for whoever asks for them.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct ToldBits {
    /// With axes (channel, row, column).
    samples: Array3<f32>,
    /// Those of all samples so far.
    sum: f64,
}

#[cfg_attr(test, derive(Clone))]
enum States {
    One(Stack),
    Lanes(LaneStack),
}

impl Decoder {
    /// A decoder of one state; `None` for words that no encoder writes.
    pub fn new(words: Vec<u32>) -> Option<Self> {
        Stack::from_words(words).map(Self::of_stack)
    }

    /// A decoder of what is on top of a stack.
    pub fn of_stack(stack: Stack) -> Self {
        Self::of_states(States::One(stack))
    }

    fn of_states(states: States) -> Self {
        Self { states, product: 1.0, bits: 0.0, told: None }
    }

    /// This decoder of a tile of so many channels, rows and columns, but it keeps the bits of each sample.
    pub fn telling_bits(self, shape: (usize, usize, usize)) -> Self {
        let told = ToldBits { samples: Array3::zeros(shape), sum: 0.0 };
        Self { told: Some(Box::new(told)), ..self }
    }

    /// The bits of each sample, with axes (channel, row, column), if they were kept.
    pub fn take_told_bits(&mut self) -> Option<Array3<f32>> {
        self.told.take().map(|told| told.samples)
    }

    /// What is left of the stack of one state, and the ideal code length of what was decoded, in bits.
    pub fn into_stack(self) -> (Stack, f64) {
        let States::One(stack) = self.states else { unreachable!("a decoder of one state") };
        (stack, ideal_bits(self.bits, self.product))
    }

    /// A decoder of a state for each lane; `None` for words that no encoder writes.
    pub fn of_lanes(words: Vec<u32>) -> Option<Self> {
        LaneStack::from_words(words).map(|stack| Self::of_states(States::Lanes(stack)))
    }

    /// The ideal code length of what was decoded, in bits, if all words were read and the coder is back in its initial
    /// state.
    pub fn finish(self) -> Option<f64> {
        let left = match self.states {
            States::One(stack) => stack,
            States::Lanes(stack) => stack.join()?,
        };
        left.is_empty().then(|| ideal_bits(self.bits, self.product))
    }

    fn one(&self) -> &Stack {
        let States::One(stack) = &self.states else { unreachable!("tiles with lanes are decoded block by block") };
        stack
    }

    fn count(&mut self, probability: u32) {
        self.product *= f64::from(probability) / (1u64 << CDF_BITS) as f64;
        if self.product < 1e-200 {
            self.bits -= self.product.log2();
            self.product = 1.0;
        }
    }
}

/// The bits that were added up, and those of a product of probabilities.
fn ideal_bits(bits: f64, product: f64) -> f64 {
    bits - product.log2()
}

impl SampleCoder for Decoder {
    const KNOWS_SAMPLES: bool = false;

    fn code<const K: usize>(&mut self, cdf: Cdf<'_, K>, guess: impl FnOnce() -> u32) -> (u32, [Edges; K]) {
        let quantile = self.one().quantile();
        let mut sample = guess();
        let (mut interval, mut edges) = cdf.interval(sample);
        if !interval.contains(quantile) {
            sample = cdf.quantile(quantile, sample);
            (interval, edges) = cdf.interval(sample);
        }
        self.settle(interval);
        (sample, edges)
    }

    fn is_above(&self, edge: u32, _: bool) -> bool {
        self.one().quantile() >= edge
    }

    fn settle(&mut self, interval: Interval) {
        let States::One(stack) = &mut self.states else { unreachable!("tiles with lanes are decoded block by block") };
        stack.pop(interval);
        self.count(interval.probability);
    }

    fn end_sample(&mut self) {}

    fn note(&mut self, place: [usize; 3]) {
        if let Some(told) = &mut self.told {
            let sum = ideal_bits(self.bits, self.product);
            told.samples[place] = (sum - std::mem::replace(&mut told.sum, sum)).max(0.0) as f32;
        }
    }

    fn note_in_block(&mut self, place: [usize; 3], interval: Interval) {
        if let Some(told) = &mut self.told {
            told.samples[place] = interval.bits() as f32;
        }
    }

    fn quantiles(&self) -> Option<Lanes<i32>> {
        if let States::Lanes(stack) = &self.states { Some(stack.quantiles()) } else { None }
    }

    fn pop(&mut self, intervals: &IntervalLanes, active: usize) {
        let States::Lanes(stack) = &mut self.states else { unreachable!("this tile has no lanes") };
        stack.pop(intervals, active);
        for &probability in &intervals.probability[..active] {
            self.count(probability as u32);
        }
    }
}

#[cfg(test)]
pub(crate) mod test_coders;
#[cfg(test)]
mod tests;
