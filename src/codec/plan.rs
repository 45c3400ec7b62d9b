//! Planes -> parts: chooses transforms and a model for each group of channels, by measured cost.
//!
//! Input: the samples of a band. Output: coded planes, and how they are coded. The choice is recorded in the file, so
//! the format does not depend on how it is made.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{ArrayView3, Axis, s};

use super::offsets;
use super::options::Transforms;
use crate::base::error::{Error, Result};
use crate::container::{Coder, NetworkCoder};
use crate::image::Rect;
use crate::infer::pool::Engine;
use crate::model::adaptation::{Adaptation, Learning};
use crate::model::family::{Content, Family};
use crate::model::registry::Model;
use crate::streams::{self, png, vp8l};
use crate::transforms::{Coded, Transform, depth_of};

/// Most colours in a palette.
const MAX_COLOURS: usize = 256;
/// Share of the runs that repeat an earlier one. Below the first, only networks for photographs are tried (photographs
/// repeat at most one run in thirty); above the second, only those for graphics.
const FEW_REPEATS: f64 = 0.15;
const MOST_REPEATS: f64 = 0.6;
/// Pixels per run, and the most runs that are examined.
const RUN: usize = 8;
const MOST_RUNS: usize = 1 << 20;
const LEAST_HASH_BITS: u32 = 22;
/// To compare candidates, [some tiles](Rect::sampled) of an image are coded, with sides of this many pixels; larger
/// ones for graphics, which vary from place to place and repeat themselves.
const MEASURED_SIDE: u32 = 96;
const MEASURED_GRAPHICS_SIDE: u32 = 512;
/// A candidate that takes this many times the bits of another in small squares is not tried in large ones.
const CLEARLY_MORE: f64 = 1.3;
/// Bits with which a band names a model: decisive for images that cost next to nothing.
const IDENTITY_BITS: u64 = 136;

/// Coders for long-range repetition are tried on all images with at most [`LONG_RANGE_PIXELS`]; and on larger ones if
/// more than few runs repeat, if there is a palette, if the networks need at least [`LONG_RANGE_BITS`] per 8-bit
/// sample, or, for samples of more than 8 bits, if the centre of the image is little larger as PNG. They are not tried
/// on larger images that a network for photographs codes if the result of VP8L's quickest encoder is more than
/// [`PROBE_RATIO`] times as large.
const LONG_RANGE_PIXELS: usize = 1 << 14;
const LONG_RANGE_BITS: f64 = 4.5;
const PROBE_RATIO: f64 = 1.1;
/// Up to this many pixels, VP8L's slowest encoder is tried whatever the quick one yields.
const SLOW_PIXELS: usize = 1 << 17;
/// Up to this many pixels, PNG is tried for samples of up to 8 bits.
const PNG_PIXELS: usize = 1 << 22;
/// Up to this many pixels, VP8L's slowest encoder is tried if a quick one was best.
const SLOWEST_PIXELS: usize = 1 << 21;

/// A group of channels with all that is chosen for it.
#[derive(Debug, Clone)]
pub(crate) struct PlannedPart {
    /// Number of channels of the image.
    pub channels: usize,
    /// In the order in which they were applied.
    pub transforms: Vec<Transform>,
    pub coded: Arc<Coded>,
    pub coder: Coder,
    /// Whether to use the slowest encoder, where there are several.
    pub thorough: bool,
    /// Whether the model is for graphics, which profit from large tiles.
    pub graphics: bool,
    /// The share of runs of coded pixels that repeat an earlier one, if it was counted.
    repeats: Option<f64>,
    /// The stream of the whole part as a single tile, if it was coded like this to measure it.
    pub whole: Option<Vec<u8>>,
}

impl PlannedPart {
    /// A candidate with a coder for long-range repetition.
    fn long_range(alternative: &Alternative, coder: Coder, thorough: bool) -> Self {
        let Alternative { channels, transforms, coded } = alternative.clone();
        Self { channels, transforms, coded, coder, thorough, graphics: true, repeats: None, whole: None }
    }

    /// The model, if it can be adapted: not one for graphics, since pinned components do not learn, and not a flow.
    fn adaptable(&self, engine: &Engine) -> Result<Option<Model>> {
        let Some(network) = self.coder.network().filter(|_| !self.graphics) else { return Ok(None) };
        let model = engine.models().find(network.model)?;
        Ok((model.file.family == Family::Autoregressive).then_some(model))
    }

    fn adapted(self, model: &Model, adaptation: Adaptation) -> Self {
        let whole = self.whole.filter(|_| adaptation == Adaptation::None);
        let network = NetworkCoder { adaptation, ..NetworkCoder::plain(model.identity) };
        Self { coder: Coder::Network(network), whole, ..self }
    }

