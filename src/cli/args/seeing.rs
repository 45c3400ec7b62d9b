//! Arguments of the commands that show where the bits go.

use std::path::PathBuf;

use clap::Args;

use super::{DecodingModel, Engine, Limits, Output, Report};

/// The arguments of `map`.
#[derive(Debug, Args)]
pub struct Map {
    /// .ansel files, or folders of them; `-` is standard input. Of two paths, the second is the output if it ends in
    /// .png
    #[arg(required = true, value_name = "FILE")]
    pub inputs: Vec<PathBuf>,
    /// Output file, or folder (required for several inputs unless results go beside them); `-` is standard output
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,
    /// Overwrite existing files; write to a terminal
    #[arg(short, long)]
    pub force: bool,
    /// Include all subfolders, and create them in the output folder
    #[arg(short, long)]
    pub recursive: bool,
    /// Show the bits of one channel instead of all together: 1 is the first
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=4))]
    pub channel: Option<u8>,
    /// Bits at the end of the scale, to compare maps [default: nearly all pixels are within the scale]
    #[arg(long, value_name = "BITS", value_parser = positive)]
    pub scale: Option<f32>,
    #[command(flatten)]
    pub model: DecodingModel,
    #[command(flatten)]
    pub engine: Engine,
    #[command(flatten)]
    pub limits: Limits,
    #[command(flatten)]
    pub report: Report,
}

impl Map {
    /// The destination of results.
    pub fn place(&self) -> Output {
        Output { output: self.output.clone(), force: self.force, recursive: self.recursive, rm: false }
    }
}

/// The arguments of `report`.
#[derive(Debug, Args)]
pub struct PageOf {
    /// Folders of .ansel files, with all subfolders; or .ansel files
    #[arg(required = true, value_name = "DIR")]
    pub inputs: Vec<PathBuf>,
    /// Output file; `-` is standard output
    #[arg(short, long, value_name = "OUT", default_value = "report.html")]
    pub output: PathBuf,
    /// Overwrite an existing page; write to a terminal
    #[arg(short, long)]
    pub force: bool,
    /// The manifest of the files, for the sizes of their sources and under other codecs
    #[arg(long, value_name = "MANIFEST")]
    pub manifest: Option<PathBuf>,
    /// Number of images to show from the best, and as many from the worst: these are decoded
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub show: usize,
    #[command(flatten)]
    pub model: DecodingModel,
    #[command(flatten)]
    pub engine: Engine,
    #[command(flatten)]
    pub limits: Limits,
    #[command(flatten)]
    pub report: Report,
}

fn positive(text: &str) -> Result<f32, String> {
    let number = text.parse::<f32>().ok().filter(|number| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| "a positive number is needed, such as 24".to_owned())
}
