use std::sync::LazyLock;

use super::*;
use crate::entropy::cdf::{Alphabet, Cdf, Component, INVERSE_BITS, POSITION_BITS, WEIGHT_BITS};
use crate::testing::Random;

/// Stacks that no encoder produced: few words or none, zeros, ones.
fn hostile(random: &mut Random) -> Stack {
    loop {
        let count = [0, 1, 2, 3, 50][random.index(5)];
        let word = |random: &mut Random| match random.below(4) {
            0 => 0,
            1 => u32::MAX,
            _ => random.below(u32::MAX),
        };
        if let Some(stack) = Stack::from_words((0..count).map(|_| word(random)).collect()) {
            return stack;
        }
    }
}

fn integer(random: &mut Random) -> i64 {
    let magnitude = 1i64 << random.below(46);
    let value = (i64::from(random.below(u32::MAX)) << 14 | i64::from(random.below(1 << 14))) % magnitude;
    [0, -1, value, -value][random.index(4)]
}

/// Base distributions of every kind.
static DISTRIBUTIONS: LazyLock<[Distribution; 3]> =
    LazyLock::new(|| [Distribution::Logistic, Distribution::Gaussian, Distribution::Mixtures(vec![mixture(&SHARES)])]);

const SHARES: [Share; 3] = [
    Share { weight: 1 << 15, mean: -100, exponent: 64 },
    Share { weight: 1 << 14, mean: 7, exponent: -32 },
    Share { weight: 1 << 14, mean: 300, exponent: 150 },
];

