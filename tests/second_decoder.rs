//! Small files in the second decoder, `tests/decoder/decode.py`, which was written from the format's description alone:
//! both decoders must agree on every sample and on the metadata. Needs Python 3.9, as the build does; without Pillow,
//! files with VP8L are skipped.

mod common;

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::Path;
use std::process::{Command, Output};

use ansel::{Codec, Content, Effort, Metadata, MetadataKind, ModelChoice, Planes};
use common::raw::{learning, network};
use common::{
    Random, arcs, flow_file, metadata, model_file, photograph_crop, program_file, scaled, stripes, tiny_program,
};
use ndarray::{Array3, Axis, concatenate, s};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

/// The exit code of the second decoder if Pillow is missing.
const NO_PILLOW: i32 = 3;
/// The exit code of the second decoder for a JPEG file in a Lepton stream.
const NO_LEPTON: i32 = 4;

struct Example {
    name: &'static str,
    planes: Planes,
    metadata: Metadata,
}

fn example(name: &'static str, planes: Planes) -> Example {
    Example { name, planes, metadata: Metadata::default() }
}

fn planes(
    channels: usize,
    width: usize,
    height: usize,
    depth: u32,
    sample: impl FnMut((usize, usize, usize)) -> u16,
) -> Planes {
    Planes::new(Array3::from_shape_fn((channels, height, width), sample), depth).expect("valid samples")
}

/// The photograph with its samples mapped.
fn mapped(channels: usize, width: usize, height: usize, depth: u32, map: impl Fn(usize, u16) -> u16) -> Planes {
    let photograph = photograph_crop(channels.min(3), width, height);
    planes(channels, width, height, depth, |(c, y, x)| {
        // Alpha is another part of the photograph than the colours.
        let source = if c == 3 { (0, height - 1 - y, x) } else { (c, y, x) };
        map(c, photograph.samples()[source])
    })
}

/// The photograph converted to luma and chroma and back as libjpeg does it, with two pixels off the lattice.
fn converted() -> Planes {
    let mut samples = photograph_crop(3, 36, 30).samples().clone();
    for mut pixel in samples.lanes_mut(Axis(0)) {
        let [y, b, r] = [pixel[0], pixel[1] / 4 + 96, pixel[2] / 4 + 96].map(i32::from);
        let (y, b, r) = ((y << 16) + 32768, b - 128, r - 128);
        let colour = [y + 91881 * r, y - 22554 * b - 46802 * r, y + 116130 * b];
        pixel.iter_mut().zip(colour).for_each(|(sample, value)| *sample = (value >> 16).clamp(0, 255) as u16);
    }
    samples[[0, 7, 5]] ^= 64;
    samples[[2, 29, 35]] ^= 128;
    Planes::new(samples, 8).expect("valid samples")
}

/// Rectangles with few colours, as in graphics.
fn rectangles(channels: usize, depth: u32, colours: u64) -> Planes {
    let mut random = Random(99);
    let palette: Vec<Vec<u16>> =
        (0..colours).map(|_| (0..channels).map(|_| random.next() as u16 >> (16 - depth)).collect()).collect();
    let mut samples = Array3::zeros((channels, 24, 40));
    for _ in 0..60 {
        let [x, y, w, h, colour] = [36, 20, 12, 6, colours].map(|most| (random.next() % most) as usize);
        for (y, x) in (y..(y + h + 1).min(24)).flat_map(|y| (x..(x + w + 1).min(40)).map(move |x| (y, x))) {
            (0..channels).for_each(|c| samples[[c, y, x]] = palette[colour][c]);
        }
    }
    Planes::new(samples, depth).expect("valid samples")
}

/// A grid of cells: two in three have one colour, the others show the photograph.
fn collage() -> Planes {
    let photograph = mapped(3, 80, 60, 8, |c, v| v ^ (v >> 3 & 1) << (c % 2));
    planes(3, 80, 60, 8, |(c, y, x)| match (x / 12, y / 12) {
        (column, row) if (column + row) % 3 != 0 => (64 * ((8 * row + column + c) % 4)) as u16,
        _ => photograph.samples()[(c, y, x)],
    })
}

/// Noise that repeats at distances beyond a context.
fn wallpaper(channels: usize) -> Planes {
    let noise = common::noise(channels, 12, 12);
    planes(channels, 60, 60, 8, |(c, y, x)| noise.samples()[(c, y % 12, x % 12)])
}

/// The same with 16 bits, and too many values for a transform.
fn deep_wallpaper(channels: usize) -> Planes {
    let mut random = Random(3);
    let noise = planes(channels, 24, 24, 16, |_| random.next() as u16);
    planes(channels, 72, 96, 16, |(c, y, x)| noise.samples()[(c, y % 24, x % 24)])
}

