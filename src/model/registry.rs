//! The registry: the models built into this library. Ids are append-only: a model that has coded files of a released
//! format version is never removed.

use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};

use super::family::{Content, Family};
use super::file::ModelFile;
use crate::base::bytes::{DIGEST_BYTES, digest};
use crate::base::error::{Error, FormatErrorKind, Result, malformed};

/// The model id in a file's header for a model that is not in the registry.
const EXTERNAL_ID: u16 = 0xffff;

/// The name whose models cover all content.
const DEFAULT: &str = "default";
/// The names that are tried in turn for content that a name does not cover; all others fall back on `default` at once.
const TURBO: [&str; 3] = ["turbo", "fast", DEFAULT];
/// The name of the flows, which cover photographs only.
const FLOW: &str = "flow";
/// The names that cover photographs only; under these, luma and chroma are coded as colour.
const PHOTOGRAPHS: [&str; 3] = [FLOW, "realnvp", "vae"];

/// A model of the registry.
#[derive(Debug, Clone, Copy)]
pub struct RegisteredModel {
    /// The id in the header of a file.
    pub id: u16,
    /// The name to choose it by: `turbo`, `fast`, `default`, `max`, `flow`, `realnvp` or `vae`. Models for different
    /// content share a name.
    pub name: &'static str,
    /// How it walks over a tile.
    pub family: Family,
    /// The content that it was trained on.
    pub content: Content,
    /// Its number, from 1, among the experts with its name and content, if it is one: each was trained on one kind of
    /// photograph, and the encoder chooses one for an image.
    pub expert: Option<u8>,
    /// The model file, in ONNX format.
    pub file: &'static [u8],
}

/// All models, ordered by id.
static REGISTRY: [RegisteredModel; 26] = [
    registered_expert(1, "fast", 1, include_bytes!("../../models/colour-fast-1-8fd3e55f.onnx")),
    registered_expert(2, "default", 1, include_bytes!("../../models/colour-default-1-06cf8f06.onnx")),
    registered(3, "max", Content::Colour, include_bytes!("../../models/colour-max-e1d6e831.onnx")),
    registered(4, "default", Content::Grey, include_bytes!("../../models/grey-de4b0ae2.onnx")),
    registered(5, "default", Content::LumaChroma, include_bytes!("../../models/luma-chroma-273373ee.onnx")),
    registered(6, "default", Content::Graphics, include_bytes!("../../models/graphics-d2501fa4.onnx")),
    registered(7, "default", Content::GraphicsPlane, include_bytes!("../../models/graphics-plane-d6b6298e.onnx")),
    registered_flow(8, Content::Colour, include_bytes!("../../models/colour-flow-1558034f.onnx")),
    registered_flow(9, Content::Grey, include_bytes!("../../models/grey-flow-5592acbe.onnx")),
    registered_expert(10, "turbo", 1, include_bytes!("../../models/colour-turbo-1-241d8688.onnx")),
    registered_program(11, "realnvp", Content::Colour, include_bytes!("../../models/realnvp-bd948f08.onnx")),
    registered_program(12, "vae", Content::Colour, include_bytes!("../../models/vae-f757e716.onnx")),
    registered_program(13, "realnvp", Content::Grey, include_bytes!("../../models/realnvp-grey-b4329606.onnx")),
    registered_program(14, "vae", Content::Grey, include_bytes!("../../models/vae-grey-15858a6b.onnx")),
    registered(15, "fast", Content::LumaChroma, include_bytes!("../../models/luma-chroma-fast-f3479237.onnx")),
    registered(16, "fast", Content::Grey, include_bytes!("../../models/grey-fast-9aa1ce54.onnx")),
    registered(17, "max", Content::Grey, include_bytes!("../../models/grey-max-8731782f.onnx")),
    registered_expert(18, "fast", 2, include_bytes!("../../models/colour-fast-2-ffb8b4a7.onnx")),
    registered_expert(19, "fast", 3, include_bytes!("../../models/colour-fast-3-63a2222d.onnx")),
    registered_expert(20, "fast", 4, include_bytes!("../../models/colour-fast-4-aeeb54e5.onnx")),
    registered_expert(21, "default", 2, include_bytes!("../../models/colour-default-2-a5e69e6a.onnx")),
    registered_expert(22, "default", 3, include_bytes!("../../models/colour-default-3-ad5d1ef9.onnx")),
    registered_expert(23, "default", 4, include_bytes!("../../models/colour-default-4-c94b19df.onnx")),
    registered_expert(24, "turbo", 2, include_bytes!("../../models/colour-turbo-2-96655a5a.onnx")),
    registered_expert(25, "turbo", 3, include_bytes!("../../models/colour-turbo-3-6ea0b513.onnx")),
    registered_expert(26, "turbo", 4, include_bytes!("../../models/colour-turbo-4-d9ac215f.onnx")),
];

