//! Samples -> WebP lossless, with libwebp.

use byteorder::{ByteOrder, LittleEndian};
use ndarray::ArrayView3;
use webpx::{Encoder, Unstoppable};

use super::{MAX_SIDE, RIFF_BYTES, SIGNATURE, has_alpha, most_bytes};
use crate::base::error::{Error, Result};

/// Methods and qualities of libwebp: two quick ones, and the strongest, which takes about twenty times as long.
const QUICK: [(u8, f32); 2] = [(4, 75.0), (5, 90.0)];
const STRONGEST: [(u8, f32); 1] = [(6, 100.0)];
/// The quickest setting that searches for distant repetition, to estimate the size of a result.
const PROBE: [(u8, f32); 1] = [(0, 80.0)];

/// Encodes 8-bit samples with 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA) channels; `None` if the image is too large
/// for VP8L, or the stream too long to be useful.
///
/// # Errors
/// [`Error::Unsupported`] if libwebp fails, which it does when memory runs out.
pub(crate) fn encode(samples: ArrayView3<'_, u16>, strongest: bool) -> Result<Option<Vec<u8>>> {
    shortest(samples, if strongest { &STRONGEST } else { &QUICK })
}

/// Estimates the length of the stream in bytes, usually from above.
///
/// # Errors
/// As [`encode`].
pub(crate) fn probe(samples: ArrayView3<'_, u16>) -> Result<Option<usize>> {
    Ok(shortest(samples, &PROBE)?.map(|stream| stream.len()))
}

/// The shortest of the streams with these methods and qualities.
fn shortest(samples: ArrayView3<'_, u16>, settings: &[(u8, f32)]) -> Result<Option<Vec<u8>>> {
    let (channels, height, width) = samples.dim();
    debug_assert!((1..=4).contains(&channels) && samples.iter().all(|&sample| sample < 256));
    if width > MAX_SIDE || height > MAX_SIDE {
        return Ok(None);
    }
    let sources: &[usize] = match channels {
        1 => &[0, 0, 0],
        2 => &[0, 0, 0, 1],
        3 => &[0, 1, 2],
        _ => &[0, 1, 2, 3],
    };
    let mut pixels = Vec::with_capacity(width * height * sources.len());
    for y in 0..height {
        for x in 0..width {
            pixels.extend(sources.iter().map(|&channel| samples[(channel, y, x)] as u8));
        }
    }
    let mut best: Option<Vec<u8>> = None;
    for &(method, quality) in settings {
        let encoder = if has_alpha(channels) { Encoder::new_rgba } else { Encoder::new_rgb };
        let stream = encode_with(encoder(&pixels, width as u32, height as u32), method, quality)?;
        if best.as_ref().is_none_or(|best| stream.len() < best.len()) {
            best = Some(stream);
        }
    }
    Ok(best.filter(|stream| stream.len() as u64 <= most_bytes(width as u32, height as u32)))
}

fn encode_with(encoder: Encoder<'_>, method: u8, quality: f32) -> Result<Vec<u8>> {
    let failed = |what: String| Error::Unsupported(format!("libwebp: {what}"));
    let encoder = encoder.lossless(true).exact(true).method(method).quality(quality);
    let file = encoder.encode(Unstoppable).map_err(|error| failed(error.to_string()))?;
    let size = file.get(16..RIFF_BYTES).map(|size| LittleEndian::read_u32(size) as usize);
    let chunk = size.and_then(|size| file.get(RIFF_BYTES..RIFF_BYTES + size));
    match chunk {
        Some([SIGNATURE, _, _, _, _, stream @ ..]) if &file[12..16] == b"VP8L" => Ok(stream.to_vec()),
        _ => Err(failed("not a plain VP8L file".into())),
    }
}
