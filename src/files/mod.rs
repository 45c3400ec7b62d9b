//! Image files <-> planes and metadata. Reading refuses files that could not be restored exactly; writing refuses images
//! that the output format cannot hold. PNG (not interlaced) and PNM are read and written row by row, all other formats
//! whole.

mod bmp;
mod dynamic;
mod gif;
mod jpeg;
mod png;
mod pnm;
mod rows;
mod shape;
mod tiff;
mod webp;
mod whole;

use std::io::{BufRead, ErrorKind, Read, Seek, SeekFrom, Write};

use image::ImageFormat;
use ndarray::Axis;

use crate::base::error::{Error, Result};
use crate::base::limits::{Limits, check};
use crate::image::planes::Planes;
use crate::image::{ImageInfo, Metadata, MetadataKind, PngChunk};

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

/// The type that image files are read from, whatever the caller's type. Dynamic dispatch compiles the decoders of all
/// formats once, here, instead of in each crate that reads images.
trait Source: BufRead + Seek + Send {}

impl<T: BufRead + Seek + Send> Source for T {}

type Input<'a> = Box<dyn Source + 'a>;
type Output<'a> = Box<dyn Write + Send + 'a>;

/// Reads the rows of a file in one format.
trait ReadRows: Send {
    /// Reads the next `rows` rows; at least one, and at most as many as are left.
    fn read_rows(&mut self, rows: u32) -> Result<Planes>;

    /// Checks what follows the last row.
    fn finish(&mut self) -> Result<()>;
}

/// A reader of an image file, from the first row to the last.
pub struct ImageReader<'a> {
    info: ImageInfo,
    metadata: Metadata,
    lossy_source: Option<String>,
    not_kept: Vec<String>,
    rows: Box<dyn ReadRows + 'a>,
    done: u32,
}

impl std::fmt::Debug for ImageReader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImageReader").field("info", &self.info).field("done", &self.done).finish_non_exhaustive()
    }
}

impl<'a> ImageReader<'a> {
    fn new(info: ImageInfo, metadata: Metadata, rows: impl ReadRows + 'a) -> Self {
        Self { info, metadata, lossy_source: None, not_kept: Vec::new(), rows: Box::new(rows), done: 0 }
    }

    /// The shape of the image.
    #[must_use]
    pub fn info(&self) -> ImageInfo {
        self.info
    }

    /// ICC profile, Exif, XMP, palette, PNG chunks.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The lossy format that the samples are decoded from, if any. Such a file is smaller than its losslessly
    /// compressed samples.
    #[must_use]
    pub fn lossy_source(&self) -> Option<&str> {
        self.lossy_source.as_deref()
    }

    /// Other information in the file that is not kept; for a warning.
    #[must_use]
    pub fn not_kept(&self) -> &[String] {
        &self.not_kept
    }

    /// Rows not read yet.
    #[must_use]
    pub fn rows_left(&self) -> u32 {
        self.info.height - self.done
    }

    /// Reads the next rows: `rows` of them, or as many as are left. With the last row, the end of the file is checked.
    ///
    /// # Errors
    /// [`Error::Image`] if the file is damaged or ends early, or if no row is asked for or left; [`Error::Io`] if
    /// reading fails.
    pub fn read_rows(&mut self, rows: u32) -> Result<Planes> {
        let rows = rows.min(self.rows_left());
        if rows == 0 {
            return Err(Error::Image("there is no row to read".to_owned()));
        }
        let planes = self.rows.read_rows(rows)?;
        self.done += rows;
        if self.rows_left() == 0 {
            self.rows.finish()?;
        }
        Ok(planes)
    }
}

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

/// Writes the rows of a file in one format.
trait WriteRows: Send {
    fn write_rows(&mut self, planes: &Planes) -> Result<()>;

    fn finish(self: Box<Self>) -> Result<()>;
}

