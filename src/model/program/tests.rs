use super::*;
use crate::base::error::Error;

const START: &str = "dequantize uniform\n";

#[track_caller]
fn assert_refused(reason: &str, text: &str) {
    match Program::read(text, 1).map(drop) {
        Err(Error::Model(found)) => assert!(found.contains(reason), "`{found}` does not say `{reason}`"),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_program_says_what_its_networks_are() {
    let couple = "couple affine odd network 0 taps 12 to 1 3 known 0 1 half 1 3";
    let norm = "norm 4 0 0 0 0 -64 -64 -64 -64";
    let text = format!("dequantize variational 1\nsqueeze\n{couple}\n{norm}\nfactor 4");
    let program = Program::read(&text, 1).expect("a program");
    assert_eq!(program.networks(), 3);
    // One channel with 12 taps; three with the 8 of the nearest 12 taps that have the other parity; and two centres for
    // each.
    let contexts = crate::context::patch::context_size(1, 3, Pixels::Parity(1), 12);
    assert_eq!(
        [0, 1, 2, 3].map(|index| program.network_shape(index)),
        [Some((contexts, 6)), Some((9, 2)), Some((9, 2)), None]
    );
    assert_eq!([0, 1].map(|index| program.evaluations(index)), [32 * 32 / 2, 64 * 64 / 2]);
}

#[test]
fn programs_that_do_not_fit_are_refused() {
    let couple = |rest: &str| format!("{START}squeeze\ncouple affine {rest}\nfactor 4");
    assert_refused("begins with dequantization", "factor 1 1");
    assert_refused("channels are left", START);
    assert_refused("channels leave", &format!("{START}factor 2"));
    assert_refused("unknown operation `unknown`", &format!("{START}unknown"));
    assert_refused("ends early", &format!("{START}factor"));
    assert_refused("more than 256 operations", &format!("{START}{}factor 1", "norm 1 0 0\n".repeat(256)));
    assert_refused("at the end of a line", &format!("{START}factor 1 2"));
    assert_refused("not a number", &format!("{START}factor x"));
    assert_refused("are squeezed", &format!("{START}{}factor 1", "squeeze\n".repeat(4)));
    assert_refused("not triangular", &format!("{START}lu 1 1 0 0\nfactor 1"));
    assert_refused("is the greatest magnitude", &format!("{START}norm 1 40000 0\nfactor 1"));
    assert_refused("is the greatest magnitude", &format!("{START}norm 1 0 385\nfactor 1"));
    assert_refused("constants without channels", &format!("{START}norm 2 0 0 0 0\nfactor 1"));
    assert_refused("not there, or overlap", &couple("all network 0 taps 12 to 1 2 known 0 2 half 0 0"));
    assert_refused("not there, or overlap", &couple("all network 0 taps 12 to 1 4 known 0 1 half 0 0"));
    assert_refused("sees what it cannot", &couple("all network 0 taps 12 to 1 2 known 0 1 half 3 1"));
    assert_refused("sees what it cannot", &couple("all network 0 taps 25 to 1 2 known 0 1 half 0 0"));
    assert_refused("sees what it cannot", &couple("raster network 0 taps 12 to 1 2 known 0 1 half 0 0"));
    Program::read(&couple("raster network 0 taps 12 to 1 2 known 0 1 half 1 2"), 1).expect("a program");
    Program::read(&format!("{START}factor gaussian 1"), 1).expect("a program");
    assert_refused("not a number", &format!("{START}factor normal 1"));
    let mixture = |rest: &str| format!("{START}factor mixture {rest}");
    Program::read(&mixture("1 2 65000 536 -64 64 0 -384"), 1).expect("a program");
    assert_refused("not shares of the whole", &mixture("1 2 65000 537 -64 64 0 0"));
    assert_refused("not shares of the whole", &mixture("1 3 65536 1 -1 0 0 0 0 0 0"));
    assert_refused("is the greatest magnitude", &mixture("1 1 65536 40000 0"));
    assert_refused("is the greatest magnitude", &mixture("1 1 65536 0 385"));
    assert_refused("mixtures of 0 components", &mixture("1 0"));
    assert_refused("mixtures of 17 components", &mixture("1 17"));
    assert_refused("ends early", &mixture("1 1 65536 0"));
    assert_refused("channels leave", &mixture("2 1 65536 65536 0 0 0 0"));
    assert_refused("not a number", &format!("{START}draw mixture 1 1 65536 0 0\nfactor 2"));
    assert_refused("a coupling of unknown pixels `some`", &couple("some network 0 taps 12 to 1 2 known 0 1 half 0 0"));
}

/// A program that draws a latent for each block of four pixels, and observes the pixels given the latent; `operations`
/// come between.
fn vae(operations: &str) -> String {
    let posterior = "uncouple affine all network 0 taps 4 to 0 1 known 1 4 half 0 0";
    let observe = |network: usize, known: usize| {
        format!("observe network {network} components 3 taps 4 known {known}{}\n", " 1024".repeat(5 * known))
    };
    let observed: String = (1..=4).map(|network| observe(network, 5 - network)).collect();
    format!("dequantize none\nsqueeze\ndraw 1\n{posterior}\n{operations}{observed}factor 1")
}

#[test]
fn a_program_with_latents_says_what_it_draws() {
    let program = Program::read(&vae(""), 1).expect("a program");
    assert_eq!((program.networks(), program.drawn_first()), (5, (0, 32 * 32)));
    // A mixture for one channel has a logit, a mean and a scale per component.
    assert_eq!(program.network_shape(1), Some((4 * (4 + 2), 9)));
    assert_eq!(program.evaluations(0), 32 * 32);
    assert_eq!(Program::read("dequantize uniform\nfactor 1", 1).expect("a program").drawn_first(), (64 * 64, 0));
}

#[test]
fn samples_that_are_not_as_they_were_are_not_observed() {
    let mut lower = [[0; 5]; 5];
    lower[4][0] = 1;
    let (lower, upper) = (lower.concat(), [0; 25]);
    let entries: String = lower.iter().chain(&upper).map(|entry| format!(" {entry}")).collect();
    let reason = "not samples that are to be observed";
    assert_refused(reason, &vae(&format!("lu 5{entries} 0 0 0 0 0\n")));
    assert_refused(reason, &vae("norm 1 0 0\n"));
    assert_refused(reason, &vae("couple additive all network 5 taps 4 to 4 1 known 0 1 half 0 0\n"));
    assert_refused(reason, &vae("").replace("none", "uniform"));
    assert_refused(reason, "dequantize none\nfactor 1\nobserve network 0 components 3 taps 4 known 1 0 0 0 0 0");
    let observed = |what: &str| format!("dequantize none\ndraw 1\nobserve network 0 {what}\nfactor 1");
    Program::read(&observed("components 3 taps 4 known 1 0 0 0 0 0"), 1).expect("a program");
    assert_refused("given 0 channels", &observed("components 3 taps 4 known 0"));
    assert_refused("given 2 channels", &observed("components 3 taps 4 known 2 0 0 0 0 0 0 0 0 0 0"));
    assert_refused("6 components", &observed("components 6 taps 4 known 1 0 0 0 0 0"));
    assert_refused("25 taps", &observed("components 3 taps 25 known 1 0 0 0 0 0"));
    assert_refused("ends early", &observed("components 3 taps 4 known 1"));
    assert_refused("are drawn", "dequantize none\nfactor 1\ndraw 1");
}

#[test]
fn programs_whose_integers_get_too_large_are_refused() {
    let scaled = |times: usize| format!("{START}{}factor 1", "norm 1 0 384\n".repeat(times));
    // The bounds start at 2^13, 2^39 is too large, and a scale is at most 2^6.
    Program::read(&scaled(4), 1).expect("a program");
    assert_refused("too large", &scaled(5));
    // The bounds of noise are about 2^16, and a posterior multiplies them by 2^6.
    let posteriors =
        |times: usize| vae(&"uncouple affine all network 0 taps 4 to 0 1 known 1 4 half 0 0\n".repeat(times));
    Program::read(&posteriors(2), 1).expect("a program");
    assert_refused("too large", &posteriors(3));
}
