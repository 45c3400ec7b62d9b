//! The input of a compression, which is read several times: for its checksum, for its samples, and to compare a result.

use std::fs::File;
use std::io::{self, BufReader, Seek};

use ansel::Limits;

use super::digest::digest_of;
use super::failure::{Failure, Result};
use super::input::{self, ReadSeek};
use super::place::Place;

/// An input. An object of a store is downloaded once, to an anonymous temporary file.
#[derive(Debug)]
pub struct Source<'a> {
    place: &'a Place,
    fetched: Option<File>,
    /// Its length in bytes; 0 if unknown, as for standard input and pipes.
    pub bytes: u64,
}

impl<'a> Source<'a> {
    pub fn new(place: &'a Place) -> Result<Self> {
        let fetched = match place {
            Place::Object(object) => {
                let fetch = || {
                    let mut file = tempfile::tempfile()?;
                    let bytes = io::copy(&mut object.open()?, &mut file)?;
                    Ok((file, bytes))
                };
                Some(fetch().map_err(Failure::io("read", place.path()))?)
            }
            Place::Standard | Place::File(_) => None,
        };
        let bytes = fetched.as_ref().map_or_else(|| place.bytes().unwrap_or(0), |&(_, bytes)| bytes);
        Ok(Self { place, fetched: fetched.map(|(file, _)| file), bytes })
    }

    /// Opens the image, at its start.
    pub fn open(&self, limits: &Limits) -> Result<Box<dyn ReadSeek>> {
        match &self.fetched {
            None => input::open_image(self.place, limits),
            Some(file) => {
                let again = || {
                    let mut file = file.try_clone()?;
                    file.rewind()?;
                    Ok(file)
                };
                Ok(Box::new(BufReader::new(again().map_err(Failure::io("read", self.place.path()))?)))
            }
        }
    }

    /// Its SHA-256.
    pub fn digest(&self) -> Result<[u8; 32]> {
        let mut source = self.open(&Limits::default())?;
        digest_of(&mut source).map_err(Failure::io("read", self.place.path()))
    }
}
