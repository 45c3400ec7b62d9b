//! The checksum of a tile's samples. Format: section "Conventions".

use ndarray::{ArrayView3, Axis};
use xxhash_rust::xxh3::Xxh3Default;

/// Length of the checksum of a tile's samples, in bytes.
pub(crate) const SAMPLE_CHECKSUM_BYTES: usize = 8;

/// The sample checksum of a tile: XXH3 of its samples in raster order, channels interleaved, 16-bit little-endian.
pub(crate) fn sample_checksum(tile: ArrayView3<'_, u16>) -> [u8; SAMPLE_CHECKSUM_BYTES] {
    let mut hasher = Xxh3Default::new();
    let (channels, _, width) = tile.dim();
    let mut interleaved = vec![0u16; channels * width];
    for rows in tile.axis_iter(Axis(1)) {
        for (channel, row) in rows.outer_iter().enumerate() {
            let to = interleaved[channel..].iter_mut().step_by(channels);
            to.zip(row).for_each(|(to, sample)| *to = sample.to_le());
        }
        hasher.update(bytemuck::cast_slice(&interleaved));
    }
    hasher.digest().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, s};

    use super::*;

    #[test]
    fn a_sample_checksum_is_of_all_samples_in_raster_order() {
        for (channels, height, width) in [(1, 1, 1), (3, 4, 5), (2, 1, 300), (4, 300, 7)] {
            let label = |(c, y, x)| (c + channels * (x + width * y)) as u16;
            let samples = Array3::from_shape_fn((channels, height + 2, width + 1), label);
            let tile = samples.slice(s![.., ..height, ..width]);
            let bytes: Vec<u8> =
                (0..channels * height * width).flat_map(|label| (label as u16).to_le_bytes()).collect();
            assert_eq!(sample_checksum(tile), xxhash_rust::xxh3::xxh3_64(&bytes).to_le_bytes());
        }
    }

    /// The digests of no bytes and of one byte, as xxHash computes them.
    #[test]
    fn a_sample_checksum_is_known() {
        let nothing = Array3::zeros((1, 0, 1));
        assert_eq!(u64::from_le_bytes(sample_checksum(nothing.view())), 0x2d06_8005_38d3_94c2);
    }
}
