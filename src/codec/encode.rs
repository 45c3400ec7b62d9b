//! A band -> bytes: it is planned, coded, and read back.

use std::sync::atomic::AtomicU64;

use ndarray::{ArrayView3, s};

use super::plan::{self, PlannedPart};
use super::{Codec, Division, Done, Effort, Options};
use crate::base::error::{Error, Result};
use crate::base::limits::MAX_TILE_SIDE;
use crate::container::{Band, Header, Part, TileEntry, sample_checksum};
use crate::image::Rect;
use crate::streams::{self, Source};
use crate::tile::TileGrid;

impl Codec {
    /// Encodes the rows of one band: the smaller of what the planned parts and a coder for long-range repetition take.
    pub(super) fn encode_band(
        &self,
        header: &Header,
        samples: ArrayView3<'_, u16>,
        done: &Done<'_>,
    ) -> Result<Vec<u8>> {
        let engine = self.engine()?;
        let Options { transforms, effort, .. } = &self.options;
        let mut parts = plan::choose(engine, *transforms, samples, header.depth())?;
        let mut large = parts.iter().all(|part| part.graphics);
        match effort {
            Effort::Low => {}
            Effort::Default => {
                parts = parts.into_iter().map(|part| part.with_offsets(engine)).collect::<Result<_>>()?;
            }
            Effort::Max => {
                parts = parts.into_iter().map(|part| part.learning(engine)).collect::<Result<_>>()?;
                large = true; // so that there is more to learn from
            }
        }
        let Division { tile_side, graphics_tile_side, .. } = self.division;
        let side = if large { graphics_tile_side } else { tile_side };
        let mut best = self.encode_parts(header, samples, &parts, side, done)?;
        let mut others = match engine.models.external() {
            None => plan::long_range(&parts, samples, header.depth(), best.len())?,
            Some(_) => Vec::new(),
        };
        while let Some(part) = others.pop() {
            let silent = Done { progress: None, done: AtomicU64::new(0), all: 0 };
            let stronger = part.stronger();
            match self.encode_parts(header, samples, &[part], MAX_TILE_SIDE, &silent) {
                Ok(other) if other.len() < best.len() => {
                    best = other;
                    others.extend(stronger);
                }
                Ok(_) | Err(Error::Unsupported(_)) => {} // the latter if it is too large, or of no use
                Err(error) => return Err(error),
            }
        }
        Ok(best)
    }

    /// Codes a band in these parts; the result is a band of the container.
    fn encode_parts(
        &self,
        header: &Header,
        samples: ArrayView3<'_, u16>,
        parts: &[PlannedPart],
        side: u32,
        done: &Done<'_>,
    ) -> Result<Vec<u8>> {
        let rows = samples.dim().1 as u32;
        let grid = TileGrid::even(header.width, rows, side);
        let rects = grid.rects();
        let (mut coded, mut written) = (Vec::new(), Vec::new());
        for part in parts {
            let PlannedPart { channels, transforms, coder, thorough, .. } = part;
            let report = |rect: Rect| done.add((rect.pixels() * channels) as u64);
            let source = Source { coder, coded: &part.coded, thorough: *thorough };
            coded.push(streams::encode(self.engine()?, source, &rects, report)?);
            written.push(Part { channels: *channels, transforms: transforms.clone(), coder: coder.clone() });
        }
        check_inverse(&written, parts, samples, header.depth())?;
        let entry = |(index, rect): (usize, &Rect)| {
            let stream_bytes = coded.iter().map(|streams| u32::try_from(streams[index].len()));
            let stream_bytes = stream_bytes.collect::<std::result::Result<_, _>>();
            let tile = samples.slice(s![.., rect.rows(), rect.columns()]);
            let stream_bytes = stream_bytes.map_err(|_| Error::Unsupported("a tile of 4 GiB".to_owned()))?;
            Ok(TileEntry { checksum: sample_checksum(tile), stream_bytes })
        };
        let tiles = rects.iter().enumerate().map(entry).collect::<Result<_>>()?;
        let band = Band { tile: grid.tile, parts: written, tiles };
        let mut bytes = Vec::new();
        band.write(&mut bytes);
        let (reread, taken) = Band::read(&bytes[..], header, rows)?;
        if reread != band || taken != bytes.len() as u64 {
            return Err(Error::Verification("the table of a band does not read back".to_owned()));
        }
        for index in 0..rects.len() {
            coded.iter().for_each(|streams| bytes.extend(&streams[index]));
        }
        Ok(bytes)
    }
}

/// Fails unless the transforms undo themselves.
fn check_inverse(written: &[Part], parts: &[PlannedPart], samples: ArrayView3<'_, u16>, depth: u32) -> Result<()> {
    let mut first = 0;
    for (part, planned) in written.iter().zip(parts) {
        let channels = first..first + part.channels;
        first = channels.end;
        if part.inverse(planned.coded.samples.clone(), (0, 0), depth)? != samples.slice(s![channels, .., ..]) {
            return Err(Error::Verification("a transform does not undo itself".to_owned()));
        }
    }
    Ok(())
}
