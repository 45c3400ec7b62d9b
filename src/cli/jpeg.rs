//! JPEG files, which are restored byte for byte.

use std::fs::File;
use std::io::{self, BufRead, Read};

use ansel::{Codec, Error, FileKind, JpegInfo};

use super::batch::{Budget, Share};
use super::failure::{Failure, Result, about, io_error};
use super::input::{ReadSeek, has_extension};
use super::jobs::Job;
use super::output::Written;
use super::place::Place;
use super::shared::{Compressed, Compressing, Decompressing, Placement};
use super::{describe, options, output};

/// Extensions of JPEG files.
pub const EXTENSIONS: [&str; 2] = ["jpg", "jpeg"];
/// Approximate memory for compression per byte of a JPEG file, in bytes; most of it is for coefficients.
const BYTES_FOR_A_BYTE: u64 = 24;
/// One more than the greatest length of a JPEG file, in bytes.
const TOO_MANY_BYTES: u64 = 1 << 32;

/// Whether an input is a JPEG file.
pub fn is_one(file: &mut dyn ReadSeek, place: &Place) -> Result<bool> {
    Ok(first_bytes(file, place)?.starts_with(&[0xff, 0xd8, 0xff]))
}

/// Whether an .ansel file holds a JPEG file.
pub fn is_held(file: &mut dyn ReadSeek, place: &Place) -> Result<bool> {
    Ok(FileKind::of(first_bytes(file, place)?) == Some(FileKind::Jpeg))
}

fn first_bytes<'a>(file: &'a mut dyn ReadSeek, place: &Place) -> Result<&'a [u8]> {
    BufRead::fill_buf(file).map_err(Failure::io("read", place.path()))
}

/// The default extension for the result of an .ansel file.
pub fn extension(place: &Place) -> &'static str {
    let mut first = Vec::new();
    // Pipes can be read only once, and errors in reading files are reported later.
    let start: io::Result<Box<dyn Read>> = match place {
        Place::Object(object) => object.open().map(|object| Box::new(object) as _),
        Place::File(path) if path.is_file() => File::open(path).map(|file| Box::new(file) as _),
        Place::File(_) | Place::Standard => Ok(Box::new(io::empty())),
    };
    let _ = start.and_then(|start| start.take(FileKind::BYTES as u64).read_to_end(&mut first));
    if FileKind::of(&first) == Some(FileKind::Jpeg) { EXTENSIONS[0] } else { "png" }
}

/// Whether a result is the JPEG file itself rather than its pixels.
pub fn is_wanted(target: &Place) -> bool {
    match target {
        Place::Standard => true,
        Place::File(_) | Place::Object(_) => has_extension(target.path(), &EXTENSIONS),
    }
}

/// Compresses a JPEG file.
pub fn compress(run: &Compressing<'_>, job: &Job, mut source: Box<dyn ReadSeek>) -> Result<Compressed> {
    if run.arguments.strip {
        let what = "--strip for a JPEG file, which is kept byte for byte (--allow-lossy-source takes its pixels alone)";
        return Err(Error::Unsupported(what.to_owned()).into());
    }
    let Job { input, target, .. } = job;
    let jpeg = read_source(input, &mut *source)?;
    let _share = run.budget.take(BYTES_FOR_A_BYTE * jpeg.len() as u64);
    let file = run.codec.compress_jpeg(&jpeg)?;
    let info = run.codec.read_jpeg_info(&file[..])?;
    let written = write(target, run.arguments.output.force, &file)?;
    if info.coder == "stored" {
        run.reporter.warn(input, "stored as it is: this kind of JPEG file cannot be made smaller")?;
    }
    describe::jpeg_done(run.reporter, job, &info)?;
    Ok(Compressed { written, bytes: info.bytes, pixels_sha256: None, not_kept: Vec::new(), placement: Placement::Made })
}

/// The share of the budget for decoding a JPEG file.
pub fn share<'a>(budget: &'a Budget, info: &JpegInfo) -> Share<'a> {
    budget.take(BYTES_FOR_A_BYTE.saturating_mul(info.jpeg_bytes))
}

/// Reads a whole JPEG file.
pub fn read_source(place: &Place, source: &mut dyn ReadSeek) -> Result<Vec<u8>> {
    let mut jpeg = Vec::new();
    let read = source.take(TOO_MANY_BYTES).read_to_end(&mut jpeg);
    read.map_err(io_error("read", place.path())).map_err(about("read", place.path()))?;
    Ok(jpeg)
}

/// Writes the JPEG file in an .ansel file.
pub fn decompress(run: &Decompressing<'_>, job: &Job, file: Box<dyn ReadSeek>) -> Result<()> {
    let Decompressing { arguments, reporter, codec, budget } = run;
    if arguments.strip {
        let what = "--strip for a JPEG file, which comes back byte for byte (write its pixels, to .png)";
        return Err(Error::Unsupported(what.to_owned()).into());
    }
    let bytes = read_whole(&job.input, file)?;
    let info = codec.read_jpeg_info(&bytes[..])?;
    let _share = share(budget, &info);
    let jpeg = codec.decompress_jpeg(&bytes[..])?;
    let written = write(&job.target, arguments.output.force, &jpeg)?;
    describe::jpeg_done(reporter, job, &info)?;
    if arguments.output.rm { options::remove(reporter, job, &written, &[]) } else { Ok(()) }
}

/// The JPEG file in an .ansel file, and its description.
pub fn read(codec: &Codec, place: &Place, file: Box<dyn ReadSeek>) -> Result<(Vec<u8>, JpegInfo)> {
    let bytes = read_whole(place, file)?;
    let jpeg = codec.decompress_jpeg(&bytes[..])?;
    Ok((jpeg, codec.read_jpeg_info(&bytes[..])?))
}

/// Reads a whole .ansel file that holds a JPEG file.
pub fn read_whole(place: &Place, file: Box<dyn ReadSeek>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // A valid file is shorter than this; anything longer ends in an error about trailing bytes.
    let read = file.take(TOO_MANY_BYTES + (1 << 20)).read_to_end(&mut bytes);
    read.map_err(io_error("read", place.path())).map_err(about("read", place.path()))?;
    Ok(bytes)
}

fn write(target: &Place, force: bool, bytes: &[u8]) -> Result<Written> {
    output::write(target, force, |output| output.write_all(bytes).map_err(io_error("write", target.path())))
}
