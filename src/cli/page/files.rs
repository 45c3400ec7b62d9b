//! What a report says about a file.

use std::collections::BTreeSet;

use ansel::{Codec, FileInfo, JpegInfo, Limits};

use crate::cli::failure::{Result, about};
use crate::cli::manifest::Entry;
use crate::cli::place::Place;
use crate::cli::{describe, input, jpeg};

/// A file of the report.
#[derive(Debug, Clone)]
pub struct ReportFile {
    pub place: Place,
    /// The name on the page.
    pub name: String,
    pub width: u32,
    pub height: u32,
    pub channels: usize,
    pub depth: u32,
    pub bytes: u64,
    /// Length of the source file in bytes, if it is known.
    pub source_bytes: Option<u64>,
    /// Sizes under other codecs, by name.
    pub others: Vec<(String, u64)>,
    /// Names of models and other coders.
    pub coders: BTreeSet<String>,
    pub transforms: BTreeSet<&'static str>,
    pub is_jpeg: bool,
}

impl ReportFile {
    /// What is known without decoding, and from the manifest.
    pub fn read(codec: &Codec, limits: &Limits, place: &Place, entry: Option<&Entry>) -> Result<Self> {
        let mut file = input::open_ansel(place, limits)?;
        let reading = about("read", place.path());
        let file = if jpeg::is_held(&mut *file, place)? {
            Self::of_jpeg(place, &codec.read_jpeg_info(file).map_err(reading)?)
        } else {
            Self::of_image(place, &codec.read_info(file).map_err(reading)?)
        };
        let source_bytes = entry.map(|entry| entry.source_bytes).or(file.source_bytes);
        Ok(Self { source_bytes, others: entry.map_or_else(Vec::new, |entry| entry.others.clone()), ..file })
    }

    fn of_jpeg(place: &Place, info: &JpegInfo) -> Self {
        Self {
            place: place.clone(),
            name: String::new(),
            width: info.width,
            height: info.height,
            channels: info.components,
            depth: info.depth,
            bytes: info.bytes,
            source_bytes: Some(info.jpeg_bytes),
            others: Vec::new(),
            coders: [format!("JPEG file, {}", info.coder)].into(),
            transforms: BTreeSet::new(),
            is_jpeg: true,
        }
    }

    fn of_image(place: &Place, info: &FileInfo) -> Self {
        let parts: Vec<_> = info.bands.iter().flat_map(ansel::Band::parts).collect();
        Self {
            place: place.clone(),
            name: String::new(),
            width: info.header.width(),
            height: info.header.height(),
            channels: info.header.channels(),
            depth: info.header.depth(),
            bytes: info.bytes,
            source_bytes: None,
            others: Vec::new(),
            coders: parts.iter().map(describe::coder_name).collect(),
            transforms: parts.iter().flat_map(|part| part.transforms.iter().copied()).collect(),
            is_jpeg: false,
        }
    }

    pub fn samples(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height) * self.channels as u64
    }

    /// Length of the uncompressed samples, in bytes.
    pub fn raw_bytes(&self) -> u64 {
        (self.samples() * u64::from(self.depth)).div_ceil(8)
    }

    pub fn bpsp(&self) -> f64 {
        describe::bpsp(self.bytes, self.samples())
    }
}
