//! `ansel completions` and `ansel man`: files that packages install beside the program.

use std::io::{ErrorKind, Write};
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use super::Outcome;
use super::args::Arguments;
use super::failure::{Failure, Result};
use super::report::Reporter;

/// Prints the completion script of a shell.
pub fn completions(shell: Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "ansel", &mut script);
    finish(print(&script))
}

/// Prints the manual page of the program, or of one of its commands.
pub fn man(command: Option<&str>) -> Outcome {
    let version = env!("CARGO_PKG_VERSION"); // without the instructions of this processor
    let mut program = Arguments::command().disable_help_subcommand(true).long_version(version);
    program.build();
    let page = match command {
        None => Ok(program),
        Some(name) => program
            .find_subcommand(name)
            .cloned()
            .ok_or_else(|| Failure::Usage(format!("there is no command `{name}` (see `ansel --help`)"))),
    };
    finish(page.and_then(|page| {
        let mut text = Vec::new();
        Man::new(page).render(&mut text).map_err(Failure::io("write", Path::new("-")))?;
        print(&text)
    }))
}

/// Prints to standard output; a closed pipe is not an error.
fn print(text: &[u8]) -> Result<()> {
    let mut output = std::io::stdout().lock();
    match output.write_all(text).and_then(|()| output.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(Failure::io("write", Path::new("-"))),
    }
}

fn finish(result: Result<()>) -> Outcome {
    result.map_err(|failure| Reporter::printing(false).fail(None, &failure))
}
