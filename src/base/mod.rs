//! What everything else stands on: errors, limits, and the bytes of numbers, checksums and compressed blocks.

pub(crate) mod bytes;
pub(crate) mod error;
pub(crate) mod limits;

pub use self::error::{Error, FormatError, FormatErrorKind, Result};
pub use self::limits::Limits;
