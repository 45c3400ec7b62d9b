//! Any words under any program: what they decode to encodes to the same words.
//!
//! The number of streams is `ANSEL_STREAMS`, of each program; `cargo test` takes few. What was tried once, 100,000 streams of each
//! variant and of as many random programs, and 200 of each model of the registry:
//!
//! ```sh
//! ANSEL_STREAMS=100000 cargo test --release --no-default-features --features files --lib bits_back::tests::streams -- --skip registry --nocapture
//! ANSEL_STREAMS=200 cargo test --release --no-default-features --features files --lib bits_back::tests::streams::registry -- --nocapture
//! ```

use super::small::{Hashed, hashed, random_program, variants};
use super::*;

/// Outputs of networks of which hardly any sample leaves its alphabet; and of those that know no bounds.
const TAME: i32 = 60;
const WILD: i32 = 32_767;

fn streams(default: usize) -> usize {
    std::env::var("ANSEL_STREAMS").map_or(default, |count| count.parse().expect("a number of streams"))
}

/// Words that no encoder wrote: random ones, as many as a patch of so many samples takes, or fewer; at times with many zeros or
/// ones.
fn any_stack(samples: u32, random: &mut Random) -> Stack {
    let count = if random.below(8) == 0 { random.below(samples) } else { samples / 2 + random.below(samples) };
    let mixed = random.below(8) == 0;
    let word = |random: &mut Random| match random.below(4) {
        0 if mixed => 0,
        1 if mixed => u32::MAX,
        _ => 1 + random.below(u32::MAX - 1),
    };
    let mut words: Vec<u32> = (0..count).map(|_| word(random)).collect();
    while words.last() == Some(&0) {
        words.pop();
    }
    Stack::from_words(words).expect("no zero at the end")
}

/// Pops a patch from any words and pushes it again; whether there was one.
#[track_caller]
fn words_come_back(program: &Program, networks: &mut [Hashed], stack: Stack, depth: u32) -> bool {
    let before = stack.clone().into_words();
    let mut walk = Walk::new(program, networks, stack, &alphabets(program.channels, depth));
    let Some(patch) = walk.pop().expect("networks that run") else { return false };
    assert!(patch.iter().flatten().all(|&sample| u32::from(sample) < 1 << depth), "a sample beyond its alphabet");
    walk.push(patch).expect("networks that run");
    assert!(walk.finish().1.into_words() == before, "other words came back");
    true
}

/// Pushes samples on any words and pops them again.
#[track_caller]
fn samples_come_back(program: &Program, networks: &mut [Hashed], random: &mut Random) {
    let (depth, pixels) = ([1, 4, 8, 8, 10, 16][random.index(6)], program.side * program.side);
    let mut plane = || (0..pixels).map(|_| random.below(1 << depth) as u16).collect::<Vec<_>>();
    let samples: Vec<Vec<u16>> = (0..program.channels).map(|_| plane()).collect();
    let stack = any_stack((program.channels * pixels) as u32, random);
    let before = stack.clone().into_words();
    let mut walk = Walk::new(program, networks, stack, &alphabets(program.channels, depth));
    walk.push(samples.clone()).expect("networks that run");
    assert!(walk.pop().expect("networks that run") == Some(samples), "other samples came back");
    assert!(walk.finish().1.into_words() == before, "other words came back");
}

#[test]
fn random_words_decode_to_what_encodes_to_them() {
    let mut random = Random(31);
    let count = streams(150);
    for (name, program) in variants() {
        let (mut networks, samples) = (hashed(&program, TAME), program.channels * program.side * program.side);
        let stack = |random: &mut Random| any_stack(samples as u32, random);
        let mut found = |_: &usize| words_come_back(&program, &mut networks, stack(&mut random), 8);
        let found = (0..count).filter(&mut found).count();
        println!("{name}: {found} of {count} streams are images, and come back");
        assert!(3 * found > count, "{name}: only {found} of {count} streams are images");
    }
}

#[test]
fn images_come_back_from_any_words() {
    let mut random = Random(32);
    for (name, program) in variants() {
        println!("{name}");
        let mut networks = hashed(&program, WILD);
        for _ in 0..streams(40) {
            samples_come_back(&program, &mut networks, &mut random);
        }
    }
}

#[test]
fn programs_of_any_operations_are_undone() {
    let mut random = Random(33);
    let (count, mut found) = (streams(300), 0);
    for _ in 0..count {
        let program = random_program(&mut random);
        let depth = [1, 4, 8, 8, 10, 16][random.index(6)];
        let stack = any_stack((program.channels * program.side * program.side) as u32, &mut random);
        found += usize::from(words_come_back(&program, &mut hashed(&program, TAME), stack, depth));
        samples_come_back(&program, &mut hashed(&program, WILD), &mut random);
    }
    println!("{found} of {count} streams are images, and come back");
    assert!(4 * found > count, "only {found} of {count} streams are images");
}

/// With the models of the registry, samples may be out of range; operations do not mind.
#[test]
fn registry_models_give_any_words_back() {
    let mut random = Random(21);
    for (program, mut networks) in all() {
        let (count, mut found) = (streams(2), 0);
        for words in [0, 1, 2, 100].into_iter().chain(std::iter::repeat_n(20_000, count)) {
            let stack = random_stack(words, &mut random);
            let before = stack.clone().into_words();
            let mut walk = Walk::new(&program, &mut networks.all, stack, &alphabets(program.channels, 8));
            let mut patch = Patch::default();
            for placed in program.operations.iter().rev() {
                walk.backwards(placed, &mut patch).expect("networks that run");
            }
            walk.push_noise(&mut patch).expect("networks that run");
            if walk.out_of_range {
                // Noise that is given back has a bound: not all words are an encoder's.
                assert_ne!(program.drawn_first().1, 0, "a program without latents refuses {words} words");
                continue;
            }
            patch.planes.iter_mut().flatten().for_each(|x| *x &= -64);
            walk.pop_noise(&mut patch).expect("networks that run");
            for placed in &program.operations {
                walk.forwards(placed, &mut patch).expect("networks that run");
            }
            assert!(patch.planes.is_empty());
            assert!(walk.finish().1.into_words() == before, "{words} words");
            found += 1;
        }
        println!("{} networks: {found} of {} streams come back", networks.all.len(), count + 4);
        assert!(found > 0, "no stream came back");
    }
}
