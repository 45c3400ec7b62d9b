//! Image files <-> planes and metadata. Reading refuses files that could not be restored exactly; writing refuses images
//! that the output format cannot hold. PNG (not interlaced) and PNM are read and written row by row, all other formats
//! whole.

mod bmp;
mod dynamic;
mod errors;
mod fits;
mod gif;
mod jpeg;
mod png;
mod pnm;
mod reader;
mod rows;
mod shape;
mod tiff;
mod webp;
mod whole;
mod writer;

use std::io::{BufRead, Read, Seek, SeekFrom, Write};

use image::ImageFormat;

use self::errors::{io_error, name};
use self::fits::{check_format, check_metadata};
pub use self::reader::ImageReader;
use self::reader::Input;
pub use self::writer::ImageWriter;
use self::writer::{Output, WriteRows};
use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::image::planes::Planes;
use crate::image::{ImageInfo, Metadata};

/// The content of an image file.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ImageFile {
    /// The samples.
    pub planes: Planes,
    /// ICC profile, Exif, XMP, palette, PNG chunks.
    pub metadata: Metadata,
    /// The lossy format that the samples were decoded from, if any.
    pub lossy_source: Option<String>,
    /// Other information in the file that is not kept; for a warning.
    pub not_kept: Vec<String>,
}

/// The formats that can be written.
pub const WRITABLE_FORMATS: [ImageFormat; 6] =
    [ImageFormat::Png, ImageFormat::Tiff, ImageFormat::Pnm, ImageFormat::Bmp, ImageFormat::Qoi, ImageFormat::WebP];

/// Opens an image file: PNG, PNM, TIFF, BMP, QOI, WebP, GIF, TGA, ICO, farbfeld or JPEG, by its first bytes.
///
/// ```
/// let file = std::io::Cursor::new(b"P5 2 1 15 \x03\x0f");
/// let mut reader = ansel::open_image(file, &ansel::Limits::default())?;
/// assert_eq!((reader.info().width, reader.info().depth), (2, 4));
/// assert_eq!(reader.read_rows(1)?.samples()[[0, 0, 1]], 15);
/// # Ok::<(), ansel::Error>(())
/// ```
///
/// [`Error::Image`] if it is not a readable image, [`Error::Unsupported`] for animations, several images in one file,
/// floating-point samples and other content that could not be restored, [`Error::LimitsExceeded`] for images and
/// metadata beyond `limits`, [`Error::Io`] if reading fails.
pub fn open_image<'a>(input: impl BufRead + Seek + Send + 'a, limits: &Limits) -> Result<ImageReader<'a>> {
    open(Box::new(input), limits)
}

fn open<'a>(mut input: Input<'a>, limits: &Limits) -> Result<ImageReader<'a>> {
    match format_of(&mut input)? {
        ImageFormat::Png => png::open(input, limits),
        ImageFormat::Pnm => pnm::open(input, limits),
        ImageFormat::Tiff => tiff::open(input, limits),
        ImageFormat::WebP => webp::open(input, limits),
        ImageFormat::Gif => gif::open(input, limits),
        ImageFormat::Hdr | ImageFormat::OpenExr => {
            Err(Error::Unsupported("floating-point images (samples must be integers of up to 16 bits)".to_owned()))
        }
        format => whole::open(input, format, limits),
    }
}

/// The format of a file; leaves the input position unchanged.
fn format_of(input: &mut Input<'_>) -> Result<ImageFormat> {
    let start = input.stream_position().map_err(io_error("read"))?;
    let mut first = Vec::new();
    input.take(32).read_to_end(&mut first).map_err(io_error("read"))?;
    input.seek(SeekFrom::Start(start)).map_err(io_error("read"))?;
    match image::guess_format(&first) {
        Ok(format) => Ok(format),
        Err(_) if whole::is_tga(&first) => Ok(ImageFormat::Tga),
        Err(_) => Err(match other_format(&first) {
            Some(name) => Error::Unsupported(format!("{name} files")),
            None => Error::Image("its first bytes are those of no format that is supported".to_owned()),
        }),
    }
}

/// The name of an image format that is recognised, but not supported.
fn other_format(first: &[u8]) -> Option<&'static str> {
    const STARTS: [(&[u8], &str); 8] = [
        (b"II\x2b\0", "BigTIFF"),
        (b"MM\0\x2b", "BigTIFF"),
        (b"\xff\x0a", "JPEG XL"),
        (b"\0\0\0\x0cJXL ", "JPEG XL"),
        (b"\0\0\0\x0cjP  ", "JPEG 2000"),
        (b"\xff\x4f\xff\x51", "JPEG 2000"),
        (b"8BPS", "Photoshop"),
        (b"FUJIFILM", "raw camera"),
    ];
    let is_heif = first.get(4..8) == Some(b"ftyp");
    let known = STARTS.iter().find(|(start, _)| first.starts_with(start)).map(|(_, name)| *name);
    known.or(is_heif.then_some("HEIF"))
}

/// Reads all of an image file; see [`open_image`].
///
/// # Errors
/// As [`open_image`] and [`ImageReader::read_rows`].
pub fn read_image(input: impl BufRead + Seek + Send, limits: &Limits) -> Result<ImageFile> {
    let mut reader = open_image(input, limits)?;
    let planes = reader.read_rows(u32::MAX)?;
    let ImageReader { metadata, lossy_source, not_kept, .. } = reader;
    Ok(ImageFile { planes, metadata, lossy_source, not_kept })
}

/// Starts an image file in one of the [`WRITABLE_FORMATS`]. PNM becomes PBM, PGM or PPM, or PAM if there is alpha.
///
/// # Errors
/// [`Error::Unsupported`] if the format cannot hold such samples, the ICC profile or the transparent colour;
/// [`Error::Format`] if the metadata is not valid, [`Error::Io`] if writing fails.
pub fn create_image<'a>(
    info: ImageInfo,
    metadata: &Metadata,
    format: ImageFormat,
    output: impl Write + Send + 'a,
) -> Result<ImageWriter<'a>> {
    create(info, metadata, format, Box::new(output))
}

fn create<'a>(
    info: ImageInfo,
    metadata: &Metadata,
    format: ImageFormat,
    output: Output<'a>,
) -> Result<ImageWriter<'a>> {
    if !WRITABLE_FORMATS.contains(&format) {
        return Err(Error::Unsupported(format!("writing {}", name(format))));
    }
    if info.width == 0 || info.height == 0 || !(1..=4).contains(&info.channels) || !(1..=16).contains(&info.depth) {
        return Err(Error::Unsupported(format!("{} of {} x {} pixels", info.kind(), info.width, info.height)));
    }
    check_format(info, format)?;
    let not_kept = check_metadata(info, metadata, format)?;
    let rows: Box<dyn WriteRows + 'a> = match format {
        ImageFormat::Png => Box::new(png::PngWriter::new(info, metadata, output)?),
        ImageFormat::Pnm => Box::new(pnm::PnmWriter::new(info, output)?),
        format => Box::new(whole::WholeWriter::new(info, metadata, format, output)?),
    };
    Ok(ImageWriter { info, not_kept, rows, done: 0 })
}

/// Writes an image file; see [`create_image`].
///
/// # Errors
/// As [`create_image`] and [`ImageWriter::write_rows`].
pub fn write_image(planes: &Planes, metadata: &Metadata, format: ImageFormat, output: impl Write + Send) -> Result<()> {
    let mut writer = create_image(ImageInfo::of(planes), metadata, format, output)?;
    writer.write_rows(planes)?;
    writer.finish()
}

#[cfg(test)]
mod tests;
