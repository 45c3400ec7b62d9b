//! Parts that were coded -> candidates with coders for long-range repetition: VP8L and PNG's coding.

use ndarray::{ArrayView3, s};

use super::cost::MEASURED_GRAPHICS_SIDE;
use super::repeats::repeats;
use super::{Alternative, FEW_REPEATS, PlannedPart, SLOW_PIXELS};
use crate::base::error::{Error, Result};
use crate::container::Coder;
use crate::streams::{png, vp8l};
use crate::transforms::Transform;

/// Coders for long-range repetition are tried on all images with at most [`LONG_RANGE_PIXELS`]; and on larger ones if
/// more than few runs repeat, if there is a palette, if the networks need at least [`LONG_RANGE_BITS`] per 8-bit
/// sample, or, for samples of more than 8 bits, if the centre of the image is little larger as PNG. They are not tried
/// on larger images that a network for photographs codes if the result of VP8L's quickest encoder is more than
/// [`PROBE_RATIO`] times as large.
const LONG_RANGE_PIXELS: usize = 1 << 14;
const LONG_RANGE_BITS: f64 = 4.5;
const PROBE_RATIO: f64 = 1.1;
/// Up to this many pixels, PNG is tried for samples of up to 8 bits.
const PNG_PIXELS: usize = 1 << 22;

/// Candidates for a whole band with coders for long-range repetition, as far as they are worth trying, to be tried from
/// the last to the first; `bytes` is what the chosen parts took.
pub(crate) fn long_range(
    parts: &[PlannedPart],
    samples: ArrayView3<'_, u16>,
    depth: u32,
    bytes: usize,
) -> Result<Vec<PlannedPart>> {
    let (_, height, width) = samples.dim();
    let pixels = height * width;
    if !cfg!(feature = "graphics") || parts.iter().all(|part| part.coder == Coder::Constant) {
        return Ok(Vec::new());
    }
    if pixels > LONG_RANGE_PIXELS && !may_repeat(parts, samples, depth, bytes)? {
        return Ok(Vec::new());
    }
    let mut others = Vec::new();
    let plain = Alternative::plain(samples, depth);
    if depth > 8 || pixels <= PNG_PIXELS {
        others.push(PlannedPart::long_range(&plain, Coder::Png, false));
        if let [part] = parts
            && !part.transforms.is_empty()
        {
            others.push(PlannedPart { coder: Coder::Png, graphics: true, whole: None, ..part.clone() });
        }
    }
    if depth <= 8 {
        // libwebp has transforms of its own.
        if pixels <= SLOW_PIXELS {
            others.push(PlannedPart::long_range(&plain, Coder::Vp8l, true));
        }
        others.push(PlannedPart::long_range(&plain, Coder::Vp8l, false));
    }
    Ok(others)
}

/// Whether coders for long-range repetition are worth trying on an image with more than few pixels.
pub(super) fn may_repeat(
    parts: &[PlannedPart],
    samples: ArrayView3<'_, u16>,
    depth: u32,
    bytes: usize,
) -> Result<bool> {
    let (_, height, width) = samples.dim();
    let bits = 8.0 * bytes as f64 / samples.len() as f64;
    let palette = |part: &PlannedPart| matches!(part.transforms.first(), Some(Transform::Palette(_)));
    if parts.iter().any(palette) {
        return Ok(true);
    }
    let counted = match parts {
        [part] if part.transforms.is_empty() => part.repeats,
        _ => None,
    };
    let likely =
        bits * 8.0 / f64::from(depth) >= LONG_RANGE_BITS || counted.unwrap_or_else(|| repeats(samples)) >= FEW_REPEATS;
    if depth > 8 {
        return Ok(likely || png_is_near(samples, depth, bits)?);
    }
    let graphics = parts.iter().any(|part| part.graphics);
    if !likely || graphics || height * width <= SLOW_PIXELS {
        return Ok(likely);
    }
    // In photographs, often the background repeats and nothing else.
    Ok(vp8l::probe(samples)?.is_some_and(|probe| probe as f64 <= PROBE_RATIO * bytes as f64))
}

/// Whether PNG takes little more than `bits` bits per sample for the centre of an image.
fn png_is_near(samples: ArrayView3<'_, u16>, depth: u32, bits: f64) -> Result<bool> {
    let (_, height, width) = samples.dim();
    let side = MEASURED_GRAPHICS_SIDE as usize;
    let within = |length: usize| (length - length.min(side)) / 2..(length + length.min(side)) / 2;
    let centre = samples.slice(s![.., within(height), within(width)]);
    let probe = match png::probe(centre, depth) {
        Ok(bytes) => 8.0 * bytes as f64 / centre.len() as f64,
        Err(Error::Unsupported(_)) => return Ok(false), // if it cannot be probed, it cannot be coded
        Err(error) => return Err(error),
    };
    Ok(probe <= PROBE_RATIO * bits)
}
