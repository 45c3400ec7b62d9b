//! PNM files: PBM, PGM, PPM and PAM, read and written row by row. The image crate reads the headers only: it would scale
//! samples, and read only the first of several images.

use std::io::{Read, Seek, SeekFrom, Write};

use image::codecs::pnm::{ArbitraryTuplType, PnmDecoder, PnmHeader, PnmSubtype, SampleEncoding};

use super::errors::{image_error, io_error};
use super::reader::{ImageReader, Input, ReadRows};
use super::rows;
use super::writer::{Output, WriteRows};
use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::image::planes::Planes;
use crate::image::{ImageInfo, Metadata};

/// How samples are stored.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Coding {
    /// Bits; 1 is black.
    Bits,
    /// Bytes: one per sample, or two (big-endian).
    Bytes,
    /// Digits 0 and 1; 1 is black.
    AsciiBits,
    /// Decimal numbers.
    Ascii,
}

pub(super) fn open<'a>(input: Input<'a>, limits: &Limits) -> Result<ImageReader<'a>> {
    let (mut input, header) = PnmDecoder::new(input).map_err(image_error("read"))?.into_inner();
    let (info, coding) = shape(&header)?;
    info.check(limits)?;
    let bits = match coding {
        Coding::Bits => 1,
        _ if info.depth <= 8 => 8,
        _ => 16,
    };
    if matches!(coding, Coding::Bits | Coding::Bytes) {
        let start = input.stream_position().map_err(io_error("read"))?;
        let end = input.seek(SeekFrom::End(0)).map_err(io_error("read"))?;
        input.seek(SeekFrom::Start(start)).map_err(io_error("read"))?;
        let (there, needed) = (end - start, u128::from(info.height) * info.row_bytes(bits) as u128);
        if u128::from(there) > needed {
            return Err(another_image());
        }
        if u128::from(there) < needed {
            return Err(Error::Image(format!("{there} of {needed} bytes of samples")));
        }
    }
    let row = Vec::new();
    Ok(ImageReader::new(info, Metadata::default(), PnmReader { input, info, coding, bits, row }))
}

fn another_image() -> Error {
    Error::Unsupported("bytes after the image in a PNM file (another image?)".to_owned())
}

/// The shape of the image, and the coding of its samples.
fn shape(header: &PnmHeader) -> Result<(ImageInfo, Coding)> {
    let bits = |encoding| if encoding == SampleEncoding::Binary { Coding::Bits } else { Coding::AsciiBits };
    let numbers = |encoding| if encoding == SampleEncoding::Binary { Coding::Bytes } else { Coding::Ascii };
    let (channels, coding) = match header.subtype() {
        PnmSubtype::Bitmap(encoding) => (1, bits(encoding)),
        PnmSubtype::Graymap(encoding) => (1, numbers(encoding)),
        PnmSubtype::Pixmap(encoding) => (3, numbers(encoding)),
        PnmSubtype::ArbitraryMap => {
            let channels = header.as_arbitrary().and_then(|header| match (&header.tupltype, header.depth) {
                (Some(ArbitraryTuplType::BlackAndWhite | ArbitraryTuplType::Grayscale) | None, 1) => Some(1),
                (Some(ArbitraryTuplType::BlackAndWhiteAlpha | ArbitraryTuplType::GrayscaleAlpha), 2) => Some(2),
                (Some(ArbitraryTuplType::RGB), 3) => Some(3),
                (Some(ArbitraryTuplType::RGBAlpha), 4) => Some(4),
                _ => None,
            });
            let other = || Error::Unsupported("a PAM file of another tuple type than grey and RGB".to_owned());
            (channels.ok_or_else(other)?, Coding::Bytes)
        }
    };
    let maximum = header.maximal_sample();
    let depth = maximum.checked_add(1).filter(|range| range.is_power_of_two()).map_or(0, u32::trailing_zeros);
    if !(1..=16).contains(&depth) {
        let what = format!("samples of 0 to {maximum} (the greatest must be 1, 3, 7, 15, ... 255, ... or 65535)");
        return Err(Error::Unsupported(what));
    }
    Ok((ImageInfo { width: header.width(), height: header.height(), channels, depth }, coding))
}

struct PnmReader<'a> {
    input: Input<'a>,
    info: ImageInfo,
    coding: Coding,
    /// Bits per sample in binary files.
    bits: u32,
    row: Vec<u8>,
}

