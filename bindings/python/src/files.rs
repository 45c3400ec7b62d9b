//! Image files <-> ansel files, row by row where the format allows it.

use std::io::{BufRead, Read, Write};

use ansel::{Codec, Error, FileInfo, FileKind, ImageReader, JpegInfo, Metadata, Planes, Result};
use image::ImageFormat;

use crate::input::Input;

/// More than the length of any JPEG file, or of its ansel file: reading more shows that the file is too large.
const MOST_JPEG_BYTES: u64 = (1 << 32) + (1 << 20);

/// Compresses an open image file; returns the names of what is not kept.
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

/// Compresses a JPEG file, which can be restored byte for byte.
pub fn compress_jpeg(codec: &Codec, input: Input, strip: bool, output: &mut (dyn Write + Send)) -> Result<Vec<String>> {
    if strip {
        let what = "strip for a JPEG file, which is kept byte for byte (allow_lossy_source takes its pixels alone)";
        return Err(Error::Unsupported(what.to_owned()));
    }
    write(output, &codec.compress_jpeg(&read_jpeg(input)?)?)
}

/// Whether an image file is a JPEG file.
pub fn is_jpeg(input: &mut Input) -> Result<bool> {
    Ok(input.fill_buf().map_err(io_error("read"))?.starts_with(&[0xff, 0xd8, 0xff]))
}

/// Whether an ansel file holds a JPEG file.
fn holds_jpeg(input: &mut Input) -> Result<bool> {
    Ok(FileKind::of(input.fill_buf().map_err(io_error("read"))?) == Some(FileKind::Jpeg))
}

fn read_jpeg(input: Input) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(MOST_JPEG_BYTES).read_to_end(&mut bytes).map_err(io_error("read"))?;
    Ok(bytes)
}

fn write(output: &mut (dyn Write + Send), bytes: &[u8]) -> Result<Vec<String>> {
    output.write_all(bytes).and_then(|()| output.flush()).map_err(io_error("write"))?;
    Ok(Vec::new())
}

fn io_error(action: &'static str) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::Io { action, path: "the file".into(), source }
}

/// Decompresses to an image file of a format; without one, to the JPEG file that the ansel file holds, or else to PNG.
/// Returns the names of metadata that the format cannot hold.
pub fn decompress(
    codec: &Codec,
    mut input: Input,
    format: Option<&str>,
    output: &mut (dyn Write + Send),
) -> Result<Vec<String>> {
    if !holds_jpeg(&mut input)? {
        let mut decoder = codec.decoder(input)?;
        let (info, format) = (decoder.header().info(), format_of(format.unwrap_or("png"))?);
        let mut writer = ansel::create_image(info, decoder.metadata(), format, output)?;
        while let Some(band) = decoder.next_band()? {
            writer.write_rows(&band)?;
        }
        let not_kept = writer.not_kept().to_vec();
        writer.finish()?;
        return Ok(not_kept);
    }
    let file = read_jpeg(input)?;
    let format = match format {
        None | Some("jpg" | "jpeg") => return write(output, &codec.decompress_jpeg(&file[..])?),
        Some(format) => format_of(format)?,
    };
    let image = codec.decompress(&file)?;
    let mut writer = ansel::create_image(ansel::ImageInfo::of(&image.planes), &image.metadata, format, output)?;
    writer.write_rows(&image.planes)?;
    let not_kept = writer.not_kept().to_vec();
    writer.finish()?;
    Ok(not_kept)
}

/// The samples of a file, or of the JPEG file in it.
pub fn decode(codec: &Codec, mut input: Input) -> Result<Planes> {
    let held =
        if holds_jpeg(&mut input)? { codec.decompress(&read_jpeg(input)?) } else { codec.decoder(input)?.decode_all() };
    Ok(held?.planes)
}

/// A description of a file.
pub enum About {
    /// With the ideal code length, if the file was decoded.
    Samples(FileInfo, Option<f64>),
    Jpeg(JpegInfo),
}

/// Reads a file's description.
pub fn about(codec: &Codec, mut input: Input) -> Result<About> {
    if holds_jpeg(&mut input)? {
        return codec.read_jpeg_info(input).map(About::Jpeg);
    }
    Ok(About::Samples(codec.read_info(input)?, None))
}

/// Decodes a file, and discards the samples.
pub fn verify(codec: &Codec, mut input: Input) -> Result<About> {
    if holds_jpeg(&mut input)? {
        let file = read_jpeg(input)?;
        codec.decompress_jpeg(&file[..])?;
        return codec.read_jpeg_info(&file[..]).map(About::Jpeg);
    }
    let verified = codec.verify(input)?;
    Ok(About::Samples(verified.info, Some(verified.ideal_bits)))
}

/// The format with this name or extension.
fn format_of(name: &str) -> Result<ImageFormat> {
    let known = ImageFormat::from_extension(name).filter(|format| ansel::WRITABLE_FORMATS.contains(format));
    known.ok_or_else(|| Error::Misuse(format!("format {name:?}: there are png, tiff, pnm, bmp, qoi, webp")))
}
