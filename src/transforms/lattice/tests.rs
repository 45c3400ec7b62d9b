use super::*;
use crate::testing::Random;
use crate::transforms::Transform;
use crate::transforms::tests::check;

/// Smooth luma and chroma with some noise, of a range wide enough for some colours to clip.
fn luma_chroma(random: &mut Random, (height, width): (usize, usize)) -> Array3<u16> {
    let wave = |t: usize| (t % 200).abs_diff(100);
    Array3::from_shape_fn((3, height, width), |(c, y, x)| {
        let smooth = if c == 0 { 30 + 2 * wave(3 * x + y) } else { 90 + wave(x + 5 * c * y) * 7 / 10 };
        (smooth + random.index(5)) as u16
    })
}

fn converted(planes: &Array3<u16>, conversion: Conversion) -> Array3<u16> {
    let mut samples = planes.clone();
    for (y, x) in (0..planes.dim().1).flat_map(|y| (0..planes.dim().2).map(move |x| (y, x))) {
        let pixel = conversion.convert(pixel_at(planes.view(), y, x));
        (0..3).for_each(|c| samples[(c, y, x)] = pixel[c] as u16);
    }
    samples
}

/// RGB converted from luma and chroma.
pub(in crate::transforms) fn sample_image(random: &mut Random, size: (usize, usize)) -> Array3<u16> {
    converted(&luma_chroma(random, size), Conversion::Jfif)
}

#[test]
fn every_conversion_is_recognised() {
    let mut random = Random(1);
    for conversion in Conversion::ALL {
        let planes = luma_chroma(&mut random, (60, 70));
        let samples = converted(&planes, conversion);
        assert!(samples.iter().any(|&sample| sample == 0) && samples.iter().any(|&sample| sample == 255));
        let found = Transform::lattice(samples.view(), 8).expect("a lattice");
        let Transform::Lattice(lattice) = &found.0 else { panic!("not a lattice") };
        assert_eq!(lattice.conversion, conversion);
        assert_eq!(lattice.escapes.len(), 0, "{conversion:?}");
        assert_eq!(check(&found, &samples, 8).len(), 3);
        // Inside the gamut, the luma and chroma are unique.
        for (y, x) in (0..60).flat_map(|y| (0..70).map(move |x| (y, x))) {
            if pixel_at(samples.view(), y, x).iter().all(|&sample| sample > 0 && sample < 255) {
                assert_eq!(pixel_at(found.1.samples.view(), y, x), pixel_at(planes.view(), y, x), "{conversion:?}");
            }
        }
    }
}

#[test]
fn transposed_images_are_recognised() {
    let samples = sample_image(&mut Random(2), (50, 60));
    let transposed = samples.view().permuted_axes([0, 2, 1]).to_owned();
    let found = Transform::lattice(transposed.view(), 8).expect("a lattice");
    check(&found, &transposed, 8);
}

#[test]
fn pixels_off_the_lattice_are_escapes() {
    let mut random = Random(3);
    let mut samples = sample_image(&mut random, (80, 90));
    for place in [0, 1, 89, 90, 4000, 80 * 90 - 1] {
        for c in 0..3 {
            samples[(c, place / 90, place % 90)] = random.index(256) as u16;
        }
    }
    let found = Transform::lattice(samples.view(), 8).expect("a lattice");
    let bytes = check(&found, &samples, 8);
    assert!((10..=60).contains(&bytes.len()), "{}", bytes.len());
}

#[test]
fn other_images_are_refused() {
    let mut random = Random(4);
    let noise = random.samples((3, 50, 50), 8);
    assert!(Transform::lattice(noise.view(), 8).is_none());
    let mut mixed = sample_image(&mut random, (100, 100));
    mixed.iter_mut().step_by(37).for_each(|sample| *sample = random.index(256) as u16);
    assert!(Transform::lattice(mixed.view(), 8).is_none());
    let samples = sample_image(&mut random, (20, 20));
    assert!(Transform::lattice(samples.view(), 10).is_none());
    for shape in [(3, 1, 1), (3, 1, 5), (1, 30, 30), (4, 30, 30)] {
        assert!(Transform::lattice(random.samples(shape, 8).view(), 8).is_none());
    }
}

#[test]
fn a_photo_cd_scan_is_recognised() {
    let file = include_bytes!("../../../tests/images/kodim23.png");
    let image = crate::read_image(std::io::Cursor::new(file), &crate::Limits::default()).expect("a photograph");
    let samples = image.planes.samples();
    let found = Transform::lattice(samples.view(), 8).expect("a lattice");
    let Transform::Lattice(lattice) = &found.0 else { panic!("not a lattice") };
    assert_eq!((lattice.conversion, lattice.escapes.len()), (Conversion::PhotoCd, 66));
    assert!(check(&found, samples, 8).len() < 200);
}

#[test]
fn conversions_keep_their_values() {
    let triples = [[0, 0, 0], [255, 255, 255], [16, 128, 128], [100, 156, 137], [180, 90, 200], [77, 201, 33]];
    let expected = [
        [[0, 194, 0], [255, 194, 255], [5, 42, 0], [135, 135, 135], [255, 215, 98], [0, 182, 204]],
        [[0, 135, 0], [255, 121, 255], [16, 16, 16], [113, 84, 150], [255, 142, 113], [0, 120, 206]],
        [[0, 136, 0], [255, 125, 255], [0, 0, 0], [112, 80, 154], [255, 147, 114], [0, 120, 218]],
        [[0, 136, 0], [255, 125, 255], [0, 0, 0], [112, 80, 154], [255, 147, 114], [0, 120, 218]],
        [[0, 77, 0], [255, 184, 255], [0, 0, 0], [114, 87, 157], [255, 161, 111], [0, 106, 225]],
        [[0, 84, 0], [255, 172, 255], [16, 16, 16], [114, 91, 152], [255, 153, 109], [0, 108, 212]],
    ];
    for (conversion, expected) in Conversion::ALL.into_iter().zip(expected) {
        assert_eq!(triples.map(|triple| conversion.convert(triple)), expected, "{conversion:?}");
    }
}
