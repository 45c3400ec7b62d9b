use super::*;
use crate::base::error::{Error, FormatError};
use crate::testing::{format_error, number};

const LIMITS: Limits = Limits { samples: 1 << 60, metadata_bytes: 1 << 20, work: 0, memory: 0 };

fn entry(kind: u8, stored_bytes: u32, bytes: u32) -> MetadataEntry {
    MetadataEntry { kind, stored_bytes, bytes, checksum: [kind; CHECKSUM_BYTES] }
}

/// A header with three bands and two metadata blocks.
fn example() -> Header {
    Header {
        width: 1000,
        height: 700,
        channels: 3,
        depth: 8,
        band_rows: 300,
        metadata: vec![entry(1, 100, 2000), entry(3, 50, 50)],
    }
}

/// The fields of a header as bytes, valid or not.
#[derive(Debug, Clone)]
struct Raw {
    version: u8,
    kind: u8,
    /// Width, height, rows per band.
    numbers: [Vec<u8>; 3],
    blocks: u8,
    table: Vec<u8>,
}

impl Raw {
    fn of(header: &Header) -> Self {
        let mut table = Vec::new();
        header.metadata.iter().for_each(|entry| entry.write(&mut table));
        Self {
            version: 1,
            kind: header.channels | (header.depth - 1) << 4,
            numbers: [header.width, header.height, header.band_rows].map(|side| number(side.into())),
            blocks: header.metadata.len() as u8,
            table,
        }
    }

    /// The header, with a matching checksum.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = [&b"\x89ANSL\r\n\x1a"[..], &[self.version, self.kind], &self.numbers.concat()].concat();
        bytes.push(self.blocks);
        bytes.extend(&self.table);
        let sum = checksum(&bytes);
        bytes.extend(sum);
        bytes
    }
}

/// The example after a change, with a matching checksum.
fn changed(change: impl FnOnce(&mut Raw)) -> Vec<u8> {
    let mut raw = Raw::of(&example());
    change(&mut raw);
    raw.bytes()
}

fn defect(file: &[u8]) -> FormatError {
    format_error(Header::read(file, &LIMITS))
}

#[track_caller]
fn assert_invalid(what: &str, change: impl FnOnce(&mut Raw)) {
    let defect = defect(&changed(change));
    assert_eq!(defect.kind(), FormatErrorKind::InvalidField, "{defect}");
    assert!(defect.to_string().contains(what), "`{defect}` does not say `{what}`");
}

#[test]
fn what_is_written_is_read() {
    let mut headers = vec![example()];
    for (channels, depth) in (1..=4).flat_map(|channels| (1..=16).map(move |depth| (channels, depth))) {
        headers.push(Header { channels, depth, metadata: Vec::new(), ..example() });
    }
    for (width, height, band_rows) in
        [(1, 1, 1), (1 << 24, 1, 1), (1 << 24, 9, 1), (1, MAX_HEIGHT, 1 << 24), (127, 128, 128), (20_000, 3, 2)]
    {
        headers.push(Header { width, height, band_rows, ..example() });
    }
    for header in headers {
        assert_eq!(Raw::of(&header).bytes(), header.to_bytes());
        let mut file = header.to_bytes();
        let length = file.len();
        file.extend([7; 99]);
        let mut rest = &file[..];
        assert_eq!(Header::read(&mut rest, &LIMITS).expect("a valid header"), header);
        assert_eq!(rest.len(), 99, "the header has {length} bytes");
    }
}

/// The bytes follow the format's description, field by field.
#[test]
fn a_header_has_its_known_bytes() {
    let mut header = Header { channels: 4, depth: 16, ..example() };
    header.metadata.truncate(1);
    let mut expected: Vec<u8> = b"\x89ANSL\r\n\x1a".to_vec();
    expected.extend(b"\x01\xf4"); // version; depth - 1, channels
    expected.extend(b"\xe8\x07\xbc\x05\xac\x02"); // width, height, rows of a band
    expected.extend(b"\x01\x01\x64\xd0\x0f\x01\x01\x01\x01"); // metadata
    let sum = checksum(&expected);
    assert_eq!(header.to_bytes(), [&expected[..], &sum].concat());
}

