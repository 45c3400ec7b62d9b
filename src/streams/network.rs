//! Coded planes <-> streams of a network; the tiles of a part are coded in parallel. Format: section "Streams".

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

/// Side of the squares of a tile in which the gain of learning is measured, in pixels.
const SAMPLED_SIDE: u32 = 96;
/// A stream has at least one byte per this many pixels, so that the length of a file bounds the work of decoding it.
const PIXELS_OF_A_BYTE: usize = 1 << 15;
/// If learning needs at most this share of the bits in these squares, it is better. The bits without learning are
/// measured on the squares alone, where borders cost extra.
const CLEAR_GAIN: f64 = 0.98;

/// The alphabets of channels with these sizes.
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
        let streams = encode_tiles(networks, coder, coded, &rects[range.clone()])?;
        rects[range].iter().for_each(|&rect| done(rect));
        Ok(streams)
    })
}

/// The ideal code length of some tiles of a part with these bias offsets, in bits.
///
/// # Errors
/// Those of the network.
pub(crate) fn measure(
    engine: &Engine,
    model: &Model,
    offsets: Option<&[u8]>,
    coded: &Coded,
    rects: &[Rect],
) -> Result<f64> {
    let bits = engine.for_tiles(model, rects, |networks, range| {
        check_channels(networks, &coded.sizes)?;
        networks.offset_biases(offsets)?;
        let tiles = coded_tiles(networks, None, coded, &rects[range])?;
        Ok(tiles.iter().map(|tile| tile.coder.ideal_bits(coded.sizes.len(), std::iter::repeat(true))).collect())
    })?;
    Ok(bits.iter().sum())
}

/// The streams of some tiles of a part, coded with one state.
///
/// # Errors
/// Those of the network.
pub(crate) fn measured(engine: &Engine, model: &Model, coded: &Coded, rects: &[Rect]) -> Result<Vec<Vec<u8>>> {
    engine.for_tiles(model, rects, |networks, range| {
        check_channels(networks, &coded.sizes)?;
        networks.offset_biases(None)?;
        let tiles = coded_tiles(networks, None, coded, &rects[range])?;
        let stream = |tile: ActiveTile<Encoder>| {
            let pixels = tile.samples.width() * tile.samples.height();
            to_stream(&words_of(networks, false, tile), pixels)
        };
        Ok(tiles.into_iter().map(stream).collect())
    })
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
        if networks.family == Family::BitsBack {
            return malformed(FormatErrorKind::InvalidField, "a model of the bits-back family without a primer");
        }
        if coder.lanes && shape.pinned {
            return malformed(FormatErrorKind::InvalidField, "a model with pinned components has lanes");
        }
        if learning.is_some() && (shape.pinned || networks.family == Family::Flow) {
            return malformed(FormatErrorKind::InvalidField, "a flow, or a model with pinned components, learns");
        }
        networks.offset_biases(coder.adaptation.offsets())?;
        decode_tiles(networks, coder, sizes, (tiles, range), &damaged)
    })
}

/// Codes all samples of a group of tiles, with the walk of the networks' family.
fn code_tiles<C: SampleCoder>(
    networks: &mut Networks,
    tiles: &mut [ActiveTile<C>],
    alphabets: &[Alphabet],
) -> Result<()> {
    match networks.family {
        Family::Autoregressive => autoregressive::code_tiles(&mut networks.all[0], tiles, alphabets),
        Family::Flow => flow::code_tiles(&mut networks.all, tiles, alphabets),
        Family::BitsBack => Err(Error::Model("a program codes patches, not pixels".to_owned())),
    }
}

/// Fails if the networks code another number of channels.
pub(crate) fn check_channels(networks: &Networks, sizes: &[u32]) -> Result<()> {
    let channels = networks.shape().channels;
    if channels != sizes.len() {
        return Err(Error::Model(format!("it codes {channels} channels, the image has {}", sizes.len())));
    }
    Ok(())
}

/// The words of a tile whose samples have been coded, with one state per lane, or with a single state.
fn words_of(networks: &Networks, lanes: bool, tile: ActiveTile<Encoder>) -> Vec<u32> {
    if !lanes {
        return tile.coder.finish();
    }
    let groups = match networks.family {
        Family::Autoregressive => autoregressive::groups(&tile.samples),
        Family::Flow => flow::groups(&tile.samples),
        Family::BitsBack => unreachable!("its tiles are not coded by pixels"),
    };
    tile.coder.finish_lanes(&groups, tile.samples.channels())
}

/// A tile ready to be encoded.
pub(crate) fn active(coded: &Coded, rect: Rect, learning: Option<Learning>) -> ActiveTile<Encoder> {
    let coder = Encoder::with_capacity(rect.pixels() * coded.sizes.len());
    ActiveTile { samples: TileSamples::of(coded.samples.view(), rect, depth_of(&coded.sizes)), coder, learning }
}

/// Codes tiles; their coders then hold the intervals of their samples.
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

/// Encodes a tile with a network that learns, or with one that does not, whichever is smaller. The second is run on the
/// whole tile only if some squares leave a doubt.
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
    Ok(if learned.coder.finish().len() < without.coder.finish().len() { learned } else { without })
}

