//! `ansel compress`.

use std::collections::HashSet;
use std::path::Path;

use ansel::{Codec, Error, ImageInfo, ImageReader, Limits, Metadata, Planes, Transforms, Verify};
use serde_json::json;

use super::args::{Compress, TransformsName, VerifyName};
use super::batch::{self, Budget, Seen, Tally};
use super::dedup::{self, Claim, Made, Once};
use super::failure::{Failure, Result, about};
use super::input::ReadSeek;
use super::jobs::{self, Direction, Job};
use super::manifest::{Entry, Manifest, PixelDigest};
use super::output::Written;
use super::place::Place;
use super::report::Reporter;
use super::{Outcome, describe, input, jpeg, options, output, resume, signals};

pub const EXTENSION: &str = "ansel";

const DIRECTION: Direction = Direction {
    command: "compress",
    read: &[
        "png", "apng", "ppm", "pgm", "pbm", "pnm", "pam", "tif", "tiff", "bmp", "qoi", "webp", "gif", "tga", "ico",
        "ff", "jpg", "jpeg",
    ],
    written: &[EXTENSION],
    default: |_| EXTENSION,
};

/// What all inputs share.
pub struct Run<'a> {
    pub arguments: &'a Compress,
    pub reporter: &'a Reporter,
    pub codec: Codec,
    pub limits: Limits,
    pub budget: Budget,
    manifest: Option<Manifest>,
    /// Results, and samples, that were seen.
    results: Seen,
    pixels: Seen,
    once: Once,
}

/// What an input was compressed to, or what was found there.
pub struct Compressed {
    pub written: Written,
    pub bytes: u64,
    pub pixels_sha256: Option<[u8; 32]>,
    /// What the input says of the image, and is not kept.
    pub not_kept: Vec<String>,
    pub how: How,
}

/// How a result came to be in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The input was compressed.
    Made,
    /// It was there.
    Found,
    /// As a link to the result of an input that holds the same.
    Linked,
}

pub fn run(arguments: &Compress) -> Outcome {
    let to_standard = jobs::to_standard(&arguments.inputs, &arguments.output, DIRECTION);
    let reporter = Reporter::new(&arguments.report, to_standard);
    let planned = jobs::plan(&reporter, &arguments.inputs, &arguments.output, DIRECTION)
        .and_then(|jobs| Ok((prepare(arguments, &reporter, &jobs)?, jobs)));
    let (run, jobs) = planned.map_err(|failure| reporter.fail(None, &failure))?;
    let side_by_side = options::side_by_side(&arguments.batch.side_by_side, arguments.output.recursive);
    batch::run(&reporter, &jobs, side_by_side, is_batch(arguments), |job| run.work(job))
}

/// Whether it is a run over many files, of which a summary is given.
fn is_batch(arguments: &Compress) -> bool {
    arguments.output.recursive || arguments.batch.is_used()
}

fn prepare<'a>(arguments: &'a Compress, reporter: &'a Reporter, jobs: &[Job]) -> Result<Run<'a>> {
    let batch = &arguments.batch;
    let streams = |job: &Job| job.target == Place::Standard || output::is_special(job.input.path());
    if (batch.resume || batch.dedup || batch.manifest.is_some()) && jobs.iter().any(streams) {
        return Err(Failure::Usage("--resume, --manifest and --dedup are for files, not for streams".to_owned()));
    }
    if batch.resume {
        let folders: HashSet<&Path> = jobs.iter().map(|job| jobs::folder_of(job.target.path())).collect();
        folders.into_iter().flat_map(signals::left_behind).for_each(|path| _ = std::fs::remove_file(path));
    }
    let codec = codec(arguments, reporter)?;
    let manifest = batch.manifest.as_deref();
    let manifest = manifest.map(|path| Manifest::open(path, batch.resume, arguments.output.force)).transpose()?;
    let limits = options::limits(&arguments.limits);
    let (budget, results, pixels) = (Budget::new(batch.side_by_side.memory), Seen::default(), Seen::default());
    Ok(Run { arguments, reporter, codec, limits, budget, manifest, results, pixels, once: Once::default() })
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
    Ok(if is_batch(arguments) { codec } else { options::shown(codec, reporter) })
}

