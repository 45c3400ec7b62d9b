//! The registry: the models that this library carries. Ids are append-only: a model that has coded a file of a
//! released format version stays for ever.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::container::ModelIdentity;
use crate::error::{Error, FormatErrorKind, Result, malformed};
use crate::flow;
use crate::network::model_file::ModelFile;

/// The id, in the header of a file, of a model that is not in the registry.
const EXTERNAL_ID: u16 = 0xffff;

/// The name that has models for all content.
const DEFAULT: &str = "default";
/// The name of the flows, for photographs alone.
const FLOW: &str = "flow";

/// A model of the registry.
#[derive(Debug, Clone, Copy)]
pub struct RegisteredModel {
    /// The id that the header of a file carries.
    pub id: u16,
    /// The name to choose it by, `fast`, `default`, `max` or `flow`; models for different content share it.
    pub name: &'static str,
    /// How it walks over a tile.
    pub family: Family,
    /// What it was trained on.
    pub content: Content,
    /// The model file, ONNX.
    pub file: &'static [u8],
}

/// What planes hold, as far as the choice of a model goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// RGB of photographs.
    Colour,
    /// One plane of photographs.
    Grey,
    /// Luma and chroma of photographs.
    LumaChroma,
    /// RGB of graphics: screenshots, text, drawings.
    Graphics,
    /// One plane of graphics: grey, palette indices, alpha.
    GraphicsPlane,
}

impl Content {
    /// Planes that are coded jointly.
    #[must_use]
    pub fn channels(self) -> usize {
        match self {
            Self::Colour | Self::LumaChroma | Self::Graphics => 3,
            Self::Grey | Self::GraphicsPlane => 1,
        }
    }

    /// The name, as users know it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Colour => "colour",
            Self::Grey => "grey",
            Self::LumaChroma => "luma-chroma",
            Self::Graphics => "graphics",
            Self::GraphicsPlane => "graphics plane",
        }
    }
}

/// How a model walks over a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Family {
    /// Pixel by pixel, each given those before it.
    Autoregressive,
    /// An integer flow, by levels: each pixel given coarser ones on all sides, in a fixed number of passes.
    Flow,
}

impl Family {
    /// Network evaluations that have to follow each other to decode an image, where that does not depend on its size.
    #[must_use]
    pub fn passes(self) -> Option<usize> {
        match self {
            Self::Autoregressive => None,
            Self::Flow => Some(flow::PASSES),
        }
    }
}

/// All models, in the order of their ids.
static REGISTRY: [RegisteredModel; 9] = [
    registered(1, "fast", Content::Colour, include_bytes!("../models/colour-fast-6d846441.onnx")),
    registered(2, "default", Content::Colour, include_bytes!("../models/colour-default-88f97a0b.onnx")),
    registered(3, "max", Content::Colour, include_bytes!("../models/colour-max-e31f5dec.onnx")),
    registered(4, "default", Content::Grey, include_bytes!("../models/grey-3398db32.onnx")),
    registered(5, "default", Content::LumaChroma, include_bytes!("../models/luma-chroma-b5edfc68.onnx")),
    registered(6, "default", Content::Graphics, include_bytes!("../models/graphics-26bc6a99.onnx")),
    registered(7, "default", Content::GraphicsPlane, include_bytes!("../models/graphics-plane-7024ea7f.onnx")),
    registered_flow(8, Content::Colour, include_bytes!("../models/colour-flow-7abdb74a.onnx")),
    registered_flow(9, Content::Grey, include_bytes!("../models/grey-flow-5f18fb71.onnx")),
];

const fn registered(id: u16, name: &'static str, content: Content, file: &'static [u8]) -> RegisteredModel {
    RegisteredModel { id, name, family: Family::Autoregressive, content, file }
}

const fn registered_flow(id: u16, content: Content, file: &'static [u8]) -> RegisteredModel {
    RegisteredModel { id, name: FLOW, family: Family::Flow, content, file }
}

/// The models of the registry, in the order of their ids.
#[must_use]
pub fn models() -> &'static [RegisteredModel] {
    &REGISTRY
}

