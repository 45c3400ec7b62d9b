//! Planes -> how much of them occurred before.

use ndarray::{ArrayView3, Axis};

/// Pixels per run, and the most runs that are examined.
pub(super) const RUN: usize = 8;
const MOST_RUNS: usize = 1 << 20;
const LEAST_HASH_BITS: u32 = 22;

/// The share of horizontal runs of [`RUN`] pixels that occurred before, in a row above or to the left.
pub(super) fn repeats(samples: ArrayView3<'_, u16>) -> f64 {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    const FIRST: u64 = FACTOR.wrapping_pow(RUN as u32 - 1);
    let (_, height, width) = samples.dim();
    let step = (height * width).div_ceil(MOST_RUNS);
    // One bit per hash, at least 64 times as many as there are runs: about one new run in a hundred is mistaken for a
    // repeat.
    let bits = ((height.div_ceil(step) * width).next_power_of_two().ilog2() + 6).max(LEAST_HASH_BITS);
    let mut seen = vec![0u64; 1 << (bits - 6)];
    let (mut runs, mut repeated) = (0u64, 0u64);
    for y in (0..height).step_by(step) {
        let mut pixels = vec![0u64; width];
        for row in samples.index_axis(Axis(1), y).outer_iter() {
            pixels.iter_mut().zip(row).for_each(|(pixel, &sample)| {
                *pixel = (*pixel ^ u64::from(sample)).wrapping_mul(FACTOR).rotate_left(29);
            });
        }
        // The run that ends at a pixel, as a polynomial rolling hash.
        let mut run = 0u64;
        for (x, &pixel) in pixels.iter().enumerate() {
            run = run.wrapping_mul(FACTOR).wrapping_add(pixel);
            if x < RUN - 1 {
                continue;
            }
            let hash = (run ^ run >> 32).wrapping_mul(FACTOR) >> (64 - bits);
            let (word, bit) = (&mut seen[(hash >> 6) as usize], 1 << (hash & 63));
            runs += 1;
            repeated += u64::from(*word & bit != 0);
            *word |= bit;
            run = run.wrapping_sub(pixels[x + 1 - RUN].wrapping_mul(FIRST));
        }
    }
    repeated as f64 / runs.max(1) as f64
}
