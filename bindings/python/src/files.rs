//! Image files <-> ansel files, row by row where the format allows it.

use std::io::{Read, Write};

use ansel::{Codec, Error, ImageReader, Metadata, Result};
use image::ImageFormat;

/// Compresses an open image file; returns what is not kept.
pub fn compress(
    codec: &Codec,
    mut image: ImageReader<'_>,
    strip: bool,
    output: &mut (dyn Write + Send),
) -> Result<Vec<String>> {
    let metadata = if strip { Metadata::default() } else { image.metadata().clone() };
    let mut encoder = codec.encoder(image.info(), &metadata, output)?;
    while encoder.rows_wanted() > 0 {
        encoder.write_rows(&image.read_rows(encoder.rows_wanted())?)?;
    }
    encoder.finish()?;
    Ok(if strip { Vec::new() } else { image.not_kept().to_vec() })
}

/// Decompresses to an image file; returns what its format has no place for.
pub fn decompress(
    codec: &Codec,
    input: impl Read,
    format: ImageFormat,
    output: &mut (dyn Write + Send),
) -> Result<Vec<String>> {
    let mut decoder = codec.decoder(input)?;
    let mut writer = ansel::create_image(decoder.header().info(), decoder.metadata(), format, output)?;
    while let Some(band) = decoder.next_band()? {
        writer.write_rows(&band)?;
    }
    let not_kept = writer.not_kept().to_vec();
    writer.finish()?;
    Ok(not_kept)
}

/// The format with this name or extension.
pub fn format_of(name: &str) -> Result<ImageFormat> {
    let known = ImageFormat::from_extension(name).filter(|format| ansel::WRITABLE_FORMATS.contains(format));
    known.ok_or_else(|| Error::Misuse(format!("format {name:?}: there are png, tiff, pnm, bmp, qoi, webp")))
}