impl RegisteredModel {
    /// The SHA-256 of the model file, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> String {
        Sha256::digest(self.file).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Multiplications per pixel.
    ///
    /// # Errors
    /// [`Error::Model`] if the file breaks the contract.
    pub fn multiplications(&self) -> Result<usize> {
        Ok(ModelFile::read(self.file)?.multiplications())
    }
}

/// Which model to compress with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelChoice {
    /// The models of the registry with this name: for each kind of content the one that is for it, or, where there is
    /// none, that of the name `default`. Under the name `flow`, luma and chroma have the model for colour.
    Named(String),
    /// A model file, ONNX. To decompress what it coded, the same file must be given.
    File(Arc<[u8]>),
}

impl Default for ModelChoice {
    fn default() -> Self {
        Self::Named(DEFAULT.to_owned())
    }
}

/// A model file and its identity.
#[derive(Debug, Clone)]
pub(crate) struct ModelSource<'a> {
    pub identity: ModelIdentity,
    pub file: &'a [u8],
}

impl<'a> ModelSource<'a> {
    fn new(id: u16, file: &'a [u8]) -> Self {
        let digest = crate::container::checksum(file);
        Self { identity: ModelIdentity { id, digest }, file }
    }

    /// The model to compress planes with.
    pub fn for_encoding(choice: &'a ModelChoice, content: Content) -> Result<Self> {
        match choice {
            ModelChoice::File(file) => {
                let registered = REGISTRY.iter().find(|model| *model.file == **file);
                Ok(Self::new(registered.map_or(EXTERNAL_ID, |model| model.id), file))
            }
            ModelChoice::Named(name) => {
                if REGISTRY.iter().all(|model| model.name != name) {
                    let detail = format!("no model is named `{name}` (see `ansel models`), and it is no file");
                    return Err(Error::Model(detail));
                }
                // Photographs stay with the family that was asked for.
                let content = if name == FLOW && content == Content::LumaChroma { Content::Colour } else { content };
                let named = |name: &str| REGISTRY.iter().find(|model| model.name == name && model.content == content);
                let model = named(name).or_else(|| named(DEFAULT)).expect("a default model for all content");
                Ok(Self::new(model.id, model.file))
            }
        }
    }

    /// The model that coded a file.
    pub fn for_decoding(choice: &'a ModelChoice, identity: ModelIdentity) -> Result<Self> {
        if identity.id == EXTERNAL_ID {
            if let ModelChoice::File(file) = choice {
                let source = Self::new(EXTERNAL_ID, file);
                if source.identity == identity {
                    return Ok(source);
                }
            }
            let detail = format!("the file was made with the model file of SHA-256 {}...", hex(&identity.digest));
            return malformed(FormatErrorKind::UnknownModel, detail + "; give it with --model");
        }
        let sources = REGISTRY.iter().map(|model| Self::new(model.id, model.file));
        match sources.into_iter().find(|source| source.identity == identity) {
            Some(source) => Ok(source),
            None => malformed(
                FormatErrorKind::UnknownModel,
                format!("this library has no model {} with SHA-256 {}...", identity.id, hex(&identity.digest)),
            ),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_keeps_the_contract_and_fits_its_entry() {
        for (index, model) in models().iter().enumerate() {
            let checked = ModelFile::read(model.file).expect("a model that keeps the contract");
            assert_eq!(checked.family, model.family);
            assert_eq!(checked.shape().channels, model.content.channels());
            assert_eq!(usize::from(model.id), index + 1);
        }
    }

    #[test]
    fn a_name_without_a_model_for_some_content_falls_back_on_the_default_s() {
        for model in models() {
            let choice = ModelChoice::Named(model.name.to_owned());
            assert_eq!(ModelSource::for_encoding(&choice, model.content).expect("a model").identity.id, model.id);
            for other in models().iter().filter(|other| other.name == DEFAULT) {
                let found = ModelSource::for_encoding(&choice, other.content).expect("a model").identity.id;
                let luma_chroma = model.name == FLOW && other.content == Content::LumaChroma;
                let content = if luma_chroma { Content::Colour } else { other.content };
                let own = models().iter().find(|own| own.name == model.name && own.content == content);
                assert_eq!(found, own.unwrap_or(other).id);
            }
        }
    }
}
