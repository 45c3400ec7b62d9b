//! What a network sees of a tile: the contexts of each family, and their sizes. No networks here.

pub(crate) mod coupling;
pub(crate) mod levels;
pub(crate) mod local;
pub(crate) mod repeats;
