//! Probabilities and words: network outputs -> mixture -> integer CDF -> intervals -> ANS; for single pixels, and for
//! blocks of 16.

pub(crate) mod ans;
pub(crate) mod bijections;
pub(crate) mod cdf;
pub(crate) mod lanes;
pub(crate) mod mixture;
pub(crate) mod stack;
pub(crate) mod tables;
pub(crate) mod tally;
pub(crate) mod vectors;
