//! Coded planes <-> streams of the bits-back family. A tile is a single stack. Most of its pixels form patches, which a
//! program codes one after the other on the same stack. The rest is the primer: the strips that do not fill a patch,
//! and as many of the last patches as are needed for their bits to cover the noise that the first patch draws. A
//! network of the autoregressive family codes the primer, as separate tiles. Format: section "Bits-back".

use ndarray::{Array3, ArrayView3, s};

use super::network::{active, alphabets, check_channels, to_stream, to_words};
use super::{DecodedTile, IdealBits, TileStream};
use crate::base::bytes::{Input, put_number};
use crate::base::error::{Error, FormatErrorKind, Result, malformed};
use crate::entropy::ans::Decoder;
use crate::entropy::cdf::Alphabet;
use crate::entropy::stack::Stack;
use crate::image::Rect;
use crate::infer::pool::Engine;
use crate::infer::session::Networks;
use crate::model::family::Family;
use crate::model::program::{PATCH, Program};
use crate::model::registry::{Model, ModelIdentity};
use crate::tile::TileSamples;
use crate::transforms::Coded;
use crate::walk::autoregressive;
use crate::walk::batch::ActiveTile;
use crate::walk::bits_back::Walk;

/// Bits drawn by the noise of an 8-bit sample, and by a latent, before any sample of the patch is pushed: upper bounds.
const NOISE_BITS: usize = 7;
const LATENT_BITS: usize = 9;

/// The division of a tile into patches and primer.
#[derive(Debug, Clone, Copy)]
struct Cut {
    width: usize,
    height: usize,
}

impl Cut {
    fn of(rect: Rect) -> Self {
        Self { width: rect.width as usize, height: rect.height as usize }
    }

    fn columns(self) -> usize {
        self.width / PATCH
    }

    /// The number of whole patches.
    fn patches(self) -> usize {
        self.columns() * (self.height / PATCH)
    }

    /// The rectangle of a patch in the tile.
    fn patch(self, index: usize) -> Rect {
        let side = PATCH as u32;
        let (row, column) = (index / self.columns(), index % self.columns());
        Rect { x: column as u32 * side, y: row as u32 * side, width: side, height: side }
    }

    /// The rectangles of a primer with this many of the last patches: first the patches, by row; then what is right of
    /// all patches; then what is below.
    fn primer(self, patches: usize) -> Vec<Rect> {
        let rect = |x: usize, y: usize, end_x: usize, end_y: usize| Rect {
            x: x as u32,
            y: y as u32,
            width: (end_x - x) as u32,
            height: (end_y - y) as u32,
        };
        let (right, bottom) = (self.columns() * PATCH, self.height / PATCH * PATCH);
        let mut rects = Vec::new();
        if patches > 0 {
            let first = self.patch(self.patches() - patches);
            let (x, y) = (first.x as usize, first.y as usize);
            rects.push(rect(x, y, right, y + PATCH));
            rects.push(rect(0, y + PATCH, right, bottom));
        }
        rects.push(rect(right, 0, self.width, bottom));
        rects.push(rect(0, bottom, self.width, self.height));
        rects.retain(|rect| rect.pixels() > 0);
        rects
    }
}

/// The models of a part: the one with the program for patches, and its primer.
fn models(engine: &Engine, (model, primer): (ModelIdentity, ModelIdentity)) -> Result<[Model; 2]> {
    let models = [engine.models().find(model)?, engine.models().find(primer)?];
    let [model, primer] = &models;
    let fits = primer.file.family == Family::Autoregressive && !primer.file.shape().pinned;
    if model.file.program.is_none() || !fits || model.file.shape().channels != primer.file.shape().channels {
        return malformed(FormatErrorKind::InvalidField, "a model without a program, or a primer that does not fit");
    }
    Ok(models)
}

/// Encodes all tiles of a part.
///
/// # Errors
/// As [`streams::encode`](crate::streams::encode).
pub(super) fn encode(
    engine: &Engine,
    identities: (ModelIdentity, ModelIdentity),
    coded: &Coded,
    rects: &[Rect],
    done: impl Fn(Rect) + Sync,
) -> Result<Vec<Vec<u8>>> {
    let models = models(engine, identities)?;
    let program = program_of(&models[0]);
    engine.for_tiles_of([&models[0], &models[1]], rects, |networks, range| {
        check_channels(&networks[0], &coded.sizes)?;
        without_offsets(networks)?;
        let encode = |&rect: &Rect| {
            let stream = encode_tile(program, networks, coded, rect)?;
            done(rect);
            Ok(stream)
        };
        rects[range].iter().map(encode).collect()
    })
}

/// Networks come from a pool: another part may have left its bias offsets in the primer's.
fn without_offsets(networks: &mut [Networks; 2]) -> Result<()> {
    networks.iter_mut().try_for_each(|networks| networks.offset_biases(None))
}

fn program_of(model: &Model) -> &Program {
    model.file.program.as_ref().expect("a model of the bits-back family")
}

fn encode_tile(program: &Program, networks: &mut [Networks; 2], coded: &Coded, rect: Rect) -> Result<Vec<u8>> {
    let [networks, primer] = networks;
    let primed = primed(program, primer, coded, rect)?;
    encode_patches(program, networks, coded, rect, primed)
}

/// Encodes the patches of a tile that are not the primer's, on so many of the primer.
fn encode_patches(
    program: &Program,
    networks: &mut Networks,
    coded: &Coded,
    rect: Rect,
    (primed, stack): (usize, Stack),
) -> Result<Vec<u8>> {
    let cut = Cut::of(rect);
    let mut walk = Walk::new(program, &mut networks.all, stack, &alphabets(&coded.sizes));
    for index in (0..cut.patches() - primed).rev() {
        walk.push(planes_of(coded.samples.view(), within(rect, cut.patch(index))))?;
    }
    let mut stream = Vec::new();
    put_number(&mut stream, primed as u64);
    let (_, stack) = walk.finish();
    stream.extend(to_stream(&stack.into_words(), rect.pixels()));
    Ok(stream)
}

