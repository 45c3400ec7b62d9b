//! Runs the command line's command through the library and prints what came of it.

mod args;
mod paths;
mod report;

use std::process::ExitCode;
use std::sync::Arc;

use ansel::{
    Codec, CodecBuilder, Decoder, Device, Effort, Error, ImageInfo, Limits, Metadata, ModelChoice, Planes, Progress,
    Result, Transforms,
};
use clap::Parser;
use image::ImageFormat;
use indicatif::{ProgressBar, ProgressStyle};
use std::num::NonZeroUsize;

use self::args::{
    Arguments, Code, Command, Compress, Decompress, DeviceName, EffortName, Engine, Info, Models, Report,
    TransformsName, Verify,
};
use self::paths::Place;

const IMAGE_EXTENSIONS: [&str; 18] = [
    "png", "apng", "ppm", "pgm", "pbm", "pnm", "pam", "tif", "tiff", "bmp", "qoi", "webp", "gif", "tga", "ico", "ff",
    "jpg", "jpeg",
];
const ANSEL_EXTENSION: &str = "ansel";

/// Runs the program.
pub fn run() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Compress(arguments) => compress(&arguments),
        Command::Decompress(arguments) => decompress(&arguments),
        Command::Info(arguments) => for_each([(&Place::new(&arguments.file), ())], |file, ()| info(&arguments, file)),
        Command::Verify(arguments) => verify(&arguments),
        Command::Models(arguments) => models(&arguments).map_err(|error| fail(None, &error)),
    };
    result.err().unwrap_or(ExitCode::SUCCESS)
}

/// Prints an error on one line; returns the exit code for it.
fn fail(input: Option<&Place>, error: &Error) -> ExitCode {
    if let Error::Io { action: "write", source, .. } = error
        && source.kind() == std::io::ErrorKind::BrokenPipe
    {
        return ExitCode::SUCCESS; // whoever read our output has seen enough
    }
    let text = error.to_string().replace('\n', " ");
    match (input, error) {
        (Some(input), Error::Format(_) | Error::Image(_) | Error::Unsupported(_) | Error::LimitsExceeded { .. }) => {
            eprintln!("ansel: {input}: {text}");
        }
        _ => eprintln!("ansel: {text}"),
    }
    ExitCode::from(match error {
        Error::Io { .. } => 1,
        Error::Format(_) | Error::Image(_) => 3,
        Error::Unsupported(_) => 4,
        Error::LimitsExceeded { .. } | Error::OutOfMemory { .. } => 5,
        Error::Model(_) | Error::Runtime(_) => 6,
        Error::Verification(_) => 7,
        _ => 1,
    })
}

/// Runs `work` on every input and what comes with it, whatever becomes of the others; returns the exit code of the
/// first failure.
fn for_each<'a, T>(
    inputs: impl IntoIterator<Item = (&'a Place, T)>,
    work: impl Fn(&'a Place, T) -> Result<()>,
) -> std::result::Result<(), ExitCode> {
    let mut first = Ok(());
    for (input, with) in inputs {
        if let Err(error) = work(input, with) {
            let code = fail(Some(input), &error);
            first = first.and(Err(code));
        }
    }
    first
}

/// A codec as the options have it.
fn codec(engine: &Engine) -> Result<CodecBuilder> {
    let named = ansel::models().iter().any(|model| model.name == engine.model);
    let model = if named || !std::path::Path::new(&engine.model).exists() {
        ModelChoice::Named(engine.model.clone())
    } else {
        ModelChoice::File(paths::read(&Place::File(engine.model.clone().into()))?.into())
    };
    let device = match engine.device {
        DeviceName::Auto => Device::Auto,
        DeviceName::Cpu => Device::Cpu,
        DeviceName::Cuda => Device::Cuda,
    };
    let threads = engine.threads.map_or(0, NonZeroUsize::get);
    Ok(Codec::builder().model(model).threads(threads).device(device).limits(limits(engine)))
}

/// Progress on a bar.
fn shown_on(bar: &ProgressBar) -> Progress {
    let bar = bar.clone();
    Progress(Arc::new(move |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    }))
}

fn limits(engine: &Engine) -> Limits {
    Limits { samples: engine.max_samples, ..Limits::default() }
}

