//! Checks of JPEG files before the image crate decodes them.

use byteorder::ReadBytesExt;

use super::errors::io_error;
use super::reader::Input;
use crate::base::error::{Error, Result};

const SCAN: u8 = 0xda;

/// Fails for kinds of JPEG that the decoder does not support, and for files without an end marker: the decoder would
/// fill in what is missing.
pub(super) fn check(input: &mut Input<'_>) -> Result<()> {
    let mut read = || input.read_u8().map_err(io_error("read"));
    let mut in_scan = false;
    loop {
        if read()? != 0xff {
            if in_scan {
                continue;
            }
            return Err(Error::Image("no marker where one must be in a JPEG file".to_owned()));
        }
        let mut marker = read()?;
        while marker == 0xff {
            marker = read()?;
        }
        match marker {
            0xd9 => return Ok(()),
            0x00 | 0xd0..=0xd7 if in_scan => continue,
            0x01 | 0xd0..=0xd8 => continue,
            _ => (),
        }
        let length = u16::from_be_bytes([read()?, read()?]);
        for index in 2..length {
            let byte = read()?;
            if index == 2 {
                check_frame(marker, byte)?;
            }
        }
        in_scan = marker == SCAN;
    }
}

/// Fails unless the frame is sequential or progressive Huffman coding with 8-bit samples (T.81, table B.1).
fn check_frame(marker: u8, precision: u8) -> Result<()> {
    let kind = match marker {
        0xc0..=0xc2 if precision != 8 => return unsupported(&format!("{precision}-bit")),
        0xc3 => "lossless",
        0xc5..=0xc7 => "hierarchical",
        0xc9..=0xcb | 0xcd..=0xcf => "arithmetic-coded",
        _ => return Ok(()),
    };
    unsupported(kind)
}

fn unsupported(kind: &str) -> Result<()> {
    Err(Error::Unsupported(format!("{kind} JPEG files")))
}
