//! The header: what the image is, which model codes it, and where its tiles lie. Format: section "Header".

use std::io::{Cursor, Read};

use byteorder::{LittleEndian, ReadBytesExt, WriteBytesExt};

use super::checksum;
use super::metadata::MetadataEntry;
use crate::error::{Error, FormatErrorKind, Result, malformed};
use crate::limits::{Limits, MAX_METADATA_BLOCKS, MAX_TILE_SIDE, check, check_samples};
use crate::tile::TileGrid;

/// The first bytes of a file. Like PNG's, they show transfers that changed line ends or the eighth bit.
pub(crate) const MAGIC: [u8; 8] = *b"\x89ANSL\r\n\x1a";
/// The format version that this library writes, and the only one it reads.
pub(crate) const VERSION: u16 = 0;
/// Bytes before the tables: magic to metadata count.
const FIXED_BYTES: usize = 48;
const CHECKSUM_BYTES: usize = 8;
const METADATA_ENTRY_BYTES: usize = 17;
const TILE_ENTRY_BYTES: usize = 14;
const FAMILY_AUTOREGRESSIVE: u8 = 1;

/// Which model coded a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ModelIdentity {
    /// Registry id, or 0xffff for a model from a file.
    pub id: u16,
    /// The first eight bytes of the SHA-256 of the model file.
    pub digest: [u8; 8],
}

/// A tile's line of the tile table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TileEntry {
    /// Bytes of the tile's stream; a multiple of four.
    pub stream_bytes: u32,
    /// Checksum of the decoded samples.
    pub checksum: [u8; 8],
}

/// What a file says of itself before any sample is decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) channels: u8,
    pub(crate) depth: u8,
    pub(crate) model: ModelIdentity,
    pub(crate) tile: (u32, u32),
    pub(crate) metadata: Vec<MetadataEntry>,
    pub(crate) tiles: Vec<TileEntry>,
}

impl Header {
    /// Columns.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Channels: 1 (grey) or 3 (RGB).
    #[must_use]
    pub fn channels(&self) -> u32 {
        self.channels.into()
    }

    /// Bits per sample.
    #[must_use]
    pub fn depth(&self) -> u32 {
        self.depth.into()
    }

    /// The format version.
    #[must_use]
    pub fn version(&self) -> u16 {
        VERSION
    }

    /// The model's registry id (0xffff for a model from a file) and the first 8 bytes of its file's SHA-256.
    #[must_use]
    pub fn model(&self) -> (u16, [u8; 8]) {
        (self.model.id, self.model.digest)
    }

    /// Columns and rows of a whole tile.
    #[must_use]
    pub fn tile_size(&self) -> (u32, u32) {
        self.tile
    }

    /// The number of tiles.
    #[must_use]
    pub fn tiles(&self) -> usize {
        self.tiles.len()
    }

