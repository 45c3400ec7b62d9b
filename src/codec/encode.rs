//! Rows -> bytes: bands of rows are planned, coded, written to the container, and decoded again.

use std::io::Write;

use ndarray::{Array3, ArrayView3, Axis, s};

use super::options::{Effort, Verify};
use super::plan::{self, PlannedPart};
use super::{Codec, Done, decode, decoded_band};
use crate::base::error::{Error, Result};
use crate::base::limits::{MAX_TILE_SIDE, check_memory, check_samples};
use crate::container::{Band, Header, Part, TileEntry, sample_checksum};
use crate::image::info::check_shape;
use crate::image::{ImageInfo, Metadata, Planes, Rect};
use crate::streams::{self, Source};
use crate::tile::TileGrid;

/// Compresses an image whose rows arrive one after the other; writes bytes band by band.
///
/// ```
/// use ansel::{Codec, ImageInfo, Metadata, Planes};
///
/// let row = Planes::new(ndarray::Array3::from_shape_fn((1, 1, 30), |(_, _, x)| x as u16), 8)?;
/// let info = ImageInfo { width: 30, height: 20, channels: 1, depth: 8 };
/// let mut encoder = Codec::default().encoder(info, &Metadata::default(), Vec::new())?;
/// for _ in 0..20 {
///     encoder.write_rows(&row)?;
/// }
/// let (file, bytes) = encoder.finish()?;
/// assert_eq!(file.len() as u64, bytes);
/// # Ok::<(), ansel::Error>(())
/// ```
#[derive(Debug)]
pub struct Encoder<W> {
    codec: Codec,
    header: Header,
    output: W,
    done: Done,
    /// Rows of the current band, which is not complete yet.
    waiting: Vec<Planes>,
    /// The index of the current band, and the next row of the image.
    band: u32,
    row: u32,
    written: u64,
    /// Whether an error has ended the encoding.
    failed: bool,
}

impl<W: Write> Encoder<W> {
    pub(super) fn new(codec: Codec, info: ImageInfo, metadata: &Metadata, output: W) -> Result<Self> {
        check_shape(info)?;
        let limits = &codec.settings.limits;
        check_samples(info.width, info.height, info.channels, limits)?;
        let (entries, stored) = metadata.store(limits)?;
        let header = Header {
            width: info.width,
            height: info.height,
            channels: info.channels as u8,
            depth: info.depth as u8,
            band_rows: codec.settings.division.band_rows(info.width, info.height),
            metadata: entries,
        };
        check_memory(header.band_samples(), limits)?;
        let mut bytes = header.to_bytes();
        bytes.extend(stored);
        if codec.settings.verify == Verify::Full && decode::read_header(&mut &bytes[..], limits)?.1 != *metadata {
            return Err(Error::Verification("the header does not read back".to_owned()));
        }
        let done = codec.done(header.samples());
        let codec = codec.for_image(info);
        let waiting = Vec::new();
        let mut encoder = Self { codec, header, output, done, waiting, band: 0, row: 0, written: 0, failed: false };
        encoder.write(&bytes)?;
        Ok(encoder)
    }

    /// The shape of the image.
    #[must_use]
    pub fn info(&self) -> ImageInfo {
        self.header.info()
    }

    /// The number of rows that complete the current band; 0 after the last row. Rows given in exactly this number are
    /// not copied.
    #[must_use]
    pub fn rows_wanted(&self) -> u32 {
        if self.row == self.header.height {
            return 0;
        }
        let (first, rows) = self.header.band(self.band);
        first + rows - self.row
    }

    /// Takes the next rows, any number of them; codes and writes each band that becomes complete.
    ///
    /// # Errors
    /// As [`Codec::compress`]; [`Error::Misuse`] for rows with another width, number of channels or depth, for more
    /// rows than the image has, and for any call after an error.
    pub fn write_rows(&mut self, rows: &Planes) -> Result<()> {
        let (given, info) = (ImageInfo::of(rows), self.info());
        if self.failed {
            return Err(Error::Misuse("an encoder is used after an error".to_owned()));
        }
        if given != (ImageInfo { height: given.height, ..info }) {
            return Err(Error::Misuse(format!("rows of {given:?} for an image of {info:?}")));
        }
        if given.height > info.height - self.row {
            return Err(Error::Misuse(format!("{} rows where {} are left", given.height, info.height - self.row)));
        }
        self.failed = true;
        let mut taken = 0;
        while taken < given.height {
            let (first, band_rows) = self.header.band(self.band);
            let rest = first + band_rows - self.row;
            let now = rest.min(given.height - taken);
            let samples = rows.samples().slice(s![.., taken as usize..(taken + now) as usize, ..]);
            if now == band_rows {
                self.write_band(samples)?; // without a copy
            } else {
                self.waiting.push(rows.rows(taken..taken + now));
                if now == rest {
                    let waiting = std::mem::take(&mut self.waiting);
                    let views: Vec<_> = waiting.iter().map(|rows| rows.samples().view()).collect();
                    let whole = ndarray::concatenate(Axis(1), &views).expect("rows of one shape");
                    drop(views);
                    drop(waiting);
                    self.write_band(whole.view())?;
                }
            }
            taken += now;
            self.row += now;
        }
        self.failed = false;
        Ok(())
    }

