//! Files that are damaged, truncated or made up: each is refused with a typed error, whatever is wrong with it.

mod common;

use ansel::{Codec, Decoded, Error, FormatErrorKind as Kind, Limits, Options};
use common::*;

/// A small file with every part: metadata, compressed and not, and a stream.
fn small_file(codec: &Codec) -> Vec<u8> {
    codec.compress(&gentle(3, 9, 7), &metadata()).expect("a compressed image")
}

/// Decompresses a file whose header was changed, after repairing its checksum.
fn decode_repaired(codec: &Codec, mut file: Vec<u8>) -> Result<Decoded, Error> {
    repair_header(&mut file);
    codec.decompress(&file)
}

/// A copy of a file with other bytes at a place.
fn with_bytes(file: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut changed = file.to_vec();
    assert!(changed[at..at + bytes.len()] != *bytes, "the change changes nothing");
    changed[at..at + bytes.len()].copy_from_slice(bytes);
    changed
}

/// Where the tile table of a small file lies.
fn tile_table(file: &[u8]) -> usize {
    field::FIXED + field::METADATA_ENTRY * usize::from(file[field::BLOCKS])
}

#[test]
fn a_repaired_header_is_the_same_header() {
    let mut file = small_file(&Codec::default());
    let original = file.clone();
    repair_header(&mut file);
    assert!(file == original, "the tests compute another header checksum than the library");
}

#[test]
fn a_file_truncated_at_any_length_is_truncated() {
    let codec = Codec::default();
    let file = small_file(&codec);
    for length in 0..file.len() {
        let what = format!("the first {length} bytes of {}", file.len());
        assert_eq!(format_error(codec.decompress(&file[..length]), &what), Kind::Truncated, "{what}");
        assert_eq!(format_error(codec.read_header(&file[..length]), &what), Kind::Truncated, "{what}");
        assert_eq!(format_error(codec.verify(&file[..length]), &what), Kind::Truncated, "{what}");
    }
}

#[test]
fn every_flipped_bit_is_found() {
    let codec = Codec::default();
    let file = small_file(&codec);
    let (header, _) = codec.read_header(&file).expect("a header");
    let parts = [header.header_bytes(), header.header_bytes() + header.metadata_bytes(), header.file_bytes()];
    let mut accepted = Vec::new();
    let mut kinds = Vec::new();
    for bit in 0..8 * file.len() {
        let mut flipped = file.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let part = parts.iter().position(|&end| (bit as u64 / 8) < end).expect("a part of the file");
        match codec.decompress(&flipped) {
            Err(Error::Format(error)) => kinds.push((part, error.kind())),
            Err(Error::LimitsExceeded { .. }) if part == 0 => {}
            Err(other) => panic!("bit {bit}: {other}"),
            Ok(_) => accepted.push((bit, ["header", "metadata", "streams"][part])),
        }
    }
    assert_eq!(accepted, [], "flipped bits (and the part where they lie) that make no difference");
    let expected =
        [(0, Kind::HeaderChecksum), (0, Kind::NotAnsel), (1, Kind::MetadataChecksum), (2, Kind::TileChecksum)];
    for kind in expected {
        assert!(kinds.contains(&kind), "{kind:?} never happened");
    }
    kinds.retain(|kind| kind.0 > 0 && !expected.contains(kind));
    assert_eq!(kinds, [], "damage of one part was found in another");
}

#[test]
fn flipped_bits_of_a_grey_file_are_found() {
    let codec = Codec::default();
    let file = codec.compress(&noise(1, 6, 5), &ansel::Metadata::default()).expect("a compressed image");
    for bit in 0..8 * file.len() {
        let mut flipped = file.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let refused = matches!(codec.decompress(&flipped), Err(Error::Format(_) | Error::LimitsExceeded { .. }));
        assert!(refused, "bit {bit}");
    }
}

#[test]
fn bytes_after_the_end_are_refused() {
    let codec = Codec::default();
    let file = small_file(&codec);
    for tail in [&b"\0"[..], b"\n", b"\0\0\0\0", &file] {
        let longer = [&file[..], tail].concat();
        assert_eq!(format_error(codec.decompress(&longer), "a tail"), Kind::TrailingBytes);
        assert_eq!(format_error(codec.read_header(&longer), "a tail"), Kind::TrailingBytes);
    }
}