/// Encodes a group of tiles; each learns if that makes it smaller.
fn encode_tiles(networks: &mut Networks, coder: &NetworkCoder, coded: &Coded, rects: &[Rect]) -> Result<Vec<Vec<u8>>> {
    let learning = coder.adaptation.learning();
    let tiles: Vec<ActiveTile<Encoder>> = match learning {
        Some(learning) => {
            let tile = |&rect: &Rect| encoded_learning(networks, learning, coded, rect);
            rects.iter().map(tile).collect::<Result<_>>()?
        }
        None => coded_tiles(networks, None, coded, rects)?,
    };
    let stream = |tile: ActiveTile<Encoder>| {
        let mark = learning.map(|_| u8::from(tile.learning.is_some()));
        let pixels = tile.samples.width() * tile.samples.height();
        mark.into_iter().chain(to_stream(&words_of(networks, coder.lanes, tile), pixels)).collect()
    };
    Ok(tiles.into_iter().map(stream).collect())
}

/// The bytes of words, little-endian, without the zeros at the end, but padded to the minimum length.
pub(super) fn to_stream(words: &[u32], pixels: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.resize(without_zeros(&bytes).len().max(pixels.div_ceil(PIXELS_OF_A_BYTE)), 0);
    bytes
}

/// The words in the stream of a tile with this many pixels; `None` if the stream is shorter than the minimum length, or
/// longer and ends in a zero.
pub(super) fn to_words(stream: &[u8], pixels: usize) -> Option<Vec<u32>> {
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte));
    let least = pixels.div_ceil(PIXELS_OF_A_BYTE);
    let bytes = without_zeros(stream);
    (stream.len() == bytes.len().max(least)).then(|| bytes.chunks(4).map(word).collect())
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1)]
}

/// Decodes a group of tiles.
fn decode_tiles(
    networks: &mut Networks,
    coder: &NetworkCoder,
    sizes: &[u32],
    (all, range): (&[TileStream<'_>], Range<usize>),
    damaged: impl Fn(usize) -> Error,
) -> Result<Vec<DecodedTile>> {
    let alphabets = alphabets(sizes);
    let mut tiles = Vec::with_capacity(range.len());
    for index in range.clone() {
        let TileStream { rect, keeps_sample_bits, .. } = all[index];
        let (learning, stream) = match (coder.adaptation.learning(), all[index].stream) {
            (None, stream) | (Some(_), [0, stream @ ..]) => (None, stream),
            (Some(learning), [1, stream @ ..]) if learning.fits(rect.pixels()) => (Some(learning), stream),
            (Some(_), _) => return Err(damaged(index)),
        };
        let new = if coder.lanes { Decoder::of_lanes } else { Decoder::new };
        let mut coder = to_words(stream, rect.pixels()).and_then(new).ok_or_else(|| damaged(index))?;
        if keeps_sample_bits {
            coder = coder.with_sample_bits((sizes.len(), rect.height as usize, rect.width as usize));
        }
        let samples = TileSamples::new(rect.width as usize, rect.height as usize, sizes.len(), alphabets[0].depth);
        tiles.push(ActiveTile { samples, coder, learning });
    }
    code_tiles(networks, &mut tiles, &alphabets)?;
    let decoded = |(index, mut tile): (usize, ActiveTile<Decoder>)| {
        let sample_bits = tile.coder.take_sample_bits();
        let ideal_bits = tile.coder.finish().ok_or_else(|| damaged(index))?;
        Ok(DecodedTile { samples: tile.samples.to_array(), bits: ideal_bits.into(), sample_bits })
    };
    range.zip(tiles).map(decoded).collect()
}

/// The ideal code length of the samples in some rectangles of a tile, in bits, from the encoder.
#[cfg(test)]
pub(super) fn bits_within(
    engine: &Engine,
    coder: &NetworkCoder,
    learning: Option<Learning>,
    (coded, rect): (&Coded, Rect),
    within: &[Rect],
) -> f64 {
    let model = engine.models().find(coder.model).expect("a model of the registry");
    let bits = engine.for_tiles(&model, &[rect], |networks, _| {
        networks.offset_biases(None)?;
        let tile = coded_tiles(networks, learning, coded, &[rect])?.remove(0);
        Ok(vec![tile.coder.ideal_bits(coded.sizes.len(), tile.samples.order_within(within))])
    });
    bits.expect("a coded tile")[0]
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
            assert_eq!(to_stream(words, 0), stream);
            assert_eq!(to_words(stream, 0).expect("words"), words);
        }
        for stream in [&b"\0"[..], b"\x01\0", b"\x01\x02\x03\x04\0"] {
            assert_eq!(to_words(stream, 0), None);
        }
    }

    #[test]
    fn streams_have_a_byte_for_some_pixels() {
        for (pixels, least) in [(1, 1), (1 << 15, 1), ((1 << 15) + 1, 2), (3 << 15, 3), (1 << 24, 512)] {
            for length in 0..least + 9 {
                // No zeros, all zeros, and a zero at the end.
                let full = vec![1; length];
                let words = to_words(&full, pixels);
                assert_eq!(words.is_some(), length >= least, "{length} bytes for {pixels} pixels");
                if let Some(words) = words {
                    assert_eq!(to_stream(&words, pixels), full);
                }
                assert_eq!(to_words(&vec![0; length], pixels), (length == least).then(Vec::new));
                let ends_in_zero = [&full[..], &[0]].concat();
                let words = to_words(&ends_in_zero, pixels);
                assert_eq!(words.is_some(), length + 1 == least, "{length} bytes and a zero for {pixels} pixels");
                if let Some(words) = words {
                    assert_eq!(to_stream(&words, pixels), ends_in_zero);
                }
            }
            assert_eq!(to_stream(&[], pixels), vec![0; least]);
        }
    }
}
