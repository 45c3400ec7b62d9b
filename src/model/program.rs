//! Programs of the bits-back family: invertible operations on a patch. Input: the text of a model file. Output: operations that
//! fit together, whose integers stay in range. Format: section "Programs".

mod words;

use std::ops::Range;

use self::words::Words;
use super::contract::refuse;
use crate::base::error::Result;
use crate::context::patch::{self, MAX_TAPS, MIN_TAPS};
use crate::entropy::bijections::{CODABLE, EXPONENT_MAX, states};

/// Side of a patch, in pixels.
pub(crate) const PATCH: usize = 64;
/// Fractional bits of a sample on the grid at most, for any depth.
pub(crate) const MAX_FRACTION: u32 = 14;
/// Fractional bits of the entries of a matrix.
pub(crate) const MATRIX_BITS: u32 = 12;
/// Fractional bits of translations, in 8-bit samples.
pub(crate) const TRANSLATION_BITS: u32 = 6;

const MAX_OPERATIONS: usize = 256;
const MAX_PATCH_CHANNELS: usize = 64;
/// Least side of a patch, in pixels, that a coupling works on: contexts reach two pixels, and are reflected.
const LEAST_COUPLED_SIDE: usize = 4;
/// Largest magnitude of an entry of a matrix, and of a translation.
const MATRIX_MAX: i32 = 1 << 15;
const TRANSLATION_MAX: i32 = 1 << 15;

/// How samples become numbers on the grid: `x = (y - half) * 2^noise + u`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dequantization {
    /// All u are as likely.
    Uniform,
    /// Those of 8-bit samples have truncated logistics, whose networks begin with this one.
    Variational(usize),
}

/// An operation, and the patch that it is applied to.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub operation: Operation,
    /// Pixels on a side.
    pub side: usize,
}

/// What happens to a patch, in the direction of the encoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Blocks of 2 x 2 pixels become channels.
    Squeeze,
    /// `x + L x`, then `x + U x`, then scales, of the channels of a pixel.
    Lu(Lu),
    /// `(x - t) 2^e` of the last channels, with constants.
    Norm(Vec<Moved>),
    /// `(x - t) 2^e` of some channels, with outputs of a network.
    Couple(Couple),
    /// The last channels leave, under the base distribution.
    Factor(usize),
}

/// A constant translation, in 2^-6 of an 8-bit sample, and the exponent of a scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moved {
    pub translation: i32,
    pub exponent: i32,
}

/// Unit triangular matrices, by row, without their diagonals; and exponents of scales by channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lu {
    pub lower: Vec<Vec<i32>>,
    pub upper: Vec<Vec<i32>>,
    pub exponents: Vec<i32>,
}

/// A coupling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Couple {
    pub network: usize,
    /// Without scales.
    pub additive: bool,
    /// Which pixels change: those whose row and column have a sum of this parity, or all.
    pub parity: Option<usize>,
    /// Places around a pixel that a context has of each channel, at most.
    pub taps: usize,
    /// The channels that change.
    pub to: Range<usize>,
    /// Channels that are seen whole.
    pub known: Range<usize>,
    /// Channels of which the pixels of the other parity are seen.
    pub half: Range<usize>,
}

impl Couple {
    /// Contexts of a pixel.
    pub fn context_size(&self) -> usize {
        patch::context_size(self.known.len(), self.half.len(), self.taps)
    }

    /// Outputs of the network for a pixel.
    pub fn outputs(&self) -> usize {
        self.to.len() * if self.additive { 1 } else { 2 }
    }

    fn check(&self, channels: usize, side: usize) -> Result<()> {
        let apart = |a: &Range<usize>, b: &Range<usize>| a.start.max(b.start) >= a.end.min(b.end);
        let within = [&self.to, &self.known, &self.half].iter().all(|range| range.end <= channels);
        let seen = self.known.len() + self.half.len();
        if !within || self.to.is_empty() || seen == 0 || !apart(&self.to, &self.known) {
            return refuse("a coupling's channels are not there, or overlap");
        }
        if self.parity.is_none() && !self.half.is_empty() || !(MIN_TAPS..=MAX_TAPS).contains(&self.taps) {
            return refuse("a coupling sees what it cannot");
        }
        if side < LEAST_COUPLED_SIDE {
            return refuse(format!("a coupling of {side} pixels a side"));
        }
        Ok(())
    }
}

