//! Bytes -> planes: reads bands one after the other, decodes their tiles, and checks them against their checksums.

use std::io::Read;

use ndarray::{Array3, s};

use super::bit_map::SampleBits;
use super::{Codec, Decoded, Done};
use crate::base::bytes::read_error;
use crate::base::error::{Error, FormatError, FormatErrorKind, Result, malformed};
use crate::base::limits::{Limits, check_memory};
use crate::container::{Band, Header, sample_checksum};
use crate::image::planes::zeroed;
use crate::image::{Metadata, Planes, Rect};
use crate::streams::{self, IdealBits, TileStream, work};
use crate::walk::bits_back::BoundTerms;

/// Decompresses a file band by band, from the first byte to the last; the input need not be seekable.
///
/// ```
/// # let row = ansel::Planes::new(ndarray::Array3::from_shape_fn((1, 9, 30), |(_, _, x)| x as u16), 8)?;
/// # let file = ansel::Codec::default().compress(&row, &ansel::Metadata::default())?;
/// let mut decoder = ansel::Codec::default().decoder(&file[..])?;
/// assert_eq!(decoder.header().width(), 30);
/// while let Some(band) = decoder.next_band()? {
///     println!("{} rows", band.height());
/// }
/// # Ok::<(), ansel::Error>(())
/// ```
#[derive(Debug)]
pub struct Decoder<R> {
    codec: Codec,
    input: Counted<R>,
    header: Header,
    metadata: Metadata,
    done: Done,
    /// Bands decoded so far.
    bands: u32,
    last: Option<Band>,
    bits: IdealBits,
    sample_bits: Option<Box<SampleBits>>,
    /// Upper bound on the multiplications for the bands so far.
    work: u64,
}

impl<R: Read> Decoder<R> {
    pub(super) fn new(codec: Codec, input: R) -> Result<Self> {
        let mut input = Counted { input, bytes: 0 };
        let (header, metadata) = read_header(&mut input, &codec.settings.limits)?;
        let done = codec.done(header.samples());
        let codec = codec.for_image(header.info());
        let (bits, sample_bits) = Default::default();
        Ok(Self { codec, input, header, metadata, done, bands: 0, last: None, bits, sample_bits, work: 0 })
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

    /// The metadata, after all bands were read.
    #[must_use]
    pub fn into_metadata(self) -> Metadata {
        self.metadata
    }

    /// The table of the band decoded last.
    #[must_use]
    pub fn band(&self) -> Option<&Band> {
        self.last.as_ref()
    }

    /// Bytes read so far; after the last band, those of the whole file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.input.bytes
    }

    /// The ideal code length of the samples of all bands so far, in bits.
    #[must_use]
    pub fn ideal_bits(&self) -> f64 {
        self.bits.total
    }

    /// The part of [`ideal_bits`](Self::ideal_bits) that the bits-back family codes, by the terms of its bound.
    #[must_use]
    pub fn bound(&self) -> Option<BoundTerms> {
        self.bits.bound
    }

    /// The bits of each sample in the band decoded last, if the codec keeps them.
    pub(super) fn take_sample_bits(&mut self) -> Option<Box<SampleBits>> {
        self.sample_bits.take()
    }

    /// The whole image; no band may have been read before.
    ///
    /// # Errors
    /// As [`Codec::decompress`]; [`Error::Misuse`] after the first band.
    pub fn decode_all(mut self) -> Result<Decoded> {
        if self.bands > 0 {
            return Err(Error::Misuse("the whole image is requested after its first band was read".to_owned()));
        }
        let header = &self.header;
        check_memory(header.samples().saturating_add(header.band_samples()), &self.codec.settings.limits)?;
        let mut planes = Planes::zeros(header.channels(), header.height(), header.width(), header.depth())?;
        let mut first = 0;
        while let Some(band) = self.next_band()? {
            let rows = first..first + band.height() as usize;
            first = rows.end;
            planes.samples_mut().slice_mut(s![.., rows, ..]).assign(band.samples());
        }
        Ok(Decoded { planes, metadata: self.into_metadata() })
    }

