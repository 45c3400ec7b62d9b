//! A file -> an object: whole or not at all, and in nobody's place.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use object_store::path::Path;
use object_store::{Error, ObjectStoreExt, PutMode, PutOptions, WriteMultipart};

use super::connect::Store;
use super::{Object, said};
use crate::cli::digest::{digest_of, hex};

/// Larger content is sent in parts.
const MOST_AT_ONCE: u64 = 16 << 20;
/// Bytes of a part, unless it takes more for the number of parts that stores allow.
const PART_BYTES: u64 = 8 << 20;
const MOST_PARTS: u64 = 10_000;
/// Parts that are under way at once.
const PARTS_AT_ONCE: usize = 4;

/// Puts what a file holds, which has this SHA-256, in the place of an object.
pub fn put(object: &Object, content: &mut File, digest: &[u8; 32], overwrite: bool) -> io::Result<()> {
    let Object { store, key, .. } = object;
    let bytes = content.seek(SeekFrom::End(0))?;
    content.rewind()?;
    let placed = if bytes <= MOST_AT_ONCE {
        let mut whole = Vec::with_capacity(bytes as usize);
        content.read_to_end(&mut whole)?;
        let mode = if overwrite { PutMode::Overwrite } else { PutMode::Create };
        store.wait(store.objects.put_opts(key, whole.into(), PutOptions::from(mode))).map(drop)
    } else if overwrite {
        return upload(store, key, content, bytes);
    } else {
        // What is sent in parts takes the place of what is there, so it is sent elsewhere first. The name is the same after an
        // interruption: nothing is left behind by a run that goes on.
        let part = Path::parse(format!("{key}.{}.part", &hex(digest)[..16])).map_err(io::Error::other)?;
        upload(store, &part, content, bytes)?;
        let copied = store.wait(store.objects.copy_if_not_exists(&part, key));
        let removed = store.wait(store.objects.delete(&part));
        copied.and(removed)
    };
    match placed {
        // A request that is sent again, since its answer was lost, finds its own result there.
        Err(Error::AlreadyExists { .. }) if holds(object, digest)? => Ok(()),
        placed => placed.map_err(said),
    }
}

/// Whether an object has this SHA-256.
fn holds(object: &Object, digest: &[u8; 32]) -> io::Result<bool> {
    Ok(digest_of(&mut object.open()?)? == *digest)
}

/// Sends content in parts. It is seen when all of them are there; what was sent until an error is removed.
fn upload(store: &Store, key: &Path, content: &mut File, bytes: u64) -> io::Result<()> {
    let part_bytes = PART_BYTES.max(bytes.div_ceil(MOST_PARTS));
    store.wait(async {
        let upload = store.objects.put_multipart(key).await.map_err(said)?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, part_bytes as usize);
        match send(&mut upload, content, part_bytes).await {
            Ok(()) => upload.finish().await.map(drop).map_err(said),
            Err(error) => {
                let _ = upload.abort().await; // the error before it is the reason
                Err(error)
            }
        }
    })
}

async fn send(upload: &mut WriteMultipart, content: &mut File, part_bytes: u64) -> io::Result<()> {
    loop {
        upload.wait_for_capacity(PARTS_AT_ONCE).await.map_err(said)?;
        let mut part = Vec::new();
        content.take(part_bytes).read_to_end(&mut part)?;
        if part.is_empty() {
            return Ok(());
        }
        upload.put(part.into());
    }
}
