//! Coded planes <-> streams of a network: the tiles of one part are coded in parallel. Format: section "Streams".

use std::ops::Range;

use crate::base::error::{Error, FormatErrorKind, Result, malformed};
use crate::container::NetworkCoder;
use crate::entropy::ans::{Decoder, Encoder, SampleCoder};
use crate::entropy::cdf::Alphabet;
use crate::image::Rect;
use crate::infer::pool::Engine;
use crate::infer::session::Networks;
use crate::model::adaptation::Learning;
use crate::model::family::Family;
use crate::model::registry::Model;
use crate::streams::{DecodedTile, TileStream};
use crate::tile::TileSamples;
use crate::transforms::{Coded, depth_of};
use crate::walk::batch::ActiveTile;
use crate::walk::{autoregressive, flow};

/// Side of the squares of a tile that a network codes to see what learning gains.
const SAMPLED_SIDE: u32 = 96;
/// With at most this share of the bits in them, there is no doubt: their borders cost less.
const CLEAR_GAIN: f64 = 0.98;

/// The alphabets of channels of these sizes.
pub(crate) fn alphabets(sizes: &[u32]) -> Vec<Alphabet> {
    let depth = depth_of(sizes);
    sizes.iter().map(|&size| Alphabet { depth, size }).collect()
}

/// Encodes all tiles of a part.
///
/// # Errors
/// As [`streams::encode`](crate::streams::encode).
pub(super) fn encode(
    engine: &Engine,
    coder: &NetworkCoder,
    coded: &Coded,
    rects: &[Rect],
    done: impl Fn(Rect) + Sync,
) -> Result<Vec<Vec<u8>>> {
    let model = engine.models().find(coder.model)?;
    engine.for_tiles(&model, rects, |networks, range| {
        check_channels(networks, &coded.sizes)?;
        networks.offset_biases(coder.adaptation.offsets())?;
        let streams = encode_tiles(networks, coder.adaptation.learning(), coded, &rects[range.clone()])?;
        rects[range].iter().for_each(|&rect| done(rect));
        Ok(streams)
    })
}

/// The code length of some tiles of a part, in bits, with these bias offsets; nothing is verified.
///
/// # Errors
/// Those of the network.
pub(crate) fn measure(
    engine: &Engine,
    model: &Model,
    offsets: Option<&[u8]>,
    coded: &Coded,
    rects: &[Rect],
) -> Result<u64> {
    let bits = engine.for_tiles(model, rects, |networks, range| {
        check_channels(networks, &coded.sizes)?;
        networks.offset_biases(offsets)?;
        let tiles = coded_tiles(networks, None, coded, &rects[range])?;
        Ok(tiles.into_iter().map(|tile| 8 * to_stream(&words_of(networks, tile)).len() as u64).collect())
    })?;
    Ok(bits.into_iter().sum())
}

