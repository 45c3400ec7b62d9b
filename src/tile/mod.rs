//! Tiles: units that are coded independently of each other.

mod grid;
mod samples;

pub(crate) use self::grid::TileGrid;
pub(crate) use self::samples::{REACH, TAPS, TileSamples, median_edge};