    /// The number of samples of the image.
    #[must_use]
    pub fn samples(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height) * u64::from(self.channels)
    }

    /// Bytes of the header.
    #[must_use]
    pub fn header_bytes(&self) -> u64 {
        let tables = METADATA_ENTRY_BYTES * self.metadata.len() + TILE_ENTRY_BYTES * self.tiles.len();
        (FIXED_BYTES + tables + CHECKSUM_BYTES) as u64
    }

    /// Bytes of all metadata blocks, as stored.
    #[must_use]
    pub fn metadata_bytes(&self) -> u64 {
        self.metadata.iter().map(|entry| u64::from(entry.stored_bytes)).sum()
    }

    /// Bytes of all tiles' side information. The field is reserved: a file with any is refused.
    #[must_use]
    pub fn side_information_bytes(&self) -> u64 {
        0
    }

    /// Bytes of all tile streams.
    #[must_use]
    pub fn stream_bytes(&self) -> u64 {
        self.tiles.iter().map(|tile| u64::from(tile.stream_bytes)).sum()
    }

    /// Bytes of the whole file.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.header_bytes() + self.metadata_bytes() + self.stream_bytes()
    }

    pub(crate) fn grid(&self) -> TileGrid {
        TileGrid { image: (self.width, self.height), tile: self.tile }
    }

    /// Appends the header to a file.
    pub(crate) fn write(&self, file: &mut Vec<u8>) {
        let start = file.len();
        file.extend(MAGIC);
        self.write_fields(file).expect("writing to memory cannot fail");
        let sum = checksum(&file[start..]);
        file.extend(sum);
    }

    fn write_fields(&self, file: &mut Vec<u8>) -> std::io::Result<()> {
        file.write_u16::<LittleEndian>(VERSION)?;
        file.write_u16::<LittleEndian>(0)?;
        file.write_u32::<LittleEndian>(self.width)?;
        file.write_u32::<LittleEndian>(self.height)?;
        file.extend([self.channels, self.depth, FAMILY_AUTOREGRESSIVE, 0]);
        file.write_u16::<LittleEndian>(self.model.id)?;
        file.write_u16::<LittleEndian>(0)?;
        file.extend(self.model.digest);
        file.write_u16::<LittleEndian>(self.tile.0 as u16)?;
        file.write_u16::<LittleEndian>(self.tile.1 as u16)?;
        file.write_u32::<LittleEndian>(self.tiles.len() as u32)?;
        file.extend([self.metadata.len() as u8, 0, 0, 0]);
        for entry in &self.metadata {
            file.push(entry.kind);
            file.write_u32::<LittleEndian>(entry.stored_bytes)?;
            file.write_u32::<LittleEndian>(entry.bytes)?;
            file.extend(entry.checksum);
        }
        for tile in &self.tiles {
            file.write_u16::<LittleEndian>(0)?;
            file.write_u32::<LittleEndian>(tile.stream_bytes)?;
            file.extend(tile.checksum);
        }
        Ok(())
    }

    /// Reads the header from the start of a file, of which at least the header must be there.
    ///
    /// # Errors
    /// [`Error::Format`] for anything that is not a valid header, [`Error::LimitsExceeded`] for an image or
    /// metadata beyond `limits`.
    pub fn read(file: &[u8], limits: &Limits) -> Result<Self> {
        let known = file.len().min(MAGIC.len());
        if file[..known] != MAGIC[..known] {
            return malformed(FormatErrorKind::NotAnsel, "the first bytes are not the magic number");
        }
        let Some(fixed) = file.get(..FIXED_BYTES) else {
            return malformed(FormatErrorKind::Truncated, format!("{} bytes do not hold a header", file.len()));
        };
        let (mut header, tiles, blocks) = read_fixed(&mut Cursor::new(&fixed[MAGIC.len()..]))?;
        header.check_size(tiles, blocks, limits)?;
        let table_bytes = METADATA_ENTRY_BYTES as u64 * u64::from(blocks) + TILE_ENTRY_BYTES as u64 * u64::from(tiles);
        let needed = (FIXED_BYTES + CHECKSUM_BYTES) as u64 + table_bytes;
        if (file.len() as u64) < needed {
            return malformed(FormatErrorKind::Truncated, format!("{} of {needed} header bytes", file.len()));
        }
        let end = FIXED_BYTES + table_bytes as usize;
        let sum = &file[end..end + CHECKSUM_BYTES];
        if checksum(&file[..end]) != sum {
            return malformed(FormatErrorKind::HeaderChecksum, "the header does not match its checksum");
        }
        header.read_tables(&file[FIXED_BYTES..end], tiles, blocks)?;
        let metadata_bytes = header.metadata.iter().map(|entry| u64::from(entry.bytes)).sum();
        check("the size of the metadata in bytes", metadata_bytes, limits.metadata_bytes)?;
        Ok(header)
    }

    /// Checks the declared sizes before anything of those sizes is allocated.
    fn check_size(&self, tiles: u32, blocks: u8, limits: &Limits) -> Result<()> {
        let invalid = |what: String| malformed(FormatErrorKind::InvalidField, what);
        if self.width == 0 || self.height == 0 {
            return invalid(format!("an image of {} x {} pixels", self.width, self.height));
        }
        check_samples(self.width, self.height, self.channels.into(), limits)?;
        let fits = |tile, image| tile > 0 && tile <= MAX_TILE_SIDE && tile <= image;
        if !fits(self.tile.0, self.width) || !fits(self.tile.1, self.height) {
            return invalid(format!("tiles of {} x {} pixels", self.tile.0, self.tile.1));
        }
        if u64::from(tiles) != self.grid().len() {
            return invalid(format!("{tiles} tiles, where {} cover the image", self.grid().len()));
        }
        if blocks > MAX_METADATA_BLOCKS {
            return invalid(format!("{blocks} metadata blocks"));
        }
        Ok(())
    }

    /// Reads the metadata table and the tile table, whose lengths were checked.
    fn read_tables(&mut self, bytes: &[u8], tiles: u32, blocks: u8) -> Result<()> {
        let mut input = Cursor::new(bytes);
        for _ in 0..blocks {
            let entry = MetadataEntry {
                kind: input.read_u8().map_err(ended)?,
                stored_bytes: input.read_u32::<LittleEndian>().map_err(ended)?,
                bytes: input.read_u32::<LittleEndian>().map_err(ended)?,
                checksum: read_array(&mut input)?,
            };
            entry.check()?;
            if self.metadata.last().is_some_and(|last| last.kind >= entry.kind) {
                return malformed(FormatErrorKind::InvalidField, "metadata blocks are not in ascending order of kind");
            }
            self.metadata.push(entry);
        }
        for index in 0..tiles {
            reserved(input.read_u16::<LittleEndian>().map_err(ended)?.into(), "bytes of side information")?;
            let stream_bytes = input.read_u32::<LittleEndian>().map_err(ended)?;
            if stream_bytes % 4 != 0 {
                return malformed(FormatErrorKind::InvalidField, format!("tile {index} has {stream_bytes} bytes"));
            }
            self.tiles.push(TileEntry { stream_bytes, checksum: read_array(&mut input)? });
        }
        Ok(())
    }
}

