use super::*;
use crate::testing::Random;

/// Takes two numbers per lane, returns one.
type Operation = fn(i32, i32) -> i32;

/// All operations of a level; those on longs are reached through products and shifts.
struct Operate(usize, Lanes<i32>, Lanes<i32>);

const OPERATIONS: [(&str, Operation); 18] = [
    ("add", i32::wrapping_add),
    ("sub", i32::wrapping_sub),
    ("mul", i32::wrapping_mul),
    ("min", i32::min),
    ("max", i32::max),
    ("and", |a, b| a & b),
    ("shl", |a, b| a << (b & 31)),
    ("shr", |a, b| (a as u32).checked_shr(b as u32 & 63).unwrap_or(0) as i32),
    ("sar", |a, b| a >> (b & 31)),
    ("gt", |a, b| if a > b { a } else { b }),
    ("eq and both", |a, b| if a == b && a > 7 { a } else { b }),
    ("narrow 0", |a, b| product(a, b) as i32),
    ("narrow 20", |a, b| (product(a, b) >> 20) as i32),
    ("narrow 32", |a, b| (product(a, b) >> 32) as i32),
    ("narrow 40", |a, b| (product(a, b) >> 40) as i32),
    ("longs", |a, b| (((product(a, b) + u64::from(a as u32)) << (b & 63)) >> 32) as i32),
    ("leading zeros", |a, b| (product(a & 0xf_ffff, b).max(1).leading_zeros()) as i32),
    ("reciprocal", |a, _| ((1u64 << 52) / u64::from(a as u32 | 1 << 31)) as i32),
];

fn product(a: i32, b: i32) -> u64 {
    u64::from(a as u32).wrapping_mul(u64::from(b as u32)) & (u64::MAX >> 1)
}

impl Vectorised for Operate {
    type Output = Lanes<i32>;

    fn call<S: Simd>(self, simd: S) -> Lanes<i32> {
        let Self(operation, a, b) = self;
        let mut result = [0; LANES];
        for part in 0..S::PARTS {
            let (a, b) = (simd.load(&a, part), simd.load(&b, part));
            let product = simd.mul_wide(a, b);
            let (five_bits, six_bits) = (simd.and(b, simd.splat(31)), simd.and(b, simd.splat(63)));
            let value = match OPERATIONS[operation].0 {
                "add" => simd.add(a, b),
                "sub" => simd.sub(a, b),
                "mul" => simd.mul(a, b),
                "min" => simd.min(a, b),
                "max" => simd.max(a, b),
                "and" => simd.and(a, b),
                "shl" => simd.shl(a, five_bits),
                "shr" => simd.shr(a, six_bits),
                "sar" => simd.sar(a, five_bits),
                "gt" => simd.select(simd.gt(a, b), a, b),
                "eq and both" => simd.select(simd.both(simd.eq(a, b), simd.gt(a, simd.splat(7))), a, b),
                "narrow 0" => simd.narrow::<0>(product),
                "narrow 20" => simd.narrow::<20>(product),
                "narrow 32" => simd.narrow::<32>(product),
                "narrow 40" => simd.narrow::<40>(product),
                "longs" => {
                    let sum = simd.add_longs(product, simd.widen(a));
                    simd.narrow::<32>(simd.shl_longs(sum, simd.widen(six_bits)))
                }
                "leading zeros" => {
                    let product = simd.mul_wide(simd.and(a, simd.splat(0xf_ffff)), b);
                    simd.narrow::<0>(simd.leading_zeros(product))
                }
                "reciprocal" => {
                    // There is no `or`: adds the bits that are not set in both.
                    let top = simd.splat(i32::MIN);
                    simd.reciprocal(simd.add(simd.and(a, simd.splat(i32::MAX)), top))
                }
                other => unreachable!("{other}"),
            };
            simd.store(value, &mut result, part);
        }
        result
    }
}

