//! Work done already: results of an earlier run, and those listed in a manifest.

use std::io::Read;

use ansel::{Codec, Decoded};
use sha2::{Digest, Sha256};

use super::args::Verify;
use super::failure::{Failure, Result, about, io_error};
use super::jobs::Job;
use super::manifest::{Entry, PixelDigest};
use super::output::Written;
use super::place::Place;
use super::report::{Reporter, count};
use super::shared::{Compressed, Compressing, Placement};
use super::source::Source;
use super::{Outcome, for_each, input, jpeg, manifest, options};

/// Whether an input and its result still match their entry in the manifest.
pub fn is_as_listed(entry: &Entry, source_bytes: u64, source_sha256: [u8; 32]) -> Result<bool> {
    let same_source = (entry.source_bytes, entry.source_sha256) == (source_bytes, source_sha256);
    Ok(same_source && has_checksum(entry, &Place::new(&entry.file)?)?)
}

fn has_checksum(entry: &Entry, place: &Place) -> Result<bool> {
    Ok(place.bytes().is_none_or(|bytes| bytes == entry.bytes) && input::digest_at(place)? == entry.sha256)
}

/// The existing file at the place of an input's result. It could be anyone's, so it must decode to the content of the
/// input.
pub fn found(run: &Compressing<'_>, job: &Job, source: &Source<'_>) -> Result<Compressed> {
    let Job { input, target, .. } = job;
    let path = target.path();
    let foreign = || {
        let reason = "it exists, and is not the result of its input (use --force without --resume to overwrite it)";
        Failure::io("write", path)(std::io::Error::new(std::io::ErrorKind::AlreadyExists, reason))
    };
    let mut file = Vec::new();
    input::open_ansel(target, &run.limits)?.read_to_end(&mut file).map_err(Failure::io("read", path))?;
    let mut source = source.open(&run.limits)?;
    let (same, pixels_sha256) = if !run.arguments.allow_lossy_source && jpeg::is_one(&mut *source, input)? {
        let jpeg = jpeg::read_source(input, &mut *source)?;
        (run.codec.decompress_jpeg(&file[..]).is_ok_and(|held| held == jpeg), None)
    } else {
        let mut image = run.image(source).map_err(about("read", input.path()))?;
        let metadata = run.metadata(&image);
        let planes = run.rows(&mut image, u32::MAX).map_err(about("read", input.path()))?;
        let decoded = run.codec.decompress(&file);
        let same = |decoded: Decoded| decoded.planes == planes && decoded.metadata == metadata;
        (decoded.is_ok_and(same), Some(pixels_of(&planes)?))
    };
    if !same {
        return Err(foreign());
    }
    let written = Written { place: target.clone(), digest: Sha256::digest(&file).into() };
    Ok(Compressed {
        written,
        bytes: file.len() as u64,
        pixels_sha256,
        not_kept: Vec::new(),
        placement: Placement::Found,
    })
}

fn pixels_of(planes: &ansel::Planes) -> Result<[u8; 32]> {
    let mut digest = PixelDigest::new(ansel::ImageInfo::of(planes));
    digest.add(planes)?;
    Ok(digest.finish())
}

/// `ansel verify --manifest`.
pub fn verify(arguments: &Verify, reporter: &Reporter, codec: &Codec, path: &std::path::Path) -> Outcome {
    let entries = manifest::read(path).map_err(|failure| reporter.fail(None, &failure))?;
    let places = entries.into_iter().map(|entry| Ok((Place::new(&entry.file)?, entry)));
    let files: Vec<(Place, Entry)> = places.collect::<Result<_>>().map_err(|failure| reporter.fail(None, &failure))?;
    let limits = options::limits(&arguments.limits);
    for_each(reporter, files.iter().map(|(place, entry)| (place, (place, entry))), |(place, entry)| {
        if !has_checksum(entry, place)? {
            let defect = std::io::Error::new(std::io::ErrorKind::InvalidData, "it is not what the manifest lists");
            return Err(io_error("verify", &entry.file)(defect).into());
        }
        let file = input::open_ansel(place, &limits)?;
        let listed = match entry.pixels_sha256 {
            None => jpeg::read(codec, place, file)?.1.sha256 == entry.source_sha256,
            Some(pixels) => decoded_pixels(codec, file).map_err(about("read", place.path()))? == pixels,
        };
        if !listed {
            let defect =
                std::io::Error::new(std::io::ErrorKind::InvalidData, "it decodes to other than what was compressed");
            return Err(io_error("verify", &entry.file)(defect).into());
        }
        let value = || {
            let mut value = serde_json::json!({ "ok": true, "bytes": entry.bytes });
            place.put(&mut value, "file");
            value
        };
        reporter.answer(|| format!("{place}: ok, {}, as listed", count(entry.bytes, "byte")), value)
    })
}

/// The checksum of the samples of a file, band by band.
fn decoded_pixels(codec: &Codec, file: impl std::io::Read) -> ansel::Result<[u8; 32]> {
    let mut decoder = codec.decoder(file)?;
    let mut digest = PixelDigest::new(decoder.header().info());
    while let Some(band) = decoder.next_band()? {
        digest.add(&band)?;
    }
    Ok(digest.finish())
}
