//! A seekable file -> any rectangle of the image, or all that is intact.

use std::io::{Read, Seek, SeekFrom};

use ndarray::s;

use super::decode::{OpenBand, StoredTile, decode_tiles, read_header};
use super::{Codec, FileInfo};
use crate::base::bytes::read_error;
use crate::base::error::{Error, FormatErrorKind, Result, malformed};
use crate::base::limits::check_memory;
use crate::container::Header;
use crate::image::{Metadata, Planes, Rect};

/// An open file. Rectangles of the image can be decompressed in any order and any number of times; only the tiles that
/// they need are read.
///
/// ```
/// # let planes = ansel::Planes::new(ndarray::Array3::from_shape_fn((1, 9, 30), |(_, y, x)| (x + y) as u16), 8)?;
/// # let file = ansel::Codec::default().compress(&planes, &ansel::Metadata::default())?;
/// let mut archive = ansel::Codec::default().open(std::io::Cursor::new(file))?;
/// let part = archive.region(ansel::Rect { x: 20, y: 1, width: 4, height: 3 })?;
/// assert_eq!(part.samples()[[0, 0, 0]], 21);
/// # Ok::<(), ansel::Error>(())
/// ```
#[derive(Debug)]
pub struct Archive<R> {
    codec: Codec,
    input: R,
    header: Header,
    metadata: Metadata,
    /// Position of the first band, in bytes.
    start: u64,
}

/// The intact rest of a damaged file.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Salvaged {
    /// The samples; 0 where they are lost.
    pub planes: Planes,
    /// The metadata.
    pub metadata: Metadata,
    /// The lost rectangles of the image, from top to bottom.
    pub lost: Vec<Rect>,
}

