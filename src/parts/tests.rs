use std::num::NonZeroUsize;

use super::*;
use crate::error::FormatError;
use crate::models::{Content, ModelChoice};
use crate::moves::Moves;
use crate::network::model_file::ModelFile;
use crate::testing::Random;
use crate::tile::TileGrid;

static CHOICE: std::sync::LazyLock<ModelChoice> = std::sync::LazyLock::new(ModelChoice::default);
static ENGINE: std::sync::LazyLock<Engine> =
    std::sync::LazyLock::new(|| Engine { threads: NonZeroUsize::new(2), ..Engine::default() });

fn network(content: Content) -> PartCoder<'static> {
    PartCoder::Network(ModelSource::for_encoding(&CHOICE, content).expect("a model of the registry"))
}

fn flow(content: Content) -> PartCoder<'static> {
    static FLOW: std::sync::LazyLock<ModelChoice> = std::sync::LazyLock::new(|| ModelChoice::Named("flow".to_owned()));
    PartCoder::Network(ModelSource::for_encoding(&FLOW, content).expect("a model of the registry"))
}

fn learning(content: Content) -> PartCoder<'static> {
    let source = ModelSource::for_encoding(&CHOICE, content).expect("a model of the registry");
    PartCoder::Learning(source, Learning { chunk: 64, ..Learning::default() })
}

fn moved(content: Content) -> PartCoder<'static> {
    let source = ModelSource::for_encoding(&CHOICE, content).expect("a model of the registry");
    let model = &ModelFile::read(source.file).expect("a model that keeps the contract").networks[0];
    let moves = model.layers.iter().map(|layer| (0..layer.biases.len()).map(|row| row as i32 % 5 - 2).collect());
    PartCoder::Moved(source, Moves(moves.collect()).to_bytes())
}

const VP8L: PartCoder<'static> = PartCoder::Vp8l { strongest: false };

/// The coders of planes of so many channels, but for those of constant ones.
fn coders(channels: usize) -> Vec<PartCoder<'static>> {
    match channels {
        1 => {
            vec![
                network(Content::Grey),
                network(Content::GraphicsPlane),
                moved(Content::Grey),
                moved(Content::GraphicsPlane),
                learning(Content::Grey),
                VP8L,
                PartCoder::Png,
            ]
        }
        3 => vec![
            network(Content::Colour),
            network(Content::LumaChroma),
            network(Content::Graphics),
            flow(Content::Colour),
            moved(Content::Colour),
            learning(Content::Colour),
            VP8L,
            PartCoder::Png,
        ],
        _ => vec![VP8L, PartCoder::Png],
    }
}

const WIDTH: usize = 31;
const HEIGHT: usize = 18;

/// Planes of noise, of the least and of the greatest symbol, and of a pattern that repeats.
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

fn encoded(coder: &PartCoder<'_>, samples: &Array3<u16>, sizes: &[u32]) -> Vec<Vec<u8>> {
    encode(&ENGINE, coder, samples.view(), sizes, &rects(), |_| ()).expect("encoded tiles")
}

fn decoded(coder: &PartCoder<'_>, sizes: &[u32], streams: &[Vec<u8>]) -> Result<Vec<DecodedTile>> {
    let streams: Vec<&[u8]> = streams.iter().map(|stream| &stream[..]).collect();
    decode(&ENGINE, coder, sizes, &rects(), &streams, damaged)
}

fn assert_returns(coder: &PartCoder<'_>, samples: &Array3<u16>, sizes: &[u32]) {
    let streams = encoded(coder, samples, sizes);
    let tiles = decoded(coder, sizes, &streams).expect("decoded tiles");
    assert_eq!((streams.len(), tiles.len()), (rects().len(), rects().len()));
    for ((rect, tile), stream) in rects().into_iter().zip(tiles).zip(streams) {
        assert_eq!(tile.samples, samples.slice(s![.., rect.rows(), rect.columns()]));
        // There may be fewer bits than the ideal: samples at the very bottom cost nothing at the end of a stream.
        let bits = 8.0 * stream.len() as f64;
        assert!(tile.ideal_bits >= 0.0 && bits - tile.ideal_bits <= 72.0, "{} in {bits}", tile.ideal_bits);
        assert!(!matches!(coder, PartCoder::Network(_)) || stream.last() != Some(&0), "a zero at the end");
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
            if matches!(coder, PartCoder::Vp8l { .. }) && sizes.iter().any(|&size| size > 256) {
                continue;
            }
            for samples in planes(sizes) {
                assert_returns(&coder, &samples, sizes);
            }
        }
    }
}

