//! Decides where results go.

use std::collections::{HashMap, HashSet};
use std::io::{ErrorKind, IsTerminal};
use std::path::{Path, PathBuf};

use super::args::Output;
use super::failure::{Failure, Result};
use super::input::{self, Input, has_extension};
use super::names::{Url, printable};
use super::place::{Place, folder_of, is_special};
use super::report::Reporter;
use super::signals;

/// An input, and the place of its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub input: Place,
    pub target: Place,
    /// An earlier input with the same place for its result.
    pub clash: Option<Place>,
}

impl Job {
    /// Fails if the result of an earlier input goes to the same place; the earlier one is processed.
    pub fn check(&self) -> Result<()> {
        let Some(first) = &self.clash else { return Ok(()) };
        let (input, target) = (&self.input, self.target.path());
        let reason =
            format!("the result of {first} goes there; rename {input}, or give its result a name of its own (-o)");
        Err(Failure::io("write", target)(std::io::Error::new(ErrorKind::AlreadyExists, reason)))
    }
}

/// The direction of a command: what it reads and writes.
#[derive(Debug, Clone, Copy)]
pub struct Direction {
    pub command: &'static str,
    /// Extensions of files to read in a folder.
    pub read: &'static [&'static str],
    /// Extensions that a result may have.
    pub written: &'static [&'static str],
    /// The default extension of an input's result.
    pub default: fn(&Place) -> &'static str,
}

/// Whether a result is written to standard output.
pub fn to_standard(paths: &[PathBuf], output: &Output, direction: Direction) -> bool {
    match &output.output {
        Some(path) => path.as_os_str() == "-",
        None if matches!(second_is_result(paths, output, direction), Ok(Some(_))) => false,
        None => paths.iter().any(|path| path.as_os_str() == "-"),
    }
}

/// Finds the inputs and the places of their results; warns about leftovers of an earlier run.
pub fn plan(reporter: &Reporter, paths: &[PathBuf], output: &Output, direction: Direction) -> Result<Vec<Job>> {
    let (paths, place) = match second_is_result(paths, output, direction)? {
        Some((input, result)) => (std::slice::from_ref(input), Some(result.clone())),
        None => (paths, output.output.clone()),
    };
    let inputs = input::list(reporter, paths, output.recursive, direction.read)?;
    let jobs = with_targets(inputs, place.as_deref(), direction.default)?;
    check(&jobs, output)?;
    let folders: HashSet<&Path> = target_folders(&jobs);
    for path in folders.into_iter().flat_map(signals::left_behind) {
        reporter.warn(&Place::File(path), "an unfinished file of a run that was stopped: it can be removed")?;
    }
    Ok(jobs)
}

/// The folders that results go to, without those in stores.
pub fn target_folders(jobs: &[Job]) -> HashSet<&Path> {
    jobs.iter().filter_map(|job| job.target.local()).map(folder_of).collect()
}

/// `ansel compress a.png b.ansel`: whether the second path is the result. It is if it has such an extension and does
/// not exist, or may be overwritten. Fails with a hint if the arguments are ambiguous.
fn second_is_result<'a>(
    paths: &'a [PathBuf],
    output: &Output,
    direction: Direction,
) -> Result<Option<(&'a PathBuf, &'a PathBuf)>> {
    let is_result = |path: &&PathBuf| has_extension(path, direction.written);
    let Some(result) = paths.last().filter(is_result).filter(|_| output.output.is_none() && paths.len() > 1) else {
        return Ok(None);
    };
    let (name, there) = (printable(result.as_os_str()), Place::new(result)?.exists()?);
    let command = direction.command;
    match paths {
        [input, _] if input.is_dir() => {
            Err(Failure::Usage(format!("the results of a folder need a folder: ansel {command} FOLDER -o FOLDER")))
        }
        [input, _] if !there || output.force => Ok(Some((input, result))),
        [input, _] => Err(Failure::Usage(format!(
            "{name} exists and is no input; to overwrite it: ansel {command} {} -o {name} --force",
            printable(input.as_os_str())
        ))),
        _ if !there => Err(Failure::Usage(format!(
            "{name} is no input, and several results need a folder: ansel {command} IN... -o FOLDER"
        ))),
        _ => Ok(None),
    }
}

/// All inputs with the places of their results. If two results would go to the same place, as those of `photo.jpg` and
/// `photo.png` in one folder, the first input gets it. Fails if that place is standard output, since concatenated files
/// could not be told apart.
fn with_targets(inputs: Vec<Input>, output: Option<&Path>, extension: fn(&Place) -> &'static str) -> Result<Vec<Job>> {
    let several = inputs.len() > 1 || inputs.iter().any(|input| input.below.is_some());
    let mut jobs: Vec<Job> = Vec::with_capacity(inputs.len());
    let mut taken: HashMap<PathBuf, Place> = HashMap::new();
    for input in inputs {
        let target = target(&input, several, output, extension(&input.place))?;
        let clash = taken.get(target.path()).cloned();
        if clash.is_some() && target == Place::Standard {
            return Err(Failure::Usage("several results cannot go to standard output".to_owned()));
        }
        taken.entry(target.path().to_owned()).or_insert_with(|| input.place.clone());
        jobs.push(Job { input: input.place, target, clash });
    }
    Ok(jobs)
}

