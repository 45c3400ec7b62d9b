//! What is compressed comes back, and the bytes do not depend on the division of the work.

mod common;

use std::io::Cursor;

use ansel::{Codec, FileInfo, Metadata, Planes};
use common::*;

/// Largest side of tiles: for photographs, and for graphics.
const TILE_SIDE: usize = 512;
const GRAPHICS_TILE_SIDE: usize = 2048;

/// Computed images of all kinds, of one size.
fn images(channels: usize, width: usize, height: usize) -> Vec<Planes> {
    let mut all: Vec<Planes> = [0, 128, 255].map(|value| flat(channels, width, height, value)).into();
    let makers = [noise, ramp, checkerboard, gentle, drawing];
    all.extend(makers.map(|make| make(channels, width, height)));
    all
}

fn assert_returns(codec: &Codec, planes: &Planes) -> Vec<u8> {
    let file = codec.compress(planes, &Metadata::default()).expect("a compressed image");
    assert_decodes(codec, &file, planes, &Metadata::default());
    file
}

fn info(file: &[u8]) -> FileInfo {
    Codec::default().read_info(Cursor::new(file)).expect("a valid file")
}

fn tiles(file: &[u8]) -> usize {
    info(file).bands.iter().map(|band| band.tiles()).sum()
}

fn assert_all_return(codec: &Codec, sizes: &[(usize, usize)]) {
    for &(width, height) in sizes {
        for channels in 1..=4 {
            for planes in images(channels, width, height) {
                assert_returns(codec, &planes);
            }
        }
    }
}

#[test]
fn the_smallest_images_come_back() {
    assert_all_return(&Codec::default(), &[(1, 1), (2, 1), (1, 2), (2, 2), (3, 3), (7, 5), (4, 13)]);
}

#[test]
fn single_rows_and_columns_come_back() {
    assert_all_return(&Codec::default(), &[(1, 9), (9, 1), (1, 100), (100, 1), (2, 50), (50, 2)]);
}

#[test]
fn images_one_pixel_around_the_tile_side_come_back() {
    let sides = [TILE_SIDE - 1, TILE_SIDE, TILE_SIDE + 1];
    let sizes: Vec<_> = sides.into_iter().flat_map(|side| [(side, 2), (2, side)]).collect();
    let codec = Codec::default();
    for (width, height) in sizes {
        for channels in [1, 3] {
            for make in [noise, flat_white, gentle, drawing] {
                assert_returns(&codec, &make(channels, width, height));
            }
        }
    }
}

fn flat_white(channels: usize, width: usize, height: usize) -> Planes {
    flat(channels, width, height, 255)
}

#[test]
fn samples_of_all_depths_come_back() {
    let codec = Codec::default();
    for depth in 1..=16 {
        for channels in 1..=4 {
            for make in [noise, gentle, drawing] {
                assert_returns(&codec, &scaled(&make(channels, 13, 11), depth));
            }
        }
    }
}

#[test]
fn bands_of_two_files_come_back_together() {
    let codec = Codec::default();
    for channels in 1..=4 {
        let (file, planes) = two_bands(&codec, &gentle(channels, 21, 14), &drawing(channels, 21, 14));
        assert_decodes(&codec, &file, &planes, &Metadata::default());
        assert_eq!(info(&file).bands.len(), 2);
    }
}

#[test]
fn images_are_divided_into_tiles_at_the_tile_side_and_come_back() {
    for channels in [1, 3] {
        let codec = codec_for_photographs(channels);
        for (width, height, expected) in
            [(TILE_SIDE, 3, 1), (TILE_SIDE + 1, 3, 2), (3, 2 * TILE_SIDE, 2), (3, 2 * TILE_SIDE + 1, 3), (1537, 1, 4)]
        {
            let file = assert_returns(&codec, &gentle(channels, width, height));
            assert_eq!(tiles(&file), expected, "{width} x {height}");
        }
    }
}

#[test]
fn graphics_are_divided_into_larger_tiles_or_none() {
    let codec = Codec::default();
    let file = assert_returns(&codec, &drawing(1, GRAPHICS_TILE_SIDE + 1, 8));
    let graphics = if info(&file).bands[0].parts()[0].coder == "network" { 2 } else { 1 };
    assert_eq!(tiles(&file), graphics);
    assert_eq!(tiles(&assert_returns(&codec, &flat(3, GRAPHICS_TILE_SIDE, 9, 7))), 1);
}

#[test]
fn tiles_in_two_directions_come_back() {
    let file = assert_returns(&codec_for_photographs(1), &gentle(1, TILE_SIDE + 3, TILE_SIDE + 1));
    assert_eq!(tiles(&file), 4);
}

