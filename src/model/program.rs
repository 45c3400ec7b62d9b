//! Programs of the bits-back family: invertible operations on a patch. Input: the text of a model file. Output: operations that
//! fit together, whose integers stay in range. Format: section "Programs".

mod check;
mod read;
mod words;

use std::ops::Range;

use self::check::Channel;
use self::words::Words;
use super::contract::refuse;
use crate::base::error::Result;
use crate::context::patch::{self, Pixels};
use crate::entropy::bijections::Law;
use crate::entropy::mixture::MixtureShape;

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
    /// u is 0: samples are coded as such, given latents.
    None,
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
    /// The last channels leave, under a base distribution.
    Factor(Leaving),
    /// So many channels of noise enter in front of all others, from a base distribution.
    Draw(Leaving),
    /// The last channels, which are samples, leave under a mixture.
    Observe(Observe),
}

/// Channels under a base distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leaving {
    pub law: Law,
    pub count: usize,
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
    /// Run in the other direction: `x 2^-e + t`. It makes noise the posterior of latents.
    pub inverted: bool,
    pub network: usize,
    /// Without scales.
    pub additive: bool,
    /// Which pixels change.
    pub pixels: Pixels,
    /// Places around a pixel that a context has of each channel, at most.
    pub taps: usize,
    /// The channels that change.
    pub to: Range<usize>,
    /// Channels that are seen whole.
    pub known: Range<usize>,
    /// Channels of which those pixels are seen that do not change, or not yet, in the order of a decoder.
    pub half: Range<usize>,
}

impl Couple {
    /// Contexts of a pixel.
    pub fn context_size(&self) -> usize {
        patch::context_size(self.known.len(), self.half.len(), self.pixels, self.taps)
    }

    /// Outputs of the network for a pixel.
    pub fn outputs(&self) -> usize {
        self.to.len() * if self.additive { 1 } else { 2 }
    }
}

/// How samples of a pixel are coded, given channels before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observe {
    pub network: usize,
    /// Of the mixture.
    pub components: usize,
    pub taps: usize,
    /// The first channels, which are seen whole.
    pub known: usize,
    /// For each sample, what the known channels are multiplied by to predict it: in its pixel, and at each of the
    /// [`LINEAR_TAPS`](patch::LINEAR_TAPS) around it.
    pub matrix: Vec<Vec<i32>>,
}

impl Observe {
    /// Contexts of a pixel.
    pub fn context_size(&self) -> usize {
        patch::context_size(self.known, 0, Pixels::All, self.taps)
    }

    /// What the outputs of the network are.
    pub fn shape(&self) -> MixtureShape {
        MixtureShape { components: self.components, channels: self.matrix.len(), pinned: false }
    }
}

/// A network of a program, at one place of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NetworkUse {
    pub network: usize,
    /// Contexts and outputs of a pixel.
    pub sizes: (usize, usize),
    /// Pixels of a patch that it is evaluated for.
    pub pixels: usize,
}

/// What is done to a patch, in the order of the encoder.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub channels: usize,
    /// Pixels on a side of a patch: [`PATCH`], but in tests.
    pub side: usize,
    pub dequantization: Dequantization,
    pub operations: Vec<Placed>,
}

impl Program {
    /// Reads a program for so many channels; see the format.
    ///
    /// # Errors
    /// [`Error::Model`](crate::Error::Model), naming what does not fit.
    pub fn read(text: &str, channels: usize) -> Result<Self> {
        Self::of_side(PATCH, text, channels)
    }

    /// The same of patches of another size.
    pub(crate) fn of_side(patch_side: usize, text: &str, channels: usize) -> Result<Self> {
        let mut lines = text.lines();
        let mut words = Words::of(lines.next().unwrap_or_default());
        let dequantization = match (words.word()?, words.word()?) {
            ("dequantize", "uniform") => Dequantization::Uniform,
            ("dequantize", "variational") => Dequantization::Variational(words.index()?),
            ("dequantize", "none") => Dequantization::None,
            _ => return refuse("a program begins with dequantization"),
        };
        words.end()?;
        let operations = lines.map(|line| Operation::read(line, channels)).collect::<Result<Vec<_>>>()?;
        if operations.len() > MAX_OPERATIONS {
            return refuse(format!("{} operations", operations.len()));
        }
        let sample = |plane| Channel::of_samples(plane, dequantization == Dequantization::None);
        let mut patch: Vec<Channel> = (0..channels).map(sample).collect();
        let mut side = patch_side;
        let mut placed = Vec::with_capacity(operations.len());
        for operation in operations {
            let before = side;
            operation.check(&mut patch, &mut side)?;
            placed.push(Placed { operation, side: before });
        }
        if !patch.is_empty() {
            return refuse(format!("{} channels are left", patch.len()));
        }
        Ok(Self { channels, side: patch_side, dequantization, operations: placed })
    }

    /// Where networks are used.
    pub fn uses(&self) -> impl Iterator<Item = NetworkUse> {
        let noise = match self.dequantization {
            Dequantization::Variational(first) => first..first + 2 * self.channels,
            Dequantization::None | Dequantization::Uniform => 0..0,
        };
        let sizes = (patch::noise_context_size(self.channels), 2);
        let noise = noise.map(move |network| NetworkUse { network, sizes, pixels: self.side * self.side / 2 });
        noise.chain(self.operations.iter().filter_map(Placed::network))
    }

    /// The contexts and outputs of network `index`, if the program has any use for it.
    pub fn network_shape(&self, index: usize) -> Option<(usize, usize)> {
        self.uses().find(|used| used.network == index).map(|used| used.sizes)
    }

    /// The number of networks: all below it have a use.
    pub fn networks(&self) -> usize {
        self.uses().map(|used| used.network + 1).max().unwrap_or(0)
    }

    /// The pixels of a patch that network `index` is evaluated for.
    pub fn evaluations(&self, index: usize) -> usize {
        self.uses().filter(|used| used.network == index).map(|used| used.pixels).sum()
    }

    /// The numbers, of samples and of latents, that a patch draws from the stack before it pushes any of its samples.
    pub fn drawn_first(&self) -> (usize, usize) {
        let samples =
            if self.dequantization == Dequantization::None { 0 } else { self.channels * self.side * self.side };
        let before = self.operations.iter().take_while(|placed| !matches!(placed.operation, Operation::Observe(_)));
        let latents = |placed: &Placed| match placed.operation {
            Operation::Draw(Leaving { count, .. }) => count * placed.side * placed.side,
            _ => 0,
        };
        (samples, before.map(latents).sum())
    }
}

impl Placed {
    /// The network that it takes.
    fn network(&self) -> Option<NetworkUse> {
        let pixels = self.side * self.side;
        match &self.operation {
            Operation::Couple(couple) => {
                let pixels = if couple.pixels.parity().is_some() { pixels / 2 } else { pixels };
                Some(NetworkUse { network: couple.network, sizes: (couple.context_size(), couple.outputs()), pixels })
            }
            Operation::Observe(observe) => {
                let sizes = (observe.context_size(), observe.shape().outputs());
                Some(NetworkUse { network: observe.network, sizes, pixels })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
