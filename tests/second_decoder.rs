//! The golden files under the second decoder, `tests/decoder/decode.py`, which was written from the format's text
//! alone: both decoders must agree on every sample. Needs Python 3.9, as the build does.

use std::path::{Path, PathBuf};
use std::process::Command;

use ansel::Codec;

/// Files with more samples than this take the second decoder too long.
const MOST_SAMPLES: u64 = 7000;

fn golden_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1");
    let entries = std::fs::read_dir(folder).expect("the golden files");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "ansel"));
    files.sort();
    files
}

/// Decodes with the second decoder, to the bytes of a PPM or PGM file.
fn second_decoder(file: &Path, output: &Path) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = if cfg!(windows) { "python" } else { "python3" };
    let mut command = Command::new(python);
    command.arg(root.join("tests/decoder/decode.py")).arg(file).arg(root.join("models")).arg(output);
    let result = command.output().expect("python3");
    assert!(result.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&result.stderr));
    std::fs::read(output).expect("the decoded image")
}

#[test]
fn a_decoder_written_from_the_specification_agrees_on_every_sample() {
    let folder = tempfile::tempdir().expect("a folder");
    let codec = Codec::default();
    let mut compared = 0;
    for file in golden_files() {
        let bytes = std::fs::read(&file).expect("a golden file");
        let info = codec.read_info(std::io::Cursor::new(&bytes)).expect("a valid file");
        if info.header.samples() > MOST_SAMPLES {
            continue;
        }
        let planes = codec.decompress(&bytes).expect("a golden file decodes").planes;
        let interleaved = planes.samples().view().permuted_axes([1, 2, 0]);
        let expected: Vec<u8> = interleaved.iter().map(|&sample| sample as u8).collect();
        let image = second_decoder(&file, &folder.path().join("image.pnm"));
        assert!(image.ends_with(&expected) && image.len() < expected.len() + 32, "{}", file.display());
        compared += 1;
    }
    assert!(compared >= 8, "only {compared} files were small enough");
}
