//! Planes -> parts: chooses transforms and a model for each group of channels, by measured cost.
//!
//! Input: the samples of a band. Output: coded planes, and how they are coded. The choice is recorded in the file, so
//! the format does not depend on how it is made.

mod cost;
mod long_range;
mod repeats;

use std::ops::Range;
use std::sync::Arc;

use ndarray::{ArrayView3, s};

use self::cost::{MEASURED_GRAPHICS_SIDE, best, cheapest, measure};
pub(crate) use self::long_range::long_range;
use self::repeats::repeats;
use super::offsets;
use super::options::Transforms;
use crate::base::error::Result;
use crate::container::{Coder, NetworkCoder};
use crate::infer::pool::Engine;
use crate::model::adaptation::{Adaptation, Learning};
use crate::model::family::{Content, Family};
use crate::model::registry::Model;
use crate::transforms::{Coded, Transform, depth_of};

/// Most colours in a palette.
const MAX_COLOURS: usize = 256;
/// Share of the runs that repeat an earlier one. Below the first, only networks for photographs are tried (photographs
/// repeat at most one run in thirty); above the second, only those for graphics.
const FEW_REPEATS: f64 = 0.15;
const MOST_REPEATS: f64 = 0.6;
/// Up to this many pixels, VP8L's slowest encoder is tried whatever the quick one yields.
const SLOW_PIXELS: usize = 1 << 17;
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
            let model = best(engine, engine.models().for_encoding(content)?, &alternative.coded)?;
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

#[cfg(test)]
mod tests;