#[test]
fn other_first_bytes_are_not_ansel() {
    let codec = Codec::default();
    let file = small_file(&codec);
    for at in 0..8 {
        let wrong = with_bytes(&file, at, &[file[at] ^ 0x20]);
        assert_eq!(format_error(codec.decompress(&wrong), "a wrong magic number"), Kind::NotAnsel);
        // Too short for a header, and already wrong.
        assert_eq!(format_error(codec.decompress(&wrong[..=at]), "a wrong magic number"), Kind::NotAnsel);
    }
    let photograph = std::fs::read(PHOTOGRAPH).expect("the photograph");
    assert_eq!(format_error(codec.decompress(&photograph), "a PNG"), Kind::NotAnsel);
    assert_eq!(format_error(codec.decompress(b"P5 1 1 255 x"), "a PGM"), Kind::NotAnsel);
}

#[test]
fn an_unknown_version_is_named() {
    let codec = Codec::default();
    let file = small_file(&codec);
    for version in [1u16, 2, 256, u16::MAX] {
        let newer = with_bytes(&file, field::VERSION, &version.to_le_bytes());
        // A later version may place its checksum elsewhere, so the version is looked at before.
        for result in [codec.decompress(&newer), decode_repaired(&codec, newer.clone())] {
            let message = result.as_ref().expect_err("refused").to_string();
            assert!(message.contains(&format!("version {version}")), "{message}");
            assert_eq!(format_error(result, "a version"), Kind::UnknownVersion);
        }
    }
}

#[test]
fn an_unknown_model_is_named() {
    let codec = Codec::default();
    let file = small_file(&codec);
    for id in [0u16, 77, 0xfffe, u16::MAX] {
        let other = with_bytes(&file, field::MODEL_ID, &id.to_le_bytes());
        assert_eq!(format_error(decode_repaired(&codec, other), "a model id"), Kind::UnknownModel);
    }
    let other = with_bytes(&file, field::MODEL_DIGEST, &[0xab; 8]);
    let result = decode_repaired(&codec, other.clone());
    let message = result.as_ref().expect_err("refused").to_string();
    assert!(message.contains("abababababababab"), "{message}");
    assert_eq!(format_error(result, "a model digest"), Kind::UnknownModel);
    // The header of such a file can still be read.
    let mut other = other;
    repair_header(&mut other);
    assert_eq!(codec.read_header(&other).expect("a header").0.model().1, [0xab; 8]);
}

#[test]
fn a_model_of_other_channels_is_refused() {
    let codec = Codec::default();
    let (colour, grey) = (small_file(&codec), codec.compress(&ramp(1, 9, 7), &metadata()).expect("a grey file"));
    let model = field::MODEL_ID..field::MODEL_DIGEST + 8;
    let swapped = with_bytes(&colour, model.start, &grey[model]);
    assert_eq!(format_error(decode_repaired(&codec, swapped), "a grey model"), Kind::InvalidField);
}

