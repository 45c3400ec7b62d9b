//! Numbers, checksums and compressed blocks: what the container is made of. Format: section "Conventions".

use std::io::{ErrorKind, Read};

use flate2::read::ZlibDecoder;
use sha2::{Digest, Sha256};

use crate::base::error::{Error, FormatErrorKind, Result, malformed};

/// Bytes of the checksum of a description: of a header, a metadata block or the table of a band.
pub(crate) const CHECKSUM_BYTES: usize = 4;
/// Bytes of the digest that names a model file.
pub(crate) const DIGEST_BYTES: usize = 16;

/// The checksum of a description: the first bytes of its SHA-256.
pub(crate) fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    *Sha256::digest(bytes).first_chunk().expect("a SHA-256 is longer")
}

/// The name of a model file: the first bytes of its SHA-256.
pub(crate) fn digest(file: &[u8]) -> [u8; DIGEST_BYTES] {
    *Sha256::digest(file).first_chunk().expect("a SHA-256 is longer")
}

/// Appends a number in groups of 7 bits, the lowest first; all bytes but the last have the high bit set.
pub(crate) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Bytes that [`put_number`] appends.
pub(crate) fn number_bytes(number: u64) -> usize {
    (u64::BITS - (number | 1).leading_zeros()).div_ceil(7) as usize
}

/// Most bytes of a number.
pub(crate) const NUMBER_BYTES: usize = 10;

/// A number of [`put_number`], at most `most`, from the bytes that `next` gives.
///
/// # Errors
/// Those of `next`; [`Error::Format`] for a greater number, and for one in more bytes than it needs.
pub(crate) fn read_number(most: u64, mut next: impl FnMut() -> Result<u8>) -> Result<u64> {
    let mut number = 0u64;
    for shift in (0..u64::BITS).step_by(7) {
        let byte = next()?;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits || byte == 0 && shift > 0 {
            break;
        }
        number |= bits << shift;
        if byte < 0x80 {
            if number > most {
                return malformed(FormatErrorKind::InvalidField, format!("{number} where {most} is the most"));
            }
            return Ok(number);
        }
    }
    malformed(FormatErrorKind::InvalidField, "a number that is not in its only form")
}

/// Inflates one whole zlib stream of exactly `length` bytes; reads at most one byte more.
///
/// # Errors
/// [`Error::Format`] for anything else; `what` names the stream.
pub(crate) fn inflate(stream: &[u8], length: u64, what: &str) -> Result<Vec<u8>> {
    let invalid = |defect: String| malformed(FormatErrorKind::InvalidField, format!("{what}: {defect}"));
    let mut bytes = Vec::new();
    let mut decoder = ZlibDecoder::new(stream);
    if let Err(error) = decoder.by_ref().take(length + 1).read_to_end(&mut bytes) {
        return invalid(error.to_string());
    }
    if bytes.len() as u64 != length || decoder.total_in() != stream.len() as u64 {
        return invalid(format!("not one stream of {length} bytes"));
    }
    Ok(bytes)
}

/// Reads fields, and remembers the bytes that it read.
pub(crate) struct Input<R> {
    input: R,
    seen: Vec<u8>,
}

impl<R: Read> Input<R> {
    pub fn new(input: R) -> Self {
        Self { input, seen: Vec::new() }
    }

    /// The bytes that were read, all of them.
    pub fn seen(&self) -> &[u8] {
        &self.seen
    }

    /// Reads `length` bytes; memory grows with what is there, not with what is declared.
    pub fn block(&mut self, length: u64) -> Result<Vec<u8>> {
        let start = self.seen.len();
        let read = self.input.by_ref().take(length).read_to_end(&mut self.seen).map_err(read_error)? as u64;
        if read < length {
            return malformed(FormatErrorKind::Truncated, format!("{read} of {length} bytes"));
        }
        Ok(self.seen[start..].to_vec())
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let block = self.block(N as u64)?;
        Ok(*block.first_chunk().expect("a block of this length"))
    }

    pub fn byte(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    /// A number of [`put_number`], at most `most`.
    pub fn number(&mut self, most: u64) -> Result<u64> {
        read_number(most, || self.byte())
    }
}

impl Input<&[u8]> {
    /// Fails unless all was read.
    pub fn end(&self) -> Result<()> {
        match self.input.len() {
            0 => Ok(()),
            left => malformed(FormatErrorKind::InvalidField, format!("{left} bytes too many")),
        }
    }
}

/// A file that ends is a truncated one; all else is the system's.
pub(crate) fn read_error(source: std::io::Error) -> Error {
    match source.kind() {
        ErrorKind::UnexpectedEof => Error::Format(crate::base::error::FormatError::new(
            FormatErrorKind::Truncated,
            "the file ends within a stream".to_owned(),
        )),
        _ => Error::Io { action: "read", path: "the file".into(), source },
    }
}

#[cfg(test)]
mod tests;