impl ReadRows for PnmReader<'_> {
    fn read_rows(&mut self, rows: u32) -> Result<Planes> {
        let ImageInfo { width, channels, depth, .. } = self.info;
        let mut planes = Planes::zeros(channels, rows, width, depth)?;
        for row in 0..rows {
            match self.coding {
                Coding::Bits | Coding::Bytes => {
                    self.row.resize(self.info.row_bytes(self.bits), 0);
                    self.input.read_exact(&mut self.row).map_err(io_error("read"))?;
                    rows::put(&mut planes, row, &self.row, self.bits);
                }
                Coding::AsciiBits | Coding::Ascii => {
                    for index in 0..width as usize * channels {
                        let at = [index % channels, row as usize, index / channels];
                        planes.samples_mut()[at] = self.number()?;
                    }
                }
            }
        }
        if matches!(self.coding, Coding::Bits | Coding::AsciiBits) {
            planes.samples_mut().mapv_inplace(|bit| 1 - bit);
        } else if depth < 16
            && let Some(sample) = planes.samples().iter().find(|&&sample| sample >> depth != 0)
        {
            return Err(Error::Image(format!("sample {sample} where {} is the greatest", (1 << depth) - 1)));
        }
        Ok(planes)
    }

    fn finish(&mut self) -> Result<()> {
        while let Some(byte) = self.byte()? {
            if !byte.is_ascii_whitespace() {
                return Err(another_image());
            }
        }
        Ok(())
    }
}

impl PnmReader<'_> {
    fn byte(&mut self) -> Result<Option<u8>> {
        self.input.by_ref().bytes().next().transpose().map_err(io_error("read"))
    }

    /// The next number, or the next digit if samples are bits.
    fn number(&mut self) -> Result<u16> {
        let (mut number, mut digits) = (0u32, 0);
        loop {
            match self.byte()? {
                Some(byte @ b'0'..=b'9') => {
                    number = 10 * number + u32::from(byte - b'0');
                    digits += 1;
                    if number > u32::from(u16::MAX) || self.coding == Coding::AsciiBits && number > 1 {
                        return Err(Error::Image(format!("sample {number} in a PNM file")));
                    }
                    if self.coding == Coding::AsciiBits {
                        return Ok(number as u16);
                    }
                }
                Some(byte) if byte.is_ascii_whitespace() && digits == 0 => (),
                Some(byte) if byte.is_ascii_whitespace() => return Ok(number as u16),
                None if digits > 0 => return Ok(number as u16),
                None => return Err(Error::Image("the file ends early".to_owned())),
                Some(byte) => return Err(Error::Image(format!("byte {byte} in the place of a number"))),
            }
        }
    }
}

/// Writes PBM, PGM or PPM; PAM if there is alpha.
pub(super) struct PnmWriter<'a> {
    output: Output<'a>,
    bits: u32,
    row: Vec<u8>,
}

impl<'a> PnmWriter<'a> {
    pub fn new(info: ImageInfo, mut output: Output<'a>) -> Result<Self> {
        let ImageInfo { width, height, channels, depth } = info;
        let greatest = (1u32 << depth) - 1;
        let header = match (channels, depth) {
            (1, 1) => format!("P4\n{width} {height}\n"),
            (1, _) => format!("P5\n{width} {height}\n{greatest}\n"),
            (3, _) => format!("P6\n{width} {height}\n{greatest}\n"),
            _ => {
                let tuple = if channels == 2 { "GRAYSCALE_ALPHA" } else { "RGB_ALPHA" };
                format!(
                    "P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH {channels}\nMAXVAL {greatest}\nTUPLTYPE {tuple}\nENDHDR\n"
                )
            }
        };
        output.write_all(header.as_bytes()).map_err(io_error("write"))?;
        let bits = match (channels, depth) {
            (1, 1) => 1,
            (_, ..=8) => 8,
            _ => 16,
        };
        Ok(Self { output, bits, row: Vec::new() })
    }
}

impl WriteRows for PnmWriter<'_> {
    fn write_rows(&mut self, planes: &Planes) -> Result<()> {
        for row in 0..planes.height() {
            let samples = rows::interleaved(planes, row);
            match self.bits {
                1 => rows::pack(samples.map(|bit| 1 - bit), 1, &mut self.row),
                bits => rows::pack(samples, bits, &mut self.row),
            }
            self.output.write_all(&self.row).map_err(io_error("write"))?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.output.flush().map_err(io_error("write"))
    }
}