#[test]
fn bands_divide_the_rows() {
    let bands = |height, band_rows| {
        let header = Header { height, band_rows, ..example() };
        (0..header.bands()).map(|index| header.band(index)).collect::<Vec<_>>()
    };
    assert_eq!(bands(700, 300), [(0, 300), (300, 300), (600, 100)]);
    assert_eq!(bands(700, 700), [(0, 700)]);
    assert_eq!(bands(700, 350), [(0, 350), (350, 350)]);
    assert_eq!(bands(3, 1), [(0, 1), (1, 1), (2, 1)]);
    let most = Header { height: u32::MAX, band_rows: u32::MAX - 1, ..example() };
    assert_eq!((most.bands(), most.band(1)), (2, (u32::MAX - 1, 1)));
}

#[test]
fn what_a_header_says_is_what_it_holds() {
    let header = example();
    assert_eq!((header.width(), header.height(), header.channels(), header.depth()), (1000, 700, 3, 8));
    assert_eq!((header.samples(), header.metadata_bytes(), header.version()), (2_100_000, 150, 1));
    let most = Header { width: u32::MAX, height: u32::MAX >> 2, channels: 4, ..example() };
    assert_eq!(most.samples(), u64::from(u32::MAX) * u64::from(u32::MAX >> 2) * 4);
}

#[test]
fn channels_that_no_image_has_are_invalid() {
    for channels in (0..16).filter(|channels| !(1..=4).contains(channels)) {
        // 15 channels of 1 bit mark a JPEG file.
        for depth in [0, 7, 15].into_iter().filter(|depth| channels | depth << 4 != JPEG_KIND) {
            assert_invalid(&format!("{channels} channels"), |raw| raw.kind = channels | depth << 4);
        }
    }
}

#[test]
fn sides_of_nothing_or_beyond_their_range_are_invalid() {
    for (field, most) in [(0, 1 << 24), (1, (1 << 31) - 1), (2, 700)] {
        assert_invalid("no pixels", |raw| raw.numbers[field] = number(0));
        assert_invalid(&format!("{} where {most} is the most", most + 1), |raw| raw.numbers[field] = number(most + 1));
        assert_invalid("is the most", |raw| raw.numbers[field] = number(1 << 32));
        assert_invalid("is the most", |raw| raw.numbers[field] = number(u64::MAX));
    }
    assert_invalid("701 where 700 is the most", |raw| raw.numbers[2] = number(701));
    assert_invalid("1000 where 999 is the most", |raw| {
        raw.numbers[1] = number(999);
        raw.numbers[2] = number(1000);
    });
}

#[test]
fn bands_of_more_pixels_than_2_to_the_24th_are_invalid() {
    for (width, height, most) in [(1 << 24, 2, 1), ((1 << 23) + 1, 2, 1), (1 << 23, 3, 2), (5000, 5000, 3355)] {
        let rows = |rows| changed(|raw| raw.numbers = [number(width), number(height), number(rows)]);
        assert_eq!(Header::read(&rows(most)[..], &LIMITS).expect("a valid header").band_rows, most as u32);
        assert_eq!(defect(&rows(most + 1)).kind(), FormatErrorKind::InvalidField, "{width} x {height}");
    }
}

#[test]
fn numbers_in_another_than_their_shortest_form_are_invalid() {
    for field in 0..3 {
        assert_invalid("shortest form", |raw| {
            *raw.numbers[field].last_mut().expect("a byte") |= 0x80;
            raw.numbers[field].push(0);
        });
        assert_invalid("shortest form", |raw| raw.numbers[field] = vec![0xff; 11]);
    }
    assert_invalid("shortest form", |raw| {
        raw.table[1] |= 0x80;
        raw.table.insert(2, 0);
    });
}

#[test]
fn an_image_beyond_the_limit_is_refused_before_its_tables_are_read() {
    for (width, height) in [(MAX_WIDTH, MAX_HEIGHT), (MAX_WIDTH, 700), (1000, MAX_HEIGHT)] {
        let mut raw = Raw::of(&example());
        (raw.numbers[0], raw.numbers[1]) = (number(width.into()), number(height.into()));
        let fixed = 10 + raw.numbers[0].len() + raw.numbers[1].len();
        let read = Header::read(&raw.bytes()[..fixed], &Limits { samples: 2_100_000, ..LIMITS });
        let samples = 3 * u128::from(width) * u128::from(height);
        let expected = u64::try_from(samples).unwrap_or(u64::MAX);
        assert!(matches!(read, Err(Error::LimitsExceeded { value, limit: 2_100_000, .. }) if value == expected));
    }
}