    /// The rows of the next band; `None` after the last, once the end of the file was checked.
    ///
    /// # Errors
    /// As [`Codec::decompress`]. After an error, a further call would continue at an arbitrary position, and is
    /// useless.
    pub fn next_band(&mut self) -> Result<Option<Planes>> {
        if self.bands == self.header.bands() {
            return match self.input.read(&mut [0]).map_err(read_error)? {
                0 => Ok(None),
                _ => malformed(FormatErrorKind::TrailingBytes, "bytes after the last band"),
            };
        }
        check_memory(self.header.band_samples(), &self.codec.settings.limits)?;
        let band = OpenBand::read(&mut self.input, &self.header, self.header.band(self.bands))?;
        self.codec.spend(&mut self.work, &band.table, band.rects.iter())?;
        let tiles = band.read_tiles(&mut self.input)?;
        let decoded = decode_band(&self.codec, &self.header, &band, &tiles, &self.done)?;
        self.bands += 1;
        self.bits += decoded.bits;
        self.sample_bits = decoded.sample_bits;
        self.last = Some(band.table);
        Planes::new(decoded.samples, self.header.depth()).map(Some)
    }
}

impl Codec {
    /// Adds to `spent` the multiplications of the networks for some tiles of a band.
    ///
    /// # Errors
    /// [`Error::LimitsExceeded`] if the sum exceeds the limit of work.
    pub(super) fn spend<'a>(&self, spent: &mut u64, band: &Band, tiles: impl Iterator<Item = &'a Rect>) -> Result<()> {
        let pixels = tiles.map(|rect| rect.pixels() as u64).sum();
        work::spend(spent, self.engine.models(), &band.parts, pixels, &self.settings.limits)
    }
}

/// Counts the bytes read.
#[derive(Debug)]
struct Counted<R> {
    input: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

/// Reads the header and the metadata that follow it.
pub(super) fn read_header(input: &mut dyn Read, limits: &Limits) -> Result<(Header, Metadata)> {
    let header = Header::read(&mut *input, limits)?;
    let mut stored = Vec::new();
    input.take(header.metadata_bytes()).read_to_end(&mut stored).map_err(read_error)?;
    let metadata = Metadata::load(&header.metadata, &stored)?;
    Ok((header, metadata))
}

/// A band whose table was read, with its position in the image.
#[derive(Debug)]
pub(super) struct OpenBand {
    pub table: Band,
    /// Its tiles, relative to its first row.
    pub rects: Vec<Rect>,
    /// Its first row in the image.
    pub first_row: u32,
    pub rows: u32,
    /// Length of the table, in bytes.
    pub table_bytes: u64,
}

/// A tile of a band: its index, and the concatenated streams of all parts.
pub(super) type StoredTile = (usize, Vec<u8>);

impl OpenBand {
    /// Reads the table of the band with these rows (first, number).
    pub fn read(input: &mut dyn Read, header: &Header, (first_row, rows): (u32, u32)) -> Result<Self> {
        let (table, table_bytes) = Band::read(input, header, rows)?;
        let rects = table.grid(header, rows).rects();
        Ok(Self { table, rects, first_row, rows, table_bytes })
    }

    /// Reads the streams of a tile, which must be next in the input.
    pub fn read_tile(&self, input: &mut dyn Read, index: usize) -> Result<StoredTile> {
        let (length, mut bytes) = (self.table.tiles[index].bytes(), Vec::new());
        input.take(length).read_to_end(&mut bytes).map_err(read_error)?;
        if (bytes.len() as u64) < length {
            let detail = format!("the stream of tile {index} has {} of {length} bytes", bytes.len());
            return malformed(FormatErrorKind::Truncated, detail);
        }
        Ok((index, bytes))
    }

    /// Reads the streams of all tiles, which must be next in the input.
    pub fn read_tiles(&self, input: &mut dyn Read) -> Result<Vec<StoredTile>> {
        (0..self.rects.len()).map(|index| self.read_tile(input, index)).collect()
    }

