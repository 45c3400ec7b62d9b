//! Programs of small patches, written by hand and drawn at random, and networks that are any functions of what they see.

use super::*;
use crate::entropy::mixture::MixtureShape;
use crate::infer::LANES;
use crate::model::program::NetworkUse;

/// A network without weights: outputs, of a magnitude, are a hash of the contexts.
#[derive(Debug)]
pub(super) struct Hashed {
    sizes: (usize, usize),
    magnitude: i32,
}

impl Hashed {
    fn outputs(&self, context: &[i16]) -> impl Iterator<Item = i16> {
        assert!(context.iter().all(|x| (-256..=256).contains(x)), "a context beyond the contract");
        let mix = |hash: u64, &x: &i16| (hash ^ x as u64).wrapping_mul(0x0100_0000_01b3);
        let mut random = Random(context.iter().fold(0xcbf2_9ce4_8422_2325, mix) | 1);
        let magnitude = self.magnitude;
        std::iter::repeat_with(move || random.symmetric(magnitude) as i16).take(self.sizes.1)
    }
}

impl Evaluator for Hashed {
    fn shape(&self) -> MixtureShape {
        MixtureShape { components: 0, channels: 1, pinned: false }
    }

    fn run(&mut self, contexts: &[i16], outputs: &mut Vec<i16>) -> Result<()> {
        let (inputs, size) = self.sizes;
        let rows = contexts.chunks_exact(inputs);
        outputs.clear();
        outputs.resize(rows.len().div_ceil(LANES) * LANES * size, 0);
        for (pixel, row) in rows.enumerate() {
            let lane = outputs[pixel / LANES * size * LANES..].iter_mut().skip(pixel % LANES).step_by(LANES);
            lane.zip(self.outputs(row)).for_each(|(to, from)| *to = from);
        }
        Ok(())
    }
}

/// Networks for all uses of a program, with outputs of a magnitude.
pub(super) fn hashed(program: &Program, magnitude: i32) -> Vec<Hashed> {
    let mut networks: Vec<NetworkUse> = program.uses().collect();
    networks.sort_by_key(|used| used.network);
    assert!(networks.iter().map(|used| used.network).eq(0..networks.len()), "a network for each use");
    networks.into_iter().map(|used| Hashed { sizes: used.sizes, magnitude }).collect()
}

/// The base distribution whose mixtures follow the number of channels.
const MIXTURE: &str = "mixture ";

/// The lines of a program of patches of so many pixels on a side, and what is left of the patch.
#[derive(Debug, Clone)]
struct Lines {
    text: String,
    networks: usize,
    channels: usize,
    side: usize,
}

impl Lines {
    fn new(first: &str, networks: usize, channels: usize, side: usize) -> Self {
        Self { text: first.to_owned(), networks, channels, side }
    }

    fn line(&mut self, line: &str) {
        self.text += &format!("\n{line}");
    }

    fn squeeze(&mut self) {
        self.line("squeeze");
        (self.channels, self.side) = (4 * self.channels, self.side / 2);
    }

    /// A coupling, or one the other way, of some channels, given some whole ones and halves of some.
    fn couple(&mut self, name: &str, pixels: &str, [to, known, half]: [(usize, usize); 3]) {
        let pair = |(first, count): (usize, usize)| format!("{first} {count}");
        let channels = format!("to {} known {} half {}", pair(to), pair(known), pair(half));
        self.line(&format!("{name} {pixels} network {} taps 6 {channels}", self.networks));
        self.networks += 1;
    }

    /// All channels leave, scaled to about 16 samples each.
    fn factor_all(self) -> String {
        self.factor_under("")
    }

    fn factor_under(mut self, distribution: &str) -> String {
        let channels = self.channels;
        let each = |numbers: &str| numbers.repeat(channels);
        self.line(&format!("norm {channels}{}{}", each(" 0"), each(" -256")));
        let shares = if distribution == MIXTURE {
            // Neighbouring channels have different mixtures.
            let weights: String = (0..channels).map(|c| [" 9000 56536", " 56536 9000"][c % 2]).collect();
            format!(" 2{weights}{}{}", each(" -80 90"), each(" 30 -20"))
        } else {
            String::new()
        };
        self.line(&format!("factor {distribution}{channels}{shares}"));
        self.text
    }

