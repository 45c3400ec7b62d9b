//! An object as a seekable file: ranges are fetched as they are read.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use object_store::{GetOptions, GetRange};

use super::{Found, Object, io_error};

/// Bytes fetched at once: the first time after a seek, and at most; the number doubles while reading continues.
const FIRST_BYTES: u64 = 1 << 16;
const MOST_BYTES: u64 = 1 << 23;

/// An open object.
#[derive(Debug)]
pub struct Ranged {
    object: Object,
    found: Found,
    position: u64,
    /// The bytes fetched last, and their position.
    fetched: Vec<u8>,
    start: u64,
    /// Bytes to fetch next if reading continues after these.
    next_bytes: u64,
}

impl Ranged {
    pub(super) fn open(object: &Object) -> io::Result<Self> {
        let found = object.find()?.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there is no such object"))?;
        let (object, fetched) = (object.clone(), Vec::new());
        Ok(Self { object, found, position: 0, fetched, start: 0, next_bytes: FIRST_BYTES })
    }

    /// The fetched bytes from the current position on.
    fn ahead(&self) -> &[u8] {
        let offset = self.position.checked_sub(self.start).and_then(|offset| usize::try_from(offset).ok());
        offset.and_then(|offset| self.fetched.get(offset..)).unwrap_or_default()
    }

    fn fetch(&mut self) -> io::Result<()> {
        let goes_on = self.position == self.start + self.fetched.len() as u64;
        let bytes = if goes_on { self.next_bytes } else { FIRST_BYTES };
        let end = self.position.saturating_add(bytes).min(self.found.bytes);
        let Object { store, key, .. } = &self.object;
        // With the tag, the request fails for an object that was replaced meanwhile.
        let range = Some(GetRange::Bounded(self.position..end));
        let options = GetOptions { range, if_match: self.found.tag.clone(), ..GetOptions::default() };
        let fetched =
            store.wait(async { store.objects.get_opts(key, options).await?.bytes().await }).map_err(io_error)?;
        if fetched.len() as u64 != end - self.position {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the store sent fewer bytes than the object has"));
        }
        (self.fetched, self.start) = (fetched.into(), self.position);
        self.next_bytes = (2 * bytes).min(MOST_BYTES);
        Ok(())
    }
}

impl Read for Ranged {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Ranged {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.ahead().is_empty() && self.position < self.found.bytes {
            self.fetch()?;
        }
        Ok(self.ahead())
    }

    fn consume(&mut self, amount: usize) {
        self.position += amount as u64;
    }
}

impl Seek for Ranged {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
            SeekFrom::End(offset) => self.found.bytes.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
