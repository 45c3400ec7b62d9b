//! Programs of the bits-back family: invertible operations on a patch. Input: the text in a model file. Output:
//! operations that fit together, and whose integers stay in range. Format: section "Programs".

mod check;
mod read;
mod words;

use std::ops::Range;

use self::check::Channel;
use self::words::Words;
use super::contract::refuse;
use crate::base::error::Result;
use crate::context::patch::{self, Pixels};
use crate::entropy::bijections::Distribution;
use crate::entropy::mixture::MixtureShape;

/// Side of a patch, in pixels.
pub(crate) const PATCH: usize = 64;
/// Most fractional bits of a sample on the grid, for any depth.
pub(crate) const MAX_FRACTION: u32 = 14;
/// Fractional bits of the entries of a matrix.
pub(crate) const MATRIX_BITS: u32 = 12;
/// Fractional bits of translations, in 8-bit samples.
pub(crate) const TRANSLATION_BITS: u32 = 6;

const MAX_OPERATIONS: usize = 256;
const MAX_PATCH_CHANNELS: usize = 64;
/// Most components of the mixture that is a channel's base distribution.
const MAX_PRIOR_COMPONENTS: usize = 16;
/// Smallest side of a patch that a coupling works on, in pixels: contexts reach two pixels, and are reflected.
const LEAST_COUPLED_SIDE: usize = 4;
/// Largest magnitude of a matrix entry, and of a translation.
const MATRIX_MAX: i32 = 1 << 15;
const TRANSLATION_MAX: i32 = 1 << 15;

/// How samples `y` become numbers on the grid: `x = (y - half) * 2^noise + u`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dequantization {
    /// `u = 0`: samples are coded as such, given latents.
    None,
    /// `u` is uniformly distributed.
    Uniform,
    /// `u` has truncated logistic distributions, for 8-bit samples; the index is that of their first network.
    Variational(usize),
}

/// An operation, and the size of the patch that it is applied to.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub operation: Operation,
    /// Side of the patch, in pixels.
    pub side: usize,
}

/// An operation on a patch, described in the direction of the encoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Blocks of 2 x 2 pixels become channels.
    Squeeze,
    /// On the channels of each pixel: `x + L x`, then `x + U x`, then scales.
    Lu(Lu),
    /// `(x - t) 2^e` on the last channels, with constants.
    Norm(Vec<Affine>),
    /// `(x - t) 2^e` on some channels, with outputs of a network.
    Couple(Couple),
    /// Removes the last channels, and codes them with a base distribution.
    Factor(BaseChannels),
    /// Inserts this many channels of noise, drawn from a base distribution, before all others.
    Draw(BaseChannels),
    /// Removes the last channels, which are samples, and codes them with a mixture.
    Observe(Observe),
}

/// Channels with a base distribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BaseChannels {
    pub distribution: Distribution,
    pub count: usize,
}

/// A constant translation, in units of 2^-6 of an 8-bit sample, and the exponent of a scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Affine {
    pub translation: i32,
    pub exponent: i32,
}

/// Unit triangular matrices, by row, without their diagonals; and the exponents of scales, by channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lu {
    pub lower: Vec<Vec<i32>>,
    pub upper: Vec<Vec<i32>>,
    pub exponents: Vec<i32>,
}

/// A coupling layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Couple {
    /// Run in the inverse direction: `x 2^-e + t`. This turns noise into latents with the distribution of the
    /// posterior.
    pub inverted: bool,
    pub network: usize,
    /// Only translations, no scales.
    pub additive: bool,
    /// The pixels that change.
    pub pixels: Pixels,
    /// Most taps of each channel in a context.
    pub taps: usize,
    /// The channels that change.
    pub to: Range<usize>,
    /// Channels whose pixels are all seen.
    pub known: Range<usize>,
    /// Channels in which pixels are seen that do not change, or that a decoder has before it needs them.
    pub half: Range<usize>,
}

