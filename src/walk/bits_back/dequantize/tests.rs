use super::*;
use crate::testing::Random;

#[test]
fn distributions_increase_strictly_and_find_every_quantile() {
    let mut random = Random(4);
    for _ in 0..2000 {
        let distribution = Truncated::new(random.symmetric(1 << 15).into(), random.symmetric(1 << 15));
        assert_eq!((distribution.edge(0), distribution.edge(CELLS)), (0, 1 << CDF_BITS));
        for noise in 0..CELLS {
            let interval = distribution.interval(noise);
            assert!(distribution.edge(noise) < distribution.edge(noise + 1));
            for quantile in [interval.left, interval.left + interval.probability - 1] {
                assert_eq!(distribution.quantile(quantile), noise);
            }
        }
    }
}

/// Samples of a logistic distribution of scale `s` around 0, coded as `y + u` under this logistic. With uniform `u`,
/// the bits exceed those of the exact probabilities by Jensen's gap; with `u` from the exact posterior, they do not.
#[test]
fn the_exact_posterior_has_no_gap_and_uniform_noise_has_jensen_s() {
    for (exponent, gap) in [(-128, 0.4282), (-64, 0.0819), (0, 0.0201), (64, 0.0050)] {
        let s = f64::from(exponent).mul_add(1.0 / 64.0, 0.0).exp2();
        let logistic = |x: f64| 1.0 / (1.0 + (-x / s).exp());
        let density = |x: f64| logistic(x) * (1.0 - logistic(x)) / s;
        let (mut exact, mut uniform, mut variational) = (0.0, 0.0, 0.0);
        for y in -40..40 {
            let y = f64::from(y);
            let probability = logistic(y + 1.0) - logistic(y);
            if probability < 1e-12 {
                continue;
            }
            exact -= probability * probability.log2();
            // The mean, in units of 2^-6 of a cell, from its middle.
            let distribution = Truncated::new((-y * 64.0) as i64 - 32, exponent);
            for noise in 0..CELLS {
                let cell = density(y + (noise as f64 + 0.5) / 64.0) / 64.0;
                let q = f64::from(distribution.interval(noise).probability) / f64::from(1 << CDF_BITS);
                uniform -= probability / 64.0 * (cell.log2() + 6.0);
                variational -= probability * q * (cell.log2() - q.log2());
            }
        }
        assert!((uniform - exact - gap).abs() < 0.001, "{} of uniform noise for scale {s}", uniform - exact);
        assert!((variational - exact).abs() < 0.0005, "{} of the exact posterior for scale {s}", variational - exact);
    }
}
