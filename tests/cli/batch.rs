//! Many files: a run continues after errors and interruptions, and its manifest can be verified.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use ansel::Metadata;

use crate::common::{Random, drawing, gentle, noise};
use crate::place::{Place, assert_says, json};

const COMPRESS: [&str; 9] = ["compress", "-r", "in", "-o", "out", "-e", "1", "--manifest", "out/list.jsonl"];

/// Folders with small images and a JPEG file.
fn place(images: usize) -> Place {
    let place = Place::new();
    std::fs::create_dir_all(place.path("in/below")).expect("folders");
    for index in 0..images {
        let folder = ["in", "in/below"][index % 2];
        let (width, height) = (20 + 3 * index, 15 + index);
        let planes = [gentle, noise, drawing][index % 3](1 + 2 * (index % 2), width, height);
        place.write_png(&format!("{folder}/{index}.png"), &planes, &Metadata::default());
    }
    let jpeg = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/jpeg/progressive.jpg");
    std::fs::copy(jpeg, place.path("in/photo.jpg")).expect("a copied file");
    place
}

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&COMPRESS[..], more].concat()
}

/// The results of a run: all files except the manifest, and the sorted lines of the manifest.
fn results(place: &Place) -> (BTreeMap<String, Vec<u8>>, Vec<String>) {
    let names = place.names().into_iter().filter(|name| name.starts_with("out/"));
    let mut files: BTreeMap<String, Vec<u8>> = names.map(|name| (name.clone(), place.read(&name))).collect();
    let manifest = files.remove("out/list.jsonl").expect("a manifest");
    let mut lines: Vec<String> = String::from_utf8(manifest).expect("text").lines().map(str::to_owned).collect();
    lines.sort();
    (files, lines)
}

#[test]
fn a_run_goes_on_after_errors_and_says_at_the_end_what_failed() {
    let place = place(3);
    place.write("in/broken.png", b"\x89PNG\r\n\x1a\nno more");
    let output = place.command(with(&["--jobs", "2", "--json"])).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8(output.stdout).expect("text");
    let summary = &json(text.lines().last().expect("a line"))["summary"];
    assert_eq!((&summary["files"], &summary["done"], &summary["failed"]), (&5.into(), &4.into(), &1.into()));
    let output = place.command(with(&["--resume"])).output().expect("the program starts");
    let text = String::from_utf8(output.stderr).expect("text");
    assert_says(&text, &["5 files: 0 done, 4 skipped, 1 failed", "failed: in/broken.png", "%"]);
    assert_eq!(output.status.code(), Some(3));
    let manifest = place.succeed(["verify", "--manifest", "out/list.jsonl"]);
    assert_eq!(manifest.lines().count(), 4, "{manifest}");
}

#[test]
fn a_result_that_is_wrong_is_made_again_or_refused() {
    let place = place(4);
    place.succeed_in(&mut place.command(COMPRESS));
    let whole = results(&place);
    // A different source.
    place.write_png("in/0.png", &gentle(3, 9, 9), &Metadata::default());
    let message = String::from_utf8(place.command(with(&["--resume"])).output().expect("a run").stderr).expect("text");
    assert_says(&message, &["out/0.ansel", "not the result of its input", "4 skipped, 1 failed"]);
    place.write_png("in/0.png", &gentle(1, 20, 15), &Metadata::default());
    // A result without its line, and half a line.
    let lines = String::from_utf8(place.read("out/list.jsonl")).expect("text");
    let end = lines.len() - 40;
    place.write("out/list.jsonl", &lines[..end]);
    let removed = whole.0.keys().next().expect("a result");
    std::fs::remove_file(place.path(removed)).expect("a removed file");
    place.succeed_in(&mut place.command(with(&["--resume"])));
    let (files, lines) = results(&place);
    assert!(files == whole.0);
    assert!(whole.1.iter().all(|line| lines.contains(line)));
    // Without a manifest, results are decoded.
    let output = place.command(["compress", "-r", "in", "-o", "out", "-e", "1", "--resume"]).output().expect("a run");
    assert_says(&String::from_utf8(output.stderr).expect("text"), &["0 done, 5 skipped, 0 failed"]);
    assert_says(&place.fail(1, ["compress", "in/0.png", "-o", "out/", "--manifest", "out/list.jsonl"]), &["--resume"]);
}

