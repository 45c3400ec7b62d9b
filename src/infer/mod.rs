//! What evaluates networks.

pub(crate) mod kernel;
pub(crate) mod operator;
