//! A JPEG file <-> an ansel file that holds it, byte for byte: recompressed if that is smaller, otherwise stored.

use std::io::Read;

use sha2::{Digest, Sha256};

use super::Codec;
#[cfg(feature = "files")]
use super::Decoded;
use crate::base::bytes::read_error;
use crate::base::error::{Error, FormatErrorKind, Result, malformed};
use crate::base::limits::Limits;
use crate::container::{JpegCoder, JpegHeader};
#[cfg(feature = "files")]
use crate::files::read_image;
use crate::image::jpeg::{Frame, START, frame};
use crate::streams::lepton;

/// All that is known of a file that holds a JPEG file, without decoding it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JpegInfo {
    /// Columns of the image.
    pub width: u32,
    /// Rows of the image.
    pub height: u32,
    /// Components: 1 (grey), 3 (colour, usually luma and chroma) or 4 (usually CMYK).
    pub components: usize,
    /// Bits per sample.
    pub depth: u32,
    /// Whether the JPEG file is progressive.
    pub progressive: bool,
    /// Length of the JPEG file, in bytes.
    pub jpeg_bytes: u64,
    /// The SHA-256 of the JPEG file.
    pub sha256: [u8; 32],
    /// The coder: `Lepton`, or `stored`.
    pub coder: &'static str,
    /// Length of the ansel file, in bytes.
    pub bytes: u64,
}

impl Codec {
    /// Compresses a JPEG file so that [`decompress_jpeg`](Self::decompress_jpeg) restores the same bytes, including
    /// metadata and whatever follows the image. The result is decoded and compared, whatever the setting of
    /// [`Verify`](crate::Verify). Files that cannot be recompressed (with four components, arithmetic coding, or some
    /// kinds of damage) are stored unchanged.
    ///
    /// ```
    /// # let mut photo = std::io::Cursor::new(Vec::new());
    /// # image::RgbImage::from_fn(64, 48, |x, y| image::Rgb([x as u8, y as u8, 9])).write_to(&mut photo, image::ImageFormat::Jpeg).unwrap();
    /// # let photo = photo.into_inner();
    /// let codec = ansel::Codec::default();
    /// let file = codec.compress_jpeg(&photo)?;
    /// assert_eq!(codec.decompress_jpeg(&file[..])?, photo);
    /// assert_eq!(codec.decompress(&file)?.planes.width(), 64);
    /// # Ok::<(), ansel::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Image`] if it is not a JPEG file, or has no frame header; [`Error::LimitsExceeded`],
    /// [`Error::OutOfMemory`], [`Error::Stopped`].
    pub fn compress_jpeg(&self, jpeg: &[u8]) -> Result<Vec<u8>> {
        let Some(frame) = frame_of(jpeg) else {
            return Err(Error::Image("not a JPEG file with a frame header".to_owned()));
        };
        let bytes = u32::try_from(jpeg.len()).map_err(|_| Error::Unsupported("a JPEG file of 4 GiB".to_owned()))?;
        let limits = &self.settings.limits;
        lepton::check_frame(frame, limits)?;
        self.engine.stop.check()?;
        let file = |coder, stream: &[u8]| {
            let mut file = JpegHeader::new(bytes, Sha256::digest(jpeg).into(), coder, stream).to_bytes();
            file.extend(stream);
            file
        };
        if let Some(stream) = lepton::encode(jpeg, frame).filter(|stream| stream.len() < jpeg.len()) {
            let file = file(JpegCoder::Lepton, &stream);
            match self.decompress_jpeg(&file[..]) {
                Ok(decoded) if decoded == jpeg => return Ok(file),
                Ok(_) | Err(Error::Format(_)) => {} // the library cannot restore every file
                Err(error) => return Err(error),
            }
        }
        Ok(file(JpegCoder::Stored, jpeg))
    }

    /// The JPEG file that [`compress_jpeg`](Self::compress_jpeg) compressed; its SHA-256 is checked.
    ///
    /// # Errors
    /// [`Error::Format`] if the file is damaged, or does not hold a JPEG file; [`Error::LimitsExceeded`],
    /// [`Error::OutOfMemory`], [`Error::Stopped`], [`Error::Io`].
    pub fn decompress_jpeg(&self, input: impl Read) -> Result<Vec<u8>> {
        let (header, stream) = read(input)?;
        self.engine.stop.check()?;
        if !header.is_of(&stream) {
            return malformed(FormatErrorKind::ContentChecksum, "the stream does not match its checksum");
        }
        let limits = &self.settings.limits;
        let jpeg = match header.coder {
            JpegCoder::Stored => stream,
            JpegCoder::Lepton => lepton::decode(&stream, header.bytes.into(), limits)?,
        };
        if Sha256::digest(&jpeg)[..] != header.sha256 {
            return malformed(FormatErrorKind::ContentChecksum, "it does not match its SHA-256");
        }
        Ok(jpeg)
    }

    /// All that is known of a file that holds a JPEG file, without decoding it.
    ///
    /// # Errors
    /// As [`decompress_jpeg`](Self::decompress_jpeg), except for damage after the header.
    pub fn read_jpeg_info(&self, input: impl Read) -> Result<JpegInfo> {
        let (header, stream) = read(input)?;
        let Frame { width, height, components, depth, progressive } =
            stored_frame(&header, &stream, &self.settings.limits)?;
        Ok(JpegInfo {
            width,
            height,
            components,
            depth,
            progressive,
            jpeg_bytes: header.bytes.into(),
            sha256: header.sha256,
            coder: header.coder.name(),
            bytes: (header.to_bytes().len() + stream.len()) as u64,
        })
    }

    /// The pixels of a file that holds a JPEG file.
    #[cfg(feature = "files")]
    pub(super) fn decompress_pixels(&self, file: &[u8]) -> Result<Decoded> {
        let jpeg = self.decompress_jpeg(file)?;
        self.engine.stop.check()?;
        let image = read_image(std::io::Cursor::new(jpeg), &self.settings.limits)?;
        Ok(Decoded { planes: image.planes, metadata: image.metadata })
    }
}

fn frame_of(jpeg: &[u8]) -> Option<Frame> {
    if jpeg.starts_with(&START) { frame(&jpeg[2..]) } else { None }
}

fn stored_frame(header: &JpegHeader, stream: &[u8], limits: &Limits) -> Result<Frame> {
    match header.coder {
        JpegCoder::Lepton => lepton::read_frame(stream, header.bytes.into(), limits),
        JpegCoder::Stored => match frame_of(stream) {
            Some(frame) => Ok(frame),
            None => malformed(FormatErrorKind::InvalidField, "the stored bytes are not a JPEG file"),
        },
    }
}

/// Reads the header, and the stream, which extends to the end of the file. Allocates as the bytes arrive.
fn read(mut input: impl Read) -> Result<(JpegHeader, Vec<u8>)> {
    let header = JpegHeader::read(&mut input)?;
    let mut stream = Vec::new();
    let wanted = u64::from(header.stream_bytes);
    input.take(wanted + 1).read_to_end(&mut stream).map_err(read_error)?;
    match stream.len() as u64 {
        read if read > wanted => malformed(FormatErrorKind::TrailingBytes, "bytes after the stream"),
        read if read < wanted => {
            malformed(FormatErrorKind::Truncated, format!("{read} of {wanted} bytes of the stream"))
        }
        _ => Ok((header, stream)),
    }
}

#[cfg(all(test, feature = "files"))]
mod tests;
