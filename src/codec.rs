//! Planes <-> bytes: bands are planned, coded, verified, and put into the container; [`reader`] is the way back.

mod reader;

use std::io::{Cursor, Read, Seek, Write};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ndarray::{ArrayView3, s};

pub use self::reader::FileReader;
use crate::container::{Band, Coder, Header, Metadata, Part, TileEntry, checksum, read_error};
use crate::error::{Error, Result};
use crate::files::ImageInfo;
use crate::limits::{Limits, MAX_TILE_SIDE, check_samples};
use crate::models::ModelChoice;
use crate::network::Device;
use crate::parallel::{Engine, SessionPool};
use crate::parts::{self, PartCoder};
use crate::plan::{self, PlannedPart};
use crate::planes::{MAX_CHANNELS, Planes};
use crate::tile::{Rect, TileGrid};

/// How the images that are written are divided.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Division {
    /// Largest side of a tile, in pixels: of photographs, and of graphics, which repeat themselves over longer
    /// distances.
    pub tile_side: u32,
    pub graphics_tile_side: u32,
    /// Most pixels of a band, unless a row has more.
    pub band_pixels: u32,
}

impl Default for Division {
    fn default() -> Self {
        Self { tile_side: 512, graphics_tile_side: 2048, band_pixels: 1 << 24 }
    }
}

impl Division {
    /// Rows of a band: all; or a multiple of the side of a graphics tile; or, where the image is so wide, fewer.
    fn band_rows(self, width: u32, height: u32) -> u32 {
        let rows = (self.band_pixels / width).max(1);
        if rows >= height {
            height
        } else if rows > self.graphics_tile_side {
            rows / self.graphics_tile_side * self.graphics_tile_side
        } else {
            rows
        }
    }
}

/// How a [`Codec`] works. None of it changes the samples that come back.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The model to compress with, and the model file to decompress with if a file asks for one.
    pub model: ModelChoice,
    /// Whether planes are transformed where that makes the file smaller.
    pub transforms: Transforms,
    /// How much time may be spent for a smaller file.
    pub effort: Effort,
    /// Threads; `None` for one per core. The bytes are the same for any number.
    pub threads: Option<NonZeroUsize>,
    /// Where networks run.
    pub device: Device,
    /// Bounds on the input.
    pub limits: Limits,
    /// Called as tiles are done.
    pub progress: Option<Progress>,
}

/// Which transforms are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transforms {
    /// All of them.
    #[default]
    All,
    /// None: the planes are coded as they are. To see what the transforms gain.
    None,
}

/// How much time may be spent for a smaller file, by encoder and decoder alike. The file records it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Effort {
    /// Networks as they were trained.
    Low,
    /// The networks for photographs with moved biases, where that makes the file smaller. Decoding takes no longer.
    #[default]
    Default,
    /// The networks for photographs go on learning from each tile while it is coded, where that makes it smaller.
    /// Tiles are larger, so that fewer threads can be used.
    Max,
}

/// A function of (samples done, samples in all). Those in all are the samples of the image, or of the tiles that a
/// region needs.
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

/// What is known of a file without decoding its samples.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileInfo {
    /// The header.
    pub header: Header,
    /// The metadata.
    pub metadata: Metadata,
    /// All bands.
    pub bands: Vec<Band>,
    /// Bytes of the whole file.
    pub bytes: u64,
}

/// A file that decodes, and the information content of its samples under its models.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Verified {
    /// What is known without decoding.
    pub info: FileInfo,
    /// The ideal code length of all samples, in bits: `-log2` of their probabilities.
    pub ideal_bits: f64,
}

/// Compresses and decompresses. Sessions of its models are kept for further calls, so make one and use it, from
/// any number of threads.
#[derive(Debug, Default)]
pub struct Codec {
    options: Options,
    engine: Engine,
    pub(crate) division: Division,
}

/// Samples that are done, of all samples of an image.
struct Done<'a> {
    progress: Option<&'a Progress>,
    done: AtomicU64,
    all: u64,
}

