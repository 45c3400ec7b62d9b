//! RGB -> the luma and chroma that a conversion made it from. Only encoders need it.

use std::sync::LazyLock;

use super::conversion::{Conversion, Triple};

/// How far below 0 and above 255 the unclipped values of clipped samples are searched.
const BEYOND: i32 = 128;
/// Search radius around a neighbour's luma and chroma, by the number of clipped samples.
const RADIUS: [i32; 4] = [0, 48, 8, 4];

/// Offsets to the luma and chroma around an estimate, nearest first.
static AROUND: LazyLock<Vec<Triple>> = LazyLock::new(|| {
    let mut steps = Vec::new();
    for luma in -2..=2i32 {
        for blue in -1..=1i32 {
            steps.extend((-1..=1i32).map(|red| [luma, blue, red]));
        }
    }
    steps.sort_by_key(|step: &Triple| step.iter().map(|s| s.abs()).sum::<i32>());
    steps
});

/// The search for luma and chroma under one conversion.
pub(super) struct Search {
    conversion: Conversion,
    estimate: &'static Estimate,
    around: &'static [Triple],
}

/// A linear function of RGB, in units of 2^-16: for each output, the factors and the offset (which includes the half
/// for rounding).
struct Estimate([(Triple, i32); 3]);

// The inverse of the real-valued conversion, rounded to 2^-16; PhotoCD rounds down, so its inverse is that of the
// interval's middle.
const PHOTO_CD: Estimate =
    Estimate([([14420, 28329, 5496], 46975), ([-8832, -17351, 26183], 10262457), ([25226, -21127, -4099], 9018594)]);
const BT601_FULL: Estimate =
    Estimate([([19595, 38470, 7471], 32768), ([-11058, -21710, 32768], 8421376), ([32768, -27439, -5329], 8421376)]);
const BT601: Estimate =
    Estimate([([16829, 33039, 6416], 1081344), ([-9714, -19071, 28784], 8421376), ([28784, -24103, -4681], 8421376)]);
const BT709: Estimate =
    Estimate([([11966, 40254, 4064], 1081344), ([-6596, -22189, 28784], 8421376), ([28784, -26145, -2639], 8421376)]);
const BT709_FULL: Estimate =
    Estimate([([13933, 46871, 4732], 32768), ([-7509, -25259, 32768], 8421376), ([32768, -29763, -3005], 8421376)]);

impl Estimate {
    #[inline]
    fn of(&self, [red, green, blue]: Triple) -> Triple {
        self.0.each_ref().map(|(factors, add)| (factors[0] * red + factors[1] * green + factors[2] * blue + add) >> 16)
    }
}

impl Search {
    pub fn new(conversion: Conversion) -> Self {
        let estimate = match conversion {
            Conversion::PhotoCd => &PHOTO_CD,
            Conversion::Jfif => &BT601_FULL,
            Conversion::WebP | Conversion::Bt601 => &BT601,
            Conversion::Bt709 => &BT709,
            Conversion::Bt709Full => &BT709_FULL,
        };
        Self { conversion, estimate, around: &AROUND }
    }

    /// Valid luma and chroma near the estimate.
    #[inline]
    pub fn nearest(&self, pixel: Triple) -> Triple {
        self.estimate.of(pixel).map(|sample| sample.clamp(0, 255))
    }

    /// Luma and chroma that convert exactly to this pixel; if there are several, one close to `near`.
    #[inline]
    pub fn exact(&self, pixel: Triple, near: Triple) -> Option<Triple> {
        if pixel.iter().any(|&sample| sample == 0 || sample == 255) {
            return self.exact_of_clipped(pixel, near);
        }
        self.exact_around(pixel)
    }

    fn gives(&self, triple: Triple, pixel: Triple) -> bool {
        triple.iter().all(|sample| (0..256).contains(sample)) && self.conversion.convert(triple) == pixel
    }

    fn exact_around(&self, pixel: Triple) -> Option<Triple> {
        let centre = self.estimate.of(pixel);
        self.around.iter().map(|step| [0, 1, 2].map(|i| centre[i] + step[i])).find(|&triple| self.gives(triple, pixel))
    }

    /// A sample of 0 or 255 may come from any value beyond. The candidates then fill a line, a plane or a corner of
    /// space; searches around the luma and chroma of the neighbour.
    #[cold]
    fn exact_of_clipped(&self, pixel: Triple, near: Triple) -> Option<Triple> {
        if self.gives(near, pixel) {
            return Some(near);
        }
        let origin = self.conversion.unclipped(near);
        let range = [0, 1, 2].map(|i| match pixel[i] {
            0 => (-BEYOND, 0),
            255 => (255, 255 + BEYOND),
            sample => (sample, sample),
        });
        let start = [0, 1, 2].map(|i| origin[i].clamp(range[i].0, range[i].1));
        let clipped = range.iter().filter(|(low, high)| low < high).count();
        let distance = |triple: &Triple| -> i32 { triple.iter().zip(near).map(|(a, b)| (a - b).abs()).sum() };
        let best = (0..=RADIUS[clipped]).find_map(|radius| {
            shell(start, range, radius)
                .map(|target| self.estimate.of(target))
                .filter(|&triple| self.gives(triple, pixel))
                .min_by_key(distance)
        });
        best.or_else(|| self.exact_around(start).filter(|&triple| self.gives(triple, pixel)))
    }
}

/// The points of a box at maximum-norm distance `radius` from `start`.
fn shell(start: Triple, range: [(i32, i32); 3], radius: i32) -> impl Iterator<Item = Triple> {
    let axis = move |i: usize| (start[i] - radius).max(range[i].0)..=(start[i] + radius).min(range[i].1);
    axis(0)
        .flat_map(move |red| axis(1).flat_map(move |green| axis(2).map(move |blue| [red, green, blue])))
        .filter(move |point| (0..3).map(|i| (point[i] - start[i]).abs()).max() == Some(radius))
}
