//! Reports what happens: to people in lines, to programs in JSON.

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::args;
use super::failure::{Failure, Result};
use super::place::Place;

/// What to report, and where.
#[derive(Debug)]
pub struct Reporter {
    quiet: bool,
    json: bool,
    pub verbose: bool,
    /// Standard output is for the results themselves; JSON goes to standard error.
    data_on_standard: bool,
    pub bar: ProgressBar,
}

impl Reporter {
    /// With a progress bar, if standard error is a terminal.
    pub fn new(report: &args::Report, data_on_standard: bool) -> Self {
        let &args::Report { quiet, json, verbose } = report;
        let bar = if quiet || json {
            ProgressBar::hidden()
        } else {
            let style = ProgressStyle::with_template("{wide_msg} [{bar:30}] {percent:>3} %  {eta:>4}");
            ProgressBar::no_length().with_style(style.expect("a valid template"))
        };
        Self { quiet, json, verbose, data_on_standard, bar }
    }

    /// For commands that only print something.
    pub fn printing(json: bool) -> Self {
        Self { quiet: false, json, verbose: false, data_on_standard: false, bar: ProgressBar::hidden() }
    }

    /// Prints a requested answer on standard output.
    pub fn answer(&self, text: impl FnOnce() -> String, value: impl FnOnce() -> Value) -> Result<()> {
        if self.json {
            return self.event(&value());
        }
        if self.quiet {
            return Ok(());
        }
        let written = self.bar.suspend(|| print(&text()));
        match written {
            // The reader closed the pipe: it has what it wanted.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(Failure::io("write", Path::new("-"))),
        }
    }

    /// Prints what was done; lines for people go to standard error.
    pub fn status(&self, text: impl FnOnce() -> String, value: impl FnOnce() -> Value) -> Result<()> {
        if self.json {
            return self.event(&value());
        }
        if !self.quiet {
            self.say(&text());
        }
        Ok(())
    }

    /// Prints a warning about a file.
    pub fn warn(&self, file: &Place, text: &str) -> Result<()> {
        let event = || {
            let mut event = json!({ "warning": text });
            file.put(&mut event, "file");
            event
        };
        self.status(|| format!("ansel: {file}: {text}"), event)
    }

    /// Prints details, with `--verbose`.
    pub fn detail(&self, text: &str) -> Result<()> {
        if self.verbose { self.status(|| text.to_owned(), || json!({ "detail": text })) } else { Ok(()) }
    }

    /// Prints a failure; returns its exit code.
    pub fn fail(&self, input: Option<&Place>, failure: &Failure) -> ExitCode {
        let (code, message) = (failure.exit_code(), failure.message(input.map(|input| input as _)));
        let mut event = json!({ "error": message, "exit_code": code });
        if let Some(input) = input {
            input.put(&mut event, "file");
        }
        if !self.json || self.event(&event).is_err() {
            self.say(&format!("ansel: {message}"));
        }
        ExitCode::from(code)
    }

    /// Prints a line on standard error, ignoring errors.
    fn say(&self, line: &str) {
        self.bar.suspend(|| _ = writeln!(std::io::stderr(), "{line}"));
    }

    fn event(&self, value: &Value) -> Result<()> {
        let written =
            if self.data_on_standard { writeln!(std::io::stderr(), "{value}") } else { print(&value.to_string()) };
        written.map_err(Failure::io("write", Path::new("-")))
    }
}

/// Prints a text and a newline.
pub fn print(text: &str) -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{text}")?;
    output.flush()
}

/// "1 channel", "2 channels".
pub fn count(number: impl Into<u64>, thing: &str) -> String {
    let number = number.into();
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}
