//! The `ansel` program: arguments -> options -> library -> printed result.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
