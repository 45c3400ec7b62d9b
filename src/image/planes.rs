//! Image -> planes: the integer samples that are coded, one plane per channel.

use std::ops::Range;

use ndarray::{Array3, ArrayView3, ArrayViewMut3, Axis};

use super::info::{ImageInfo, MAX_DEPTH, check_shape};
use crate::base::error::{Error, Result};

/// Zeroed samples with axes (channel, row, column). The declared shape may be larger than memory.
///
/// # Errors
/// [`Error::OutOfMemory`].
pub(crate) fn zeroed<T: bytemuck::Zeroable>(shape: (usize, usize, usize)) -> Result<Array3<T>> {
    let samples = [shape.1, shape.2].iter().try_fold(shape.0, |product, &side| product.checked_mul(side));
    let zeros = samples.and_then(|samples| bytemuck::allocation::try_zeroed_vec(samples).ok());
    match zeros.map(|zeros| Array3::from_shape_vec(shape, zeros)) {
        Some(Ok(zeros)) => Ok(zeros),
        _ => Err(Error::OutOfMemory {
            bytes: samples.map_or(u64::MAX, |samples| size_of::<T>() as u64 * samples as u64),
        }),
    }
}

mod sealed {
    pub trait Sealed: Copy + Into<u16> {
        const BITS: u32;

        /// A sample of at most `BITS` bits.
        fn of(sample: u16) -> Self;
    }

    impl Sealed for u8 {
        const BITS: u32 = u8::BITS;

        fn of(sample: u16) -> Self {
            sample as Self
        }
    }

    impl Sealed for u16 {
        const BITS: u32 = u16::BITS;

        fn of(sample: u16) -> Self {
            sample
        }
    }
}

/// What interleaved buffers hold: `u8` or `u16`.
pub trait Sample: sealed::Sealed {}

impl Sample for u8 {}
impl Sample for u16 {}

/// The shape of an image, from the lengths of its axes (channel, row, column).
fn info_of((channels, height, width): (usize, usize, usize), depth: u32) -> ImageInfo {
    let side = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    ImageInfo { width: side(width), height: side(height), channels, depth }
}

impl ImageInfo {
    /// The shape of the image.
    #[must_use]
    pub fn of(planes: &Planes) -> Self {
        info_of(planes.samples.dim(), planes.depth)
    }
}

