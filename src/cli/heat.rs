//! Bits -> colours: the picture of a bit map, with a scale below it.

use ansel::{BitMap, Planes, Result};
use font8x8::legacy::BASIC_LEGACY;
use ndarray::{Array2, Array3, Axis, s};

/// Side of a letter in pixels, at the smallest size.
const LETTER: usize = 8;
/// Letters per line of the legend; narrower images are widened.
const LINE_LETTERS: usize = 40;
/// Heights in pixels at the smallest size: a line, and the colour bar.
const LINE: usize = 12;
const BAR: usize = 10;
/// Intervals into which labels divide the scale.
const TICKS: usize = 4;
/// Share of the pixels that may lie beyond the scale.
const BEYOND: f64 = 0.005;
const PAPER: [u8; 3] = [255; 3];
const INK: [u8; 3] = [16; 3];

/// The bits of each pixel, for one channel (0 is the first) or all together, with axes (row, column).
pub fn bits_of_pixels(map: &BitMap, channel: Option<usize>) -> Array2<f32> {
    match channel {
        Some(channel) => map.bits.index_axis(Axis(0), channel).to_owned(),
        None => map.bits.sum_axis(Axis(0)),
    }
}

/// The end of a scale that starts at 0 and covers nearly all of these bits: a round number.
pub fn scale_of<'a>(bits: impl Iterator<Item = &'a f32>) -> f32 {
    let mut sorted: Vec<f32> = bits.copied().collect();
    let rank = ((sorted.len() as f64 * (1.0 - BEYOND)) as usize).min(sorted.len().saturating_sub(1));
    let most = if sorted.is_empty() { 0.0 } else { *sorted.select_nth_unstable_by(rank, f32::total_cmp).1 };
    let decade = 10f32.powf(most.max(0.01).log10().floor());
    let easy = [1.0, 1.2, 1.6, 2.0, 2.4, 3.2, 4.0, 6.0, 8.0, 10.0].map(|step| step * decade);
    easy.into_iter().find(|&end| end >= most).unwrap_or(10.0 * decade)
}

/// The colour at a position of the scale, 0 to 1: cividis, which looks nearly the same to people with colour vision
/// deficiency.
pub fn colour(place: f32) -> [u8; 3] {
    colorous::CIVIDIS.eval_continuous(f64::from(place.clamp(0.0, 1.0))).as_array()
}

/// The colours of bits, on a scale that ends at `scale`.
pub fn colours(bits: &Array2<f32>, scale: f32) -> Array3<u16> {
    // More steps than an 8-bit channel has values.
    let table: Vec<[u8; 3]> = (0..=1023).map(|step| colour(step as f32 / 1023.0)).collect();
    let mut colours = Array3::zeros((3, bits.nrows(), bits.ncols()));
    for ((y, x), &bits) in bits.indexed_iter() {
        let colour = table[(bits / scale * 1023.0).clamp(0.0, 1023.0) as usize];
        (0..3).for_each(|channel| colours[[channel, y, x]] = colour[channel].into());
    }
    colours
}

/// The picture of the bits of pixels. Pixel (x, y) shows the bits of pixel (x, y) of the image; below are a line of
/// text, the scale, and more lines of text.
pub fn picture(bits: &Array2<f32>, scale: f32, title: &str, notes: &[String]) -> Result<Planes> {
    let (height, width) = bits.dim();
    let size = (width / (LINE_LETTERS * LETTER)).max(1);
    let legend = size * (3 * LINE + BAR + LINE * notes.len());
    let mut canvas = Canvas::new((height + legend, width.max(LINE_LETTERS * LETTER)), size);
    canvas.samples.slice_mut(s![.., ..height, ..width]).assign(&colours(bits, scale));
    let margin = size * LETTER / 2;
    let mut top = height + margin;
    canvas.write(title, margin, top);
    top += size * LINE;
    let bar = canvas.width() - 2 * margin;
    for x in 0..bar {
        let colour = colour(x as f32 / (bar - 1) as f32);
        (top..top + size * BAR).for_each(|y| canvas.set(margin + x, y, colour));
    }
    top += size * (BAR + 2);
    for tick in 0..=TICKS {
        let plus = if tick == TICKS { "+" } else { "" };
        let label = format!("{}{plus}", short(scale * tick as f32 / TICKS as f32));
        let left = (bar * tick / TICKS).min(bar - size * LETTER * label.len());
        canvas.write(&label, margin + left, top);
    }
    for note in notes {
        top += size * LINE;
        canvas.write(note, margin, top);
    }
    Planes::new(canvas.samples, 8)
}

