//! BMP files, which the image crate decodes whole: palettes are kept, and files that the decoder would alter are
//! refused.

use std::io::{ErrorKind, Read, Seek, SeekFrom};

use byteorder::{ByteOrder, LittleEndian, ReadBytesExt};
use image::codecs::bmp::BmpDecoder;
use image::{DynamicImage, ImageDecoder};
use ndarray::Axis;

use super::errors::{image_error, io_error};
use super::reader::{ImageReader, Input, Whole, set_blocks};
use crate::base::error::{Error, Result};
use crate::base::limits::{Limits, check};
use crate::image::planes::Planes;
use crate::image::{ImageInfo, Metadata, MetadataKind, Palette};

/// Opens a BMP file. If its palette is the grey ramp in order, the image is grey; otherwise the palette is kept.
pub(super) fn open<'a>(mut input: Input<'a>, header: &[u8], limits: &Limits) -> Result<ImageReader<'a>> {
    let start = input.stream_position().map_err(io_error("read"))?;
    check_masks(header)?;
    let profile = profile_of(&mut input, start, header, limits)?;
    let left_out = pixels_left_out(&mut input, start, header)?;
    input.seek(SeekFrom::Start(start)).map_err(io_error("read"))?;
    let decoder = BmpDecoder::new(input).map_err(image_error("read"))?;
    // The image crate pads the palette to 256 colours.
    let colours = decoder.get_palette().map(|colours| colours[..colours.len().min(colours_in(header))].to_vec());
    let (width, height) = decoder.dimensions();
    let channels = decoder.color_type().channel_count().into();
    ImageInfo { width, height, channels, depth: 8 }.check(limits)?;
    let image = DynamicImage::from_decoder(decoder).map_err(image_error("read"))?;
    let mut planes = Planes::try_from(&image)?;
    let mut metadata = Metadata::default();
    let mut palette = None;
    if let (Some(colours), 3) = (colours, planes.channels()) {
        if colours.iter().copied().eq((0..=u8::MAX).map(|grey| [grey; 3])) {
            let grey = planes.samples().slice_axis(Axis(0), (..1).into()).to_owned();
            planes = Planes::new(grey, 8)?;
        } else if (1..=256).contains(&colours.len()) {
            let depth = Palette::depth_for(colours.len());
            palette = Some(Palette { depth, colours, alpha: Vec::new() }).filter(|palette| holds(palette, &planes));
        }
    }
    let palette = palette.map(|palette| palette.to_bytes());
    set_blocks(&mut metadata, [(MetadataKind::Icc, profile), (MetadataKind::Palette, palette)], limits)?;
    let mut reader = ImageReader::new(ImageInfo::of(&planes), metadata, Whole::new(planes));
    if number(header, 14) >= 40 && (number(header, 38), number(header, 42)) != (0, 0) {
        reader.not_kept.push("the resolution".to_owned());
    }
    if left_out > 0 {
        reader.not_kept.push(format!("that {left_out} pixels are left out (they are black now)"));
    }
    Ok(reader)
}

/// Whether all pixels have colours of the palette. Pixels that a run-length coded file skips may have others.
fn holds(palette: &Palette, planes: &Planes) -> bool {
    let indices = palette.indices();
    let samples = planes.samples();
    let lanes = samples.lanes(Axis(0));
    lanes.into_iter().all(|pixel| indices.contains_key(&[pixel[0] as u8, pixel[1] as u8, pixel[2] as u8, u8::MAX]))
}

/// Four bytes of a header as a little-endian number; zero beyond its end.
fn number(header: &[u8], at: usize) -> u32 {
    header.get(at..at + 4).map_or(0, LittleEndian::read_u32)
}

/// The number of palette colours that the header declares.
fn colours_in(header: &[u8]) -> usize {
    let (short, used) = (number(header, 14) == 12, number(header, 46));
    let bits = number(header, if short { 24 } else { 28 }) & 0xff;
    if short || used == 0 { 1 << bits.min(8) } else { used as usize }
}

/// Refuses BMP files with more than eight bits per channel: the image crate would drop bits.
fn check_masks(header: &[u8]) -> Result<()> {
    let (length, compression) = (number(header, 14), number(header, 30));
    let masks = match compression {
        3 | 6 if length >= 40 => [54, 58, 62].map(|at| number(header, at)),
        _ => return Ok(()),
    };
    match masks.into_iter().map(u32::count_ones).max() {
        Some(bits) if bits > 8 => Err(Error::Unsupported(format!("{bits}-bit samples in a BMP file"))),
        _ => Ok(()),
    }
}

/// The ICC profile that a BMP header of version 5 points to.
fn profile_of(input: &mut Input<'_>, start: u64, header: &[u8], limits: &Limits) -> Result<Option<Vec<u8>>> {
    const EMBEDDED: u32 = u32::from_be_bytes(*b"MBED");
    if number(header, 14) < 124 || number(header, 14 + 56) != EMBEDDED {
        return Ok(None);
    }
    let (offset, length) = (number(header, 14 + 112), u64::from(number(header, 14 + 116)));
    check("the size of the metadata in bytes", length, limits.metadata_bytes)?;
    input.seek(SeekFrom::Start(start + 14 + u64::from(offset))).map_err(io_error("read"))?;
    let mut profile = Vec::new();
    input.take(length).read_to_end(&mut profile).map_err(io_error("read"))?;
    if profile.len() as u64 != length {
        return Err(Error::Image("the file ends within its ICC profile".to_owned()));
    }
    Ok(Some(profile))
}

/// Counts the pixels that run-length coding skips: rows may end early, and escapes may move ahead. Errors in the data
/// are left to the decoder.
fn pixels_left_out(input: &mut Input<'_>, start: u64, header: &[u8]) -> Result<u64> {
    const RUN_LENGTHS: [u32; 2] = [1, 2]; // of 8 and 4 bits
    if number(header, 14) < 40 || !RUN_LENGTHS.contains(&number(header, 30)) {
        return Ok(0);
    }
    let half_bytes = number(header, 30) == 2;
    let (width, height) = (u64::from(number(header, 18)), u64::from((number(header, 22) as i32).unsigned_abs()));
    input.seek(SeekFrom::Start(start + u64::from(number(header, 10)))).map_err(io_error("read"))?;
    let mut coded = 0;
    let mut walk = || -> std::io::Result<()> {
        let mut x = 0;
        loop {
            let (first, second) = (input.read_u8()?, input.read_u8()?);
            let pixels = match (first, second) {
                (0, 0) => {
                    x = 0;
                    continue;
                }
                (0, 1) => return Ok(()),
                (0, 2) => {
                    x += u64::from(input.read_u8()?);
                    input.read_u8()?; // rows
                    continue;
                }
                (0, pixels) => {
                    let bytes = if half_bytes { pixels.div_ceil(2) } else { pixels };
                    input.seek_relative(i64::from(bytes) + i64::from(bytes % 2))?;
                    pixels
                }
                (pixels, _) => pixels,
            };
            coded += u64::from(pixels).min(width.saturating_sub(x));
            x += u64::from(pixels);
        }
    };
    match walk() {
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => Err(io_error("read")(error)),
        _ => Ok((width * height).saturating_sub(coded)),
    }
}
