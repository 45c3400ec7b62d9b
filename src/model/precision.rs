//! How many bits the integers between the layers of a network have.

use std::ops::RangeInclusive;

use crate::context::ContextKind;

/// What the inputs of layers reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precision {
    /// Contexts from -256 to 256, activations to 2047.
    Eleven,
    /// Contexts from -128 to 127, activations to 255.
    Eight,
}

impl Precision {
    /// That of networks which take such contexts.
    pub const fn of(context: ContextKind) -> Self {
        match context {
            ContextKind::Normalized => Self::Eight,
            ContextKind::Local | ContextKind::Repeats | ContextKind::Levels | ContextKind::Program => Self::Eleven,
        }
    }

    /// All allowed contexts.
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

    /// Largest magnitude of an input of the first layer, or of another one.
    pub fn input_max(self, first: bool) -> i64 {
        if first { -i64::from(*self.contexts().start()) } else { self.activation_max().into() }
    }
}
