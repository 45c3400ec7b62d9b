//! Arguments -> options of the library, and functions that commands share.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ansel::{Codec, CodecBuilder, Device, EngineInfo, ImageInfo, Limits, ModelChoice, Progress};

use super::args::{self, DecodingModel, DeviceName, Engine};
use super::batch::Budget;
use super::failure::Result;
use super::input;
use super::jobs::Job;
use super::output::{self, Written};
use super::report::Reporter;

/// A codec with a named model, or with a model file.
pub fn codec(model: &str, engine: &Engine, limits_given: &args::Limits) -> Result<CodecBuilder> {
    let named = ansel::models().iter().any(|registered| registered.name == model);
    let model = if named || !Path::new(model).exists() {
        ModelChoice::Named(model.to_owned())
    } else {
        ModelChoice::File(input::read_model(Path::new(model))?.into())
    };
    let threads = engine.threads.map_or(0, NonZeroUsize::get);
    Ok(Codec::builder().model(model).threads(threads).device(device(engine)).limits(limits(limits_given)))
}

/// A codec for decoding.
pub fn decoding(model: &DecodingModel, engine: &Engine, limits: &args::Limits, reporter: &Reporter) -> Result<Codec> {
    let builder = codec(model.model.as_deref().unwrap_or("default"), engine, limits)?;
    reporter.detail(&threads(engine))?;
    Ok(builder.build()?)
}

/// The number of files to process at once.
pub fn side_by_side(given: &args::SideBySide, recursive: bool) -> usize {
    let default = if recursive { std::thread::available_parallelism().map_or(1, NonZeroUsize::get) } else { 1 };
    given.jobs.map_or(default, NonZeroUsize::get)
}

/// The engine for each of so many files at once. If they are as many as the threads, each is coded by its own thread alone:
/// a pool beside those would have its idle threads look for work on the cores that the others need.
pub fn of_each(engine: &Engine, side_by_side: usize) -> Engine {
    let alone = side_by_side >= number_of_threads(engine).get();
    Engine { threads: if alone { Some(NonZeroUsize::MIN) } else { engine.threads }, device: engine.device }
}

/// A codec that shows its progress.
pub fn shown(codec: Codec, reporter: &Reporter) -> Codec {
    let bar = reporter.bar.clone();
    codec.reporting(Progress(Arc::new(move |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    })))
}

/// Approximate memory of the program and its networks without images, in bytes (`tests/bench/batch.py`).
const PROGRAM_BYTES: u64 = 64 << 20;

/// The share of the memory limit that is left for images.
pub fn budget(given: &args::SideBySide) -> Budget {
    Budget::new(given.memory.saturating_sub(PROGRAM_BYTES))
}

/// Approximate memory for coding an image, in bytes: a multiple of the samples in a band; plus the whole image for
/// formats that are not read and written row by row.
pub fn memory_of(info: ImageInfo) -> u64 {
    const SESSION_BYTES: u64 = 24 << 20;
    const MOST_BAND_PIXELS: u64 = 1 << 24;
    let pixels = u64::from(info.width) * u64::from(info.height);
    SESSION_BYTES + 2 * info.channels as u64 * (7 * pixels.min(MOST_BAND_PIXELS) + pixels)
}

fn device(engine: &Engine) -> Device {
    match engine.device {
        DeviceName::Auto => Device::Auto,
        DeviceName::Cpu => Device::Cpu,
        DeviceName::Cuda => Device::Cuda,
    }
}

pub fn limits(given: &args::Limits) -> Limits {
    Limits { samples: given.max_samples, metadata_bytes: given.max_metadata, ..Limits::default() }
}

fn number_of_threads(engine: &Engine) -> NonZeroUsize {
    engine.threads.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
}

/// The number of threads in use, in words.
pub fn threads(engine: &Engine) -> String {
    super::report::count(number_of_threads(engine).get() as u64, "thread")
}

/// Prints the device and engine for an image's networks, if that was asked for.
pub fn say_engine(codec: &Codec, info: ImageInfo, reporter: &Reporter) -> Result<()> {
    if !reporter.verbose {
        return Ok(());
    }
    let EngineInfo { device, engine, instructions, not_cuda, .. } = codec.engine(info)?;
    let reason = not_cuda.map(|reason| format!(" (not CUDA: {reason})")).unwrap_or_default();
    reporter.detail(&format!("device {device}{reason}, {engine}, instructions {instructions}"))
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
        return reporter.warn(&job.input, "not removed, since not all of it was kept");
    }
    if job.input.path().is_symlink() {
        return reporter.warn(&job.input, "not removed, since it is a link");
    }
    output::remove_input(job, written)
}
