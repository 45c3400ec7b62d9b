use std::num::NonZeroUsize;

use super::network::measure;
use super::*;
use crate::base::error::{FormatError, FormatErrorKind};
use crate::container::NetworkCoder;
use crate::infer::pool::Threads;
use crate::infer::session::Device;
use crate::model::adaptation::{Adaptation, Learning};
use crate::model::family::Content;
use crate::model::offsets::Offsets;
use crate::model::registry::{Model, ModelChoice, Models};
use crate::testing::Random;
use crate::tile::TileGrid;

static ENGINE: std::sync::LazyLock<Engine> =
    std::sync::LazyLock::new(|| Engine::new(Models::default(), Device::Cpu, Threads::own(NonZeroUsize::new(2))));

fn model(content: Content) -> Model {
    ENGINE.models().first_for_encoding(content).expect("a model of the registry")
}

fn adapted(content: Content, adaptation: Adaptation) -> Coder {
    Coder::Network(NetworkCoder { model: model(content).identity, adaptation, lanes: false, primer: None })
}

fn network(content: Content) -> Coder {
    adapted(content, Adaptation::None)
}

fn flow(content: Content) -> Coder {
    let flows = Models::new(&ModelChoice::Named("flow".to_owned())).expect("a name that models have");
    Coder::Network(NetworkCoder::plain(flows.first_for_encoding(content).expect("a model of the registry").identity))
}

fn learning(content: Content) -> Coder {
    adapted(content, Adaptation::Learning(Learning { chunk: 64, ..Learning::default() }))
}

fn offsets(content: Content) -> Vec<u8> {
    let layers = &model(content).file.networks[0].layers;
    // Some rows have so large a unit that no offset fits.
    let offset = |(row, &shift): (usize, &u32)| if shift < 16 { row as i32 % 5 - 2 } else { 0 };
    let offsets = layers.iter().map(|layer| layer.shifts.iter().enumerate().map(offset).collect());
    Offsets(offsets.collect()).to_bytes()
}

fn with_offsets(content: Content) -> Coder {
    adapted(content, Adaptation::Offsets(offsets(content)))
}

/// Whether a coder is a network that does not learn.
fn is_fixed(coder: &Coder) -> bool {
    coder.network().is_some_and(|network| network.adaptation.learning().is_none())
}

/// Whether it is a network without adaptation.
fn is_plain(coder: &Coder) -> bool {
    coder.network().is_some_and(|network| network.adaptation == Adaptation::None)
}

/// The coders for planes with this many channels, except the coder for constant planes.
fn coders(channels: usize) -> Vec<Coder> {
    match channels {
        1 => {
            vec![
                network(Content::Grey),
                network(Content::GraphicsPlane),
                with_offsets(Content::Grey),
                with_offsets(Content::GraphicsPlane),
                learning(Content::Grey),
                Coder::Vp8l,
                Coder::Png,
            ]
        }
        3 => vec![
            network(Content::Colour),
            network(Content::LumaChroma),
            network(Content::Graphics),
            flow(Content::Colour),
            with_offsets(Content::Colour),
            learning(Content::Colour),
            Coder::Vp8l,
            Coder::Png,
        ],
        _ => vec![Coder::Vp8l, Coder::Png],
    }
}

const WIDTH: usize = 31;
const HEIGHT: usize = 18;

/// Planes of noise, of the least and of the greatest symbol, and of a repeating pattern.
fn planes(sizes: &[u32]) -> Vec<Array3<u16>> {
    let shape = (sizes.len(), HEIGHT, WIDTH);
    let mut random = Random(0x5eed_5eed_5eed);
    let noise = Array3::from_shape_fn(shape, |(c, _, _)| random.below(sizes[c]) as u16);
    let greatest = Array3::from_shape_fn(shape, |(c, _, _)| (sizes[c] - 1) as u16);
    let pattern = Array3::from_shape_fn(shape, |(c, y, x)| noise[(c, y % 4, x % 6)]);
    vec![noise, Array3::zeros(shape), greatest, pattern]
}

fn rects() -> Vec<Rect> {
    TileGrid { image: (WIDTH as u32, HEIGHT as u32), tile: (12, 11) }.rects()
}

