use ndarray::Array2;

use super::layer::WEIGHT_MAX;
use super::offsets::BiasLearner;
use super::parameters::FRACTION;
use super::*;
use crate::infer::kernel::{Instructions, Packed};
use crate::infer::outputs_of;
use crate::infer::session::{EngineRequest, Network};
use crate::model::family::Content;
use crate::model::file::ModelFile;
use crate::model::registry::models;
use crate::testing::Random;

fn model(content: Content) -> CheckedModel {
    let model = models().iter().find(|model| model.content == content).expect("a model of the registry");
    let file = ModelFile::read(model.file).expect("a model that keeps the contract");
    (*file.networks[0]).clone()
}

/// Section "Learning" of the format in plain 64-bit integers, one parameter and one pixel at a time.
struct Reference {
    learning: Learning,
    /// Weights are fixed.
    only_biases: bool,
    layers: Vec<ReferenceLayer>,
}

struct ReferenceLayer {
    model: Layer,
    first: bool,
    /// Error bits and step of each row.
    groups: Vec<(i64, i64)>,
    last: bool,
    values: Array2<i64>,
    momenta: Array2<i64>,
    offsets: Vec<(i64, i64)>,
    backward_shift: u32,
}

fn shifted(value: i64, exponent: i64) -> i64 {
    if exponent >= 0 { value << exponent } else { (value + (1 << (-exponent - 1))) >> -exponent }
}

fn lion(value: &mut i64, momentum: &mut i64, (start, sum, step, limit): (i64, i64, i64, i64), pull_back: u8) {
    let gradient = ((sum + 32) >> 6).clamp(-2047, 2047);
    let average = (*momentum + 4) >> 3;
    *momentum += gradient - average;
    let moved = *value - step * (2 * average + gradient).signum();
    *value = (moved - ((moved - start + (1 << (pull_back - 1))) >> pull_back)).clamp(-limit, limit);
}

impl ReferenceLayer {
    fn weight(&self, at: (usize, usize)) -> i64 {
        (self.values[at] + (1 << 15)) >> 16
    }

    /// Largest magnitude of an input.
    fn most(&self) -> i64 {
        if self.first { 128 } else { 255 }
    }

    fn place(&self) -> i64 {
        match (self.first, self.last) {
            (true, _) => 0,
            (_, false) => 1,
            _ => 3,
        }
    }

    fn bias(&self, row: usize) -> i64 {
        i64::from(self.model.biases[row]) + ((self.offsets[row].0 + (1 << 11)) >> 12)
    }

    fn lifted(&self, (input, row): (usize, usize)) -> i64 {
        let worth = |row: usize| i64::from(self.model.shifts[row]) + self.groups[row].0;
        let rows = self.groups.len();
        let least = (0..rows).map(worth).min().expect("a row");
        let log = (0..).find(|&log| 1usize << log >= rows).expect("a power of two");
        shifted(self.weight((input, row)), 8 - log - (worth(row) - least))
    }

    fn forward(&self, inputs: &[i64]) -> Vec<i64> {
        let row = |row: usize| {
            let sum: i64 = inputs.iter().enumerate().map(|(input, x)| x * self.weight((input, row))).sum();
            let output = (sum + self.bias(row)) >> self.model.shifts[row];
            if self.last { output.clamp(-32768, 32767) } else { output.clamp(0, 255) }
        };
        (0..self.groups.len()).map(row).collect()
    }
}

impl Reference {
    fn new(model: &CheckedModel, learning: Learning) -> Self {
        let (k, c) = (model.shape.components, model.shape.channels);
        let last = model.layers.len() - 1;
        let layer = |(index, layer): (usize, &Layer)| {
            let (inputs, rows) = layer.weights.dim();
            let group = |row: usize| match row / k {
                _ if index < last => (0, 0),
                0 => (8, 0),
                group if group <= c => (7, 2),
                group if group <= 2 * c => (7, 0),
                _ => (3, -2),
            };
            let mut new = ReferenceLayer {
                model: layer.clone(),
                first: index == 0,
                last: index == last,
                groups: (0..rows).map(group).collect(),
                values: layer.weights.mapv(|weight| i64::from(weight) << 16),
                momenta: Array2::zeros((inputs, rows)),
                offsets: vec![(0, 0); rows],
                backward_shift: 0,
            };
            let squares: i64 = new.values.indexed_iter().map(|(at, _)| new.lifted(at).pow(2)).sum();
            let fits = |shift: &u32| 4i64.pow(*shift) <= 2 * squares / inputs as i64;
            new.backward_shift = (0..=23).rev().find(fits).unwrap_or(0);
            new
        };
        Self { learning, only_biases: false, layers: model.layers.iter().enumerate().map(layer).collect() }
    }

