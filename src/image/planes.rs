//! Image -> planes: the integer samples that are coded, one plane per channel.

use std::ops::Range;

use image::{DynamicImage, ImageBuffer};
use ndarray::{Array3, ArrayViewMut3, Axis};

use crate::base::error::{Error, Result};
use crate::base::limits::{MAX_HEIGHT, MAX_WIDTH};

/// Most channels of an image: red, green, blue, alpha.
pub(crate) const MAX_CHANNELS: usize = 4;
/// Most bits of a sample.
const MAX_DEPTH: u32 = 16;

/// All-zero samples with axes (channel, row, column), which may be more than there is memory for.
///
/// # Errors
/// [`Error::OutOfMemory`].
pub(crate) fn zeroed(shape: (usize, usize, usize)) -> Result<Array3<u16>> {
    let samples = [shape.1, shape.2].iter().try_fold(shape.0, |product, &side| product.checked_mul(side));
    let zeros = samples.and_then(|samples| bytemuck::allocation::try_zeroed_vec(samples).ok());
    match zeros.map(|zeros| Array3::from_shape_vec(shape, zeros)) {
        Some(Ok(zeros)) => Ok(zeros),
        _ => Err(Error::OutOfMemory { bytes: samples.map_or(u64::MAX, |samples| 2 * samples as u64) }),
    }
}

/// The samples of an image. The channels are grey; grey and alpha; red, green and blue; or these and alpha. Alpha is
/// not multiplied into the others, and the greatest sample is opaque.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planes {
    samples: Array3<u16>,
    depth: u32,
}

impl Planes {
    /// Planes of `samples` with axes (channel, row, column), each below `2^depth`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] unless there are 1 to 4 channels, a depth of 1 to 16 bits, at least one pixel, and
    /// samples in range.
    pub fn new(samples: Array3<u16>, depth: u32) -> Result<Self> {
        let (channels, height, width) = samples.dim();
        let unsupported = |what: String| Err(Error::Unsupported(what));
        if !(1..=MAX_CHANNELS).contains(&channels) {
            return unsupported(format!("{channels} channels (there can be 1 to {MAX_CHANNELS})"));
        }
        if !(1..=MAX_DEPTH).contains(&depth) {
            return unsupported(format!("{depth}-bit samples (they can have 1 to {MAX_DEPTH} bits)"));
        }
        if width == 0 || height == 0 || width > MAX_WIDTH as usize || height > MAX_HEIGHT as usize {
            return unsupported(format!("an image of {width} x {height} pixels"));
        }
        if depth < MAX_DEPTH
            && let Some(sample) = samples.iter().find(|&&sample| sample >> depth != 0)
        {
            return unsupported(format!("sample {sample} in an image of {depth} bits"));
        }
        Ok(Self { samples, depth })
    }

    /// All-zero planes; the caller has checked the shape.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub(crate) fn zeros(channels: usize, height: u32, width: u32, depth: u32) -> Result<Self> {
        Ok(Self { samples: zeroed((channels, height as usize, width as usize))?, depth })
    }

    /// The samples, with axes (channel, row, column).
    #[must_use]
    pub fn samples(&self) -> &Array3<u16> {
        &self.samples
    }

    /// The samples, with axes (channel, row, column).
    #[must_use]
    pub fn into_samples(self) -> Array3<u16> {
        self.samples
    }

    pub(crate) fn samples_mut(&mut self) -> ArrayViewMut3<'_, u16> {
        self.samples.view_mut()
    }

    /// A copy of some rows.
    ///
    /// # Panics
    /// If there are no such rows, or none at all.
    #[must_use]
    pub fn rows(&self, rows: Range<u32>) -> Self {
        assert!(rows.start < rows.end && rows.end <= self.height(), "rows {rows:?} of {}", self.height());
        let samples = self.samples.slice_axis(Axis(1), (rows.start as usize..rows.end as usize).into());
        Self { samples: samples.to_owned(), depth: self.depth }
    }

    /// Sets the colour of all pixels that are wholly transparent to 0: it cannot be seen, and is no longer kept.
    pub fn clear_hidden_colour(&mut self) {
        let colours = self.channels() - 1;
        if colours.is_multiple_of(2) {
            return; // no alpha
        }
        for mut pixel in self.samples.lanes_mut(Axis(0)) {
            if pixel[colours] == 0 {
                pixel.fill(0);
            }
        }
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

    /// Channels: 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha).
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
    ///
    /// # Errors
    /// [`Error::Unsupported`] unless the samples have 8 or 16 bits: others would have to be scaled.
    pub fn to_image(&self) -> Result<DynamicImage> {
        let (width, height) = (self.width(), self.height());
        let pixels = self.samples.view().permuted_axes([1, 2, 0]);
        macro_rules! image {
            ($variant:ident, $sample:ty) => {
                ImageBuffer::from_raw(width, height, pixels.iter().map(|&sample| sample as $sample).collect())
                    .map(DynamicImage::$variant)
            };
        }
        let image = match (self.channels(), self.depth) {
            (1, 8) => image!(ImageLuma8, u8),
            (2, 8) => image!(ImageLumaA8, u8),
            (3, 8) => image!(ImageRgb8, u8),
            (4, 8) => image!(ImageRgba8, u8),
            (1, 16) => image!(ImageLuma16, u16),
            (2, 16) => image!(ImageLumaA16, u16),
            (3, 16) => image!(ImageRgb16, u16),
            (4, 16) => image!(ImageRgba16, u16),
            (_, depth) => {
                return Err(Error::Unsupported(format!("{depth}-bit samples where 8 or 16 bits are needed")));
            }
        };
        Ok(image.expect("the buffer has the image's size"))
    }
}

