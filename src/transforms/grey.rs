//! Three equal channels -> one. Takes no description. Format: section "Grey".

use ndarray::{ArrayView3, Axis};

use super::Coded;

/// The channel that all three are equal to.
pub(super) fn find(samples: ArrayView3<'_, u16>, depth: u32) -> Option<Coded> {
    let first = samples.index_axis(Axis(0), 0);
    let equal = samples.dim().0 == 3 && samples.outer_iter().skip(1).all(|plane| plane == first);
    equal.then(|| Coded { samples: first.insert_axis(Axis(0)).to_owned(), sizes: vec![1 << depth] })
}
