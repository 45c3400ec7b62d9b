use super::*;
use crate::testing::Random;

const WHOLE: u32 = 1 << CDF_BITS;

/// An interval; sometimes at an end of the range, of one count, or the whole range.
fn interval(random: &mut Random) -> Interval {
    match random.below(8) {
        0 => Interval { left: 0, probability: WHOLE },
        1 => Interval { left: 0, probability: 1 },
        2 => Interval { left: WHOLE - 1, probability: 1 },
        _ => {
            let left = random.below(WHOLE);
            let most = (WHOLE - left) >> random.below(24);
            Interval { left, probability: 1 + random.below(most.max(1)) }
        }
    }
}

/// An interval that contains a quantile.
fn around(quantile: u32, random: &mut Random) -> Interval {
    let left = quantile - random.below(quantile + 1).min(1 << random.below(24));
    Interval { left, probability: quantile - left + 1 + random.below(WHOLE - quantile) }
}

fn lanes_of(mut interval: impl FnMut(usize) -> Interval) -> IntervalLanes {
    let mut lanes = IntervalLanes::default();
    for lane in 0..LANES {
        let Interval { left, probability } = interval(lane);
        (lanes.left[lane], lanes.probability[lane]) = (left as i32, probability as i32);
    }
    lanes
}

/// Words: from none to more than the operations consume; a few are zero.
fn hostile(random: &mut Random) -> Vec<u32> {
    let count = random.index(60);
    (0..count).map(|_| if random.below(4) == 0 { 0 } else { random.below(u32::MAX) }).collect()
}

#[test]
fn pushes_and_pops_of_one_state_undo_each_other_in_any_order() {
    let mut random = Random(3);
    let mut stacks = 0;
    while stacks < 300 {
        let Some(start) = Stack::from_words(hostile(&mut random)) else { continue };
        stacks += 1;
        let mut stack = start.clone();
        let mut done = Vec::new();
        for _ in 0..200 {
            let push = random.below(3) == 0;
            let interval = if push { interval(&mut random) } else { around(stack.quantile(), &mut random) };
            if push {
                stack.push(interval)
            } else {
                stack.pop(interval)
            }
            done.push((push, interval));
        }
        for (push, interval) in done.into_iter().rev() {
            if push {
                assert!(interval.contains(stack.quantile()));
                stack.pop(interval);
            } else {
                stack.push(interval);
            }
        }
        assert_eq!(stack.into_words(), start.into_words());
    }
}

#[test]
fn pushes_and_pops_of_lanes_undo_each_other_in_any_order() {
    let mut random = Random(4);
    for _ in 0..300 {
        let states = std::array::from_fn(|_| LEAST + (u64::from(random.below(u32::MAX)) << random.below(32)));
        let start = LaneStack { states, words: hostile(&mut random), borrowed: 0 };
        let mut stack = start.clone();
        let mut done = Vec::new();
        for _ in 0..100 {
            let (push, active) = (random.below(3) == 0, 1 + random.index(LANES));
            let quantiles = stack.quantiles();
            let intervals = lanes_of(|lane| match push {
                true => interval(&mut random),
                false => around(quantiles[lane] as u32, &mut random),
            });
            if push {
                stack.push(&intervals, active)
            } else {
                stack.pop(&intervals, active)
            }
            assert!(stack.states.iter().all(|&state| state >= LEAST));
            done.push((push, active, intervals));
        }
        for (push, active, intervals) in done.into_iter().rev() {
            if push {
                let quantiles = stack.quantiles();
                assert!((0..active).all(|lane| intervals.lane(lane).contains(quantiles[lane] as u32)));
                stack.pop(&intervals, active);
            } else {
                stack.push(&intervals, active);
            }
        }
        assert_eq!(stack, start);
    }
}

/// A stream with one state per lane: a tail pushed with one state, then blocks.
fn encode(tail: &[Interval], blocks: &[(IntervalLanes, usize)]) -> Vec<u32> {
    let mut stack = Stack::default();
    tail.iter().rev().for_each(|&interval| stack.push(interval));
    let mut stack = LaneStack::split(stack);
    blocks.iter().rev().for_each(|(intervals, active)| stack.push(intervals, *active));
    stack.into_words()
}

/// Whether a stream decodes to these intervals.
fn decodes(words: Vec<u32>, tail: &[Interval], blocks: &[(IntervalLanes, usize)]) -> bool {
    let Some(mut stack) = LaneStack::from_words(words) else { return false };
    for (intervals, active) in blocks {
        let quantiles = stack.quantiles();
        if !(0..*active).all(|lane| intervals.lane(lane).contains(quantiles[lane] as u32)) {
            return false;
        }
        stack.pop(intervals, *active);
    }
    let Some(mut stack) = stack.join() else { return false };
    for &interval in tail {
        if !interval.contains(stack.quantile()) {
            return false;
        }
        stack.pop(interval);
    }
    stack.is_empty()
}

