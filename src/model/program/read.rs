//! Reads the operations of a program from the lines of its text.

use super::words::Words;
use super::{Affine, Couple, Lu, MATRIX_MAX, MAX_PATCH_CHANNELS, Observe, Operation, TRANSLATION_MAX};
use crate::base::error::Result;
use crate::context::patch::{LINEAR_TAPS, Pixels};
use crate::entropy::bijections::EXPONENT_MAX;
use crate::model::contract::refuse;

impl Operation {
    /// Reads a line of a program for this many channels.
    pub(super) fn read(line: &str, channels: usize) -> Result<Self> {
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
                let affine = |(translation, exponent)| Affine { translation, exponent };
                Self::Norm(translations.into_iter().zip(exponents).map(affine).collect())
            }
            name @ ("couple" | "uncouple") => {
                let inverted = name == "uncouple";
                let additive = match words.word()? {
                    "affine" => false,
                    "additive" => true,
                    other => return refuse(format!("a coupling of unknown kind `{other}`")),
                };
                let pixels = match words.word()? {
                    "all" => Pixels::All,
                    "even" => Pixels::Parity(0),
                    "odd" => Pixels::Parity(1),
                    "raster" => Pixels::Raster,
                    other => return refuse(format!("a coupling of unknown pixels `{other}`")),
                };
                let (network, taps) = (words.named("network")?, words.named("taps")?);
                let [to, known, half] = [words.range("to")?, words.range("known")?, words.range("half")?];
                Self::Couple(Couple { inverted, network, additive, pixels, taps, to, known, half })
            }
            "factor" if words.next_is("mixture") => Self::Factor(words.mixtures()?),
            "factor" => Self::Factor(words.base_channels()?),
            "draw" => Self::Draw(words.base_channels()?),
            "observe" => {
                let [network, components] = [words.named("network")?, words.named("components")?];
                let [taps, known] = [words.named("taps")?, words.named("known")?];
                let entries = (1 + LINEAR_TAPS) * known.min(MAX_PATCH_CHANNELS);
                let row = |_| words.numbers(entries, MATRIX_MAX);
                let matrix = (0..channels).map(row).collect::<Result<_>>()?;
                Self::Observe(Observe { network, components, taps, known, matrix })
            }
            other => return refuse(format!("unknown operation `{other}`")),
        };
        words.end()?;
        Ok(operation)
    }
}
