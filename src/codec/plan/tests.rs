use std::fs::File;
use std::io::BufReader;

use ndarray::Array3;

#[cfg(feature = "graphics")]
use super::long_range::may_repeat;
use super::repeats::RUN;
use super::*;
use crate::base::limits::Limits;
use crate::image::Rect;
use crate::infer::pool::Threads;
use crate::infer::session::Device;
use crate::model::registry::{ModelChoice, Models};
use crate::streams;
#[cfg(feature = "graphics")]
use crate::streams::vp8l;
use crate::testing::{Random, smooth};

static ENGINE: std::sync::LazyLock<Engine> = std::sync::LazyLock::new(Engine::default);

fn engine(choice: &ModelChoice) -> Result<Engine> {
    Ok(Engine::new(Models::new(choice)?, Device::Cpu, Threads::own(None)))
}

fn chosen(samples: &Array3<u16>, depth: u32) -> Vec<PlannedPart> {
    let parts = choose(&ENGINE, Transforms::All, samples.view(), depth).expect("a plan");
    assert_inverts(&parts, samples, depth);
    parts
}

/// Whatever was chosen, the parts have all channels, and their transforms invert.
fn assert_inverts(parts: &[PlannedPart], samples: &Array3<u16>, depth: u32) {
    assert_eq!(parts.iter().map(|part| part.channels).sum::<usize>(), samples.dim().0);
    let mut first = 0;
    for part in parts {
        let channels = samples.slice(s![first..first + part.channels, .., ..]);
        first += part.channels;
        let symbols = part.coded.samples.outer_iter().zip(&part.coded.sizes);
        symbols.for_each(|(plane, &size)| assert!(plane.iter().all(|&symbol| u32::from(symbol) < size)));
        // The coder does not matter.
        let coder = Coder::Constant;
        let written = crate::container::Part { channels: part.channels, transforms: part.transforms.clone(), coder };
        assert_eq!(written.coded_sizes(depth), part.coded.sizes);
        assert_eq!(written.inverse(part.coded.samples.clone(), (0, 0), depth).expect("samples"), channels);
        let constant = part.coded.sizes.iter().all(|&size| size == 1);
        assert_eq!(part.coder == Coder::Constant, constant);
    }
}

fn names(part: &PlannedPart) -> Vec<&'static str> {
    part.transforms.iter().map(Transform::name).collect()
}

/// The content that a part's model is for.
fn content(part: &PlannedPart) -> Option<Content> {
    let source = part.coder.network()?;
    let model = crate::model::registry::models().iter().find(|model| model.id == source.model.id);
    Some(model.expect("a registered model").content)
}

/// Blocks of random colours out of `colours`.
fn blocks(channels: usize, width: usize, height: usize, colours: u32) -> Array3<u16> {
    let mut random = Random(11);
    let colours: Vec<[u16; 4]> = (0..colours).map(|_| std::array::from_fn(|_| random.below(256) as u16)).collect();
    let places: Vec<usize> = (0..width * height).map(|_| random.below(colours.len() as u32) as usize).collect();
    Array3::from_shape_fn((channels, height, width), |(c, y, x)| colours[places[y / 5 * width + x / 4]][c])
}

fn photograph() -> Array3<u16> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/images/kodim23.png");
    let file = BufReader::new(File::open(path).expect("the photograph"));
    crate::read_image(file, &Limits::default()).expect("an image").planes.samples().clone()
}

