#![doc = include_str!("FORMAT.md")]
//!
//! This module reads and writes the container: header, bands and their tables.

mod band;
mod coder;
mod header;
mod samples;

pub use self::band::{Band, PartSummary};
pub(crate) use self::band::{Part, TileEntry};
pub(crate) use self::coder::{Coder, NetworkCoder};
pub use self::header::Header;
pub(crate) use self::samples::sample_checksum;
