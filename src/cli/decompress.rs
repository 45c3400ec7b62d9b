//! `ansel decompress`.

use std::io::{Read, Seek};

use ansel::{Codec, Decoded, Decoder, Error, ImageInfo, Metadata, Planes, Rect};
use image::ImageFormat;
use serde_json::json;

use super::args::Decompress;
use super::failure::{Failure, Result, about};
use super::input::has_extension;
use super::jobs::{self, Direction, Job};
use super::place::Place;
use super::report::{Reporter, count};
use super::{Outcome, compress, describe, for_each, input, jpeg, options, output};

const DIRECTION: Direction = Direction {
    command: "decompress",
    read: &[compress::EXTENSION],
    written: &["png", "tif", "tiff", "ppm", "pgm", "pbm", "pnm", "pam", "bmp", "qoi", "webp", "jpg", "jpeg"],
    default: jpeg::extension,
};

pub fn run(arguments: &Decompress) -> Outcome {
    let to_standard = jobs::to_standard(&arguments.inputs, &arguments.output, DIRECTION);
    let reporter = Reporter::new(&arguments.report, to_standard);
    let planned = plan(arguments, &reporter).and_then(|jobs| {
        Ok((jobs, options::decoding(&arguments.model, &arguments.engine, &arguments.limits, &reporter)?))
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
    let reading = |error| about("read", input.path())(error);
    let mut file = input::open_ansel(input, &options::limits(&arguments.limits))?;
    let holds_jpeg = jpeg::is_held(&mut *file, input)?;
    if holds_jpeg && arguments.crop.is_none() && jpeg::is_wanted(target) {
        return jpeg::decompress(arguments, reporter, codec, job, file);
    }
    let format = output_format(target)?;
    let mut source = match (holds_jpeg, arguments.crop) {
        (true, Some(_)) => return Err(Error::Unsupported("a part of a JPEG file".to_owned()).into()),
        (true, None) => Source::whole(codec.decompress(&jpeg::read_whole(input, file)?)?),
        (false, _) => open(arguments, codec, file).map_err(reading)?,
    };
    let (info, metadata) = match &source {
        Source::Planes { planes, metadata, .. } => (ImageInfo::of(planes), metadata.clone()),
        Source::Bands(decoder) => (decoder.header().info(), decoder.metadata().clone()),
    };
    options::say_engine(codec, info, reporter)?;
    let metadata = if arguments.strip { Metadata::default() } else { metadata };
    check_extension(target, format, info.channels)?;
    let mut not_kept = Vec::new();
    let written = output::write(target, arguments.output.force, |file| {
        let mut writer = ansel::create_image(info, &metadata, format, file)?;
        not_kept = writer.not_kept().to_vec();
        match &mut source {
            Source::Planes { planes, .. } => writer.write_rows(planes)?,
            Source::Bands(decoder) => {
                while let Some(band) = decoder.next_band().map_err(reading)? {
                    writer.write_rows(&band)?;
                }
            }
        }
        writer.finish()
    })?;
    if let Source::Planes { lost, .. } = &source
        && !lost.is_empty()
    {
        for Rect { x, y, width, height } in lost {
            reporter.warn(input, &format!("lost: {width} x {height} pixels at {x}, {y}"))?;
        }
        return Err(Failure::Salvaged);
    }
    if !not_kept.is_empty() {
        reporter.warn(target, &format!("not kept: {}", not_kept.join(", ")))?;
    }
    describe::done(reporter, job, info, "", json!({}))?;
    reporter.detail(&options::time(info, started.elapsed()))?;
    if arguments.output.rm { options::remove(reporter, job, &written, &not_kept) } else { Ok(()) }
}

/// What is decompressed.
enum Source<R> {
    /// A rectangle, or what is intact, and the rectangles that are lost.
    Planes { planes: Planes, metadata: Metadata, lost: Vec<Rect> },
    /// All of it, band by band.
    Bands(Decoder<R>),
}

impl<R> Source<R> {
    fn whole(decoded: Decoded) -> Self {
        Self::Planes { planes: decoded.planes, metadata: decoded.metadata, lost: Vec::new() }
    }
}

fn open<R: Read + Seek>(arguments: &Decompress, codec: &Codec, file: R) -> ansel::Result<Source<R>> {
    if let Some(crop) = arguments.crop {
        let mut archive = codec.open(file)?;
        let planes = archive.region(crop)?;
        return Ok(Source::Planes { planes, metadata: archive.metadata().clone(), lost: Vec::new() });
    }
    if arguments.salvage {
        let salvaged = codec.open(file)?.salvage()?;
        return Ok(Source::Planes { planes: salvaged.planes, metadata: salvaged.metadata, lost: salvaged.lost });
    }
    codec.decoder(file).map(Source::Bands)
}

/// The image format that a file name asks for; PNG for standard output.
fn output_format(target: &Place) -> Result<ImageFormat> {
    let format = match target {
        Place::Standard => Ok(ImageFormat::Png),
        Place::File(_) | Place::Object(_) => ImageFormat::from_path(target.path()),
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
    let path = target.path();
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