    /// The inputs of each layer, and the outputs of the last.
    fn forward(&self, context: &[i64]) -> Vec<Vec<i64>> {
        let mut activations = vec![context.to_vec()];
        for layer in &self.layers {
            let next = layer.forward(activations.last().expect("a context"));
            activations.push(next);
        }
        activations
    }

    fn learn(&mut self, activations: &[Vec<Vec<i64>>], mut errors: Vec<Vec<i64>>) {
        for (index, layer) in self.layers.iter_mut().enumerate().rev() {
            let (inputs, rows) = layer.values.dim();
            let back = |(pixel, errors): (&Vec<Vec<i64>>, &Vec<i64>)| -> Vec<i64> {
                let input = |input: usize| {
                    let sum = (0..rows).map(|row| errors[row] * layer.lifted((input, row))).sum();
                    let open = (1..layer.most()).contains(&pixel[index][input]);
                    if open { shifted(sum, -i64::from(layer.backward_shift)).clamp(-255, 255) } else { 0 }
                };
                if index > 0 { (0..inputs).map(input).collect() } else { Vec::new() }
            };
            let previous = activations.iter().zip(&errors).map(back).collect();
            let (place, input_max) = (layer.place(), layer.most());
            let flags = if layer.first { inputs - 16 } else { inputs };
            let is_kept = |&input: &usize| input >= flags && activations.iter().all(|pixel| pixel[index][input] == 0);
            let kept: Vec<usize> = (0..inputs).filter(is_kept).collect();
            for row in 0..rows {
                let bits = i64::from(layer.model.shifts[row]) + i64::from(self.learning.step) + place;
                let step = 1 << (bits + layer.groups[row].1).clamp(0, 20);
                for input in (0..inputs).filter(|input| !self.only_biases && !kept.contains(input)) {
                    let product = |(pixel, errors): (&Vec<Vec<i64>>, &Vec<i64>)| pixel[index][input] * errors[row];
                    let sum = activations.iter().zip(&errors).map(product).sum();
                    let start = i64::from(layer.model.weights[(input, row)]) << 16;
                    let (value, momentum) = (&mut layer.values[(input, row)], &mut layer.momenta[(input, row)]);
                    lion(value, momentum, (start, sum, step, 127 << 16), self.learning.pull_back);
                }
                let sum = errors.iter().map(|errors| errors[row]).sum::<i64>() << 4;
                let limit = 1 << 30;
                let (value, momentum) = &mut layer.offsets[row];
                lion(value, momentum, (0, sum, step, limit), self.learning.pull_back);
                let magnitude =
                    |layer: &ReferenceLayer| -> i64 { (0..inputs).map(|i| layer.weight((i, row)).abs()).sum() };
                let bias = i64::from(layer.model.biases[row]).abs();
                while input_max * magnitude(layer) + bias + (1 << 20) >= 1 << 24 {
                    for input in 0..inputs {
                        let start = i64::from(layer.model.weights[(input, row)]) << 16;
                        let value = &mut layer.values[(input, row)];
                        *value = start + (*value - start) / 2;
                    }
                }
            }
            errors = previous;
        }
    }
}

/// The parameters of a layer, without the padding of its rows.
fn parameters<'a>(layer: &LearningLayer, padded: &'a [i32]) -> impl Iterator<Item = i64> + use<'a> {
    let rows = layer.rows;
    padded.chunks_exact(layer.biases.steps.len()).flat_map(move |row| &row[..rows]).map(|&value| value.into())
}

/// Contexts for one chunk, smooth or wild, and errors of its outputs.
fn chunk(random: &mut Random, learner: &Learner, number: usize) -> (Vec<i16>, Vec<i16>) {
    let columns = learner.layers[0].inputs;
    let flags = columns - 16;
    // Some classes never occur.
    let flag = |i: usize| if i % columns == flags + i / columns % 5 + number { 32 } else { 0 };
    let context = |i: usize| match i % columns >= flags {
        true => flag(i),
        false => (random.symmetric(127) >> ((i / columns + number) % 8)) as i16,
    };
    let contexts = (0..learner.chunk * columns).map(context).collect();
    let outputs = learner.shape.outputs();
    // Every output has a mean error of its own, so that momenta grow.
    let error = |i: usize| ((i % outputs * 37 % 101) as i32 - 50 + random.symmetric(120)).clamp(-255, 255) as i16;
    (contexts, (0..learner.chunk * outputs).map(error).collect())
}

