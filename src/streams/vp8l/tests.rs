use super::*;
use crate::base::error::Error;
use crate::testing::Random;

fn check(samples: &Array3<u16>) -> usize {
    let (channels, height, width) = samples.dim();
    let stream = encode(samples.view(), false).expect("libwebp works").expect("small enough");
    for padding in [0, 1, 4] {
        let padded = [&stream[..], &vec![0; padding]].concat();
        let decoded = decode(&padded, width as u32, height as u32, channels).expect("a valid stream");
        assert!(decoded == samples, "{channels} x {height} x {width} came back as something else");
    }
    stream.len()
}

#[test]
fn all_shapes_come_back() {
    let mut random = Random(1);
    for channels in 1..=4 {
        for (height, width) in [(1, 1), (1, 9), (7, 1), (16, 17), (40, 33)] {
            check(&Array3::from_shape_simple_fn((channels, height, width), || random.index(256) as u16));
            check(&Array3::from_shape_fn((channels, height, width), |(c, y, x)| {
                ((c * 60 + 3 * y + x / 2) % 256) as u16
            }));
            check(&Array3::from_elem((channels, height, width), 200));
        }
    }
}

#[test]
fn colours_under_full_transparency_come_back() {
    let mut random = Random(2);
    let mut samples = Array3::from_shape_simple_fn((4, 20, 20), || random.index(256) as u16);
    samples.outer_iter_mut().last().expect("alpha").fill(0);
    check(&samples);
}

#[test]
fn repetition_costs_little() {
    let mut random = Random(3);
    let glyphs: Vec<u16> = (0..64 * 64).map(|_| random.index(256) as u16).collect();
    let bytes = check(&Array3::from_shape_fn((1, 256, 512), |(_, y, x)| glyphs[y % 64 * 64 + x % 64]));
    assert!(bytes < 5500, "{bytes} bytes for 4096 random ones");
}

#[test]
fn images_beyond_the_largest_side_have_no_stream() {
    assert!(encode(Array3::zeros((1, 1, 16384)).view(), false).expect("no failure").is_none());
    check(&Array3::zeros((1, 1, 16383)));
    assert!(decode(&[0; 30], 16384, 1, 1).is_err());
}

#[test]
fn a_colour_in_a_grey_image_is_an_error() {
    let samples = Array3::from_shape_fn((3, 5, 5), |(c, y, x)| (9 * c + y + x) as u16);
    let stream = encode(samples.view(), false).expect("libwebp works").expect("small enough");
    assert!(matches!(decode(&stream, 5, 5, 1), Err(Error::Format(_))));
}

#[test]
fn damaged_streams_are_decoded_or_refused() {
    let mut random = Random(4);
    for channels in 1..=4 {
        let samples = Array3::from_shape_fn((channels, 30, 40), |(c, y, x)| ((c + 2 * y * y + x) % 256) as u16);
        let stream = encode(samples.view(), false).expect("libwebp works").expect("small enough");
        for turn in 0..400 {
            let mut changed: Vec<u8> = match turn % 4 {
                0 => (0..random.index(80)).map(|_| random.index(256) as u8).collect(),
                _ => stream.clone(),
            };
            for _ in 0..=random.index(3) {
                if !changed.is_empty() {
                    let at = random.index(changed.len());
                    changed[at] = random.index(256) as u8;
                }
            }
            if turn % 4 == 3 {
                changed.truncate(random.index(changed.len()));
            }
            let (width, height) = if turn % 5 == 0 { (1 + random.index(60) as u32, 9) } else { (40, 30) };
            match decode(&changed, width, height, channels) {
                Ok(samples) => assert_eq!(samples.dim(), (channels, height as usize, width as usize)),
                Err(error) => assert!(matches!(error, Error::Format(_)), "{error}"),
            }
        }
    }
}