#[test]
fn the_expert_is_the_best_one_for_the_squares() {
    let photograph = photograph();
    let mut random = Random(5);
    let noise = photograph.mapv(|sample| (sample + random.below(60) as u16).min(255));
    let dark = photograph.mapv(|sample| sample / 4);
    let (_, height, width) = photograph.dim();
    let enlarged = Array3::from_shape_fn((3, height, width), |(c, y, x)| {
        let (left, right) = (photograph[[c, y / 2, x / 2]], photograph[[c, y / 2, x.div_ceil(2)]]);
        (left + right) / 2
    });
    let experts = ENGINE.models().for_encoding(Content::Colour).expect("models");
    assert!(experts.len() > 1);
    let mut chosen = Vec::new();
    for samples in [noise, dark, enlarged, smooth(3, 160, 160, 8), photograph] {
        let coded = Coded { samples, sizes: vec![256; 3] };
        let model = best(&ENGINE, experts.clone(), &coded).expect("a session");
        let (_, height, width) = coded.samples.dim();
        let whole = [Rect { x: 0, y: 0, width: width as u32, height: height as u32 }];
        let bits = |model| streams::network::measure(&ENGINE, model, None, &coded, &whole).expect("a session");
        let least = experts.iter().map(bits).fold(f64::INFINITY, f64::min);
        assert!(bits(&model) <= 1.005 * least);
        chosen.push(model.identity);
    }
    assert!(chosen.iter().any(|&expert| expert != chosen[0]), "kinds of images differ");
}

#[test]
fn grey_as_colour_is_one_channel() {
    let grey = smooth(1, 60, 50, 8);
    let colour = ndarray::concatenate![ndarray::Axis(0), grey, grey, grey];
    let parts = chosen(&colour, 8);
    assert_eq!(parts.len(), 1);
    assert_eq!((names(&parts[0])[0], parts[0].coded.sizes.len()), ("grey", 1));
    assert!(matches!(content(&parts[0]), Some(Content::Grey | Content::GraphicsPlane)));
}

#[test]
fn grey_of_few_values_as_colour_takes_two_transforms() {
    let grey = smooth(1, 60, 50, 8).mapv(|sample| sample / 40 * 37);
    let parts = chosen(&ndarray::concatenate![ndarray::Axis(0), grey, grey, grey], 8);
    assert_eq!(names(&parts[0]), ["grey", "unused values"]);
}

#[test]
fn an_image_of_few_colours_takes_a_palette() {
    let parts = chosen(&blocks(3, 120, 100, 40), 8);
    assert_eq!((parts.len(), names(&parts[0])), (1, vec!["palette"]));
    assert_eq!(content(&parts[0]), Some(Content::GraphicsPlane));
    assert!(parts[0].graphics);
}

#[test]
fn colours_and_alpha_of_few_values_take_one_palette() {
    let parts = chosen(&blocks(4, 120, 100, 40), 8);
    assert_eq!((parts.len(), parts[0].channels, names(&parts[0])), (1, 4, vec!["palette"]));
    let parts = chosen(&blocks(2, 120, 100, 20), 8);
    assert_eq!((parts.len(), parts[0].channels, names(&parts[0])), (1, 2, vec!["palette"]));
}

#[test]
fn constant_channels_take_no_coder() {
    for (channels, depth) in (1..=4).flat_map(|channels| [1, 8, 16].map(|depth| (channels, depth))) {
        for sample in [0, (1u32 << depth) as u16 / 2, ((1u32 << depth) - 1) as u16] {
            let parts = chosen(&Array3::from_elem((channels, 30, 30), sample), depth);
            let coders: Vec<_> = parts.iter().map(|part| (&part.coder, names(part))).collect();
            assert!(coders.iter().all(|(coder, _)| **coder == Coder::Constant), "{sample}: {coders:?}");
            assert!(parts.iter().all(|part| part.graphics));
            chosen(&Array3::from_elem((channels, 1, 1), sample), depth);
        }
    }
}

#[test]
fn constant_alpha_costs_nothing_beside_a_photograph() {
    let mut samples = smooth(4, 70, 60, 8);
    samples.slice_mut(s![3, .., ..]).fill(255);
    let parts = chosen(&samples, 8);
    assert_eq!(parts.iter().map(|part| part.channels).collect::<Vec<_>>(), [3, 1]);
    assert!(parts[1].coder == Coder::Constant);
    assert_eq!(content(&parts[0]), Some(Content::Colour));
}

