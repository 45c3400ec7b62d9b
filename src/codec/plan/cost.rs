//! Parts -> their cost in bits, from the code length of some tiles; the cheapest part, and the best expert.

use super::{PlannedPart, SLOW_PIXELS};
use crate::base::error::Result;
use crate::image::Rect;
use crate::infer::pool::Engine;
use crate::model::registry::Model;
use crate::streams;
use crate::transforms::Coded;

/// To compare candidates, [some tiles](Rect::sampled) of an image are coded, with sides of this many pixels; larger
/// ones for graphics, which vary from place to place and repeat themselves.
const MEASURED_SIDE: u32 = 96;
pub(super) const MEASURED_GRAPHICS_SIDE: u32 = 512;
/// A candidate that takes this many times the bits of another in small squares is not tried in large ones.
const CLEARLY_MORE: f64 = 1.1;
/// Bits with which a band names a model: decisive for images that cost next to nothing.
const IDENTITY_BITS: u64 = 136;

/// To compare experts, some small squares are coded: one pixel in this many, but at least [`LEAST_PIXELS`] where these are
/// at most a quarter of all, and at most [`MOST_PIXELS`].
const EXPERT_SHARE: usize = 32;
const EXPERT_SIDE: u32 = 32;
const LEAST_PIXELS: usize = 1 << 12;
const MOST_PIXELS: usize = 1 << 14;

/// The expert under which some squares of a part take the fewest bits; a single model is not measured.
pub(super) fn best(engine: &Engine, mut models: Vec<Model>, coded: &Coded) -> Result<Model> {
    if models.len() > 1 {
        let (_, height, width) = coded.samples.dim();
        let whole = Rect { x: 0, y: 0, width: width as u32, height: height as u32 };
        let pixels = (whole.pixels() / EXPERT_SHARE).max(LEAST_PIXELS.min(whole.pixels() / 4)).min(MOST_PIXELS);
        let mut squares = whole.scattered(EXPERT_SIDE, pixels);
        if squares.is_empty() {
            squares = whole.sampled(EXPERT_SIDE);
        }
        // Few pixels do not pay for the start of a session.
        let engine = engine.clone().for_pixels(pixels as u64);
        let bits = |model| streams::network::measure(&engine, model, None, coded, &squares);
        let bits = models.iter().map(bits).collect::<Result<Vec<_>>>()?;
        let least = (0..bits.len()).min_by(|&a, &b| bits[a].total_cmp(&bits[b]));
        return Ok(models.swap_remove(least.expect("several models")));
    }
    Ok(models.swap_remove(0))
}

/// The cheapest of some parts; a single one is not measured. In larger images, those that are far from the cheapest in
/// small squares are not measured in large ones.
pub(super) fn cheapest(engine: &Engine, mut parts: Vec<PlannedPart>) -> Result<PlannedPart> {
    let graphics = parts.iter().any(|part| part.graphics);
    let pixels = parts.first().map_or(0, |part| part.coded.samples.len() / part.coded.sizes.len());
    if graphics && pixels > SLOW_PIXELS {
        keep_cheap(engine, &mut parts, MEASURED_SIDE, CLEARLY_MORE)?;
    }
    keep_cheap(engine, &mut parts, if graphics { MEASURED_GRAPHICS_SIDE } else { MEASURED_SIDE }, 1.0)?;
    Ok(parts.into_iter().next().expect("at least one model is for any planes"))
}

/// Keeps the parts whose cost is at most `times` that of the cheapest; a single one is not measured.
fn keep_cheap(engine: &Engine, parts: &mut Vec<PlannedPart>, side: u32, times: f64) -> Result<()> {
    if parts.len() < 2 {
        return Ok(());
    }
    let costs = parts.iter_mut().map(|part| measure(engine, part, side)).collect::<Result<Vec<_>>>()?;
    let most = times * *costs.iter().min().expect("a cost of each part") as f64;
    let mut costs = costs.into_iter();
    parts.retain(|_| costs.next().is_some_and(|bits| bits as f64 <= most));
    Ok(())
}

/// The estimated cost of a part in bits, from some of its tiles. If these are all of it, keeps their stream.
pub(super) fn measure(engine: &Engine, part: &mut PlannedPart, side: u32) -> Result<u64> {
    let mut description = Vec::new();
    part.transforms.iter().for_each(|transform| transform.write(&mut description));
    let header = 8 * description.len() as u64;
    let Some(network) = part.coder.network() else { return Ok(header) };
    // A model with a primer is measured by its primer, since the squares are small.
    let primed = network.primer.is_some();
    let model = engine.models().find(network.primer.unwrap_or(network.model))?;
    let header = header + IDENTITY_BITS;
    let (_, height, width) = part.coded.samples.dim();
    if let Some(stream) = &part.whole {
        return Ok(header + 8 * stream.len() as u64);
    }
    let whole = Rect { x: 0, y: 0, width: width as u32, height: height as u32 };
    let rects = whole.sampled(side);
    let sampled: usize = rects.iter().map(|rect| rect.pixels()).sum();
    let mut streams = streams::network::measured(engine, &model, &part.coded, &rects)?;
    let bits: u64 = streams.iter().map(|stream| 8 * stream.len() as u64).sum();
    if rects == [whole] && !primed {
        part.whole = streams.pop();
    }
    Ok(header + (bits as f64 * (width * height) as f64 / sampled as f64) as u64)
}