fn damaged(index: usize) -> Error {
    FormatError::new(FormatErrorKind::TileChecksum, index.to_string()).into()
}

fn encoded(coder: &Coder, samples: &Array3<u16>, sizes: &[u32]) -> Vec<Vec<u8>> {
    encode_in(&rects(), coder, samples, sizes).expect("encoded tiles")
}

fn encode_in(rects: &[Rect], coder: &Coder, samples: &Array3<u16>, sizes: &[u32]) -> Result<Vec<Vec<u8>>> {
    let coded = Coded { samples: samples.clone(), sizes: sizes.to_vec() };
    encode(&ENGINE, Source { coder, coded: &coded, thorough: false }, rects, |_| ())
}

fn decoded(coder: &Coder, sizes: &[u32], streams: &[Vec<u8>]) -> Result<Vec<DecodedTile>> {
    decoded_with_bits(coder, sizes, streams, false)
}

fn decoded_with_bits(
    coder: &Coder,
    sizes: &[u32],
    streams: &[Vec<u8>],
    keeps_sample_bits: bool,
) -> Result<Vec<DecodedTile>> {
    let tiles = rects().into_iter().zip(streams).map(|(rect, stream)| TileStream { rect, stream, keeps_sample_bits });
    decode(&ENGINE, coder, sizes, &tiles.collect::<Vec<_>>(), damaged)
}

fn assert_returns(coder: &Coder, samples: &Array3<u16>, sizes: &[u32]) {
    let streams = encoded(coder, samples, sizes);
    let tiles = decoded(coder, sizes, &streams).expect("decoded tiles");
    assert_eq!((streams.len(), tiles.len()), (rects().len(), rects().len()));
    for ((rect, tile), stream) in rects().into_iter().zip(tiles).zip(streams) {
        assert_eq!(tile.samples, samples.slice(s![.., rect.rows(), rect.columns()]));
        // There may be fewer bits than the ideal: samples with intervals that begin at 0 are free at the end of a
        // stream.
        let bits = 8.0 * stream.len() as f64;
        let ideal = tile.bits.total;
        assert!(ideal >= 0.0 && bits - ideal <= 72.0, "{ideal} in {bits}");
        assert!(!is_plain(coder) || stream.len() == 1 || stream.last() != Some(&0), "a zero at the end");
    }
}

#[test]
fn tiles_of_any_planes_come_back_under_every_coder() {
    let all: [&[u32]; 11] = [
        &[256],
        &[2],
        &[1, 256],
        &[256; 3],
        &[256; 4],
        &[65_536],
        &[65_536; 3],
        &[77],
        &[300, 1, 5],
        &[16; 3],
        &[32_769],
    ];
    for sizes in all {
        for coder in coders(sizes.len()) {
            if coder == Coder::Vp8l && sizes.iter().any(|&size| size > 256) {
                continue;
            }
            for samples in planes(sizes) {
                assert_returns(&coder, &samples, sizes);
            }
        }
    }
}

/// Decoding with the bits of each sample gives the same samples, and the bits add up.
fn assert_keeps_sample_bits(coder: &Coder, samples: &Array3<u16>, sizes: &[u32]) {
    let streams = encoded(coder, samples, sizes);
    let plain = decoded(coder, sizes, &streams).expect("decoded tiles");
    let keeping = decoded_with_bits(coder, sizes, &streams, true).expect("decoded tiles");
    for (plain, keeping) in plain.iter().zip(&keeping) {
        assert_eq!((&plain.samples, plain.bits, &plain.sample_bits), (&keeping.samples, keeping.bits, &None));
        let one_by_one = coder.network().is_some_and(|network| network.primer.is_none());
        assert_eq!(keeping.sample_bits.is_some(), one_by_one);
        if let Some(sample_bits) = &keeping.sample_bits {
            assert_eq!(sample_bits.dim(), keeping.samples.dim());
            let sum: f64 = sample_bits.iter().map(|&bits| f64::from(bits)).sum();
            assert!((sum - keeping.bits.total).abs() <= 1e-6 * keeping.bits.total + 1e-6, "{sum}, {:?}", keeping.bits);
        }
    }
}

