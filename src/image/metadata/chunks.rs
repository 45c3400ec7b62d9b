//! The chunks of a PNG file that have no block of their own, in file order. Format: section "Metadata".

use byteorder::{BigEndian, ByteOrder};

use crate::base::error::{FormatErrorKind, Result, malformed};

/// Bytes of a chunk before its data: length and type.
pub(crate) const CHUNK_HEADER_BYTES: usize = 8;

/// A chunk of a PNG file, without its checksum. Some chunks are markers: they keep the place of data that are stored
/// elsewhere (the samples, the palette and its alpha, the Exif, XMP and ICC blocks). A marker is an empty IDAT, PLTE,
/// tRNS, eXIf or iTXt chunk, or an iCCP chunk that ends after its name and method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PngChunk {
    pub kind: [u8; 4],
    pub data: Vec<u8>,
}

impl PngChunk {
    /// The type, as text.
    pub fn name(&self) -> String {
        String::from_utf8_lossy(&self.kind).into_owned()
    }

    /// Whether the chunk is a marker.
    pub fn is_marker(&self) -> bool {
        match &self.kind {
            b"IDAT" | b"PLTE" | b"tRNS" | b"eXIf" | b"iTXt" => self.data.is_empty(),
            b"iCCP" => self.data.ends_with(&[0, 0]) && self.data.iter().filter(|&&byte| byte == 0).count() == 2,
            _ => false,
        }
    }

    /// Reads a block.
    pub fn from_bytes(mut bytes: &[u8]) -> Result<Vec<Self>> {
        let invalid = |what: &str| malformed(FormatErrorKind::InvalidField, format!("PNG chunks: {what}"));
        let mut chunks = Vec::new();
        while !bytes.is_empty() {
            let Some((header, rest)) = bytes.split_first_chunk::<CHUNK_HEADER_BYTES>() else {
                return invalid("a chunk ends early");
            };
            let [.., k0, k1, k2, k3] = *header;
            let (length, kind) = (BigEndian::read_u32(header) as usize, [k0, k1, k2, k3]);
            let Some((data, rest)) = rest.split_at_checked(length) else { return invalid("a chunk ends early") };
            let chunk = Self { kind, data: data.to_vec() };
            let critical = kind[0].is_ascii_uppercase() && kind != *b"PLTE" && !chunk.is_marker();
            if !kind.iter().all(u8::is_ascii_alphabetic) || critical {
                return invalid("a chunk type that is not allowed");
            }
            chunks.push(chunk);
            bytes = rest;
        }
        if chunks.iter().filter(|chunk| chunk.kind == *b"IDAT").count() > 1 {
            return invalid("two IDAT chunks");
        }
        Ok(chunks)
    }
}

/// Used by readers and writers of PNG files.
#[cfg(any(test, feature = "files"))]
impl PngChunk {
    /// The marker of a type that may be empty.
    pub fn marker(kind: &[u8; 4]) -> Self {
        Self { kind: *kind, data: Vec::new() }
    }

    /// The block of a sequence: length (big-endian, four bytes), type and data of each.
    pub fn to_bytes(chunks: &[Self]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for chunk in chunks {
            bytes.extend((chunk.data.len() as u32).to_be_bytes());
            bytes.extend(chunk.kind);
            bytes.extend(&chunk.data);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_come_back_and_others_are_refused() {
        let text = PngChunk { kind: *b"tEXt", data: b"Comment\0x".to_vec() };
        let chunks = [text.clone(), PngChunk::marker(b"IDAT"), text];
        let bytes = PngChunk::to_bytes(&chunks);
        assert_eq!(PngChunk::from_bytes(&bytes).expect("chunks"), chunks);
        assert_eq!(bytes[..8], *b"\0\0\0\x09tEXt");
        let twice = [&bytes[..], &bytes[..]].concat();
        let wrong: [&[u8]; 6] =
            [&bytes[..5], &bytes[..16], &twice, b"\0\0\0\x00IEND", b"\0\0\0\x01IDATx", b"\0\0\0\x00t?Xt"];
        for bytes in wrong {
            assert!(PngChunk::from_bytes(bytes).is_err(), "{bytes:?}");
        }
    }
}
