//! Locks of what a thread that panics leaves whole.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks. Nothing is ever half done behind these locks, whatever panics.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