#[test]
fn the_bits_of_samples_add_up_under_every_coder() {
    for sizes in [&[256][..], &[77], &[256; 3], &[300, 1, 5]] {
        for coder in coders(sizes.len()).into_iter().filter(|coder| *coder != Coder::Vp8l || sizes[0] <= 256) {
            planes(sizes).iter().for_each(|samples| assert_keeps_sample_bits(&coder, samples, sizes));
        }
    }
}

/// The decoder's bits for a square are those of the encoder.
#[test]
fn the_bits_of_samples_lie_where_the_samples_do() {
    let rect = Rect { x: 0, y: 0, width: 48, height: 40 };
    let mut random = Random(0x6d6170);
    for channels in [1, 3] {
        let samples = Array3::from_shape_fn((channels, 40, 48), |(_, y, x)| match (y / 10 + x / 12) % 3 {
            0 => 90,
            1 => (3 * x + y) as u16,
            _ => random.below(256) as u16,
        });
        let coded = Coded { samples, sizes: vec![256; channels] };
        let content = if channels == 1 { Content::Grey } else { Content::Colour };
        for (coder, lanes) in [(network(content), false), (network(content), true), (learning(content), false)] {
            let Coder::Network(network) = coder else { unreachable!("a network") };
            let network = NetworkCoder { lanes, ..network };
            let coder = Coder::Network(network.clone());
            let source = Source { coder: &coder, coded: &coded, thorough: false };
            let streams = encode(&ENGINE, source, &[rect], |_| ()).expect("an encoded tile");
            let tile = TileStream { rect, stream: &streams[0], keeps_sample_bits: true };
            let sample_bits =
                decode(&ENGINE, &coder, &coded.sizes, &[tile], damaged).expect("a tile").remove(0).sample_bits;
            let sample_bits = sample_bits.expect("bits of samples");
            let learns = network.adaptation.learning().filter(|_| streams[0][0] == 1);
            let within: Vec<Rect> = rect.sampled(10);
            assert!(within.len() == 4);
            let expected = super::network::bits_within(&ENGINE, &network, learns, (&coded, rect), &within);
            let of_squares = within.iter().flat_map(|square| {
                sample_bits
                    .slice(s![.., square.rows(), square.columns()])
                    .iter()
                    .map(|&bits| f64::from(bits))
                    .collect::<Vec<_>>()
            });
            let sum: f64 = of_squares.sum();
            assert!((sum - expected).abs() < 1e-4 * expected, "{channels}, {lanes}: {sum} and {expected}");
        }
    }
}

#[test]
fn constant_planes_take_no_stream() {
    for channels in 1..=4 {
        let sizes = vec![1; channels];
        let samples = Array3::zeros((channels, HEIGHT, WIDTH));
        assert_returns(&Coder::Constant, &samples, &sizes);
        let mut streams = encoded(&Coder::Constant, &samples, &sizes);
        assert!(streams.iter().all(Vec::is_empty));
        streams[3].push(1);
        assert_damaged(decoded(&Coder::Constant, &sizes, &streams), 3);
    }
}

#[track_caller]
fn assert_damaged(result: Result<Vec<DecodedTile>>, index: usize) {
    match result {
        Err(Error::Format(defect)) => assert!(defect.to_string().ends_with(&format!(": {index}")), "{defect}"),
        other => panic!("tile {index} was not refused: {other:?}"),
    }
}

#[test]
fn a_stream_that_ends_in_zero_is_damaged() {
    for coder in coders(1).into_iter().chain(coders(3)).filter(is_plain) {
        let identity = coder.network().expect("a network").model;
        let model = ENGINE.models().find(identity).expect("a model of the registry");
        let sizes = vec![256; model.file.shape().channels];
        for samples in planes(&sizes) {
            for zeros in 1..=5 {
                let mut streams = encoded(&coder, &samples, &sizes);
                let longer = streams[4].len() + zeros;
                streams[4].resize(longer, 0);
                assert_damaged(decoded(&coder, &sizes, &streams), 4);
            }
        }
    }
}

