//! Files that are damaged, truncated or made up: each is refused with a typed error.

mod common;

use std::io::Cursor;
use std::sync::LazyLock;

use ansel::{Codec, Decoded, Error, FormatErrorKind as Kind, Limits, Metadata, Planes};
use common::raw::{RawBand, RawPart};
use common::*;

/// Limits that keep declared sizes small.
static CODEC: LazyLock<Codec> = LazyLock::new(|| {
    let limits = Limits { samples: 1 << 16, ..Limits::default() };
    Codec::builder().limits(limits).threads(2).build().expect("a codec")
});

struct Sample {
    name: &'static str,
    file: Vec<u8>,
    planes: Planes,
}

/// A small file with all kinds of content: metadata, compressed and not, and a network's stream.
fn small_file() -> Vec<u8> {
    codec_for_photographs(3).compress(&gentle(3, 9, 7), &metadata()).expect("a compressed image")
}

/// Small files of all kinds.
fn samples() -> Vec<Sample> {
    let plain = |name, planes: Planes| {
        let file = CODEC.compress(&planes, &Metadata::default()).expect("a compressed image");
        Sample { name, file, planes }
    };
    let (file, planes) = two_bands(&CODEC, &gentle(1, 7, 5), &drawing(1, 7, 5));
    vec![
        Sample { name: "network and metadata", file: small_file(), planes: gentle(3, 9, 7) },
        plain("grey noise", noise(1, 6, 5)),
        plain("constant", flat(3, 6, 5, 77)),
        plain("palette", drawing(4, 13, 12)),
        plain("grey and alpha of 12 bits", scaled(&gentle(2, 5, 6), 12)),
        Sample { name: "two bands", file, planes },
        vp8l(),
        png(),
    ]
}

/// The drawing as VP8L. Its tile and checksum equal those of the compressed file, so that parts can be swapped.
fn vp8l() -> Sample {
    let planes = repeating();
    let file = CODEC.compress(&planes, &Metadata::default()).expect("a compressed image");
    let info = CODEC.read_info(Cursor::new(&file)).expect("a valid file");
    assert_eq!(info.bands[0].parts()[0].coder, "VP8L", "this image no longer takes VP8L");
    Sample { name: "VP8L", file, planes }
}

/// The same drawing with 12 bits, in PNG's coding.
fn png() -> Sample {
    let planes = scaled(&repeating(), 12);
    let file = CODEC.compress(&planes, &Metadata::default()).expect("a compressed image");
    let info = CODEC.read_info(Cursor::new(&file)).expect("a valid file");
    assert_eq!(info.bands[0].parts()[0].coder, "PNG", "this image no longer takes PNG");
    Sample { name: "PNG", file, planes }
}

/// A file after a change of its fields, with matching lengths and checksums.
fn changed(file: &[u8], change: impl FnOnce(&mut RawFile)) -> Vec<u8> {
    let mut raw = RawFile::parse(file);
    change(&mut raw);
    let changed = raw.to_bytes();
    assert!(changed != file, "the change changes nothing");
    changed
}

fn decode_changed(file: &[u8], change: impl FnOnce(&mut RawFile)) -> Result<Decoded, Error> {
    CODEC.decompress(&changed(file, change))
}

#[track_caller]
fn assert_kind(file: &[u8], kind: Kind, what: &str) {
    assert_eq!(format_error(CODEC.decompress(file), what), kind, "{what}");
}

#[test]
fn a_file_that_is_written_from_its_fields_is_the_same_file() {
    for Sample { name, file, planes } in samples() {
        assert!(RawFile::parse(&file).to_bytes() == file, "{name}: the tests have another format than the library");
        assert!(CODEC.decompress(&file).expect(name).planes == planes, "{name}");
    }
}

#[test]
fn a_file_truncated_at_any_length_is_truncated() {
    for Sample { name, file, .. } in samples() {
        for length in 0..file.len() {
            let (cut, what) = (&file[..length], format!("the first {length} bytes of {}: {name}", file.len()));
            assert_eq!(format_error(CODEC.decompress(cut), &what), Kind::Truncated, "{what}");
            assert_eq!(format_error(CODEC.read_info(Cursor::new(cut)), &what), Kind::Truncated, "{what}");
            assert_eq!(format_error(CODEC.verify(Cursor::new(cut)), &what), Kind::Truncated, "{what}");
        }
    }
}

