use super::*;
use crate::testing::Random;

/// A tile of seven columns and four rows; the context under test is that of column 3 in the last row.
fn tile(channels: usize, depth: u32, sample: impl Fn(i32, i32, usize) -> u16) -> TileSamples {
    let mut tile = TileSamples::new(7, 4, channels, depth);
    for (y, x, channel) in (0..4).flat_map(|y| (0..7).flat_map(move |x| (0..channels).map(move |c| (y, x, c)))) {
        tile.set(x, y, channel, sample(x as i32 - 3, y as i32 - 3, channel));
    }
    tile
}

fn context(tile: &TileSamples, depth: u32) -> (Vec<i16>, [i32; MAX_CHANNELS], Normalisation) {
    let mut contexts = vec![7];
    let (predictions, normalisation) = push_context(tile, (3, 3), &[Alphabet::full(depth); 3], &mut contexts);
    assert_eq!(contexts.remove(0), 7, "what was there is kept");
    (contexts, predictions, normalisation)
}

/// Section "Normalised contexts" of the format, tap by tap.
fn reference(tile: &TileSamples, depth: u32) -> (Vec<i16>, Normalisation) {
    let channels = tile.channels();
    let s = |(dx, dy): (i32, i32), c: usize| i32::from(tile.pixel((3 + dx) as usize, (3 + dy) as usize)[c]);
    let predictions: Vec<i32> = (0..channels).map(|c| tile.predict(3, 3, c)).collect();
    let shifted = |value: i32, bits: i32| if bits >= 0 { value << bits } else { value >> -bits };
    let (w, n, nw, ne, ww, nn) = ((-1, 0), (0, -1), (-1, -1), (1, -1), (-2, 0), (0, -2));
    let (nne, nnw, nww, nee) = ((1, -2), (-1, -2), (-2, -1), (2, -1));
    let beside = [(w, ww), (n, nw), (ne, n), (nee, ne), (nw, nww)];
    let upright = [(w, nw), (n, nn), (ne, nne), (nw, nnw), (ww, nww)];
    let pairs = beside.iter().chain(&upright);
    let differences = pairs.flat_map(|&(t, u)| (0..channels).map(move |c| (s(t, c) - s(u, c)).abs()));
    let activity = shifted(differences.sum(), 8 - depth as i32) * if channels == 1 { 3 } else { 1 };
    let shift = [480, 240, 120, 60].into_iter().filter(|&threshold| activity < threshold).count();
    let class = CLASS_THRESHOLDS.into_iter().filter(|&threshold| threshold <= activity).count();
    let near = [w, n, ne, nw, ww, nn].into_iter();
    let sum: i32 = near.flat_map(|t| (0..channels).map(move |c| (t, c))).map(|(t, c)| s(t, c) - predictions[c]).sum();
    let sign = if sum < 0 { -1 } else { 1 };
    let bits = shift as i32 + 8 - depth as i32 - 1;
    let taps = (-3..=0).flat_map(|dy| (-3..=3).map(move |dx| (dx, dy))).filter(|&(dx, dy)| dy < 0 || dx < 0);
    let taps = taps.flat_map(|tap| (0..channels).map(move |c| (tap, c)));
    let mut context: Vec<i32> =
        taps.map(|(tap, c)| shifted(sign * (s(tap, c) - predictions[c]), bits).clamp(-128, 127)).collect();
    context.extend(predictions.iter().map(|p| shifted(p - (1 << (depth - 1)), 8 - depth as i32)));
    context.extend((0..16).map(|index| if index == class { 32 } else { 0 }));
    (context.iter().map(|&value| value as i16).collect(), Normalisation { sign, shift: shift as u32 })
}

