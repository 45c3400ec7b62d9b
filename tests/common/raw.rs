//! The fields of a file as raw bytes, so that tests can change one and repair lengths and checksums. Written from the
//! format's description alone: FORMAT.md, sections "Header" and "Bands".

use std::ops::Range;

use sha2::{Digest, Sha256};

const MAGIC: &[u8] = b"\x89ANSL\r\n\x1a";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawFile {
    pub version: u8,
    /// Channels in the low four bits, depth minus one in the high four.
    pub kind: u8,
    pub width: u64,
    pub height: u64,
    pub band_rows: u64,
    /// The number of metadata blocks.
    pub blocks: u8,
    pub entries: Vec<RawEntry>,
    /// The stored bytes of all metadata blocks.
    pub metadata: Vec<u8>,
    pub bands: Vec<RawBand>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawEntry {
    pub kind: u8,
    pub stored_bytes: u64,
    pub bytes: u64,
    pub checksum: [u8; 4],
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawBand {
    pub tile: (u64, u64),
    /// The number of parts.
    pub count: u8,
    pub parts: Vec<RawPart>,
    pub tiles: Vec<RawTile>,
    /// All streams, tile by tile.
    pub streams: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawPart {
    /// Channels in the low four bits, number of transforms in the high four.
    pub kind: u8,
    pub transforms: Vec<Vec<u8>>,
    /// The coder's number, and the fields that follow it.
    pub coder: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawTile {
    /// Of the tile's samples.
    pub checksum: [u8; 8],
    pub lengths: Vec<u64>,
}

/// The checksum of a header, a metadata block or a band table.
pub fn checksum(bytes: &[u8]) -> [u8; 4] {
    Sha256::digest(bytes)[..4].try_into().expect("four bytes")
}

/// The digest that identifies a model file.
pub fn digest(file: &[u8]) -> [u8; 16] {
    Sha256::digest(file)[..16].try_into().expect("sixteen bytes")
}

/// A number in its shortest form.
pub fn number(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A reader of a valid file.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn take(&mut self, count: usize) -> &[u8] {
        self.at += count;
        &self.bytes[self.at - count..self.at]
    }

    fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn checksum(&mut self) -> [u8; 4] {
        self.take(4).try_into().expect("four bytes")
    }

    fn number(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            number |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return number;
            }
        }
    }
}

impl RawFile {
    /// The fields of a valid file.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut input = Cursor { bytes, at: 0 };
        assert_eq!(input.take(8), MAGIC);
        let (version, kind) = (input.byte(), input.byte());
        let (width, height, band_rows) = (input.number(), input.number(), input.number());
        let blocks = input.byte();
        let entry = |_| RawEntry {
            kind: input.byte(),
            stored_bytes: input.number(),
            bytes: input.number(),
            checksum: input.checksum(),
        };
        let entries: Vec<RawEntry> = (0..blocks).map(entry).collect();
        let sum = checksum(&bytes[..input.at]);
        assert_eq!(input.checksum(), sum, "the checksum of the header");
        let stored: u64 = entries.iter().map(|entry| entry.stored_bytes).sum();
        let metadata = input.take(stored as usize).to_vec();
        let mut bands = Vec::new();
        let mut rows = height;
        while rows > 0 {
            bands.push(RawBand::parse(&mut input, (width, rows.min(band_rows))));
            rows -= rows.min(band_rows);
        }
        assert_eq!(input.at, bytes.len(), "the end of the file");
        Self { version, kind, width, height, band_rows, blocks, entries, metadata, bands }
    }

    /// The header, with the right checksum.
    pub fn header(&self) -> Vec<u8> {
        let numbers = [self.width, self.height, self.band_rows].map(number).concat();
        let mut bytes = [MAGIC, &[self.version, self.kind], &numbers, &[self.blocks]].concat();
        for entry in &self.entries {
            bytes.push(entry.kind);
            bytes.extend(number(entry.stored_bytes));
            bytes.extend(number(entry.bytes));
            bytes.extend(entry.checksum);
        }
        let sum = checksum(&bytes);
        bytes.extend(sum);
        bytes
    }

    /// The file, with the right checksums of header and bands.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.header();
        bytes.extend(&self.metadata);
        self.bands.iter().for_each(|band| bytes.extend(band.to_bytes()));
        bytes
    }
}

