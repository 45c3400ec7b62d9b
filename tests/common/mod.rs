//! Images that the tests compute, and the photograph. All randomness is seeded: each run sees the same samples.

#![allow(dead_code, reason = "every test binary uses a part of this")]

use std::fs::File;
use std::io::BufReader;

use ansel::{
    Codec, Content, Error, Family, FormatErrorKind, Limits, Metadata, MetadataKind, ModelChoice, Planes,
    RegisteredModel,
};
use ndarray::{Array3, s};

pub mod raw;

pub use raw::RawFile;

/// The only photograph in the repository.
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

/// Rises along rows and columns, at a different rate in each channel, and wraps.
pub fn ramp(channels: usize, width: usize, height: usize) -> Planes {
    image(channels, width, height, |(channel, y, x)| ((channel + 1) * x + (5 - channel) * y) as u8)
}

/// The file of a registered model; with a model file, no other coder is tried.
pub fn model_file(content: Content) -> ModelChoice {
    let model = ansel::models().iter().find(|model| model.content == content).expect("a model of the registry");
    ModelChoice::File(model.file.into())
}

/// The file of a flow for this many channels.
pub fn flow_file(channels: usize) -> ModelChoice {
    let is_for = |model: &&RegisteredModel| model.family == Family::Flow && model.content.channels() == channels;
    ModelChoice::File(ansel::models().iter().find(is_for).expect("a flow of the registry").file.into())
}

/// A program of the registry for this many channels, given as a file, so that no other coder is tried.
pub fn program_file(name: &str, channels: usize) -> ModelChoice {
    let is_for = |model: &&RegisteredModel| model.name == name && model.content.channels() == channels;
    ModelChoice::File(ansel::models().iter().find(is_for).expect("a program of the registry").file.into())
}

/// A tiny program for grey, with operations that those of the registry do not have: see `models/README.md`.
pub fn tiny_program() -> ModelChoice {
    ModelChoice::File(include_bytes!("../models/tiny.onnx").as_slice().into())
}

/// Noise on horizontal stripes, which no photograph has: networks for photographs have something to learn.
pub fn stripes(channels: usize, width: usize, height: usize) -> Planes {
    let mut random = Random(5);
    image(channels, width, height, |(channel, y, x)| {
        (60 + 90 * ((x + y + channel) % 2) + 7 * y % 40) as u8 + random.next() as u8 % 8
    })
}

/// Arcs, with every other column brighter: networks for photographs make the same error everywhere.
pub fn arcs(side: usize) -> Planes {
    image(1, side, side, |(_, y, x)| (60 + (x * x / side + y) / 2 + 8 * (x % 2)) as u8)
}

/// 0 and 255 alternating: the opposite of smooth.
pub fn checkerboard(channels: usize, width: usize, height: usize) -> Planes {
    image(channels, width, height, |(channel, y, x)| if (channel + x + y) % 2 == 0 { 0 } else { 255 })
}

/// Smooth samples with a little noise, like photographs.
pub fn gentle(channels: usize, width: usize, height: usize) -> Planes {
    let mut random = Random(7);
    image(channels, width, height, |(channel, y, x)| {
        let wave = 60.0 * (x as f32 / 17.0).sin() + 50.0 * ((x + 2 * y) as f32 / 29.0).cos();
        (128.0 + wave + 6.0 * channel as f32) as u8 ^ (random.next() & 3) as u8
    })
}

/// A tiled pattern with few colours, as in drawings and text.
pub fn drawing(channels: usize, width: usize, height: usize) -> Planes {
    let colours = [[255, 255, 255, 255], [20, 30, 160, 255], [200, 40, 10, 255], [90, 90, 90, 0]];
    let place = |y: usize, x: usize| match (y % 12, x % 9) {
        (0, _) => 1,
        (_, 0) => 3,
        (y, x) if x * 2 == y && (x + y) % 4 > 0 => 2,
        _ => 0,
    };
    image(channels, width, height, |(channel, y, x)| {
        colours[place(y, x)][if channels == 2 { 3 * channel } else { channel }]
    })
}

/// Noise that repeats after a long distance: nothing codes it better than VP8L.
pub fn repeating() -> Planes {
    let noise = noise(3, 16, 16);
    image(3, 16, 40, |(channel, y, x)| noise.samples()[(channel, y % 16, x)] as u8)
}