impl Run<'_> {
    /// Compresses an input, unless its result is there, and does what follows.
    fn work(&self, job: &Job) -> Result<Tally> {
        let Self { arguments, reporter, .. } = self;
        let Job { input, target, .. } = job;
        let path = input.path();
        // Of standard input and pipes, it is not known.
        let before = path.metadata().map_or(0, |found| found.len());
        let source_sha256 = match &self.manifest {
            Some(_) => output::digest_of(path).map_err(Failure::io("read", path))?,
            None => [0; 32],
        };
        let done = if arguments.batch.resume && target.path().exists() {
            let known = self.manifest.as_ref().and_then(|manifest| manifest.before(target.path()));
            match known {
                Some(entry) if resume::is_as_listed(entry, before, source_sha256)? => {
                    self.note_results(job, entry.sha256, entry.pixels_sha256)?;
                    return Ok(Tally { before, after: entry.bytes, skipped: true });
                }
                _ => resume::found(self, job)?,
            }
        } else if arguments.batch.dedup {
            self.compress_once(job)?
        } else {
            self.compress(job)?
        };
        let tally = Tally { before, after: done.bytes, skipped: done.how == How::Found };
        if done.how != How::Linked {
            self.note_results(job, done.written.digest, done.pixels_sha256)?;
        }
        if let Some(manifest) = &self.manifest {
            manifest.add(&Entry {
                source: path.to_owned(),
                source_bytes: before,
                source_sha256,
                file: target.path().to_owned(),
                bytes: done.bytes,
                sha256: done.written.digest,
                pixels_sha256: done.pixels_sha256,
                others: Vec::new(),
            })?;
        }
        if arguments.output.rm {
            options::remove(reporter, job, &done.written, &done.not_kept)?;
        }
        Ok(tally)
    }

    /// Says of a result that there is another such one, and links it to that if it is asked for.
    fn note_results(&self, job: &Job, sha256: [u8; 32], pixels_sha256: Option<[u8; 32]>) -> Result<()> {
        let (batch, target) = (&self.arguments.batch, job.target.path());
        if !batch.dedup && batch.manifest.is_none() {
            return Ok(());
        }
        if let Some(first) = self.results.before(sha256, target) {
            if batch.dedup {
                output::link(&first, target, true)?;
            }
            return self.reporter.warn(&job.input, &format!("the same as {}", Place::File(first)));
        }
        match pixels_sha256.and_then(|digest| self.pixels.before(digest, target)) {
            Some(first) => self.reporter.warn(&job.input, &format!("the same pixels as {}", Place::File(first))),
            None => Ok(()),
        }
    }

    /// Compresses an input, unless another one that holds the same is compressed in this run: its result is a link to that one's.
    fn compress_once(&self, job: &Job) -> Result<Compressed> {
        let (target, force) = (&job.target, self.arguments.output.force);
        output::check_overwrite(target, force)?;
        let content = dedup::content_of(self, job)?;
        match self.once.claim(content.sha256) {
            Claim::Made(Made { path, bytes, sha256 }) => {
                output::link(&path, target.path(), force)?;
                self.reporter.warn(&job.input, &format!("the same as {}", Place::File(path)))?;
                let written = Written { path: target.path().to_owned(), digest: sha256 };
                let (pixels_sha256, not_kept) = (content.pixels_sha256, content.not_kept);
                Ok(Compressed { written, bytes, pixels_sha256, not_kept, how: How::Linked })
            }
            Claim::Make(duty) => {
                let done = self.compress(job)?;
                let path = target.path().to_owned();
                duty.done(Made { path, bytes: done.bytes, sha256: done.written.digest });
                Ok(done)
            }
        }
    }

    fn compress(&self, job: &Job) -> Result<Compressed> {
        let Self { arguments, reporter, codec, .. } = self;
        let Job { input, target, .. } = job;
        let started = std::time::Instant::now();
        output::check_overwrite(target, arguments.output.force)?;
        let reading = |error| about("read", input.path())(error);
        let mut source = input::open_image(input, &self.limits)?;
        if !arguments.allow_lossy_source && jpeg::is_one(&mut *source, input)? {
            return jpeg::compress(self, job, source);
        }
        let mut image = self.image(source).map_err(reading)?;
        let not_kept = self.not_kept(&image);
        if !not_kept.is_empty() {
            reporter.warn(input, &format!("not kept: {}", not_kept.join(", ")))?;
        }
        let (info, metadata) = (image.info(), self.metadata(&image));
        options::say_engine(codec, info, reporter)?;
        let _share = self.budget.take(options::memory_of(info));
        let (mut bytes, mut digest) = (0, PixelDigest::new(info));
        let written = output::write(target, arguments.output.force, |file| {
            let mut encoder = codec.encoder(info, &metadata, file)?;
            while encoder.rows_wanted() > 0 {
                let planes = self.rows(&mut image, encoder.rows_wanted()).map_err(reading)?;
                if self.manifest.is_some() {
                    digest.add(&planes)?;
                }
                encoder.write_rows(&planes)?;
            }
            bytes = encoder.finish()?.1;
            Ok(())
        })?;
        report(reporter, job, info, bytes)?;
        reporter.detail(&options::time(info, started.elapsed()))?;
        let pixels_sha256 = self.manifest.as_ref().map(|_| digest.finish());
        Ok(Compressed { written, bytes, pixels_sha256, not_kept, how: How::Made })
    }

    /// An image to compress, opened.
    pub fn image<'b>(&self, source: Box<dyn ReadSeek>) -> ansel::Result<ImageReader<'b>> {
        let image = ansel::open_image(source, &self.limits)?;
        match image.lossy_source() {
            Some(source) if !self.arguments.allow_lossy_source => Err(lossy_source(source)),
            _ => Ok(image),
        }
    }

    /// What an image says of itself, and is not kept.
    pub fn not_kept(&self, image: &ImageReader<'_>) -> Vec<String> {
        if self.arguments.strip { Vec::new() } else { image.not_kept().to_vec() }
    }

    /// The metadata that is kept of an image.
    pub fn metadata(&self, image: &ImageReader<'_>) -> Metadata {
        let mut metadata = if self.arguments.strip { Metadata::default() } else { image.metadata().clone() };
        if self.arguments.clear_hidden_colour {
            metadata.clear_hidden_colour();
        }
        metadata
    }

    /// The next rows of an image, as they are compressed.
    pub fn rows(&self, image: &mut ImageReader<'_>, rows: u32) -> ansel::Result<Planes> {
        let mut planes = image.read_rows(rows)?;
        if self.arguments.clear_hidden_colour {
            planes.clear_hidden_colour();
        }
        Ok(planes)
    }
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
