//! The library's errors as Python exceptions, by what the caller can do about them.

use ansel::{Error, ErrorKind};
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyOSError, PyUserWarning};
use pyo3::prelude::*;

create_exception!(ansel, AnselError, PyException, "What went wrong. Reading and writing raise OSError instead.");
create_exception!(ansel, DamagedError, AnselError, "The input is damaged or of no known kind: get another copy.");
create_exception!(ansel, UnsupportedError, AnselError, "Valid input that is not coded: convert it.");
create_exception!(ansel, LimitsError, AnselError, "A limit or the memory: raise it, if the input is trusted.");
create_exception!(ansel, InstallationError, AnselError, "The installation or the device: mend it.");
create_exception!(ansel, MisuseError, AnselError, "The arguments or the order of the calls: change the program.");
create_exception!(ansel, InternalError, AnselError, "This library is wrong: please report it.");
create_exception!(ansel, NotKeptWarning, PyUserWarning, "What a file says of its image and the result does not keep.");

/// Adds all exceptions to the module.
pub fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("AnselError", py.get_type::<AnselError>())?;
    module.add("DamagedError", py.get_type::<DamagedError>())?;
    module.add("UnsupportedError", py.get_type::<UnsupportedError>())?;
    module.add("LimitsError", py.get_type::<LimitsError>())?;
    module.add("InstallationError", py.get_type::<InstallationError>())?;
    module.add("MisuseError", py.get_type::<MisuseError>())?;
    module.add("InternalError", py.get_type::<InternalError>())?;
    module.add("NotKeptWarning", py.get_type::<NotKeptWarning>())
}

/// The exception for an error. An exception raised by a Python file object is raised again unchanged.
pub fn exception(error: Error) -> PyErr {
    let text = error.to_string();
    match error {
        Error::Io { path, source, .. } => match (source.raw_os_error(), source.downcast::<PyErr>()) {
            (_, Ok(raised)) => raised,
            (Some(code), Err(source)) => {
                let reason = source.to_string();
                let reason = reason.split(" (os error").next().unwrap_or_default().to_owned();
                PyOSError::new_err((code, reason, path.into_os_string()))
            }
            (None, Err(_)) => PyOSError::new_err(text),
        },
        other => match other.kind() {
            ErrorKind::Damaged => DamagedError::new_err(text),
            ErrorKind::Unsupported => UnsupportedError::new_err(text),
            ErrorKind::Limits => LimitsError::new_err(text),
            ErrorKind::Runtime => InstallationError::new_err(text),
            ErrorKind::Misuse => MisuseError::new_err(text),
            _ => InternalError::new_err(text),
        },
    }
}

/// A misuse detected by the bindings themselves.
pub fn misuse<T>(text: impl Into<String>) -> PyResult<T> {
    Err(MisuseError::new_err(text.into()))
}

/// An error of the operating system about a file.
pub fn io_error(action: &'static str, path: &std::path::Path) -> impl Fn(std::io::Error) -> PyErr {
    move |source| exception(Error::Io { action, path: path.into(), source })
}
