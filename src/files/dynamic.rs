//! Planes <-> `image::DynamicImage`.

use image::{DynamicImage, ImageBuffer};

use crate::base::error::{Error, Result};
use crate::image::{ImageInfo, Planes};

impl Planes {
    /// The image with these samples.
    ///
    /// # Errors
    /// [`Error::Unsupported`] unless the samples have 8 or 16 bits: others would have to be scaled.
    pub fn to_image(&self) -> Result<DynamicImage> {
        let (width, height) = (self.width(), self.height());
        macro_rules! image {
            ($variant:ident) => {
                ImageBuffer::from_raw(width, height, self.to_interleaved()?).map(DynamicImage::$variant)
            };
        }
        let image = match (self.channels(), self.depth()) {
            (1, 8) => image!(ImageLuma8),
            (2, 8) => image!(ImageLumaA8),
            (3, 8) => image!(ImageRgb8),
            (4, 8) => image!(ImageRgba8),
            (1, 16) => image!(ImageLuma16),
            (2, 16) => image!(ImageLumaA16),
            (3, 16) => image!(ImageRgb16),
            (4, 16) => image!(ImageRgba16),
            (_, depth) => {
                return Err(Error::Unsupported(format!("{depth}-bit samples where 8 or 16 bits are needed")));
            }
        };
        Ok(image.expect("the buffer has the image's size"))
    }
}

impl TryFrom<&Planes> for DynamicImage {
    type Error = Error;

    /// # Errors
    /// As [`Planes::to_image`].
    fn try_from(planes: &Planes) -> Result<Self> {
        planes.to_image()
    }
}

impl TryFrom<&DynamicImage> for Planes {
    type Error = Error;

    /// # Errors
    /// [`Error::Unsupported`] for floating-point images: nothing is converted silently.
    fn try_from(image: &DynamicImage) -> Result<Self> {
        let info = |channels, depth| ImageInfo { width: image.width(), height: image.height(), channels, depth };
        match image {
            DynamicImage::ImageLuma8(pixels) => Self::from_interleaved(pixels, info(1, 8)),
            DynamicImage::ImageLumaA8(pixels) => Self::from_interleaved(pixels, info(2, 8)),
            DynamicImage::ImageRgb8(pixels) => Self::from_interleaved(pixels, info(3, 8)),
            DynamicImage::ImageRgba8(pixels) => Self::from_interleaved(pixels, info(4, 8)),
            DynamicImage::ImageLuma16(pixels) => Self::from_interleaved(pixels, info(1, 16)),
            DynamicImage::ImageLumaA16(pixels) => Self::from_interleaved(pixels, info(2, 16)),
            DynamicImage::ImageRgb16(pixels) => Self::from_interleaved(pixels, info(3, 16)),
            DynamicImage::ImageRgba16(pixels) => Self::from_interleaved(pixels, info(4, 16)),
            other => Err(Error::Unsupported(format!("{:?} images (samples must be integers)", other.color()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;

    #[test]
    fn images_of_8_and_16_bits_come_back_and_others_are_refused() {
        for channels in 1..=4 {
            for depth in [8, 16] {
                let label = |(c, y, x): (usize, usize, usize)| (60 * c + 10 * y + x) as u16;
                let planes = Planes::new(Array3::from_shape_fn((channels, 4, 3), label), depth).expect("planes");
                let image = planes.to_image().expect("an image");
                assert_eq!(Planes::try_from(&image).expect("planes"), planes);
            }
        }
        for depth in [4, 9] {
            assert!(DynamicImage::try_from(&Planes::zeros(1, 1, 1, depth).expect("memory")).is_err());
        }
    }
}
