//! Planes <-> bytes: tiles are coded in parallel, verified, and put into the container.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::ans::{Decoder, Encoder};
use crate::autoregressive::{ActiveTile, code_tiles};
use crate::container::{Header, Metadata, TileEntry, checksum};
use crate::error::{Error, FormatError, FormatErrorKind, Result, malformed};
use crate::limits::{Limits, check_samples};
use crate::models::{ModelChoice, ModelSource};
use crate::network::{Device, Network};
use crate::parallel::{Groups, SessionPool, for_groups, lock};
use crate::planes::Planes;
use crate::tile::{Rect, TileGrid, TileSamples};

/// Largest side of the tiles that are written, in pixels.
const TILE_SIDE: u32 = 512;
/// Most pixels, and most tiles, that one thread codes in lockstep, unless a single tile has more: network calls of
/// some hundred pixels, in bounded memory.
const LOCKSTEP_PIXELS: usize = 4 * (TILE_SIDE * TILE_SIDE) as usize;
const LOCKSTEP_TILES: usize = 64;

/// How a [`Codec`] works. None of it changes the samples that come back.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The model to compress with, and the model file to decompress with if a file asks for one.
    pub model: ModelChoice,
    /// Threads; `None` for one per core. The bytes are the same for any number.
    pub threads: Option<NonZeroUsize>,
    /// Where networks run.
    pub device: Device,
    /// Bounds on the input.
    pub limits: Limits,
    /// Called as tiles are done.
    pub progress: Option<Progress>,
}

/// A function of (pixels done, pixels in all).
#[derive(Clone)]
pub struct Progress(pub Arc<dyn Fn(u64, u64) + Send + Sync>);

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Progress(..)")
    }
}

/// What a file held.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Decoded {
    /// The samples.
    pub planes: Planes,
    /// The metadata.
    pub metadata: Metadata,
}

/// A file that decodes, and the information content of its samples under its model.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Verified {
    /// The file's header.
    pub header: Header,
    /// The ideal code length of all samples, in bits: `-log2` of their probabilities.
    pub ideal_bits: f64,
}

/// Compresses and decompresses. Sessions of its models are kept for further calls, so make one and use it, from
/// any number of threads.
#[derive(Debug, Default)]
pub struct Codec {
    options: Options,
    sessions: SessionPool,
}

