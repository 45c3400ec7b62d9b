//! What kinds of models there are: by how they walk over a tile, and by what they were trained on.

use crate::context::levels;

/// What planes hold, as far as the choice of a model goes.
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
    /// Planes that are coded jointly.
    #[must_use]
    pub fn channels(self) -> usize {
        match self {
            Self::Colour | Self::LumaChroma | Self::Graphics => 3,
            Self::Grey | Self::GraphicsPlane => 1,
        }
    }

    /// The name, as users know it.
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
    /// Pixel by pixel, each given those before it.
    Autoregressive,
    /// An integer flow, by levels: each pixel given coarser ones on all sides, in a fixed number of passes.
    Flow,
    /// A program of invertible operations on dequantized patches, by bits-back coding.
    BitsBack,
}

impl Family {
    /// The name, as users know it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Autoregressive => "autoregressive",
            Self::Flow => "flow",
            Self::BitsBack => "bits-back",
        }
    }

    /// Network evaluations that have to follow each other to decode an image, where that does not depend on its size.
    #[must_use]
    pub fn passes(self) -> Option<usize> {
        match self {
            Self::Autoregressive | Self::BitsBack => None,
            Self::Flow => Some(levels::PASSES),
        }
    }
}
