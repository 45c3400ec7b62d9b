//! Coded planes <-> streams: the tiles of one part of a band are coded in parallel, and decoded again when they were
//! encoded. Format: section "Bands".

mod search;

use std::ops::Range;

use ndarray::{Array3, ArrayView3, s};

pub(crate) use self::search::find_moves;
use crate::ans::{Decoder, Encoder, SampleCoder};
use crate::autoregressive::{self, ActiveTile};
use crate::cdf::Alphabet;
use crate::container::depth_of;
use crate::error::{Error, FormatErrorKind, Result, malformed};
use crate::flow;
use crate::learning::Learning;
use crate::models::{Family, ModelSource};
use crate::network::Networks;
use crate::parallel::Engine;
use crate::png_stream;
use crate::tile::{Rect, TileSamples};
use crate::vp8l;

/// Side of the squares of a tile that a network codes to see what learning gains.
const SAMPLED_SIDE: u32 = 96;
/// With at most this share of the bits in them, there is no doubt: their borders cost less.
const CLEAR_GAIN: f64 = 0.98;

/// What turns planes into streams.
#[derive(Debug, Clone)]
pub(crate) enum PartCoder<'a> {
    /// Nothing: all planes are constant, and their alphabets say of what.
    Constant,
    /// A network, of either family.
    Network(ModelSource<'a>),
    /// One with [moves](crate::moves) added to its biases.
    Moved(ModelSource<'a>, Vec<u8>),
    /// One of the autoregressive family, without pinned components, that learns in tiles that are smaller then.
    Learning(ModelSource<'a>, Learning),
    /// VP8L, for repetition at long range; with its slowest encoder, or with a quick one.
    Vp8l { strongest: bool },
    /// PNG's, for the same.
    Png,
}

/// A decoded tile of a part.
#[derive(Debug)]
pub(crate) struct DecodedTile {
    pub samples: Array3<u16>,
    /// The ideal code length of the samples, in bits.
    pub ideal_bits: f64,
}

/// The alphabets of channels of these sizes.
pub(crate) fn alphabets(sizes: &[u32]) -> Vec<Alphabet> {
    let depth = depth_of(sizes);
    sizes.iter().map(|&size| Alphabet { depth, size }).collect()
}

/// Encodes the tiles of a part, and decodes them again; `done` hears of each tile. One stream per tile.
///
/// # Errors
/// [`Error::Verification`] if a stream does not decode to its tile; [`Error::Model`] if the model codes another number
/// of channels.
pub(crate) fn encode(
    engine: &Engine,
    coder: &PartCoder<'_>,
    samples: ArrayView3<'_, u16>,
    sizes: &[u32],
    rects: &[Rect],
    done: impl Fn(Rect) + Sync,
) -> Result<Vec<Vec<u8>>> {
    match coder {
        PartCoder::Constant => {
            rects.iter().for_each(|&rect| done(rect));
            Ok(vec![Vec::new(); rects.len()])
        }
        PartCoder::Network(source) => encode_all(engine, source, Change::None, samples, sizes, rects, done),
        PartCoder::Moved(source, moves) => {
            encode_all(engine, source, Change::Moves(moves), samples, sizes, rects, done)
        }
        PartCoder::Learning(source, learning) => {
            encode_all(engine, source, Change::Learning(*learning), samples, sizes, rects, done)
        }
        &PartCoder::Vp8l { strongest } => {
            let encode = |tile: ArrayView3<'_, u16>| {
                vp8l::encode(tile, strongest)?.ok_or_else(|| Error::Unsupported("a tile for VP8L".to_owned()))
            };
            encode_each(samples, rects, encode, vp8l::decode, done)
        }
        PartCoder::Png => {
            let encode = |tile: ArrayView3<'_, u16>| png_stream::encode(tile, depth_of(sizes));
            let decode = |stream: &[u8], width, height, channels| {
                png_stream::decode(stream, width, height, channels, depth_of(sizes))
            };
            encode_each(samples, rects, encode, decode, done)
        }
    }
}

/// How a network differs from its model.
#[derive(Debug, Clone, Copy)]
enum Change<'a> {
    None,
    Moves(&'a [u8]),
    Learning(Learning),
}

impl<'a> Change<'a> {
    fn moves(self) -> Option<&'a [u8]> {
        if let Change::Moves(moves) = self { Some(moves) } else { None }
    }

    fn learning(self) -> Option<Learning> {
        if let Change::Learning(learning) = self { Some(learning) } else { None }
    }
}

