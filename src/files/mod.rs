//! Image files <-> planes and metadata. Reading refuses what would not come back exactly; writing refuses what
//! the output format cannot hold.

mod png;

use std::io::{BufRead, Cursor, ErrorKind, Seek, SeekFrom, Write};

use image::codecs::pnm::{PnmDecoder, PnmEncoder, PnmSubtype, SampleEncoding};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};

use crate::container::{Metadata, MetadataKind};
use crate::error::{Error, Result};
use crate::limits::{Limits, check};
use crate::planes::Planes;

/// What an image file holds.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ImageFile {
    /// The samples.
    pub planes: Planes,
    /// ICC profile, Exif and XMP.
    pub metadata: Metadata,
    /// What else the file says of the image, and this version does not keep; for a warning.
    pub not_kept: Vec<String>,
}

/// The formats that can be written.
pub const WRITABLE_FORMATS: [ImageFormat; 4] = [ImageFormat::Png, ImageFormat::Pnm, ImageFormat::Bmp, ImageFormat::Qoi];

/// Reads an image file: PNG, PNM, BMP or QOI, by its first bytes.
///
/// # Errors
/// [`Error::Image`] if it is not a readable image, [`Error::Unsupported`] for anything but 8-bit grey and RGB
/// and for animations, [`Error::LimitsExceeded`] for images beyond `limits`, [`Error::Io`] if reading fails.
pub fn read_image(mut input: impl BufRead + Seek, limits: &Limits) -> Result<ImageFile> {
    let format = ImageReader::new(&mut input).with_guessed_format().map_err(io_error("read"))?.format();
    let unknown = || Error::Image("its first bytes are those of no format that is supported".to_owned());
    match format.ok_or_else(unknown)? {
        ImageFormat::Png => png::read(input, limits),
        ImageFormat::Pnm => {
            check_pnm(&mut input)?;
            read_with_image(input, ImageFormat::Pnm, limits)
        }
        format => read_with_image(input, format, limits),
    }
}

/// Refuses PNM files whose samples the image crate would scale, and leaves the input at its start.
fn check_pnm(input: &mut (impl BufRead + Seek)) -> Result<()> {
    let (_, header) = PnmDecoder::new(&mut *input).map_err(image_error("read"))?.into_inner();
    input.seek(SeekFrom::Start(0)).map_err(io_error("read"))?;
    match header.maximal_sample() {
        255 => Ok(()),
        other => Err(Error::Unsupported(format!("samples of 0 to {other} (8-bit grey and RGB are supported)"))),
    }
}

fn read_with_image(input: impl BufRead + Seek, format: ImageFormat, limits: &Limits) -> Result<ImageFile> {
    let mut reader = ImageReader::with_format(input, format);
    reader.no_limits(); // ours are checked before the samples are read
    let mut decoder = reader.into_decoder().map_err(image_error("read"))?;
    let (width, height) = decoder.dimensions();
    let samples = u64::from(width) * u64::from(height) * u64::from(decoder.color_type().channel_count());
    check("the number of samples", samples, limits.samples)?;
    let stored = decoder.original_color_type();
    if stored != decoder.color_type().into() {
        return Err(Error::Unsupported(format!("{stored:?} samples (8-bit grey and RGB are supported)")));
    }
    let mut metadata = Metadata::default();
    if let Some(profile) = decoder.icc_profile().map_err(image_error("read"))? {
        metadata.set(MetadataKind::Icc, profile);
    }
    let image = DynamicImage::from_decoder(decoder).map_err(image_error("read"))?;
    Ok(ImageFile { planes: Planes::try_from(&image)?, metadata, not_kept: Vec::new() })
}

/// An error of the image crate, by what the caller can do. `action` is what was being done to the file.
fn image_error(action: &'static str) -> impl Fn(image::ImageError) -> Error {
    move |error| match error {
        image::ImageError::Unsupported(e) => Error::Unsupported(e.to_string()),
        image::ImageError::IoError(e) => io_error(action)(e),
        other => Error::Image(other.to_string()),
    }
}

/// A file that ends early is a broken image; all else is the system's. Whoever knows the path puts it in.
fn io_error(action: &'static str) -> impl Fn(std::io::Error) -> Error {
    move |source| match source.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::InvalidData => Error::Image(source.to_string()),
        _ => Error::Io { action, path: "the image".into(), source },
    }
}

/// Writes an image file in a format that can be written: PNG, PNM, BMP or QOI.
///
/// # Errors
/// [`Error::Unsupported`] if the format cannot be written, or cannot hold the metadata; [`Error::Io`] if
/// writing fails.
pub fn write_image(planes: &Planes, metadata: &Metadata, format: ImageFormat, output: impl Write) -> Result<()> {
    let image = planes.to_image();
    if format == ImageFormat::Png {
        return png::write(&image, metadata, output);
    }
    if let Some(block) = metadata.blocks().first() {
        let what = format!("{} has no place for the {} (write PNG, or strip it)", name(format), block.kind.name());
        return Err(Error::Unsupported(what));
    }
    let mut bytes = Cursor::new(Vec::new());
    let written = match format {
        // Without a subtype, the encoder writes PAM, which few programs read.
        ImageFormat::Pnm => image.write_with_encoder(PnmEncoder::new(&mut bytes).with_subtype(pnm_subtype(&image))),
        ImageFormat::Bmp | ImageFormat::Qoi => image.write_to(&mut bytes, format),
        other => return Err(Error::Unsupported(format!("writing {}", name(other)))),
    };
    written.map_err(image_error("write"))?;
    let mut output = output;
    output.write_all(bytes.get_ref()).map_err(io_error("write"))
}

fn pnm_subtype(image: &DynamicImage) -> PnmSubtype {
    match image {
        DynamicImage::ImageLuma8(_) => PnmSubtype::Graymap(SampleEncoding::Binary),
        _ => PnmSubtype::Pixmap(SampleEncoding::Binary),
    }
}

fn name(format: ImageFormat) -> String {
    format!("{format:?}").to_uppercase()
}
