//! Contents -> a self-contained HTML page: no scripts, no network.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Contents;
use super::figures::Figure;
use super::files::ReportFile;
use crate::cli::describe::bpsp;
use crate::cli::heat;
use crate::cli::report::count;

/// Number of bars in the histogram.
const BARS: usize = 16;
/// Most files in the last table.
const MOST_ROWS: usize = 2000;
/// Size of the histogram in SVG units: width, height of the bars, room for numbers.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 160.0;
const ROOM: f64 = 20.0;

/// The page.
pub fn page(contents: &Contents) -> String {
    let sections = [
        ("totals", "Totals", totals(&contents.files)),
        ("histogram", "Bits per sample", histogram(&contents.files)),
        ("best", "Smallest, by bits per sample", figures(contents, &contents.best)),
        ("worst", "Largest, by bits per sample", figures(contents, &contents.worst)),
        ("coding", "Models and transforms", coding(&contents.files)),
        ("files", "All files", files(&contents.files)),
        ("failed", "Not read", failed(&contents.failed)),
    ];
    let shown = || sections.iter().filter(|(.., text)| !text.is_empty());
    let links: String = shown().map(|(id, title, _)| format!("<li><a href=\"#{id}\">{title}</a></li>\n")).collect();
    let body: String = shown()
        .map(|(id, title, text)| {
            format!("<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{title}</h2>\n{text}</section>\n")
        })
        .collect();
    let (style, version) = (include_str!("page.css"), env!("CARGO_PKG_VERSION"));
    let lead = count(contents.files.len() as u64, "file");
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>ansel: a report on {lead}</title>\n<style>\n{style}</style>\n</head>\n<body>\n\
         <header>\n<h1>A report on {lead}</h1>\n<p>Made by ansel {version}.</p>\n\
         <nav aria-label=\"Sections\">\n<ul>\n{links}</ul>\n</nav>\n</header>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

/// Text, escaped for HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A table that can be scrolled sideways with the keyboard. Columns whose headings begin with a space hold text.
fn table(caption: &str, heads: &[&str], rows: &[Vec<String>]) -> String {
    let class = |head: &str| if head.starts_with(' ') { " class=\"text\"" } else { "" };
    let mut html = format!(
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{caption}\">\n<table>\n\
         <caption>{caption}</caption>\n<thead><tr>"
    );
    for head in heads {
        let _ = write!(html, "<th scope=\"col\"{}>{}</th>", class(head), head.trim_start());
    }
    html += "</tr></thead>\n<tbody>\n";
    for row in rows {
        let _ = write!(html, "<tr><th scope=\"row\">{}</th>", escaped(&row[0]));
        for (head, cell) in heads.iter().zip(row).skip(1) {
            let _ = write!(html, "<td{}>{}</td>", class(head), escaped(cell));
        }
        html += "</tr>\n";
    }
    html + "</tbody>\n</table>\n</div>\n"
}

/// A number of bytes, with a space between thousands.
fn bytes(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join("\u{202f}")
}

/// The compression ratio.
fn ratio(before: u64, after: u64) -> String {
    format!("{:.3}", before as f64 / after.max(1) as f64)
}

/// The row of a codec in the comparison: its sizes beside those of ansel, for files where `size` is known.
fn beside(files: &[ReportFile], name: &str, size: impl Fn(&ReportFile) -> Option<u64>) -> Option<Vec<String>> {
    let known: Vec<(u64, u64)> = files.iter().filter_map(|file| Some((size(file)?, file.bytes))).collect();
    let (theirs, ours) = known.iter().fold((0, 0), |(theirs, ours), &(a, b)| (theirs + a, ours + b));
    let row = || vec![name.to_owned(), bytes(known.len() as u64), bytes(theirs), bytes(ours), ratio(theirs, ours)];
    (!known.is_empty()).then(row)
}

fn totals(files: &[ReportFile]) -> String {
    let (all, samples) = files.iter().fold((0, 0), |(all, n), file| (all + file.bytes, n + file.samples()));
    let mut rows: Vec<Vec<String>> = Vec::new();
    rows.extend(beside(files, "samples as they are", |file| Some(file.raw_bytes())));
    rows.extend(beside(files, "source files", |file| file.source_bytes));
    let mut names: Vec<&String> = files.iter().flat_map(|file| file.others.iter().map(|(name, _)| name)).collect();
    names.sort();
    names.dedup();
    let of =
        |file: &ReportFile, name: &String| file.others.iter().find(|(other, _)| other == name).map(|&(_, bytes)| bytes);
    rows.extend(names.into_iter().filter_map(|name| beside(files, name, |file| of(file, name))));
    let lead = format!(
        "<p>{} in {}: <strong>{} bytes</strong>, {:.4} bits per sample.</p>\n",
        count(samples, "sample"),
        count(files.len() as u64, "file"),
        bytes(all),
        bpsp(all, samples.max(1))
    );
    let heads = ["Beside", "Files", "Bytes", "Bytes of ansel", "Times smaller"];
    lead + &table("Sizes of the same images, where both are known", &heads, &rows)
}

fn histogram(files: &[ReportFile]) -> String {
    let rates: Vec<f32> = files.iter().map(|file| file.bpsp() as f32).collect();
    let Some(most) = rates.iter().copied().max_by(f32::total_cmp) else { return String::new() };
    let step = f64::from(heat::scale_of([most].iter())) / BARS as f64;
    let mut bars = [0u64; BARS];
    rates.iter().for_each(|&rate| bars[((f64::from(rate) / step) as usize).min(BARS - 1)] += 1);
    let highest = bars.iter().copied().max().unwrap_or(1).max(1);
    let mut svg = String::new();
    let wide = WIDTH / BARS as f64;
    for (index, &bar) in bars.iter().enumerate() {
        let (x, high) = (index as f64 * wide, HEIGHT * bar as f64 / highest as f64);
        let _ = writeln!(
            svg,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{high:.1}\"/>",
            x + 1.0,
            ROOM + HEIGHT - high,
            wide - 2.0
        );
        if bar > 0 {
            let (x, y) = (x + wide / 2.0, ROOM + HEIGHT - high - 4.0);
            let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{bar}</text>");
        }
    }
    let base = ROOM + HEIGHT;
    let _ = writeln!(svg, "<line x1=\"0\" y1=\"{base}\" x2=\"{WIDTH}\" y2=\"{base}\"/>");
    for (index, anchor) in
        [(0, "start"), (BARS / 4, "middle"), (BARS / 2, "middle"), (3 * BARS / 4, "middle"), (BARS, "end")]
    {
        let (x, label) = (index as f64 * wide, heat::short((index as f64 * step) as f32));
        let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{label}</text>", base + 15.0);
    }
    let bound = |index: usize| heat::short((index as f64 * step) as f32);
    let row = |(index, bar): (usize, &u64)| vec![format!("{} to {}", bound(index), bound(index + 1)), bar.to_string()];
    let rows: Vec<Vec<String>> = bars.iter().enumerate().filter(|(_, bar)| **bar > 0).map(row).collect();
    let table = table("Files by bits per sample", &["Bits per sample", "Files"], &rows);
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"Histogram of files by bits per sample; the table below has \
         its numbers\">\n{svg}</svg>\n<details><summary>The histogram as a table</summary>\n{table}</details>\n",
        ROOM + HEIGHT + ROOM
    )
}

