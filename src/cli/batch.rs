//! Many files: processed side by side within a memory budget; a failure does not stop the others.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;

use super::Outcome;
use super::failure::Result;
use super::jobs::Job;
use super::lock::lock;
use super::place::Place;
use super::report::{Reporter, count};

/// What an input came to.
#[derive(Debug, Clone, Copy)]
pub struct Processed {
    /// Length of the input and of its result, in bytes.
    pub before: u64,
    pub after: u64,
    /// Whether the result existed already.
    pub skipped: bool,
}

/// The totals of a run so far.
#[derive(Default)]
struct Totals {
    done: u64,
    skipped: u64,
    before: u64,
    after: u64,
    /// Indices of the inputs that failed, with their exit codes.
    failed: Vec<(usize, ExitCode)>,
}

impl Totals {
    /// The change of the size from inputs to results, in percent.
    fn percent(&self) -> f64 {
        100.0 * (self.after as f64 / self.before.max(1) as f64 - 1.0)
    }
}

/// Processes all inputs, `side_by_side` at once. Returns the exit code of the first input, in input order, that failed.
/// With `summary`, prints the totals at the end.
pub fn run(
    reporter: &Reporter,
    inputs: &[Job],
    side_by_side: usize,
    summary: bool,
    work: impl Fn(&Job) -> Result<Processed> + Sync,
) -> Outcome {
    let (next, totals, started) = (AtomicUsize::new(0), Mutex::new(Totals::default()), Instant::now());
    let bytes_of = |job: &Job| job.input.bytes().unwrap_or(0);
    if summary {
        reporter.bar.set_length(inputs.iter().map(bytes_of).sum());
    }
    let worker = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = inputs.get(index) else { return };
            if !summary {
                reporter.bar.set_message(job.input.to_string());
            }
            let bytes = bytes_of(job); // the input may be removed
            let result =
                job.check().and_then(|()| work(job)).map_err(|failure| reporter.fail(Some(&job.input), &failure));
            let mut totals = lock(&totals);
            totals.add(index, result);
            if summary {
                reporter.bar.inc(bytes);
                let done = totals.done + totals.failed.len() as u64;
                reporter.bar.set_message(format!("{done} of {} files, {:+.1} %", inputs.len(), totals.percent()));
            }
        }
    };
    match side_by_side.min(inputs.len()) {
        0 | 1 => worker(),
        several => std::thread::scope(|scope| (0..several).for_each(|_| _ = scope.spawn(worker))),
    }
    reporter.bar.finish_and_clear();
    let mut totals = totals.into_inner().unwrap_or_else(PoisonError::into_inner);
    totals.failed.sort_by_key(|(index, _)| *index);
    if summary && let Err(failure) = totals.say(reporter, inputs, started.elapsed()) {
        return Err(reporter.fail(None, &failure));
    }
    totals.failed.first().map_or(Ok(()), |(_, code)| Err(*code))
}

impl Totals {
    fn add(&mut self, index: usize, result: std::result::Result<Processed, ExitCode>) {
        match result {
            Ok(Processed { before, after, skipped }) => {
                self.done += 1;
                self.skipped += u64::from(skipped);
                self.before += before;
                self.after += after;
            }
            Err(code) => self.failed.push((index, code)),
        }
    }

    /// Prints the totals of the run, and the inputs that failed.
    fn say(&self, reporter: &Reporter, inputs: &[Job], time: Duration) -> Result<()> {
        let failed: Vec<&Place> = self.failed.iter().map(|(index, _)| &inputs[*index].input).collect();
        let text = || {
            let mut text = format!(
                "{}: {} done, {} skipped, {} failed; {} -> {} bytes ({:+.1} %), {:.1} seconds",
                count(inputs.len() as u64, "file"),
                self.done - self.skipped,
                self.skipped,
                failed.len(),
                self.before,
                self.after,
                self.percent(),
                time.as_secs_f64()
            );
            failed.iter().for_each(|place| text += &format!("\nfailed: {place}"));
            text
        };
        let value = || {
            json!({ "summary": {
                "files": inputs.len(), "done": self.done - self.skipped, "skipped": self.skipped, "failed": failed.len(),
                "source_bytes": self.before, "bytes": self.after, "seconds": time.as_secs_f64(),
            } })
        };
        reporter.status(text, value)
    }
}

/// The memory budget shared by images processed side by side.
#[derive(Debug)]
pub struct Budget {
    all: u64,
    used: Mutex<u64>,
    freed: Condvar,
}

/// A share of the budget, returned when it is dropped.
#[derive(Debug)]
pub struct Share<'a>(&'a Budget, u64);

impl Budget {
    pub fn new(all: u64) -> Self {
        Self { all, used: Mutex::new(0), freed: Condvar::new() }
    }

    /// Waits until this many bytes are left, or until nobody else holds a share.
    pub fn take(&self, bytes: u64) -> Share<'_> {
        let mut used = lock(&self.used);
        while *used > 0 && used.saturating_add(bytes) > self.all {
            used = self.freed.wait(used).unwrap_or_else(PoisonError::into_inner);
        }
        *used = used.saturating_add(bytes);
        Share(self, bytes)
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let mut used = lock(&self.0.used);
        *used = used.saturating_sub(self.1);
        self.0.freed.notify_all();
    }
}

/// Paths by the checksum of their content.
#[derive(Debug, Default)]
pub struct Seen(Mutex<HashMap<[u8; 32], PathBuf>>);

impl Seen {
    /// The first path with this checksum; `None` if this is the first.
    pub fn before(&self, digest: [u8; 32], path: &Path) -> Option<PathBuf> {
        let mut seen = lock(&self.0);
        match seen.get(&digest) {
            Some(first) if first != path => Some(first.clone()),
            Some(_) => None,
            None => {
                seen.insert(digest, path.to_owned());
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_never_exceeded_but_by_one_alone() {
        let budget = Budget::new(10);
        let (now, most) = (Mutex::new(Vec::<u64>::new()), Mutex::new(0));
        std::thread::scope(|scope| {
            for bytes in [3, 4, 5, 6, 30, 2, 9, 1] {
                let (budget, now, most) = (&budget, &now, &most);
                scope.spawn(move || {
                    let _share = budget.take(bytes);
                    let mut working = lock(now);
                    working.push(bytes);
                    let sum = working.iter().sum::<u64>();
                    assert!(sum <= 10 || working.len() == 1, "{working:?}");
                    drop(working);
                    let mut most = lock(most);
                    *most = sum.max(*most);
                    drop(most);
                    std::thread::sleep(Duration::from_millis(3));
                    lock(now).retain(|&other| other != bytes);
                });
            }
        });
        assert_eq!(*lock(&budget.used), 0);
        assert_eq!(*lock(&most), 30);
    }
}
