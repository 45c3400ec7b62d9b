//! What evaluates networks.

pub(crate) mod kernel;
