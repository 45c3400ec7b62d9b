//! What a network sees of a tile: the contexts of each family, and their sizes. No networks here.

pub(crate) mod coupling;
pub(crate) mod levels;
pub(crate) mod local;
pub(crate) mod normalized;
pub(crate) mod patch;
pub(crate) mod repeats;

/// What the contexts of a network tell of a pixel's surroundings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContextKind {
    /// The taps around it.
    Local,
    /// These, and what it may repeat.
    Repeats,
    /// The taps around it, whatever their contrast and their sign.
    Normalized,
    /// The taps of a level of a flow.
    Levels,
    /// What a program says.
    Program,
}

impl ContextKind {
    /// The kind that a model file names.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "local" => Some(Self::Local),
            "repeats" => Some(Self::Repeats),
            "normalized" => Some(Self::Normalized),
            "levels" => Some(Self::Levels),
            _ => None,
        }
    }

    /// The number of contexts per pixel of so many channels, in a phase if they are those of a flow.
    pub fn size(self, channels: usize, phase: usize) -> usize {
        match self {
            Self::Local => local::context_size(channels),
            Self::Repeats => local::context_size(channels) + repeats::context_size(channels),
            Self::Normalized => normalized::context_size(channels),
            Self::Levels => levels::context_size(phase, channels),
            Self::Program => unreachable!("a program has contexts of its own"),
        }
    }
}
