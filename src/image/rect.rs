//! Rectangles of pixels.

use std::ops::Range;

/// A rectangle of an image, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rect {
    /// Left column.
    pub x: u32,
    /// Top row.
    pub y: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Rect {
    /// The number of pixels.
    #[must_use]
    pub fn pixels(self) -> usize {
        self.width as usize * self.height as usize
    }

    /// The rectangle's rows, as indices.
    pub(crate) fn rows(self) -> Range<usize> {
        self.y as usize..self.y as usize + self.height as usize
    }

    /// The rectangle's columns, as indices.
    pub(crate) fn columns(self) -> Range<usize> {
        self.x as usize..self.x as usize + self.width as usize
    }

    /// Four squares of this side, spread over the rectangle, to measure something that is too slow for all of it; the
    /// rectangle itself if it has no more pixels than they.
    pub(crate) fn sampled(self, side: u32) -> Vec<Self> {
        const PER_SIDE: u32 = 2;
        if self.pixels() as u64 <= u64::from(PER_SIDE * side).pow(2) {
            return vec![self];
        }
        let within = |length: u32| length.min(side);
        let place = |length: u32, index: u32| (length - within(length)) / (PER_SIDE + 1) * (index + 1);
        let rect = |(row, column)| Self {
            x: self.x + place(self.width, column),
            y: self.y + place(self.height, row),
            width: within(self.width),
            height: within(self.height),
        };
        (0..PER_SIDE).flat_map(|row| (0..PER_SIDE).map(move |column| (row, column))).map(rect).collect()
    }

    /// Squares of this side, evenly scattered over the rectangle, with about `pixels` pixels in all; fewer where the
    /// rectangle is too narrow for them.
    pub(crate) fn scattered(self, side: u32, pixels: usize) -> Vec<Self> {
        let squares = pixels as u64 / u64::from(side).pow(2);
        let places = |length: u32, count: u64| -> Vec<u32> {
            let room = u64::from(length.saturating_sub(side));
            let count = count.clamp(1, u64::from(length / side).max(1));
            (0..count).map(|index| ((2 * index + 1) * room / (2 * count)) as u32).collect()
        };
        if squares == 0 || self.width.min(self.height) < side {
            return Vec::new();
        }
        // Rows of squares relate to columns of squares as rows of pixels to columns of pixels.
        let down = (squares * u64::from(self.height) / u64::from(self.width)).isqrt().max(1);
        let rows = places(self.height, down);
        let columns = places(self.width, squares / rows.len() as u64);
        let square = |(&y, &x): (&u32, &u32)| Self { x: self.x + x, y: self.y + y, width: side, height: side };
        rows.iter().flat_map(|y| columns.iter().map(move |x| (y, x))).map(square).collect()
    }

    /// The same rectangle in the coordinates of one that contains it.
    pub(crate) fn relative_to(self, outer: Self) -> Self {
        Self { x: self.x - outer.x, y: self.y - outer.y, ..self }
    }

    pub(crate) fn contains(self, x: usize, y: usize) -> bool {
        self.columns().contains(&x) && self.rows().contains(&y)
    }

    /// The intersection of two rectangles, unless it is empty.
    pub(crate) fn intersection(self, other: Self) -> Option<Self> {
        let (x, y) = (self.x.max(other.x), self.y.max(other.y));
        let width = (self.x + self.width).min(other.x + other.width).checked_sub(x)?;
        let height = (self.y + self.height).min(other.y + other.height).checked_sub(y)?;
        (width > 0 && height > 0).then_some(Self { x, y, width, height })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scattered_squares_lie_within_and_apart() {
        for (width, height, pixels) in [(32, 32, 1024), (31, 500, 9999), (500, 300, 30_000), (4000, 40, 1 << 16)] {
            let whole = Rect { x: 7, y: 9, width, height };
            let squares = whole.scattered(32, pixels);
            assert_eq!(squares.is_empty(), width < 32);
            assert!(
                squares.len() * 1024 <= pixels && (width < 32 || squares.len() * 4096 >= pixels.min(whole.pixels()))
            );
            for (index, &square) in squares.iter().enumerate() {
                assert_eq!(whole.intersection(square), Some(square));
                assert!(squares[..index].iter().all(|other| other.intersection(square).is_none()));
            }
        }
    }
}