impl Done<'_> {
    fn add(&self, samples: u64) {
        let now = self.done.fetch_add(samples, Ordering::Relaxed) + samples;
        if let Some(Progress(report)) = self.progress {
            report(now, self.all);
        }
    }
}

impl Codec {
    /// A codec with these options. Models and ONNX Runtime are loaded when they are first needed.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let engine = Engine { sessions: SessionPool::default(), device: options.device, threads: options.threads };
        Self { options, engine, division: Division::default() }
    }

    /// Compresses planes, and decodes the result before returning it.
    ///
    /// # Errors
    /// [`Error::LimitsExceeded`], [`Error::Model`], [`Error::Runtime`]; [`Error::Verification`] if the result
    /// did not decode to `planes`.
    pub fn compress(&self, planes: &Planes, metadata: &Metadata) -> Result<Vec<u8>> {
        let mut file = Vec::new();
        let mut done = 0;
        let next = |rows: u32| {
            let first = done;
            done += rows;
            Ok(planes.rows(first..done))
        };
        self.compress_rows(ImageInfo::of(planes), metadata, next, &mut file)?;
        Ok(file)
    }

    /// Compresses an image band by band: `next` is asked for so many of the next rows until all are coded. Each band is
    /// decoded again before it is written. Memory does not grow with the height of the image. Returns the number of bytes
    /// written.
    ///
    /// # Errors
    /// As [`compress`](Self::compress), and whatever `next` and `output` return; [`Error::Unsupported`] for a shape that
    /// no [`Planes`] have, and for rows of another shape or with samples beyond the depth.
    pub fn compress_rows(
        &self,
        info: ImageInfo,
        metadata: &Metadata,
        mut next: impl FnMut(u32) -> Result<Planes>,
        mut output: impl Write,
    ) -> Result<u64> {
        check_shape(info)?;
        check_samples(info.width, info.height, info.channels, &self.options.limits)?;
        let (entries, stored) = metadata.store(&self.options.limits)?;
        let header = Header {
            width: info.width,
            height: info.height,
            channels: info.channels as u8,
            depth: info.depth as u8,
            band_rows: self.division.band_rows(info.width, info.height),
            metadata: entries,
        };
        let mut bytes = header.to_bytes();
        bytes.extend(stored);
        if self.open(Cursor::new(&bytes[..]))?.1 != *metadata {
            return Err(Error::Verification("the header does not read back".to_owned()));
        }
        write(&mut output, &bytes)?;
        let mut written = bytes.len() as u64;
        let done = self.progress(header.samples());
        for band in 0..header.bands() {
            let (_, rows) = header.band(band);
            let planes = next(rows)?;
            let given = ImageInfo::of(&planes);
            if given != (ImageInfo { height: rows, ..info }) {
                return Err(Error::Unsupported(format!("rows of another shape, {given:?}")));
            }
            let bytes = self.encode_band(&header, planes.samples().view(), &done)?;
            write(&mut output, &bytes)?;
            written += bytes.len() as u64;
        }
        Ok(written)
    }

    /// Decompresses a file.
    ///
    /// # Errors
    /// [`Error::Format`] if the file is damaged or not an ansel file, [`Error::LimitsExceeded`],
    /// [`Error::Model`], [`Error::Runtime`].
    pub fn decompress(&self, file: &[u8]) -> Result<Decoded> {
        let mut reader = self.reader(Cursor::new(file))?;
        let header = reader.header.clone();
        let mut planes = Planes::zeros(header.channels(), header.height, header.width, header.depth());
        for band in 0..header.bands() {
            let (first, rows) = header.band(band);
            let samples = reader.band_region(Rect { x: 0, y: 0, width: header.width, height: rows })?;
            let rows = first as usize..(first + rows) as usize;
            planes.samples_mut().slice_mut(s![.., rows, ..]).assign(&samples);
        }
        reader.finish()?;
        Ok(Decoded { planes, metadata: reader.metadata })
    }

    /// Decodes a file, band by band, and drops the samples: shows that it is intact.
    ///
    /// # Errors
    /// As [`decompress`](Self::decompress).
    pub fn verify(&self, file: impl Read + Seek) -> Result<Verified> {
        let mut reader = self.reader(file)?;
        let mut bands = Vec::new();
        for _ in 0..reader.header.bands() {
            reader.next_band()?;
            bands.extend(reader.last.take());
        }
        let bytes = reader.finish()?;
        let ideal_bits = reader.ideal_bits;
        Ok(Verified { info: FileInfo { header: reader.header, metadata: reader.metadata, bands, bytes }, ideal_bits })
    }

    /// Reads all of a file but the streams: header, metadata, tables.
    ///
    /// # Errors
    /// [`Error::Format`], [`Error::LimitsExceeded`].
    pub fn read_info(&self, file: impl Read + Seek) -> Result<FileInfo> {
        let mut reader = self.reader(file)?;
        let mut bands = Vec::new();
        for _ in 0..reader.header.bands() {
            reader.skip_band()?;
            bands.extend(reader.last.take());
        }
        let bytes = reader.finish()?;
        Ok(FileInfo { header: reader.header, metadata: reader.metadata, bands, bytes })
    }

    /// Starts to decompress a file, band by band.
    ///
    /// # Errors
    /// [`Error::Format`], [`Error::LimitsExceeded`].
    pub fn reader<R: Read + Seek>(&self, mut input: R) -> Result<FileReader<'_, R>> {
        let (header, metadata) = self.open(&mut input)?;
        let done = self.progress(header.samples());
        Ok(FileReader { codec: self, input, header, metadata, done, band: 0, last: None, ideal_bits: 0.0 })
    }

    fn open(&self, mut input: impl Read) -> Result<(Header, Metadata)> {
        let header = Header::read(&mut input, &self.options.limits)?;
        let mut stored = Vec::new();
        input.take(header.metadata_bytes()).read_to_end(&mut stored).map_err(read_error)?;
        let metadata = Metadata::load(&header.metadata, &stored)?;
        Ok((header, metadata))
    }

    fn progress(&self, all: u64) -> Done<'_> {
        Done { progress: self.options.progress.as_ref(), done: AtomicU64::new(0), all }
    }

    /// Encodes the rows of one band: the smaller of what the planned parts and a coder for long-range repetition take.
    fn encode_band(&self, header: &Header, samples: ArrayView3<'_, u16>, done: &Done<'_>) -> Result<Vec<u8>> {
        let Options { model, transforms, effort, .. } = &self.options;
        let mut parts = plan::choose(&self.engine, model, *transforms, samples, header.depth())?;
        let mut large = parts.iter().all(|part| part.graphics);
        match effort {
            Effort::Low => {}
            Effort::Default => {
                parts = parts.into_iter().map(|part| part.moved(&self.engine)).collect::<Result<_>>()?;
            }
            Effort::Max => {
                parts = parts.into_iter().map(PlannedPart::learning).collect::<Result<_>>()?;
                large = true; // so that there is more to learn from
            }
        }
        let Division { tile_side, graphics_tile_side, .. } = self.division;
        let side = if large { graphics_tile_side } else { tile_side };
        let mut best = self.encode_parts(header, samples, &parts, side, done)?;
        let mut others = match model {
            ModelChoice::Named(_) => plan::long_range(&parts, samples, header.depth(), best.len())?,
            ModelChoice::File(_) => Vec::new(),
        };
        while let Some(part) = others.pop() {
            let silent = Done { progress: None, done: AtomicU64::new(0), all: 0 };
            let stronger = part.stronger();
            match self.encode_parts(header, samples, &[part], MAX_TILE_SIDE, &silent) {
                Ok(other) if other.len() < best.len() => {
                    best = other;
                    others.extend(stronger);
                }
                Ok(_) | Err(Error::Unsupported(_)) => {} // the latter if it is too large, or of no use
                Err(error) => return Err(error),
            }
        }
        Ok(best)
    }

    /// Codes a band in these parts; the result is a band of the container.
    fn encode_parts(
        &self,
        header: &Header,
        samples: ArrayView3<'_, u16>,
        parts: &[PlannedPart<'_>],
        side: u32,
        done: &Done<'_>,
    ) -> Result<Vec<u8>> {
        let rows = samples.dim().1 as u32;
        let grid = TileGrid::even(header.width, rows, side);
        let rects = grid.rects();
        let (mut streams, mut written) = (Vec::new(), Vec::new());
        for part in parts {
            let PlannedPart { channels, transforms, coded, coder, .. } = part;
            let report = |rect: Rect| done.add((rect.pixels() * channels) as u64);
            streams.push(parts::encode(&self.engine, coder, coded.samples.view(), &coded.sizes, &rects, report)?);
            let coder = match coder {
                PartCoder::Constant => Coder::Constant,
                PartCoder::Network(source) => Coder::Network(source.identity),
                PartCoder::Moved(source, moves) => Coder::Moved(source.identity, moves.clone()),
                PartCoder::Learning(source, learning) => Coder::Learning(source.identity, *learning),
                PartCoder::Vp8l { .. } => Coder::Vp8l,
                PartCoder::Png => Coder::Png,
            };
            written.push(Part { channels: *channels, transforms: transforms.clone(), coder });
        }
        check_inverse(&written, parts, samples, header.depth())?;
        let entry = |(index, rect): (usize, &Rect)| {
            let stream_bytes = streams.iter().map(|streams| u32::try_from(streams[index].len()));
            let stream_bytes = stream_bytes.collect::<std::result::Result<_, _>>();
            let tile = samples.slice(s![.., rect.rows(), rect.columns()]);
            let stream_bytes = stream_bytes.map_err(|_| Error::Unsupported("a tile of 4 GiB".to_owned()))?;
            Ok(TileEntry { checksum: checksum_of(tile), stream_bytes })
        };
        let tiles = rects.iter().enumerate().map(entry).collect::<Result<_>>()?;
        let band = Band { tile: grid.tile, parts: written, tiles };
        let mut bytes = Vec::new();
        band.write(&mut bytes);
        let (reread, taken) = Band::read(&bytes[..], header, rows)?;
        if reread != band || taken != bytes.len() as u64 {
            return Err(Error::Verification("the table of a band does not read back".to_owned()));
        }
        for index in 0..rects.len() {
            streams.iter().for_each(|streams| bytes.extend(&streams[index]));
        }
        Ok(bytes)
    }
}

