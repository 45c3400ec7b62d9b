//! Checks that operations fit the patches that they are applied to, and bounds their integers.

use std::ops::Range;

use super::{
    Affine, BaseChannels, Couple, LEAST_COUPLED_SIDE, Lu, MATRIX_BITS, MAX_FRACTION, MAX_PATCH_CHANNELS, Observe,
    Operation, TRANSLATION_BITS, TRANSLATION_MAX,
};
use crate::base::error::Result;
use crate::context::patch::{MAX_TAPS, MIN_TAPS, Pixels};
use crate::entropy::bijections::{CODABLE, DRAWN_REACH, EXPONENT_MAX, states};
use crate::entropy::mixture::COMPONENTS;
use crate::model::contract::refuse;

/// What is known about a channel of a patch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Channel {
    bound: Bound,
    /// The plane whose unchanged samples the channel holds, if it does.
    sample: Option<usize>,
}

impl Channel {
    /// A plane of samples, with noise added unless `unchanged`.
    pub fn of_samples(plane: usize, unchanged: bool) -> Self {
        Self { bound: Bound(128 << TRANSLATION_BITS), sample: unchanged.then_some(plane) }
    }

    /// Noise from the base distribution, within its buckets and beyond.
    fn of_noise() -> Self {
        Self { bound: Bound((16 + DRAWN_REACH) << TRANSLATION_BITS), sample: None }
    }

    fn change(&mut self, bound: Bound) {
        *self = Self { bound, sample: None };
    }
}

/// An upper bound on the magnitude of a channel's integers, in units of 2^-6 of an 8-bit sample.
#[derive(Debug, Clone, Copy)]
struct Bound(u64);

impl Bound {
    /// Far beyond the range of the base distribution.
    const TOO_LARGE: u64 = 1 << 62;

    fn translated(self, translation: u64) -> Self {
        Self(self.0.saturating_add(translation).min(Self::TOO_LARGE))
    }

    fn scaled(self, exponent: i32) -> Self {
        let scaled = ((u128::from(self.0) * u128::from(states(exponent))) >> 10) + 1;
        Self(scaled.min(Self::TOO_LARGE.into()) as u64)
    }

    fn check(self) -> Result<()> {
        let most = CODABLE as u64 >> (MAX_FRACTION - TRANSLATION_BITS);
        if self.0 < most { Ok(()) } else { refuse("integers of the program may get too large") }
    }
}

/// Adds to each channel in turn a row of a matrix times the current channels.
fn shear(patch: &mut [Channel], matrix: &[Vec<i32>], rows: impl Iterator<Item = usize>) {
    for row in rows.filter(|&row| matrix[row].iter().any(|&c| c != 0)) {
        let products = matrix[row].iter().zip(&*patch);
        let sum: u128 = products.map(|(c, channel)| u128::from(c.unsigned_abs()) * u128::from(channel.bound.0)).sum();
        let sum = (sum >> MATRIX_BITS).min(Bound::TOO_LARGE.into()) as u64;
        patch[row].change(patch[row].bound.translated(sum + 1));
    }
}

