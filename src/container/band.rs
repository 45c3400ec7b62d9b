//! Bands: rows of the image that are transformed and coded together. Format: section "Bands".

use std::io::Read;

use ndarray::Array3;

use super::coder::Coder;
use super::header::Header;
use super::samples::SAMPLE_CHECKSUM_BYTES;
use crate::base::bytes::{CHECKSUM_BYTES, DIGEST_BYTES, Input, checksum, number_bytes, put_number};
use crate::base::error::{FormatErrorKind, Result, malformed};
use crate::base::limits::{MAX_NETWORK_TILE_SIDE, MAX_TILE_SIDE};
use crate::tile::TileGrid;
use crate::transforms::{GroupShape, Transform, depth_of};

/// Most transforms of a part, applied one after the other.
const MAX_TRANSFORMS: u64 = 2;

/// Channels that are transformed and coded together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub channels: usize,
    /// In the order in which the encoder applied them.
    pub transforms: Vec<Transform>,
    pub coder: Coder,
}

impl Part {
    /// Alphabet size of each coded channel.
    pub fn coded_sizes(&self, depth: u32) -> Vec<u32> {
        let mut sizes = vec![1 << depth; self.channels];
        for transform in &self.transforms {
            sizes = transform.sizes(depth_of(&sizes));
        }
        sizes
    }

    /// Inverts the transforms for a rectangle of coded planes, whose first column and row are `origin`; returns its
    /// samples.
    ///
    /// # Errors
    /// [`Error::Format`](crate::Error::Format) for symbols outside their alphabets.
    pub fn inverse(&self, coded: Array3<u16>, origin: (u32, u32), depth: u32) -> Result<Array3<u16>> {
        let mut channels = vec![self.channels];
        let mut sizes = vec![1 << depth; self.channels];
        for transform in &self.transforms {
            sizes = transform.sizes(depth_of(&sizes));
            channels.push(sizes.len());
        }
        let mut samples = coded;
        for (transform, &channels) in self.transforms.iter().zip(&channels).rev() {
            let (_, height, width) = samples.dim();
            let mut out = Array3::zeros((channels, height, width));
            transform.inverse(samples.view(), origin, out.view_mut())?;
            samples = out;
        }
        Ok(samples)
    }
}

/// The entry of a tile in a band's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TileEntry {
    /// [Checksum](super::sample_checksum) of the decoded samples.
    pub checksum: [u8; SAMPLE_CHECKSUM_BYTES],
    /// Lengths of the streams of the parts, in bytes.
    pub stream_bytes: Vec<u32>,
}

impl TileEntry {
    /// Length of all streams of the tile, in bytes.
    pub fn bytes(&self) -> u64 {
        self.stream_bytes.iter().map(|&bytes| u64::from(bytes)).sum()
    }
}

/// The description of a band, which precedes its streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Band {
    pub(crate) tile: (u32, u32),
    pub(crate) parts: Vec<Part>,
    pub(crate) tiles: Vec<TileEntry>,
}

impl Band {
    /// Columns and rows of a full-size tile.
    #[must_use]
    pub fn tile_size(&self) -> (u32, u32) {
        self.tile
    }

    /// The number of tiles.
    #[must_use]
    pub fn tiles(&self) -> usize {
        self.tiles.len()
    }

    /// For each group of channels that is coded together: the number of channels, the transforms, and the coder.
    #[must_use]
    pub fn parts(&self) -> Vec<PartSummary> {
        let summary = |part: &Part| PartSummary {
            channels: part.channels,
            transforms: part.transforms.iter().map(Transform::name).collect(),
            coder: part.coder.name(),
            model: part.coder.network().map(|network| (network.model.id, network.model.digest)),
            learning: part.coder.network().is_some_and(|network| network.adaptation.learning().is_some()),
            offsets: part.coder.network().is_some_and(|network| network.adaptation.offsets().is_some()),
        };
        self.parts.iter().map(summary).collect()
    }

    /// Length of all streams, in bytes.
    #[must_use]
    pub fn stream_bytes(&self) -> u64 {
        self.tiles.iter().map(TileEntry::bytes).sum()
    }

    /// The tiles of a band with this many rows.
    pub(crate) fn grid(&self, header: &Header, rows: u32) -> TileGrid {
        TileGrid { image: (header.width, rows), tile: self.tile }
    }

