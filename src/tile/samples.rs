//! The samples of a tile with their border, and the order of coding. Format: sections "Tiles" and "Coding order".

use std::ops::Range;

use ndarray::{Array3, ArrayView3, Axis, s};

use crate::image::Rect;

/// Rows above a pixel, and columns on either side, that its context reaches.
pub(crate) const REACH: usize = 3;
/// Taps of a context: three rows of seven pixels above, and three pixels to the left.
pub(crate) const TAPS: usize = REACH * (2 * REACH + 1) + REACH;
/// Samples allocated after the last row, so that taps can be read in whole vectors.
const SPARE: usize = 8;
/// Columns by which a row lags behind the row above, so that its contexts are complete.
const LAG: usize = REACH + 1;

/// The samples of one tile, channels interleaved, with the border that contexts reach into.
///
/// Above the tile, the border is half the sample range; left of a row, the first pixel of the row above; right of a
/// row, the row's last pixel. The border is updated as samples are [`set`](Self::set) in coding order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TileSamples {
    width: usize,
    height: usize,
    channels: usize,
    stride: usize,
    samples: Vec<u16>,
}

impl TileSamples {
    /// A tile with no sample set yet.
    pub fn new(width: usize, height: usize, channels: usize, depth: u32) -> Self {
        let stride = (width + 2 * REACH) * channels;
        let samples = vec![1 << (depth - 1); stride * (height + REACH) + SPARE];
        Self { width, height, channels, stride, samples }
    }

    /// A tile with the samples of a rectangle of planes.
    pub fn of(planes: ArrayView3<'_, u16>, rect: Rect, depth: u32) -> Self {
        let mut tile = Self::new(rect.width as usize, rect.height as usize, planes.dim().0, depth);
        let planes = planes.slice(s![.., rect.rows(), rect.columns()]);
        for (y, rows) in planes.axis_iter(Axis(1)).enumerate() {
            let start = tile.index(0, y);
            for (channel, row) in rows.outer_iter().enumerate() {
                let to = tile.samples[start + channel..].iter_mut().step_by(tile.channels);
                to.zip(row).for_each(|(to, &sample)| *to = sample);
                // Sets the ends of rows again, which updates the border that repeats them.
                for x in [0, tile.width - 1] {
                    tile.set(x, y, channel, row[x]);
                }
            }
        }
        tile
    }

    /// A tile of the same shape with no sample set.
    #[cfg(test)]
    pub fn cleared(&self) -> Self {
        let half = self.samples[0]; // above the tile
        Self { samples: vec![half; self.samples.len()], ..*self }
    }

    /// The samples, with axes (channel, row, column).
    pub fn to_array(&self) -> Array3<u16> {
        let mut array = Array3::zeros((self.channels, self.height, self.width));
        for (y, mut rows) in array.axis_iter_mut(Axis(1)).enumerate() {
            let from = &self.samples[self.index(0, y)..];
            for (channel, row) in rows.outer_iter_mut().enumerate() {
                row.into_iter()
                    .zip(from[channel..].iter().step_by(self.channels))
                    .for_each(|(to, &sample)| *to = sample);
            }
        }
        array
    }

    pub fn width(&self) -> usize {
        self.width
    }

    pub fn height(&self) -> usize {
        self.height
    }

    pub fn channels(&self) -> usize {
        self.channels
    }

    fn index(&self, x: usize, y: usize) -> usize {
        (y + REACH) * self.stride + (x + REACH) * self.channels
    }

    /// The samples of a pixel.
    pub fn pixel(&self, x: usize, y: usize) -> &[u16] {
        let index = self.index(x, y);
        &self.samples[index..index + self.channels]
    }

    /// Sets a sample, and the border that repeats it.
    pub fn set(&mut self, x: usize, y: usize, channel: usize, sample: u16) {
        let index = self.index(x, y) + channel;
        self.samples[index] = sample;
        if x == 0 && y + 1 < self.height {
            let below = index + self.stride;
            for tap in 1..=REACH {
                self.samples[below - tap * self.channels] = sample;
            }
        }
        if x + 1 == self.width {
            for tap in 1..=REACH {
                self.samples[index + tap * self.channels] = sample;
            }
        }
    }

    /// The taps of a pixel's context in its row `row`: `N = (2 REACH + 1) * channels` samples in each of the `REACH`
    /// rows above, from the top; then `N = REACH * channels` samples to the left. `N` may be larger to read whole
    /// vectors: up to 8 samples, or 24 above and 16 to the left with three channels.
    #[inline(always)]
    pub fn taps<const N: usize>(&self, x: usize, y: usize, row: usize) -> &[u16; N] {
        let start = (y + row) * self.stride + x * self.channels;
        self.samples[start..].first_chunk().expect("the border is as wide as a context")
    }

