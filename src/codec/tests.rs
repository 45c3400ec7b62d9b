use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use ndarray::{Array3, s};

use super::*;
use crate::testing::{self, Random};
use crate::{Content, Error, FormatErrorKind, Limits, ModelChoice, Rect};

const DIVISION: Division =
    Division { tile_side: 16, learning_tile_side: 20, graphics_tile_side: 20, band_pixels: 1000, lanes_from: 1 << 17 };

/// A codec that divides small images into bands and tiles.
fn dividing(threads: usize) -> Codec {
    Codec::builder().threads(threads).division(DIVISION).build().expect("a codec")
}

static CODEC: LazyLock<Codec> = LazyLock::new(|| dividing(2));

fn smooth(channels: usize, width: usize, height: usize, depth: u32) -> Planes {
    Planes::new(testing::smooth(channels, width, height, depth), depth).expect("valid planes")
}

/// A repeating pattern, with changes here and there.
fn pattern(channels: usize, width: usize, height: usize, depth: u32) -> Planes {
    let mut random = Random(9);
    let sample = |(c, y, x): (usize, usize, usize)| {
        let value = ((x % 7) * (y % 5) + c) as u32 * 37 + u32::from(random.below(50) == 0);
        (value % (1 << depth)) as u16
    };
    Planes::new(Array3::from_shape_fn((channels, height, width), sample), depth).expect("valid planes")
}

/// A piece of the photograph: its green channel, or all three, then green again.
fn photograph(channels: usize, width: usize, height: usize) -> Planes {
    let bytes = include_bytes!("../../tests/images/kodim23.png");
    let all = crate::read_image(Cursor::new(bytes), &Limits::default()).expect("the photograph").planes;
    let source = |channel: usize| if channels < 3 { 1 } else { [0, 1, 2, 1][channel] };
    let sample = |(c, y, x): (usize, usize, usize)| all.samples()[(source(c), 150 + y, 200 + x)];
    Planes::new(Array3::from_shape_fn((channels, height, width), sample), 8).expect("valid planes")
}

/// A photograph at the top, a pattern in the middle, constant at the bottom: each band is planned separately.
fn mixed(channels: usize) -> Planes {
    let (width, height) = (40, 75);
    let (photograph, pattern) = (photograph(channels, width, height), pattern(channels, width, height, 8));
    let sample = |at: (usize, usize, usize)| match at.1 / 25 {
        0 => photograph.samples()[at],
        1 => pattern.samples()[at],
        _ => 200,
    };
    Planes::new(Array3::from_shape_fn((channels, height, width), sample), 8).expect("valid planes")
}

fn compressed(codec: &Codec, planes: &Planes) -> Vec<u8> {
    codec.compress(planes, &Metadata::default()).expect("a compressed image")
}

fn region_of(file: &[u8], region: Rect) -> Result<Planes> {
    CODEC.open(Cursor::new(file))?.region(region)
}

fn bands(file: &[u8]) -> Vec<Band> {
    CODEC.read_info(Cursor::new(file)).expect("a valid file").bands
}

#[test]
fn images_of_all_channels_and_depths_come_back() {
    for channels in 1..=4 {
        for depth in [1, 2, 4, 5, 8, 10, 12, 16] {
            for planes in [smooth(channels, 27, 19, depth), pattern(channels, 27, 19, depth)] {
                let file = compressed(&CODEC, &planes);
                let decoded = CODEC.decompress(&file).expect("a file that decodes");
                assert!(decoded.planes == planes, "{channels} channels of {depth} bits");
            }
        }
    }
}

#[test]
fn bands_and_tiles_divide_an_image() {
    let planes = mixed(3);
    let file = compressed(&CODEC, &planes);
    let bands = bands(&file);
    let coders: Vec<&str> = bands.iter().map(|band| band.parts()[0].coder).collect();
    assert_eq!((bands.len(), bands[0].tiles(), coders[0], coders[3]), (4, 6, "network", "constant"));
    assert!(CODEC.decompress(&file).expect("a file that decodes").planes == planes);
}

#[test]
fn bands_are_multiples_of_the_side_of_a_tile_where_there_is_room() {
    let rows = |width, height| Division::default().band_rows(width, height);
    assert_eq!((rows(1, 1), rows(4096, 4096), rows(4096, 4097), rows(5000, 4000)), (1, 4096, 4096, 2048));
    assert_eq!((rows(u32::MAX, 9), rows(1 << 24, 9), rows((1 << 24) - 1, 9), rows(20_000, 2000)), (1, 1, 1, 838));
    for (width, height) in [(1, u32::MAX), (16_383, 70_000), (3_000_000, 100)] {
        assert!(u64::from(width) * u64::from(rows(width, height)) <= 1 << 24);
    }
}

