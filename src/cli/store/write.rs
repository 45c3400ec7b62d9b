//! A file -> an object: completely or not at all, and never over another object by accident.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use object_store::path::Path;
use object_store::{Error, ObjectStoreExt, PutMode, PutOptions, WriteMultipart};

use super::connect::Store;
use super::{Object, io_error};
use crate::cli::digest::{digest_of, hex};

/// Larger content is sent in parts, in bytes.
const MOST_AT_ONCE: u64 = 16 << 20;
/// Bytes per part; more if the number of parts would exceed what stores allow.
const PART_BYTES: u64 = 8 << 20;
const MOST_PARTS: u64 = 10_000;
/// Parts in flight at once.
const PARTS_AT_ONCE: usize = 4;

/// Uploads a file with this SHA-256 as an object.
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
        // A multipart upload replaces an existing object, so it goes to a temporary name first. The name is the same
        // after an interruption: a run that is resumed leaves nothing behind.
        let part = Path::parse(format!("{key}.{}.part", &hex(digest)[..16])).map_err(io::Error::other)?;
        upload(store, &part, content, bytes)?;
        let copied = store.wait(store.objects.copy_if_not_exists(&part, key));
        let removed = store.wait(store.objects.delete(&part));
        copied.and(removed)
    };
    match placed {
        // A request that was repeated because its response was lost finds its own result.
        Err(Error::AlreadyExists { .. }) if holds(object, digest)? => Ok(()),
        placed => placed.map_err(io_error),
    }
}

/// Whether an object has this SHA-256.
fn holds(object: &Object, digest: &[u8; 32]) -> io::Result<bool> {
    Ok(digest_of(&mut object.open()?)? == *digest)
}

/// Uploads content in parts. It becomes visible when all parts have arrived; after an error, parts sent so far are
/// removed.
fn upload(store: &Store, key: &Path, content: &mut File, bytes: u64) -> io::Result<()> {
    let part_bytes = PART_BYTES.max(bytes.div_ceil(MOST_PARTS));
    store.wait(async {
        let upload = store.objects.put_multipart(key).await.map_err(io_error)?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, part_bytes as usize);
        match send(&mut upload, content, part_bytes).await {
            Ok(()) => upload.finish().await.map(drop).map_err(io_error),
            Err(error) => {
                let _ = upload.abort().await; // the earlier error is the one to report
                Err(error)
            }
        }
    })
}

async fn send(upload: &mut WriteMultipart, content: &mut File, part_bytes: u64) -> io::Result<()> {
    loop {
        upload.wait_for_capacity(PARTS_AT_ONCE).await.map_err(io_error)?;
        let mut part = Vec::new();
        content.take(part_bytes).read_to_end(&mut part)?;
        if part.is_empty() {
            return Ok(());
        }
        upload.put(part.into());
    }
}
