//! Finds the inputs, and opens them.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use ansel::Limits;

use super::digest::digest_of;
use super::failure::{Failure, Result, TooLong};
use super::names::Url;
use super::place::Place;
use super::report::Reporter;
use super::store::Object;

/// A file to work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    pub place: Place,
    /// Its folder relative to the folder that was given; `None` if the file itself was given.
    pub below: Option<PathBuf>,
}

/// Lists the inputs. A folder stands for its files with one of the extensions, in the order of their names; with
/// `recursive`, for those in all subfolders, too.
pub fn list(reporter: &Reporter, paths: &[PathBuf], recursive: bool, extensions: &[&str]) -> Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for path in paths {
        let found = match Place::new(path)? {
            Place::Object(object) => objects(path, object, recursive, extensions)?,
            Place::File(folder) if folder.is_dir() => files(reporter, &folder, recursive, extensions)?,
            place => vec![Input { place, below: None }],
        };
        if found.is_empty() {
            let reason = format!("no file in it ends in .{}", extensions.join(", ."));
            return Err(Failure::io("find inputs in", path)(io::Error::new(ErrorKind::NotFound, reason)));
        }
        inputs.extend(found);
    }
    if inputs.iter().filter(|input| input.place == Place::Standard).count() > 1 {
        return Err(Failure::Usage("standard input can only be read once".to_owned()));
    }
    Ok(inputs)
}

/// An object; or those with one of the extensions whose names start with a given prefix, since stores have no folders.
/// A name that is neither counts as a missing object.
fn objects(url: &Path, named: Object, recursive: bool, extensions: &[&str]) -> Result<Vec<Input>> {
    let is_folder =
        url.to_str().is_some_and(|url| url.ends_with('/')) || Url::of(url).is_some_and(|url| url.key.is_empty());
    let object = |object| vec![Input { place: Place::Object(object), below: None }];
    if !is_folder && let Some(found) = named.found().map_err(Failure::io("look for", named.url()))? {
        return Ok(object(found));
    }
    let listed = named.list(recursive).map_err(Failure::io("list", named.url()))?;
    if listed.is_empty() && !is_folder {
        return Ok(object(named));
    }
    let wanted = listed.into_iter().filter(|object| has_extension(object.url(), extensions));
    let input = |object: Object| {
        let below = object.url().strip_prefix(named.url()).ok().and_then(Path::parent).map(Path::to_owned);
        Input { place: Place::Object(object), below: Some(below.unwrap_or_default()) }
    };
    Ok(wanted.map(input).collect())
}

/// The files of a folder with one of the extensions, folder by folder.
fn files(reporter: &Reporter, path: &Path, recursive: bool, extensions: &[&str]) -> Result<Vec<Input>> {
    let (mut inputs, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(below) = folders.pop() {
        let (files, mut inner) = entries(reporter, &path.join(&below), recursive, extensions)?;
        let input = |file| Input { place: Place::File(file), below: Some(below.clone()) };
        inputs.extend(files.into_iter().map(input));
        inner.reverse();
        folders.extend(inner.iter().filter_map(|folder| Some(below.join(folder.file_name()?))));
    }
    Ok(inputs)
}

/// The files of a folder with one of the extensions, and its subfolders if wanted, sorted by name.
fn entries(
    reporter: &Reporter,
    folder: &Path,
    recursive: bool,
    extensions: &[&str],
) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let entries: io::Result<Vec<PathBuf>> =
        std::fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut paths = entries.map_err(Failure::io("list", folder))?;
    paths.sort();
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for path in paths {
        let is_link = path.is_symlink();
        if path.is_dir() {
            if recursive && is_link {
                reporter.warn(&Place::File(path), "not entered: it is a link to a folder")?;
            } else if recursive {
                folders.push(path);
            }
        } else if has_extension(&path, extensions) {
            match path.metadata() {
                Ok(found) if found.is_file() => files.push(path),
                Ok(_) => reporter.warn(&Place::File(path), "not read: it is a pipe or a device")?,
                Err(_) if is_link => reporter.warn(&Place::File(path), "not read: it is a link to nothing")?,
                Err(error) => reporter.warn(&Place::File(path), &format!("not read: {error}"))?,
            }
        }
    }
    Ok((files, folders))
}

/// Whether a name has one of the extensions, in any case.
pub fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
    extension.is_some_and(|extension| extensions.contains(&extension.as_str()))
}

/// A seekable reader.
pub trait ReadSeek: BufRead + Seek + Send {}

impl<T: BufRead + Seek + Send> ReadSeek for T {}

/// Most bytes that are read after the end of an .ansel file.
const MOST_BEHIND: u64 = 1 << 20;

/// Opens an image.
pub fn open_image(place: &Place, limits: &Limits) -> Result<Box<dyn ReadSeek>> {
    open(place, limits, u64::MAX)
}