    fn damaged(&self, index: usize) -> Error {
        let Rect { x, y, width, height } = self.rects[index];
        let y = self.first_row + y;
        FormatError::new(FormatErrorKind::TileChecksum, format!("tile {index}, {width} x {height} pixels at {x}, {y}"))
            .into()
    }
}

/// A decoded band.
#[derive(Debug)]
pub(super) struct DecodedBand {
    pub samples: Array3<u16>,
    pub bits: IdealBits,
    /// The bits of each sample, if the codec keeps them.
    pub sample_bits: Option<Box<SampleBits>>,
}

/// Decoded tiles of a band.
#[derive(Debug)]
pub(super) struct DecodedTiles {
    /// The samples of each tile.
    pub samples: Vec<Array3<u16>>,
    pub bits: IdealBits,
    /// The bits of each tile's samples, if the codec keeps them.
    sample_bits: Vec<SampleBits>,
}

/// Decodes a whole band.
pub(super) fn decode_band(
    codec: &Codec,
    header: &Header,
    band: &OpenBand,
    tiles: &[StoredTile],
    done: &Done,
) -> Result<DecodedBand> {
    let decoded = decode_tiles(codec, header, band, tiles, done)?;
    let shape = (header.channels(), band.rows as usize, header.width as usize);
    let mut samples = zeroed(shape)?;
    for (tile, rect) in decoded.samples.iter().zip(&band.rects) {
        samples.slice_mut(s![.., rect.rows(), rect.columns()]).assign(tile);
    }
    let mut sample_bits = if codec.keeps_sample_bits { Some(Box::new(SampleBits::new(shape)?)) } else { None };
    if let Some(sample_bits) = &mut sample_bits {
        for (tile, rect) in decoded.sample_bits.iter().zip(&band.rects) {
            sample_bits.samples.slice_mut(s![.., rect.rows(), rect.columns()]).assign(&tile.samples);
            sample_bits.spread += tile.spread;
        }
    }
    Ok(DecodedBand { samples, bits: decoded.bits, sample_bits })
}

/// Decodes tiles of a band, and checks them against their checksums.
pub(super) fn decode_tiles(
    codec: &Codec,
    header: &Header,
    band: &OpenBand,
    tiles: &[StoredTile],
    done: &Done,
) -> Result<DecodedTiles> {
    let damaged = |index: usize| band.damaged(tiles[index].0);
    let depth = header.depth();
    let rects: Vec<Rect> = tiles.iter().map(|&(index, _)| band.rects[index]).collect();
    let shape = |rect: &Rect| (header.channels(), rect.height as usize, rect.width as usize);
    let mut decoded = rects.iter().map(|rect| zeroed(shape(rect))).collect::<Result<Vec<_>>>()?;
    let mut starts = vec![0; tiles.len()];
    let (mut first, mut bits) = (0, IdealBits::default());
    let sample_bits = rects.iter().filter(|_| codec.keeps_sample_bits).map(|rect| SampleBits::new(shape(rect)));
    let mut sample_bits = sample_bits.collect::<Result<Vec<_>>>()?;
    for (number, part) in band.table.parts.iter().enumerate() {
        let streams = tiles.iter().zip(&rects).zip(&mut starts).map(|(((index, stored), &rect), start)| {
            let end = *start + band.table.tiles[*index].stream_bytes[number] as usize;
            TileStream {
                rect,
                stream: &stored[std::mem::replace(start, end)..end],
                keeps_sample_bits: codec.keeps_sample_bits,
            }
        });
        let streams: Vec<TileStream<'_>> = streams.collect();
        let sizes = part.coded_sizes(depth);
        let coded = streams::decode(&codec.engine, &part.coder, &sizes, &streams, damaged)?;
        let channels = first..first + part.channels;
        first = channels.end;
        for (index, (tile, coded)) in decoded.iter_mut().zip(coded).enumerate() {
            bits += coded.bits;
            if let Some(sample_bits) = sample_bits.get_mut(index) {
                sample_bits.add_part(&coded, channels.clone());
            }
            let origin = (rects[index].y, rects[index].x);
            let samples = part.inverse(coded.samples, origin, depth).map_err(|_| damaged(index))?;
            tile.slice_mut(s![channels.clone(), .., ..]).assign(&samples);
            done.add((rects[index].pixels() * part.channels) as u64);
        }
    }
    for (index, tile) in decoded.iter().enumerate() {
        let in_range = u32::from(tile.iter().fold(0, |bits, sample| bits | sample)) >> depth == 0;
        if !in_range || sample_checksum(tile.view()) != band.table.tiles[tiles[index].0].checksum {
            return Err(damaged(index));
        }
    }
    Ok(DecodedTiles { samples: decoded, bits, sample_bits })
}
