//! Image files <-> planes and metadata. Reading refuses what would not come back exactly; writing refuses what
//! the output format cannot hold.

mod png;

use std::io::{BufRead, Cursor, ErrorKind, Seek, SeekFrom, Write};

use image::codecs::pnm::{PnmDecoder, PnmEncoder, PnmSubtype, SampleEncoding};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};

use crate::container::{Metadata, MetadataKind};
use crate::error::{Error, Result};
use crate::limits::{Limits, check_samples};
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

/// The shape of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageInfo {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Channels: 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha).
    pub channels: usize,
    /// Bits per sample: 1 to 16.
    pub depth: u32,
}

impl ImageInfo {
    /// The shape of these planes.
    #[must_use]
    pub fn of(planes: &Planes) -> Self {
        let (width, height, channels, depth) = (planes.width(), planes.height(), planes.channels(), planes.depth());
        Self { width, height, channels, depth }
    }
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

/// Refuses PNM files whose samples the image crate would scale, or of which it would read the first image alone;
/// leaves the input at its start.
fn check_pnm(input: &mut (impl BufRead + Seek)) -> Result<()> {
    let (input, header) = PnmDecoder::new(input).map_err(image_error("read"))?.into_inner();
    let start = input.stream_position().map_err(io_error("read"))?;
    let end = input.seek(SeekFrom::End(0)).map_err(io_error("read"))?;
    input.seek(SeekFrom::Start(0)).map_err(io_error("read"))?;
    if header.maximal_sample() != 255 {
        let range = format!("samples of 0 to {} (8-bit grey and RGB are supported)", header.maximal_sample());
        return Err(Error::Unsupported(range));
    }
    let channels = match header.subtype() {
        PnmSubtype::Graymap(SampleEncoding::Binary) => 1,
        PnmSubtype::Pixmap(SampleEncoding::Binary) => 3,
        _ => return Err(Error::Unsupported("PNM but for binary PGM and PPM".to_owned())),
    };
    let samples = (u64::from(header.width()) * u64::from(header.height())).saturating_mul(channels);
    if end - start > samples {
        return Err(Error::Unsupported("bytes after the image in a PNM file (another image?)".to_owned()));
    }
    Ok(())
}

fn read_with_image(input: impl BufRead + Seek, format: ImageFormat, limits: &Limits) -> Result<ImageFile> {
    let mut reader = ImageReader::with_format(input, format);
    reader.no_limits(); // ours are checked before the samples are read
    let mut decoder = reader.into_decoder().map_err(image_error("read"))?;
    let (width, height) = decoder.dimensions();
    check_samples(width, height, decoder.color_type().channel_count().into(), limits)?;
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
    let image = planes.to_image()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &[u8]) -> Result<ImageFile> {
        read_image(Cursor::new(file), &Limits::default())
    }

    #[test]
    fn a_pnm_file_is_read_whole_or_refused() {
        let planes = read(b"P5 2 2 255\n\x01\x02\x03\xff").expect("a grey image").planes;
        assert_eq!(planes.samples().iter().copied().collect::<Vec<_>>(), [1, 2, 3, 255]);
        let colour = read(b"P6 1 1 255\n\x01\x02\x03").expect("a colour image").planes;
        assert_eq!((colour.channels(), colour.samples()[[2, 0, 0]]), (3, 3));
        for (file, reason) in [
            (&b"P5 1 1 255\n\x01P5 1 1 255\n\x02"[..], "another image"),
            (b"P5 1 1 100\n\x01", "samples of 0 to 100"),
            (b"P5 1 1 65535\n\x01\x02", "samples of 0 to 65535"),
            (b"P2 1 1 255\n7 ", "binary PGM and PPM"),
        ] {
            match read(file) {
                Err(Error::Unsupported(what)) => assert!(what.contains(reason), "{what}"),
                other => panic!("not refused: {other:?}"),
            }
        }
        let huge = read(b"P6 65535 65535 255\n\x01");
        assert!(matches!(huge, Err(Error::LimitsExceeded { .. })), "{huge:?}");
        let absurd = read(b"P6 4294967295 4294967295 255\n\x01");
        assert!(matches!(absurd, Err(Error::Unsupported(_))), "{absurd:?}");
        assert!(matches!(read(b"P5 2 2 255\n\x01"), Err(Error::Image(_))));
    }
}
