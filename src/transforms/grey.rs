//! Three equal channels -> one. Has no description. Format: section "Grey".

use ndarray::{ArrayView3, Axis};

use super::Coded;

/// One of the three channels, if they are equal.
pub(super) fn find(samples: ArrayView3<'_, u16>, depth: u32) -> Option<Coded> {
    let first = samples.index_axis(Axis(0), 0);
    let equal = samples.dim().0 == 3 && samples.outer_iter().skip(1).all(|plane| plane == first);
    equal.then(|| Coded { samples: first.insert_axis(Axis(0)).to_owned(), sizes: vec![1 << depth] })
}