#[test]
fn contexts_are_those_of_the_training() {
    let colour = |modulus: i32| {
        move |x: i32, y: i32, c: usize| {
            let (row, column, c) = (y + 3, x + 3, c as i32);
            (220 - 30 * c - (15 * column * column + 29 * row + 7 * c * column * row) % modulus) as u16
        }
    };
    let grey = |modulus: i32| {
        move |x: i32, y: i32, _: usize| {
            let (row, column) = (y + 3, x + 3);
            (1600 + (37 * column * column + 53 * row * row + 29 * column * row) % modulus) as u16
        }
    };
    let flag = |class: usize| (0..16).map(move |index| if index == class { 32 } else { 0 });
    #[rustfmt::skip]
    let vectors = [
        (tile(3, 8, colour(61)), 8, vec![210, 156, 127], 0, 15, vec![
            -5, -17, -17, 2, -10, -9, 25, 13, 13, 1, -11, -10, 23, 11, 12, -1, -13, -12, 21, 9, 9, 9, -3, -2, 17, 8, 12, 9, 4,
            11, 16, -16, -5, 7, 9, -7, 14, -11, 7, 5, -17, 5, 24, 12, 12, 1, -4, 3, 23, -5, 9, 0, 9, 0, 22, 7, 5, -2, -10, -5,
            19, -12, 0, 8, -4, -4, 15, -17, -6, 7, -14, 7, 82, 28, -1,
        ]),
        (tile(3, 8, colour(31)), 8, vec![213, 187, 136], 1, 13, vec![
            -7, -3, -24, 8, 12, -9, 22, 26, 5, 4, 8, -13, 16, 20, -1, -4, 0, -21, 6, 10, -11, 22, 26, 5, 6, 17, 3, 20, 7, 0, 2,
            27, -4, 14, 15, -9, -6, 2, -15, 4, 19, -22, 20, 24, 3, 4, 22, -16, 18, 19, -5, 0, 15, 5, 12, 10, -17, 23, 4, -9, 2,
            -3, -2, 18, 22, 1, 2, 27, -4, 16, 0, -10, 85, 59, 8,
        ]),
        (tile(1, 12, grey(290)), 12, vec![1772], 2, 11, vec![
            21, 16, 3, 16, 20, 14, 0, 14, 6, -11, -2, -2, -11, 7, -5, 19, -2, 4, 0, -12, 2, -2, 18, -6, -18,
        ]),
        (tile(1, 12, grey(400)), 12, vec![1999], 1, 13, vec![
            24, 22, 15, 4, 12, 17, 16, 21, 17, 8, 20, 2, 4, 2, 11, 5, 20, 5, 10, 10, 6, 20, 12, 0, -4,
        ]),
    ];
    for (tile, depth, predictions, shift, class, expected) in vectors {
        let (found, found_predictions, normalisation) = context(&tile, depth);
        assert_eq!(found_predictions[..predictions.len()], predictions);
        assert_eq!(normalisation, Normalisation { sign: -1, shift });
        assert_eq!(found, expected.into_iter().chain(flag(class)).collect::<Vec<i16>>());
    }
}

#[test]
fn contexts_are_those_of_the_reference_at_any_depth() {
    let mut random = Random(11);
    let (mut shifts, mut signs, mut classes) = ([false; 5], [false; 2], [false; CLASSES]);
    for (channels, depth) in [1, 3].into_iter().flat_map(|channels| (1..=16).map(move |depth| (channels, depth))) {
        for case in 0..300 {
            let (most, magnitude) = ((1 << depth) - 1, (1 << (case % depth)) - i32::from(case % 7 == 0));
            let centre = (1 << (depth - 1)) + random.symmetric(1 << (depth - 1));
            let samples: Vec<u16> = (0..7 * 4 * channels)
                .map(|_| match case % 11 {
                    0 => {
                        if random.symmetric(1) > 0 {
                            most
                        } else {
                            0
                        }
                    } // the largest possible differences
                    _ => (centre + random.symmetric(magnitude)).clamp(0, most),
                } as u16)
                .collect();
            let tile = tile(channels, depth, |x, y, c| samples[((y + 3) * 7 + x + 3) as usize * channels + c]);
            let (found, _, normalisation) = context(&tile, depth);
            assert_eq!((&found, normalisation), (&reference(&tile, depth).0, reference(&tile, depth).1));
            assert_eq!(found.len(), context_size(channels));
            assert!(found.iter().all(|context| (-128..=127).contains(context)));
            shifts[normalisation.shift as usize] = true;
            signs[usize::from(normalisation.sign < 0)] = true;
            classes[found[25 * channels..].iter().position(|&flag| flag == 32).expect("a class")] = true;
        }
    }
    assert!(shifts.iter().chain(&signs).chain(&classes).all(|&seen| seen), "{shifts:?} {signs:?} {classes:?}");
}