/// An 8-bit image scaled to another depth.
pub fn scaled(planes: &Planes, depth: u32) -> Planes {
    let scale = |sample: u16| (u32::from(sample) * ((1 << depth) - 1) / 255) as u16;
    Planes::new(planes.samples().mapv(scale), depth).expect("a valid image")
}

/// Two images of the same size, one above the other, as two bands of one file. Bands are independent, so those of two
/// files can be concatenated.
pub fn two_bands(codec: &Codec, top: &Planes, bottom: &Planes) -> (Vec<u8>, Planes) {
    assert_eq!(top.samples().dim(), bottom.samples().dim());
    let raw = |planes| RawFile::parse(&codec.compress(planes, &Metadata::default()).expect("a compressed image"));
    let (mut file, below) = (raw(top), raw(bottom));
    file.height *= 2;
    file.bands.extend(below.bands);
    let samples = ndarray::concatenate![ndarray::Axis(1), *top.samples(), *bottom.samples()];
    (file.to_bytes(), Planes::new(samples, top.depth()).expect("a valid image"))
}

pub fn photograph() -> Planes {
    let file = BufReader::new(File::open(PHOTOGRAPH).expect("the photograph"));
    ansel::read_image(file, &Limits::default()).expect("a readable photograph").planes
}

/// The photograph, repeated as often as a size requires; a fourth channel is the third again.
pub fn photograph_of(channels: usize, width: usize, height: usize) -> Planes {
    let photograph = photograph();
    let (_, rows, columns) = photograph.samples().dim();
    let sample = |(c, y, x): (usize, usize, usize)| photograph.samples()[[c.min(2), y % rows, x % columns]];
    Planes::new(Array3::from_shape_fn((channels, height, width), sample), 8).expect("a valid image")
}

/// A part of the photograph with a boat and a bird's feathers; with one channel, the green one.
pub fn photograph_crop(channels: usize, width: usize, height: usize) -> Planes {
    let all = photograph();
    let first = if channels == 1 { 1 } else { 0 };
    let part = all.samples().slice(s![first..first + channels, 150..150 + height, 200..200 + width]);
    Planes::new(part.to_owned(), 8).expect("a valid image")
}

pub fn codec_with_threads(threads: usize) -> Codec {
    Codec::builder().threads(threads).build().expect("a codec")
}

/// A codec that codes all images of 1 or 3 channels without transforms, with the registry's model for photographs.
pub fn codec_for_photographs(channels: usize) -> Codec {
    Codec::builder().model(photograph_model(channels)).build().expect("a codec")
}

pub fn photograph_model(channels: usize) -> ModelChoice {
    let content = if channels == 1 { Content::Grey } else { Content::Colour };
    let model = ansel::models().iter().find(|model| model.content == content).expect("a model");
    ModelChoice::File(model.file.into())
}

/// Metadata of several kinds: one block that compresses well, and two that do not compress.
pub fn metadata() -> Metadata {
    let mut metadata = Metadata::default();
    metadata.set(MetadataKind::Icc, icc_profile());
    metadata.set(MetadataKind::Exif, Random(3).bytes(40));
    metadata.set(MetadataKind::Xmp, b"<x:xmpmeta/>".to_vec());
    metadata
}

/// Bytes in place of an ICC profile; compressible, as profiles are.
pub fn icc_profile() -> Vec<u8> {
    (0..400u32).map(|i| if i % 16 < 11 { 0 } else { (i * i / 50) as u8 }).collect()
}

/// The kind of a format error; panics with `what` for any other result.
pub fn format_error<T>(result: Result<T, Error>, what: &str) -> FormatErrorKind {
    match result {
        Err(Error::Format(error)) => error.kind(),
        Err(other) => panic!("{what}: not a format error: {other}"),
        Ok(_) => panic!("{what}: accepted"),
    }
}

/// Fails unless a file decodes to these samples and this metadata.
pub fn assert_decodes(codec: &Codec, file: &[u8], planes: &Planes, metadata: &Metadata) {
    let decoded = codec.decompress(file).expect("a file that decodes");
    assert!(decoded.planes == *planes, "other samples than those that were compressed");
    assert!(decoded.metadata == *metadata, "other metadata than what was compressed");
}