    /// The pixel at offset (down, right) from a pixel, each at most [`REACH`].
    pub fn neighbour<const C: usize>(&self, x: usize, y: usize, (down, right): (isize, isize)) -> &[u16; C] {
        let offset = down * self.stride as isize + right * C as isize;
        self.samples[self.index(x, y).wrapping_add_signed(offset)..].first_chunk().expect("the border is wide enough")
    }

    /// The sample above; in the first row, that of the border.
    pub fn above(&self, x: usize, y: usize, channel: usize) -> u16 {
        self.samples[self.index(x, y) + channel - self.stride]
    }

    /// The median edge detector's prediction of a sample (LOCO-I, Weinberger et al. 2000).
    pub fn predict(&self, x: usize, y: usize, channel: usize) -> i32 {
        let index = self.index(x, y) + channel;
        let above = index - self.stride;
        let west = i32::from(self.samples[index - self.channels]);
        let north = i32::from(self.samples[above]);
        let northwest = i32::from(self.samples[above - self.channels]);
        median_edge(west, north, northwest)
    }

    /// The number of steps of the coding order.
    pub fn steps(&self) -> usize {
        self.width + LAG * (self.height - 1)
    }

    /// For each pixel in coding order, whether it lies in one of these rectangles of the tile.
    pub fn order_within(&self, rects: &[Rect]) -> impl Iterator<Item = bool> {
        let pixels = (0..self.steps()).flat_map(|step| self.rows(step).map(move |y| (Self::column(step, y), y)));
        pixels.map(|(x, y)| rects.iter().any(|rect| rect.contains(x, y)))
    }

    /// The rows with a pixel in a step; its column is [`column`](Self::column).
    pub fn rows(&self, step: usize) -> Range<usize> {
        let first = (step + 1).saturating_sub(self.width).div_ceil(LAG);
        first..self.height.min(step / LAG + 1)
    }

    /// The column of row `y`'s pixel in a step.
    pub fn column(step: usize, y: usize) -> usize {
        step - LAG * y
    }
}

