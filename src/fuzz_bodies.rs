//! What the fuzz targets do with their input; the tests below replay corpora and kept crashes with the same functions.
//!
//! Each body panics if the crate breaks one of its promises for these bytes.

use std::io::Cursor;
use std::sync::{LazyLock, Mutex};

use ndarray::{Array3, s};

use crate::base::bytes::{CHECKSUM_BYTES, DIGEST_BYTES, checksum, digest};
use crate::base::lock::lock;
use crate::codec::Division;
use crate::container::{Band, Header};
use crate::entropy::ans::{Decoder, Encoder};
use crate::entropy::cdf::{Alphabet, CDF_BITS, Cdf};
use crate::entropy::mixture::{Candidate, MAX_CHANNELS, MixtureShape, Normalisation, PINNED, PixelMixture};
use crate::entropy::stack::Stack;
use crate::infer::learner::Learner;
use crate::infer::session::{Network, networks_of};
use crate::infer::{Evaluator, outputs_of};
use crate::model::adaptation::Learning;
use crate::model::file::ModelFile;
use crate::model::program::Program;
use crate::streams::network::alphabets;
use crate::tile::TileSamples;
use crate::transforms::{GroupShape, Transform};
use crate::walk::batch::ActiveTile;
use crate::walk::bits_back::Walk;
use crate::walk::counts::{Contexts, Counts};
use crate::walk::flow;
use crate::{
    Codec, Content, Effort, Error, Family, FileKind, Limits, Metadata, MetadataKind, ModelChoice, Planes, Rect,
    RegisteredModel, Result, models,
};

/// Bytes of a header before its numbers. Format: section "Header".
const FIXED_BYTES: usize = 10;

/// Largest side of the images of [`roundtrip`] and [`transforms`], in pixels.
const MAX_SIDE: u8 = 24;

const LIMITS: Limits = Limits { samples: 1 << 12, metadata_bytes: 1 << 14, work: 1 << 50, memory: u64::MAX };

/// Divides even small images into several bands, and bands into several tiles.
static CODEC: LazyLock<Codec> = LazyLock::new(|| codec(Effort::Default, ModelChoice::default()));
static LEARNING: LazyLock<Codec> = LazyLock::new(|| codec(Effort::Max, ModelChoice::default()));

/// The flows of the registry.
static FLOWS: LazyLock<Mutex<Vec<Vec<Network>>>> = LazyLock::new(|| {
    let networks = |model: &RegisteredModel| networks_of(model.file).all;
    Mutex::new(models().iter().filter(|model| model.family == Family::Flow).map(networks).collect())
});

/// A program and its networks.
type Programmed = (Program, Vec<Network>);
/// The programs of the registry.
static PROGRAMS: LazyLock<Mutex<Vec<Programmed>>> = LazyLock::new(|| {
    let program = |model: &RegisteredModel| {
        let program = ModelFile::read(model.file).expect("a model that keeps the contract").program;
        (program.expect("a program"), networks_of(model.file).all)
    };
    Mutex::new(models().iter().filter(|model| model.family == Family::BitsBack).map(program).collect())
});

fn codec(effort: Effort, model: ModelChoice) -> Codec {
    divided(
        effort,
        model,
        Division { tile_side: 11, learning_tile_side: 16, graphics_tile_side: 16, band_pixels: 300, lanes_from: 110 },
    )
}

fn divided(effort: Effort, model: ModelChoice, division: Division) -> Codec {
    let builder = Codec::builder().threads(1).limits(LIMITS).effort(effort).model(model);
    builder.division(division).build().expect("a codec")
}

/// Reads header, metadata and tables from any bytes: as they are, and with right checksums.
pub fn container(bytes: &[u8]) {
    for file in versions(bytes).into_iter().filter(|file| FileKind::of(file) != Some(FileKind::Jpeg)) {
        if let Some(header) = accepted(Header::read(&file[..], &LIMITS)) {
            assert!(file.starts_with(&header.to_bytes()), "the header has a second form");
            assert!(header.samples() <= LIMITS.samples);
        }
        if let Some(info) = accepted(CODEC.read_info(Cursor::new(&file))) {
            assert_eq!(info.bytes, file.len() as u64);
            let held: usize = info.metadata.blocks().iter().map(|block| block.bytes.len()).sum();
            assert!(held as u64 <= LIMITS.metadata_bytes, "{held} bytes of metadata");
            assert_eq!(info.bands.len(), info.header.bands() as usize);
            let streams: u64 = info.bands.iter().map(Band::stream_bytes).sum();
            assert!(streams < info.bytes, "{streams} bytes of streams");
        }
    }
}