/// What is done to a patch, in the order of the encoder.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub channels: usize,
    pub dequantization: Dequantization,
    pub operations: Vec<Placed>,
}

impl Program {
    /// Reads a program for so many channels; see the format.
    ///
    /// # Errors
    /// [`Error::Model`](crate::Error::Model), naming what does not fit.
    pub fn read(text: &str, channels: usize) -> Result<Self> {
        let mut lines = text.lines();
        let mut words = Words::of(lines.next().unwrap_or_default());
        let dequantization = match (words.word()?, words.word()?) {
            ("dequantize", "uniform") => Dequantization::Uniform,
            ("dequantize", "variational") => Dequantization::Variational(words.index()?),
            _ => return refuse("a program begins with dequantization"),
        };
        words.end()?;
        let operations = lines.map(Operation::read).collect::<Result<Vec<_>>>()?;
        if operations.len() > MAX_OPERATIONS {
            return refuse(format!("{} operations", operations.len()));
        }
        let mut bounds = vec![Bound::of_samples(); channels];
        let mut side = PATCH;
        let mut placed = Vec::with_capacity(operations.len());
        for operation in operations {
            let before = side;
            operation.check(&mut bounds, &mut side)?;
            placed.push(Placed { operation, side: before });
        }
        if !bounds.is_empty() {
            return refuse(format!("{} channels are left", bounds.len()));
        }
        Ok(Self { channels, dequantization, operations: placed })
    }

    /// The couplings, and the side of their patches.
    pub fn couplings(&self) -> impl Iterator<Item = (&Couple, usize)> {
        self.operations.iter().filter_map(|placed| match &placed.operation {
            Operation::Couple(couple) => Some((couple, placed.side)),
            _ => None,
        })
    }

    /// The contexts and outputs of network `index`, if the program has any use for it.
    pub fn network_shape(&self, index: usize) -> Option<(usize, usize)> {
        if let Dequantization::Variational(first) = self.dequantization
            && (first..first + 2 * self.channels).contains(&index)
        {
            return Some((patch::noise_context_size(self.channels), 2));
        }
        let couple = self.couplings().map(|(couple, _)| couple).find(|couple| couple.network == index);
        couple.map(|couple| (couple.context_size(), couple.outputs()))
    }

    /// The number of networks: all below it have a use.
    pub fn networks(&self) -> usize {
        let last = match self.dequantization {
            Dequantization::Uniform => 0,
            Dequantization::Variational(first) => first + 2 * self.channels,
        };
        self.couplings().map(|(couple, _)| couple.network + 1).max().unwrap_or(0).max(last)
    }

    /// The pixels of a patch that network `index` is evaluated for.
    pub fn evaluations(&self, index: usize) -> usize {
        let pixels = |side: usize, parity: Option<usize>| side * side / if parity.is_some() { 2 } else { 1 };
        let uses = self.couplings().filter(|(couple, _)| couple.network == index);
        let coupled: usize = uses.map(|(couple, side)| pixels(side, couple.parity)).sum();
        match self.dequantization {
            Dequantization::Variational(first) if index >= first => pixels(PATCH, Some(0)),
            _ => coupled,
        }
    }
}

/// What the magnitude of a channel's integers does not exceed, in units of 2^-6 of an 8-bit sample.
#[derive(Debug, Clone, Copy)]
struct Bound(u64);

impl Bound {
    /// Far more than the base distribution takes.
    const TOO_LARGE: u64 = 1 << 62;

    fn of_samples() -> Self {
        Self(128 << TRANSLATION_BITS)
    }