/// The median of `west`, `north` and `west + north - northwest`.
#[inline(always)]
pub(crate) fn median_edge(west: i32, north: i32, northwest: i32) -> i32 {
    (north + west - northwest).clamp(north.min(west), north.max(west))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pixel_is_coded_once_and_after_its_context() {
        for (width, height) in [(1, 1), (1, 9), (9, 1), (2, 3), (13, 7), (5, 40)] {
            let tile = TileSamples::new(width, height, 1, 8);
            let mut coded_at = vec![None; width * height];
            for step in 0..tile.steps() {
                for y in tile.rows(step) {
                    let x = TileSamples::column(step, y);
                    assert_eq!(coded_at[y * width + x].replace(step), None);
                }
            }
            for y in 0..height {
                for x in 0..width {
                    let step = coded_at[y * width + x].expect("coded");
                    let reach = REACH as isize;
                    for (dy, dx) in (0..=reach).flat_map(|dy| (-reach..=reach).map(move |dx| (dy, dx))) {
                        if dy == 0 && dx >= 0 || dy > y as isize {
                            continue;
                        }
                        let (ty, tx) = (y - dy as usize, (x as isize + dx).clamp(0, width as isize - 1) as usize);
                        assert!(coded_at[ty * width + tx].expect("coded") < step || (ty == y && tx == x));
                    }
                }
            }
        }
    }

    #[test]
    fn the_border_repeats_the_samples_beside_it() {
        let mut tile = TileSamples::new(2, 2, 1, 8);
        for (value, (y, x)) in [(0, 0), (0, 1), (1, 0), (1, 1)].into_iter().enumerate() {
            tile.set(x, y, 0, value as u16 + 1);
        }
        assert_eq!(tile.taps(0, 0, 0), &[128; 7]);
        assert_eq!(tile.taps(1, 1, 2), &[128, 128, 1, 2, 2, 2, 2]);
        assert_eq!(tile.taps(1, 1, 3), &[1, 1, 3]);
        assert_eq!(tile.predict(1, 1, 0), 3);
    }

    /// A tile of 3 x 2 pixels whose samples encode their position: row, column, channel.
    fn labelled(channels: usize) -> (Array3<u16>, TileSamples) {
        let label = |(channel, y, x)| (100 * y + 10 * x + channel) as u16;
        let samples = Array3::from_shape_fn((channels, 2, 3), label);
        let tile = TileSamples::of(samples.view(), Rect { x: 0, y: 0, width: 3, height: 2 }, 8);
        (samples, tile)
    }

    #[test]
    fn a_cleared_tile_is_a_new_one_whatever_was_set() {
        for (channels, depth) in [(1, 8), (3, 8), (3, 16)] {
            let new = TileSamples::new(5, 4, channels, depth);
            let mut tile = new.clone();
            for (y, x) in (0..4).flat_map(|y| (0..5).map(move |x| (y, x))) {
                (0..channels).for_each(|channel| tile.set(x, y, channel, 7));
            }
            assert_ne!(tile, new);
            assert_eq!(tile.cleared(), new);
        }
    }

    #[test]
    fn a_tile_has_the_samples_of_its_rectangle() {
        for channels in 1..=4 {
            let label = |(channel, y, x)| (1000 * channel + 100 * y + x) as u16;
            let image = Array3::from_shape_fn((channels, 5, 7), label);
            let rect = Rect { x: 2, y: 1, width: 3, height: 4 };
            let tile = TileSamples::of(image.view(), rect, 16);
            assert_eq!((tile.width(), tile.height(), tile.channels()), (3, 4, channels));
            assert_eq!(tile.to_array(), image.slice(ndarray::s![.., rect.rows(), rect.columns()]));
            assert_eq!(tile.pixel(2, 3)[channels - 1], label((channels - 1, 4, 4)));
        }
    }

    #[test]
    fn neighbours_are_pixels_of_the_tile_or_its_border() {
        let (_, tile) = labelled(3);
        assert_eq!(tile.neighbour::<3>(1, 1, (0, 0)), &[110, 111, 112]);
        assert_eq!(tile.neighbour::<3>(1, 1, (-1, 1)), &[20, 21, 22]);
        assert_eq!(tile.neighbour::<3>(1, 1, (0, -2)), &[0, 1, 2]);
        assert_eq!(tile.neighbour::<3>(2, 1, (-1, 2)), &[20, 21, 22]);
        assert_eq!(tile.neighbour::<3>(0, 0, (-3, -3)), &[128; 3]);
        let (_, grey) = labelled(1);
        assert_eq!(grey.neighbour::<1>(0, 1, (-1, 0)), &[0]);
        assert_eq!(grey.neighbour::<1>(2, 1, (-1, 3)), &[20]);
    }

    #[test]
    fn rectangles_share_what_lies_in_both() {
        let rect = |x, y, width, height| Rect { x, y, width, height };
        let whole = rect(2, 3, 10, 8);
        for (other, shared) in [
            (whole, Some(whole)),
            (rect(0, 0, 3, 4), Some(rect(2, 3, 1, 1))),
            (rect(11, 10, 5, 5), Some(rect(11, 10, 1, 1))),
            (rect(4, 0, 2, 99), Some(rect(4, 3, 2, 8))),
            (rect(0, 0, 2, 99), None),
            (rect(12, 3, 1, 1), None),
            (rect(2, 0, 10, 3), None),
            (rect(2, 11, 10, 1), None),
        ] {
            assert_eq!(whole.intersection(other), shared);
            assert_eq!(other.intersection(whole), shared);
        }
    }

    #[test]
    fn taps_interleave_the_channels() {
        let (_, tile) = labelled(3);
        // Columns -2 to 4: the border on the left repeats what is above the row, here half the range.
        let half = [128; 3];
        let row = [[0, 1, 2], [10, 11, 12], [20, 21, 22], [20, 21, 22], [20, 21, 22]];
        assert_eq!(tile.taps::<21>(1, 1, 2)[..], [&[half, half][..], &row].concat().concat());
        assert_eq!(tile.taps::<9>(1, 1, 3)[..], [[0, 1, 2], [0, 1, 2], [100, 101, 102]].concat());
    }

    #[test]
    fn the_prediction_is_the_median_of_west_north_and_their_plane() {
        for (west, north, northwest, expected) in [(10, 20, 15, 15), (10, 20, 30, 10), (10, 20, 5, 20), (7, 7, 0, 7)] {
            let mut tile = TileSamples::new(2, 2, 1, 8);
            for (x, y, sample) in [(0, 0, northwest), (1, 0, north), (0, 1, west)] {
                tile.set(x, y, 0, sample);
            }
            assert_eq!(tile.predict(1, 1, 0), expected);
        }
    }
}
