//! The palette of an image file, in the order of the file. Format: section "Metadata".

#[cfg(any(test, feature = "files"))]
use std::collections::HashMap;

use crate::base::error::{FormatErrorKind, Result, malformed};

/// Colours by index. A pixel's index is that of the first entry with its colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Palette {
    /// Bits of an index: 1, 2, 4 or 8.
    pub depth: u32,
    /// Red, green and blue of each entry; 1 to 2^depth entries.
    pub colours: Vec<[u8; 3]>,
    /// Alpha of the first entries; the others are opaque. Empty if the pixels have no alpha.
    pub alpha: Vec<u8>,
}

impl Palette {
    /// The block: depth, number of entries less one, red, green and blue of each, alpha of the first ones.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.depth as u8, (self.colours.len() - 1) as u8];
        bytes.extend(self.colours.as_flattened());
        bytes.extend(&self.alpha);
        bytes
    }

    /// Reads a block.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let invalid = || malformed(FormatErrorKind::InvalidField, "the palette is not valid");
        let [depth @ (1 | 2 | 4 | 8), last, rest @ ..] = bytes else { return invalid() };
        let entries = usize::from(*last) + 1;
        let Some((colours, alpha)) = rest.split_at_checked(3 * entries) else { return invalid() };
        if entries > 1 << depth || alpha.len() > entries {
            return invalid();
        }
        let colours = colours.chunks_exact(3).map(|colour| [colour[0], colour[1], colour[2]]).collect();
        Ok(Self { depth: u32::from(*depth), colours, alpha: alpha.to_vec() })
    }
}

/// Used by readers and writers of image files.
#[cfg(any(test, feature = "files"))]
impl Palette {
    /// The smallest index depth for this many colours.
    pub fn depth_for(colours: usize) -> u32 {
        [1, 2, 4].into_iter().find(|&depth| colours <= 1 << depth).unwrap_or(8)
    }

    /// Channels of the pixels: 3 (RGB) or 4 (RGB, alpha).
    pub fn channels(&self) -> usize {
        if self.alpha.is_empty() { 3 } else { 4 }
    }

    /// Red, green, blue and alpha of an entry.
    pub fn entry(&self, index: usize) -> Option<[u8; 4]> {
        let [red, green, blue] = *self.colours.get(index)?;
        Some([red, green, blue, self.alpha.get(index).copied().unwrap_or(u8::MAX)])
    }

    /// The first index of each colour.
    pub fn indices(&self) -> HashMap<[u8; 4], u8> {
        let entries = (0..self.colours.len()).rev();
        entries.filter_map(|index| Some((self.entry(index)?, index as u8))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_palette_comes_back_and_others_are_refused() {
        let palette = Palette { depth: 2, colours: vec![[9, 8, 7], [1, 2, 3], [9, 8, 7]], alpha: vec![255, 4] };
        assert_eq!(palette.to_bytes(), [2, 2, 9, 8, 7, 1, 2, 3, 9, 8, 7, 255, 4]);
        assert_eq!(Palette::from_bytes(&palette.to_bytes()).expect("a palette"), palette);
        assert_eq!(palette.indices()[&[9, 8, 7, 255]], 0);
        assert_eq!(palette.indices()[&[1, 2, 3, 4]], 1);
        let wrong: [&[u8]; 6] =
            [&[], &[1], &[3, 0, 1, 2, 3], &[1, 2, 1, 1, 1, 2, 2, 2, 3, 3, 3], &[1, 0, 1, 2], &[1, 0, 1, 2, 3, 4, 5]];
        for bytes in wrong {
            assert!(Palette::from_bytes(bytes).is_err(), "{bytes:?}");
        }
    }
}
