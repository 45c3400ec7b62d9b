//! Where results go, and the names of commands.

use ansel::{Metadata, Planes};

use crate::common::{gentle, photograph, ramp};
use crate::place::{Place, assert_says, json};

#[test]
fn the_second_path_is_the_result_if_it_looks_like_one() {
    let (place, planes) = Place::with_photo();
    place.succeed(["compress", "photo.png", "small.ansel"]);
    let message = place.fail(2, ["compress", "photo.png", "small.ansel"]);
    assert_says(&message, &["small.ansel exists", "ansel compress photo.png -o small.ansel --force"]);
    place.succeed(["compress", "photo.png", "small.ansel", "-f"]);
    place.succeed(["decompress", "small.ansel", "back.bmp"]);
    assert!(place.image("back.bmp") == planes);
    assert_says(&place.fail(2, ["decompress", "small.ansel", "back.bmp"]), &["-o back.bmp --force"]);
    assert_says(&place.fail(2, ["compress", "photo.png", "photo.png", "new.ansel"]), &["new.ansel", "-o FOLDER"]);
    assert_says(&place.fail(2, ["compress", ".", "new.ansel"]), &["-o FOLDER"]);
    assert_eq!(place.names(), ["back.bmp", "photo.png", "small.ansel"]);
    // With an output option, and where they do not look like results, all paths are inputs.
    place.fail(3, ["compress", "small.ansel", "-o", "x.ansel"]);
    assert_says(&place.fail(1, ["verify", "missing.ansel"]), &["missing.ansel"]);
}

#[test]
fn a_result_never_replaces_a_source() {
    let (place, _) = Place::with_photo();
    place.write_png("b.png", &ramp(3, 4, 4), &Metadata::default());
    assert_says(&place.fail(2, ["compress", "photo.png", "-o", "photo.png", "-f"]), &["photo.png", "input"]);
    assert_says(&place.fail(2, ["compress", "photo.png", "-o", "./photo.png", "-f"]), &["photo.png", "input"]);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("photo.png", place.path("link.ansel")).expect("a link");
        place.fail(2, ["compress", "photo.png", "-o", "link.ansel", "-f"]);
    }
    place.succeed(["compress", "photo.png"]);
    std::fs::rename(place.path("photo.ansel"), place.path("c.png")).expect("renamed");
    place.fail(2, ["decompress", "c.png", "-f"]);
}

#[test]
fn folders_are_mirrored() {
    let (place, planes) = Place::with_photo();
    for folder in ["in/a/deep", "in/b", "in/empty"] {
        std::fs::create_dir_all(place.path(folder)).expect("a folder");
    }
    for name in ["in/x.png", "in/a/x.png", "in/a/deep/y.png", "in/b/x.png"] {
        std::fs::copy(place.path("photo.png"), place.path(name)).expect("a copy");
    }
    place.succeed(["compress", "in", "-o", "flat"]);
    place.succeed(["compress", "-r", "in", "-o", "out"]);
    place.succeed(["decompress", "-r", "out", "-o", "back"]);
    place.succeed(["verify", "-r", "out"]);
    let text = place.succeed(["info", "-r", "out", "--json"]);
    let names: Vec<String> = text.lines().map(|line| json(line)["file"].as_str().expect("a name").to_owned()).collect();
    assert_eq!(names, ["out/x.ansel", "out/a/x.ansel", "out/a/deep/y.ansel", "out/b/x.ansel"]);
    let expected = ["back/a/deep/y.png", "back/a/x.png", "back/b/x.png", "back/x.png"];
    let names: Vec<String> = place.names().into_iter().filter(|name| name.starts_with("back")).collect();
    assert_eq!(names, expected);
    assert!(expected.iter().all(|name| place.image(name) == planes));
    assert_eq!(place.names().iter().filter(|name| name.starts_with("flat")).count(), 1);
    // Without an output folder, results go beside the inputs.
    place.succeed(["compress", "--recursive", "in"]);
    assert!(place.path("in/a/deep/y.ansel").exists());
}

#[test]
fn the_result_of_a_folder_of_one_file_is_in_a_folder() {
    let (place, _) = Place::with_photo();
    place.succeed(["compress", ".", "-o", "out"]);
    assert_eq!(place.names(), ["out/photo.ansel", "photo.png"]);
}

