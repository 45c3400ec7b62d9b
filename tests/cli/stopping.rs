//! What is left when the program is stopped, and what is removed.

#![cfg(unix)]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ansel::Metadata;

use crate::common::noise;
use crate::place::{Place, assert_says};

#[test]
fn a_signal_leaves_no_unfinished_file() {
    use std::os::unix::process::ExitStatusExt;
    let place = Place::new();
    place.write_png("large.png", &noise(3, 1500, 1500), &Metadata::default());
    for (signal, number) in [("INT", 2), ("TERM", 15)] {
        let mut program = place.command(["compress", "large.png", "--quiet", "--effort", "9"]);
        let mut program = program.stderr(Stdio::null()).spawn().expect("the program starts");
        let started = Instant::now();
        while place.names().len() == 1 {
            assert!(started.elapsed() < Duration::from_secs(60), "nothing was begun");
            assert!(program.try_wait().expect("a process").is_none(), "it has ended");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(place.names().iter().any(|name| name.starts_with(".ansel-")));
        let killed = Command::new("kill").args([&format!("-{signal}"), &program.id().to_string()]).status();
        assert!(killed.expect("kill").success());
        assert_eq!(program.wait().expect("an end").signal(), Some(number));
        assert_eq!(place.names(), ["large.png"]);
    }
}

#[test]
fn an_unfinished_file_that_nobody_uses_is_named() {
    let (place, _) = Place::with_photo();
    place.write(".ansel-a1B2c3", "half");
    place.write(".ansel-notes", "mine");
    let warning = place.status(["compress", "photo.png"]);
    assert_says(&warning, &["ansel: ./.ansel-a1B2c3: an unfinished file"]);
    assert_eq!(warning.matches("unfinished").count(), 1, "{warning}");
    let used = std::fs::File::open(place.path(".ansel-a1B2c3")).expect("a file");
    used.lock().expect("a lock");
    assert!(!place.status(["compress", "photo.png", "-f"]).contains("unfinished"));
    assert_eq!(place.names().len(), 4);
}

#[test]
fn inputs_are_removed_when_their_results_are_whole() {
    let (place, planes) = Place::with_photo();
    place.write("bad.png", "no image");
    place.write("longer.png", [&place.read("photo.png")[..], b"more"].concat());
    std::os::unix::fs::symlink("photo.png", place.path("link.png")).expect("a link");
    place.run(["compress", "bad.png", "longer.png", "link.png", "--rm"]);
    assert_eq!(place.names(), ["bad.png", "link.ansel", "link.png", "longer.ansel", "longer.png", "photo.png"]);
    place.succeed(["compress", "photo.png", "--rm"]);
    assert!(!place.path("photo.png").exists());
    place.succeed(["decompress", "photo.ansel", "--rm"]);
    assert!(!place.path("photo.ansel").exists() && place.image("photo.png") == planes);
    place.succeed(["compress", "longer.png", "--strip", "--rm", "-f"]);
    assert!(!place.path("longer.png").exists());
}

#[test]
fn inputs_are_not_removed_where_that_would_lose_them() {
    let (place, _) = Place::with_photo();
    place.succeed(["compress", "photo.png"]);
    for arguments in [
        &["compress", "photo.png", "--rm", "-o", "-"][..],
        &["compress", "-", "--rm", "-o", "x.ansel"],
        &["compress", "photo.png", "--rm", "-o", "/dev/null"],
        &["decompress", "photo.ansel", "--rm", "--crop", "0,0,1,1", "-o", "x.png"],
    ] {
        assert_says(&place.fail_in(2, &mut place.command(arguments)), &["--rm"]);
    }
    let message = place.fail(1, ["compress", "photo.png", "--rm"]);
    assert_says(&message, &["photo.ansel", "--force"]);
    assert!(place.path("photo.png").exists());
}
