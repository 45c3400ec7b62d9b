//! Image files <-> planes and metadata. Reading refuses what would not come back exactly; writing refuses what
//! the output format cannot hold.

use std::io::{BufRead, Cursor, ErrorKind, Seek, SeekFrom, Write};

use image::codecs::pnm::{PnmEncoder, PnmSubtype, SampleEncoding};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};

use crate::container::{Metadata, MetadataKind};
use crate::error::{Error, Result};
use crate::limits::{Limits, check};
use crate::planes::Planes;

/// The keyword of the PNG text chunk that holds an XMP packet (XMP specification, part 3, section 1.1.5).
const PNG_XMP_KEYWORD: &str = "XML:com.adobe.xmp";

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

/// Reads an image file: PNG, PNM, BMP or QOI, by its first bytes.
///
/// # Errors
/// [`Error::Image`] if it is not a readable image, [`Error::Unsupported`] for anything but 8-bit grey and RGB
/// and for animations, [`Error::LimitsExceeded`] for images beyond `limits`, [`Error::Io`] if reading fails.
pub fn read_image(mut input: impl BufRead + Seek, limits: &Limits) -> Result<ImageFile> {
    let unreadable = io_error("read");
    let format = ImageReader::new(&mut input).with_guessed_format().map_err(&unreadable)?.format();
    input.seek(SeekFrom::Start(0)).map_err(&unreadable)?;
    let not_kept = if format == Some(ImageFormat::Png) {
        let notes = inspect_png(&mut input)?;
        input.seek(SeekFrom::Start(0)).map_err(&unreadable)?;
        notes
    } else {
        Vec::new()
    };
    let mut reader = ImageReader::new(input);
    match format {
        Some(format) => reader.set_format(format),
        None => return Err(Error::Image("its first bytes are those of no format that is supported".to_owned())),
    }
    reader.no_limits(); // ours are checked before the samples are read
    let mut decoder = reader.into_decoder().map_err(image_error("read"))?;
    let (width, height) = decoder.dimensions();
    let samples = u64::from(width) * u64::from(height) * u64::from(decoder.color_type().channel_count());
    check("the number of samples", samples, limits.samples)?;
    let metadata = read_metadata(&mut decoder)?;
    let image = DynamicImage::from_decoder(decoder).map_err(image_error("read"))?;
    Ok(ImageFile { planes: Planes::try_from(&image)?, metadata, not_kept })
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

/// An error of the png crate while reading.
fn decoding_error(error: png::DecodingError) -> Error {
    match error {
        png::DecodingError::IoError(e) => io_error("read")(e),
        other => Error::Image(other.to_string()),
    }
}

/// An error of the png crate while writing.
fn encoding_error(error: png::EncodingError) -> Error {
    match error {
        png::EncodingError::IoError(e) => io_error("write")(e),
        other => Error::Image(other.to_string()),
    }
}

fn read_metadata(decoder: &mut impl ImageDecoder) -> Result<Metadata> {
    let mut metadata = Metadata::default();
    let read = [
        (MetadataKind::Icc, decoder.icc_profile()),
        (MetadataKind::Exif, decoder.exif_metadata()),
        (MetadataKind::Xmp, decoder.xmp_metadata()),
    ];
    for (kind, bytes) in read {
        if let Some(bytes) = bytes.map_err(image_error("read"))? {
            metadata.set(kind, bytes);
        }
    }
    Ok(metadata)
}

/// Refuses PNG files whose colour type or frames would not come back; lists what else would be lost.
fn inspect_png(input: impl BufRead + Seek) -> Result<Vec<String>> {
    let reader = png::Decoder::new(input).read_info().map_err(decoding_error)?;
    let info = reader.info();
    let unsupported = |what: &str| Err(Error::Unsupported(format!("{what} (8-bit grey and RGB are supported)")));
    if info.animation_control.is_some() {
        return unsupported("an animation");
    }
    if info.color_type == png::ColorType::Indexed {
        return unsupported("a palette image");
    }
    if info.bit_depth != png::BitDepth::Eight {
        return unsupported(&format!("{}-bit samples", info.bit_depth as u8));
    }
    if info.trns.is_some() {
        return unsupported("a transparent colour");
    }
    let mut notes = Vec::new();
    let mut note = |there: bool, what: &str| {
        if there {
            notes.push(what.to_owned());
        }
    };
    note(info.gama_chunk.is_some(), "gamma");
    note(info.chrm_chunk.is_some(), "chromaticities");
    note(info.srgb.is_some(), "sRGB rendering intent");
    note(info.pixel_dims.is_some(), "physical size");
    note(info.bkgd.is_some(), "background");
    let texts = info.uncompressed_latin1_text.iter().map(|text| &text.keyword);
    let texts = texts.chain(info.compressed_latin1_text.iter().map(|text| &text.keyword));
    let texts = texts.chain(info.utf8_text.iter().map(|text| &text.keyword));
    for keyword in texts.filter(|&keyword| keyword != PNG_XMP_KEYWORD) {
        note(true, &format!("text \"{keyword}\""));
    }
    Ok(notes)
}

/// Writes an image file in a format that can be written: PNG, PNM, BMP or QOI.
///
/// # Errors
/// [`Error::Unsupported`] if the format cannot be written, or cannot hold the metadata; [`Error::Io`] if
/// writing fails.
pub fn write_image(planes: &Planes, metadata: &Metadata, format: ImageFormat, output: impl Write) -> Result<()> {
    let image = planes.to_image();
    if format == ImageFormat::Png {
        return write_png(&image, metadata, output).map_err(encoding_error);
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

fn write_png(
    image: &DynamicImage,
    metadata: &Metadata,
    output: impl Write,
) -> std::result::Result<(), png::EncodingError> {
    let mut info = png::Info::with_size(image.width(), image.height());
    info.bit_depth = png::BitDepth::Eight;
    info.color_type = match image {
        DynamicImage::ImageLuma8(_) => png::ColorType::Grayscale,
        _ => png::ColorType::Rgb,
    };
    info.icc_profile = metadata.get(MetadataKind::Icc).map(|bytes| bytes.to_vec().into());
    info.exif_metadata = metadata.get(MetadataKind::Exif).map(|bytes| bytes.to_vec().into());
    let mut encoder = png::Encoder::with_info(output, info)?;
    if let Some(packet) = metadata.get(MetadataKind::Xmp) {
        let text = String::from_utf8_lossy(packet).into_owned();
        encoder.add_itxt_chunk(PNG_XMP_KEYWORD.to_owned(), text)?;
    }
    let mut writer = encoder.write_header()?;
    writer.write_image_data(image.as_bytes())?;
    writer.finish()
}
