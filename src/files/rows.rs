//! Rows of interleaved samples, as files store them, <-> planes. Samples of fewer than eight bits are packed, most
//! significant bit first; samples of sixteen bits are big-endian.

use byteorder::{BigEndian, ByteOrder};
use ndarray::Axis;

use crate::image::planes::Planes;

/// Copies a row of samples of 1, 2, 4, 8 or 16 `bits` into the planes.
pub(super) fn put(planes: &mut Planes, row: u32, bytes: &[u8], bits: u32) {
    let channels = planes.channels();
    let mut samples = planes.samples_mut();
    for channel in 0..channels {
        let row = samples.index_axis_mut(Axis(0), channel).index_axis_move(Axis(0), row as usize);
        match bits {
            8 => row.into_iter().zip(bytes[channel..].iter().step_by(channels)).for_each(|(to, &b)| *to = b.into()),
            16 => {
                let pairs = bytes[2 * channel..].chunks(2).step_by(channels);
                row.into_iter().zip(pairs).for_each(|(to, pair)| *to = BigEndian::read_u16(pair));
            }
            _ => row.into_iter().enumerate().for_each(|(x, to)| *to = unpack(bytes, x * channels + channel, bits)),
        }
    }
}

/// The sample of `bits` bits at an index.
pub(super) fn unpack(bytes: &[u8], index: usize, bits: u32) -> u16 {
    let at = index * bits as usize;
    let shift = 8 - bits - (at % 8) as u32;
    (u16::from(bytes[at / 8]) >> shift) & ((1 << bits) - 1)
}

/// Packs samples of 1, 2, 4, 8 or 16 `bits` into bytes; the last byte is padded with zeros.
pub(super) fn pack(samples: impl Iterator<Item = u16>, bits: u32, bytes: &mut Vec<u8>) {
    bytes.clear();
    match bits {
        8 => bytes.extend(samples.map(|sample| sample as u8)),
        16 => samples.for_each(|sample| bytes.extend(sample.to_be_bytes())),
        _ => {
            let per_byte = 8 / bits as usize;
            for (index, sample) in samples.enumerate() {
                if index % per_byte == 0 {
                    bytes.push(0);
                }
                let last = bytes.last_mut().expect("a byte was pushed");
                *last |= (sample as u8) << (8 - bits - bits * (index % per_byte) as u32);
            }
        }
    }
}

/// The samples of a row, interleaved.
pub(super) fn interleaved(planes: &Planes, row: u32) -> impl Iterator<Item = u16> + Clone + '_ {
    planes.samples().index_axis(Axis(1), row as usize).reversed_axes().into_iter().copied()
}