/// The place of an input's result: `output` if that names a file; otherwise a name with `extension` in that folder, or
/// beside the input.
fn target(input: &Input, several: bool, output: Option<&Path>, extension: &str) -> Result<Place> {
    let file = match (output, &input.place) {
        (Some(path), _) if path.as_os_str() == "-" => return Ok(Place::Standard),
        (Some(path), _) if !several && !is_folder(path) => return Place::new(path),
        (None, Place::Standard) => return Ok(Place::Standard),
        (Some(folder), Place::Standard) => folder.join("stdin"),
        (None, place) => place.path().to_owned(),
        (Some(folder), place) => {
            let below = input.below.as_deref().unwrap_or(Path::new(""));
            folder.join(below).join(place.path().file_name().unwrap_or_default())
        }
    };
    Place::new(&file.with_extension(extension))
}

/// Whether a path is a folder, or is written like one. A bucket is one; inside a bucket, there are no folders to find.
fn is_folder(path: &Path) -> bool {
    let ends_in_separator = path.as_os_str().to_string_lossy().ends_with(std::path::is_separator);
    ends_in_separator || path.is_dir() || Url::of(path).is_some_and(|url| url.key.is_empty())
}

/// Fails for arguments that cannot be intended: a result that would replace its source, binary data on a terminal,
/// removing inputs that cannot be read back.
fn check(jobs: &[Job], output: &Output) -> Result<()> {
    let stored = |place: &Place| match place {
        Place::Standard => None,
        Place::File(path) => path.canonicalize().ok().filter(|path| path.is_file()),
        Place::Object(object) => Some(object.url().to_owned()),
    };
    let sources: HashSet<PathBuf> = jobs.iter().filter_map(|job| stored(&job.input)).collect();
    for Job { input, target, .. } in jobs {
        if stored(target).is_some_and(|path| sources.contains(&path)) {
            return Err(Failure::Usage(format!("{target} is an input, and its result would replace it")));
        }
        if *target == Place::Standard && !output.force && std::io::stdout().is_terminal() {
            let text = "binary data is not written to a terminal (use -o FILE, or > FILE, or --force)";
            return Err(Failure::Usage(text.to_owned()));
        }
        let is_stream = |place: &Place| *place == Place::Standard || is_special(place.path());
        if output.rm && (is_stream(input) || is_stream(target)) {
            return Err(Failure::Usage("--rm is for files, not for streams and devices".to_owned()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Input {
        Input { place: Place::new(Path::new(name)).expect("a place"), below: None }
    }

    fn goes_to(input: &Input, several: bool, output: Option<&str>) -> String {
        target(input, several, output.map(Path::new), "ansel").expect("a place").to_string()
    }

    #[test]
    fn of_inputs_with_one_target_the_first_has_it() {
        let targets =
            |names: [&str; 3], output| with_targets(names.map(named).to_vec(), Some(Path::new(output)), |_| "ansel");
        let refused = |names| -> Vec<bool> {
            targets(names, "out").expect("jobs").iter().map(|job: &Job| job.check().is_err()).collect()
        };
        assert_eq!(refused(["a/x.png", "b/x.png", "c.png"]), [false, true, false]);
        assert_eq!(refused(["x.png", "x.bmp", "y/x.jpg"]), [false, true, true]);
        assert_eq!(refused(["a/x.png", "b/y.png", "z.png"]), [false; 3]);
        let message =
            targets(["x.jpg", "x.png", "z"], "out").expect("jobs")[1].check().expect_err("a clash").message(None);
        for part in ["out/x.ansel", "x.jpg", "rename x.png", "-o"] {
            assert!(message.contains(part), "{message}");
        }
        assert!(targets(["a/x.png", "b/y.png", "z"], "-").is_err_and(|failure| failure.exit_code() == 2));
    }

    #[test]
    fn results_go_beside_the_input_or_where_the_output_says() {
        assert_eq!(goes_to(&named("a/photo.png"), false, None), "a/photo.ansel");
        assert_eq!(goes_to(&named("photo.png"), true, None), "photo.ansel");
        assert_eq!(goes_to(&named("photo.png"), false, Some("x.bin")), "x.bin");
        assert_eq!(goes_to(&named("a/photo.png"), true, Some("out")), "out/photo.ansel");
        assert_eq!(goes_to(&named("a/photo.png"), false, Some("out/")), "out/photo.ansel");
        assert_eq!(goes_to(&named("photo.png"), false, Some("-")), "-");
        assert_eq!(goes_to(&named("-"), false, None), "-");
        let found = Input { below: Some("b/c".into()), ..named("a/b/c/photo.png") };
        assert_eq!(goes_to(&found, true, Some("out")), "out/b/c/photo.ansel");
        assert_eq!(goes_to(&found, true, None), "a/b/c/photo.ansel");
    }
}
