//! The frame header of a JPEG file.

/// The first bytes of a JPEG file: the start-of-image marker, and the first byte of the next marker.
pub(crate) const START: [u8; 3] = [0xff, 0xd8, 0xff];

/// The fields of the frame header of a JPEG file (T.81, B.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    pub width: u32,
    pub height: u32,
    pub components: usize,
    /// Bits per sample.
    pub depth: u32,
    pub progressive: bool,
}

/// The first frame header among the segments after the start of an image; `None` if there is no complete one before the
/// first scan. Other segments are skipped, whatever they hold.
pub(crate) fn frame(mut segments: &[u8]) -> Option<Frame> {
    loop {
        let marker = loop {
            match *segments.split_off_first()? {
                0xff => {}
                0x00 | 0x01 | 0xd0..=0xd9 | 0xda => return None,
                marker => break marker,
            }
        };
        let length = u16::from_be_bytes(*segments.first_chunk()?);
        let body = segments.split_off(..length.into())?.get(2..)?;
        if !matches!(marker, 0xc0..=0xcf) || matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            continue;
        }
        let &[depth, y1, y0, x1, x0, components, ..] = body else { return None };
        let side = |high, low| u32::from(u16::from_be_bytes([high, low]));
        let (width, height) = (side(x1, x0), side(y1, y0));
        let progressive = matches!(marker, 0xc2 | 0xc6 | 0xca | 0xce);
        return Some(Frame { width, height, components: components.into(), depth: depth.into(), progressive });
    }
}
