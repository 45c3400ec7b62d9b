//! Bit widths of the integers between the layers of a network.

use std::ops::RangeInclusive;

use crate::context::ContextKind;

/// The range of layers' inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precision {
    /// Contexts from -256 to 256, activations to 2047.
    Eleven,
    /// Contexts from -128 to 127, activations to 255.
    Eight,
}

impl Precision {
    /// The precision of networks that take this kind of context.
    pub const fn of(context: ContextKind) -> Self {
        match context {
            ContextKind::Normalized | ContextKind::Repeats | ContextKind::Levels => Self::Eight,
            ContextKind::Program => Self::Eleven,
        }
    }

    /// The range of contexts.
    pub const fn contexts(self) -> RangeInclusive<i16> {
        match self {
            Self::Eleven => -256..=256,
            Self::Eight => -128..=127,
        }
    }

    /// The largest activation.
    pub const fn activation_max(self) -> i32 {
        match self {
            Self::Eleven => 2047,
            Self::Eight => 255,
        }
    }

    /// Largest magnitude of an input to the first layer, or to a later one.
    pub fn input_max(self, first: bool) -> i64 {
        if first { -i64::from(*self.contexts().start()) } else { self.activation_max().into() }
    }
}
