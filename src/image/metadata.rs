//! Metadata blocks: bytes stored beside the samples. Format: section "Metadata".

mod chunks;
mod palette;

#[cfg(feature = "files")]
pub(crate) use self::chunks::CHUNK_HEADER_BYTES;
pub(crate) use self::chunks::PngChunk;
pub(crate) use self::palette::Palette;

use std::io::{Read, Write};

use flate2::Compression;
use flate2::write::ZlibEncoder;

use crate::base::bytes::{CHECKSUM_BYTES, Input, checksum, inflate, put_number};
use crate::base::error::{FormatErrorKind, Result, malformed};
use crate::base::limits::{Limits, check};

/// What a metadata block holds. The discriminants are those of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum MetadataKind {
    /// An ICC colour profile.
    Icc = 1,
    /// Exif, from the TIFF header on.
    Exif = 2,
    /// An XMP packet.
    Xmp = 3,
    /// The palette of the image file: index depth, colours, alpha.
    Palette = 4,
    /// The chunks of a PNG file that have no block of their own, in file order.
    PngChunks = 5,
}

impl MetadataKind {
    /// All kinds, in the order of the format.
    pub const ALL: [Self; 5] = [Self::Icc, Self::Exif, Self::Xmp, Self::Palette, Self::PngChunks];

    /// The name shown to users.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Icc => "ICC profile",
            Self::Exif => "Exif",
            Self::Xmp => "XMP",
            Self::Palette => "palette",
            Self::PngChunks => "PNG chunks",
        }
    }
}

/// One block of metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataBlock {
    /// What it holds.
    pub kind: MetadataKind,
    /// The bytes, uncompressed.
    pub bytes: Vec<u8>,
}

impl MetadataBlock {
    /// A description on one line: kind, size, and the parts if they are known.
    ///
    /// ```
    /// use ansel::{MetadataBlock, MetadataKind};
    ///
    /// let block = MetadataBlock { kind: MetadataKind::PngChunks, bytes: b"\0\0\0\x04gAMA\0\0\xb1\x8f".to_vec() };
    /// assert_eq!(block.describe(), "PNG chunks, 12 bytes: gAMA 4");
    /// ```
    #[must_use]
    pub fn describe(&self) -> String {
        let size = format!("{}, {} bytes", self.kind.name(), self.bytes.len());
        match self.parts() {
            Ok(Some(parts)) => format!("{size}: {parts}"),
            Ok(None) => size,
            Err(_) => format!("{size}, not valid"),
        }
    }

    /// Fails for an invalid palette, or invalid PNG chunks.
    fn check(&self) -> Result<()> {
        self.parts().map(drop)
    }

    fn parts(&self) -> Result<Option<String>> {
        Ok(match self.kind {
            MetadataKind::Icc | MetadataKind::Exif | MetadataKind::Xmp => None,
            MetadataKind::Palette => {
                let palette = Palette::from_bytes(&self.bytes)?;
                let alpha = if palette.alpha.is_empty() { "" } else { ", with alpha" };
                Some(format!("{} colours, indices of {} bits{alpha}", palette.colours.len(), palette.depth))
            }
            MetadataKind::PngChunks => {
                let chunks = PngChunk::from_bytes(&self.bytes)?;
                let kept = chunks.iter().filter(|chunk| !chunk.is_marker());
                let names: Vec<_> = kept.map(|chunk| format!("{} {}", chunk.name(), chunk.data.len())).collect();
                Some(if names.is_empty() { "their order".to_owned() } else { names.join(", ") })
            }
        })
    }
}

/// The metadata of an image: at most one block of each kind, in ascending order of kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    blocks: Vec<MetadataBlock>,
}

impl Metadata {
    /// Sets the block of a kind; replaces the one that was there.
    pub fn set(&mut self, kind: MetadataKind, bytes: Vec<u8>) {
        self.blocks.retain(|block| block.kind != kind);
        self.blocks.push(MetadataBlock { kind, bytes });
        self.blocks.sort_by_key(|block| block.kind);
    }

    /// The bytes of the block of a kind.
    #[must_use]
    pub fn get(&self, kind: MetadataKind) -> Option<&[u8]> {
        self.blocks.iter().find(|block| block.kind == kind).map(|block| &block.bytes[..])
    }