/// Encodes all tiles under a network.
fn encode_all(
    engine: &Engine,
    source: &ModelSource<'_>,
    change: Change<'_>,
    samples: ArrayView3<'_, u16>,
    sizes: &[u32],
    rects: &[Rect],
    done: impl Fn(Rect) + Sync,
) -> Result<Vec<Vec<u8>>> {
    engine.for_tiles(source, rects, |networks, range| {
        check_channels(networks, sizes)?;
        networks.move_biases(change.moves())?;
        let streams = encode_tiles(networks, change.learning(), samples, &alphabets(sizes), &rects[range.clone()])?;
        rects[range].iter().for_each(|&rect| done(rect));
        Ok(streams)
    })
}

/// Encodes one tile after the other, decodes it again and compares.
fn encode_each(
    samples: ArrayView3<'_, u16>,
    rects: &[Rect],
    encode: impl Fn(ArrayView3<'_, u16>) -> Result<Vec<u8>>,
    decode: impl Fn(&[u8], u32, u32, usize) -> Result<Array3<u16>>,
    done: impl Fn(Rect),
) -> Result<Vec<Vec<u8>>> {
    let stream = |&rect: &Rect| {
        let tile = samples.slice(s![.., rect.rows(), rect.columns()]);
        let stream = encode(tile)?;
        if decode(&stream, rect.width, rect.height, samples.dim().0)? != tile {
            return Err(not_decoding(rect));
        }
        done(rect);
        Ok(stream)
    };
    rects.iter().map(stream).collect()
}

/// The code length of some tiles of a part, in bits; nothing is verified.
pub(crate) fn measure(
    engine: &Engine,
    source: &ModelSource<'_>,
    moves: Option<&[u8]>,
    samples: ArrayView3<'_, u16>,
    sizes: &[u32],
    rects: &[Rect],
) -> Result<u64> {
    let bits = engine.for_tiles(source, rects, |networks, range| {
        check_channels(networks, sizes)?;
        let alphabets = alphabets(sizes);
        networks.move_biases(moves)?;
        let tiles = coded(networks, None, samples, &alphabets, &rects[range])?;
        Ok(tiles.into_iter().map(|tile| 8 * to_stream(&tile.coder.finish().0).len() as u64).collect())
    })?;
    Ok(bits.into_iter().sum())
}

/// Codes all samples of a group of tiles, by the walk of the networks' family.
fn code_tiles<C: SampleCoder>(
    networks: &mut Networks,
    tiles: &mut [ActiveTile<C>],
    alphabets: &[Alphabet],
) -> Result<()> {
    match networks.family {
        Family::Autoregressive => autoregressive::code_tiles(&mut networks.all[0], tiles, alphabets),
        Family::Flow => flow::code_tiles(&mut networks.all, tiles, alphabets),
    }
}

fn check_channels(networks: &Networks, sizes: &[u32]) -> Result<()> {
    let channels = networks.shape().channels;
    if channels != sizes.len() {
        return Err(Error::Model(format!("it codes {channels} channels, the image has {}", sizes.len())));
    }
    Ok(())
}

fn not_decoding(rect: Rect) -> Error {
    Error::Verification(format!("the tile at {}, {} does not decode", rect.x, rect.y))
}

/// A tile whose samples have been coded.
struct EncodedTile {
    original: TileSamples,
    learning: Option<Learning>,
    words: Vec<u32>,
    /// The samples in coding order, if they were coded whole.
    order: Vec<u16>,
}

/// A tile that is going to be encoded.
fn active(
    samples: ArrayView3<'_, u16>,
    rect: Rect,
    alphabets: &[Alphabet],
    learning: Option<Learning>,
) -> ActiveTile<Encoder> {
    let coder = Encoder::with_capacity(rect.pixels() * alphabets.len());
    ActiveTile { samples: TileSamples::of(samples, rect, alphabets[0].depth), coder, learning }
}

/// Codes tiles, which then have coders that hold their samples' intervals.
fn coded(
    networks: &mut Networks,
    learning: Option<Learning>,
    samples: ArrayView3<'_, u16>,
    alphabets: &[Alphabet],
    rects: &[Rect],
) -> Result<Vec<ActiveTile<Encoder>>> {
    let mut tiles: Vec<_> = rects.iter().map(|&rect| active(samples, rect, alphabets, learning)).collect();
    code_tiles(networks, &mut tiles, alphabets)?;
    Ok(tiles)
}

impl From<ActiveTile<Encoder>> for EncodedTile {
    fn from(tile: ActiveTile<Encoder>) -> Self {
        let (words, order) = tile.coder.finish();
        Self { original: tile.samples, learning: tile.learning, words, order }
    }
}

/// Encodes a tile under a network that learns, or one that does not if that makes it smaller. The other one codes all of
/// the tile only where some squares of it leave a doubt.
fn encoded_learning(
    networks: &mut Networks,
    learning: Learning,
    samples: ArrayView3<'_, u16>,
    alphabets: &[Alphabet],
    rect: Rect,
) -> Result<EncodedTile> {
    let mut plain = |rects: &[Rect]| coded(networks, None, samples, alphabets, rects);
    if !learning.fits(rect.pixels()) {
        return Ok(plain(&[rect])?.remove(0).into());
    }
    let squares = rect.sampled(SAMPLED_SIDE);
    let mut without = plain(&squares)?;
    let bits = |tile: &ActiveTile<Encoder>| tile.coder.ideal_bits(alphabets.len(), std::iter::repeat(true));
    let plain_bits: f64 = without.iter().map(bits).sum();
    let learned = coded(networks, Some(learning), samples, alphabets, &[rect])?.remove(0);
    let within: Vec<Rect> = squares.iter().map(|square| square.relative_to(rect)).collect();
    let learned_bits = learned.coder.ideal_bits(alphabets.len(), learned.samples.order_within(&within));
    if squares != [rect] {
        if learned_bits <= plain_bits * CLEAR_GAIN {
            return Ok(learned.into());
        }
        without = coded(networks, None, samples, alphabets, &[rect])?;
    }
    let (learned, without) = (EncodedTile::from(learned), EncodedTile::from(without.remove(0)));
    Ok(if learned.words.len() < without.words.len() { learned } else { without })
}

/// Encodes a group of tiles, each learning if that makes it smaller, decodes them again and compares.
fn encode_tiles(
    networks: &mut Networks,
    learning: Option<Learning>,
    samples: ArrayView3<'_, u16>,
    alphabets: &[Alphabet],
    rects: &[Rect],
) -> Result<Vec<Vec<u8>>> {
    let tiles: Vec<EncodedTile> = match learning {
        Some(learning) => {
            let tile = |&rect: &Rect| encoded_learning(networks, learning, samples, alphabets, rect);
            rects.iter().map(tile).collect::<Result<_>>()?
        }
        None => coded(networks, None, samples, alphabets, rects)?.into_iter().map(EncodedTile::from).collect(),
    };
    let (mut originals, mut streams, mut again) = (Vec::new(), Vec::new(), Vec::new());
    for (tile, &rect) in tiles.into_iter().zip(rects) {
        let mark = learning.map(|_| u8::from(tile.learning.is_some()));
        streams.push(mark.into_iter().chain(to_stream(&tile.words)).collect());
        let coder = Decoder::expecting(tile.words, tile.order).ok_or_else(|| not_decoding(rect))?;
        again.push(ActiveTile { samples: tile.original.cleared(), coder, learning: tile.learning });
        originals.push(tile.original);
    }
    code_tiles(networks, &mut again, alphabets)?;
    for ((tile, original), &rect) in again.iter().zip(&originals).zip(rects) {
        if tile.samples != *original || !tile.coder.is_empty() {
            return Err(not_decoding(rect));
        }
    }
    Ok(streams)
}

/// Words as bytes, the low one first, without the zeros at the end.
fn to_stream(words: &[u32]) -> Vec<u8> {
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.truncate(bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1));
    bytes
}

