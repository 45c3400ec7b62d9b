//! The program as a user types it: what it writes and prints, its exit codes, and what it leaves behind.

#![cfg(feature = "cli")]

#[path = "cli/batch.rs"]
mod batch;
mod common;
#[path = "cli/jpeg.rs"]
mod jpeg;
#[path = "cli/naming.rs"]
mod naming;
#[path = "cli/page.rs"]
mod page;
#[path = "cli/place.rs"]
mod place;
#[path = "cli/seeing.rs"]
mod seeing;
#[path = "cli/stopping.rs"]
mod stopping;
#[cfg(feature = "stores")]
#[path = "cli/stores.rs"]
mod stores;
#[path = "cli/streams.rs"]
mod streams;
#[path = "cli/warnings.rs"]
mod warnings;

use std::path::Path;
use std::process::Command;

use ansel::{Metadata, MetadataKind, Planes};
use common::*;
use image::ImageFormat;
use place::{Place, assert_says, json};
use serde_json::Value;

#[cfg(not(feature = "stores"))]
#[test]
fn a_program_without_object_stores_says_so() {
    assert_says(&Place::new().fail(2, ["compress", "s3://bucket/a.png"]), &["s3://bucket/a.png", "`stores`"]);
}

#[test]
fn default_names_lie_beside_the_input() {
    let (place, planes) = Place::with_photo();
    let line = place.status(["compress", "photo.png"]);
    assert_says(&line, &["photo.png", "photo.ansel", "31 x 17 x 3", "bpsp"]);
    std::fs::remove_file(place.path("photo.png")).expect("removed");
    place.succeed(["decompress", "photo.ansel"]);
    assert_eq!(place.names(), ["photo.ansel", "photo.png"]);
    assert!(place.image("photo.png") == planes);
}

#[test]
fn the_file_is_the_library_s() {
    let (place, planes) = Place::with_photo();
    place.succeed(["compress", "photo.png"]);
    let expected = ansel::Codec::default().compress(&planes, &Metadata::default()).expect("a compressed image");
    assert!(place.read("photo.ansel") == expected);
}

#[test]
fn the_output_option_names_a_file_or_a_folder() {
    let (place, planes) = Place::with_photo();
    place.succeed(["compress", "photo.png", "-o", "one.ansel"]);
    place.succeed(["compress", "photo.png", "-o", "new/folder/"]);
    std::fs::create_dir(place.path("old")).expect("a folder");
    place.succeed(["compress", "photo.png", "-o", "old"]);
    place.succeed(["decompress", "old/photo.ansel", "-o", "back.png"]);
    place.succeed(["decompress", "old/photo.ansel", "--output", "old"]);
    let names = ["back.png", "new/folder/photo.ansel", "old/photo.ansel", "old/photo.png", "one.ansel", "photo.png"];
    assert_eq!(place.names(), names);
    assert!(place.image("back.png") == planes && place.image("old/photo.png") == planes);
}

#[test]
fn the_output_format_follows_the_extension() {
    let (place, planes) = Place::with_photo();
    let grey = ramp(1, 9, 5);
    place.write_png("grey.png", &grey, &Metadata::default());
    place.succeed(["compress", "photo.png", "grey.png"]);
    let starts: [(&str, &str, &[u8]); 6] = [
        ("photo.ansel", "a.ppm", b"P6"),
        ("photo.ansel", "a.bmp", b"BM"),
        ("photo.ansel", "a.qoi", b"qoif"),
        ("photo.ansel", "a.webp", b"RIFF"),
        ("grey.ansel", "a.tif", b"II*"),
        ("grey.ansel", "a.pgm", b"P5"),
    ];
    for (file, target, start) in starts {
        place.succeed(["decompress", file, "-o", target]);
        assert!(place.read(target).starts_with(start), "{target}");
        assert!(place.image(target) == if file == "grey.ansel" { grey.clone() } else { planes.clone() }, "{target}");
    }
    for target in ["a.jpg", "a.gif", "a", "a.ansel", "b.pgm", "b.pbm"] {
        let message = place.fail(4, ["decompress", "photo.ansel", "-o", target]);
        assert_says(&message, &[target]);
    }
    assert_says(&place.fail(4, ["decompress", "grey.ansel", "-o", "b.ppm"]), &["b.ppm", ".pgm"]);
}

#[test]
fn every_format_that_can_be_written_can_be_compressed() {
    let (place, planes) = Place::with_photo();
    place.succeed(["compress", "photo.png"]);
    for name in ["a.ppm", "a.bmp", "a.qoi"] {
        place.succeed(["decompress", "photo.ansel", "-o", name]);
        place.succeed(["compress", name, "-o", "again.ansel", "--force"]);
        assert!(place.read("again.ansel") == place.read("photo.ansel"), "{name}");
    }
    assert!(place.image("a.ppm") == planes);
}

