use super::*;
use crate::infer::session::{Networks, networks_of};
use crate::model::family::Family;
use crate::model::file::ModelFile;
use crate::model::registry::models;
use crate::testing::Random;

/// The programs of the registry, with their networks.
pub(super) fn all() -> Vec<(Program, Networks)> {
    let files = models().iter().filter(|model| model.family == Family::BitsBack).map(|model| model.file);
    let program = |file| ModelFile::read(file).expect("a model").program.expect("a program");
    files.map(|file| (program(file), networks_of(file))).collect()
}

pub(super) fn alphabets(channels: usize, depth: u32) -> Vec<Alphabet> {
    vec![Alphabet::full(depth); channels]
}

fn random_stack(words: usize, random: &mut Random) -> Stack {
    Stack::from_words((0..words).map(|_| 1 + random.below(u32::MAX - 1)).collect()).expect("no zero at the end")
}

#[test]
fn what_any_words_decode_to_encodes_to_these_words() {
    let mut random = Random(21);
    for (program, mut networks) in all() {
        for words in [0, 1, 2, 100, 20_000, 20_000] {
            let stack = random_stack(words, &mut random);
            let before = stack.clone().into_words();
            let mut walk = Walk::new(&program, &mut networks.all, stack, &alphabets(program.channels, 8));
            // Samples may be out of range here: programs allow that.
            let mut patch = Patch::default();
            for placed in program.operations.iter().rev() {
                walk.backwards(placed, &mut patch).expect("networks that run");
            }
            walk.push_noise(&mut patch).expect("networks that run");
            if walk.out_of_range {
                // Noise that is pushed back is bounded, so not all words are an encoder's.
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
        }
    }
}

#[test]
fn patches_of_any_depth_come_back_from_any_stack() {
    let mut random = Random(22);
    for (program, mut networks) in all() {
        for (depth, words) in [(1, 0), (4, 9000), (8, 0), (8, 9000), (10, 9000), (16, 9000)] {
            let stack = random_stack(words, &mut random);
            let before = stack.clone().into_words();
            let mut walk = Walk::new(&program, &mut networks.all, stack, &alphabets(program.channels, depth));
            let noise = |random: &mut Random| (0..PATCH * PATCH).map(|_| random.below(1 << depth) as u16).collect();
            let extreme =
                |bit: usize| (0..PATCH * PATCH).map(|at| ((at >> bit & 1) << depth).saturating_sub(1) as u16).collect();
            let patches: [Vec<Vec<u16>>; 3] = [
                (0..program.channels).map(|_| noise(&mut random)).collect(),
                (0..program.channels).map(extreme).collect(),
                vec![vec![0; PATCH * PATCH]; program.channels],
            ];
            for patch in &patches {
                walk.push(patch.clone()).expect("networks that run");
            }
            for patch in patches.iter().rev() {
                assert_eq!(walk.pop().expect("networks that run").as_ref(), Some(patch), "depth {depth}");
            }
            assert!(walk.finish().1.into_words() == before);
        }
    }
}

#[test]
fn a_patch_costs_the_terms_of_its_bound() {
    let mut random = Random(23);
    for (program, mut networks) in all() {
        let stack = random_stack(9000, &mut random);
        let bits = |stack: &Stack| 32.0 * stack.clone().into_words().len() as f64;
        let before = bits(&stack);
        let mut walk = Walk::new(&program, &mut networks.all, stack, &alphabets(program.channels, 8));
        let wave = |at: usize| (128.0 + 50.0 * (at as f64 / 7.0).sin()) as u16;
        let plane: Vec<u16> = (0..PATCH * PATCH).map(wave).collect();
        walk.push(vec![plane; program.channels]).expect("networks that run");
        let (terms, stack) = walk.finish();
        let (cost, ideal) = (bits(&stack) - before, terms.sum());
        assert!((cost - ideal).abs() < 64.0 + 0.001 * ideal.abs(), "{cost} bits, {ideal} by the bound");
    }
}
