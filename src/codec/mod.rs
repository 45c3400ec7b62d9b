//! Planes <-> bytes. A [`Codec`] holds what all calls share. [`encode`] takes rows, and plans, codes and verifies them
//! band by band; [`decode`] reads bands in order, [`archive`] any rectangle of a file, [`bit_map`] the bits of each
//! sample. [`jpeg`] stores JPEG files.

mod archive;
mod bit_map;
mod decode;
mod encode;
mod jpeg;
mod level;
mod offsets;
mod options;
mod plan;

use std::io::{Cursor, Read, Seek, Write};
use std::sync::{Arc, Mutex};

pub use self::archive::{Archive, Salvaged};
pub use self::bit_map::BitMap;
pub use self::decode::Decoder;
pub use self::encode::Encoder;
pub use self::jpeg::JpegInfo;
pub use self::level::Level;
#[cfg(any(test, fuzzing))]
pub(crate) use self::options::Division;
use self::options::Settings;
pub use self::options::{CodecBuilder, Effort, Progress, Transforms, Verify};
use crate::base::error::Result;
use crate::base::limits::Limits;
use crate::base::lock::lock;
use crate::base::stop::Stop;
use crate::container::{Band, Header};
use crate::image::{ImageInfo, Metadata, Planes};
use crate::infer::pool::Engine;
use crate::infer::session::EngineInfo;
use crate::model::family::Content;
use crate::walk::bits_back::BoundTerms;

/// The content of a file.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Decoded {
    /// The samples.
    pub planes: Planes,
    /// The metadata.
    pub metadata: Metadata,
}

/// All that is known of a file without decoding its samples.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileInfo {
    /// The header.
    pub header: Header,
    /// The metadata.
    pub metadata: Metadata,
    /// All bands.
    pub bands: Vec<Band>,
    /// Length of the file, in bytes.
    pub bytes: u64,
}

/// A file that decodes without error, and the information content of its samples under its models.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Verified {
    /// All that is known without decoding.
    pub info: FileInfo,
    /// The ideal code length of all samples, in bits: `-log2` of their probabilities.
    pub ideal_bits: f64,
    /// The part of these bits that the bits-back family codes, by the terms of its bound; `None` if it codes nothing.
    pub bound: Option<BoundTerms>,
}

/// Compresses and decompresses images. Cloning is cheap, and clones share models, sessions and threads: make one codec
/// and use it from any number of threads.
#[derive(Debug, Clone)]
pub struct Codec {
    engine: Engine,
    settings: Arc<Settings>,
    progress: Option<Progress>,
    /// Whether decoders keep the bits of each sample.
    keeps_sample_bits: bool,
}

impl Default for Codec {
    /// A codec with default options.
    fn default() -> Self {
        let engine = Engine::new(Default::default(), Default::default(), crate::infer::pool::Threads::own(None));
        Self { engine, settings: Arc::default(), progress: None, keeps_sample_bits: false }
    }
}

impl Codec {
    /// Starts a codec with other options.
    pub fn builder() -> CodecBuilder {
        CodecBuilder::default()
    }

