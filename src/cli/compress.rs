//! `ansel compress`.

use ansel::{Codec, ImageInfo, Transforms, Verify};
use serde_json::json;

use super::args::{Compress, TransformsName, VerifyName};
use super::batch::{self, Processed, Seen};
use super::dedup::{self, Claim, Finished, SingleFlight};
use super::failure::{Failure, Result, about};
use super::jobs::{self, Direction, Job};
use super::manifest::{Entry, Manifest, PixelDigest};
use super::names::printable;
use super::output::Written;
use super::place::{Place, is_special};
use super::report::Reporter;
use super::shared::{Compressed, Compressing, Placement};
use super::source::Source;
use super::{Outcome, describe, jpeg, options, output, resume, signals};

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

/// A run over all inputs.
struct Run<'a> {
    shared: Compressing<'a>,
    manifest: Option<Manifest>,
    /// Results, and samples, seen so far in this run.
    results: Seen,
    pixels: Seen,
    flights: SingleFlight,
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

/// Whether the run is over many files, so that it ends with a summary.
fn is_batch(arguments: &Compress) -> bool {
    arguments.output.recursive || arguments.batch.is_used()
}

fn prepare<'a>(arguments: &'a Compress, reporter: &'a Reporter, jobs: &[Job]) -> Result<Run<'a>> {
    let batch = &arguments.batch;
    let streams = |job: &Job| job.target == Place::Standard || is_special(job.input.path());
    if (batch.resume || batch.dedup || batch.manifest.is_some()) && jobs.iter().any(streams) {
        return Err(Failure::Usage("--resume, --manifest and --dedup are for files, not for streams".to_owned()));
    }
    if batch.dedup && jobs.iter().any(|job| job.target.local().is_none()) {
        return Err(Failure::Usage("--dedup is for folders: object stores have no links".to_owned()));
    }
    if batch.resume {
        jobs::target_folders(jobs)
            .into_iter()
            .flat_map(signals::left_behind)
            .for_each(|path| _ = std::fs::remove_file(path));
    }
    let side_by_side = options::side_by_side(&batch.side_by_side, arguments.output.recursive).min(jobs.len());
    let codec = codec(arguments, side_by_side, reporter)?;
    let manifest = batch.manifest.as_deref();
    let manifest = manifest.map(|path| Manifest::open(path, batch.resume, arguments.output.force)).transpose()?;
    let limits = options::limits(&arguments.limits);
    let budget = options::budget(&batch.side_by_side);
    let (results, pixels, flights) = (Seen::default(), Seen::default(), SingleFlight::default());
    let shared = Compressing { arguments, reporter, codec, limits, budget };
    Ok(Run { shared, manifest, results, pixels, flights })
}

