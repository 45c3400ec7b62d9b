//! Stored files of every format version. They must decode to their images for ever; and the images must compress to
//! exactly these bytes as long as the version's encoder and models are the current ones.
//!
//! `ANSEL_WRITE_GOLDEN=1 cargo test --test golden` writes the files of the current version. Use it only for intended
//! changes to an unreleased version or its models: files of released versions are never rewritten.

mod common;

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Once;

use ansel::{Codec, Content, Effort, Metadata, ModelChoice, Planes, RegisteredModel};
use common::*;
use ndarray::{Array3, Axis, s};

/// The version that this library writes.
const CURRENT: &str = "v1";
/// Most bytes of all files of a version together.
const MOST_BYTES: u64 = 84 << 10;

struct Golden {
    name: String,
    planes: Planes,
    metadata: Metadata,
    /// The model that it is compressed with.
    model: ModelChoice,
    effort: Effort,
}

impl Golden {
    fn new(name: &str, planes: Planes) -> Self {
        let (metadata, model) = (Metadata::default(), ModelChoice::default());
        Self { name: name.to_owned(), planes, metadata, model, effort: Effort::Default }
    }

    fn compressed(&self) -> Vec<u8> {
        let codec = Codec::builder().model(self.model.clone()).effort(self.effort).build().expect("a codec");
        codec.compress(&self.planes, &self.metadata).expect("a compressed image")
    }
}

/// A small page under each model of the registry, whatever the planner would choose.
fn of_models() -> Vec<Golden> {
    let golden = |model: &RegisteredModel| Golden {
        model: ModelChoice::File(model.file.into()),
        ..Golden::new(&format!("model-{}", model.id), page(model.content.channels(), 20, 16))
    };
    ansel::models().iter().map(golden).collect()
}

/// Patterns that networks learn while coding, or before it.
fn of_learning() -> Vec<Golden> {
    let golden = |name: &str, planes: Planes| {
        let content = if planes.channels() == 1 { Content::Grey } else { Content::Colour };
        Golden { effort: Effort::Max, model: model_file(content), ..Golden::new(name, planes) }
    };
    vec![
        golden("learning-grey", stripes(1, 40, 32)),
        golden("learning-colour", stripes(3, 32, 24)),
        golden("learning-colour-of-10-bits", scaled(&stripes(3, 24, 24), 10)),
        Golden { effort: Effort::Default, ..golden("offsets-grey", arcs(128)) },
    ]
}

/// Images under the flows, with more rows or columns than the spacing of the coarsest level.
fn of_flows() -> Vec<Golden> {
    let golden =
        |name: &str, planes: Planes| Golden { model: flow_file(planes.channels()), ..Golden::new(name, planes) };
    vec![
        golden("flow-photograph", photograph_crop(3, 67, 45)),
        golden("flow-photograph-grey", photograph_crop(1, 45, 67)),
        golden("flow-wide", gentle(3, 300, 2)),
        golden("flow-of-10-bits", scaled(&gentle(3, 30, 21), 10)),
    ]
}

/// Patches above enough noise that a program codes them.
fn of_programs() -> Vec<Golden> {
    let golden = |name: &str, model: &str, channels: usize, rows: usize| {
        let (patch, noise) = (gentle(channels, 64, 64), noise(channels, 64, rows));
        let both = planes(ndarray::concatenate![Axis(1), *patch.samples(), *noise.samples()], 8);
        Golden { model: program_file(model, channels), ..Golden::new(name, both) }
    };
    vec![
        golden("realnvp-patch", "realnvp", 3, 60),
        golden("vae-patch", "vae", 3, 20),
        golden("realnvp-patch-grey", "realnvp", 1, 60),
        golden("vae-patch-grey", "vae", 1, 20),
    ]
}

/// Planes with these samples, which must be valid.
fn planes(samples: Array3<u16>, depth: u32) -> Planes {
    Planes::new(samples, depth).expect("a valid image")
}

/// Three equal channels.
fn grey_as_colour(grey: &Planes) -> Planes {
    let grey = grey.samples();
    planes(ndarray::concatenate![Axis(0), *grey, *grey, *grey], 8)
}

