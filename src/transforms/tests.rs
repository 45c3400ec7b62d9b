use std::ops::Range;

use ndarray::{Array3, ArrayView3, Axis, Slice};

use super::*;
use crate::Error;
use crate::testing::Random;

/// Shapes of images: channels, height, width.
pub(super) const SHAPES: [(usize, usize, usize); 7] =
    [(1, 1, 1), (2, 1, 9), (3, 1, 1), (3, 7, 1), (3, 11, 13), (4, 5, 40), (1, 33, 20)];

fn shape_of(samples: &Array3<u16>, depth: u32) -> GroupShape {
    let (channels, height, width) = samples.dim();
    GroupShape { channels, depth, width: width as u32, height: height as u32 }
}

fn part(samples: &Array3<u16>, rows: Range<usize>, columns: Range<usize>) -> ArrayView3<'_, u16> {
    samples.slice_axis(Axis(1), Slice::from(rows)).slice_axis_move(Axis(2), Slice::from(columns))
}

/// Checks the guarantees for a transform and the planes it made from `samples`; returns the description.
pub(super) fn check((transform, coded): &(Transform, Coded), samples: &Array3<u16>, depth: u32) -> Vec<u8> {
    let (channels, height, width) = samples.dim();
    assert_eq!(transform.sizes(depth), coded.sizes);
    assert_eq!(coded.samples.dim(), (coded.sizes.len(), height, width));
    for (plane, &size) in coded.samples.outer_iter().zip(&coded.sizes) {
        assert!((1..=65536).contains(&size) && plane.iter().all(|&symbol| u32::from(symbol) < size));
    }
    let mut bytes = Vec::new();
    transform.write(&mut bytes);
    let read = Transform::read(&bytes, &shape_of(samples, depth)).expect("a valid description");
    assert_eq!(&read, transform);
    let mut random = Random(0x5eed);
    for turn in 0..8 {
        let (top, left) = if turn == 0 { (0, 0) } else { (random.index(height), random.index(width)) };
        let bottom = if turn == 0 { height } else { top + 1 + random.index(height - top) };
        let right = if turn == 0 { width } else { left + 1 + random.index(width - left) };
        let mut out = Array3::zeros((channels, bottom - top, right - left));
        let symbols = part(&coded.samples, top..bottom, left..right);
        read.inverse(symbols, (top as u32, left as u32), out.view_mut()).expect("valid symbols");
        assert!(out == part(samples, top..bottom, left..right), "something else came back");
    }
    bytes
}

#[test]
fn grey_takes_one_byte() {
    let mut random = Random(1);
    let plane = random.samples((1, 6, 5), 12);
    let grey = Array3::from_shape_fn((3, 6, 5), |(_, y, x)| plane[(0, y, x)]);
    let found = Transform::grey(grey.view(), 12).expect("three equal channels");
    assert_eq!(found.1, Coded { samples: plane.clone(), sizes: vec![4096] });
    assert_eq!(check(&found, &grey, 12), [3]);
    assert!(Transform::grey(plane.view(), 12).is_none());
    assert!(Transform::grey(random.samples((3, 6, 5), 8).view(), 8).is_none());
}

#[test]
fn grey_and_values_follow_each_other() {
    let grey = Array3::from_shape_fn((3, 16, 16), |(_, y, x)| ((16 * y + x) * 257) as u16);
    let (outer, once) = Transform::grey(grey.view(), 16).expect("three equal channels");
    let inner = Transform::values(once.samples.view(), 16).expect("gaps");
    assert_eq!(inner.1.sizes, [256]);
    check(&inner, &once.samples, 16);
    check(&(outer, once), &grey, 16);
}

