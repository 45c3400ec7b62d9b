//! Compresses the images in a folder, several at once, with one codec for all threads: `cargo run --release --example
//! rayon-batch -- IN OUT`. JPEG files can be restored byte for byte.

use std::error::Error;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ansel::{Codec, Limits};
use rayon::prelude::*;

/// Compresses one file; returns its length and that of the result, in bytes.
fn compress(codec: &Codec, source: &Path, folder: &Path) -> Result<(u64, u64), Box<dyn Error + Send + Sync>> {
    let bytes = std::fs::read(source)?;
    let file = if bytes.starts_with(b"\xff\xd8\xff") {
        codec.compress_jpeg(&bytes)?
    } else {
        let image = ansel::read_image(Cursor::new(&bytes), codec.limits())?;
        codec.compress(&image.planes, &image.metadata)?
    };
    // The file is renamed when it is complete: readers of the folder never see partial files.
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

/// Compresses the files in one folder to another; returns an error if any failed.
pub fn run(arguments: &[PathBuf]) -> Result<(), Box<dyn Error>> {
    let [source, target] = arguments else { return Err("usage: rayon-batch IN OUT".into()) };
    std::fs::create_dir_all(target)?;
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(source)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    files.retain(|path| path.is_file());
    files.sort();
    // The codec uses the threads of this pool, so that there are no more threads than cores.
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