/// Decodes any bytes: as they are, and with right checksums and registered models.
pub fn decode(bytes: &[u8]) {
    for file in versions(bytes).into_iter().filter(|file| FileKind::of(file) != Some(FileKind::Jpeg)) {
        let decoded = accepted(CODEC.decompress(&file));
        let verified = accepted(CODEC.verify(Cursor::new(&file)));
        assert_eq!(decoded.is_some(), verified.is_some());
        if let (Some(decoded), Some(verified)) = (decoded, verified) {
            let header = verified.info.header;
            assert_eq!((decoded.planes.width(), decoded.planes.height()), (header.width(), header.height()));
            assert!(verified.ideal_bits.is_finite() && verified.ideal_bits >= 0.0);
            let (x, y) = (header.width() / 3, header.height() / 2);
            let region = Rect { x, y, width: header.width() - x, height: (header.height() - y).div_ceil(2) };
            let part = CODEC.open(Cursor::new(&file)).and_then(|mut archive| archive.region(region));
            let part = part.expect("a part of what decodes");
            let whole = decoded.planes.samples();
            assert!(*part.samples() == whole.slice(s![.., region.rows(), region.columns()]), "another part");
        }
    }
}

/// Decodes any bytes as an ansel file that holds a JPEG file: as they are, and with right checksums. Then compresses
/// them as a JPEG file.
pub fn jpeg(bytes: &[u8]) {
    quieten_lepton();
    for file in std::iter::once(bytes.to_vec()).chain(repair_jpeg(bytes.to_vec())) {
        let info = accepted(CODEC.read_jpeg_info(&file[..]));
        if let Some(jpeg) = accepted(CODEC.decompress_jpeg(&file[..])) {
            let info = info.expect("a file that decodes has a frame header");
            assert_eq!((info.jpeg_bytes, info.bytes), (jpeg.len() as u64, file.len() as u64));
        }
    }
    match CODEC.compress_jpeg(bytes) {
        Ok(file) => {
            assert!(CODEC.decompress_jpeg(&file[..]).expect("a file that was written") == bytes, "another file")
        }
        Err(Error::Image(_) | Error::LimitsExceeded { .. }) => {}
        Err(error) => panic!("a JPEG file caused: {error}"),
    }
}

/// Silences the panics of the lepton_jpeg library. They are caught, but the fuzzer's hook would end the process.
fn quieten_lepton() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !panic.location().is_some_and(|location| location.file().contains("lepton_jpeg")) {
                hook(panic);
            }
        }));
    });
}

/// Repairs the checksums of a file that holds a JPEG file; `None` if it is too short.
fn repair_jpeg(mut file: Vec<u8>) -> Option<Vec<u8>> {
    let mut at = FIXED_BYTES;
    number(&file, &mut at)?;
    at += 33;
    number(&file, &mut at)?;
    let sum_at = at + 8;
    let stream = sum_at + CHECKSUM_BYTES;
    let hash = xxhash_rust::xxh3::xxh3_64(file.get(stream..)?).to_le_bytes();
    file[at..sum_at].copy_from_slice(&hash);
    let sum = checksum(&file[..sum_at]);
    file[sum_at..stream].copy_from_slice(&sum);
    Some(file)
}

/// What was read from a hostile file; panics for an error that the file cannot have caused.
fn accepted<T>(result: Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(Error::Format(_) | Error::LimitsExceeded { .. }) => None,
        Err(error) => panic!("a file caused: {error}"),
    }
}

/// The bytes as they are, and with all checksums repaired, so that the code after the checks is reached.
fn versions(bytes: &[u8]) -> Vec<Vec<u8>> {
    let repaired = repair(bytes.to_vec());
    std::iter::once(bytes.to_vec()).chain(repaired).collect()
}

