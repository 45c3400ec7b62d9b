use std::path::Path;

use super::*;
use crate::testing::Random;

/// Runs a body on the files of a target's corpus and of its kept crashes.
fn replay(target: &str, body: fn(&[u8])) {
    for (kind, least) in [("corpus", 1), ("regressions", 0)] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(kind).join(target);
        let entries = std::fs::read_dir(&folder).map(|entries| entries.map(|entry| entry.expect("an entry").path()));
        let files: Vec<_> = entries.into_iter().flatten().collect();
        assert!(files.len() >= least, "{} is empty", folder.display());
        for file in files {
            println!("{}", file.display());
            body(&std::fs::read(&file).expect("a readable file"));
        }
    }
}

#[test]
fn headers_of_the_corpus_are_read_or_refused() {
    replay("container", container);
}

#[test]
fn files_of_the_corpus_are_decoded_or_refused() {
    replay("decode", decode);
}

#[test]
fn jpeg_files_of_the_corpus_come_back_or_are_refused() {
    replay("jpeg", jpeg);
}

#[test]
fn network_outputs_of_the_corpus_make_valid_intervals() {
    replay("cdf", cdf);
}

#[test]
fn images_of_the_corpus_come_back() {
    replay("roundtrip", roundtrip);
}

#[test]
fn networks_learn_from_the_corpus_by_the_contract() {
    replay("learning", learning);
}

#[test]
fn words_of_the_corpus_decode_by_decisions_and_come_back() {
    replay("counts", counts);
}

#[test]
fn words_of_the_corpus_decode_under_flows_and_come_back() {
    replay("flow", flows);
}

#[test]
fn words_of_the_corpus_decode_under_programs_and_come_back() {
    replay("bits_back", programs);
}

#[test]
fn transforms_of_the_corpus_are_undone_or_refused() {
    replay("transforms", transforms);
}

/// Valid files with every coder and transform, and several bands and tiles, with metadata and without.
fn valid_files() -> Vec<(&'static str, Vec<u8>)> {
    type Sample = fn(usize, usize, usize) -> usize;
    let smooth: Sample = |c, y, x| c * 50 + 9 * y + 4 * x + x * y % 3;
    let pattern: Sample = |c, y, x| [10, 200, 90, 30][(x * x / 7 + y * y / 5) % 4] + c * (x * y % 3);
    let mut metadata = Metadata::default();
    metadata.set(MetadataKind::Icc, vec![7; 300]);
    metadata.set(MetadataKind::Xmp, b"<x:xmpmeta/>".to_vec());
    let cases: [(&str, Sample, [usize; 3], u32); 12] = [
        ("flow", |c, y, x| 90 + 20 * c + 3 * y + x * y % 7, [3, 15, 20], 8),
        ("learning", |c, y, x| 60 + 90 * ((x + y + c) % 2) + y * x % 5, [3, 16, 20], 8),
        ("grey", smooth, [1, 6, 9], 8),
        ("colour-metadata", smooth, [3, 5, 7], 8),
        ("two-bands", smooth, [1, 14, 24], 8),
        ("two-tiles-of-two-rows", smooth, [3, 2, 13], 8),
        ("constant", |c, _, _| 9 * c, [4, 3, 3], 8),
        ("palette", pattern, [3, 12, 12], 8),
        ("values-16-bit", |_, y, x| 4000 * (x * x % 3 + y % 4), [1, 9, 9], 16),
        ("grey-as-colour-alpha", |c, y, x| if c == 3 { 255 } else { 20 * y + x * x }, [4, 7, 7], 8),
        ("repeating", |_, y, x| (x % 5 * 50) ^ (y % 3 * 17), [3, 24, 24], 8),
        ("repeating-16-bit", |c, y, x| (9 + x % 8 + y % 3 * 8) * (c + 3) * 40_503 % 65_521, [3, 24, 24], 16),
    ];
    // One tile, of several chunks, under the colour network whatever the planner would choose.
    let division = Division {
        tile_side: 11,
        learning_tile_side: 24,
        graphics_tile_side: 24,
        band_pixels: 576,
        ..Division::default()
    };
    let learning = divided(Effort::Max, ModelChoice::File(models()[0].file.into()), division);
    let colour_flow = models().iter().find(|model| model.family == Family::Flow).expect("a flow");
    let flow = codec(Effort::Default, ModelChoice::File(colour_flow.file.into()));
    let compressed = |(name, sample, [channels, height, width], depth): (&'static str, Sample, [usize; 3], u32)| {
        let sample = |(c, y, x): (usize, usize, usize)| (sample(c, y, x) & ((1 << depth) - 1)) as u16;
        let planes = Planes::new(Array3::from_shape_fn((channels, height, width), sample), depth);
        let metadata = if name.ends_with("metadata") { metadata.clone() } else { Metadata::default() };
        let codec = match name {
            "learning" => &learning,
            "flow" => &flow,
            _ => &CODEC,
        };
        (name, codec.compress(&planes.expect("a valid image"), &metadata).expect("a compressed image"))
    };
    cases.into_iter().map(compressed).collect()
}

