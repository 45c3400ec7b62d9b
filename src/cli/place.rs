//! Places of files, and their names in output.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::digest::unhex;
use super::failure::{Failure, Result};
use super::names::{Url, printable};
use super::store::Object;

/// A place to read from or write to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Standard input or output.
    Standard,
    File(PathBuf),
    /// An object of a store.
    Object(Object),
}

impl Place {
    /// `-` is standard input or output, and URLs are objects.
    pub fn new(path: &Path) -> Result<Self> {
        match Url::of(path) {
            _ if path.as_os_str() == "-" => Ok(Self::Standard),
            Some(url) => Object::at(&url).map(Self::Object),
            None => Ok(Self::File(path.to_owned())),
        }
    }

    /// The path, or the URL, for messages.
    pub fn path(&self) -> &Path {
        match self {
            Self::Standard => Path::new("-"),
            Self::File(path) => path,
            Self::Object(object) => object.url(),
        }
    }

    /// The path, if it is a local file.
    pub fn local(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Standard | Self::Object(_) => None,
        }
    }

    /// Whether a file or object exists.
    pub fn exists(&self) -> Result<bool> {
        match self {
            Self::Standard => Ok(true),
            Self::File(path) => Ok(path.symlink_metadata().is_ok()),
            Self::Object(object) => Ok(object.bytes().map_err(Failure::io("look for", object.url()))?.is_some()),
        }
    }

    /// The size in bytes, if it is known; for standard input and pipes it is not.
    pub fn bytes(&self) -> Option<u64> {
        match self {
            Self::Standard => None,
            Self::File(path) => path.metadata().ok().filter(|found| found.is_file()).map(|found| found.len()),
            Self::Object(object) => object.bytes().ok().flatten(),
        }
    }

    /// Removes the file or object.
    pub fn remove(&self) -> Result<()> {
        let removed = match self {
            Self::Standard => Ok(()),
            Self::File(path) => std::fs::remove_file(path),
            Self::Object(object) => object.remove(),
        };
        removed.map_err(Failure::io("remove", self.path()))
    }

    /// Adds the name to a JSON object. If it is not UTF-8, invalid bytes are escaped, and the exact name is added in
    /// hexadecimal.
    pub fn put(&self, object: &mut Value, key: &str) {
        let name = self.path().as_os_str();
        object[key] = name.to_str().map_or_else(|| printable(name), str::to_owned).into();
        if name.to_str().is_none() {
            let bytes = name.as_encoded_bytes();
            object[format!("{key}_hex")] = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into();
        }
    }
}

impl Place {
    /// Reads a path that [`put`](Self::put) added to a JSON object.
    pub fn get(object: &Value, key: &str) -> Option<PathBuf> {
        match object[format!("{key}_hex")].as_str() {
            None => object[key].as_str().map(PathBuf::from),
            Some(name) => path_of(unhex(name)?),
        }
    }
}

#[cfg(unix)]
fn path_of(bytes: Vec<u8>) -> Option<PathBuf> {
    Some(std::os::unix::ffi::OsStringExt::from_vec(bytes)).map(|name: std::ffi::OsString| name.into())
}

/// On other systems, non-Unicode names have bytes that cannot safely be turned into a path.
#[cfg(not(unix))]
fn path_of(_: Vec<u8>) -> Option<PathBuf> {
    None
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&printable(self.path().as_os_str()))
    }
}

/// Whether the path is a device or pipe, which is written to rather than replaced.
pub fn is_special(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// The folder of a file.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn names_that_are_not_utf_8_survive() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;

        let mut object = serde_json::json!({});
        Place::File(PathBuf::from(OsStr::from_bytes(b"a\xff.png"))).put(&mut object, "file");
        assert_eq!(object, serde_json::json!({ "file": "a\\xff.png", "file_hex": "61ff2e706e67" }));
        assert_eq!(Place::get(&object, "file").as_deref(), Some(Path::new(OsStr::from_bytes(b"a\xff.png"))));
    }
}
