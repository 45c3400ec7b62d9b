use super::*;
use crate::entropy::cdf::Edges;
use crate::entropy::mixture::{Normalisation, PixelMixture};
use crate::testing::Random;

/// The pixels of a block, one after the other.
struct Pixels {
    shape: MixtureShape,
    alphabets: Vec<Alphabet>,
    outputs: Vec<Lanes<i16>>,
    predictions: Vec<Lanes<i32>>,
    samples: Vec<Lanes<i32>>,
    signs: Lanes<i32>,
    shifts: Lanes<i32>,
}

impl Pixels {
    fn block(&self) -> Block<'_> {
        Block { outputs: &self.outputs, predictions: &self.predictions, signs: &self.signs, shifts: &self.shifts }
    }

    /// The intervals of one lane by the scalar code, of given samples or of the samples of quantiles.
    fn scalar<const K: usize>(&self, lane: usize, quantiles: Option<&[Lanes<i32>]>) -> Vec<(u32, Interval)> {
        let outputs: Vec<i16> = self.outputs.iter().map(|row| row[lane]).collect();
        let normalisation = Normalisation { sign: self.signs[lane], shift: self.shifts[lane] as u32 };
        let mixture = PixelMixture::<K, 0>::new(self.shape.channels, &outputs, &[]);
        let mut mixture = mixture.normalised(normalisation);
        let mut code = |(channel, &alphabet): (usize, &Alphabet)| {
            let prediction = self.predictions[channel][lane];
            mixture.next_channel(prediction, alphabet);
            let cdf = mixture.cdf(alphabet);
            let known = self.samples[channel][lane] as u32;
            let sample = quantiles.map_or(known, |quantiles| cdf.quantile(quantiles[channel][lane] as u32, 0));
            let (interval, edges): (_, [Edges; K]) = cdf.interval(sample);
            mixture.observe(sample, prediction, &edges);
            (sample, interval)
        };
        self.alphabets.iter().enumerate().map(&mut code).collect()
    }

    fn scalar_of_shape(&self, lane: usize, quantiles: Option<&[Lanes<i32>]>) -> Vec<(u32, Interval)> {
        match self.shape.components {
            1 => self.scalar::<1>(lane, quantiles),
            3 => self.scalar::<3>(lane, quantiles),
            4 => self.scalar::<4>(lane, quantiles),
            5 => self.scalar::<5>(lane, quantiles),
            _ => self.scalar::<MAX_COMPONENTS>(lane, quantiles),
        }
    }
}

/// How outputs, predictions and samples are drawn.
#[derive(Debug, Clone, Copy)]
enum Draw {
    /// As networks produce them, with likely samples.
    Moderate,
    /// Any 16-bit numbers.
    Any,
    /// The ends of the range, 0, and numbers next to them.
    Extreme,
    /// The same numbers in all lanes and outputs.
    Constant,
}

fn pixels(random: &mut Random, draw: Draw, components: usize, alphabets: &[Alphabet]) -> Pixels {
    let shape = MixtureShape { components, channels: alphabets.len(), pinned: false };
    let constant = (random.below(1 << 16) as i16, random.below(1 << 16) as u16);
    let extremes = [i16::MIN, i16::MIN + 1, -2048, -385, -1, 0, 1, 511, 2047, i16::MAX];
    let mut output = || match draw {
        Draw::Moderate => random.symmetric(300) as i16,
        Draw::Any => random.below(1 << 16) as i16,
        Draw::Extreme => extremes[random.index(extremes.len())],
        Draw::Constant => constant.0,
    };
    let outputs: Vec<_> = (0..shape.outputs()).map(|_| std::array::from_fn(|_| output())).collect();
    let mut sample = |near: Option<i32>, alphabet: Alphabet| {
        let sample = match (draw, near) {
            (Draw::Moderate, Some(near)) => (near + random.symmetric(1 << (alphabet.depth / 2))).max(0) as u32,
            (Draw::Constant, _) => u32::from(constant.1) >> (16 - alphabet.depth),
            (Draw::Extreme, _) => [0, 1, alphabet.size - 1, alphabet.size.saturating_sub(2)][random.index(4)],
            _ => random.below(alphabet.size),
        };
        sample.min(alphabet.size - 1)
    };
    let mut drawn = |near: &dyn Fn(usize, usize) -> Option<i32>| -> Vec<Lanes<u32>> {
        let row = |(c, &alphabet)| std::array::from_fn(|lane| sample(near(c, lane), alphabet));
        alphabets.iter().enumerate().map(row).collect()
    };
    let predictions: Vec<_> = drawn(&|_, _| None).iter().map(|row| row.map(|p| p as i32)).collect();
    let samples = drawn(&|c, lane| Some(predictions[c][lane])).iter().map(|row| row.map(|s| s as i32)).collect();
    let signs = std::array::from_fn(|_| if random.below(2) == 0 { 1 } else { -1 });
    let shifts = std::array::from_fn(|_| random.below(5) as i32);
    Pixels { shape, alphabets: alphabets.to_vec(), outputs, predictions, samples, signs, shifts }
}

