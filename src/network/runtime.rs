//! Finds and loads the ONNX Runtime library, once per process.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ort::environment::Environment;

use crate::error::{Error, Result};

/// The library's name on this platform.
const LIBRARY: &str = if cfg!(target_os = "windows") {
    "onnxruntime.dll"
} else if cfg!(target_os = "macos") {
    "libonnxruntime.dylib"
} else {
    "libonnxruntime.so"
};

const REMEDY: &str = "put ONNX Runtime 1.20 or newer beside the program, or set ORT_DYLIB_PATH to it";

/// The process's ONNX Runtime.
///
/// # Errors
/// [`Error::Runtime`] if no usable library is found; the same error at every further call.
pub(super) fn environment() -> Result<&'static Environment> {
    static ENVIRONMENT: OnceLock<std::result::Result<Environment, String>> = OnceLock::new();
    let loaded = ENVIRONMENT.get_or_init(|| load(&library_path()));
    loaded.as_ref().map_err(|reason| Error::Runtime(reason.clone()))
}

/// What the user names, else the library beside the executable, else what the system's loader finds.
fn library_path() -> PathBuf {
    if let Some(path) = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()) {
        return path.into();
    }
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join(LIBRARY)));
    beside.filter(|path| path.exists()).unwrap_or_else(|| LIBRARY.into())
}

#[cfg(not(feature = "download-binaries"))]
fn load(path: &Path) -> std::result::Result<Environment, String> {
    let builder = ort::init_from(path).map_err(|e| format!("{e}; {REMEDY}"))?;
    builder.with_telemetry(false).build().map_err(|e| format!("{e}; {REMEDY}"))
}

#[cfg(feature = "download-binaries")]
fn load(_: &Path) -> std::result::Result<Environment, String> {
    ort::init().with_telemetry(false).build().map_err(|e| format!("{e}; {REMEDY}"))
}
