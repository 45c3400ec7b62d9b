use super::*;
use crate::entropy::mixture::Normalisation;
use crate::entropy::vectors::Vectors;
use crate::testing::Random;

/// The code length of a pixel in nats, in floating point, with outputs as real numbers.
fn code_length(outputs: &[f64], samples: [f64; 3], predictions: [f64; 3], normalisation: Normalisation) -> f64 {
    const K: usize = 2;
    let sigma = |x: f64| 1.0 / (1.0 + (-x).exp());
    let unit = f64::from(normalisation.shift).exp2().recip();
    let at = |group: usize, k: usize| outputs[group * K + k] / 64.0;
    let weights: Vec<f64> = (0..K).map(|k| at(0, k).exp2()).collect();
    let likelihood = |k: usize| {
        let residual = |c: usize| samples[c] - predictions[c];
        let density = |c: usize| {
            let pairs = 7 + c * c.saturating_sub(1) / 2;
            let mean = predictions[c]
                + f64::from(normalisation.sign) * unit * at(1 + c, k)
                + (0..c).map(|j| at(pairs + j, k) * residual(j)).sum::<f64>();
            let inverse = (-at(4 + c, k)).exp2() / unit;
            sigma((samples[c] + 0.5 - mean) * inverse) - sigma((samples[c] - 0.5 - mean) * inverse)
        };
        weights[k] / weights.iter().sum::<f64>() * (0..3).map(density).product::<f64>()
    };
    -(0..K).map(likelihood).sum::<f64>().ln()
}

#[test]
fn errors_are_the_gradient_of_the_code_length() {
    const K: usize = 2;
    let shape = MixtureShape { components: K, channels: 3, pinned: false };
    let alphabets = [Alphabet::full(8); 3];
    let mut random = Random(3);
    for case in 0..20 {
        let mut lanes = |of: &mut dyn FnMut(&mut Random, usize) -> i32| -> Lanes<i32> {
            std::array::from_fn(|lane| of(&mut random, case * LANES + lane))
        };
        let signs = lanes(&mut |_, case| if case % 3 == 0 { -1 } else { 1 });
        let shifts = lanes(&mut |_, case| (case % 5) as i32);
        // No component so far in its tail that its density has only a few bits.
        let output = |index: usize, lane: usize, random: &mut Random| {
            let (centre, magnitude) = match index / K {
                0 => (0, 100),
                1..=3 => (0, 100 << shifts[lane]),
                4..=6 => (64 + 64 * shifts[lane], 64),
                _ => (0, 20),
            };
            centre + random.symmetric(magnitude)
        };
        let outputs: Vec<Lanes<i16>> = (0..shape.outputs())
            .map(|index| lanes(&mut |random, case| output(index, case % LANES, random)).map(|value| value as i16))
            .collect();
        let predictions: [Lanes<i32>; 3] = std::array::from_fn(|_| lanes(&mut |random, _| 128 + random.symmetric(60)));
        let samples = predictions.map(|row| {
            let moves = lanes(&mut |random, _| random.symmetric(5));
            std::array::from_fn(|lane| row[lane] + moves[lane])
        });
        let block = Block { outputs: &outputs, predictions: &predictions, signs: &signs, shifts: &shifts };
        let mut errors = vec![[0; LANES]; shape.outputs()];
        LaneMixture::new(shape, Vectors::best()).errors(block, &alphabets, &samples, &mut errors);
        for (index, lane) in (0..shape.outputs()).flat_map(|index| (0..LANES).map(move |lane| (index, lane))) {
            let normalisation = Normalisation { sign: signs[lane], shift: shifts[lane] as u32 };
            let of = |rows: &[Lanes<i32>; 3]| rows.map(|row| f64::from(row[lane]));
            let length = |by: f64| {
                let mut outputs: Vec<f64> = outputs.iter().map(|row| row[lane].into()).collect();
                outputs[index] += by;
                code_length(&outputs, of(&samples), of(&predictions), normalisation)
            };
            let derivative = 64.0 * (length(0.01) - length(-0.01)) / 0.02;
            let expected = (derivative * f64::from(1 << Group::of(shape, index).bits)).clamp(-255.0, 255.0);
            let error = f64::from(errors[index][lane]);
            assert!((error - expected).abs() <= 1.5 + expected.abs() * 0.02, "output {index}: {error}, not {expected}");
        }
    }
}

#[test]
fn errors_are_the_same_with_all_vectors_whatever_the_outputs() {
    let mut random = Random(5);
    for case in 0..300 {
        let shape = MixtureShape { components: 3 + case % 3, channels: 1 + case % 2 * 2, pinned: false };
        let alphabets = [Alphabet::full([8, 1, 16, 12][case % 4]); 3];
        let magnitude = [100, 2000, 32_767][case % 3];
        let outputs: Vec<Lanes<i16>> =
            (0..shape.outputs()).map(|_| std::array::from_fn(|_| random.symmetric(magnitude) as i16)).collect();
        let mut samples = || -> [Lanes<i32>; 3] {
            std::array::from_fn(|_| std::array::from_fn(|_| random.below(alphabets[0].size) as i32))
        };
        let (predictions, samples) = (samples(), samples());
        let signs = std::array::from_fn(|lane| if lane % 2 == 0 { 1 } else { -1 });
        let shifts = std::array::from_fn(|lane| (lane % 5) as i32);
        let channels = shape.channels;
        let block = Block { outputs: &outputs, predictions: &predictions[..channels], signs: &signs, shifts: &shifts };
        let errors = |vectors: Vectors| {
            let mut errors = vec![[7; LANES]; shape.outputs()];
            let (alphabets, samples) = (&alphabets[..channels], &samples[..channels]);
            LaneMixture::new(shape, vectors).errors(block, alphabets, samples, &mut errors);
            errors
        };
        let all: Vec<_> = Vectors::all().into_iter().map(errors).collect();
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
        assert!(all[0].iter().flatten().all(|error| error.abs() <= ERROR_MAX));
    }
}

#[test]
fn quotients_are_those_of_integers() {
    let mut random = Random(9);
    for case in 0..100_000u64 {
        let divisor = 1 + u64::from(random.below(1 << (1 + case % 25)));
        let dividend = match case % 3 {
            0 => u64::from(random.below(1 << 31)) << (case % 14),
            1 => divisor * u64::from(random.below(1 << 23)),
            _ => (divisor * (1 + u64::from(random.below(1 << 22)))).saturating_sub(1),
        };
        assert_eq!(quotient(dividend, divisor), (dividend / divisor).min(1 << 22) as i64);
    }
}
