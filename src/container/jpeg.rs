//! The header of a file that holds a JPEG file instead of an image. Format: section "JPEG files".

use std::io::Read;

use super::header::{JPEG_KIND, MAGIC, VERSION, read_kind};
use crate::base::bytes::{CHECKSUM_BYTES, Input, checksum, put_number};
use crate::base::error::{FormatErrorKind, Result, malformed};

/// Length of a SHA-256, in bytes.
pub(crate) const SHA256_BYTES: usize = 32;
const STREAM_CHECKSUM_BYTES: usize = 8;

/// How a JPEG file is coded. The discriminants are those of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum JpegCoder {
    /// Not at all: the stream is the file itself.
    Stored = 0,
    Lepton = 1,
}

impl JpegCoder {
    /// The name shown to users.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Lepton => "Lepton",
        }
    }
}

/// The header of a file that holds a JPEG file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JpegHeader {
    /// Length of the JPEG file, in bytes.
    pub bytes: u32,
    /// The SHA-256 of the JPEG file.
    pub sha256: [u8; SHA256_BYTES],
    pub coder: JpegCoder,
    /// Length of the stream, in bytes.
    pub stream_bytes: u32,
    /// Checksum of the stream.
    checksum: [u8; STREAM_CHECKSUM_BYTES],
}

impl JpegHeader {
    /// The header for this stream.
    pub fn new(bytes: u32, sha256: [u8; SHA256_BYTES], coder: JpegCoder, stream: &[u8]) -> Self {
        Self { bytes, sha256, coder, stream_bytes: stream.len() as u32, checksum: stream_checksum(stream) }
    }

    /// Whether the stream matches its checksum.
    pub fn is_of(&self, stream: &[u8]) -> bool {
        self.stream_bytes as usize == stream.len() && self.checksum == stream_checksum(stream)
    }

    /// The header as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([VERSION, JPEG_KIND]);
        put_number(&mut bytes, self.bytes.into());
        bytes.extend(self.sha256);
        bytes.push(self.coder as u8);
        put_number(&mut bytes, self.stream_bytes.into());
        bytes.extend(self.checksum);
        let sum = checksum(&bytes);
        bytes.extend(sum);
        bytes
    }

    /// Reads the header from the start of a file.
    ///
    /// # Errors
    /// [`Error::Format`](crate::Error::Format) for an invalid header of this kind.
    pub fn read(input: impl Read) -> Result<Self> {
        let mut input = Input::new(input);
        if read_kind(&mut input)? != JPEG_KIND {
            return malformed(FormatErrorKind::InvalidField, "the file holds an image, and not a JPEG file");
        }
        let bytes = input.number(u32::MAX.into())? as u32;
        let sha256 = input.array()?;
        let coder = match input.byte()? {
            0 => JpegCoder::Stored,
            1 => JpegCoder::Lepton,
            other => return malformed(FormatErrorKind::InvalidField, format!("unknown coder {other} of a JPEG file")),
        };
        let stream_bytes = input.number(bytes.into())? as u32;
        if coder == JpegCoder::Stored && stream_bytes != bytes {
            return malformed(FormatErrorKind::InvalidField, "a stored JPEG file of another length");
        }
        let header = Self { bytes, sha256, coder, stream_bytes, checksum: input.array()? };
        let sum = checksum(input.seen());
        if input.array::<CHECKSUM_BYTES>()? != sum {
            return malformed(FormatErrorKind::HeaderChecksum, "the header does not match its checksum");
        }
        Ok(header)
    }
}

fn stream_checksum(stream: &[u8]) -> [u8; STREAM_CHECKSUM_BYTES] {
    xxhash_rust::xxh3::xxh3_64(stream).to_le_bytes()
}

#[cfg(test)]
mod tests;