    /// Appends the description of the band.
    pub(crate) fn write(&self, file: &mut Vec<u8>) {
        let mut body = Vec::new();
        put_number(&mut body, self.tile.0.into());
        put_number(&mut body, self.tile.1.into());
        body.push(self.parts.len() as u8);
        for part in &self.parts {
            body.push(part.channels as u8 | (part.transforms.len() as u8) << 4);
            for transform in &part.transforms {
                let mut description = Vec::new();
                transform.write(&mut description);
                put_number(&mut body, description.len() as u64);
                body.extend(description);
            }
            part.coder.write(&mut body);
        }
        for tile in &self.tiles {
            body.extend(tile.checksum);
            tile.stream_bytes.iter().for_each(|&bytes| put_number(&mut body, bytes.into()));
        }
        let start = file.len();
        put_number(file, body.len() as u64);
        file.extend(body);
        let sum = checksum(&file[start..]);
        file.extend(sum);
    }

    /// Reads the description of a band of `rows` rows; returns it and its length in bytes.
    ///
    /// # Errors
    /// [`Error::Format`](crate::Error::Format) for an invalid band.
    pub(crate) fn read(input: impl Read, header: &Header, rows: u32) -> Result<(Self, u64)> {
        let mut input = Input::new(input);
        let length = input.number(u64::MAX)?;
        let body = input.block(length)?;
        let sum = checksum(input.seen());
        if input.array::<CHECKSUM_BYTES>()? != sum {
            return malformed(FormatErrorKind::HeaderChecksum, "the header of a band does not match its checksum");
        }
        let taken = (number_bytes(length) + CHECKSUM_BYTES) as u64 + length;
        let mut body = Input::new(&body[..]);
        let band = Self::read_body(&mut body, header, rows)?;
        body.end()?;
        Ok((band, taken))
    }

    fn read_body(body: &mut Input<&[u8]>, header: &Header, rows: u32) -> Result<Self> {
        let side = |body: &mut Input<&[u8]>, image: u32| match body.number(image.min(MAX_TILE_SIDE).into())? {
            0 => malformed(FormatErrorKind::InvalidField, "a tile of no pixels"),
            side => Ok(side as u32),
        };
        let tile = (side(body, header.width)?, side(body, rows)?);
        let count = usize::from(body.byte()?);
        let (mut parts, mut channels) = (Vec::new(), 0);
        for _ in 0..count {
            let part = read_part(body, header, rows)?;
            channels += part.channels;
            parts.push(part);
            if channels > header.channels() {
                break;
            }
        }
        if parts.len() != count || channels != header.channels() {
            return malformed(FormatErrorKind::InvalidField, format!("{count} parts of {channels} channels in a band"));
        }
        let network = parts.iter().any(|part| part.coder.network().is_some());
        if network && tile.0.max(tile.1) > MAX_NETWORK_TILE_SIDE {
            let what = format!("tiles of {} x {} pixels for a network", tile.0, tile.1);
            return malformed(FormatErrorKind::InvalidField, what);
        }
        let mut band = Self { tile, parts, tiles: Vec::new() };
        for _ in 0..band.grid(header, rows).len() {
            let checksum = body.array()?;
            let bytes = |_| Ok(body.number(u32::MAX.into())? as u32);
            let stream_bytes = (0..count).map(bytes).collect::<Result<_>>()?;
            band.tiles.push(TileEntry { checksum, stream_bytes });
        }
        Ok(band)
    }
}

fn read_part(body: &mut Input<&[u8]>, header: &Header, rows: u32) -> Result<Part> {
    let byte = body.byte()?;
    let (channels, count) = (usize::from(byte & 15), u64::from(byte >> 4));
    if !(1..=header.channels()).contains(&channels) || count > MAX_TRANSFORMS {
        return malformed(FormatErrorKind::InvalidField, format!("a part of {channels} channels, {count} transforms"));
    }
    let mut sizes = vec![1 << header.depth(); channels];
    let mut transforms = Vec::new();
    for _ in 0..count {
        let shape = GroupShape { channels: sizes.len(), depth: depth_of(&sizes), width: header.width, height: rows };
        let length = body.number(u64::MAX)?;
        let transform = Transform::read(&body.block(length)?, &shape)?;
        sizes = transform.sizes(shape.depth);
        transforms.push(transform);
    }
    let constant = sizes.iter().all(|&size| size == 1);
    let coder = Coder::read(body, constant)?;
    Ok(Part { channels, transforms, coder })
}

/// A summary of a part of a band, for display.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartSummary {
    /// Channels that are coded together.
    pub channels: usize,
    /// The names of the transforms, in the order in which the encoder applied them.
    pub transforms: Vec<&'static str>,
    /// "network", "VP8L", "PNG" or "constant".
    pub coder: &'static str,
    /// For a network: the registry id (0xffff for a model from a file), and the first 16 bytes of the SHA-256 of its
    /// file.
    pub model: Option<(u16, [u8; DIGEST_BYTES])>,
    /// Whether the network learns while coding.
    pub learning: bool,
    /// Whether offsets are added to its biases.
    pub offsets: bool,
}

#[cfg(test)]
mod tests;
