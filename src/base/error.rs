//! Errors, divided by what the caller can do about them.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// A `Result` with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong. The display text is one line: what, where and, if there is one, the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Reading or writing failed: look at the disk, the path, the permissions.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// The verb: "read", "write", ...
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The bytes are not a valid ansel file: get another copy.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The input is not a readable image file.
    #[error("not a readable image: {0}")]
    Image(String),
    /// Valid input that this version does not code: convert it, or use another codec.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// A declared size is beyond the [`Limits`](crate::Limits): raise the limit if the input is trusted.
    #[error("limit exceeded: {what} is {value}, the limit is {limit}")]
    LimitsExceeded {
        /// What was measured, with its unit.
        what: &'static str,
        /// The declared value.
        value: u64,
        /// The limit in force.
        limit: u64,
    },
    /// There is not enough memory for the samples.
    #[error("out of memory: the samples take {bytes} bytes")]
    OutOfMemory {
        /// The size of the allocation, in bytes.
        bytes: u64,
    },
    /// A model file breaks the numerical contract, or does not fit the image.
    #[error("model refused: {0}")]
    Model(String),
    /// ONNX Runtime is missing, unusable, or does not compute exactly.
    #[error("ONNX Runtime: {0}")]
    Runtime(String),
    /// Another library rejected an image file, or ONNX Runtime a network. `kind` tells whether this is like
    /// [`Image`](Self::Image), [`Unsupported`](Self::Unsupported) or [`Runtime`](Self::Runtime).
    #[error("{text}")]
    Foreign {
        /// What the caller can do about it.
        kind: ErrorKind,
        /// The reason, in words.
        text: String,
        /// The other library's error.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// A call out of order, or arguments that contradict each other: change the program.
    #[error("misuse: {0}")]
    Misuse(String),
    /// The caller set the [`Stop`](crate::Stop) flag.
    #[error("stopped")]
    Stopped,
    /// The compressed file did not decode to its source. Nothing was written. This is a bug: please report it.
    #[error("verification failed: {0}; nothing was written, please report this")]
    Verification(String),
}

/// What a caller can do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Try again, or look at the disk, the network, the permissions.
    Io,
    /// Get another copy of the input.
    Damaged,
    /// Convert the input, or use another codec.
    Unsupported,
    /// Raise the limit, or find more memory, if the input is trusted.
    Limits,
    /// Mend the installation: ONNX Runtime or the device.
    Runtime,
    /// Change the program or its options.
    Misuse,
    /// Nothing: the caller asked for it.
    Stopped,
    /// Report it: this library is wrong.
    Bug,
}

impl Error {
    /// What the caller can do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { .. } => ErrorKind::Io,
            Self::Format(_) | Self::Image(_) => ErrorKind::Damaged,
            Self::Unsupported(_) => ErrorKind::Unsupported,
            Self::LimitsExceeded { .. } | Self::OutOfMemory { .. } => ErrorKind::Limits,
            Self::Runtime(_) => ErrorKind::Runtime,
            Self::Model(_) | Self::Misuse(_) => ErrorKind::Misuse,
            Self::Foreign { kind, .. } => *kind,
            Self::Stopped => ErrorKind::Stopped,
            Self::Verification(_) => ErrorKind::Bug,
        }
    }
}

/// Errors of other libraries; of their messages, the first line is kept.
impl Error {
    /// From a decoder of image files: the file is damaged.
    #[cfg(feature = "files")]
    pub(crate) fn damaged(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::foreign(ErrorKind::Damaged, "not a readable image", source)
    }

    /// From the reader or writer of an image format: the image is valid, but not supported.
    #[cfg(feature = "files")]
    pub(crate) fn unsupported(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::foreign(ErrorKind::Unsupported, "unsupported", source)
    }

    /// From ONNX Runtime.
    #[cfg(feature = "ort")]
    pub(crate) fn runtime(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::foreign(ErrorKind::Runtime, "ONNX Runtime", source)
    }

    #[cfg(any(feature = "files", feature = "ort"))]
    fn foreign(kind: ErrorKind, what: &str, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        let text = format!("{what}: {}", source.to_string().lines().next().unwrap_or_default());
        Self::Foreign { kind, text, source: Arc::new(source) }
    }
}

/// What is wrong with an ansel file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatError {
    kind: FormatErrorKind,
    detail: String,
}

/// The kind of a [`FormatError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormatErrorKind {
    /// The first bytes are not those of an ansel file.
    NotAnsel,
    /// The file ends before its declared length.
    Truncated,
    /// Bytes follow the declared end.
    TrailingBytes,
    /// A format version that this library does not know.
    UnknownVersion,
    /// A model that is neither in the registry nor supplied by the caller.
    UnknownModel,
    /// A field has a value that the format does not allow, or a reserved field is not zero.
    InvalidField,
    /// The header, or the table of a band, does not match its checksum.
    HeaderChecksum,
    /// A metadata block does not match its checksum.
    MetadataChecksum,
    /// The samples of a tile do not match its checksum.
    TileChecksum,
    /// A JPEG file, or its stream, does not match its checksum.
    ContentChecksum,
}

impl FormatError {
    pub(crate) fn new(kind: FormatErrorKind, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { kind, detail }
    }

    /// The kind of defect.
    #[must_use]
    pub fn kind(&self) -> FormatErrorKind {
        self.kind
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            FormatErrorKind::NotAnsel => "not an ansel file",
            FormatErrorKind::Truncated => "truncated file",
            FormatErrorKind::TrailingBytes => "trailing bytes",
            FormatErrorKind::UnknownVersion => "unknown format version",
            FormatErrorKind::UnknownModel => "unknown model",
            FormatErrorKind::InvalidField => "invalid field",
            FormatErrorKind::HeaderChecksum => "damaged header",
            FormatErrorKind::MetadataChecksum => "damaged metadata",
            FormatErrorKind::TileChecksum => "damaged tile",
            FormatErrorKind::ContentChecksum => "damaged JPEG file",
        };
        write!(f, "{kind}: {}", self.detail)
    }
}

impl std::error::Error for FormatError {}

/// Shorthand for an `Err` with a [`FormatError`].
pub(crate) fn malformed<T>(kind: FormatErrorKind, detail: impl Into<String>) -> Result<T> {
    Err(FormatError::new(kind, detail).into())
}
