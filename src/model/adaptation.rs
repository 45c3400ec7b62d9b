//! How a network deviates from its model for one part of an image. Format: sections "Bias offsets" and "Learning".

/// How a network is adapted to a part of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Adaptation {
    /// Not at all: the network is the model's.
    None,
    /// Stored [offsets](super::offsets::Offsets) are added to its biases.
    Offsets(Vec<u8>),
    /// It learns, in the tiles whose streams say so.
    Learning(Learning),
}

impl Adaptation {
    /// The stored bias offsets, if this adaptation has any.
    pub fn offsets(&self) -> Option<&[u8]> {
        if let Self::Offsets(offsets) = self { Some(offsets) } else { None }
    }

    /// The parameters of learning, if the network learns.
    pub fn learning(&self) -> Option<Learning> {
        if let &Self::Learning(learning) = self { Some(learning) } else { None }
    }
}

/// Parameters of learning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Learning {
    /// Pixels between two updates.
    pub chunk: u16,
    /// log2 of the step size, to which layer and row add their own.
    pub step: u8,
    /// Each update moves weights `2^-pull_back` of the way back to those of the model.
    pub pull_back: u8,
}

impl Learning {
    /// Parameters for an encoder that lets only the biases learn; tuned on photographs that networks were trained on.
    pub fn of_biases() -> Self {
        Self { chunk: 64, step: 7, pull_back: 16 }
    }

    /// Parameters for a part with this many pixels: small parts are updated more often.
    pub fn for_pixels(pixels: usize) -> Self {
        const FEW: usize = 1 << 15;
        if pixels < FEW { Self { chunk: 64, ..Self::default() } } else { Self::default() }
    }

    /// Whether a file may use these parameters. Smaller chunks would let a short file keep a decoder busy.
    pub fn is_allowed(self) -> bool {
        (64..=256).contains(&self.chunk) && self.step <= 8 && (4..=16).contains(&self.pull_back)
    }

    /// Whether a tile with this many pixels has any that are coded after the first update. For smaller tiles, making a
    /// learner would be much work for a short stream.
    pub fn fits(self, pixels: usize) -> bool {
        pixels > self.chunk.into()
    }
}

impl Default for Learning {
    /// Tuned on photographs that no model was trained on.
    fn default() -> Self {
        Self { chunk: 256, step: 4, pull_back: 10 }
    }
}
