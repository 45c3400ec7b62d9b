//! The chunks of a PNG file <-> metadata. One pass over the file, before decoding, also finds the chunks after the
//! samples.

use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;

use byteorder::{BigEndian, ReadBytesExt};
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};

use super::super::errors::io_error;
use super::super::reader::Input;
use super::SIGNATURE;
use crate::base::error::{Error, Result};
use crate::base::limits::{Limits, check};
use crate::image::{CHUNK_HEADER_BYTES, ImageInfo, Metadata, MetadataKind, Palette, PngChunk};

/// What an iTXt chunk with an XMP packet starts with: keyword, no compression, no language, no translation (XMP
/// specification, part 3, section 1.1.5).
const XMP_START: &[u8] = b"XML:com.adobe.xmp\0\0\0\0\0";
/// The start of an iCCP chunk when the profile's name is not known.
const ICC_START: &[u8] = b"ICC profile\0\0";
const MOST_CHUNK_BYTES: u32 = (1 << 31) - 1;

/// The parts of a file.
pub(super) struct Scan {
    /// The data of IHDR.
    pub header: Vec<u8>,
    /// All chunks between IHDR and IEND, with one empty chunk in place of the IDAT chunks.
    pub chunks: Vec<PngChunk>,
    /// Byte range of the IDAT chunks.
    pub data: Range<u64>,
    /// Bytes after IEND.
    pub bytes_behind: u64,
}

/// Scans a file. Checks the checksums of all chunks except IDAT, which the decoder checks.
pub(super) fn scan(input: &mut Input<'_>, limits: &Limits) -> Result<Scan> {
    let start = input.stream_position().map_err(io_error("read"))?;
    let end = input.seek(SeekFrom::End(0)).map_err(io_error("read"))?;
    let mut position = input.seek(SeekFrom::Start(start + SIGNATURE.len() as u64)).map_err(io_error("read"))?;
    let mut scan = Scan { header: Vec::new(), chunks: Vec::new(), data: 0..0, bytes_behind: 0 };
    let mut kept = 0;
    loop {
        let length = input.read_u32::<BigEndian>().map_err(io_error("read"))?;
        let mut kind = [0; 4];
        input.read_exact(&mut kind).map_err(io_error("read"))?;
        let chunk_start = position;
        position += (CHUNK_HEADER_BYTES + 4) as u64 + u64::from(length);
        check_kind(kind, length, &scan)?;
        if position > end {
            return Err(Error::Image(format!("the file ends within its {} chunk", kind.escape_ascii())));
        }
        if kind == *b"IDAT" {
            input.seek_relative(i64::from(length) + 4).map_err(io_error("read"))?;
            if scan.data.is_empty() {
                scan.data.start = chunk_start;
                scan.chunks.push(PngChunk::marker(b"IDAT"));
            }
            scan.data.end = position;
            continue;
        }
        match &kind {
            b"IHDR" => scan.header = read_chunk(input, kind, length)?,
            b"IEND" => {
                read_chunk(input, kind, length)?;
                break;
            }
            _ => {
                kept += CHUNK_HEADER_BYTES as u64 + u64::from(length);
                if kept > limits.metadata_bytes {
                    input.seek_relative(i64::from(length) + 4).map_err(io_error("read"))?; // counted, not read
                    continue;
                }
                scan.chunks.push(PngChunk { kind, data: read_chunk(input, kind, length)? });
            }
        }
    }
    check("the size of the metadata in bytes", kept, limits.metadata_bytes)?;
    if scan.data.is_empty() {
        return Err(Error::Image("no IDAT chunk".to_owned()));
    }
    scan.bytes_behind = end - position;
    Ok(scan)
}

/// Fails for misplaced chunks, and for those of animations.
fn check_kind(kind: [u8; 4], length: u32, scan: &Scan) -> Result<()> {
    let broken = |what: &str| Err(Error::Image(format!("{what} {} chunk", kind.escape_ascii())));
    if !kind.iter().all(u8::is_ascii_alphabetic) || length > MOST_CHUNK_BYTES {
        return broken("not a PNG chunk: a");
    }
    if scan.header.is_empty() != (kind == *b"IHDR") {
        return broken("a misplaced");
    }
    match &kind {
        b"acTL" | b"fcTL" | b"fdAT" => Err(Error::Unsupported("an animation (APNG)".to_owned())),
        b"IHDR" if length != 13 => broken("a wrong"),
        b"IDAT" if scan.chunks.last().is_some_and(|last| last.kind != kind) && !scan.data.is_empty() => {
            broken("a misplaced")
        }
        b"IHDR" | b"PLTE" | b"IDAT" | b"IEND" => Ok(()),
        _ if kind[0].is_ascii_uppercase() => {
            Err(Error::Unsupported(format!("a PNG file with a {} chunk", kind.escape_ascii())))
        }
        _ => Ok(()),
    }
}