/// JPEG files, and files that hold them.
fn valid_jpeg_files() -> Vec<(&'static str, Vec<u8>)> {
    let plain = include_bytes!("../../tests/jpeg/grey.jpg").to_vec();
    let progressive = include_bytes!("../../tests/jpeg/progressive.jpg").to_vec();
    let kept = |jpeg: &[u8]| Codec::default().compress_jpeg(jpeg).expect("a compressed file");
    let (kept_plain, kept_progressive) = (kept(&plain), kept(&progressive));
    let stored = kept(include_bytes!("../../tests/jpeg/cmyk.jpg"));
    vec![
        ("kept", kept_plain),
        ("kept-progressive", kept_progressive),
        ("stored", stored),
        ("plain", plain),
        ("progressive", progressive),
    ]
}

/// Valid descriptions of transforms, each behind the shape that [`transforms`] reads.
fn valid_transforms() -> Vec<(&'static str, Vec<u8>)> {
    let (width, height) = (24, 24);
    let image = |channels: usize, sample: fn(usize, usize, usize) -> usize| {
        Array3::from_shape_fn((channels, height, width), |(c, y, x)| sample(c, y, x) as u16)
    };
    // Luma and chroma as of JPEG (JFIF), rounded.
    let converted = |c: usize, y: usize, x: usize| {
        let (luma, blue, red) = ((60 + 3 * x + 2 * y) as f64, (x % 7) as f64 * 4.0 - 9.0, (y % 5) as f64 * 5.0 - 8.0);
        let sample = [luma + 1.402 * red, luma - 0.344_136 * blue - 0.714_136 * red, luma + 1.772 * blue][c];
        sample.round().clamp(0.0, 255.0) as usize
    };
    let palette = image(3, |c, y, x| [3, 90, 250][(x + y * c) % 3]);
    let list = image(1, |_, y, x| [0, 1, 7, 50, 51, 52, 130, 200, 255][(x * y + x) % 9]);
    let progression = image(2, |c, y, x| 100 + 700 * ((x + c * y) % 50));
    let lattice = image(3, converted);
    let found = [
        ("palette", &palette, 8, Transform::palette(palette.view(), 8, 256)),
        ("values-list", &list, 8, Transform::values(list.view(), 8)),
        ("values-progression", &progression, 16, Transform::values(progression.view(), 16)),
        ("lattice", &lattice, 8, Transform::lattice(lattice.view(), 8)),
    ];
    let input = |channels: usize, depth: u8, transform: &Transform| {
        let mut bytes = vec![channels as u8 - 1 + 4 * (depth - 1), width as u8 - 1, height as u8 - 1];
        transform.write(&mut bytes);
        bytes
    };
    let mut all = vec![("grey", input(3, 8, &Transform::Grey))];
    for (name, samples, depth, transform) in found {
        all.push((name, input(samples.dim().0, depth, &transform.expect(name).0)));
    }
    all
}

