//! `ansel compress`.

use ansel::{Codec, Error, ImageInfo, Metadata, Transforms, Verify};
use serde_json::json;

use super::args::{Compress, TransformsName, VerifyName};
use super::failure::{Result, about};
use super::jobs::{self, Direction, Job};
use super::report::Reporter;
use super::{Outcome, describe, for_each, input, options, output};

pub const EXTENSION: &str = "ansel";

const DIRECTION: Direction = Direction {
    command: "compress",
    read: &[
        "png", "apng", "ppm", "pgm", "pbm", "pnm", "pam", "tif", "tiff", "bmp", "qoi", "webp", "gif", "tga", "ico",
        "ff", "jpg", "jpeg",
    ],
    written: &[EXTENSION],
    default: EXTENSION,
};

pub fn run(arguments: &Compress) -> Outcome {
    let to_standard = jobs::to_standard(&arguments.inputs, &arguments.output, DIRECTION);
    let reporter = Reporter::new(&arguments.report, to_standard);
    let planned = jobs::plan(&reporter, &arguments.inputs, &arguments.output, DIRECTION)
        .and_then(|jobs| Ok((jobs, codec(arguments, &reporter)?)));
    let (jobs, codec) = planned.map_err(|failure| reporter.fail(None, &failure))?;
    for_each(&reporter, jobs.iter().map(|job| (&job.input, job)), |job| compress(arguments, &reporter, &codec, job))
}

fn codec(arguments: &Compress, reporter: &Reporter) -> Result<Codec> {
    let level = arguments.effort;
    let model = arguments.model.as_deref().unwrap_or(level.model());
    let builder = options::codec(model, &arguments.engine, &arguments.limits)?;
    reporter.detail(&format!("effort {level}, model {model}, {}", options::threads(&arguments.engine)))?;
    let transforms = match arguments.transforms {
        TransformsName::All => Transforms::All,
        TransformsName::None => Transforms::None,
    };
    let verify = match arguments.verify {
        VerifyName::Full => Verify::Full,
        VerifyName::None => Verify::None,
    };
    let codec = builder.transforms(transforms).effort(level.effort()).verify(verify).build()?;
    Ok(options::shown(codec, reporter))
}

fn compress(arguments: &Compress, reporter: &Reporter, codec: &Codec, job: &Job) -> Result<()> {
    let Job { input, target } = job;
    let started = std::time::Instant::now();
    let limits = options::limits(&arguments.limits);
    output::check_overwrite(target, arguments.output.force)?;
    let reading = |error| about("read", input.path())(error);
    let mut image = ansel::open_image(input::open_image(input, &limits)?, &limits).map_err(reading)?;
    if let (Some(source), false) = (image.lossy_source(), arguments.allow_lossy_source) {
        return Err(lossy_source(source).into());
    }
    let not_kept = if arguments.strip { Vec::new() } else { image.not_kept().to_vec() };
    if !not_kept.is_empty() {
        reporter.warn(input, &format!("not kept: {}", not_kept.join(", ")))?;
    }
    let mut metadata = if arguments.strip { Metadata::default() } else { image.metadata().clone() };
    if arguments.clear_hidden_colour {
        metadata.clear_hidden_colour();
    }
    let info = image.info();
    options::say_engine(codec, info, reporter)?;
    let mut bytes = 0;
    let written = output::write(target, arguments.output.force, |file| {
        let mut encoder = codec.encoder(info, &metadata, file)?;
        while encoder.rows_wanted() > 0 {
            let mut planes = image.read_rows(encoder.rows_wanted()).map_err(reading)?;
            if arguments.clear_hidden_colour {
                planes.clear_hidden_colour();
            }
            encoder.write_rows(&planes)?;
        }
        bytes = encoder.finish()?.1;
        Ok(())
    })?;
    report(reporter, job, info, bytes)?;
    reporter.detail(&options::time(info, started.elapsed()))?;
    if arguments.output.rm { options::remove(reporter, job, &written, &not_kept) } else { Ok(()) }
}

fn report(reporter: &Reporter, job: &Job, info: ImageInfo, bytes: u64) -> Result<()> {
    let samples = u64::from(info.width) * u64::from(info.height) * info.channels as u64;
    let rate = describe::bpsp(bytes, samples);
    let text = format!(", {}, {rate:.4} bpsp", super::report::count(bytes, "byte"));
    describe::done(reporter, job, info, &text, json!({ "bytes": bytes, "bpsp": rate }))
}

fn lossy_source(source: &str) -> Error {
    let what = format!(
        "pixels decoded from {source}: the file is smaller than they are without loss, so keep it \
         (or use --allow-lossy-source)"
    );
    Error::Unsupported(what)
}
