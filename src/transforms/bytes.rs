//! Descriptions of transforms as bytes: numbers of variable length, and deflation. Format: section "Transforms".

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use crate::error::{FormatErrorKind, Result, malformed};

/// An `Err` for a description that the format does not allow.
pub(super) fn invalid<T>(what: impl std::fmt::Display) -> Result<T> {
    malformed(FormatErrorKind::InvalidField, format!("transform: {what}"))
}

/// Appends a number in groups of 7 bits, the lowest first; all bytes but the last have the high bit set.
pub(super) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Most bytes of a number up to `2^64 - 1`.
pub(super) const NUMBER_BYTES: usize = 10;

/// What is left of a description.
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

    /// A number of [`put_number`], at most `most`.
    pub fn number(&mut self, most: u64) -> Result<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits || (byte == 0 && shift > 0) {
                return invalid("a number beyond 64 bits, or in more bytes than it needs");
            }
            number |= bits << shift;
            if byte < 0x80 {
                return if number > most { invalid(format!("{number} where {most} is the most")) } else { Ok(number) };
            }
        }
        invalid("a number beyond 64 bits")
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

/// Bytes that the description takes in a file.
pub(super) fn packed_len(bytes: &[u8]) -> usize {
    bytes.len().min(deflate(bytes).len())
}

/// Inflates one whole raw deflate stream of at most `most` bytes; reads at most one byte more.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for number in [0, 1, 127, 128, 300, 65535, 1 << 35, u64::MAX - 1, u64::MAX] {
            let mut bytes = Vec::new();
            put_number(&mut bytes, number);
            assert!(bytes.len() <= NUMBER_BYTES);
            assert_eq!(Reader(&bytes).number(number).expect("a number"), number);
            assert!(Reader(&bytes[..bytes.len() - 1]).number(number).is_err());
            assert!(number == 0 || Reader(&bytes).number(number - 1).is_err());
        }
    }

    #[test]
    fn numbers_have_one_form() {
        for bytes in [&[0x80, 0][..], &[0xff, 0x80, 0], &[0xff; 9], &[0xff, 255, 255, 255, 255, 255, 255, 255, 255, 2]]
        {
            assert!(Reader(bytes).number(u64::MAX).is_err(), "{bytes:?}");
        }
    }
}
