//! What decoding costs at most, known from the description of a band before anything of it is decoded.

use crate::base::error::{Error, Result};
use crate::base::limits::{Limits, check};
use crate::container::Part;
use crate::model::registry::Models;

/// Multiplications of a network that learns, for each one of a network that does not: its errors, and what it learns of
/// them, cost as much as two more passes, and counts and changed weights the rest.
const LEARNING: u64 = 4;

/// Adds to `spent` what the networks multiply for so many pixels of a band.
///
/// # Errors
/// [`Error::LimitsExceeded`](crate::Error::LimitsExceeded) if that is more than `limits` allow; those of
/// [`Models::find`].
pub(crate) fn spend(spent: &mut u64, models: &Models, parts: &[Part], pixels: u64, limits: &Limits) -> Result<()> {
    for network in parts.iter().filter_map(|part| part.coder.network()) {
        let of_model = |model| Ok::<_, Error>(models.find(model)?.file.multiplications() as u64);
        // A pixel is coded by one of the two, whichever costs more.
        let per_pixel = of_model(network.model)?.max(network.primer.map_or(Ok(0), of_model)?);
        let times = if network.adaptation.learning().is_some() { LEARNING } else { 1 };
        *spent = spent.saturating_add(pixels.saturating_mul(per_pixel).saturating_mul(times));
    }
    check("the work of the networks in multiplications", *spent, limits.work)
}
