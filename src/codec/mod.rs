//! Planes <-> bytes: bands are planned, coded, verified, and put into the container; [`read`] is the way back.

mod encode;
mod offsets;
mod options;
mod plan;
mod read;

use std::io::{Cursor, Read, Seek, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use ndarray::s;

pub(crate) use self::options::Division;
pub use self::options::{Effort, Options, Progress, Transforms};
pub use self::read::FileReader;
use crate::base::bytes::read_error;
use crate::base::error::{Error, Result};
use crate::base::limits::{MAX_HEIGHT, MAX_WIDTH, check_memory, check_samples};
use crate::container::{Band, Header};
use crate::image::planes::MAX_CHANNELS;
use crate::image::{ImageInfo, Metadata, Planes, Rect};
use crate::infer::pool::Engine;
use crate::model::registry::Models;

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
    /// Made when it is first needed.
    engine: OnceLock<Engine>,
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
        Self { options, engine: OnceLock::new(), division: Division::default() }
    }

    /// What runs the networks.
    ///
    /// # Errors
    /// [`Error::Model`] for a model that is not there, or breaks the contract.
    fn engine(&self) -> Result<&Engine> {
        if let Some(engine) = self.engine.get() {
            return Ok(engine);
        }
        let engine = Engine::new(Models::new(&self.options.model)?, self.options.device, self.options.threads);
        Ok(self.engine.get_or_init(|| engine))
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
        check_memory(header.band_samples(), &self.options.limits)?;
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
        check_memory(header.samples().saturating_add(header.band_samples()), &self.options.limits)?;
        let mut planes = Planes::zeros(header.channels(), header.height, header.width, header.depth())?;
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
        Ok(FileReader { codec: self, input, header, metadata, done, band: 0, last: None, ideal_bits: 0.0, work: 0 })
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
}

/// Fails for the shape of an image that cannot be.
fn check_shape(info: ImageInfo) -> Result<()> {
    let ImageInfo { width, height, channels, depth } = info;
    let sides = (1..=MAX_WIDTH).contains(&width) && (1..=MAX_HEIGHT).contains(&height);
    if !sides || !(1..=MAX_CHANNELS).contains(&channels) || !(1..=16).contains(&depth) {
        let what = format!("an image of {width} x {height} pixels, {channels} channels of {depth} bits");
        return Err(Error::Unsupported(what));
    }
    Ok(())
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