/// `ANSEL_WRITE_CORPUS=1 cargo test --lib corpus` writes the files of the current format version.
#[test]
fn the_corpus_holds_valid_files_or_they_are_written() {
    let write = std::env::var_os("ANSEL_WRITE_CORPUS").is_some_and(|value| value == "1");
    let all = [
        ("container", valid_files()),
        ("decode", valid_files()),
        ("transforms", valid_transforms()),
        ("jpeg", valid_jpeg_files()),
    ];
    for (target, files) in all {
        for (name, bytes) in files {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
            if write {
                std::fs::create_dir_all(&folder).expect("the folder");
                std::fs::write(folder.join(name), &bytes).expect("a written file");
            }
            assert!(folder.join(name).exists(), "{target}/{name} is missing");
            assert!(bytes.len() < 2048, "{name}: {} bytes", bytes.len());
        }
    }
}

/// Runs a body on valid inputs, and on copies of them with one to four bytes changed, and cut.
fn mutate(inputs: Vec<(&str, Vec<u8>)>, changes: usize, body: fn(&[u8])) {
    let mut random = Random(0x5eed);
    for (name, file) in inputs {
        println!("{name}");
        body(&file);
        for _ in 0..changes {
            let mut changed = file.clone();
            for _ in 0..=random.index(3) {
                let at = random.index(changed.len());
                changed[at] = random.index(256) as u8;
            }
            body(&changed);
            changed.truncate(random.index(changed.len()));
            body(&changed);
        }
    }
}

#[test]
fn valid_files_need_no_repair_and_damaged_ones_are_repaired() {
    for (name, file) in valid_files() {
        assert!(repair(file.clone()).is_some_and(|repaired| repaired == file), "{name}");
        let info = CODEC.read_info(Cursor::new(&file)).expect("a valid file");
        let table = info.header.to_bytes().len() + info.header.metadata_bytes() as usize;
        for at in [table - 1, table + 1] {
            let mut damaged = file.clone();
            damaged[at] ^= 0x10;
            let repaired = repair(damaged).expect("a file that is long enough");
            assert!(Header::read(&repaired[..], &LIMITS).is_ok(), "{name}");
        }
    }
}

#[test]
fn changed_headers_are_read_or_refused() {
    mutate(valid_files(), 400, container);
}

#[test]
fn changed_files_are_decoded_or_refused() {
    mutate(valid_files(), 60, decode);
}

#[test]
fn changed_jpeg_files_come_back_or_are_refused() {
    mutate(valid_jpeg_files(), 300, jpeg);
}

#[test]
fn changed_transforms_are_undone_or_refused() {
    mutate(valid_transforms(), 2000, transforms);
    let mut random = Random(0x7eaf);
    for length in 0..2000 {
        transforms(&random.bytes(length % 60));
    }
}

#[test]
fn random_network_outputs_make_valid_intervals() {
    let mut random = Random(0xc0de);
    for length in 0..400 {
        let mut bytes = random.bytes(length);
        cdf(&bytes);
        // Extremes, next to each other.
        bytes.iter_mut().for_each(|byte| *byte = [0, 1, 0x7f, 0x80, 0xff][usize::from(*byte) % 5]);
        cdf(&bytes);
    }
}

#[test]
fn random_words_decode_by_decisions_and_come_back() {
    let mut random = Random(0xdec1);
    for length in 0..200 {
        counts(&random.bytes(3 + 7 * length));
    }
}

#[test]
fn random_words_decode_under_flows_and_come_back() {
    let mut random = Random(0xf10e);
    for length in 0..40 {
        flows(&random.bytes(3 + 30 * length));
    }
}

#[test]
fn random_words_decode_under_programs_and_come_back() {
    let mut random = Random(0xb175);
    for length in (0..2000).step_by(199).chain([40_000]) {
        programs(&random.bytes(1 + length));
    }
}

#[test]
fn random_small_images_come_back() {
    let mut random = Random(0x1147);
    for length in 0..60 {
        roundtrip(&random.bytes(5 * length));
    }
}
