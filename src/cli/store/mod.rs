//! Objects of stores: s3://BUCKET/KEY, gs://BUCKET/KEY, az://CONTAINER/KEY and file:///PATH.

mod connect;
mod read;
mod write;

use std::fs::File;
use std::io;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, ObjectMeta, ObjectStoreExt};

use self::connect::Store;
use self::read::Ranged;
use super::failure::{Failure, Result};
use super::names::Url;

/// An object; or a common prefix of objects, where a folder is meant.
#[derive(Debug, Clone)]
pub struct Object {
    store: Arc<Store>,
    key: Path,
    url: PathBuf,
    /// What the store reported about it earlier.
    listed: Option<Found>,
}

/// What a store reports about an object.
#[derive(Debug, Clone)]
struct Found {
    bytes: u64,
    /// Changes when the object is replaced.
    tag: Option<String>,
}

impl From<ObjectMeta> for Found {
    fn from(found: ObjectMeta) -> Self {
        Self { bytes: found.size, tag: found.e_tag }
    }
}

impl Object {
    /// The object of a URL, which need not exist. Connects the store if necessary.
    pub fn at(url: &Url<'_>) -> Result<Self> {
        let failed = |error| Failure::io("open", &url.to_path())(error);
        let key = Path::parse(url.key).map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
        let store = connect::store(url.scheme, url.bucket).map_err(failed)?;
        Ok(Self::new(store, key, None))
    }

    fn new(store: Arc<Store>, key: Path, listed: Option<Found>) -> Self {
        let url = format!("{}/{key}", store.root).into();
        Self { store, key, url, listed }
    }

    /// The URL, as in messages and manifests.
    pub fn url(&self) -> &FilePath {
        &self.url
    }

    /// Its size in bytes; `None` if it does not exist.
    pub fn bytes(&self) -> io::Result<Option<u64>> {
        Ok(self.find()?.map(|found| found.bytes))
    }

    /// The object with what the store reports about it, to save later requests; `None` if it does not exist.
    pub fn found(&self) -> io::Result<Option<Self>> {
        Ok(self.find()?.map(|found| Self { listed: Some(found), ..self.clone() }))
    }

    fn find(&self) -> io::Result<Option<Found>> {
        if self.listed.is_some() {
            return Ok(self.listed.clone());
        }
        match self.store.wait(self.store.objects.head(&self.key)) {
            Ok(found) => Ok(Some(found.into())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(io_error(error)),
        }
    }

    /// The objects below it, sorted by name; with `recursive`, those of subfolders, too.
    pub fn list(&self, recursive: bool) -> io::Result<Vec<Self>> {
        let Self { store, key, .. } = self;
        let below = Some(key).filter(|key| !key.as_ref().is_empty());
        let found = if recursive {
            store.wait(store.objects.list(below).try_collect::<Vec<_>>())
        } else {
            store.wait(store.objects.list_with_delimiter(below)).map(|found| found.objects)
        };
        let mut found = found.map_err(io_error)?;
        found.sort_by(|first, second| first.location.cmp(&second.location));
        let object = |found: ObjectMeta| Self::new(store.clone(), found.location.clone(), Some(found.into()));
        Ok(found.into_iter().map(object).collect())
    }

    /// Opens the object. Bytes are fetched as they are read.
    pub fn open(&self) -> io::Result<Ranged> {
        Ranged::open(self)
    }

    /// Uploads a file with this SHA-256 as the object: completely or not at all. Fails if the object exists, unless it
    /// may be overwritten.
    pub fn put(&self, content: &mut File, digest: &[u8; 32], overwrite: bool) -> io::Result<()> {
        write::put(self, content, digest, overwrite)
    }

    /// Removes the object.
    pub fn remove(&self) -> io::Result<()> {
        self.store.wait(self.store.objects.delete(&self.key)).map_err(io_error)
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.url == other.url
    }
}

impl Eq for Object {}

/// Converts an error of a store to the one a file system would give.
fn io_error(error: Error) -> io::Error {
    match &error {
        Error::NotFound { .. } => io::Error::new(io::ErrorKind::NotFound, "there is no such object"),
        Error::AlreadyExists { .. } => io::Error::new(io::ErrorKind::AlreadyExists, error),
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            io::Error::new(io::ErrorKind::PermissionDenied, error)
        }
        Error::Precondition { .. } => io::Error::other("it was replaced meanwhile"),
        _ => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests;