/// Evaluates and learns from a chunk, in pieces of `piece` pixels.
fn learn(learner: &mut Learner, contexts: &[i16], errors: &[i16], piece: usize) -> Vec<i16> {
    let (columns, outputs) = (learner.layers[0].inputs, learner.shape.outputs());
    let (mut all, mut some) = (Vec::new(), Vec::new());
    for (contexts, errors) in contexts.chunks(piece * columns).zip(errors.chunks(piece * outputs)) {
        learner.run(contexts, &mut some).expect("outputs");
        let pixels = contexts.len() / columns;
        all.extend((0..pixels).flat_map(|pixel| outputs_of(&some, outputs, pixel)));
        for (pixel, errors) in errors.chunks(outputs).enumerate() {
            learner.errors(pixel).copy_from_slice(errors);
        }
        learner.advance(errors.len() / outputs);
    }
    all
}

#[test]
fn updates_are_those_of_the_reference_in_pieces_of_any_size() {
    for (content, step) in [(Content::Colour, 4), (Content::Grey, 8)] {
        let model = model(content);
        let learning = Learning { chunk: 64, step, ..Learning::default() };
        let mut learner = Learner::new(&model, learning);
        let mut again = Learner::new(&model, learning);
        let mut reference = Reference::new(&model, learning);
        let mut random = Random(0x5eed);
        for number in 0..5 {
            let (contexts, errors) = chunk(&mut random, &learner, number);
            let outputs = learn(&mut learner, &contexts, &errors, 64);
            let activations: Vec<_> = contexts
                .chunks(model.context_size())
                .map(|row| reference.forward(&row.iter().map(|&x| x.into()).collect::<Vec<_>>()))
                .collect();
            let expected = activations.iter().flat_map(|pixel| pixel.last().expect("outputs"));
            assert!(outputs.iter().copied().map(i64::from).eq(expected.copied()), "outputs of chunk {number}");
            let errors_of = |row: &[i16]| row.iter().map(|&error| error.into()).collect();
            reference.learn(&activations, errors.chunks(model.shape.outputs()).map(errors_of).collect());
            assert_eq!(learn(&mut again, &contexts, &errors, 1 + 17 * number), outputs);
            for ((layer, again), reference) in learner.layers.iter().zip(&again.layers).zip(&reference.layers) {
                assert!(parameters(layer, &layer.weights.values).eq(reference.values.iter().copied()));
                assert!(parameters(layer, &layer.weights.momenta).eq(reference.momenta.iter().copied()));
                let (values, momenta) = (&layer.biases.offsets.values, &layer.biases.offsets.momenta);
                let offsets = parameters(layer, values).zip(parameters(layer, momenta));
                assert!(offsets.eq(reference.offsets.iter().copied()));
                assert_eq!((&layer.weights, &layer.biases.offsets), (&again.weights, &again.biases.offsets));
                assert_eq!((&layer.used_weights, &layer.lifted), (&again.used_weights, &again.lifted));
                let blocks = padded(layer.inputs) / LANES;
                let rows = if layer.lifted.is_empty() { 0 } else { layer.rows };
                for (row, input) in (0..rows).flat_map(|row| (0..layer.inputs).map(move |input| (row, input))) {
                    let word = layer.lifted[row / 2 * blocks + input / LANES].0[input % LANES];
                    let found = if row % 2 == 0 { i32::from(word as i16) } else { word >> 16 };
                    assert_eq!(i64::from(found), reference.lifted((input, row)));
                }
            }
        }
    }
}