#[test]
fn several_inputs_and_folders_are_compressed_and_decompressed() {
    let (place, planes) = Place::with_photo();
    std::fs::create_dir(place.path("folder")).expect("a folder");
    place.write_png("folder/b.png", &ramp(1, 4, 3), &Metadata::default());
    place.write_png("folder/a.PNG", &planes, &Metadata::default());
    place.write("folder/notes.txt", "no image");
    let lines = place.status(["compress", "photo.png", "folder", "-o", "out"]);
    assert_eq!(lines.lines().count(), 3, "{lines}");
    let order = ["photo.png ->", "a.PNG ->", "b.png ->"].map(|part| lines.find(part).expect("a line for each"));
    assert!(order.is_sorted(), "{lines}");
    place.succeed(["decompress", "out", "-o", "back"]);
    assert_eq!(place.image("back/b.png"), ramp(1, 4, 3));
    assert!(place.image("back/a.png") == planes && place.image("back/photo.png") == planes);
    place.succeed(["verify", "out", "out/a.ansel"]);
}

#[test]
fn nothing_is_overwritten_without_force() {
    let (place, planes) = Place::with_photo();
    place.write("photo.ansel", "mine");
    let message = place.fail(1, ["compress", "photo.png"]);
    assert_says(&message, &["photo.ansel", "--force"]);
    place.succeed(["compress", "photo.png", "--force"]);
    place.write("photo.png", "mine");
    assert_says(&place.fail(1, ["decompress", "photo.ansel"]), &["photo.png", "--force"]);
    place.succeed(["decompress", "photo.ansel", "-f"]);
    assert!(place.image("photo.png") == planes);
}

#[test]
fn two_inputs_of_one_name_do_not_overwrite_each_other() {
    let (place, planes) = Place::with_photo();
    std::fs::create_dir(place.path("b")).expect("a folder");
    place.write_png("b/photo.png", &ramp(3, 4, 4), &Metadata::default());
    let output = place.run(["compress", "photo.png", "b/photo.png", "-o", "out", "--force"]);
    assert_eq!(output.status.code(), Some(1));
    assert_says(
        &String::from_utf8_lossy(&output.stderr),
        &["cannot write out/photo.ansel", "photo.png", "b/photo.png"],
    );
    place.succeed(["decompress", "out/photo.ansel", "-o", "back.png"]);
    assert!(place.image("back.png") == planes);
}

#[test]
fn quiet_prints_nothing() {
    let (place, _) = Place::with_photo();
    for arguments in [
        &["compress", "photo.png", "--quiet"][..],
        &["verify", "photo.ansel", "-q"],
        &["decompress", "photo.ansel", "-q", "--force"],
    ] {
        assert_eq!(place.succeed_in(&mut place.command(arguments)), (String::new(), String::new()), "{arguments:?}");
    }
    assert_says(&place.fail(3, ["verify", "photo.png", "-q"]), &["photo.png", "not an ansel file"]);
}

#[test]
fn json_has_one_object_per_file() {
    let (place, _) = Place::with_photo();
    place.write_png("grey.png", &ramp(1, 9, 5), &metadata());
    let text = place.succeed(["compress", "photo.png", "grey.png", "--json"]);
    let values: Vec<Value> = text.lines().map(json).collect();
    assert_eq!(values.len(), 2);
    assert_eq!((&values[0]["input"], &values[0]["output"]), (&"photo.png".into(), &"photo.ansel".into()));
    assert_eq!((&values[1]["width"], &values[1]["height"], &values[1]["channels"]), (&9.into(), &5.into(), &1.into()));
    assert_eq!(values[1]["bytes"], place.read("grey.ansel").len());
    let verified = json(&place.succeed(["verify", "grey.ansel", "--json"]));
    assert_eq!((&verified["file"], &verified["ok"]), (&"grey.ansel".into(), &true.into()));
    let back = json(&place.succeed(["decompress", "grey.ansel", "--json", "--force"]));
    assert_eq!(back["output"], "grey.png");
    for line in place.succeed(["models", "--json"]).lines().map(json) {
        assert_eq!(line["sha256"].as_str().expect("a digest").len(), 64);
    }
}

#[test]
fn info_shows_what_a_file_holds() {
    let place = Place::new();
    place.write_png("grey.png", &ramp(1, 9, 5), &metadata());
    place.succeed(["compress", "grey.png"]);
    let text = place.succeed(["info", "grey.ansel"]);
    assert_says(
        &text,
        &["9 x 5", "1 channel of 8 bits", "1 channel: ", " 1 tile of", "ICC profile, 400 bytes", "Exif, 40", "XMP, 12"],
    );
    let bytes = place.read("grey.ansel").len();
    assert_says(&text, &[&format!("{bytes} bytes, {:.4} bpsp", 8.0 * bytes as f64 / 45.0)]);
    let value = json(&place.succeed(["info", "grey.ansel", "--json"]));
    assert_eq!(value["bytes"]["file"], bytes);
    assert_eq!(value["metadata"].as_array().map(Vec::len), Some(3));
    assert!(value.get("ideal_bits").is_none());
}