/// A writer of an image file, from the first row to the last.
pub struct ImageWriter<'a> {
    info: ImageInfo,
    not_kept: Vec<String>,
    rows: Box<dyn WriteRows + 'a>,
    done: u32,
}

impl std::fmt::Debug for ImageWriter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImageWriter").field("info", &self.info).field("done", &self.done).finish_non_exhaustive()
    }
}

impl ImageWriter<'_> {
    /// Metadata that the format cannot hold; for a warning.
    #[must_use]
    pub fn not_kept(&self) -> &[String] {
        &self.not_kept
    }

    /// Writes the next rows.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the rows do not match the announced image or its palette; [`Error::Io`] if writing
    /// fails.
    pub fn write_rows(&mut self, planes: &Planes) -> Result<()> {
        let rows = planes.height();
        let left = self.info.height - self.done;
        if (ImageInfo { height: self.info.height, ..ImageInfo::of(planes) }) != self.info || rows > left {
            return Err(Error::Unsupported("rows that do not match the announced image".to_owned()));
        }
        self.rows.write_rows(planes)?;
        self.done += rows;
        Ok(())
    }

    /// Writes what follows the last row.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if rows are missing, [`Error::Io`] if writing fails.
    pub fn finish(self) -> Result<()> {
        if self.done < self.info.height {
            return Err(Error::Unsupported(format!("an image with {} of {} rows", self.done, self.info.height)));
        }
        self.rows.finish()
    }
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

/// Fails if the format cannot hold such samples.
fn check_format(info: ImageInfo, format: ImageFormat) -> Result<()> {
    let channels: &[usize] = match format {
        ImageFormat::Bmp => &[1, 3, 4],
        ImageFormat::Qoi | ImageFormat::WebP => &[3, 4],
        _ => &[1, 2, 3, 4],
    };
    let depths: &[u32] = match (format, info.channels) {
        (ImageFormat::Pnm, _) => return Ok(()),
        (ImageFormat::Png, 1) => &[1, 2, 4, 8, 16],
        (ImageFormat::Png | ImageFormat::Tiff, _) => &[8, 16],
        _ => &[8],
    };
    if channels.contains(&info.channels) && depths.contains(&info.depth) {
        return Ok(());
    }
    let other = match info.channels {
        1 if [1, 2, 4, 8, 16].contains(&info.depth) => ".png",
        _ if [8, 16].contains(&info.depth) => ".png or .tiff",
        1 => ".pgm",
        3 => ".ppm",
        _ => ".pam",
    };
    Err(Error::Unsupported(format!("{} has no {} samples (write {other})", name(format), info.kind())))
}

