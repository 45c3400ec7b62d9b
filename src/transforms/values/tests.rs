use ndarray::Array3;

use crate::testing::Random;
use crate::transforms::Transform;
use crate::transforms::tests::{SHAPES, check};

/// The description, and the alphabet sizes, of values that must be found.
fn found(samples: &Array3<u16>, depth: u32) -> (Vec<u8>, Vec<u32>) {
    let found = Transform::values(samples.view(), depth).expect("values to remove");
    (check(&found, samples, depth), found.1.sizes)
}

#[test]
fn a_shift_costs_few_bytes() {
    let samples = Random(1).samples((3, 60, 60), 12).mapv(|sample| sample << 4);
    let (bytes, sizes) = found(&samples, 16);
    assert!(bytes.len() <= 25 && sizes.iter().all(|&size| (4000..=4096).contains(&size)), "{sizes:?} {}", bytes.len());
}

#[test]
fn repeated_bits_cost_little() {
    let wide = |bits: u32| move |sample: u16| sample << (16 - bits) | sample >> (2 * bits - 16);
    let (bytes, sizes) = found(&Random(2).samples((1, 200, 200), 8).mapv(wide(8)), 16);
    assert_eq!((bytes.len(), &sizes[..]), (7, &[256][..]));
    let samples = Random(2).samples((3, 300, 300), 10).mapv(wide(10));
    let (bytes, sizes) = found(&samples, 16);
    assert_eq!(sizes, [1024; 3]);
    assert!(bytes.len() < 100, "{}", bytes.len());
}

#[test]
fn constant_channels_cost_nothing_but_their_value() {
    let mut samples = Random(3).samples((4, 50, 50), 8);
    samples.outer_iter_mut().last().expect("four").fill(255);
    let (bytes, sizes) = found(&samples, 8);
    assert_eq!((bytes, sizes), (vec![1, 0, 0, 0, 1, 255, 1, 0], vec![256, 256, 256, 1]));
    assert_eq!(found(&Array3::zeros((1, 1, 1)), 16).1, [1]);
}

#[test]
fn stretched_values_are_listed() {
    let samples = Random(4).samples((3, 100, 100), 7).mapv(|sample| (u32::from(sample) * 51 / 32) as u16);
    let (bytes, sizes) = found(&samples, 8);
    assert_eq!(sizes, [128; 3]);
    assert!(bytes.len() <= 50, "{}", bytes.len());
}

#[test]
fn ranges_are_left_alone_unless_they_are_short() {
    let mut random = Random(5);
    for (depth, count, first) in [(8, 190, 10), (8, 17, 0), (16, 30_000, 9), (8, 256, 0), (1, 2, 0), (4, 16, 0)] {
        let samples = Array3::from_shape_simple_fn((1, 700, 700), || (first + random.index(count)) as u16);
        assert!(Transform::values(samples.view(), depth).is_none(), "{count} values from {first} on");
    }
    let samples = Array3::from_shape_simple_fn((2, 30, 30), || 100 + random.index(16) as u16);
    assert_eq!(found(&samples, 8), (vec![1, 1, 100, 15, 0, 1, 100, 15, 0], vec![16, 16]));
}

#[test]
fn a_photograph_with_bare_tails_is_left_alone() {
    let mut random = Random(6);
    let bell = Array3::from_shape_simple_fn((1, 200, 300), || (0..8).map(|_| random.index(32)).sum::<usize>() as u16);
    assert!(Transform::values(bell.view(), 8).is_none());
}

#[test]
fn all_shapes_and_depths_come_back() {
    let mut random = Random(7);
    for shape in SHAPES {
        for depth in [1, 2, 4, 8, 10, 16] {
            let step = 1 + random.index(1 << (depth - 1)) as u16;
            let samples = random.samples(shape, depth).mapv(|sample| sample / step * step);
            if let Some(found) = Transform::values(samples.view(), depth) {
                check(&found, &samples, depth);
            }
        }
    }
}
