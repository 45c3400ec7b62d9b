use super::*;
use crate::testing::Random;

fn patch(channels: usize, side: usize) -> Patch {
    let mut random = Random(9);
    let mut plane = || (0..side * side).map(|_| random.symmetric(1 << 20).into()).collect();
    Patch { side, planes: (0..channels).map(|_| plane()).collect() }
}

#[test]
fn a_squeezed_patch_is_unsqueezed() {
    for channels in [1, 3] {
        let original = patch(channels, 8);
        let mut squeezed = original.clone();
        squeezed.squeeze();
        assert_eq!((squeezed.side, squeezed.planes.len()), (4, 4 * channels));
        // Position (1, 0) in the block at (2, 3): row 5, column 6.
        assert_eq!(squeezed.planes[2 * channels][2 * 4 + 3], original.planes[0][5 * 8 + 6]);
        squeezed.unsqueeze();
        assert_eq!(squeezed, original);
    }
}

#[test]
fn places_are_those_of_a_parity() {
    let patch = patch(1, 4);
    let all: Vec<_> = patch.places(None).collect();
    let halves: Vec<_> = patch.places(Some(0)).chain(patch.places(Some(1))).collect();
    assert_eq!((all.len(), halves.len()), (16, 16));
    assert!(patch.places(Some(1)).all(|(y, x)| (x + y) % 2 == 1));
    assert!(all.iter().all(|place| halves.contains(place)));
}

#[test]
fn contexts_have_their_size_and_do_not_see_what_changes() {
    let mut patch = patch(3, 4);
    let conditioning = Conditioning::new(&(0..1), &(1..3), Pixels::Parity(1), 12);
    for place in patch.places(Some(1)).collect::<Vec<_>>() {
        let mut before = Vec::new();
        patch.push_context(place, &conditioning, 6, &mut before);
        assert_eq!(before.len(), context_size(1, 2, Pixels::Parity(1), 12));
        for (y, x) in patch.places(Some(1)).collect::<Vec<_>>() {
            (1..3).for_each(|channel| patch.planes[channel][y * 4 + x] += 1 << 12);
        }
        let mut after = Vec::new();
        patch.push_context(place, &conditioning, 6, &mut after);
        assert_eq!(after, before);
    }
}

#[test]
fn in_raster_order_a_pixel_sees_those_before_it() {
    let mut patch = patch(2, 5);
    // Not clamped.
    patch.planes.iter_mut().flatten().for_each(|value| *value >>= 12);
    let conditioning = Conditioning::new(&(0..1), &(1..2), Pixels::Raster, 24);
    for (y, x) in patch.places(None).collect::<Vec<_>>().into_iter().rev() {
        let mut before = Vec::new();
        patch.push_context((y, x), &conditioning, 6, &mut before);
        // Of 24 places around a pixel, 12 come before it.
        assert_eq!(before.len(), context_size(1, 1, Pixels::Raster, 24));
        assert_eq!(before.len(), 24 + 2 + 12 + 2);
        patch.planes[1][y * 5 + x..].iter_mut().for_each(|value| *value += 1 << 12);
        let mut after = Vec::new();
        patch.push_context((y, x), &conditioning, 6, &mut after);
        assert_eq!(after, before);
        if x > 0 {
            patch.planes[1][y * 5 + x - 1] += 1 << 9;
            after.clear();
            patch.push_context((y, x), &conditioning, 6, &mut after);
            assert_ne!(after, before);
        }
    }
}

#[test]
fn the_centre_of_a_flat_patch_is_all_that_is_seen() {
    let flat = Patch { side: 4, planes: vec![vec![10 << 6; 16]] };
    let (mut whole, mut half) = (Vec::new(), Vec::new());
    flat.push_context((0, 3), &Conditioning::new(&(0..1), &(0..0), Pixels::All, 4), 6, &mut whole);
    flat.push_context((0, 3), &Conditioning::new(&(0..0), &(0..1), Pixels::Parity(1), 4), 6, &mut half);
    assert_eq!((&whole[..], &half[..]), (&[0, 0, 0, 0, 20, 80][..], &[0, 0, 0, 0, 20, 80][..]));
}
