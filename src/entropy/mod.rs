//! Probabilities and words: network outputs -> mixture -> integer CDF -> intervals -> ANS; for one pixel, and for 16 side by
//! side.

pub(crate) mod ans;
pub(crate) mod bijections;
pub(crate) mod cdf;
pub(crate) mod lanes;
pub(crate) mod mixture;
pub(crate) mod stack;
pub(crate) mod tables;
pub(crate) mod vectors;