#[test]
fn verify_compares_files_with_their_manifest() {
    let place = place(3);
    place.succeed_in(&mut place.command(COMPRESS));
    place.succeed(["verify", "--manifest", "out/list.jsonl"]);
    std::fs::rename(place.path("out"), place.path("moved")).expect("a moved folder");
    place.succeed(["verify", "--manifest", "moved/list.jsonl"]);
    // A valid file, but with other pixels.
    std::fs::copy(place.path("moved/2.ansel"), place.path("moved/0.ansel")).expect("a copied file");
    let message = place.fail(1, ["verify", "--manifest", "moved/list.jsonl", "-q"]);
    assert_says(&message, &["moved/0.ansel", "not what the manifest lists"]);
    std::fs::remove_file(place.path("moved/0.ansel")).expect("a removed file");
    assert_says(&place.fail(1, ["verify", "--manifest", "moved/list.jsonl", "-q"]), &["moved/0.ansel"]);
    place.write("moved/list.jsonl", "{}\n");
    assert_says(&place.fail(1, ["verify", "--manifest", "moved/list.jsonl"]), &["line 1"]);
}

#[test]
fn the_same_results_are_named_and_stored_once_on_demand() {
    let place = place(2);
    let (image, mut other) = (gentle(3, 30, 20), Metadata::default());
    other.set(ansel::MetadataKind::Xmp, b"<x:xmpmeta/>".to_vec());
    place.write_png("in/a.png", &image, &Metadata::default());
    place.write_png("in/below/b.png", &image, &Metadata::default());
    place.write_png("in/c.png", &image, &other);
    let output = place.command(with(&["--dedup", "--jobs", "1"])).output().expect("a run");
    let text = String::from_utf8(output.stderr).expect("text");
    assert_says(&text, &["the same as out/a.ansel", "the same pixels as out/a.ansel"]);
    assert!(place.read("out/a.ansel") == place.read("out/below/b.ansel"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let inode = |name: &str| place.path(name).metadata().expect("a file").ino();
        assert_eq!(inode("out/a.ansel"), inode("out/below/b.ansel"));
        assert_ne!(inode("out/a.ansel"), inode("out/c.ansel"));
    }
    place.succeed(["verify", "--manifest", "out/list.jsonl"]);
    // Resuming leaves no other files.
    let (before, removed) = (place.names(), "out/below/b.ansel");
    std::fs::remove_file(place.path(removed)).expect("a removed file");
    place.succeed_in(&mut place.command(with(&["--dedup", "--resume"])));
    place.succeed_in(&mut place.command(with(&["--dedup", "--resume"])));
    assert_eq!(place.names(), before);
}

#[test]
fn what_is_the_same_is_encoded_once() {
    let place = Place::new();
    std::fs::create_dir_all(place.path("in")).expect("a folder");
    let image = gentle(3, 60, 40);
    for name in ["a.png", "b.png", "c.png", "d.bmp"] {
        let mut bytes = Vec::new();
        let format = if name.ends_with("bmp") { image::ImageFormat::Bmp } else { image::ImageFormat::Png };
        ansel::write_image(&image, &Metadata::default(), format, &mut bytes).expect("an image");
        place.write(&format!("in/{name}"), bytes);
    }
    let jpeg = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/jpeg/progressive.jpg");
    for name in ["in/e.jpg", "in/f.jpg"] {
        std::fs::copy(jpeg, place.path(name)).expect("a copied file");
    }
    let output = place.command(["compress", "-r", "in", "-o", "out", "--dedup", "--jobs", "3", "--json"]).output();
    let text = String::from_utf8(output.expect("a run").stdout).expect("text");
    // Files that are encoded are reported with their sizes; others, only by name.
    assert_eq!(text.matches("\"bpsp\"").count(), 1, "{text}");
    assert_eq!(text.matches("\"jpeg_bytes\"").count(), 1, "{text}");
    assert_eq!(text.matches("the same as").count(), 4, "{text}");
    let files: Vec<Vec<u8>> = ["a", "b", "c", "d"].map(|name| place.read(&format!("out/{name}.ansel"))).to_vec();
    assert!(files.windows(2).all(|pair| pair[0] == pair[1]));
    assert!(ansel::Codec::default().decompress(&files[0]).expect("an image").planes == image);
    assert!(place.read("out/e.ansel") == place.read("out/f.ansel"));
    assert_says(&place.fail(1, ["compress", "in/a.png", "-o", "out/", "--dedup", "-q"]), &["--force"]);
}

#[test]
fn of_two_inputs_for_one_result_the_first_is_compressed() {
    let place = place(2);
    place.write_png("in/photo.png", &gentle(3, 30, 20), &Metadata::default());
    let output = place.command(with(&["--jobs", "2"])).output().expect("a run");
    let text = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert_says(&text, &["4 files: 3 done, 0 skipped, 1 failed", "failed: in/photo.png"]);
    assert_says(&text, &["cannot write out/photo.ansel: the result of in/photo.jpg goes there; rename in/photo.png"]);
    assert_says(&place.succeed(["info", "out/photo.ansel"]), &["JPEG file"]);
    place.status(["compress", "in/photo.png", "-o", "out/photo.png.ansel"]);
}

#[test]
fn trees_are_decompressed_side_by_side() {
    let place = place(6);
    place.succeed_in(&mut place.command(COMPRESS));
    let text = place.status(["decompress", "-r", "out", "-o", "back", "--jobs", "2", "--memory", "1M"]);
    assert_says(&text, &["7 files: 7 done, 0 skipped, 0 failed", "out/below/1.ansel -> back/below/1.png"]);
    for name in ["0.png", "below/1.png", "2.png", "below/3.png", "4.png", "below/5.png"] {
        assert!(place.image(&format!("back/{name}")) == place.image(&format!("in/{name}")), "{name}");
    }
    assert!(place.read("back/photo.jpg") == place.read("in/photo.jpg"));
    // The run continues after failures, and reports them.
    place.write("out/2.ansel", "damaged");
    let output = place.command(["decompress", "-r", "out", "-o", "again", "--json"]).output().expect("a run");
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8(output.stdout).expect("text");
    let summary = &json(text.lines().last().expect("a line"))["summary"];
    assert_eq!((&summary["done"], &summary["failed"]), (&6.into(), &1.into()), "{text}");
}

#[test]
fn streams_have_no_manifest() {
    let place = place(1);
    let message = place.fail(2, ["compress", "in/0.png", "-o", "-", "--manifest", "list.jsonl", "-f"]);
    assert_says(&message, &["--manifest"]);
}

/// Kills the run 50 times at random moments; after a run that completes, everything starts from the beginning.
#[test]
fn a_run_that_was_killed_at_any_moment_goes_on_to_the_same_results() {
    let place = place(24);
    let arguments = with(&["--resume", "--jobs", "2", "--quiet"]);
    place.succeed_in(&mut place.command(&arguments));
    let undisturbed = results(&place);
    let out: PathBuf = place.path("out");
    let begin_again = || std::fs::remove_dir_all(&out).expect("a removed folder");
    begin_again();
    let (mut random, mut kills) = (Random(0x50), 0);
    while kills < 50 {
        let mut run = place.command(&arguments).spawn().expect("the program starts");
        std::thread::sleep(Duration::from_millis(5 + random.next() % 350));
        if run.try_wait().expect("a process").is_some_and(|status| status.success()) {
            assert!(results(&place) == undisturbed);
            begin_again();
            continue;
        }
        run.kill().expect("a process to kill");
        run.wait().expect("a process");
        kills += 1;
    }
    place.succeed_in(&mut place.command(&arguments));
    let (files, lines) = results(&place);
    assert!(files == undisturbed.0, "{:?}", files.keys());
    assert_eq!(lines, undisturbed.1);
}