fn stream(random: &mut Random, tail: usize, blocks: usize) -> (Vec<Interval>, Vec<(IntervalLanes, usize)>) {
    let tail = (0..tail).map(|_| interval(random)).collect();
    let blocks = (0..blocks).map(|_| (lanes_of(|_| interval(random)), 1 + random.index(LANES))).collect();
    (tail, blocks)
}

#[test]
fn what_is_encoded_is_decoded_and_the_end_is_exact() {
    let mut random = Random(5);
    for (tail, blocks) in [(0, 0), (0, 1), (1, 0), (3, 2), (40, 0), (40, 1), (100, 100)] {
        for _ in 0..20 {
            let (tail, blocks) = stream(&mut random, tail, blocks);
            let words = encode(&tail, &blocks);
            assert!(decodes(words.clone(), &tail, &blocks));
            assert_ne!(words.last(), Some(&0));
            let longer = [&[1], &words[..]].concat();
            assert!(!decodes(longer, &tail, &blocks));
            assert!(!decodes(words[1..].to_vec(), &tail, &blocks));
            let mut zero = words.clone();
            zero.push(0);
            assert!(!decodes(zero, &tail, &blocks));
            let mut changed = words;
            let at = random.index(changed.len());
            changed[at] ^= 1 << random.below(32);
            assert!(!decodes(changed, &tail, &blocks));
        }
    }
}

#[test]
fn hostile_words_are_popped_without_end() {
    let mut random = Random(6);
    for _ in 0..2000 {
        let Some(mut stack) = LaneStack::from_words(hostile(&mut random)) else { continue };
        for _ in 0..30 {
            let quantiles = stack.quantiles();
            assert!(quantiles.iter().all(|&quantile| (0..WHOLE as i32).contains(&quantile)));
            let intervals = lanes_of(|lane| around(quantiles[lane] as u32, &mut random));
            stack.pop(&intervals, LANES);
        }
        if let Some(mut stack) = stack.join() {
            (0..30).for_each(|_| stack.pop(around(stack.quantile(), &mut random)));
        }
    }
}

#[test]
fn several_states_cost_a_dozen_bytes() {
    let mut random = Random(7);
    let mut extra = 0.0;
    for _ in 0..50 {
        let (tail, blocks) = stream(&mut random, 100, 20);
        let mut one = Stack::default();
        tail.iter().rev().for_each(|&interval| one.push(interval));
        for (intervals, active) in blocks.iter().rev() {
            (0..*active).rev().for_each(|lane| one.push(intervals.lane(lane)));
        }
        extra += 4.0 * (encode(&tail, &blocks).len() as f64 - one.into_words().len() as f64);
    }
    assert!((5.0..16.0).contains(&(extra / 50.0)), "{} bytes", extra / 50.0);
}

/// The words are part of the format. They were computed by an implementation of ANS in arbitrary precision.
#[test]
fn known_intervals_have_their_known_words() {
    let tail: Vec<_> = (0..40).map(|i| Interval { left: 1000 * i, probability: 5000 + i }).rev().collect();
    let block = |s: u32| {
        let interval = |lane: usize| Interval { left: 4096 * lane as u32 + s, probability: 1 << (8 + lane) };
        (lanes_of(interval), LANES)
    };
    let blocks: Vec<_> = (0..3).map(block).rev().collect();
    let words = [
        0x4200_00db,
        0x0300_5e9d,
        0x0400_4e60,
        0x0600_359d,
        0x0800_23c8,
        0x0800_1146,
        0x0000_0006,
        0x809a_0000,
        0x0021_0242,
        0x1b56_006a,
        0x0b38_0001,
        0x72f0_0020,
        0x2250_1a40,
        0x008e_9923,
        0x0010_0808,
        0x02ab_0101,
        0x0000_02f6,
        0x03d7_8601,
        0x0000_00db,
        0xe900_3b01,
        0x02e0_00c0,
        0x3c23_3c00,
        0x5d94_00ad,
        0x3f00_0201,
        0x057c_0045,
        0x006f_02b0,
        0x9d9a_3dc0,
        0x0049_0267,
        0x0038_0200,
        0x0300_0230,
        0x0122_00d0,
        0x0000_0020,
    ];
    assert_eq!(encode(&tail, &blocks), words);
    assert!(decodes(words.to_vec(), &tail, &blocks));
}
