//! Sessions and threads: runs work on groups of tiles, each thread with a session of its own.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::container::CHECKSUM_BYTES;
use crate::error::{Error, Result};
use crate::models::ModelSource;
use crate::network::model_file::ModelFile;
use crate::network::{Device, Networks};
use crate::tile::Rect;

/// Sessions that no thread is using, by the digest of their model. Creating one takes milliseconds, coding a
/// thumbnail less, so they are kept.
#[derive(Debug, Default)]
pub(crate) struct SessionPool {
    models: Mutex<HashMap<[u8; CHECKSUM_BYTES], Sessions>>,
}

/// A model and its sessions that no thread is using.
#[derive(Debug)]
struct Sessions {
    model: Arc<ModelFile>,
    idle: Vec<Networks>,
}

impl SessionPool {
    fn take(&self, source: &ModelSource<'_>, device: Device) -> Result<Networks> {
        let model = {
            let mut models = lock(&self.models);
            let sessions = match models.entry(source.identity.digest) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    let model = Arc::new(ModelFile::read(source.file)?);
                    new.insert(Sessions { model, idle: Vec::new() })
                }
            };
            if let Some(networks) = sessions.idle.pop() {
                return Ok(networks);
            }
            sessions.model.clone()
        };
        Networks::new(&model, device)
    }

    fn give_back(&self, source: &ModelSource<'_>, networks: Networks) {
        if let Some(sessions) = lock(&self.models).get_mut(&source.identity.digest) {
            sessions.idle.push(networks);
        }
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
    pub sessions: SessionPool,
    pub device: Device,
    /// `None` for one per core.
    pub threads: Option<NonZeroUsize>,
}

impl Engine {
    /// Runs `work` on groups of tiles in parallel, each thread with a session of its own, and returns what it made of
    /// each tile, in their order.
    ///
    /// The first error ends the work. Groups are independent: neither their size nor the number of threads changes a
    /// result.
    pub fn for_tiles<T: Send>(
        &self,
        source: &ModelSource<'_>,
        rects: &[Rect],
        work: impl Fn(&mut Networks, Range<usize>) -> Result<Vec<T>> + Sync,
    ) -> Result<Vec<T>> {
        let threads = self.threads.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
        let largest = rects.iter().map(|rect| rect.pixels()).max().unwrap_or(1);
        let most = (LOCKSTEP_PIXELS / largest).clamp(1, LOCKSTEP_TILES);
        self.for_groups(source, threads, Groups::new(rects.len(), most, threads), work)
    }

    fn for_groups<T: Send>(
        &self,
        source: &ModelSource<'_>,
        threads: NonZeroUsize,
        groups: Groups,
        work: impl Fn(&mut Networks, Range<usize>) -> Result<Vec<T>> + Sync,
    ) -> Result<Vec<T>> {
        let next = AtomicUsize::new(0);
        let done: Mutex<Vec<Option<Vec<T>>>> = Mutex::new((0..groups.len()).map(|_| None).collect());
        let failed: Mutex<Option<Error>> = Mutex::new(None);
        let worker = || {
            let run = || -> Result<()> {
                let mut networks = self.sessions.take(source, self.device)?;
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= groups.len() || lock(&failed).is_some() {
                        break;
                    }
                    let result = work(&mut networks, groups.range(index))?;
                    lock(&done)[index] = Some(result);
                }
                self.sessions.give_back(source, networks);
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