    /// Sets the colour of the palette's fully transparent entries to 0, as
    /// [`Planes::clear_hidden_colour`](crate::Planes::clear_hidden_colour) does with pixels, so that the pixels still
    /// match the palette. An invalid palette stays as it is.
    pub fn clear_hidden_colour(&mut self) {
        let Some(Ok(mut palette)) = self.get(MetadataKind::Palette).map(Palette::from_bytes) else { return };
        for (colour, _) in palette.colours.iter_mut().zip(&palette.alpha).filter(|(_, alpha)| **alpha == 0) {
            *colour = [0; 3];
        }
        self.set(MetadataKind::Palette, palette.to_bytes());
    }

    /// All blocks.
    #[must_use]
    pub fn blocks(&self) -> &[MetadataBlock] {
        &self.blocks
    }

    /// The metadata table, and the stored bytes of all blocks; fails for an invalid block.
    pub(crate) fn store(&self, limits: &Limits) -> Result<(Vec<MetadataEntry>, Vec<u8>)> {
        let total = self.blocks.iter().map(|block| block.bytes.len() as u64).sum();
        check("the size of the metadata in bytes", total, limits.metadata_bytes.min(u32::MAX.into()))?;
        let (mut entries, mut stored) = (Vec::new(), Vec::new());
        for block in &self.blocks {
            block.check()?;
            let compressed = deflate(&block.bytes);
            let smaller = if compressed.len() < block.bytes.len() { &compressed } else { &block.bytes };
            entries.push(MetadataEntry {
                kind: block.kind as u8,
                stored_bytes: smaller.len() as u32,
                bytes: block.bytes.len() as u32,
                checksum: checksum(smaller),
            });
            stored.extend_from_slice(smaller);
        }
        Ok((entries, stored))
    }

    /// Reads all blocks from their stored bytes; `entries` have been checked against the limits.
    pub(crate) fn load(entries: &[MetadataEntry], mut stored: &[u8]) -> Result<Self> {
        let mut blocks = Vec::new();
        for entry in entries {
            let Some((block, rest)) = stored.split_at_checked(entry.stored_bytes as usize) else {
                return malformed(FormatErrorKind::Truncated, "the file ends within its metadata");
            };
            stored = rest;
            let kind = entry.check()?;
            if checksum(block) != entry.checksum {
                return malformed(FormatErrorKind::MetadataChecksum, format!("the {} is damaged", kind.name()));
            }
            let bytes = if entry.stored_bytes == entry.bytes {
                block.to_vec()
            } else {
                inflate(block, entry.bytes.into(), "compressed metadata")?
            };
            let block = MetadataBlock { kind, bytes };
            block.check()?;
            blocks.push(block);
        }
        Ok(Self { blocks })
    }
}

/// An entry of the metadata table: one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MetadataEntry {
    pub kind: u8,
    /// Bytes in the file; fewer than `bytes` if the block is compressed, else equal.
    pub stored_bytes: u32,
    /// Bytes, uncompressed.
    pub bytes: u32,
    /// Checksum of the stored bytes.
    pub checksum: [u8; CHECKSUM_BYTES],
}

impl MetadataEntry {
    /// Appends the entry to the table.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(self.kind);
        put_number(out, self.stored_bytes.into());
        put_number(out, self.bytes.into());
        out.extend(self.checksum);
    }

    /// Reads an entry of the table.
    pub fn read(input: &mut Input<impl Read>) -> Result<Self> {
        let kind = input.byte()?;
        let mut bytes = || -> Result<u32> { Ok(input.number(u32::MAX.into())? as u32) };
        let (stored_bytes, bytes) = (bytes()?, bytes()?);
        let entry = Self { kind, stored_bytes, bytes, checksum: input.array()? };
        entry.check()?;
        Ok(entry)
    }

    /// The kind; fails for an invalid entry.
    pub fn check(&self) -> Result<MetadataKind> {
        let kind = MetadataKind::ALL.into_iter().find(|&kind| kind as u8 == self.kind);
        match kind {
            Some(kind) if self.stored_bytes <= self.bytes => Ok(kind),
            Some(_) => malformed(FormatErrorKind::InvalidField, "a metadata block is longer stored than uncompressed"),
            None => malformed(FormatErrorKind::InvalidField, format!("metadata of unknown kind {}", self.kind)),
        }
    }
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("writing to memory cannot fail")
}

#[cfg(test)]
mod tests;