    /// The limits on input.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.settings.limits
    }

    /// The same codec, whose work ends when `stop` is set.
    #[must_use]
    pub fn stopped_by(&self, stop: &Stop) -> Self {
        let mut codec = self.clone();
        codec.engine.stop = stop.clone();
        codec
    }

    /// The same codec, which reports its progress.
    #[must_use]
    pub fn reporting(&self, progress: Progress) -> Self {
        Self { progress: Some(progress), ..self.clone() }
    }

    /// Compresses planes, and decodes the result to verify it.
    ///
    /// # Errors
    /// [`Error::LimitsExceeded`](crate::Error::LimitsExceeded), [`Error::Model`](crate::Error::Model),
    /// [`Error::Runtime`](crate::Error::Runtime), [`Error::Stopped`](crate::Error::Stopped);
    /// [`Error::Verification`](crate::Error::Verification) if the result did not decode to `planes`.
    pub fn compress(&self, planes: &Planes, metadata: &Metadata) -> Result<Vec<u8>> {
        let mut encoder = self.encoder(ImageInfo::of(planes), metadata, Vec::new())?;
        encoder.write_rows(planes)?;
        Ok(encoder.finish()?.0)
    }

    /// Starts to compress an image whose rows arrive one after the other. Memory does not grow with the height of the
    /// image.
    ///
    /// # Errors
    /// As [`compress`](Self::compress), and those of writing to `output`;
    /// [`Error::Unsupported`](crate::Error::Unsupported) for an invalid shape.
    pub fn encoder<W: Write>(&self, info: ImageInfo, metadata: &Metadata, output: W) -> Result<Encoder<W>> {
        Encoder::new(self.clone(), info, metadata, output)
    }

    /// Decompresses a file. If it holds a JPEG file, returns the pixels (with the feature `files`);
    /// [`decompress_jpeg`](Self::decompress_jpeg) returns the JPEG file itself.
    ///
    /// # Errors
    /// [`Error::Format`](crate::Error::Format) if the file is damaged or not an ansel file,
    /// [`Error::LimitsExceeded`](crate::Error::LimitsExceeded), [`Error::Runtime`](crate::Error::Runtime),
    /// [`Error::Stopped`](crate::Error::Stopped); [`Error::Unsupported`](crate::Error::Unsupported) if the pixels of a
    /// rare kind of JPEG file are wanted.
    pub fn decompress(&self, file: &[u8]) -> Result<Decoded> {
        #[cfg(feature = "files")]
        if crate::FileKind::of(file) == Some(crate::FileKind::Jpeg) {
            return self.decompress_pixels(file);
        }
        self.decoder(file)?.decode_all()
    }

    /// Starts to decompress a file band by band, from the first byte to the last.
    ///
    /// # Errors
    /// As [`decompress`](Self::decompress).
    pub fn decoder<R: Read>(&self, input: R) -> Result<Decoder<R>> {
        Decoder::new(self.clone(), input)
    }

    /// Opens a file, to decompress any number of rectangles.
    ///
    /// # Errors
    /// As [`decompress`](Self::decompress).
    pub fn open<R: Read + Seek>(&self, input: R) -> Result<Archive<R>> {
        Archive::new(self.clone(), input)
    }

    /// Decodes a file band by band and discards the samples, to check that it is intact.
    ///
    /// # Errors
    /// As [`decompress`](Self::decompress).
    pub fn verify(&self, input: impl Read) -> Result<Verified> {
        let mut decoder = self.decoder(input)?;
        let mut bands = Vec::new();
        while decoder.next_band()?.is_some() {
            bands.extend(decoder.band().cloned());
        }
        let (bytes, header) = (decoder.bytes(), decoder.header().clone());
        let (ideal_bits, bound) = (decoder.ideal_bits(), decoder.bound());
        let info = FileInfo { header, metadata: decoder.into_metadata(), bands, bytes };
        Ok(Verified { info, ideal_bits, bound })
    }

    /// Reads all of a file except the streams: header, metadata, tables.
    ///
    /// # Errors
    /// As [`decompress`](Self::decompress).
    pub fn read_info(&self, input: impl Read + Seek) -> Result<FileInfo> {
        self.open(input)?.into_info()
    }

    /// How networks are evaluated for an image of this shape: the device and the engine.
    ///
    /// # Errors
    /// [`ErrorKind::Runtime`](crate::ErrorKind::Runtime) if they cannot be evaluated.
    pub fn engine(&self, info: ImageInfo) -> Result<EngineInfo> {
        let engine = self.clone().for_image(info).engine;
        let model = match engine.models().external() {
            Some(model) => model.clone(),
            None => engine.models().first_for_encoding(Content::Colour)?,
        };
        engine.info(&model)
    }

    /// The same codec, for an image of this shape.
    fn for_image(mut self, info: ImageInfo) -> Self {
        self.engine = self.engine.for_pixels(u64::from(info.width) * u64::from(info.height));
        self
    }

    /// A counter for progress through `all` samples.
    fn done(&self, all: u64) -> Done {
        Done { progress: self.progress.clone(), done: Mutex::new(0), all }
    }
}

/// Progress: samples done, out of all samples of an image.
#[derive(Debug)]
struct Done {
    progress: Option<Progress>,
    done: Mutex<u64>,
    all: u64,
}

impl Done {
    fn add(&self, samples: u64) {
        // Reports under the lock, so that the numbers ascend.
        let mut done = lock(&self.done);
        *done += samples;
        if let Some(Progress(report)) = &self.progress {
            report(*done, self.all);
        }
    }

    /// A counter that reports to nobody.
    fn silent() -> Self {
        Self { progress: None, done: Mutex::new(0), all: 0 }
    }
}

/// Reads back and decodes an encoded band, for the encoder to compare.
fn decoded_band(codec: &Codec, header: &Header, rows: u32, bytes: &[u8]) -> Result<ndarray::Array3<u16>> {
    let mut input = Cursor::new(bytes);
    let band = decode::OpenBand::read(&mut input, header, (0, rows))?;
    let tiles = band.read_tiles(&mut input)?;
    let decoded = decode::decode_band(codec, header, &band, &tiles, &Done::silent())?;
    if input.position() != bytes.len() as u64 {
        return crate::base::error::malformed(crate::FormatErrorKind::TrailingBytes, "after a band");
    }
    Ok(decoded.samples)
}

#[cfg(test)]
mod tests;