/// An image with a fourth channel that fades.
fn with_alpha(colour: &Planes) -> Planes {
    let (_, height, width) = colour.samples().dim();
    let alpha = Array3::from_shape_fn((1, height, width), |(_, y, x)| (255 - 3 * x - y) as u16);
    planes(ndarray::concatenate![Axis(0), *colour.samples(), alpha], 8)
}

/// Noisy content, with a drawing three times as wide beside it.
fn page(channels: usize, width: usize, height: usize) -> Planes {
    let (picture, drawing) = (gentle(channels, width, height), drawing(channels, width, height));
    image(channels, width, height, |at| {
        if at.2 < width / 4 { picture.samples()[at] as u8 } else { drawing.samples()[at] as u8 }
    })
}

/// A piece of the photograph with every value doubled: half of the values do not occur.
fn sparse() -> Planes {
    planes(photograph_crop(3, 32, 24).samples().mapv(|sample| sample / 2 * 2), 8)
}

fn goldens() -> Vec<Golden> {
    let plain = Golden::new;
    let mut all = vec![
        plain("one-pixel-grey", flat(1, 1, 1, 77)),
        plain("one-pixel-colour", ramp(3, 1, 1)),
        plain("two-pixels-of-one-bit", planes(Array3::from_shape_fn((1, 1, 2), |(_, _, x)| x as u16), 1)),
        plain("gentle-grey", gentle(1, 40, 30)),
        plain("gentle-colour", gentle(3, 31, 23)),
        plain("gentle-grey-alpha", gentle(2, 20, 15)),
        plain("noise-colour", noise(3, 12, 11)),
        plain("checkerboard-grey", checkerboard(1, 24, 24)),
        plain("flat-colour-alpha", flat(4, 100, 80, 128)),
        plain("gentle-colour-two-tiles", gentle(3, 2, 513)),
        plain("gentle-grey-of-16-bits", scaled(&gentle(1, 24, 20), 16)),
        plain("noise-colour-of-10-bits", scaled(&noise(3, 9, 8), 10)),
        plain("ramp-grey-of-4-bits", scaled(&ramp(1, 20, 16), 4)),
        plain("values-of-16-bits", planes(gentle(1, 24, 20).samples().mapv(|sample| sample * 257), 16)),
        plain("values-colour", sparse()),
        plain("grey-as-colour", grey_as_colour(&gentle(1, 24, 20))),
        plain("palette", drawing(3, 60, 50)),
        plain("palette-alpha", drawing(4, 40, 30)),
        plain("alpha", with_alpha(&gentle(3, 20, 16))),
        plain("page", page(3, 96, 64)),
        plain("repeating", repeating()),
        plain("repeating-of-16-bits", scaled(&repeating(), 16)),
        plain("photograph-grey", photograph_crop(1, 64, 48)),
        plain("photograph-lattice", photograph_crop(3, 96, 64)),
        Golden { metadata: metadata(), ..plain("metadata", gentle(3, 9, 7)) },
    ];
    all.extend(of_models());
    all.extend(of_learning());
    all.extend(of_flows());
    all.extend(of_programs());
    all
}

fn folder(version: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden", version].iter().collect()
}

fn path(golden: &Golden) -> PathBuf {
    folder(CURRENT).join(&golden.name).with_extension("ansel")
}

/// Stored JPEG files, by their names in tests/jpeg.
const JPEG_FILES: [&str; 3] = ["sequential", "progressive", "cmyk"];

fn jpeg(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/jpeg").join(name).with_extension("jpg");
    std::fs::read(path).expect("a JPEG file")
}

fn jpeg_path(name: &str) -> PathBuf {
    folder(CURRENT).join(format!("jpeg-{name}")).with_extension("ansel")
}

fn stored(golden: &Golden) -> Vec<u8> {
    static WRITTEN: Once = Once::new();
    if std::env::var_os("ANSEL_WRITE_GOLDEN").is_some_and(|value| value == "1") {
        WRITTEN.call_once(write_all);
    }
    read(&path(golden))
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e} (see the head of tests/golden.rs)", path.display()))
}

