//! Images that the tests compute, and the photograph. Everything is seeded: each run sees the same samples.

#![allow(dead_code, reason = "every test binary uses a part of this")]

use std::fs::File;
use std::io::BufReader;
use std::num::NonZeroUsize;

use ansel::{Codec, Error, FormatErrorKind, Limits, Metadata, MetadataKind, Options, Planes};
use ndarray::{Array3, s};
use sha2::{Digest, Sha256};

/// The one image file that the repository carries.
pub const PHOTOGRAPH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/images/kodim23.png");

/// SplitMix64 (Steele et al. 2014).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

/// An 8-bit image from a function of (channel, row, column).
pub fn image(channels: usize, width: usize, height: usize, sample: impl FnMut((usize, usize, usize)) -> u8) -> Planes {
    let mut sample = sample;
    let samples = Array3::from_shape_fn((channels, height, width), |at| u16::from(sample(at)));
    Planes::new(samples, 8).expect("a valid image")
}

/// Independent, uniformly distributed samples.
pub fn noise(channels: usize, width: usize, height: usize) -> Planes {
    let mut random = Random((channels << 40 | width << 20 | height) as u64);
    image(channels, width, height, |_| random.next() as u8)
}

pub fn flat(channels: usize, width: usize, height: usize, value: u8) -> Planes {
    image(channels, width, height, |_| value)
}

/// Rises along rows and columns, at another rate in each channel, and wraps.
pub fn ramp(channels: usize, width: usize, height: usize) -> Planes {
    image(channels, width, height, |(channel, y, x)| ((channel + 1) * x + (5 - channel) * y) as u8)
}

/// 0 and 255 in turn: as far from smooth as an image can be.
pub fn checkerboard(channels: usize, width: usize, height: usize) -> Planes {
    image(channels, width, height, |(channel, y, x)| if (channel + x + y) % 2 == 0 { 0 } else { 255 })
}

/// Something smooth with a little noise, as photographs are.
pub fn gentle(channels: usize, width: usize, height: usize) -> Planes {
    let mut random = Random(7);
    image(channels, width, height, |(channel, y, x)| {
        let wave = 60.0 * (x as f32 / 17.0).sin() + 50.0 * ((x + 2 * y) as f32 / 29.0).cos();
        (128.0 + wave + 6.0 * channel as f32) as u8 ^ (random.next() & 3) as u8
    })
}

pub fn photograph() -> Planes {
    let file = BufReader::new(File::open(PHOTOGRAPH).expect("the photograph"));
    ansel::read_image(file, &Limits::default()).expect("a readable photograph").planes
}

/// A part of the photograph, with a boat and a bird's feathers in it; one channel of it is the green one.
pub fn photograph_crop(channels: usize, width: usize, height: usize) -> Planes {
    let all = photograph();
    let first = if channels == 1 { 1 } else { 0 };
    let part = all.samples().slice(s![first..first + channels, 150..150 + height, 200..200 + width]);
    Planes::new(part.to_owned(), 8).expect("a valid image")
}

pub fn codec_with_threads(threads: usize) -> Codec {
    Codec::new(Options { threads: NonZeroUsize::new(threads), ..Options::default() })
}

/// Metadata of all kinds: one block that compresses well, and two that do not compress.
pub fn metadata() -> Metadata {
    let mut metadata = Metadata::default();
    metadata.set(MetadataKind::Icc, icc_profile());
    metadata.set(MetadataKind::Exif, Random(3).bytes(40));
    metadata.set(MetadataKind::Xmp, b"<x:xmpmeta/>".to_vec());
    metadata
}

/// Bytes in the place of an ICC profile: compressible, as profiles are.
pub fn icc_profile() -> Vec<u8> {
    (0..400u32).map(|i| if i % 16 < 11 { 0 } else { (i * i / 50) as u8 }).collect()
}

/// The kind of a format error; panics, with `what`, at any other result.
pub fn format_error<T>(result: Result<T, Error>, what: &str) -> FormatErrorKind {
    match result {
        Err(Error::Format(error)) => error.kind(),
        Err(other) => panic!("{what}: not a format error: {other}"),
        Ok(_) => panic!("{what}: accepted"),
    }
}

/// Where the fields of a header lie; FORMAT.md, section "Header".
pub mod field {
    pub const VERSION: usize = 8;
    pub const WIDTH: usize = 12;
    pub const HEIGHT: usize = 16;
    pub const CHANNELS: usize = 20;
    pub const MODEL_ID: usize = 24;
    pub const MODEL_DIGEST: usize = 28;
    pub const TILE_WIDTH: usize = 36;
    pub const TILE_HEIGHT: usize = 38;
    pub const TILES: usize = 40;
    pub const BLOCKS: usize = 44;
    /// Bytes before the tables.
    pub const FIXED: usize = 48;
    pub const METADATA_ENTRY: usize = 17;
    pub const TILE_ENTRY: usize = 14;
}

/// Makes the header checksum right again after a change of the header.
pub fn repair_header(file: &mut [u8]) {
    let blocks = usize::from(file[field::BLOCKS]);
    let tiles = u32::from_le_bytes(file[field::TILES..][..4].try_into().expect("four bytes")) as usize;
    let end = field::FIXED + blocks * field::METADATA_ENTRY + tiles * field::TILE_ENTRY;
    let sum = Sha256::digest(&file[..end]);
    file[end..end + 8].copy_from_slice(&sum[..8]);
}

/// Fails unless a file decodes to these samples and this metadata.
pub fn assert_decodes(codec: &Codec, file: &[u8], planes: &Planes, metadata: &Metadata) {
    let decoded = codec.decompress(file).expect("a file that decodes");
    assert!(decoded.planes == *planes, "other samples than those that were compressed");
    assert!(decoded.metadata == *metadata, "other metadata than what was compressed");
}