    /// The same part with one state of the entropy coder per lane, if its network allows that.
    ///
    /// # Errors
    /// Those of the model.
    pub fn with_lanes(mut self, engine: &Engine) -> Result<Self> {
        if let Coder::Network(network) = &mut self.coder {
            let pinned = engine.models().find(network.model)?.file.shape().pinned;
            network.lanes = !pinned && network.adaptation.learning().is_none() && network.primer.is_none();
            if network.lanes {
                self.whole = None;
            }
        }
        Ok(self)
    }

    /// The same part with a network that learns, if its network can.
    ///
    /// # Errors
    /// Those of the model.
    pub fn learning(self, engine: &Engine) -> Result<Self> {
        let Some(model) = self.adaptable(engine)? else { return Ok(self) };
        let (_, height, width) = self.coded.samples.dim();
        Ok(self.adapted(&model, Adaptation::Learning(Learning::for_pixels(height * width))))
    }

    /// The same part with bias offsets, if they pay.
    ///
    /// # Errors
    /// Those of the network.
    pub fn with_offsets(self, engine: &Engine) -> Result<Self> {
        let Some(model) = self.adaptable(engine)? else { return Ok(self) };
        let found = offsets::find(engine, &model, &self.coded)?;
        Ok(self.adapted(&model, found.map_or(Adaptation::None, Adaptation::Offsets)))
    }

