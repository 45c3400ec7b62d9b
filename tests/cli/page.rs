//! The page of `ansel report`, as text, and as people read it in Chromium.

use std::path::{Path, PathBuf};
use std::process::Command;

use ansel::{Metadata, Planes};
use serde_json::Value;

use crate::common::{drawing, gentle, noise, photograph};
use crate::place::{Place, assert_says, json};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// An archive of images of all kinds, with a manifest that includes sizes under another codec, and a page about them.
fn reported() -> (Place, String) {
    let place = Place::new();
    std::fs::create_dir_all(place.path("in/below")).expect("folders");
    for index in 0..3 {
        let (x, y) = (150 * index, 100 * index);
        let part = photograph().samples().slice(ndarray::s![.., y..y + 160, x..x + 240]).to_owned();
        place.write_png(&format!("in/{index}.png"), &Planes::new(part, 8).expect("planes"), &Metadata::default());
    }
    place.write_png("in/below/<drawing> & text.png", &drawing(3, 90, 60), &Metadata::default());
    place.write_png("in/noise.png", &noise(1, 60, 50), &Metadata::default());
    place.write_png("in/gentle.png", &gentle(4, 40, 30), &Metadata::default());
    std::fs::copy(format!("{ROOT}/tests/jpeg/progressive.jpg"), place.path("in/photo.jpg")).expect("a copied file");
    place.status(["compress", "-r", "in", "-o", "out", "-e", "3", "--manifest", "out/list.jsonl"]);
    let with_others = |line: &str| {
        let mut entry = json(line);
        if entry["file"] != "noise.ansel" {
            entry["jpeg_xl_bytes"] = (entry["bytes"].as_u64().expect("bytes") + 1000).into();
        }
        format!("{entry}\n")
    };
    let lines = String::from_utf8(place.read("out/list.jsonl")).expect("text");
    place.write("out/list.jsonl", lines.lines().map(with_others).collect::<String>());
    let line = place.status(["report", "out", "--manifest", "out/list.jsonl"]);
    assert_says(&line, &["report.html: a report on 7 files"]);
    let page = String::from_utf8(place.read("report.html")).expect("text");
    (place, page)
}

#[test]
fn a_report_has_sizes_pictures_and_what_codes_the_files() {
    let (place, page) = reported();
    let title = "<title>ansel: a report on 7 files</title>";
    for part in
        [title, "below/&lt;drawing&gt; &amp; text.ansel", "jpeg_xl", "source files", "JPEG file, Lepton", "lattice"]
    {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("http:") && !page.contains("https:") && !page.contains("<script"));
    assert_eq!(page.matches("<img ").count(), page.matches("src=\"data:image/png;base64,").count());
    // The same page again; an existing page is not overwritten unless asked.
    assert_says(&place.fail(1, ["report", "out"]), &["report.html", "--force"]);
    place.status(["report", "out", "--manifest", "out/list.jsonl", "-o", "again.html"]);
    assert!(place.read("again.html") == page.as_bytes());
}

#[test]
fn a_report_names_files_that_cannot_be_read() {
    let place = Place::new();
    place.write_png("a.png", &gentle(3, 20, 20), &Metadata::default());
    place.succeed(["compress", "a.png"]);
    place.write("b.ansel", b"no ansel file at all");
    let output = place.run(["report", ".", "-o", "page.html"]);
    assert_eq!(output.status.code(), Some(3));
    let page = String::from_utf8(place.read("page.html")).expect("text");
    for part in ["a report on 1 file<", "Files that could not be read", "b.ansel"] {
        assert!(page.contains(part), "{part}");
    }
}

/// The folder of npm's playwright-core, if it is installed.
fn playwright() -> Option<PathBuf> {
    let folder = std::env::var_os("ANSEL_PLAYWRIGHT")
        .map_or_else(|| Path::new(ROOT).join("target/playwright/node_modules/playwright-core"), PathBuf::from);
    folder.join("package.json").exists().then_some(folder)
}

