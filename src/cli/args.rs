//! The command line.

mod batch;
mod seeing;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::LazyLock;

use ansel::Level;
use clap::{Args, Parser, Subcommand, ValueEnum};

pub use self::batch::{Batch, SideBySide};
pub use self::seeing::{Map, PageOf};

const AFTER_HELP: &str = "\
Examples:
  ansel compress photo.png                 writes photo.ansel
  ansel compress photo.png small.ansel -e 9
  ansel compress *.png -o archive/         writes archive/NAME.ansel for each
  ansel compress -r photos -o archive      with all folders below, as they are there
  ansel compress -r photos -o archive --manifest archive/manifest.jsonl --resume
                                           goes on where it was interrupted
  ansel verify --manifest archive/manifest.jsonl
  ansel decompress photo.ansel             writes photo.png
  ansel decompress photo.ansel -o a.tiff   the format follows the extension:
                                           png, tiff, pbm, pgm, ppm, pam, bmp, qoi, webp
  ansel compress photo.jpg                 photo.ansel, which gives back the same JPEG file:
  ansel decompress photo.ansel             writes photo.jpg; -o photo.png writes its pixels
  ansel compress - < photo.png > photo.ansel
  ansel decompress huge.ansel --crop 9000,4000,640,480 -o part.png
  ansel info photo.ansel --bits
  ansel verify archive/
  ansel map photo.ansel                    writes photo.map.png: the bits of each pixel
  ansel report archive --manifest archive/manifest.jsonl
                                           writes report.html

Results, and JSON, are on standard output; status and warnings are on standard error.

Exit codes:
  0  success
  1  a file could not be read or written
  2  wrong usage
  3  an input is damaged, or not an image, or not an ansel file
  4  an input is valid, but not supported
  5  an input is beyond the limits
  6  the model or ONNX Runtime cannot be used
  7  a result did not decode to its source; it was not written

With several inputs, all are tried, and the exit code is that of the first failure.
Set ORT_DYLIB_PATH to use another ONNX Runtime library than the one beside the program.";

/// Lossless image compression with neural density models.
#[derive(Debug, Parser)]
#[command(name = "ansel", version, long_version = LONG_VERSION.as_str(), after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

/// The output of `--version`; `-V` prints the number only.
static LONG_VERSION: LazyLock<String> = LazyLock::new(|| {
    let runtime = if cfg!(feature = "ort") { "with" } else { "without" };
    format!("{}\n{runtime} ONNX Runtime, instructions {}", env!("CARGO_PKG_VERSION"), ansel::instructions())
});

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compress images: PNG, PNM, TIFF, BMP, QOI, WebP, GIF, TGA, ICO, farbfeld; or JPEG files
    ///
    /// Grey and RGB, with or without alpha, 1 to 16 bits. JPEG files come back byte for byte. Lossy WebP needs
    /// --allow-lossy-source.
    Compress(Compress),
    /// Decompress .ansel files to PNG, TIFF, PNM, BMP, QOI or lossless WebP; or to the JPEG files that they hold
    Decompress(Decompress),
    /// Show the contents of .ansel files, without decoding them
    Info(Info),
    /// Decode .ansel files and check their checksums; writes nothing
    Verify(Verify),
    /// Draw a map of the bits that each pixel of an .ansel file takes, as PNG
    Map(Map),
    /// Write an HTML page about many .ansel files: sizes, a histogram, the best and worst images with their maps
    Report(PageOf),
    /// List the built-in models
    Models(Models),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or that of one command
    Man {
        /// The command
        command: Option<String>,
    },
}