#[test]
fn effort_is_one_scale_of_models_and_learning() {
    let place = Place::new();
    let part = photograph().samples().slice(ndarray::s![.., 200..264, 300..396]).to_owned();
    place.write_png("photo.png", &Planes::new(part, 8).expect("planes"), &Metadata::default());
    let file = |effort: &[&str]| {
        place.succeed_in(&mut place.command([&["compress", "photo.png", "-f"][..], effort].concat()));
        let info = json(&place.succeed(["info", "photo.ansel", "--json"]));
        let model = info["bands"][0]["parts"][0]["model"]["id"].as_u64();
        let name = ansel::models().iter().find(|model_of| Some(model_of.id.into()) == model).map(|model| model.name);
        (name, place.read("photo.ansel"))
    };
    let plain = ["--transforms", "none"];
    let level = |level: &str| file(&[&["-e", level][..], &plain].concat());
    for (number, name, model) in [("4", "fast", "fast"), ("5", "low", "default"), ("9", "max", "max")] {
        assert!(level(number) == level(name), "{name}");
        assert_eq!(level(number).0, Some(model));
    }
    assert_eq!((level("1").0, level("7").0), (Some("turbo"), Some("max")));
    assert!(level("6") == file(&plain) && level("6") == level("default") && level("8") == level("high"));
    // Experts choose the model by name.
    let expert = [&["-e", "9", "--model", "default"][..], &plain].concat();
    assert!(file(&expert) == level("8"));
}

#[test]
fn help_of_a_command_is_about_that_command() {
    let place = Place::new();
    let help = |command: &str| place.succeed([command, "--help"]);
    for text in ["--effort", "--transforms", "--allow-lossy-source", "folders of files", "Drop all metadata"] {
        assert!(!help("decompress").contains(text), "{text}");
    }
    assert_says(&help("decompress"), &["--crop", "--max-metadata", "The ONNX file that a file was made with"]);
    let compress = help("compress");
    assert_says(
        &compress,
        &["`flow`", "--max-metadata", "[default: 6]", "9    max", "5    low", "--recursive", "--rm"],
    );
    let info = help("info");
    assert!(!info.contains("--force") && !info.contains("--quiet"));
    for option in [&["--threads", "1"][..], &["--model", "x.onnx"], &["--device", "cpu"]] {
        let output = place.command([&["info", "x.ansel"][..], option].concat()).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(2), "without --bits, {option:?} would do nothing");
    }
}

#[test]
fn info_takes_many_files() {
    let (place, _) = Place::with_photo();
    place.succeed(["compress", "photo.png"]);
    std::fs::copy(place.path("photo.ansel"), place.path("b.ansel")).expect("a copy");
    let text = place.succeed(["info", "photo.ansel", "b.ansel"]);
    assert_eq!(text.matches("format version").count(), 2);
    assert_says(&text, &["\n\nfile        b.ansel"]);
    let output = place.run(["info", "missing.ansel", "b.ansel"]);
    assert_eq!(output.status.code(), Some(1));
    assert_says(&String::from_utf8_lossy(&output.stdout), &["b.ansel"]);
    assert_eq!(place.succeed(["info", ".", "--json"]).lines().count(), 2);
}

#[test]
fn completions_and_manual_pages_are_printed() {
    let place = Place::new();
    for (shell, says) in [("bash", "_ansel()"), ("zsh", "#compdef ansel"), ("fish", "complete -c ansel")] {
        assert_says(&place.succeed(["completions", shell]), &[says, "clear-hidden-colour"]);
    }
    assert_says(&place.succeed(["man"]), &[".TH ansel 1", "Exit codes", "decompress"]);
    assert_says(&place.succeed(["man", "compress"]), &[".TH ansel-compress 1", "effort"]);
    assert_says(&place.fail(2, ["man", "explode"]), &["explode"]);
}

#[test]
fn verbose_says_device_engine_threads_and_time() {
    let (place, _) = Place::with_photo();
    let text = place.status(["compress", "photo.png", "-v", "--threads", "1", "--device", "cpu"]);
    assert_says(&text, &["effort 6", "model default", "device CPU, kernel, instructions ", "1 thread\n", "seconds"]);
    let text = place.status(["decompress", "photo.ansel", "-v", "-f", "--threads", "3"]);
    assert_says(&text, &["device CPU", "3 threads", "megapixels per second"]);
    let large = gentle(3, 600, 450); // enough for a session of ONNX Runtime
    place.write_png("large.png", &large, &Metadata::default());
    let text = place.status(["compress", "large.png", "-v"]);
    assert_says(&text, &["device CPU, ", " ONNX Runtime, instructions "]);
    assert_says(&place.status(["verify", "large.ansel", "-v"]), &["device CPU, ", " ONNX Runtime"]);
    assert_says(&place.status(["models", "-v"]), &["device CPU, ", " ONNX Runtime"]);
    assert_says(&place.succeed(["--version"]), &["ansel ", "with ONNX Runtime, instructions "]);
}

#[test]
fn onnx_runtime_leaves_nothing_in_the_home_folder() {
    let place = Place::new();
    place.write_png("large.png", &gentle(3, 600, 450), &Metadata::default());
    let mut command = place.command(["compress", "large.png", "-q"]);
    command.env("HOME", place.0.path()).env_remove("XDG_CACHE_HOME").env_remove("ORT_DISABLE_TELEMETRY");
    place.succeed_in(&mut command);
    assert_eq!(place.names(), ["large.ansel", "large.png"]);
}
