//! The contexts of each family: what a network sees of a tile, and how many values that is. No networks here.

pub(crate) mod coupling;
pub(crate) mod levels;
pub(crate) mod local;
pub(crate) mod normalized;
pub(crate) mod patch;
pub(crate) mod repeats;

/// What the contexts of a network consist of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContextKind {
    /// The taps around a pixel, and the candidates for repeats.
    Repeats,
    /// The taps around a pixel, normalised for contrast and sign.
    Normalized,
    /// The taps of a phase of a flow.
    Levels,
    /// Defined by a program.
    Program,
}

impl ContextKind {
    /// The kind with this name in a model file.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "repeats" => Some(Self::Repeats),
            "normalized" => Some(Self::Normalized),
            "levels" => Some(Self::Levels),
            _ => None,
        }
    }

    /// The context size of a pixel with this many channels; for flows, in this phase.
    pub fn size(self, channels: usize, phase: usize) -> usize {
        match self {
            Self::Repeats => local::context_size(channels) + repeats::context_size(channels),
            Self::Normalized => normalized::context_size(channels),
            Self::Levels => levels::context_size(phase, channels),
            Self::Program => unreachable!("a program has contexts of its own"),
        }
    }
}
