//! Bias offsets: numbers added to a network's biases for one part of an image. The encoder finds them, and stores them
//! for the decoder. Input: the biases of a network that learned from some squares of the part. Output: a bit string.
//! Format: section "Bias offsets".

use std::iter::repeat_n;

use crate::base::error::{FormatErrorKind, Result, malformed};
use crate::model::contract::{CheckedModel, DELTA_MAX};

/// Offsets are in units of `2^(shift + UNIT_BITS)`, which is 2^UNIT_BITS units of an output.
pub(crate) const UNIT_BITS: u32 = 1;
/// Bits of a layer's Golomb-Rice parameter.
const PARAMETER_BITS: u32 = 4;

/// Offsets by layer and row, in these units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offsets(pub Vec<Vec<i32>>);

impl Offsets {
    /// Writes the bit string: for each layer, the parameter `k` that makes it shortest, then Golomb-Rice codes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bits = Vec::new();
        for layer in &self.0 {
            let codes: Vec<u32> = layer.iter().map(|&units| ((units << 1) ^ (units >> 31)) as u32).collect();
            let length = |k: &u32| codes.iter().map(|code| (code >> k) + 1 + k).sum::<u32>();
            let k = (0..1 << PARAMETER_BITS).min_by_key(length).expect("a parameter");
            bits.extend((0..PARAMETER_BITS).map(|bit| k >> bit & 1 == 1));
            for code in codes {
                bits.extend(repeat_n(false, (code >> k) as usize));
                bits.push(true);
                bits.extend((0..k).map(|bit| code >> bit & 1 == 1));
            }
        }
        bits.chunks(8).map(|bits| bits.iter().rev().fold(0, |byte, &bit| byte << 1 | u8::from(bit))).collect()
    }

    /// Reads the numbers to add to a model's biases, by layer and row, from the bit string.
    ///
    /// # Errors
    /// [`Error::Format`](crate::Error::Format) unless these are offsets for this model, within its bounds.
    pub fn read(bytes: &[u8], model: &CheckedModel) -> Result<Vec<Vec<i32>>> {
        let mut bits = Bits { bytes, read: 0 };
        match bits.deltas(model) {
            Some(deltas) if bits.is_at_end() => Ok(deltas),
            _ => malformed(FormatErrorKind::InvalidField, "offsets that do not fit the model"),
        }
    }
}

/// Reads the bits of bytes, lowest first.
struct Bits<'a> {
    bytes: &'a [u8],
    read: usize,
}

impl Bits<'_> {
    fn bit(&mut self) -> Option<u32> {
        let byte = self.bytes.get(self.read / 8)?;
        let bit = byte >> (self.read % 8) & 1;
        self.read += 1;
        Some(bit.into())
    }

    fn bits(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |bits, place| Some(bits | self.bit()? << place))
    }

    fn deltas(&mut self, model: &CheckedModel) -> Option<Vec<Vec<i32>>> {
        let mut layers = Vec::new();
        for layer in &model.layers {
            let k = self.bits(PARAMETER_BITS)?;
            let delta = |&shift: &u32| {
                let mut quotient = 0;
                while self.bit()? == 0 {
                    quotient += 1;
                    if i64::from(quotient) > DELTA_MAX {
                        return None;
                    }
                }
                let code = i64::from(quotient) << k | i64::from(self.bits(k)?);
                let units = if code & 1 == 1 { -(code >> 1) - 1 } else { code >> 1 };
                let delta = units << (shift + UNIT_BITS);
                (delta.abs() <= DELTA_MAX).then_some(delta as i32)
            };
            layers.push(layer.shifts.iter().map(delta).collect::<Option<_>>()?);
        }
        Some(layers)
    }

    /// Whether only zero bits are left, fewer than a byte.
    fn is_at_end(&mut self) -> bool {
        let left = 8 * self.bytes.len() - self.read;
        left < 8 && self.bits(left as u32) == Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::file::ModelFile;
    use crate::model::registry::models;

    fn model() -> CheckedModel {
        let file = ModelFile::read(models()[0].file).expect("a model that keeps the contract");
        CheckedModel::clone(&file.networks[0])
    }

    fn offsets(model: &CheckedModel, of: impl Fn(usize) -> i32) -> Offsets {
        Offsets(model.layers.iter().map(|layer| (0..layer.shifts.len()).map(&of).collect()).collect())
    }

    #[test]
    fn offsets_come_back() {
        let model = model();
        for of in [|_| 0, |row| row as i32 % 7 - 3, |row| -(row as i32), |row| if row == 5 { 300 } else { 0 }] {
            let offsets = offsets(&model, of);
            let deltas = Offsets::read(&offsets.to_bytes(), &model).expect("offsets of this model");
            for ((deltas, units), layer) in deltas.iter().zip(&offsets.0).zip(&model.layers) {
                let delta = |(&units, &shift): (&i32, &u32)| units << (shift + 1);
                assert!(units.iter().zip(&layer.shifts).map(delta).eq(deltas.iter().copied()));
            }
        }
    }

    #[test]
    fn the_first_bits_are_those_of_the_format() {
        let mut model = model();
        model.layers.truncate(1);
        // 1 has the number 2, and -2 the number 3. With k = 1, their codes are the bits 010 and 011.
        let offsets = offsets(&model, |row| [1, -2][row % 2]);
        assert_eq!(offsets.to_bytes()[..2], [0b0010_0001, 0b1100_1011]);
    }

    #[test]
    fn anything_else_is_refused() {
        let model = model();
        let bytes = offsets(&model, |row| row as i32 % 3).to_bytes();
        let last = bytes.len() - 1;
        let longer = [&bytes[..], &[0]].concat();
        let far = offsets(&model, |row| if row == 0 { 1 << 16 } else { 0 }).to_bytes();
        for bytes in [&bytes[..last], &longer, &far, &[], &[255; 9], &[0; 1000]] {
            assert!(Offsets::read(bytes, &model).is_err());
        }
    }
}
