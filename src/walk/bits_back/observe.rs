//! Samples given latents: coded under the mixtures of the other families, around predictions that are linear in the
//! known channels. Format: section "Samples given latents".

use std::iter;

use super::{Grid, Walk};
use crate::base::error::Result;
use crate::context::patch::{Conditioning, Patch, Pixels};
use crate::entropy::ans::{Decoder, Encoder, SampleCoder};
use crate::entropy::cdf::Alphabet;
use crate::entropy::mixture::{OUTPUT_BITS, PixelMixture};
use crate::infer::{Evaluator, outputs_of};
use crate::model::program::{MATRIX_BITS, Observe};

impl<N: Evaluator> Walk<'_, N> {
    /// Pushes the last planes of a patch, and removes them.
    pub(super) fn push_samples(&mut self, observe: &Observe, patch: &mut Patch) -> Result<()> {
        let left = patch.planes.len() - observe.matrix.len();
        let mut samples = patch.planes.split_off(left);
        let mut coder = Encoder::with_capacity(samples.len() * samples[0].len());
        self.code_samples(observe, patch, &mut samples, &mut coder)?;
        self.terms.reconstruction.add(coder.ideal_bits(samples.len(), iter::repeat(true)));
        coder.push_to(&mut self.stack);
        Ok(())
    }

    /// Inverse of [`push_samples`](Self::push_samples).
    pub(super) fn pop_samples(&mut self, observe: &Observe, patch: &mut Patch) -> Result<()> {
        let mut samples = vec![vec![0; patch.side * patch.side]; observe.matrix.len()];
        let mut coder = Decoder::of_stack(std::mem::take(&mut self.stack));
        self.code_samples(observe, patch, &mut samples, &mut coder)?;
        let (stack, bits) = coder.into_stack();
        self.stack = stack;
        self.terms.reconstruction.add(bits);
        patch.planes.extend(samples);
        Ok(())
    }

    /// Codes planes of samples, pixel after pixel, given the channels of a patch.
    fn code_samples<C: SampleCoder>(
        &mut self,
        observe: &Observe,
        patch: &Patch,
        samples: &mut [Vec<i64>],
        coder: &mut C,
    ) -> Result<()> {
        let conditioning = Conditioning::new(&(0..observe.known), &(0..0), Pixels::All, observe.taps);
        self.run(observe.network, &conditioning, patch, patch.places(None))?;
        let around = Observed { observe, grid: self.grid, conditioning, patch, alphabets: &self.alphabets };
        match observe.components {
            3 => around.code::<C, 3>(&self.outputs, samples, coder),
            4 => around.code::<C, 4>(&self.outputs, samples, coder),
            5 => around.code::<C, 5>(&self.outputs, samples, coder),
            other => unreachable!("programs of {other} components are refused"),
        }
        Ok(())
    }
}

/// What samples are conditioned on.
struct Observed<'a> {
    observe: &'a Observe,
    grid: Grid,
    conditioning: Conditioning,
    patch: &'a Patch,
    alphabets: &'a [Alphabet],
}

impl Observed<'_> {
    fn code<C: SampleCoder, const K: usize>(&self, blocks: &[i16], samples: &mut [Vec<i64>], coder: &mut C) {
        let shape = self.observe.shape();
        let mut outputs = vec![0; shape.outputs()];
        for (index, place) in self.patch.places(None).enumerate() {
            outputs.iter_mut().zip(outputs_of(blocks, shape.outputs(), index)).for_each(|(to, from)| *to = from);
            let predictions: Vec<(i32, i16)> = (0..samples.len()).map(|channel| self.predict(channel, place)).collect();
            for (means, &(_, rest)) in outputs[K..].chunks_exact_mut(K).zip(&predictions) {
                means.iter_mut().for_each(|mean| *mean = mean.saturating_add(rest));
            }
            let mut mixture = PixelMixture::<K, 0>::new(shape.channels, &outputs, &[]);
            for ((plane, &alphabet), (prediction, _)) in samples.iter_mut().zip(self.alphabets).zip(predictions) {
                mixture.next_channel(prediction, alphabet);
                let known = || self.grid.sample(plane[index], alphabet).map_or(0, u32::from);
                let guess = || if C::KNOWS_SAMPLES { known() } else { mixture.guess(alphabet) };
                let (sample, edges) = coder.code(mixture.cdf(alphabet), guess);
                mixture.observe(sample, prediction, &edges);
                plane[index] = self.grid.of_sample(sample as u16);
            }
        }
    }

    /// The prediction of a channel of a pixel: a whole sample, and the remainder in units of the network's means.
    fn predict(&self, channel: usize, place: (usize, usize)) -> (i32, i16) {
        let sum = self.patch.product(place, &self.conditioning, &self.observe.matrix[channel]);
        let Grid { fraction, noise, .. } = self.grid;
        let end = self.grid.half() << noise;
        let x = (sum >> MATRIX_BITS).clamp(-end, end - 1);
        let rest = (x & ((1 << noise) - 1)) >> (fraction - OUTPUT_BITS);
        (((x >> noise) + self.grid.half()) as i32, rest as i16)
    }
}
