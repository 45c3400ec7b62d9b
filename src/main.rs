//! The `ansel` program: arguments -> options -> library -> printed result.

#![deny(unsafe_code)]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(feature = "ort")]
    without_telemetry();
    cli::run()
}

/// Keeps ONNX Runtime, from 1.31 on, from noting its use in the user's cache folder and from sending it to its makers.
#[cfg(feature = "ort")]
#[allow(unsafe_code)]
fn without_telemetry() {
    const VARIABLE: &str = "ORT_DISABLE_TELEMETRY";
    if std::env::var_os(VARIABLE).is_none() {
        // SAFETY: this is the only thread.
        unsafe { std::env::set_var(VARIABLE, "1") };
    }
}
