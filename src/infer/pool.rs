//! Sessions and threads: runs work on groups of tiles, each with its own sessions.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock};

use rayon::ThreadPool;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::session::{Device, EngineInfo, EngineRequest, Networks, PackedNetworks, packed};
use crate::base::bytes::DIGEST_BYTES;
use crate::base::error::{Error, Result};
use crate::base::lock::lock;
use crate::base::stop::Stop;
use crate::image::Rect;
use crate::model::registry::{Model, Models};

/// Idle sessions, by the digest of their model. They are kept because creating one takes milliseconds, longer than
/// coding a thumbnail.
#[derive(Debug, Default)]
struct Sessions(Mutex<HashMap<[u8; DIGEST_BYTES], OfModel>>);

/// The idle sessions of one model, and the weights that all its sessions share.
#[derive(Debug)]
struct OfModel {
    packed: Arc<PackedNetworks>,
    /// Two kinds: for many pixels, and for few.
    idle: [Vec<Networks>; 2],
}

impl Sessions {
    fn take(&self, model: &Model, request: EngineRequest) -> Result<Networks> {
        let packed = {
            let mut all = lock(&self.0);
            let new = || OfModel { packed: Arc::new(packed(&model.file)), idle: Default::default() };
            let of_model = all.entry(model.identity.digest).or_insert_with(new);
            if let Some(networks) = of_model.idle[usize::from(request.few)].pop() {
                return Ok(networks);
            }
            of_model.packed.clone()
        };
        Networks::new(&model.file, &packed, request)
    }

    fn give_back(&self, model: &Model, request: EngineRequest, networks: Networks) {
        if let Some(of_model) = lock(&self.0).get_mut(&model.identity.digest) {
            of_model.idle[usize::from(request.few)].push(networks);
        }
    }
}

/// The threads shared by an engine and its clones.
#[derive(Debug, Default)]
pub(crate) enum Threads {
    /// Threads of the engine's own, started when first needed; `None` is one per core.
    Own(Option<NonZeroUsize>, OnceLock<ThreadPool>),
    /// The threads of a pool supplied by the caller.
    Callers(Arc<ThreadPool>),
    /// The calling thread alone.
    #[default]
    Calling,
}

impl Threads {
    /// Threads of the engine's own: this number, or one per core.
    pub fn own(number: Option<NonZeroUsize>) -> Self {
        if number == Some(NonZeroUsize::MIN) { Self::Calling } else { Self::Own(number, OnceLock::new()) }
    }

    fn number(&self) -> usize {
        match self {
            Self::Own(number, _) => {
                let number = number.or_else(|| std::thread::available_parallelism().ok());
                number.map_or(1, NonZeroUsize::get)
            }
            Self::Callers(pool) => pool.current_num_threads(),
            Self::Calling => 1,
        }
    }

    /// The results of `work` for each index, in order; the first error ends the work.
    fn run<T: Send>(&self, count: usize, work: impl Fn(usize) -> Result<T> + Sync + Send) -> Result<Vec<T>> {
        if count < 2 || self.number() < 2 {
            return (0..count).map(work).collect();
        }
        let pool = match self {
            Self::Own(_, started) => match started.get() {
                Some(pool) => pool,
                None => {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(self.number());
                    let pool = pool.thread_name(|index| format!("ansel-{index}")).build();
                    let pool = pool.map_err(|error| Error::Runtime(format!("threads cannot be started: {error}")))?;
                    started.get_or_init(|| pool)
                }
            },
            Self::Callers(pool) => pool,
            Self::Calling => return (0..count).map(work).collect(),
        };
        pool.install(|| (0..count).into_par_iter().map(work).collect())
    }
}

/// Most pixels, and most tiles, that one thread codes in lockstep (a single tile may have more pixels): this makes
/// network calls of some hundred pixels, in bounded memory. A tile with one column adds one pixel to a call, so many
/// tiles are needed.
const LOCKSTEP_PIXELS: usize = 1 << 20;
const LOCKSTEP_TILES: usize = 1024;

/// Images with at most this many pixels (512 x 512, a tile) are coded without sessions of ONNX Runtime: see
/// [`EngineRequest::few`].
const FEW_PIXELS: u64 = 1 << 18;

/// Runs networks on tiles. Clones share models, sessions and threads; each has its own [`stop`](Self::stop) flag and
/// image.
#[derive(Debug, Clone, Default)]
pub(crate) struct Engine {
    shared: Arc<Shared>,
    /// Cancels the work of this clone.
    pub stop: Stop,
    /// Whether this clone codes an image with few pixels.
    few: bool,
}

#[derive(Debug, Default)]
struct Shared {
    models: Models,
    sessions: Sessions,
    device: Device,
    threads: Threads,
}

impl Engine {
    /// An engine that has no sessions yet.
    pub fn new(models: Models, device: Device, threads: Threads) -> Self {
        let shared = Shared { models, sessions: Sessions::default(), device, threads };
        Self { shared: Arc::new(shared), ..Self::default() }
    }

