//! Finds and loads the ONNX Runtime library, once per process.

use std::sync::OnceLock;

use ort::environment::Environment;

use crate::base::error::{Error, Result};

/// An error of ONNX Runtime: its first line.
pub(super) fn runtime_error(error: impl std::fmt::Display) -> Error {
    Error::Runtime(error.to_string().lines().next().unwrap_or_default().to_owned())
}

/// The process's ONNX Runtime.
///
/// # Errors
/// [`Error::Runtime`] if no usable library is found; the same error at every further call.
pub(crate) fn environment() -> Result<&'static Environment> {
    static ENVIRONMENT: OnceLock<std::result::Result<Environment, String>> = OnceLock::new();
    let loaded = ENVIRONMENT.get_or_init(load);
    loaded.as_ref().map_err(|reason| Error::Runtime(reason.clone()))
}

#[cfg(feature = "load-dynamic")]
fn load() -> std::result::Result<Environment, String> {
    let remedy = |e: &dyn std::fmt::Display| {
        format!("{e}; put ONNX Runtime 1.20 or newer beside the program, or set ORT_DYLIB_PATH to it")
    };
    let builder = ort::init_from(library_path()).map_err(|e| remedy(&e))?;
    builder.with_telemetry(false).build().map_err(|e| remedy(&e))
}

#[cfg(not(feature = "load-dynamic"))]
fn load() -> std::result::Result<Environment, String> {
    ort::init().with_telemetry(false).build().map_err(|e| e.to_string())
}

/// What the user names, else the library beside the executable, else what the system's loader finds.
#[cfg(feature = "load-dynamic")]
fn library_path() -> std::path::PathBuf {
    let name = if cfg!(target_os = "windows") {
        "onnxruntime.dll"
    } else if cfg!(target_os = "macos") {
        "libonnxruntime.dylib"
    } else {
        "libonnxruntime.so"
    };
    if let Some(path) = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()) {
        return path.into();
    }
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join(name)));
    beside.filter(|path| path.exists()).unwrap_or_else(|| name.into())
}
