//! Times the stages of the codec: `cargo bench --features bench`.

use ansel::stages::{KernelStage, LaneStage, MixtureStage, NetworkStage, cumulative_counts};
use ansel::{Codec, Effort, Limits, Metadata, ModelChoice, Planes};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use ndarray::s;

const PIXELS: usize = 1024;

fn main() {
    divan::main();
}

fn photograph() -> Planes {
    let bytes = include_bytes!("../images/kodim23.png");
    ansel::read_image(std::io::Cursor::new(bytes), &Limits::default()).expect("a photograph").planes
}

fn one_thread() -> Codec {
    Codec::builder().threads(1).build().expect("a codec")
}

fn pixels(planes: &Planes) -> ItemsCount {
    ItemsCount::new(planes.width() as usize * planes.height() as usize)
}

/// The kernel as an operator of ONNX Runtime; the plain graph with `ANSEL_INSTRUCTIONS=scalar`.
#[divan::bench(args = [1, 64, 256, 1024, 4096])]
fn network_in_a_session(bencher: Bencher, batch: usize) {
    let mut stage = NetworkStage::new(batch, false);
    bencher.counter(ItemsCount::new(batch)).bench_local(|| stage.run().len());
}

/// The kernel alone.
#[divan::bench(args = [1, 64, 256, 1024, 4096])]
fn network(bencher: Bencher, batch: usize) {
    let mut stage = NetworkStage::new(batch, true);
    bencher.counter(ItemsCount::new(batch)).bench_local(|| stage.run().len());
}

#[divan::bench(args = [8, 11])]
fn kernel_default(bencher: Bencher, bits: u32) {
    let mut stage = KernelStage::new(&[75, 256, 112, 80, 50], bits, 256);
    bencher.counter(ItemsCount::new(256usize)).bench_local(|| stage.run().len());
}

#[divan::bench(args = [8, 11])]
fn kernel_fast(bencher: Bencher, bits: u32) {
    let mut stage = KernelStage::new(&[75, 96, 48, 32, 40], bits, 256);
    bencher.counter(ItemsCount::new(256usize)).bench_local(|| stage.run().len());
}

#[divan::bench]
fn cdf_of_256_samples() -> u64 {
    cumulative_counts()
}

#[divan::bench]
fn mixture_and_ans_encode(bencher: Bencher) {
    let stage = MixtureStage::new(PIXELS);
    bencher.counter(ItemsCount::new(PIXELS)).bench(|| stage.encode());
}

#[divan::bench]
fn mixture_and_ans_decode(bencher: Bencher) {
    let stage = MixtureStage::new(PIXELS);
    bencher.counter(ItemsCount::new(PIXELS)).bench(|| stage.decode());
}

/// Intervals of known samples, 16 pixels at once: with portable vectors, AVX2, AVX-512.
#[divan::bench(args = [0, 1, 2])]
fn lanes_of_known_samples(bencher: Bencher, level: usize) {
    let Some(mut stage) = LaneStage::new(PIXELS, level) else { return };
    bencher.counter(ItemsCount::new(PIXELS)).bench_local(|| stage.encode());
}

/// Decoding with 16 states.
#[divan::bench(args = [0, 1, 2])]
fn lanes_decode(bencher: Bencher, level: usize) {
    let Some(mut stage) = LaneStage::new(PIXELS, level) else { return };
    bencher.counter(ItemsCount::new(PIXELS)).bench_local(|| assert!(stage.decode()));
}

#[divan::bench(sample_count = 5)]
fn compress_and_verify(bencher: Bencher) {
    let (codec, planes) = (one_thread(), photograph());
    bencher.counter(pixels(&planes)).bench(|| codec.compress(black_box(&planes), &Metadata::default()));
}

#[divan::bench(sample_count = 5)]
fn decompress(bencher: Bencher) {
    let (codec, planes) = (one_thread(), photograph());
    let bytes = codec.compress(&planes, &Metadata::default()).expect("a photograph compresses");
    bencher.counter(pixels(&planes)).bench(|| codec.decompress(black_box(&bytes)));
}

/// A square from the middle of the photograph.
fn square(side: usize) -> Planes {
    let (rows, columns) = (256 - side / 2..256 + side / 2, 384 - side / 2..384 + side / 2);
    Planes::new(photograph().samples().slice(s![.., rows, columns]).to_owned(), 8).expect("8-bit samples")
}

/// Decompresses the middle of the photograph, `side` x `side` pixels, under the models with a name.
fn decompress_square(bencher: Bencher, model: &str, side: usize) {
    let model = ModelChoice::Named(model.to_owned());
    let codec = Codec::builder().threads(1).model(model).build().expect("a codec");
    let planes = square(side);
    let bytes = codec.compress(&planes, &Metadata::default()).expect("a photograph compresses");
    bencher.counter(pixels(&planes)).bench(|| codec.decompress(black_box(&bytes)));
}

#[divan::bench(args = [32, 64, 128, 256, 512], sample_count = 20)]
fn decompress_autoregressive(bencher: Bencher, side: usize) {
    decompress_square(bencher, "default", side);
}

/// With a network that learns.
#[divan::bench(args = [64, 256], sample_count = 5)]
fn compress_learning(bencher: Bencher, side: usize) {
    let codec = Codec::builder().threads(1).effort(Effort::Max).build().expect("a codec");
    let planes = square(side);
    bencher.counter(pixels(&planes)).bench(|| codec.compress(black_box(&planes), &Metadata::default()));
}

/// What a program does once at start: makes the codec and its models, runs known-answer tests, and codes a thumbnail.
#[divan::bench]
fn start(bencher: Bencher) {
    let planes = square(16);
    bencher.bench(|| one_thread().compress(black_box(&planes), &Metadata::default()));
}

#[divan::bench(args = [32, 64, 128, 256, 512], sample_count = 20)]
fn decompress_flow(bencher: Bencher, side: usize) {
    decompress_square(bencher, "flow", side);
}
