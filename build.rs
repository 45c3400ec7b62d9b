//! Puts the ONNX Runtime shared library beside the binary.
//!
//! The crate loads ONNX Runtime when it runs, and few machines have it
//! installed. The official Python wheel carries the library for every common
//! platform, so this script fetches that wheel with pip, checks its SHA-256,
//! and unpacks the one file. `cargo run` and `cargo test` then work on a fresh
//! machine.
//!
//! The library is a convenience, not a condition for the build. Whatever goes
//! wrong here ends in a warning that names the remedy, and the build goes on.
//! After a failed fetch the next build tries again.
//!
//! The script does nothing without the feature `load-dynamic`, when the user
//! brings a library (`ORT_DYLIB_PATH`, feature `system-onnxruntime` or
//! `download-binaries`), and when docs.rs builds the documentation.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

/// Release of ONNX Runtime whose wheels are listed in [`WHEELS`].
const VERSION: &str = "1.31.1";

/// What the user can do if the library could not be fetched.
const REMEDY: &str = "the build goes on, but ansel will need ONNX Runtime when it runs: \
    set ORT_DYLIB_PATH to the full path of an ONNX Runtime library (1.20 or newer), \
    for example the one in onnxruntime/capi/ of the wheel that \
    `pip download onnxruntime` saves";

/// Name of the Python command on the machine that runs this script.
const PYTHON: &str = if cfg!(windows) { "python" } else { "python3" };

/// Python program that unpacks one member of a wheel: WHEEL MEMBER TARGET.
const UNPACK: &str = "\
import shutil, sys, zipfile
wheel, member, target = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    with archive.open(member) as source, open(target, 'wb') as sink:
        shutil.copyfileobj(source, sink)
";

/// The wheel for one target, and the library in it.
struct Wheel {
    /// Value of `CARGO_CFG_TARGET_OS`.
    os: &'static str,
    /// Value of `CARGO_CFG_TARGET_ARCH`.
    arch: &'static str,
    /// Platform tag by which pip selects the wheel.
    platform: &'static str,
    /// SHA-256 of the wheel, in hexadecimal.
    sha256: &'static str,
    /// Name of the library in `onnxruntime/capi/` of the wheel.
    member: &'static str,
    /// Size of the library in bytes. It distinguishes this release's library from those of other releases, and from a
    /// damaged one, without a hash.
    size: u64,
    /// Name under which the program looks for the library.
    library: &'static str,
}

/// All wheels are for `CPython` 3.12; the library does not depend on the Python version. There is no wheel for macOS on
/// `x86_64`.
const WHEELS: [Wheel; 5] = [
    Wheel {
        os: "linux",
        arch: "x86_64",
        platform: "manylinux_2_28_x86_64",
        sha256: "1f3dea47f2f0e5117c2404cea7d21fd253ae7836a3bf167a501cdfbb2600d536",
        member: "libonnxruntime.so.1.31.1",
        size: 29_352_200,
        library: "libonnxruntime.so",
    },
    Wheel {
        os: "linux",
        arch: "aarch64",
        platform: "manylinux_2_28_aarch64",
        sha256: "0b9a492176886992e0e875f06bc0367e333f5fff11711a2d642e18b02f3009cc",
        member: "libonnxruntime.so.1.31.1",
        size: 25_265_040,
        library: "libonnxruntime.so",
    },
    Wheel {
        os: "macos",
        arch: "aarch64",
        platform: "macosx_14_0_arm64",
        sha256: "96dd2564b10ea7153ad9c207e7cd8e5917cb3ba521e0e0a62ac03486fdc8d56c",
        member: "libonnxruntime.1.31.1.dylib",
        size: 33_037_336,
        library: "libonnxruntime.dylib",
    },
    Wheel {
        os: "windows",
        arch: "x86_64",
        platform: "win_amd64",
        sha256: "ae8a9a351efda685cc59a66226cdefaa37a126c1d66872ca23a2de9425326130",
        member: "onnxruntime.dll",
        size: 19_288_376,
        library: "onnxruntime.dll",
    },
    Wheel {
        os: "windows",
        arch: "aarch64",
        platform: "win_arm64",
        sha256: "fe8b9ac1ae8e894e12c47ee82e4f6dfc1835768133687257866469fda80d0bf1",
        member: "onnxruntime.dll",
        size: 19_171_640,
        library: "onnxruntime.dll",
    },
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=ORT_DYLIB_PATH");
    println!("cargo::rerun-if-env-changed=DOCS_RS");
    if env::var_os("CARGO_FEATURE_LOAD_DYNAMIC").is_none() || library_comes_from_elsewhere() {
        return;
    }
    if let Err(problem) = provide() {
        warn(&format!("ONNX Runtime {VERSION} was not fetched: {problem}"));
        warn(REMEDY);
    }
}