/// Opens an .ansel file.
pub fn open_ansel(place: &Place, limits: &Limits) -> Result<Box<dyn ReadSeek>> {
    open(place, limits, MOST_BEHIND)
}

fn open(place: &Place, limits: &Limits, most_behind: u64) -> Result<Box<dyn ReadSeek>> {
    let source: Box<dyn Read + Send> = match place {
        Place::Standard => Box::new(io::stdin()),
        Place::File(path) => {
            let file = File::open(path).map_err(Failure::io("read", path))?;
            if path.is_file() {
                return Ok(Box::new(BufReader::new(file)));
            }
            Box::new(file)
        }
        Place::Object(object) => return Ok(Box::new(object.open().map_err(Failure::io("read", place.path()))?)),
    };
    Ok(Box::new(Piped::new(source, most_bytes(limits), most_behind)))
}

/// An upper bound on the length of any image file within the limits, in any format.
fn most_bytes(limits: &Limits) -> u64 {
    const HEADER_BYTES: u64 = 1 << 20;
    limits.samples.saturating_mul(2).saturating_add(limits.metadata_bytes).saturating_add(HEADER_BYTES)
}

/// A pipe or a device, made seekable: read as far as needed, and kept in memory.
struct Piped<R> {
    source: R,
    seen: Vec<u8>,
    position: u64,
    most: u64,
    /// Bytes read at most to find the end.
    most_behind: u64,
}

impl<R: Read> Piped<R> {
    fn new(source: R, most: u64, most_behind: u64) -> Self {
        Self { source, seen: Vec::new(), position: 0, most, most_behind }
    }

    /// Reads until `length` bytes are in memory, or the input ends.
    fn read_to(&mut self, length: u64) -> io::Result<()> {
        const CHUNK_BYTES: u64 = 1 << 16;
        while (self.seen.len() as u64) < length {
            if self.source.by_ref().take(CHUNK_BYTES).read_to_end(&mut self.seen)? == 0 {
                break;
            }
            if self.seen.len() as u64 > self.most {
                return Err(io::Error::new(ErrorKind::FileTooLarge, TooLong(self.most)));
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Piped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: Read> BufRead for Piped<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.read_to(self.position.saturating_add(1))?;
        Ok(self.seen.get(self.position as usize..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.position += amount as u64;
    }
}

impl<R: Read> Seek for Piped<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
            SeekFrom::End(offset) => {
                self.read_to(self.position.saturating_add(self.most_behind))?;
                (self.seen.len() as u64).checked_add_signed(offset)
            }
        };
        self.position = position.ok_or(ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// The SHA-256 of a file or object.
pub fn digest_at(place: &Place) -> Result<[u8; 32]> {
    digest_of(&mut open(place, &Limits::default(), MOST_BEHIND)?).map_err(Failure::io("read", place.path()))
}

/// Reads a model file. The bound is larger than that of the library, which reports the error.
pub fn read_model(path: &Path) -> Result<Vec<u8>> {
    const MOST_BYTES: u64 = 64 << 20;
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes));
    read.map(|_| bytes).map_err(Failure::io("read", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_read_as_far_as_it_is_asked_for() {
        let mut piped = Piped::new(io::repeat(7), 1 << 20, u64::MAX);
        let mut bytes = [0; 10];
        piped.read_exact(&mut bytes).expect("bytes");
        assert_eq!((bytes, piped.seen.len()), ([7; 10], 1 << 16));
        piped.seek(SeekFrom::Start(1 << 19)).expect("a position");
        assert_eq!(piped.seen.len(), 1 << 16);
        piped.read_exact(&mut bytes).expect("bytes");
        assert!(piped.seek(SeekFrom::End(0)).is_err_and(|error| error.kind() == ErrorKind::FileTooLarge));
        assert!(piped.seen.len() <= (1 << 20) + (1 << 16));
        let mut piped = Piped::new(io::repeat(7), u64::MAX, 100);
        assert_eq!(piped.seek(SeekFrom::End(0)).expect("a position"), 1 << 16);
    }

    #[test]
    fn a_pipe_has_the_positions_of_a_file() {
        let bytes: Vec<u8> = (0..200).collect();
        let mut piped = Piped::new(&bytes[..], 1000, u64::MAX);
        assert_eq!(piped.seek(SeekFrom::End(-10)).expect("a position"), 190);
        let mut rest = Vec::new();
        piped.read_to_end(&mut rest).expect("bytes");
        assert_eq!(rest, bytes[190..]);
        piped.seek(SeekFrom::Start(3)).expect("a position");
        piped.seek_relative(4).expect("a position");
        assert_eq!(piped.fill_buf().expect("bytes")[0], 7);
        assert!(piped.seek(SeekFrom::Current(-8)).is_err());
        piped.seek(SeekFrom::Start(1 << 40)).expect("a position");
        assert!(piped.fill_buf().expect("no bytes").is_empty());
    }
}
