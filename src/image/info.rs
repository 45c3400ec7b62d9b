//! The shape of an image.

use super::planes::Planes;

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

impl ImageInfo {
    /// The shape of these planes.
    #[must_use]
    pub fn of(planes: &Planes) -> Self {
        let (width, height, channels, depth) = (planes.width(), planes.height(), planes.channels(), planes.depth());
        Self { width, height, channels, depth }
    }
}