/// The samples of an image. The channels are: grey; grey and alpha; red, green and blue; or red, green, blue and alpha.
/// Alpha is straight (not premultiplied), and the greatest sample is opaque.
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
        check_shape(info_of(samples.dim(), depth))?;
        if depth < MAX_DEPTH
            && let Some(sample) = samples.iter().find(|&&sample| sample >> depth != 0)
        {
            return Err(Error::Unsupported(format!("sample {sample} in an image of {depth} bits")));
        }
        Ok(Self { samples, depth })
    }

    /// Planes of interleaved samples: all channels of a pixel, pixel after pixel, row after row.
    ///
    /// ```
    /// let info = ansel::ImageInfo { width: 2, height: 1, channels: 3, depth: 8 };
    /// let planes = ansel::Planes::from_interleaved(&[1u8, 2, 3, 4, 5, 6], info)?;
    /// assert_eq!(planes.samples()[[2, 0, 1]], 6); // blue of the second pixel
    /// assert_eq!(planes.to_interleaved::<u8>()?, [1, 2, 3, 4, 5, 6]);
    /// # Ok::<(), ansel::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Misuse`] if the number of samples is not that of the image; otherwise as [`new`](Self::new), and
    /// [`Error::OutOfMemory`].
    pub fn from_interleaved<T: Sample>(samples: &[T], info: ImageInfo) -> Result<Self> {
        check_shape(info)?;
        let (width, height) = (info.width as usize, info.height as usize);
        match ArrayView3::from_shape((height, width, info.channels), samples) {
            Ok(pixels) if pixels.len() == samples.len() => Self::from_view(pixels.permuted_axes([2, 0, 1]), info.depth),
            _ => Err(Error::Misuse(format!("{} samples for an image of {info:?}", samples.len()))),
        }
    }

    /// Planes from a view with axes (channel, row, column): a part of a larger buffer, or one with its axes in another
    /// order in memory.
    ///
    /// # Errors
    /// As [`new`](Self::new), and [`Error::OutOfMemory`].
    pub fn from_view<T: Sample>(samples: ArrayView3<'_, T>, depth: u32) -> Result<Self> {
        check_shape(info_of(samples.dim(), depth))?;
        let mut planes = zeroed(samples.dim())?;
        planes.zip_mut_with(&samples, |to, &from| *to = from.into());
        Self::new(planes, depth)
    }

    /// The samples, interleaved: all channels of a pixel, pixel after pixel, row after row.
    ///
    /// # Errors
    /// [`Error::Misuse`] if samples of this depth do not fit `T`.
    pub fn to_interleaved<T: Sample>(&self) -> Result<Vec<T>> {
        if self.depth > T::BITS {
            return Err(Error::Misuse(format!("samples of {} bits in {} bits", self.depth, T::BITS)));
        }
        let (channels, _, width) = self.samples.dim();
        let mut interleaved = vec![T::of(0); self.samples.len()];
        for (row, pixels) in interleaved.chunks_exact_mut(width * channels).enumerate() {
            for (channel, plane) in self.samples.axis_iter(Axis(0)).enumerate() {
                let to = pixels[channel..].iter_mut().step_by(channels);
                to.zip(plane.row(row)).for_each(|(to, &sample)| *to = T::of(sample));
            }
        }
        Ok(interleaved)
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
    /// If the range is empty, or ends beyond the image.
    #[must_use]
    pub fn rows(&self, rows: Range<u32>) -> Self {
        assert!(rows.start < rows.end && rows.end <= self.height(), "rows {rows:?} of {}", self.height());
        let samples = self.samples.slice_axis(Axis(1), (rows.start as usize..rows.end as usize).into());
        Self { samples: samples.to_owned(), depth: self.depth }
    }

    /// Sets the colour of all fully transparent pixels to 0. It is invisible, and cannot be recovered.
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
    fn rows_are_cut_out() {
        for channels in 1..=4 {
            let label = |(c, y, x): (usize, usize, usize)| (60 * c + 10 * y + x) as u16;
            let planes = Planes::new(Array3::from_shape_fn((channels, 4, 3), label), 8).expect("planes");
            let rows = planes.rows(1..3);
            assert_eq!((rows.width(), rows.height(), rows.channels(), rows.depth()), (3, 2, channels, 8));
            assert_eq!(rows.samples()[[channels - 1, 1, 2]], label((channels - 1, 2, 2)));
        }
    }

    #[test]
    fn interleaved_samples_come_back_in_every_shape() {
        for channels in 1..=4 {
            let info = ImageInfo { width: 3, height: 2, channels, depth: 7 };
            let bytes: Vec<u8> = (0..6 * channels as u8).collect();
            let planes = Planes::from_interleaved(&bytes, info).expect("planes");
            assert_eq!(ImageInfo::of(&planes), info);
            assert_eq!(planes.samples()[[channels - 1, 1, 2]], 6 * channels as u16 - 1);
            assert_eq!(planes.to_interleaved::<u8>().expect("bytes"), bytes);
            let reversed = planes.samples().slice(s![.., ..;-1, 1..]);
            let part = Planes::from_view(reversed, 7).expect("planes");
            assert_eq!(part.samples(), reversed);
            let words = planes.to_interleaved::<u16>().expect("words");
            assert_eq!(Planes::from_interleaved(&words, info).expect("planes"), planes);
        }
    }

    #[test]
    fn interleaved_samples_that_do_not_fit_are_refused() {
        let info = ImageInfo { width: 2, height: 2, channels: 1, depth: 9 };
        for length in [0, 3, 5] {
            let planes = Planes::from_interleaved(&vec![0u8; length], info);
            assert!(matches!(planes, Err(Error::Misuse(_))), "{length}");
        }
        assert!(matches!(Planes::from_interleaved(&[0u16, 0, 0, 512], info), Err(Error::Unsupported(_))));
        for wrong in [ImageInfo { width: 0, ..info }, ImageInfo { channels: usize::MAX, ..info }] {
            assert!(matches!(Planes::from_interleaved(&[0u8; 0], wrong), Err(Error::Unsupported(_))));
        }
        let planes = Planes::from_interleaved(&[0u16, 1, 2, 511], info).expect("planes");
        assert!(matches!(planes.to_interleaved::<u8>(), Err(Error::Misuse(_))));
        assert_eq!(planes.to_interleaved::<u16>().expect("words"), [0, 1, 2, 511]);
    }

    #[test]
    fn samples_that_no_memory_holds_are_an_error() {
        for shape in [(4, usize::MAX >> 4, 2), (4, usize::MAX, 1), (2, 1 << 40, 1 << 20), (1, 1 << 50, 1 << 10)] {
            assert!(matches!(zeroed::<u16>(shape), Err(Error::OutOfMemory { .. })), "{shape:?}");
        }
        assert_eq!(zeroed::<u16>((3, 2, 5)).expect("memory"), Array3::<u16>::zeros((3, 2, 5)));
        assert_eq!(zeroed::<u16>((3, 0, 5)).expect("no memory").len(), 0);
    }
}
