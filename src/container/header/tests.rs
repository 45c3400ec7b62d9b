use super::*;
use crate::error::FormatError;

const LIMITS: Limits = Limits { samples: 1 << 40, metadata_bytes: 1 << 20 };
/// Offsets in the header.
const SIZE: usize = 12;
const SHAPE: usize = 20;
const MODEL: usize = 24;
const TILE_SIZE: usize = 36;
const TILE_COUNT: usize = 40;
const METADATA_COUNT: usize = 44;
const METADATA_TABLE: usize = FIXED_BYTES;
const TILE_TABLE: usize = METADATA_TABLE + 2 * METADATA_ENTRY_BYTES;

fn entry(kind: u8, stored_bytes: u32, bytes: u32) -> MetadataEntry {
    MetadataEntry { kind, stored_bytes, bytes, checksum: [kind; 8] }
}

/// A header of six tiles and two metadata blocks.
fn example() -> Header {
    let tile = |index: u8| TileEntry { stream_bytes: 400 * u32::from(index), checksum: [0x80 | index; 8] };
    Header {
        width: 1000,
        height: 700,
        channels: 3,
        depth: 8,
        model: ModelIdentity { id: 0x0102, digest: *b"\x01\x02\x03\x04\x05\x06\x07\x08" },
        tile: (334, 350),
        metadata: vec![entry(1, 100, 2000), entry(3, 50, 50)],
        tiles: (0..6).map(tile).collect(),
    }
}

fn written(header: &Header) -> Vec<u8> {
    let mut file = Vec::new();
    header.write(&mut file);
    file
}

/// The example after a change of its bytes, with a checksum that fits.
fn changed(change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut file = written(&example());
    let end = file.len() - CHECKSUM_BYTES;
    change(&mut file[..end]);
    let sum = checksum(&file[..end]);
    file[end..].copy_from_slice(&sum);
    file
}

fn defect(file: &[u8]) -> FormatError {
    match Header::read(file, &LIMITS) {
        Err(Error::Format(defect)) => defect,
        other => panic!("no defect found: {other:?}"),
    }
}

#[track_caller]
fn assert_invalid(what: &str, change: impl FnOnce(&mut [u8])) {
    let defect = defect(&changed(change));
    assert_eq!(defect.kind(), FormatErrorKind::InvalidField, "{defect}");
    assert!(defect.to_string().contains(what), "`{defect}` does not say `{what}`");
}

#[test]
fn what_is_written_is_read() {
    let mut one_pixel = example();
    (one_pixel.width, one_pixel.height, one_pixel.channels, one_pixel.tile) = (1, 1, 1, (1, 1));
    one_pixel.tiles.truncate(1);
    one_pixel.metadata.clear();
    let mut large_tiles = example();
    (large_tiles.width, large_tiles.height, large_tiles.tile) = (3 * 4096, 2 * 4096 - 5, (4096, 4096));
    large_tiles.tiles[5].stream_bytes = u32::MAX - 3;
    for header in [example(), one_pixel, large_tiles] {
        let file = written(&header);
        assert_eq!(file.len() as u64, header.header_bytes());
        assert_eq!(Header::read(&file, &LIMITS).expect("a valid header"), header);
    }
}

#[test]
fn a_header_is_read_whatever_follows_it() {
    let header = example();
    let mut file = written(&header);
    file.extend([7; 99]);
    assert_eq!(Header::read(&file, &LIMITS).expect("a valid header"), header);
}

/// The bytes are those of the format's description, field after field.
#[test]
fn a_header_has_its_known_bytes() {
    let mut header = example();
    header.tiles.truncate(2);
    (header.width, header.height, header.tile) = (0x0203, 0x0104, (0x0103, 0x0104));
    header.metadata.truncate(1);
    let file = written(&header);
    let mut expected: Vec<u8> = b"\x89ANSL\r\n\x1a".to_vec();
    expected.extend(b"\0\0\0\0"); // version, flags
    expected.extend(b"\x03\x02\0\0\x04\x01\0\0"); // width, height
    expected.extend(b"\x03\x08\x01\0"); // channels, depth, family, transform
    expected.extend(b"\x02\x01\0\0\x01\x02\x03\x04\x05\x06\x07\x08"); // model
    expected.extend(b"\x03\x01\x04\x01\x02\0\0\0"); // tile size, tile count
    expected.extend(b"\x01\0\0\0"); // metadata count
    expected.extend(b"\x01\x64\0\0\0\xd0\x07\0\0\x01\x01\x01\x01\x01\x01\x01\x01");
    expected.extend(b"\0\0\0\0\0\0\x80\x80\x80\x80\x80\x80\x80\x80");
    expected.extend(b"\0\0\x90\x01\0\0\x81\x81\x81\x81\x81\x81\x81\x81");
    assert_eq!(file[..file.len() - 8], expected);
    assert_eq!(file[file.len() - 8..], checksum(&expected));
}

