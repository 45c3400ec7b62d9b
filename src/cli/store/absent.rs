//! A stand-in for object stores in builds without them.

use std::fs::File;
use std::io;
use std::path::Path;

use super::failure::{Failure, Result};
use super::names::{Url, printable};

/// Has no values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {}

impl Object {
    pub fn at(url: &Url<'_>) -> Result<Self> {
        let url = url.to_path();
        let name = printable(url.as_os_str());
        Err(Failure::Usage(format!(
            "{name} is in an object store, and this program was built without the feature `stores`"
        )))
    }

    pub fn url(&self) -> &Path {
        match *self {}
    }

    pub fn bytes(&self) -> io::Result<Option<u64>> {
        match *self {}
    }

    pub fn found(&self) -> io::Result<Option<Self>> {
        match *self {}
    }

    pub fn list(&self, _: bool) -> io::Result<Vec<Self>> {
        match *self {}
    }

    pub fn open(&self) -> io::Result<io::Empty> {
        match *self {}
    }

    pub fn put(&self, _: &mut File, _: &[u8; 32], _: bool) -> io::Result<()> {
        match *self {}
    }

    pub fn remove(&self) -> io::Result<()> {
        match *self {}
    }
}
