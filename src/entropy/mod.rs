//! Probabilities and words: network outputs -> mixture -> integer CDF -> intervals -> ANS.

pub(crate) mod ans;
pub(crate) mod cdf;
pub(crate) mod mixture;
pub(crate) mod tables;
