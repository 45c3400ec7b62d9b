//! Network outputs -> intervals -> words, many pixels at once.
//!
//! [`lanes`] makes the intervals of a block of pixels side by side, [`stack`] is the entropy coder, [`vectors`] chooses the
//! instructions. All integers are those of the scalar code.

pub(crate) mod lanes;
pub(crate) mod stack;
pub(crate) mod vectors;
