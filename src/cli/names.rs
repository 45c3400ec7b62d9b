//! Names: printing of paths, and parsing of URLs.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// A name with control characters (which terminals would obey) and non-UTF-8 bytes escaped.
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

/// The URL of an object: SCHEME://BUCKET/KEY. Keys are taken literally; nothing is escaped.
#[derive(Debug, Clone, Copy)]
pub struct Url<'a> {
    pub scheme: &'a str,
    /// Empty for files.
    pub bucket: &'a str,
    /// Empty for a bucket itself.
    pub key: &'a str,
}

impl<'a> Url<'a> {
    /// Parses a path that is the URL of an object.
    pub fn of(path: &'a Path) -> Option<Self> {
        let (scheme, rest) = path.to_str()?.split_once("://")?;
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        ["s3", "gs", "az", "file"].contains(&scheme).then_some(Self { scheme, bucket, key })
    }

    pub fn to_path(self) -> PathBuf {
        format!("{}://{}/{}", self.scheme, self.bucket, self.key).into()
    }
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
}
