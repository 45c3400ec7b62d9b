//! `ansel decompress`.

use ansel::{Codec, Error, Metadata};
use image::ImageFormat;
use serde_json::json;

use super::args::Decompress;
use super::failure::{Failure, Result, about};
use super::input::has_extension;
use super::jobs::{self, Direction, Job};
use super::place::Place;
use super::report::{Reporter, count};
use super::{Outcome, compress, describe, for_each, input, options, output};

const DIRECTION: Direction = Direction {
    command: "decompress",
    read: &[compress::EXTENSION],
    written: &["png", "tif", "tiff", "ppm", "pgm", "pbm", "pnm", "pam", "bmp", "qoi", "webp"],
    default: "png",
};

pub fn run(arguments: &Decompress) -> Outcome {
    let to_standard = jobs::to_standard(&arguments.inputs, &arguments.output, DIRECTION);
    let reporter = Reporter::new(&arguments.report, to_standard);
    let planned = plan(arguments, &reporter).and_then(|jobs| {
        let options = options::decoding(&arguments.model, &arguments.engine, &arguments.limits, &reporter)?;
        Ok((jobs, Codec::new(options)))
    });
    let (jobs, codec) = planned.map_err(|failure| reporter.fail(None, &failure))?;
    for_each(&reporter, jobs.iter().map(|job| (&job.input, job)), |job| decompress(arguments, &reporter, &codec, job))
}

fn plan(arguments: &Decompress, reporter: &Reporter) -> Result<Vec<Job>> {
    if arguments.crop.is_some() && arguments.output.rm {
        return Err(Failure::Usage("--rm is not for a part of an image: the rest would be lost".to_owned()));
    }
    jobs::plan(reporter, &arguments.inputs, &arguments.output, DIRECTION)
}

fn decompress(arguments: &Decompress, reporter: &Reporter, codec: &Codec, job: &Job) -> Result<()> {
    let Job { input, target } = job;
    let started = std::time::Instant::now();
    output::check_overwrite(target, arguments.output.force)?;
    let format = output_format(target)?;
    let reading = |error| about("read", input.path())(error);
    let file = input::open_ansel(input, &options::limits(&arguments.limits))?;
    let mut reader = codec.reader(file).map_err(reading)?;
    let metadata = if arguments.strip { Metadata::default() } else { reader.metadata().clone() };
    let header = reader.header();
    let (mut info, bands) = (header.info(), header.bands());
    let mut region = match arguments.crop {
        Some(crop) => {
            (info.width, info.height) = (crop.width, crop.height);
            Some(reader.region(crop).map_err(reading)?)
        }
        None => None,
    };
    check_extension(target, format, info.channels)?;
    let mut not_kept = Vec::new();
    let written = output::write(target, arguments.output.force, |file| {
        let mut writer = ansel::create_image(info, &metadata, format, file)?;
        not_kept = writer.not_kept().to_vec();
        if let Some(planes) = region.take() {
            writer.write_rows(&planes)?;
            return writer.finish();
        }
        for _ in 0..bands {
            writer.write_rows(&reader.next_band().map_err(reading)?)?;
        }
        reader.finish().map_err(reading)?;
        writer.finish()
    })?;
    if !not_kept.is_empty() {
        reporter.warn(target, &format!("not kept: {}", not_kept.join(", ")))?;
    }
    describe::done(reporter, job, info, "", json!({}))?;
    reporter.detail(&options::time(info, started.elapsed()))?;
    if arguments.output.rm { options::remove(reporter, job, &written, &not_kept) } else { Ok(()) }
}

/// The image format that a file name asks for; PNG for standard output.
fn output_format(target: &Place) -> Result<ImageFormat> {
    let format = match target {
        Place::Standard => Ok(ImageFormat::Png),
        Place::File(path) => ImageFormat::from_path(path),
    };
    match format {
        Ok(format) if ansel::WRITABLE_FORMATS.contains(&format) => Ok(format),
        _ => Err(Failure::Library(Error::Unsupported(format!(
            "the output format of {target} (use .png, .tiff, .ppm, .pgm, .pbm, .pam, .bmp, .qoi or .webp)"
        )))),
    }
}

/// Fails for a PNM file whose name says that it has other channels.
fn check_extension(target: &Place, format: ImageFormat, channels: usize) -> Result<()> {
    let Place::File(path) = target else { return Ok(()) };
    let held: &[usize] = match format {
        ImageFormat::Pnm if has_extension(path, &["pbm", "pgm"]) => &[1],
        ImageFormat::Pnm if has_extension(path, &["ppm"]) => &[3],
        ImageFormat::Pnm if !has_extension(path, &["pam"]) => &[1, 3],
        _ => return Ok(()),
    };
    if held.contains(&channels) {
        return Ok(());
    }
    let other = ["", ".pgm", ".pam", ".ppm", ".pam"][channels];
    let channels = count(channels as u64, "channel");
    Err(Failure::Library(Error::Unsupported(format!("{channels} in {target} (write {other} or .png)"))))
}
