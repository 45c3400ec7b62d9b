//! The coder of a part of a band: the same value from the plan through the file to the decoder. Format: section
//! "Bands".

use crate::base::bytes::{Input, put_number};
use crate::base::error::{Error, FormatErrorKind, Result, malformed};
use crate::model::adaptation::{Adaptation, Learning};
use crate::model::registry::ModelIdentity;

const CONSTANT: u8 = 0;
const NETWORK: u8 = 1;
const VP8L: u8 = 2;
const PNG: u8 = 3;
const LEARNING: u8 = 4;
const OFFSETS: u8 = 6;
const BITS_BACK: u8 = 7;
/// Flag in the coder byte of a network: one state per lane.
const LANES: u8 = 16;
/// Most bytes of bias offsets.
const MOST_OFFSETS: u64 = 1 << 16;

/// How the planes of a part are coded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Coder {
    /// Not at all: all planes are constant, and there are no streams.
    Constant,
    /// By a network of any family.
    Network(NetworkCoder),
    /// By VP8L, the lossless coding of WebP.
    Vp8l,
    /// By PNG's coding: filters and deflate.
    Png,
}

/// A network as a coder, and its adaptation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NetworkCoder {
    pub model: ModelIdentity,
    pub adaptation: Adaptation,
    /// Whether the entropy coder has one state for each lane of a block of pixels: tiles then decode faster, and take
    /// about 72 bytes more. Always false if the network learns.
    pub lanes: bool,
    /// In the bits-back family: the network that codes the first pixels, whose bits serve as the initial stack.
    pub primer: Option<ModelIdentity>,
}

impl NetworkCoder {
    /// The network of a model without adaptation.
    pub fn plain(model: ModelIdentity) -> Self {
        Self { model, adaptation: Adaptation::None, lanes: false, primer: None }
    }
}

impl Coder {
    /// The name shown to users.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Network(_) => "network",
            Self::Vp8l => "VP8L",
            Self::Png => "PNG",
        }
    }

    /// The network, if the coder is one.
    pub fn network(&self) -> Option<&NetworkCoder> {
        if let Self::Network(network) = self { Some(network) } else { None }
    }

    /// Appends the coder to a band's description.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Constant => out.push(CONSTANT),
            Self::Network(NetworkCoder { model, adaptation, lanes, primer }) => {
                let lanes = if *lanes { LANES } else { 0 };
                out.push(
                    lanes
                        | match adaptation {
                            Adaptation::None if primer.is_some() => BITS_BACK,
                            Adaptation::None => NETWORK,
                            Adaptation::Offsets(_) => OFFSETS,
                            Adaptation::Learning(_) => LEARNING,
                        },
                );
                for model in std::iter::once(model).chain(primer) {
                    put_number(out, model.id.into());
                    out.extend(model.digest);
                }
                match adaptation {
                    Adaptation::None => {}
                    Adaptation::Offsets(offsets) => {
                        put_number(out, offsets.len() as u64);
                        out.extend(offsets);
                    }
                    &Adaptation::Learning(Learning { chunk, step, pull_back }) => {
                        out.extend([(chunk - 1) as u8, step, pull_back]);
                    }
                }
            }
            Self::Vp8l => out.push(VP8L),
            Self::Png => out.push(PNG),
        }
    }

    /// Reads the coder from a band's description; `constant` tells whether all planes of the part are constant.
    ///
    /// # Errors
    /// [`Error::Format`](crate::Error::Format) for an invalid coder.
    pub fn read(body: &mut Input<&[u8]>, constant: bool) -> Result<Self> {
        let kind = body.byte()?;
        if constant != (kind == CONSTANT) {
            return malformed(FormatErrorKind::InvalidField, format!("coder {kind}"));
        }
        let lanes = kind & LANES != 0;
        let model = |body: &mut Input<&[u8]>| {
            let id = body.number(u16::MAX.into())? as u16;
            Ok::<_, Error>(ModelIdentity { id, digest: body.array()? })
        };
        let network = |body: &mut Input<&[u8]>, adaptation: fn(&mut Input<&[u8]>) -> Result<Adaptation>| {
            let model = model(body)?;
            Ok(Self::Network(NetworkCoder { model, adaptation: adaptation(body)?, lanes, primer: None }))
        };
        match if lanes { kind - LANES } else { kind } {
            LEARNING | BITS_BACK | VP8L | PNG if lanes => {
                malformed(FormatErrorKind::InvalidField, format!("coder {kind}"))
            }
            CONSTANT if !lanes => Ok(Self::Constant),
            NETWORK => network(body, |_| Ok(Adaptation::None)),
            OFFSETS => network(body, |body| {
                let length = body.number(MOST_OFFSETS)?;
                Ok(Adaptation::Offsets(body.block(length)?))
            }),
            LEARNING => network(body, |body| Ok(Adaptation::Learning(read_learning(body)?))),
            BITS_BACK => {
                let coder = NetworkCoder::plain(model(body)?);
                Ok(Self::Network(NetworkCoder { primer: Some(model(body)?), ..coder }))
            }
            VP8L => Ok(Self::Vp8l),
            PNG => Ok(Self::Png),
            _ => malformed(FormatErrorKind::InvalidField, format!("coder {kind}")),
        }
    }
}

fn read_learning(body: &mut Input<&[u8]>) -> Result<Learning> {
    let [less, step, pull_back] = body.array()?;
    let learning = Learning { chunk: u16::from(less) + 1, step, pull_back };
    if !learning.is_allowed() {
        return malformed(FormatErrorKind::InvalidField, format!("{learning:?}"));
    }
    Ok(learning)
}