#[test]
fn the_sizes_of_the_parts_are_the_sums_of_their_entries() {
    let header = example();
    assert_eq!(header.samples(), 2_100_000);
    assert_eq!((header.header_bytes(), header.metadata_bytes(), header.stream_bytes()), (174, 150, 6000));
    assert_eq!(header.file_bytes(), 6324);
}

#[test]
fn a_reserved_field_that_is_not_zero_is_invalid() {
    let fields = [
        ("flags", 10..12),
        ("transform", SHAPE + 3..SHAPE + 4),
        ("model field", MODEL + 2..MODEL + 4),
        ("metadata field", METADATA_COUNT + 1..METADATA_COUNT + 4),
        ("side information", TILE_TABLE..TILE_TABLE + 2),
        ("side information", TILE_TABLE + 5 * TILE_ENTRY_BYTES..TILE_TABLE + 5 * TILE_ENTRY_BYTES + 2),
    ];
    for (name, bytes) in fields {
        for at in bytes {
            for value in [1, 0x80, 0xff] {
                assert_invalid(name, |file| file[at] = value);
            }
        }
    }
}

#[test]
fn shapes_that_this_version_does_not_code_are_invalid() {
    for channels in [0, 2, 4, 255] {
        assert_invalid(&format!("{channels} channels"), |file| file[SHAPE] = channels);
    }
    for depth in [0, 7, 9, 16] {
        assert_invalid(&format!("{depth} bits"), |file| file[SHAPE + 1] = depth);
    }
    for family in [0, 2] {
        assert_invalid(&format!("family {family}"), |file| file[SHAPE + 2] = family);
    }
}

fn set_size(file: &mut [u8], width: u32, height: u32) {
    file[SIZE..SIZE + 4].copy_from_slice(&width.to_le_bytes());
    file[SIZE + 4..SIZE + 8].copy_from_slice(&height.to_le_bytes());
}

#[test]
fn an_image_without_pixels_is_invalid() {
    for (width, height) in [(0, 700), (1000, 0), (0, 0), (0, u32::MAX)] {
        assert_invalid("an image of", |file| set_size(file, width, height));
    }
}

#[test]
fn an_image_beyond_the_limit_is_refused_before_its_tables_are_read() {
    for (width, height) in [(u32::MAX, u32::MAX), (u32::MAX, 700), (1000, u32::MAX)] {
        let file = changed(|file| set_size(file, width, height));
        let read = Header::read(&file[..FIXED_BYTES], &Limits { samples: 2_100_000, ..LIMITS });
        let samples = 3 * u128::from(width) * u128::from(height);
        let expected = u64::try_from(samples).unwrap_or(u64::MAX);
        assert!(matches!(read, Err(Error::LimitsExceeded { value, limit: 2_100_000, .. }) if value == expected));
    }
}

#[test]
fn the_limit_itself_is_allowed() {
    let file = written(&example());
    let exact = Limits { samples: 2_100_000, metadata_bytes: 2050 };
    assert!(Header::read(&file, &exact).is_ok());
    for below in [Limits { samples: 2_099_999, ..exact.clone() }, Limits { metadata_bytes: 2049, ..exact }] {
        assert!(matches!(Header::read(&file, &below), Err(Error::LimitsExceeded { .. })));
    }
}

#[test]
fn the_largest_size_without_limits_is_invalid_for_its_tiles() {
    let unlimited = Limits { samples: u64::MAX, metadata_bytes: u64::MAX };
    let file = changed(|file| {
        set_size(file, u32::MAX, u32::MAX);
        file[TILE_SIZE..TILE_SIZE + 4].copy_from_slice(&[0, 16, 0, 16]); // 4096 x 4096
        file[TILE_COUNT..TILE_COUNT + 4].fill(0xff);
    });
    match Header::read(&file, &unlimited) {
        Err(Error::Format(defect)) => assert_eq!(defect.kind(), FormatErrorKind::InvalidField),
        other => panic!("no defect found: {other:?}"),
    }
}

#[test]
fn declared_tables_that_are_not_there_are_a_truncation() {
    // Tiles of one pixel: 60 GB of table, were it there.
    let file = changed(|file| {
        set_size(file, u32::MAX, 1);
        file[TILE_SIZE..TILE_SIZE + 4].copy_from_slice(&[1, 0, 1, 0]);
        file[TILE_COUNT..TILE_COUNT + 4].fill(0xff);
    });
    assert_eq!(defect(&file).kind(), FormatErrorKind::Truncated);
}