/// Prints `message` as cargo warnings, one for each line.
fn warn(message: &str) {
    for line in message.lines() {
        println!("cargo::warning={line}");
    }
}

/// Whether another source of the library is chosen.
fn library_comes_from_elsewhere() -> bool {
    ["ORT_DYLIB_PATH", "DOCS_RS", "CARGO_FEATURE_SYSTEM_ONNXRUNTIME", "CARGO_FEATURE_DOWNLOAD_BINARIES"]
        .into_iter()
        // An empty ORT_DYLIB_PATH counts as unset when the library is loaded.
        .any(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Makes sure that the library is beside the binary and in `deps/`, from where cargo runs the test executables.
///
/// If one of the two is right already, the other is linked to it, so that nothing is fetched twice.
fn provide() -> Result<(), String> {
    let wheel = wheel_for_target()?;
    let out_dir = PathBuf::from(variable("OUT_DIR")?);
    // OUT_DIR is PROFILE/build/PACKAGE-HASH/out, also below target/TRIPLE/.
    let profile = out_dir.ancestors().nth(3).ok_or_else(|| format!("no profile folder above {}", out_dir.display()))?;
    let deps = profile.join("deps");
    let beside_binary = profile.join(wheel.library);
    let beside_tests = deps.join(wheel.library);
    // A missing file makes cargo run this script again.
    for path in [&beside_binary, &beside_tests] {
        println!("cargo::rerun-if-changed={}", path.display());
    }

    fs::create_dir_all(&deps).map_err(|e| about(&deps, &e))?;
    match (wheel.is_library(&beside_binary), wheel.is_library(&beside_tests)) {
        (true, true) => Ok(()),
        (true, false) => share(&beside_binary, &beside_tests),
        (false, true) => share(&beside_tests, &beside_binary),
        (false, false) => {
            fetch(wheel, &out_dir, &beside_binary)?;
            share(&beside_binary, &beside_tests)
        }
    }
}

/// The wheel for the target that cargo builds for.
fn wheel_for_target() -> Result<&'static Wheel, String> {
    let os = variable("CARGO_CFG_TARGET_OS")?;
    let arch = variable("CARGO_CFG_TARGET_ARCH")?;
    let libc = env::var("CARGO_CFG_TARGET_ENV").unwrap_or_default();
    WHEELS
        .iter()
        // The Linux wheels are linked against glibc.
        .find(|wheel| wheel.os == os && wheel.arch == arch && (os != "linux" || libc == "gnu"))
        .ok_or_else(|| format!("there is no wheel for the target {os} {arch} {libc}"))
}

/// An environment variable that cargo sets for build scripts.
fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|e| format!("{name}: {e}"))
}

/// Message for an I/O error, with the path concerned.
fn about(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

impl Wheel {
    /// Whether the file at `path` is this wheel's library, by its size.
    fn is_library(&self, path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|data| data.is_file() && data.len() == self.size)
    }
}

/// Downloads the wheel and puts its library at `target`.
fn fetch(wheel: &Wheel, out_dir: &Path, target: &Path) -> Result<(), String> {
    let folder = out_dir.join("wheel");
    // Leftovers of an interrupted run must not be mistaken for the wheel.
    remove_folder(&folder)?;
    fs::create_dir_all(&folder).map_err(|e| about(&folder, &e))?;
    let result = download(wheel, &folder).and_then(|path| {
        replace(target, |temporary| {
            unpack(wheel, &path, temporary)?;
            if wheel.is_library(temporary) { Ok(()) } else { Err(format!("{} has an unexpected size", wheel.member)) }
        })
    });
    remove_folder(&folder).and(result)
}

