//! Kinds of models: by how they walk over a tile, and by the content that they were trained on.

use crate::context::levels;

/// The content of planes, as far as it matters for the choice of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// RGB of photographs.
    Colour,
    /// One plane of photographs.
    Grey,
    /// Luma and chroma of photographs.
    LumaChroma,
    /// RGB of graphics: screenshots, text, drawings.
    Graphics,
    /// One plane of graphics: grey, palette indices, alpha.
    GraphicsPlane,
}

impl Content {
    /// Number of planes that are coded jointly.
    #[must_use]
    pub fn channels(self) -> usize {
        match self {
            Self::Colour | Self::LumaChroma | Self::Graphics => 3,
            Self::Grey | Self::GraphicsPlane => 1,
        }
    }

    /// The name shown to users.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Colour => "colour",
            Self::Grey => "grey",
            Self::LumaChroma => "luma-chroma",
            Self::Graphics => "graphics",
            Self::GraphicsPlane => "graphics plane",
        }
    }
}

/// How a model walks over a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Family {
    /// Pixel by pixel, each conditioned on those before it.
    Autoregressive,
    /// An integer flow, level by level: each pixel is conditioned on coarser ones on all sides; the number of passes is
    /// fixed.
    Flow,
    /// A program of invertible operations on dequantized patches, with bits-back coding.
    BitsBack,
}

impl Family {
    /// The name shown to users.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Autoregressive => "autoregressive",
            Self::Flow => "flow",
            Self::BitsBack => "bits-back",
        }
    }

    /// Network evaluations in sequence to decode an image, if their number does not depend on its size.
    #[must_use]
    pub fn passes(self) -> Option<usize> {
        match self {
            Self::Autoregressive | Self::BitsBack => None,
            Self::Flow => Some(levels::PASSES),
        }
    }
}