#[test]
fn constant_planes_take_no_stream() {
    for channels in 1..=4 {
        let sizes = vec![1; channels];
        let samples = Array3::zeros((channels, HEIGHT, WIDTH));
        assert_returns(&PartCoder::Constant, &samples, &sizes);
        let mut streams = encoded(&PartCoder::Constant, &samples, &sizes);
        assert!(streams.iter().all(Vec::is_empty));
        streams[3].push(1);
        assert_damaged(decoded(&PartCoder::Constant, &sizes, &streams), 3);
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
    for coder in coders(1).into_iter().chain(coders(3)).filter(|coder| matches!(coder, PartCoder::Network(_))) {
        let sizes = if matches!(&coder, PartCoder::Network(source) if channels_of(source) == 1) {
            vec![256]
        } else {
            vec![256; 3]
        };
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

fn channels_of(source: &ModelSource<'_>) -> usize {
    crate::models::models().iter().find(|model| model.id == source.identity.id).expect("registered").content.channels()
}

#[test]
fn a_damaged_stream_is_an_error_or_gives_other_samples() {
    let sizes = [256];
    for coder in coders(1).into_iter().filter(|coder| !matches!(coder, PartCoder::Learning(..))) {
        for samples in [&planes(&sizes)[0], &planes(&sizes)[3]] {
            let streams = encoded(&coder, samples, &sizes);
            let original = decoded(&coder, &sizes, &streams).expect("decoded tiles");
            let mut random = Random(99);
            for at in 0..streams[1].len() {
                let mut changed = streams.clone();
                changed[1][at] ^= 1 + random.below(255) as u8;
                match decoded(&coder, &sizes, &changed) {
                    Ok(tiles) if matches!(coder, PartCoder::Network(_)) => {
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
                    Ok(tiles) if matches!(coder, PartCoder::Network(_)) => {
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
        for coder in coders(sizes.len())
            .into_iter()
            .filter(|coder| matches!(coder, PartCoder::Network(_) | PartCoder::Learning(..)))
        {
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
fn moves_change_the_network_of_their_part_alone_and_others_are_refused() {
    let samples = &planes(&[256])[0];
    let plain = encoded(&network(Content::Grey), samples, &[256]);
    assert_ne!(encoded(&moved(Content::Grey), samples, &[256]), plain);
    assert_eq!(encoded(&network(Content::Grey), samples, &[256]), plain, "the moves of another part are left");
    let PartCoder::Moved(source, moves) = moved(Content::Grey) else { unreachable!() };
    for moves in [&moves[1..], &moves[..moves.len() - 1], &[], &[0; 4096]] {
        let coder = PartCoder::Moved(source.clone(), moves.to_vec());
        let refused = decoded(&coder, &[256], &plain);
        assert!(matches!(refused, Err(Error::Format(defect)) if defect.kind() == FormatErrorKind::InvalidField));
    }
}

#[test]
fn moves_are_found_where_the_network_is_wrong_all_over() {
    // Steps of ten and more in each row, which no photograph has.
    let pattern = |y: usize, x: usize| (100 + 25 * (x % 3) + 11 * (y % 2) + x * y % 4) as u16;
    let samples = Array3::from_shape_fn((1, 160, 160), |(_, y, x)| pattern(y, x));
    let PartCoder::Network(source) = network(Content::Grey) else { unreachable!() };
    let moves = find_moves(&ENGINE, &source, samples.view(), &[256]).expect("a session").expect("moves");
    let whole = [Rect { x: 0, y: 0, width: 160, height: 160 }];
    let bits = |moves| measure(&ENGINE, &source, moves, samples.view(), &[256], &whole).expect("a session");
    assert!(bits(Some(&moves[..])) + 8 * (moves.len() as u64) < bits(None));
    let noise = Array3::from_shape_fn((1, 20, 20), |(_, y, x)| (x * x * 7 + y * 31) as u16 % 256);
    assert_eq!(find_moves(&ENGINE, &source, noise.view(), &[256]).expect("a session"), None, "too small");
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
    let streams = encode(&ENGINE, &learning(Content::Grey), noise.view(), &sizes, &whole, |_| ());
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
    let bytes = |coder: &PartCoder<'_>, samples: &Array3<u16>| {
        let whole = [Rect { x: 0, y: 0, width: 96, height: samples.dim().1 as u32 }];
        encode(&ENGINE, coder, samples.view(), &[256; 3], &whole, |_| ()).expect("an encoded tile")[0].len()
    };
    let PartCoder::Learning(source, _) = learning(Content::Colour) else { unreachable!() };
    let learning = PartCoder::Learning(source, Learning::default());
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
    let PartCoder::Learning(source, _) = coder else { unreachable!() };
    let coder = PartCoder::Learning(source, Learning { chunk: 256, ..Learning::default() });
    let mut streams = encoded(&coder, &planes(&[256])[0], &[256]);
    assert!(streams.iter().all(|stream| stream[0] == 0), "tiles smaller than a chunk have nothing to learn from");
    streams[2][0] = 1;
    assert_damaged(decoded(&coder, &[256], &streams), 2);
    let refused = decoded(&learning(Content::GraphicsPlane), &[256], &streams);
    assert!(matches!(refused, Err(Error::Format(defect)) if defect.kind() == FormatErrorKind::InvalidField));
}

#[test]
fn words_are_streams_without_zeros_at_the_end() {
    for (words, stream) in [
        (&[][..], &b""[..]),
        (&[1], b"\x01"),
        (&[0x0403_0201], b"\x01\x02\x03\x04"),
        (&[0x0003_0001], b"\x01\x00\x03"),
        (&[0, 0x0100], b"\0\0\0\0\0\x01"),
        (&[u32::MAX, 7], b"\xff\xff\xff\xff\x07"),
    ] {
        assert_eq!(to_stream(words), stream);
        assert_eq!(to_words(stream).expect("words"), words);
    }
    for stream in [&b"\0"[..], b"\x01\0", b"\x01\x02\x03\x04\0"] {
        assert_eq!(to_words(stream), None);
    }
}

#[test]
fn a_model_of_other_channels_is_refused() {
    let grey = network(Content::Grey);
    let samples = Array3::zeros((3, HEIGHT, WIDTH));
    let refused = encode(&ENGINE, &grey, samples.view(), &[256; 3], &rects(), |_| ());
    assert!(matches!(refused, Err(Error::Model(_))), "{refused:?}");
    let refused = decoded(&grey, &[256; 3], &vec![Vec::new(); rects().len()]);
    let kind = |error| matches!(error, Error::Format(defect) if defect.kind() == FormatErrorKind::InvalidField);
    assert!(refused.is_err_and(kind));
}

#[test]
fn what_is_measured_is_the_length_of_the_streams() {
    let samples = &planes(&[256])[0];
    let PartCoder::Network(source) = network(Content::Grey) else { unreachable!() };
    let bits = measure(&ENGINE, &source, None, samples.view(), &[256], &rects()).expect("a measure");
    let streams = encoded(&network(Content::Grey), samples, &[256]);
    assert_eq!(bits, 8 * streams.iter().map(Vec::len).sum::<usize>() as u64);
}

#[test]
fn every_tile_is_reported_once() {
    for (coder, sizes) in
        [(network(Content::Grey), [256]), (VP8L, [256]), (PartCoder::Png, [256]), (PartCoder::Constant, [1])]
    {
        let reported = std::sync::Mutex::new(Vec::new());
        let samples = Array3::zeros((1, HEIGHT, WIDTH));
        let done = |rect: Rect| reported.lock().expect("no panic").push((rect.y, rect.x));
        encode(&ENGINE, &coder, samples.view(), &sizes, &rects(), done).expect("encoded tiles");
        let mut reported = reported.into_inner().expect("no panic");
        reported.sort_unstable();
        assert_eq!(reported, rects().iter().map(|rect| (rect.y, rect.x)).collect::<Vec<_>>());
    }
}
