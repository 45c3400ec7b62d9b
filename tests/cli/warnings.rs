//! What the program warns about, and names that are hard to print.

use ansel::{Metadata, MetadataKind};

use crate::common::{gentle, ramp};
use crate::place::{Place, assert_says, json};

#[cfg(unix)]
#[test]
fn pipes_and_dangling_links_of_a_folder_are_named_and_not_read() {
    let (place, _) = Place::with_photo();
    let made = std::process::Command::new("mkfifo").arg(place.path("pipe.png")).status().expect("mkfifo");
    assert!(made.success());
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, place.path(name)).expect("a link");
    link("nowhere", "dangling.png");
    link("nowhere", "dangling.txt");
    std::fs::create_dir(place.path("folder")).expect("a folder");
    link("../folder", "folder/loop");
    std::fs::copy(place.path("photo.png"), place.path("folder/a.png")).expect("a copy");
    // Without a time limit, opening the pipe would block for ever; the test has one.
    let warnings = place.status(["compress", "-r", ".", "-o", "out"]);
    assert_says(&warnings, &["pipe.png: not read: it is a pipe", "dangling.png: not read: it is a link to nothing"]);
    assert_says(&warnings, &["loop: not entered: it is a link"]);
    assert!(!warnings.contains("dangling.txt"));
    assert!(place.path("out/folder/a.ansel").exists() && place.path("out/photo.ansel").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn names_with_control_characters_or_other_bytes_are_escaped_and_survive() {
    use std::os::unix::ffi::OsStrExt;
    let (place, planes) = Place::with_photo();
    let odd = std::ffi::OsStr::from_bytes(b"a\xff\x1b[2J.png");
    std::fs::rename(place.path("photo.png"), place.path(odd)).expect("renamed");
    let (_, status) = place.succeed_in(&mut place.command([std::ffi::OsStr::new("compress"), odd]));
    assert_says(&status, &["a\\xff\\u{1b}[2J.png -> a\\xff\\u{1b}[2J.ansel"]);
    let text = place.succeed(["verify", ".", "--json"]);
    let value = json(&text);
    assert_eq!(value["file_hex"], "2e2f61ff1b5b324a2e616e73656c");
    assert_says(value["file"].as_str().expect("a name"), &["\\xff"]);
    place.succeed(["decompress", ".", "-o", "back"]);
    std::fs::rename(place.path("back").join(odd), place.path("back.png")).expect("a file of the same name");
    assert!(place.image("back.png") == planes);
    let missing = std::ffi::OsStr::from_bytes(b"\x1b\xfe");
    let message = place.fail_in(1, &mut place.command([std::ffi::OsStr::new("verify"), missing]));
    assert_says(&message, &["cannot read \\u{1b}\\xfe: "]);
}

#[test]
fn metadata_beyond_the_limit_is_refused_with_its_true_size() {
    let place = Place::new();
    let mut metadata = Metadata::default();
    metadata.set(MetadataKind::Icc, vec![7; 5000]);
    for name in ["photo.png", "photo.webp", "photo.tiff"] {
        let mut bytes = Vec::new();
        let format = image::ImageFormat::from_path(name).expect("a format");
        ansel::write_image(&gentle(3, 8, 6), &metadata, format, &mut bytes).expect("a file");
        place.write(name, bytes);
        let message = place.fail(5, ["compress", name, "--max-metadata", "4999"]);
        assert_says(&message, &[name, "metadata", "is 50", "limit is 4999", "--max-metadata"]);
    }
    place.succeed(["compress", "photo.webp", "--max-metadata", "5000"]);
    assert_says(&place.fail(5, ["info", "photo.ansel", "--max-metadata", "4999"]), &["is 5000"]);
    assert_says(&place.fail(5, ["decompress", "photo.ansel", "-o", "x.png", "--max-metadata", "4999"]), &["is 5000"]);
}

#[test]
fn a_jpeg_file_that_cannot_be_decoded_is_kept_nevertheless() {
    let place = Place::new();
    let mut file = std::io::Cursor::new(Vec::new());
    ramp(3, 64, 64).to_image().expect("an image").write_to(&mut file, image::ImageFormat::Jpeg).expect("a file");
    let mut jpeg = file.into_inner();
    let tables = jpeg.windows(2).position(|bytes| bytes == [0xff, 0xc4]).expect("Huffman tables");
    jpeg[tables + 1] = 0xfe; // a comment: the scan cannot be decoded
    place.write("photo.jpg", &jpeg);
    place.fail(3, ["compress", "photo.jpg", "--allow-lossy-source"]);
    assert_says(&place.status(["compress", "photo.jpg"]), &["stored as it is"]);
    place.succeed(["decompress", "photo.ansel", "-o", "back.jpg"]);
    assert!(place.read("back.jpg") == jpeg);
    place.fail(3, ["decompress", "photo.ansel", "-o", "back.png"]);
}

#[test]
fn files_of_another_kind_are_exit_code_4() {
    let place = Place::new();
    for (name, bytes) in [
        ("a.tif", &b"II\x2b\0\x08\0\0\0\x10\0\0\0\0\0\0\0"[..]),
        ("a.jxl", b"\xff\x0a\xfa\x1f\x41\x91"),
        ("a.heic", b"\0\0\0\x18ftypheic\0\0\0\0"),
    ] {
        place.write(name, bytes);
        assert_says(&place.fail(4, ["compress", name]), &[name, "unsupported"]);
    }
    for (name, bytes) in [
        ("a.jpg", b"\xff\xd8\xff\xc9\0\x0b\x08\0\x08\0\x08\x01\x01\x11\0"),
        ("b.jpg", b"\xff\xd8\xff\xc1\0\x0b\x0c\0\x08\0\x08\x01\x01\x11\0"),
    ] {
        place.write(name, bytes);
        assert_says(&place.fail(4, ["compress", name, "--allow-lossy-source"]), &[name, "unsupported"]);
    }
}
