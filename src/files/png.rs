//! PNG files, read and written row by row. The png crate codes the samples and sees only the critical chunks; all other
//! chunks are handled here, byte for byte ([`chunks`]).

mod behind;
mod chunks;

use std::collections::HashMap;
use std::io::{self, BufRead, Cursor, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex};

use png::{BitDepth, ColorType, DecodingError, EncodingError};

use self::chunks::{Scan, chunk_bytes};
use super::errors::io_error;
use super::reader::{ImageReader, Input, ReadRows};
use super::rows;
use super::writer::{Output, WriteRows};
use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::base::lock::lock;
use crate::image::planes::Planes;
use crate::image::{ImageInfo, Metadata, Palette};

const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";
/// A higher level would take longer than the networks, for files that are a few percent smaller.
const DEFLATE_LEVEL: u8 = 3;

pub(super) fn open<'a>(mut input: Input<'a>, limits: &Limits) -> Result<ImageReader<'a>> {
    let scan = chunks::scan(&mut input, limits)?;
    let data_behind = behind::has_more(&mut input, &scan, limits)?;
    let critical = CriticalChunks::new(input, &scan)?;
    // The decoder allocates only rows, and their size is checked here.
    let mut decoder = png::Decoder::new_with_limits(critical, png::Limits { bytes: usize::MAX });
    decoder.ignore_checksums(false);
    let header = decoder.read_header_info().map_err(decoding_error)?;
    let (colour, depth) = (header.color_type, header.bit_depth as u32);
    let (metadata, palette) = chunks::metadata(scan.chunks, colour == ColorType::Indexed, depth, limits)?;
    let (channels, sample_depth) = match &palette {
        Some(palette) => (palette.channels(), 8),
        None => (colour.samples(), depth),
    };
    let info = ImageInfo { width: header.width, height: header.height, channels, depth: sample_depth };
    info.check(limits)?;
    let row_bytes = ImageInfo { channels: colour.samples(), ..info }.row_bytes(depth);
    let interlaced = if header.interlaced { Interlaced::Waiting } else { Interlaced::No };
    let decoder = decoder.read_info().map_err(decoding_error)?;
    let reader = PngReader { decoder, info, bits: depth, palette, row: vec![0; row_bytes], interlaced, done: 0 };
    let mut reader = ImageReader::new(info, metadata, reader);
    if data_behind {
        reader.not_kept.push("data behind the samples in the IDAT chunks".to_owned());
    }
    if scan.bytes_behind > 0 {
        reader.not_kept.push(format!("{} bytes behind the end of the PNG file", scan.bytes_behind));
    }
    Ok(reader)
}

/// The critical chunks of a file, without the others.
struct CriticalChunks<'a>(io::Chain<BeforeEnd<'a>, &'static [u8]>);

/// Signature, header and palette, followed by the samples.
type BeforeEnd<'a> = io::Chain<Cursor<Vec<u8>>, io::Take<Input<'a>>>;

impl<'a> CriticalChunks<'a> {
    fn new(mut input: Input<'a>, scan: &Scan) -> Result<Self> {
        input.seek(SeekFrom::Start(scan.data.start)).map_err(io_error("read"))?;
        let mut first = SIGNATURE.to_vec();
        first.extend(chunk_bytes(*b"IHDR", &scan.header));
        if let Some(palette) = scan.chunks.iter().find(|chunk| chunk.kind == *b"PLTE") {
            first.extend(chunk_bytes(palette.kind, &palette.data));
        }
        let data = input.take(scan.data.end - scan.data.start);
        Ok(Self(Cursor::new(first).chain(data).chain(&b"\0\0\0\0IEND\xae\x42\x60\x82"[..])))
    }
}

impl Read for CriticalChunks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl BufRead for CriticalChunks<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.0.consume(amount);
    }
}

impl Seek for CriticalChunks<'_> {
    /// The png crate requires a reader that can seek, but never seeks.
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// The rows of an interlaced image, which are complete only when all passes are read.
enum Interlaced {
    No,
    Waiting,
    Decoded(Vec<u8>),
}