/// Reads a chunk's data and checks its checksum.
fn read_chunk(input: &mut impl Read, kind: [u8; 4], length: u32) -> Result<Vec<u8>> {
    let mut data = vec![0; length as usize];
    input.read_exact(&mut data).map_err(io_error("read"))?;
    if input.read_u32::<BigEndian>().map_err(io_error("read"))? != checksum(kind, &data) {
        return Err(Error::Image(format!("the {} chunk is damaged", kind.escape_ascii())));
    }
    Ok(data)
}

fn checksum(kind: [u8; 4], data: &[u8]) -> u32 {
    let mut sum = Crc::new();
    sum.update(&kind);
    sum.update(data);
    sum.sum()
}

/// A chunk as it is stored in a file: length, type, data and checksum.
pub(super) fn chunk_bytes(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut bytes = (data.len() as u32).to_be_bytes().to_vec();
    bytes.extend(kind);
    bytes.extend(data);
    bytes.extend(checksum(kind, data).to_be_bytes());
    bytes
}

/// The metadata in a file's chunks, and the palette of a palette image. Chunks that have a block of their own leave a
/// marker in their place; the chunks form a block only if they hold more than the other blocks.
pub(super) fn metadata(
    chunks: Vec<PngChunk>,
    indexed: bool,
    depth: u32,
    limits: &Limits,
) -> Result<(Metadata, Option<Palette>)> {
    let mut metadata = Metadata::default();
    let mut bytes = chunks.iter().map(|chunk| (CHUNK_HEADER_BYTES + chunk.data.len()) as u64).sum();
    let mut palette = if indexed { Some(Palette { depth, colours: Vec::new(), alpha: Vec::new() }) } else { None };
    let mut left = Vec::with_capacity(chunks.len());
    for mut chunk in chunks {
        let new = |kind, metadata: &Metadata| metadata.get(kind).is_none();
        match &chunk.kind {
            b"iCCP" if new(MetadataKind::Icc, &metadata) => {
                if let Some((start, profile)) = icc_profile(&chunk.data, bytes, limits)? {
                    bytes += profile.len() as u64;
                    metadata.set(MetadataKind::Icc, profile);
                    chunk.data.truncate(start);
                }
            }
            b"eXIf" if new(MetadataKind::Exif, &metadata) => {
                metadata.set(MetadataKind::Exif, std::mem::take(&mut chunk.data));
            }
            b"iTXt" if new(MetadataKind::Xmp, &metadata) && chunk.data.starts_with(XMP_START) => {
                metadata.set(MetadataKind::Xmp, chunk.data.split_off(XMP_START.len()));
                chunk.data.clear();
            }
            b"PLTE" | b"tRNS" => match &mut palette {
                Some(palette) => {
                    take_palette(palette, &chunk)?;
                    chunk.data.clear();
                }
                None => check_marker(&chunk)?,
            },
            b"IDAT" => (),
            _ => check_marker(&chunk)?,
        }
        left.push(chunk);
    }
    if let Some(palette) = &palette {
        let at = |kind: &[u8; 4]| left.iter().position(|chunk: &PngChunk| chunk.kind == *kind);
        if palette.colours.is_empty() || at(b"PLTE") > at(b"IDAT") || at(b"tRNS") > at(b"IDAT") {
            return Err(Error::Image("no palette before the samples".to_owned()));
        }
        metadata.set(MetadataKind::Palette, palette.to_bytes());
    }
    if left != usual(&metadata, palette.as_ref()) {
        metadata.set(MetadataKind::PngChunks, PngChunk::to_bytes(&left));
    }
    Ok((metadata, palette))
}

/// Fails for an empty chunk that would be mistaken for a marker.
fn check_marker(chunk: &PngChunk) -> Result<()> {
    if chunk.is_marker() {
        return Err(Error::Image(format!("an empty {} chunk", chunk.name())));
    }
    Ok(())
}

/// The length of the name and method of an iCCP chunk, and the profile; `None` if the chunk is incomplete. The profile
/// may be as large as the limit allows beside the `bytes` of the other blocks.
fn icc_profile(data: &[u8], bytes: u64, limits: &Limits) -> Result<Option<(usize, Vec<u8>)>> {
    const MOST_COUNTED: u64 = 1 << 30; // inflating this much, to name the size in the message, takes a second
    let Some(start) = data.iter().position(|&byte| byte == 0).map(|end| end + 2) else { return Ok(None) };
    if start >= data.len() {
        return Err(Error::Image("an empty iCCP chunk".to_owned()));
    }
    let mut profile = Vec::new();
    let room = limits.metadata_bytes.saturating_sub(bytes);
    let mut inflated = ZlibDecoder::new(&data[start..]);
    let read = inflated.by_ref().take(room).read_to_end(&mut profile);
    let beyond = std::io::copy(&mut inflated.take(MOST_COUNTED), &mut std::io::sink()).unwrap_or(0);
    check("the size of the metadata in bytes", bytes + profile.len() as u64 + beyond, limits.metadata_bytes)?;
    Ok((read.is_ok() && data[start - 1] == 0).then_some((start, profile)))
}

