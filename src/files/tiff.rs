//! TIFF files with one page: grey and RGB, with or without alpha, 1 to 16 bits, read and written whole.

use std::io::{Seek, Write};

use image::metadata::Orientation;
use tiff::decoder::{Decoder, DecodingResult, Limits as TiffLimits};
use tiff::encoder::colortype::{ColorType as Samples, Gray8, Gray16, RGB8, RGB16};
use tiff::encoder::{TiffEncoder, TiffValue};
use tiff::tags::{CompressionMethod, ExtraSamples, SampleFormat, Tag, Type, ValueBuffer};
use tiff::{ColorType, TiffError};

use super::errors::io_error;
use super::reader::{ImageReader, Input, Lazy, set_blocks};
use super::rows;
use crate::base::error::{Error, Result};
use crate::base::limits::{Limits, check};
use crate::image::planes::Planes;
use crate::image::{ImageInfo, Metadata, MetadataKind};

const XMP: Tag = Tag::Unknown(700);
/// Memory that the decoder may use besides the samples, in bytes.
const WORKING_BYTES: usize = 64 << 20;
/// Tags whose information is in the samples and metadata blocks.
const KEPT: [Tag; 23] = [
    Tag::NewSubfileType,
    Tag::ImageWidth,
    Tag::ImageLength,
    Tag::BitsPerSample,
    Tag::Compression,
    Tag::PhotometricInterpretation,
    Tag::FillOrder,
    Tag::StripOffsets,
    Tag::SamplesPerPixel,
    Tag::RowsPerStrip,
    Tag::StripByteCounts,
    Tag::PlanarConfiguration,
    Tag::Predictor,
    Tag::TileWidth,
    Tag::TileLength,
    Tag::TileOffsets,
    Tag::TileByteCounts,
    Tag::ExtraSamples,
    Tag::SampleFormat,
    Tag::Orientation,
    Tag::IccProfile,
    Tag::JPEGTables,
    XMP,
];

pub(super) fn open<'a>(input: Input<'a>, limits: &Limits) -> Result<ImageReader<'a>> {
    let mut decoder = Decoder::new(input).map_err(tiff_error)?;
    let (channels, depth) = shape(&mut decoder)?;
    let (width, height) = decoder.dimensions().map_err(tiff_error)?;
    let info = ImageInfo { width, height, channels, depth };
    info.check(limits)?;
    if decoder.more_images() {
        return Err(Error::Unsupported("a TIFF file of several pages".to_owned()));
    }
    let samples = info.row_bytes(if depth > 8 { 16 } else { 8 }) * height as usize;
    let mut memory = TiffLimits::default();
    memory.decoding_buffer_size = samples.saturating_add(WORKING_BYTES);
    memory.intermediate_buffer_size = samples.saturating_add(WORKING_BYTES);
    memory.ifd_value_size = usize::try_from(limits.metadata_bytes).unwrap_or(usize::MAX);
    let mut decoder = decoder.with_limits(memory);
    let (metadata, not_kept) = metadata(&mut decoder, limits)?;
    let lossy = lossy_source(&mut decoder)?;
    let mut reader = ImageReader::new(info, metadata, Lazy::new(move || planes(&mut decoder, info)));
    reader.lossy_source = lossy.map(str::to_owned);
    reader.not_kept = not_kept;
    Ok(reader)
}

/// Channels and depth; fails for samples that the decoder would convert.
fn shape(decoder: &mut Decoder<Input<'_>>) -> Result<(usize, u32)> {
    let unsupported = |what: String| Err(Error::Unsupported(format!("{what} in a TIFF file")));
    let numbers = |decoder: &mut Decoder<_>, tag| {
        decoder.find_tag_unsigned_vec::<u16>(tag).map(Option::unwrap_or_default).map_err(tiff_error)
    };
    let formats = numbers(decoder, Tag::SampleFormat)?;
    if formats.iter().any(|&format| format != SampleFormat::Uint.to_u16()) {
        return unsupported("samples that are no unsigned integers (floating-point or signed ones)".to_owned());
    }
    if numbers(decoder, Tag::FillOrder)?.contains(&2) {
        return unsupported("bits in reverse order".to_owned());
    }
    let straight = numbers(decoder, Tag::ExtraSamples)? == [ExtraSamples::UnassociatedAlpha.to_u16()];
    let colour = decoder.colortype().map_err(tiff_error)?;
    let (channels, depth) = match colour {
        ColorType::Gray(depth @ (1 | 2 | 4 | 8 | 16)) => (1, depth),
        ColorType::RGB(depth @ (8 | 16)) => (3, depth),
        ColorType::RGBA(depth @ (8 | 16)) if straight => (4, depth),
        ColorType::GrayA(depth @ (8 | 16)) if straight => (2, depth),
        ColorType::Multiband { bit_depth: depth @ (8 | 16), num_samples: 2 } if straight => (2, depth),
        ColorType::RGBA(_) | ColorType::GrayA(_) => {
            return unsupported("alpha that is multiplied into the colours, or not declared as alpha,".to_owned());
        }
        other => return unsupported(format!("{other:?} samples")),
    };
    Ok((channels, depth.into()))
}

