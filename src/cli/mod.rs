//! Runs the commands of the command line with the library, and prints the results.

mod args;
mod batch;
mod compress;
mod decompress;
mod dedup;
mod describe;
mod digest;
mod documents;
mod failure;
mod heat;
mod input;
mod inspect;
mod jobs;
mod jpeg;
mod lock;
mod manifest;
mod map;
mod names;
mod options;
mod output;
mod page;
mod place;
mod report;
mod resume;
mod shared;
mod signals;
mod source;
#[cfg(feature = "stores")]
mod store;
#[cfg(not(feature = "stores"))]
#[path = "store/absent.rs"]
mod store;

use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use self::args::{Arguments, Command};
use self::failure::{Failure, Result};
use self::place::Place;
use self::report::Reporter;

/// The outcome of a command: success, or an exit code for a failure that was already reported.
type Outcome = std::result::Result<(), ExitCode>;

/// Runs the program.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return no_command(&error),
    };
    if let Err(error) = signals::watch() {
        return Reporter::printing(false).fail(None, &Failure::io("watch signals for", Path::new("-"))(error));
    }
    let result = match arguments.command {
        Command::Compress(arguments) => compress::run(&arguments),
        Command::Decompress(arguments) => decompress::run(&arguments),
        Command::Info(arguments) => inspect::info(&arguments),
        Command::Verify(arguments) => inspect::verify(&arguments),
        Command::Map(arguments) => map::run(&arguments),
        Command::Report(arguments) => page::run(&arguments),
        Command::Models(arguments) => inspect::models(&arguments),
        Command::Completions { shell } => documents::completions(shell),
        Command::Man { command } => documents::man(command.as_deref()),
    };
    result.err().unwrap_or(ExitCode::SUCCESS)
}

/// Prints help, or an error in the arguments.
fn no_command(error: &clap::Error) -> ExitCode {
    let as_json = std::env::args_os().any(|argument| argument == "--json");
    if error.use_stderr() && as_json {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        return Reporter::printing(true).fail(None, &Failure::Usage(first.to_owned()));
    }
    match error.print() {
        Err(failed) if !error.use_stderr() && failed.kind() != ErrorKind::BrokenPipe => {
            Reporter::printing(false).fail(None, &Failure::io("write", Path::new("-"))(failed))
        }
        _ => ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2)),
    }
}

/// Runs `work` on each input even if others fail; returns the exit code of the first failure.
fn for_each<'a, T>(
    reporter: &Reporter,
    inputs: impl Iterator<Item = (&'a Place, T)>,
    work: impl Fn(T) -> Result<()>,
) -> Outcome {
    let mut first = Ok(());
    for (input, with) in inputs {
        reporter.bar.set_message(input.to_string());
        if let Err(failure) = work(with) {
            let code = reporter.fail(Some(input), &failure);
            first = first.and(Err(code));
        }
    }
    reporter.bar.finish_and_clear();
    first
}