fn write_all() {
    std::fs::create_dir_all(folder(CURRENT)).expect("the folder");
    for golden in goldens() {
        std::fs::write(path(&golden), golden.compressed()).expect("a written file");
    }
    for name in JPEG_FILES {
        let file = Codec::default().compress_jpeg(&jpeg(name)).expect("a compressed file");
        std::fs::write(jpeg_path(name), file).expect("a written file");
    }
}

#[test]
fn stored_files_give_back_their_jpeg_files_and_these_compress_to_them() {
    stored(&goldens()[0]); // writes all files, if writing is enabled
    let codec = Codec::default();
    for name in JPEG_FILES {
        let file = read(&jpeg_path(name));
        assert!(codec.decompress_jpeg(&file[..]).expect("a file that decodes") == jpeg(name), "{name}");
        assert!(codec.compress_jpeg(&jpeg(name)).expect("a compressed file") == file, "{name}: other bytes");
    }
}

#[test]
fn stored_files_decode_to_their_images() {
    let codec = Codec::default();
    for golden in goldens() {
        let decoded = codec.decompress(&stored(&golden)).unwrap_or_else(|e| panic!("{}: {e}", golden.name));
        assert!(decoded.planes == golden.planes, "{}: other samples", golden.name);
        assert!(decoded.metadata == golden.metadata, "{}: other metadata", golden.name);
    }
}

#[test]
fn images_compress_to_their_stored_files() {
    for golden in goldens() {
        assert!(golden.compressed() == stored(&golden), "{}: other bytes", golden.name);
    }
}

/// The bands of two stored files after a single header.
#[test]
fn stored_bands_decode_behind_one_another() {
    let all = goldens();
    let find = |name| all.iter().find(|golden| golden.name == name).expect("a golden file");
    let (top, bottom) = (find("gentle-grey-of-16-bits"), find("values-of-16-bits"));
    let (mut file, below) = (RawFile::parse(&stored(top)), RawFile::parse(&stored(bottom)));
    file.height *= 2;
    file.bands.extend(below.bands);
    let decoded = Codec::default().decompress(&file.to_bytes()).expect("two bands").planes;
    assert!(*decoded.samples() == ndarray::concatenate![Axis(1), *top.planes.samples(), *bottom.planes.samples()]);
    let half = decoded.samples().slice(s![.., 20.., ..]);
    assert!(half == bottom.planes.samples());
}

#[test]
fn stored_files_have_every_transform_coder_and_model() {
    let codec = Codec::default();
    let mut found = BTreeSet::new();
    for golden in goldens() {
        let info = codec.read_info(Cursor::new(stored(&golden))).expect("a valid file");
        for part in info.bands.iter().flat_map(|band| band.parts()) {
            found.insert(part.coder.to_owned());
            found.extend(part.transforms.iter().map(|name| (*name).to_owned()));
            found.extend(part.model.map(|(id, _)| format!("model {id}")));
            found.extend(part.learning.then(|| "learning".to_owned()));
            found.extend(part.offsets.then(|| "offsets".to_owned()));
        }
    }
    let models = ansel::models().iter().map(|model| format!("model {}", model.id));
    let names =
        ["constant", "network", "learning", "offsets", "VP8L", "PNG", "grey", "palette", "unused values", "lattice"];
    let names = names.map(str::to_owned);
    let missing: Vec<String> = names.into_iter().chain(models).filter(|name| !found.contains(name)).collect();
    assert!(missing.is_empty(), "no golden file has {missing:?}");
}

#[test]
fn every_stored_file_belongs_to_an_image_and_together_they_are_small() {
    let mut expected: Vec<PathBuf> = goldens().iter().map(|golden| (stored(golden), path(golden)).1).collect();
    expected.extend(JPEG_FILES.map(jpeg_path));
    let entries = std::fs::read_dir(folder(CURRENT)).expect("the folder");
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "ansel"));
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    let bytes: u64 = found.iter().map(|path| path.metadata().expect("a file").len()).sum();
    assert!(bytes < MOST_BYTES, "{bytes} bytes");
}
