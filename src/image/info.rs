//! The shape of an image.

use crate::base::error::{Error, Result};
use crate::base::limits::{MAX_HEIGHT, MAX_WIDTH};

/// Most channels of an image: red, green, blue, alpha.
pub(crate) const MAX_CHANNELS: usize = 4;
/// Most bits of a sample.
pub(super) const MAX_DEPTH: u32 = 16;

/// The shape of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageInfo {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Channels: 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha).
    pub channels: usize,
    /// Bits per sample: 1 to 16.
    pub depth: u32,
}

/// Fails for a shape that no image can have.
pub(crate) fn check_shape(info: ImageInfo) -> Result<()> {
    let ImageInfo { width, height, channels, depth } = info;
    let unsupported = |what: String| Err(Error::Unsupported(what));
    if !(1..=MAX_CHANNELS).contains(&channels) {
        return unsupported(format!("{channels} channels (there can be 1 to {MAX_CHANNELS})"));
    }
    if !(1..=MAX_DEPTH).contains(&depth) {
        return unsupported(format!("{depth}-bit samples (they can have 1 to {MAX_DEPTH} bits)"));
    }
    if !(1..=MAX_WIDTH).contains(&width) || !(1..=MAX_HEIGHT).contains(&height) {
        return unsupported(format!("an image of {width} x {height} pixels"));
    }
    Ok(())
}
