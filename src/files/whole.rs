//! Formats that the image crate decodes and encodes whole: BMP, QOI, TGA, ICO, farbfeld, JPEG.

use std::io::{BufRead, Cursor, Read, Seek, SeekFrom, Write};

use byteorder::{ByteOrder, LittleEndian, ReadBytesExt};
use image::codecs::bmp::BmpDecoder;
use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageFormat};

use super::{ImageInfo, ImageReader, Whole, WriteRows, image_error, io_error, name, put_rows, set_blocks, tiff, webp};
use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::image::planes::Planes;
use crate::image::{Metadata, MetadataKind, Palette};

/// Bytes of the longest header that is looked into: BMP's, with a file header and a header of version 5.
const HEADER_BYTES: u64 = 14 + 124;

pub(super) fn open<'a>(
    mut input: impl BufRead + Seek + 'a,
    format: ImageFormat,
    limits: &Limits,
) -> Result<ImageReader<'a>> {
    let start = input.stream_position().map_err(io_error("read"))?;
    let mut header = Vec::new();
    input.by_ref().take(HEADER_BYTES).read_to_end(&mut header).map_err(io_error("read"))?;
    input.seek(SeekFrom::Start(start)).map_err(io_error("read"))?;
    match format {
        ImageFormat::Bmp => open_bmp(input, &header, limits),
        ImageFormat::Ico if header.get(4..6) != Some(&[1, 0]) => {
            Err(Error::Unsupported("an ICO file of several images".to_owned()))
        }
        ImageFormat::Jpeg => {
            check_jpeg(&mut input)?;
            input.seek(SeekFrom::Start(start)).map_err(io_error("read"))?;
            let mut reader = decode(decoder(input, format)?, format, limits)?;
            reader.lossy_source = Some("JPEG".to_owned());
            Ok(reader)
        }
        ImageFormat::Qoi => {
            let mut reader = decode(decoder(input, format)?, format, limits)?;
            if header.get(13) == Some(&1) {
                reader.not_kept.push("the declaration that the samples are linear".to_owned());
            }
            Ok(reader)
        }
        ImageFormat::Tga => {
            let mut reader = decode(decoder(input, format)?, format, limits)?;
            if header.first().is_some_and(|&bytes| bytes > 0) {
                reader.not_kept.push("the text in the header".to_owned());
            }
            Ok(reader)
        }
        ImageFormat::Ico | ImageFormat::Farbfeld => decode(decoder(input, format)?, format, limits),
        other => Err(Error::Unsupported(format!("{} files", name(other)))),
    }
}

fn decoder<'a>(input: impl BufRead + Seek + 'a, format: ImageFormat) -> Result<impl ImageDecoder + 'a> {
    let mut reader = image::ImageReader::with_format(input, format);
    reader.no_limits(); // ours are checked before the samples are read
    reader.into_decoder().map_err(image_error("read"))
}

fn decode<'a>(mut decoder: impl ImageDecoder, format: ImageFormat, limits: &Limits) -> Result<ImageReader<'a>> {
    let (width, height) = decoder.dimensions();
    let colour = decoder.color_type();
    let channels = usize::from(colour.channel_count());
    let depth = 8 * u32::from(colour.bytes_per_pixel()) / channels as u32;
    let info = ImageInfo { width, height, channels, depth };
    info.check(limits)?;
    let mut not_kept = Vec::new();
    match decoder.original_color_type() {
        stored if stored == colour.into() => (),
        ExtendedColorType::Rgb5x1 => not_kept.push("the attribute bit of the pixels".to_owned()),
        stored => {
            return Err(Error::Unsupported(format!("{stored:?} samples in a {} file", name(format))));
        }
    }
    let mut metadata = Metadata::default();
    let blocks = [
        (MetadataKind::Icc, decoder.icc_profile().map_err(image_error("read"))?),
        (MetadataKind::Exif, decoder.exif_metadata().map_err(image_error("read"))?),
        (MetadataKind::Xmp, decoder.xmp_metadata().map_err(image_error("read"))?),
    ];
    set_blocks(&mut metadata, blocks, limits)?;
    if decoder.iptc_metadata().map_err(image_error("read"))?.is_some() {
        not_kept.push("IPTC".to_owned());
    }
    let image = DynamicImage::from_decoder(decoder).map_err(image_error("read"))?;
    let mut reader = ImageReader::new(info, metadata, Whole::new(Planes::try_from(&image)?));
    reader.not_kept = not_kept;
    Ok(reader)
}

