//! The work and memory that a file may cost, and where they are checked: bounds of the format, and [`Limits`].

mod common;

use std::io::Cursor;

use ansel::{Codec, Error, FormatErrorKind as Kind, ImageInfo, Limits, Metadata, MetadataKind, Rect};
use common::raw::{RawEntry, black, learning, network};
use common::*;

/// A small model for one channel that can learn.
fn model() -> &'static ansel::RegisteredModel {
    let grey = |model: &&ansel::RegisteredModel| model.content == ansel::Content::Grey;
    ansel::models().iter().find(grey).expect("a model for grey")
}

fn codec(limits: Limits) -> Codec {
    Codec::builder().limits(limits).build().expect("a codec")
}

#[track_caller]
fn assert_exceeds<T: std::fmt::Debug>(result: Result<T, Error>, expected: u64) {
    match result {
        Err(Error::LimitsExceeded { value, limit, .. }) => assert_eq!((value, limit), (expected, expected - 1)),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_stream_of_a_network_has_a_byte_for_each_32768_pixels() {
    let codec = Codec::default();
    // Streams with the right words: none.
    for (side, least) in [((9, 7), 1), ((256, 128), 1), ((257, 128), 2)] {
        for length in 0..least + 3 {
            let file = black(1, side, network(model()), &vec![0; length]).to_bytes();
            let decoded = codec.decompress(&file);
            if length == least {
                assert!(decoded.expect("a black image").planes.samples().iter().all(|&sample| sample == 0));
            } else {
                assert_eq!(format_error(decoded, "a stream"), Kind::TileChecksum, "{length} bytes for {side:?}");
            }
        }
    }
    // The byte that says whether a network learns does not count as one of them.
    for (stream, valid) in [(&[0][..], false), (&[1], false), (&[0, 0], true), (&[0, 0, 0], false), (&[1, 0, 0], false)]
    {
        let decoded = codec.decompress(&black(1, (9, 8), learning(model()), stream).to_bytes());
        assert_eq!(decoded.is_ok(), valid, "{stream:?}");
    }
}

#[test]
fn the_encoder_fills_streams_up() {
    let codec = codec_for_photographs(1);
    let planes = image(1, 260, 130, |(_, y, x)| u8::from((x, y) == (0, 0)));
    let file = codec.compress(&planes, &Metadata::default()).expect("a compressed image");
    assert_decodes(&codec, &file, &planes, &Metadata::default());
}

#[test]
fn the_limit_of_work_holds_for_all_pixels_of_a_file() {
    let per_pixel = model().multiplications().expect("a model that keeps the contract") as u64;
    for (coder, stream, times) in [(network(model()), &[0][..], 1), (learning(model()), &[0, 0], 4)] {
        let mut raw = black(1, (9, 8), coder, stream);
        let second = raw.bands[0].clone();
        raw.bands.push(second);
        raw.height = 16;
        let (file, work) = (raw.to_bytes(), 2 * 72 * per_pixel * times);
        let limits = |work| codec(Limits { work, ..Limits::default() });
        limits(work).decompress(&file).expect("a file within the limit");
        limits(work).verify(Cursor::new(&file)).expect("a file within the limit");
        assert_exceeds(limits(work - 1).decompress(&file), work);
        assert_exceeds(limits(work - 1).verify(Cursor::new(&file)), work);
        // Only the tiles of a region are decoded.
        let region = |work| {
            let codec = limits(work);
            codec.open(Cursor::new(&file)).expect("a header").region(Rect { x: 1, y: 9, width: 2, height: 2 })
        };
        region(work / 2).expect("a region within the limit");
        assert_exceeds(region(work / 2 - 1), work / 2);
    }
}

#[test]
fn the_limit_of_memory_is_for_the_image_and_a_band() {
    let limits = |memory| codec(Limits { memory, ..Limits::default() });
    let (file, planes) = two_bands(&Codec::default(), &gentle(3, 9, 7), &gentle(3, 9, 7));
    let band = 2 * 3 * 9 * 7;
    limits(3 * band).decompress(&file).expect("a file within the limit");
    assert_exceeds(limits(3 * band - 1).decompress(&file), 3 * band);
    limits(band).verify(Cursor::new(&file)).expect("a file within the limit");
    assert_exceeds(limits(band - 1).verify(Cursor::new(&file)), band);
    let region = |memory| {
        let codec = limits(memory);
        codec.open(Cursor::new(&file)).expect("a header").region(Rect { x: 0, y: 0, width: 2, height: 2 })
    };
    region(band + 24).expect("a region within the limit");
    assert_exceeds(region(band + 23), band + 24);
    // An encoder holds its only band.
    limits(2 * band).compress(&planes, &Metadata::default()).expect("an image within the limit");
    assert_exceeds(limits(2 * band - 1).compress(&planes, &Metadata::default()), 2 * band);
}

#[test]
fn bands_have_at_most_2_to_the_24th_pixels() {
    let codec = codec(Limits { samples: u64::MAX, memory: 1 << 30, ..Limits::default() });
    for (width, rows, valid) in [(1 << 12, 1 << 12, true), (1 << 12, (1 << 12) + 1, false), ((1 << 23) + 1, 2, false)] {
        let mut raw = black(1, (9, 7), network(model()), &[0]);
        (raw.width, raw.height, raw.band_rows) = (width, rows, rows);
        // A header that is refused, or the rest of the file.
        let kind = format_error(codec.decompress(&raw.to_bytes()), "a band");
        assert_eq!(kind == Kind::Truncated, valid, "{width} x {rows}: {kind:?}");
    }
}

#[test]
fn images_that_no_file_can_hold_are_not_written() {
    let codec = codec(Limits { samples: u64::MAX, ..Limits::default() });
    for (width, height) in [((1 << 24) + 1, 1), (1, 1 << 31), (0, 1), (1, 0)] {
        let info = ImageInfo { width, height, channels: 1, depth: 8 };
        let result = codec.encoder(info, &Metadata::default(), Vec::new()).map(drop);
        assert!(matches!(result, Err(Error::Unsupported(_))), "{width} x {height}: {result:?}");
    }
}

/// Invalid palettes and chunks.
const INVALID: [(MetadataKind, &[u8]); 4] = [
    (MetadataKind::Palette, &[]),
    (MetadataKind::Palette, &[1, 3, 0, 0, 0]),
    (MetadataKind::PngChunks, b"\0\0\0\x01"),
    (MetadataKind::PngChunks, b"\0\0\0\0IEND"),
];

#[test]
fn metadata_that_is_not_valid_is_refused_by_all_that_read_it_and_not_written() {
    let (codec, planes) = (Codec::default(), gentle(3, 9, 7));
    let file = codec.compress(&planes, &Metadata::default()).expect("a compressed image");
    for (kind, bytes) in INVALID {
        let mut raw = RawFile::parse(&file);
        let length = bytes.len() as u64;
        let checksum = common::raw::checksum(bytes);
        raw.entries = vec![RawEntry { kind: kind as u8, stored_bytes: length, bytes: length, checksum }];
        (raw.blocks, raw.metadata) = (1, bytes.to_vec());
        let file = raw.to_bytes();
        assert_eq!(format_error(codec.decompress(&file), "metadata"), Kind::InvalidField, "{bytes:?}");
        assert_eq!(format_error(codec.verify(Cursor::new(&file)), "metadata"), Kind::InvalidField, "{bytes:?}");
        assert_eq!(format_error(codec.read_info(Cursor::new(&file)), "metadata"), Kind::InvalidField, "{bytes:?}");
        let mut metadata = Metadata::default();
        metadata.set(kind, bytes.to_vec());
        assert_eq!(format_error(codec.compress(&planes, &metadata), "metadata"), Kind::InvalidField, "{bytes:?}");
    }
}
