//! Coders that record the calls of a walk: encoder and decoder must see the same ones.

use super::*;

/// An encoder that records intervals and samples.
#[derive(Default)]
pub(crate) struct RecordingEncoder {
    pub intervals: Vec<Interval>,
    pub samples: Vec<u32>,
}

impl SampleCoder for RecordingEncoder {
    const KNOWS_SAMPLES: bool = true;

    fn code<const K: usize>(&mut self, cdf: Cdf<'_, K>, sample: impl FnOnce() -> u32) -> (u32, [Edges; K]) {
        let sample = sample();
        let (interval, edges) = cdf.interval(sample);
        self.intervals.push(interval);
        self.samples.push(sample);
        (sample, edges)
    }

    fn known(&mut self, sample: u32, interval: Interval) {
        self.intervals.push(interval);
        self.samples.push(sample);
    }

    fn is_above(&self, _: u32, known: bool) -> bool {
        known
    }

    fn settle(&mut self, interval: Interval) {
        self.intervals.push(interval);
    }

    fn end_sample(&mut self) {}
}

/// A decoder that knows the samples and records the intervals.
pub(crate) struct OracleDecoder {
    pub intervals: Vec<Interval>,
    samples: std::vec::IntoIter<u32>,
}

impl OracleDecoder {
    pub fn new(samples: Vec<u32>) -> Self {
        Self { intervals: Vec::new(), samples: samples.into_iter() }
    }
}

impl SampleCoder for OracleDecoder {
    const KNOWS_SAMPLES: bool = false;

    fn code<const K: usize>(&mut self, cdf: Cdf<'_, K>, guess: impl FnOnce() -> u32) -> (u32, [Edges; K]) {
        guess();
        let sample = self.samples.next().expect("as many samples as the encoder had");
        let (interval, edges) = cdf.interval(sample);
        self.intervals.push(interval);
        (sample, edges)
    }

    fn is_above(&self, _: u32, _: bool) -> bool {
        unreachable!("samples are coded whole where no network learns")
    }

    fn settle(&mut self, _: Interval) {
        unreachable!("samples are coded whole where no network learns")
    }

    fn end_sample(&mut self) {}
}