#[test]
fn every_changed_byte_is_found_or_changes_nothing() {
    for Sample { name, file, planes } in samples() {
        let raw = RawFile::parse(&file);
        let long_range = raw
            .bands
            .iter()
            .any(|band| band.parts.iter().any(|part| [[2], [3]].iter().any(|coder| part.coder == coder)));
        for at in 0..file.len() {
            for bits in [1, 0x80, 0x24, 0xff] {
                let mut damaged = file.clone();
                damaged[at] ^= bits;
                match CODEC.decompress(&damaged) {
                    Err(Error::Format(_) | Error::LimitsExceeded { .. }) => {}
                    Err(other) => panic!("byte {at} of {name}: {other}"),
                    // VP8L has bits without meaning, and so does the header of a zlib stream.
                    Ok(decoded) => {
                        assert!(long_range && decoded.planes == planes, "byte {at} of {name} makes no difference")
                    }
                }
            }
        }
    }
}

#[test]
fn damage_is_found_in_the_part_of_the_file_where_it_lies() {
    let file = small_file();
    let raw = RawFile::parse(&file);
    let header = raw.header().len();
    let metadata = header + raw.metadata.len();
    let table = metadata + raw.bands[0].table().len();
    let parts = [
        (10..header, Kind::HeaderChecksum),
        (header..metadata, Kind::MetadataChecksum),
        (metadata..table, Kind::HeaderChecksum),
        (table..file.len(), Kind::TileChecksum),
    ];
    for (place, expected) in parts {
        let mut kinds = Vec::new();
        for at in place {
            let mut damaged = file.clone();
            damaged[at] ^= 4;
            kinds.extend(match CODEC.decompress(&damaged) {
                Err(Error::Format(error)) => Some(error.kind()),
                _ => None,
            });
        }
        assert!(kinds.contains(&expected), "{expected:?} never happened");
        let strict = matches!(expected, Kind::MetadataChecksum | Kind::TileChecksum);
        assert!(!strict || kinds.iter().all(|&kind| kind == expected), "{kinds:?} instead of {expected:?}");
    }
}

#[test]
fn bytes_after_the_end_are_refused() {
    for Sample { name, file, .. } in samples() {
        for tail in [&b"\0"[..], b"\n", b"\0\0\0\0", &file] {
            let longer = [&file[..], tail].concat();
            assert_eq!(format_error(CODEC.decompress(&longer), name), Kind::TrailingBytes);
            assert_eq!(format_error(CODEC.read_info(Cursor::new(&longer)), name), Kind::TrailingBytes);
            assert_eq!(format_error(CODEC.verify(Cursor::new(&longer)), name), Kind::TrailingBytes);
        }
    }
}

#[test]
fn other_first_bytes_are_not_ansel() {
    let file = small_file();
    for at in 0..8 {
        let mut wrong = file.clone();
        wrong[at] ^= 0x20;
        assert_kind(&wrong, Kind::NotAnsel, "a wrong magic number");
        // Too short for a header, but already recognisably wrong.
        assert_kind(&wrong[..=at], Kind::NotAnsel, "a wrong magic number");
    }
    assert_kind(&std::fs::read(PHOTOGRAPH).expect("the photograph"), Kind::NotAnsel, "a PNG");
    assert_kind(b"P5 1 1 255 x", Kind::NotAnsel, "a PGM");
}

#[test]
fn an_unknown_version_is_named() {
    let file = small_file();
    for version in [0, 2, 100, 255] {
        // A later version may have its checksum elsewhere, so the version is checked first.
        let mut unrepaired = file.clone();
        unrepaired[8] = version;
        for result in [CODEC.decompress(&unrepaired), decode_changed(&file, |raw| raw.version = version)] {
            let message = result.as_ref().expect_err("refused").to_string();
            assert!(message.contains(&format!("version {version}")), "{message}");
            assert_eq!(format_error(result, "a version"), Kind::UnknownVersion);
        }
    }
}

/// A network as the coder of a part.
fn network(id: u64, digest: [u8; 16]) -> Vec<u8> {
    [vec![1], common::raw::number(id), digest.to_vec()].concat()
}