/// The metadata that the format cannot hold; fails if the colours depend on it.
fn check_metadata(info: ImageInfo, metadata: &Metadata, format: ImageFormat) -> Result<Vec<String>> {
    let held: &[MetadataKind] = match format {
        ImageFormat::Png => return Ok(Vec::new()),
        ImageFormat::Tiff => &[MetadataKind::Icc, MetadataKind::Xmp],
        ImageFormat::WebP => &[MetadataKind::Icc, MetadataKind::Exif, MetadataKind::Xmp],
        _ => &[],
    };
    let no_place = |what: &str, other: &str| {
        let what = format!("{} has no place for the {what} (write {other}, or strip it)", name(format));
        Err(Error::Unsupported(what))
    };
    let mut not_kept = Vec::new();
    for block in metadata.blocks().iter().filter(|block| !held.contains(&block.kind)) {
        match block.kind {
            MetadataKind::Icc => return no_place("ICC profile", "PNG, TIFF or WebP"),
            MetadataKind::PngChunks => {
                let chunks = PngChunk::from_bytes(&block.bytes)?;
                let kept = |chunk: &&PngChunk| !chunk.is_marker();
                if info.channels % 2 == 1 && chunks.iter().filter(kept).any(|chunk| chunk.kind == *b"tRNS") {
                    return no_place("transparent colour", "PNG");
                }
                not_kept.extend(chunks.iter().filter(kept).map(|chunk| format!("PNG chunk {}", chunk.name())));
            }
            MetadataKind::Exif if format == ImageFormat::Tiff => {
                let orientation_alone = (1..=8).any(|orientation| block.bytes == tiff::exif(orientation));
                if !orientation_alone {
                    not_kept.push("Exif (but for the orientation)".to_owned());
                }
            }
            kind => not_kept.push(kind.name().to_owned()),
        }
    }
    Ok(not_kept)
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

/// Planes that were decoded whole and are handed out in bands of rows.
struct Whole {
    planes: Planes,
    done: u32,
}

impl Whole {
    fn new(planes: Planes) -> Self {
        Self { planes, done: 0 }
    }
}

impl ReadRows for Whole {
    fn read_rows(&mut self, rows: u32) -> Result<Planes> {
        let start = self.done;
        self.done += rows;
        if rows == self.planes.height() {
            return Ok(std::mem::replace(&mut self.planes, Planes::zeros(1, 1, 1, 1)?));
        }
        Ok(self.planes.rows(start..self.done))
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Planes that are decoded when their first rows are asked for.
struct Later<F> {
    decode: Option<F>,
    whole: Option<Whole>,
}

impl<F: FnOnce() -> Result<Planes> + Send> Later<F> {
    fn new(decode: F) -> Self {
        Self { decode: Some(decode), whole: None }
    }
}

impl<F: FnOnce() -> Result<Planes> + Send> ReadRows for Later<F> {
    fn read_rows(&mut self, rows: u32) -> Result<Planes> {
        if let Some(decode) = self.decode.take() {
            self.whole = Some(Whole::new(decode()?));
        }
        let whole =
            self.whole.as_mut().ok_or_else(|| Error::Image("an earlier attempt to decode it failed".to_owned()))?;
        whole.read_rows(rows)
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Copies rows into an image, from row `start` on.
fn put_rows(image: &mut Planes, start: u32, rows: &Planes) {
    let range = start as usize..(start + rows.height()) as usize;
    image.samples_mut().slice_axis_mut(Axis(1), range.into()).assign(rows.samples());
}

/// Sets the metadata blocks that exist; fails if they exceed the limit.
fn set_blocks<const N: usize>(
    metadata: &mut Metadata,
    blocks: [(MetadataKind, Option<Vec<u8>>); N],
    limits: &Limits,
) -> Result<()> {
    for (kind, bytes) in blocks {
        if let Some(bytes) = bytes {
            metadata.set(kind, bytes);
        }
    }
    let bytes = metadata.blocks().iter().map(|block| block.bytes.len() as u64).sum();
    check("the size of the metadata in bytes", bytes, limits.metadata_bytes)
}

/// Converts an error of the image crate, by what the caller can do. `action` is what was being done to the file.
fn image_error(action: &'static str) -> impl Fn(image::ImageError) -> Error {
    move |error| match error {
        image::ImageError::IoError(e) => io_error(action)(e),
        unsupported @ image::ImageError::Unsupported(_) => Error::unsupported(unsupported),
        other => Error::damaged(other),
    }
}

/// An unexpected end is a broken image; any other error is the operating system's. The caller adds the path.
fn io_error(action: &'static str) -> impl Fn(std::io::Error) -> Error {
    move |source| match source.kind() {
        ErrorKind::UnexpectedEof if source.get_ref().is_none() => Error::Image("the file ends early".to_owned()),
        ErrorKind::UnexpectedEof | ErrorKind::InvalidData => Error::damaged(source),
        _ => Error::Io { action, path: "the image".into(), source },
    }
}

fn name(format: ImageFormat) -> String {
    match format {
        ImageFormat::WebP => "WebP".to_owned(),
        other => format!("{other:?}").to_uppercase(),
    }
}

#[cfg(test)]
mod tests;