fn figures(contents: &Contents, figures: &[Figure]) -> String {
    if figures.is_empty() {
        return String::new();
    }
    let stops: Vec<String> = (0..=16).map(|step| css(heat::colour(step as f32 / 16.0))).collect();
    let end = heat::short(contents.scale);
    let mut html = format!(
        "<div class=\"scale\" role=\"img\" aria-label=\"The colours of the maps: from dark blue, 0 bits per pixel, to yellow, \
         {end} or more\">\n<div style=\"background: linear-gradient(to right, {})\"></div>\n\
         <p><span>0 bits per pixel</span><span>{end} or more</span></p>\n</div>\n<div class=\"figures\">\n",
        stops.join(", ")
    );
    for Figure { file, thumbnail, map, note, .. } in figures {
        let name = escaped(&file.name);
        let _ = writeln!(html, "<figure>\n<img src=\"{thumbnail}\" alt=\"The image {name}, made small\">");
        if let Some(map) = map {
            let _ = writeln!(html, "<img src=\"{map}\" alt=\"Map of the bits per pixel of {name}\">");
        }
        let source =
            file.source_bytes.map(|source| format!(", {} times smaller than its source", ratio(source, file.bytes)));
        let note = note.as_ref().map(|note| format!("<br>{}", escaped(note)));
        let _ = writeln!(
            html,
            "<figcaption><strong>{name}</strong><br>{} &times; {} &times; {}, {} bits<br>{} bytes, {:.4} bits per sample{}{}\
             </figcaption>\n</figure>",
            file.width,
            file.height,
            file.channels,
            file.depth,
            bytes(file.bytes),
            file.bpsp(),
            source.unwrap_or_default(),
            note.unwrap_or_default()
        );
    }
    html + "</div>\n"
}

