//! Numbers that look random, for the unit tests: the same in every run.

use ndarray::Array3;

/// Marsaglia's xorshift64 (2003).
pub(crate) struct Random(pub u64);

impl Random {
    /// A number in `0..end`.
    pub fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (((self.0 >> 32) * u64::from(end)) >> 32) as u32
    }

    /// An index in `0..end`.
    pub fn index(&mut self, end: usize) -> usize {
        self.below(end as u32) as usize
    }

    /// A number in `-magnitude..=magnitude`.
    pub fn symmetric(&mut self, magnitude: i32) -> i32 {
        self.below(2 * magnitude as u32 + 1) as i32 - magnitude
    }

    /// Bytes that deflate cannot shorten.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.below(256) as u8).collect()
    }

    /// Samples of a depth, (channels, height, width).
    pub fn samples(&mut self, shape: (usize, usize, usize), depth: u32) -> Array3<u16> {
        Array3::from_shape_simple_fn(shape, || self.below(1 << depth) as u16)
    }
}