#[test]
fn tiles_that_do_not_cover_the_image_are_invalid() {
    for tiles in [0u32, 1, 5, 7, 262, u32::MAX] {
        assert_invalid("where 6 cover", |file| file[TILE_COUNT..TILE_COUNT + 4].copy_from_slice(&tiles.to_le_bytes()));
    }
    // Two columns more, or one row less, than the table has.
    assert_invalid("where 10 cover", |file| file[TILE_SIZE..TILE_SIZE + 2].copy_from_slice(&200u16.to_le_bytes()));
    assert_invalid("where 3 cover", |file| set_size(file, 1000, 350));
}

#[test]
fn tiles_without_pixels_or_larger_than_the_image_or_the_limit_are_invalid() {
    for (side, at) in [(0u16, 0), (1001, 0), (u16::MAX, 0), (0, 2), (701, 2)] {
        assert_invalid("tiles of", |file| file[TILE_SIZE + at..][..2].copy_from_slice(&side.to_le_bytes()));
    }
    assert_invalid("tiles of 4097", |file| {
        set_size(file, 5 * 4097, 700);
        file[TILE_SIZE..TILE_SIZE + 2].copy_from_slice(&4097u16.to_le_bytes());
    });
}

#[test]
fn metadata_tables_that_break_a_rule_are_invalid() {
    assert_invalid("9 metadata blocks", |file| file[METADATA_COUNT] = 9);
    for kind in [0, 6, 255] {
        assert_invalid(&format!("kind {kind}"), |file| file[METADATA_TABLE] = kind);
    }
    for (first, second) in [(3, 1), (2, 2)] {
        assert_invalid("ascending order", |file| {
            file[METADATA_TABLE] = first;
            file[METADATA_TABLE + METADATA_ENTRY_BYTES] = second;
        });
    }
    assert_invalid("longer stored", |file| file[METADATA_TABLE + METADATA_ENTRY_BYTES + 1] = 51);
}

#[test]
fn metadata_beyond_the_limit_is_refused() {
    let file = changed(|file| file[METADATA_TABLE + 5..METADATA_TABLE + 9].fill(0xff));
    let read = Header::read(&file, &LIMITS);
    let declared = u64::from(u32::MAX) + 50;
    assert!(matches!(read, Err(Error::LimitsExceeded { value, .. }) if value == declared), "{read:?}");
}

#[test]
fn streams_that_are_not_whole_words_are_invalid() {
    for bytes in [401, 402, 403] {
        let at = TILE_TABLE + TILE_ENTRY_BYTES + 2;
        assert_invalid("tile 1 has", |file| file[at..at + 4].copy_from_slice(&u32::to_le_bytes(bytes)));
    }
}

#[test]
fn every_truncation_is_a_truncation() {
    let file = written(&example());
    for length in 0..file.len() {
        assert_eq!(defect(&file[..length]).kind(), FormatErrorKind::Truncated, "{length} bytes");
    }
}

#[test]
fn every_flipped_bit_is_an_error() {
    let mut file = written(&example());
    for bit in 0..8 * file.len() {
        file[bit / 8] ^= 1 << (bit % 8);
        let read = Header::read(&file, &LIMITS);
        match (bit / 64, read) {
            (0, Err(Error::Format(defect))) => assert_eq!(defect.kind(), FormatErrorKind::NotAnsel),
            (_, Err(Error::Format(_) | Error::LimitsExceeded { .. })) => {}
            (_, other) => panic!("bit {bit}: {other:?}"),
        }
        file[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn damage_that_no_field_shows_is_found_by_the_checksum() {
    for at in [MODEL, MODEL + 4, METADATA_TABLE + 9, TILE_TABLE + 6, TILE_TABLE + 3] {
        let mut file = written(&example());
        file[at] ^= 4;
        assert_eq!(defect(&file).kind(), FormatErrorKind::HeaderChecksum, "byte {at}");
    }
}

#[test]
fn other_versions_and_other_files_are_told_apart() {
    for version in [1u16, 0x100, u16::MAX] {
        let file = changed(|file| file[8..10].copy_from_slice(&version.to_le_bytes()));
        assert_eq!(defect(&file).kind(), FormatErrorKind::UnknownVersion);
    }
    for other in [&b"\x89PNG\r\n\x1a\n"[..], b"P6", b"\0", b"\x89ANSL\n"] {
        assert_eq!(defect(other).kind(), FormatErrorKind::NotAnsel);
    }
}

#[test]
fn a_header_that_is_read_is_the_only_one_with_its_fields() {
    // Each byte of the example set to each of some values, with a checksum that fits.
    for at in MAGIC.len()..written(&example()).len() - CHECKSUM_BYTES {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let file = changed(|file| file[at] = value);
            if let Ok(header) = Header::read(&file, &LIMITS) {
                assert_eq!(written(&header), file, "byte {at} set to {value}");
            }
        }
    }
}
