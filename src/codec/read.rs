//! Bytes -> planes: a file is read band by band, its tiles decoded and compared with their checksums.

use std::io::{Read, Seek, SeekFrom};

use ndarray::{Array3, s};

use super::{Codec, Done};
use crate::base::bytes::read_error;
use crate::base::error::{Error, FormatError, FormatErrorKind, Result, malformed};
use crate::base::limits::check_memory;
use crate::container::{Band, Header, sample_checksum};
use crate::image::planes::zeroed;
use crate::image::{Metadata, Planes, Rect};
use crate::streams::{self, TileStream, work};

/// A file that is decompressed band by band.
#[derive(Debug)]
pub struct FileReader<'a, R> {
    pub(super) codec: &'a Codec,
    pub(super) input: R,
    pub(super) header: Header,
    pub(super) metadata: Metadata,
    pub(super) done: Done<'a>,
    pub(super) band: u32,
    /// The table of the band that was read last.
    pub(super) last: Option<Band>,
    pub(super) ideal_bits: f64,
    /// Multiplications that the bands so far may have cost.
    pub(super) work: u64,
}

impl<R: Read + Seek> FileReader<'_, R> {
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

    /// The rows of the next band.
    ///
    /// # Errors
    /// As [`Codec::decompress`].
    ///
    /// # Panics
    /// After the last band.
    pub fn next_band(&mut self) -> Result<Planes> {
        let (_, rows) = self.header.band(self.band);
        let samples = self.band_region(Rect { x: 0, y: 0, width: self.header.width, height: rows })?;
        Planes::new(samples, self.header.depth())
    }

    /// The samples of a rectangle of the image; only the tiles that it needs are read and decoded.
    ///
    /// # Errors
    /// As [`Codec::decompress`], and [`Error::Unsupported`] for a rectangle that is not within the image.
    ///
    /// # Panics
    /// After a band was read.
    pub fn region(&mut self, region: Rect) -> Result<Planes> {
        let header = self.header.clone();
        let within = |start: u32, length: u32, all: u32| length > 0 && length <= all && start <= all - length;
        if !within(region.x, region.width, header.width) || !within(region.y, region.height, header.height) {
            let (width, height) = (header.width, header.height);
            return Err(Error::Unsupported(format!("a region that is not within {width} x {height} pixels")));
        }
        self.done = self.codec.progress(self.samples_of_tiles(region)?);
        let samples = region.pixels() as u64 * header.channels() as u64;
        check_memory(samples.saturating_add(header.band_samples()), &self.codec.options.limits)?;
        let mut planes = Planes::zeros(header.channels(), region.height, region.width, header.depth())?;
        for band in 0..header.bands() {
            let (first, rows) = header.band(band);
            let whole = Rect { x: 0, y: first, width: header.width, height: rows };
            let Some(wanted) = whole.intersection(region) else {
                self.skip_band()?;
                continue;
            };
            let samples = self.band_region(Rect { y: wanted.y - first, ..wanted })?;
            let rows = Rect { y: wanted.y - region.y, ..wanted }.rows();
            planes.samples_mut().slice_mut(s![.., rows, ..]).assign(&samples);
        }
        Ok(planes)
    }

    /// The samples of all tiles that a rectangle of the image needs. Goes back to where the input was.
    fn samples_of_tiles(&mut self, region: Rect) -> Result<u64> {
        let start = self.input.stream_position().map_err(read_error)?;
        let mut pixels = 0;
        for band in 0..self.header.bands() {
            let (first, rows) = self.header.band(band);
            self.skip_band()?;
            let tiles = self.last.iter().flat_map(|band| band.grid(&self.header, rows).rects());
            let tiles = tiles.map(|tile| Rect { y: first + tile.y, ..tile });
            pixels +=
                tiles.filter(|tile| tile.intersection(region).is_some()).map(|tile| tile.pixels() as u64).sum::<u64>();
        }
        self.band = 0;
        self.input.seek(SeekFrom::Start(start)).map_err(read_error)?;
        Ok(pixels * self.header.channels() as u64)
    }

    /// Checks that the file ends after the last band; returns its length.
    ///
    /// # Errors
    /// [`Error::Format`] for bytes after the end.
    pub fn finish(&mut self) -> Result<u64> {
        let position = self.input.stream_position().map_err(read_error)?;
        let end = self.input.seek(SeekFrom::End(0)).map_err(read_error)?;
        if end > position {
            return malformed(FormatErrorKind::TrailingBytes, format!("{} after the end", end - position));
        }
        if end < position {
            return malformed(FormatErrorKind::Truncated, format!("{end} of {position} bytes"));
        }
        Ok(end)
    }

    /// The table of the next band, whose streams are where the input then is.
    fn next_table(&mut self) -> Result<(Band, u32)> {
        assert!(self.band < self.header.bands(), "there is no band left");
        let (_, rows) = self.header.band(self.band);
        let (band, _) = Band::read(&mut self.input, &self.header, rows)?;
        self.band += 1;
        Ok((band, rows))
    }

    pub(super) fn skip_band(&mut self) -> Result<()> {
        let (band, _) = self.next_table()?;
        let bytes = i64::try_from(band.stream_bytes()).unwrap_or(i64::MAX);
        self.input.seek_relative(bytes).map_err(read_error)?;
        self.last = Some(band);
        Ok(())
    }

    /// The samples of a rectangle of the next band.
    pub(super) fn band_region(&mut self, region: Rect) -> Result<Array3<u16>> {
        check_memory(self.header.band_samples(), &self.codec.options.limits)?;
        let (band, rows) = self.next_table()?;
        let rects = band.grid(&self.header, rows).rects();
        let (mut wanted, mut streams) = (Vec::new(), Vec::new());
        for (index, (rect, entry)) in rects.iter().zip(&band.tiles).enumerate() {
            if rect.intersection(region).is_none() {
                let bytes = i64::try_from(entry.bytes()).unwrap_or(i64::MAX);
                self.input.seek_relative(bytes).map_err(read_error)?;
                continue;
            }
            let mut bytes = Vec::new();
            self.input.by_ref().take(entry.bytes()).read_to_end(&mut bytes).map_err(read_error)?;
            if (bytes.len() as u64) < entry.bytes() {
                let detail = format!("the stream of tile {index} has {} of {} bytes", bytes.len(), entry.bytes());
                return malformed(FormatErrorKind::Truncated, detail);
            }
            wanted.push(index);
            streams.push(bytes);
        }
        let tiles = self.decode_tiles(&band, &rects, &wanted, &streams)?;
        let (width, height) = (region.width as usize, region.height as usize);
        let mut samples = zeroed((self.header.channels(), height, width))?;
        for (tile, &index) in tiles.iter().zip(&wanted) {
            let Some(shared) = rects[index].intersection(region) else { continue };
            let (from, to) = (shared.relative_to(rects[index]), shared.relative_to(region));
            samples.slice_mut(s![.., to.rows(), to.columns()]).assign(&tile.slice(s![.., from.rows(), from.columns()]));
        }
        self.last = Some(band);
        Ok(samples)
    }

    /// Decodes tiles of a band and compares their checksums.
    fn decode_tiles(
        &mut self,
        band: &Band,
        rects: &[Rect],
        wanted: &[usize],
        stored: &[Vec<u8>],
    ) -> Result<Vec<Array3<u16>>> {
        let band_index = self.band - 1;
        let damaged = |index: usize| {
            let Rect { x, y, width, height } = rects[wanted[index]];
            let tile = wanted[index];
            let detail = format!("tile {tile} of band {band_index}, {width} x {height} pixels at {x}, {y} of the band");
            Error::from(FormatError::new(FormatErrorKind::TileChecksum, detail))
        };
        let depth = self.header.depth();
        let chosen: Vec<Rect> = wanted.iter().map(|&index| rects[index]).collect();
        let shape = |rect: &Rect| (self.header.channels(), rect.height as usize, rect.width as usize);
        let pixels = chosen.iter().map(|rect| rect.pixels() as u64).sum();
        work::spend(&mut self.work, &self.codec.engine()?.models, &band.parts, pixels, &self.codec.options.limits)?;
        let mut tiles = chosen.iter().map(|rect| zeroed(shape(rect))).collect::<Result<Vec<_>>>()?;
        let mut starts = vec![0; stored.len()];
        let mut first = 0;
        for (number, part) in band.parts.iter().enumerate() {
            let slices = stored.iter().zip(wanted).zip(&mut starts).map(|((stream, &index), start)| {
                let end = *start + band.tiles[index].stream_bytes[number] as usize;
                &stream[std::mem::replace(start, end)..end]
            });
            let parts: Vec<TileStream<'_>> =
                slices.zip(&chosen).map(|(stream, &rect)| TileStream { rect, stream }).collect();
            let sizes = part.coded_sizes(depth);
            let decoded = streams::decode(self.codec.engine()?, &part.coder, &sizes, &parts, damaged)?;
            let channels = first..first + part.channels;
            first = channels.end;
            for (index, (tile, decoded)) in tiles.iter_mut().zip(decoded).enumerate() {
                self.ideal_bits += decoded.ideal_bits;
                let origin = (chosen[index].y, chosen[index].x);
                let samples = part.inverse(decoded.samples, origin, depth).map_err(|_| damaged(index))?;
                tile.slice_mut(s![channels.clone(), .., ..]).assign(&samples);
                self.done.add((chosen[index].pixels() * part.channels) as u64);
            }
        }
        for (index, tile) in tiles.iter().enumerate() {
            let in_range = tile.iter().all(|&sample| u32::from(sample) >> depth == 0);
            if !in_range || sample_checksum(tile.view()) != band.tiles[wanted[index]].checksum {
                return Err(damaged(index));
            }
        }
        Ok(tiles)
    }
}
