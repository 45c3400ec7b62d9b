//! What the fuzz targets do with their bytes; the tests below replay corpora and kept crashes through the same.
//!
//! Each body panics if what this crate promises does not hold for these bytes.

use std::num::NonZeroUsize;
use std::sync::LazyLock;

use ndarray::Array3;

use crate::cdf::{CDF_BITS, Cdf};
use crate::container::checksum;
use crate::mixture::{MAX_CHANNELS, MixtureShape, PixelMixture};
use crate::{Codec, Error, Limits, Metadata, MetadataKind, Options, Planes, Result, models};

/// Where the fields that [`repair`] needs lie. Format: section "Header".
const CHANNELS_AT: usize = 20;
const MODEL_AT: usize = 24;
const TILES_AT: usize = 40;
const BLOCKS_AT: usize = 44;
const FIXED_BYTES: usize = 48;

/// Largest side of the images of [`roundtrip`], in pixels.
const MAX_SIDE: u8 = 24;

static CODEC: LazyLock<Codec> = LazyLock::new(|| {
    let limits = Limits { samples: 1 << 12, metadata_bytes: 1 << 14 };
    Codec::new(Options { threads: NonZeroUsize::new(1), limits, ..Options::default() })
});

/// Reads a header and metadata from any bytes: as they are, and with a right checksum.
pub fn container(bytes: &[u8]) {
    for file in versions(bytes) {
        if let Some((header, metadata)) = accepted(CODEC.read_header(&file)) {
            assert_eq!(header.file_bytes(), file.len() as u64);
            let mut again = Vec::new();
            header.write(&mut again);
            assert!(file.starts_with(&again), "the header has a second form");
            assert!(header.samples() <= 1 << 12);
            let held: usize = metadata.blocks().iter().map(|block| block.bytes.len()).sum();
            assert!(held <= 1 << 14, "{held} bytes of metadata");
        }
    }
}

/// Decodes any bytes: as they are, and with a right checksum and a known model.
pub fn decode(bytes: &[u8]) {
    for file in versions(bytes) {
        let decoded = accepted(CODEC.decompress(&file));
        let verified = accepted(CODEC.verify(&file));
        assert_eq!(decoded.is_some(), verified.is_some());
        if let (Some(decoded), Some(verified)) = (decoded, verified) {
            let header = verified.header;
            assert_eq!((decoded.planes.width(), decoded.planes.height()), (header.width(), header.height()));
            assert!(verified.ideal_bits.is_finite() && verified.ideal_bits > 0.0);
        }
    }
}

/// What was read from a hostile file; panics at an error that is not the file's.
fn accepted<T>(result: Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(Error::Format(_) | Error::LimitsExceeded { .. }) => None,
        Err(error) => panic!("a file caused: {error}"),
    }
}

/// The bytes, and the bytes with the header repaired so that what lies behind its checks is reached.
fn versions(bytes: &[u8]) -> Vec<Vec<u8>> {
    let repaired = repair(bytes.to_vec());
    std::iter::once(bytes.to_vec()).chain(repaired).collect()
}

/// Puts a model of the registry and the right checksum into a header, if the file is long enough for it.
fn repair(mut file: Vec<u8>) -> Option<Vec<u8>> {
    let blocks = usize::from(*file.get(BLOCKS_AT)?);
    let tiles = u32::from_le_bytes(file[TILES_AT..BLOCKS_AT].try_into().ok()?);
    let end = FIXED_BYTES.checked_add(17 * blocks)?.checked_add(usize::try_from(tiles).ok()?.checked_mul(14)?)?;
    file.get(end..end.checked_add(8)?)?;
    if let Some(model) = models().iter().find(|model| model.channels == usize::from(file[CHANNELS_AT])) {
        file[MODEL_AT..MODEL_AT + 2].copy_from_slice(&model.id.to_le_bytes());
        file[MODEL_AT + 4..MODEL_AT + 12].copy_from_slice(&checksum(model.file));
    }
    let sum = checksum(&file[..end]);
    file[end..end + 8].copy_from_slice(&sum);
    Some(file)
}