impl Couple {
    /// Contexts per pixel.
    pub fn context_size(&self) -> usize {
        patch::context_size(self.known.len(), self.half.len(), self.pixels, self.taps)
    }

    /// Outputs of the network per pixel.
    pub fn outputs(&self) -> usize {
        self.to.len() * if self.additive { 1 } else { 2 }
    }
}

/// How the samples of a pixel are coded, given the channels before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observe {
    pub network: usize,
    /// Components of the mixture.
    pub components: usize,
    pub taps: usize,
    /// Number of channels that are seen, from the first on.
    pub known: usize,
    /// For each sample, the coefficients of its linear prediction: for each known channel, at its own pixel and at each
    /// of the [`LINEAR_TAPS`](patch::LINEAR_TAPS) around it.
    pub matrix: Vec<Vec<i32>>,
}

impl Observe {
    /// Contexts per pixel.
    pub fn context_size(&self) -> usize {
        patch::context_size(self.known, 0, Pixels::All, self.taps)
    }

    /// The mixture that the network's outputs parametrise.
    pub fn shape(&self) -> MixtureShape {
        MixtureShape { components: self.components, channels: self.matrix.len(), pinned: false }
    }
}

/// A use of a network by a program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NetworkUse {
    pub network: usize,
    /// Contexts and outputs per pixel.
    pub sizes: (usize, usize),
    /// Pixels of a patch for which it is evaluated.
    pub pixels: usize,
}

/// The operations on a patch, in the order of the encoder.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub channels: usize,
    /// Pixels on a side of a patch: [`PATCH`], but in tests.
    pub side: usize,
    pub dequantization: Dequantization,
    pub operations: Vec<Placed>,
}

impl Program {
    /// Reads the text of a program for this many channels.
    ///
    /// # Errors
    /// [`Error::Model`](crate::Error::Model), with what does not fit.
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
        let operations = lines.take(MAX_OPERATIONS + 1);
        let operations = operations.map(|line| Operation::read(line, channels)).collect::<Result<Vec<_>>>()?;
        if operations.len() > MAX_OPERATIONS {
            return refuse(format!("more than {MAX_OPERATIONS} operations"));
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

    /// All uses of networks.
    pub fn uses(&self) -> impl Iterator<Item = NetworkUse> {
        let noise = match self.dequantization {
            Dequantization::Variational(first) => first..first + 2 * self.channels,
            Dequantization::None | Dequantization::Uniform => 0..0,
        };
        let sizes = (patch::noise_context_size(self.channels), 2);
        let noise = noise.map(move |network| NetworkUse { network, sizes, pixels: self.side * self.side / 2 });
        noise.chain(self.operations.iter().filter_map(Placed::network))
    }

    /// The numbers of contexts and outputs of network `index`, if the program uses it.
    pub fn network_shape(&self, index: usize) -> Option<(usize, usize)> {
        self.uses().find(|used| used.network == index).map(|used| used.sizes)
    }

    /// The number of networks; those with smaller indices are all used.
    pub fn networks(&self) -> usize {
        self.uses().map(|used| used.network + 1).max().unwrap_or(0)
    }

    /// The pixels of a patch for which network `index` is evaluated.
    pub fn evaluations(&self, index: usize) -> usize {
        self.uses().filter(|used| used.network == index).map(|used| used.pixels).sum()
    }

    /// The counts of noise values and of latents that a patch pops from the stack before it pushes any of its samples.
    pub fn drawn_first(&self) -> (usize, usize) {
        let samples =
            if self.dequantization == Dequantization::None { 0 } else { self.channels * self.side * self.side };
        let before = self.operations.iter().take_while(|placed| !matches!(placed.operation, Operation::Observe(_)));
        let latents = |placed: &Placed| match placed.operation {
            Operation::Draw(BaseChannels { count, .. }) => count * placed.side * placed.side,
            _ => 0,
        };
        (samples, before.map(latents).sum())
    }
}

impl Placed {
    /// The network that the operation uses.
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
