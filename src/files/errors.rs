//! Errors of the image crates, by what the caller can do.

use std::io::ErrorKind;

use image::ImageFormat;

use crate::base::error::Error;

/// Converts an error of the image crate, by what the caller can do. `action` is what was being done to the file.
pub(super) fn image_error(action: &'static str) -> impl Fn(image::ImageError) -> Error {
    move |error| match error {
        image::ImageError::IoError(e) => io_error(action)(e),
        unsupported @ image::ImageError::Unsupported(_) => Error::unsupported(unsupported),
        other => Error::damaged(other),
    }
}

/// An unexpected end is a broken image; any other error is the operating system's. The caller adds the path.
pub(super) fn io_error(action: &'static str) -> impl Fn(std::io::Error) -> Error {
    move |source| match source.kind() {
        ErrorKind::UnexpectedEof if source.get_ref().is_none() => Error::Image("the file ends early".to_owned()),
        ErrorKind::UnexpectedEof | ErrorKind::InvalidData => Error::damaged(source),
        _ => Error::Io { action, path: "the image".into(), source },
    }
}

pub(super) fn name(format: ImageFormat) -> String {
    match format {
        ImageFormat::WebP => "WebP".to_owned(),
        other => format!("{other:?}").to_uppercase(),
    }
}