/// Repairs the checksums of header, metadata and bands, and the digests of the models, as far as the file can be
/// parsed. The checksums of tiles stay as they are: only a decoder could compute them.
fn repair(mut file: Vec<u8>) -> Option<Vec<u8>> {
    let (mut at, mut blocks) = (FIXED_BYTES, Vec::new());
    (0..3).try_for_each(|_| number(&file, &mut at).map(drop))?;
    let count = *file.get(at)?;
    at += 1;
    for _ in 0..count {
        at += 1;
        let stored = usize::try_from(number(&file, &mut at)?).ok()?;
        number(&file, &mut at)?;
        blocks.push((at, stored));
        at += CHECKSUM_BYTES;
    }
    let mut start = at + CHECKSUM_BYTES;
    file.get(..start)?;
    for (place, stored) in blocks {
        let Some(block) = start.checked_add(stored).and_then(|end| file.get(start..end)) else { break };
        let sum = checksum(block);
        file[place..place + CHECKSUM_BYTES].copy_from_slice(&sum);
        start += stored;
    }
    let sum = checksum(&file[..at]);
    file[at..at + CHECKSUM_BYTES].copy_from_slice(&sum);
    repair_bands(&mut file, start);
    Some(file)
}

/// Repairs the bands from the one that starts at `at`, up to the first that is not valid.
fn repair_bands(file: &mut [u8], mut at: usize) {
    let Ok(header) = Header::read(&file[..], &LIMITS) else { return };
    for index in 0..header.bands() {
        let mut body = at;
        let Some(end) = number(file, &mut body).and_then(|length| body.checked_add(usize::try_from(length).ok()?))
        else {
            return;
        };
        if end.checked_add(CHECKSUM_BYTES).is_none_or(|sum_end| sum_end > file.len()) {
            return;
        }
        repair_models(&mut file[body..end]);
        let sum = checksum(&file[at..end]);
        file[end..end + CHECKSUM_BYTES].copy_from_slice(&sum);
        let Ok((band, taken)) = Band::read(&file[at..], &header, header.band(index).1) else { return };
        at = at.saturating_add((taken + band.stream_bytes()) as usize);
        if at > file.len() {
            return;
        }
    }
}

/// Writes the digest of each registered model behind its id.
fn repair_models(body: &mut [u8]) -> Option<()> {
    let mut at = 0;
    number(body, &mut at)?;
    number(body, &mut at)?;
    let parts = *body.get(at)?;
    at += 1;
    for _ in 0..parts {
        let transforms = *body.get(at)? >> 4;
        at += 1;
        for _ in 0..transforms {
            let length = number(body, &mut at)?;
            at = at.checked_add(usize::try_from(length).ok()?)?;
        }
        let coder = *body.get(at)?;
        let (network, learning, moved) = (matches!(coder, 1 | 4 | 6), coder == 4, coder == 6);
        at += 1;
        if network {
            let id = number(body, &mut at)?;
            let name = body.get_mut(at..at + DIGEST_BYTES)?;
            if let Some(model) = models().iter().find(|model| u64::from(model.id) == id) {
                name.copy_from_slice(&digest(model.file));
            }
            at += DIGEST_BYTES;
        }
        if learning {
            at += 3;
        }
        if moved {
            let length = number(body, &mut at)?;
            at = at.checked_add(usize::try_from(length).ok()?)?;
        }
    }
    Some(())
}

/// Reads a number in any form, shortest or not, and advances `at` past it.
fn number(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    Some(number)
}

/// An endless stream of bytes: the fuzzer's input, repeated.
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

/// Decodes arbitrary words with a flow: the samples lie in their alphabets, and come back when they are encoded and
/// decoded.
pub fn flows(bytes: &[u8]) {
    let &[kind, width, height, ref words @ ..] = bytes else { return };
    let mut all = lock(&FLOWS);
    let count = all.len();
    let networks = &mut all[usize::from(kind) % count];
    let sizes = match (networks[0].model().shape.channels, kind / 64) {
        (1, most) => vec![[256, 65_536, 2, 37][usize::from(most)]],
        (_, most) => [vec![256; 3], vec![65_536; 3], vec![2, 1, 2], vec![5, 1, 700]][usize::from(most)].clone(),
    };
    let alphabets = alphabets(&sizes);
    let (width, height) = (1 + usize::from(width % (4 * MAX_SIDE)), 1 + usize::from(height % (2 * MAX_SIDE)));
    let decode = |networks: &mut [Network], words: Vec<u32>| {
        let samples = TileSamples::new(width, height, sizes.len(), alphabets[0].depth);
        let mut tiles = [ActiveTile { samples, coder: Decoder::new(words)?, learning: None }];
        flow::code_tiles(networks, &mut tiles, &alphabets).expect("sessions that passed their tests");
        let [tile] = tiles;
        Some(tile.samples)
    };
    let words = words.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
    let Some(samples) = decode(networks, words.collect()) else { return };
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        let in_alphabets = samples.pixel(x, y).iter().zip(&sizes).all(|(&sample, &size)| u32::from(sample) < size);
        assert!(in_alphabets, "a symbol beyond its alphabet");
    }
    let mut tiles = [ActiveTile { samples: samples.clone(), coder: Encoder::default(), learning: None }];
    flow::code_tiles(networks, &mut tiles, &alphabets).expect("sessions that passed their tests");
    let [tile] = tiles;
    assert!(decode(networks, tile.coder.finish()) == Some(samples), "other samples came back");
}