    /// The same part with a slower encoder, if there is one that is not tried anyway.
    pub fn stronger(&self) -> Option<Self> {
        let (_, height, width) = self.coded.samples.dim();
        let slower = self.coder == Coder::Vp8l && !self.thorough;
        let worth_it = (SLOW_PIXELS + 1..=SLOWEST_PIXELS).contains(&(height * width));
        (slower && worth_it).then(|| Self { thorough: true, ..self.clone() })
    }
}

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
fn may_repeat(parts: &[PlannedPart], samples: ArrayView3<'_, u16>, depth: u32, bytes: usize) -> Result<bool> {
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

/// Chooses how the channels of a band are coded.
///
/// # Errors
/// [`Error::Model`](crate::Error::Model) if no model has the given name, or if a model file does not fit.
pub(crate) fn choose(
    engine: &Engine,
    transforms: Transforms,
    samples: ArrayView3<'_, u16>,
    depth: u32,
) -> Result<Vec<PlannedPart>> {
    let channels = samples.dim().0;
    let colours = if channels > 2 { 3 } else { 1 };
    let group = |range: Range<usize>| -> Result<PlannedPart> {
        let samples = samples.slice(s![range, .., ..]);
        let alternatives = match transforms {
            Transforms::All => alternatives(samples, depth),
            Transforms::None => vec![Alternative::plain(samples, depth)],
        };
        let parts = alternatives.into_iter().map(|alternative| under_models(engine, alternative));
        cheapest(engine, parts.collect::<Result<Vec<_>>>()?.concat())
    };
    let external = engine.models().external();
    let mut parts = vec![match external {
        Some(model) => with_model(engine, model, samples.slice(s![0..colours, .., ..]), depth)?,
        None => group(0..colours)?,
    }];
    if channels == colours {
        return Ok(parts);
    }
    // A model file is for colours only; alpha is coded with a model of the registry.
    parts.push(group(colours..channels)?);
    if external.is_none()
        && transforms == Transforms::All
        && let Some((transform, coded)) = Transform::palette(samples, depth, MAX_COLOURS)
    {
        let alternative = Alternative::new(channels, vec![transform], coded);
        let mut together = cheapest(engine, under_models(engine, alternative)?)?;
        let bits = |part: &mut PlannedPart| measure(engine, part, MEASURED_GRAPHICS_SIDE);
        if bits(&mut together)? < bits(&mut parts[0])? + bits(&mut parts[1])? {
            return Ok(vec![together]);
        }
    }
    Ok(parts)
}

/// One way to represent a group of channels, before a model is chosen.
#[derive(Debug, Clone)]
struct Alternative {
    channels: usize,
    transforms: Vec<Transform>,
    coded: Arc<Coded>,
}

impl Alternative {
    fn new(channels: usize, transforms: Vec<Transform>, coded: Coded) -> Self {
        Self { channels, transforms, coded: Arc::new(coded) }
    }

    /// The planes without a transform.
    fn plain(samples: ArrayView3<'_, u16>, depth: u32) -> Self {
        let channels = samples.dim().0;
        let coded = Coded { samples: samples.to_owned(), sizes: vec![1 << depth; channels] };
        Self::new(channels, Vec::new(), coded)
    }
}

/// The ways to represent a group of 1 or 3 channels; the first is without transforms.
fn alternatives(samples: ArrayView3<'_, u16>, depth: u32) -> Vec<Alternative> {
    let Alternative { channels, mut transforms, mut coded } = Alternative::plain(samples, depth);
    let mut found = Vec::new();
    if channels == 3 {
        if let Some((grey, one)) = Transform::grey(samples, depth) {
            (transforms, coded) = (vec![grey], Arc::new(one));
        } else {
            found.extend(Transform::palette(samples, depth, MAX_COLOURS));
            found.extend(Transform::lattice(samples, depth));
        }
    }
    let mut alternatives: Vec<_> =
        found.into_iter().map(|(transform, coded)| Alternative::new(channels, vec![transform], coded)).collect();
    if let Some((values, ranks)) = Transform::values(coded.samples.view(), depth_of(&coded.sizes)) {
        let transforms = [&transforms[..], &[values]].concat();
        alternatives.push(Alternative::new(channels, transforms, ranks));
    }
    alternatives.push(Alternative { channels, transforms, coded });
    alternatives
}

/// A representation with each model that is meant for such planes.
fn under_models(engine: &Engine, alternative: Alternative) -> Result<Vec<PlannedPart>> {
    let under = |coder: Coder, graphics: bool, repeats: Option<f64>| {
        let Alternative { channels, transforms, coded } = alternative.clone();
        PlannedPart { channels, transforms, coded, coder, thorough: false, graphics, repeats, whole: None }
    };
    let Coded { samples, sizes } = &*alternative.coded;
    if sizes.iter().all(|&size| size == 1) {
        return Ok(vec![under(Coder::Constant, true, None)]);
    }
    let repeats = repeats(samples.view());
    let (photograph, graphics) = match (sizes.len(), alternative.transforms.first()) {
        (1, _) => (Content::Grey, Content::GraphicsPlane),
        (_, Some(Transform::Lattice(_))) => (Content::LumaChroma, Content::Graphics),
        _ => (Content::Colour, Content::Graphics),
    };
    let mut parts = Vec::new();
    for (content, wanted) in [(photograph, repeats < MOST_REPEATS), (graphics, repeats >= FEW_REPEATS)] {
        if wanted {
            let model = engine.models().for_encoding(content)?;
            parts.push(under(Coder::Network(network_coder(engine, &model)?), content == graphics, Some(repeats)));
        }
    }
    Ok(parts)
}

/// The samples without transforms, with the given model file.
fn with_model(engine: &Engine, model: &Model, samples: ArrayView3<'_, u16>, depth: u32) -> Result<PlannedPart> {
    let Alternative { channels, transforms, coded } = Alternative::plain(samples, depth);
    let coder = Coder::Network(network_coder(engine, model)?);
    let graphics = model.file.shape().pinned;
    Ok(PlannedPart { channels, transforms, coded, coder, thorough: false, graphics, repeats: None, whole: None })
}

/// A model without adaptation, with its primer if it is of the bits-back family.
fn network_coder(engine: &Engine, model: &Model) -> Result<NetworkCoder> {
    let primed = model.file.family == Family::BitsBack;
    let primer = primed.then(|| engine.models().primer(model.file.shape().channels)).transpose()?;
    Ok(NetworkCoder { primer: primer.map(|primer| primer.identity), ..NetworkCoder::plain(model.identity) })
}

/// The share of horizontal runs of [`RUN`] pixels that occurred before, in a row above or to the left.
fn repeats(samples: ArrayView3<'_, u16>) -> f64 {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    const FIRST: u64 = FACTOR.wrapping_pow(RUN as u32 - 1);
    let (_, height, width) = samples.dim();
    let step = (height * width).div_ceil(MOST_RUNS);
    // One bit per hash, at least 64 times as many as there are runs: about one new run in a hundred is mistaken for a
    // repeat.
    let bits = ((height.div_ceil(step) * width).next_power_of_two().ilog2() + 6).max(LEAST_HASH_BITS);
    let mut seen = vec![0u64; 1 << (bits - 6)];
    let (mut runs, mut repeated) = (0u64, 0u64);
    for y in (0..height).step_by(step) {
        let mut pixels = vec![0u64; width];
        for row in samples.index_axis(Axis(1), y).outer_iter() {
            pixels.iter_mut().zip(row).for_each(|(pixel, &sample)| {
                *pixel = (*pixel ^ u64::from(sample)).wrapping_mul(FACTOR).rotate_left(29);
            });
        }
        // The run that ends at a pixel, as a polynomial rolling hash.
        let mut run = 0u64;
        for (x, &pixel) in pixels.iter().enumerate() {
            run = run.wrapping_mul(FACTOR).wrapping_add(pixel);
            if x < RUN - 1 {
                continue;
            }
            let hash = (run ^ run >> 32).wrapping_mul(FACTOR) >> (64 - bits);
            let (word, bit) = (&mut seen[(hash >> 6) as usize], 1 << (hash & 63));
            runs += 1;
            repeated += u64::from(*word & bit != 0);
            *word |= bit;
            run = run.wrapping_sub(pixels[x + 1 - RUN].wrapping_mul(FIRST));
        }
    }
    repeated as f64 / runs.max(1) as f64
}

/// The cheapest of some parts; a single one is not measured. In larger images, those that are far from the cheapest in
/// small squares are not measured in large ones.
fn cheapest(engine: &Engine, mut parts: Vec<PlannedPart>) -> Result<PlannedPart> {
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
fn measure(engine: &Engine, part: &mut PlannedPart, side: u32) -> Result<u64> {
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

#[cfg(test)]
mod tests;