#[test]
fn the_photograph_takes_a_thousandth_more_than_its_ideal_code_length_and_its_tables() {
    let place = Place::new();
    place.succeed(["compress", PHOTOGRAPH, "-o", "photo.ansel", "--quiet"]);
    let value = json(&place.succeed(["info", "photo.ansel", "--bits", "--json"]));
    let ideal = value["ideal_bits"].as_f64().expect("bits") / 8.0;
    let [sum, streams] = ["file", "streams"].map(|part| value["bytes"][part].as_u64().expect("bytes"));
    assert_eq!(sum, place.read("photo.ansel").len() as u64);
    assert!(ideal <= streams as f64 + 64.0 && streams as f64 <= 1.001 * ideal, "{streams} bytes, ideal are {ideal}");
    assert!(streams < sum && sum as f64 <= 1.005 * ideal, "{sum} bytes, ideal are {ideal}");
    assert_says(&place.succeed(["info", "photo.ansel", "--bits"]), &["tables", "metadata", "streams", "ideal"]);
    place.succeed(["decompress", "photo.ansel", "--threads", "1"]);
    assert!(place.image("photo.png") == photograph());
}

#[test]
fn info_states_the_network_passes_of_a_flow() {
    let (place, _) = Place::with_photo();
    place.succeed(["compress", "photo.png", "--model", "flow", "--transforms", "none"]);
    assert_says(&place.succeed(["info", "photo.ansel"]), &["model flow colour", "21 network passes"]);
    let value = json(&place.succeed(["info", "photo.ansel", "--json"]));
    assert_eq!(value["bands"][0]["parts"][0]["model"]["passes"], 21);
}

#[test]
fn models_lists_what_the_program_carries() {
    let text = Place::new().succeed(["models"]);
    for model in ansel::models() {
        assert_says(&text, &[&model.digest()]);
    }
    assert_eq!(text.lines().count(), 1 + ansel::models().len());
}

#[test]
fn threads_do_not_change_the_file() {
    let (place, _) = Place::with_photo();
    for threads in ["1", "2", "7"] {
        place.succeed(["compress", "photo.png", "--threads", threads, "-o", &format!("{threads}.ansel")]);
    }
    assert!(place.read("1.ansel") == place.read("2.ansel") && place.read("1.ansel") == place.read("7.ansel"));
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let (place, _) = Place::with_photo();
    let wrong: [&[&str]; 14] = [
        &[],
        &["compress"],
        &["explode", "photo.png"],
        &["compress", "photo.png", "--threads", "0"],
        &["compress", "photo.png", "--device", "abacus"],
        &["compress", "photo.png", "--quiet", "--json"],
        &["compress", "photo.png", "--transforms", "some"],
        &["compress", "photo.png", "--crop", "0,0,1,1"],
        &["decompress", "photo.ansel", "--crop", "0,0,1"],
        &["decompress", "photo.ansel", "--crop", "0,0,1,1,1"],
        &["decompress", "photo.ansel", "--crop", "0,0,1,x"],
        &["decompress", "photo.ansel", "--crop", "0,0,1,-1"],
        &["decompress", "photo.ansel", "--crop", "0,0,1,4294967296"],
        &["info"],
    ];
    for arguments in wrong {
        let output = place.command(arguments).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stderr.is_empty() == arguments.contains(&"--json"));
    }
    assert_eq!(place.names(), ["photo.png"]);
}

#[test]
fn help_documents_every_exit_code() {
    let help = Place::new().succeed(["--help"]);
    for code in 0..=7 {
        assert_says(&help, &[&format!("\n  {code}  ")]);
    }
}

#[test]
fn an_input_that_is_not_there_is_exit_code_1() {
    let (place, _) = Place::with_photo();
    for arguments in [["compress", "missing.png"], ["decompress", "missing.png"], ["verify", "missing.png"]] {
        assert_says(&place.fail(1, arguments), &["missing.png", "read"]);
    }
    assert_says(&place.fail(1, ["info", "missing.png"]), &["missing.png"]);
    assert_says(&place.fail(1, ["compress", "photo.png/x.png"]), &["photo.png/x.png"]);
}

#[test]
fn an_output_that_cannot_be_created_is_exit_code_1() {
    let (place, _) = Place::with_photo();
    // A file in place of a folder stops every user, even root.
    assert_says(&place.fail(1, ["compress", "photo.png", "-o", "photo.png/x.ansel"]), &["photo.png"]);
    assert_says(&place.fail(1, ["compress", "photo.png", "-o", "photo.png/folder/"]), &["photo.png"]);
    #[cfg(target_os = "linux")]
    assert_says(&place.fail(1, ["compress", "photo.png", "-o", "/proc/x.ansel"]), &["/proc/x.ansel", "write"]);
}

