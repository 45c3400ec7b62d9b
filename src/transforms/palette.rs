//! Pixels of few colours -> indices into a list of these colours. Format: section "Palette".
//!
//! The description holds the set of colours. The decoder derives their order, which is by luminance, so that similar
//! colours have similar indices.

use std::collections::HashMap;

use ndarray::{Array3, ArrayView3, ArrayViewMut3, Axis, Zip};

use super::bytes::{Reader, invalid, packed_len};
use super::{Coded, GroupShape};
use crate::base::error::Result;

/// Most colours.
const MOST_COLOURS: usize = 256;
/// The form number of planar differences; smaller numbers are Rice codes.
const PLANAR: u8 = 255;
/// Most channels.
const MOST_CHANNELS: usize = 4;

/// A colour: its samples, and 0 for missing channels.
type Colour = [u16; MOST_CHANNELS];

/// The colours of an image, in the order of their indices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Palette {
    colours: Vec<Colour>,
    channels: usize,
    depth: u32,
}

impl Palette {
    /// The palette and the plane of indices, if there are at most `limit` colours.
    pub fn find(samples: ArrayView3<'_, u16>, depth: u32, limit: usize) -> Option<(Self, Coded)> {
        let limit = limit.min(MOST_COLOURS);
        let (channels, height, width) = samples.dim();
        let mut found: HashMap<Colour, u16> = HashMap::new();
        let mut indices = Array3::zeros((1, height, width));
        let mut last = None;
        for (pixel, index) in samples.lanes(Axis(0)).into_iter().zip(&mut indices) {
            let colour = colour_of(pixel.iter().copied());
            *index = match last {
                Some((same, index)) if same == colour => index,
                _ => {
                    let next = found.len() as u16;
                    *found.entry(colour).or_insert(next)
                }
            };
            last = Some((colour, *index));
            if found.len() > limit {
                return None;
            }
        }
        let palette = Self::of(found.keys().copied().collect(), channels, depth);
        let mut order = vec![0; found.len()];
        for (index, colour) in palette.colours.iter().enumerate() {
            order[usize::from(found[colour])] = index as u16;
        }
        indices.mapv_inplace(|index| order[usize::from(index)]);
        let sizes = vec![palette.len() as u32];
        Some((palette, Coded { samples: indices, sizes }))
    }

    fn of(mut colours: Vec<Colour>, channels: usize, depth: u32) -> Self {
        colours.sort_unstable_by_key(|&colour| (luminance(colour, channels), colour));
        Self { colours, channels, depth }
    }

    /// The number of colours.
    pub fn len(&self) -> usize {
        self.colours.len()
    }

    /// The pixels of indices; the indices have been checked.
    pub fn inverse(&self, coded: ArrayView3<'_, u16>, mut out: ArrayViewMut3<'_, u16>) {
        let indices = coded.index_axis(Axis(0), 0);
        for (channel, mut plane) in out.outer_iter_mut().enumerate() {
            let column: Vec<u16> = self.colours.iter().map(|colour| colour[channel]).collect();
            Zip::from(&mut plane).and(&indices).for_each(|sample, &index| *sample = column[usize::from(index)]);
        }
    }

