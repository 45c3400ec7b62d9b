//! Sessions and threads: runs work on groups of tiles, each thread with a session of its own.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::session::{Device, Networks};
use crate::base::bytes::DIGEST_BYTES;
use crate::base::error::{Error, Result};
use crate::image::Rect;
use crate::model::registry::{Model, Models};

/// Sessions that no thread is using, by the digest of their model. Creating one takes milliseconds, coding a
/// thumbnail less, so they are kept.
#[derive(Debug, Default)]
struct Sessions(Mutex<HashMap<[u8; DIGEST_BYTES], Vec<Networks>>>);

impl Sessions {
    fn take(&self, model: &Model, device: Device) -> Result<Networks> {
        let idle = lock(&self.0).get_mut(&model.identity.digest).and_then(Vec::pop);
        idle.map_or_else(|| Networks::new(&model.file, device), Ok)
    }

    fn give_back(&self, model: &Model, networks: Networks) {
        lock(&self.0).entry(model.identity.digest).or_default().push(networks);
    }
}

/// The division of `tiles` into groups that threads take in turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Groups {
    pub tiles: usize,
    pub group: usize,
}

impl Groups {
    /// Groups of at most `most` tiles, smaller where there would not be one for every thread.
    pub fn new(tiles: usize, most: usize, threads: NonZeroUsize) -> Self {
        Self { tiles, group: tiles.div_ceil(threads.get()).clamp(1, most) }
    }

    fn len(self) -> usize {
        self.tiles.div_ceil(self.group)
    }

    fn range(self, index: usize) -> Range<usize> {
        index * self.group..self.tiles.min((index + 1) * self.group)
    }
}

/// Most pixels, and most tiles, that one thread codes in lockstep, unless a single tile has more: network calls of
/// some hundred pixels, in bounded memory.
const LOCKSTEP_PIXELS: usize = 1 << 20;
const LOCKSTEP_TILES: usize = 64;

/// What runs networks on tiles.
#[derive(Debug, Default)]
pub(crate) struct Engine {
    sessions: Sessions,
    /// The models that may be used.
    pub models: Models,
    pub device: Device,
    /// `None` for one per core.
    pub threads: Option<NonZeroUsize>,
}

impl Engine {
    /// An engine without sessions yet.
    pub fn new(models: Models, device: Device, threads: Option<NonZeroUsize>) -> Self {
        Self { sessions: Sessions::default(), models, device, threads }
    }

    /// Runs `work` on groups of tiles in parallel, each thread with a session of its own, and returns what it made of
    /// each tile, in their order.
    ///
    /// The first error ends the work. Groups are independent: neither their size nor the number of threads changes a
    /// result.
    pub fn for_tiles<T: Send>(
        &self,
        model: &Model,
        rects: &[Rect],
        work: impl Fn(&mut Networks, Range<usize>) -> Result<Vec<T>> + Sync,
    ) -> Result<Vec<T>> {
        let threads = self.threads.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
        let largest = rects.iter().map(|rect| rect.pixels()).max().unwrap_or(1);
        let most = (LOCKSTEP_PIXELS / largest).clamp(1, LOCKSTEP_TILES);
        self.for_groups(model, threads, Groups::new(rects.len(), most, threads), work)
    }

    fn for_groups<T: Send>(
        &self,
        model: &Model,
        threads: NonZeroUsize,
        groups: Groups,
        work: impl Fn(&mut Networks, Range<usize>) -> Result<Vec<T>> + Sync,
    ) -> Result<Vec<T>> {
        let next = AtomicUsize::new(0);
        let done: Mutex<Vec<Option<Vec<T>>>> = Mutex::new((0..groups.len()).map(|_| None).collect());
        let failed: Mutex<Option<Error>> = Mutex::new(None);
        let worker = || {
            let run = || -> Result<()> {
                let mut networks = self.sessions.take(model, self.device)?;
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= groups.len() || lock(&failed).is_some() {
                        break;
                    }
                    let result = work(&mut networks, groups.range(index))?;
                    lock(&done)[index] = Some(result);
                }
                self.sessions.give_back(model, networks);
                Ok(())
            };
            if let Err(error) = run() {
                lock(&failed).get_or_insert(error);
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads.get().min(groups.len()) {
                scope.spawn(worker);
            }
            worker();
        });
        match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => {
                let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
                Ok(done.into_iter().flatten().flatten().collect())
            }
        }
    }
}

/// Locks; a thread that panicked has left nothing half done behind these locks.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