const fn registered(id: u16, name: &'static str, content: Content, file: &'static [u8]) -> RegisteredModel {
    RegisteredModel { id, name, family: Family::Autoregressive, content, expert: None, file }
}

const fn registered_expert(id: u16, name: &'static str, expert: u8, file: &'static [u8]) -> RegisteredModel {
    RegisteredModel { expert: Some(expert), ..registered(id, name, Content::Colour, file) }
}

const fn registered_flow(id: u16, content: Content, file: &'static [u8]) -> RegisteredModel {
    RegisteredModel { family: Family::Flow, ..registered(id, FLOW, content, file) }
}

const fn registered_program(id: u16, name: &'static str, content: Content, file: &'static [u8]) -> RegisteredModel {
    RegisteredModel { family: Family::BitsBack, ..registered(id, name, content, file) }
}

/// The models of the registry, ordered by id.
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

    /// The content shown to users, with the number of an expert.
    #[must_use]
    pub fn content_name(&self) -> String {
        let name = self.content.name();
        self.expert.map_or_else(|| name.to_owned(), |expert| format!("{name} expert {expert}"))
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
    /// The models of the registry with this name. Where the name has no model for some content, the one named `default`
    /// is used; for `turbo`, the one named `fast`, if there is one. Under the names `flow`, `realnvp` and `vae`, luma and
    /// chroma are coded with the model for colour. Where a name has experts, the encoder measures which one is best.
    Named(String),
    /// A model file, in ONNX format. The same file must be supplied to decompress.
    File(Arc<[u8]>),
}

impl Default for ModelChoice {
    fn default() -> Self {
        Self::Named(DEFAULT.to_owned())
    }
}

/// Identifies the model that coded a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ModelIdentity {
    /// Registry id, or 0xffff for a model from a file.
    pub id: u16,
    /// The first bytes of the SHA-256 of the model file.
    pub digest: [u8; DIGEST_BYTES],
}

/// A model that keeps the contract, with its identity.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub identity: ModelIdentity,
    pub file: Arc<ModelFile>,
}

impl Model {
    fn read(id: u16, file: &[u8]) -> Result<Self> {
        let identity = ModelIdentity { id, digest: digest(file) };
        Ok(Self { identity, file: Arc::new(ModelFile::read(file)?) })
    }

    /// A model of the registry; read once per process.
    fn registered(index: usize) -> Result<Self> {
        static READ: [OnceLock<Model>; REGISTRY.len()] = [const { OnceLock::new() }; REGISTRY.len()];
        if let Some(model) = READ[index].get() {
            return Ok(model.clone());
        }
        let model = Self::read(REGISTRY[index].id, REGISTRY[index].file)?;
        Ok(READ[index].get_or_init(|| model).clone())
    }
}

/// The models that a codec may use: those of the registry under a name, and one from a file.
#[derive(Debug, Clone)]
pub(crate) struct Models {
    name: String,
    external: Option<Model>,
}

impl Models {
    /// Loads the chosen models.
    ///
    /// # Errors
    /// [`Error::Model`] if no model has this name, or if the file breaks the contract.
    pub fn new(choice: &ModelChoice) -> Result<Self> {
        match choice {
            ModelChoice::File(file) => {
                let registered = REGISTRY.iter().find(|model| *model.file == **file);
                let external = Model::read(registered.map_or(EXTERNAL_ID, |model| model.id), file)?;
                Ok(Self { name: DEFAULT.to_owned(), external: Some(external) })
            }
            ModelChoice::Named(name) if REGISTRY.iter().any(|model| model.name == name) => {
                Ok(Self { name: name.clone(), external: None })
            }
            ModelChoice::Named(name) => {
                Err(Error::Model(format!("no model is named `{name}` (see `ansel models`), and it is no file")))
            }
        }
    }

