//! Arguments of a run over many files.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

/// How many files are worked on at once.
#[derive(Debug, Args)]
pub struct SideBySide {
    /// Files that are worked on side by side [default: with --recursive one per core, else 1]
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// About the most memory for the images that are worked on side by side: the others wait. One that takes more is worked
    /// on alone
    #[arg(long, default_value = "4G", value_parser = bytes, value_name = "BYTES")]
    pub memory: u64,
}

/// How many files are compressed.
#[derive(Debug, Args)]
pub struct Batch {
    #[command(flatten)]
    pub side_by_side: SideBySide,
    /// Go on after an interruption: skip the inputs whose results are there. The manifest's checksums show that they
    /// are right; without a manifest, they are decoded and compared
    #[arg(long, conflicts_with = "force")]
    pub resume: bool,
    /// Write a line of JSON for each result, with checksums of input, pixels and result, for `ansel verify --manifest`
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// Store results that are the same once, with hard links
    #[arg(long)]
    pub dedup: bool,
}

impl Batch {
    /// Whether any of it was asked for.
    pub fn is_used(&self) -> bool {
        self.side_by_side.jobs.is_some() || self.resume || self.manifest.is_some() || self.dedup
    }
}

/// Bytes, with K, M, G or T for powers of 1024.
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
