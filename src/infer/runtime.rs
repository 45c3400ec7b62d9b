//! Finds and loads the ONNX Runtime library, once per process.

use std::sync::{Arc, OnceLock};

use ort::environment::Environment;

use crate::base::error::{Error, ErrorKind, Result};

/// Converts an error of ONNX Runtime.
pub(super) fn runtime_error(error: impl Into<ort::Error>) -> Error {
    Error::runtime(error.into())
}

type Reason = Arc<dyn std::error::Error + Send + Sync>;

/// The process's ONNX Runtime environment.
///
/// # Errors
/// [`ErrorKind::Runtime`] if no usable library is found; every later call returns the same error.
pub(crate) fn environment() -> Result<&'static Environment> {
    static ENVIRONMENT: OnceLock<std::result::Result<Environment, Reason>> = OnceLock::new();
    let loaded = ENVIRONMENT.get_or_init(load);
    loaded.as_ref().map_err(|reason| {
        let text = format!(
            "ONNX Runtime: {reason}; put ONNX Runtime 1.20 or newer beside the program, or set ORT_DYLIB_PATH to it"
        );
        Error::Foreign { kind: ErrorKind::Runtime, text, source: reason.clone() }
    })
}

fn load() -> std::result::Result<Environment, Reason> {
    #[cfg(feature = "load-dynamic")]
    let builder = ort::init_from(library_path()).map_err(|error| Arc::new(error) as Reason)?;
    #[cfg(not(feature = "load-dynamic"))]
    let builder = ort::init();
    builder.with_telemetry(false).build().map_err(|error| Arc::new(error) as Reason)
}

/// The path given by the user, the library beside the executable, or what the system's loader finds.
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
