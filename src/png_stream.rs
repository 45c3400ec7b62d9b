//! Samples <-> the compressed rows of a PNG file, for images whose parts repeat over long distances: what filters and
//! deflate do better than VP8L, and all samples of more than 8 bits. Format: section "PNG".
//!
//! The stream is that of the IDAT chunks: what else a PNG file says is known already. The encoder is oxipng, the decoder
//! the png crate.

use std::io::Cursor;

use flate2::Crc;
use ndarray::{Array3, ArrayView3};
use oxipng::{BitDepth, ColorType, Options, PngError, RawImage};
use png::{Decoder, Limits};

use crate::error::{Error, FormatErrorKind, Result, malformed};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// The colour types of 1 to 4 channels.
const COLOUR_TYPES: [ColorType; 4] = [
    ColorType::Grayscale { transparent_shade: None },
    ColorType::GrayscaleAlpha,
    ColorType::RGB { transparent_color: None },
    ColorType::RGBA,
];
/// oxipng's level.
const LEVEL: u8 = 4;
/// Bytes of a chunk but for its content: length, type, CRC.
const CHUNK_BYTES: usize = 12;

/// The stream of samples of `depth` bits and 1 to 4 channels.
///
/// # Errors
/// [`Error::Unsupported`] if oxipng fails.
pub(crate) fn encode(samples: ArrayView3<'_, u16>, depth: u32) -> Result<Vec<u8>> {
    let (channels, height, width) = samples.dim();
    let pixels = samples.permuted_axes([1, 2, 0]);
    let rows = if depth <= 8 {
        pixels.iter().map(|&sample| sample as u8).collect()
    } else {
        pixels.iter().flat_map(|sample| sample.to_be_bytes()).collect()
    };
    let failed = |error: PngError| Error::Unsupported(format!("oxipng: {error}"));
    let mut options = Options::from_preset(LEVEL);
    // The header is not stored, so it has to stay what the decoder takes it for.
    options.bit_depth_reduction = false;
    options.color_type_reduction = false;
    options.palette_reduction = false;
    options.grayscale_reduction = false;
    options.interlace = Some(false);
    let bit_depth = if depth <= 8 { BitDepth::Eight } else { BitDepth::Sixteen };
    let image = RawImage::new(width as u32, height as u32, COLOUR_TYPES[channels - 1].clone(), bit_depth, rows);
    let file = image.and_then(|image| image.create_optimized_png(&options)).map_err(failed)?;
    Ok(image_data(&file))
}

/// The contents of the IDAT chunks of a PNG file.
fn image_data(file: &[u8]) -> Vec<u8> {
    let (mut rest, mut data) = (&file[SIGNATURE.len()..], Vec::new());
    while let Some((head, _)) = rest.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        if &head[4..] == b"IDAT" {
            data.extend(&rest[8..8 + length]);
        }
        rest = &rest[CHUNK_BYTES + length..];
    }
    data
}

/// The samples of a stream; `width`, `height` and `channels` have been checked against the limits.
///
/// # Errors
/// [`Error::Format`] for a stream that is damaged.
pub(crate) fn decode(stream: &[u8], width: u32, height: u32, channels: usize, depth: u32) -> Result<Array3<u16>> {
    let invalid = |what: String| malformed(FormatErrorKind::InvalidField, format!("PNG stream: {what}"));
    let sample_bytes = if depth <= 8 { 1 } else { 2 };
    let colour_type = COLOUR_TYPES[channels - 1].png_header_code();
    let [width_bytes, height_bytes] = [width, height].map(u32::to_be_bytes);
    let header = [&width_bytes[..], &height_bytes, &[8 * sample_bytes as u8, colour_type, 0, 0, 0]].concat();
    let mut file = SIGNATURE.to_vec();
    for (kind, content) in [(b"IHDR", &header[..]), (b"IDAT", stream), (b"IEND", &[])] {
        let Ok(length) = u32::try_from(content.len()) else { return invalid("4 GiB".to_owned()) };
        file.extend(length.to_be_bytes());
        let mut crc = Crc::new();
        for part in [&kind[..], content] {
            crc.update(part);
            file.extend(part);
        }
        file.extend(crc.sum().to_be_bytes());
    }
    let (columns, rows) = (width as usize, height as usize);
    let mut bytes = vec![0; sample_bytes * columns * rows * channels];
    let limits = Limits { bytes: bytes.len() + (64 << 20) };
    let mut reader = match Decoder::new_with_limits(Cursor::new(file), limits).read_info() {
        Ok(reader) => reader,
        Err(error) => return invalid(error.to_string()),
    };
    if let Err(error) = reader.next_frame(&mut bytes).and_then(|_| reader.finish()) {
        return invalid(error.to_string());
    }
    let sample = |(channel, y, x): (usize, usize, usize)| {
        let at = sample_bytes * ((y * columns + x) * channels + channel);
        bytes[at..at + sample_bytes].iter().fold(0, |sample, &byte| sample << 8 | u16::from(byte))
    };
    Ok(Array3::from_shape_fn((channels, rows, columns), sample))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(channels: usize, height: usize, width: usize) -> Array3<u16> {
        Array3::from_shape_fn((channels, height, width), |(c, y, x)| (257 * (x + 3 * y) + 9999 * c) as u16)
    }

    #[test]
    fn all_channel_counts_come_back() {
        for (channels, depth) in (1..=4).flat_map(|channels| [(channels, 8), (channels, 12), (channels, 16)]) {
            for (height, width) in [(1, 1), (1, 9), (9, 1), (31, 17)] {
                let samples = ramp(channels, height, width).mapv(|sample| sample >> (16 - depth));
                let stream = encode(samples.view(), depth).expect("a stream");
                let decoded = decode(&stream, width as u32, height as u32, channels, depth).expect("samples");
                assert_eq!(decoded, samples);
            }
        }
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
            // The sum at the end of the stream tells, or nothing has changed.
            let decoded = decode(&damaged, 20, 20, 1, 16);
            assert!(decoded.is_err() || decoded.is_ok_and(|decoded| decoded == samples), "byte {index}");
        }
        assert!(decode(&stream, 21, 20, 1, 16).is_err());
    }
}
