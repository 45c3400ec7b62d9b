//! What all other modules use: errors, limits, cancellation, locks, and the bytes of numbers, checksums and compressed
//! blocks.

pub(crate) mod bytes;
pub(crate) mod error;
pub(crate) mod limits;
pub(crate) mod lock;
pub(crate) mod stop;

pub use self::error::{Error, ErrorKind, FormatError, FormatErrorKind, Result};
pub use self::limits::Limits;
pub use self::stop::Stop;