/// The arguments of `compress`.
#[derive(Debug, Args)]
pub struct Compress {
    /// Images, folders of images, or URLs of object stores; `-` is standard input. Of two paths, the second is the
    /// output if it ends in .ansel
    #[arg(required = true, value_name = "IN")]
    pub inputs: Vec<PathBuf>,
    #[command(flatten)]
    pub output: Output,
    /// Level of effort: 1 is the fastest, 9 gives the smallest files [default: 6]
    ///
    /// Higher levels take more time, to compress and to decompress:
    ///   1            the smallest networks
    ///   2            the same, with biases fitted to the image
    ///   3            small networks
    ///   4    fast    the same, with biases fitted to the image
    ///   5    low     default networks
    ///   6    default default networks, with biases fitted to the image
    ///   7            large networks, with biases fitted to the image
    ///   8    high    default networks that go on learning while they code photographs
    ///   9    max     large networks that go on learning while they code photographs
    #[arg(short, long, default_value = "6", hide_default_value = true, value_name = "LEVEL", verbatim_doc_comment)]
    pub effort: Level,
    /// Networks to use instead of the level's: `turbo`, `fast`, `default`, `max`, `flow`, `realnvp` or `vae` (see
    /// `ansel models`), or an ONNX file, which is then needed to decompress
    #[arg(short, long, value_name = "NAME|FILE")]
    pub model: Option<String>,
    /// Drop all metadata: ICC profile, Exif, XMP, palette order, PNG chunks (with a transparent colour among them)
    #[arg(long)]
    pub strip: bool,
    /// Also compress the pixels of lossy WebP files, and the pixels of JPEG files instead of the files themselves: the
    /// result is larger than the source file, which is usually the better thing to keep
    #[arg(long)]
    pub allow_lossy_source: bool,
    /// Set the colour of fully transparent pixels to 0 instead of keeping it
    #[arg(long)]
    pub clear_hidden_colour: bool,
    /// Whether to try reversible transforms (palette, unused values, luma-chroma recovery) and use them where they help
    #[arg(long, value_enum, default_value_t = TransformsName::All)]
    pub transforms: TransformsName,
    /// Whether to decode and compare each result before it is put in place
    #[arg(long, value_enum, default_value_t = VerifyName::Full)]
    pub verify: VerifyName,
    #[command(flatten)]
    pub batch: Batch,
    #[command(flatten)]
    pub engine: Engine,
    #[command(flatten)]
    pub limits: Limits,
    #[command(flatten)]
    pub report: Report,
}

/// The arguments of `decompress`.
#[derive(Debug, Args)]
pub struct Decompress {
    /// .ansel files, folders of them, or URLs of object stores; `-` is standard input. Of two paths, the second is the
    /// output if it has the extension of an image format
    #[arg(required = true, value_name = "IN")]
    pub inputs: Vec<PathBuf>,
    #[command(flatten)]
    pub output: Output,
    /// Decompress only a rectangle: left column, top row, width, height; other tiles are not read
    #[arg(long, value_name = "X,Y,W,H", value_parser = rectangle)]
    pub crop: Option<ansel::Rect>,
    /// Write what is intact of a damaged file, with 0 for lost samples; exits with 3 if any are lost
    #[arg(long, conflicts_with = "crop")]
    pub salvage: bool,
    /// Write only the pixels: no ICC profile, Exif, XMP, palette, PNG chunks
    #[arg(long)]
    pub strip: bool,
    #[command(flatten)]
    pub side_by_side: SideBySide,
    #[command(flatten)]
    pub model: DecodingModel,
    #[command(flatten)]
    pub engine: Engine,
    #[command(flatten)]
    pub limits: Limits,
    #[command(flatten)]
    pub report: Report,
}

fn rectangle(text: &str) -> Result<ansel::Rect, String> {
    let numbers: Result<Vec<u32>, _> = text.split(',').map(str::parse).collect();
    match numbers.as_deref() {
        Ok(&[x, y, width, height]) => Ok(ansel::Rect { x, y, width, height }),
        _ => Err("four numbers are needed, such as 0,0,640,480".to_owned()),
    }
}