/// Opens a BMP file. One whose palette is the greys in order is grey; else the palette is kept.
fn open_bmp<'a>(mut input: impl BufRead + Seek + 'a, header: &[u8], limits: &Limits) -> Result<ImageReader<'a>> {
    let start = input.stream_position().map_err(io_error("read"))?;
    check_bmp_masks(header)?;
    let profile = bmp_profile(&mut input, start, header, limits)?;
    input.seek(SeekFrom::Start(start)).map_err(io_error("read"))?;
    let decoder = BmpDecoder::new(input).map_err(image_error("read"))?;
    // The image crate fills the palette up to 256 colours.
    let colours = decoder.get_palette().map(|colours| colours[..colours.len().min(bmp_colours(header))].to_vec());
    let (width, height) = decoder.dimensions();
    let channels = decoder.color_type().channel_count().into();
    ImageInfo { width, height, channels, depth: 8 }.check(limits)?;
    let image = DynamicImage::from_decoder(decoder).map_err(image_error("read"))?;
    let mut planes = Planes::try_from(&image)?;
    let mut metadata = Metadata::default();
    let mut palette = None;
    if let (Some(colours), 3) = (colours, planes.channels()) {
        if colours.iter().copied().eq((0..=u8::MAX).map(|grey| [grey; 3])) {
            let grey = planes.samples().slice_axis(ndarray::Axis(0), (..1).into()).to_owned();
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
    Ok(reader)
}

/// Whether all pixels are of the palette: pixels that a compressed BMP file leaves out need not be.
fn holds(palette: &Palette, planes: &Planes) -> bool {
    let indices = palette.indices();
    let samples = planes.samples();
    let lanes = samples.lanes(ndarray::Axis(0));
    lanes.into_iter().all(|pixel| indices.contains_key(&[pixel[0] as u8, pixel[1] as u8, pixel[2] as u8, u8::MAX]))
}

/// Four bytes of a header as a number; zero behind its end.
fn number(header: &[u8], at: usize) -> u32 {
    header.get(at..at + 4).map_or(0, LittleEndian::read_u32)
}

/// The number of colours in a palette, as the header says it.
fn bmp_colours(header: &[u8]) -> usize {
    let (short, used) = (number(header, 14) == 12, number(header, 46));
    let bits = number(header, if short { 24 } else { 28 }) & 0xff;
    if short || used == 0 { 1 << bits.min(8) } else { used as usize }
}

/// Refuses BMP files with more than eight bits of a channel: the image crate would drop bits.
fn check_bmp_masks(header: &[u8]) -> Result<()> {
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
fn bmp_profile(input: &mut (impl Read + Seek), start: u64, header: &[u8], limits: &Limits) -> Result<Option<Vec<u8>>> {
    const EMBEDDED: u32 = u32::from_be_bytes(*b"MBED");
    if number(header, 14) < 124 || number(header, 14 + 56) != EMBEDDED {
        return Ok(None);
    }
    let (offset, length) = (number(header, 14 + 112), u64::from(number(header, 14 + 116)));
    crate::base::limits::check("the size of the metadata in bytes", length, limits.metadata_bytes)?;
    input.seek(SeekFrom::Start(start + 14 + u64::from(offset))).map_err(io_error("read"))?;
    let mut profile = Vec::new();
    input.take(length).read_to_end(&mut profile).map_err(io_error("read"))?;
    if profile.len() as u64 != length {
        return Err(Error::Image("the file ends within its ICC profile".to_owned()));
    }
    Ok(Some(profile))
}

/// Whether a file that starts with these bytes may be TGA, which has no magic number.
pub(super) fn is_tga(first: &[u8]) -> bool {
    let [_, map, kind, _, _, _, _, map_bits, _, _, _, _, w0, w1, h0, h1, bits, descriptor, ..] = *first else {
        return false;
    };
    let mapped = map == 1 && matches!(kind, 1 | 9) && matches!(map_bits, 15 | 16 | 24 | 32);
    let direct = map == 0 && matches!(kind, 2 | 3 | 10 | 11);
    let size = (w0 | w1) != 0 && (h0 | h1) != 0;
    (mapped || direct) && size && matches!(bits, 8 | 15 | 16 | 24 | 32) && descriptor & 0xc0 == 0
}

/// Fails unless a JPEG file goes on to its end marker: its decoder would fill up what is missing.
fn check_jpeg(input: &mut impl BufRead) -> Result<()> {
    const SCAN: u8 = 0xda;
    let mut read = || input.read_u8().map_err(io_error("read"));
    let mut in_scan = false;
    loop {
        if read()? != 0xff {
            if in_scan {
                continue;
            }
            return Err(Error::Image("no marker where one must be in a JPEG file".to_owned()));
        }
        let mut marker = read()?;
        while marker == 0xff {
            marker = read()?;
        }
        match marker {
            0xd9 => return Ok(()),
            0x00 | 0xd0..=0xd7 if in_scan => continue,
            0x01 | 0xd0..=0xd8 => continue,
            _ => (),
        }
        let length = u16::from_be_bytes([read()?, read()?]);
        for _ in 2..length {
            read()?;
        }
        in_scan = marker == SCAN;
    }
}

/// Collects the rows, and writes all of them at the end.
pub(super) struct WholeWriter<W> {
    planes: Planes,
    done: u32,
    metadata: Metadata,
    format: ImageFormat,
    output: W,
}

impl<W: Write> WholeWriter<W> {
    pub fn new(info: ImageInfo, metadata: &Metadata, format: ImageFormat, output: W) -> Result<Self> {
        let planes = Planes::zeros(info.channels, info.height, info.width, info.depth)?;
        Ok(Self { planes, done: 0, metadata: metadata.clone(), format, output })
    }
}

impl<W: Write> WriteRows for WholeWriter<W> {
    fn write_rows(&mut self, planes: &Planes) -> Result<()> {
        put_rows(&mut self.planes, self.done, planes);
        self.done += planes.height();
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let mut bytes = Cursor::new(Vec::new());
        match self.format {
            ImageFormat::Tiff => tiff::write(&self.planes, &self.metadata, &mut bytes)?,
            ImageFormat::WebP => webp::write(&self.planes, &self.metadata, &mut bytes)?,
            format => self.planes.to_image()?.write_to(&mut bytes, format).map_err(image_error("write"))?,
        }
        let written = self.output.write_all(bytes.get_ref());
        written.and_then(|()| self.output.flush()).map_err(io_error("write"))
    }
}