/// A progress bar on the terminal, none elsewhere.
fn progress_bar(report: &Report) -> ProgressBar {
    if report.quiet || report.json {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{wide_msg} [{bar:30}] {percent:>3} %  {eta:>4}");
    ProgressBar::no_length().with_style(style.expect("a valid template"))
}

fn compress(arguments: &Compress) -> std::result::Result<(), ExitCode> {
    let Compress { code, allow_lossy_source, clear_hidden_colour, transforms, effort } = arguments;
    let Code { inputs, output, engine, report, strip } = code;
    let inputs = paths::list(inputs, &IMAGE_EXTENSIONS)
        .and_then(|inputs| paths::with_destinations(inputs, output, ANSEL_EXTENSION))
        .map_err(|e| fail(None, &e))?;
    let bar = progress_bar(report);
    let transforms = match transforms {
        TransformsName::All => Transforms::All,
        TransformsName::None => Transforms::None,
    };
    let effort = match effort {
        EffortName::Low => Effort::Low,
        EffortName::Default => Effort::Default,
        EffortName::Max => Effort::Max,
    };
    let codec = codec(engine).and_then(|builder| builder.transforms(transforms).effort(effort).build());
    let codec = codec.map_err(|e| fail(None, &e))?.reporting(shown_on(&bar));
    let result = for_each(inputs.iter().map(|(input, target)| (input, target)), |input, target| {
        paths::check_overwrite(target, output.force)?;
        bar.set_message(input.to_string());
        let reading = |error| paths::about("read", input.path())(error);
        let mut image = ansel::open_image(paths::open(input)?, &limits(engine)).map_err(reading)?;
        if let (Some(source), false) = (image.lossy_source(), allow_lossy_source) {
            return Err(lossy_source(source));
        }
        if !strip {
            warn_not_kept(report, &bar, input, image.not_kept());
        }
        let mut metadata = if *strip { Metadata::default() } else { image.metadata().clone() };
        if *clear_hidden_colour {
            metadata.clear_hidden_colour();
        }
        let info = image.info();
        let mut bytes = 0;
        paths::write(target, output.force, |file| {
            let mut encoder = codec.encoder(info, &metadata, file)?;
            while image.rows_left() > 0 {
                let mut planes = image.read_rows(encoder.rows_wanted()).map_err(reading)?;
                if *clear_hidden_colour {
                    planes.clear_hidden_colour();
                }
                encoder.write_rows(&planes)?;
            }
            bytes = encoder.finish()?.1;
            Ok(())
        })?;
        bar.suspend(|| report::coded(report, input, target, info, bytes));
        Ok(())
    });
    bar.finish_and_clear();
    result
}

/// Names what is lost of an image's metadata.
fn warn_not_kept(report: &Report, bar: &ProgressBar, file: &Place, not_kept: &[String]) {
    if !not_kept.is_empty() && !report.quiet {
        bar.suspend(|| eprintln!("ansel: {file}: not kept: {}", not_kept.join(", ")));
    }
}

fn lossy_source(source: &str) -> Error {
    let what = format!(
        "pixels decoded from {source}: the file is smaller than they are without loss, so keep it \
         (or use --allow-lossy-source)"
    );
    Error::Unsupported(what)
}

/// The image format that a file name asks for; PNG for standard output.
fn output_format(target: &Place) -> Result<ImageFormat> {
    let format = match target {
        Place::Standard => Ok(ImageFormat::Png),
        Place::File(path) => ImageFormat::from_path(path),
    };
    match format {
        Ok(format) if ansel::WRITABLE_FORMATS.contains(&format) => Ok(format),
        _ => Err(Error::Unsupported(format!(
            "the output format of {target} (use .png, .tiff, .ppm, .pgm, .pbm, .pam, .bmp, .qoi or .webp)"
        ))),
    }
}

/// Fails for a PNM file whose name says that it has other channels.
fn check_extension(target: &Place, format: ImageFormat, channels: usize) -> Result<()> {
    let Place::File(path) = target else { return Ok(()) };
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    let held: &[usize] = match extension.to_str() {
        _ if format != ImageFormat::Pnm => return Ok(()),
        Some("pbm" | "pgm") => &[1],
        Some("ppm") => &[3],
        Some("pam") => &[1, 2, 3, 4],
        _ => &[1, 3],
    };
    if held.contains(&channels) {
        return Ok(());
    }
    let other = ["", ".pgm", ".pam", ".ppm", ".pam"][channels];
    Err(Error::Unsupported(format!("{channels} channels in {target} (write {other} or .png)")))
}

/// What is decompressed.
enum Source<R> {
    /// A rectangle, and the metadata of the image.
    Region(Planes, Metadata),
    /// All of it.
    Whole(Decoder<R>),
}

fn decompress(arguments: &Decompress) -> std::result::Result<(), ExitCode> {
    let Decompress { code: Code { inputs, output, engine, report, strip }, crop } = arguments;
    let inputs = paths::list(inputs, &[ANSEL_EXTENSION])
        .and_then(|inputs| paths::with_destinations(inputs, output, "png"))
        .map_err(|e| fail(None, &e))?;
    let bar = progress_bar(report);
    let codec = codec(engine).and_then(CodecBuilder::build).map_err(|e| fail(None, &e))?.reporting(shown_on(&bar));
    let result = for_each(inputs.iter().map(|(input, target)| (input, target)), |input, target| {
        paths::check_overwrite(target, output.force)?;
        let format = output_format(target)?;
        bar.set_message(input.to_string());
        let reading = |error| paths::about("read", input.path())(error);
        let mut source = match crop {
            Some(crop) => {
                let mut archive = codec.open(paths::open(input)?).map_err(reading)?;
                let region = archive.region(*crop).map_err(reading)?;
                Source::Region(region, archive.metadata().clone())
            }
            None => Source::Whole(codec.decoder(paths::open(input)?).map_err(reading)?),
        };
        let (info, metadata) = match &source {
            Source::Region(planes, metadata) => (ImageInfo::of(planes), metadata.clone()),
            Source::Whole(decoder) => (decoder.header().info(), decoder.metadata().clone()),
        };
        let metadata = if *strip { Metadata::default() } else { metadata };
        check_extension(target, format, info.channels)?;
        let mut not_kept = Vec::new();
        paths::write(target, output.force, |file| {
            let mut writer = ansel::create_image(info, &metadata, format, file)?;
            not_kept = writer.not_kept().to_vec();
            match &mut source {
                Source::Region(planes, _) => writer.write_rows(planes)?,
                Source::Whole(decoder) => {
                    while let Some(band) = decoder.next_band().map_err(reading)? {
                        writer.write_rows(&band)?;
                    }
                }
            }
            writer.finish()
        })?;
        warn_not_kept(report, &bar, target, &not_kept);
        bar.suspend(|| report::decoded(report, input, target, info));
        Ok(())
    });
    bar.finish_and_clear();
    result
}

fn verify(arguments: &Verify) -> std::result::Result<(), ExitCode> {
    let Verify { files, engine, report } = arguments;
    let files = paths::list(files, &[ANSEL_EXTENSION]).map_err(|e| fail(None, &e))?;
    let bar = progress_bar(report);
    let codec = codec(engine).and_then(CodecBuilder::build).map_err(|e| fail(None, &e))?.reporting(shown_on(&bar));
    let result = for_each(files.iter().map(|file| (file, ())), |file, ()| {
        bar.set_message(file.to_string());
        let verified = codec.verify(paths::open(file)?).map_err(paths::about("read", file.path()))?;
        bar.suspend(|| report::verified(report, file, &verified));
        Ok(())
    });
    bar.finish_and_clear();
    result
}

fn info(arguments: &Info, file: &Place) -> Result<()> {
    let codec = codec(&arguments.engine)?.build()?;
    let (input, reading) = (paths::open(file)?, paths::about("read", file.path()));
    let (info, ideal_bits) = if arguments.bits {
        let verified = codec.verify(input).map_err(reading)?;
        (verified.info, Some(verified.ideal_bits))
    } else {
        (codec.read_info(input).map_err(reading)?, None)
    };
    report::info(arguments.json, file, &info, ideal_bits);
    Ok(())
}

fn models(arguments: &Models) -> Result<()> {
    report::models(arguments.json)
}
