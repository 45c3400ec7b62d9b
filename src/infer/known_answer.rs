//! The known-answer test: seeded contexts and deltas, and the digest of the network's outputs for them.
//!
//! Contexts: 1024 rows of SplitMix64 outputs (Steele et al. 2014; seed 0x616e73656c), as `z mod 511 - 255`, or `z mod
//! 255 - 127` for 8 bits, shifted right by `row mod 8`. Deltas: the next outputs, as `z mod 2049 - 1024`, layer after
//! layer. The digest is the SHA-256 of all outputs as 16-bit little-endian integers, first with deltas of zero, then
//! with these.

use sha2::{Digest, Sha256};

use crate::model::contract::CheckedModel;
use crate::model::precision::Precision;

const SEED: u64 = 0x61_6e73_656c;
const ROWS: usize = 1024;
/// The rows are evaluated in batches of these sizes: small, odd, and large.
const BATCHES: [usize; 5] = [1, 3, 64, 257, 699];

struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `-magnitude..=magnitude`.
    fn symmetric(&mut self, magnitude: i32) -> i32 {
        (self.next() % (2 * magnitude as u64 + 1)) as i32 - magnitude
    }
}

/// The digest, in hexadecimal, of the outputs of `run` for a model's seeded inputs. `run(contexts, deltas)` takes whole
/// rows of contexts and one slice of deltas per layer, and returns the outputs row by row.
pub(crate) fn digest<E>(
    model: &CheckedModel,
    mut run: impl FnMut(&[i16], &[Vec<i32>]) -> Result<Vec<i16>, E>,
) -> Result<String, E> {
    let mut random = SplitMix64(SEED);
    let context_size = model.context_size();
    let magnitude = match model.precision() {
        Precision::Eleven => 255,
        Precision::Eight => 127,
    };
    let mut contexts = Vec::with_capacity(ROWS * context_size);
    for row in 0..ROWS {
        contexts.extend((0..context_size).map(|_| (random.symmetric(magnitude) >> (row % 8)) as i16));
    }
    let rows = model.layers.iter().map(|layer| layer.biases.len());
    let seeded: Vec<Vec<i32>> = rows.clone().map(|rows| (0..rows).map(|_| random.symmetric(1024)).collect()).collect();
    let zero: Vec<Vec<i32>> = rows.map(|rows| vec![0; rows]).collect();
    let mut sha = Sha256::new();
    for deltas in [zero, seeded] {
        let mut rest = &contexts[..];
        for batch in BATCHES {
            let (rows, after) = rest.split_at(batch * context_size);
            rest = after;
            for output in run(rows, &deltas)? {
                sha.update(output.to_le_bytes());
            }
        }
    }
    Ok(sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
