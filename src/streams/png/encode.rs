//! Samples -> the compressed rows of a PNG file, with oxipng.

use byteorder::{BigEndian, ByteOrder};
use ndarray::ArrayView3;
use oxipng::{BitDepth, ColorType, Options, PngError, RawImage};

use super::{row_bytes, stored_bits};
use crate::base::error::{Error, Result};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// The colour types for 1 to 4 channels.
const COLOUR_TYPES: [ColorType; 4] = [
    ColorType::Grayscale { transparent_shade: None },
    ColorType::GrayscaleAlpha,
    ColorType::RGB { transparent_color: None },
    ColorType::RGBA,
];
/// Length of a chunk without its data, in bytes: length, type, CRC.
const CHUNK_BYTES: usize = 12;

/// Encodes with one of oxipng's levels.
///
/// # Errors
/// [`Error::Unsupported`] if oxipng fails.
pub(super) fn encode(samples: ArrayView3<'_, u16>, depth: u32, level: u8) -> Result<Vec<u8>> {
    let (channels, height, width) = samples.dim();
    let bits = stored_bits(channels, depth);
    let mut rows = Vec::with_capacity(height * row_bytes(width, channels, bits));
    for row in samples.permuted_axes([1, 2, 0]).outer_iter() {
        match bits {
            16 => rows.extend(row.iter().flat_map(|sample| sample.to_be_bytes())),
            8 => rows.extend(row.iter().map(|&sample| sample as u8)),
            _ => {
                // The first sample goes to the high bits.
                let samples: Vec<u16> = row.iter().copied().collect();
                let shift = |index: usize| 8 - bits * (1 + index as u32);
                let pack = |samples: &[u16]| (0..).zip(samples).fold(0, |byte, (i, &s)| byte | (s as u8) << shift(i));
                rows.extend(samples.chunks(8 / bits as usize).map(pack));
            }
        }
    }
    let failed = |error: PngError| Error::Unsupported(format!("oxipng: {error}"));
    let mut options = Options::from_preset(level);
    // The header is not stored, so oxipng must not change it.
    options.bit_depth_reduction = false;
    options.color_type_reduction = false;
    options.palette_reduction = false;
    options.grayscale_reduction = false;
    options.interlace = Some(false);
    let bit_depth = match bits {
        1 => BitDepth::One,
        2 => BitDepth::Two,
        4 => BitDepth::Four,
        8 => BitDepth::Eight,
        _ => BitDepth::Sixteen,
    };
    let image = RawImage::new(width as u32, height as u32, COLOUR_TYPES[channels - 1].clone(), bit_depth, rows);
    let file = image.and_then(|image| image.create_optimized_png(&options)).map_err(failed)?;
    Ok(image_data(&file))
}

/// The data of the IDAT chunks in a PNG file.
fn image_data(file: &[u8]) -> Vec<u8> {
    let (mut rest, mut data) = (&file[SIGNATURE.len()..], Vec::new());
    while let Some((head, _)) = rest.split_first_chunk::<8>() {
        let length = BigEndian::read_u32(head) as usize;
        if &head[4..] == b"IDAT" {
            data.extend(&rest[8..8 + length]);
        }
        rest = &rest[CHUNK_BYTES + length..];
    }
    data
}
