//! Reversible transforms of samples, one file each. Input: the samples of a group of channels. Output: [`Coded`]
//! planes that take fewer bits, and a description that a file carries. Format: section "Transforms".
//!
//! Guarantees:
//! 1. `inverse` of what a constructor returned, with what [`Transform::read`] makes of its description, gives the
//!    samples back, for the whole image and for every rectangle of it;
//! 2. [`Transform::read`] and [`Transform::inverse`] return a typed error for input that is not valid, and allocate less
//!    than the samples of the group take, or 1 MiB.
//!
//! All work on single pixels, so the orientation of an image does not matter.

mod bytes;
mod grey;
mod lattice;
mod palette;
mod values;

use ndarray::{Array3, ArrayView3, ArrayViewMut3, Axis};

use crate::base::error::Result;
use bytes::{Reader, deflate, inflate, invalid};
pub(crate) use lattice::Lattice;
pub(crate) use palette::Palette;
pub(crate) use values::Values;

/// Planes to code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Coded {
    /// Symbols, with axes (channel, row, column).
    pub samples: Array3<u16>,
    /// Size of the alphabet of each channel, 1 to 65536; all symbols are below it.
    pub sizes: Vec<u32>,
}

/// Bits per sample for alphabets of these sizes.
pub(crate) fn depth_of(sizes: &[u32]) -> u32 {
    let largest = sizes.iter().copied().max().unwrap_or(1);
    (u32::BITS - (largest - 1).leading_zeros()).max(1)
}

/// The shape of a group of channels, known before its transform is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GroupShape {
    /// Channels, 1 to 4.
    pub channels: usize,
    /// Bits per sample, 1 to 16.
    pub depth: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl GroupShape {
    fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

/// A transform with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Transform {
    /// Ranks among the values that occur.
    Values(Values),
    /// Indices into a list of colours.
    Palette(Palette),
    /// One channel for three equal ones.
    Grey,
    /// The luma and chroma planes that the colours were converted from.
    Lattice(Lattice),
}

/// The bit in a description's first byte which says that the rest is deflated.
const DEFLATED: u8 = 0x80;

impl Transform {
    /// One channel in place of three equal ones.
    pub fn grey(samples: ArrayView3<'_, u16>, depth: u32) -> Option<(Self, Coded)> {
        grey::find(samples, depth).map(|coded| (Self::Grey, coded))
    }

    /// Ranks among the values that occur, if that helps.
    pub fn values(samples: ArrayView3<'_, u16>, depth: u32) -> Option<(Self, Coded)> {
        Values::find(samples, depth).map(|(values, coded)| (Self::Values(values), coded))
    }

    /// Indices into a palette of at most `limit` (up to 256) colours.
    pub fn palette(samples: ArrayView3<'_, u16>, depth: u32, limit: usize) -> Option<(Self, Coded)> {
        Palette::find(samples, depth, limit).map(|(palette, coded)| (Self::Palette(palette), coded))
    }

    /// Luma and chroma of 8-bit RGB, if nearly all pixels come from a known conversion.
    pub fn lattice(samples: ArrayView3<'_, u16>, depth: u32) -> Option<(Self, Coded)> {
        Lattice::find(samples, depth).map(|(lattice, coded)| (Self::Lattice(lattice), coded))
    }

    /// The name shown to users.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Values(_) => "unused values",
            Self::Palette(_) => "palette",
            Self::Grey => "grey",
            Self::Lattice(_) => "lattice",
        }
    }

    /// Alphabet sizes of the coded channels.
    pub fn sizes(&self, depth: u32) -> Vec<u32> {
        match self {
            Self::Values(values) => values.sizes(),
            Self::Palette(palette) => vec![palette.len() as u32],
            Self::Grey => vec![1 << depth],
            Self::Lattice(_) => vec![256; 3],
        }
    }

    /// Restores a rectangle of samples: `coded` and `out` have its size; `origin` is its first row and column in the
    /// image.
    ///
    /// # Errors
    /// [`Error::Format`](crate::Error::Format) for a symbol outside its alphabet (which `Grey` does not check).
    ///
    /// # Panics
    /// If the shapes do not match.
    pub fn inverse(
        &self,
        coded: ArrayView3<'_, u16>,
        origin: (u32, u32),
        mut out: ArrayViewMut3<'_, u16>,
    ) -> Result<()> {
        for (plane, size) in coded.outer_iter().zip(self.sizes(u16::BITS)) {
            if let Some(symbol) = plane.iter().find(|&&symbol| u32::from(symbol) >= size) {
                return invalid(format!("symbol {symbol} in an alphabet of {size}"));
            }
        }
        match self {
            Self::Values(values) => values.inverse(coded, out),
            Self::Palette(palette) => palette.inverse(coded, out),
            Self::Grey => out.outer_iter_mut().for_each(|mut plane| plane.assign(&coded.index_axis(Axis(0), 0))),
            Self::Lattice(lattice) => lattice.inverse(coded, origin, out),
        }
        Ok(())
    }

    /// Appends the description.
    pub fn write(&self, out: &mut Vec<u8>) {
        let (kind, body) = match self {
            Self::Values(values) => (1, values.to_bytes()),
            Self::Palette(palette) => (2, palette.to_bytes()),
            Self::Grey => (3, Vec::new()),
            Self::Lattice(lattice) => (4, lattice.to_bytes()),
        };
        let packed = deflate(&body);
        if packed.len() < body.len() {
            out.push(kind | DEFLATED);
            out.extend(packed);
        } else {
            out.push(kind);
            out.extend(body);
        }
    }

    /// Reads a description, which takes up all of `bytes`.
    ///
    /// # Errors
    /// [`Error::Format`](crate::Error::Format) for any description that the format does not allow for a group of this
    /// shape.
    pub fn read(bytes: &[u8], shape: &GroupShape) -> Result<Self> {
        let Some((&first, body)) = bytes.split_first() else {
            return invalid("no description");
        };
        let kind = first & !DEFLATED;
        let most = match kind {
            1 => Values::most_bytes(shape),
            2 => Palette::most_bytes(shape),
            3 => 0,
            4 => Lattice::most_bytes(shape),
            _ => return invalid(format!("unknown kind {kind}")),
        };
        let inflated;
        let body = if first & DEFLATED == 0 {
            body
        } else {
            inflated = inflate(body, most)?;
            &inflated
        };
        let mut reader = Reader(body);
        let transform = match kind {
            1 => Self::Values(Values::read(&mut reader, shape)?),
            2 => Self::Palette(Palette::read(&mut reader, shape)?),
            3 if shape.channels == 3 => Self::Grey,
            3 => return invalid(format!("grey of {} channels", shape.channels)),
            _ => Self::Lattice(Lattice::read(&mut reader, shape)?),
        };
        reader.end()?;
        Ok(transform)
    }
}

#[cfg(test)]
mod tests;