/// Decodes tiles of a part.
///
/// # Errors
/// As [`streams::decode`](crate::streams::decode).
pub(super) fn decode(
    engine: &Engine,
    coder: &NetworkCoder,
    sizes: &[u32],
    tiles: &[TileStream<'_>],
    damaged: impl Fn(usize) -> Error + Sync,
) -> Result<Vec<DecodedTile>> {
    let model = engine.models().find(coder.model)?;
    let learning = coder.adaptation.learning();
    let rects: Vec<Rect> = tiles.iter().map(|tile| tile.rect).collect();
    engine.for_tiles(&model, &rects, |networks, range| {
        let shape = networks.shape();
        if shape.channels != sizes.len() {
            return malformed(FormatErrorKind::InvalidField, "the model codes another number of channels");
        }
        if learning.is_some() && (shape.pinned || networks.family == Family::Flow) {
            return malformed(FormatErrorKind::InvalidField, "a flow, or a model with pinned components, learns");
        }
        networks.offset_biases(coder.adaptation.offsets())?;
        decode_tiles(networks, learning, sizes, (tiles, range), &damaged)
    })
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

/// Fails if a model codes another number of channels than these.
pub(crate) fn check_channels(networks: &Networks, sizes: &[u32]) -> Result<()> {
    let channels = networks.shape().channels;
    if channels != sizes.len() {
        return Err(Error::Model(format!("it codes {channels} channels, the image has {}", sizes.len())));
    }
    Ok(())
}

/// Tiles from so many pixels on, of networks without pinned components that do not learn, have a state of the entropy coder
/// for each lane of a block: they decode faster, and are 72 bytes larger.
const LANES_FROM: usize = 1 << 17;

/// Whether a tile of so many pixels has a state for each lane.
fn has_lanes(networks: &Networks, pixels: usize, learning: Option<Learning>) -> bool {
    pixels >= LANES_FROM && !networks.shape().pinned && learning.is_none()
}

/// The words of a tile whose samples have been coded.
fn words_of(networks: &Networks, tile: ActiveTile<Encoder>) -> Vec<u32> {
    let samples = &tile.samples;
    if !has_lanes(networks, samples.width() * samples.height(), tile.learning) {
        return tile.coder.finish();
    }
    let groups = match networks.family {
        Family::Autoregressive => autoregressive::groups(samples),
        Family::Flow => flow::groups(samples),
    };
    tile.coder.finish_lanes(&groups, samples.channels())
}

/// A tile that is going to be encoded.
pub(crate) fn active(coded: &Coded, rect: Rect, learning: Option<Learning>) -> ActiveTile<Encoder> {
    let coder = Encoder::with_capacity(rect.pixels() * coded.sizes.len());
    ActiveTile { samples: TileSamples::of(coded.samples.view(), rect, depth_of(&coded.sizes)), coder, learning }
}

/// Codes tiles, which then have coders that hold their samples' intervals.
fn coded_tiles(
    networks: &mut Networks,
    learning: Option<Learning>,
    coded: &Coded,
    rects: &[Rect],
) -> Result<Vec<ActiveTile<Encoder>>> {
    let mut tiles: Vec<_> = rects.iter().map(|&rect| active(coded, rect, learning)).collect();
    code_tiles(networks, &mut tiles, &alphabets(&coded.sizes))?;
    Ok(tiles)
}

/// Encodes a tile under a network that learns, or one that does not if that makes it smaller. The other one codes all of
/// the tile only where some squares of it leave a doubt.
fn encoded_learning(
    networks: &mut Networks,
    learning: Learning,
    coded: &Coded,
    rect: Rect,
) -> Result<ActiveTile<Encoder>> {
    let mut plain = |rects: &[Rect]| coded_tiles(networks, None, coded, rects);
    if !learning.fits(rect.pixels()) {
        return Ok(plain(&[rect])?.remove(0));
    }
    let channels = coded.sizes.len();
    let squares = rect.sampled(SAMPLED_SIDE);
    let mut without = plain(&squares)?;
    let bits = |tile: &ActiveTile<Encoder>| tile.coder.ideal_bits(channels, std::iter::repeat(true));
    let plain_bits: f64 = without.iter().map(bits).sum();
    let learned = coded_tiles(networks, Some(learning), coded, &[rect])?.remove(0);
    let within: Vec<Rect> = squares.iter().map(|square| square.relative_to(rect)).collect();
    let learned_bits = learned.coder.ideal_bits(channels, learned.samples.order_within(&within));
    if squares != [rect] {
        if learned_bits <= plain_bits * CLEAR_GAIN {
            return Ok(learned);
        }
        without = coded_tiles(networks, None, coded, &[rect])?;
    }
    let without = without.remove(0);
    Ok(if bits(&learned) < bits(&without) { learned } else { without })
}

/// Encodes a group of tiles, each learning if that makes it smaller.
fn encode_tiles(
    networks: &mut Networks,
    learning: Option<Learning>,
    coded: &Coded,
    rects: &[Rect],
) -> Result<Vec<Vec<u8>>> {
    let tiles: Vec<ActiveTile<Encoder>> = match learning {
        Some(learning) => {
            let tile = |&rect: &Rect| encoded_learning(networks, learning, coded, rect);
            rects.iter().map(tile).collect::<Result<_>>()?
        }
        None => coded_tiles(networks, None, coded, rects)?,
    };
    let stream = |tile: ActiveTile<Encoder>| {
        let mark = learning.map(|_| u8::from(tile.learning.is_some()));
        mark.into_iter().chain(to_stream(&words_of(networks, tile))).collect()
    };
    Ok(tiles.into_iter().map(stream).collect())
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

/// Decodes a group of tiles.
fn decode_tiles(
    networks: &mut Networks,
    learning: Option<Learning>,
    sizes: &[u32],
    (all, range): (&[TileStream<'_>], Range<usize>),
    damaged: impl Fn(usize) -> Error,
) -> Result<Vec<DecodedTile>> {
    let alphabets = alphabets(sizes);
    let mut tiles = Vec::with_capacity(range.len());
    for index in range.clone() {
        let rect = all[index].rect;
        let (learning, stream) = match (learning, all[index].stream) {
            (None, stream) | (Some(_), [0, stream @ ..]) => (None, stream),
            (Some(learning), [1, stream @ ..]) if learning.fits(rect.pixels()) => (Some(learning), stream),
            (Some(_), _) => return Err(damaged(index)),
        };
        let new = if has_lanes(networks, rect.pixels(), learning) { Decoder::of_lanes } else { Decoder::new };
        let coder = to_words(stream).and_then(new).ok_or_else(|| damaged(index))?;
        let samples = TileSamples::new(rect.width as usize, rect.height as usize, sizes.len(), alphabets[0].depth);
        tiles.push(ActiveTile { samples, coder, learning });
    }
    code_tiles(networks, &mut tiles, &alphabets)?;
    let decoded = |(index, tile): (usize, ActiveTile<Decoder>)| {
        let ideal_bits = tile.coder.finish().ok_or_else(|| damaged(index))?;
        Ok(DecodedTile { samples: tile.samples.to_array(), ideal_bits })
    };
    range.zip(tiles).map(decoded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_streams_without_zeros_at_the_end() {
        for (words, stream) in [
            (&[][..], &b""[..]),
            (&[1], b"\x01"),
            (&[0x0403_0201], b"\x01\x02\x03\x04"),
            (&[0x0003_0001], b"\x01\x00\x03"),
            (&[0, 0x0100], b"\0\0\0\0\0\x01"),
            (&[u32::MAX, 7], b"\xff\xff\xff\xff\x07"),
        ] {
            assert_eq!(to_stream(words), stream);
            assert_eq!(to_words(stream).expect("words"), words);
        }
        for stream in [&b"\0"[..], b"\x01\0", b"\x01\x02\x03\x04\0"] {
            assert_eq!(to_words(stream), None);
        }
    }
}
