//! Extra data after the samples in the IDAT chunks of a PNG file, which the decoder ignores.

use std::io::{self, BufRead, Seek, SeekFrom};

use byteorder::{BigEndian, ByteOrder, ReadBytesExt};
use flate2::{Decompress, FlushDecompress, Status};

use super::super::errors::io_error;
use super::super::reader::Input;
use super::chunks::Scan;
use crate::base::error::Result;
use crate::base::limits::Limits;

/// First column, first row, column step and row step of each pass of an interlaced image.
const PASSES: [[u64; 4]; 7] =
    [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]];

/// Whether the IDAT chunks continue after the last row. Images beyond the limits are not examined; errors in the data
/// are left to the decoder.
pub(super) fn has_more(input: &mut Input<'_>, scan: &Scan, limits: &Limits) -> Result<bool> {
    match data_bytes(&scan.header, limits) {
        Some(needed) => goes_on(input, scan, needed).map_err(io_error("read")),
        None => Ok(false),
    }
}

/// Bytes of all rows with their filter types, if the image is within the limits.
fn data_bytes(header: &[u8], limits: &Limits) -> Option<u64> {
    let [width, height] = [0, 4].map(|at| u64::from(BigEndian::read_u32(&header[at..])));
    let channels = match header[9] {
        2 => 3,
        4 => 2,
        6 => 4,
        _ => 1,
    };
    if width.checked_mul(height)?.checked_mul(channels)? > limits.samples {
        return None;
    }
    let rows = |width: u64, height: u64| match width {
        0 => 0,
        _ => height * (1 + (width * channels * u64::from(header[8])).div_ceil(8)),
    };
    let pass = |[x, y, right, down]: [u64; 4]| {
        rows(width.saturating_sub(x).div_ceil(right), height.saturating_sub(y).div_ceil(down))
    };
    Some(if header[12] == 0 { rows(width, height) } else { PASSES.map(pass).iter().sum() })
}

fn goes_on(input: &mut Input<'_>, scan: &Scan, needed: u64) -> io::Result<bool> {
    let mut stream = Decompress::new(true);
    let mut inflated = vec![0; 1 << 16];
    let mut ended = false;
    let mut position = input.seek(SeekFrom::Start(scan.data.start))?;
    while position < scan.data.end {
        let mut left = input.read_u32::<BigEndian>()? as usize;
        position += 12 + left as u64;
        input.seek_relative(4)?; // IDAT
        while left > 0 {
            if ended {
                return Ok(true);
            }
            let bytes = input.fill_buf()?;
            let bytes = &bytes[..bytes.len().min(left)];
            let before = (stream.total_in(), stream.total_out());
            let Ok(status) = stream.decompress(bytes, &mut inflated, FlushDecompress::None) else { return Ok(false) };
            let read = (stream.total_in() - before.0) as usize;
            input.consume(read);
            left -= read;
            ended = status == Status::StreamEnd;
            if stream.total_out() > needed {
                return Ok(true);
            }
            if !ended && before == (stream.total_in(), stream.total_out()) {
                return Ok(false);
            }
        }
        input.seek_relative(4)?; // the checksum
    }
    Ok(false)
}
