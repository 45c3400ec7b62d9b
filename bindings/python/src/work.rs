//! Work without the interpreter's lock, interruptible by signals.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use ansel::Stop;
use pyo3::prelude::*;

use crate::errors::exception;

/// How often signals are checked.
const PAUSE: Duration = Duration::from_millis(50);

/// Runs `work` in its own thread, without the interpreter's lock. The calling thread waits, and runs Python's signal
/// handlers; if one raises an exception, such as `KeyboardInterrupt`, the work is cancelled and the exception is the
/// result.
pub fn interruptible<T: Send>(
    py: Python<'_>,
    stop: &Stop,
    work: impl FnOnce() -> ansel::Result<T> + Send,
) -> PyResult<T> {
    py.detach(|| {
        std::thread::scope(|scope| {
            let (running, ended) = channel::<()>();
            let thread = std::thread::Builder::new().spawn_scoped(scope, move || {
                let _running = running; // dropped at the end, or during a panic
                work()
            })?;
            let mut raised = None;
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(PAUSE) {
                if let Err(error) = Python::attach(|py| py.check_signals()) {
                    stop.stop();
                    raised.get_or_insert(error);
                }
            }
            let result = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            match raised {
                Some(error) => Err(error),
                None => result.map_err(exception),
            }
        })
    })
}