#[test]
fn a_rectangle_is_cut_out() {
    let (place, planes) = Place::with_photo();
    place.succeed(["compress", "photo.png"]);
    for (crop, [x, y, width, height]) in [
        ("0,0,31,17", [0usize, 0, 31, 17]),
        ("3,5,20,9", [3, 5, 20, 9]),
        ("30,16,1,1", [30, 16, 1, 1]),
        ("0,7,31,1", [0, 7, 31, 1]),
    ] {
        let text = place.succeed(["decompress", "photo.ansel", "-o", "part.png", "--crop", crop, "--json", "--force"]);
        let value = json(&text);
        assert_eq!((&value["width"], &value["height"]), (&width.into(), &height.into()));
        let expected = planes.samples().slice(ndarray::s![.., y..y + height, x..x + width]);
        assert!(*place.image("part.png").samples() == expected, "{crop}");
    }
    for crop in ["0,0,32,17", "0,0,31,18", "31,0,1,1", "0,17,1,1", "0,0,0,1", "0,0,1,0", "4294967295,0,4294967295,1"] {
        let message = place.fail(2, ["decompress", "photo.ansel", "-o", "other.png", "--crop", crop]);
        assert_says(&message, &["photo.ansel", "region", "31 x 17"]);
    }
}

#[test]
fn the_adaptation_is_recorded_in_the_file() {
    let place = Place::new();
    place.write_png("a.png", &stripes(3, 40, 30), &Metadata::default());
    place.write("colour.onnx", ansel::models()[0].file);
    let mut bytes = Vec::new();
    for effort in ["default", "max"] {
        place.succeed(["compress", "a.png", "-f", "--effort", effort, "-m", "colour.onnx"]);
        let info = json(&place.succeed(["info", "a.ansel", "--json"]));
        let adaptation = info["bands"][0]["parts"][0]["adaptation"].as_str().expect("a word").to_owned();
        assert_eq!(adaptation == "learning", effort == "max");
        assert_eq!(place.succeed(["info", "a.ansel"]).contains("learning"), effort == "max");
        bytes.push(place.read("a.ansel").len());
        place.succeed(["decompress", "a.ansel", "-o", "b.png", "-f"]);
        assert!(place.image("b.png") == place.image("a.png"));
    }
    assert!(bytes[1] < bytes[0], "{bytes:?}");
}

#[test]
fn efforts_make_smaller_files_of_what_no_network_was_trained_on() {
    let place = Place::new();
    place.write_png("a.png", &arcs(128), &Metadata::default());
    let grey = ansel::models().iter().find(|model| model.content == ansel::Content::Grey).expect("a model");
    place.write("grey.onnx", grey.file);
    let bytes = |effort: &str| {
        place.succeed(["compress", "a.png", "-f", "--effort", effort, "-m", "grey.onnx"]);
        let info = json(&place.succeed(["info", "a.ansel", "--json"]));
        let expected = [("low", "none"), ("default", "bias offsets"), ("max", "learning")];
        let adaptation = &info["bands"][0]["parts"][0]["adaptation"];
        assert!(expected.contains(&(effort, adaptation.as_str().expect("a word"))), "{effort}: {adaptation}");
        assert_eq!(place.succeed(["info", "a.ansel"]).contains("bias offsets"), effort == "default");
        place.read("a.ansel").len()
    };
    let [low, default, max] = ["low", "default", "max"].map(bytes);
    assert!(default < low && max < low, "{low}, {default}, {max}");
}

#[test]
fn without_transforms_the_samples_are_coded_as_they_are() {
    let place = Place::new();
    let planes = drawing(3, 60, 50);
    place.write_png("page.png", &planes, &Metadata::default());
    place.succeed(["compress", "page.png", "-o", "none.ansel", "--transforms", "none"]);
    place.succeed(["compress", "page.png", "-o", "all.ansel", "--transforms", "all"]);
    place.succeed(["compress", "page.png", "-o", "default.ansel"]);
    assert!(place.read("all.ansel") == place.read("default.ansel"));
    let info = json(&place.succeed(["info", "none.ansel", "--json"]));
    for band in info["bands"].as_array().expect("bands") {
        for part in band["parts"].as_array().expect("parts") {
            assert_eq!(part["transforms"], Value::Array(Vec::new()));
        }
    }
    place.succeed(["decompress", "none.ansel"]);
    assert!(place.image("none.png") == planes);
}