/// The words of a stream; `None` if it ends in a zero.
fn to_words(stream: &[u8]) -> Option<Vec<u32>> {
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte));
    let ends_in_zero = stream.last() == Some(&0);
    (!ends_in_zero).then(|| stream.chunks(4).map(word).collect())
}

/// Decodes tiles of a part from one stream each. `damaged` makes the error for a tile whose stream is no stream.
pub(crate) fn decode(
    engine: &Engine,
    coder: &PartCoder<'_>,
    sizes: &[u32],
    rects: &[Rect],
    streams: &[&[u8]],
    damaged: impl Fn(usize) -> Error + Sync,
) -> Result<Vec<DecodedTile>> {
    match coder {
        PartCoder::Constant => {
            let zeros = |rect: &Rect| DecodedTile {
                samples: Array3::zeros((sizes.len(), rect.height as usize, rect.width as usize)),
                ideal_bits: 0.0,
            };
            match streams.iter().position(|stream| !stream.is_empty()) {
                Some(index) => Err(damaged(index)),
                None => Ok(rects.iter().map(zeros).collect()),
            }
        }
        PartCoder::Network(source) => decode_all(engine, source, Change::None, sizes, rects, streams, damaged),
        PartCoder::Moved(source, moves) => {
            decode_all(engine, source, Change::Moves(moves), sizes, rects, streams, damaged)
        }
        PartCoder::Learning(source, learning) => {
            decode_all(engine, source, Change::Learning(*learning), sizes, rects, streams, damaged)
        }
        PartCoder::Vp8l { .. } => decode_each(rects, streams, sizes.len(), vp8l::decode, damaged),
        PartCoder::Png => {
            let decode = |stream: &[u8], width, height, channels| {
                png_stream::decode(stream, width, height, channels, depth_of(sizes))
            };
            decode_each(rects, streams, sizes.len(), decode, damaged)
        }
    }
}

