//! The search for [bias offsets](crate::model::offsets): the squares in which they are found, and whether they pay.

use crate::base::bytes::NUMBER_BYTES;
use crate::base::error::Result;
use crate::image::Rect;
use crate::infer::pool::Engine;
use crate::infer::session::Network;
use crate::model::offsets::Offsets;
use crate::model::registry::Model;
use crate::streams::network::{active, alphabets, check_channels, measure};
use crate::transforms::Coded;
use crate::walk::autoregressive::code_with;

/// Side of the squares in which offsets are found, in pixels; the squares cover one pixel in [`SHARE`], up to
/// [`MOST_PIXELS`], and with fewer than [`LEAST_PIXELS`] there is too little to learn from. The gain is measured in
/// larger squares.
const SIDE: u32 = 32;
const SHARE: usize = 5;
const MOST_PIXELS: usize = 1 << 16;
const LEAST_PIXELS: usize = 1 << 9;
const MEASURED_SIDE: u32 = 64;
/// What offsets gain for most photographs, as a share of the bits. Where the squares that are measured show less, that is
/// chance, unless they show a loss: with a true gain of 0.8 %, they may show none.
const USUAL_GAIN: f64 = 1.0 / 256.0;

/// Finds offsets for a part in some squares of it; `None` unless they are expected to save more bits than they take.
///
/// # Errors
/// Those of the network.
pub(super) fn find(engine: &Engine, model: &Model, coded: &Coded) -> Result<Option<Vec<u8>>> {
    let (_, height, width) = coded.samples.dim();
    let whole = Rect { x: 0, y: 0, width: width as u32, height: height as u32 };
    let squares = whole.scattered(SIDE, (whole.pixels() / SHARE).min(MOST_PIXELS));
    if squares.iter().map(|square| square.pixels()).sum::<usize>() < LEAST_PIXELS {
        return Ok(None);
    }
    let offsets = engine.for_tiles(model, &[whole], |networks, _| {
        check_channels(networks, &coded.sizes)?;
        Ok(vec![learned(&networks.all[0], coded, &squares)?])
    })?;
    let Some(offsets) = offsets.into_iter().flatten().next() else { return Ok(None) };
    let offsets = offsets.to_bytes();
    let measured = whole.sampled(MEASURED_SIDE);
    let pixels: usize = measured.iter().map(|rect| rect.pixels()).sum();
    let without = measure(engine, model, None, coded, &measured)?;
    let with = measure(engine, model, Some(&offsets), coded, &measured)?;
    let gain = (without * (1.0 + USUAL_GAIN) - with) * whole.pixels() as f64 / pixels as f64;
    Ok((gain > 8.0 * (offsets.len() + NUMBER_BYTES) as f64).then_some(offsets))
}

/// Lets a network's biases learn from some squares, in lockstep; returns what is added to them, or `None` if there is
/// too little to learn from.
fn learned(network: &Network, coded: &Coded, squares: &[Rect]) -> Result<Option<Offsets>> {
    let mut tiles: Vec<_> = squares.iter().map(|&square| active(coded, square, None)).collect();
    let pixels = squares.iter().map(|square| square.pixels()).sum();
    let mut learner = network.bias_learner(pixels);
    code_with(&mut learner, &mut tiles, &alphabets(&coded.sizes))?;
    Ok(learner.offsets())
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;
    use crate::infer::pool::Threads;
    use crate::infer::session::Device;
    use crate::model::family::Content;
    use crate::model::registry::Models;

    #[test]
    fn offsets_are_found_where_the_network_is_wrong_all_over() {
        let engine = Engine::new(Models::default(), Device::Cpu, Threads::own(None));
        let model = engine.models().first_for_encoding(Content::Grey).expect("a model of the registry");
        let grey = |samples: Array3<u16>| Coded { samples, sizes: vec![256] };
        // Steps of ten and more in every row, which photographs do not have.
        let pattern = |y: usize, x: usize| (100 + 25 * (x % 3) + 11 * (y % 2) + x * y % 4) as u16;
        let coded = grey(Array3::from_shape_fn((1, 160, 160), |(_, y, x)| pattern(y, x)));
        let offsets = find(&engine, &model, &coded).expect("a session").expect("offsets");
        let whole = [Rect { x: 0, y: 0, width: 160, height: 160 }];
        let bits = |offsets| measure(&engine, &model, offsets, &coded, &whole).expect("a session");
        assert!(bits(Some(&offsets[..])) + 8.0 * (offsets.len() as f64) < bits(None));
        let noise = grey(Array3::from_shape_fn((1, 20, 20), |(_, y, x)| (x * x * 7 + y * 31) as u16 % 256));
        assert_eq!(find(&engine, &model, &noise).expect("a session"), None, "too small");
    }
}
