//! A folder with files, in which the program runs.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ansel::{Metadata, Planes};
use image::ImageFormat;
use serde_json::Value;
use tempfile::TempDir;

use crate::common::gentle;

/// A folder of one test, in which the program runs.
pub struct Place(pub TempDir);

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    /// A folder with `photo.png` in it.
    pub fn with_photo() -> (Self, Planes) {
        let (place, planes) = (Self::new(), gentle(3, 31, 17));
        place.write_png("photo.png", &planes, &Metadata::default());
        (place, planes)
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).expect("a written file");
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub fn write_png(&self, name: &str, planes: &Planes, metadata: &Metadata) {
        let mut bytes = Vec::new();
        ansel::write_image(planes, metadata, ImageFormat::Png, &mut bytes).expect("a PNG");
        self.write(name, bytes);
    }

    pub fn image(&self, name: &str) -> Planes {
        let bytes = std::io::Cursor::new(self.read(name));
        ansel::read_image(bytes, &ansel::Limits::default()).expect("a readable image").planes
    }

    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ansel"));
        command.current_dir(self.0.path()).args(arguments).stdin(Stdio::null());
        command
    }

    pub fn run<const N: usize>(&self, arguments: [&str; N]) -> Output {
        self.command(arguments).output().expect("the program starts")
    }

    /// Runs the program and returns its output; it must succeed without a warning.
    pub fn succeed<const N: usize>(&self, arguments: [&str; N]) -> String {
        let (printed, status) = self.succeed_in(&mut self.command(arguments));
        assert!(!status.contains("ansel: "), "{arguments:?}: {status}");
        printed
    }

    /// Runs the program, which must succeed; returns its standard error.
    pub fn status<const N: usize>(&self, arguments: [&str; N]) -> String {
        self.succeed_in(&mut self.command(arguments)).1
    }

    pub fn succeed_in(&self, command: &mut Command) -> (String, String) {
        let output = command.output().expect("the program starts");
        let [printed, status] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("text"));
        assert_eq!(output.status.code(), Some(0), "{command:?}: {status}");
        (printed, status)
    }

    /// Runs the program, which must fail with this exit code and a single line of error, and change no file.
    pub fn fail<const N: usize>(&self, code: i32, arguments: [&str; N]) -> String {
        self.fail_in(code, &mut self.command(arguments))
    }

    pub fn fail_in(&self, code: i32, command: &mut Command) -> String {
        let before = self.files();
        let output = command.output().expect("the program starts");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{command:?}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
        assert!(errors.starts_with("ansel: "), "{errors}");
        assert!(output.stdout.is_empty(), "something was printed by {command:?}");
        assert!(self.files() == before, "{command:?} changed a file");
        errors
    }

    /// All files below the folder, including hidden ones, with their content.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        let mut folders = vec![self.0.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let bytes = std::fs::read(&path).expect("a file");
                    files.push((path, bytes));
                }
            }
        }
        files.sort();
        files
    }

    /// The names of all files below the folder.
    pub fn names(&self) -> Vec<String> {
        let relative = |(path, _): &(PathBuf, _)| {
            let path = path.strip_prefix(self.0.path()).expect("below the folder");
            path.display().to_string()
        };
        self.files().iter().map(relative).collect()
    }
}

pub fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

pub fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}
