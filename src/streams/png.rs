//! Samples <-> the compressed rows of a PNG file, for images with repetition over long distances, where filters and
//! deflate sometimes beat VP8L; and for all such images with more than 8 bits. Format: section "PNG".
//!
//! The stream is the content of the IDAT chunks; all else in a PNG file is known already. The encoder is oxipng; builds
//! without the feature `graphics` have none.

#[cfg(feature = "graphics")]
mod encode;

use byteorder::{BigEndian, ByteOrder};
use ndarray::{Array3, ArrayView3};

#[cfg(feature = "graphics")]
use self::encode::encode as encode_with;
use crate::base::bytes::inflate;
#[cfg(not(feature = "graphics"))]
use crate::base::error::Error;
use crate::base::error::{FormatErrorKind, Result, malformed};

/// oxipng's levels: for the final result, and to estimate its size.
const LEVEL: u8 = 4;
const PROBE_LEVEL: u8 = 1;

/// Encodes samples of `depth` bits and 1 to 4 channels.
///
/// # Errors
/// [`Error::Unsupported`] if oxipng fails.
pub(crate) fn encode(samples: ArrayView3<'_, u16>, depth: u32) -> Result<Vec<u8>> {
    encode_with(samples, depth, LEVEL)
}

/// Estimates the length of the stream, in bytes.
///
/// # Errors
/// As [`encode`].
pub(crate) fn probe(samples: ArrayView3<'_, u16>, depth: u32) -> Result<usize> {
    Ok(encode_with(samples, depth, PROBE_LEVEL)?.len())
}

#[cfg(not(feature = "graphics"))]
fn encode_with(_: ArrayView3<'_, u16>, _: u32, _: u8) -> Result<Vec<u8>> {
    Err(Error::Unsupported("a build without the feature `graphics` encodes no PNG streams".to_owned()))
}

/// Bits per stored sample: PNG has fewer than 8 only for grey.
fn stored_bits(channels: usize, depth: u32) -> u32 {
    if channels == 1 || depth > 8 { depth.next_power_of_two() } else { 8 }
}

fn row_bytes(columns: usize, channels: usize, bits: u32) -> usize {
    (columns * channels * bits as usize).div_ceil(8)
}

/// Decodes a stream; `width`, `height` and `channels` have been checked against the limits.
///
/// # Errors
/// [`Error::Format`] for a damaged stream.
pub(crate) fn decode(stream: &[u8], width: u32, height: u32, channels: usize, depth: u32) -> Result<Array3<u16>> {
    let (columns, rows) = (width as usize, height as usize);
    let bits = stored_bits(channels, depth);
    let row_bytes = row_bytes(columns, channels, bits);
    let filtered = inflate(stream, (rows * (1 + row_bytes)) as u64, "PNG stream")?;
    let pixel_bytes = (channels * bits as usize).div_ceil(8);
    let Some(bytes) = unfilter(&filtered, row_bytes, pixel_bytes) else {
        return malformed(FormatErrorKind::InvalidField, "PNG stream: an unknown filter");
    };
    let sample = |(channel, y, x): (usize, usize, usize)| {
        let first = (x * channels + channel) * bits as usize;
        let at = y * row_bytes + first / 8;
        match bits {
            16 => BigEndian::read_u16(&bytes[at..]),
            _ => u16::from(bytes[at] << (first % 8) >> (8 - bits)),
        }
    };
    Ok(Array3::from_shape_fn((channels, rows, columns), sample))
}

/// Inverts the filters of rows; each row is preceded by the number of its filter. `None` for an unknown filter.
fn unfilter(filtered: &[u8], row_bytes: usize, pixel_bytes: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(filtered.len());
    let mut above = vec![0; row_bytes];
    for filtered_row in filtered.chunks_exact(1 + row_bytes) {
        let mut row = filtered_row[1..].to_vec();
        for index in 0..row_bytes {
            let before = index.checked_sub(pixel_bytes);
            let (left, corner) = before.map_or((0, 0), |before| (row[before], above[before]));
            let predicted = match filtered_row[0] {
                0 => 0,
                1 => left,
                2 => above[index],
                3 => left.midpoint(above[index]),
                4 => paeth(left, above[index], corner),
                _ => return None,
            };
            row[index] = row[index].wrapping_add(predicted);
        }
        bytes.extend(&row);
        above = row;
    }
    Some(bytes)
}

/// The neighbour nearest to `left + above - corner`; ties go to the first.
fn paeth(left: u8, above: u8, corner: u8) -> u8 {
    let estimate = i16::from(left) + i16::from(above) - i16::from(corner);
    let distance = |&neighbour: &u8| (estimate - i16::from(neighbour)).abs();
    [left, above, corner].into_iter().min_by_key(distance).unwrap_or(left)
}

