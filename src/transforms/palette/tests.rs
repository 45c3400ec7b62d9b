use ndarray::Array3;

use crate::testing::Random;
use crate::transforms::tests::{SHAPES, check};
use crate::transforms::{GroupShape, Transform};

/// An image with these colours, in random places.
fn image_of(colours: &[Vec<u16>], (height, width): (usize, usize), random: &mut Random) -> Array3<u16> {
    let order: Vec<usize> = (0..height * width)
        .map(|place| if place < colours.len() { place } else { random.index(colours.len()) })
        .collect();
    Array3::from_shape_fn((colours[0].len(), height, width), |(c, y, x)| colours[order[y * width + x]][c])
}

fn random_colours(count: usize, channels: usize, depth: u32, random: &mut Random) -> Vec<Vec<u16>> {
    (0..count).map(|_| (0..channels).map(|_| random.index(1 << depth) as u16).collect()).collect()
}

/// The description of an image with these colours, and their number.
fn found(colours: &[Vec<u16>], depth: u32, random: &mut Random) -> (usize, u32) {
    let samples = image_of(colours, (32, 40), random);
    let found = Transform::palette(samples.view(), depth, 256).expect("few colours");
    (check(&found, &samples, depth).len(), found.1.sizes[0])
}

#[test]
fn few_colours_cost_few_bytes() {
    let mut random = Random(1);
    let black_and_white = [vec![0, 0, 0], vec![255, 255, 255]];
    assert_eq!(found(&black_and_white, 8, &mut random), (7, 2));
    assert_eq!(found(&[vec![0], vec![65535]], 16, &mut random), (7, 2));
    let (bytes, colours) = found(&random_colours(16, 3, 8, &mut random), 8, &mut random);
    assert!(bytes <= 48 && colours == 16, "{bytes} bytes for {colours} colours");
    let (bytes, colours) = found(&random_colours(200, 3, 8, &mut random), 8, &mut random);
    assert!(bytes <= 460 && colours == 200, "{bytes} bytes for {colours} colours");
}

#[test]
fn regular_colours_cost_few_bytes() {
    let mut random = Random(2);
    let levels = |i: usize| (51 * i) as u16;
    let cube: Vec<_> = (0..216).map(|i| vec![levels(i / 36), levels(i / 6 % 6), levels(i % 6)]).collect();
    let ramp: Vec<_> = (0..256).map(|i| vec![i, i, i]).collect();
    let cube = found(&cube, 8, &mut random);
    assert!(cube.0 < 250 && cube.1 == 216, "{cube:?}");
    let ramp = found(&ramp, 8, &mut random);
    assert!(ramp.0 < 30 && ramp.1 == 256, "{ramp:?}");
}

#[test]
fn indices_go_from_dark_to_bright() {
    let colours = [vec![255, 255, 255, 9], vec![0, 0, 255, 9], vec![0, 255, 0, 9], vec![0, 0, 255, 8]];
    let samples = Array3::from_shape_fn((4, 1, 4), |(c, _, x)| colours[x][c]);
    let (_, coded) = Transform::palette(samples.view(), 8, 4).expect("four colours");
    assert_eq!(coded.samples.into_raw_vec_and_offset().0, [3, 1, 2, 0]);
}

#[test]
fn too_many_colours_are_no_palette() {
    let samples = Array3::from_shape_fn((1, 1, 300), |(_, _, x)| x as u16);
    assert!(Transform::palette(samples.view(), 16, 256).is_none());
    assert!(Transform::palette(samples.view(), 16, 999).is_none());
    let samples = Array3::from_shape_fn((1, 1, 300), |(_, _, x)| x as u16 % 17);
    assert!(Transform::palette(samples.view(), 16, 16).is_none());
    assert!(Transform::palette(samples.view(), 16, 17).is_some());
}

#[test]
fn all_shapes_and_depths_come_back() {
    let mut random = Random(3);
    for (channels, height, width) in SHAPES {
        for depth in [1, 2, 4, 8, 10, 16] {
            let count = 1 + random.index(256.min(height * width));
            let colours = random_colours(count, channels, depth, &mut random);
            let samples = image_of(&colours, (height, width), &mut random);
            let found = Transform::palette(samples.view(), depth, 256).expect("few colours");
            check(&found, &samples, depth);
        }
    }
}

#[test]
fn rice_codes_that_end_early_are_refused() {
    let shape = GroupShape { channels: 1, depth: 8, width: 9, height: 9 };
    let read = |bytes: &[u8]| Transform::read(bytes, &shape);
    // Two colours, 0 and 1; two low bits each: 1 00, 1 00.
    assert!(read(&[2, 1, 2, 0b00_1001]).is_ok());
    // The low bits of the last colour, and its terminating 1, are missing.
    for (form, bits) in [(7, 0b1), (2, 0b1000_0001), (0, 0b1), (5, 0b0100_0001)] {
        let refused = read(&[2, 1, form, bits]);
        assert!(refused.is_err_and(|error| error.to_string().contains("ends early")), "form {form}");
    }
    assert!(read(&[2, 1, 0]).is_err());
}
