use super::*;

const WHOLE: u32 = 1 << 24;

#[test]
fn the_logistic_table_rises_from_almost_nothing_to_almost_everything() {
    assert!(SIGMA.is_sorted());
    assert!(SIGMA[0] > 0 && SIGMA[1024] < WHOLE);
}

#[test]
fn the_logistic_table_is_symmetric() {
    for (below, above) in SIGMA.iter().zip(SIGMA.iter().rev()) {
        assert!((below + above).abs_diff(WHOLE) <= 1, "{below} and {above}");
    }
    assert_eq!(SIGMA[512], WHOLE / 2);
}

#[test]
fn the_logistic_table_is_the_logistic_function_rounded() {
    for (i, &entry) in SIGMA.iter().enumerate() {
        let exact = f64::from(WHOLE) / (1.0 + (16.0 - i as f64 / 32.0).exp());
        // float64 decides every rounding except ties, and there are none.
        assert!((f64::from(entry) - exact).abs() <= 0.5 + 1e-6, "entry {i} is {entry}, not {exact}");
    }
}

#[test]
fn the_normal_table_is_symmetric_and_the_integral_of_its_density() {
    assert!(GAUSS.is_sorted());
    assert!(GAUSS.iter().zip(GAUSS.iter().rev()).all(|(below, above)| below + above == WHOLE));
    // Simpson's rule, from far below.
    let density = |t: f64| (-t * t / 2.0).exp() / std::f64::consts::TAU.sqrt();
    let mut integral = 0.0;
    for (i, &entry) in GAUSS.iter().enumerate().skip(1) {
        let (t, step) = (i as f64 / 32.0 - 16.0, 1.0 / 32.0);
        integral += step / 6.0 * (density(t - step) + 4.0 * density(t - step / 2.0) + density(t));
        assert!((f64::from(entry) - f64::from(WHOLE) * integral).abs() <= 0.51, "entry {i} is {entry}");
    }
}

#[test]
fn the_table_of_powers_is_the_exponential_function_rounded() {
    for (i, &entry) in EXP2.iter().enumerate() {
        let exact = (16.0 + i as f64 / 64.0).exp2();
        assert!((f64::from(entry) - exact).abs() <= 0.5 + 1e-6, "entry {i} is {entry}, not {exact}");
    }
    assert!(EXP2.is_sorted_by(|a, b| a < b));
    assert_eq!(EXP2[0], 1 << 16);
}

#[test]
fn the_table_of_logarithms_is_the_logarithm_rounded() {
    for (i, &entry) in LN.iter().enumerate() {
        let exact = 65_536.0 * (i as f64 / 512.0).ln_1p();
        assert!((f64::from(entry) - exact).abs() <= 0.5 + 1e-6, "entry {i} is {entry}, not {exact}");
    }
}
