//! Coded planes <-> streams: the coders of the tiles of a part. Format: section "Bands". `lepton` codes JPEG files.

mod bits_back;
pub(crate) mod lepton;
pub(crate) mod network;
pub(crate) mod png;
pub(crate) mod vp8l;
pub(crate) mod work;

use ndarray::{Array3, ArrayView3, s};

use crate::base::error::{Error, Result};
use crate::container::{Coder, NetworkCoder};
use crate::image::Rect;
use crate::infer::pool::Engine;
use crate::transforms::{Coded, depth_of};
use crate::walk::bits_back::BoundTerms;

/// A part to encode.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub coder: &'a Coder,
    pub coded: &'a Coded,
    /// Whether to use the slowest encoder, where there are several.
    pub thorough: bool,
}

/// A tile to decode.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TileStream<'a> {
    pub rect: Rect,
    pub stream: &'a [u8],
    /// Whether the caller wants the bits of each sample.
    pub keeps_sample_bits: bool,
}

/// A decoded tile of a part.
#[derive(Debug)]
pub(crate) struct DecodedTile {
    pub samples: Array3<u16>,
    pub bits: IdealBits,
    /// The bits of each sample, if they are wanted and the coder codes samples one by one.
    pub sample_bits: Option<Array3<f32>>,
}

/// The ideal code length of samples, in bits.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct IdealBits {
    pub total: f64,
    /// The share of the bits-back family, by the terms of its bound.
    pub bound: Option<BoundTerms>,
}

impl From<f64> for IdealBits {
    fn from(total: f64) -> Self {
        Self { total, bound: None }
    }
}

impl std::ops::AddAssign for IdealBits {
    fn add_assign(&mut self, other: Self) {
        self.total += other.total;
        if let Some(bound) = other.bound {
            *self.bound.get_or_insert_default() += bound;
        }
    }
}

/// Encodes the tiles of a part, one stream per tile; calls `done` after each tile.
///
/// # Errors
/// [`Error::Model`] if the model codes another number of channels.
pub(crate) fn encode(
    engine: &Engine,
    source: Source<'_>,
    rects: &[Rect],
    done: impl Fn(Rect) + Sync,
) -> Result<Vec<Vec<u8>>> {
    let Source { coder, coded, thorough } = source;
    match coder {
        Coder::Constant => {
            rects.iter().for_each(|&rect| done(rect));
            Ok(vec![Vec::new(); rects.len()])
        }
        Coder::Network(NetworkCoder { model, primer: Some(primer), .. }) => {
            bits_back::encode(engine, (*model, *primer), coded, rects, done)
        }
        Coder::Network(network) => network::encode(engine, network, coded, rects, done),
        Coder::Vp8l => {
            let encode = |tile: ArrayView3<'_, u16>| {
                vp8l::encode(tile, thorough)?.ok_or_else(|| Error::Unsupported("a tile for VP8L".to_owned()))
            };
            encode_each(engine, coded.samples.view(), rects, encode, done)
        }
        Coder::Png => {
            let depth = depth_of(&coded.sizes);
            let encode = |tile: ArrayView3<'_, u16>| png::encode(tile, depth);
            encode_each(engine, coded.samples.view(), rects, encode, done)
        }
    }
}

/// Decodes tiles of a part. `damaged` makes the error for a tile with an invalid stream.
///
/// # Errors
/// Those of `damaged`; [`Error::Format`] if the model is not available, or does not fit.
pub(crate) fn decode(
    engine: &Engine,
    coder: &Coder,
    sizes: &[u32],
    tiles: &[TileStream<'_>],
    damaged: impl Fn(usize) -> Error + Sync,
) -> Result<Vec<DecodedTile>> {
    match coder {
        Coder::Constant => {
            let zeros = |tile: &TileStream<'_>| DecodedTile {
                samples: Array3::zeros((sizes.len(), tile.rect.height as usize, tile.rect.width as usize)),
                bits: IdealBits::default(),
                sample_bits: None,
            };
            match tiles.iter().position(|tile| !tile.stream.is_empty()) {
                Some(index) => Err(damaged(index)),
                None => Ok(tiles.iter().map(zeros).collect()),
            }
        }
        Coder::Network(NetworkCoder { model, primer: Some(primer), .. }) => {
            bits_back::decode(engine, (*model, *primer), sizes, tiles, damaged)
        }
        Coder::Network(network) => network::decode(engine, network, sizes, tiles, damaged),
        Coder::Vp8l => decode_each(engine, tiles, sizes.len(), vp8l::decode, damaged),
        Coder::Png => {
            let depth = depth_of(sizes);
            let decode = |stream: &[u8], width, height, channels| png::decode(stream, width, height, channels, depth);
            decode_each(engine, tiles, sizes.len(), decode, damaged)
        }
    }
}

/// Encodes the tiles one by one.
fn encode_each(
    engine: &Engine,
    samples: ArrayView3<'_, u16>,
    rects: &[Rect],
    encode: impl Fn(ArrayView3<'_, u16>) -> Result<Vec<u8>>,
    done: impl Fn(Rect),
) -> Result<Vec<Vec<u8>>> {
    let stream = |&rect: &Rect| {
        engine.stop.check()?;
        let stream = encode(samples.slice(s![.., rect.rows(), rect.columns()]))?;
        done(rect);
        Ok(stream)
    };
    rects.iter().map(stream).collect()
}

/// Decodes the tiles one by one.
fn decode_each(
    engine: &Engine,
    tiles: &[TileStream<'_>],
    channels: usize,
    decode: impl Fn(&[u8], u32, u32, usize) -> Result<Array3<u16>>,
    damaged: impl Fn(usize) -> Error,
) -> Result<Vec<DecodedTile>> {
    let tile = |(index, &TileStream { rect, stream, .. }): (usize, &TileStream<'_>)| {
        engine.stop.check()?;
        let samples = decode(stream, rect.width, rect.height, channels).map_err(|_| damaged(index))?;
        Ok(DecodedTile { samples, bits: (8.0 * stream.len() as f64).into(), sample_bits: None })
    };
    tiles.iter().enumerate().map(tile).collect()
}

#[cfg(test)]
mod tests;
