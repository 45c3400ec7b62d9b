//! Descriptions of transforms as bytes: a reader, and deflation. Format: section "Transforms".

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use crate::base::bytes::read_number;
use crate::base::error::{FormatErrorKind, Result, malformed};

/// An `Err` for a description that the format does not allow.
pub(super) fn invalid<T>(what: impl std::fmt::Display) -> Result<T> {
    malformed(FormatErrorKind::InvalidField, format!("transform: {what}"))
}

/// The unread rest of a description.
pub(super) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    pub fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let Some((bytes, rest)) = self.0.split_at_checked(count) else {
            return invalid("its description ends early");
        };
        self.0 = rest;
        Ok(bytes)
    }

    /// A number, at most `most`.
    pub fn number(&mut self, most: u64) -> Result<u64> {
        read_number(most, || self.byte())
    }

    pub fn end(&self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { invalid(format!("{} bytes too many", self.0.len())) }
    }
}

/// The bytes as a raw deflate stream.
pub(super) fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("writing to memory cannot fail")
}

/// Length of the description in a file, in bytes.
pub(super) fn packed_len(bytes: &[u8]) -> usize {
    bytes.len().min(deflate(bytes).len())
}

/// Inflates one raw deflate stream of at most `most` bytes; reads at most one byte more.
pub(super) fn inflate(stream: &[u8], most: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut decoder = DeflateDecoder::new(stream);
    if let Err(error) = decoder.by_ref().take(most as u64 + 1).read_to_end(&mut bytes) {
        return invalid(error);
    }
    if bytes.len() > most {
        return invalid(format!("a description of more than {most} bytes"));
    }
    if decoder.total_in() != stream.len() as u64 {
        return invalid("bytes after the compressed description");
    }
    Ok(bytes)
}
