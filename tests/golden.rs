//! Stored files of every format version: they decode to their images for ever, and the images compress to
//! exactly these bytes as long as the version's encoder and models are the current ones.
//!
//! `ANSEL_WRITE_GOLDEN=1 cargo test --test golden` writes the files of the current version. Do that only when a
//! change of an unreleased version, or of its models, is meant. Version 0 is experimental; from version 1 on,
//! stored files are never written again.

mod common;

use std::path::PathBuf;
use std::sync::Once;

use ansel::{Codec, Metadata, Planes};
use common::*;

/// The version that this library writes.
const CURRENT: &str = "v0";
/// All files of a version together stay below this, in bytes.
const MOST_BYTES: u64 = 60 << 10;

struct Golden {
    name: &'static str,
    planes: Planes,
    metadata: Metadata,
}

fn goldens() -> Vec<Golden> {
    let plain = |name, planes| Golden { name, planes, metadata: Metadata::default() };
    vec![
        plain("one-pixel-grey", flat(1, 1, 1, 77)),
        plain("one-pixel-colour", ramp(3, 1, 1)),
        plain("gentle-grey", gentle(1, 40, 30)),
        plain("gentle-colour", gentle(3, 31, 23)),
        plain("noise-colour", noise(3, 12, 11)),
        plain("checkerboard-grey", checkerboard(1, 24, 24)),
        plain("flat-grey-three-tiles", flat(1, 1030, 3, 128)),
        plain("gentle-colour-two-tiles", gentle(3, 2, 513)),
        plain("flat-grey-four-tiles", flat(1, 513, 514, 3)),
        plain("photograph-grey", photograph_crop(1, 64, 48)),
        plain("photograph-colour", photograph_crop(3, 96, 64)),
        Golden { name: "metadata", planes: gentle(3, 9, 7), metadata: metadata() },
    ]
}

fn folder(version: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden", version].iter().collect()
}

fn path(golden: &Golden) -> PathBuf {
    folder(CURRENT).join(golden.name).with_extension("ansel")
}

fn stored(golden: &Golden) -> Vec<u8> {
    static WRITTEN: Once = Once::new();
    if std::env::var_os("ANSEL_WRITE_GOLDEN").is_some_and(|value| value == "1") {
        WRITTEN.call_once(|| goldens().iter().for_each(write));
    }
    let path = path(golden);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e} (see the head of tests/golden.rs)", path.display()))
}

fn write(golden: &Golden) {
    let file = Codec::default().compress(&golden.planes, &golden.metadata).expect("a compressed image");
    std::fs::create_dir_all(folder(CURRENT)).expect("the folder");
    std::fs::write(path(golden), file).expect("a written file");
}

#[test]
fn stored_files_decode_to_their_images() {
    for golden in goldens() {
        let decoded = Codec::default().decompress(&stored(&golden)).unwrap_or_else(|e| panic!("{}: {e}", golden.name));
        assert!(decoded.planes == golden.planes, "{}: other samples", golden.name);
        assert!(decoded.metadata == golden.metadata, "{}: other metadata", golden.name);
    }
}

#[test]
fn images_compress_to_their_stored_files() {
    for golden in goldens() {
        let file = Codec::default().compress(&golden.planes, &golden.metadata).expect("a compressed image");
        assert!(file == stored(&golden), "{}: other bytes", golden.name);
    }
}

#[test]
fn every_stored_file_belongs_to_an_image_and_together_they_are_small() {
    let mut expected: Vec<PathBuf> = goldens().iter().map(|golden| (stored(golden), path(golden)).1).collect();
    let entries = std::fs::read_dir(folder(CURRENT)).expect("the folder");
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "ansel"));
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    let bytes: u64 = found.iter().map(|path| path.metadata().expect("a file").len()).sum();
    assert!(bytes < MOST_BYTES, "{bytes} bytes");
}
