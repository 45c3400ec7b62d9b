//! ansel as a format of the `image` crate: after [`register`], `image::open` reads .ansel files; [`AnselDecoder`] and
//! [`AnselEncoder`] are its decoder and encoder.
//!
//! ```
//! use image::{DynamicImage, RgbImage};
//!
//! ansel::hooks::register(&ansel::Codec::default());
//! let image = DynamicImage::ImageRgb8(RgbImage::from_fn(9, 7, |x, y| image::Rgb([x as u8, y as u8, 3])));
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("image.ansel");
//! image.write_with_encoder(ansel::hooks::AnselEncoder::new(std::fs::File::create(&path)?))?;
//! assert_eq!(image::open(&path)?, image);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::io::{BufRead, Cursor, Read, Seek, Write};

use bytemuck::pod_collect_to_vec;
use image::error::{
    DecodingError, EncodingError, ImageFormatHint, LimitError, LimitErrorKind, UnsupportedError, UnsupportedErrorKind,
};
use image::{ColorType, ExtendedColorType, ImageDecoder, ImageEncoder, ImageError, ImageResult, LimitSupport};

use crate::base::error::{Error, ErrorKind, Result};
use crate::codec::{Codec, Decoder};
use crate::container::{FileKind, MAGIC};
use crate::files::{ImageReader, open_image};
use crate::image::{ImageInfo, Metadata, MetadataKind, Planes};

const EXTENSION: &str = "ansel";

/// Makes the image crate open .ansel files, which it recognises by extension and by first bytes. `codec` decodes them,
/// within its limits and those of the image crate. Only the first call has an effect; later ones return `false`.
pub fn register(codec: &Codec) -> bool {
    let codec = codec.clone();
    let is_new = image::hooks::register_decoding_hook(
        EXTENSION.into(),
        Box::new(move |reader| Ok(Box::new(AnselDecoder::new(&codec, reader)?))),
    );
    if is_new {
        image::hooks::register_format_detection_hook(EXTENSION.into(), &MAGIC, None);
    }
    is_new
}

/// The source of the rows.
#[derive(Debug)]
enum Rows<R> {
    Image(Decoder<R>),
    /// The pixels of a stored JPEG file.
    Jpeg(ImageReader<'static>),
}

/// A decoder of .ansel files for the image crate. Depths other than 8 and 16 bits are scaled up to the next of these,
/// as in PNG files: `v * 255 / (2^depth - 1)`, rounded.
#[derive(Debug)]
pub struct AnselDecoder<R> {
    rows: Rows<R>,
    info: ImageInfo,
    metadata: Metadata,
}

impl<R: BufRead + Seek> AnselDecoder<R> {
    /// Reads header and metadata; if the file holds a JPEG file, reads all of it.
    ///
    /// # Errors
    /// As [`Codec::decompress`], converted to errors of the image crate.
    pub fn new(codec: &Codec, reader: R) -> ImageResult<Self> {
        Self::open(codec, reader).map_err(|error| image_error(error, ImageError::Decoding))
    }

    fn open(codec: &Codec, mut reader: R) -> Result<Self> {
        if FileKind::of(reader.fill_buf().map_err(crate::base::bytes::read_error)?) == Some(FileKind::Jpeg) {
            let jpeg = codec.decompress_jpeg(reader)?;
            let rows = open_image(Cursor::new(jpeg), codec.limits())?;
            return Ok(Self { info: rows.info(), metadata: rows.metadata().clone(), rows: Rows::Jpeg(rows) });
        }
        let rows = codec.decoder(reader)?;
        Ok(Self { info: rows.header().info(), metadata: rows.metadata().clone(), rows: Rows::Image(rows) })
    }
}

impl<R: Read> AnselDecoder<R> {
    fn metadata(&self, kind: MetadataKind) -> Option<Vec<u8>> {
        self.metadata.get(kind).map(<[u8]>::to_vec)
    }

