//! What evaluates contexts: sessions of ONNX Runtime, and networks that learn; and the pool of sessions.

mod known_answer;
pub(crate) mod learner;
pub(crate) mod pool;
mod runtime;
pub(crate) mod session;

use self::learner::Learner;
use crate::base::error::Result;
use crate::entropy::mixture::MixtureShape;

/// What evaluates contexts.
pub(crate) trait Evaluator {
    /// What its mixtures are made of.
    fn shape(&self) -> MixtureShape;

    /// Pixels that may be gathered before they have to be coded.
    fn room(&self) -> usize {
        usize::MAX
    }

    /// Evaluates rows of contexts: (pixels, contexts) -> (pixels, outputs), which replace what `outputs` held.
    ///
    /// # Errors
    /// [`Error::Runtime`](crate::Error::Runtime) if the engine fails.
    fn run(&mut self, contexts: &[i16], outputs: &mut Vec<i16>) -> Result<()>;

    /// Itself, if it learns from what is coded.
    fn learner(&mut self) -> Option<&mut Learner> {
        None
    }
}
