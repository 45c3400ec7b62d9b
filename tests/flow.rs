//! Files of the flow family: what is compressed comes back, for any size and any division of the work, and damage is a
//! typed error.

mod common;

use std::io::Cursor;

use ansel::{
    Codec, CodecBuilder, Content, Effort, Error, Family, FormatErrorKind, Metadata, ModelChoice, Planes, Rect,
    Transforms,
};
use common::*;
use ndarray::s;

fn options() -> CodecBuilder {
    Codec::builder().model(ModelChoice::Named("flow".to_owned())).transforms(Transforms::None)
}

fn compressed(codec: &Codec, planes: &Planes) -> Vec<u8> {
    codec.compress(planes, &Metadata::default()).expect("a compressed image")
}

/// The family of the model of each part in the first band.
fn families(file: &[u8]) -> Vec<Option<Family>> {
    let info = Codec::default().read_info(Cursor::new(file)).expect("a valid file");
    let of = |id: u16| ansel::models().iter().find(|model| model.id == id).expect("a model of the registry").family;
    info.bands[0].parts().iter().map(|part| part.model.map(|(id, _)| of(id))).collect()
}

#[test]
fn images_of_any_size_come_back() {
    let codec = options().build().expect("a codec");
    for (width, height) in
        [(1, 1), (2, 1), (1, 2), (5, 4), (1, 300), (300, 1), (127, 3), (128, 3), (129, 130), (515, 9)]
    {
        for channels in [1, 3] {
            for planes in [photograph_of(channels, width, height), noise(channels, width, height)] {
                let file = compressed(&codec, &planes);
                assert!(codec.decompress(&file).expect("a file that decodes").planes == planes, "{width} x {height}");
            }
        }
    }
}

#[test]
fn images_of_any_depth_and_with_alpha_come_back() {
    let codec = options().build().expect("a codec");
    for depth in [1, 2, 7, 10, 16] {
        for channels in 1..=4 {
            let planes = scaled(&gentle(channels, 37, 22), depth);
            assert!(codec.decompress(&compressed(&codec, &planes)).expect("a file that decodes").planes == planes);
        }
    }
}

#[test]
fn photographs_are_coded_by_flows_with_transforms_too() {
    for transforms in [Transforms::None, Transforms::All] {
        let codec = options().transforms(transforms).build().expect("a codec");
        for channels in [1, 3] {
            let file = compressed(&codec, &photograph_of(channels, 200, 150));
            assert_eq!(families(&file), [Some(Family::Flow)], "{channels} channels, {transforms:?}");
        }
    }
}

#[test]
fn the_bytes_do_not_depend_on_the_threads() {
    let planes = photograph_of(3, 700, 530);
    let file = compressed(&options().build().expect("a codec"), &planes);
    for threads in [1, 2, 5] {
        let codec = options().threads(threads).build().expect("a codec");
        assert!(compressed(&codec, &planes) == file, "{threads} threads");
        assert!(codec.decompress(&file).expect("a file that decodes").planes == planes);
    }
}

#[test]
fn a_region_is_a_part_of_the_whole() {
    let planes = photograph_of(3, 700, 530);
    let codec = options().build().expect("a codec");
    let file = compressed(&codec, &planes);
    let region = Rect { x: 340, y: 255, width: 31, height: 40 };
    let part = codec.open(Cursor::new(&file)).and_then(|mut archive| archive.region(region)).expect("a region");
    assert!(*part.samples() == planes.samples().slice(s![.., 255..295, 340..371]));
}

#[test]
fn the_number_of_passes_is_fixed() {
    assert_eq!((Family::Flow.passes(), Family::Autoregressive.passes()), (Some(21), None));
}

#[test]
fn effort_max_codes_with_the_flow_as_it_is() {
    let planes = photograph_of(3, 90, 70);
    let codec = options().effort(Effort::Max).build().expect("a codec");
    let file = compressed(&codec, &planes);
    let info = codec.read_info(Cursor::new(&file)).expect("a valid file");
    assert!(!info.bands[0].parts()[0].learning);
    assert!(file == compressed(&options().build().expect("a codec"), &planes));
}

#[test]
fn a_flow_that_learns_is_refused() {
    let mut raw = RawFile::parse(&compressed(&options().build().expect("a codec"), &photograph_of(3, 30, 20)));
    let coder = &mut raw.bands[0].parts[0].coder;
    coder[0] = 4;
    coder.extend([127, 4, 10]);
    match Codec::default().decompress(&raw.to_bytes()).map(drop) {
        Err(Error::Format(error)) => assert_eq!(error.kind(), FormatErrorKind::InvalidField, "{error}"),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn damaged_streams_are_typed_errors() {
    let codec = options().build().expect("a codec");
    for channels in [1, 3] {
        let file = compressed(&codec, &photograph_of(channels, 30, 20));
        let streams = file.len() - 40;
        for at in (streams..file.len()).step_by(3) {
            for bits in [1, 0x80, 0xff] {
                let mut damaged = file.clone();
                damaged[at] ^= bits;
                assert!(matches!(codec.decompress(&damaged), Err(Error::Format(_))), "byte {at}");
            }
            assert!(matches!(codec.decompress(&file[..at]), Err(Error::Format(_))), "cut at {at}");
        }
    }
}

#[test]
fn a_model_file_of_a_flow_codes_what_the_registry_s_does() {
    let flow =
        ansel::models().iter().find(|m| (m.family, m.content) == (Family::Flow, Content::Colour)).expect("a flow");
    let planes = photograph_of(3, 60, 40);
    let codec = options().model(ModelChoice::File(flow.file.into())).build().expect("a codec");
    assert!(compressed(&codec, &planes) == compressed(&options().build().expect("a codec"), &planes));
}