fn css([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn coding(files: &[ReportFile]) -> String {
    let mut by_name: BTreeMap<(&str, &str), (u64, u64, u64)> = BTreeMap::new();
    for file in files {
        let coders = file.coders.iter().map(|coder| ("coder", coder.as_str()));
        for key in coders.chain(file.transforms.iter().map(|&transform| ("transform", transform))) {
            let sums = by_name.entry(key).or_default();
            *sums = (sums.0 + 1, sums.1 + file.bytes, sums.2 + file.samples());
        }
    }
    let row = |((kind, name), (number, size, samples)): (&(&str, &str), &(u64, u64, u64))| {
        let rate = format!("{:.4}", bpsp(*size, *samples));
        vec![(*name).to_owned(), (*kind).to_owned(), number.to_string(), bytes(*size), rate]
    };
    let rows: Vec<Vec<String>> = by_name.iter().map(row).collect();
    let heads = ["Name", " Kind", "Files", "Bytes of these files", "Bits per sample"];
    let note = "<p>A file with several parts is counted for each of its coders and transforms.</p>\n";
    if rows.is_empty() { String::new() } else { note.to_owned() + &table("What codes the files", &heads, &rows) }
}

fn files(files: &[ReportFile]) -> String {
    let row = |file: &ReportFile| {
        let words = |set: Vec<&str>| if set.is_empty() { "none".to_owned() } else { set.join(", ") };
        vec![
            file.name.clone(),
            format!("{} \u{d7} {} \u{d7} {}", file.width, file.height, file.channels),
            file.depth.to_string(),
            bytes(file.bytes),
            format!("{:.4}", file.bpsp()),
            file.source_bytes.map_or_else(|| "unknown".to_owned(), |source| ratio(source, file.bytes)),
            words(file.coders.iter().map(String::as_str).collect()),
            words(file.transforms.iter().copied().collect()),
        ]
    };
    let rows: Vec<Vec<String>> = files.iter().take(MOST_ROWS).map(row).collect();
    let heads =
        ["File", "Size", "Bits", "Bytes", "Bits per sample", "Times smaller than its source", " Coders", " Transforms"];
    let left = files.len().saturating_sub(MOST_ROWS) as u64;
    let note = if left > 0 { format!("<p>{} more than these.</p>\n", count(left, "file")) } else { String::new() };
    if rows.is_empty() { String::new() } else { table("Files, by bits per sample", &heads, &rows) + &note }
}

fn failed(failed: &[(String, String)]) -> String {
    let rows: Vec<Vec<String>> = failed.iter().map(|(name, reason)| vec![name.clone(), reason.clone()]).collect();
    if rows.is_empty() { String::new() } else { table("Files that could not be read", &["File", " Reason"], &rows) }
}
