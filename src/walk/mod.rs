//! The walks over tiles: one driver per family, shared by encoder and decoder.

pub(crate) mod autoregressive;
pub(crate) mod batch;
pub(crate) mod bits_back;
pub(crate) mod counts;
pub(crate) mod flow;
