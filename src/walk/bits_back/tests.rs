mod small;
mod streams;

use super::*;
use crate::infer::session::{Networks, networks_of};
use crate::model::family::Family;
use crate::model::file::ModelFile;
use crate::model::program::PATCH;
use crate::model::registry::models;
use crate::testing::Random;

/// The programs of the registry and a tiny one, with their networks.
pub(super) fn all() -> Vec<(Program, Networks)> {
    let tiny = &include_bytes!("../../../tests/models/tiny.onnx")[..];
    let files = models().iter().filter(|model| model.family == Family::BitsBack).map(|model| model.file);
    let program = |file| ModelFile::read(file).expect("a model").program.expect("a program");
    files.chain([tiny]).map(|file| (program(file), networks_of(file))).collect()
}

pub(super) fn alphabets(channels: usize, depth: u32) -> Vec<Alphabet> {
    vec![Alphabet::full(depth); channels]
}

fn random_stack(words: usize, random: &mut Random) -> Stack {
    Stack::from_words((0..words).map(|_| 1 + random.below(u32::MAX - 1)).collect()).expect("no zero at the end")
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

/// Inverse autoregressive flows and posteriors are couplings run in the other direction (Kingma et al. 2016): what one does,
/// the other undoes, and it costs the same bits the other way.
#[test]
fn an_inverted_coupling_is_a_coupling_undone() {
    let mut random = Random(25);
    let all_of = |pixels: &str| format!("{pixels} network 0 taps 6 to 0 4 known 0 0 half 0 4");
    let all = "all network 0 taps 6 to 1 3 known 0 1 half 0 0";
    for masks in [all, &all_of("odd"), &all_of("raster")] {
        let program = |name: &str| {
            let text = format!("dequantize uniform\nsqueeze\n{name} affine {masks}\nfactor 4");
            Program::of_side(8, &text, 1).expect("a program")
        };
        let (couple, uncouple) = (program("couple"), program("uncouple"));
        let (stack, mut networks) = (random_stack(2000, &mut random), small::hashed(&couple, 300));
        let before = stack.clone().into_words();
        let plane = |random: &mut Random| (0..16).map(|_| i64::from(random.symmetric(8000))).collect();
        let planes: Vec<Vec<i64>> = (0..4).map(|_| plane(&mut random)).collect();
        let mut patch = Patch { side: 4, planes };
        let (started, alphabets) = (patch.clone(), alphabets(1, 8));
        let mut walk = Walk::new(&couple, &mut networks, stack, &alphabets);
        walk.forwards(&couple.operations[1], &mut patch).expect("networks that run");
        let (terms, stack) = walk.finish();
        assert_ne!(patch, started);
        let mut walk = Walk::new(&uncouple, &mut networks, stack, &alphabets);
        walk.forwards(&uncouple.operations[1], &mut patch).expect("networks that run");
        let (undone, stack) = walk.finish();
        assert_eq!(patch, started);
        assert!(stack.into_words() == before, "other words came back");
        assert!((terms.volume + undone.posterior).abs() < 1e-6, "{terms:?} and {undone:?} are not opposite");
        assert!(terms.volume.abs() > 1.0);
    }
}