    fn moved(self, translation: u64) -> Self {
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

/// The bounds of all channels after a triangular matrix.
fn sheared(matrix: &[Vec<i32>], bounds: &[Bound]) -> Vec<Bound> {
    let row = |(row, bound): (&Vec<i32>, &Bound)| {
        let sum: u128 = row.iter().zip(bounds).map(|(c, b)| u128::from(c.unsigned_abs()) * u128::from(b.0)).sum();
        bound.moved((sum >> MATRIX_BITS).min(Bound::TOO_LARGE.into()) as u64 + 1)
    };
    matrix.iter().zip(bounds).map(row).collect()
}

impl Operation {
    fn read(line: &str) -> Result<Self> {
        let mut words = Words::of(line);
        let operation = match words.word()? {
            "squeeze" => Self::Squeeze,
            "lu" => {
                let channels = words.count()?;
                let matrix = |words: &mut Words<'_>| {
                    (0..channels).map(|_| words.numbers(channels, MATRIX_MAX)).collect::<Result<Vec<_>>>()
                };
                let (lower, upper) = (matrix(&mut words)?, matrix(&mut words)?);
                Self::Lu(Lu { lower, upper, exponents: words.numbers(channels, EXPONENT_MAX)? })
            }
            "norm" => {
                let channels = words.count()?;
                let translations = words.numbers(channels, TRANSLATION_MAX)?;
                let exponents = words.numbers(channels, EXPONENT_MAX)?;
                let moved = |(translation, exponent)| Moved { translation, exponent };
                Self::Norm(translations.into_iter().zip(exponents).map(moved).collect())
            }
            "couple" => {
                let additive = match words.word()? {
                    "affine" => false,
                    "additive" => true,
                    other => return refuse(format!("a coupling that is {other}")),
                };
                let parity = match words.word()? {
                    "all" => None,
                    "even" => Some(0),
                    "odd" => Some(1),
                    other => return refuse(format!("a coupling of {other} pixels")),
                };
                let (network, taps) = (words.named("network")?, words.named("taps")?);
                let [to, known, half] = [words.range("to")?, words.range("known")?, words.range("half")?];
                Self::Couple(Couple { network, additive, parity, taps, to, known, half })
            }
            "factor" => Self::Factor(words.count()?),
            other => return refuse(format!("operation {other}")),
        };
        words.end()?;
        Ok(operation)
    }

    /// Checks that it fits the patch that has these bounds by channel, and so many pixels a side; then they are those of the
    /// patch after it.
    fn check(&self, bounds: &mut Vec<Bound>, side: &mut usize) -> Result<()> {
        let channels = bounds.len();
        match self {
            Self::Squeeze => {
                if *side < 2 || 4 * channels > MAX_PATCH_CHANNELS {
                    return refuse(format!("{side} pixels a side, of {channels} channels, are squeezed"));
                }
                *side /= 2;
                *bounds = bounds.repeat(4);
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
                *bounds = sheared(upper, &sheared(lower, bounds));
                bounds.iter_mut().zip(exponents).for_each(|(bound, &exponent)| *bound = bound.scaled(exponent));
            }
            Self::Norm(moved) => {
                let Some(first) = channels.checked_sub(moved.len()) else {
                    return refuse("constants without channels");
                };
                for (bound, moved) in bounds[first..].iter_mut().zip(moved) {
                    *bound = bound.moved(moved.translation.unsigned_abs().into()).scaled(moved.exponent);
                }
            }
            Self::Couple(couple) => {
                couple.check(channels, *side)?;
                for bound in &mut bounds[couple.to.clone()] {
                    *bound = bound.moved(TRANSLATION_MAX as u64);
                    if !couple.additive {
                        *bound = bound.scaled(EXPONENT_MAX);
                    }
                }
            }
            &Self::Factor(count) => {
                if count == 0 || count > channels {
                    return refuse(format!("{count} of {channels} channels leave"));
                }
                bounds.truncate(channels - count);
            }
        }
        bounds.iter().try_for_each(|bound| bound.check())
    }
}

#[cfg(test)]
mod tests;