fn chromium() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    let mut programs = std::env::split_paths(&folders).map(|folder| folder.join("chromium"));
    programs.find(|program| program.exists())
}

#[test]
fn people_can_read_a_report_in_chromium() {
    let (Some(playwright), Some(chromium)) = (playwright(), chromium()) else {
        eprintln!("left out: chromium, or npm's playwright-core in target/playwright, is not installed (see .ci/run)");
        return;
    };
    let (place, _) = reported();
    let mut node = Command::new("node");
    node.arg(format!("{ROOT}/tests/page/read.mjs")).args([&playwright, &chromium]).arg(place.path("report.html"));
    node.args(std::env::var_os("ANSEL_SCREENSHOT"));
    let output = node.output().expect("node starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found = json(&String::from_utf8(output.stdout).expect("text"));

    // Self-contained: nothing but the page is fetched, and nothing fails.
    assert!(found["requests"].as_array().expect("requests").iter().all(|kind| kind == "file" || kind == "data"));
    assert_eq!((&found["errors"], &found["lang"]), (&Value::Array(Vec::new()), &"en".into()));

    // With a screen reader.
    let spoken = found["spoken"].as_str().expect("text");
    assert_says(spoken, &["heading \"A report on 7 files\" [level=1]", "navigation \"Sections\"", "link \"Totals\""]);
    assert_says(
        spoken,
        &["img \"Histogram of files", "img \"Map of the bits per pixel of ", "rowheader \"noise.ansel\""],
    );
    for table in found["tables"].as_array().expect("tables") {
        assert!(table["caption"].as_str().is_some_and(|caption| !caption.is_empty()), "{table}");
        assert!(table["columns"].as_array().expect("columns").iter().all(|head| head[0] == "TH" && head[1] == "col"));
        assert!(table["rows"].as_array().expect("rows").iter().all(|row| row[0] == "row"), "{table}");
    }
    let images = found["images"].as_array().expect("images");
    assert!(images.len() >= 8, "{images:?}");
    assert!(images.iter().all(|image| image["alt"] != "" && image["width"].as_u64() > Some(8)), "{images:?}");

    // The page tells what was compressed.
    let row = |table: usize, name: &str| {
        let rows = found["tables"][table]["rows"].as_array().expect("rows");
        rows.iter().find(|row| row[1] == name).unwrap_or_else(|| panic!("no row {name} in {rows:?}")).clone()
    };
    let number = |cell: &Value| cell.as_str().expect("text").replace('\u{202f}', "").parse::<u64>().expect("a number");
    let sizes = |extension: &str, without: &str| -> u64 {
        let names = place.names().into_iter().filter(|name| name.ends_with(extension) && !name.contains(without));
        names.map(|name| place.read(&name).len() as u64).sum()
    };
    let others = row(0, "jpeg_xl");
    assert_eq!((number(&others[2]), number(&others[4])), (6, sizes(".ansel", "noise")));
    assert_eq!(number(&others[3]), sizes(".ansel", "noise") + 6000);
    let sources = row(0, "source files");
    assert_eq!(number(&sources[3]), sizes(".png", "none") + sizes(".jpg", "none"));

    // Contrast: at least what WCAG 2 (AA) requires, in the light and the dark scheme, which differ.
    for scheme in ["light", "dark"] {
        assert!(found["contrast"][scheme].as_f64() >= Some(4.5), "{scheme}: {}", found["contrast"]);
    }
    assert_ne!(found["paper"]["light"], found["paper"]["dark"]);
    assert!(found["overflow"].as_i64() <= Some(0), "wider than a telephone by {}", found["overflow"]);

    // Keyboard: all links, tables and details can be focused, and each shows its focus.
    let stops = found["stops"].as_array().expect("stops");
    for tag in ["A", "SUMMARY", "DIV"] {
        assert!(stops.iter().any(|stop| stop[0] == tag), "{stops:?}");
    }
    assert!(stops.iter().all(|stop| stop[2] != "none"), "{stops:?}");
    assert_eq!(found["opened"], true);
}
