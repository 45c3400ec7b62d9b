//! The `ansel` program: arguments -> options -> library -> printed result.

#![deny(unsafe_code)]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(feature = "ort")]
    without_telemetry();
    cli::run()
}

/// Turns off the telemetry of ONNX Runtime, which from 1.31 on records its use in the user's cache folder and sends it.
#[cfg(feature = "ort")]
#[allow(unsafe_code)]
fn without_telemetry() {
    const VARIABLE: &str = "ORT_DISABLE_TELEMETRY";
    if std::env::var_os(VARIABLE).is_none() {
        // SAFETY: this is the only thread.
        unsafe { std::env::set_var(VARIABLE, "1") };
    }
}