/// Bytes that never end: the fuzzer's, again and again.
struct Endless<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Endless<'_> {
    fn byte(&mut self) -> u8 {
        let byte = self.bytes.get(self.at % self.bytes.len().max(1)).copied().unwrap_or(0);
        self.at += 1;
        byte
    }

    fn word(&mut self) -> u32 {
        u32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }

    /// A number below `end`.
    fn below(&mut self, end: u32) -> u32 {
        ((u64::from(self.word()) * u64::from(end)) >> 32) as u32
    }
}

/// Makes mixtures and intervals of any network outputs, and holds them against the guarantees of the CDF.
pub fn cdf(bytes: &[u8]) {
    let mut input = Endless { bytes, at: 0 };
    let channels = if input.byte().is_multiple_of(2) { 1 } else { MAX_CHANNELS };
    let depth = 8 + u32::from(input.byte() % 9);
    match input.byte() % 4 {
        0 => pixel::<1>(&mut input, channels, depth),
        1 => pixel::<2>(&mut input, channels, depth),
        2 => pixel::<5>(&mut input, channels, depth),
        _ => pixel::<10>(&mut input, channels, depth),
    }
}

fn pixel<const K: usize>(input: &mut Endless<'_>, channels: usize, depth: u32) {
    let count = MixtureShape { components: K, channels }.outputs();
    let outputs: Vec<i16> = (0..count).map(|_| i16::from_le_bytes([input.byte(), input.byte()])).collect();
    let mut mixture = PixelMixture::<K>::new(channels, &outputs);
    for _ in 0..channels {
        let prediction = input.below(1 << depth) as i32;
        mixture.next_channel(prediction, depth);
        assert!(mixture.guess(depth) >> depth == 0, "a guess outside the range");
        let cdf = mixture.cdf(depth);
        check_intervals(cdf, depth, input);
        let sample = input.below(1 << depth);
        let (_, densities) = cdf.interval(sample);
        mixture.observe(sample as i32 - prediction, &densities);
    }
}

/// Intervals of neighbouring samples touch, none is empty, all together fill the range, and quantiles find them.
fn check_intervals<const K: usize>(cdf: Cdf<'_, K>, depth: u32, input: &mut Endless<'_>) {
    let end = 1u32 << depth;
    let first = if depth == 8 { 0 } else { input.below(end) };
    let last = if depth == 8 { end - 1 } else { (first + 40).min(end - 1) };
    let mut left = cdf.interval(first).0.left;
    assert!(first > 0 || left == 0, "the first interval starts at {left}");
    for sample in first..=last {
        let (interval, _) = cdf.interval(sample);
        assert_eq!(interval.left, left, "sample {sample}");
        assert!(interval.probability > 0, "sample {sample}");
        left += interval.probability;
        let guess = input.below(end);
        assert_eq!(cdf.quantile(interval.left, guess), sample);
        assert_eq!(cdf.quantile(left - 1, guess), sample);
    }
    let (top, _) = cdf.interval(end - 1);
    assert_eq!(top.left + top.probability, 1 << CDF_BITS);
    let quantile = input.below(1 << CDF_BITS);
    let found = cdf.quantile(quantile, input.below(end));
    assert!(cdf.interval(found).0.contains(quantile), "{quantile} is not in the interval of {found}");
}

