//! Compresses the images of a folder, several at once, with one codec for all threads:
//! `cargo run --release --example rayon-batch -- IN OUT`. JPEG files are kept byte for byte.

use std::error::Error;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ansel::{Codec, Limits};
use rayon::prelude::*;

/// Compresses one file; returns the bytes of it and of the result.
fn compress(codec: &Codec, source: &Path, folder: &Path) -> Result<(u64, u64), Box<dyn Error + Send + Sync>> {
    let bytes = std::fs::read(source)?;
    let file = if bytes.starts_with(b"\xff\xd8\xff") {
        codec.compress_jpeg(&bytes)?
    } else {
        let image = ansel::read_image(Cursor::new(&bytes), codec.limits())?;
        codec.compress(&image.planes, &image.metadata)?
    };
    // A name is given when the file is complete: whoever reads the folder sees whole files.
    let target = folder.join(source.file_name().ok_or("a path without a name")?).with_extension("ansel");
    let unfinished = target.with_extension("ansel-unfinished");
    std::fs::write(&unfinished, &file)?;
    std::fs::rename(&unfinished, &target)?;
    Ok((bytes.len() as u64, file.len() as u64))
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    run(&arguments)
}

/// Compresses the files of one folder into another; an error if any failed.
pub fn run(arguments: &[PathBuf]) -> Result<(), Box<dyn Error>> {
    let [source, target] = arguments else { return Err("usage: rayon-batch IN OUT".into()) };
    std::fs::create_dir_all(target)?;
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(source)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    files.retain(|path| path.is_file());
    files.sort();
    // The codec works in the threads of this pool, so that there are no more of them than cores.
    let pool = Arc::new(rayon::ThreadPoolBuilder::new().build()?);
    let codec = Codec::builder().pool(Arc::clone(&pool)).limits(Limits::default()).build()?;
    let results: Vec<_> = pool.install(|| files.par_iter().map(|path| compress(&codec, path, target)).collect());
    let mut failed = 0;
    for (path, result) in files.iter().zip(results) {
        match result {
            Ok((before, after)) => println!("{}: {before} -> {after} bytes", path.display()),
            Err(error) => {
                failed += 1;
                eprintln!("{}: {error}", path.display());
            }
        }
    }
    if failed == 0 { Ok(()) } else { Err(format!("{failed} of {} files failed", files.len()).into()) }
}