/// Descriptions of transforms, with the shapes that they fit.
fn descriptions() -> Vec<(Vec<u8>, GroupShape)> {
    let mut random = Random(7);
    let few = Array3::from_shape_fn((4, 20, 20), |(c, y, x)| (c * 1000 + (3 * y + x) % 12 * 5000) as u16);
    let sparse = random.samples((3, 200, 200), 11).mapv(|sample| sample * sample.min(30));
    let luma_chroma = lattice::tests::sample_image(&mut random, (40, 50));
    [
        (Transform::values(few.view(), 16), shape_of(&few, 16)),
        (Transform::palette(few.view(), 16, 256), shape_of(&few, 16)),
        (Transform::values(sparse.view(), 16), shape_of(&sparse, 16)),
        (Transform::palette((&few % 256).view(), 8, 256), shape_of(&few, 8)),
        (Transform::lattice(luma_chroma.view(), 8), shape_of(&luma_chroma, 8)),
    ]
    .into_iter()
    .map(|(found, shape)| {
        let mut bytes = Vec::new();
        found.expect("a transform that helps").0.write(&mut bytes);
        (bytes, shape)
    })
    .collect()
}

/// Reads a hostile description, and inverts the transform if it is accepted.
fn read_or_refuse(bytes: &[u8], shape: &GroupShape, random: &mut Random) {
    match Transform::read(bytes, shape) {
        Ok(transform) => {
            let sizes = transform.sizes(shape.depth);
            assert!(sizes.iter().all(|size| (1..=1 << shape.depth.max(8)).contains(size)));
            let depth = if random.index(2) == 0 { 1 } else { shape.depth };
            let coded = random.samples((sizes.len(), 3, 4), depth);
            let mut out = Array3::zeros((shape.channels, 3, 4));
            let inverse = transform.inverse(coded.view(), (shape.height - 3, shape.width - 4), out.view_mut());
            assert!(matches!(inverse, Ok(()) | Err(Error::Format(_))));
            assert!(inverse.is_err() || out.iter().all(|&sample| u32::from(sample) < 1 << shape.depth));
            let mut again = Vec::new();
            transform.write(&mut again);
            assert_eq!(Transform::read(&again, shape).expect("what was written"), transform);
        }
        Err(error) => assert!(matches!(error, Error::Format(_)), "{error}"),
    }
}

#[test]
fn changed_descriptions_are_read_or_refused() {
    let mut random = Random(0xbad);
    for (bytes, shape) in descriptions() {
        let body = if bytes[0] & DEFLATED == 0 { bytes[1..].to_vec() } else { inflate(&bytes[1..], 1 << 20).unwrap() };
        let plain: Vec<u8> = std::iter::once(bytes[0] & !DEFLATED).chain(body).collect();
        for original in [bytes, plain] {
            read_or_refuse(&original, &shape, &mut random);
            for _ in 0..1500 {
                let mut changed = original.clone();
                for _ in 0..=random.index(3) {
                    let at = random.index(changed.len());
                    changed[at] = random.index(256) as u8;
                }
                read_or_refuse(&changed, &shape, &mut random);
                changed.truncate(random.index(changed.len()));
                read_or_refuse(&changed, &shape, &mut random);
            }
        }
    }
}

#[test]
fn random_descriptions_are_read_or_refused() {
    let mut random = Random(0xabad);
    for turn in 0..20_000 {
        let depth = [1, 2, 4, 8, 12, 16][turn % 6];
        let shape = GroupShape { channels: 1 + random.index(4), depth, width: 4 + random.index(99) as u32, height: 3 };
        let mut bytes: Vec<u8> = (0..random.index(60)).map(|_| random.index(256) as u8).collect();
        if let Some(first) = bytes.first_mut() {
            *first &= 0x87;
        }
        read_or_refuse(&bytes, &shape, &mut random);
    }
}

#[test]
fn a_description_does_not_grow_beyond_its_bound() {
    let shape = GroupShape { channels: 3, depth: 8, width: 64, height: 64 };
    for kind in 0..=5 {
        let mut bytes = vec![kind | DEFLATED];
        bytes.extend(deflate(&vec![0; 1 << 24]));
        assert!(matches!(Transform::read(&bytes, &shape), Err(Error::Format(_))));
    }
}

#[test]
fn kinds_that_are_not_listed_are_refused() {
    let shape = GroupShape { channels: 3, depth: 8, width: 64, height: 64 };
    for kind in (0..0x80).filter(|kind| !(1..=4).contains(kind)) {
        for bytes in [&[kind][..], &[kind | DEFLATED, 3, 0]] {
            let refused = Transform::read(bytes, &shape);
            assert!(refused.is_err_and(|error| error.to_string().contains(&format!("kind {kind}"))), "{bytes:?}");
        }
    }
}