/// Adds the colours of a PLTE chunk or the alpha of a tRNS chunk.
fn take_palette(palette: &mut Palette, chunk: &PngChunk) -> Result<()> {
    let most = 1 << palette.depth;
    let valid = match &chunk.kind {
        b"PLTE" if palette.colours.is_empty() && chunk.data.len().is_multiple_of(3) => {
            palette.colours = chunk.data.chunks_exact(3).map(|colour| [colour[0], colour[1], colour[2]]).collect();
            (1..=most).contains(&palette.colours.len())
        }
        b"tRNS" if palette.alpha.is_empty() => {
            palette.alpha.clone_from(&chunk.data);
            (1..=palette.colours.len()).contains(&palette.alpha.len())
        }
        _ => false,
    };
    if valid { Ok(()) } else { Err(Error::Image(format!("a wrong {} chunk", chunk.name()))) }
}

/// The chunks of a file that has only the chunks of its blocks.
fn usual(metadata: &Metadata, palette: Option<&Palette>) -> Vec<PngChunk> {
    let mut chunks = Vec::new();
    if metadata.get(MetadataKind::Icc).is_some() {
        chunks.push(PngChunk { kind: *b"iCCP", data: ICC_START.to_vec() });
    }
    if let Some(palette) = palette {
        chunks.push(PngChunk::marker(b"PLTE"));
        if !palette.alpha.is_empty() {
            chunks.push(PngChunk::marker(b"tRNS"));
        }
    }
    for (kind, marker) in [(MetadataKind::Exif, b"eXIf"), (MetadataKind::Xmp, b"iTXt")] {
        if metadata.get(kind).is_some() {
            chunks.push(PngChunk::marker(marker));
        }
    }
    chunks.push(PngChunk::marker(b"IDAT"));
    chunks
}

/// The chunks written around the samples.
pub(super) struct Framing {
    pub before: Vec<u8>,
    pub behind: Vec<u8>,
    pub palette: Option<Palette>,
}

/// Builds all chunks except IHDR, IDAT and IEND.
pub(super) fn framing(info: ImageInfo, metadata: &Metadata) -> Result<Framing> {
    let palette = metadata.get(MetadataKind::Palette).map(Palette::from_bytes).transpose()?;
    if palette.as_ref().is_some_and(|palette| info.depth != 8 || palette.channels() != info.channels) {
        return Err(Error::Unsupported(format!("a palette of {} (strip it)", info.kind())));
    }
    let mut chunks = usual(metadata, palette.as_ref());
    if let Some(block) = metadata.get(MetadataKind::PngChunks) {
        chunks = merged(PngChunk::from_bytes(block)?, chunks);
    }
    let (mut before, mut behind, mut samples_passed) = (Vec::new(), Vec::new(), false);
    for chunk in chunks {
        let data = match (&chunk.kind, chunk.is_marker(), &palette) {
            (b"IDAT", ..) => {
                samples_passed = true;
                continue;
            }
            (b"iCCP", true, _) => metadata.get(MetadataKind::Icc).map(|profile| deflated(chunk.data, profile)),
            (b"eXIf", true, _) => metadata.get(MetadataKind::Exif).map(<[u8]>::to_vec),
            (b"iTXt", true, _) => metadata.get(MetadataKind::Xmp).map(|xmp| [XMP_START, xmp].concat()),
            (b"PLTE", true, Some(palette)) => Some(palette.colours.as_flattened().to_vec()),
            (b"tRNS", true, Some(palette)) => Some(palette.alpha.clone()),
            (_, true, _) => None,
            (b"PLTE" | b"tRNS", false, Some(_)) => None,
            _ => Some(chunk.data),
        };
        let part = if samples_passed { &mut behind } else { &mut before };
        part.extend(data.into_iter().flat_map(|data| chunk_bytes(chunk.kind, &data)));
    }
    Ok(Framing { before, behind, palette })
}

/// A file's chunks, with the `usual` ones added for blocks that have no place among them.
fn merged(mut chunks: Vec<PngChunk>, usual: Vec<PngChunk>) -> Vec<PngChunk> {
    for chunk in usual.into_iter().rev() {
        let place = |there: &PngChunk| there.kind == chunk.kind && there.is_marker();
        if chunks.iter().any(place) {
            continue;
        }
        let at = match &chunk.kind {
            b"iCCP" => Some(0),
            b"PLTE" => chunks.iter().position(|there| matches!(&there.kind, b"tRNS" | b"bKGD" | b"hIST" | b"IDAT")),
            b"IDAT" => None,
            _ => chunks.iter().position(|there| there.kind == *b"IDAT"),
        };
        chunks.insert(at.unwrap_or(chunks.len()), chunk);
    }
    chunks
}

/// The data of an iCCP chunk.
fn deflated(start: Vec<u8>, profile: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(start, Compression::best());
    encoder.write_all(profile).and_then(|()| encoder.finish()).expect("writing to memory cannot fail")
}
