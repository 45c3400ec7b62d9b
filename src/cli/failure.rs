//! Failures, as messages and as exit codes.

use std::ffi::OsStr;
use std::fmt::Display;
use std::path::Path;

use ansel::{Error, ErrorKind};

use super::names::printable;

pub type Result<T> = std::result::Result<T, Failure>;

/// Why a command, or one of its inputs, failed.
#[derive(Debug)]
pub enum Failure {
    /// The arguments contradict each other.
    Usage(String),
    /// A damaged file was salvaged in part; warnings have named what is lost.
    Salvaged,
    /// An error of the library, or of reading or writing a file.
    Library(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Library(error)
    }
}

impl Failure {
    /// Reading or writing a path failed.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| io_error(action, path)(source).into()
    }

    pub fn exit_code(&self) -> u8 {
        let error = match self {
            Self::Usage(_) => return 2,
            Self::Salvaged => return 3,
            Self::Library(error) => error,
        };
        match (error.kind(), error) {
            (ErrorKind::Damaged, _) => 3,
            (ErrorKind::Unsupported, _) => 4,
            (ErrorKind::Limits, _) => 5,
            (ErrorKind::Runtime, _) | (_, Error::Model(_)) => 6,
            (ErrorKind::Misuse, _) => 2,
            (ErrorKind::Bug, _) => 7,
            _ => 1,
        }
    }

    /// A one-line message about the failure of an input.
    pub fn message(&self, input: Option<&dyn Display>) -> String {
        let error = match self {
            Self::Usage(text) => return text.clone(),
            Self::Salvaged => {
                let what = "damaged; what is intact was written";
                return input.map_or_else(|| what.to_owned(), |input| format!("{input}: {what}"));
            }
            Self::Library(Error::Io { action, path, source }) => {
                return format!("cannot {action} {}: {}", printable(path.as_os_str()), one_line(source));
            }
            Self::Library(error) => error,
        };
        let text = one_line(error);
        let remedy = match error {
            Error::LimitsExceeded { what, .. } if what.contains("metadata") => " (see --max-metadata)",
            Error::LimitsExceeded { .. } => " (see --max-samples)",
            _ => "",
        };
        match (input, error) {
            (
                Some(input),
                Error::Format(_)
                | Error::Image(_)
                | Error::Unsupported(_)
                | Error::Foreign { kind: ErrorKind::Damaged | ErrorKind::Unsupported, .. }
                | Error::LimitsExceeded { .. }
                | Error::Misuse(_),
            ) => {
                format!("{input}: {text}{remedy}")
            }
            _ => format!("{text}{remedy}"),
        }
    }
}

/// A text as a single line without control characters.
fn one_line(text: impl std::fmt::Display) -> String {
    printable(OsStr::new(&text.to_string().replace('\n', " ")))
}

/// An [`Error::Io`] about a path.
pub fn io_error(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::Io { action, path: path.to_owned(), source }
}

/// Adds the path to an [`Error::Io`] of the library with this action, since the library only knows streams. Also
/// converts [`TooLong`] to an error about limits.
pub fn about(done: &'static str, path: &Path) -> impl Fn(Error) -> Error {
    move |error| match error {
        Error::Io { action: "read", source, .. } if source.kind() == std::io::ErrorKind::FileTooLarge => {
            let limit = source.get_ref().and_then(|source| source.downcast_ref()).map_or(0, |&TooLong(limit)| limit);
            Error::LimitsExceeded { what: "the number of bytes of the input", value: limit + 1, limit }
        }
        Error::Io { action, source, .. } if action == done => io_error(action, path)(source),
        other => other,
    }
}

/// A pipe yielded more bytes than this.
#[derive(Debug)]
pub struct TooLong(pub u64);

impl std::fmt::Display for TooLong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "more than {} bytes", self.0)
    }
}

impl std::error::Error for TooLong {}
