//! Inputs with the same content are compressed only once. They are recognised before compression, by a checksum of all
//! that their results depend on.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, PoisonError};

use ansel::{ImageInfo, Metadata};
use sha2::{Digest, Sha256};

use super::failure::{Result, about};
use super::jobs::Job;
use super::lock::lock;
use super::manifest::PixelDigest;
use super::shared::Compressing;
use super::source::Source;
use super::{jpeg, options};

/// Samples read at once.
const CHUNK_SAMPLES: u64 = 1 << 22;

/// The content of an input: a checksum of all that its result depends on, and that of its pixels unless it is a JPEG
/// file.
pub struct Content {
    pub sha256: [u8; 32],
    pub pixels_sha256: Option<[u8; 32]>,
    /// Information in the input that is not kept.
    pub not_kept: Vec<String>,
}

/// A finished result, which others can be linked to.
#[derive(Debug, Clone)]
pub struct Finished {
    pub path: PathBuf,
    pub bytes: u64,
    pub sha256: [u8; 32],
}

/// Makes the result of each content once. Results by content; `None` while one is being made.
#[derive(Debug, Default)]
pub struct SingleFlight {
    results: Mutex<HashMap<[u8; 32], Option<Finished>>>,
    changed: Condvar,
}

/// What to do with an input.
pub enum Claim<'a> {
    /// Nothing: its result exists.
    Finished(Finished),
    /// Compress it, as the first with its content; the others wait.
    First(Flight<'a>),
}

/// The duty to make a result; waiting inputs continue when it is dropped.
pub struct Flight<'a> {
    flights: &'a SingleFlight,
    content: [u8; 32],
    result: Option<Finished>,
}

impl SingleFlight {
    /// The result with this content, after waiting if it is being made; or the duty to make it.
    pub fn claim(&self, content: [u8; 32]) -> Claim<'_> {
        let mut results = lock(&self.results);
        loop {
            match results.get(&content) {
                Some(Some(result)) => return Claim::Finished(result.clone()),
                Some(None) => results = self.changed.wait(results).unwrap_or_else(PoisonError::into_inner),
                None => {
                    results.insert(content, None);
                    return Claim::First(Flight { flights: self, content, result: None });
                }
            }
        }
    }
}

impl Flight<'_> {
    /// Marks the result as finished and in place.
    pub fn done(mut self, result: Finished) {
        self.result = Some(result);
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let mut results = lock(&self.flights.results);
        match self.result.take() {
            Some(result) => results.insert(self.content, Some(result)),
            None => results.remove(&self.content), // one of those that wait takes over
        };
        self.flights.changed.notify_all();
    }
}

/// Reads the content of an input, as it would be compressed.
pub fn content_of(run: &Compressing<'_>, job: &Job, source: &Source<'_>) -> Result<Content> {
    let (input, path) = (&job.input, job.input.path());
    let mut opened = source.open(&run.limits)?;
    if !run.arguments.allow_lossy_source && jpeg::is_one(&mut *opened, input)? {
        let sha256 = source.digest()?;
        return Ok(Content { sha256, pixels_sha256: None, not_kept: Vec::new() });
    }
    let reading = |error| about("read", path)(error);
    let mut image = run.image(opened).map_err(reading)?;
    let (info, metadata, not_kept) = (image.info(), run.metadata(&image), run.not_kept(&image));
    let _share = run.budget.take(options::memory_of(info));
    let ImageInfo { width, height, channels, .. } = info;
    let rows = (CHUNK_SAMPLES / (u64::from(width) * channels as u64).max(1)).max(1) as u32;
    let mut digest = PixelDigest::new(info);
    let mut left = height;
    while left > 0 {
        let planes = run.rows(&mut image, rows.min(left)).map_err(reading)?;
        digest.add(&planes)?;
        left -= planes.height();
    }
    let pixels = digest.finish();
    Ok(Content { sha256: with_metadata(pixels, &metadata), pixels_sha256: Some(pixels), not_kept })
}

/// The checksum of pixels and metadata together.
fn with_metadata(pixels: [u8; 32], metadata: &Metadata) -> [u8; 32] {
    let mut digest = Sha256::new_with_prefix(pixels);
    for block in metadata.blocks() {
        digest.update([block.kind as u8]);
        digest.update((block.bytes.len() as u64).to_le_bytes());
        digest.update(&block.bytes);
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn the_same_is_made_once_and_again_only_after_a_failure() {
        let (flights, made, given) = (SingleFlight::default(), AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for thread in 0..12u8 {
                let (flights, made, given) = (&flights, &made, &given);
                scope.spawn(move || match flights.claim([thread % 2; 32]) {
                    Claim::Finished(found) => {
                        assert_eq!(found.sha256, [thread % 2; 32]);
                        given.fetch_add(1, Ordering::Relaxed);
                    }
                    Claim::First(flight) => {
                        std::thread::sleep(std::time::Duration::from_millis(5));
                        // The first attempt for each content fails.
                        if made.fetch_add(1, Ordering::Relaxed) >= 2 {
                            flight.done(Finished { path: "x".into(), bytes: 1, sha256: [thread % 2; 32] });
                        }
                    }
                });
            }
        });
        let (made, given) = (made.into_inner(), given.into_inner());
        assert!(made + given == 12 && (4..=5).contains(&made), "{made} made, {given} given");
    }
}