/// Fails for the shape of an image that cannot be.
fn check_shape(info: ImageInfo) -> Result<()> {
    let ImageInfo { width, height, channels, depth } = info;
    if width == 0 || height == 0 || !(1..=MAX_CHANNELS).contains(&channels) || !(1..=16).contains(&depth) {
        let what = format!("an image of {width} x {height} pixels, {channels} channels of {depth} bits");
        return Err(Error::Unsupported(what));
    }
    Ok(())
}

/// Fails unless the transforms undo themselves.
fn check_inverse(written: &[Part], parts: &[PlannedPart<'_>], samples: ArrayView3<'_, u16>, depth: u32) -> Result<()> {
    let mut first = 0;
    for (part, planned) in written.iter().zip(parts) {
        let channels = first..first + part.channels;
        first = channels.end;
        if part.inverse(planned.coded.samples.clone(), (0, 0), depth)? != samples.slice(s![channels, .., ..]) {
            return Err(Error::Verification("a transform does not undo itself".to_owned()));
        }
    }
    Ok(())
}

/// The checksum of a tile's samples: raster order, channels interleaved, 16-bit little-endian.
fn checksum_of(tile: ArrayView3<'_, u16>) -> [u8; crate::container::CHECKSUM_BYTES] {
    let bytes: Vec<u8> = tile.permuted_axes([1, 2, 0]).iter().flat_map(|sample| sample.to_le_bytes()).collect();
    checksum(&bytes)
}

fn write(output: &mut impl Write, bytes: &[u8]) -> Result<()> {
    output.write_all(bytes).map_err(|source| Error::Io { action: "write", path: "the file".into(), source })
}

impl std::fmt::Debug for Done<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} of {}", self.done, self.all)
    }
}

#[cfg(test)]
mod tests;
