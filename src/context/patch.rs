//! A patch during the steps of a program: planes of integers on a grid, and the contexts that networks see. Format:
//! section "Programs".

use std::iter;
use std::ops::Range;

/// Most taps of a channel in a context: 5 x 5 pixels without the middle. Least: the four nearest, whose mean is the
/// centre of a half.
pub(crate) const MAX_TAPS: usize = 24;
pub(crate) const MIN_TAPS: usize = 4;
const REACH: isize = 2;
/// Taps around a pixel in the linear prediction of samples from latents.
pub(crate) const LINEAR_TAPS: usize = 4;
/// log2 of the resolution of taps and centres: units of 2^-bits of an 8-bit sample.
const TAP_BITS: u32 = 2;
const CENTRE_BITS: [u32; 2] = [1, 3];
/// Largest magnitude of a context entry.
const CONTEXT_MAX: i64 = 256;
/// Fractional bits of an 8-bit sample, in the contexts of dequantization networks.
const NOISE_BITS: u32 = 6;
/// The eight neighbours, in raster order.
const NEIGHBOURS: [(isize, isize); 8] = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)];

/// The pixels that a coupling changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pixels {
    /// All, at once.
    All,
    /// Those with row + column of this parity, given the others.
    Parity(usize),
    /// All, in raster order, each given those before it.
    Raster,
}

impl Pixels {
    /// The parity, if there is one.
    pub fn parity(self) -> Option<usize> {
        match self {
            Self::Parity(parity) => Some(parity),
            Self::All | Self::Raster => None,
        }
    }

    /// Whether a pixel that changes sees the pixel at an offset (down, right) in the channels that change.
    fn see(self, (down, right): (isize, isize)) -> bool {
        match self {
            Self::All => true,
            Self::Parity(_) => (down + right) % 2 != 0,
            Self::Raster => (down, right) < (0, 0),
        }
    }
}

/// Square planes of integers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Patch {
    pub side: usize,
    /// By channel, then in raster order.
    pub planes: Vec<Vec<i64>>,
}

impl Patch {
    /// Turns blocks of 2 x 2 pixels into channels, ordered by position in the block, then by channel.
    pub fn squeeze(&mut self) {
        let side = self.side / 2;
        let place = |down: usize, right: usize| {
            let plane = move |plane: &Vec<i64>| {
                let rows = plane.chunks(2 * side).skip(down).step_by(2);
                rows.flat_map(|row| row.iter().skip(right).step_by(2).copied()).collect::<Vec<_>>()
            };
            self.planes.iter().map(plane)
        };
        let planes = place(0, 0).chain(place(0, 1)).chain(place(1, 0)).chain(place(1, 1)).collect();
        *self = Self { side, planes };
    }

    /// Inverse of [`squeeze`](Self::squeeze).
    pub fn unsqueeze(&mut self) {
        let channels = self.planes.len() / 4;
        let side = 2 * self.side;
        let plane = |channel: usize| {
            let value = |index: usize| {
                let (y, x) = (index / side, index % side);
                self.planes[(y % 2 * 2 + x % 2) * channels + channel][y / 2 * self.side + x / 2]
            };
            (0..side * side).map(value).collect()
        };
        *self = Self { side, planes: (0..channels).map(plane).collect() };
    }

    /// The positions of the pixels of one parity, or of all, in raster order.
    pub fn places(&self, parity: Option<usize>) -> impl DoubleEndedIterator<Item = (usize, usize)> + Clone + use<> {
        let (side, step) = (self.side, if parity.is_some() { 2 } else { 1 });
        let columns = move |y: usize| parity.map_or(0, |parity| (y + parity) % 2)..side;
        (0..side).flat_map(move |y| columns(y).step_by(step).map(move |x| (y, x)))
    }

    /// The index in a plane of the pixel at offset (down, right); the patch is reflected at its edges.
    fn around(&self, (y, x): (usize, usize), (down, right): (isize, isize)) -> usize {
        let last = self.side as isize - 1;
        let reflect = |at: isize| if at > last { 2 * last - at } else { at.abs() } as usize;
        reflect(y as isize + down) * self.side + reflect(x as isize + right)
    }

    /// The index in a plane of a tap in a channel that is known in part; `None` outside the patch, if it is known in raster
    /// order.
    fn around_half(
        &self,
        (y, x): (usize, usize),
        (down, right): (isize, isize),
        conditioning: &Conditioning,
    ) -> Option<usize> {
        let within = |at: usize, step: isize| at.checked_add_signed(step).is_some_and(|at| at < self.side);
        let there = conditioning.pixels != Pixels::Raster || within(y, down) && within(x, right);
        there.then(|| self.around((y, x), (down, right)))
    }

