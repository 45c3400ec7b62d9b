//! Formats that the image crate decodes and encodes whole: QOI, TGA, ICO, farbfeld, JPEG; partly BMP.

use std::io::{Cursor, Read, Seek, SeekFrom, Write};

use image::codecs::farbfeld::FarbfeldDecoder;
use image::codecs::ico::IcoDecoder;
use image::codecs::jpeg::JpegDecoder;
use image::codecs::qoi::QoiDecoder;
use image::codecs::tga::TgaDecoder;
use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageError, ImageFormat};

use super::bmp;
use super::errors::{image_error, io_error, name};
use super::jpeg;
use super::reader::{ImageReader, Input, Lazy, put_rows, set_blocks};
use super::tiff;
use super::webp;
use super::writer::{Output, WriteRows};
use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::image::planes::Planes;
use crate::image::{ImageInfo, Metadata, MetadataKind};

/// Length of the longest header that is examined, in bytes: BMP's file header and version 5 header.
const HEADER_BYTES: u64 = 14 + 124;

pub(super) fn open<'a>(mut input: Input<'a>, format: ImageFormat, limits: &Limits) -> Result<ImageReader<'a>> {
    let start = input.stream_position().map_err(io_error("read"))?;
    let mut header = Vec::new();
    input.by_ref().take(HEADER_BYTES).read_to_end(&mut header).map_err(io_error("read"))?;
    input.seek(SeekFrom::Start(start)).map_err(io_error("read"))?;
    match format {
        ImageFormat::Bmp => bmp::open(input, &header, limits),
        ImageFormat::Ico if header.get(4..6) != Some(&[1, 0]) => {
            Err(Error::Unsupported("an ICO file of several images".to_owned()))
        }
        ImageFormat::Jpeg => {
            jpeg::check(&mut input)?;
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
            if header.get(1) == Some(&1) {
                reader.not_kept.push("the palette".to_owned());
            }
            Ok(reader)
        }
        format => decode(decoder(input, format)?, format, limits),
    }
}

type AnyDecoder<'a> = Box<dyn ImageDecoder + Send + 'a>;

/// A decoder without limits of its own: ours are checked before the samples are read.
fn decoder<'a>(input: Input<'a>, format: ImageFormat) -> Result<AnyDecoder<'a>> {
    let decoder: std::result::Result<AnyDecoder<'a>, ImageError> = match format {
        ImageFormat::Farbfeld => FarbfeldDecoder::new(input).map(|decoder| Box::new(decoder) as _),
        ImageFormat::Ico => IcoDecoder::new(input).map(|decoder| Box::new(decoder) as _),
        ImageFormat::Jpeg => JpegDecoder::new(input).map(|decoder| Box::new(decoder) as _),
        ImageFormat::Qoi => QoiDecoder::new(input).map(|decoder| Box::new(decoder) as _),
        ImageFormat::Tga => TgaDecoder::new(input).map(|decoder| Box::new(decoder) as _),
        other => return Err(Error::Unsupported(format!("{} files", name(other)))),
    };
    decoder.map_err(image_error("read"))
}

/// Checks what a file declares; its samples are decoded on demand.
fn decode<'a>(mut decoder: AnyDecoder<'a>, format: ImageFormat, limits: &Limits) -> Result<ImageReader<'a>> {
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
    let samples = move || Planes::try_from(&DynamicImage::from_decoder(decoder).map_err(image_error("read"))?);
    let mut reader = ImageReader::new(info, metadata, Lazy::new(samples));
    reader.not_kept = not_kept;
    Ok(reader)
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

/// Collects the rows, and writes all of them at the end.
pub(super) struct WholeWriter<'a> {
    planes: Planes,
    done: u32,
    metadata: Metadata,
    format: ImageFormat,
    output: Output<'a>,
}

impl<'a> WholeWriter<'a> {
    pub fn new(info: ImageInfo, metadata: &Metadata, format: ImageFormat, output: Output<'a>) -> Result<Self> {
        let planes = Planes::zeros(info.channels, info.height, info.width, info.depth)?;
        Ok(Self { planes, done: 0, metadata: metadata.clone(), format, output })
    }
}

impl WriteRows for WholeWriter<'_> {
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
