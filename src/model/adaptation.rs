//! How a network differs from its model for one part of an image. Format: sections "Bias offsets" and "Learning".

use super::precision::Precision;

/// How a network is adapted to a part of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Adaptation {
    /// It is the model's.
    None,
    /// [Offsets](super::offsets::Offsets), as they are stored, are added to its biases.
    Offsets(Vec<u8>),
    /// It learns, in the tiles whose streams say so.
    Learning(Learning),
}

impl Adaptation {
    /// The stored bias offsets, if there are any.
    pub fn offsets(&self) -> Option<&[u8]> {
        if let Self::Offsets(offsets) = self { Some(offsets) } else { None }
    }

    /// How the network learns, if it does.
    pub fn learning(&self) -> Option<Learning> {
        if let &Self::Learning(learning) = self { Some(learning) } else { None }
    }
}

/// How a network learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Learning {
    /// Pixels between two updates.
    pub chunk: u16,
    /// log2 of a step, beside what belongs to layer and row.
    pub step: u8,
    /// Each update takes weights `2^-pull_back` of the way back to those of the model.
    pub pull_back: u8,
}

impl Learning {
    /// How biases alone learn, for an encoder; the best on photographs that networks were trained on.
    pub fn of_biases(precision: Precision) -> Self {
        let step = match precision {
            Precision::Eleven => 5,
            Precision::Eight => 7,
        };
        Self { chunk: 64, step, pull_back: 16 }
    }

    /// For a part of so many pixels: few of them need more updates each.
    pub fn for_pixels(pixels: usize) -> Self {
        const FEW: usize = 1 << 15;
        if pixels < FEW { Self { chunk: 64, ..Self::default() } } else { Self::default() }
    }

    /// Whether a file may ask for this. Smaller chunks would let a short file keep a decoder busy.
    pub fn is_allowed(self) -> bool {
        (64..=256).contains(&self.chunk) && self.step <= 8 && (4..=16).contains(&self.pull_back)
    }

    /// Whether a tile of so many pixels has any that are coded after an update. To make a learner for others would be
    /// much work for a short stream.
    pub fn fits(self, pixels: usize) -> bool {
        pixels > self.chunk.into()
    }
}

impl Default for Learning {
    /// The best on photographs that no model was trained on.
    fn default() -> Self {
        Self { chunk: 256, step: 4, pull_back: 10 }
    }
}
