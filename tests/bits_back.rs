//! Files of the bits-back family: what is compressed comes back, for any size and any division of the work, and damage
//! is a typed error.

mod common;

use std::io::Cursor;

use ansel::{Codec, CodecBuilder, Content, Error, Family, Metadata, ModelChoice, Planes, Rect, Transforms};
use common::raw::{digest, number};
use common::*;
use ndarray::{Axis, s};

const NAMES: [&str; 2] = ["realnvp", "vae"];

fn options(name: &str) -> CodecBuilder {
    Codec::builder().model(ModelChoice::Named(name.to_owned())).transforms(Transforms::None)
}

/// A codec for each model of the family.
fn codecs() -> impl Iterator<Item = Codec> {
    NAMES.into_iter().map(|name| options(name).build().expect("a codec"))
}

fn compressed(codec: &Codec, planes: &Planes) -> Vec<u8> {
    codec.compress(planes, &Metadata::default()).expect("a compressed image")
}

/// A patch of a photograph, above enough noise that a program codes the patch.
fn patch_on_noise(channels: usize) -> Planes {
    let (patch, noise) = (photograph_of(channels, 64, 64), noise(channels, 64, 60));
    let both = ndarray::concatenate![Axis(1), *patch.samples(), *noise.samples()];
    Planes::new(both, 8).expect("a valid image")
}

#[test]
fn images_of_any_size_come_back() {
    for codec in codecs() {
        for (width, height) in [(1, 1), (5, 4), (64, 64), (1, 130), (63, 70), (129, 130), (320, 64)] {
            for planes in [1, 3].into_iter().flat_map(|c| [photograph_of(c, width, height), noise(c, width, height)]) {
                let file = compressed(&codec, &planes);
                assert!(codec.decompress(&file).expect("a file that decodes").planes == planes, "{width} x {height}");
            }
        }
    }
}

#[test]
fn images_of_any_depth_and_with_alpha_come_back() {
    for codec in codecs() {
        for (depth, channels) in
            [1, 4, 8, 10, 16].into_iter().flat_map(|depth| [1, 3, 4].map(|channels| (depth, channels)))
        {
            let planes = scaled(&patch_on_noise(channels), depth);
            assert!(codec.decompress(&compressed(&codec, &planes)).expect("a file that decodes").planes == planes);
        }
    }
}

#[test]
fn programs_from_files_come_back() {
    let codec = options("default").model(tiny_program()).build().expect("a codec");
    for (depth, channels) in [1, 8, 12].into_iter().flat_map(|depth| [(depth, 1), (depth, 2)]) {
        let planes = scaled(&patch_on_noise(channels), depth);
        let file = compressed(&codec, &planes);
        assert!(
            codec.decompress(&file).expect("a file that decodes").planes == planes,
            "{channels} channels of {depth} bits"
        );
        if depth == 8 {
            let bound = codec.verify(Cursor::new(&file)).expect("a file that decodes").bound.expect("terms");
            assert!(bound.reconstruction > 0.0 && bound.posterior < 0.0 && bound.volume != 0.0);
        }
    }
}

#[test]
fn threads_change_nothing_and_regions_are_parts_of_the_whole() {
    let planes = photograph_of(3, 700, 150);
    let threads = |count: usize| options("vae").threads(count).build().expect("a codec");
    let (one, two) = (threads(1), threads(2));
    let file = compressed(&one, &planes);
    assert!(compressed(&two, &planes) == file);
    let region = Rect { x: 300, y: 40, width: 200, height: 70 };
    let part = two.open(Cursor::new(&file)).and_then(|mut archive| archive.region(region)).expect("a region");
    assert!(*part.samples() == planes.samples().slice(s![.., 40..110, 300..500]));
}

