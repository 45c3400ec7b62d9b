//! The search for [moves](crate::moves): what of a part they are found in, and whether they pay.

use ndarray::ArrayView3;

use super::{active, alphabets, check_channels, measure};
use crate::autoregressive::learn_biases;
use crate::container::NUMBER_BYTES;
use crate::error::Result;
use crate::models::ModelSource;
use crate::parallel::Engine;
use crate::tile::Rect;

/// Moves are found in squares of this side, scattered over so large a share of a part, up to so many pixels; from fewer
/// than so many, there is little to learn. What they gain is measured in some larger squares.
const MOVES_SIDE: u32 = 32;
const MOVES_SHARE: usize = 5;
const MOVES_PIXELS: usize = 1 << 16;
const MOVES_LEAST: usize = 1 << 9;
const MOVES_MEASURED_SIDE: u32 = 64;

/// Moves for a part, found in some squares of it, if they make it smaller by more than they take.
///
/// # Errors
/// Those of the network.
pub(crate) fn find_moves(
    engine: &Engine,
    source: &ModelSource<'_>,
    samples: ArrayView3<'_, u16>,
    sizes: &[u32],
) -> Result<Option<Vec<u8>>> {
    let (_, height, width) = samples.dim();
    let whole = Rect { x: 0, y: 0, width: width as u32, height: height as u32 };
    let squares = whole.scattered(MOVES_SIDE, (whole.pixels() / MOVES_SHARE).min(MOVES_PIXELS));
    if squares.iter().map(|square| square.pixels()).sum::<usize>() < MOVES_LEAST {
        return Ok(None);
    }
    let moves = engine.for_tiles(source, &[whole], |networks, _| {
        check_channels(networks, sizes)?;
        let alphabets = alphabets(sizes);
        let mut tiles: Vec<_> = squares.iter().map(|&square| active(samples, square, &alphabets, None)).collect();
        Ok(vec![learn_biases(networks.all[0].model(), &mut tiles, &alphabets)?])
    })?;
    let Some(moves) = moves.into_iter().flatten().next() else { return Ok(None) };
    let moves = moves.to_bytes();
    let measured = whole.sampled(MOVES_MEASURED_SIDE);
    let pixels: usize = measured.iter().map(|rect| rect.pixels()).sum();
    let without = measure(engine, source, None, samples, sizes, &measured)?;
    let with = measure(engine, source, Some(&moves), samples, sizes, &measured)?;
    let gain = without.saturating_sub(with) as f64 * whole.pixels() as f64 / pixels as f64;
    Ok((gain > 8.0 * (moves.len() + NUMBER_BYTES) as f64).then_some(moves))
}