impl RawBand {
    fn parse(input: &mut Cursor<'_>, (width, rows): (u64, u64)) -> Self {
        let start = input.at;
        let length = input.number() as usize;
        let end = input.at + length;
        let tile = (input.number(), input.number());
        let count = input.byte();
        let part = |_| {
            let kind = input.byte();
            let transform = |_| {
                let length = input.number() as usize;
                input.take(length).to_vec()
            };
            let transforms = (0..kind >> 4).map(transform).collect();
            let coder_at = input.at;
            let kind_of_coder = input.byte();
            if matches!(kind_of_coder, 1 | 4 | 6 | 7) {
                input.number();
                input.take(if kind_of_coder == 4 { 19 } else { 16 });
                if kind_of_coder == 7 {
                    input.number();
                    input.take(16);
                }
                if kind_of_coder == 6 {
                    let moves = input.number() as usize;
                    input.take(moves);
                }
            }
            RawPart { kind, transforms, coder: input.bytes[coder_at..input.at].to_vec() }
        };
        let parts: Vec<RawPart> = (0..count).map(part).collect();
        let tile_count = width.div_ceil(tile.0) * rows.div_ceil(tile.1);
        let entry = |_| RawTile {
            checksum: input.take(8).try_into().expect("eight bytes"),
            lengths: (0..count).map(|_| input.number()).collect(),
        };
        let tiles: Vec<RawTile> = (0..tile_count).map(entry).collect();
        assert_eq!(input.at, end, "the end of the table");
        let sum = checksum(&input.bytes[start..end]);
        assert_eq!(input.checksum(), sum, "the checksum of the band");
        let bytes: u64 = tiles.iter().flat_map(|tile| &tile.lengths).sum();
        Self { tile, count, parts, tiles, streams: input.take(bytes as usize).to_vec() }
    }

    /// The description of the band, without its streams.
    pub fn table(&self) -> Vec<u8> {
        let mut body = [number(self.tile.0), number(self.tile.1), vec![self.count]].concat();
        for part in &self.parts {
            body.push(part.kind);
            for transform in &part.transforms {
                body.extend(number(transform.len() as u64));
                body.extend(transform);
            }
            body.extend(&part.coder);
        }
        for tile in &self.tiles {
            body.extend(tile.checksum);
            tile.lengths.iter().for_each(|&length| body.extend(number(length)));
        }
        let mut bytes = [number(body.len() as u64), body].concat();
        let sum = checksum(&bytes);
        bytes.extend(sum);
        bytes
    }

    fn to_bytes(&self) -> Vec<u8> {
        [self.table(), self.streams.clone()].concat()
    }

    /// The byte range of a stream among all streams.
    pub fn stream(&self, tile: usize, part: usize) -> Range<usize> {
        let lengths: Vec<u64> = self.tiles.iter().flat_map(|tile| tile.lengths.clone()).collect();
        let index = tile * self.parts.len() + part;
        let start = lengths[..index].iter().sum::<u64>() as usize;
        start..start + lengths[index] as usize
    }

    /// The band with another stream, and the matching length.
    pub fn with_stream(mut self, tile: usize, part: usize, stream: &[u8]) -> Self {
        let place = self.stream(tile, part);
        self.streams.splice(place, stream.iter().copied());
        self.tiles[tile].lengths[part] = stream.len() as u64;
        self
    }
}

/// A black 8-bit image in one tile, with any coder. With a network, an empty stream is valid: the state stays 0, and so
/// does every symbol.
pub fn black(channels: u8, (width, height): (u64, u64), coder: Vec<u8>, stream: &[u8]) -> RawFile {
    let samples = vec![0; 2 * usize::from(channels) * (width * height) as usize];
    let tile =
        RawTile { checksum: xxhash_rust::xxh3::xxh3_64(&samples).to_le_bytes(), lengths: vec![stream.len() as u64] };
    let band = RawBand {
        tile: (width, height),
        count: 1,
        parts: vec![RawPart { kind: channels, transforms: Vec::new(), coder }],
        tiles: vec![tile],
        streams: stream.to_vec(),
    };
    RawFile {
        version: 1,
        kind: 0x70 | channels,
        width,
        height,
        band_rows: height,
        blocks: 0,
        entries: Vec::new(),
        metadata: Vec::new(),
        bands: vec![band],
    }
}

/// A registered network as the coder of a part.
pub fn network(model: &ansel::RegisteredModel) -> Vec<u8> {
    [vec![1], number(model.id.into()), digest(model.file).to_vec()].concat()
}

/// The same network, learning.
pub fn learning(model: &ansel::RegisteredModel) -> Vec<u8> {
    [vec![4], number(model.id.into()), digest(model.file).to_vec(), vec![63, 4, 10]].concat()
}
