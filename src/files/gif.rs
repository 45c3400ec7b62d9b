//! GIF files with a single frame, read whole: colours of a palette.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Seek, SeekFrom};

use byteorder::ReadBytesExt;
use gif::{DecodeOptions, DecodingError, MemoryLimit};

use super::errors::io_error;
use super::png::put_colours;
use super::reader::{ImageReader, Input, Whole, set_blocks};
use crate::base::error::{Error, Result};
use crate::base::limits::Limits;
use crate::image::planes::Planes;
use crate::image::{ImageInfo, Metadata, MetadataKind, Palette};

pub(super) fn open<'a>(mut input: Input<'a>, limits: &Limits) -> Result<ImageReader<'a>> {
    let start = input.stream_position().map_err(io_error("read"))?;
    let not_kept = texts(&mut input)?;
    input.seek(SeekFrom::Start(start)).map_err(io_error("read"))?;
    let mut options = DecodeOptions::new();
    options.set_memory_limit(MemoryLimit::Unlimited); // ours are checked before the samples are read
    let mut decoder = options.read_info(input).map_err(gif_error)?;
    let (width, height) = (u32::from(decoder.width()), u32::from(decoder.height()));
    let frame = decoder.next_frame_info().map_err(gif_error)?;
    let frame = frame.ok_or_else(|| Error::Image("a GIF file without an image".to_owned()))?;
    let covers =
        (frame.left, frame.top) == (0, 0) && (u32::from(frame.width), u32::from(frame.height)) == (width, height);
    let transparent = frame.transparent;
    let colours = decoder.palette().map_err(gif_error)?.to_vec();
    let palette = palette(&colours, transparent)?;
    let info = ImageInfo { width, height, channels: palette.channels(), depth: 8 };
    info.check(limits)?;
    if !covers {
        return Err(Error::Unsupported("a GIF file whose frame does not cover its canvas".to_owned()));
    }
    let mut indices = vec![0; decoder.buffer_size()];
    decoder.read_into_buffer(&mut indices).map_err(gif_error)?;
    let (icc, xmp) = (decoder.icc_profile().map(<[u8]>::to_vec), decoder.xmp_metadata().map(<[u8]>::to_vec));
    if decoder.next_frame_info().map_err(gif_error)?.is_some() {
        return Err(Error::Unsupported("an animation (GIF)".to_owned()));
    }
    let mut planes = Planes::zeros(palette.channels(), height, width, 8)?;
    // Indices are bytes here, whatever the depth of the palette.
    let bytes = Palette { depth: 8, ..palette.clone() };
    for (row, indices) in (0..).zip(indices.chunks_exact(width as usize)) {
        put_colours(&mut planes, row, indices, &bytes)?;
    }
    let mut metadata = Metadata::default();
    let blocks =
        [(MetadataKind::Icc, icc), (MetadataKind::Xmp, xmp), (MetadataKind::Palette, Some(palette.to_bytes()))];
    set_blocks(&mut metadata, blocks, limits)?;
    let mut reader = ImageReader::new(info, metadata, Whole::new(planes));
    reader.not_kept = not_kept;
    Ok(reader)
}

/// The kinds of text blocks in a file. Errors in them are left to the decoder.
fn texts(input: &mut Input<'_>) -> Result<Vec<String>> {
    const SCREEN_BYTES: usize = 13;
    let mut found = BTreeSet::new();
    let mut walk = || -> std::io::Result<()> {
        let mut screen = [0; SCREEN_BYTES];
        input.read_exact(&mut screen)?;
        input.seek_relative(colour_table_bytes(screen[10]))?;
        loop {
            match input.read_u8()? {
                b'!' => match input.read_u8()? {
                    0xfe => _ = found.insert("a comment".to_owned()),
                    0x01 => _ = found.insert("text over the image".to_owned()),
                    _ => (),
                },
                b',' => {
                    let mut frame = [0; 9];
                    input.read_exact(&mut frame)?;
                    input.seek_relative(colour_table_bytes(frame[8]) + 1)?;
                }
                _ => return Ok(()),
            }
            while let length @ 1.. = input.read_u8()? {
                input.seek_relative(length.into())?;
            }
        }
    };
    match walk() {
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => Err(io_error("read")(error)),
        _ => Ok(found.into_iter().collect()),
    }
}

/// The size of the colour table that a flags byte declares, in bytes.
fn colour_table_bytes(flags: u8) -> i64 {
    if flags & 0x80 == 0 { 0 } else { 3 << (1 + (flags & 7)) }
}

/// The palette of a frame; one index may be transparent.
fn palette(colours: &[u8], transparent: Option<u8>) -> Result<Palette> {
    let colours: Vec<_> = colours.chunks_exact(3).map(|colour| [colour[0], colour[1], colour[2]]).collect();
    if !(1..=256).contains(&colours.len()) {
        return Err(Error::Image(format!("a palette of {} colours", colours.len())));
    }
    let depth = Palette::depth_for(colours.len());
    let mut alpha = Vec::new();
    if let Some(transparent) = transparent.map(usize::from).filter(|&index| index < colours.len()) {
        alpha = vec![u8::MAX; transparent];
        alpha.push(0);
    }
    Ok(Palette { depth, colours, alpha })
}

fn gif_error(error: DecodingError) -> Error {
    match error {
        DecodingError::Io(e) => io_error("read")(e),
        other => Error::damaged(other),
    }
}
