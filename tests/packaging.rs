//! The rule for `file`, if that program is installed.

mod common;

use std::process::Command;

use ansel::{Codec, Metadata};
use common::gentle;

#[test]
fn the_rule_for_file_knows_both_kinds() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = env!("CARGO_MANIFEST_DIR");
    let jpeg = std::fs::read(format!("{root}/tests/jpeg/cmyk.jpg")).expect("a JPEG file");
    let codec = Codec::default();
    let image = codec.compress(&gentle(3, 9, 7), &Metadata::default()).expect("a compressed image");
    for (file, expected) in [
        (image, "ansel image, RGB, format version 1"),
        (codec.compress_jpeg(&jpeg).expect("a compressed file"), "ansel JPEG file, byte for byte, format version 1"),
    ] {
        let path = folder.path().join("x");
        std::fs::write(&path, file).expect("a written file");
        let rule = format!("{root}/packaging/ansel.magic");
        let Ok(output) = Command::new("file").args(["--brief", "-m", &rule]).arg(&path).output() else {
            eprintln!("left out: there is no program `file`");
            return;
        };
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), expected);
    }
}