impl Codec {
    /// A codec with these options. Models and ONNX Runtime are loaded when they are first needed.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options, sessions: SessionPool::default() }
    }

    /// Compresses planes, and decodes the result before returning it.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for planes that no model codes, [`Error::LimitsExceeded`], [`Error::Model`],
    /// [`Error::Runtime`]; [`Error::Verification`] if the result did not decode to `planes`.
    pub fn compress(&self, planes: &Planes, metadata: &Metadata) -> Result<Vec<u8>> {
        check_samples(planes.width(), planes.height(), planes.channels(), &self.options.limits)?;
        if !matches!((planes.channels(), planes.depth()), (1 | 3, 8)) {
            let what = format!("{} channels of {} bits (8-bit grey and RGB are)", planes.channels(), planes.depth());
            return Err(Error::Unsupported(what));
        }
        let (entries, stored) = metadata.store(&self.options.limits)?;
        let source = ModelSource::for_encoding(&self.options.model, planes.channels())?;
        let grid = TileGrid::even(planes.width(), planes.height(), TILE_SIDE);
        let rects = grid.rects();
        let tiles = self.for_tiles(&source, &rects, |network, range| {
            if network.model().shape.channels != planes.channels() {
                let channels = network.model().shape.channels;
                let what = format!("it codes {channels} channels, the image has {}", planes.channels());
                return Err(Error::Model(what));
            }
            encode_tiles(network, planes, &rects[range])
        })?;
        let header = Header {
            width: planes.width(),
            height: planes.height(),
            channels: planes.channels() as u8,
            depth: planes.depth() as u8,
            model: source.identity,
            tile: grid.tile,
            metadata: entries,
            tiles: tiles.iter().map(|(entry, _)| *entry).collect(),
        };
        let mut file = Vec::with_capacity(header.file_bytes() as usize);
        header.write(&mut file);
        file.extend(stored);
        for (_, words) in &tiles {
            file.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        }
        let (reread, reread_metadata, _) = self.open(&file)?;
        if reread != header || reread_metadata != *metadata {
            return Err(Error::Verification("the container does not read back".to_owned()));
        }
        Ok(file)
    }

    /// Decompresses a file.
    ///
    /// # Errors
    /// [`Error::Format`] if the file is damaged or not an ansel file, [`Error::LimitsExceeded`],
    /// [`Error::Model`], [`Error::Runtime`].
    pub fn decompress(&self, file: &[u8]) -> Result<Decoded> {
        let (header, metadata, streams) = self.open(file)?;
        let planes = Planes::zeros(header.channels.into(), header.height, header.width, header.depth());
        let planes = Mutex::new(planes);
        self.decode(&header, streams, |tile, rect| tile.samples.store(&mut lock(&planes), rect))?;
        let planes = planes.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(Decoded { planes, metadata })
    }

    /// Decodes a file, tile by tile, and drops the samples: shows that it is intact.
    ///
    /// # Errors
    /// As [`decompress`](Self::decompress).
    pub fn verify(&self, file: &[u8]) -> Result<Verified> {
        let (header, _, streams) = self.open(file)?;
        let ideal_bits = self.decode(&header, streams, |tile, _| tile.coder.ideal_bits())?.into_iter().sum();
        Ok(Verified { header, ideal_bits })
    }

    /// Reads the header and the metadata of a file, without decoding samples.
    ///
    /// # Errors
    /// [`Error::Format`], [`Error::LimitsExceeded`].
    pub fn read_header(&self, file: &[u8]) -> Result<(Header, Metadata)> {
        self.open(file).map(|(header, metadata, _)| (header, metadata))
    }

    /// Reads all but the streams, and checks the length of the file.
    fn open<'a>(&self, file: &'a [u8]) -> Result<(Header, Metadata, &'a [u8])> {
        let header = Header::read(file, &self.options.limits)?;
        let (length, expected) = (file.len() as u64, header.file_bytes());
        if length < expected {
            return malformed(FormatErrorKind::Truncated, format!("{length} of {expected} bytes"));
        }
        if length > expected {
            return malformed(FormatErrorKind::TrailingBytes, format!("{} after the end", length - expected));
        }
        let rest = &file[header.header_bytes() as usize..];
        let (stored, streams) = rest.split_at(header.metadata_bytes() as usize);
        let metadata = Metadata::load(&header.metadata, stored)?;
        Ok((header, metadata, streams))
    }

    /// Decodes and checks all tiles; returns what `sink` makes of each.
    fn decode<T: Send>(
        &self,
        header: &Header,
        streams: &[u8],
        sink: impl Fn(&ActiveTile<Decoder>, Rect) -> T + Sync,
    ) -> Result<Vec<T>> {
        let source = ModelSource::for_decoding(&self.options.model, header.model)?;
        let rects = header.grid().rects();
        let streams = split_streams(header, streams);
        self.for_tiles(&source, &rects, |network, range| {
            if network.model().shape.channels != usize::from(header.channels) {
                return malformed(FormatErrorKind::InvalidField, "the model codes another number of channels");
            }
            let tiles = decode_tiles(network, header, &rects, &streams, range.clone())?;
            Ok(tiles.iter().zip(&rects[range]).map(|(tile, rect)| sink(tile, *rect)).collect())
        })
    }

    /// Runs `work` on groups of tiles in parallel, and reports the progress.
    fn for_tiles<T: Send>(
        &self,
        source: &ModelSource<'_>,
        rects: &[Rect],
        work: impl Fn(&mut Network, Range<usize>) -> Result<Vec<T>> + Sync,
    ) -> Result<Vec<T>> {
        let threads = self.options.threads.or_else(|| std::thread::available_parallelism().ok());
        let threads = threads.unwrap_or(NonZeroUsize::MIN);
        let most = rects.first().map_or(1, |whole| LOCKSTEP_PIXELS / whole.pixels()).clamp(1, LOCKSTEP_TILES);
        let groups = Groups::new(rects.len(), most, threads);
        let pixels = |rects: &[Rect]| rects.iter().map(|rect| rect.pixels() as u64).sum();
        let (done, all) = (AtomicU64::new(0), pixels(rects));
        for_groups(&self.sessions, source, self.options.device, threads, groups, |network, range| {
            let result = work(network, range.clone())?;
            let more: u64 = pixels(&rects[range]);
            let now = done.fetch_add(more, Ordering::Relaxed) + more;
            if let Some(Progress(report)) = &self.options.progress {
                report(now, all);
            }
            Ok(result)
        })
    }
}