    /// A level of latents of what the patch has, drawn from a posterior that moves them twice and mixes them.
    fn draw(&mut self, distribution: &str, count: usize) {
        self.line(&format!("draw {distribution}{count}"));
        self.couple("uncouple affine", "all", [(0, count), (count, self.channels), (0, 0)]);
        self.couple("uncouple additive", "odd", [(0, count), (count, self.channels), (0, count)]);
        self.channels += count;
        let mut lower = vec![vec![0; self.channels]; self.channels];
        (1..count).for_each(|row| lower[row][0] = 900);
        let (lower, upper) = (lower.concat(), vec![0; self.channels * self.channels]);
        let entries: String = lower.iter().chain(&upper).map(|entry| format!(" {entry}")).collect();
        self.line(&format!("lu {}{entries}{}", self.channels, " 0".repeat(self.channels)));
    }

    /// The places of a block of samples of so many channels leave, the last one first, given what is before them.
    fn observe(&mut self, channels: usize, components: usize) {
        for _ in 0..4 {
            self.channels -= channels;
            let entries = vec![" 700"; 5 * self.channels * channels].concat();
            let (network, known) = (self.networks, self.channels);
            self.line(&format!("observe network {network} components {components} taps 4 known {known}{entries}"));
            self.networks += 1;
        }
    }
}

/// `n` rows of a triangular matrix, below the diagonal or above it.
fn triangular(n: usize, below: bool, random: &mut Random) -> String {
    let places = (0..n).flat_map(|i| (0..n).map(move |j| if below { j < i } else { j > i }));
    places.map(|is| format!(" {}", if is { random.symmetric(1000) } else { 0 })).collect()
}

fn lu(n: usize, random: &mut Random) -> String {
    let exponents: String = (0..n).map(|_| format!(" {}", random.symmetric(64))).collect();
    format!("lu {n}{}{}{exponents}", triangular(n, true, random), triangular(n, false, random))
}

fn program(text: &str, channels: usize, side: usize) -> Program {
    Program::of_side(side, text, channels).unwrap_or_else(|error| panic!("{error}:\n{text}"))
}

/// For each operation and each way that it has, a program about it; and its name.
pub(super) fn variants() -> Vec<(&'static str, Program)> {
    let random = &mut Random(77);
    let uniform = |channels: usize| Lines::new("dequantize uniform", 0, channels, 8);
    let squeezed = || {
        let mut lines = uniform(1);
        lines.squeeze();
        lines
    };
    let coupled = |name: &str, masks: &[(&str, [(usize, usize); 3])]| {
        let mut lines = squeezed();
        masks.iter().for_each(|(pixels, channels)| lines.couple(name, pixels, *channels));
        program(&lines.factor_all(), 1, 8)
    };
    let channel_masks = [("all", [(1, 3), (0, 1), (0, 0)]), ("all", [(0, 1), (1, 3), (0, 0)])];
    let checkerboards = [("even", [(0, 4), (0, 0), (0, 4)]), ("odd", [(1, 3), (0, 1), (1, 3)])];
    let raster = [("raster", [(0, 1), (1, 3), (0, 1)]), ("raster", [(0, 4), (0, 0), (0, 4)])];
    let with = |mut lines: Lines, line: &str| {
        lines.line(line);
        program(&lines.factor_all(), 1, 8)
    };
    let mut early = squeezed();
    early.line("factor 2");
    early.channels = 2;
    let latents = |levels: usize, channels: usize| {
        let mut lines = Lines::new("dequantize none", 0, channels, 8);
        lines.squeeze();
        lines.draw("", 2);
        lines.observe(channels, 2 + levels);
        if levels == 2 {
            lines.draw("gaussian ", 1);
            lines.couple("couple affine", "all", [(1, 2), (0, 1), (0, 0)]);
            lines.line("factor 2");
            lines.channels -= 2;
        }
        program(&lines.factor_all(), channels, 8)
    };
    vec![
        ("uniform noise", program(&uniform(3).factor_all(), 3, 8)),
        ("variational noise", program(&Lines::new("dequantize variational 0", 2, 1, 8).factor_all(), 1, 8)),
        ("variational noise, colour", program(&Lines::new("dequantize variational 0", 6, 3, 8).factor_all(), 3, 8)),
        ("squeeze", program(&squeezed().factor_all(), 1, 8)),
        ("lu", with(squeezed(), &lu(4, random))),
        ("norm", with(squeezed(), "norm 3 100 -200 7 70 30 0")),
        ("factor", program(&early.factor_all(), 1, 8)),
        ("factor, gaussian", program(&squeezed().factor_under("gaussian "), 1, 8)),
        ("factor, mixtures", program(&squeezed().factor_under(MIXTURE), 1, 8)),
        ("affine, channels", coupled("couple affine", &channel_masks)),
        ("affine, checkerboard", coupled("couple affine", &checkerboards)),
        ("additive, channels", coupled("couple additive", &channel_masks)),
        ("additive, checkerboard", coupled("couple additive", &checkerboards)),
        ("inverted", coupled("uncouple affine", &checkerboards)),
        ("autoregressive", coupled("couple affine", &raster)),
        ("autoregressive, inverted", coupled("uncouple affine", &raster)),
        ("latents", latents(1, 1)),
        ("latents, colour", latents(1, 3)),
        ("two levels of latents", latents(2, 1)),
    ]
}

