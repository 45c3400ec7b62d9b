//! Object stores: file:// needs no server. tests/stores uses a server.

use ansel::Metadata;

use crate::common::{gentle, noise};
use crate::place::{Place, assert_says, json};

/// A folder with images in `in`, and the URL of the folder.
fn place() -> (Place, String) {
    let place = Place::new();
    std::fs::create_dir_all(place.path("in/below")).expect("folders");
    place.write_png("in/a b#%20.png", &gentle(3, 20, 15), &Metadata::default());
    place.write_png("in/below/c.png", &noise(1, 30, 25), &Metadata::default());
    let jpeg = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/jpeg/progressive.jpg");
    std::fs::copy(jpeg, place.path("in/photo.jpg")).expect("a copied file");
    let url = format!("file://{}", place.path("").canonicalize().expect("a path").display());
    (place, url)
}

#[test]
fn a_store_is_as_a_folder() {
    let (place, url) = place();
    let (source, target) = (format!("{url}/in"), format!("{url}/out"));
    place.succeed_in(&mut place.command(["compress", "-r", "in", "-o", "local", "-e", "1", "-q"]));
    let compress = ["compress", "-r", &source, "-o", &target, "-e", "1", "--manifest", "list.jsonl"];
    place.succeed_in(&mut place.command(compress));
    for name in ["a b#%20.ansel", "below/c.ansel", "photo.ansel"] {
        assert!(place.read(&format!("out/{name}")) == place.read(&format!("local/{name}")), "{name}");
    }
    let listed = place.succeed(["verify", "--manifest", "list.jsonl"]);
    assert_says(&listed, &[&format!("{target}/below/c.ansel: ok")]);
    assert_eq!(place.succeed(["verify", "-r", &target]).lines().count(), 3);
    assert_eq!(json(&place.succeed(["info", "--json", &format!("{target}/a b#%20.ansel")]))["width"], 20);
    let resumed = place.command([&compress[..], &["--resume"]].concat()).output().expect("a run");
    assert_says(&String::from_utf8_lossy(&resumed.stderr), &["3 files: 0 done, 3 skipped, 0 failed"]);
    place.status(["decompress", "-r", &target, "-o", "again"]);
    assert!(place.read("again/photo.jpg") == place.read("in/photo.jpg"));
    for name in ["a b#%20.png", "below/c.png"] {
        assert_eq!(place.image(&format!("again/{name}")), place.image(&format!("in/{name}")));
    }
    let back = place.succeed(["decompress", "-r", &target, "-o", &format!("{url}/back"), "--json"]);
    let summary = &json(back.lines().last().expect("a line"))["summary"];
    let bytes = |folder: &str, names: [&str; 3]| {
        names.iter().map(|name| place.read(&format!("{folder}/{name}")).len()).sum::<usize>()
    };
    assert_eq!(summary["source_bytes"], bytes("out", ["a b#%20.ansel", "below/c.ansel", "photo.ansel"]));
    assert_eq!(summary["bytes"], bytes("back", ["a b#%20.png", "below/c.png", "photo.jpg"]));
    let part = ["decompress", &format!("{target}/below/c.ansel"), "--crop", "3,4,5,6", "-o", "part.png", "-q"];
    place.succeed(part);
    assert_eq!((place.image("part.png").width(), place.image("part.png").height()), (5, 6));
}

#[test]
fn objects_are_neither_overwritten_nor_removed_unasked() {
    let (place, url) = place();
    let source = format!("{url}/in/below/c.png");
    place.status(["compress", &source, "-e", "1"]);
    assert_says(&place.fail(1, ["compress", &source, "-e", "1"]), &["in/below/c.ansel", "--force"]);
    place.write("in/below/c.ansel", b"another");
    assert_says(&place.fail(1, ["compress", &source, "--resume", "-q"]), &["not the result"]);
    place.status(["compress", &source, "-e", "1", "--force", "--rm"]);
    assert!(!place.path("in/below/c.png").exists());
    assert_eq!(place.succeed(["verify", &format!("{url}/in/below/c.ansel")]).lines().count(), 1);
}

#[test]
fn what_a_store_cannot_do_is_said() {
    let (place, url) = place();
    let name = |name: &str| format!("{url}/{name}");
    assert_says(&place.fail(1, ["info", &name("in/none.ansel")]), &["none.ansel", "no such object"]);
    assert_says(&place.fail(1, ["info", &name("in/below/")]), &["in/below", ".ansel"]);
    assert_says(&place.fail(2, ["compress", "-r", "in", "-o", &name("out"), "--dedup"]), &["--dedup"]);
    assert_says(&place.fail(2, ["compress", "-r", "in", "--manifest", &name("list.jsonl")]), &["manifest"]);
    assert_says(&place.fail(1, ["compress", "file://in/c.png"]), &["file:///PATH"]);
    assert_says(&place.fail(1, ["compress", &name("in//c.png")]), &["in//c.png"]);
    assert_says(
        &place.fail(2, ["compress", &name("in/photo.jpg"), &name("a.ansel"), &name("b.ansel")]),
        &["-o FOLDER"],
    );
}
