//! JPEG files through the program: they come back byte for byte.

use std::path::Path;

use crate::common::format_error;
use crate::place::{Place, assert_says, json};

const NAMES: [&str; 4] = ["cmyk", "grey", "progressive", "sequential"];

fn jpeg(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/jpeg").join(name).with_extension("jpg");
    std::fs::read(path).expect("a JPEG file")
}

/// A folder with JPEG files, and a folder with a subfolder.
fn place() -> Place {
    let place = Place::new();
    std::fs::create_dir_all(place.path("in/below")).expect("folders");
    for name in NAMES {
        place.write(&format!("in/{name}.jpg"), jpeg(name));
    }
    place.write("in/below/grey.JPEG", jpeg("grey"));
    place
}

#[test]
fn jpeg_files_of_a_tree_come_back_byte_for_byte() {
    let place = place();
    place.status(["compress", "-r", "in", "-o", "out"]);
    place.succeed(["verify", "-r", "out"]);
    place.succeed(["decompress", "-r", "out", "-o", "back"]);
    for name in NAMES {
        assert!(place.read(&format!("back/{name}.jpg")) == jpeg(name), "{name}");
    }
    assert!(place.read("back/below/grey.jpg") == jpeg("grey"));
    assert!(place.read("out/progressive.ansel").len() < jpeg("progressive").len());
}

#[test]
fn a_result_is_the_file_or_its_pixels() {
    let place = place();
    let line = place.status(["compress", "in/sequential.jpg", "s.ansel"]);
    assert_says(&line, &["s.ansel", "93 x 61 x 3", "JPEG file", " %"]);
    place.succeed(["decompress", "s.ansel", "-o", "s.png"]);
    assert!(place.image("s.png") == place.image("in/sequential.jpg"));
    place.succeed(["decompress", "s.ansel", "t.jpeg"]);
    assert!(place.read("t.jpeg") == jpeg("sequential"));
    assert_says(&place.fail(4, ["decompress", "s.ansel", "--crop", "0,0,9,9", "-o", "c.png"]), &["a part of a JPEG"]);
    place.succeed(["decompress", "s.ansel", "--strip", "-o", "plain.ppm"]);
    for strip in [["compress", "in/grey.jpg", "--strip"], ["decompress", "s.ansel", "--strip"]] {
        assert_says(&place.fail(4, strip), &["--strip", "byte for byte"]);
    }
}

#[test]
fn info_and_verify_know_jpeg_files() {
    let place = place();
    let line = place.status(["compress", "in/cmyk.jpg", "c.ansel"]);
    assert_says(&line, &["in/cmyk.jpg", "stored as it is"]);
    place.succeed(["compress", "in/progressive.jpg", "p.ansel"]);
    let text = place.succeed(["info", "p.ansel", "c.ansel", "--bits"]);
    assert_says(
        &text,
        &["progressive, 93 x 61 pixels, 3 components of 8 bits", "coder       Lepton", "stored", "SHA-256"],
    );
    let value = json(&place.succeed(["info", "p.ansel", "--json"]));
    assert_eq!((&value["kind"], &value["jpeg_bytes"]), (&"jpeg".into(), &jpeg("progressive").len().into()));
    assert_says(&place.succeed(["verify", "p.ansel"]), &["ok", "a JPEG file"]);
    let mut damaged = place.read("p.ansel");
    *damaged.last_mut().expect("bytes") ^= 1;
    assert_eq!(
        format_error(ansel::Codec::default().decompress_jpeg(&damaged[..]), "damage"),
        ansel::FormatErrorKind::ContentChecksum
    );
    place.write("d.ansel", damaged);
    assert_says(&place.fail(3, ["verify", "d.ansel"]), &["d.ansel", "damaged JPEG file"]);
    place.fail(3, ["decompress", "d.ansel"]);
    assert!(!place.path("d.jpg").exists());
}

#[test]
fn jpeg_files_go_through_pipes_and_are_removed_on_demand() {
    let place = place();
    let mut compress = place.command(["compress", "-", "--force"]);
    compress.stdin(std::fs::File::open(place.path("in/grey.jpg")).expect("a file"));
    let output = compress.output().expect("the program starts");
    assert!(output.status.success());
    place.write("g.ansel", &output.stdout);
    let mut decompress = place.command(["decompress", "-", "--force"]);
    decompress.stdin(std::fs::File::open(place.path("g.ansel")).expect("a file"));
    assert!(decompress.output().expect("the program starts").stdout == jpeg("grey"));
    place.succeed(["compress", "in/grey.jpg", "--rm"]);
    assert!(!place.path("in/grey.jpg").exists());
    place.succeed(["decompress", "in/grey.ansel", "--rm"]);
    assert!(place.read("in/grey.jpg") == jpeg("grey") && !place.path("in/grey.ansel").exists());
}
