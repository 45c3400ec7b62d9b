//! Cancellation: a flag that the caller sets and all work checks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::{Error, Result};

/// A flag by which a caller cancels work in progress, from any thread. Clones share the flag.
///
/// Coding and decoding check it before every network call, some milliseconds apart, and then return [`Error::Stopped`].
///
/// ```
/// use ansel::{Codec, Error, Metadata, Planes, Stop};
///
/// let stop = Stop::default();
/// stop.stop();
/// let planes = Planes::new(ndarray::Array3::from_shape_fn((1, 9, 9), |(_, y, x)| (y * x) as u16), 8)?;
/// let stopped = Codec::default().stopped_by(&stop).compress(&planes, &Metadata::default());
/// assert!(matches!(stopped, Err(Error::Stopped)));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Sets the flag: all work that checks it stops.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the flag is set.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// # Errors
    /// [`Error::Stopped`] if the flag is set.
    pub(crate) fn check(&self) -> Result<()> {
        if self.is_stopped() { Err(Error::Stopped) } else { Ok(()) }
    }
}