    /// The same engine, for an image with this many pixels.
    pub fn for_pixels(self, pixels: u64) -> Self {
        Self { few: pixels <= FEW_PIXELS, ..self }
    }

    /// The models available to the engine.
    pub fn models(&self) -> &Models {
        &self.shared.models
    }

    /// How networks are evaluated.
    ///
    /// # Errors
    /// Those of the sessions.
    pub fn info(&self, model: &Model) -> Result<EngineInfo> {
        let request = self.request();
        let networks = self.shared.sessions.take(model, request)?;
        let info = networks.all[0].info();
        self.shared.sessions.give_back(model, request, networks);
        Ok(info)
    }

    fn request(&self) -> EngineRequest {
        EngineRequest { device: self.shared.device, few: self.few }
    }

    /// Runs `work` on groups of tiles in parallel, each with its own sessions, and returns its results for each tile,
    /// in order.
    ///
    /// The first error ends the work. Groups are independent: neither their size nor the number of threads changes a
    /// result.
    ///
    /// # Errors
    /// Those of `work` and of the sessions; [`Error::Stopped`].
    pub fn for_tiles<T: Send>(
        &self,
        model: &Model,
        rects: &[Rect],
        work: impl Fn(&mut Networks, Range<usize>) -> Result<Vec<T>> + Sync + Send,
    ) -> Result<Vec<T>> {
        self.for_tiles_of([model], rects, |[networks], range| work(networks, range))
    }

    /// Like [`for_tiles`](Self::for_tiles), with sessions of several models.
    ///
    /// # Errors
    /// As [`for_tiles`](Self::for_tiles).
    pub fn for_tiles_of<const N: usize, T: Send>(
        &self,
        models: [&Model; N],
        rects: &[Rect],
        work: impl Fn(&mut [Networks; N], Range<usize>) -> Result<Vec<T>> + Sync + Send,
    ) -> Result<Vec<T>> {
        let Shared { sessions, threads, .. } = &*self.shared;
        let request = self.request();
        let largest = rects.iter().map(|rect| rect.pixels()).max().unwrap_or(1);
        let most = (LOCKSTEP_PIXELS / largest).clamp(1, LOCKSTEP_TILES);
        let groups = groups(rects.len(), most, threads.number());
        let done = threads.run(groups, |index| {
            self.stop.check()?;
            let mut networks = Vec::with_capacity(N);
            for model in models {
                networks.push(sessions.take(model, request)?);
            }
            networks.iter_mut().for_each(|networks| networks.stop_with(&self.stop));
            let mut networks: [Networks; N] = networks.try_into().expect("one for each model");
            let result = work(&mut networks, index * rects.len() / groups..(index + 1) * rects.len() / groups)?;
            networks.into_iter().zip(models).for_each(|(networks, model)| sessions.give_back(model, request, networks));
            Ok(result)
        })?;
        Ok(done.into_iter().flatten().collect())
    }
}

/// The number of groups of so many tiles, of `most` at most: as many for each thread, as long as there are tiles.
fn groups(tiles: usize, most: usize, threads: usize) -> usize {
    (tiles.div_ceil(most).next_multiple_of(threads)).min(tiles)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::family::Content;

    /// For each of `count` tiles of a size, the number of tiles in its group.
    fn group_sizes(threads: usize, count: u32, (width, height): (u32, u32)) -> Vec<usize> {
        let threads = Threads::own(NonZeroUsize::new(threads));
        let engine = Engine::new(Models::default(), Device::Cpu, threads).for_pixels(1);
        let model = engine.models().first_for_encoding(Content::Grey).expect("a model of the registry");
        let rects: Vec<Rect> = (0..count).map(|index| Rect { x: index * width, y: 0, width, height }).collect();
        engine.for_tiles(&model, &rects, |_, range| Ok(vec![range.len(); range.len()])).expect("an engine")
    }

    #[test]
    fn narrow_tiles_are_coded_together_by_the_hundreds() {
        assert_eq!(group_sizes(1, 3000, (1, 512)), vec![1000; 3000]);
        // At least as many groups as threads.
        assert_eq!(group_sizes(4, 3000, (1, 512)), vec![750; 3000]);
    }

    #[test]
    fn tiles_that_are_coded_together_have_so_many_pixels_in_all() {
        assert_eq!(group_sizes(1, 9, (512, 512)), vec![3; 9]);
        assert_eq!(group_sizes(1, 2, (2048, 2048)), [1, 1]);
    }

    #[test]
    fn threads_have_as_many_groups_each() {
        assert_eq!(group_sizes(2, 12, (512, 512)), vec![3; 12]);
        assert_eq!((groups(13, 4, 2), groups(13, 4, 3), groups(3, 4, 8), groups(0, 4, 2)), (4, 6, 3, 0));
    }
}
