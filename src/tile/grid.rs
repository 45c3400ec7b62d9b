//! The division of a band into tiles. Format: section "Tiles".

use crate::image::Rect;

/// The division of a band into tiles of one size; those at the right and at the bottom may be smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TileGrid {
    pub image: (u32, u32),
    pub tile: (u32, u32),
}

impl TileGrid {
    /// Divides evenly into tiles with sides of at most `side`.
    pub fn even(width: u32, height: u32, side: u32) -> Self {
        let divide = |length: u32| length.div_ceil(length.div_ceil(side));
        Self { image: (width, height), tile: (divide(width), divide(height)) }
    }

    fn columns(self) -> u32 {
        self.image.0.div_ceil(self.tile.0)
    }

    /// The number of tiles.
    pub fn len(self) -> u64 {
        u64::from(self.columns()) * u64::from(self.image.1.div_ceil(self.tile.1))
    }

    /// The rectangles of all tiles, in raster order.
    pub fn rects(self) -> Vec<Rect> {
        (0..self.len() as usize).map(|index| self.rect(index)).collect()
    }

    /// The rectangle of tile `index`, in raster order.
    pub fn rect(self, index: usize) -> Rect {
        let columns = self.columns() as usize;
        let x = (index % columns) as u32 * self.tile.0;
        let y = (index / columns) as u32 * self.tile.1;
        Rect { x, y, width: self.tile.0.min(self.image.0 - x), height: self.tile.1.min(self.image.1 - y) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_the_image_without_overlap() {
        for (width, height, side) in [(1, 1, 512), (513, 512, 512), (1025, 7, 64), (100, 200, 33)] {
            let grid = TileGrid::even(width, height, side);
            let mut covered = vec![0u8; (width * height) as usize];
            for rect in (0..grid.len() as usize).map(|index| grid.rect(index)) {
                assert!(rect.width <= side && rect.height <= side);
                for y in rect.y..rect.y + rect.height {
                    for x in rect.x..rect.x + rect.width {
                        covered[(y * width + x) as usize] += 1;
                    }
                }
            }
            assert!(covered.iter().all(|&count| count == 1));
        }
    }
}
