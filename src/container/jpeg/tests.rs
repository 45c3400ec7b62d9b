use super::*;
use crate::base::error::Error;
use crate::base::limits::Limits;
use crate::container::{FileKind, Header};
use crate::testing::format_error;

fn example() -> JpegHeader {
    JpegHeader::new(300, [7; SHA256_BYTES], JpegCoder::Lepton, &[1, 2, 3])
}

/// The header as bytes, after a change of those before the checksum, with a matching checksum.
fn changed(header: &JpegHeader, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = header.to_bytes();
    bytes.truncate(bytes.len() - CHECKSUM_BYTES);
    change(&mut bytes);
    let sum = checksum(&bytes);
    bytes.extend(sum);
    bytes
}

fn defect(file: &[u8]) -> FormatErrorKind {
    format_error(JpegHeader::read(file)).kind()
}

/// The bytes follow the format's description, field by field.
#[test]
fn a_header_has_its_known_bytes_and_is_read_back() {
    let mut expected = b"\x89ANSL\r\n\x1a\x01\x0f".to_vec(); // magic, version, kind
    expected.extend(b"\xac\x02"); // bytes of the JPEG file
    expected.extend([7; 32]); // SHA-256
    expected.extend([1, 3]); // coder, bytes of the stream
    expected.extend(xxhash_rust::xxh3::xxh3_64(&[1, 2, 3]).to_le_bytes());
    let sum = checksum(&expected);
    expected.extend(sum);
    assert_eq!(example().to_bytes(), expected);
    assert_eq!(FileKind::of(&expected), Some(FileKind::Jpeg));
    let mut rest = &[&expected[..], &[1, 2, 3]].concat()[..];
    let read = JpegHeader::read(&mut rest).expect("a valid header");
    assert_eq!((&read, rest), (&example(), &[1, 2, 3][..]));
    assert!(read.is_of(rest) && !read.is_of(&[1, 2, 4]) && !read.is_of(&[1, 2]));
}

#[test]
fn fields_out_of_range_and_damage_are_found() {
    let header = example();
    for (what, at, byte) in
        [("no such coder", 44, 2), ("another coder", 44, 255), ("a stream that is too long", 45, 0xad)]
    {
        let file = changed(&header, |bytes| {
            bytes[at] = byte;
            if byte == 0xad {
                bytes.insert(at + 1, 2);
            }
        });
        assert_eq!(defect(&file), FormatErrorKind::InvalidField, "{what}");
    }
    let stored = changed(&header, |bytes| bytes[44] = 0);
    assert_eq!(defect(&stored), FormatErrorKind::InvalidField, "a stored file of another length");
    let file = header.to_bytes();
    for at in 0..file.len() {
        let mut damaged = file.clone();
        damaged[at] ^= 4;
        assert!(JpegHeader::read(&damaged[..]).is_err(), "byte {at}");
        assert_eq!(defect(&file[..at]), FormatErrorKind::Truncated, "{at} bytes");
    }
}

#[test]
fn a_header_of_one_kind_is_none_of_the_other() {
    let file = example().to_bytes();
    assert!(matches!(Header::read(&file[..], &Limits::default()), Err(Error::Unsupported(_))));
    let image = b"\x89ANSL\r\n\x1a\x01\x73\x01\x01\x01\x00";
    assert_eq!(FileKind::of(image), Some(FileKind::Image));
    assert_eq!(defect(image), FormatErrorKind::InvalidField);
}
