//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

const AFTER_HELP: &str = "\
Examples:
  ansel compress photo.png                 writes photo.ansel
  ansel compress *.png -o archive/         writes archive/NAME.ansel for each
  ansel compress photo.png --model max     smaller and slower; `fast` is the other way
  ansel decompress photo.ansel             writes photo.png
  ansel decompress photo.ansel -o a.tiff   the format follows the extension:
                                           png, tiff, pbm, pgm, ppm, pam, bmp, qoi, webp
  ansel compress - < photo.png > photo.ansel
  ansel decompress huge.ansel --crop 9000,4000,640,480 -o part.png
  ansel info photo.ansel --bits
  ansel verify archive/

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
#[command(name = "ansel", version, after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compress images: PNG, PNM, TIFF, BMP, QOI, WebP, GIF, TGA, ICO, farbfeld
    ///
    /// Grey and RGB, with alpha or without, of 1 to 16 bits. JPEG and lossy WebP with --allow-lossy-source only.
    Compress(Compress),
    /// Decompress .ansel files to images: PNG, TIFF, PNM, BMP, QOI, lossless WebP
    Decompress(Decompress),
    /// Show what an .ansel file holds, without decoding it
    Info(Info),
    /// Decode .ansel files and compare checksums; writes nothing
    Verify(Verify),
    /// List the models that this program carries
    Models(Models),
}

/// The arguments of `compress` and `decompress`.
#[derive(Debug, Args)]
pub struct Code {
    /// Files, or folders of files; `-` is standard input
    #[arg(required = true, value_name = "IN")]
    pub inputs: Vec<PathBuf>,
    #[command(flatten)]
    pub output: Output,
    #[command(flatten)]
    pub engine: Engine,
    #[command(flatten)]
    pub report: Report,
    /// Drop all metadata: ICC profile, Exif, XMP, palette order, PNG chunks (with a transparent colour among them)
    #[arg(long)]
    pub strip: bool,
}

/// The arguments of `compress`.
#[derive(Debug, Args)]
pub struct Compress {
    #[command(flatten)]
    pub code: Code,
    /// Compress the pixels of JPEG and lossy WebP files, too: the result is larger than the file, which is the
    /// better thing to keep
    #[arg(long)]
    pub allow_lossy_source: bool,
    /// Do not keep the colour of wholly transparent pixels: they become 0
    #[arg(long)]
    pub clear_hidden_colour: bool,
    /// Whether to try reversible transforms (palette, unused values, luma-chroma recovery) and keep what is smallest
    #[arg(long, value_enum, default_value_t = TransformsName::All)]
    pub transforms: TransformsName,
    /// How much time to spend for a smaller file, when compressing and when decompressing it
    #[arg(long, value_enum, default_value_t = EffortName::Default)]
    pub effort: EffortName,
}

/// The arguments of `decompress`.
#[derive(Debug, Args)]
pub struct Decompress {
    #[command(flatten)]
    pub code: Code,
    /// Decompress a rectangle only: left column, top row, width, height; no other tiles are read
    #[arg(long, value_name = "X,Y,W,H", value_parser = rectangle)]
    pub crop: Option<ansel::Rect>,
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
    /// An .ansel file; `-` is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Also decode, and show the model's ideal code length beside the bytes
    #[arg(long)]
    pub bits: bool,
    #[command(flatten)]
    pub engine: Engine,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// .ansel files or folders of them; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub engine: Engine,
    #[command(flatten)]
    pub report: Report,
}

#[derive(Debug, Args)]
pub struct Models {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Where results go.
#[derive(Debug, Args)]
pub struct Output {
    /// Output file, or folder (needed for several inputs, if not beside them); `-` is standard output
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,
    /// Overwrite files that exist
    #[arg(short, long)]
    pub force: bool,
}

/// How the work is done.
#[derive(Debug, Args)]
pub struct Engine {
    /// Models to compress with: `fast`, `default` or `max` (see `ansel models`), or an ONNX file; a file that was
    /// made with an ONNX file needs the same one to be decompressed
    #[arg(short, long, default_value = "default", value_name = "NAME|FILE")]
    pub model: String,
    /// Threads; the result is the same for any number [default: one per core]
    #[arg(short, long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Most samples (width x height x channels) of an image
    #[arg(long, default_value_t = ansel::Limits::default().samples, value_name = "N")]
    pub max_samples: u64,
    /// Where networks run
    #[arg(long, value_enum, default_value_t = DeviceName::Auto)]
    pub device: DeviceName,
}

/// What is printed.
#[derive(Debug, Args)]
pub struct Report {
    /// Print nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
    /// Print one JSON object per file
    #[arg(long, conflicts_with = "quiet")]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum TransformsName {
    /// All of them
    All,
    /// None: code the samples as they are
    None,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum EffortName {
    /// Networks as they were trained
    Low,
    /// Networks for photographs with biases of the image's own
    Default,
    /// Networks for photographs go on learning while they code: smaller files, several times slower
    Max,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum DeviceName {
    /// CUDA if it is there, else the CPU
    Auto,
    /// The CPU
    Cpu,
    /// CUDA
    Cuda,
}