#[derive(Debug, Clone, Copy)]
enum Done {
    Scaled(i64, i64, u32),
    Unscaled(i64, i64, u32),
    BasePushed(i64, Base<'static>),
    BasePopped(i64, Base<'static>),
    UniformPushed(u32, u32),
    UniformPopped(u32, u32),
    BitsPushed(u64, u32),
    BitsPopped(u64, u32),
}

fn act(stack: &mut Stack, random: &mut Random) -> Done {
    let tally = &mut Tally::default();
    let (x, factor) = (integer(random), states(random.symmetric(EXPONENT_MAX)));
    let (fraction, count, bits) = (5 + random.below(12), 1 + random.below(1 << 16), random.below(48));
    let table = DISTRIBUTIONS[random.index(3)].table(0);
    match random.below(9) {
        0 => Done::Scaled(x, scale(stack, x, factor), factor),
        1 => Done::Unscaled(x, unscale(stack, x, factor), factor),
        2 => {
            let base = Base::new(table, fraction);
            base.push(stack, x, tally);
            Done::BasePushed(x, base)
        }
        3 => {
            let base = Base::new(table, fraction);
            Done::BasePopped(base.pop(stack, tally), base)
        }
        4 => {
            let symbol = random.below(count);
            push_uniform(stack, symbol, count);
            Done::UniformPushed(symbol, count)
        }
        8 => {
            let base = Base::of_noise(table, fraction);
            Done::BasePopped(base.pop(stack, tally), base)
        }
        5 => Done::UniformPopped(pop_uniform(stack, count), count),
        6 => {
            let value = x.unsigned_abs() & ((1 << bits) - 1);
            push_bits(stack, value, bits);
            Done::BitsPushed(value, bits)
        }
        _ => Done::BitsPopped(pop_bits(stack, bits), bits),
    }
}

fn undo(stack: &mut Stack, done: Done) {
    let tally = &mut Tally::default();
    match done {
        Done::Scaled(x, z, factor) => assert_eq!(unscale(stack, z, factor), x),
        Done::Unscaled(z, x, factor) => assert_eq!(scale(stack, x, factor), z),
        Done::BasePushed(z, base) => assert_eq!(base.pop(stack, tally), z),
        Done::BasePopped(z, base) => {
            assert!(base.has(z));
            base.push(stack, z, tally);
        }
        Done::UniformPushed(symbol, count) => assert_eq!(pop_uniform(stack, count), symbol),
        Done::UniformPopped(symbol, count) => push_uniform(stack, symbol, count),
        Done::BitsPushed(value, bits) => assert_eq!(pop_bits(stack, bits), value),
        Done::BitsPopped(value, bits) => push_bits(stack, value, bits),
    }
}

#[test]
fn everything_is_undone_on_any_stack() {
    let mut random = Random(11);
    for _ in 0..3000 {
        let mut stack = hostile(&mut random);
        let words = stack.clone().into_words();
        let count = 1 + random.index(40);
        let done: Vec<Done> = (0..count).map(|_| act(&mut stack, &mut random)).collect();
        done.into_iter().rev().for_each(|done| undo(&mut stack, done));
        assert_eq!(stack.into_words(), words);
    }
}

/// A stack of this many random words.
fn full(words: usize, random: &mut Random) -> Stack {
    Stack::from_words((0..words).map(|_| 1 + random.below(u32::MAX - 1)).collect()).expect("no zero at the end")
}

fn bits(stack: &Stack) -> f64 {
    32.0 * stack.clone().into_words().len() as f64
}

#[test]
fn a_scale_costs_its_logarithm() {
    let mut random = Random(5);
    for exponent in [-384, -100, 0, 100, 384] {
        let mut stack = full(60_000, &mut random);
        let (before, factor, count) = (bits(&stack), states(exponent), 20_000);
        for _ in 0..count {
            let x = i64::from(random.symmetric(1 << 17));
            scale(&mut stack, x, factor);
        }
        let cost = (bits(&stack) - before) / f64::from(count);
        assert!((cost + (f64::from(factor) / 1024.0).log2()).abs() < 0.005, "{cost} bits for exponent {exponent}");
    }
    assert_eq!([states(-500), states(0), states(64), states(384)], [16, 1024, 2048, 1 << 16]);
}

/// The mean and the scale of a component.
fn parameters(share: &Share) -> (f64, f64) {
    (f64::from(share.mean) / 64.0, (-f64::from(share.exponent) / 64.0).exp2())
}

fn logistic_density(x: f64) -> f64 {
    let lower = 1.0 / (1.0 + x.exp());
    lower * (1.0 - lower)
}

#[test]
fn the_base_costs_its_density() {
    let mut random = Random(6);
    let distributions = DISTRIBUTIONS.iter().flat_map(|distribution| [5, 6, 10, 16].map(|bits| (distribution, bits)));
    for (distribution, fraction) in distributions {
        let (mut stack, mut tally, mut density) = (full(1, &mut random), Tally::default(), 0.0);
        let (count, cell) = (20_000, 1.0 / f64::from(1 << fraction));
        let mut uniform = || (f64::from(random.below(u32::MAX)) + 0.5) / f64::from(u32::MAX);
        for _ in 0..count {
            let (u, v) = (uniform(), uniform());
            let logistic = (u / (1.0 - u)).ln();
            let x = match distribution {
                Distribution::Logistic => logistic,
                // Box and Muller (1958).
                Distribution::Gaussian => (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos(),
                Distribution::Mixtures(_) => {
                    let (mean, scale) = parameters(&SHARES[[0, 0, 1, 2][(4.0 * v) as usize]]);
                    mean + scale * logistic
                }
            };
            let z = (x / cell).floor();
            Base::new(distribution.table(0), fraction).push(&mut stack, z as i64, &mut tally);
            let middle = (z + 0.5) * cell;
            let at = match distribution {
                Distribution::Logistic => logistic_density(middle),
                Distribution::Gaussian => (-middle * middle / 2.0).exp() / std::f64::consts::TAU.sqrt(),
                Distribution::Mixtures(_) => {
                    let part = |share: &Share| {
                        let (mean, scale) = parameters(share);
                        f64::from(share.weight) / 65536.0 * logistic_density((middle - mean) / scale) / scale
                    };
                    SHARES.iter().map(part).sum()
                }
            };
            density -= (at * cell).log2();
        }
        let [actual, ideal, density] = [bits(&stack), tally.bits(), density].map(|bits| bits / f64::from(count));
        assert!((actual - ideal).abs() < 0.005, "{actual} bits, {ideal} by the intervals");
        assert!((ideal - density).abs() < 0.001, "{ideal} bits, {density} by the density");
    }
}

#[test]
fn the_base_takes_all_that_is_codable() {
    for z in [CODABLE - 1, 1 - CODABLE, 1 << 20, -(1 << 20)] {
        let (mut stack, tally) = (Stack::default(), &mut Tally::default());
        let base = Base::new(Distribution::Logistic.table(0), 6);
        base.push(&mut stack, z, tally);
        assert_eq!(base.pop(&mut stack, tally), z);
        assert!(stack.is_empty());
    }
}

#[test]
fn noise_reaches_as_far_as_it_says() {
    for fraction in [5, 6, 14] {
        let base = Base::of_noise(Distribution::Gaussian.table(0), fraction);
        let end = (16 + DRAWN_REACH as i64) << fraction;
        for z in [end - 2, 1 - end, (16 << fraction) - 1, 16 << fraction, -(16 << fraction), -(16 << fraction) - 1] {
            let (mut stack, tally) = (Stack::default(), &mut Tally::default());
            assert!(base.has(z));
            base.push(&mut stack, z, tally);
            assert_eq!(base.pop(&mut stack, tally), z);
        }
        assert!([end - 1, -end, i64::MAX, i64::MIN].iter().all(|&z| !base.has(z)));
    }
}

/// A mixture coded by bits-back, with the component as the latent: popped from its exact posterior, the sample pushed given it,
/// then the component itself. That costs what the mixture's own CDF costs.
#[test]
fn a_component_as_a_latent_costs_what_its_mixture_does() {
    let alphabet = Alphabet::full(8);
    let whole = 1 << WEIGHT_BITS;
    let component = |weight: u32, mean: i32, scale: f64| Component {
        weight,
        mean: mean << POSITION_BITS,
        inverse: (f64::from(1 << INVERSE_BITS) / scale) as i32,
    };
    let components = [component(whole / 2, 100, 3.0), component(whole / 4, 110, 12.0), component(whole / 4, 180, 1.0)];
    let cdf = Cdf::new(&components, &[], alphabet);
    let mut random = Random(12);
    let mut stack = full(2000, &mut random);
    let (before, mut ideal) = (bits(&stack), 0.0);
    for _ in 0..20_000 {
        let sample = cdf.quantile(random.below(1 << CDF_BITS), 128);
        let (interval, edges) = cdf.interval(sample);
        ideal -= (f64::from(interval.probability) / f64::from(1 << CDF_BITS)).log2();
        let joint: Vec<u64> =
            components.iter().zip(edges).map(|(c, e)| u64::from(c.weight) * u64::from(e.density())).collect();
        let posterior = shares(&joint);
        let chosen = posterior.iter().position(|share| share.contains(stack.quantile())).expect("shares of the whole");
        stack.pop(posterior[chosen]);
        let alone = [Component { weight: whole, ..components[chosen] }];
        stack.push(Cdf::new(&alone, &[], alphabet).interval(sample).0);
        stack.push(shares(&components.map(|c| u64::from(c.weight)))[chosen]);
    }
    let excess = (bits(&stack) - before) / ideal - 1.0;
    assert!(excess.abs() < 0.001, "{excess} more than the mixture");
}

/// Intervals in proportion to numbers, none of them empty.
fn shares(numbers: &[u64]) -> Vec<Interval> {
    let (count, sum) = (numbers.len() as u64, u128::from(numbers.iter().sum::<u64>().max(1)));
    let below = |end: usize| {
        let part: u64 = numbers[..end].iter().sum();
        let room = (1 << CDF_BITS) - count;
        end as u32 + (u128::from(part) * u128::from(room) / sum) as u32
    };
    let end = |index: usize| if index == numbers.len() { 1 << CDF_BITS } else { below(index) };
    (0..numbers.len()).map(|i| Interval { left: end(i), probability: end(i + 1) - end(i) }).collect()
}