/// A number with as few digits as necessary, at most two of them after the point.
pub fn short(number: f32) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A picture to draw on.
struct Canvas {
    samples: Array3<u16>,
    /// Pixels per dot of a letter.
    size: usize,
}

impl Canvas {
    fn new((height, width): (usize, usize), size: usize) -> Self {
        Self { samples: Array3::from_shape_fn((3, height, width), |(channel, ..)| PAPER[channel].into()), size }
    }

    fn width(&self) -> usize {
        self.samples.dim().2
    }

    fn set(&mut self, x: usize, y: usize, colour: [u8; 3]) {
        for (channel, sample) in colour.into_iter().enumerate() {
            if let Some(place) = self.samples.get_mut([channel, y, x]) {
                *place = sample.into();
            }
        }
    }

    /// Draws ASCII text; what does not fit on the right is cut off.
    fn write(&mut self, text: &str, left: usize, top: usize) {
        let size = self.size;
        for (index, letter) in text.bytes().enumerate() {
            let rows = BASIC_LEGACY[usize::from(letter & 127)];
            for (y, x) in (0..LETTER).flat_map(|y| (0..LETTER).map(move |x| (y, x))) {
                if rows[y] >> x & 1 == 0 {
                    continue;
                }
                let (from_left, from_top) = (left + (index * LETTER + x) * size, top + y * size);
                for (down, right) in (0..size).flat_map(|down| (0..size).map(move |right| (down, right))) {
                    self.set(from_left + right, from_top + down, INK);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_at_numbers_that_are_easy_to_read() {
        for (most, end) in
            [(0.0, 0.01), (0.9, 1.0), (1.0, 1.0), (9.3, 10.0), (13.0, 16.0), (23.9, 24.0), (101.0, 120.0)]
        {
            let bits = [0.0, most / 2.0, most];
            assert!((scale_of(bits.iter()) / end - 1.0).abs() < 1e-5, "{most}");
        }
        // One outlier in a thousand does not stretch the scale.
        let bits: Vec<f32> = (0..1000).map(|index| if index == 7 { 99.0 } else { 3.0 }).collect();
        assert!((scale_of(bits.iter()) - 3.2).abs() < 1e-5);
        assert!(scale_of([].iter()) > 0.0);
    }

    #[test]
    fn brightness_grows_along_the_scale() {
        let luma = |[r, g, b]: [u8; 3]| 299 * u32::from(r) + 587 * u32::from(g) + 114 * u32::from(b);
        let lumas: Vec<u32> = (0..=64).map(|step| luma(colour(step as f32 / 64.0))).collect();
        assert!(lumas.windows(2).all(|pair| pair[0] < pair[1]), "{lumas:?}");
    }

    #[test]
    fn pixels_have_their_colours_and_the_legend_is_below() {
        let bits = Array2::from_shape_fn((3, 400), |(y, x)| if y == 1 { 12.0 } else { x as f32 });
        let picture = picture(&bits, 24.0, "title", &["a note".to_owned()]).expect("a picture");
        let (samples, at) = (picture.samples(), |x: usize, y: usize| (0..3).map(move |c| [c, y, x]));
        let colour_at = |x, y| at(x, y).map(|place| samples[place] as u8).collect::<Vec<_>>();
        assert_eq!(colour_at(0, 0), colour(0.0));
        assert_eq!(colour_at(399, 2), colour(1.0));
        let middle = colour(0.5);
        assert!(colour_at(77, 1).iter().zip(middle).all(|(&sample, expected)| sample.abs_diff(expected) <= 1));
        assert_eq!(samples.dim(), (3, 3 + 3 * LINE + BAR + LINE, 400));
        let inked = |rows: std::ops::Range<usize>| rows.flat_map(|y| (0..400).map(move |x| (x, y)));
        for line in [3 + LETTER / 2, 3 + LETTER / 2 + LINE + BAR + 2, 3 + LETTER / 2 + 2 * LINE + BAR + 2] {
            let ink = inked(line..line + LETTER).filter(|&(x, y)| colour_at(x, y) == INK).count();
            assert!(ink > 20, "{ink} pixels of text at {line}");
        }
    }
}
