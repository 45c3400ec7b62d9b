//! The header of a file: the shape of the image. Format: section "Header".

use std::io::Read;

use crate::base::bytes::{CHECKSUM_BYTES, Input, checksum, put_number};
use crate::base::error::{Error, FormatErrorKind, Result, malformed};
use crate::base::limits::{Limits, MAX_BAND_PIXELS, MAX_HEIGHT, MAX_METADATA_BLOCKS, MAX_WIDTH, check, check_samples};
use crate::image::ImageInfo;
use crate::image::MetadataEntry;
use crate::image::info::MAX_CHANNELS;

/// The first bytes of a file. Like PNG's signature, they reveal transfers that changed line ends or stripped the eighth
/// bit.
pub(crate) const MAGIC: [u8; 8] = *b"\x89ANSL\r\n\x1a";
/// The format version that this library writes, and the only one that it reads.
pub(crate) const VERSION: u8 = 1;

/// The kind byte of a file that holds a JPEG file: no image has 15 channels.
pub(crate) const JPEG_KIND: u8 = 0x0f;

/// What kind of content an ansel file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// The samples of an image.
    Image,
    /// A JPEG file, byte for byte.
    Jpeg,
}

impl FileKind {
    /// Number of bytes from the start of a file that determine its kind.
    pub const BYTES: usize = MAGIC.len() + 2;

    /// The kind of a file with these first bytes; `None` if it is not an ansel file of this version. The rest of the
    /// file is not checked.
    ///
    /// ```
    /// use ansel::FileKind;
    ///
    /// assert_eq!(FileKind::of(b"\x89ANSL\r\n\x1a\x01\x0f"), Some(FileKind::Jpeg));
    /// assert_eq!(FileKind::of(b"\xff\xd8\xff\xe0"), None);
    /// ```
    #[must_use]
    pub fn of(first: &[u8]) -> Option<Self> {
        match read_kind(&mut Input::new(first)).ok()? {
            JPEG_KIND => Some(Self::Jpeg),
            _ => Some(Self::Image),
        }
    }
}

/// Reads magic, version and the kind byte.
pub(super) fn read_kind(input: &mut Input<impl Read>) -> Result<u8> {
    for expected in MAGIC {
        if input.byte()? != expected {
            return malformed(FormatErrorKind::NotAnsel, "the first bytes are not the magic number");
        }
    }
    let version = input.byte()?;
    if version != VERSION {
        let detail = format!("the file has version {version}, this library reads version {VERSION}");
        return malformed(FormatErrorKind::UnknownVersion, detail);
    }
    input.byte()
}

/// The header of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) channels: u8,
    pub(crate) depth: u8,
    pub(crate) band_rows: u32,
    pub(crate) metadata: Vec<MetadataEntry>,
}

impl Header {
    /// Columns.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Channels: 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha).
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels.into()
    }

    /// Bits per sample, 1 to 16.
    #[must_use]
    pub fn depth(&self) -> u32 {
        self.depth.into()
    }

    /// The format version.
    #[must_use]
    pub fn version(&self) -> u32 {
        VERSION.into()
    }

    /// The shape of the image.
    #[must_use]
    pub fn info(&self) -> ImageInfo {
        ImageInfo { width: self.width, height: self.height, channels: self.channels(), depth: self.depth() }
    }

    /// The number of samples in the image.
    #[must_use]
    pub fn samples(&self) -> u64 {
        (u64::from(self.width) * u64::from(self.height)).saturating_mul(self.channels.into())
    }

    /// The number of samples in a full-size band.
    pub(crate) fn band_samples(&self) -> u64 {
        u64::from(self.width) * u64::from(self.band_rows) * u64::from(self.channels)
    }

    /// The number of bands.
    #[must_use]
    pub fn bands(&self) -> u32 {
        self.height.div_ceil(self.band_rows)
    }

    /// The first row and the number of rows of a band.
    pub(crate) fn band(&self, index: u32) -> (u32, u32) {
        let first = index * self.band_rows;
        (first, self.band_rows.min(self.height - first))
    }

    /// Stored length of all metadata blocks, in bytes.
    #[must_use]
    pub fn metadata_bytes(&self) -> u64 {
        self.metadata.iter().map(|entry| u64::from(entry.stored_bytes)).sum()
    }

    /// The header as bytes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(VERSION);
        bytes.push(self.channels | (self.depth - 1) << 4);
        for number in [self.width, self.height, self.band_rows] {
            put_number(&mut bytes, number.into());
        }
        bytes.push(self.metadata.len() as u8);
        for entry in &self.metadata {
            entry.write(&mut bytes);
        }
        let sum = checksum(&bytes);
        bytes.extend(sum);
        bytes
    }

    /// Reads the header from the start of a file.
    ///
    /// # Errors
    /// [`Error::Format`] for an invalid header, [`Error::LimitsExceeded`] for an image or metadata beyond `limits`,
    /// [`Error::Unsupported`] for a file that holds a JPEG file.
    pub(crate) fn read(input: impl Read, limits: &Limits) -> Result<Self> {
        let mut input = Input::new(input);
        let kind = read_kind(&mut input)?;
        if kind == JPEG_KIND {
            let what = "samples of a file that holds a JPEG file (see Codec::decompress_jpeg)";
            return Err(Error::Unsupported(what.to_owned()));
        }
        let (channels, depth) = (kind & 15, (kind >> 4) + 1);
        if !(1..=MAX_CHANNELS).contains(&channels.into()) {
            return malformed(FormatErrorKind::InvalidField, format!("{channels} channels"));
        }
        let mut side = |most: u32| match input.number(most.into())? {
            0 => malformed(FormatErrorKind::InvalidField, "an image or a band of no pixels"),
            side => Ok(side as u32),
        };
        let (width, height) = (side(MAX_WIDTH)?, side(MAX_HEIGHT)?);
        check_samples(width, height, channels.into(), limits)?;
        let band_rows = side(height.min(MAX_BAND_PIXELS / width))?;
        let blocks = input.byte()?;
        if blocks > MAX_METADATA_BLOCKS {
            return malformed(FormatErrorKind::InvalidField, format!("{blocks} metadata blocks"));
        }
        let mut metadata: Vec<MetadataEntry> = Vec::new();
        for _ in 0..blocks {
            let entry = MetadataEntry::read(&mut input)?;
            if metadata.last().is_some_and(|last| last.kind >= entry.kind) {
                return malformed(FormatErrorKind::InvalidField, "metadata blocks are not in ascending order of kind");
            }
            metadata.push(entry);
        }
        let sum = checksum(input.seen());
        if input.array::<CHECKSUM_BYTES>()? != sum {
            return malformed(FormatErrorKind::HeaderChecksum, "the header does not match its checksum");
        }
        let bytes = metadata.iter().map(|entry| u64::from(entry.bytes)).sum();
        check("the size of the metadata in bytes", bytes, limits.metadata_bytes)?;
        Ok(Self { width, height, channels, depth, band_rows, metadata })
    }
}

#[cfg(test)]
mod tests;