#[test]
fn a_damaged_stream_is_an_error_or_gives_other_samples() {
    let sizes = [256];
    for coder in coders(1).into_iter().filter(|coder| coder.network().is_none() || is_fixed(coder)) {
        for samples in [&planes(&sizes)[0], &planes(&sizes)[3]] {
            let streams = encoded(&coder, samples, &sizes);
            let original = decoded(&coder, &sizes, &streams).expect("decoded tiles");
            let mut random = Random(99);
            for at in 0..streams[1].len() {
                let mut changed = streams.clone();
                changed[1][at] ^= 1 + random.below(255) as u8;
                match decoded(&coder, &sizes, &changed) {
                    Ok(tiles) if is_plain(&coder) => {
                        assert!(tiles[1].samples != original[1].samples, "byte {at} makes no difference");
                    }
                    Ok(_) => {} // VP8L has bits without meaning, and zlib streams too
                    error => assert_damaged(error, 1),
                }
            }
            for length in 0..streams[1].len() {
                let mut changed = streams.clone();
                changed[1].truncate(length);
                match decoded(&coder, &sizes, &changed) {
                    Ok(tiles) if is_plain(&coder) => {
                        assert!(tiles[1].samples != original[1].samples, "the end does not matter from {length} on");
                    }
                    Ok(_) => {}
                    error => assert_damaged(error, 1),
                }
            }
        }
    }
}

#[test]
fn hostile_streams_give_symbols_of_the_alphabet_or_an_error() {
    let mut random = Random(3);
    for sizes in [&[1, 3, 200][..], &[5], &[40_000]] {
        for coder in coders(sizes.len()).into_iter().filter(|coder| {
            is_plain(coder) || coder.network().is_some_and(|network| network.adaptation.learning().is_some())
        }) {
            for length in [0, 1, 7, 300] {
                let stream = |_| {
                    let words = (0..length).map(|_| 1 + random.below(255) as u8);
                    std::iter::once(1).chain(words).collect()
                };
                let streams: Vec<Vec<u8>> = rects().iter().map(stream).collect();
                if let Ok(tiles) = decoded(&coder, sizes, &streams) {
                    let planes = tiles.iter().flat_map(|tile| tile.samples.outer_iter().zip(sizes));
                    planes.for_each(|(plane, &size)| assert!(plane.iter().all(|&symbol| u32::from(symbol) < size)));
                }
            }
        }
    }
}

#[test]
fn offsets_change_the_network_of_their_part_alone_and_others_are_refused() {
    let samples = &planes(&[256])[0];
    let plain = encoded(&network(Content::Grey), samples, &[256]);
    assert_ne!(encoded(&with_offsets(Content::Grey), samples, &[256]), plain);
    assert_eq!(encoded(&network(Content::Grey), samples, &[256]), plain, "the offsets of another part are left");
    let offsets = offsets(Content::Grey);
    for offsets in [&offsets[1..], &offsets[..offsets.len() - 1], &[], &[0; 4096]] {
        let coder = adapted(Content::Grey, Adaptation::Offsets(offsets.to_vec()));
        let refused = decoded(&coder, &[256], &plain);
        assert!(matches!(refused, Err(Error::Format(defect)) if defect.kind() == FormatErrorKind::InvalidField));
    }
}

#[test]
fn a_tile_learns_only_where_it_is_smaller() {
    let sizes = [256];
    for samples in planes(&sizes) {
        let lengths = |streams: Vec<Vec<u8>>| streams.iter().map(Vec::len).collect::<Vec<_>>();
        let learned = encoded(&learning(Content::Grey), &samples, &sizes);
        for (learned, fixed) in
            lengths(learned).into_iter().zip(lengths(encoded(&network(Content::Grey), &samples, &sizes)))
        {
            assert!(learned <= fixed + 1, "{learned} bytes, {fixed} without");
        }
    }
    let mut random = Random(1);
    let noise = Array3::from_shape_fn((1, 40, 48), |_| random.below(256) as u16);
    let whole = [Rect { x: 0, y: 0, width: 48, height: 40 }];
    let streams = encode_in(&whole, &learning(Content::Grey), &noise, &sizes);
    assert_eq!(streams.expect("encoded tiles")[0][0], 1, "a tile of noise does not learn");
}

