//! What the formats that are written can hold.

use image::ImageFormat;

use super::errors::name;
use super::tiff;
use crate::base::error::{Error, Result};
use crate::image::{ImageInfo, Metadata, MetadataKind, PngChunk};

/// Fails if the format cannot hold such samples.
pub(super) fn check_format(info: ImageInfo, format: ImageFormat) -> Result<()> {
    let channels: &[usize] = match format {
        ImageFormat::Bmp => &[1, 3, 4],
        ImageFormat::Qoi | ImageFormat::WebP => &[3, 4],
        _ => &[1, 2, 3, 4],
    };
    let depths: &[u32] = match (format, info.channels) {
        (ImageFormat::Pnm, _) => return Ok(()),
        (ImageFormat::Png, 1) => &[1, 2, 4, 8, 16],
        (ImageFormat::Png | ImageFormat::Tiff, _) => &[8, 16],
        _ => &[8],
    };
    if channels.contains(&info.channels) && depths.contains(&info.depth) {
        return Ok(());
    }
    let other = match info.channels {
        1 if [1, 2, 4, 8, 16].contains(&info.depth) => ".png",
        _ if [8, 16].contains(&info.depth) => ".png or .tiff",
        1 => ".pgm",
        3 => ".ppm",
        _ => ".pam",
    };
    Err(Error::Unsupported(format!("{} has no {} samples (write {other})", name(format), info.kind())))
}

/// The metadata that the format cannot hold; fails if the colours depend on it.
pub(super) fn check_metadata(info: ImageInfo, metadata: &Metadata, format: ImageFormat) -> Result<Vec<String>> {
    let held: &[MetadataKind] = match format {
        ImageFormat::Png => return Ok(Vec::new()),
        ImageFormat::Tiff => &[MetadataKind::Icc, MetadataKind::Xmp],
        ImageFormat::WebP => &[MetadataKind::Icc, MetadataKind::Exif, MetadataKind::Xmp],
        _ => &[],
    };
    let no_place = |what: &str, other: &str| {
        let what = format!("{} has no place for the {what} (write {other}, or strip it)", name(format));
        Err(Error::Unsupported(what))
    };
    let mut not_kept = Vec::new();
    for block in metadata.blocks().iter().filter(|block| !held.contains(&block.kind)) {
        match block.kind {
            MetadataKind::Icc => return no_place("ICC profile", "PNG, TIFF or WebP"),
            MetadataKind::PngChunks => {
                let chunks = PngChunk::from_bytes(&block.bytes)?;
                let kept = |chunk: &&PngChunk| !chunk.is_marker();
                if info.channels % 2 == 1 && chunks.iter().filter(kept).any(|chunk| chunk.kind == *b"tRNS") {
                    return no_place("transparent colour", "PNG");
                }
                not_kept.extend(chunks.iter().filter(kept).map(|chunk| format!("PNG chunk {}", chunk.name())));
            }
            MetadataKind::Exif if format == ImageFormat::Tiff => {
                let orientation_alone = (1..=8).any(|orientation| block.bytes == tiff::exif(orientation));
                if !orientation_alone {
                    not_kept.push("Exif (but for the orientation)".to_owned());
                }
            }
            kind => not_kept.push(kind.name().to_owned()),
        }
    }
    Ok(not_kept)
}