fn lossy_source(decoder: &mut Decoder<Input<'_>>) -> Result<Option<&'static str>> {
    let compression = decoder.find_tag_unsigned::<u16>(Tag::Compression).map_err(tiff_error)?;
    Ok(match compression.map(CompressionMethod::from_u16_exhaustive) {
        Some(CompressionMethod::JPEG | CompressionMethod::ModernJPEG) => Some("JPEG in TIFF"),
        Some(CompressionMethod::Unknown(50001)) => Some("WebP in TIFF"),
        _ => None,
    })
}

/// The metadata, and the names of the tags that are not kept.
fn metadata(decoder: &mut Decoder<Input<'_>>, limits: &Limits) -> Result<(Metadata, Vec<String>)> {
    let bytes = |decoder: &mut Decoder<_>, tag| -> Result<Option<Vec<u8>>> {
        let mut value = ValueBuffer::empty(Type::BYTE);
        let found = decoder.image_ifd().find_tag_buf(tag, &mut value).map_err(tiff_error)?;
        Ok(found.map(|_| value.as_bytes().to_vec()))
    };
    let of_blocks = |(tag, _): &(Tag, _)| matches!(*tag, Tag::IccProfile | XMP);
    let sizes = decoder.image_ifd().directory().iter().filter(of_blocks).map(|(_, entry)| entry.count()).sum();
    check("the size of the metadata in bytes", sizes, limits.metadata_bytes)?;
    let orientation = decoder.find_tag_unsigned::<u16>(Tag::Orientation).map_err(tiff_error)?;
    let orientation = orientation.filter(|number| (2..=8).contains(number));
    let blocks = [
        (MetadataKind::Icc, bytes(decoder, Tag::IccProfile)?),
        (MetadataKind::Exif, orientation.map(exif)),
        (MetadataKind::Xmp, bytes(decoder, XMP)?),
    ];
    let mut metadata = Metadata::default();
    set_blocks(&mut metadata, blocks, limits)?;
    let mut not_kept = Vec::new();
    let no_unit = decoder.find_tag_unsigned::<u16>(Tag::ResolutionUnit).map_err(tiff_error)? == Some(1);
    let resolution = |tag: &Tag| matches!(tag, Tag::XResolution | Tag::YResolution | Tag::ResolutionUnit);
    for tag in decoder.image_ifd().directory().iter().map(|(tag, _)| tag).filter(|tag| !KEPT.contains(tag)) {
        if no_unit && resolution(&tag) {
            continue; // only says that pixels are square
        }
        not_kept.push(match tag {
            Tag::Unknown(number) => format!("TIFF tag {number}"),
            known => format!("TIFF tag {known:?}"),
        });
    }
    Ok((metadata, not_kept))
}

/// Exif that holds only the orientation: a header, and a directory with one entry.
pub(super) fn exif(orientation: u16) -> Vec<u8> {
    let [low, high] = orientation.to_le_bytes();
    [&b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"[..], &[low, high, 0, 0, 0, 0, 0, 0]].concat()
}

fn planes(decoder: &mut Decoder<Input<'_>>, info: ImageInfo) -> Result<Planes> {
    let ImageInfo { width, height, channels, depth } = info;
    let mut buffer = DecodingResult::U8(Vec::new());
    let layout = decoder.read_image_to_buffer(&mut buffer).map_err(tiff_error)?;
    let broken = || Error::Image("the samples of a TIFF file do not have its size".to_owned());
    // Planar files store one plane per channel.
    let planar = layout.planes > 1;
    let in_plane = if planar { 1 } else { channels };
    if planar && layout.planes != channels {
        return Err(broken());
    }
    let mut planes = Planes::zeros(channels, height, width, depth)?;
    let row_samples = width as usize * in_plane;
    let bytes_per_row = ImageInfo { channels: in_plane, ..info }.row_bytes(depth);
    let mut bytes = Vec::new();
    for plane in 0..layout.planes.max(1) {
        let mut part = Planes::zeros(in_plane, height, width, depth)?;
        for row in 0..height {
            let index = plane * height as usize + row as usize;
            match &buffer {
                DecodingResult::U8(all) if depth <= 8 => {
                    bytes.clear();
                    let start = index * bytes_per_row;
                    bytes.extend_from_slice(all.get(start..start + bytes_per_row).ok_or_else(broken)?);
                }
                DecodingResult::U16(all) if depth == 16 => {
                    let start = index * row_samples;
                    let row = all.get(start..start + row_samples).ok_or_else(broken)?;
                    rows::pack(row.iter().copied(), 16, &mut bytes);
                }
                _ => return Err(broken()),
            }
            rows::put(&mut part, row, &bytes, depth);
        }
        if !planar {
            return Ok(part);
        }
        planes
            .samples_mut()
            .index_axis_mut(ndarray::Axis(0), plane)
            .assign(&part.samples().index_axis(ndarray::Axis(0), 0));
    }
    Ok(planes)
}

/// Writes an uncompressed file; the samples have 8 or 16 bits.
pub(super) fn write(planes: &Planes, metadata: &Metadata, output: impl Write + Seek) -> Result<()> {
    let samples = (0..planes.height()).flat_map(|row| rows::interleaved(planes, row));
    let samples8 = || samples.clone().map(|sample| sample as u8).collect::<Vec<_>>();
    match (planes.channels(), planes.depth()) {
        (1 | 2, 8) => encode::<Gray8>(planes, &samples8(), metadata, output),
        (1 | 2, _) => encode::<Gray16>(planes, &samples.collect::<Vec<_>>(), metadata, output),
        (_, 8) => encode::<RGB8>(planes, &samples8(), metadata, output),
        _ => encode::<RGB16>(planes, &samples.collect::<Vec<_>>(), metadata, output),
    }
    .map_err(|error| match error {
        TiffError::IoError(e) => io_error("write")(e),
        other => Error::unsupported(other),
    })
}

fn encode<T: Samples>(
    planes: &Planes,
    samples: &[T::Inner],
    metadata: &Metadata,
    output: impl Write + Seek,
) -> std::result::Result<(), TiffError>
where
    [T::Inner]: TiffValue,
{
    let mut file = TiffEncoder::new(output)?;
    let mut image = file.new_image::<T>(planes.width(), planes.height())?;
    if planes.channels().is_multiple_of(2) {
        image.extra_samples(&[ExtraSamples::UnassociatedAlpha])?;
    }
    let channels = planes.channels() as u16;
    let tags = image.encoder();
    tags.write_tag(Tag::SamplesPerPixel, channels)?;
    tags.write_tag(Tag::BitsPerSample, &vec![planes.depth() as u16; channels.into()][..])?;
    tags.write_tag(Tag::SampleFormat, &vec![SampleFormat::Uint.to_u16(); channels.into()][..])?;
    if let Some(profile) = metadata.get(MetadataKind::Icc) {
        tags.write_tag(Tag::IccProfile, profile)?;
    }
    if let Some(xmp) = metadata.get(MetadataKind::Xmp) {
        tags.write_tag(XMP, xmp)?;
    }
    let exif = metadata.get(MetadataKind::Exif).and_then(Orientation::from_exif_chunk);
    if let Some(orientation) = exif {
        tags.write_tag(Tag::Orientation, u16::from(orientation.to_exif()))?;
    }
    image.write_data(samples)
}

fn tiff_error(error: TiffError) -> Error {
    match error {
        TiffError::IoError(e) => io_error("read")(e),
        unsupported @ TiffError::UnsupportedError(_) => Error::unsupported(unsupported),
        other => Error::damaged(other),
    }
}
