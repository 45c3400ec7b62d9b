//! Which inputs there are, and where each result goes.

use std::fs::File;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use ansel::{Error, Result};

use super::args::Output;

/// A place to read from or write to.
#[derive(Debug, Clone, PartialEq, Eq)]
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
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Standard => f.write_str("-"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// An [`Error::Io`] about a path.
pub fn io_error(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::Io { action, path: path.to_owned(), source }
}

/// Lists the inputs; a folder stands for its files that have one of the extensions, in the order of their names.
pub fn list(inputs: &[PathBuf], extensions: &[&str]) -> Result<Vec<Place>> {
    let mut places = Vec::new();
    for input in inputs {
        if !input.is_dir() {
            places.push(Place::new(input));
            continue;
        }
        let fits = |path: &PathBuf| {
            let extension = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
            path.is_file() && extension.is_some_and(|e| extensions.contains(&e.as_str()))
        };
        let entries = std::fs::read_dir(input).map_err(io_error("list", input))?;
        let paths: std::io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
        let mut paths = paths.map_err(io_error("list", input))?;
        paths.retain(fits);
        paths.sort();
        places.extend(paths.into_iter().map(Place::File));
    }
    Ok(places)
}

/// Where the result of `input` goes: `-o` if it names a file, else a name with `extension` in the folder of `-o`
/// or beside the input.
pub fn destination(input: &Place, several: bool, output: &Output, extension: &str) -> Place {
    let (folder, name) = match (&output.output, input) {
        (Some(path), _) if path.as_os_str() == "-" => return Place::Standard,
        (Some(path), _) if !several && !path.is_dir() && !ends_in_separator(path) => return Place::new(path),
        (None, Place::Standard) => return Place::Standard,
        (Some(folder), Place::Standard) => (folder.clone(), PathBuf::from("stdin")),
        (folder, Place::File(file)) => {
            let beside = || file.parent().map(Path::to_owned).unwrap_or_default();
            (folder.clone().unwrap_or_else(beside), file.file_name().map(PathBuf::from).unwrap_or_default())
        }
    };
    Place::File(folder.join(name).with_extension(extension))
}

fn ends_in_separator(path: &Path) -> bool {
    path.as_os_str().to_string_lossy().ends_with(std::path::is_separator)
}

/// Reads all of an input.
pub fn read(place: &Place) -> Result<Vec<u8>> {
    match place {
        Place::File(path) => std::fs::read(path).map_err(io_error("read", path)),
        Place::Standard => {
            let mut bytes = Vec::new();
            std::io::stdin().lock().read_to_end(&mut bytes).map_err(io_error("read", Path::new("-")))?;
            Ok(bytes)
        }
    }
}

/// Opens an input for reading and seeking.
pub fn open(place: &Place) -> Result<Box<dyn SeekableRead>> {
    match place {
        Place::File(path) => {
            let file = File::open(path).map_err(io_error("read", path))?;
            Ok(Box::new(std::io::BufReader::new(file)))
        }
        Place::Standard => Ok(Box::new(Cursor::new(read(place)?))),
    }
}

/// What an image is read from.
pub trait SeekableRead: std::io::BufRead + std::io::Seek {}
impl<T: std::io::BufRead + std::io::Seek> SeekableRead for T {}

/// Fails if writing to `place` would overwrite a file without `--force`. Called before the work is done.
pub fn check_overwrite(place: &Place, force: bool) -> Result<()> {
    match place {
        Place::File(path) if !force && path.symlink_metadata().is_ok() => Err(exists(path)),
        _ => Ok(()),
    }
}

fn exists(path: &Path) -> Error {
    let source = std::io::Error::new(std::io::ErrorKind::AlreadyExists, "it exists (use --force to overwrite)");
    Error::Io { action: "write", path: path.to_owned(), source }
}

/// Writes a result: to standard output, or to a temporary file that is renamed when it is complete.
pub fn write(place: &Place, force: bool, content: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let path = match place {
        Place::Standard => {
            let mut output = std::io::BufWriter::new(std::io::stdout().lock());
            content(&mut output)?;
            return output.flush().map_err(io_error("write", Path::new("-")));
        }
        Place::File(path) => path,
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(io_error("create", folder))?;
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let file = builder.prefix(".ansel-").tempfile_in(folder).map_err(io_error("write", path))?;
    let mut output = std::io::BufWriter::new(file);
    content(&mut output)?;
    let file = output.into_inner().map_err(|e| io_error("write", path)(e.into_error()))?;
    file.as_file().sync_all().map_err(io_error("write", path))?;
    let persisted = if force { file.persist(path) } else { file.persist_noclobber(path) };
    match persisted {
        Ok(_) => Ok(()),
        Err(e) if e.error.kind() == std::io::ErrorKind::AlreadyExists => Err(exists(path)),
        Err(e) => Err(io_error("write", path)(e.error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goes_to(input: &str, several: bool, output: Option<&str>) -> String {
        let output = Output { output: output.map(PathBuf::from), force: false };
        destination(&Place::new(Path::new(input)), several, &output, "ansel").to_string()
    }

    #[test]
    fn results_go_beside_the_input_or_where_the_output_says() {
        assert_eq!(goes_to("a/photo.png", false, None), "a/photo.ansel");
        assert_eq!(goes_to("photo.png", true, None), "photo.ansel");
        assert_eq!(goes_to("photo.png", false, Some("x.bin")), "x.bin");
        assert_eq!(goes_to("a/photo.png", true, Some("out")), "out/photo.ansel");
        assert_eq!(goes_to("a/photo.png", false, Some("out/")), "out/photo.ansel");
        assert_eq!(goes_to("photo.png", false, Some("-")), "-");
        assert_eq!(goes_to("-", false, None), "-");
    }
}