    /// The shorter of the two forms.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let (planar, rice) = (self.planar(), self.rice());
        if packed_len(&planar) < packed_len(&rice) { planar } else { rice }
    }

    /// Form [`PLANAR`]: channel by channel, the differences between successive colours.
    fn planar(&self) -> Vec<u8> {
        let mut bytes = vec![(self.len() - 1) as u8, PLANAR];
        for channel in 0..self.channels {
            let mut previous = 0;
            for colour in &self.colours {
                let difference = colour[channel].wrapping_sub(previous) & mask(self.depth);
                previous = colour[channel];
                bytes.extend(&difference.to_le_bytes()[..sample_bytes(self.depth)]);
            }
        }
        bytes
    }

    /// Forms 0 to 63: the colours as ascending numbers; the distances between them in a Rice code whose parameter
    /// (number of low bits) is the form number.
    fn rice(&self) -> Vec<u8> {
        let mut numbers: Vec<u64> =
            self.colours.iter().map(|&colour| number_of(colour, self.channels, self.depth)).collect();
        numbers.sort_unstable();
        let distances: Vec<u64> =
            (0..self.len()).map(|i| if i == 0 { numbers[0] } else { numbers[i] - numbers[i - 1] - 1 }).collect();
        let length =
            |low: u32| distances.iter().map(|distance| u128::from(distance >> low) + 1 + u128::from(low)).sum();
        let low = (0..64).min_by_key(|&low| -> u128 { length(low) }).expect("a range that is not empty");
        let mut bits = Vec::new();
        for distance in distances {
            bits.extend(std::iter::repeat_n(false, (distance >> low) as usize).chain([true]));
            bits.extend((0..low).map(|bit| distance >> bit & 1 == 1));
        }
        let pack = |bits: &[bool]| bits.iter().rev().fold(0, |byte, &bit| byte << 1 | u8::from(bit));
        [(self.len() - 1) as u8, low as u8].into_iter().chain(bits.chunks(8).map(pack)).collect()
    }

    /// Greatest length of a description, in bytes: that of the planar form, since a Rice code is used only if it is
    /// shorter.
    pub(super) fn most_bytes(shape: &GroupShape) -> usize {
        2 + MOST_COLOURS * shape.channels * sample_bytes(shape.depth)
    }

    pub(super) fn read(reader: &mut Reader<'_>, shape: &GroupShape) -> Result<Self> {
        let (channels, depth) = (shape.channels, shape.depth);
        let count = usize::from(reader.byte()?) + 1;
        let mut colours = match reader.byte()? {
            PLANAR => read_planar(reader, count, shape)?,
            low if low < 64 => read_rice(reader, count, u32::from(low), shape)?,
            form => return invalid(format!("unknown form {form} of a palette")),
        };
        colours.sort_unstable();
        colours.dedup();
        if colours.len() != count {
            return invalid("a palette with the same colour twice");
        }
        Ok(Self::of(colours, channels, depth))
    }
}

fn read_planar(reader: &mut Reader<'_>, count: usize, shape: &GroupShape) -> Result<Vec<Colour>> {
    let mut colours = vec![Colour::default(); count];
    for channel in 0..shape.channels {
        let mut sample = 0u16;
        for (colour, bytes) in
            colours.iter_mut().zip(reader.take(count * sample_bytes(shape.depth))?.chunks(sample_bytes(shape.depth)))
        {
            let difference = bytes.iter().rev().fold(0, |value, &byte| value << 8 | u16::from(byte));
            if difference > mask(shape.depth) {
                return invalid(format!("a difference of {difference} between colours"));
            }
            sample = sample.wrapping_add(difference) & mask(shape.depth);
            colour[channel] = sample;
        }
    }
    Ok(colours)
}

fn read_rice(reader: &mut Reader<'_>, count: usize, low: u32, shape: &GroupShape) -> Result<Vec<Colour>> {
    let bytes = reader.take(reader.0.len())?;
    let mut bits = (0..8 * bytes.len()).map(|bit| bytes[bit / 8] >> (bit % 8) & 1);
    let end = 1u128 << (shape.depth * shape.channels as u32);
    let mut next = 0u128;
    let mut colours = Vec::with_capacity(count);
    for _ in 0..count {
        let mut bit = || bits.next().map_or_else(|| invalid("a palette that ends early"), Ok);
        let mut high = 0u128;
        while bit()? == 0 {
            high += 1;
        }
        let mut distance = high << low;
        for place in 0..low {
            distance |= u128::from(bit()?) << place;
        }
        let number = next + distance;
        if number >= end {
            return invalid("a colour beyond the depth");
        }
        next = number + 1;
        colours.push(colour_of(
            (0..shape.channels as u32)
                .rev()
                .map(|channel| (number >> (channel * shape.depth)) as u16 & mask(shape.depth)),
        ));
    }
    if bits.len() >= 8 || bits.any(|bit| bit == 1) {
        return invalid("a palette with bits after its last colour");
    }
    Ok(colours)
}

fn colour_of(samples: impl Iterator<Item = u16>) -> Colour {
    let mut colour = Colour::default();
    colour.iter_mut().zip(samples).for_each(|(to, sample)| *to = sample);
    colour
}

/// The samples of a colour as one number, the first channel in the highest bits.
fn number_of(colour: Colour, channels: usize, depth: u32) -> u64 {
    colour[..channels].iter().fold(0, |number, &sample| number << depth | u64::from(sample))
}

/// The first sort key of colours: the luminance of red, green and blue, or the grey sample.
fn luminance(colour: Colour, channels: usize) -> u32 {
    let [red, green, blue, _] = colour.map(u32::from);
    if channels < 3 { red } else { 2 * red + 5 * green + blue }
}

fn mask(depth: u32) -> u16 {
    u16::MAX >> (u16::BITS - depth)
}

fn sample_bytes(depth: u32) -> usize {
    if depth > 8 { 2 } else { 1 }
}

#[cfg(test)]
mod tests;