#[test]
fn every_rectangle_of_an_image_is_decoded_alone() {
    let mut random = Random(21);
    for channels in [1, 3, 4] {
        let planes = mixed(channels);
        let file = compressed(&CODEC, &planes);
        let (width, height) = (planes.width(), planes.height());
        let rect = |x, y, width, height| Rect { x, y, width, height };
        let mut regions = vec![
            rect(0, 0, width, height),
            rect(0, 0, 1, 1),
            rect(width - 1, height - 1, 1, 1),
            rect(0, height - 1, width, 1),
            rect(width - 1, 0, 1, height),
            rect(0, 24, width, 2),
            rect(15, 0, 2, height),
        ];
        for _ in 0..60 {
            let (x, y) = (random.below(width), random.below(height));
            let one = random.below(4) == 0;
            let side = |rest: u32, random: &mut Random| if one { 1 } else { 1 + random.below(rest) };
            regions.push(rect(x, y, side(width - x, &mut random), side(height - y, &mut random)));
        }
        for region in regions {
            let part = region_of(&file, region).expect("a region");
            let expected = planes.samples().slice(s![.., region.rows(), region.columns()]);
            assert!(*part.samples() == expected && part.depth() == 8, "{region:?} of {channels} channels");
        }
    }
}

#[test]
fn regions_of_transformed_and_vp8l_bands_are_right() {
    // Grey as colour, a palette, sparse values, luma and chroma; with tiles in both directions.
    let (grey, colour) = (photograph(1, 60, 40), photograph(3, 60, 40).samples().clone());
    let equal = Array3::from_shape_fn((3, 40, 60), |(_, y, x)| grey.samples()[(0, y, x)]);
    let sparse = grey.samples().mapv(|sample| sample / 5 * 5);
    let pattern = pattern(3, 60, 40, 4).samples().clone();
    let images = [(equal, "grey"), (pattern, ""), (sparse, "unused values"), (colour, "")];
    // Tiles large enough for networks to pay.
    let division = Division { tile_side: 30, graphics_tile_side: 40, ..DIVISION };
    let codec = Codec::builder().division(division).build().expect("a codec");
    for (samples, transform) in images {
        let planes = Planes::new(samples, 8).expect("valid planes");
        let file = compressed(&codec, &planes);
        let parts = bands(&file)[0].parts();
        assert!(transform.is_empty() || parts[0].transforms.first() == Some(&transform), "{parts:?}");
        for region in [Rect { x: 3, y: 17, width: 30, height: 9 }, Rect { x: 59, y: 39, width: 1, height: 1 }] {
            let part = region_of(&file, region).expect("a region");
            assert!(*part.samples() == planes.samples().slice(s![.., region.rows(), region.columns()]));
        }
    }
}

#[test]
fn regions_outside_of_the_image_are_refused() {
    let file = compressed(&CODEC, &smooth(1, 9, 7, 8));
    for (x, y, width, height) in [
        (0, 0, 0, 1),
        (0, 0, 1, 0),
        (9, 0, 1, 1),
        (0, 7, 1, 1),
        (0, 0, 10, 7),
        (1, 0, 9, 7),
        (0, 1, 9, 7),
        (u32::MAX, 0, u32::MAX, 1),
        (1, 1, u32::MAX, u32::MAX),
    ] {
        let refused = region_of(&file, Rect { x, y, width, height });
        assert!(matches!(refused, Err(Error::Misuse(_))), "{refused:?}");
    }
}

#[test]
fn rows_that_come_in_pieces_give_the_bytes_of_the_whole() {
    let mut metadata = Metadata::default();
    metadata.set(crate::MetadataKind::Icc, vec![5; 99]);
    for planes in [mixed(3), smooth(4, 33, 50, 12), pattern(1, 1001, 3, 8)] {
        let expected = CODEC.compress(&planes, &metadata).expect("a compressed image");
        // One row at a time, a band at a time, and a number that does not match the bands.
        for most in [1, u32::MAX, 13] {
            let mut encoder = CODEC.encoder(ImageInfo::of(&planes), &metadata, Vec::new()).expect("an encoder");
            let (mut first, mut pieces) = (0, 0);
            while first < planes.height() {
                let wanted = if most == u32::MAX { encoder.rows_wanted() } else { most.min(planes.height() - first) };
                encoder.write_rows(&planes.rows(first..first + wanted)).expect("coded rows");
                (first, pieces) = (first + wanted, pieces + 1);
            }
            assert_eq!(encoder.rows_wanted(), 0);
            let (file, bytes) = encoder.finish().expect("a compressed image");
            assert_eq!(bytes, file.len() as u64);
            assert!(file == expected && (pieces > 1 || most == 13));
        }
    }
}