/// Decodes arbitrary words with a program: either there is no patch, or its samples lie in their alphabets and encode
/// to these words.
pub fn programs(bytes: &[u8]) {
    let &[kind, ref words @ ..] = bytes else { return };
    let words = words.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
    let Some(stack) = Stack::from_words(words.collect()) else { return };
    let before = stack.clone().into_words();
    let mut all = lock(&PROGRAMS);
    let count = all.len();
    let (program, networks) = &mut all[usize::from(kind) % count];
    let size = [256, 65_536, 2, 37][usize::from(kind / 64)];
    let alphabets = alphabets(&vec![size; program.channels]);
    let mut walk = Walk::new(program, networks, stack, &alphabets);
    let Some(patch) = walk.pop().expect("sessions that passed their tests") else { return };
    assert!(patch.iter().flatten().all(|&sample| u32::from(sample) < size), "a symbol beyond its alphabet");
    walk.push(patch).expect("sessions that passed their tests");
    let (terms, stack) = walk.finish();
    assert!(terms.sum().is_finite() && stack.into_words() == before, "other words came back");
}

/// Trains a network on arbitrary contexts and errors, in two batch sizes, and checks that it keeps the contract and
/// that the batch size does not matter.
pub fn learning(bytes: &[u8]) {
    let mut input = Endless { bytes, at: 0 };
    let content = [Content::Colour, Content::Grey, Content::LumaChroma][usize::from(input.byte() % 3)];
    let model = models().iter().find(|model| model.content == content).expect("a registered model");
    let model = ModelFile::read(model.file).expect("a model that keeps the contract").networks.remove(0);
    let rules = Learning {
        chunk: 64 + u16::from(input.byte() % 4) * 64,
        step: input.byte() % 9,
        pull_back: 4 + input.byte() % 13,
    };
    let mut learners = [Learner::new(&model, rules), Learner::new(&model, rules)];
    let outputs = model.shape.outputs();
    for _ in 0..4 {
        let pixels = usize::from(rules.chunk);
        let mut sample = || i16::from(input.byte()) - if input.byte().is_multiple_of(2) { 0 } else { 255 };
        let (low, high) = model.precision().contexts().into_inner();
        let contexts: Vec<i16> = (0..pixels * model.context_size()).map(|_| sample().clamp(low, high)).collect();
        let errors: Vec<i16> = (0..pixels * outputs).map(|_| sample()).collect();
        let mut all: [Vec<i16>; 2] = Default::default();
        for ((learner, all), piece) in learners.iter_mut().zip(&mut all).zip([pixels, 1 + pixels / 3]) {
            let mut some = Vec::new();
            for (contexts, errors) in contexts.chunks(piece * model.context_size()).zip(errors.chunks(piece * outputs))
            {
                learner.run(contexts, &mut some).expect("a learner does not fail");
                let pixels = contexts.len() / model.context_size();
                all.extend((0..pixels).flat_map(|pixel| outputs_of(&some, outputs, pixel)));
                for (pixel, errors) in errors.chunks(outputs).enumerate() {
                    learner.errors(pixel).copy_from_slice(errors);
                }
                learner.advance(pixels);
            }
            assert!(learner.keeps_contract(), "a row beyond its bound");
        }
        assert!(all[0] == all[1], "the size of pieces matters");
    }
}