/// Removes `folder` with all that it holds, if it exists.
fn remove_folder(folder: &Path) -> Result<(), String> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(about(folder, &e)),
        _ => Ok(()),
    }
}

/// Lets pip save the wheel in `folder` and check its hash; returns its path.
///
/// The options describe the target and a fixed Python, so the choice depends neither on the machine nor on the Python
/// version that runs pip.
fn download(wheel: &Wheel, folder: &Path) -> Result<PathBuf, String> {
    let requirements = folder.join("requirements.txt");
    let line = format!("onnxruntime=={VERSION} --hash=sha256:{}\n", wheel.sha256);
    fs::write(&requirements, line).map_err(|e| about(&requirements, &e))?;

    let mut pip = Command::new(PYTHON);
    pip.args(["-m", "pip", "download", "--require-hashes", "--no-deps"])
        .args(["--only-binary=:all:", "--platform", wheel.platform])
        .args(["--python-version", "3.12"])
        .args(["--implementation", "cp", "--abi", "cp312"])
        .args(["--timeout", "30", "--retries", "2", "--no-input"])
        .args(["--disable-pip-version-check", "--no-color", "--quiet"])
        .arg("--dest")
        .arg(folder)
        .arg("--requirement")
        .arg(&requirements);
    run(&mut pip, "pip download")?;

    fs::read_dir(folder)
        .map_err(|e| about(folder, &e))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension() == Some(OsStr::new("whl")))
        .ok_or_else(|| "pip reported success but saved no wheel".to_owned())
}

/// Unpacks the library, and nothing else, from the wheel at `path`.
fn unpack(wheel: &Wheel, path: &Path, target: &Path) -> Result<(), String> {
    let mut python = Command::new(PYTHON);
    python.args(["-c", UNPACK]).arg(path).arg(format!("onnxruntime/capi/{}", wheel.member)).arg(target);
    run(&mut python, "unpacking the wheel")
}

/// Runs `command` silently; if it fails, returns the last lines of its output.
fn run(command: &mut Command, what: &str) -> Result<(), String> {
    /// Number of lines of output that a warning repeats.
    const SHOWN: usize = 6;

    let output = command.output().map_err(|e| format!("{what}: cannot run {PYTHON}: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    let printed = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = printed.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines[lines.len().saturating_sub(SHOWN)..].join("\n");
    Err(format!("{what} failed ({})\n{last}", output.status))
}

/// Makes `target` the same file as `source`, or a copy where the file system
/// has no hard links.
fn share(source: &Path, target: &Path) -> Result<(), String> {
    replace(target, |temporary| {
        fs::hard_link(source, temporary)
            .or_else(|_| fs::copy(source, temporary).map(drop))
            .map_err(|e| about(temporary, &e))
    })
}

/// Lets `write` make a file under a temporary name beside `target`, then renames it to `target`, so that nobody ever
/// sees an incomplete library: cargo may run several builds at a time.
fn replace(target: &Path, write: impl FnOnce(&Path) -> Result<(), String>) -> Result<(), String> {
    let temporary = target.with_extension(format!("{}.tmp", process::id()));
    // A process with the same id may have been killed here before.
    let _ = fs::remove_file(&temporary);
    let result = write(&temporary).and_then(|()| {
        make_old(&temporary);
        fs::rename(&temporary, target).map_err(|e| about(target, &e))
    });
    if result.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    result
}

/// Gives the file at `path` the date of this script.
///
/// Cargo would take a library newer than the start of the script for a change, run the script again, and compile the
/// crate once more. If the date cannot be set, that superfluous build is the only harm.
fn make_old(path: &Path) {
    let _ = fs::metadata("build.rs")
        .and_then(|script| script.modified())
        .and_then(|date| File::options().write(true).open(path)?.set_modified(date));
}
