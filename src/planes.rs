//! Image -> planes: the integer samples that are coded, one plane per channel.

use image::{DynamicImage, GrayImage, RgbImage};
use ndarray::{Array3, ArrayViewMut3};

use crate::error::{Error, Result};

/// The samples of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planes {
    samples: Array3<u16>,
    depth: u32,
}

impl Planes {
    /// Planes of `samples` with axes (channel, row, column), each below `2^depth`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] unless there are 1 (grey) or 3 (RGB) channels, a depth of 8 bits, at least one
    /// pixel, and samples in range.
    pub fn new(samples: Array3<u16>, depth: u32) -> Result<Self> {
        let (channels, height, width) = samples.dim();
        let unsupported = |what: String| Err(Error::Unsupported(what));
        if channels != 1 && channels != 3 {
            return unsupported(format!("{channels} channels (grey and RGB are supported)"));
        }
        if depth != 8 {
            return unsupported(format!("{depth}-bit samples (8-bit samples are supported)"));
        }
        if width == 0 || height == 0 || u32::try_from(width.max(height)).is_err() {
            return unsupported(format!("an image of {width} x {height} pixels"));
        }
        if let Some(sample) = samples.iter().find(|&&sample| sample >> depth != 0) {
            return unsupported(format!("sample {sample} in an image of {depth} bits"));
        }
        Ok(Self { samples, depth })
    }

    /// All-zero planes; the caller has checked the shape.
    pub(crate) fn zeros(channels: usize, height: u32, width: u32, depth: u32) -> Self {
        Self { samples: Array3::zeros((channels, height as usize, width as usize)), depth }
    }

    /// Planes of 8-bit samples in raster order with interleaved channels.
    pub(crate) fn from_interleaved(channels: usize, width: u32, height: u32, samples: &[u8]) -> Result<Self> {
        let (width, height) = (width as usize, height as usize);
        let sample = |(channel, y, x): (usize, usize, usize)| u16::from(samples[(y * width + x) * channels + channel]);
        Self::new(Array3::from_shape_fn((channels, height, width), sample), 8)
    }

    /// The samples, with axes (channel, row, column).
    #[must_use]
    pub fn samples(&self) -> &Array3<u16> {
        &self.samples
    }

    pub(crate) fn samples_mut(&mut self) -> ArrayViewMut3<'_, u16> {
        self.samples.view_mut()
    }

    /// Columns.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.samples.dim().2 as u32
    }

    /// Rows.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.samples.dim().1 as u32
    }

    /// Channels: 1 (grey) or 3 (RGB).
    #[must_use]
    pub fn channels(&self) -> usize {
        self.samples.dim().0
    }

    /// Bits per sample.
    #[must_use]
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// The image with these samples.
    #[must_use]
    pub fn to_image(&self) -> DynamicImage {
        let (width, height) = (self.width(), self.height());
        let pixels = self.samples.view().permuted_axes([1, 2, 0]);
        let bytes = pixels.iter().map(|&sample| sample as u8).collect();
        let image = if self.channels() == 1 {
            GrayImage::from_raw(width, height, bytes).map(DynamicImage::from)
        } else {
            RgbImage::from_raw(width, height, bytes).map(DynamicImage::from)
        };
        image.expect("the buffer has the image's size")
    }
}

impl TryFrom<&DynamicImage> for Planes {
    type Error = Error;

    /// # Errors
    /// [`Error::Unsupported`] for anything but 8-bit grey and 8-bit RGB: nothing is converted silently.
    fn try_from(image: &DynamicImage) -> Result<Self> {
        let (channels, bytes) = match image {
            DynamicImage::ImageLuma8(grey) => (1, grey.as_raw()),
            DynamicImage::ImageRgb8(rgb) => (3, rgb.as_raw()),
            other => {
                let what = format!("{:?} images (8-bit grey and RGB are supported)", other.color());
                return Err(Error::Unsupported(what));
            }
        };
        Self::from_interleaved(channels, image.width(), image.height(), bytes)
    }
}
