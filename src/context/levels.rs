//! The squeeze: the order in which a tile's pixels are factored out, and the pixels that make up a context.
//! Format: section "Levels".
//!
//! Level `n` is the lattice of pixels whose row and column are multiples of `2^n`, its *spacing*. The pixels in odd
//! rows or columns, counted in units of the spacing, are factored out in phases; the others form the next, coarser
//! level. The phases are masks as in RealNVP (Dinh et al. 2017), but three instead of two, so that a pixel sees more of
//! its surroundings.

/// Levels of every tile, whatever its size.
pub(crate) const LEVELS: u32 = 7;
/// Phases of a level.
pub(crate) const PHASES: usize = 3;
/// Network evaluations in sequence, for an image of any size.
pub(crate) const PASSES: usize = LEVELS as usize * PHASES;
/// Rows and columns that a context reaches in each direction, in units of the spacing.
const REACH: isize = 5;
/// Taps of each phase's context.
const TAPS: [usize; PHASES] = [16, 24, 40];
/// Row and column of each phase's pixels, in units of the spacing, modulo 2. Pixels at (0, 0) belong to the next level,
/// and are known before all phases.
const PLACES: [(usize, usize); PHASES] = [(1, 1), (0, 1), (1, 0)];

/// The pixels of the coarsest lattice, as (column, row), in raster order.
pub(crate) fn coarsest(width: usize, height: usize) -> impl Iterator<Item = (usize, usize)> {
    let spacing = 1 << LEVELS;
    (0..height).step_by(spacing).flat_map(move |y| (0..width).step_by(spacing).map(move |x| (x, y)))
}

/// The pixels of a phase of a level, as (column, row), in raster order.
pub(crate) fn pixels(level: u32, phase: usize, width: usize, height: usize) -> impl Iterator<Item = (usize, usize)> {
    let (row, column) = PLACES[phase];
    let places = move |first: usize, length: usize| (first << level..length).step_by(2 << level);
    places(row, height).flat_map(move |y| places(column, width).map(move |x| (x, y)))
}

/// An offset from a pixel, in units of the spacing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tap {
    pub down: isize,
    pub right: isize,
}

/// The taps of a phase: the nearest pixels that are known before it, by distance; ties from the top left.
pub(crate) fn taps(phase: usize) -> Vec<Tap> {
    let (row, column) = PLACES[phase];
    let known = |tap: &Tap| {
        let at = |origin: usize, offset: isize| (origin as isize + offset).rem_euclid(2) as usize;
        let place = (at(row, tap.down), at(column, tap.right));
        place == (0, 0) || PLACES[..phase].contains(&place)
    };
    let all = (-REACH..=REACH).flat_map(|down| (-REACH..=REACH).map(move |right| Tap { down, right }));
    let mut taps: Vec<Tap> = all.filter(known).collect();
    taps.sort_by_key(|tap| (tap.down.pow(2) + tap.right.pow(2), *tap));
    taps.truncate(TAPS[phase]);
    taps
}

/// The offset from the pixels of a phase to the nearest pixel of the next level above, to the left, or both. That pixel
/// is always in the tile.
pub(crate) fn anchor(phase: usize) -> Tap {
    let (row, column) = PLACES[phase];
    Tap { down: -(row as isize), right: -(column as isize) }
}

/// The context size of a phase's network.
pub(crate) fn context_size(phase: usize, channels: usize) -> usize {
    (TAPS[phase] + 1) * channels + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pixel_is_factored_out_once() {
        for (width, height) in [(1, 1), (1, 300), (129, 128), (128, 129), (200, 5), (77, 91)] {
            let mut times = vec![0; width * height];
            let mut count = |(x, y): (usize, usize)| times[y * width + x] += 1;
            coarsest(width, height).for_each(&mut count);
            for (level, phase) in (0..LEVELS).flat_map(|level| (0..PHASES).map(move |phase| (level, phase))) {
                pixels(level, phase, width, height).for_each(&mut count);
            }
            assert!(times.iter().all(|&times| times == 1), "{width} x {height}");
        }
    }

    #[test]
    fn taps_are_the_nearest_known_ones_on_all_sides() {
        let tap = |down, right| Tap { down, right };
        assert_eq!(taps(0)[..4], [tap(-1, -1), tap(-1, 1), tap(1, -1), tap(1, 1)]);
        for phase in 1..PHASES {
            assert_eq!(taps(phase)[..4], [tap(-1, 0), tap(0, -1), tap(0, 1), tap(1, 0)]);
        }
        for (phase, count) in TAPS.into_iter().enumerate() {
            let taps = taps(phase);
            assert_eq!(taps.len(), count);
            assert!(taps.contains(&anchor(phase)));
        }
    }
}