    /// Appends the context of a pixel: for each tap in turn, the channels minus their centres; then the centres. First
    /// for the channels that are known whole, then for those that are known in part. Values have `fraction` fractional
    /// bits.
    pub fn push_context(
        &self,
        place: (usize, usize),
        conditioning: &Conditioning,
        fraction: u32,
        contexts: &mut Vec<i16>,
    ) {
        let planes = &self.planes[conditioning.known.clone()];
        let here = self.around(place, (0, 0));
        for &tap in &conditioning.whole_taps {
            let at = self.around(place, tap);
            contexts
                .extend(planes.iter().map(|plane| in_units(plane[at].wrapping_sub(plane[here]), fraction, TAP_BITS)));
        }
        for bits in CENTRE_BITS {
            contexts.extend(planes.iter().map(|plane| in_units(plane[here], fraction, bits)));
        }
        let planes = &self.planes[conditioning.half.clone()];
        let value = |plane: &Vec<i64>, tap| self.around_half(place, tap, conditioning).map_or(0, |at| plane[at]);
        let centre = |plane: &Vec<i64>| {
            let nearest = conditioning.half_taps[..4].iter().map(|&tap| value(plane, tap));
            nearest.fold(0, i64::wrapping_add) >> 2
        };
        for &tap in &conditioning.half_taps {
            let less = |plane: &Vec<i64>| in_units(value(plane, tap).wrapping_sub(centre(plane)), fraction, TAP_BITS);
            contexts.extend(planes.iter().map(less));
        }
        for bits in CENTRE_BITS {
            contexts.extend(planes.iter().map(|plane| in_units(centre(plane), fraction, bits)));
        }
    }

    /// The dot product of `entries` with the known channels at a pixel and its taps: all channels of one position, then
    /// of the next.
    pub fn product(&self, place: (usize, usize), conditioning: &Conditioning, entries: &[i32]) -> i64 {
        let planes = &self.planes[conditioning.known.clone()];
        let places = iter::once(&(0, 0)).chain(&conditioning.whole_taps).map(|&tap| self.around(place, tap));
        let values = places.flat_map(|at| planes.iter().map(move |plane| plane[at]));
        let products = entries.iter().zip(values).map(|(&entry, value)| i64::from(entry).wrapping_mul(value));
        products.fold(0, i64::wrapping_add)
    }

    /// Appends the context of a pixel for dequantization, with 8-bit samples and [`NOISE_BITS`] bits of noise: for each
    /// neighbour in turn, the channels minus the middle of the pixel's own cell; then the noise of the pixel.
    pub fn push_noise_context(&self, place: (usize, usize), contexts: &mut Vec<i16>) {
        let (cell, here) = (1 << NOISE_BITS, self.around(place, (0, 0)));
        let clamped = |value: i64| value.clamp(-CONTEXT_MAX, CONTEXT_MAX) as i16;
        for neighbour in NEIGHBOURS {
            let at = self.around(place, neighbour);
            let middle = |plane: &Vec<i64>| (plane[here] & -cell) + cell / 2;
            contexts.extend(self.planes.iter().map(|plane| clamped(plane[at] - middle(plane))));
        }
        contexts.extend(self.planes.iter().map(|plane| clamped(((plane[here] & (cell - 1)) - cell / 2) << 2)));
    }
}

/// What a coupling sees: channels, and taps around a pixel.
#[derive(Debug, Clone)]
pub(crate) struct Conditioning {
    known: Range<usize>,
    half: Range<usize>,
    /// What of the latter is known.
    pixels: Pixels,
    whole_taps: Vec<(isize, isize)>,
    half_taps: Vec<(isize, isize)>,
}

impl Conditioning {
    /// Of channels that are known, and of those that are but for the pixels that change.
    pub fn new(known: &Range<usize>, half: &Range<usize>, pixels: Pixels, taps: usize) -> Self {
        let (whole_taps, half_taps) = (nearest(taps, Pixels::All), nearest(taps, pixels));
        Self { known: known.clone(), half: half.clone(), pixels, whole_taps, half_taps }
    }
}

/// The offsets (down, right) of the nearest `taps` pixels that are seen where `pixels` change, by distance; ties from the
/// top left.
fn nearest(taps: usize, pixels: Pixels) -> Vec<(isize, isize)> {
    let reach = -REACH..=REACH;
    let places = reach.clone().flat_map(|down| reach.clone().map(move |right| (down, right)));
    let mut places: Vec<_> = places.filter(|&place| place != (0, 0) && pixels.see(place)).collect();
    places.sort_by_key(|&(down, right)| down * down + right * right);
    places.truncate(taps);
    places
}

/// Converts a value with `fraction` fractional bits to units of 2^-bits of an 8-bit sample, rounded and clamped.
fn in_units(value: i64, fraction: u32, bits: u32) -> i16 {
    let shift = fraction - bits;
    (value.wrapping_add(1 << (shift - 1)) >> shift).clamp(-CONTEXT_MAX, CONTEXT_MAX) as i16
}

/// The context size of a pixel that sees this many channels whole, and this many without the pixels that change.
pub(crate) fn context_size(known: usize, half: usize, pixels: Pixels, taps: usize) -> usize {
    let of = |channels: usize, pixels: Pixels| channels * (nearest(taps, pixels).len() + CENTRE_BITS.len());
    of(known, Pixels::All) + of(half, pixels)
}

/// The dequantization context size of a pixel with this many channels.
pub(crate) fn noise_context_size(channels: usize) -> usize {
    (NEIGHBOURS.len() + 1) * channels
}

#[cfg(test)]
mod tests;
