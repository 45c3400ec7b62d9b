//! Options of a codec, and the codec of this process.

use std::sync::{Mutex, PoisonError};

use ansel::{Codec, Device, Level, Limits, ModelChoice, Stop, Transforms, Verify};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::{exception, misuse};

/// The options of `Codec`, checked when it is made.
pub struct Options {
    pub level: Level,
    pub model: Option<ModelChoice>,
    pub transforms: Transforms,
    pub verify: Verify,
    pub threads: usize,
    pub device: Device,
    pub limits: Limits,
}

impl Options {
    fn build(&self) -> ansel::Result<Codec> {
        let builder = Codec::builder().level(self.level).transforms(self.transforms).verify(self.verify);
        let builder = builder.threads(self.threads).device(self.device).limits(self.limits.clone());
        match &self.model {
            Some(model) => builder.model(model.clone()).build(),
            None => builder.build(),
        }
    }
}

/// A codec, made again after a fork: the child process has no threads, and waiting for them would never end.
pub struct Shared {
    pub options: Options,
    codec: Mutex<(u32, Codec)>,
}

impl Shared {
    pub fn new(options: Options) -> PyResult<Self> {
        let codec = options.build().map_err(exception)?;
        Ok(Self { options, codec: Mutex::new((std::process::id(), codec)) })
    }

    /// The codec, and the flag that stops the work of this clone.
    pub fn codec(&self) -> PyResult<(Codec, Stop)> {
        let mut made = self.codec.lock().unwrap_or_else(PoisonError::into_inner);
        if made.0 != std::process::id() {
            let new = (std::process::id(), self.options.build().map_err(exception)?);
            // Its threads do not exist here, so dropping it would block.
            std::mem::forget(std::mem::replace(&mut *made, new));
        }
        let stop = Stop::default();
        Ok((made.1.stopped_by(&stop), stop))
    }
}

/// A level of effort, from a number or a name.
pub fn level_of(effort: &Bound<'_, PyAny>) -> PyResult<Level> {
    effort.str()?.to_str()?.parse().map_err(exception)
}

/// A model, from its name or the bytes of its file.
#[derive(FromPyObject)]
pub enum Model {
    Named(String),
    File(Vec<u8>),
}

impl From<Model> for ModelChoice {
    fn from(model: Model) -> Self {
        match model {
            Model::Named(name) => Self::Named(name),
            Model::File(bytes) => Self::File(bytes.into()),
        }
    }
}

pub fn device_of(name: &str) -> PyResult<Device> {
    match name {
        "auto" => Ok(Device::Auto),
        "cpu" => Ok(Device::Cpu),
        "cuda" => Ok(Device::Cuda),
        _ => misuse(format!("device {name:?}: \"auto\", \"cpu\" or \"cuda\" is needed")),
    }
}

/// Limits from a dict: `untrusted` selects the base that other entries change.
pub fn limits_of(given: Option<&Bound<'_, PyDict>>) -> PyResult<Limits> {
    let Some(given) = given else { return Ok(Limits::default()) };
    let untrusted = given.get_item("untrusted")?.is_some_and(|value| value.is_truthy().unwrap_or(false));
    let mut limits = if untrusted { Limits::untrusted() } else { Limits::default() };
    for (name, value) in given {
        match &*name.extract::<String>()? {
            "untrusted" => {}
            "samples" => limits.samples = value.extract()?,
            "metadata_bytes" => limits.metadata_bytes = value.extract()?,
            "work" => limits.work = value.extract()?,
            "memory" => limits.memory = value.extract()?,
            other => {
                return misuse(format!("limit {other:?}: there are samples, metadata_bytes, work, memory, untrusted"));
            }
        }
    }
    Ok(limits)
}

/// The instruction set that evaluates networks on this processor, such as "vnni512".
#[pyfunction]
pub fn instructions() -> &'static str {
    ansel::instructions()
}