/// Decodes arbitrary words by binary decisions, under the mixtures of arbitrary network outputs, and encodes the
/// samples again.
pub fn counts(bytes: &[u8]) {
    const SAMPLES: usize = 64;
    let mut input = Endless { bytes, at: 0 };
    let depth = 1 + u32::from(input.byte() % 16);
    let alphabet = Alphabet { depth, size: 1 + input.below(1 << depth) };
    let pixels = 1 << (input.byte() % 20);
    let shape = MixtureShape { components: 2, channels: 1, pinned: false };
    let outputs: Vec<Vec<i16>> =
        (0..SAMPLES).map(|_| (0..shape.outputs()).map(|_| input.below(1 << 16) as u16 as i16).collect()).collect();
    let contexts: Vec<Contexts> = (0..SAMPLES)
        .map(|_| Contexts {
            channel: input.below(3) as usize,
            values: [input.below(5).into(), input.below(1 << 16).into()],
        })
        .collect();
    let words = (0..input.byte()).map(|_| input.word()).chain([1]).collect();
    let code = |coder: &mut dyn FnMut(&mut Counts, Cdf<'_, 2>, &Contexts, usize) -> u32| -> Vec<u32> {
        let mut counts = Counts::new(pixels);
        let sample = |(index, (outputs, contexts)): (usize, (&Vec<i16>, &Contexts))| {
            let mut mixture = PixelMixture::<2, 0>::new(1, outputs, &[]);
            mixture.next_channel(1 << (depth - 1), alphabet);
            coder(&mut counts, mixture.cdf(alphabet), contexts, index)
        };
        outputs.iter().zip(&contexts).enumerate().map(sample).collect()
    };
    let decode = |words: Vec<u32>| {
        let mut decoder = Decoder::new(words).expect("words that do not end in a zero");
        let samples = code(&mut |counts, cdf, contexts, _| counts.code(&mut decoder, cdf, contexts, 0).0);
        assert!(samples.iter().all(|&sample| sample < alphabet.size), "a symbol beyond its alphabet");
        (samples, decoder.finish().is_some())
    };
    let (samples, _) = decode(words);
    let mut encoder = Encoder::default();
    code(&mut |counts, cdf, contexts, index| counts.code(&mut encoder, cdf, contexts, samples[index]).0);
    let words = encoder.finish();
    assert!(words.is_empty() || decode(words) == (samples, true), "other samples came back");
}

/// Makes mixtures and intervals from arbitrary network outputs, candidates and alphabets, and checks the guarantees of
/// the CDF.
pub fn cdf(bytes: &[u8]) {
    let mut input = Endless { bytes, at: 0 };
    let channels = if input.byte().is_multiple_of(2) { 1 } else { MAX_CHANNELS };
    let depth = 1 + u32::from(input.byte() % 16);
    let kind = input.byte();
    let alphabets = [(); MAX_CHANNELS].map(|()| {
        let size = if kind & 4 == 0 { 1 << depth } else { 1 + input.below(1 << depth) };
        Alphabet { depth, size }
    });
    match kind % 4 {
        0 => pixel::<1>(&mut input, channels, alphabets),
        1 => pixel::<2>(&mut input, channels, alphabets),
        2 => pixel::<5>(&mut input, channels, alphabets),
        _ => pixel::<10>(&mut input, channels, alphabets),
    }
}

fn pixel<const K: usize>(input: &mut Endless<'_>, channels: usize, alphabets: [Alphabet; MAX_CHANNELS]) {
    if input.byte().is_multiple_of(2) {
        pixel_with::<K, PINNED>(input, channels, alphabets);
    } else {
        pixel_with::<K, 0>(input, channels, alphabets);
    }
}

fn pixel_with<const K: usize, const P: usize>(
    input: &mut Endless<'_>,
    channels: usize,
    alphabets: [Alphabet; MAX_CHANNELS],
) {
    let count = MixtureShape { components: K, channels, pinned: P > 0 }.outputs();
    let outputs: Vec<i16> = (0..count).map(|_| i16::from_le_bytes([input.byte(), input.byte()])).collect();
    // Candidates come from the tile and its border: they are below `2^depth`, but not always in the alphabet.
    let depth = alphabets[0].depth;
    let candidate = |_| -> Candidate { std::array::from_fn(|_| input.below(1 << depth) as u16) };
    let candidates: [Candidate; P] = std::array::from_fn(candidate);
    let normalisation = Normalisation { sign: if input.byte() < 128 { 1 } else { -1 }, shift: input.below(5) };
    let mut mixture = PixelMixture::<K, P>::new(channels, &outputs, &candidates).normalised(normalisation);
    for (channel, &alphabet) in alphabets[..channels].iter().enumerate() {
        let prediction = input.below(1 << depth) as i32;
        mixture.next_channel(prediction, alphabet);
        assert!(mixture.guess(alphabet) < alphabet.size, "a guess outside the alphabet");
        let cdf = mixture.cdf(alphabet);
        check_intervals(cdf, alphabet.size, input);
        let repeated = candidates.first().map(|candidate| u32::from(candidate[channel]));
        let sample = repeated.filter(|&sample| sample < alphabet.size && input.byte().is_multiple_of(2));
        let sample = sample.unwrap_or_else(|| input.below(alphabet.size));
        let (_, edges) = cdf.interval(sample);
        mixture.observe(sample, prediction, &edges);
    }
}