    fn read(mut self, mut buffer: &mut [u8]) -> Result<()> {
        let mut next = || match &mut self.rows {
            Rows::Image(decoder) => decoder.next_band(),
            Rows::Jpeg(reader) if reader.rows_left() == 0 => Ok(None),
            Rows::Jpeg(reader) => reader.read_rows(u32::MAX).map(Some),
        };
        while let Some(rows) = next()? {
            let rows = scaled(rows)?;
            let bytes: Vec<u8> = match rows.depth() {
                8 => rows.to_interleaved()?,
                _ => pod_collect_to_vec(&rows.to_interleaved::<u16>()?),
            };
            let (filled, rest) = buffer.split_at_mut(bytes.len());
            filled.copy_from_slice(&bytes);
            buffer = rest;
        }
        Ok(())
    }
}

/// The samples, scaled to 8 or 16 bits.
fn scaled(planes: Planes) -> Result<Planes> {
    let (depth, target) = (planes.depth(), if planes.depth() <= 8 { 8 } else { 16 });
    if depth == target {
        return Ok(planes);
    }
    let (most, wanted) = ((1u32 << depth) - 1, (1u32 << target) - 1);
    Planes::new(planes.samples().mapv(|sample| ((u32::from(sample) * wanted + most / 2) / most) as u16), target)
}

impl<R: Read> ImageDecoder for AnselDecoder<R> {
    fn dimensions(&self) -> (u32, u32) {
        (self.info.width, self.info.height)
    }

    fn color_type(&self) -> ColorType {
        match (self.info.channels, self.info.depth) {
            (1, ..=8) => ColorType::L8,
            (2, ..=8) => ColorType::La8,
            (3, ..=8) => ColorType::Rgb8,
            (_, ..=8) => ColorType::Rgba8,
            (1, _) => ColorType::L16,
            (2, _) => ColorType::La16,
            (3, _) => ColorType::Rgb16,
            _ => ColorType::Rgba16,
        }
    }

    fn original_color_type(&self) -> ExtendedColorType {
        match (self.info.channels, self.info.depth) {
            (1, 1) => ExtendedColorType::L1,
            (1, 2) => ExtendedColorType::L2,
            (1, 4) => ExtendedColorType::L4,
            _ => self.color_type().into(),
        }
    }

    fn icc_profile(&mut self) -> ImageResult<Option<Vec<u8>>> {
        Ok(self.metadata(MetadataKind::Icc))
    }

    fn exif_metadata(&mut self) -> ImageResult<Option<Vec<u8>>> {
        Ok(self.metadata(MetadataKind::Exif))
    }

    fn xmp_metadata(&mut self) -> ImageResult<Option<Vec<u8>>> {
        Ok(self.metadata(MetadataKind::Xmp))
    }

    /// Checks the buffer and the samples of a band against the allocation limit.
    fn set_limits(&mut self, limits: image::Limits) -> ImageResult<()> {
        limits.check_support(&LimitSupport::default())?;
        limits.check_dimensions(self.info.width, self.info.height)?;
        let samples = match &self.rows {
            Rows::Image(decoder) => decoder.header().band_samples(),
            Rows::Jpeg(_) => self.total_bytes(),
        };
        let needed = self.total_bytes().saturating_add(samples.saturating_mul(2));
        if limits.max_alloc.is_some_and(|most| needed > most) {
            return Err(ImageError::Limits(LimitError::from_kind(LimitErrorKind::InsufficientMemory)));
        }
        Ok(())
    }

    fn read_image(self, buffer: &mut [u8]) -> ImageResult<()> {
        assert_eq!(u64::try_from(buffer.len()), Ok(self.total_bytes()), "a buffer of the image's size");
        self.read(buffer).map_err(|error| image_error(error, ImageError::Decoding))
    }

