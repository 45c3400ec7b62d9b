//! Where files are, and how their names are printed.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::failure::{Failure, Result};
use super::manifest::unhex;
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

    /// The path of a file.
    pub fn local(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Standard | Self::Object(_) => None,
        }
    }

    /// Whether something is there.
    pub fn exists(&self) -> Result<bool> {
        match self {
            Self::Standard => Ok(true),
            Self::File(path) => Ok(path.symlink_metadata().is_ok()),
            Self::Object(object) => Ok(object.bytes().map_err(Failure::io("look for", object.url()))?.is_some()),
        }
    }

    /// The size of what is there, if it is known: of standard input and pipes, it is not.
    pub fn bytes(&self) -> Option<u64> {
        match self {
            Self::Standard => None,
            Self::File(path) => path.metadata().ok().filter(|found| found.is_file()).map(|found| found.len()),
            Self::Object(object) => object.bytes().ok().flatten(),
        }
    }

    /// Removes what is there.
    pub fn remove(&self) -> Result<()> {
        let removed = match self {
            Self::Standard => Ok(()),
            Self::File(path) => std::fs::remove_file(path),
            Self::Object(object) => object.remove(),
        };
        removed.map_err(Failure::io("remove", self.path()))
    }

    /// Puts the name into a JSON object. One that is not UTF-8 has its other bytes escaped, and is given in whole, in
    /// hexadecimal, beside it.
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
    /// The path that [`put`](Self::put) has put into a JSON object.
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

/// Elsewhere, names that are not Unicode have bytes that no path is made of safely.
#[cfg(not(unix))]
fn path_of(_: Vec<u8>) -> Option<PathBuf> {
    None
}

/// The URL of an object: SCHEME://BUCKET/KEY. Keys are as they are in the store; nothing in them is escaped.
#[derive(Debug, Clone, Copy)]
pub struct Url<'a> {
    pub scheme: &'a str,
    /// Empty for files.
    pub bucket: &'a str,
    /// Empty for a bucket itself.
    pub key: &'a str,
}

impl<'a> Url<'a> {
    /// The parts of a path that is the URL of an object.
    pub fn of(path: &'a Path) -> Option<Self> {
        let (scheme, rest) = path.to_str()?.split_once("://")?;
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        ["s3", "gs", "az", "file"].contains(&scheme).then_some(Self { scheme, bucket, key })
    }

    pub fn to_path(self) -> PathBuf {
        format!("{}://{}/{}", self.scheme, self.bucket, self.key).into()
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&printable(self.path().as_os_str()))
    }
}

/// A name in which control characters, which a terminal would obey, and bytes that are not UTF-8 are escaped.
pub fn printable(name: &OsStr) -> String {
    let mut text = String::new();
    for chunk in name.as_encoded_bytes().utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() { text.extend(character.escape_default()) } else { text.push(character) }
        }
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_printed_without_control_characters() {
        for (name, printed) in [
            ("a b\u{e9}.png", "a b\u{e9}.png"),
            ("a\x1b[2Jb", "a\\u{1b}[2Jb"),
            ("a\nb\x7f", "a\\nb\\u{7f}"),
            ("\u{9b}", "\\u{9b}"),
        ] {
            assert_eq!(printable(OsStr::new(name)), printed);
        }
    }

    #[test]
    fn urls_have_a_scheme_a_bucket_and_a_key() {
        let parts = |name| Url::of(Path::new(name)).map(|Url { scheme, bucket, key }| [scheme, bucket, key]);
        assert_eq!(parts("s3://bucket/a b/c#%20.png"), Some(["s3", "bucket", "a b/c#%20.png"]));
        assert_eq!(parts("gs://bucket"), Some(["gs", "bucket", ""]));
        assert_eq!(parts("file:///a/b.png"), Some(["file", "", "a/b.png"]));
        for path in ["s3:/bucket/a.png", "ftp://a/b.png", "a/s3://b.png", "-"] {
            assert_eq!(parts(path), None, "{path}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_not_utf_8_survive() {
        use std::os::unix::ffi::OsStrExt;
        let mut object = serde_json::json!({});
        Place::File(PathBuf::from(OsStr::from_bytes(b"a\xff.png"))).put(&mut object, "file");
        assert_eq!(object, serde_json::json!({ "file": "a\\xff.png", "file_hex": "61ff2e706e67" }));
        assert_eq!(Place::get(&object, "file").as_deref(), Some(Path::new(OsStr::from_bytes(b"a\xff.png"))));
    }
}