/// A PNG file written without this crate. `edit` can change the encoder.
fn png(
    colour: png::ColorType,
    depth: png::BitDepth,
    (width, height): (u32, u32),
    data: &[u8],
    edit: impl FnOnce(&mut png::Encoder<'_, &mut Vec<u8>>),
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    edit(&mut encoder);
    let mut writer = encoder.write_header().expect("a PNG header");
    writer.write_image_data(data).expect("PNG samples");
    writer.finish().expect("a PNG");
    bytes
}

#[test]
fn images_that_would_not_come_back_are_exit_code_4() {
    let place = Place::new();
    let animated = png(png::ColorType::Rgb, png::BitDepth::Eight, (4, 2), &[200; 24], |encoder| {
        encoder.set_animated(1, 0).expect("an animation");
    });
    for (name, bytes, says) in [
        ("animated.png", &animated[..], "animation"),
        ("scaled.pgm", b"P5 1 1 100 a", "0 to 100"),
        ("two.pgm", b"P5 1 1 255 aP5 1 1 255 b", "another image"),
        ("float.hdr", b"#?RADIANCE\n", "floating-point"),
    ] {
        place.write(name, bytes);
        assert_says(&place.fail(4, ["compress", name]), &[name, "unsupported", says]);
        std::fs::remove_file(place.path(name)).expect("a removed file");
        assert!(place.names().is_empty(), "{name}");
    }
}

#[test]
fn pixels_of_lossy_files_are_compressed_on_demand_alone() {
    let place = Place::new();
    let mut jpeg = std::io::Cursor::new(Vec::new());
    gentle(3, 16, 9).to_image().expect("an image").write_to(&mut jpeg, ImageFormat::Jpeg).expect("a JPEG file");
    place.write("photo.jpg", jpeg.get_ref());
    place.succeed(["compress", "photo.jpg", "--allow-lossy-source"]);
    place.succeed(["decompress", "photo.ansel"]);
    assert!(place.image("photo.png") == place.image("photo.jpg"));
}

#[test]
fn a_palette_and_its_order_come_back() {
    let place = Place::new();
    let file = png(png::ColorType::Indexed, png::BitDepth::Two, (4, 2), &[0b00_01_10_01, 0b01_01_00_10], |encoder| {
        encoder.set_palette(vec![9, 8, 7, 1, 2, 3, 200, 100, 0]);
    });
    place.write("photo.png", file);
    place.succeed(["compress", "photo.png"]);
    assert_says(&place.succeed(["info", "photo.ansel"]), &["palette", "3 colours", "2 bits"]);
    place.succeed(["decompress", "photo.ansel", "-o", "back.png"]);
    let reader = png::Decoder::new(std::io::Cursor::new(place.read("back.png"))).read_info().expect("a PNG");
    let info = reader.info();
    assert_eq!((info.color_type, info.bit_depth), (png::ColorType::Indexed, png::BitDepth::Two));
    assert_eq!(info.palette.as_deref(), Some(&[9, 8, 7, 1, 2, 3, 200, 100, 0][..]));
    assert!(place.image("back.png") == place.image("photo.png"));
    let output = place.run(["decompress", "photo.ansel", "-o", "back.ppm"]);
    assert_eq!(output.status.code(), Some(0));
    assert_says(&String::from_utf8_lossy(&output.stderr), &["back.ppm", "not kept", "palette"]);
    assert!(place.image("back.ppm") == place.image("photo.png"));
}

#[test]
fn hidden_colour_is_cleared_in_pixels_and_palette() {
    let place = Place::new();
    let file = png(png::ColorType::Indexed, png::BitDepth::Two, (4, 2), &[0b00_01_10_01, 0b01_01_00_10], |encoder| {
        encoder.set_palette(vec![9, 8, 7, 1, 2, 3, 200, 100, 0]);
        encoder.set_trns(vec![255, 0]);
    });
    place.write("photo.png", file);
    place.succeed(["compress", "photo.png", "--clear-hidden-colour"]);
    place.succeed(["decompress", "photo.ansel", "-o", "back.png"]);
    let mut cleared = place.image("photo.png");
    cleared.clear_hidden_colour();
    assert!(place.image("back.png") == cleared && cleared != place.image("photo.png"));
}

#[test]
fn a_transparent_colour_is_kept_or_refused() {
    let place = Place::new();
    let file = png(png::ColorType::Grayscale, png::BitDepth::Eight, (4, 2), &[2; 8], |encoder| {
        encoder.set_trns(vec![0, 7]);
    });
    place.write("photo.png", file);
    place.succeed(["compress", "photo.png"]);
    place.succeed(["decompress", "photo.ansel", "-o", "back.png"]);
    let reader = png::Decoder::new(std::io::Cursor::new(place.read("back.png"))).read_info().expect("a PNG");
    assert_eq!(reader.info().trns.as_deref(), Some(&[7][..]));
    let message = place.fail(4, ["decompress", "photo.ansel", "-o", "back.tiff"]);
    assert_says(&message, &["transparent colour", "PNG", "strip"]);
    place.succeed(["decompress", "photo.ansel", "-o", "back.tiff", "--strip"]);
    assert!(place.image("back.tiff") == place.image("photo.png"));
}

#[test]
fn inputs_that_are_damaged_or_no_images_are_exit_code_3() {
    let (place, _) = Place::with_photo();
    let photo = place.read("photo.png");
    place.write("text.png", "no image");
    place.write("empty.png", "");
    place.write("short.png", &photo[..photo.len() / 2]);
    let mut damaged = photo.clone();
    damaged[photo.len() / 2] ^= 1;
    place.write("damaged.png", damaged);
    for name in ["text.png", "empty.png", "short.png", "damaged.png"] {
        assert_says(&place.fail(3, ["compress", name]), &[name]);
    }
    place.succeed(["compress", "photo.png"]);
    let file = place.read("photo.ansel");
    place.write("short.ansel", &file[..file.len() - 1]);
    place.write("long.ansel", [&file[..], b"x"].concat());
    let mut damaged = file.clone();
    *damaged.last_mut().expect("a byte") ^= 1;
    place.write("damaged.ansel", damaged);
    place.write("empty.ansel", "");
    let says = [
        ("short.ansel", "truncated"),
        ("long.ansel", "trailing"),
        ("damaged.ansel", "damaged tile"),
        ("empty.ansel", "truncated"),
        ("photo.png", "not an ansel file"),
    ];
    for (name, says) in says {
        assert_says(&place.fail(3, ["decompress", name, "-o", "x.png"]), &[name, says]);
        assert_says(&place.fail(3, ["verify", name]), &[name, says]);
        assert_says(&place.fail(3, ["info", name, "--bits"]), &[name, says]);
    }
}

#[test]
fn images_beyond_the_limits_are_exit_code_5() {
    let (place, _) = Place::with_photo();
    place.write("huge.ppm", "P6 65535 65535 255 ");
    assert_says(&place.fail(5, ["compress", "huge.ppm"]), &["huge.ppm", "limit", "12884508675"]);
    place.succeed(["compress", "photo.png"]);
    let file = RawFile::parse(&place.read("photo.ansel"));
    let (widest, highest) = (1 << 24, (1 << 31) - 1);
    place.write("huge.ansel", RawFile { width: widest, height: highest, band_rows: 1, ..file }.to_bytes());
    assert_says(&place.fail(5, ["decompress", "huge.ansel"]), &["huge.ansel", "limit"]);
    assert_says(&place.fail(5, ["info", "huge.ansel"]), &["huge.ansel", "limit"]);
}

#[test]
fn a_runtime_that_is_missing_or_wrong_is_exit_code_6() {
    // Large enough for a session; smaller images need none.
    let place = Place::new();
    place.write_png("photo.png", &gentle(3, 600, 450), &Metadata::default());
    place
        .write("model.onnx", ansel::models().iter().find(|model| model.content.channels() == 3).expect("a model").file);
    place.succeed(["compress", "photo.png", "--model", "model.onnx"]);
    place.write("library.so", "no library");
    let library = place.path("library.so");
    for path in [Path::new("/nonexistent"), &library, place.0.path()] {
        let commands: [&[&str]; 3] = [
            &["compress", "photo.png", "-o", "x.ansel"],
            &["decompress", "photo.ansel", "-f"],
            &["verify", "photo.ansel"],
        ];
        for arguments in commands {
            let message = place.fail_in(6, place.command(arguments).env("ORT_DYLIB_PATH", path));
            assert_says(&message, &["ONNX Runtime", "ORT_DYLIB_PATH", &path.display().to_string()]);
        }
    }
    // Commands that need no network work without ONNX Runtime.
    let output = place.command(["info", "photo.ansel"]).env("ORT_DYLIB_PATH", "/nonexistent").output();
    assert_eq!(output.expect("the program starts").status.code(), Some(0));
}

#[test]
fn a_model_that_cannot_be_used_is_exit_code_6() {
    let (place, _) = Place::with_photo();
    let colour = ansel::models().iter().find(|model| model.content.channels() == 3).expect("a colour model").file;
    let grey = ansel::models().iter().find(|model| model.content.channels() == 1).expect("a grey model").file;
    let mut changed = colour.to_vec();
    changed[colour.len() / 2] ^= 0x10;
    place.write("text.onnx", "no model");
    place.write("empty.onnx", "");
    place.write("short.onnx", &colour[..colour.len() / 2]);
    place.write("changed.onnx", changed);
    place.write("grey.onnx", grey);
    for name in ["text.onnx", "empty.onnx", "short.onnx", "changed.onnx", "grey.onnx", "missing.onnx", "nameless"] {
        let message = place.fail(6, ["compress", "photo.png", "--model", name]);
        assert!(message.len() > 30, "{name}: {message}");
    }
    assert_says(&place.fail(6, ["compress", "photo.png", "--model", "nameless"]), &["nameless", "ansel models"]);
}

#[test]
fn a_file_made_with_a_model_file_needs_it_again() {
    let (place, planes) = Place::with_photo();
    let colour = ansel::models().iter().find(|model| model.content.channels() == 3).expect("a colour model").file;
    let grey = ansel::models().iter().find(|model| model.content.channels() == 1).expect("a grey model").file;
    // A field that no version of ONNX has, and that readers ignore: the same network in a different file.
    let mine = [colour, &[0x98, 0x06, 1]].concat();
    place.write("mine.onnx", &mine);
    place.write("other.onnx", grey);
    place.succeed(["compress", "photo.png", "--model", "mine.onnx"]);
    for model in ["default", "other.onnx"] {
        let message = place.fail(3, ["decompress", "photo.ansel", "-o", "back.png", "--model", model]);
        assert_says(&message, &["photo.ansel", "unknown model", "--model", &ansel_digest(&mine)]);
    }
    place.succeed(["verify", "photo.ansel", "-m", "mine.onnx"]);
    assert_says(&place.succeed(["info", "photo.ansel"]), &[&ansel_digest(&mine)]);
    place.succeed(["decompress", "photo.ansel", "-o", "back.png", "--model", "mine.onnx"]);
    assert!(place.image("back.png") == planes);
}

#[test]
fn a_model_of_the_program_given_as_a_file_is_recorded_as_the_program_s() {
    let (place, planes) = Place::with_photo();
    let model = ansel::models().iter().find(|model| model.content.channels() == 3).expect("a model");
    place.write("mine.onnx", model.file);
    place.succeed(["compress", "photo.png", "--model", "mine.onnx"]);
    let info = json(&place.succeed(["info", "photo.ansel", "--json"]));
    assert_eq!(info["bands"][0]["parts"][0]["model"]["id"], model.id);
    place.succeed(["decompress", "photo.ansel", "-o", "back.png"]);
    assert!(place.image("back.png") == planes);
}

/// The start of a model file's SHA-256, as in a band's description.
fn ansel_digest(file: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(file)[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}

const XMP: &str = "<?xpacket begin='\u{feff}'?><x:xmpmeta xmlns:x='adobe:ns:meta/'>h\u{e9}</x:xmpmeta>";

fn png_with_metadata(planes: &Planes, icc: Vec<u8>, exif: Vec<u8>) -> Vec<u8> {
    let mut info = png::Info::with_size(planes.width(), planes.height());
    info.color_type = png::ColorType::Rgb;
    info.bit_depth = png::BitDepth::Eight;
    info.icc_profile = Some(icc.into());
    info.exif_metadata = Some(exif.into());
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::with_info(&mut bytes, info).expect("a PNG");
    encoder.add_itxt_chunk("XML:com.adobe.xmp".to_owned(), XMP.to_owned()).expect("an XMP packet");
    let mut writer = encoder.write_header().expect("a PNG header");
    writer.write_image_data(planes.to_image().expect("an image").as_bytes()).expect("PNG samples");
    writer.finish().expect("a PNG");
    bytes
}

#[test]
fn icc_exif_and_xmp_of_a_png_come_back_byte_for_byte() {
    let (place, planes) = (Place::new(), gentle(3, 8, 6));
    let exif = [&b"II*\0\x08\0\0\0"[..], &Random(5).bytes(50)].concat();
    place.write("photo.png", png_with_metadata(&planes, icc_profile(), exif.clone()));
    place.succeed(["compress", "photo.png"]);
    place.succeed(["decompress", "photo.ansel", "-o", "back.png"]);
    let back = place.read("back.png");
    let reader = png::Decoder::new(std::io::Cursor::new(back)).read_info().expect("a PNG");
    let info = reader.info();
    assert!(info.icc_profile.as_deref() == Some(&icc_profile()[..]));
    assert!(info.exif_metadata.as_deref() == Some(&exif[..]));
    let texts: Vec<_> = info.utf8_text.iter().map(|text| (&*text.keyword, text.get_text().expect("text"))).collect();
    assert_eq!(texts, [("XML:com.adobe.xmp", XMP.to_owned())]);
    assert!(place.image("back.png") == planes);
}

/// Moves all chunks of these types to the end of a PNG file, after the samples.
fn with_chunks_last(file: &[u8], kinds: [&[u8; 4]; 2]) -> Vec<u8> {
    let (mut first, mut last) = (file[..8].to_vec(), Vec::new());
    let mut rest = &file[8..];
    while rest.len() > 12 {
        let length = u32::from_be_bytes(rest[..4].try_into().expect("four bytes")) as usize;
        let (chunk, after) = rest.split_at(12 + length);
        if kinds.iter().any(|kind| chunk[4..8] == kind[..]) { &mut last } else { &mut first }.extend(chunk);
        rest = after;
    }
    [first, last, rest.to_vec()].concat()
}

#[test]
fn the_limit_on_samples_is_the_users() {
    let (place, planes) = Place::with_photo();
    let samples = planes.samples().len().to_string();
    let fewer = (planes.samples().len() - 1).to_string();
    let message = place.fail(5, ["compress", "photo.png", "--max-samples", &fewer]);
    assert_says(&message, &["photo.png", "samples", &fewer]);
    place.succeed(["compress", "photo.png", "--max-samples", &samples]);
    place.fail(5, ["decompress", "photo.ansel", "-o", "back.png", "--max-samples", &fewer]);
    place.succeed(["decompress", "photo.ansel", "-o", "back.png", "--max-samples", &samples]);
}

#[test]
fn metadata_behind_the_samples_of_a_png_comes_back() {
    let (place, planes) = (Place::new(), gentle(3, 8, 6));
    let file = png_with_metadata(&planes, icc_profile(), b"II*\0\x08\0\0\0\0\0".to_vec());
    let moved = with_chunks_last(&file, [b"eXIf", b"iTXt"]);
    assert!(moved != file && moved.len() == file.len());
    place.write("photo.png", moved);
    place.succeed(["compress", "photo.png"]);
    assert_says(&place.succeed(["info", "photo.ansel"]), &["ICC profile, 400", "Exif, 10", "XMP, "]);
    place.succeed(["decompress", "photo.ansel", "-o", "back.png"]);
    place.succeed(["compress", "back.png"]);
    assert!(place.read("back.ansel") == place.read("photo.ansel"));
}

#[cfg(unix)]
#[test]
fn a_special_file_is_written_to_and_not_replaced() {
    use std::os::unix::fs::FileTypeExt;
    let (place, _) = Place::with_photo();
    let made = Command::new("mkfifo").arg(place.path("pipe")).status().expect("mkfifo");
    assert!(made.success());
    // Held open for writing, so that the program can open it; the file fits into the pipe's buffer.
    let held = std::fs::OpenOptions::new().read(true).write(true).open(place.path("pipe")).expect("an open pipe");
    place.run(["compress", "photo.png", "-o", "pipe", "--force"]);
    let kind = std::fs::symlink_metadata(place.path("pipe")).expect("the pipe").file_type();
    assert!(kind.is_fifo(), "the pipe was replaced");
    drop(held);
}

#[test]
fn metadata_that_the_output_format_cannot_hold_is_refused_unless_stripped() {
    let (place, planes) = (Place::new(), gentle(3, 8, 6));
    let mut metadata = Metadata::default();
    metadata.set(MetadataKind::Icc, icc_profile());
    place.write_png("photo.png", &planes, &metadata);
    place.succeed(["compress", "photo.png"]);
    for target in ["back.ppm", "back.bmp", "back.qoi"] {
        let message = place.fail(4, ["decompress", "photo.ansel", "-o", target]);
        assert_says(&message, &["photo.ansel", "ICC profile", "strip"]);
        place.succeed(["decompress", "photo.ansel", "-o", target, "--strip"]);
        assert!(place.image(target) == planes);
    }
    place.succeed(["compress", "photo.png", "--strip", "-o", "stripped.ansel"]);
    place.succeed(["decompress", "stripped.ansel", "-o", "stripped.ppm"]);
}

#[test]
fn what_an_output_format_has_no_place_for_is_named_in_a_warning() {
    let place = Place::new();
    let edit = |encoder: &mut png::Encoder<'_, &mut Vec<u8>>| {
        encoder.add_text_chunk("Comment".to_owned(), "hello".to_owned()).expect("a text");
        encoder.set_source_gamma(png::ScaledFloat::new(0.45));
    };
    place.write("photo.png", png(png::ColorType::Rgb, png::BitDepth::Eight, (4, 2), &[9; 24], edit));
    place.succeed(["compress", "photo.png"]);
    assert_says(&place.succeed(["info", "photo.ansel"]), &["PNG chunks", "gAMA 4", "tEXt 13"]);
    let output = place.run(["decompress", "photo.ansel", "-o", "back.ppm"]);
    assert_eq!(output.status.code(), Some(0));
    let warning = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_says(&warning, &["back.ppm", "not kept", "gAMA", "tEXt"]);
    assert_eq!(warning.lines().filter(|line| line.starts_with("ansel: ")).count(), 1);
    place.succeed(["decompress", "photo.ansel", "-o", "back.ppm", "--quiet", "--force"]);
    place.succeed(["decompress", "photo.ansel", "-o", "back.ppm", "--strip", "--force"]);
    place.succeed(["decompress", "photo.ansel", "-o", "back.png"]);
    place.write("longer.png", [&place.read("back.png")[..], b"more"].concat());
    let output = place.run(["compress", "longer.png"]);
    assert_says(&String::from_utf8_lossy(&output.stderr), &["longer.png", "not kept", "4 bytes behind"]);
}

#[test]
fn the_other_inputs_are_done_when_one_fails() {
    let (place, planes) = Place::with_photo();
    place.write("bad.png", "no image");
    let output = place.run(["compress", "missing.png", "bad.png", "photo.png"]);
    assert_eq!(output.status.code(), Some(1), "the first failure decides");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(errors.lines().filter(|line| line.starts_with("ansel: ")).count(), 2, "{errors}");
    assert_eq!(place.names(), ["bad.png", "photo.ansel", "photo.png"]);
    place.write("bad.ansel", "no file");
    let output = place.run(["decompress", "bad.ansel", "photo.ansel", "-o", "out"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(place.image("out/photo.png") == planes);
    assert_eq!(place.run(["verify", "photo.ansel", "bad.ansel"]).status.code(), Some(3));
}

#[test]
fn a_folder_without_images_is_no_success() {
    let place = Place::new();
    std::fs::create_dir(place.path("folder")).expect("a folder");
    let message = place.fail(1, ["compress", "folder"]);
    assert_says(&message, &["folder"]);
}
