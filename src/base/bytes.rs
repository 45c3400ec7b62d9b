//! Numbers, checksums and compressed blocks: what the container is made of. Format: section "Conventions".

use std::io::{ErrorKind, Read};

use flate2::read::ZlibDecoder;
use sha2::{Digest, Sha256};

use crate::base::error::{Error, FormatErrorKind, Result, malformed};

/// Length of the checksum of a header, a metadata block or a band table, in bytes.
pub(crate) const CHECKSUM_BYTES: usize = 4;
/// Length of the digest that identifies a model file, in bytes.
pub(crate) const DIGEST_BYTES: usize = 16;

/// The checksum of a header, a metadata block or a band table: the first bytes of its SHA-256.
pub(crate) fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    *Sha256::digest(bytes).first_chunk().expect("a SHA-256 is longer")
}

/// The digest that identifies a model file: the first bytes of its SHA-256.
pub(crate) fn digest(file: &[u8]) -> [u8; DIGEST_BYTES] {
    *Sha256::digest(file).first_chunk().expect("a SHA-256 is longer")
}

/// Appends a number as a varint (LEB128): groups of 7 bits, the lowest first; all bytes but the last have the high bit
/// set.
pub(crate) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Length of a number as [`put_number`] writes it, in bytes.
pub(crate) fn number_bytes(number: u64) -> usize {
    (u64::BITS - (number | 1).leading_zeros()).div_ceil(7) as usize
}

/// Length of the longest number, in bytes.
pub(crate) const NUMBER_BYTES: usize = 10;

/// Reads a number as [`put_number`] writes it, at most `most`, from the bytes that `next` returns.
///
/// # Errors
/// Those of `next`; [`Error::Format`] for a greater number, and for one written in more bytes than it needs.
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
    malformed(FormatErrorKind::InvalidField, "a number that is not in its shortest form")
}

/// Inflates one zlib stream, which must hold exactly `length` bytes; reads at most one byte more.
///
/// # Errors
/// [`Error::Format`] for any other stream; `what` names it in the message.
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

/// Reads fields, and keeps the bytes that it has read, for their checksum.
pub(crate) struct Input<R> {
    input: R,
    seen: Vec<u8>,
}

impl<R: Read> Input<R> {
    pub fn new(input: R) -> Self {
        Self { input, seen: Vec::new() }
    }

    /// All bytes read so far.
    pub fn seen(&self) -> &[u8] {
        &self.seen
    }

    /// Reads `length` bytes; allocates as the bytes arrive, not for the declared length.
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

/// An unexpected end is a truncated file; any other error is the operating system's.
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
