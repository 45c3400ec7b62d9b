//! What every build can do, with any set of features: `cargo test --no-default-features --test bare` is the smallest.

use std::path::Path;

use ansel::{Codec, FileKind, Metadata, Planes};
use ndarray::Array3;

#[test]
fn all_golden_files_decode() {
    let codec = Codec::default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1");
    let files = std::fs::read_dir(folder).expect("the golden files").map(|entry| entry.expect("an entry").path());
    let mut decoded = 0;
    for path in files.filter(|path| path.extension().is_some_and(|extension| extension == "ansel")) {
        let file = std::fs::read(&path).expect("a golden file");
        let result = match FileKind::of(&file) {
            Some(FileKind::Jpeg) => codec.decompress_jpeg(&file[..]).map(drop),
            _ => codec.decompress(&file).map(drop),
        };
        result.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        decoded += 1;
    }
    assert!(decoded > 30, "{decoded} files");
}

#[test]
fn planes_come_back() {
    let codec = Codec::default();
    for (channels, depth) in [(1, 8), (2, 8), (3, 8), (4, 8), (1, 1), (3, 16)] {
        let sample = |(c, y, x): (usize, usize, usize)| ((5 * c + 3 * y + x * x) % (1 << depth)) as u16;
        let planes = Planes::new(Array3::from_shape_fn((channels, 21, 34), sample), depth).expect("planes");
        let file = codec.compress(&planes, &Metadata::default()).expect("a file");
        assert_eq!(codec.decompress(&file).expect("planes").planes, planes, "{channels} channels of {depth} bits");
    }
}