struct PngReader<'a> {
    decoder: png::Reader<CriticalChunks<'a>>,
    info: ImageInfo,
    /// Bits of a sample or index in the file.
    bits: u32,
    palette: Option<Palette>,
    row: Vec<u8>,
    interlaced: Interlaced,
    done: u32,
}

impl PngReader<'_> {
    /// Decodes the next row of the file.
    fn next_row(&mut self) -> Result<()> {
        match &self.interlaced {
            Interlaced::No => {
                self.decoder.read_row(&mut self.row).map_err(decoding_error)?;
            }
            Interlaced::Waiting => {
                let mut all = vec![0; self.row.len() * self.info.height as usize];
                self.decoder.next_frame(&mut all).map_err(decoding_error)?;
                self.interlaced = Interlaced::Decoded(all);
                return self.next_row();
            }
            Interlaced::Decoded(all) => {
                let row_bytes = self.row.len();
                let start = row_bytes * self.done as usize;
                self.row.copy_from_slice(&all[start..][..row_bytes]);
            }
        }
        self.done += 1;
        Ok(())
    }
}

impl ReadRows for PngReader<'_> {
    fn read_rows(&mut self, rows: u32) -> Result<Planes> {
        let ImageInfo { width, channels, depth, .. } = self.info;
        let mut planes = Planes::zeros(channels, rows, width, depth)?;
        for row in 0..rows {
            self.next_row()?;
            match &self.palette {
                None => rows::put(&mut planes, row, &self.row, self.bits),
                Some(palette) => put_colours(&mut planes, row, &self.row, palette)?,
            }
        }
        Ok(planes)
    }

    fn finish(&mut self) -> Result<()> {
        if matches!(self.interlaced, Interlaced::No) {
            self.decoder.read_row(&mut self.row).map_err(decoding_error)?; // no rows left: reads to the end of the data
        }
        self.decoder.finish().map_err(decoding_error)
    }
}

/// Writes the colours of a row of packed indices into planes with as many channels as the palette.
pub(super) fn put_colours(planes: &mut Planes, row: u32, indices: &[u8], palette: &Palette) -> Result<()> {
    let (width, channels) = (planes.width() as usize, planes.channels());
    let mut samples = planes.samples_mut();
    for x in 0..width {
        let index = rows::unpack(indices, x, palette.depth).into();
        let Some(colour) = palette.entry(index) else {
            return Err(Error::Image(format!("index {index} into a palette of {}", palette.colours.len())));
        };
        for (channel, sample) in colour.into_iter().take(channels).enumerate() {
            samples[[channel, row as usize, x]] = sample.into();
        }
    }
    Ok(())
}

/// The first index of each colour of a palette.
type Indices = HashMap<[u8; 4], u8>;

/// Writes PNG files: the samples through the png crate, all other chunks around it.
pub(super) struct PngWriter<'a> {
    stream: png::StreamWriter<'static, Splicer>,
    /// Bytes that the encoder has written and that are not passed on yet.
    encoded: Arc<Mutex<Vec<u8>>>,
    output: Output<'a>,
    /// The chunks after the samples.
    behind: Vec<u8>,
    indices: Option<Indices>,
    bits: u32,
    row: Vec<u8>,
}

impl<'a> PngWriter<'a> {
    pub fn new(info: ImageInfo, metadata: &Metadata, output: Output<'a>) -> Result<Self> {
        let chunks::Framing { before, behind, palette } = chunks::framing(info, metadata)?;
        let bits = palette.as_ref().map_or(info.depth, |palette| palette.depth);
        let mut header = png::Info::with_size(info.width, info.height);
        header.bit_depth = BitDepth::from_u8(bits as u8).expect("a depth that was checked");
        header.color_type = match (&palette, info.channels) {
            (Some(_), _) => ColorType::Indexed,
            (None, 1) => ColorType::Grayscale,
            (None, 2) => ColorType::GrayscaleAlpha,
            (None, 3) => ColorType::Rgb,
            _ => ColorType::Rgba,
        };
        // The encoder requires a palette; the splicer drops the chunk that it writes.
        header.palette = palette.as_ref().map(|palette| palette.colours.as_flattened().to_vec().into());
        let encoded: Arc<Mutex<Vec<u8>>> = Arc::default();
        let splicer = Splicer { output: Arc::clone(&encoded), before, header: Vec::new(), left: 0, keep: false };
        let mut encoder = png::Encoder::with_info(splicer, header).map_err(encoding_error)?;
        encoder.set_deflate_compression(png::DeflateCompression::Level(DEFLATE_LEVEL));
        let stream = encoder.write_header().and_then(png::Writer::into_stream_writer).map_err(encoding_error)?;
        let indices = palette.map(|palette| palette.indices());
        Ok(Self { stream, encoded, output, behind, indices, bits, row: Vec::new() })
    }
}