fn all_metadata() -> Metadata {
    let mut metadata = metadata();
    metadata.set(MetadataKind::Palette, vec![1, 1, 0, 0, 0, 255, 255, 255]);
    metadata.set(MetadataKind::PngChunks, b"\0\0\0\x04gAMA\0\0\xb1\x8f\0\0\0\0IDAT".to_vec());
    metadata
}

fn examples() -> Vec<Example> {
    let doubled = photograph_crop(3, 20, 20);
    let half = photograph_crop(3, 40, 30);
    let grey = photograph_crop(1, 24, 20);
    let mut examples = vec![
        example("a photograph", mapped(3, 33, 21, 8, |c, v| v ^ (v >> 3 & 1) << (c % 2))),
        example("two tiles", photograph_crop(1, 520, 2)),
        example("grey in three channels", planes(3, 24, 20, 8, |(_, y, x)| grey.samples()[(0, y, x)])),
        example("luma and chroma", converted()),
        example("every fifth value", mapped(3, 24, 20, 8, |c, v| v / 5 * 5 + c as u16)),
        example("scattered values", mapped(1, 48, 40, 16, |_, v| v / 4 * 1021 + v / 4 * (v / 4) % 97)),
        example("doubled pixels", planes(3, 40, 40, 8, |(c, y, x)| doubled.samples()[(c, y / 2, x / 2)])),
        example(
            "half a photograph",
            planes(3, 40, 30, 8, |(c, y, x)| if x < 20 { 200 } else { half.samples()[(c, y, x)] }),
        ),
        example("grey and alpha", mapped(2, 20, 20, 8, |c, v| if c == 1 { 255 - v } else { v })),
        example("colour and alpha", mapped(4, 20, 20, 8, |_, v| v)),
        example("16 bits, colour and alpha", mapped(4, 18, 16, 16, |c, v| v * 256 + v * 7 % 256 + c as u16)),
        example("12 bits", mapped(1, 24, 20, 12, |_, v| v * 16 + v % 16)),
        example("3 bits", mapped(3, 24, 20, 3, |_, v| v / 32)),
        example("1 bit", mapped(1, 40, 30, 1, |_, v| u16::from(v > 100))),
        example("rectangles of 1 bit", rectangles(1, 1, 2)),
        example("rectangles of 16 bits", rectangles(3, 16, 9)),
        example("rectangles with alpha", rectangles(4, 8, 30)),
        example("a collage", collage()),
        example("one colour", planes(4, 9, 7, 8, |(c, ..)| c as u16)),
        example("one colour of 16 bits", planes(3, 5, 3, 16, |(c, ..)| 300 * c as u16)),
        Example { name: "metadata", planes: photograph_crop(1, 5, 3), metadata: all_metadata() },
    ];
    examples.extend((1..=4).map(|channels| example("a wallpaper", wallpaper(channels))));
    examples.extend((1..=4).map(|channels| example("a wallpaper of 16 bits", deep_wallpaper(channels))));
    examples.push(example("a wallpaper of 10 bits", scaled(&wallpaper(3), 10)));
    examples
}

fn put_number(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The header of an image without metadata.
fn header(image: &Planes, height: usize, band_rows: usize) -> Vec<u8> {
    let mut header = b"\x89ANSL\r\n\x1a\x01".to_vec();
    header.push((image.channels() | (image.depth() as usize - 1) << 4) as u8);
    [image.samples().dim().2, height, band_rows].into_iter().for_each(|number| put_number(&mut header, number));
    header.push(0);
    let sum = Sha256::digest(&header);
    header.extend(&sum[..4]);
    header
}

/// A file with two bands, from two images. (The library divides only large images.)
fn two_bands(codec: &Codec) -> (Planes, Vec<u8>) {
    let [above, below] = [(0, 20), (20, 9)].map(|(first, rows)| {
        let photograph = photograph_crop(3, 24, 29);
        planes(3, 24, rows, 8, |(c, y, x)| photograph.samples()[(c, first + y, x)])
    });
    let mut file = header(&above, 29, 20);
    for (band, rows) in [(&above, 20), (&below, 9)] {
        let alone = codec.compress(band, &Metadata::default()).expect("a compressed image");
        file.extend(alone.strip_prefix(&header(band, rows, rows)[..]).expect("the header of an image of one band"));
    }
    let samples = concatenate(Axis(1), &[above.samples().view(), below.samples().view()]).expect("equal widths");
    (Planes::new(samples, 8).expect("valid samples"), file)
}

fn run_second_decoder(file: &[u8], output: &Path) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("image.ansel");
    std::fs::write(&source, file).expect("a written file");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = if cfg!(windows) { "python" } else { "python3" };
    let mut command = Command::new(python);
    let models = std::env::join_paths([root.join("models"), root.join("tests/models")]).expect("folders");
    command.arg("-B").arg(root.join("tests/decoder/decode.py")).arg(source).arg(models).arg(output);
    command.output().expect("python3")
}

