//! The manifest: a line of JSON for each result, with its source and checksums.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ansel::Planes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::digest::{hex, unhex};
use super::failure::{Failure, Result};
use super::lock::lock;
use super::names::Url;
use super::place::{Place, folder_of};

/// An entry: one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The input, as it was given.
    pub source: PathBuf,
    pub source_bytes: u64,
    pub source_sha256: [u8; 32],
    /// The result.
    pub file: PathBuf,
    pub bytes: u64,
    pub sha256: [u8; 32],
    /// The checksum of [`PixelDigest`]; `None` for a JPEG file, which is stored itself.
    pub pixels_sha256: Option<[u8; 32]>,
    /// Sizes under other codecs, by name: from keys such as `jpeg_xl_bytes`, which users can add for comparison.
    pub others: Vec<(String, u64)>,
}

/// The SHA-256 of an image: width, channels and depth in 4 bytes each, then the samples as 16-bit numbers in raster
/// order, channels interleaved; all little-endian.
pub struct PixelDigest(Sha256);

impl PixelDigest {
    pub fn new(info: ansel::ImageInfo) -> Self {
        let shape = [info.width, info.channels as u32, info.depth];
        Self(Sha256::new_with_prefix(shape.map(u32::to_le_bytes).concat()))
    }

    /// Adds the next rows.
    pub fn add(&mut self, rows: &Planes) -> ansel::Result<()> {
        let bytes: Vec<u8> = rows.to_interleaved::<u16>()?.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        self.0.update(&bytes);
        Ok(())
    }

    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// A manifest that is being written.
#[derive(Debug)]
pub struct Manifest {
    path: PathBuf,
    file: Mutex<File>,
    /// Entries that it had when it was opened, by result.
    before: HashMap<PathBuf, Entry>,
}

impl Manifest {
    /// Starts a manifest, or continues one.
    pub fn open(path: &Path, resume: bool, force: bool) -> Result<Self> {
        let writing = |error| Failure::io("write", path)(error);
        if Url::of(path).is_some() {
            return Err(Failure::Usage("a manifest grows line by line, so it must be a local file".to_owned()));
        }
        let folder = folder_of(path);
        std::fs::create_dir_all(folder).map_err(Failure::io("create", folder))?;
        let mut before = HashMap::new();
        if resume && path.exists() {
            let (entries, length) = read_lines(path)?;
            before.extend(entries.into_iter().map(|entry| (entry.file.clone(), entry)));
            // A line that the interruption cut off is discarded.
            OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(length)).map_err(writing)?;
        } else if path.exists() && !force {
            let reason = "it exists (use --resume to go on with it, or --force to begin again)";
            return Err(writing(Error::new(ErrorKind::AlreadyExists, reason)));
        } else {
            File::create(path).map_err(writing)?;
        }
        let file = OpenOptions::new().append(true).open(path).map_err(writing)?;
        Ok(Self { path: path.to_owned(), file: Mutex::new(file), before })
    }

    /// The entry for a result when the manifest was opened.
    pub fn before(&self, file: &Path) -> Option<&Entry> {
        self.before.get(file)
    }

    /// Appends a line.
    pub fn add(&self, entry: &Entry) -> Result<()> {
        let line = format!("{}\n", to_json(entry, folder_of(&self.path)));
        lock(&self.file).write_all(line.as_bytes()).map_err(Failure::io("write", &self.path))
    }
}

/// All entries; the last one for each result.
pub fn read(path: &Path) -> Result<Vec<Entry>> {
    let (entries, _) = read_lines(path)?;
    let last: HashMap<PathBuf, usize> = entries.iter().enumerate().map(|(i, entry)| (entry.file.clone(), i)).collect();
    let is_last = |(index, entry): &(usize, Entry)| last[&entry.file] == *index;
    Ok(entries.into_iter().enumerate().filter(is_last).map(|(_, entry)| entry).collect())
}

/// The entries of all complete lines, and the length of these in bytes.
fn read_lines(path: &Path) -> Result<(Vec<Entry>, u64)> {
    let mut bytes = Vec::new();
    File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).map_err(Failure::io("read", path))?;
    let length = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    let mut entries = Vec::new();
    for (number, line) in bytes[..length].split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).enumerate() {
        let entry = serde_json::from_slice(line).ok().and_then(|value| from_json(&value, folder_of(path)));
        let invalid = || Error::new(ErrorKind::InvalidData, format!("line {} is no entry of a manifest", number + 1));
        entries.push(entry.ok_or_else(invalid).map_err(Failure::io("read", path))?);
    }
    Ok((entries, length as u64))
}

/// Results below the folder of the manifest are named relative to it, so that both can be moved together.
fn to_json(entry: &Entry, folder: &Path) -> Value {
    let below = entry.file.strip_prefix(folder).unwrap_or(&entry.file);
    let mut value = json!({
        "source_bytes": entry.source_bytes,
        "source_sha256": hex(&entry.source_sha256),
        "bytes": entry.bytes,
        "sha256": hex(&entry.sha256),
        "pixels_sha256": entry.pixels_sha256.map(|digest| hex(&digest)),
    });
    Place::File(entry.source.clone()).put(&mut value, "source");
    Place::File(below.to_owned()).put(&mut value, "file");
    entry.others.iter().for_each(|(name, bytes)| value[format!("{name}{OTHERS}")] = (*bytes).into());
    value
}

/// Suffix of the keys of other codecs.
const OTHERS: &str = "_bytes";

/// Sizes under other codecs.
fn others(value: &Value) -> Vec<(String, u64)> {
    let fields = value.as_object().into_iter().flatten().filter(|(key, _)| *key != "source_bytes");
    fields.filter_map(|(key, bytes)| Some((key.strip_suffix(OTHERS)?.to_owned(), bytes.as_u64()?))).collect()
}

fn from_json(value: &Value, folder: &Path) -> Option<Entry> {
    let file = Place::get(value, "file")?;
    let digest = |key: &str| -> Option<[u8; 32]> { unhex(value[key].as_str()?)?.try_into().ok() };
    Some(Entry {
        source: Place::get(value, "source")?,
        source_bytes: value["source_bytes"].as_u64()?,
        source_sha256: digest("source_sha256")?,
        file: if folder == Path::new(".") || Url::of(&file).is_some() { file } else { folder.join(file) },
        bytes: value["bytes"].as_u64()?,
        sha256: digest("sha256")?,
        pixels_sha256: if value["pixels_sha256"].is_null() { None } else { Some(digest("pixels_sha256")?) },
        others: others(value),
    })
}
