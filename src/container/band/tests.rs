use ndarray::ArrayView3;

use super::*;
use crate::base::error::{Error, FormatError};
use crate::container::NetworkCoder;
use crate::model::adaptation::{Adaptation, Learning};
use crate::model::registry::ModelIdentity;
use crate::testing::{format_error, number};

const ROWS: u32 = 5;
const IDENTITY: ModelIdentity =
    ModelIdentity { id: 300, digest: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16] };

fn network(adaptation: Adaptation) -> Coder {
    Coder::Network(NetworkCoder { model: IDENTITY, adaptation, lanes: false, primer: None })
}

/// The header of images of 8 columns and at least [`ROWS`] rows.
fn header(channels: u8, depth: u8) -> Header {
    Header { width: 8, height: 40, channels, depth, band_rows: ROWS, metadata: Vec::new() }
}

/// Samples that are equal in all channels, with gaps between their values.
fn samples(channels: usize) -> Array3<u16> {
    Array3::from_shape_fn((channels, ROWS as usize, 8), |(_, y, x)| 30 * ((x + y) % 4) as u16)
}

fn transform(of: impl Fn(ArrayView3<'_, u16>, u32) -> Option<(Transform, crate::transforms::Coded)>) -> Transform {
    of(samples(3).view(), 8).expect("a transform").0
}

fn grey() -> Transform {
    transform(Transform::grey)
}

fn palette() -> Transform {
    transform(|samples, depth| Transform::palette(samples, depth, 256))
}

/// The values of one channel out of four.
fn values() -> Transform {
    Transform::values(samples(1).view(), 8).expect("values").0
}

/// A single value for one channel.
fn constant() -> Transform {
    Transform::values(Array3::from_elem((1, ROWS as usize, 8), 255).view(), 8).expect("values").0
}

fn part(channels: usize, transforms: Vec<Transform>, coder: Coder) -> Part {
    Part { channels, transforms, coder }
}

fn tiles(count: usize, parts: usize) -> Vec<TileEntry> {
    let entry = |index: usize| TileEntry {
        checksum: [index as u8; SAMPLE_CHECKSUM_BYTES],
        stream_bytes: (0..parts).map(|part| (1000 * index + part) as u32).collect(),
    };
    (0..count).map(entry).collect()
}

/// A band with two parts and six tiles.
fn example() -> Band {
    let parts =
        vec![part(3, vec![grey(), values()], network(Adaptation::None)), part(1, vec![constant()], Coder::Constant)];
    Band { tile: (3, 4), parts, tiles: tiles(6, 2) }
}

fn written(band: &Band) -> Vec<u8> {
    let mut file = Vec::new();
    band.write(&mut file);
    file
}

/// The fields of a band as bytes, valid or not.
#[derive(Debug, Clone)]
struct Raw {
    tile: [Vec<u8>; 2],
    count: u8,
    parts: Vec<RawPart>,
    table: Vec<u8>,
}

#[derive(Debug, Clone)]
struct RawPart {
    kind: u8,
    /// Descriptions of transforms, each with its length.
    transforms: Vec<Vec<u8>>,
    coder: Vec<u8>,
}

fn described(transform: &Transform) -> Vec<u8> {
    let mut description = Vec::new();
    transform.write(&mut description);
    [number(description.len() as u64), description].concat()
}

impl Raw {
    fn of(band: &Band) -> Self {
        let part = |part: &Part| RawPart {
            kind: part.channels as u8 + 16 * part.transforms.len() as u8,
            transforms: part.transforms.iter().map(described).collect(),
            coder: match &part.coder {
                Coder::Constant => vec![0],
                Coder::Vp8l => vec![2],
                Coder::Png => vec![3],
                Coder::Network(NetworkCoder { model, adaptation, .. }) => {
                    let (kind, rest) = match adaptation {
                        Adaptation::None => (1, Vec::new()),
                        Adaptation::Offsets(offsets) => (6, [number(offsets.len() as u64), offsets.clone()].concat()),
                        &Adaptation::Learning(Learning { chunk, step, pull_back }) => {
                            (4, vec![(chunk - 1) as u8, step, pull_back])
                        }
                    };
                    [&[kind], &number(model.id.into())[..], &model.digest, &rest].concat()
                }
            },
        };
        let lengths = |tile: &TileEntry| tile.stream_bytes.iter().flat_map(|&bytes| number(bytes.into())).collect();
        let entry = |tile: &TileEntry| -> Vec<u8> { [tile.checksum.to_vec(), lengths(tile)].concat() };
        Self {
            tile: [number(band.tile.0.into()), number(band.tile.1.into())],
            count: band.parts.len() as u8,
            parts: band.parts.iter().map(part).collect(),
            table: band.tiles.iter().flat_map(entry).collect(),
        }
    }

    /// The band, with matching length and checksum.
    fn bytes(&self) -> Vec<u8> {
        let mut body = [self.tile.concat(), vec![self.count]].concat();
        for part in &self.parts {
            body.push(part.kind);
            body.extend(part.transforms.concat());
            body.extend(&part.coder);
        }
        body.extend(&self.table);
        let mut bytes = [number(body.len() as u64), body].concat();
        let sum = checksum(&bytes);
        bytes.extend(sum);
        bytes
    }
}

fn changed(change: impl FnOnce(&mut Raw)) -> Vec<u8> {
    let mut raw = Raw::of(&example());
    change(&mut raw);
    raw.bytes()
}

fn read(file: &[u8]) -> Result<Band> {
    Band::read(file, &header(4, 8), ROWS).map(|(band, _)| band)
}

fn defect(file: &[u8]) -> FormatError {
    format_error(read(file))
}

#[track_caller]
fn assert_invalid(what: &str, change: impl FnOnce(&mut Raw)) {
    let defect = defect(&changed(change));
    assert_eq!(defect.kind(), FormatErrorKind::InvalidField, "{defect}");
    assert!(defect.to_string().contains(what), "`{defect}` does not say `{what}`");
}

#[test]
fn what_is_written_is_read() {
    let vp8l = Band { tile: (8, 5), parts: vec![part(4, vec![], Coder::Vp8l)], tiles: tiles(1, 1) };
    let four = Band {
        tile: (1, 1),
        parts: (0..4)
            .map(|id| {
                part(1, vec![], Coder::Network(NetworkCoder::plain(ModelIdentity { id: id * 0x5555, ..IDENTITY })))
            })
            .collect(),
        tiles: tiles(40, 4),
    };
    let learning = Learning { chunk: 256, step: 8, pull_back: 4 };
    let learning =
        Band { parts: vec![part(4, vec![], network(Adaptation::Learning(learning)))], tiles: tiles(6, 1), ..example() };
    let offsets = Band {
        parts: vec![part(4, vec![], network(Adaptation::Offsets(vec![7; 300])))],
        tiles: tiles(6, 1),
        ..example()
    };
    let mut long = example();
    long.tiles[3].stream_bytes = vec![u32::MAX, 0];
    let together =
        Band { parts: vec![part(3, vec![palette()], Coder::Vp8l), part(1, vec![values()], Coder::Png)], ..example() };
    for band in [example(), vp8l, four, learning, offsets, long, together] {
        let mut file = written(&band);
        assert_eq!(file, Raw::of(&band).bytes());
        let length = file.len() as u64;
        file.extend([9; 50]);
        let mut rest = &file[..];
        assert_eq!(Band::read(&mut rest, &header(4, 8), ROWS).expect("a valid band"), (band, length));
        assert_eq!(rest.len(), 50);
    }
}

#[test]
fn what_a_band_says_is_what_it_holds() {
    let band = example();
    assert_eq!((band.tile_size(), band.tiles(), band.stream_bytes()), ((3, 4), 6, 2 * (1 + 2 + 3 + 4 + 5) * 1000 + 6));
    let parts = band.parts();
    assert_eq!((parts[0].channels, parts[0].coder, parts[0].model), (3, "network", Some((300, IDENTITY.digest))));
    assert_eq!(parts[0].transforms, ["grey", "unused values"]);
    assert_eq!((parts[1].channels, parts[1].coder, parts[1].model), (1, "constant", None));
    assert_eq!(band.grid(&header(4, 8), ROWS).len(), 6);
}

#[test]
fn what_networks_learn_by_is_in_its_range() {
    for (fields, valid) in [
        ([63, 0, 4], true),
        ([255, 8, 16], true),
        ([62, 4, 10], false),
        ([127, 9, 10], false),
        ([127, 4, 3], false),
        ([127, 4, 17], false),
        ([127, 255, 255], false),
    ] {
        let coder = network(Adaptation::Learning(Learning::default()));
        let band = Band { parts: vec![part(4, vec![], coder)], tiles: tiles(6, 1), ..example() };
        let mut raw = Raw::of(&band);
        let length = raw.parts[0].coder.len();
        raw.parts[0].coder[length - 3..].copy_from_slice(&fields);
        assert_eq!(read(&raw.bytes()).is_ok(), valid, "{fields:?}");
    }
}

#[test]
fn tiles_without_pixels_or_larger_than_the_band_are_invalid() {
    for (side, most) in [(0, 8), (1, 5)] {
        assert_invalid("a tile of no pixels", |raw| raw.tile[side] = number(0));
        assert_invalid(&format!("{} where {most} is the most", most + 1), |raw| raw.tile[side] = number(most + 1));
        assert_invalid("is the most", |raw| raw.tile[side] = number(u64::MAX));
    }
    // The last band may have fewer rows than the others.
    assert!(Band::read(&written(&example())[..], &header(4, 8), 3).is_err());
    let wide = Header { width: 40_000, ..header(1, 8) };
    for (side, valid) in [(16_383, true), (16_384, false)] {
        let parts = vec![part(1, vec![], Coder::Vp8l)];
        let band = Band { tile: (side, ROWS), parts, tiles: tiles(3, 1) };
        assert_eq!(Band::read(&written(&band)[..], &wide, ROWS).is_ok(), valid);
    }
}

#[test]
fn parts_that_are_not_the_channels_of_the_image_are_invalid() {
    assert_invalid("0 parts", |raw| {
        raw.count = 0;
        raw.parts.clear();
    });
    assert_invalid("1 parts of 3 channels", |raw| {
        raw.count = 1;
        raw.parts.truncate(1);
    });
    assert_invalid("3 parts of 5 channels", |raw| {
        raw.count = 3;
        raw.parts.insert(0, raw.parts[1].clone());
    });
    assert_invalid("255 parts of 5 channels", |raw| {
        raw.count = 255;
        let one = raw.parts[1].clone();
        raw.parts.resize(255, one);
    });
    for channels in [0, 5, 15] {
        assert_invalid(&format!("a part of {channels} channels"), |raw| raw.parts[1].kind = channels | 0x10);
    }
}

#[test]
fn transforms_that_cannot_be_are_invalid() {
    for count in 3..16 {
        assert_invalid(&format!("{count} transforms"), |raw| {
            raw.parts[0].kind = 3 | count << 4;
            raw.parts[0].transforms.resize(count.into(), described(&grey()));
        });
    }
    assert_invalid("transform: no description", |raw| raw.parts[1].transforms[0] = vec![0]);
    assert_invalid("transform: unknown kind 99", |raw| raw.parts[1].transforms[0] = vec![1, 99]);
    assert_invalid("bytes too many", |raw| {
        raw.parts[1].transforms[0][0] += 1;
        raw.parts[1].transforms[0].push(0);
    });
    // A transform must fit the planes that those before it produce.
    assert_invalid("transform: its description ends early", |raw| raw.parts[0].transforms.swap(0, 1));
    assert_invalid("grey of 1 channels", |raw| raw.parts[0].transforms[1] = described(&grey()));
    assert_invalid("grey of 1 channels", |raw| raw.parts[1].transforms[0] = described(&grey()));
}

#[test]
fn coders_that_are_unknown_or_do_not_fit_the_planes_are_invalid() {
    for coder in [5, 0x80, 255] {
        assert_invalid(&format!("coder {coder}"), |raw| raw.parts[0].coder[0] = coder);
    }
    assert_invalid("coder 0", |raw| raw.parts[0].coder = vec![0]);
    assert_invalid("coder 1", |raw| raw.parts[1].coder = raw.parts[0].coder.clone());
    assert_invalid("coder 2", |raw| raw.parts[1].coder = vec![2]);
    assert_invalid("coder 3", |raw| raw.parts[1].coder = vec![3]);
    assert_invalid("coder 4", |raw| raw.parts[1].coder = vec![4]);
    assert_invalid("65536 where 65535 is the most", |raw| {
        raw.parts[0].coder.splice(1..3, number(0x1_0000));
    });
}

#[test]
fn a_table_of_another_length_is_found() {
    assert_invalid("bytes too many", |raw| raw.table.push(0));
    let shorter = changed(|raw| raw.table.truncate(raw.table.len() - 1));
    assert_eq!(defect(&shorter).kind(), FormatErrorKind::Truncated);
    assert_eq!(defect(&changed(|raw| raw.table.clear())).kind(), FormatErrorKind::Truncated);
    // Tiles missing from the table: five times eight of them.
    let smaller = changed(|raw| raw.tile = [vec![1], vec![1]]);
    assert_eq!(defect(&smaller).kind(), FormatErrorKind::Truncated);
    assert_invalid("bytes too many", |raw| raw.tile = [vec![8], vec![5]]);
}

#[test]
fn streams_of_four_gibibytes_are_invalid() {
    assert_invalid("4294967296 where 4294967295 is the most", |raw| {
        raw.table.splice(8..9, number(1 << 32));
    });
}

#[test]
fn only_the_shortest_form_of_a_number_is_valid() {
    let lengthen = |bytes: &mut Vec<u8>, at: usize| {
        assert!(bytes[at] < 0x80, "the number is longer than this test thinks");
        bytes[at] |= 0x80;
        bytes.insert(at + 1, 0);
    };
    assert_invalid("shortest form", |raw| lengthen(&mut raw.tile[0], 0));
    assert_invalid("shortest form", |raw| lengthen(&mut raw.tile[1], 0));
    assert_invalid("shortest form", |raw| lengthen(&mut raw.parts[0].transforms[1], 0));
    assert_invalid("shortest form", |raw| lengthen(&mut raw.parts[0].coder, 2));
    assert_invalid("shortest form", |raw| lengthen(&mut raw.table, 8));
    // The length field of the band.
    let mut file = written(&example());
    lengthen(&mut file, 0);
    assert_eq!(defect(&file).kind(), FormatErrorKind::InvalidField);
}

#[test]
fn every_truncation_is_a_truncation() {
    let file = written(&example());
    for length in 0..file.len() {
        assert_eq!(defect(&file[..length]).kind(), FormatErrorKind::Truncated, "{length} bytes");
    }
    let huge = [&number(u64::MAX)[..], &file].concat();
    assert_eq!(defect(&huge).kind(), FormatErrorKind::Truncated);
}

#[test]
fn every_flipped_bit_is_found() {
    let mut file = written(&example());
    for bit in 0..8 * file.len() {
        file[bit / 8] ^= 1 << (bit % 8);
        let kind = defect(&file).kind();
        let length = bit < 8 && kind != FormatErrorKind::HeaderChecksum;
        assert!(kind == FormatErrorKind::HeaderChecksum || length, "bit {bit}: {kind:?}");
        file[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn a_band_that_is_read_writes_back_to_itself_but_for_transforms() {
    // Sets each byte of a band without transforms to each value, with a matching checksum.
    let learning = network(Adaptation::Learning(Learning::default()));
    let offsets = network(Adaptation::Offsets(vec![1, 2, 3]));
    let parts = vec![part(1, vec![], network(Adaptation::None)), part(2, vec![], learning), part(1, vec![], offsets)];
    let file = written(&Band { tile: (3, 4), parts, tiles: tiles(6, 3) });
    let end = file.len() - CHECKSUM_BYTES;
    for at in 1..end {
        for value in 0..=255 {
            let mut file = file.clone();
            file[at] = value;
            let sum = checksum(&file[..end]);
            file[end..].copy_from_slice(&sum);
            if let Ok(band) = read(&file)
                && band.parts.iter().all(|part| part.transforms.is_empty())
            {
                assert_eq!(written(&band), file, "byte {at} set to {value}");
            }
        }
    }
}

#[test]
fn the_depth_of_alphabets_is_that_of_the_largest() {
    for (sizes, depth) in [
        (&[1][..], 1),
        (&[2], 1),
        (&[3], 2),
        (&[4], 2),
        (&[1, 256, 7], 8),
        (&[257], 9),
        (&[65_536], 16),
        (&[32_769], 16),
    ] {
        assert_eq!(depth_of(sizes), depth, "{sizes:?}");
    }
}

#[test]
fn a_part_undoes_its_transforms_from_the_last_to_the_first() {
    let samples = samples(3);
    let (first, coded) = Transform::grey(samples.view(), 8).expect("grey");
    let (second, coded) = Transform::values(coded.samples.view(), 8).expect("values");
    let part = part(3, vec![first, second], Coder::Vp8l);
    assert_eq!((part.coded_sizes(8), coded.sizes), (vec![4], vec![4]));
    assert_eq!(part.inverse(coded.samples.clone(), (0, 0), 8).expect("samples"), samples);
    let rectangle = ndarray::s![.., 1..3, 2..7];
    let tile = coded.samples.slice(rectangle).to_owned();
    assert_eq!(part.inverse(tile, (1, 2), 8).expect("samples"), samples.slice(rectangle));
    let beyond = Array3::from_elem((1, 1, 1), 4);
    assert!(matches!(part.inverse(beyond, (0, 0), 8), Err(Error::Format(_))));
}

#[test]
fn a_part_without_transforms_codes_the_samples() {
    let part = part(4, vec![], Coder::Vp8l);
    assert_eq!(part.coded_sizes(5), [32; 4]);
    let samples = samples(4);
    assert_eq!(part.inverse(samples.clone(), (0, 0), 8).expect("samples"), samples);
}

#[test]
fn tiles_that_a_network_codes_have_at_most_4096_pixels_a_side() {
    let head = Header { width: 5000, height: ROWS, ..header(1, 8) };
    let plain = network(Adaptation::None);
    let offsets = network(Adaptation::Offsets(vec![0]));
    let cases = [
        (4096, plain.clone(), true),
        (4097, plain, false),
        (4096, offsets.clone(), true),
        (4097, offsets, false),
        (5000, Coder::Vp8l, true),
    ];
    for (side, coder, valid) in cases {
        let tiles = tiles(5000u32.div_ceil(side) as usize, 1);
        let band = Band { tile: (side, ROWS), parts: vec![part(1, Vec::new(), coder)], tiles };
        assert_eq!(Band::read(&written(&band)[..], &head, ROWS).is_ok(), valid, "{side} pixels");
    }
}