/// Encodes tiles in lockstep, decodes them again and compares.
fn encode_tiles(network: &mut Network, planes: &Planes, rects: &[Rect]) -> Result<Vec<(TileEntry, Vec<u32>)>> {
    let depth = planes.depth();
    let active = |&rect: &Rect| {
        let coder = Encoder::with_capacity(rect.pixels() * planes.channels());
        ActiveTile { samples: TileSamples::of(planes, rect), coder }
    };
    let mut tiles: Vec<_> = rects.iter().map(active).collect();
    code_tiles(network, &mut tiles, depth)?;
    let (mut originals, mut encoded, mut again) = (Vec::new(), Vec::new(), Vec::new());
    for tile in tiles {
        let (words, order) = tile.coder.finish();
        let stream_bytes = u32::try_from(4 * words.len()).expect("a tile's stream is shorter than 4 GiB");
        let entry = TileEntry { stream_bytes, checksum: checksum(&tile.samples.to_bytes()) };
        let unreadable = || Error::Verification("a stream ends in a zero".to_owned());
        let coder = Decoder::expecting(words.clone(), order).ok_or_else(unreadable)?;
        again.push(ActiveTile { samples: tile.samples.cleared(), coder });
        encoded.push((entry, words));
        originals.push(tile.samples);
    }
    code_tiles(network, &mut again, depth)?;
    for ((tile, original), rect) in again.iter().zip(&originals).zip(rects) {
        if tile.samples != *original || !tile.coder.is_empty() {
            return Err(Error::Verification(format!("the tile at {}, {} does not decode", rect.x, rect.y)));
        }
    }
    Ok(encoded)
}

/// Decodes a group of tiles in lockstep and compares their checksums.
fn decode_tiles(
    network: &mut Network,
    header: &Header,
    rects: &[Rect],
    streams: &[&[u8]],
    range: Range<usize>,
) -> Result<Vec<ActiveTile<Decoder>>> {
    let damaged = |index: usize| {
        let Rect { x, y, width, height } = rects[index];
        let detail = format!("tile {index}, {width} x {height} pixels at {x}, {y}, does not match its checksum");
        Error::from(FormatError::new(FormatErrorKind::TileChecksum, detail))
    };
    let (channels, depth) = (header.channels.into(), header.depth());
    let mut tiles = Vec::with_capacity(range.len());
    for index in range.clone() {
        let words = streams[index].chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        let coder = Decoder::new(words.collect()).ok_or_else(|| damaged(index))?;
        let samples = TileSamples::new(rects[index].width as usize, rects[index].height as usize, channels, depth);
        tiles.push(ActiveTile { samples, coder });
    }
    code_tiles(network, &mut tiles, depth)?;
    for (index, tile) in range.zip(&tiles) {
        if !tile.coder.is_empty() || checksum(&tile.samples.to_bytes()) != header.tiles[index].checksum {
            return Err(damaged(index));
        }
    }
    Ok(tiles)
}

/// The stream of each tile; their lengths sum to that of `streams`.
fn split_streams<'a>(header: &Header, mut streams: &'a [u8]) -> Vec<&'a [u8]> {
    let split = |tile: &TileEntry| {
        let (stream, rest) = streams.split_at(tile.stream_bytes as usize);
        streams = rest;
        stream
    };
    header.tiles.iter().map(split).collect()
}
