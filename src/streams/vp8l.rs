//! Samples <-> WebP lossless (VP8L, RFC 9649), for images with repetition over long distances. Format: section "VP8L".
//!
//! The stream is stored without its 5-byte header, which holds only what is known already; so a stream cannot declare a
//! size of its own. The decoder is the memory-safe one of image-webp. The encoder is libwebp; builds without the
//! feature `graphics` have none.

#[cfg(feature = "graphics")]
mod encode;

use std::io::Cursor;

use image_webp::WebPDecoder;
use ndarray::Array3;
#[cfg(not(feature = "graphics"))]
use ndarray::ArrayView3;

#[cfg(feature = "graphics")]
pub(crate) use self::encode::{encode, probe};
use crate::base::error::{FormatErrorKind, Result, malformed};

/// Largest side, in pixels.
const MAX_SIDE: usize = 16383;
/// Bytes of RIFF before the VP8L stream: `RIFF`, size, `WEBP`, `VP8L`, size.
const RIFF_BYTES: usize = 20;
/// Bytes of the VP8L header: signature, sizes, alpha hint, version.
const HEADER_BYTES: usize = 5;
const SIGNATURE: u8 = 0x2f;
/// Greatest length of a stream for this many pixels. Bounds the memory of the decoder, whose tables can be a few
/// hundred times as large as the stream.
fn most_bytes(width: u32, height: u32) -> u64 {
    4 * u64::from(width) * u64::from(height) + 1024
}

#[cfg(not(feature = "graphics"))]
pub(crate) fn encode(_: ArrayView3<'_, u16>, _: bool) -> Result<Option<Vec<u8>>> {
    Ok(None)
}

#[cfg(not(feature = "graphics"))]
pub(crate) fn probe(_: ArrayView3<'_, u16>) -> Result<Option<usize>> {
    Ok(None)
}

/// Decodes a stream; `width`, `height` and `channels` have been checked against the limits.
///
/// # Errors
/// [`Error::Format`] for a damaged stream, or for colours in a grey image.
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
    // Grey and alpha are the first and the last byte of a pixel.
    let step = if channels == 2 { 3 } else { 1 };
    let sample = |(c, y, x): (usize, usize, usize)| u16::from(pixels[(y * width as usize + x) * bytes + c * step]);
    Ok(Array3::from_shape_fn((channels, height as usize, width as usize), sample))
}

fn has_alpha(channels: usize) -> bool {
    channels.is_multiple_of(2)
}

/// Rebuilds a WebP file from the stream, which is short enough for one.
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

#[cfg(all(test, feature = "graphics"))]
mod tests;