impl<R: Read + Seek> Archive<R> {
    pub(super) fn new(codec: Codec, mut input: R) -> Result<Self> {
        let (header, metadata) = read_header(&mut input, &codec.settings.limits)?;
        let start = input.stream_position().map_err(read_error)?;
        let codec = codec.for_image(header.info());
        Ok(Self { codec, input, header, metadata, start })
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The metadata.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The samples of a rectangle of the image.
    ///
    /// # Errors
    /// As [`Codec::decompress`], and [`Error::Misuse`] for a rectangle that is not inside the image.
    pub fn region(&mut self, region: Rect) -> Result<Planes> {
        let Header { width, height, .. } = self.header;
        let within = |start: u32, length: u32, all: u32| length > 0 && length <= all && start <= all - length;
        if !within(region.x, region.width, width) || !within(region.y, region.height, height) {
            return Err(Error::Misuse(format!("a region that is not within the image of {width} x {height} pixels")));
        }
        let mut wanted = Vec::new();
        self.for_bands(|input, header, band| {
            let in_image = |rect: Rect| Rect { y: rect.y + band.first_row, ..rect };
            if in_image(Rect { x: 0, y: 0, width: header.width, height: band.rows }).intersection(region).is_none() {
                return Ok(());
            }
            let mut tiles = Vec::new();
            for (index, &rect) in band.rects.iter().enumerate() {
                if in_image(rect).intersection(region).is_some() {
                    tiles.push(band.read_tile(input, index)?);
                } else {
                    skip(input, band.table.tiles[index].bytes())?;
                }
            }
            wanted.push((band, tiles));
            Ok(())
        })?;
        let pixels = |(band, tiles): &(OpenBand, Vec<StoredTile>)| {
            tiles.iter().map(|&(index, _)| band.rects[index].pixels() as u64).sum::<u64>()
        };
        let channels = self.header.channels();
        let done = self.codec.done(wanted.iter().map(pixels).sum::<u64>() * channels as u64);
        let mut work = 0;
        for (band, tiles) in &wanted {
            self.codec.spend(&mut work, &band.table, tiles.iter().map(|&(index, _)| &band.rects[index]))?;
        }
        let samples = region.pixels() as u64 * channels as u64;
        check_memory(samples.saturating_add(self.header.band_samples()), &self.codec.settings.limits)?;
        let mut planes = Planes::zeros(channels, region.height, region.width, self.header.depth())?;
        for (band, tiles) in wanted {
            let decoded = decode_tiles(&self.codec, &self.header, &band, &tiles, &done)?;
            for (samples, (index, _)) in decoded.samples.iter().zip(&tiles) {
                let rect = Rect { y: band.rects[*index].y + band.first_row, ..band.rects[*index] };
                let Some(shared) = rect.intersection(region) else { continue };
                let (from, to) = (shared.relative_to(rect), shared.relative_to(region));
                let part = samples.slice(s![.., from.rows(), from.columns()]);
                planes.samples_mut().slice_mut(s![.., to.rows(), to.columns()]).assign(&part);
            }
        }
        Ok(planes)
    }

    /// Decompresses all that is intact of a file; the header must be.
    ///
    /// # Errors
    /// As [`Codec::decompress`], except for damage to bands and tiles, and for a file that ends early.
    pub fn salvage(&mut self) -> Result<Salvaged> {
        let Header { width, height, .. } = self.header;
        let samples = self.header.samples().saturating_add(self.header.band_samples());
        check_memory(samples, &self.codec.settings.limits)?;
        let mut planes = Planes::zeros(self.header.channels(), height, width, self.header.depth())?;
        let mut work = 0;
        let (mut lost, done) = (Vec::new(), self.codec.done(self.header.samples()));
        self.input.seek(SeekFrom::Start(self.start)).map_err(read_error)?;
        for index in 0..self.header.bands() {
            let (first_row, rows) = self.header.band(index);
            let band = match OpenBand::read(&mut self.input, &self.header, (first_row, rows)) {
                Ok(band) => band,
                Err(Error::Format(_)) => {
                    // Without this band's table, the position of the next one is unknown.
                    lost.push(Rect { x: 0, y: first_row, width, height: height - first_row });
                    break;
                }
                Err(error) => return Err(error),
            };
            self.codec.spend(&mut work, &band.table, band.rects.iter())?;
            for (tile, &rect) in band.rects.iter().enumerate() {
                let decoded = band
                    .read_tile(&mut self.input, tile)
                    .and_then(|stored| decode_tiles(&self.codec, &self.header, &band, &[stored], &done));
                match decoded {
                    Ok(decoded) => {
                        let rows = Rect { y: rect.y + first_row, ..rect }.rows();
                        planes.samples_mut().slice_mut(s![.., rows, rect.columns()]).assign(&decoded.samples[0]);
                    }
                    Err(Error::Format(_)) => lost.push(Rect { y: rect.y + first_row, ..rect }),
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(Salvaged { planes, metadata: self.metadata.clone(), lost })
    }

    /// All that is known without decoding samples.
    ///
    /// # Errors
    /// As [`Codec::read_info`].
    pub fn into_info(mut self) -> Result<FileInfo> {
        let mut bands = Vec::new();
        self.for_bands(|input, _, band| {
            skip(input, band.table.stream_bytes())?;
            bands.push(band.table);
            Ok(())
        })?;
        let position = self.input.stream_position().map_err(read_error)?;
        let end = self.input.seek(SeekFrom::End(0)).map_err(read_error)?;
        if end > position {
            return malformed(FormatErrorKind::TrailingBytes, format!("{} after the end", end - position));
        }
        if end < position {
            return malformed(FormatErrorKind::Truncated, format!("{end} of {position} bytes"));
        }
        Ok(FileInfo { header: self.header, metadata: self.metadata, bands, bytes: end })
    }

    /// Reads the tables of all bands. Calls `visit` for each, and continues wherever the band's streams end.
    fn for_bands(&mut self, mut visit: impl FnMut(&mut R, &Header, OpenBand) -> Result<()>) -> Result<()> {
        let mut position = self.start;
        for index in 0..self.header.bands() {
            self.input.seek(SeekFrom::Start(position)).map_err(read_error)?;
            let band = OpenBand::read(&mut self.input, &self.header, self.header.band(index))?;
            position = position.saturating_add(band.table_bytes).saturating_add(band.table.stream_bytes());
            visit(&mut self.input, &self.header, band)?;
        }
        self.input.seek(SeekFrom::Start(position)).map_err(read_error)?;
        Ok(())
    }
}

/// Skips bytes.
fn skip(input: &mut impl Seek, bytes: u64) -> Result<()> {
    input.seek_relative(i64::try_from(bytes).unwrap_or(i64::MAX)).map_err(read_error)
}
