//! The shape of an image, as image files need it.

use crate::base::error::{Error, Result};
use crate::base::limits::{Limits, MAX_HEIGHT, MAX_WIDTH, check_samples};
use crate::image::ImageInfo;

impl ImageInfo {
    /// Bytes of a row with this many bits per sample.
    pub(crate) fn row_bytes(&self, bits: u32) -> usize {
        (u64::from(self.width) * self.channels as u64 * u64::from(bits)).div_ceil(8) as usize
    }

    /// Fails for an invalid shape, or one beyond the limits. Called before anything of this size is allocated.
    pub(crate) fn check(&self, limits: &Limits) -> Result<()> {
        if self.width == 0 || self.height == 0 {
            return Err(Error::Image(format!("an image of {} x {} pixels", self.width, self.height)));
        }
        if self.width > MAX_WIDTH || self.height > MAX_HEIGHT {
            return Err(Error::Unsupported(format!("an image of {} x {} pixels", self.width, self.height)));
        }
        check_samples(self.width, self.height, self.channels, limits)
    }

    /// "8-bit RGB", for messages.
    pub(crate) fn kind(&self) -> String {
        let colour = ["", "grey", "grey with alpha", "RGB", "RGB with alpha"].get(self.channels).unwrap_or(&"");
        format!("{}-bit {colour}", self.depth)
    }
}