#[test]
fn values_that_do_not_occur_are_taken_out() {
    // Every third value, in one channel and in three.
    for channels in [1, 3] {
        let parts = chosen(&smooth(channels, 80, 70, 8).mapv(|sample| sample / 3 * 3), 8);
        assert_eq!(names(&parts[0]), ["unused values"]);
        assert!(parts[0].coded.sizes.iter().all(|&size| size <= 86));
    }
    // 10-bit samples in the upper bits of 16.
    let ten = smooth(1, 80, 70, 8).mapv(|sample| sample << 8 | sample << 6 & 0xc0);
    assert_eq!(names(&chosen(&ten, 16)[0]), ["unused values"]);
}

#[test]
fn smooth_images_of_all_values_stay_as_they_are() {
    for channels in 1..=4 {
        for part in chosen(&smooth(channels, 80, 70, 8), 8) {
            assert_eq!(names(&part), [""; 0]);
            assert!(matches!(content(&part), Some(Content::Colour | Content::Grey)) && !part.graphics);
        }
    }
}

#[test]
fn a_photograph_from_luma_and_chroma_is_converted_back() {
    let photograph = photograph();
    let parts = chosen(&photograph, 8);
    assert_eq!((parts.len(), names(&parts[0])), (1, vec!["lattice"]));
    assert_eq!(content(&parts[0]), Some(Content::LumaChroma));
}

#[test]
fn any_plan_is_inverted() {
    let mut random = Random(5);
    for channels in 1..=4 {
        for depth in [1, 2, 5, 8, 11, 16] {
            for (width, height) in [(1, 1), (1, 7), (6, 1), (13, 9)] {
                let shape = (channels, height, width);
                let noise = Array3::from_shape_fn(shape, |_| random.below(1 << depth) as u16);
                let few = Array3::from_shape_fn(shape, |_| (random.below(3) << (depth - 1) >> 1) as u16);
                let equal = Array3::from_shape_fn(shape, |(_, y, x)| noise[(0, y, x)]);
                for samples in [noise, few, equal] {
                    chosen(&samples, depth);
                }
            }
        }
    }
}

#[test]
fn without_transforms_the_samples_stay_as_they_are() {
    for samples in [blocks(3, 60, 50, 40), blocks(4, 60, 50, 40), smooth(1, 60, 50, 8).mapv(|sample| sample / 3 * 3)] {
        let parts = choose(&ENGINE, Transforms::None, samples.view(), 8).expect("a plan");
        assert_inverts(&parts, &samples, 8);
        assert!(parts.iter().all(|part| part.transforms.is_empty()));
    }
}

#[test]
fn a_model_file_codes_the_samples_as_they_are() {
    for (id, channels) in [(1, 3), (2, 1)] {
        let model = crate::model::registry::models().iter().find(|model| model.id == id).expect("a model");
        let choice = ModelChoice::File(model.file.into());
        let samples = Array3::zeros((channels, 8, 8));
        let parts = choose(&engine(&choice).expect("a model"), Transforms::All, samples.view(), 8).expect("a plan");
        assert_inverts_file(&parts, &samples);
    }
}

#[test]
fn beside_a_model_file_alpha_has_a_model_of_the_registry() {
    for (file, channels) in [(Content::Colour, 4), (Content::Grey, 2)] {
        let model = crate::model::registry::models().iter().find(|model| model.content == file).expect("a model");
        let other = [model.file, &[0x98, 0x06, 1]].concat(); // a field that readers ignore: the file differs
        let choice = ModelChoice::File(other.into());
        let parts = choose(&engine(&choice).expect("a model"), Transforms::All, smooth(channels, 40, 30, 8).view(), 8)
            .expect("a plan");
        assert_eq!(parts.iter().map(|part| part.channels).collect::<Vec<_>>(), [channels - 1, 1]);
        let source = parts[0].coder.network().expect("the file codes the colours");
        assert!(crate::model::registry::models().iter().all(|model| model.id != source.model.id));
        assert_eq!(content(&parts[1]), Some(Content::Grey));
    }
}

fn assert_inverts_file(parts: &[PlannedPart], samples: &Array3<u16>) {
    assert_eq!((parts.len(), names(&parts[0])), (1, vec![]));
    assert_eq!(parts[0].coded.samples, samples);
    assert!(parts[0].coder.network().is_some());
}

