//! Planes -> parts: which transforms and which model each group of channels is coded with, by measured cost.
//!
//! Input: the samples of a band. Output: coded planes, and how they came about. What is chosen is recorded in the file,
//! so the choice is the encoder's own affair.

use std::ops::Range;

use ndarray::{ArrayView3, s};

use crate::container::depth_of;
use crate::error::Result;
use crate::models::{Content, ModelChoice, ModelSource};
use crate::parallel::Engine;
use crate::parts::{self, PartCoder};
use crate::tile::Rect;
use crate::transforms::{Coded, Transform};

/// Most colours of a palette.
const MAX_COLOURS: usize = 256;
/// Shares of the pixels that equal their left neighbour: below, there is no point in trying networks for graphics;
/// above, in trying those for photographs.
const FEW_REPEATS: f64 = 0.02;
const MOST_REPEATS: f64 = 0.8;
/// Images up to this many pixels are coded whole to compare candidates.
const MEASURED_PIXELS: usize = 1 << 17;
/// Of larger ones, this many tiles per side, of this many pixels a side.
const MEASURED_TILES: u32 = 3;
const MEASURED_SIDE: u32 = 128;
/// Bits by which a band names a model, which decides for images that cost next to nothing.
const IDENTITY_BITS: u64 = 40;

/// A group of channels, ready to be coded.
#[derive(Debug, Clone)]
pub(crate) struct PlannedPart<'a> {
    /// Of the image.
    pub channels: usize,
    /// In the order in which they were applied.
    pub transforms: Vec<Transform>,
    pub coded: Coded,
    pub coder: PartCoder<'a>,
    /// Whether the model is one for graphics, which gain by large tiles.
    pub graphics: bool,
}

/// Chooses how the channels of a band are coded.
///
/// # Errors
/// [`Error::Model`](crate::Error::Model) if no model has the name that was given.
pub(crate) fn choose<'a>(
    engine: &Engine,
    choice: &'a ModelChoice,
    samples: ArrayView3<'_, u16>,
    depth: u32,
) -> Result<Vec<PlannedPart<'a>>> {
    let channels = samples.dim().0;
    let colours = if channels > 2 { 3 } else { 1 };
    let group = |range: Range<usize>| -> Result<PlannedPart<'a>> {
        let samples = samples.slice(s![range, .., ..]);
        if let ModelChoice::File(_) = choice {
            return with_file(choice, samples, depth);
        }
        let parts = alternatives(samples, depth).into_iter().map(|alternative| under_models(choice, alternative));
        cheapest(engine, parts.collect::<Result<Vec<_>>>()?.concat())
    };
    let mut parts = vec![group(0..colours)?];
    if channels == colours {
        return Ok(parts);
    }
    parts.push(group(colours..channels)?);
    if let (ModelChoice::Named(_), Some((transform, coded))) = (choice, Transform::palette(samples, depth, MAX_COLOURS))
    {
        let together =
            cheapest(engine, under_models(choice, Alternative { channels, transforms: vec![transform], coded })?)?;
        let apart = measure(engine, &parts[0])? + measure(engine, &parts[1])?;
        if measure(engine, &together)? < apart {
            return Ok(vec![together]);
        }
    }
    Ok(parts)
}

/// Planes that stand for a group of channels, before a model is chosen.
struct Alternative {
    channels: usize,
    transforms: Vec<Transform>,
    coded: Coded,
}

/// What a group of 1 or 3 channels can be transformed into; as they are, to begin with.
fn alternatives(samples: ArrayView3<'_, u16>, depth: u32) -> Vec<Alternative> {
    let channels = samples.dim().0;
    let plain = Coded { samples: samples.to_owned(), sizes: vec![1 << depth; channels] };
    let (mut transforms, mut coded) = (Vec::new(), plain);
    let mut found = Vec::new();
    if channels == 3 {
        if let Some((grey, one)) = Transform::grey(samples, depth) {
            (transforms, coded) = (vec![grey], one);
        } else {
            found.extend(Transform::palette(samples, depth, MAX_COLOURS));
            found.extend(Transform::lattice(samples, depth));
        }
    }
    let mut alternatives: Vec<_> = found
        .into_iter()
        .map(|(transform, coded)| Alternative { channels, transforms: vec![transform], coded })
        .collect();
    if let Some((values, ranks)) = Transform::values(coded.samples.view(), depth_of(&coded.sizes)) {
        let transforms = [&transforms[..], &[values]].concat();
        alternatives.push(Alternative { channels, transforms, coded: ranks });
    }
    alternatives.push(Alternative { channels, transforms, coded });
    alternatives
}