impl WriteRows for PngWriter<'_> {
    fn write_rows(&mut self, planes: &Planes) -> Result<()> {
        for row in 0..planes.height() {
            match &self.indices {
                None => rows::pack(rows::interleaved(planes, row), self.bits, &mut self.row),
                Some(indices) => rows::pack(row_indices(planes, row, indices)?.into_iter(), self.bits, &mut self.row),
            }
            self.stream.write_all(&self.row).map_err(io_error("write"))?;
            self.output.write_all(&taken(&self.encoded)).map_err(io_error("write"))?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let Self { stream, encoded, mut output, behind, .. } = *self;
        stream.finish().map_err(encoding_error)?;
        let end = chunk_bytes(*b"IEND", &[]);
        let parts = [taken(&encoded), behind, end];
        let written = parts.iter().try_for_each(|bytes| output.write_all(bytes));
        written.and_then(|()| output.flush()).map_err(io_error("write"))
    }
}

/// Takes the bytes that the encoder has written since the last call.
fn taken(encoded: &Mutex<Vec<u8>>) -> Vec<u8> {
    std::mem::take(&mut *lock(encoded))
}

/// The index of each pixel of a row.
fn row_indices(planes: &Planes, row: u32, indices: &Indices) -> Result<Vec<u16>> {
    let pixels = planes.samples().index_axis(ndarray::Axis(1), row as usize);
    let index = |pixel: ndarray::ArrayView1<'_, u16>| {
        let mut colour = [u8::MAX; 4];
        colour.iter_mut().zip(pixel).for_each(|(to, &sample)| *to = sample as u8);
        let other = || Error::Unsupported("a pixel that is not in the image's palette (strip the palette)".to_owned());
        indices.get(&colour).map(|&index| index.into()).ok_or_else(other)
    };
    pixels.columns().into_iter().map(index).collect()
}

/// Splits the encoder's output into chunks: passes on the header and the samples, inserts the other chunks between
/// them, and drops all else that the encoder writes.
struct Splicer {
    output: Arc<Mutex<Vec<u8>>>,
    /// The chunks before the samples.
    before: Vec<u8>,
    /// The signature, or the length and type of a chunk, as far as they have arrived.
    header: Vec<u8>,
    /// Bytes of the chunk still to come: data and checksum.
    left: usize,
    keep: bool,
}

impl Splicer {
    /// Starts on the chunk whose length and type are in `header`.
    fn begin(&mut self, output: &mut Vec<u8>) {
        let header = std::mem::take(&mut self.header);
        if header == SIGNATURE {
            self.keep = true;
        } else {
            let (length, kind) = header.split_at(4);
            self.left = length.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)) + 4;
            self.keep = matches!(kind, b"IHDR" | b"IDAT");
            if kind == b"IDAT" {
                output.append(&mut self.before);
            }
        }
        if self.keep {
            output.extend(header);
        }
    }
}

impl Write for Splicer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let output = Arc::clone(&self.output);
        let output = &mut *lock(&output);
        if self.left == 0 {
            let part = &bytes[..bytes.len().min(SIGNATURE.len() - self.header.len())];
            self.header.extend(part);
            if self.header.len() == SIGNATURE.len() {
                self.begin(output);
            }
            return Ok(part.len());
        }
        let part = &bytes[..bytes.len().min(self.left)];
        self.left -= part.len();
        if self.keep {
            output.extend(part);
        }
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn decoding_error(error: DecodingError) -> Error {
    match error {
        DecodingError::IoError(e) => io_error("read")(e),
        other => Error::damaged(other),
    }
}

fn encoding_error(error: EncodingError) -> Error {
    match error {
        EncodingError::IoError(e) => io_error("write")(e),
        other => Error::damaged(other),
    }
}