#[test]
fn a_name_that_no_model_has_is_an_error() {
    let choice = ModelChoice::Named("nothing".to_owned());
    let refused = engine(&choice);
    assert!(matches!(refused, Err(crate::Error::Model(_))), "{refused:?}");
}

#[test]
fn runs_that_were_seen_before_are_repeats() {
    let row = |samples: &[u16]| Array3::from_shape_fn((1, 1, samples.len()), |(_, _, x)| samples[x]);
    let ramp: Vec<u16> = (0..100).collect();
    assert!(repeats(row(&ramp).view()).abs() < 1e-9, "all runs differ");
    assert!(repeats(row(&ramp[..RUN - 1]).view()).abs() < 1e-9, "there is no run");
    // Of ten runs in a flat row, all but the first are repeats.
    assert!((repeats(row(&[7; RUN + 9]).view()) - 0.9).abs() < 1e-9);
    // Of two equal rows, the second is a repeat; if one channel differs, it is not.
    let rows = |differ: usize| Array3::from_shape_fn((3, 2, 50), |(c, y, x)| (x + 60 * (y * c / 2 * differ)) as u16);
    assert!((repeats(rows(0).view()) - 0.5).abs() < 1e-9);
    assert!(repeats(rows(1).view()).abs() < 1e-9);
}

#[cfg(feature = "graphics")]
#[test]
fn photographs_that_repeat_are_probed_before_slow_coders() {
    let samples = photograph();
    let coded = Arc::new(Coded { samples: samples.clone(), sizes: vec![256; 3] });
    let part = |graphics, repeats| PlannedPart {
        channels: 3,
        transforms: Vec::new(),
        coded: coded.clone(),
        coder: Coder::Constant,
        thorough: false,
        graphics,
        repeats: Some(repeats),
        whole: None,
    };
    let probe = vp8l::probe(samples.view()).expect("libwebp").expect("a stream");
    let tried =
        |graphics, repeats, bytes| may_repeat(&[part(graphics, repeats)], samples.view(), 8, bytes).expect("libwebp");
    assert!(!tried(false, 0.0, probe));
    assert!(tried(false, 0.5, probe));
    assert!(!tried(false, 0.5, probe / 2), "twice as large");
    assert!(tried(true, 0.5, probe / 2));
}

#[test]
fn what_is_measured_lies_within_the_image() {
    let sizes = [(1, 1), (192, 192), (193, 192), (1024, 1024), (1024, 1025), (100_000, 2), (3, 400_000), (5000, 3000)];
    for ((width, height), side) in sizes.into_iter().flat_map(|size| [(size, 96), (size, 512)]) {
        let rects = Rect { x: 0, y: 0, width, height }.sampled(side);
        let whole = Rect { x: 0, y: 0, width, height };
        assert!(rects.iter().all(|&rect| whole.intersection(rect) == Some(rect)), "{width} x {height}: {rects:?}");
        let pixels: usize = rects.iter().map(|rect| rect.pixels()).sum();
        let most = (2 * side).pow(2) as usize;
        assert!(pixels <= most, "{pixels} pixels of {width} x {height}");
        assert!(pixels == (width * height) as usize || rects.len() > 1);
    }
}

#[test]
fn what_was_measured_whole_is_what_would_be_coded() {
    for samples in [blocks(3, 120, 100, 40), blocks(4, 60, 50, 9), smooth(1, 40, 30, 8).mapv(|sample| sample / 4 * 4)] {
        let whole = Rect { x: 0, y: 0, width: samples.dim().2 as u32, height: samples.dim().1 as u32 };
        let mut kept = 0;
        for part in chosen(&samples, 8) {
            let PlannedPart { coder, coded, thorough, whole: Some(stream), .. } = &part else { continue };
            let source = streams::Source { coder, coded, thorough: *thorough };
            assert_eq!(
                streams::encode(&ENGINE, source, &[whole], drop).expect("a stream"),
                std::slice::from_ref(stream)
            );
            kept += 1;
            let learning = part.learning(&ENGINE).expect("a model");
            assert!(learning.whole.is_none() || learning.graphics, "another coder makes another stream");
        }
        assert!(kept > 0, "a small image with several candidates is measured whole");
    }
}
