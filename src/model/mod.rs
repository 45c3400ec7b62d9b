//! Models: the numerical contract, model files, the registry, and how a network may deviate from its model for one
//! image.

pub(crate) mod adaptation;
pub(crate) mod contract;
pub(crate) mod family;
pub(crate) mod file;
pub(crate) mod offsets;
pub(crate) mod onnx;
pub(crate) mod precision;
pub(crate) mod program;
pub(crate) mod registry;