/// Full alphabets, some that are not powers of two, and the smallest.
const ALPHABETS: [Alphabet; 9] = [
    Alphabet { depth: 8, size: 256 },
    Alphabet { depth: 16, size: 65536 },
    Alphabet { depth: 12, size: 4096 },
    Alphabet { depth: 8, size: 1 },
    Alphabet { depth: 8, size: 2 },
    Alphabet { depth: 1, size: 2 },
    Alphabet { depth: 1, size: 1 },
    Alphabet { depth: 3, size: 5 },
    Alphabet { depth: 16, size: 40_000 },
];
const DRAWS: [Draw; 4] = [Draw::Moderate, Draw::Any, Draw::Extreme, Draw::Constant];

/// Runs a check on blocks with all kinds of inputs.
fn for_blocks(rounds: u32, mut check: impl FnMut(&Pixels, &mut Random)) {
    let mut random = Random(0x1234_5678_9abc_def1);
    for _ in 0..rounds {
        for (draw, alphabet) in DRAWS.into_iter().flat_map(|draw| ALPHABETS.map(|alphabet| (draw, alphabet))) {
            let smaller = Alphabet { size: 1 + random.below(alphabet.size), ..alphabet };
            for components in [1, 3, 4, 5, MAX_COMPONENTS] {
                check(&pixels(&mut random, draw, components, &[alphabet]), &mut random);
                check(&pixels(&mut random, draw, components, &[alphabet, smaller, alphabet]), &mut random);
            }
        }
    }
}

#[test]
fn intervals_of_known_samples_are_those_of_the_scalar_code() {
    for_blocks(8, |pixels, _| {
        for vectors in Vectors::all() {
            let mut mixture = LaneMixture::new(pixels.shape, vectors);
            let mut intervals = vec![IntervalLanes::default(); pixels.alphabets.len()];
            mixture.intervals(pixels.block(), &pixels.alphabets, &pixels.samples, &mut intervals);
            for lane in 0..LANES {
                let scalar = pixels.scalar_of_shape(lane, None);
                let in_lanes: Vec<_> = intervals.iter().map(|intervals| intervals.lane(lane)).collect();
                assert!(scalar.iter().map(|&(_, interval)| interval).eq(in_lanes), "{vectors:?}, lane {lane}");
            }
        }
    });
}

#[test]
fn samples_of_quantiles_are_those_of_the_scalar_code() {
    for_blocks(8, |pixels, random| {
        let mut quantile = || match random.below(8) {
            0 => 0,
            1 => (1 << CDF_BITS) - 1,
            _ => random.below(1 << CDF_BITS) as i32,
        };
        let quantiles: Vec<Lanes<i32>> = pixels.alphabets.iter().map(|_| std::array::from_fn(|_| quantile())).collect();
        let active = 1 + random.index(LANES);
        for vectors in Vectors::all() {
            let mut mixture = LaneMixture::new(pixels.shape, vectors);
            mixture.start(pixels.block());
            let mut decoded = Vec::new();
            for (channel, &alphabet) in pixels.alphabets.iter().enumerate() {
                let (mut samples, mut intervals) = ([0; LANES], IntervalLanes::default());
                let found = (&mut samples, &mut intervals);
                mixture.decode(pixels.block(), (channel, alphabet), (&quantiles[channel], active), found);
                decoded.push((samples, intervals));
            }
            for lane in 0..active {
                let scalar = pixels.scalar_of_shape(lane, Some(&quantiles));
                let in_lanes: Vec<_> =
                    decoded.iter().map(|(samples, intervals)| (samples[lane] as u32, intervals.lane(lane))).collect();
                assert_eq!(scalar, in_lanes, "{vectors:?}, lane {lane}");
            }
        }
    });
}

/// At every scale, near the distance from the mean where it is clamped.
#[test]
fn cut_off_distances_change_nothing() {
    let alphabet = Alphabet::full(16);
    let shape = MixtureShape { components: 1, channels: 1, pinned: false };
    for log_scale in -384..=511i16 {
        for prediction in [0, 30_000, 65_535] {
            // Sixteen scales, in 16-bit samples.
            let far = (16.0 * 256.0 * (f64::from(log_scale) / 64.0).exp2()) as i32;
            let sample = |lane: usize| {
                let distance = far + lane as i32 / 2 - 4;
                (if lane.is_multiple_of(2) { prediction + distance } else { prediction - distance }).clamp(0, 65_535)
            };
            let pixels = Pixels {
                shape,
                alphabets: vec![alphabet],
                outputs: vec![[0; LANES], [0; LANES], [log_scale; LANES]],
                predictions: vec![[prediction; LANES]],
                samples: vec![std::array::from_fn(sample)],
                signs: [1; LANES],
                shifts: [0; LANES],
            };
            for vectors in Vectors::all() {
                let mut intervals = [IntervalLanes::default()];
                let mut mixture = LaneMixture::new(shape, vectors);
                mixture.intervals(pixels.block(), &pixels.alphabets, &pixels.samples, &mut intervals);
                for lane in 0..LANES {
                    assert_eq!(pixels.scalar_of_shape(lane, None)[0].1, intervals[0].lane(lane), "{log_scale}");
                }
            }
        }
    }
}