#[test]
fn every_reserved_and_out_of_range_field_is_refused() {
    let codec = Codec::default();
    let file = small_file(&codec);
    let tile = tile_table(&file);
    let changes: &[(&str, usize, &[u8])] = &[
        ("flags", field::VERSION + 2, &[1, 0]),
        ("no width", field::WIDTH, &[0; 4]),
        ("no height", field::HEIGHT, &[0; 4]),
        ("no channel", field::CHANNELS, &[0]),
        ("two channels", field::CHANNELS, &[2]),
        ("255 channels", field::CHANNELS, &[255]),
        ("a depth of 0", field::CHANNELS + 1, &[0]),
        ("a depth of 7", field::CHANNELS + 1, &[7]),
        ("a depth of 17", field::CHANNELS + 1, &[17]),
        ("an unknown family", field::CHANNELS + 2, &[9]),
        ("an unknown transform", field::CHANNELS + 3, &[1]),
        ("a reserved field of the model", field::MODEL_ID + 2, &[0, 1]),
        ("tiles of no width", field::TILE_WIDTH, &[0; 2]),
        ("tiles of no height", field::TILE_HEIGHT, &[0; 2]),
        ("tiles wider than the image", field::TILE_WIDTH, &[10, 0]),
        ("tiles higher than the image", field::TILE_HEIGHT, &[8, 0]),
        ("tiles that are smaller than their number says", field::TILE_WIDTH, &[4, 0]),
        ("a reserved field of the metadata", field::BLOCKS + 3, &[1]),
        ("metadata of kind 0", field::FIXED, &[0]),
        ("metadata of kind 200", field::FIXED, &[200]),
        ("two blocks of one kind", field::FIXED, &[2]),
        ("metadata that is longer stored", field::FIXED + 1, &[0xff; 4]),
        ("side information", tile, &[1, 0]),
        ("a stream of 3 bytes", tile + 2, &[3, 0, 0, 0]),
    ];
    for (what, at, bytes) in changes {
        let result = decode_repaired(&codec, with_bytes(&file, *at, bytes));
        assert_eq!(format_error(result, what), Kind::InvalidField, "{what}");
    }
}

#[test]
fn table_lengths_that_lie_are_refused() {
    let codec = Codec::default();
    let file = small_file(&codec);
    for tiles in [0u32, 2, 1000, u32::MAX] {
        let lying = with_bytes(&file, field::TILES, &tiles.to_le_bytes());
        assert_eq!(format_error(codec.decompress(&lying), "a number of tiles"), Kind::InvalidField);
    }
    for blocks in [9, 255] {
        let lying = with_bytes(&file, field::BLOCKS, &[blocks]);
        assert_eq!(format_error(codec.decompress(&lying), "a number of blocks"), Kind::InvalidField);
    }
    for blocks in [0, 1, 4, 8] {
        let lying = with_bytes(&file, field::BLOCKS, &[blocks]);
        let kind = format_error(codec.decompress(&lying), "a number of blocks");
        assert!(matches!(kind, Kind::HeaderChecksum | Kind::Truncated), "{blocks} blocks: {kind:?}");
    }
}

#[test]
fn streams_that_reach_outside_the_file_are_refused() {
    let codec = Codec::default();
    let file = small_file(&codec);
    let length_at = tile_table(&file) + 2;
    let length = u32::from_le_bytes(file[length_at..length_at + 4].try_into().expect("four bytes"));
    for (lie, kind) in [
        (length + 4, Kind::Truncated),
        (0x7fff_fffc, Kind::Truncated),
        (0xffff_fffc, Kind::Truncated),
        (length - 4, Kind::TrailingBytes),
        (0, Kind::TrailingBytes),
    ] {
        let lying = with_bytes(&file, length_at, &lie.to_le_bytes());
        assert_eq!(format_error(decode_repaired(&codec, lying), "a stream length"), kind, "{lie}");
    }
}

#[test]
fn a_stream_that_is_shorter_or_longer_than_its_samples_is_refused() {
    let codec = Codec::default();
    let file = small_file(&codec);
    let length_at = tile_table(&file) + 2;
    let length = u32::from_le_bytes(file[length_at..length_at + 4].try_into().expect("four bytes"));
    let with_stream = |stream: &[u8]| {
        let mut changed = file[..file.len() - length as usize].to_vec();
        changed.extend(stream);
        changed[length_at..length_at + 4].copy_from_slice(&(stream.len() as u32).to_le_bytes());
        decode_repaired(&codec, changed)
    };
    let stream = &file[file.len() - length as usize..];
    assert!(with_stream(stream).is_ok());
    let streams = [
        ("no word", Vec::new()),
        ("a word less at the end", stream[..stream.len() - 4].to_vec()),
        ("a word less at the start", stream[4..].to_vec()),
        ("a zero at the end", [stream, &[0; 4]].concat()),
        ("a one at the end", [stream, &[1, 0, 0, 0]].concat()),
        ("a zero at the start", [&[0; 4], stream].concat()),
        ("a one at the start", [&[1, 0, 0, 0], stream].concat()),
        ("zeros", vec![0; stream.len()]),
        ("ones", vec![0xff; stream.len()]),
        ("noise", Random(1).bytes(stream.len())),
    ];
    for (what, stream) in streams {
        assert_eq!(format_error(with_stream(&stream), what), Kind::TileChecksum, "{what}");
    }
}