/// Reads what follows the magic number: the header without its tables, and the lengths of both.
fn read_fixed(input: &mut Cursor<&[u8]>) -> Result<(Header, u32, u8)> {
    let version = input.read_u16::<LittleEndian>().map_err(ended)?;
    if version != VERSION {
        let detail = format!("the file has version {version}, this library reads version {VERSION}");
        return malformed(FormatErrorKind::UnknownVersion, detail);
    }
    reserved(input.read_u16::<LittleEndian>().map_err(ended)?.into(), "flags")?;
    let width = input.read_u32::<LittleEndian>().map_err(ended)?;
    let height = input.read_u32::<LittleEndian>().map_err(ended)?;
    let [channels, depth, family, transform] = read_array(input)?;
    if channels != 1 && channels != 3 || depth != 8 || family != FAMILY_AUTOREGRESSIVE {
        let detail = format!("{channels} channels of {depth} bits in family {family}");
        return malformed(FormatErrorKind::InvalidField, detail);
    }
    reserved(transform.into(), "transform")?;
    let id = input.read_u16::<LittleEndian>().map_err(ended)?;
    reserved(input.read_u16::<LittleEndian>().map_err(ended)?.into(), "model field")?;
    let model = ModelIdentity { id, digest: read_array(input)? };
    let tile_width = input.read_u16::<LittleEndian>().map_err(ended)?;
    let tile_height = input.read_u16::<LittleEndian>().map_err(ended)?;
    let tiles = input.read_u32::<LittleEndian>().map_err(ended)?;
    let [blocks, zeros @ ..] = read_array::<4>(input)?;
    for zero in zeros {
        reserved(zero.into(), "metadata field")?;
    }
    let tile = (tile_width.into(), tile_height.into());
    let header = Header { width, height, channels, depth, model, tile, metadata: Vec::new(), tiles: Vec::new() };
    Ok((header, tiles, blocks))
}

fn read_array<const N: usize>(input: &mut Cursor<&[u8]>) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes).map_err(ended)?;
    Ok(bytes)
}

fn ended(_: std::io::Error) -> Error {
    crate::error::FormatError::new(FormatErrorKind::Truncated, "the header ends early").into()
}

fn reserved(value: u32, what: &str) -> Result<()> {
    if value != 0 {
        return malformed(FormatErrorKind::InvalidField, format!("reserved {what} is {value}, not 0"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
