//! WebP files, read and written whole; written losslessly.

use std::io::{ErrorKind, Seek, SeekFrom, Write};

use byteorder::{LittleEndian, ReadBytesExt};
use image_webp::{ColorType, DecodingError, EncodingError, WebPDecoder, WebPEncoder};

use super::errors::io_error;
use super::reader::{ImageReader, Input, Lazy, set_blocks};
use super::rows;
use crate::base::error::{Error, Result};
use crate::base::limits::{Limits, check};
use crate::image::planes::Planes;
use crate::image::{ImageInfo, Metadata, MetadataKind};

pub(super) fn open<'a>(mut input: Input<'a>, limits: &Limits) -> Result<ImageReader<'a>> {
    let metadata_bytes = metadata_bytes(&mut input)?;
    let mut decoder = WebPDecoder::new(input).map_err(decoding_error)?;
    if decoder.is_animated() {
        return Err(Error::Unsupported("an animation (WebP)".to_owned()));
    }
    let (width, height) = decoder.dimensions();
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    let info = ImageInfo { width, height, channels, depth: 8 };
    info.check(limits)?;
    check("the size of the metadata in bytes", metadata_bytes, limits.metadata_bytes)?;
    let mut metadata = Metadata::default();
    let blocks = [
        (MetadataKind::Icc, decoder.icc_profile().map_err(decoding_error)?),
        (MetadataKind::Exif, decoder.exif_metadata().map_err(decoding_error)?),
        (MetadataKind::Xmp, decoder.xmp_metadata().map_err(decoding_error)?),
    ];
    set_blocks(&mut metadata, blocks, limits)?;
    let lossy = decoder.is_lossy();
    let samples = move || {
        let row_bytes = info.row_bytes(8);
        let mut bytes = vec![0; row_bytes * height as usize];
        decoder.read_image(&mut bytes).map_err(decoding_error)?;
        let mut planes = Planes::zeros(channels, height, width, 8)?;
        for (row, bytes) in (0..).zip(bytes.chunks_exact(row_bytes)) {
            rows::put(&mut planes, row, bytes, 8);
        }
        Ok(planes)
    };
    let mut reader = ImageReader::new(info, metadata, Lazy::new(samples));
    reader.lossy_source = lossy.then(|| "lossy WebP".to_owned());
    Ok(reader)
}

/// The declared size of ICC profile, Exif and XMP, in bytes. Errors in the chunks are left to the decoder. Restores the
/// input position.
fn metadata_bytes(input: &mut Input<'_>) -> Result<u64> {
    const HEADER_BYTES: i64 = 12; // RIFF, size, WEBP
    let start = input.stream_position().map_err(io_error("read"))?;
    let mut bytes = 0;
    let mut walk = || -> std::io::Result<()> {
        input.seek_relative(HEADER_BYTES)?;
        loop {
            let mut kind = [0; 4];
            input.read_exact(&mut kind)?;
            let length = input.read_u32::<LittleEndian>()?;
            if matches!(&kind, b"ICCP" | b"EXIF" | b"XMP ") {
                bytes += u64::from(length);
            }
            input.seek_relative(i64::from(length) + i64::from(length % 2))?;
        }
    };
    match walk() {
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => return Err(io_error("read")(error)),
        _ => (),
    }
    input.seek(SeekFrom::Start(start)).map_err(io_error("read"))?;
    Ok(bytes)
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
        unsupported @ DecodingError::UnsupportedFeature(_) => Error::unsupported(unsupported),
        other => Error::damaged(other),
    }
}