/// Numbers of any size, equal ones, and those at the ends of the range, with products of up to 63 bits.
fn numbers(random: &mut Random) -> (Lanes<i32>, Lanes<i32>) {
    let extremes = [i32::MIN, i32::MIN + 1, -1, 0, 1, 7, 8, 31, 32, 63, i32::MAX];
    let mut number = || match random.below(3) {
        0 => extremes[random.index(extremes.len())],
        _ => (random.below(u32::MAX) as i32) >> random.below(32),
    };
    let a: Lanes<i32> = std::array::from_fn(|_| number());
    let b = a.map(|a| if number() < 0 { a } else { number() & i32::MAX });
    (a, b)
}

#[test]
fn operations_are_those_of_single_numbers() {
    let mut random = Random(11);
    for _ in 0..3000 {
        let (a, b) = numbers(&mut random);
        for (index, (name, operation)) in OPERATIONS.into_iter().enumerate() {
            // The leading zeros of zero are unspecified, and 64-bit products are not needed.
            let asked = |lane: usize| match name {
                "leading zeros" => product(a[lane] & 0xf_ffff, b[lane]) != 0,
                "narrow 0" | "narrow 20" | "narrow 32" | "narrow 40" | "longs" => b[lane] >= 0,
                _ => true,
            };
            for vectors in Vectors::all() {
                let result = vectors.run(Operate(index, a, b));
                for lane in (0..LANES).filter(|&lane| asked(lane)) {
                    let (a, b) = (a[lane], b[lane]);
                    assert_eq!(result[lane], operation(a, b), "{name} of {a} and {b}, {vectors:?}");
                }
            }
        }
    }
}

#[test]
fn reciprocals_are_rounded_down() {
    let reciprocal = OPERATIONS.iter().position(|(name, _)| *name == "reciprocal").expect("an operation");
    // Where the quotient is nearest to an integer.
    for first in ((1 << 20)..=(1 << 21)).step_by(61 * LANES / 4) {
        let divisors: Lanes<i32> = std::array::from_fn(|lane| {
            let quotient = first + lane as u64 / 4;
            ((1u64 << 52) / quotient + lane as u64 % 4).saturating_sub(1).min(u64::from(u32::MAX)) as u32 as i32
        });
        for vectors in Vectors::all() {
            let result = vectors.run(Operate(reciprocal, divisors, divisors));
            for lane in 0..LANES {
                let divisor = u64::from(divisors[lane] as u32 | 1 << 31);
                assert_eq!(result[lane] as u64, (1 << 52) / divisor, "{divisor}, {vectors:?}");
            }
        }
    }
}

struct Lookup(Lanes<i16>);

impl Vectorised for Lookup {
    type Output = (Lanes<i32>, bool);

    fn call<S: Simd>(self, simd: S) -> Self::Output {
        let table: [u64; 64] = std::array::from_fn(|index| (index as u64) << 32 | 7);
        let (mut high, mut any) = ([0; LANES], false);
        for part in 0..S::PARTS {
            let index = simd.load_i16(&self.0, part);
            simd.store(simd.narrow::<32>(simd.lookup(&table, index)), &mut high, part);
            any |= simd.any(simd.gt(simd.splat(0), index));
        }
        (high, any)
    }
}

#[test]
fn lookups_are_modulo_the_size_of_the_table() {
    for lane in 0..LANES {
        let mut indices: Lanes<i16> = std::array::from_fn(|lane| (lane * 37 % 64) as i16);
        let all = indices.map(i32::from);
        for vectors in Vectors::all() {
            assert_eq!(vectors.run(Lookup(indices)), (all, false), "{vectors:?}");
        }
        indices[lane] = -2;
        for vectors in Vectors::all() {
            let (high, any) = vectors.run(Lookup(indices));
            assert!(high[lane] == 62 && any, "{vectors:?}");
        }
    }
}

#[test]
fn the_narrowest_vectors_can_be_asked_for() {
    assert!(matches!(Vectors::all()[0], Vectors::Portable));
    assert!(Vectors::all().len() <= 3);
    let best = format!("{:?}", Vectors::best());
    assert!(Vectors::all().iter().any(|vectors| format!("{vectors:?}") == best));
}
