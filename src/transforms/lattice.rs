//! 8-bit RGB -> the luma and chroma that it was converted from. Format: section "Lattice".
//!
//! RGB that was once 8-bit luma and chroma takes only one in four to ten of the 2^24 colours: the lattice of the
//! conversion. Pixels off the lattice are escapes, which the description lists.

use ndarray::{Array3, ArrayView3, ArrayViewMut3};

use super::bytes::{Reader, invalid};
use super::{Coded, GroupShape};
use crate::base::bytes::{NUMBER_BYTES, put_number};
use crate::base::error::Result;

mod conversion;
mod search;

use conversion::{Conversion, Triple};
use search::Search;

/// Pixels sampled to decide whether the whole image is searched.
const SAMPLED_PIXELS: usize = 4096;
/// The sample must have at least this many different colours, neither clipped nor grey: a few may lie on a lattice by
/// chance.
const FEWEST_COLOURS: usize = 16;
/// Least share of these colours that lie on the lattice, in percent.
const LEAST_SHARE: usize = 98;
/// The encoder gives up if more than one pixel in this many is an escape.
const ENCODER_ESCAPES: u64 = 100;
/// The format allows one escape per this many pixels, and one more.
const MOST_ESCAPES: u64 = 64;

/// The conversion, and the pixels that it does not reproduce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lattice {
    conversion: Conversion,
    /// In raster order.
    escapes: Vec<Escape>,
    width: u32,
}

/// A pixel off the lattice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Escape {
    /// Pixels before it, in raster order.
    position: u64,
    /// The pixel minus the result of the conversion, modulo 256.
    difference: [u8; 3],
}

impl Lattice {
    /// The lattice and the luma and chroma planes, if nearly all pixels lie on one lattice.
    pub fn find(samples: ArrayView3<'_, u16>, depth: u32) -> Option<(Self, Coded)> {
        let (channels, height, width) = samples.dim();
        if channels != 3 || depth != 8 {
            return None;
        }
        let conversion = detect(samples)?;
        let search = Search::new(conversion);
        let most = (width as u64 * height as u64) / ENCODER_ESCAPES;
        let mut coded = Array3::zeros(samples.dim());
        let mut escapes = Vec::new();
        for y in 0..height {
            // A pixel with several origins takes the one nearest to its left neighbour, or to the pixel above in the
            // first column.
            let mut near = if y > 0 { [0, 1, 2].map(|c| coded[(c, y - 1, 0)] as i32) } else { [128; 3] };
            let mut last = None;
            for x in 0..width {
                let pixel = pixel_at(samples, y, x);
                if last != Some(pixel) {
                    let above = if y > 0 { [0, 1, 2].map(|c| i32::from(coded[(c, y - 1, x)])) } else { near };
                    let found = if y > 0 && pixel_at(samples, y - 1, x) == pixel {
                        Some(above).filter(|&above| conversion.convert(above) == pixel)
                    } else {
                        search.exact(pixel, near)
                    };
                    near = found.unwrap_or_else(|| search.nearest(pixel));
                }
                last = Some(pixel);
                let converted = conversion.convert(near);
                if converted != pixel {
                    let position = y as u64 * width as u64 + x as u64;
                    let difference = [0, 1, 2].map(|c| (pixel[c] - converted[c]) as u8);
                    escapes.push(Escape { position, difference });
                    if escapes.len() as u64 > most {
                        return None;
                    }
                }
                (0..3).for_each(|c| coded[(c, y, x)] = near[c] as u16);
            }
        }
        let lattice = Self { conversion, escapes, width: width as u32 };
        Some((lattice, Coded { samples: coded, sizes: vec![256; 3] }))
    }