#[test]
fn the_terms_of_the_bound_add_up_to_the_file() {
    let of_channels = |channels| NAMES.into_iter().zip(codecs()).map(move |(name, codec)| (channels, name, codec));
    for (channels, name, codec) in [1, 3].into_iter().flat_map(of_channels) {
        let file = compressed(&codec, &photograph_of(channels, 384, 320));
        let verified = codec.verify(Cursor::new(&file)).expect("a file that decodes");
        let bound = verified.bound.expect("terms");
        assert!(bound.primer > 0.0 && bound.base > 0.0);
        let latents = bound.reconstruction > 0.0 && bound.divergence() > 0.0 && bound.posterior < 0.0;
        assert_eq!((latents, bound.dequantization < 0.0), (name == "vae", name == "realnvp"));
        let (bits, sum) = (8.0 * file.len() as f64, bound.sum());
        assert!((sum - verified.ideal_bits).abs() < 1e-6 * sum);
        assert!(bits > sum && bits < 1.002 * sum + 1000.0, "{name}: {bits} bits of the file, {sum} of its terms");
    }
}

#[test]
fn damaged_streams_are_format_errors() {
    for (name, channels) in NAMES.into_iter().flat_map(|name| [(name, 1), (name, 3)]) {
        damage(channels, &options(name).model(program_file(name, channels)).build().expect("a codec"));
    }
}

fn damage(channels: usize, codec: &Codec) {
    let planes = patch_on_noise(channels);
    let file = compressed(codec, &planes);
    let info = codec.read_info(Cursor::new(&file)).expect("a file");
    assert!(info.bands[0].parts()[0].model.is_some(), "another coder took its place");
    let file = RawFile::parse(&file);
    let stream = file.bands[0].streams.clone();
    let decode = |stream: Vec<u8>| {
        let mut file = file.clone();
        file.bands[0] = file.bands[0].clone().with_stream(0, 0, &stream);
        codec.decompress(&file.to_bytes()).map(|decoded| decoded.planes)
    };
    assert!(decode(stream.clone()).expect("the stream as it was") == planes);
    let mut damaged = vec![vec![], vec![0], stream[..stream.len() / 2].to_vec(), [&stream[..], &[7, 7, 7, 7]].concat()];
    // One more patch in the primer, and more than exist.
    damaged.extend([1, 2].map(|patches| [&[patches], &stream[1..]].concat()));
    damaged.extend((0..40).map(|at| {
        let mut stream = stream.clone();
        let at = stream.len() * at / 40;
        stream[at] ^= 1 << (at % 8);
        stream
    }));
    for (index, damaged) in damaged.into_iter().enumerate() {
        let decoded = decode(damaged);
        assert!(matches!(decoded, Err(Error::Format(_))), "damage {index}: {:?}", decoded.map(|found| found == planes));
    }
}

#[test]
fn models_that_do_not_fit_each_other_are_format_errors() {
    let codec = options("realnvp").build().expect("a codec");
    let file = RawFile::parse(&compressed(&codec, &patch_on_noise(3)));
    let identity = |model: &ansel::RegisteredModel| [number(model.id.into()), digest(model.file).to_vec()].concat();
    let of = |family: Family, content: Content| {
        let fits = |model: &&ansel::RegisteredModel| (model.family, model.content) == (family, content);
        identity(ansel::models().iter().find(fits).expect("a model"))
    };
    let (program, colour) = (of(Family::BitsBack, Content::Colour), of(Family::Autoregressive, Content::Colour));
    let (grey, graphics) = (of(Family::Autoregressive, Content::Grey), of(Family::Autoregressive, Content::Graphics));
    let flow = of(Family::Flow, Content::Colour);
    let with = |coder: Vec<u8>| {
        let mut file = file.clone();
        file.bands[0].parts[0].coder = coder;
        codec.decompress(&file.to_bytes()).map(drop)
    };
    for primer in [&program, &grey, &graphics, &flow] {
        assert!(matches!(with([&[7], &program[..], primer].concat()), Err(Error::Format(_))));
    }
    for coder in [[&[7], &colour[..], &colour].concat(), [&[1], &program[..]].concat(), [&[17], &program[..]].concat()]
    {
        assert!(matches!(with(coder), Err(Error::Format(_))));
    }
    assert!(matches!(with([&[23], &program[..], &colour].concat()), Err(Error::Format(_))));
}