    /// Completes the file; returns the output, and the number of bytes written to it.
    ///
    /// # Errors
    /// [`Error::Misuse`] if rows are missing, or after an error; errors of flushing the output.
    pub fn finish(mut self) -> Result<(W, u64)> {
        if self.failed || self.row < self.header.height {
            let left = self.header.height - self.row;
            return Err(Error::Misuse(format!("an encoder is finished after an error, or with {left} rows left")));
        }
        self.output.flush().map_err(write_error)?;
        Ok((self.output, self.written))
    }

    fn write_band(&mut self, samples: ArrayView3<'_, u16>) -> Result<()> {
        let bytes = encode_band(&self.codec, &self.header, samples, &self.done)?;
        self.write(&bytes)?;
        self.band += 1;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.output.write_all(bytes).map_err(write_error)?;
        self.written += bytes.len() as u64;
        Ok(())
    }
}

fn write_error(source: std::io::Error) -> Error {
    Error::Io { action: "write", path: "the file".into(), source }
}

/// Encodes the rows of a band: with the planned parts, or with a coder for long-range repetition, whichever is smaller.
fn encode_band(codec: &Codec, header: &Header, samples: ArrayView3<'_, u16>, done: &Done) -> Result<Vec<u8>> {
    let (engine, settings) = (&codec.engine, &codec.settings);
    let mut parts = plan::choose(engine, settings.transforms, samples, header.depth())?;
    let mut side = settings.division.tile_side;
    match settings.effort {
        Effort::Low => {}
        Effort::Default => {
            parts = parts.into_iter().map(|part| part.with_offsets(engine)).collect::<Result<_>>()?;
        }
        Effort::Max => {
            parts = parts.into_iter().map(|part| part.learning(engine)).collect::<Result<_>>()?;
            side = settings.division.learning_tile_side;
        }
    }
    if parts.iter().all(|part| part.graphics) {
        side = settings.division.graphics_tile_side;
    }
    let (width, height) = TileGrid::even(header.width, samples.dim().1 as u32, side).tile;
    if width * height >= settings.division.lanes_from {
        parts = parts.into_iter().map(|part| part.with_lanes(engine)).collect::<Result<_>>()?;
    }
    let mut best = encode_parts(codec, header, samples, (&parts, side), done)?;
    let mut others = match engine.models().external() {
        None => plan::long_range(&parts, samples, header.depth(), best.len())?,
        Some(_) => Vec::new(),
    };
    while let Some(part) = others.pop() {
        let stronger = part.stronger();
        match encode_parts(codec, header, samples, (&[part], MAX_TILE_SIDE), &Done::silent()) {
            Ok(other) if other.len() < best.len() => {
                best = other;
                others.extend(stronger);
            }
            Ok(_) | Err(Error::Unsupported(_)) => {} // unsupported: too large, or useless
            Err(error) => return Err(error),
        }
    }
    if settings.verify == Verify::Full {
        let decoded = decoded_band(codec, header, samples.dim().1 as u32, &best);
        check(decoded, samples)?;
    }
    Ok(best)
}

/// Fails unless a band decodes to its samples.
fn check(decoded: Result<Array3<u16>>, samples: ArrayView3<'_, u16>) -> Result<()> {
    match decoded {
        Ok(decoded) if decoded == samples => Ok(()),
        Ok(_) => Err(Error::Verification("a band decodes to other samples".to_owned())),
        Err(Error::Format(defect)) => Err(Error::Verification(defect.to_string())),
        Err(error) => Err(error),
    }
}

/// Encodes a band with these parts, in tiles with sides of at most `side` pixels; returns a band of the container.
fn encode_parts(
    codec: &Codec,
    header: &Header,
    samples: ArrayView3<'_, u16>,
    (parts, side): (&[PlannedPart], u32),
    done: &Done,
) -> Result<Vec<u8>> {
    let grid = TileGrid::even(header.width, samples.dim().1 as u32, side);
    let rects = grid.rects();
    let (mut streams, mut written) = (Vec::new(), Vec::new());
    for part in parts {
        let PlannedPart { channels, transforms, coder, thorough, coded, whole, .. } = part;
        let report = |rect: Rect| done.add((rect.pixels() * channels) as u64);
        streams.push(match (&rects[..], whole) {
            (&[only], Some(stream)) => {
                report(only);
                vec![stream.clone()]
            }
            _ => streams::encode(&codec.engine, Source { coder, coded, thorough: *thorough }, &rects, report)?,
        });
        written.push(Part { channels: *channels, transforms: transforms.clone(), coder: coder.clone() });
    }
    let entry = |(index, rect): (usize, &Rect)| {
        let stream_bytes = streams.iter().map(|streams| u32::try_from(streams[index].len()));
        let stream_bytes = stream_bytes.collect::<std::result::Result<_, _>>();
        let stream_bytes = stream_bytes.map_err(|_| Error::Unsupported("a tile of 4 GiB".to_owned()))?;
        let tile = samples.slice(s![.., rect.rows(), rect.columns()]);
        Ok(TileEntry { checksum: sample_checksum(tile), stream_bytes })
    };
    let tiles = rects.iter().enumerate().map(entry).collect::<Result<_>>()?;
    let mut bytes = Vec::new();
    Band { tile: grid.tile, parts: written, tiles }.write(&mut bytes);
    for index in 0..rects.len() {
        streams.iter().for_each(|streams| bytes.extend(&streams[index]));
    }
    Ok(bytes)
}
