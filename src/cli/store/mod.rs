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

/// An object, or what its name begins with, where a folder is meant.
#[derive(Debug, Clone)]
pub struct Object {
    store: Arc<Store>,
    key: Path,
    url: PathBuf,
    /// What the store said of it before.
    listed: Option<Found>,
}

/// What a store says of an object.
#[derive(Debug, Clone)]
struct Found {
    bytes: u64,
    /// Another one shows that the object was replaced.
    tag: Option<String>,
}

impl From<ObjectMeta> for Found {
    fn from(found: ObjectMeta) -> Self {
        Self { bytes: found.size, tag: found.e_tag }
    }
}

impl Object {
    /// The object of a URL, which need not be there. The store is connected, if it was not yet.
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

    /// The URL, as messages and manifests have it.
    pub fn url(&self) -> &FilePath {
        &self.url
    }

    /// Its size; none if it is not there.
    pub fn bytes(&self) -> io::Result<Option<u64>> {
        Ok(self.find()?.map(|found| found.bytes))
    }

    /// The object with what the store says of it, so that it is not asked again; none if it is not there.
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
            Err(error) => Err(said(error)),
        }
    }

    /// The objects below it, by name; with `recursive`, those of folders below, too.
    pub fn list(&self, recursive: bool) -> io::Result<Vec<Self>> {
        let Self { store, key, .. } = self;
        let below = Some(key).filter(|key| !key.as_ref().is_empty());
        let found = if recursive {
            store.wait(store.objects.list(below).try_collect::<Vec<_>>())
        } else {
            store.wait(store.objects.list_with_delimiter(below)).map(|found| found.objects)
        };
        let mut found = found.map_err(said)?;
        found.sort_by(|first, second| first.location.cmp(&second.location));
        let object = |found: ObjectMeta| Self::new(store.clone(), found.location.clone(), Some(found.into()));
        Ok(found.into_iter().map(object).collect())
    }

    /// Opens it. Bytes are fetched as they are read.
    pub fn open(&self) -> io::Result<Ranged> {
        Ranged::open(self)
    }

    /// Puts what a file holds, which has this SHA-256, in its place: whole, or not at all. Fails if something is there,
    /// unless it may be overwritten.
    pub fn put(&self, content: &mut File, digest: &[u8; 32], overwrite: bool) -> io::Result<()> {
        write::put(self, content, digest, overwrite)
    }

    /// Removes it.
    pub fn remove(&self) -> io::Result<()> {
        self.store.wait(self.store.objects.delete(&self.key)).map_err(said)
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.url == other.url
    }
}

impl Eq for Object {}

/// What a store says, as if a file system had said it.
fn said(error: Error) -> io::Error {
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