    fn read_image_boxed(self: Box<Self>, buffer: &mut [u8]) -> ImageResult<()> {
        (*self).read_image(buffer)
    }
}

/// An encoder of .ansel files for the image crate, for images of 1 to 4 channels of 8 or 16 bits.
#[derive(Debug)]
pub struct AnselEncoder<W> {
    codec: Codec,
    metadata: Metadata,
    output: W,
}

impl<W: Write> AnselEncoder<W> {
    /// An encoder with default options.
    pub fn new(output: W) -> Self {
        Self::with_codec(&Codec::default(), output)
    }

    /// An encoder with the options and sessions of a codec. A session takes time to make; this way it is made once for
    /// many images.
    pub fn with_codec(codec: &Codec, output: W) -> Self {
        Self { codec: codec.clone(), metadata: Metadata::default(), output }
    }

    fn write(self, buffer: &[u8], info: ImageInfo) -> Result<()> {
        let planes = match info.depth {
            8 => Planes::from_interleaved(buffer, info)?,
            _ => Planes::from_interleaved::<u16>(&pod_collect_to_vec(buffer), info)?,
        };
        let mut encoder = self.codec.encoder(info, &self.metadata, self.output)?;
        encoder.write_rows(&planes)?;
        encoder.finish().map(drop)
    }
}

impl<W: Write> ImageEncoder for AnselEncoder<W> {
    fn write_image(self, buffer: &[u8], width: u32, height: u32, colour: ExtendedColorType) -> ImageResult<()> {
        let (channels, depth) = match colour {
            ExtendedColorType::L8 => (1, 8),
            ExtendedColorType::La8 => (2, 8),
            ExtendedColorType::Rgb8 => (3, 8),
            ExtendedColorType::Rgba8 => (4, 8),
            ExtendedColorType::L16 => (1, 16),
            ExtendedColorType::La16 => (2, 16),
            ExtendedColorType::Rgb16 => (3, 16),
            ExtendedColorType::Rgba16 => (4, 16),
            other => {
                let kind = UnsupportedErrorKind::Color(other);
                return Err(ImageError::Unsupported(UnsupportedError::from_format_and_kind(hint(), kind)));
            }
        };
        let info = ImageInfo { width, height, channels, depth };
        let samples = u64::from(width) * u64::from(height) * channels as u64;
        let bytes = samples * u64::from(depth / 8);
        assert_eq!(u64::try_from(buffer.len()), Ok(bytes), "a buffer of the image's size");
        self.write(buffer, info).map_err(|error| image_error(error, ImageError::Encoding))
    }

    fn set_icc_profile(&mut self, profile: Vec<u8>) -> std::result::Result<(), UnsupportedError> {
        self.metadata.set(MetadataKind::Icc, profile);
        Ok(())
    }

    fn set_exif_metadata(&mut self, exif: Vec<u8>) -> std::result::Result<(), UnsupportedError> {
        self.metadata.set(MetadataKind::Exif, exif);
        Ok(())
    }
}

fn hint() -> ImageFormatHint {
    ImageFormatHint::Name(EXTENSION.to_owned())
}

/// Converts an error to one of the image crate; `other` wraps those about the content of the file.
fn image_error<E: FromFormat>(error: Error, other: impl Fn(E) -> ImageError) -> ImageError {
    match (error.kind(), error) {
        (ErrorKind::Io, Error::Io { source, .. }) => ImageError::IoError(source),
        (ErrorKind::Limits, _) => ImageError::Limits(LimitError::from_kind(LimitErrorKind::InsufficientMemory)),
        (ErrorKind::Unsupported, error) => {
            let kind = UnsupportedErrorKind::GenericFeature(error.to_string());
            ImageError::Unsupported(UnsupportedError::from_format_and_kind(hint(), kind))
        }
        (_, error) => other(E::from_format(error)),
    }
}

/// The image crate's errors about the content of a file.
trait FromFormat {
    fn from_format(error: Error) -> Self;
}

impl FromFormat for DecodingError {
    fn from_format(error: Error) -> Self {
        Self::new(hint(), error)
    }
}

impl FromFormat for EncodingError {
    fn from_format(error: Error) -> Self {
        Self::new(hint(), error)
    }
}