#[test]
fn biases_that_learn_alone_are_those_of_the_reference_with_all_instructions() {
    for content in [Content::Colour, Content::Grey, Content::LumaChroma] {
        let model = std::sync::Arc::new(model(content));
        let learning = Learning::of_biases();
        let mut reference = Reference { only_biases: true, ..Reference::new(&model, learning) };
        let of = |instructions| {
            let packed = Packed::with_instructions(&model.layers, model.precision(), instructions);
            BiasLearner::new(model.clone(), std::sync::Arc::new(packed), 4 * 64)
        };
        let mut learners: Vec<_> = Instructions::available().map(of).collect();
        let (like, size, mut random) = (Learner::new(&model, learning), model.shape.outputs(), Random(0xb1a5));
        for number in 0..4 {
            let (contexts, errors) = chunk(&mut random, &like, number);
            let activations: Vec<_> = contexts
                .chunks(model.context_size())
                .map(|row| reference.forward(&row.iter().map(|&x| x.into()).collect::<Vec<_>>()))
                .collect();
            for learner in &mut learners {
                let room = learner.room();
                let (mut all, mut outputs) = (Vec::new(), Vec::new());
                for (contexts, errors) in contexts.chunks(room * model.context_size()).zip(errors.chunks(room * size)) {
                    learner.run(contexts, &mut outputs).expect("outputs");
                    all.extend((0..room).flat_map(|pixel| outputs_of(&outputs, size, pixel)));
                    let lane = |index: usize, lane: usize| errors[(index / size * LANES + lane) * size + index % size];
                    let block = |index: usize| std::array::from_fn(|at| lane(index, at).into());
                    let errors: Vec<Lanes<i32>> = (0..room / LANES * size).map(block).collect();
                    learner.learn(&errors, room);
                }
                let expected = activations.iter().flat_map(|pixel| pixel.last().expect("outputs"));
                assert!(all.into_iter().map(i64::from).eq(expected.copied()), "outputs of chunk {number}");
            }
            let errors_of = |row: &[i16]| row.iter().map(|&error| error.into()).collect();
            reference.learn(&activations, errors.chunks(size).map(errors_of).collect());
            for learner in &learners {
                for (layer, reference) in learner.layers().iter().zip(&reference.layers) {
                    let values = layer.offsets.values.iter().zip(&layer.offsets.momenta);
                    let found = values.take(reference.offsets.len()).map(|(&v, &m)| (i64::from(v), i64::from(m)));
                    assert!(found.eq(reference.offsets.iter().copied()), "biases after chunk {number}");
                }
                // The first two of four updates are left out.
                assert_eq!(learner.offsets().is_some(), number >= 2);
            }
        }
        assert!(learners.windows(2).all(|pair| pair[0].offsets() == pair[1].offsets()));
        assert!(learners[0].layers()[0].offsets.values.iter().any(|value| value.abs() >= 1 << (FRACTION - 4)));
    }
}

#[test]
fn a_network_that_has_not_learned_gives_what_onnx_runtime_gives() {
    for content in [Content::Colour, Content::Grey, Content::LumaChroma] {
        let model = std::sync::Arc::new(model(content));
        let mut learner = Learner::new(&model, Learning::default());
        let packed = std::sync::Arc::new(Packed::new(&model.layers, model.precision()));
        let mut network = Network::new(model, packed, EngineRequest::default()).expect("a session");
        let (contexts, _) = chunk(&mut Random(1), &learner, 0);
        let (mut outputs, mut expected) = (Vec::new(), Vec::new());
        learner.run(&contexts, &mut outputs).expect("outputs");
        network.run(&contexts, &mut expected).expect("outputs");
        assert_eq!(outputs, expected);
    }
}

#[test]
fn no_input_breaks_the_contract() {
    let learning = Learning { chunk: 64, step: 8, pull_back: 16 };
    type Error = fn(usize, usize) -> i32;
    // Errors that drive all weights up, down, apart, or at random, as far as they can.
    let attacks: [(i32, Error); 4] =
        [(1, |_, _| -255), (-1, |_, _| -255), (1, |_, row| if row % 2 == 0 { 255 } else { -255 }), (0, |_, _| 255)];
    let models = [(model(Content::Grey), 300), (model(Content::Colour), 60)];
    for ((model, updates), (context, error)) in models.iter().flat_map(|model| attacks.map(|attack| (model, attack))) {
        let mut learner = Learner::new(model, learning);
        let most = *model.precision().contexts().end();
        let mut random = Random(7);
        for _ in 0..*updates {
            let contexts: Vec<i16> = (0..64 * model.context_size())
                .map(|_| most * if context == 0 { random.symmetric(1) } else { context } as i16)
                .collect();
            let outputs = model.shape.outputs();
            let errors: Vec<i16> = (0..64 * outputs).map(|i| error(i / outputs, i % outputs) as i16).collect();
            learn(&mut learner, &contexts, &errors, 64);
            assert!(learner.keeps_contract());
        }
        let last = learner.layers.last().expect("a layer");
        assert_ne!(last.weights.values, last.weights.pretrained);
        let limit = WEIGHT_MAX << FRACTION;
        let at_limit = last.weights.values.iter().any(|value| value.abs() >= limit - (limit >> 3));
        assert!(
            at_limit || last.biases.offsets.values.iter().any(|value| value.abs() >= limit),
            "nothing is driven far"
        );
    }
}