/// Intervals of neighbouring samples touch, none is empty, together they fill the range, and quantiles find them.
fn check_intervals<const K: usize>(cdf: Cdf<'_, K>, end: u32, input: &mut Endless<'_>) {
    let first = if end <= 256 { 0 } else { input.below(end) };
    let last = if end <= 256 { end - 1 } else { (first + 40).min(end - 1) };
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
    let kind = input.byte();
    let (channels, depth) = (usize::from(1 + kind % 4), 1 + u32::from(kind / 4 % 16));
    // Any samples; three equal channels; few colours; or few, spaced values.
    let kind = input.byte() % 4;
    let step = if kind == 2 { 1 + input.below(1 << depth) as u16 / 3 } else { 1 };
    let mut sample = |_| input.below(if kind == 2 { 3 } else { 1 << depth }) as u16;
    let mut samples = Array3::from_shape_fn((channels, sizes[0], sizes[1]), &mut sample);
    samples.mapv_inplace(|sample| (u32::from(sample) * u32::from(step)).min((1 << depth) - 1) as u16);
    if kind == 1 && channels >= 3 {
        let first = samples.slice(s![..1, .., ..]).to_owned();
        samples.slice_mut(s![..3, .., ..]).assign(&first);
    }
    let planes = Planes::new(samples, depth).expect("a valid image");
    let mut metadata = Metadata::default();
    // The kinds that accept any bytes.
    let kinds = [MetadataKind::Icc, MetadataKind::Exif, MetadataKind::Xmp];
    for (bit, kind) in kinds.into_iter().enumerate().filter(|(bit, _)| choices & 2 << bit != 0) {
        let count = usize::from(input.byte()) << (2 * bit).min(4);
        metadata.set(kind, (0..count).map(|_| input.byte()).collect());
    }
    let codec = if choices & 1 == 0 { &CODEC } else { &LEARNING };
    let file = codec.compress(&planes, &metadata).expect("a compressed image");
    let decoded = CODEC.decompress(&file).expect("a file that decodes");
    assert!(decoded.planes == planes && decoded.metadata == metadata, "something else came back");
}

/// Reads the description of a transform from arbitrary bytes, and inverts it on planes within its alphabets, and on
/// arbitrary ones.
pub fn transforms(bytes: &[u8]) {
    let [kind, width, height, description @ ..] = bytes else { return };
    let shape = GroupShape {
        channels: usize::from(1 + kind % 4),
        depth: 1 + u32::from(kind / 4 % 16),
        width: (1 + width % MAX_SIDE).into(),
        height: (1 + height % MAX_SIDE).into(),
    };
    let Some(transform) = accepted(Transform::read(description, &shape)) else { return };
    let mut again = Vec::new();
    transform.write(&mut again);
    assert_eq!(Transform::read(&again, &shape).expect("a description that was written"), transform);
    let sizes = transform.sizes(shape.depth);
    assert!((1..=MAX_CHANNELS + 1).contains(&sizes.len()) && sizes.iter().all(|size| (1..=1 << 16).contains(size)));
    let (height, width) = (shape.height as usize, shape.width as usize);
    let inverse = |coded: &Array3<u16>, origin: (u32, u32)| {
        let (_, height, width) = coded.dim();
        let mut out = Array3::zeros((shape.channels, height, width));
        transform.inverse(coded.view(), origin, out.view_mut()).map(|()| out)
    };
    let mut input = Endless { bytes, at: 3 };
    let coded = Array3::from_shape_fn((sizes.len(), height, width), |(c, _, _)| input.below(sizes[c]) as u16);
    let samples = inverse(&coded, (0, 0)).expect("planes of the alphabets");
    assert!(samples.iter().all(|&sample| u32::from(sample) >> shape.depth == 0), "a sample beyond the depth");
    let (x, y) = (width / 3, height / 2);
    let part = coded.slice(s![.., y.., x..]).to_owned();
    let part = inverse(&part, (y as u32, x as u32)).expect("a part of these planes");
    assert!(part == samples.slice(s![.., y.., x..]), "another part");
    let hostile = Array3::from_shape_fn((sizes.len(), height, width), |_| input.word() as u16);
    accepted(inverse(&hostile, (0, 0)));
}

#[cfg(test)]
mod tests;
