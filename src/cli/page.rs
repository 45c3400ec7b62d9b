//! `ansel report`: a page about many files and where their bits go.

mod figures;
mod files;
mod html;

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use self::figures::Figure;
use self::files::ReportFile;
use super::args::PageOf;
use super::compress::EXTENSION;
use super::failure::{Failure, Result};
use super::input::{self, Input};
use super::manifest::{self, Entry};
use super::place::Place;
use super::report::{Reporter, count};
use super::{Outcome, options, output};

/// The content of the page.
struct Contents {
    /// Sorted by bits per sample, fewest first.
    files: Vec<ReportFile>,
    /// Files that could not be read, with the reasons.
    failed: Vec<(String, String)>,
    best: Vec<Figure>,
    worst: Vec<Figure>,
    /// The end of the maps' scale.
    scale: f32,
}

pub fn run(arguments: &PageOf) -> Outcome {
    let reporter = Reporter::new(&arguments.report, arguments.output.as_os_str() == "-");
    let written = Place::new(&arguments.output).and_then(|target| write(arguments, &reporter, &target));
    written.map_err(|failure| reporter.fail(None, &failure))?
}

/// Writes the page even if files cannot be read; the outcome is that of the first unreadable file.
fn write(arguments: &PageOf, reporter: &Reporter, target: &Place) -> Result<Outcome> {
    output::check_overwrite(target, arguments.force)?;
    let inputs = input::list(reporter, &arguments.inputs, true, &[EXTENSION])?;
    let codec = options::decoding(&arguments.model, &arguments.engine, &arguments.limits, reporter)?;
    let listed = listed(arguments)?;
    let limits = options::limits(&arguments.limits);
    let (mut files, mut failed, mut outcome) = (Vec::new(), Vec::new(), Ok(()));
    let mut fail = |place: &Place, failure: &Failure, outcome: &mut Outcome| {
        let code: ExitCode = reporter.fail(Some(place), failure);
        *outcome = outcome.and(Err(code));
        failed.push((name_of(arguments, place), failure.message(None)));
    };
    for Input { place, .. } in &inputs {
        let entry = place.path().canonicalize().ok().and_then(|path| listed.get(&path));
        match ReportFile::read(&codec, &limits, place, entry) {
            Ok(file) => files.push(ReportFile { name: name_of(arguments, place), ..file }),
            Err(failure) => fail(place, &failure, &mut outcome),
        }
    }
    files.sort_by(|a, b| a.bpsp().total_cmp(&b.bpsp()).then_with(|| a.name.cmp(&b.name)));
    let shown = arguments.show.min(files.len().div_ceil(2));
    let mut of = |file: &ReportFile| match Figure::of(&codec, &limits, file) {
        Ok(figure) => Some(figure),
        Err(failure) => {
            fail(&file.place, &failure, &mut outcome);
            None
        }
    };
    let mut best: Vec<Figure> = files.iter().take(shown).filter_map(&mut of).collect();
    let worst = files.iter().rev().take(shown.min(files.len() - shown)).filter_map(&mut of);
    let mut worst: Vec<Figure> = worst.collect();
    let scale = figures::colour_all(best.iter_mut().chain(&mut worst))?;
    let contents = Contents { files, failed, best, worst, scale };
    let page = html::page(&contents);
    output::write(target, arguments.force, |file| {
        file.write_all(page.as_bytes()).map_err(super::failure::io_error("write", target.path()))
    })?;
    let number = contents.files.len() as u64;
    let value = || {
        let mut value = json!({ "files": number, "failed": contents.failed.len() });
        target.put(&mut value, "output");
        value
    };
    reporter.status(|| format!("{target}: a report on {}", count(number, "file")), value)?;
    Ok(outcome)
}

/// The entries of the manifest, by file.
fn listed(arguments: &PageOf) -> Result<HashMap<PathBuf, Entry>> {
    let Some(path) = &arguments.manifest else { return Ok(HashMap::new()) };
    let entries = manifest::read(path)?;
    Ok(entries.into_iter().filter_map(|entry| Some((entry.file.canonicalize().ok()?, entry))).collect())
}

/// The name of a file on the page: relative to the folder that was given, if there is one.
fn name_of(arguments: &PageOf, place: &Place) -> String {
    let path = place.path();
    let below = match &arguments.inputs[..] {
        [folder] => path.strip_prefix(folder).ok().filter(|below| below.file_name().is_some()),
        _ => None,
    };
    super::names::printable(below.unwrap_or(path).as_os_str())
}
