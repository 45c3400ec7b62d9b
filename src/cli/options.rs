//! Arguments -> the library's options, and what commands share.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ansel::{Device, ImageInfo, Limits, ModelChoice, Options, Progress};

use super::args::{self, DecodingModel, DeviceName, Engine};
use super::failure::Result;
use super::input;
use super::jobs::Job;
use super::output::{self, Written};
use super::report::Reporter;

/// The options for a model that is named, or that a file holds.
pub fn options(model: &str, engine: &Engine, limits_given: &args::Limits, reporter: &Reporter) -> Result<Options> {
    let named = ansel::models().iter().any(|registered| registered.name == model);
    let model = if named || !Path::new(model).exists() {
        ModelChoice::Named(model.to_owned())
    } else {
        ModelChoice::File(input::read_model(Path::new(model))?.into())
    };
    let device = match engine.device {
        DeviceName::Auto => Device::Auto,
        DeviceName::Cpu => Device::Cpu,
        DeviceName::Cuda => Device::Cuda,
    };
    let bar = reporter.bar.clone();
    let progress = Progress(Arc::new(move |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    }));
    let limits = limits(limits_given);
    Ok(Options { model, threads: engine.threads, device, limits, progress: Some(progress), ..Options::default() })
}

/// The options to decode with.
pub fn decoding(model: &DecodingModel, engine: &Engine, limits: &args::Limits, reporter: &Reporter) -> Result<Options> {
    let options = options(model.model.as_deref().unwrap_or("default"), engine, limits, reporter)?;
    reporter.detail(&describe(&options))?;
    Ok(options)
}

pub fn limits(limits: &args::Limits) -> Limits {
    Limits { samples: limits.max_samples, metadata_bytes: limits.max_metadata }
}

/// Device and threads, in words.
pub fn describe(options: &Options) -> String {
    let device = match options.device {
        Device::Cpu => "the CPU",
        Device::Cuda => "CUDA",
        Device::Auto if cfg!(feature = "cuda") => "CUDA, or the CPU if CUDA cannot be used",
        Device::Auto => "the CPU",
    };
    let threads = options.threads.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
    format!("device {device}, {}", super::report::count(threads.get() as u64, "thread"))
}

/// How long an image took, in words.
pub fn time(info: ImageInfo, time: Duration) -> String {
    let megapixels = f64::from(info.width) * f64::from(info.height) / 1e6;
    let seconds = time.as_secs_f64();
    format!("{seconds:.2} seconds, {:.3} megapixels per second", megapixels / seconds.max(1e-9))
}

/// Removes an input, unless its result lacks something.
pub fn remove(reporter: &Reporter, job: &Job, written: &Written, not_kept: &[String]) -> Result<()> {
    if !not_kept.is_empty() {
        return reporter.warn(&job.input, "not removed, since its result does not have all of it");
    }
    if job.input.path().is_symlink() {
        return reporter.warn(&job.input, "not removed, since it is a link");
    }
    output::remove_input(job, written)
}