/// Compresses a small image made of the bytes, and decompresses it.
pub fn roundtrip(bytes: &[u8]) {
    let mut input = Endless { bytes, at: 0 };
    let sizes = [input.byte(), input.byte()].map(|byte| usize::from(1 + byte % MAX_SIDE));
    let choices = input.byte();
    let channels = if choices & 1 == 0 { 1 } else { MAX_CHANNELS };
    let samples = Array3::from_shape_fn((channels, sizes[0], sizes[1]), |_| u16::from(input.byte()));
    let planes = Planes::new(samples, 8).expect("a valid image");
    let mut metadata = Metadata::default();
    for (bit, kind) in MetadataKind::ALL.into_iter().enumerate().filter(|(bit, _)| choices & 2 << bit != 0) {
        let count = usize::from(input.byte()) << (2 * bit).min(4);
        metadata.set(kind, (0..count).map(|_| input.byte()).collect());
    }
    let file = CODEC.compress(&planes, &metadata).expect("a compressed image");
    let decoded = CODEC.decompress(&file).expect("a file that decodes");
    assert!(decoded.planes == planes && decoded.metadata == metadata, "something else came back");
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Runs a body on the files of a target's corpus and of its kept crashes.
    fn replay(target: &str, body: fn(&[u8])) {
        for (kind, least) in [("corpus", 1), ("regressions", 0)] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(kind).join(target);
            let entries =
                std::fs::read_dir(&folder).map(|entries| entries.map(|entry| entry.expect("an entry").path()));
            let files: Vec<_> = entries.into_iter().flatten().collect();
            assert!(files.len() >= least, "{} is empty", folder.display());
            for file in files {
                println!("{}", file.display());
                body(&std::fs::read(&file).expect("a readable file"));
            }
        }
    }

    #[test]
    fn headers_of_the_corpus_are_read_or_refused() {
        replay("container", container);
    }

    #[test]
    fn files_of_the_corpus_are_decoded_or_refused() {
        replay("decode", decode);
    }

    #[test]
    fn network_outputs_of_the_corpus_make_valid_intervals() {
        replay("cdf", cdf);
    }

    #[test]
    fn images_of_the_corpus_come_back() {
        replay("roundtrip", roundtrip);
    }

    /// Numbers that look random, the same in every run (Marsaglia's xorshift64).
    struct Random(u64);

    impl Random {
        fn below(&mut self, end: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            ((self.0 >> 32) as usize * end) >> 32
        }

        fn bytes(&mut self, count: usize) -> Vec<u8> {
            (0..count).map(|_| self.below(256) as u8).collect()
        }
    }

    /// Valid files of the current models, grey and colour, with metadata and without.
    fn valid_files() -> Vec<Vec<u8>> {
        let image = |channels: usize, height: usize, width: usize| {
            let sample = |(c, y, x): (usize, usize, usize)| ((c * 50 + 9 * y + 4 * x + x * y % 3) & 255) as u16;
            Planes::new(Array3::from_shape_fn((channels, height, width), sample), 8).expect("a valid image")
        };
        let mut metadata = Metadata::default();
        metadata.set(MetadataKind::Icc, vec![7; 300]);
        metadata.set(MetadataKind::Xmp, b"<x:xmpmeta/>".to_vec());
        let images = [
            (image(1, 6, 9), Metadata::default()),
            (image(3, 5, 7), metadata),
            (image(1, 1, 1030), Metadata::default()),
        ];
        images.iter().map(|(planes, metadata)| CODEC.compress(planes, metadata).expect("a compressed image")).collect()
    }

    /// Runs a body on valid files, and on copies of them with one to three bytes changed.
    fn mutate(body: fn(&[u8])) {
        let mut random = Random(0x5eed);
        for file in valid_files() {
            assert!(repair(file.clone()).is_some_and(|repaired| repaired == file), "a valid file needs no repair");
            body(&file);
            for _ in 0..200 {
                let mut changed = file.clone();
                for _ in 0..=random.below(3) {
                    let at = random.below(changed.len());
                    changed[at] = random.below(256) as u8;
                }
                body(&changed);
                changed.truncate(random.below(changed.len()));
                body(&changed);
            }
        }
    }

    #[test]
    fn changed_headers_are_read_or_refused() {
        mutate(container);
    }

    #[test]
    fn changed_files_are_decoded_or_refused() {
        mutate(decode);
    }

    #[test]
    fn random_network_outputs_make_valid_intervals() {
        let mut random = Random(0xc0de);
        for length in 0..400 {
            let mut bytes = random.bytes(length);
            cdf(&bytes);
            // Extremes, next to each other.
            bytes.iter_mut().for_each(|byte| *byte = [0, 1, 0x7f, 0x80, 0xff][usize::from(*byte) % 5]);
            cdf(&bytes);
        }
    }

    #[test]
    fn random_small_images_come_back() {
        let mut random = Random(0x1147);
        for length in 0..60 {
            roundtrip(&random.bytes(5 * length));
        }
    }
}
