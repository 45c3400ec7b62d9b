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
use super::tally::Tally;
use crate::entropy::cdf::{CDF_BITS, Cdf, Edges, Interval};

impl Interval {
    /// The ideal code length of a sample with this interval, in bits.
    fn bits(self) -> f64 {
        CDF_BITS as f64 - f64::from(self.probability).log2()
    }

    fn parts(self) -> (u32, NonZeroU32) {
        let probability = NonZeroU32::new(self.probability).expect("the CDF is strictly increasing");
        (self.left, probability)
    }
}

/// An interval as constriction's entropy model: it describes a single symbol, the sample that it belongs to.
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

/// The sample coder that a tile's walk calls: encoder or decoder.
pub(crate) trait SampleCoder {
    /// Whether all samples are known before the walk, so that it may look ahead in large batches.
    const KNOWS_SAMPLES: bool;

    /// Codes a sample. `sample` returns the value in the tile's buffer if `KNOWS_SAMPLES`, otherwise a guess. Returns
    /// the coded sample and the logistic functions at its edges, for each component.
    fn code<const K: usize>(&mut self, cdf: Cdf<'_, K>, sample: impl FnOnce() -> u32) -> (u32, [Edges; K]);

    /// Whether the next quantile is at or above this edge, in units of 2^-24. An encoder returns `known`; a decoder
    /// ignores it.
    fn is_above(&self, edge: u32, known: bool) -> bool;

    /// Codes the interval that earlier calls of [`is_above`](Self::is_above) have narrowed down.
    fn settle(&mut self, interval: Interval);

    /// Marks the end of a sample, which may have taken several intervals.
    fn end_sample(&mut self);

    /// Codes a known sample, given its interval.
    fn known(&mut self, _sample: u32, interval: Interval) {
        self.settle(interval);
        self.end_sample();
    }

    /// The next quantile of each lane, if the tile has one state per lane; such a tile is decoded in blocks of 16
    /// pixels.
    fn quantiles(&self) -> Option<Lanes<i32>> {
        None
    }

    /// Pops the intervals of the first `active` lanes of a block.
    fn pop(&mut self, _intervals: &IntervalLanes, _active: usize) {
        unreachable!("this coder has no lanes");
    }

    /// Records the ideal code length of the sample just coded, at (channel, row, column).
    fn note(&mut self, _place: [usize; 3]) {}

    /// Records the ideal code length of a sample decoded in a block, at (channel, row, column), from its interval.
    fn note_in_block(&mut self, _place: [usize; 3], _interval: Interval) {}

    /// Codes a binary decision that is `true` with probability `probability` / 2^24, which is neither 0 nor 1.
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

/// Intervals stored compactly, readable from either end. An interval that touches an end of the range takes one word,
/// which holds its other edge; any other takes two words, both below [`Intervals::ONE_WORD`].
#[derive(Debug, Default)]
struct Intervals(Vec<u32>);

impl Intervals {
    /// Flags of a one-word interval: that it is one, and whether it begins at 0.
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

    /// The interval that starts with `word`; `other` returns both words of a two-word interval.
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

    /// The intervals in a range of words.
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
    /// Per sample, the end of its intervals, as an index into the words of `intervals`.
    ends: Vec<u32>,
}

impl Encoder {
    pub fn with_capacity(samples: usize) -> Self {
        Self { intervals: Intervals(Vec::with_capacity(2 * samples)), ends: Vec::with_capacity(samples) }
    }

    /// The ideal code length of the chosen pixels, which have `channels` samples each, in bits.
    pub fn ideal_bits(&self, channels: usize, chosen: impl Iterator<Item = bool>) -> f64 {
        let (mut start, mut length) = (0, Tally::default());
        for (ends, chosen) in self.ends.chunks(channels).zip(chosen) {
            let end = ends[channels - 1] as usize;
            let range = std::mem::replace(&mut start, end)..end;
            if chosen {
                self.intervals.range(range).for_each(|interval| length.count_interval(interval));
            }
        }
        length.bits()
    }

    /// The compressed words of a stream with one state, in file order.
    pub fn finish(&self) -> Vec<u32> {
        let mut stack = Stack::default();
        self.push_to(&mut stack);
        stack.into_words()
    }

    /// Pushes all intervals in reverse, so that the first one is on top.
    pub fn push_to(&self, stack: &mut Stack) {
        self.intervals.reversed().for_each(|interval| stack.push(interval));
    }

    /// The compressed words of a stream with one state per lane. In each group of pixels (in coding order), pixels are
    /// assigned to lanes from lane 0 on; each sample took a single interval.
    pub fn finish_lanes(&self, groups: &[usize], channels: usize) -> Vec<u32> {
        let mut reversed = self.intervals.reversed();
        let mut stack = LaneStack::split(Stack::default());
        let mut lanes = vec![IntervalLanes::default(); channels];
        for &pixels in groups.iter().rev() {
            for first in (0..pixels).step_by(LANES).rev() {
                let active = LANES.min(pixels - first);
                for lane in (0..active).rev() {
                    for lanes in lanes.iter_mut().rev() {
                        lanes.set(lane, reversed.next().expect("an interval for each sample"));
                    }
                }
                lanes.iter().rev().for_each(|lanes| stack.push(lanes, active));
            }
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

/// Decodes samples from words.
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Decoder {
    states: States,
    length: Tally,
    lengths: Option<Box<CodeLengths>>,
}

/// The ideal code length of each sample, if the caller asked for it.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct CodeLengths {
    /// In bits, with axes (channel, row, column).
    samples: Array3<f32>,
    /// The code length of all samples so far, in bits.
    sum: f64,
}

#[cfg_attr(test, derive(Clone))]
enum States {
    One(Stack),
    Lanes(LaneStack),
}

impl Decoder {
    /// A decoder with one state; `None` for words that no encoder writes.
    pub fn new(words: Vec<u32>) -> Option<Self> {
        Stack::from_words(words).map(Self::of_stack)
    }

    /// A decoder that pops from a given stack.
    pub fn of_stack(stack: Stack) -> Self {
        Self::of_states(States::One(stack))
    }

    fn of_states(states: States) -> Self {
        Self { states, length: Tally::default(), lengths: None }
    }

    /// The same decoder, which keeps the ideal code length of each sample of a tile of shape (channels, rows, columns).
    pub fn with_sample_bits(self, shape: (usize, usize, usize)) -> Self {
        let lengths = CodeLengths { samples: Array3::zeros(shape), sum: 0.0 };
        Self { lengths: Some(Box::new(lengths)), ..self }
    }

    /// The ideal code length of each sample in bits, with axes (channel, row, column), if it was kept.
    pub fn take_sample_bits(&mut self) -> Option<Array3<f32>> {
        self.lengths.take().map(|lengths| lengths.samples)
    }

    /// The rest of the stack (of a decoder with one state), and the ideal code length of what was decoded, in bits.
    pub fn into_stack(self) -> (Stack, f64) {
        let States::One(stack) = self.states else { unreachable!("a decoder of one state") };
        (stack, self.length.bits())
    }

    /// A decoder with one state per lane; `None` for words that no encoder writes.
    pub fn of_lanes(words: Vec<u32>) -> Option<Self> {
        LaneStack::from_words(words).map(|stack| Self::of_states(States::Lanes(stack)))
    }

    /// The ideal code length of what was decoded, in bits; `None` unless all words were read and the coder is back in
    /// its initial state.
    pub fn finish(self) -> Option<f64> {
        let left = match self.states {
            States::One(stack) => stack,
            States::Lanes(stack) => stack.join()?,
        };
        left.is_empty().then(|| self.length.bits())
    }

    fn one(&self) -> &Stack {
        let States::One(stack) = &self.states else { unreachable!("tiles with lanes are decoded block by block") };
        stack
    }
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
        self.length.count_interval(interval);
    }

    fn end_sample(&mut self) {}

    fn note(&mut self, place: [usize; 3]) {
        if let Some(lengths) = &mut self.lengths {
            let sum = self.length.bits();
            lengths.samples[place] = (sum - std::mem::replace(&mut lengths.sum, sum)).max(0.0) as f32;
        }
    }

    fn note_in_block(&mut self, place: [usize; 3], interval: Interval) {
        if let Some(lengths) = &mut self.lengths {
            lengths.samples[place] = interval.bits() as f32;
        }
    }

    fn quantiles(&self) -> Option<Lanes<i32>> {
        if let States::Lanes(stack) = &self.states { Some(stack.quantiles()) } else { None }
    }

    fn pop(&mut self, intervals: &IntervalLanes, active: usize) {
        let States::Lanes(stack) = &mut self.states else { unreachable!("this tile has no lanes") };
        stack.pop(intervals, active);
        (0..active).for_each(|lane| self.length.count_interval(intervals.lane(lane)));
    }
}

#[cfg(test)]
pub(crate) mod test_coders;
#[cfg(test)]
mod tests;
