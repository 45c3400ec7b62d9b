//! Which inputs there are, and where each result goes.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read, Seek, Write};
use std::path::{Path, PathBuf};

use ansel::{Error, Result};

use super::args::Output;

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

/// Puts a path into an [`Error::Io`] of the library about one action: it knows streams only.
pub fn about(done: &'static str, path: &Path) -> impl Fn(Error) -> Error {
    move |error| match error {
        Error::Io { action, source, .. } if action == done => io_error(action, path)(source),
        other => other,
    }
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
        if paths.is_empty() {
            let reason = format!("no file in it ends in .{}", extensions.join(", ."));
            return Err(io_error("find inputs in", input)(std::io::Error::new(std::io::ErrorKind::NotFound, reason)));
        }
        places.extend(paths.into_iter().map(Place::File));
    }
    Ok(places)
}

/// Every input with where its result goes; fails if two results would go to one place: files in a row on standard
/// output could not be told apart.
pub fn with_destinations(inputs: Vec<Place>, output: &Output, extension: &str) -> Result<Vec<(Place, Place)>> {
    let several = inputs.len() > 1;
    let mut pairs: Vec<(Place, Place)> = Vec::with_capacity(inputs.len());
    let mut taken = HashSet::new();
    for input in inputs {
        let target = destination(&input, several, output, extension);
        if !taken.insert(target.clone()) {
            let reason = "the results of two inputs would go there (give each a place of its own)";
            let source = std::io::Error::new(std::io::ErrorKind::AlreadyExists, reason);
            return Err(Error::Io { action: "write", path: target.to_string().into(), source });
        }
        pairs.push((input, target));
    }
    Ok(pairs)
}

/// Where the result of `input` goes: `-o` if it names a file, else a name with `extension` in the folder of `-o`
/// or beside the input.
fn destination(input: &Place, several: bool, output: &Output, extension: &str) -> Place {
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

/// What can be read from any position.
pub trait ReadSeek: BufRead + Seek {}

impl<T: BufRead + Seek> ReadSeek for T {}

/// Opens an input; standard input is read to its end first.
pub fn open(place: &Place) -> Result<Box<dyn ReadSeek>> {
    match place {
        Place::File(path) if path.is_file() => {
            Ok(Box::new(BufReader::new(File::open(path).map_err(io_error("read", path))?)))
        }
        // A pipe or a device has no positions.
        place => Ok(Box::new(Cursor::new(read(place)?))),
    }
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

/// Fails if writing to `place` would overwrite a file without `--force`. Called before the work is done.
pub fn check_overwrite(place: &Place, force: bool) -> Result<()> {
    match place {
        Place::File(path) if !force && path.symlink_metadata().is_ok() && !is_special(path) => Err(exists(path)),
        _ => Ok(()),
    }
}

/// Whether something is there that is written to rather than replaced: a device, a pipe.
fn is_special(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

fn exists(path: &Path) -> Error {
    let source = std::io::Error::new(std::io::ErrorKind::AlreadyExists, "it exists (use --force to overwrite)");
    Error::Io { action: "write", path: path.to_owned(), source }
}

/// Writes a result: to standard output, to a device or pipe, or to a temporary file that is renamed when it is
/// complete. What `content` fails to write becomes an error about `place`.
pub fn write(place: &Place, force: bool, content: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let path = place.path();
    let content = |output: &mut dyn Write| {
        content(output).and_then(|()| output.flush().map_err(io_error("write", path))).map_err(about("write", path))
    };
    if *place == Place::Standard {
        return content(&mut std::io::BufWriter::new(std::io::stdout().lock()));
    }
    if is_special(path) {
        let device = File::options().write(true).open(path).map_err(io_error("write", path))?;
        return content(&mut std::io::BufWriter::new(device));
    }
    // A link stays a link: what it points to is replaced.
    let linked = if path.is_symlink() { path.canonicalize().ok() } else { None };
    let path = linked.as_deref().unwrap_or(path);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(io_error("create", folder))?;
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let file = builder.prefix(".ansel-").tempfile_in(folder).map_err(io_error("write", path))?;
    content(&mut std::io::BufWriter::new(file.as_file()))?;
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
    fn two_inputs_with_one_destination_are_refused() {
        let inputs = |names: [&str; 2]| names.map(|name| Place::new(Path::new(name))).to_vec();
        let output = Output { output: Some("out".into()), force: true };
        assert!(with_destinations(inputs(["a/x.png", "b/x.png"]), &output, "ansel").is_err());
        assert!(with_destinations(inputs(["x.png", "x.bmp"]), &output, "ansel").is_err());
        assert!(with_destinations(inputs(["a/x.png", "b/y.png"]), &output, "ansel").is_ok());
        let standard = Output { output: Some("-".into()), force: true };
        assert!(with_destinations(inputs(["a/x.png", "b/y.png"]), &standard, "ansel").is_err());
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