#[test]
fn streams_in_another_order_are_refused() {
    let codec = Codec::default();
    let file = codec.compress(&gentle(1, 513, 2), &ansel::Metadata::default()).expect("a file of two tiles");
    let (first, second) = (field::FIXED, field::FIXED + field::TILE_ENTRY);
    let mut swapped = file.clone();
    swapped.copy_within(second..second + field::TILE_ENTRY, first);
    swapped[second..second + field::TILE_ENTRY].copy_from_slice(&file[first..second]);
    assert!(swapped != file);
    assert_eq!(format_error(decode_repaired(&codec, swapped), "swapped tiles"), Kind::TileChecksum);
}

#[test]
fn the_largest_sizes_are_beyond_the_limits() {
    let codec = Codec::default();
    let file = small_file(&codec);
    let most = u32::MAX.to_le_bytes();
    for at in [vec![field::WIDTH], vec![field::HEIGHT], vec![field::WIDTH, field::HEIGHT]] {
        let changed = at.into_iter().fold(file.clone(), |file, at| with_bytes(&file, at, &most));
        let result = decode_repaired(&codec, changed);
        assert!(matches!(result, Err(Error::LimitsExceeded { .. })), "{result:?}");
    }
}

#[test]
fn limits_hold_for_both_directions_to_the_sample() {
    let planes = gentle(3, 9, 7);
    let file = small_file(&Codec::default());
    let with_limits = |samples, metadata_bytes| {
        Codec::new(Options { limits: Limits { samples, metadata_bytes }, ..Options::default() })
    };
    let metadata_bytes = metadata().blocks().iter().map(|block| block.bytes.len() as u64).sum();
    let enough = with_limits(189, metadata_bytes);
    assert!(enough.compress(&planes, &metadata()).expect("a compressed image") == file);
    assert!(enough.decompress(&file).is_ok());
    for codec in [with_limits(188, metadata_bytes), with_limits(189, metadata_bytes - 1)] {
        let refused = |result: Result<(), Error>| match result {
            Err(Error::LimitsExceeded { value, limit, .. }) => assert_eq!(value, limit + 1),
            other => panic!("not refused: {other:?}"),
        };
        refused(codec.compress(&planes, &metadata()).map(drop));
        refused(codec.decompress(&file).map(drop));
        refused(codec.read_header(&file).map(drop));
        refused(codec.verify(&file).map(drop));
    }
}

#[test]
fn random_bytes_are_refused() {
    let codec = Codec::default();
    let magic = &small_file(&codec)[..8];
    let mut random = Random(11);
    for length in (0..300).chain([1000, 100_000]) {
        let bytes = random.bytes(length);
        assert!(codec.decompress(&bytes).is_err());
        assert!(codec.decompress(&[magic, &bytes].concat()).is_err());
        assert!(codec.decompress(&[magic, &[0; 4], &bytes].concat()).is_err());
    }
}

#[test]
fn random_changes_behind_a_valid_checksum_never_panic() {
    let codec = Codec::new(Options { limits: Limits { samples: 1 << 16, ..Limits::default() }, ..Options::default() });
    let file = small_file(&codec);
    let original = codec.decompress(&file).expect("a file that decodes");
    let header_bytes = codec.read_header(&file).expect("a header").0.header_bytes();
    let mut random = Random(12);
    for _ in 0..1500 {
        let mut changed = file.clone();
        let at = 8 + (random.next() % (header_bytes - 16)) as usize;
        changed[at] = match random.next() % 3 {
            0 => random.next() as u8,
            1 => changed[at] ^ 1 << (random.next() % 8),
            _ => changed[at].wrapping_add(1),
        };
        let table = changed[field::TILES..field::BLOCKS + 1].to_vec();
        if table == file[field::TILES..field::BLOCKS + 1] {
            repair_header(&mut changed);
        }
        if let Ok(decoded) = codec.decompress(&changed) {
            assert!(changed == file || decoded != original, "a change at {at} makes no difference");
        }
    }
}
