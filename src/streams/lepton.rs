//! A JPEG file <-> a Lepton stream: its coefficients, predicted and coded arithmetically, and all else needed to
//! restore the same bytes. Format: section "JPEG files".
//!
//! The lepton_jpeg library does the coding. It handles damaged streams, but trusts the sizes that a stream declares, so
//! these are checked first. Where it meets what it considers impossible, it panics; the panic is caught and becomes an
//! error.

use std::io::Cursor;

use lepton_jpeg::{EnabledFeatures, ExitCode, LeptonError, SingleThreadPool, catch_unwind_result};

use crate::base::bytes::inflate;
use crate::base::error::{Error, FormatErrorKind, Result, malformed};
use crate::base::limits::{Limits, check, check_memory, check_samples};
use crate::image::jpeg::{Frame, frame};

const SIGNATURE: [u8; 3] = [0xcf, 0x84, 1];
/// Length of the fixed fields before the compressed header, in bytes.
const FIXED_BYTES: usize = 28;
/// Segments of the image that are coded independently; more segments take more bytes.
const SEGMENTS: u8 = 1;
/// Most bytes of a header besides what it copies from the JPEG file.
const HEADER_BYTES: u64 = 1 << 12;

/// Fails if the coefficients of such an image exceed the limits; they take as much memory as samples.
pub(crate) fn check_frame(frame: Frame, limits: &Limits) -> Result<()> {
    check_samples(frame.width, frame.height, frame.components, limits)?;
    let samples = u64::from(frame.width) * u64::from(frame.height);
    check_memory(samples.saturating_mul(frame.components as u64), limits)
}

/// The stream of a JPEG file within the limits; `None` if the library does not support the file. The stream may decode
/// to other bytes, so the caller has to compare.
pub(crate) fn encode(jpeg: &[u8], frame: Frame) -> Option<Vec<u8>> {
    let mut stream = Cursor::new(Vec::new());
    let encode = || {
        lepton_jpeg::encode_lepton(&mut Cursor::new(jpeg), &mut stream, &features(frame), &SingleThreadPool::default())
    };
    catch_unwind_result(encode).ok()?;
    let mut stream = stream.into_inner();
    // Clears the build information of the library, which no decoder needs: the stream then depends on the file only.
    stream.get_mut(16..20)?.fill(0);
    Some(stream)
}

/// The frame header of the JPEG file in a stream, after all sizes that the stream declares were checked against the
/// limits. `bytes` is the length of the JPEG file.
///
/// # Errors
/// [`Error::Format`] if it is not a valid stream, [`Error::LimitsExceeded`].
pub(crate) fn read_frame(stream: &[u8], bytes: u64, limits: &Limits) -> Result<Frame> {
    let invalid = || malformed(FormatErrorKind::InvalidField, "a Lepton stream whose header is not valid");
    let Some((fixed, rest)) = stream.split_first_chunk::<FIXED_BYTES>() else { return invalid() };
    let number = |at: usize| u32::from_le_bytes(*fixed[at..].first_chunk().expect("a number within the header"));
    let (header_bytes, file_bytes, stored) = (number(10), number(20), number(24));
    if fixed[..3] != SIGNATURE || fixed[8..10] != *b"MS" || u64::from(file_bytes) != bytes {
        return invalid();
    }
    // All of it comes from the JPEG file: its segments, and what follows the image.
    let most = bytes.saturating_add(HEADER_BYTES).min(limits.metadata_bytes.saturating_add(HEADER_BYTES));
    check("the size of the metadata in bytes", header_bytes.into(), most)?;
    let Some(stored) = rest.get(..stored as usize) else { return invalid() };
    let header = inflate(stored, header_bytes.into(), "the header of a Lepton stream")?;
    let found = segments(&header).and_then(|segments| {
        fields_are_within(&header[7 + segments.len()..])?;
        frame(segments)
    });
    let Some(frame) = found else { return invalid() };
    check_frame(frame, limits)?;
    Ok(frame)
}

/// The segments of the JPEG file in a header: `HDR`, their length, then the segments.
fn segments(header: &[u8]) -> Option<&[u8]> {
    let length = u32::from_le_bytes(*header.strip_prefix(b"HDR")?.first_chunk()?);
    header[7..].get(..length as usize)
}

/// Checks the lengths of a header's other fields; `None` if one exceeds the header.
fn fields_are_within(mut fields: &[u8]) -> Option<()> {
    while !fields.is_empty() {
        let name = fields.split_off(..3)?;
        let mut counted = |unit: usize| -> Option<usize> {
            let count = u32::from_le_bytes(*fields.split_off(..4)?.first_chunk()?);
            (count as usize).checked_mul(unit)
        };
        let length = match name {
            b"P0D" => 1,
            b"EEE" => 28,
            b"CRS" => counted(4)?,
            b"FRS" | b"GRB" => counted(1)?,
            &[b'H', b'H', segments] if (1..=SEGMENTS).contains(&segments) => 16 * usize::from(segments),
            _ => return None,
        };
        fields.split_off(..length)?;
    }
    Some(())
}

/// The JPEG file of a stream, `bytes` bytes long.
///
/// # Errors
/// As [`read_frame`]; [`Error::OutOfMemory`].
pub(crate) fn decode(stream: &[u8], bytes: u64, limits: &Limits) -> Result<Vec<u8>> {
    let frame = read_frame(stream, bytes, limits)?;
    let mut jpeg = Vec::new();
    let decode =
        || lepton_jpeg::decode_lepton(&mut &stream[..], &mut jpeg, &features(frame), &SingleThreadPool::default());
    match catch_unwind_result(decode) {
        Ok(_) if jpeg.len() as u64 == bytes => Ok(jpeg),
        Ok(_) => malformed(FormatErrorKind::InvalidField, "a Lepton stream of another length"),
        Err(error) => Err(failed(&error, frame)),
    }
}

fn failed(error: &LeptonError, frame: Frame) -> Error {
    if error.exit_code() == ExitCode::OutOfMemory {
        let samples = u64::from(frame.width) * u64::from(frame.height) * frame.components as u64;
        return Error::OutOfMemory { bytes: 2 * samples };
    }
    let text = error.message().lines().next().unwrap_or_default().to_owned();
    crate::base::error::FormatError::new(FormatErrorKind::ContentChecksum, format!("a Lepton stream: {text}")).into()
}

/// The library's limits for an image with this frame; a second frame must not be larger.
fn features(frame: Frame) -> EnabledFeatures {
    EnabledFeatures {
        max_jpeg_width: frame.width,
        max_jpeg_height: frame.height,
        max_partitions: SEGMENTS.into(),
        max_processor_threads: 1,
        max_jpeg_file_size: u32::MAX,
        ..EnabledFeatures::compat_lepton_vector_write()
    }
}
