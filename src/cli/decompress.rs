//! `ansel decompress`.

use std::io::{Read, Seek};

use ansel::{Decoder, Error, ImageInfo, Metadata, Planes, Rect};
use image::ImageFormat;
use serde_json::json;

use super::args::Decompress;
use super::batch::{self, Processed, Share};
use super::failure::{Failure, Result, about};
use super::input::{ReadSeek, has_extension};
use super::jobs::{self, Direction, Job};
use super::output::Written;
use super::place::Place;
use super::report::{Reporter, count};
use super::shared::Decompressing;
use super::{Outcome, compress, describe, input, jpeg, options, output};

const DIRECTION: Direction = Direction {
    command: "decompress",
    read: &[compress::EXTENSION],
    written: &["png", "tif", "tiff", "ppm", "pgm", "pbm", "pnm", "pam", "bmp", "qoi", "webp", "jpg", "jpeg"],
    default: jpeg::extension,
};

pub fn run(arguments: &Decompress) -> Outcome {
    let to_standard = jobs::to_standard(&arguments.inputs, &arguments.output, DIRECTION);
    let reporter = Reporter::new(&arguments.report, to_standard);
    let given = &arguments.side_by_side;
    let side_by_side = options::side_by_side(given, arguments.output.recursive);
    let planned = plan(arguments, &reporter).and_then(|jobs| {
        let engine = options::of_each(&arguments.engine, side_by_side.min(jobs.len()));
        Ok((jobs, options::decoding(&arguments.model, &engine, &arguments.limits, &reporter)?))
    });
    let (jobs, codec) = planned.map_err(|failure| reporter.fail(None, &failure))?;
    let is_batch = arguments.output.recursive || given.jobs.is_some();
    let codec = if is_batch { codec } else { options::shown(codec, &reporter) };
    let run = Decompressing { arguments, reporter: &reporter, codec, budget: options::budget(given) };
    batch::run(&reporter, &jobs, side_by_side, is_batch, |job| {
        // Unknown for standard input and pipes; and after decompression the input may have been removed.
        let before = job.input.bytes().unwrap_or(0);
        run.decompress(job)?;
        Ok(Processed { before, after: job.target.bytes().unwrap_or(0), skipped: false })
    })
}

fn plan(arguments: &Decompress, reporter: &Reporter) -> Result<Vec<Job>> {
    if arguments.crop.is_some() && arguments.output.rm {
        return Err(Failure::Usage("--rm is not for a part of an image: the rest would be lost".to_owned()));
    }
    jobs::plan(reporter, &arguments.inputs, &arguments.output, DIRECTION)
}

impl Decompressing<'_> {
    fn decompress(&self, job: &Job) -> Result<()> {
        let Self { arguments, reporter, codec, .. } = self;
        let Job { input, target, .. } = job;
        let started = std::time::Instant::now();
        output::check_overwrite(target, arguments.output.force)?;
        let mut file = input::open_ansel(input, &options::limits(&arguments.limits))?;
        let holds_jpeg = jpeg::is_held(&mut *file, input)?;
        if holds_jpeg && arguments.crop.is_none() && jpeg::is_wanted(target) {
            return jpeg::decompress(self, job, file);
        }
        let format = output_format(target)?;
        let (source, _share) = match (holds_jpeg, arguments.crop) {
            (true, Some(_)) => return Err(Error::Unsupported("a part of a JPEG file".to_owned()).into()),
            (true, None) => self.open_jpeg(input, file)?,
            (false, _) => self.open(file).map_err(about("read", input.path()))?,
        };
        let (info, lost) = (source.info, source.lost.clone());
        options::say_engine(codec, info, reporter)?;
        check_extension(target, format, info.channels)?;
        let (written, not_kept) = self.write(job, source, format)?;
        for Rect { x, y, width, height } in &lost {
            reporter.warn(input, &format!("lost: {width} x {height} pixels at {x}, {y}"))?;
        }
        if !lost.is_empty() {
            return Err(Failure::Salvaged);
        }
        if !not_kept.is_empty() {
            reporter.warn(target, &format!("not kept: {}", not_kept.join(", ")))?;
        }
        describe::done(reporter, job, info, "", json!({}))?;
        reporter.detail(&options::time(info, started.elapsed()))?;
        if arguments.output.rm { options::remove(reporter, job, &written, &not_kept) } else { Ok(()) }
    }

    /// Waits for room in the budget and opens a file; decodes the rectangle, or all that is intact, if that was asked
    /// for.
    fn open<R: Read + Seek>(&self, file: R) -> ansel::Result<(Source<R>, Share<'_>)> {
        let Self { arguments, codec, budget, .. } = self;
        if arguments.crop.is_none() && !arguments.salvage {
            let decoder = codec.decoder(file)?;
            let (info, metadata) = (decoder.header().info(), decoder.metadata().clone());
            let share = budget.take(options::memory_of(info));
            return Ok((Source { info, metadata, rows: Rows::Bands(Box::new(decoder)), lost: Vec::new() }, share));
        }
        let mut archive = codec.open(file)?;
        let share = budget.take(options::memory_of(archive.header().info()));
        let metadata = archive.metadata().clone();
        let (planes, lost) = match arguments.crop {
            Some(crop) => (archive.region(crop)?, Vec::new()),
            None => archive.salvage().map(|salvaged| (salvaged.planes, salvaged.lost))?,
        };
        Ok((Source { info: ImageInfo::of(&planes), metadata, rows: Rows::Planes(planes), lost }, share))
    }

    /// Decodes the pixels of a JPEG file.
    fn open_jpeg<R>(&self, input: &Place, file: Box<dyn ReadSeek>) -> Result<(Source<R>, Share<'_>)> {
        let bytes = jpeg::read_whole(input, file)?;
        let share = jpeg::share(&self.budget, &self.codec.read_jpeg_info(&bytes[..])?);
        let decoded = self.codec.decompress(&bytes)?;
        let (info, metadata) = (ImageInfo::of(&decoded.planes), decoded.metadata);
        Ok((Source { info, metadata, rows: Rows::Planes(decoded.planes), lost: Vec::new() }, share))
    }

    /// Writes an image; also returns the metadata that its format cannot keep.
    fn write<R: Read>(&self, job: &Job, source: Source<R>, format: ImageFormat) -> Result<(Written, Vec<String>)> {
        let output = &self.arguments.output;
        let metadata = if self.arguments.strip { Metadata::default() } else { source.metadata };
        let mut not_kept = Vec::new();
        let written = output::write(&job.target, output.force, |file| {
            let mut writer = ansel::create_image(source.info, &metadata, format, file)?;
            not_kept = writer.not_kept().to_vec();
            match source.rows {
                Rows::Planes(planes) => writer.write_rows(&planes)?,
                Rows::Bands(mut decoder) => {
                    while let Some(band) = decoder.next_band().map_err(about("read", job.input.path()))? {
                        writer.write_rows(&band)?;
                    }
                }
            }
            writer.finish()
        })?;
        Ok((written, not_kept))
    }
}

/// The source of a decompressed image.
struct Source<R> {
    info: ImageInfo,
    metadata: Metadata,
    rows: Rows<R>,
    /// Lost rectangles.
    lost: Vec<Rect>,
}

/// The rows of an image.
enum Rows<R> {
    /// All at once: a rectangle, the intact part of a file, or the pixels of a JPEG file.
    Planes(Planes),
    /// Band by band.
    Bands(Box<Decoder<R>>),
}

/// The image format that a file name stands for; PNG for standard output.
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

/// Fails for a PNM file whose extension stands for another number of channels.
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