/// An alternative under every model that is for such planes.
fn under_models<'a>(choice: &'a ModelChoice, alternative: Alternative) -> Result<Vec<PlannedPart<'a>>> {
    let Alternative { channels, transforms, coded } = alternative;
    if coded.sizes.iter().all(|&size| size == 1) {
        return Ok(vec![PlannedPart { channels, transforms, coded, coder: PartCoder::Constant, graphics: true }]);
    }
    let repeats = repeats(coded.samples.view());
    let (photograph, graphics) = match (coded.sizes.len(), transforms.first()) {
        (1, _) => (Content::Grey, Content::GraphicsPlane),
        (_, Some(Transform::Lattice(_))) => (Content::LumaChroma, Content::Graphics),
        _ => (Content::Colour, Content::Graphics),
    };
    let mut parts = Vec::new();
    for (content, wanted) in [(photograph, repeats < MOST_REPEATS), (graphics, repeats >= FEW_REPEATS)] {
        if wanted {
            parts.push(PlannedPart {
                channels,
                transforms: transforms.clone(),
                coded: coded.clone(),
                coder: PartCoder::Network(ModelSource::for_encoding(choice, content)?),
                graphics: content == graphics,
            });
        }
    }
    Ok(parts)
}

/// The samples as they are, under the model file that was given.
fn with_file<'a>(choice: &'a ModelChoice, samples: ArrayView3<'_, u16>, depth: u32) -> Result<PlannedPart<'a>> {
    let channels = samples.dim().0;
    let content = if channels == 1 { Content::Grey } else { Content::Colour };
    let coder = PartCoder::Network(ModelSource::for_encoding(choice, content)?);
    let coded = Coded { samples: samples.to_owned(), sizes: vec![1 << depth; channels] };
    Ok(PlannedPart { channels, transforms: Vec::new(), coded, coder, graphics: false })
}

/// The share of the pixels that equal their left neighbour.
pub(crate) fn repeats(samples: ArrayView3<'_, u16>) -> f64 {
    let (_, height, width) = samples.dim();
    let (left, right) = (samples.slice(s![.., .., ..width - 1]), samples.slice(s![.., .., 1..]));
    let mut equal = ndarray::Array2::from_elem((height, width - 1), true);
    for (left, right) in left.outer_iter().zip(right.outer_iter()) {
        ndarray::Zip::from(&mut equal).and(left).and(right).for_each(|equal, a, b| *equal &= a == b);
    }
    equal.iter().filter(|&&equal| equal).count() as f64 / (height * (width - 1)).max(1) as f64
}

/// The cheapest of some parts; a single one is not measured.
fn cheapest<'a>(engine: &Engine, parts: Vec<PlannedPart<'a>>) -> Result<PlannedPart<'a>> {
    let mut parts = parts.into_iter();
    let mut best = parts.next().expect("at least one model is for any planes");
    let mut least = None;
    for part in parts {
        let before = match least {
            Some(bits) => bits,
            None => measure(engine, &best)?,
        };
        let bits = measure(engine, &part)?;
        least = Some(bits.min(before));
        if bits < before {
            best = part;
        }
    }
    Ok(best)
}

/// The cost of a part in bits, estimated from some of its tiles.
fn measure(engine: &Engine, part: &PlannedPart<'_>) -> Result<u64> {
    let mut description = Vec::new();
    part.transforms.iter().for_each(|transform| transform.write(&mut description));
    let header = 8 * description.len() as u64;
    let PartCoder::Network(source) = &part.coder else { return Ok(header) };
    let header = header + IDENTITY_BITS;
    let (_, height, width) = part.coded.samples.dim();
    let rects = measured(width as u32, height as u32);
    let sampled: usize = rects.iter().map(|rect| rect.pixels()).sum();
    let bits = parts::measure(engine, source, part.coded.samples.view(), &part.coded.sizes, &rects)?;
    Ok(header + (bits as f64 * (width * height) as f64 / sampled as f64) as u64)
}

/// The tiles to measure.
fn measured(width: u32, height: u32) -> Vec<Rect> {
    if width as usize * height as usize <= MEASURED_PIXELS {
        return vec![Rect { x: 0, y: 0, width, height }];
    }
    let side = |length: u32| length.min(MEASURED_SIDE);
    let place = |length: u32, index: u32| (length - side(length)) / (MEASURED_TILES + 1) * (index + 1);
    let tiles = (0..MEASURED_TILES).flat_map(|row| (0..MEASURED_TILES).map(move |column| (row, column)));
    let rect = |(row, column)| Rect {
        x: place(width, column),
        y: place(height, row),
        width: side(width),
        height: side(height),
    };
    tiles.map(rect).collect()
}

#[cfg(test)]
mod tests;