    /// Converts a rectangle of luma and chroma to RGB.
    pub fn inverse(&self, coded: ArrayView3<'_, u16>, origin: (u32, u32), mut out: ArrayViewMut3<'_, u16>) {
        let (_, height, width) = coded.dim();
        for y in 0..height {
            for x in 0..width {
                let pixel = self.conversion.convert(pixel_at(coded, y, x));
                (0..3).for_each(|c| out[(c, y, x)] = pixel[c] as u16);
            }
            let start = (u64::from(origin.0) + y as u64) * u64::from(self.width) + u64::from(origin.1);
            let first = self.escapes.partition_point(|escape| escape.position < start);
            for escape in self.escapes[first..].iter().take_while(|escape| escape.position < start + width as u64) {
                let x = (escape.position - start) as usize;
                (0..3).for_each(|c| out[(c, y, x)] = (out[(c, y, x)] + u16::from(escape.difference[c])) & 255);
            }
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.conversion as u8];
        put_number(&mut bytes, self.escapes.len() as u64);
        let mut next = 0;
        for escape in &self.escapes {
            put_number(&mut bytes, escape.position - next);
            next = escape.position + 1;
        }
        (0..3).for_each(|c| bytes.extend(self.escapes.iter().map(|escape| escape.difference[c])));
        bytes
    }

    fn most_escapes(shape: &GroupShape) -> u64 {
        shape.pixels() / MOST_ESCAPES + 1
    }

    /// Greatest length of a description, in bytes.
    pub(super) fn most_bytes(shape: &GroupShape) -> usize {
        let escapes = usize::try_from(Self::most_escapes(shape)).unwrap_or(usize::MAX);
        escapes.saturating_mul(5 + 3).saturating_add(1 + NUMBER_BYTES)
    }

    pub(super) fn read(reader: &mut Reader<'_>, shape: &GroupShape) -> Result<Self> {
        if (shape.channels, shape.depth) != (3, 8) {
            return invalid(format!("a lattice of {} channels of {} bits", shape.channels, shape.depth));
        }
        let byte = reader.byte()?;
        let Some(conversion) = Conversion::ALL.into_iter().find(|&conversion| conversion as u8 == byte) else {
            return invalid(format!("unknown conversion {byte}"));
        };
        let count = reader.number(Self::most_escapes(shape))? as usize;
        let (mut escapes, mut next) = (Vec::new(), 0);
        for _ in 0..count {
            let position = next + reader.number(shape.pixels())?;
            if position >= shape.pixels() {
                return invalid("an escape beyond the image");
            }
            next = position + 1;
            escapes.push(Escape { position, difference: [0; 3] });
        }
        for channel in 0..3 {
            let differences = reader.take(count)?;
            escapes.iter_mut().zip(differences).for_each(|(escape, &byte)| escape.difference[channel] = byte);
        }
        Ok(Self { conversion, escapes, width: shape.width })
    }
}

fn pixel_at(samples: ArrayView3<'_, u16>, y: usize, x: usize) -> Triple {
    [0, 1, 2].map(|c| i32::from(samples[(c, y, x)]))
}

/// The conversion that reproduces nearly all colours of a sample of the pixels.
fn detect(samples: ArrayView3<'_, u16>) -> Option<Conversion> {
    let (_, height, width) = samples.dim();
    let pixels = width as u64 * height as u64;
    let count = pixels.min(SAMPLED_PIXELS as u64);
    // Evenly spread, but not on a grid that could align with the rows.
    let place = |i: u64| (i * pixels / count + i * 7919 % (pixels / count).max(1)) as usize;
    let mut colours: Vec<Triple> =
        (0..count).map(place).map(|place| pixel_at(samples, place / width, place % width)).collect();
    colours.retain(|colour| {
        colour.iter().all(|&c| c > 0 && c < 255) && (colour[0] != colour[1] || colour[1] != colour[2])
    });
    colours.sort_unstable();
    colours.dedup();
    if colours.len() < FEWEST_COLOURS {
        return None;
    }
    let most_misses = colours.len() * (100 - LEAST_SHARE) / 100;
    let misses = |conversion: Conversion| {
        let search = Search::new(conversion);
        let missed = colours.iter().filter(|&&colour| search.exact(colour, [128; 3]).is_none());
        missed.take(most_misses + 1).count()
    };
    let (fewest, conversion) = Conversion::ALL
        .into_iter()
        .map(|conversion| (misses(conversion), conversion))
        .min_by_key(|(misses, _)| *misses)
        .expect("there are conversions");
    (fewest <= most_misses).then_some(conversion)
}

#[cfg(test)]
pub(super) mod tests;