/// A network that learns, with these parameters.
fn learning(less: u8, step: u8, pull_back: u8) -> Vec<u8> {
    let digest = common::raw::digest(ansel::models()[0].file);
    [vec![4], common::raw::number(1), digest.to_vec(), vec![less, step, pull_back]].concat()
}

#[test]
fn an_unknown_model_is_named() {
    let file = small_file();
    let coder = RawFile::parse(&file).bands[0].parts[0].coder.clone();
    let digest = coder[coder.len() - 16..].try_into().expect("sixteen bytes");
    for id in [0, 6, 77, 0xfffe, 0xffff] {
        let result = decode_changed(&file, |raw| raw.bands[0].parts[0].coder = network(id, digest));
        assert_eq!(format_error(result, "a model id"), Kind::UnknownModel, "{id}");
    }
    let other = changed(&file, |raw| raw.bands[0].parts[0].coder = network(1, [0xab; 16]));
    let result = CODEC.decompress(&other);
    let message = result.as_ref().expect_err("refused").to_string();
    assert!(message.contains("SHA-256 abababab..."), "{message}");
    assert_eq!(format_error(result, "a model digest"), Kind::UnknownModel);
    // The tables of such a file are still readable.
    let info = CODEC.read_info(Cursor::new(&other)).expect("valid tables");
    assert_eq!(info.bands[0].parts()[0].model, Some((1, [0xab; 16])));
}

#[test]
fn a_model_of_other_channels_is_refused() {
    for model in ansel::models().iter().filter(|model| model.content.channels() == 1) {
        let coder = network(model.id.into(), common::raw::digest(model.file));
        let result = decode_changed(&small_file(), |raw| raw.bands[0].parts[0].coder = coder);
        assert_eq!(format_error(result, "a grey model"), Kind::InvalidField);
    }
}