#[cfg(all(test, feature = "graphics", feature = "files"))]
mod tests {
    use super::*;

    fn ramp(channels: usize, height: usize, width: usize) -> Array3<u16> {
        Array3::from_shape_fn((channels, height, width), |(c, y, x)| (257 * (x + 3 * y) + 9999 * c) as u16)
    }

    #[test]
    fn all_channel_counts_come_back() {
        for (channels, depth) in (1..=4).flat_map(|channels| [1, 2, 3, 4, 5, 8, 12, 16].map(|depth| (channels, depth)))
        {
            for (height, width) in [(1, 1), (1, 9), (9, 1), (31, 17)] {
                let samples = ramp(channels, height, width).mapv(|sample| sample >> (16 - depth));
                let stream = encode(samples.view(), depth).expect("a stream");
                let decoded = decode(&stream, width as u32, height as u32, channels, depth).expect("samples");
                assert_eq!(decoded, samples);
            }
        }
    }

    /// The samples that another decoder of PNG reads from the stream.
    fn decode_as_file(stream: &[u8], width: u32, height: u32, colour: png::ColorType, depth: png::BitDepth) -> Vec<u8> {
        let mut info = png::Info::with_size(width, height);
        (info.color_type, info.bit_depth) = (colour, depth);
        let mut file = Vec::new();
        let mut writer =
            png::Encoder::with_info(&mut file, info).and_then(png::Encoder::write_header).expect("a header");
        writer.write_chunk(png::chunk::IDAT, stream).expect("a chunk");
        drop(writer);
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().expect("a PNG file");
        let mut bytes = vec![0; reader.output_buffer_size().expect("a small image")];
        reader.next_frame(&mut bytes).expect("samples");
        bytes
    }

    #[test]
    fn streams_are_those_of_png_files() {
        use png::{BitDepth, ColorType};
        for (channels, colour) in
            [(1, ColorType::Grayscale), (2, ColorType::GrayscaleAlpha), (3, ColorType::Rgb), (4, ColorType::Rgba)]
        {
            let samples = ramp(channels, 23, 40);
            let stream = encode(samples.view(), 16).expect("a stream");
            let bytes: Vec<u8> =
                samples.view().permuted_axes([1, 2, 0]).iter().flat_map(|sample| sample.to_be_bytes()).collect();
            assert_eq!(decode_as_file(&stream, 40, 23, colour, BitDepth::Sixteen), bytes);
            let samples = samples.mapv(|sample| sample >> 8);
            let stream = encode(samples.view(), 7).expect("a stream");
            let bytes: Vec<u8> = samples.view().permuted_axes([1, 2, 0]).iter().map(|&sample| sample as u8).collect();
            assert_eq!(decode_as_file(&stream, 40, 23, colour, BitDepth::Eight), bytes);
        }
    }

    #[test]
    fn filters_are_undone() {
        let rows = [[0, 1, 2, 3, 200], [1, 5, 6, 7, 8], [2, 5, 6, 7, 250], [3, 9, 9, 9, 9], [4, 1, 2, 3, 4]];
        let bytes = unfilter(&rows.concat(), 4, 2).expect("known filters");
        let expected = [[1, 2, 3, 200], [5, 6, 12, 14], [10, 12, 19, 8], [14, 15, 25, 20], [15, 17, 28, 24]];
        assert_eq!(bytes, expected.concat());
        assert_eq!(unfilter(&[5, 1, 2], 2, 1), None);
    }

    #[test]
    fn damaged_streams_are_refused() {
        let samples = ramp(1, 20, 20);
        let stream = encode(samples.view(), 16).expect("a stream");
        for length in 0..stream.len() {
            assert!(decode(&stream[..length], 20, 20, 1, 16).is_err(), "{length} bytes");
        }
        for index in 0..stream.len() {
            let mut damaged = stream.clone();
            damaged[index] ^= 0x10;
            // The checksum at the end of the stream reveals the damage, or the samples are the same.
            let decoded = decode(&damaged, 20, 20, 1, 16);
            assert!(decoded.is_err() || decoded.is_ok_and(|decoded| decoded == samples), "byte {index}");
        }
        assert!(decode(&[&stream[..], &[0]].concat(), 20, 20, 1, 16).is_err());
        for (width, height, channels, depth) in [(21, 20, 1, 16), (19, 20, 1, 16), (20, 19, 1, 16), (20, 20, 2, 16)] {
            assert!(decode(&stream, width, height, channels, depth).is_err());
        }
    }
}