#[test]
fn the_limit_itself_is_allowed() {
    let file = example().to_bytes();
    let exact = Limits { samples: 2_100_000, metadata_bytes: 2050, ..LIMITS };
    assert!(Header::read(&file[..], &exact).is_ok());
    for below in [Limits { samples: 2_099_999, ..exact.clone() }, Limits { metadata_bytes: 2049, ..exact }] {
        assert!(matches!(Header::read(&file[..], &below), Err(Error::LimitsExceeded { .. })));
    }
}

#[test]
fn metadata_tables_that_break_a_rule_are_invalid() {
    assert_invalid("9 metadata blocks", |raw| raw.blocks = 9);
    assert_invalid("255 metadata blocks", |raw| raw.blocks = 255);
    for kind in [0, 6, 255] {
        assert_invalid(&format!("kind {kind}"), |raw| raw.table[0] = kind);
    }
    let table = |kinds: [u8; 2]| {
        let mut table = Vec::new();
        kinds.iter().for_each(|&kind| entry(kind, 5, 5).write(&mut table));
        table
    };
    for kinds in [[3, 1], [2, 2], [3, 2]] {
        assert_invalid("ascending order", |raw| raw.table = table(kinds));
    }
    assert_invalid("longer stored", |raw| {
        raw.table.clear();
        entry(1, 6, 5).write(&mut raw.table);
    });
    for field in [1, 2] {
        assert_invalid("is the most", |raw| {
            let numbers = [5u64, 5];
            let numbers: Vec<u8> =
                (1..).zip(numbers).flat_map(|(at, n)| number(if at == field { 1 << 32 } else { n })).collect();
            raw.table = [&[1], &numbers[..], &[0; 4]].concat();
        });
    }
}

#[test]
fn metadata_beyond_the_limit_is_refused() {
    let header = Header { metadata: vec![entry(1, 7, u32::MAX), entry(2, 50, 50)], ..example() };
    let read = Header::read(&header.to_bytes()[..], &LIMITS);
    let declared = u64::from(u32::MAX) + 50;
    assert!(matches!(read, Err(Error::LimitsExceeded { value, .. }) if value == declared), "{read:?}");
}

#[test]
fn tables_of_another_length_than_their_number_of_blocks_are_found() {
    for blocks in [0, 1] {
        assert_eq!(defect(&changed(|raw| raw.blocks = blocks)).kind(), FormatErrorKind::HeaderChecksum);
    }
    for blocks in [3, 8] {
        let kind = defect(&changed(|raw| raw.blocks = blocks)).kind();
        assert!(matches!(kind, FormatErrorKind::Truncated | FormatErrorKind::InvalidField), "{kind:?}");
    }
}

#[test]
fn every_truncation_is_a_truncation() {
    let file = example().to_bytes();
    for length in 0..file.len() {
        assert_eq!(defect(&file[..length]).kind(), FormatErrorKind::Truncated, "{length} bytes");
    }
}

#[test]
fn every_flipped_bit_is_an_error() {
    let mut file = example().to_bytes();
    for bit in 0..8 * file.len() {
        file[bit / 8] ^= 1 << (bit % 8);
        let read = Header::read(&file[..], &LIMITS);
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
    let file = example().to_bytes();
    for at in [10, file.len() - 5, file.len() - 1] {
        let mut file = file.clone();
        file[at] ^= 4;
        assert_eq!(defect(&file).kind(), FormatErrorKind::HeaderChecksum, "byte {at}");
    }
}

#[test]
fn other_versions_and_other_files_are_told_apart() {
    for version in (0..=255).filter(|&version| version != 1) {
        let defect = defect(&changed(|raw| raw.version = version));
        assert_eq!(defect.kind(), FormatErrorKind::UnknownVersion);
        assert!(defect.to_string().contains(&format!("version {version},")), "{defect}");
    }
    for other in [&b"\x89PNG\r\n\x1a\n"[..], b"P6", b"\0", b"\x89ANSL\n"] {
        assert_eq!(defect(other).kind(), FormatErrorKind::NotAnsel);
    }
}

#[test]
fn a_header_that_is_read_is_the_only_one_with_its_fields() {
    // Sets each byte of the example to each value, with a matching checksum.
    let end = example().to_bytes().len() - CHECKSUM_BYTES;
    for at in MAGIC.len()..end {
        for value in 0..=255 {
            let mut file = example().to_bytes();
            file[at] = value;
            let sum = checksum(&file[..end]);
            file[end..].copy_from_slice(&sum);
            if let Ok(header) = Header::read(&file[..], &LIMITS) {
                assert_eq!(header.to_bytes(), file, "byte {at} set to {value}");
            }
        }
    }
}