#[derive(Debug, Args)]
pub struct Info {
    /// .ansel files, folders of them, or URLs of object stores; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Include all subfolders
    #[arg(short, long)]
    pub recursive: bool,
    /// Also decode, and show the ideal code length under the model beside the actual size
    #[arg(long)]
    pub bits: bool,
    /// The ONNX file that files were made with, if they were made with one, for --bits
    #[arg(short, long, value_name = "FILE", requires = "bits")]
    pub model: Option<String>,
    /// Threads for --bits [default: one per core]
    #[arg(short, long, value_name = "N", requires = "bits")]
    pub threads: Option<NonZeroUsize>,
    /// Device that runs the networks, for --bits [default: auto]
    #[arg(long, value_enum, requires = "bits")]
    pub device: Option<DeviceName>,
    #[command(flatten)]
    pub limits: Limits,
    /// Print JSON: one object per file, warning and failure
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// .ansel files, folders of them, or URLs of object stores; `-` is standard input
    #[arg(required_unless_present = "manifest", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Verify the files in a manifest of `compress --manifest`: that they exist, and match its checksums
    #[arg(long, value_name = "MANIFEST", conflicts_with = "files")]
    pub manifest: Option<PathBuf>,
    /// Include all subfolders
    #[arg(short, long)]
    pub recursive: bool,
    #[command(flatten)]
    pub model: DecodingModel,
    #[command(flatten)]
    pub engine: Engine,
    #[command(flatten)]
    pub limits: Limits,
    #[command(flatten)]
    pub report: Report,
}

#[derive(Debug, Args)]
pub struct Models {
    /// Print JSON: one object per model
    #[arg(long)]
    pub json: bool,
    /// Also show the device, engine and instructions in use
    #[arg(short, long)]
    pub verbose: bool,
}

/// The destination of results.
#[derive(Debug, Args)]
pub struct Output {
    /// Output file, folder (required for several inputs unless results go beside them), or URL; `-` is standard output
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,
    /// Overwrite existing files; write to a terminal
    #[arg(short, long)]
    pub force: bool,
    /// Include all subfolders, and create them in the output folder
    #[arg(short, long)]
    pub recursive: bool,
    /// Remove each input once its result is on the disk and was read back, unless some of the input was not kept
    #[arg(long)]
    pub rm: bool,
}

/// The model to decompress with.
#[derive(Debug, Args)]
pub struct DecodingModel {
    /// The ONNX file that a file was made with, if it was made with one
    #[arg(short, long, value_name = "FILE")]
    pub model: Option<String>,
}

/// How networks run.
#[derive(Debug, Args)]
pub struct Engine {
    /// Number of threads; does not change the result [default: one per core]
    #[arg(short, long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Device that runs the networks
    #[arg(long, value_enum, default_value_t = DeviceName::Auto)]
    pub device: DeviceName,
}

/// Limits on the input.
#[derive(Debug, Args)]
pub struct Limits {
    /// Greatest number of samples (width x height x channels) in an image
    #[arg(long, default_value_t = ansel::Limits::default().samples, value_name = "N")]
    pub max_samples: u64,
    /// Greatest number of bytes of metadata in an image
    #[arg(long, default_value_t = ansel::Limits::default().metadata_bytes, value_name = "N")]
    pub max_metadata: u64,
}

/// What to print.
#[derive(Debug, Args)]
pub struct Report {
    /// Print only errors
    #[arg(short, long)]
    pub quiet: bool,
    /// Print JSON: one object per file, warning and failure
    #[arg(long, conflicts_with = "quiet")]
    pub json: bool,
    /// Also show the device, engine, instructions and threads in use, and the time taken
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,
}

/// The values of `--verify`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum VerifyName {
    /// Decode each result, and compare all samples
    Full,
    /// Do not decode: a fault would be detected when the file is read
    None,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum TransformsName {
    /// All of them
    All,
    /// None: code the samples unchanged
    None,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum DeviceName {
    /// CUDA if available, otherwise the CPU
    Auto,
    /// The CPU
    Cpu,
    /// CUDA
    Cuda,
}