impl Operation {
    /// Checks that the operation fits a patch with these channels and side, and updates both to what they are after it.
    pub(super) fn check(&self, patch: &mut Vec<Channel>, side: &mut usize) -> Result<()> {
        let channels = patch.len();
        match self {
            Self::Squeeze => {
                if *side < 2 || 4 * channels > MAX_PATCH_CHANNELS {
                    return refuse(format!("{side} pixels a side, of {channels} channels, are squeezed"));
                }
                *side /= 2;
                *patch = patch.repeat(4);
            }
            Self::Lu(Lu { lower, upper, exponents }) => {
                let triangular = |matrix: &[Vec<i32>], below: bool| {
                    let entries =
                        matrix.iter().enumerate().flat_map(|(i, row)| (0..).zip(row).map(move |(j, c)| (i, j, c)));
                    entries.into_iter().all(|(i, j, &c)| c == 0 || if below { j < i } else { j > i })
                };
                if lower.len() != channels || !triangular(lower, true) || !triangular(upper, false) {
                    return refuse("matrices that are not triangular, or for other channels");
                }
                shear(patch, lower, (0..channels).rev());
                shear(patch, upper, 0..channels);
                for (channel, &exponent) in patch.iter_mut().zip(exponents).filter(|(_, exponent)| **exponent != 0) {
                    channel.change(channel.bound.scaled(exponent));
                }
            }
            Self::Norm(affine) => {
                let Some(first) = channels.checked_sub(affine.len()) else {
                    return refuse("constants without channels");
                };
                for (channel, &Affine { translation, exponent }) in patch[first..].iter_mut().zip(affine) {
                    let translated = channel.bound.translated(translation.unsigned_abs().into());
                    channel.change(translated.scaled(exponent));
                }
            }
            Self::Couple(couple) => {
                couple.check(channels, *side)?;
                for channel in &mut patch[couple.to.clone()] {
                    // Holds in both directions: a scale and its inverse have the same largest factor.
                    let translated = channel.bound.translated(TRANSLATION_MAX as u64);
                    channel.change(if couple.additive { translated } else { translated.scaled(EXPONENT_MAX) });
                }
            }
            &Self::Factor(BaseChannels { count, .. }) => {
                if count == 0 || count > channels {
                    return refuse(format!("{count} of {channels} channels leave"));
                }
                patch.truncate(channels - count);
            }
            &Self::Draw(BaseChannels { count, .. }) => {
                if channels == 0 || channels + count > MAX_PATCH_CHANNELS {
                    return refuse(format!("{count} channels are drawn for {channels}"));
                }
                patch.splice(0..0, vec![Channel::of_noise(); count]);
            }
            Self::Observe(observe) => {
                observe.check(patch, *side)?;
                patch.truncate(channels - observe.matrix.len());
            }
        }
        patch.iter().try_for_each(|channel| channel.bound.check())
    }
}

impl Couple {
    fn check(&self, channels: usize, side: usize) -> Result<()> {
        let apart = |a: &Range<usize>, b: &Range<usize>| a.start.max(b.start) >= a.end.min(b.end);
        let within = [&self.to, &self.known, &self.half].iter().all(|range| range.end <= channels);
        let seen = self.known.len() + self.half.len();
        if !within || self.to.is_empty() || seen == 0 || !apart(&self.to, &self.known) {
            return refuse("a coupling's channels are not there, or overlap");
        }
        let part_is_seen = match self.pixels {
            Pixels::All => self.half.is_empty(),
            Pixels::Parity(_) => true,
            Pixels::Raster => !self.half.is_empty(),
        };
        if !part_is_seen || !(MIN_TAPS..=MAX_TAPS).contains(&self.taps) {
            return refuse("a coupling sees what it cannot");
        }
        if side < LEAST_COUPLED_SIDE {
            return refuse(format!("a coupling of {side} pixels a side"));
        }
        Ok(())
    }
}

impl Observe {
    fn check(&self, patch: &[Channel], side: usize) -> Result<()> {
        let first = patch.len().checked_sub(self.matrix.len());
        let samples = first.map_or(&[][..], |first| &patch[first..]).iter().map(|channel| channel.sample);
        if !samples.eq((0..self.matrix.len()).map(Some)) {
            return refuse("the last channels are not samples that are to be observed");
        }
        if self.known == 0 || first.is_none_or(|first| self.known > first) {
            return refuse(format!("samples are observed given {} channels", self.known));
        }
        if !COMPONENTS.contains(&self.components) || !(MIN_TAPS..=MAX_TAPS).contains(&self.taps) {
            return refuse(format!("{} components of {} taps", self.components, self.taps));
        }
        if side < LEAST_COUPLED_SIDE {
            return refuse(format!("samples of {side} pixels a side are observed"));
        }
        Ok(())
    }
}