/// Planes of interleaved samples in raster order; their number fits.
fn deinterleaved<T: Copy + Into<u16>>(channels: usize, size: (u32, u32), samples: &[T], depth: u32) -> Result<Planes> {
    let (width, height) = (size.0 as usize, size.1 as usize);
    let sample = |(channel, y, x): (usize, usize, usize)| samples[(y * width + x) * channels + channel].into();
    Planes::new(Array3::from_shape_fn((channels, height, width), sample), depth)
}

impl TryFrom<&DynamicImage> for Planes {
    type Error = Error;

    /// # Errors
    /// [`Error::Unsupported`] for floating-point images: nothing is converted silently.
    fn try_from(image: &DynamicImage) -> Result<Self> {
        let size = (image.width(), image.height());
        match image {
            DynamicImage::ImageLuma8(pixels) => deinterleaved(1, size, pixels, 8),
            DynamicImage::ImageLumaA8(pixels) => deinterleaved(2, size, pixels, 8),
            DynamicImage::ImageRgb8(pixels) => deinterleaved(3, size, pixels, 8),
            DynamicImage::ImageRgba8(pixels) => deinterleaved(4, size, pixels, 8),
            DynamicImage::ImageLuma16(pixels) => deinterleaved(1, size, pixels, 16),
            DynamicImage::ImageLumaA16(pixels) => deinterleaved(2, size, pixels, 16),
            DynamicImage::ImageRgb16(pixels) => deinterleaved(3, size, pixels, 16),
            DynamicImage::ImageRgba16(pixels) => deinterleaved(4, size, pixels, 16),
            other => Err(Error::Unsupported(format!("{:?} images (samples must be integers)", other.color()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::s;

    use super::*;

    #[test]
    fn planes_have_one_to_four_channels_of_one_to_sixteen_bits() {
        for channels in 0..=5 {
            for depth in 0..=17 {
                let valid = (1..=4).contains(&channels) && (1..=16).contains(&depth);
                let planes = Planes::new(Array3::zeros((channels, 2, 3)), depth);
                assert_eq!(planes.is_ok(), valid, "{channels} channels of {depth} bits");
            }
        }
        for depth in 1..16 {
            assert!(Planes::new(Array3::from_elem((1, 1, 1), (1 << depth) - 1), depth).is_ok());
            assert!(Planes::new(Array3::from_elem((1, 1, 1), 1 << depth), depth).is_err());
        }
        assert!(Planes::new(Array3::from_elem((1, 1, 1), u16::MAX), 16).is_ok());
        assert!(Planes::new(Array3::zeros((1, 0, 1)), 8).is_err());
        assert!(Planes::new(Array3::zeros((1, 1, 0)), 8).is_err());
    }

    #[test]
    fn hidden_colour_is_cleared_where_alpha_is_zero_and_nowhere_else() {
        for channels in 1..=4 {
            let sample = |(c, _, x): (usize, usize, usize)| (if c + 1 == channels { x } else { 7 }) as u16;
            let planes = Planes::new(Array3::from_shape_fn((channels, 1, 2), sample), 8).expect("planes");
            let mut cleared = planes.clone();
            cleared.clear_hidden_colour();
            if channels % 2 == 1 {
                assert_eq!(cleared, planes);
            } else {
                assert!(cleared.samples().slice(s![.., 0, 0]).iter().all(|&sample| sample == 0));
                assert_eq!(cleared.samples().slice(s![.., 0, 1]), planes.samples().slice(s![.., 0, 1]));
            }
        }
    }

    #[test]
    fn rows_are_cut_out_and_images_come_back() {
        for channels in 1..=4 {
            for depth in [8, 16] {
                let label = |(c, y, x): (usize, usize, usize)| (60 * c + 10 * y + x) as u16;
                let planes = Planes::new(Array3::from_shape_fn((channels, 4, 3), label), depth).expect("planes");
                let rows = planes.rows(1..3);
                assert_eq!((rows.width(), rows.height(), rows.channels(), rows.depth()), (3, 2, channels, depth));
                assert_eq!(rows.samples()[[channels - 1, 1, 2]], label((channels - 1, 2, 2)));
                let image = planes.to_image().expect("an image");
                assert_eq!(Planes::try_from(&image).expect("planes"), planes);
            }
        }
        assert!(Planes::zeros(1, 1, 1, 4).expect("memory").to_image().is_err());
    }

    #[test]
    fn samples_that_no_memory_holds_are_an_error() {
        for shape in [(4, usize::MAX >> 4, 2), (4, usize::MAX, 1), (2, 1 << 40, 1 << 20), (1, 1 << 50, 1 << 10)] {
            assert!(matches!(zeroed(shape), Err(Error::OutOfMemory { .. })), "{shape:?}");
        }
        assert_eq!(zeroed((3, 2, 5)).expect("memory"), Array3::<u16>::zeros((3, 2, 5)));
        assert_eq!(zeroed((3, 0, 5)).expect("no memory").len(), 0);
    }
}
