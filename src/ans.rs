//! Intervals <-> words. Input: the interval of every sample, in coding order. Output: 32-bit words. The coder
//! is constriction's ANS coder (Duda 2013) with 24-bit intervals; format: section "Streams".
//!
//! ANS is a stack: the encoder pushes the intervals in reverse, so that the decoder pops them in coding
//! order. The walk over a tile is the same for both; it calls a [`SampleCoder`] at each sample.

use std::convert::Infallible;
use std::num::NonZeroU32;

use constriction::Stack;
use constriction::backends::{BoundedReadWords, Cursor};
use constriction::stream::model::{DecoderModel, EncoderModel, EntropyModel};
use constriction::stream::stack::{AnsCoder, DefaultAnsCoder};
use constriction::stream::{Code, Decode, Encode};

use crate::cdf::{CDF_BITS, Cdf, Edges, Interval};

impl Interval {
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

    /// Codes a binary decision, which is `true` with a probability of `probability` / 2^24, neither 0 nor 1. `decision`
    /// gives it if `KNOWS_SAMPLES`.
    fn decide(&mut self, probability: u32, decision: impl FnOnce() -> bool) -> bool;

    /// Takes note of a sample, all decisions of which have been coded.
    fn decided(&mut self, sample: u32);
}

/// The interval of a binary decision.
fn decision_interval(probability: u32, decision: bool) -> Interval {
    if decision {
        Interval { left: 0, probability }
    } else {
        Interval { left: probability, probability: (1 << CDF_BITS) - probability }
    }
}

/// Collects intervals; [`finish`](Self::finish) turns them into words.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    intervals: Vec<Interval>,
    samples: Vec<u16>,
    /// For each sample, the number of intervals up to its end.
    ends: Vec<usize>,
}

impl Encoder {
    pub fn with_capacity(samples: usize) -> Self {
        let ends = Vec::with_capacity(samples);
        Self { intervals: Vec::with_capacity(samples), samples: Vec::with_capacity(samples), ends }
    }

    /// The ideal code length, in bits, of the samples of some pixels of so many channels.
    pub fn ideal_bits(&self, channels: usize, chosen: impl Iterator<Item = bool>) -> f64 {
        let bits = |interval: &Interval| CDF_BITS as f64 - f64::from(interval.probability).log2();
        let mut first = 0;
        let pixels = self
            .ends
            .chunks(channels)
            .map(|ends| std::mem::replace(&mut first, ends[channels - 1])..ends[channels - 1]);
        let chosen = pixels.zip(chosen).filter(|(_, chosen)| *chosen);
        chosen.flat_map(|(range, _)| &self.intervals[range]).map(bits).sum()
    }

    /// The compressed words, in the order of the file, and the samples, in coding order.
    pub fn finish(self) -> (Vec<u32>, Vec<u16>) {
        let mut coder = DefaultAnsCoder::new();
        for interval in self.intervals.iter().rev() {
            coder.encode_symbol((), *interval).expect("every interval has a probability");
        }
        match coder.into_compressed() {
            Ok(words) => (words, self.samples),
            Err(never) => match never {},
        }
    }
}

impl SampleCoder for Encoder {
    const KNOWS_SAMPLES: bool = true;

    fn code<const K: usize>(&mut self, cdf: Cdf<'_, K>, sample: impl FnOnce() -> u32) -> (u32, [Edges; K]) {
        let sample = sample();
        let (interval, edges) = cdf.interval(sample);
        self.intervals.push(interval);
        self.decided(sample);
        (sample, edges)
    }

    fn decide(&mut self, probability: u32, decision: impl FnOnce() -> bool) -> bool {
        let decision = decision();
        self.intervals.push(decision_interval(probability, decision));
        decision
    }

    fn decided(&mut self, sample: u32) {
        self.samples.push(sample as u16);
        self.ends.push(self.intervals.len());
    }
}

/// Reads samples from words.
pub(crate) struct Decoder {
    coder: AnsCoder<u32, u64, Cursor<u32, Vec<u32>>>,
    expected: std::vec::IntoIter<u16>,
    /// Probabilities are multiplied up, and their logarithm is taken now and then.
    product: f64,
    bits: f64,
}

impl Decoder {
    /// `None` if the last word is zero, which no encoder writes.
    pub fn new(words: Vec<u32>) -> Option<Self> {
        let coder = AnsCoder::from_compressed(Cursor::new_at_write_end(words)).ok()?;
        Some(Self { coder, expected: Vec::new().into_iter(), product: 1.0, bits: 0.0 })
    }

    /// A decoder that tries first whether a sample is the expected one. It decodes what any other would, sooner.
    pub fn expecting(words: Vec<u32>, samples: Vec<u16>) -> Option<Self> {
        Some(Self { expected: samples.into_iter(), ..Self::new(words)? })
    }

    /// Whether all words were read and the coder is back in its initial state.
    pub fn is_empty(&self) -> bool {
        self.coder.is_empty() && BoundedReadWords::<u32, Stack>::is_exhausted(self.coder.bulk())
    }

    /// The ideal code length of what was decoded, in bits.
    pub fn ideal_bits(&self) -> f64 {
        self.bits - self.product.log2()
    }

    /// What tells, by the interval that contains it, which interval is next.
    fn quantile(&self) -> u32 {
        self.coder.state() as u32 & ((1 << CDF_BITS) - 1)
    }

    fn pop(&mut self, interval: Interval) {
        let decoded: Result<(), constriction::CoderError<Infallible, Infallible>> = self.coder.decode_symbol(interval);
        decoded.expect("reading from memory cannot fail");
        self.product *= f64::from(interval.probability) / (1u64 << CDF_BITS) as f64;
        if self.product < 1e-200 {
            self.bits -= self.product.log2();
            self.product = 1.0;
        }
    }
}

impl SampleCoder for Decoder {
    const KNOWS_SAMPLES: bool = false;

    fn code<const K: usize>(&mut self, cdf: Cdf<'_, K>, guess: impl FnOnce() -> u32) -> (u32, [Edges; K]) {
        let quantile = self.quantile();
        let mut sample = self.expected.next().map_or_else(guess, u32::from);
        let (mut interval, mut edges) = cdf.interval(sample);
        if !interval.contains(quantile) {
            sample = cdf.quantile(quantile, sample);
            (interval, edges) = cdf.interval(sample);
        }
        self.pop(interval);
        (sample, edges)
    }

    fn decide(&mut self, probability: u32, _: impl FnOnce() -> bool) -> bool {
        let decision = self.quantile() < probability;
        self.pop(decision_interval(probability, decision));
        decision
    }

    fn decided(&mut self, _: u32) {}
}

#[cfg(test)]
pub(crate) mod test_coders;
#[cfg(test)]
mod tests;
