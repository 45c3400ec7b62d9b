//! Unfinished files, and their removal when the program is interrupted.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use tempfile::NamedTempFile;

use super::lock::lock;

const PREFIX: &str = ".ansel-";
const RANDOM_CHARACTERS: usize = 6;

static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn unfinished() -> MutexGuard<'static, Vec<PathBuf>> {
    lock(&UNFINISHED)
}

/// Removes unfinished files at an interrupt, then ends as the signal demands.
#[cfg(unix)]
pub fn watch() -> io::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    std::thread::spawn(move || {
        for signal in signals.forever() {
            let unfinished = unfinished(); // held, so that no more are created
            unfinished.iter().for_each(|path| _ = std::fs::remove_file(path));
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    });
    Ok(())
}

/// On other systems, the next run reports what an interrupt left behind.
#[cfg(not(unix))]
pub fn watch() -> io::Result<()> {
    Ok(())
}

/// A file that is renamed once it is complete, and removed otherwise.
#[derive(Debug)]
pub struct Unfinished {
    pub file: NamedTempFile,
    listed: Listed,
}

/// A path in the list of unfinished files.
#[derive(Debug)]
struct Listed(PathBuf);

impl Drop for Listed {
    fn drop(&mut self) {
        unfinished().retain(|path| *path != self.0);
    }
}

impl Unfinished {
    pub fn create(folder: &Path) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX).rand_bytes(RANDOM_CHARACTERS);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut unfinished = unfinished();
        let file = builder.tempfile_in(folder)?;
        unfinished.push(file.path().to_owned());
        let _ = file.as_file().lock(); // marks it as in use; some file systems have no locks
        let listed = Listed(file.path().to_owned());
        Ok(Self { file, listed })
    }

    /// Renames the file to its final name.
    pub fn finish(self, path: &Path, overwrite: bool) -> io::Result<()> {
        let Self { file, listed } = self;
        let finished = if overwrite { file.persist(path) } else { file.persist_noclobber(path) };
        drop(listed);
        finished.map(drop).map_err(|failed| failed.error)
    }
}

/// Unfinished files that a killed run left in a folder: those that are not locked.
pub fn left_behind(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix(PREFIX));
        name.is_some_and(|rest| rest.len() == RANDOM_CHARACTERS && rest.chars().all(|c| c.is_ascii_alphanumeric()))
    };
    let is_idle = |path: &PathBuf| {
        path.symlink_metadata().is_ok_and(|found| found.is_file())
            && File::open(path).is_ok_and(|file| file.try_lock_shared().is_ok())
    };
    entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_ours).filter(is_idle).collect()
}
