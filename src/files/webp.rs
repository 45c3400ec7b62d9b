//! WebP files: read, and written without loss, whole.

use std::io::{BufRead, Seek, Write};

use image_webp::{ColorType, DecodingError, EncodingError, WebPDecoder, WebPEncoder};

use super::{ImageInfo, ImageReader, Whole, io_error, rows, set_blocks};
use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::image::planes::Planes;
use crate::image::{Metadata, MetadataKind};

pub(super) fn open<'a>(input: impl BufRead + Seek + 'a, limits: &Limits) -> Result<ImageReader<'a>> {
    let mut decoder = WebPDecoder::new(input).map_err(decoding_error)?;
    if decoder.is_animated() {
        return Err(Error::Unsupported("an animation (WebP)".to_owned()));
    }
    let (width, height) = decoder.dimensions();
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    let info = ImageInfo { width, height, channels, depth: 8 };
    info.check(limits)?;
    decoder.set_memory_limit(usize::try_from(limits.metadata_bytes).unwrap_or(usize::MAX));
    let mut metadata = Metadata::default();
    let blocks = [
        (MetadataKind::Icc, decoder.icc_profile().map_err(decoding_error)?),
        (MetadataKind::Exif, decoder.exif_metadata().map_err(decoding_error)?),
        (MetadataKind::Xmp, decoder.xmp_metadata().map_err(decoding_error)?),
    ];
    set_blocks(&mut metadata, blocks, limits)?;
    let row_bytes = info.row_bytes(8);
    let mut bytes = vec![0; row_bytes * height as usize];
    decoder.set_memory_limit(usize::MAX);
    decoder.read_image(&mut bytes).map_err(decoding_error)?;
    let mut planes = Planes::zeros(channels, height, width, 8)?;
    for (row, bytes) in (0..).zip(bytes.chunks_exact(row_bytes)) {
        rows::put(&mut planes, row, bytes, 8);
    }
    let lossy = decoder.is_lossy();
    let mut reader = ImageReader::new(info, metadata, Whole::new(planes));
    reader.lossy_source = lossy.then(|| "lossy WebP".to_owned());
    Ok(reader)
}

/// Writes a lossless file; the samples are 8-bit RGB, with alpha or without.
pub(super) fn write(planes: &Planes, metadata: &Metadata, output: impl Write) -> Result<()> {
    let mut bytes = Vec::with_capacity(planes.samples().len());
    (0..planes.height()).for_each(|row| bytes.extend(rows::interleaved(planes, row).map(|sample| sample as u8)));
    let mut encoder = WebPEncoder::new(output);
    let block = |kind| metadata.get(kind).map(<[u8]>::to_vec);
    if let Some(profile) = block(MetadataKind::Icc) {
        encoder.set_icc_profile(profile);
    }
    if let Some(exif) = block(MetadataKind::Exif) {
        encoder.set_exif_metadata(exif);
    }
    if let Some(xmp) = block(MetadataKind::Xmp) {
        encoder.set_xmp_metadata(xmp);
    }
    let colour = if planes.channels() == 4 { ColorType::Rgba8 } else { ColorType::Rgb8 };
    encoder.encode(&bytes, planes.width(), planes.height(), colour).map_err(|error| match error {
        EncodingError::IoError(e) => io_error("write")(e),
        other => Error::Unsupported(format!("{other} (WebP holds up to 16384 x 16384 pixels)")),
    })
}

fn decoding_error(error: DecodingError) -> Error {
    match error {
        DecodingError::IoError(e) => io_error("read")(e),
        DecodingError::UnsupportedFeature(what) => Error::Unsupported(what),
        other => Error::Image(other.to_string()),
    }
}