/// Runs the second decoder; returns its output and the bytes of a PNM file, or `None` if it needs Pillow.
fn second_decoder(file: &[u8], name: &str) -> Option<(String, Vec<u8>)> {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("image.pnm");
    let result = run_second_decoder(file, &output);
    if result.status.code() == Some(NO_PILLOW) {
        return None;
    }
    assert!(result.status.success(), "{name}: {}", String::from_utf8_lossy(&result.stderr));
    let printed = String::from_utf8(result.stdout).expect("text");
    Some((printed, std::fs::read(output).expect("the decoded image")))
}

/// Compares both decoders on a file; returns the methods by which its parts were coded.
fn compare(codec: &Codec, (example, file): &(Example, Vec<u8>)) -> BTreeSet<String> {
    let Example { name, planes, metadata } = example;
    let decoded = codec.decompress(file).expect("a file that decodes");
    assert!(decoded.planes == *planes && decoded.metadata == *metadata, "{name}");
    let info = codec.read_info(Cursor::new(file)).expect("a valid file");
    let parts: Vec<_> = info.bands.iter().flat_map(ansel::Band::parts).collect();
    let mut ways = BTreeSet::new();
    for part in &parts {
        ways.extend(part.transforms.iter().map(|&transform| transform.to_owned()));
        ways.insert(part.model.map_or(part.coder.to_owned(), |(id, _)| format!("model {id}")));
    }
    let Some((printed, image)) = second_decoder(file, name) else {
        assert!(parts.iter().any(|part| part.coder == "VP8L"), "{name} does not need Pillow");
        eprintln!("{name}: left out, Pillow is missing");
        return ways;
    };
    let interleaved = planes.samples().view().permuted_axes([1, 2, 0]);
    let low_byte = if planes.depth() > 8 { 0 } else { 1 };
    let expected: Vec<u8> = interleaved.iter().flat_map(|sample| sample.to_be_bytes()[low_byte..].to_vec()).collect();
    assert!(image.ends_with(&expected) && image.len() < expected.len() + 100, "{name}: other samples");
    assert_eq!(printed.lines().count(), metadata.blocks().len(), "{name}: {printed}");
    for (block, line) in metadata.blocks().iter().zip(printed.lines()) {
        let digest: String = Sha256::digest(&block.bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let start = format!("metadata {}: {} bytes, {digest}", block.kind as u8, block.bytes.len());
        assert!(line.starts_with(&start), "{name}: {line}");
    }
    ways
}

/// JPEG files: the second decoder restores stored ones, and recognises Lepton streams.
#[test]
fn the_second_decoder_knows_files_that_hold_jpeg_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let jpeg = |name: &str| std::fs::read(root.join("tests/jpeg").join(name)).expect("a JPEG file");
    let compressed = |name: &str| Codec::default().compress_jpeg(&jpeg(name)).expect("a compressed file");
    let (printed, stored) = second_decoder(&compressed("cmyk.jpg"), "CMYK").expect("no need of Pillow");
    assert!(printed.is_empty() && stored == jpeg("cmyk.jpg"));
    let output = run_second_decoder(&compressed("progressive.jpg"), Path::new("none"));
    assert_eq!(output.status.code(), Some(NO_LEPTON), "{}", String::from_utf8_lossy(&output.stderr));
}

/// XXH3 in Python and in the library's crate, at all lengths where the algorithm differs, and some others.
#[test]
fn the_sample_checksum_of_the_second_decoder_is_xxh3() {
    let folder = tempfile::tempdir().expect("a folder");
    let bytes = Random(3).bytes(4500);
    std::fs::write(folder.path().join("bytes"), &bytes).expect("a written file");
    let lengths: Vec<usize> = (0..300).chain((300..3000).step_by(61)).chain([1023, 1024, 1025, 2048, 4096]).collect();
    let program = format!(
        "from xxh3 import xxh3\ndata = open({:?}, 'rb').read()\nfor n in {lengths:?}: print(xxh3(data[:n]))",
        folder.path().join("bytes")
    );
    let python = if cfg!(windows) { "python" } else { "python3" };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/decoder");
    let result = Command::new(python).args(["-B", "-c", &program]).current_dir(root).output().expect("python3");
    let printed: Vec<u64> =
        String::from_utf8(result.stdout).expect("text").lines().map(|line| line.parse().expect("a number")).collect();
    let expected: Vec<u64> = lengths.iter().map(|&length| xxhash_rust::xxh3::xxh3_64(&bytes[..length])).collect();
    assert_eq!(printed, expected, "{}", String::from_utf8_lossy(&result.stderr));
}