    /// The model from a file, if there is one; it codes colours without a transform.
    pub fn external(&self) -> Option<&Model> {
        self.external.as_ref()
    }

    /// The models of the registry to compress planes with: one, or experts, of which the encoder chooses one.
    ///
    /// # Errors
    /// [`Error::Model`] if one breaks the contract.
    pub fn for_encoding(&self, content: Content) -> Result<Vec<Model>> {
        // Photographs stay within the requested family.
        let photographs = PHOTOGRAPHS.contains(&&*self.name);
        let content = if photographs && content == Content::LumaChroma { Content::Colour } else { content };
        let named = |name: &str| -> Vec<usize> {
            let is_it = |index: &usize| REGISTRY[*index].name == name && REGISTRY[*index].content == content;
            (0..REGISTRY.len()).filter(is_it).collect()
        };
        let names = if self.name == TURBO[0] { &TURBO[..] } else { &[&*self.name, DEFAULT] };
        let found = names.iter().map(|name| named(name)).find(|found| !found.is_empty());
        found.expect("a default model for all content").into_iter().map(Model::registered).collect()
    }

    /// The first of these models.
    ///
    /// # Errors
    /// As [`for_encoding`](Self::for_encoding).
    pub fn first_for_encoding(&self, content: Content) -> Result<Model> {
        Ok(self.for_encoding(content)?.swap_remove(0))
    }

    /// The model of the registry that serves as primer for a bits-back model with this many channels.
    ///
    /// # Errors
    /// As [`for_encoding`](Self::for_encoding).
    pub fn primer(&self, channels: usize) -> Result<Model> {
        let content = if channels == 1 { Content::Grey } else { Content::Colour };
        Self::default().first_for_encoding(content)
    }

    /// The model that coded a part.
    ///
    /// # Errors
    /// [`Error::Format`] if the model is not available.
    pub fn find(&self, identity: ModelIdentity) -> Result<Model> {
        if let Some(external) = self.external.as_ref().filter(|external| external.identity == identity) {
            return Ok(external.clone());
        }
        let digest = u32::from_be_bytes(*identity.digest.first_chunk().expect("16 bytes"));
        if identity.id == EXTERNAL_ID {
            let detail =
                format!("the file was made with the model file of SHA-256 {digest:08x}...; give it with --model");
            return malformed(FormatErrorKind::UnknownModel, detail);
        }
        if let Some(index) = REGISTRY.iter().position(|model| model.id == identity.id) {
            let model = Model::registered(index)?;
            if model.identity == identity {
                return Ok(model);
            }
        }
        let detail = format!("this library has no model {} with SHA-256 {digest:08x}...", identity.id);
        malformed(FormatErrorKind::UnknownModel, detail)
    }
}

impl Default for Models {
    fn default() -> Self {
        Self { name: DEFAULT.to_owned(), external: None }
    }
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
            let named = Models::new(&ModelChoice::Named(model.name.to_owned())).expect("a name that models have");
            let ids = |content: Content| -> Vec<u16> {
                named.for_encoding(content).expect("models").iter().map(|model| model.identity.id).collect()
            };
            assert!(ids(model.content).contains(&model.id));
            for other in models().iter().filter(|other| other.name == DEFAULT) {
                let luma_chroma = PHOTOGRAPHS.contains(&model.name) && other.content == Content::LumaChroma;
                let content = if luma_chroma { Content::Colour } else { other.content };
                let under = |name: &str| -> Vec<u16> {
                    let own = models().iter().filter(|own| own.name == name && own.content == content);
                    own.map(|own| own.id).collect()
                };
                let names = if model.name == "turbo" { &TURBO[..] } else { &[model.name, DEFAULT] };
                let first = names.iter().map(|name| under(name)).find(|ids| !ids.is_empty());
                assert_eq!(Some(ids(other.content)), first);
            }
        }
    }

    #[test]
    fn experts_are_numbered_among_the_models_of_a_name_and_content() {
        for model in models() {
            let alike = || models().iter().filter(|other| (other.name, other.content) == (model.name, model.content));
            if alike().count() == 1 {
                assert_eq!(model.expert, None);
            } else {
                assert!(alike().map(|model| model.expert).eq((1..=alike().count()).map(|number| Some(number as u8))));
            }
        }
    }
}