#[test]
fn every_field_out_of_range_is_refused() {
    let file = small_file();
    type Case = (&'static str, fn(&mut RawFile));
    let cases: [Case; 38] = [
        ("no width", |raw| raw.width = 0),
        ("no height", |raw| raw.height = 0),
        ("a width of 2^24 + 1", |raw| raw.width = (1 << 24) + 1),
        ("a height of 2^31", |raw| raw.height = 1 << 31),
        ("a width beyond 32 bits", |raw| raw.width = 1 << 32),
        ("a height beyond 64 bits less one", |raw| raw.height = u64::MAX),
        ("bands without rows", |raw| raw.band_rows = 0),
        ("bands higher than the image", |raw| raw.band_rows += 1),
        ("no channel", |raw| raw.kind &= 0xf0),
        ("five channels", |raw| raw.kind = 0x75),
        ("fifteen channels", |raw| raw.kind |= 15),
        ("another number of channels than the parts have", |raw| raw.kind += 1),
        ("fewer channels than the parts have", |raw| raw.kind -= 1),
        ("nine metadata blocks", |raw| raw.blocks = 9),
        ("metadata of kind 0", |raw| raw.entries[0].kind = 0),
        ("metadata of kind 200", |raw| raw.entries[0].kind = 200),
        ("two blocks of one kind", |raw| raw.entries[0].kind = 2),
        ("blocks out of order", |raw| raw.entries.reverse()),
        ("metadata that is longer stored", |raw| raw.entries[0].bytes = raw.entries[0].stored_bytes - 1),
        ("metadata beyond 32 bits", |raw| raw.entries[0].bytes = 1 << 32),
        ("tiles of no width", |raw| raw.bands[0].tile.0 = 0),
        ("tiles of no height", |raw| raw.bands[0].tile.1 = 0),
        ("tiles wider than the image", |raw| raw.bands[0].tile.0 = 10),
        ("tiles higher than the band", |raw| raw.bands[0].tile.1 = 8),
        ("a tile too many", |raw| {
            let first = raw.bands[0].tiles[0].clone();
            raw.bands[0].tiles.push(first);
        }),
        ("no part", |raw| {
            raw.bands[0].count = 0;
            raw.bands[0].parts.clear();
        }),
        ("a part too many", |raw| {
            let first = raw.bands[0].parts[0].clone();
            raw.bands[0].count = 2;
            raw.bands[0].parts.push(first);
        }),
        ("a part of no channels", |raw| raw.bands[0].parts[0].kind &= 0xf0),
        ("a part of five channels", |raw| raw.bands[0].parts[0].kind = 5),
        ("three transforms", |raw| {
            raw.bands[0].parts[0].kind = 0x33;
            raw.bands[0].parts[0].transforms = vec![vec![0]; 3];
        }),
        ("an empty transform", |raw| {
            raw.bands[0].parts[0].kind = 0x13;
            raw.bands[0].parts[0].transforms = vec![vec![]];
        }),
        ("an unknown transform", |raw| {
            raw.bands[0].parts[0].kind = 0x13;
            raw.bands[0].parts[0].transforms = vec![vec![5]];
        }),
        ("learning in chunks of 63 pixels", |raw| raw.bands[0].parts[0].coder = learning(62, 4, 10)),
        ("steps beyond the largest", |raw| raw.bands[0].parts[0].coder = learning(127, 9, 10)),
        ("an unknown coder", |raw| raw.bands[0].parts[0].coder[0] = 8),
        ("a constant that is not", |raw| raw.bands[0].parts[0].coder = vec![0]),
        ("a model id beyond 16 bits", |raw| raw.bands[0].parts[0].coder = network(1 << 16, [0; 16])),
        ("a stream of 4 GiB", |raw| raw.bands[0].tiles[0].lengths[0] = 1 << 32),
    ];
    for (what, change) in cases {
        assert_eq!(format_error(decode_changed(&file, change), what), Kind::InvalidField, "{what}");
    }
}

#[test]
fn a_coder_for_planes_that_are_constant_is_refused() {
    let file = CODEC.compress(&flat(1, 6, 5, 9), &Metadata::default()).expect("a compressed image");
    for coder in [vec![2], vec![3], network(2, [0; 16])] {
        let result = decode_changed(&file, |raw| raw.bands[0].parts[0].coder = coder);
        assert_eq!(format_error(result, "a coder"), Kind::InvalidField);
    }
    let with_stream = changed(&file, |raw| raw.bands[0] = raw.bands[0].clone().with_stream(0, 0, &[1]));
    assert_kind(&with_stream, Kind::TileChecksum, "a stream of constant planes");
}

#[test]
fn table_lengths_that_lie_are_refused() {
    let file = small_file();
    for blocks in [0, 1, 4, 8] {
        let kind = format_error(decode_changed(&file, |raw| raw.blocks = blocks), "a number of blocks");
        assert!(matches!(kind, Kind::HeaderChecksum | Kind::Truncated | Kind::InvalidField), "{blocks}: {kind:?}");
    }
    for tiles in [(1, 1), (3, 7), (9, 1)] {
        let kind = format_error(decode_changed(&file, |raw| raw.bands[0].tile = tiles), "a tile size");
        assert_eq!(kind, Kind::Truncated, "{tiles:?}");
    }
}

#[test]
fn bands_that_are_not_there_or_too_many_are_refused() {
    let (file, _) = two_bands(&CODEC, &gentle(1, 7, 5), &drawing(1, 7, 5));
    assert_eq!(format_error(decode_changed(&file, |raw| drop(raw.bands.pop())), "a band less"), Kind::Truncated);
    let more = |raw: &mut RawFile| raw.bands.push(raw.bands[0].clone());
    assert_eq!(format_error(decode_changed(&file, more), "a band more"), Kind::TrailingBytes);
    assert_eq!(format_error(decode_changed(&file, |raw| raw.height = 15), "a height"), Kind::Truncated);
    assert_eq!(format_error(decode_changed(&file, |raw| raw.height = 5), "a height"), Kind::TrailingBytes);
    // Tables may also be valid for a band with fewer rows; samples are not.
    for height in 6..10 {
        format_error(decode_changed(&file, |raw| raw.height = height), "a height");
    }
}

#[test]
fn bands_in_another_order_are_another_image() {
    let (file, planes) = two_bands(&CODEC, &gentle(1, 7, 5), &drawing(1, 7, 5));
    let decoded = decode_changed(&file, |raw| raw.bands.swap(0, 1)).expect("a valid file");
    assert_eq!(decoded.planes.rows(0..5), planes.rows(5..10));
    assert_eq!(decoded.planes.rows(5..10), planes.rows(0..5));
}

#[test]
fn streams_that_reach_outside_the_file_are_refused() {
    let file = small_file();
    let length = RawFile::parse(&file).bands[0].tiles[0].lengths[0];
    for (lie, kind) in [
        (length + 1, Kind::Truncated),
        (0x7fff_ffff, Kind::Truncated),
        (0xffff_ffff, Kind::Truncated),
        (length - 1, Kind::TrailingBytes),
        (0, Kind::TrailingBytes),
    ] {
        let lying = changed(&file, |raw| raw.bands[0].tiles[0].lengths[0] = lie);
        assert_eq!(format_error(CODEC.read_info(Cursor::new(&lying)), "a stream length"), kind, "{lie}");
        // A decoder may find damage before it reaches the end of the file.
        let decoded = format_error(CODEC.decompress(&lying), "a stream length");
        assert!(decoded == kind || decoded == Kind::TileChecksum, "{lie}: {decoded:?}");
    }
}

#[test]
fn a_stream_that_is_shorter_or_longer_than_its_samples_is_refused() {
    let file = small_file();
    let band = RawFile::parse(&file).bands.remove(0);
    let stream = &band.streams[..];
    let streams = [
        ("no byte", Vec::new()),
        ("a byte less at the end", stream[..stream.len() - 1].to_vec()),
        ("a word less at the end", stream[..stream.len() - 4].to_vec()),
        ("a byte less at the start", stream[1..].to_vec()),
        ("a word less at the start", stream[4..].to_vec()),
        ("a zero at the end", [stream, &[0]].concat()),
        ("a word of zeros at the end", [stream, &[0; 4]].concat()),
        ("a one at the end", [stream, &[1]].concat()),
        ("a zero at the start", [&[0], stream].concat()),
        ("a one at the start", [&[1, 0, 0, 0], stream].concat()),
        ("zeros", vec![0; stream.len()]),
        ("ones", vec![0xff; stream.len()]),
        ("noise", Random(1).bytes(stream.len())),
    ];
    for (what, stream) in streams {
        let result = decode_changed(&file, |raw| raw.bands[0] = band.clone().with_stream(0, 0, &stream));
        assert_eq!(format_error(result, what), Kind::TileChecksum, "{what}");
    }
}

#[test]
fn streams_of_a_coder_that_did_not_write_them_are_refused() {
    let file = small_file();
    let result = decode_changed(&file, |raw| raw.bands[0].parts[0].coder = vec![2]);
    assert_eq!(format_error(result, "VP8L"), Kind::TileChecksum);
    let result = decode_changed(&file, |raw| raw.bands[0].parts[0].coder = vec![3]);
    assert_eq!(format_error(result, "PNG"), Kind::TileChecksum);
    let Sample { file: vp8l, .. } = vp8l();
    let coder = RawFile::parse(&file).bands[0].parts[0].coder.clone();
    let result = decode_changed(&vp8l, |raw| raw.bands[0].parts[0].coder = coder);
    assert_eq!(format_error(result, "a network"), Kind::TileChecksum);
}

#[test]
fn vp8l_streams_that_are_damaged_or_too_long_are_refused() {
    let Sample { file, .. } = vp8l();
    let band = RawFile::parse(&file).bands.remove(0);
    for stream in [Vec::new(), band.streams[..band.streams.len() / 2].to_vec(), Random(2).bytes(300)] {
        let result = decode_changed(&file, |raw| raw.bands[0] = band.clone().with_stream(0, 0, &stream));
        assert_eq!(format_error(result, "a VP8L stream"), Kind::TileChecksum);
    }
    // A grey image with a stream of colours.
    let grey = codec_for_photographs(1).compress(&noise(1, 16, 40), &Metadata::default()).expect("a compressed image");
    let result = decode_changed(&grey, |raw| {
        let part = RawPart { coder: vec![2], ..raw.bands[0].parts[0].clone() };
        raw.bands[0] = RawBand { parts: vec![part], ..raw.bands[0].clone().with_stream(0, 0, &band.streams) };
    });
    assert_eq!(format_error(result, "colours in a grey image"), Kind::TileChecksum);
}

#[test]
fn png_streams_that_are_damaged_or_of_another_length_are_refused() {
    let Sample { file, .. } = png();
    let band = RawFile::parse(&file).bands.remove(0);
    let stream = &band.streams;
    let longer = [&stream[..], &[0]].concat();
    for stream in [Vec::new(), stream[..stream.len() - 1].to_vec(), longer, Random(2).bytes(300)] {
        let result = decode_changed(&file, |raw| raw.bands[0] = band.clone().with_stream(0, 0, &stream));
        assert_eq!(format_error(result, "a PNG stream"), Kind::TileChecksum);
    }
}

#[test]
fn tiles_in_another_order_are_refused() {
    let file = codec_for_photographs(1).compress(&gentle(1, 1030, 2), &Metadata::default()).expect("a file of tiles");
    assert_eq!(RawFile::parse(&file).bands[0].tiles.len(), 3);
    let result = decode_changed(&file, |raw| raw.bands[0].tiles.swap(0, 1));
    assert_eq!(format_error(result, "swapped tiles"), Kind::TileChecksum);
}

#[test]
fn the_largest_sizes_are_beyond_the_limits() {
    let file = small_file();
    let (widest, highest) = (1 << 24, (1 << 31) - 1);
    for (width, height) in [(widest, 7), (9, highest), (widest, highest)] {
        let result = decode_changed(&file, |raw| (raw.width, raw.height) = (width, height));
        assert!(matches!(result, Err(Error::LimitsExceeded { .. })), "{result:?}");
    }
}

#[test]
fn limits_hold_for_both_directions_to_the_sample() {
    let planes = gentle(3, 9, 7);
    let file = small_file();
    let with_limits = |samples, metadata_bytes| {
        let (limits, model) = (Limits { samples, metadata_bytes, ..Limits::default() }, photograph_model(3));
        Codec::builder().limits(limits).model(model).build().expect("a codec")
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
        refused(codec.read_info(Cursor::new(&file)).map(drop));
        refused(codec.verify(Cursor::new(&file)).map(drop));
    }
}

#[test]
fn random_bytes_are_refused() {
    let magic = &small_file()[..8];
    let mut random = Random(11);
    for length in (0..300).chain([1000, 100_000]) {
        let bytes = random.bytes(length);
        assert!(CODEC.decompress(&bytes).is_err());
        assert!(CODEC.decompress(&[magic, &bytes].concat()).is_err());
        assert!(CODEC.decompress(&[magic, &[1, 0x73, 5, 5, 5, 0], &bytes].concat()).is_err());
    }
}

#[test]
fn random_changes_behind_valid_checksums_never_panic() {
    let mut random = Random(12);
    for Sample { name, file, planes } in samples() {
        let metadata = CODEC.decompress(&file).expect("a file that decodes").metadata;
        let raw = RawFile::parse(&file);
        let (header, table) = (raw.header(), raw.bands[0].table());
        let long_range = raw.bands[0].parts.iter().any(|part| [[2], [3]].iter().any(|coder| part.coder == coder));
        let mut change = |bytes: &[u8], first: usize| {
            let mut changed = bytes[..bytes.len() - 4].to_vec();
            let at = first + random.next() as usize % (changed.len() - first);
            changed[at] = match random.next() % 3 {
                0 => random.next() as u8,
                1 => changed[at] ^ 1 << (random.next() % 8),
                _ => changed[at].wrapping_add(1),
            };
            let sum = common::raw::checksum(&changed);
            changed.extend(sum);
            changed
        };
        for round in 0..600 {
            let (header, table) =
                if round % 3 == 0 { (change(&header, 8), table.clone()) } else { (header.clone(), change(&table, 0)) };
            let rest = &file[raw.header().len() + raw.metadata.len() + raw.bands[0].table().len()..];
            let changed = [&header[..], &raw.metadata, &table, rest].concat();
            if let Ok(decoded) = CODEC.decompress(&changed) {
                // A smaller VP8L tile, or another form of a transform, may give the same samples.
                let same = decoded.planes == planes && decoded.metadata == metadata;
                assert!(changed == file || !same || long_range || name != "network and metadata", "{name}");
            }
        }
    }
}