#[test]
fn a_part_of_the_photograph_comes_back_smaller() {
    for (channels, most_bpsp) in [(1, 4.5), (3, 3.5)] {
        let planes = photograph_crop(channels, 96, 80);
        let file = assert_returns(&Codec::default(), &planes);
        let bpsp = 8.0 * file.len() as f64 / planes.samples().len() as f64;
        assert!(bpsp < most_bpsp, "{channels} channels take {bpsp} bpsp");
    }
}

#[test]
fn the_photograph_comes_back_within_three_bits_per_sample() {
    let planes = photograph();
    let file = assert_returns(&Codec::default(), &planes);
    let bpsp = 8.0 * file.len() as f64 / planes.samples().len() as f64;
    assert!(bpsp < 3.0, "the photograph takes {bpsp} bpsp");
}

#[test]
fn noise_grows_by_less_than_half_and_a_header() {
    for channels in [1, 3] {
        let planes = noise(channels, 64, 64);
        let file = assert_returns(&Codec::default(), &planes);
        let most = planes.samples().len() * 3 / 2 + 70;
        assert!(file.len() < most, "{channels} channels: {} bytes, {most} allowed", file.len());
    }
}

#[test]
fn flat_images_take_a_header_alone() {
    for channels in 1..=4 {
        for value in [0, 128, 255] {
            let planes = flat(channels, 128, 128, value);
            let file = assert_returns(&Codec::default(), &planes);
            assert!(file.len() < 70, "{value} in {channels} channels: {} bytes", file.len());
        }
    }
}

#[test]
fn drawings_take_less_than_a_tenth_of_a_bit_per_sample() {
    for channels in [1, 3] {
        let planes = drawing(channels, 200, 150);
        let file = assert_returns(&Codec::default(), &planes);
        assert!(file.len() < planes.samples().len() / 80, "{channels} channels: {} bytes", file.len());
    }
}

#[test]
fn metadata_of_all_kinds_comes_back_together_and_alone() {
    let (codec, planes) = (Codec::default(), ramp(1, 5, 4));
    let all = metadata();
    let mut choices = vec![all.clone()];
    for block in all.blocks() {
        let mut one = Metadata::default();
        one.set(block.kind, block.bytes.clone());
        let mut empty = Metadata::default();
        empty.set(block.kind, Vec::new());
        choices.extend([one, empty]);
    }
    for metadata in choices {
        let file = codec.compress(&planes, &metadata).expect("a compressed image");
        assert_decodes(&codec, &file, &planes, &metadata);
        assert!(info(&file).metadata == metadata);
    }
}

#[test]
fn the_bytes_are_the_same_for_any_number_of_threads() {
    for planes in [gentle(1, 2 * TILE_SIDE + 7, 9), gentle(3, 9, 4 * TILE_SIDE + 1), photograph_crop(3, 60, 50)] {
        let expected = assert_returns(&codec_with_threads(1), &planes);
        for threads in [2, 3, 16] {
            let codec = codec_with_threads(threads);
            assert!(assert_returns(&codec, &planes) == expected, "other bytes with {threads} threads");
        }
    }
}

#[test]
fn a_codec_gives_the_same_bytes_again() {
    let codec = Codec::default();
    let (grey, colour) = (gentle(1, 40, 30), gentle(3, 40, 30));
    let first = (assert_returns(&codec, &grey), assert_returns(&codec, &colour));
    let second = (assert_returns(&codec, &grey), assert_returns(&codec, &colour));
    assert!(first == second, "a call changed the codec");
}

#[test]
fn threads_can_share_a_codec() {
    let shared = codec_with_threads(2);
    let all: Vec<Planes> = (1..=4).flat_map(|i| [gentle(1, 130 * i, 5), noise(3, 9, 10 * i)]).collect();
    let expected: Vec<Vec<u8>> = all.iter().map(|planes| assert_returns(&codec_with_threads(1), planes)).collect();
    std::thread::scope(|scope| {
        for start in 0..4 {
            let (shared, all, expected) = (&shared, &all, &expected);
            scope.spawn(move || {
                for index in (0..all.len()).map(|i| (i + 2 * start) % all.len()) {
                    assert!(assert_returns(shared, &all[index]) == expected[index], "image {index} differs");
                }
            });
        }
    });
}

#[test]
fn verify_finds_an_ideal_code_length_just_below_that_of_the_streams() {
    let codec = Codec::default();
    let file = assert_returns(&codec, &photograph_crop(3, 96, 80));
    let verified = codec.verify(Cursor::new(&file)).expect("an intact file");
    let streams = 8.0 * verified.info.bands.iter().map(|band| band.stream_bytes()).sum::<u64>() as f64;
    assert!(verified.ideal_bits <= streams + 8.0, "{} ideal bits in {streams}", verified.ideal_bits);
    assert!(streams - verified.ideal_bits < 64.0 + 1e-4 * streams, "{} ideal bits in {streams}", verified.ideal_bits);
}
