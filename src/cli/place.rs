//! Where files are, and how their names are printed.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::manifest::unhex;

/// A place to read from or write to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// Standard input or output.
    Standard,
    File(PathBuf),
}

impl Place {
    /// `-` is standard input or output.
    pub fn new(path: &Path) -> Self {
        if path.as_os_str() == "-" { Self::Standard } else { Self::File(path.to_owned()) }
    }

    /// The path, for messages.
    pub fn path(&self) -> &Path {
        match self {
            Self::Standard => Path::new("-"),
            Self::File(path) => path,
        }
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

    #[cfg(unix)]
    #[test]
    fn names_that_are_not_utf_8_survive() {
        use std::os::unix::ffi::OsStrExt;
        let mut object = serde_json::json!({});
        Place::new(Path::new(OsStr::from_bytes(b"a\xff.png"))).put(&mut object, "file");
        assert_eq!(object, serde_json::json!({ "file": "a\\xff.png", "file_hex": "61ff2e706e67" }));
        assert_eq!(Place::get(&object, "file").as_deref(), Some(Path::new(OsStr::from_bytes(b"a\xff.png"))));
    }
}