#[test]
fn bands_are_read_one_after_the_other() {
    let planes = mixed(3);
    let file = compressed(&CODEC, &planes);
    let mut decoder = CODEC.decoder(&file[..]).expect("a decoder");
    let header = decoder.header().clone();
    for band in 0..header.bands() {
        let (first, rows) = header.band(band);
        assert!(decoder.next_band().expect("a band") == Some(planes.rows(first..first + rows)));
    }
    for _ in 0..2 {
        assert_eq!(decoder.next_band().expect("the end"), None);
    }
    assert_eq!(decoder.bytes(), file.len() as u64);
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    for planes in [mixed(1), mixed(3), smooth(4, 50, 40, 16)] {
        let expected = compressed(&dividing(1), &planes);
        for threads in [2, 3, 7] {
            let codec = dividing(threads);
            assert!(compressed(&codec, &planes) == expected, "{threads} threads");
            assert!(codec.decompress(&expected).expect("a file that decodes").planes == planes);
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bytes_where_networks_learn() {
    let default = crate::models().iter().find(|model| (model.name, model.content) == ("default", Content::Grey));
    let model = ModelChoice::File(default.expect("a default model").file.into());
    let learning = |threads: usize, effort: Effort| {
        let division = Division { tile_side: 64, graphics_tile_side: 64, band_pixels: 12_800, ..Division::default() };
        let builder = Codec::builder().threads(threads).effort(effort).model(model.clone());
        builder.division(division).build().expect("a codec")
    };
    // Eight tiles in two bands.
    let planes = photograph(1, 200, 128);
    let expected = compressed(&learning(1, Effort::Max), &planes);
    let fixed = compressed(&learning(1, Effort::Low), &planes);
    assert!(expected.len() < fixed.len(), "{} bytes, {} without learning", expected.len(), fixed.len());
    for threads in [2, 3, 7] {
        let codec = learning(threads, Effort::Max);
        assert!(compressed(&codec, &planes) == expected, "{threads} threads");
        assert!(codec.decompress(&expected).expect("a file that decodes").planes == planes);
    }
}

#[test]
fn a_column_of_more_tiles_than_are_coded_together_comes_back() {
    let column = Array3::from_shape_fn((1, 9000, 1), |(_, y, _)| (y * y / 700 % 251) as u16);
    let planes = Planes::new(column, 8).expect("planes");
    let division = Division { tile_side: 8, graphics_tile_side: 8, ..Division::default() };
    let codec = |threads| Codec::builder().threads(threads).division(division).build().expect("a codec");
    let file = compressed(&codec(1), &planes);
    assert!(compressed(&codec(3), &planes) == file);
    assert!(CODEC.decompress(&file).expect("a file that decodes").planes == planes);
}

#[test]
fn any_division_gives_the_same_samples() {
    let planes = mixed(3);
    for (tile_side, graphics_tile_side, band_pixels) in [(1, 1, 1), (3, 50, 40 * 7), (75, 1, 1 << 20), (8, 8, 40 * 32)]
    {
        let division = Division { tile_side, graphics_tile_side, band_pixels, ..Division::default() };
        let codec = Codec::builder().threads(2).division(division).build().expect("a codec");
        let file = compressed(&codec, &planes);
        assert!(CODEC.decompress(&file).expect("a file that decodes").planes == planes);
    }
}

#[test]
fn shapes_and_samples_that_no_image_has_are_refused() {
    let compress = |info: ImageInfo, samples: Array3<u16>| {
        let mut encoder = CODEC.encoder(info, &Metadata::default(), Vec::new())?;
        encoder.write_rows(&Planes::new(samples, info.depth)?)?;
        encoder.finish()
    };
    let info = ImageInfo { width: 4, height: 3, channels: 1, depth: 5 };
    assert!(compress(info, Array3::zeros((1, 3, 4))).is_ok());
    for (info, samples) in [
        (ImageInfo { width: 0, ..info }, Array3::zeros((1, 3, 0))),
        (ImageInfo { height: 0, ..info }, Array3::zeros((1, 0, 4))),
        (ImageInfo { channels: 0, ..info }, Array3::zeros((0, 3, 4))),
        (ImageInfo { channels: 5, ..info }, Array3::zeros((5, 3, 4))),
        (ImageInfo { depth: 0, ..info }, Array3::zeros((1, 3, 4))),
        (ImageInfo { depth: 17, ..info }, Array3::zeros((1, 3, 4))),
        (info, Array3::zeros((1, 4, 3))),
        (info, Array3::zeros((3, 3, 4))),
        (info, Array3::from_elem((1, 3, 4), 32)),
        (info, Array3::from_elem((1, 3, 4), u16::MAX)),
    ] {
        let refused = compress(info, samples);
        assert!(matches!(refused, Err(Error::Unsupported(_) | Error::Misuse(_))), "{info:?}: {refused:?}");
    }
}

#[test]
fn misuse_of_an_encoder_is_an_error() {
    let planes = mixed(1);
    let encoder = || CODEC.encoder(ImageInfo::of(&planes), &Metadata::default(), Vec::new()).expect("an encoder");
    let mut one = encoder();
    one.write_rows(&planes.rows(0..1)).expect("a row");
    assert!(matches!(one.write_rows(&planes), Err(Error::Misuse(_))), "too many rows");
    one.write_rows(&planes.rows(1..2)).expect("that harms nothing");
    assert!(matches!(one.finish(), Err(Error::Misuse(_))), "rows are missing");
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let refused = CODEC.encoder(ImageInfo::of(&planes), &Metadata::default(), Full).map(drop);
    assert!(matches!(refused, Err(Error::Io { .. })), "{refused:?}");
}

#[test]
fn any_number_of_regions_comes_from_one_archive() {
    let planes = mixed(3);
    let mut archive = CODEC.open(Cursor::new(compressed(&CODEC, &planes))).expect("an archive");
    for (x, y) in [(3, 60), (0, 0), (3, 60), (20, 30)] {
        let part = archive.region(Rect { x, y, width: 9, height: 12 }).expect("a region");
        let expected = planes.samples().slice(s![.., y as usize..y as usize + 12, x as usize..x as usize + 9]);
        assert_eq!(part.samples(), expected);
    }
    assert!(matches!(archive.region(Rect { x: 0, y: 70, width: 9, height: 12 }), Err(Error::Misuse(_))));
}

#[test]
fn what_is_intact_is_salvaged() {
    let planes = mixed(3);
    let file = compressed(&CODEC, &planes);
    let whole = CODEC.open(Cursor::new(&file)).and_then(|mut archive| archive.salvage()).expect("an intact file");
    assert!(whole.planes == planes && whole.lost.is_empty());
    let info = CODEC.read_info(Cursor::new(&file)).expect("a valid file");
    let salvaged = |file: &[u8]| CODEC.open(Cursor::new(file)).and_then(|mut archive| archive.salvage());
    let header = info.header.to_bytes().len();
    let mut damaged = file.clone();
    for at in header + 40..file.len() {
        if !(at - header).is_multiple_of(211) {
            continue;
        }
        damaged.copy_from_slice(&file);
        damaged[at] ^= 0x55;
        let found = salvaged(&damaged).expect("a file whose header is intact");
        assert!(!found.lost.is_empty(), "byte {at} makes no difference");
        for (y, x) in (0..75usize).flat_map(|y| (0..40usize).map(move |x| (y, x))) {
            let is_lost = found.lost.iter().any(|rect| rect.rows().contains(&y) && rect.columns().contains(&x));
            let expected = if is_lost { [0; 3] } else { [0, 1, 2].map(|c| planes.samples()[(c, y, x)]) };
            assert_eq!([0, 1, 2].map(|c| found.planes.samples()[(c, y, x)]), expected, "byte {at}");
        }
        let cut = salvaged(&file[..at]).expect("a file whose header is intact");
        assert!(!cut.lost.is_empty());
    }
}

#[test]
fn work_ends_when_it_is_stopped() {
    let planes = photograph(3, 300, 200);
    let default = Codec::default();
    let file = compressed(&default, &planes);
    let stop = Stop::default();
    let codec = default.stopped_by(&stop);
    assert!(codec.decompress(&file).is_ok());
    stop.stop();
    assert!(matches!(codec.decompress(&file), Err(Error::Stopped)));
    assert!(matches!(codec.compress(&planes, &Metadata::default()), Err(Error::Stopped)));
    assert!(default.decompress(&file).is_ok(), "other clones go on");
    // From another thread, during work that takes longer.
    let learning = Codec::builder().effort(Effort::Max).threads(1).build().expect("a codec");
    let stop = Stop::default();
    let codec = learning.stopped_by(&stop);
    let work = std::thread::spawn(move || codec.compress(&photograph(3, 500, 300), &Metadata::default()).map(drop));
    std::thread::sleep(std::time::Duration::from_millis(100));
    stop.stop();
    assert!(matches!(work.join().expect("no panic"), Err(Error::Stopped)));
}

#[test]
fn progress_reaches_the_number_of_samples() {
    for planes in [mixed(3), pattern(4, 30, 30, 8), Planes::new(Array3::zeros((2, 9, 9)), 8).expect("valid planes")] {
        let last = Arc::new(AtomicU64::new(0));
        let seen = last.clone();
        let report = move |done, all| {
            assert!(done <= all);
            seen.fetch_max(done, Ordering::Relaxed);
        };
        let codec = dividing(2).reporting(Progress(Arc::new(report)));
        let samples = planes.samples().len() as u64;
        let file = compressed(&codec, &planes);
        assert_eq!(last.swap(0, Ordering::Relaxed), samples, "compressing");
        codec.decompress(&file).expect("a file that decodes");
        assert_eq!(last.load(Ordering::Relaxed), samples, "decompressing");
    }
}

#[test]
fn progress_of_a_region_counts_the_samples_of_its_tiles() {
    let planes = mixed(3);
    let file = compressed(&CODEC, &planes);
    for region in [
        Rect { x: 0, y: 0, width: 1, height: 1 },
        Rect { x: 5, y: 23, width: 30, height: 4 },
        Rect { x: 0, y: 0, width: planes.width(), height: planes.height() },
    ] {
        let seen = Arc::new(std::sync::Mutex::new((0, 0)));
        let last = seen.clone();
        let report = move |done, all| *last.lock().expect("no panic") = (done, all);
        let codec = dividing(1).reporting(Progress(Arc::new(report)));
        codec.open(Cursor::new(&file)).expect("an archive").region(region).expect("a region");
        let needed = (0..).zip(bands(&file)).flat_map(|(index, band)| {
            let header = CODEC.read_info(Cursor::new(&file)).expect("a valid file").header;
            let (first, rows) = header.band(index);
            let rects = band.grid(&header, rows).rects();
            rects.into_iter().map(move |rect| Rect { y: first + rect.y, ..rect })
        });
        let samples: usize =
            needed.filter(|rect| rect.intersection(region).is_some()).map(|rect| 3 * rect.pixels()).sum();
        assert_eq!(*seen.lock().expect("no panic"), (samples as u64, samples as u64), "{region:?}");
    }
}

#[test]
fn a_verified_file_says_what_it_holds() {
    let planes = mixed(3);
    let file = compressed(&CODEC, &planes);
    let verified = CODEC.verify(Cursor::new(&file)).expect("an intact file");
    assert_eq!(verified.info, CODEC.read_info(Cursor::new(&file)).expect("a valid file"));
    assert_eq!(verified.info.bytes, file.len() as u64);
    let streams: u64 = verified.info.bands.iter().map(Band::stream_bytes).sum();
    assert!(verified.ideal_bits > 0.0 && verified.ideal_bits <= 8.0 * streams as f64 + 64.0);
}

#[test]
fn damage_is_found_in_the_band_and_tile_where_it_lies() {
    let planes = mixed(3);
    let mut file = compressed(&CODEC, &planes);
    let last = file.len() - 1;
    let constant = bands(&file)[3].clone();
    assert_eq!(constant.stream_bytes(), 0, "the last band has no stream");
    file[last] ^= 1;
    let refused = CODEC.decompress(&file).map(drop).expect_err("damage");
    assert!(matches!(&refused, Error::Format(defect) if defect.kind() == FormatErrorKind::HeaderChecksum), "{refused}");
    // What lies above the damage is intact.
    let region = Rect { x: 0, y: 0, width: 40, height: 20 };
    assert!(region_of(&file, region).is_err(), "all tables are read");
    let mut reader = CODEC.decoder(&file[..]).expect("a decoder");
    (0..3).for_each(|_| drop(reader.next_band().expect("an intact band")));
    assert!(reader.next_band().is_err());
}

#[test]
fn lanes_cost_some_bytes_and_give_the_same_samples_in_the_second_decoder_too() {
    let planes = photograph(1, 60, 50);
    let default = crate::models().iter().find(|model| (model.name, model.content) == ("default", Content::Grey));
    let model = ModelChoice::File(default.expect("a default model").file.into());
    let with = |lanes_from: u32| {
        let division = Division { lanes_from, ..DIVISION };
        let codec = Codec::builder().model(model.clone()).effort(Effort::Low).division(division).build();
        compressed(&codec.expect("a codec"), &planes)
    };
    let (one, many) = (with(1 << 17), with(1));
    let tiles: usize = bands(&one).iter().map(Band::tiles).sum();
    assert!(many.len() > one.len() && many.len() <= one.len() + 80 * tiles, "{} and {} bytes", one.len(), many.len());
    assert!(CODEC.decompress(&many).expect("a file that decodes").planes == planes);
    let folder = tempfile::tempdir().expect("a folder");
    let (file, decoded) = (folder.path().join("lanes.ansel"), folder.path().join("decoded.pgm"));
    std::fs::write(&file, &many).expect("a written file");
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut decoder = std::process::Command::new("python3");
    let ran =
        decoder.arg(root.join("tests/decoder/decode.py")).arg(&file).arg(root.join("models")).arg(&decoded).output();
    let ran = ran.expect("python3");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let mut expected = Vec::new();
    crate::write_image(&planes, &Metadata::default(), ::image::ImageFormat::Pnm, &mut expected).expect("a PGM");
    assert!(std::fs::read(&decoded).expect("a decoded file") == expected);
}

#[test]
fn codecs_are_shared_and_what_they_make_may_go_to_other_threads() {
    fn is_shared<T: Clone + Send + Sync>() {}
    fn may_go<T: Send>() {}
    is_shared::<Codec>();
    may_go::<crate::Encoder<Vec<u8>>>();
    may_go::<crate::Decoder<std::fs::File>>();
    may_go::<crate::Archive<std::fs::File>>();
}

#[test]
fn the_bits_of_samples_add_up_to_those_of_the_file() {
    let images =
        [smooth(1, 40, 30, 8), smooth(2, 33, 20, 12), mixed(3), mixed(4), photograph(3, 40, 40), pattern(3, 64, 48, 4)];
    let mut spread = 0;
    for planes in images {
        let file = CODEC.compress(&planes, &Metadata::default()).expect("a compressed image");
        let map = CODEC.bit_map(&file[..]).expect("a map");
        let verified = CODEC.verify(&file[..]).expect("a file that decodes");
        assert!(map.planes == planes && map.info == verified.info);
        assert_eq!(map.ideal_bits, verified.ideal_bits);
        assert_eq!(map.bits.dim(), planes.samples().dim());
        let sum: f64 = map.bits.iter().map(|&bits| f64::from(bits)).sum();
        assert!((sum / map.ideal_bits - 1.0).abs() < 1e-6, "{sum} and {} bits", map.ideal_bits);
        let of_band = |(index, band): (usize, &Band)| {
            let pixels = map.info.header.band(index as u32).1 * map.info.header.width();
            let parts = band.parts().into_iter().filter(|part| ["VP8L", "PNG"].contains(&part.coder));
            parts.map(|part| part.channels as u64 * u64::from(pixels)).sum::<u64>()
        };
        assert_eq!(map.spread_samples, map.info.bands.iter().enumerate().map(of_band).sum::<u64>());
        spread += map.spread_samples;
    }
    assert!(spread > 0, "none of these images has a part that is coded as graphics are");
}

#[test]
fn a_map_needs_the_memory_of_samples_and_bits() {
    let planes = smooth(1, 40, 30, 8);
    let file = CODEC.compress(&planes, &Metadata::default()).expect("a compressed image");
    let limited = |memory| Codec::builder().limits(Limits { memory, ..Limits::default() }).build().expect("a codec");
    let whole = 2 * 2 * 40 * 30;
    assert!(limited(whole).decompress(&file).is_ok());
    assert!(matches!(limited(whole).bit_map(&file[..]), Err(Error::LimitsExceeded { .. })));
    assert!(limited(3 * whole).bit_map(&file[..]).is_ok());
}