/// Decodes all tiles under a network.
fn decode_all(
    engine: &Engine,
    source: &ModelSource<'_>,
    change: Change<'_>,
    sizes: &[u32],
    rects: &[Rect],
    streams: &[&[u8]],
    damaged: impl Fn(usize) -> Error + Sync,
) -> Result<Vec<DecodedTile>> {
    engine.for_tiles(source, rects, |networks, range| {
        let shape = networks.shape();
        if shape.channels != sizes.len() {
            return malformed(FormatErrorKind::InvalidField, "the model codes another number of channels");
        }
        if change.learning().is_some() && (shape.pinned || networks.family == Family::Flow) {
            return malformed(FormatErrorKind::InvalidField, "a flow, or a model with pinned components, learns");
        }
        networks.move_biases(change.moves())?;
        decode_tiles(networks, change.learning(), sizes, rects, streams, range, &damaged)
    })
}

/// Decodes one tile after the other.
fn decode_each(
    rects: &[Rect],
    streams: &[&[u8]],
    channels: usize,
    decode: impl Fn(&[u8], u32, u32, usize) -> Result<Array3<u16>>,
    damaged: impl Fn(usize) -> Error,
) -> Result<Vec<DecodedTile>> {
    let tile = |(index, (rect, stream)): (usize, (&Rect, &&[u8]))| {
        let samples = decode(stream, rect.width, rect.height, channels).map_err(|_| damaged(index))?;
        Ok(DecodedTile { samples, ideal_bits: 8.0 * stream.len() as f64 })
    };
    rects.iter().zip(streams).enumerate().map(tile).collect()
}

/// Decodes a group of tiles.
fn decode_tiles(
    networks: &mut Networks,
    learning: Option<Learning>,
    sizes: &[u32],
    rects: &[Rect],
    streams: &[&[u8]],
    range: Range<usize>,
    damaged: impl Fn(usize) -> Error,
) -> Result<Vec<DecodedTile>> {
    let alphabets = alphabets(sizes);
    let mut tiles = Vec::with_capacity(range.len());
    for index in range.clone() {
        let (learning, stream) = match (learning, streams[index]) {
            (None, stream) | (Some(_), [0, stream @ ..]) => (None, stream),
            (Some(learning), [1, stream @ ..]) if learning.fits(rects[index].pixels()) => (Some(learning), stream),
            (Some(_), _) => return Err(damaged(index)),
        };
        let coder = to_words(stream).and_then(Decoder::new).ok_or_else(|| damaged(index))?;
        let (width, height) = (rects[index].width as usize, rects[index].height as usize);
        let samples = TileSamples::new(width, height, sizes.len(), alphabets[0].depth);
        tiles.push(ActiveTile { samples, coder, learning });
    }
    code_tiles(networks, &mut tiles, &alphabets)?;
    let decoded = |(index, tile): (usize, ActiveTile<Decoder>)| {
        if !tile.coder.is_empty() {
            return Err(damaged(index));
        }
        Ok(DecodedTile { samples: tile.samples.to_array(), ideal_bits: tile.coder.ideal_bits() })
    };
    range.zip(tiles).map(decoded).collect()
}

#[cfg(test)]
mod tests;