fn codec(arguments: &Compress, side_by_side: usize, reporter: &Reporter) -> Result<Codec> {
    let level = arguments.effort;
    let model = arguments.model.as_deref().unwrap_or(level.model());
    let builder = options::codec(model, &options::of_each(&arguments.engine, side_by_side), &arguments.limits)?;
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
    /// Compresses an input, unless its result exists, and does all that follows.
    fn work(&self, job: &Job) -> Result<Processed> {
        let Compressing { arguments, reporter, .. } = &self.shared;
        let Job { input, target, .. } = job;
        if !arguments.batch.resume {
            output::check_overwrite(target, arguments.output.force)?;
        }
        let source = Source::new(input)?;
        let before = source.bytes;
        let source_sha256 = if self.manifest.is_some() { source.digest()? } else { [0; 32] };
        let done = if arguments.batch.resume && target.exists()? {
            let known = self.manifest.as_ref().and_then(|manifest| manifest.before(target.path()));
            match known {
                Some(entry) if resume::is_as_listed(entry, before, source_sha256)? => {
                    self.note_results(job, entry.sha256, entry.pixels_sha256)?;
                    return Ok(Processed { before, after: entry.bytes, skipped: true });
                }
                _ => resume::found(&self.shared, job, &source)?,
            }
        } else if arguments.batch.dedup {
            self.compress_once(job, &source)?
        } else {
            self.compress(job, &source)?
        };
        let processed = Processed { before, after: done.bytes, skipped: done.placement == Placement::Found };
        if done.placement != Placement::Linked {
            self.note_results(job, done.written.digest, done.pixels_sha256)?;
        }
        if let Some(manifest) = &self.manifest {
            manifest.add(&Entry {
                source: input.path().to_owned(),
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
        Ok(processed)
    }

    /// Notes a result that is identical to an earlier one, and links it to that one with `--dedup`.
    fn note_results(&self, job: &Job, sha256: [u8; 32], pixels_sha256: Option<[u8; 32]>) -> Result<()> {
        let (batch, target) = (&self.shared.arguments.batch, job.target.path());
        if !batch.dedup && batch.manifest.is_none() {
            return Ok(());
        }
        if let Some(first) = self.results.before(sha256, target) {
            if batch.dedup {
                output::link(&first, target, true)?;
            }
            return self.shared.reporter.warn(&job.input, &format!("the same as {}", printable(first.as_os_str())));
        }
        match pixels_sha256.and_then(|digest| self.pixels.before(digest, target)) {
            Some(first) => {
                self.shared.reporter.warn(&job.input, &format!("the same pixels as {}", printable(first.as_os_str())))
            }
            None => Ok(()),
        }
    }

    /// Compresses an input, unless another input with the same content is compressed in this run; then the result is a
    /// link.
    fn compress_once(&self, job: &Job, source: &Source<'_>) -> Result<Compressed> {
        let target = &job.target;
        let content = dedup::content_of(&self.shared, job, source)?;
        match self.flights.claim(content.sha256) {
            Claim::Finished(Finished { path, bytes, sha256 }) => {
                output::link(&path, target.path(), self.shared.arguments.output.force)?;
                self.shared.reporter.warn(&job.input, &format!("the same as {}", printable(path.as_os_str())))?;
                let written = Written { place: target.clone(), digest: sha256 };
                let (pixels_sha256, not_kept) = (content.pixels_sha256, content.not_kept);
                Ok(Compressed { written, bytes, pixels_sha256, not_kept, placement: Placement::Linked })
            }
            Claim::First(flight) => {
                let done = self.compress(job, source)?;
                let path = target.path().to_owned();
                flight.done(Finished { path, bytes: done.bytes, sha256: done.written.digest });
                Ok(done)
            }
        }
    }

    fn compress(&self, job: &Job, source: &Source<'_>) -> Result<Compressed> {
        let Compressing { arguments, reporter, codec, .. } = &self.shared;
        let Job { input, target, .. } = job;
        let started = std::time::Instant::now();
        let reading = |error| about("read", input.path())(error);
        let mut source = source.open(&self.shared.limits)?;
        if !arguments.allow_lossy_source && jpeg::is_one(&mut *source, input)? {
            return jpeg::compress(&self.shared, job, source);
        }
        let mut image = self.shared.image(source).map_err(reading)?;
        let not_kept = self.shared.not_kept(&image);
        if !not_kept.is_empty() {
            reporter.warn(input, &format!("not kept: {}", not_kept.join(", ")))?;
        }
        let (info, metadata) = (image.info(), self.shared.metadata(&image));
        options::say_engine(codec, info, reporter)?;
        let _share = self.shared.budget.take(options::memory_of(info));
        let (mut bytes, mut digest) = (0, PixelDigest::new(info));
        let written = output::write(target, arguments.output.force, |file| {
            let mut encoder = codec.encoder(info, &metadata, file)?;
            while encoder.rows_wanted() > 0 {
                let planes = self.shared.rows(&mut image, encoder.rows_wanted()).map_err(reading)?;
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
        Ok(Compressed { written, bytes, pixels_sha256, not_kept, placement: Placement::Made })
    }
}

fn report(reporter: &Reporter, job: &Job, info: ImageInfo, bytes: u64) -> Result<()> {
    let samples = u64::from(info.width) * u64::from(info.height) * info.channels as u64;
    let rate = describe::bpsp(bytes, samples);
    let text = format!(", {}, {rate:.4} bpsp", super::report::count(bytes, "byte"));
    describe::done(reporter, job, info, &text, json!({ "bytes": bytes, "bpsp": rate }))
}
