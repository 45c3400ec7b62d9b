//! Samples <-> WebP lossless (VP8L, RFC 9649), for images whose parts repeat over long distances. Format: section
//! "VP8L".
//!
//! The stream is stored without its header of 5 bytes: it says what is known already, so a stream cannot declare a
//! size of its own. An encoder is libwebp; a decoder is the memory-safe one of image-webp.

use std::io::Cursor;

use byteorder::{ByteOrder, LittleEndian};
use image_webp::WebPDecoder;
use ndarray::{Array3, ArrayView3};
use webpx::{Encoder, Unstoppable};

use crate::base::error::{Error, FormatErrorKind, Result, malformed};

/// Largest side, in pixels.
const MAX_SIDE: usize = 16383;
/// Bytes of RIFF before the VP8L stream: `RIFF`, size, `WEBP`, `VP8L`, size.
const RIFF_BYTES: usize = 20;
/// Bytes of the VP8L header: signature, sizes, hint for alpha, version.
const HEADER_BYTES: usize = 5;
const SIGNATURE: u8 = 0x2f;
/// libwebp's methods and qualities: two quick ones, and its strongest, which takes some twenty times as long.
const QUICK: [(u8, f32); 2] = [(4, 75.0), (5, 90.0)];
const STRONGEST: [(u8, f32); 1] = [(6, 100.0)];
/// The quickest that looks for repetition far away, to see how large a result is going to be.
const PROBE: [(u8, f32); 1] = [(0, 80.0)];
/// Most bytes of a stream of so many pixels. Bounds the memory of a decoder, whose tables can be a few hundred times
/// as large as the stream.
fn most_bytes(width: u32, height: u32) -> u64 {
    4 * u64::from(width) * u64::from(height) + 1024
}

/// The stream of 8-bit samples of 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA) channels; `None` if the image is too
/// large for VP8L, or the stream too long to be of use.
///
/// # Errors
/// [`Error::Unsupported`] if libwebp fails, which it does when it lacks memory.
pub(crate) fn encode(samples: ArrayView3<'_, u16>, strongest: bool) -> Result<Option<Vec<u8>>> {
    shortest(samples, if strongest { &STRONGEST } else { &QUICK })
}

/// About the bytes of the stream, or more.
///
/// # Errors
/// As [`encode`].
pub(crate) fn probe(samples: ArrayView3<'_, u16>) -> Result<Option<usize>> {
    Ok(shortest(samples, &PROBE)?.map(|stream| stream.len()))
}

/// The shortest of the streams of some methods and qualities.
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

/// The samples of a stream; `width`, `height` and `channels` have been checked against the limits.
///
/// # Errors
/// [`Error::Format`] for a stream that is damaged, or has a colour where it should be grey.
pub(crate) fn decode(stream: &[u8], width: u32, height: u32, channels: usize) -> Result<Array3<u16>> {
    let invalid = |what: String| malformed(FormatErrorKind::InvalidField, format!("VP8L stream: {what}"));
    let range = 1..=MAX_SIDE as u32;
    if !range.contains(&width) || !range.contains(&height) || !(1..=4).contains(&channels) {
        return invalid(format!("{width} x {height} pixels of {channels} channels"));
    }
    if stream.len() as u64 > most_bytes(width, height) {
        return invalid(format!("{} bytes for {width} x {height} pixels", stream.len()));
    }
    let alpha = has_alpha(channels);
    let file = rebuild(stream, width, height, alpha);
    let bytes = if alpha { 4 } else { 3 };
    let mut pixels = vec![0; width as usize * height as usize * bytes];
    let decoded = WebPDecoder::new(Cursor::new(file)).and_then(|mut decoder| decoder.read_image(&mut pixels));
    if let Err(error) = decoded {
        return invalid(error.to_string());
    }
    if channels < 3 && pixels.chunks(bytes).any(|pixel| pixel[0] != pixel[1] || pixel[1] != pixel[2]) {
        return invalid("a colour in a grey image".into());
    }
    // The channels of grey and alpha are the first and the last byte of a pixel.
    let step = if channels == 2 { 3 } else { 1 };
    let sample = |(c, y, x): (usize, usize, usize)| u16::from(pixels[(y * width as usize + x) * bytes + c * step]);
    Ok(Array3::from_shape_fn((channels, height as usize, width as usize), sample))
}

fn has_alpha(channels: usize) -> bool {
    channels.is_multiple_of(2)
}

/// The stream as a WebP file; it is short enough for one.
fn rebuild(stream: &[u8], width: u32, height: u32, alpha: bool) -> Vec<u8> {
    let chunk = HEADER_BYTES + stream.len();
    let padding = chunk % 2;
    let riff = (RIFF_BYTES - 8 + chunk + padding) as u32;
    let mut file = Vec::with_capacity(RIFF_BYTES + chunk + padding);
    file.extend(b"RIFF");
    file.extend(riff.to_le_bytes());
    file.extend(b"WEBPVP8L");
    file.extend((chunk as u32).to_le_bytes());
    file.push(SIGNATURE);
    file.extend(((width - 1) | (height - 1) << 14 | u32::from(alpha) << 28).to_le_bytes());
    file.extend(stream);
    file.resize(file.len() + padding, 0);
    file
}

#[cfg(test)]
mod tests;