/// The number of patches in the primer, and the stack that holds it. Takes as few patches as yield the bits that the
/// first patch draws.
fn primed(program: &Program, primer: &mut Networks, coded: &Coded, rect: Rect) -> Result<(usize, Stack)> {
    let cut = Cut::of(rect);
    let (samples, latents) = program.drawn_first();
    let drawn = (samples * NOISE_BITS + latents * LATENT_BITS).div_ceil(32);
    let mut patches = 0;
    loop {
        let stack = primer_stack(primer, coded, rect, patches)?;
        let words = stack.clone().into_words().len();
        if words >= drawn || patches == cut.patches() {
            return Ok((patches, stack));
        }
        let pixels: usize = cut.primer(patches).iter().map(|rect| rect.pixels()).sum();
        let missing = (drawn - words) * pixels.max(1) / (words.max(1) * PATCH * PATCH);
        patches = (patches + missing.clamp(1, patches.max(1))).min(cut.patches());
    }
}

/// The stack that holds the primer of a tile, with this many patches.
fn primer_stack(primer: &mut Networks, coded: &Coded, rect: Rect, patches: usize) -> Result<Stack> {
    let rects = Cut::of(rect).primer(patches);
    let mut tiles: Vec<_> = rects.iter().map(|&part| active(coded, within(rect, part), None)).collect();
    autoregressive::code_tiles(&mut primer.all[0], &mut tiles, &alphabets(&coded.sizes))?;
    let mut stack = Stack::default();
    tiles.iter().rev().for_each(|tile| tile.coder.push_to(&mut stack));
    Ok(stack)
}

/// A rectangle of a tile, in the coordinates of the planes.
fn within(tile: Rect, part: Rect) -> Rect {
    Rect { x: tile.x + part.x, y: tile.y + part.y, ..part }
}

/// The samples of a rectangle, with axes (channel, row x column).
fn planes_of(samples: ArrayView3<'_, u16>, rect: Rect) -> Vec<Vec<u16>> {
    let planes = samples.slice_move(s![.., rect.rows(), rect.columns()]);
    planes.outer_iter().map(|plane| plane.iter().copied().collect()).collect()
}

/// Decodes tiles of a part.
///
/// # Errors
/// As [`streams::decode`](crate::streams::decode).
pub(super) fn decode(
    engine: &Engine,
    identities: (ModelIdentity, ModelIdentity),
    sizes: &[u32],
    tiles: &[TileStream<'_>],
    damaged: impl Fn(usize) -> Error + Sync,
) -> Result<Vec<DecodedTile>> {
    let models = models(engine, identities)?;
    let program = program_of(&models[0]);
    if program.channels != sizes.len() {
        return malformed(FormatErrorKind::InvalidField, "the model codes another number of channels");
    }
    let (rects, alphabets): (Vec<Rect>, _) = (tiles.iter().map(|tile| tile.rect).collect(), alphabets(sizes));
    engine.for_tiles_of([&models[0], &models[1]], &rects, |networks, range| {
        without_offsets(networks)?;
        let decode =
            |index: usize| decode_tile(program, networks, &alphabets, &tiles[index])?.ok_or_else(|| damaged(index));
        range.map(decode).collect()
    })
}

/// Decodes a tile; `None` if no encoder wrote its stream.
fn decode_tile(
    program: &Program,
    networks: &mut [Networks; 2],
    alphabets: &[Alphabet],
    tile: &TileStream<'_>,
) -> Result<Option<DecodedTile>> {
    let [networks, primer] = networks;
    let cut = Cut::of(tile.rect);
    let mut stream = Input::new(tile.stream);
    let Ok(primed) = stream.number(cut.patches() as u64) else { return Ok(None) };
    let (primed, words) = (primed as usize, &tile.stream[stream.seen().len()..]);
    let Some(stack) = to_words(words, tile.rect.pixels()).and_then(Stack::from_words) else { return Ok(None) };
    let mut samples = Array3::zeros((alphabets.len(), cut.height, cut.width));
    let mut walk = Walk::new(program, &mut networks.all, stack, alphabets);
    for index in 0..cut.patches() - primed {
        let Some(planes) = walk.pop()? else { return Ok(None) };
        let rect = cut.patch(index);
        for (mut plane, decoded) in samples.slice_mut(s![.., rect.rows(), rect.columns()]).outer_iter_mut().zip(planes)
        {
            plane.iter_mut().zip(decoded).for_each(|(sample, decoded)| *sample = decoded);
        }
    }
    let (mut bound, mut stack) = walk.finish();
    for rect in cut.primer(primed) {
        let empty = TileSamples::new(rect.width as usize, rect.height as usize, alphabets.len(), alphabets[0].depth);
        let mut part = [ActiveTile { samples: empty, coder: Decoder::of_stack(stack), learning: None }];
        autoregressive::code_tiles(&mut primer.all[0], &mut part, alphabets)?;
        let [part] = part;
        samples.slice_mut(s![.., rect.rows(), rect.columns()]).assign(&part.samples.to_array());
        let (left, bits) = part.coder.into_stack();
        bound.primer += bits;
        stack = left;
    }
    let bits = IdealBits { total: bound.sum(), bound: Some(bound) };
    Ok(stack.is_empty().then_some(DecodedTile { samples, bits, sample_bits: None }))
}

#[cfg(test)]
mod tests;