/// The examples, and images for what they do not reach, with the file of each.
fn files(codec: &Codec) -> Vec<(Example, Vec<u8>)> {
    let compressed = |codec: &Codec, example: Example| {
        let file = codec.compress(&example.planes, &example.metadata).expect("a compressed image");
        (example, file)
    };
    let of_model = |name, planes, model| {
        compressed(&Codec::builder().model(model).build().expect("a codec"), example(name, planes))
    };
    let mut files: Vec<_> = examples().into_iter().map(|example| compressed(codec, example)).collect();
    for name in ["turbo", "fast", "max"] {
        for planes in
            [mapped(3, 33, 21, 8, |c, v| v ^ (v >> 3 & 1) << (c % 2)), photograph_crop(1, 24, 20), converted()]
        {
            files.push(of_model(name, planes, ModelChoice::Named(name.to_owned())));
        }
    }
    for expert in ansel::models().iter().filter(|model| model.expert.is_some()) {
        files.push(of_model("expert", photograph_crop(3, 14, 11), ModelChoice::File(expert.file.into())));
    }
    for (planes, content) in [(stripes(1, 40, 32), Content::Grey), (stripes(3, 32, 24), Content::Colour)] {
        let learning = Codec::builder().effort(Effort::Max).model(model_file(content)).build().expect("a codec");
        let (_, fixed) = of_model("no learning", planes.clone(), model_file(content));
        let (example, file) = compressed(&learning, example("learning", planes));
        assert!(file.len() + 8 < fixed.len(), "nothing was learned: {} bytes, {} without", file.len(), fixed.len());
        files.push((example, file));
    }
    for (name, planes) in [("flow", photograph_crop(3, 27, 18)), ("grey flow", photograph_crop(1, 10, 37))] {
        let model = flow_file(planes.channels());
        files.push(of_model(name, planes, model));
    }
    let (patch, below) = (photograph_crop(3, 64, 64), common::noise(3, 64, 60));
    let both = concatenate![Axis(1), *patch.samples(), *below.samples()];
    let planes = Planes::new(both, 8).expect("valid samples");
    let grey = planes.samples().slice(s![..1, .., ..]).to_owned();
    let grey = Planes::new(grey, 8).expect("valid samples");
    for name in ["realnvp", "vae"] {
        files.extend([&planes, &grey].map(|of| of_model(name, of.clone(), program_file(name, of.channels()))));
    }
    files.push(of_model("tiny", grey, tiny_program()));
    let (arcs, file) = of_model("bias offsets", arcs(128), model_file(Content::Grey));
    assert!(codec.read_info(Cursor::new(&file)).expect("a valid file").bands[0].parts()[0].offsets);
    files.push((arcs, file));
    // Padded streams: without words, a network yields the first symbol of each plane.
    for (name, coder, stream) in
        [("filled up", network as fn(_) -> _, &[0][..]), ("learning, filled up", learning, &[0, 0])]
    {
        let grey = ansel::models().iter().find(|model| model.content == Content::Grey).expect("a model for grey");
        let file = common::raw::black(1, (9, 8), coder(grey), stream).to_bytes();
        files.push((example(name, common::flat(1, 9, 8, 0)), file));
    }
    let (planes, file) = two_bands(codec);
    files.push((example("two bands", planes), file));
    files
}

#[test]
fn a_decoder_written_from_the_specification_agrees_on_every_sample() {
    let codec = Codec::default();
    // The second decoder takes seconds for each: it is given a file on every core.
    let knows_tiny = Codec::builder().model(tiny_program()).build().expect("a codec");
    let ways: BTreeSet<String> = files(&codec).par_iter().flat_map(|file| compare(&knows_tiny, file)).collect();
    let others =
        ["PNG", "VP8L", "constant", "grey", "lattice", "palette", "unused values", "model 65535"].map(str::to_owned);
    let models = ansel::models().iter().map(|model| format!("model {}", model.id));
    let missing: Vec<_> = models.chain(others).filter(|way| !ways.contains(way)).collect();
    assert!(missing.is_empty(), "no example is coded with {missing:?}");
}
