//! The maximum work of decoding, known from the description of a band before any of it is decoded.

use crate::base::error::{Error, Result};
use crate::base::limits::{Limits, check};
use crate::container::Part;
use crate::model::registry::Models;

/// Multiplications of a network that learns, relative to one that does not: backpropagation and gradients cost as much
/// as two more passes, and counts and changing weights cost the rest.
const LEARNING: u64 = 4;

/// Adds to `spent` the multiplications of the networks for this many pixels of a band.
///
/// # Errors
/// [`Error::LimitsExceeded`](crate::Error::LimitsExceeded) if the sum exceeds `limits`; those of [`Models::find`].
pub(crate) fn spend(spent: &mut u64, models: &Models, parts: &[Part], pixels: u64, limits: &Limits) -> Result<()> {
    for network in parts.iter().filter_map(|part| part.coder.network()) {
        let of_model = |model| Ok::<_, Error>(models.find(model)?.file.multiplications() as u64);
        // A pixel is coded by one of the two; counts the more expensive one.
        let per_pixel = of_model(network.model)?.max(network.primer.map_or(Ok(0), of_model)?);
        let times = if network.adaptation.learning().is_some() { LEARNING } else { 1 };
        *spent = spent.saturating_add(pixels.saturating_mul(per_pixel).saturating_mul(times));
    }
    check("the work of the networks in multiplications", *spent, limits.work)
}
