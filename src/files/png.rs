//! PNG files, read and written with the png crate: the image crate hides palettes and depths, and does not see
//! metadata behind the samples.

use std::io::{BufRead, Seek, Write};

use image::DynamicImage;
use png::{BitDepth, ColorType, DecodingError, EncodingError, Info};

use super::{ImageFile, io_error};
use crate::container::{Metadata, MetadataKind};
use crate::error::{Error, Result};
use crate::limits::{Limits, check_samples};
use crate::planes::Planes;

/// The keyword of the text chunk that holds an XMP packet (XMP specification, part 3, section 1.1.5).
const XMP_KEYWORD: &str = "XML:com.adobe.xmp";
/// Memory that the decoder may use beside the metadata and the samples.
const WORKING_BYTES: u64 = 64 << 20;

/// Reads a PNG file; see [`super::read_image`].
pub(super) fn read(input: impl BufRead + Seek, limits: &Limits) -> Result<ImageFile> {
    let bytes = usize::try_from(limits.metadata_bytes + WORKING_BYTES).unwrap_or(usize::MAX);
    let decoder = png::Decoder::new_with_limits(input, png::Limits { bytes });
    let mut reader = decoder.read_info().map_err(decoding_error)?;
    let info = reader.info();
    check_kind(info)?;
    let (width, height, channels) = (info.width, info.height, info.color_type.samples());
    check_samples(width, height, channels, limits)?;
    let mut samples = vec![0; width as usize * height as usize * channels];
    reader.next_frame(&mut samples).map_err(decoding_error)?;
    reader.finish().map_err(decoding_error)?;
    let info = reader.info();
    Ok(ImageFile {
        planes: Planes::new(ndarray::Array3::from_shape_fn((channels, height as usize, width as usize), |(c, y, x)| u16::from(samples[(y * width as usize + x) * channels + c])), 8)?,
        metadata: metadata(info)?,
        not_kept: not_kept(info),
    })
}

/// Refuses files whose colour type or frames would not come back.
fn check_kind(info: &Info<'_>) -> Result<()> {
    let what = if info.animation_control.is_some() {
        "an animation".to_owned()
    } else if info.color_type == ColorType::Indexed {
        "a palette image".to_owned()
    } else if info.bit_depth != BitDepth::Eight {
        format!("{}-bit samples", info.bit_depth as u8)
    } else if info.trns.is_some() {
        "a transparent colour".to_owned()
    } else if !matches!(info.color_type, ColorType::Grayscale | ColorType::Rgb) {
        "an alpha channel".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::Unsupported(format!("{what} (8-bit grey and RGB are supported)")))
}

fn metadata(info: &Info<'_>) -> Result<Metadata> {
    let mut metadata = Metadata::default();
    if let Some(profile) = &info.icc_profile {
        metadata.set(MetadataKind::Icc, profile.to_vec());
    }
    if let Some(exif) = &info.exif_metadata {
        metadata.set(MetadataKind::Exif, exif.to_vec());
    }
    if let Some(packet) = info.utf8_text.iter().find(|text| text.keyword == XMP_KEYWORD) {
        metadata.set(MetadataKind::Xmp, packet.get_text().map_err(decoding_error)?.into_bytes());
    }
    Ok(metadata)
}

/// What else a file says of its image.
fn not_kept(info: &Info<'_>) -> Vec<String> {
    let chunks = [
        (info.gama_chunk.is_some(), "gamma"),
        (info.chrm_chunk.is_some(), "chromaticities"),
        (info.srgb.is_some(), "sRGB rendering intent"),
        (info.pixel_dims.is_some(), "physical size"),
        (info.bkgd.is_some(), "background"),
        (info.sbit.is_some(), "significant bits"),
        (info.coding_independent_code_points.is_some(), "coding-independent code points"),
        (info.mastering_display_color_volume.is_some(), "mastering display"),
        (info.content_light_level.is_some(), "content light level"),
    ];
    let chunks = chunks.into_iter().filter(|(there, _)| *there).map(|(_, what)| what.to_owned());
    let keywords = info.uncompressed_latin1_text.iter().map(|text| &text.keyword);
    let keywords = keywords.chain(info.compressed_latin1_text.iter().map(|text| &text.keyword));
    let keywords = keywords.chain(info.utf8_text.iter().map(|text| &text.keyword));
    let texts = keywords.filter(|&keyword| keyword != XMP_KEYWORD).map(|keyword| format!("text \"{keyword}\""));
    chunks.chain(texts).collect()
}

/// Writes a PNG file; see [`super::write_image`].
pub(super) fn write(image: &DynamicImage, metadata: &Metadata, output: impl Write) -> Result<()> {
    let mut info = Info::with_size(image.width(), image.height());
    info.bit_depth = BitDepth::Eight;
    info.color_type = match image {
        DynamicImage::ImageLuma8(_) => ColorType::Grayscale,
        _ => ColorType::Rgb,
    };
    info.icc_profile = metadata.get(MetadataKind::Icc).map(|bytes| bytes.to_vec().into());
    info.exif_metadata = metadata.get(MetadataKind::Exif).map(|bytes| bytes.to_vec().into());
    let mut encoder = png::Encoder::with_info(output, info).map_err(encoding_error)?;
    if let Some(packet) = metadata.get(MetadataKind::Xmp) {
        let text = std::str::from_utf8(packet);
        let text = text.map_err(|_| Error::Unsupported("PNG has no place for XMP that is not UTF-8".to_owned()))?;
        encoder.add_itxt_chunk(XMP_KEYWORD.to_owned(), text.to_owned()).map_err(encoding_error)?;
    }
    let mut writer = encoder.write_header().map_err(encoding_error)?;
    writer.write_image_data(image.as_bytes()).map_err(encoding_error)?;
    writer.finish().map_err(encoding_error)
}

fn decoding_error(error: DecodingError) -> Error {
    match error {
        DecodingError::IoError(e) => io_error("read")(e),
        other => Error::Image(other.to_string()),
    }
}

fn encoding_error(error: EncodingError) -> Error {
    match error {
        EncodingError::IoError(e) => io_error("write")(e),
        other => Error::Image(other.to_string()),
    }
}