/// A program of any operations, of one channel or three.
pub(super) fn random_program(random: &mut Random) -> Program {
    loop {
        let channels = [1, 3][random.index(2)];
        let (text, side) = if random.below(3) == 0 { with_latents(channels, random) } else { flow(channels, random) };
        // Some have integers that may get too large.
        if let Ok(program) = Program::of_side(side, &text, channels) {
            return program;
        }
    }
}

fn flow(channels: usize, random: &mut Random) -> (String, usize) {
    let side = [4, 8, 16][random.index(3)];
    let (first, networks) = match random.below(2) {
        0 => ("dequantize uniform", 0),
        _ => ("dequantize variational 0", 2 * channels),
    };
    let mut lines = Lines::new(first, networks, channels, side);
    for _ in 0..random.below(8) {
        any_operation(&mut lines, random);
    }
    (lines.factor_under(["", "gaussian ", MIXTURE][random.index(3)]), side)
}

fn any_operation(lines: &mut Lines, random: &mut Random) {
    let n = lines.channels;
    match random.below(6) {
        0 if lines.side > 4 && n <= 12 => lines.squeeze(),
        1 if n <= 12 => lines.line(&lu(n, random)),
        2 => {
            let count = n.min(2);
            let mut numbers = |most| (0..count).map(|_| format!(" {}", random.symmetric(most))).collect::<String>();
            let line = format!("norm {count}{}{}", numbers(500), numbers(64));
            lines.line(&line);
        }
        3 if n > 1 => {
            let count = 1 + random.index(n - 1);
            lines.line(&format!("factor {count}"));
            lines.channels -= count;
        }
        _ => {
            let name = ["couple affine", "couple additive", "uncouple affine"][random.index(3)];
            let cut = random.index(n);
            let channels = match random.below(2) {
                0 if cut > 0 => [(cut, n - cut), (0, cut), (0, 0)],
                0 => return,
                _ => [(cut, n - cut), (0, cut), (cut, n - cut)],
            };
            let pixels = if channels[2].1 > 0 { ["even", "odd", "raster"][random.index(3)] } else { "all" };
            lines.couple(name, pixels, channels);
        }
    }
}

fn with_latents(channels: usize, random: &mut Random) -> (String, usize) {
    let side = [8, 16][random.index(2)];
    let mut lines = Lines::new("dequantize none", 0, channels, side);
    lines.squeeze();
    lines.draw(["", "gaussian "][random.index(2)], 1 + random.index(3));
    lines.observe(channels, 3 + random.index(3));
    for _ in 0..random.below(3) {
        if lines.side > 4 && random.below(2) == 0 {
            lines.squeeze();
        }
        let below = lines.channels;
        let count = 1 + random.index(2);
        lines.draw("", count);
        lines.couple("couple affine", "all", [(count, below), (0, count), (0, 0)]);
        lines.line(&format!("factor {below}"));
        lines.channels -= below;
    }
    for _ in 0..random.below(3) {
        any_operation(&mut lines, random);
    }
    (lines.factor_all(), side)
}
