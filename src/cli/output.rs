//! Writes results: nothing is put in place before it is complete.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::failure::{Failure, Result, about, io_error};
use super::input::digest_at;
use super::jobs::Job;
use super::place::{Place, folder_of, is_special};
use super::signals::Unfinished;

/// A result that is in place.
#[derive(Debug)]
pub struct Written {
    pub place: Place,
    pub digest: [u8; 32],
}

/// Fails if writing to `place` would overwrite a file without `--force`. Called before any work is done.
pub fn check_overwrite(place: &Place, force: bool) -> Result<()> {
    match place {
        Place::Standard => Ok(()),
        Place::File(path) if is_special(path) => Ok(()),
        Place::File(_) | Place::Object(_) => {
            if !force && place.exists()? {
                Err(Failure::io("write", place.path())(exists()))
            } else {
                Ok(())
            }
        }
    }
}

fn exists() -> io::Error {
    io::Error::new(ErrorKind::AlreadyExists, "it exists (use --force to overwrite)")
}

/// Writes a result: to standard output, to a device or pipe, or to an unfinished file that is renamed once it is
/// complete. Objects are also sent only once they are complete. Errors of writing in `content` become errors about
/// `place`.
pub fn write(
    place: &Place,
    force: bool,
    content: impl FnOnce(&mut (dyn Write + Send)) -> ansel::Result<()>,
) -> Result<Written> {
    let path = place.path();
    match place {
        Place::Standard => fill(io::stdout(), place, content),
        Place::File(path) if is_special(path) => {
            let device = File::options().write(true).open(path).map_err(Failure::io("write", path))?;
            fill(device, place, content)
        }
        Place::File(path) => write_file(path, force, content),
        Place::Object(object) => {
            let mut file = tempfile::tempfile().map_err(Failure::io("write", path))?;
            let written = fill(&file, place, content)?;
            object.put(&mut file, &written.digest, force).map_err(|error| not_placed(error, path))?;
            Ok(written)
        }
    }
}

fn write_file(
    path: &Path,
    force: bool,
    content: impl FnOnce(&mut (dyn Write + Send)) -> ansel::Result<()>,
) -> Result<Written> {
    // A symbolic link is kept: the file that it points to is replaced.
    let linked = if path.is_symlink() { path.canonicalize().ok() } else { None };
    let path = linked.as_deref().unwrap_or(path);
    let folder = folder_of(path);
    std::fs::create_dir_all(folder).map_err(Failure::io("create", folder))?;
    let unfinished = Unfinished::create(folder).map_err(Failure::io("write", path))?;
    let written = fill(unfinished.file.as_file(), &Place::File(path.to_owned()), content)?;
    unfinished.file.as_file().sync_all().map_err(Failure::io("write", path))?;
    unfinished.finish(path, force).map_err(|error| not_placed(error, path))?;
    Ok(written)
}

/// The failure to put a complete result in place.
fn not_placed(error: io::Error, path: &Path) -> Failure {
    let error = if error.kind() == ErrorKind::AlreadyExists { exists() } else { error };
    Failure::io("write", path)(error)
}

/// Writes all of a result, and computes its digest.
fn fill(
    output: impl Write + Send,
    place: &Place,
    content: impl FnOnce(&mut (dyn Write + Send)) -> ansel::Result<()>,
) -> Result<Written> {
    let mut output = Digesting { output: BufWriter::new(output), digest: Sha256::new() };
    content(&mut output)
        .and_then(|()| output.flush().map_err(io_error("write", place.path())))
        .map_err(about("write", place.path()))?;
    Ok(Written { place: place.clone(), digest: output.digest.finalize().into() })
}

/// A writer that computes the digest of what it passes on.
struct Digesting<W> {
    output: W,
    digest: Sha256,
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.output.write(bytes)?;
        self.digest.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// Removes an input whose result is on the disk, or in its store, and reads back unchanged.
pub fn remove_input(job: &Job, written: &Written) -> Result<()> {
    let Written { place, digest } = written;
    if let Some(path) = place.local() {
        sync_folder(path).map_err(Failure::io("write", path))?;
    }
    if digest_at(place)? != *digest {
        let reason = "it is not what was written, so the input is kept";
        return Err(Failure::io("read back", place.path())(io::Error::new(ErrorKind::InvalidData, reason)));
    }
    job.input.remove()
}

/// Makes sure that the name of a file is on the disk, too.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder_of(path))?.sync_all() } else { Ok(()) }
}

/// Makes `copy` a hard link to `first`, an identical file; an existing `copy` is replaced if `overwrite` is set.
pub fn link(first: &Path, copy: &Path, overwrite: bool) -> Result<()> {
    let folder = folder_of(copy);
    std::fs::create_dir_all(folder).map_err(Failure::io("create", folder))?;
    if are_linked(first, copy) {
        return Ok(()); // renaming one to the other would do nothing
    }
    let linked = tempfile::Builder::new().make_in(folder, |path| std::fs::hard_link(first, path));
    let placed = linked.and_then(|linked| {
        let linked = linked.into_temp_path();
        let placed = if overwrite { linked.persist(copy) } else { linked.persist_noclobber(copy) };
        placed.map_err(|failed| failed.error)
    });
    placed.map_err(Failure::io("link", copy))
}

/// Whether two names refer to the same file.
fn are_linked(first: &Path, second: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let identity = |path: &Path| path.symlink_metadata().map(|found| (found.dev(), found.ino()));
        matches!((identity(first), identity(second)), (Ok(first), Ok(second)) if first == second)
    }
    #[cfg(not(unix))]
    {
        let _ = (first, second);
        false
    }
}