#[test]
fn what_noise_taught_does_not_spoil_a_photograph_below_it() {
    let photograph = include_bytes!("../../tests/images/kodim23.png");
    let photograph =
        crate::read_image(std::io::Cursor::new(photograph), &crate::Limits::default()).expect("a photograph");
    let photograph = photograph.planes.samples().slice(s![.., 200..264, 300..396]).to_owned();
    let mut random = Random(5);
    let noise = Array3::from_shape_fn((3, 32, 96), |_| random.below(256) as u16);
    let both = ndarray::concatenate![ndarray::Axis(1), noise, photograph];
    let bytes = |coder: &Coder, samples: &Array3<u16>| {
        let whole = [Rect { x: 0, y: 0, width: 96, height: samples.dim().1 as u32 }];
        encode_in(&whole, coder, samples, &[256; 3]).expect("an encoded tile")[0].len()
    };
    let learning = adapted(Content::Colour, Adaptation::Learning(Learning::default()));
    let (prefix, plain) = (bytes(&learning, &noise), bytes(&network(Content::Colour), &photograph));
    let after = bytes(&learning, &both) - prefix;
    assert!(after * 20 < plain * 21, "{after} bytes after noise, {plain} without learning");
}

#[test]
fn learning_without_a_mark_in_small_tiles_and_by_pinned_models_is_refused() {
    let coder = learning(Content::Grey);
    let streams = encoded(&coder, &planes(&[256])[0], &[256]);
    for mark in [None, Some(2), Some(255)] {
        let mut changed = streams.clone();
        changed[2] = mark.into_iter().chain(streams[2][1..].iter().copied().filter(|_| mark.is_some())).collect();
        assert_damaged(decoded(&coder, &[256], &changed), 2);
    }
    let coder = adapted(Content::Grey, Adaptation::Learning(Learning { chunk: 256, ..Learning::default() }));
    let mut streams = encoded(&coder, &planes(&[256])[0], &[256]);
    assert!(streams.iter().all(|stream| stream[0] == 0), "tiles smaller than a chunk have nothing to learn from");
    streams[2][0] = 1;
    assert_damaged(decoded(&coder, &[256], &streams), 2);
    let refused = decoded(&learning(Content::GraphicsPlane), &[256], &streams);
    assert!(matches!(refused, Err(Error::Format(defect)) if defect.kind() == FormatErrorKind::InvalidField));
}

#[test]
fn a_model_of_other_channels_is_refused() {
    let grey = network(Content::Grey);
    let samples = Array3::zeros((3, HEIGHT, WIDTH));
    let refused = encode_in(&rects(), &grey, &samples, &[256; 3]);
    assert!(matches!(refused, Err(Error::Model(_))), "{refused:?}");
    let refused = decoded(&grey, &[256; 3], &vec![Vec::new(); rects().len()]);
    let kind = |error| matches!(error, Error::Format(defect) if defect.kind() == FormatErrorKind::InvalidField);
    assert!(refused.is_err_and(kind));
}

#[test]
fn what_is_measured_is_the_length_of_the_streams() {
    let samples = &planes(&[256])[0];
    let coded = Coded { samples: samples.clone(), sizes: vec![256] };
    let bits = measure(&ENGINE, &model(Content::Grey), None, &coded, &rects()).expect("a measure");
    let streams = encoded(&network(Content::Grey), samples, &[256]);
    let written = 8.0 * streams.iter().map(Vec::len).sum::<usize>() as f64;
    // A stream ends in whole words.
    assert!((bits - written).abs() <= 64.0 * streams.len() as f64, "{bits} bits, {written} written");
}

#[test]
fn every_tile_is_reported_once() {
    for (coder, sizes) in
        [(network(Content::Grey), [256]), (Coder::Vp8l, [256]), (Coder::Png, [256]), (Coder::Constant, [1])]
    {
        let reported = std::sync::Mutex::new(Vec::new());
        let coded = Coded { samples: Array3::zeros((1, HEIGHT, WIDTH)), sizes: sizes.to_vec() };
        let done = |rect: Rect| reported.lock().expect("no panic").push((rect.y, rect.x));
        encode(&ENGINE, Source { coder: &coder, coded: &coded, thorough: false }, &rects(), done)
            .expect("encoded tiles");
        let mut reported = reported.into_inner().expect("no panic");
        reported.sort_unstable();
        assert_eq!(reported, rects().iter().map(|rect| (rect.y, rect.x)).collect::<Vec<_>>());
    }
}
