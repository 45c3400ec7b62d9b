//! Arguments for runs over many files.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

/// How many files are processed at once.
#[derive(Debug, Args)]
pub struct SideBySide {
    /// Number of files to process at once [default: one per core with --recursive, otherwise 1]
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Approximate memory limit of the program: images that would exceed it wait until others are done. An image that
    /// exceeds it alone is processed alone
    #[arg(long, default_value = "4G", value_parser = bytes, value_name = "BYTES")]
    pub memory: u64,
}

/// Options of runs that compress many files.
#[derive(Debug, Args)]
pub struct Batch {
    #[command(flatten)]
    pub side_by_side: SideBySide,
    /// Continue an interrupted run: skip inputs whose results exist. With a manifest, its checksums are checked;
    /// without one, the results are decoded and compared
    #[arg(long, conflicts_with = "force")]
    pub resume: bool,
    /// Write a line of JSON per result, with checksums of input, pixels and result, for `ansel verify --manifest`
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// Store identical results once, with hard links
    #[arg(long)]
    pub dedup: bool,
}

impl Batch {
    /// Whether any of these options was given.
    pub fn is_used(&self) -> bool {
        self.side_by_side.jobs.is_some() || self.resume || self.manifest.is_some() || self.dedup
    }
}

/// A number of bytes, with K, M, G or T for powers of 1024.
fn bytes(text: &str) -> Result<u64, String> {
    let units = [('K', 10), ('M', 20), ('G', 30), ('T', 40)];
    let unit = units.iter().find(|(letter, _)| text.to_ascii_uppercase().ends_with(*letter));
    let (number, shift) = unit.map_or((text, 0), |(_, shift)| (&text[..text.len() - 1], *shift));
    let number = number.parse::<u64>().ok().filter(|number| *number > 0 && number.leading_zeros() > shift);
    number.map(|number| number << shift).ok_or_else(|| "a number of bytes is needed, such as 500M or 4G".to_owned())
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_have_units() {
        for (text, expected) in [("1", 1), ("3k", 3 << 10), ("500M", 500 << 20), ("4G", 4 << 30), ("1T", 1 << 40)] {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
        for wrong in ["", "G", "0", "-1", "1.5G", "1Q", "18446744073709551615K", "\u{e9}"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
