//! Samples -> ranks among the values that occur, channel by channel. Format: section "Values".

use ndarray::{Array3, ArrayView2, ArrayView3, ArrayViewMut3, Zip};

use super::bytes::{Reader, invalid, packed_len};
use super::{Coded, GroupShape};
use crate::base::bytes::{NUMBER_BYTES, put_number};
use crate::base::error::Result;

/// A contiguous range of at most this many values is always worth its description.
const FEW: usize = 16;
/// Values on either side among which gaps are counted.
const NEIGHBOURS: usize = 8;

/// The values that may occur, per channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Values {
    channels: Vec<Alphabet>,
}

/// The values of one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Alphabet {
    /// All below `2^depth`.
    All { depth: u32 },
    /// `count` values from `first` on, `step` apart.
    Progression { first: u16, step: u16, count: u32 },
    /// These, ascending.
    List(Vec<u16>),
}

impl Values {
    /// The values and the ranks, if that saves more bits than the description costs.
    pub fn find(samples: ArrayView3<'_, u16>, depth: u32) -> Option<(Self, Coded)> {
        let channels: Vec<_> = samples.outer_iter().map(|plane| Alphabet::find(plane, depth)).collect();
        if channels.iter().all(|alphabet| matches!(alphabet, Alphabet::All { .. })) {
            return None;
        }
        let mut coded = Array3::zeros(samples.dim());
        for ((plane, mut ranks), alphabet) in samples.outer_iter().zip(coded.outer_iter_mut()).zip(&channels) {
            let table = alphabet.ranks();
            Zip::from(&mut ranks).and(&plane).for_each(|rank, &sample| *rank = table[usize::from(sample)]);
        }
        let values = Self { channels };
        let sizes = values.sizes();
        Some((values, Coded { samples: coded, sizes }))
    }

    pub fn sizes(&self) -> Vec<u32> {
        self.channels.iter().map(Alphabet::size).collect()
    }

    /// The samples of ranks; the ranks have been checked.
    pub fn inverse(&self, coded: ArrayView3<'_, u16>, mut out: ArrayViewMut3<'_, u16>) {
        for ((ranks, mut plane), alphabet) in coded.outer_iter().zip(out.outer_iter_mut()).zip(&self.channels) {
            Zip::from(&mut plane).and(&ranks).for_each(|sample, &rank| *sample = alphabet.value(rank));
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.channels.iter().flat_map(Alphabet::to_bytes).collect()
    }

    /// Greatest length of a description, in bytes.
    pub(super) fn most_bytes(shape: &GroupShape) -> usize {
        shape.channels * ((3 << shape.depth) + 2 * NUMBER_BYTES)
    }

    pub(super) fn read(reader: &mut Reader<'_>, shape: &GroupShape) -> Result<Self> {
        let channels = (0..shape.channels).map(|_| Alphabet::read(reader, shape.depth)).collect::<Result<_>>()?;
        Ok(Self { channels })
    }
}

impl Alphabet {
    /// The alphabet estimated to take the fewest bits.
    fn find(plane: ArrayView2<'_, u16>, depth: u32) -> Self {
        let mut counts = vec![0u64; 1 << depth];
        plane.iter().for_each(|&sample| counts[usize::from(sample)] += 1);
        let values: Vec<u16> = (0..=u16::MAX).zip(&counts).filter(|(_, count)| **count > 0).map(|(v, _)| v).collect();
        let (first, last) = (values[0], values[values.len() - 1]);
        let step = values.iter().fold(0, |step, &value| gcd(step, value - first)).max(1);
        let count = u32::from((last - first) / step) + 1;
        let whole = Self::Progression { first, step, count };
        let list = Self::List(values);
        // Estimated bits, with a margin: a tiny gain is not worth the decoder's time.
        let used: Vec<_> =
            counts[usize::from(first)..=usize::from(last)].iter().step_by(step.into()).copied().collect();
        if saving(&used) > 16 * packed_len(&list.to_bytes()) as u64 {
            return list;
        }
        if step > 1 || count as usize <= FEW.min((1 << depth) - 1) { whole } else { Self::All { depth } }
    }

    fn size(&self) -> u32 {
        match self {
            Self::All { depth } => 1 << depth,
            Self::Progression { count, .. } => *count,
            Self::List(values) => values.len() as u32,
        }
    }

    fn value(&self, rank: u16) -> u16 {
        match self {
            Self::All { .. } => rank,
            Self::Progression { first, step, .. } => first + step * rank,
            Self::List(values) => values[usize::from(rank)],
        }
    }

    /// The rank of each value of the alphabet.
    fn ranks(&self) -> Vec<u16> {
        let mut table = vec![0; 1 << u16::BITS];
        for rank in 0..self.size() {
            table[usize::from(self.value(rank as u16))] = rank as u16;
        }
        table
    }

    fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::All { .. } => vec![0],
            Self::Progression { first, step, count } => {
                let mut bytes = vec![1];
                put_number(&mut bytes, u64::from(*first));
                put_number(&mut bytes, u64::from(count - 1));
                if *count > 1 {
                    put_number(&mut bytes, u64::from(step - 1));
                }
                bytes
            }
            Self::List(values) => {
                let (gaps, bitmap) = (gaps(values), bitmap(values));
                if packed_len(&gaps) <= packed_len(&bitmap) { gaps } else { bitmap }
            }
        }
    }

    fn read(reader: &mut Reader<'_>, depth: u32) -> Result<Self> {
        let last = (1u64 << depth) - 1;
        match reader.byte()? {
            0 => Ok(Self::All { depth }),
            1 => {
                let first = reader.number(last)?;
                let more = reader.number(last - first)?;
                let step = if more == 0 { 1 } else { reader.number(last)? + 1 };
                if first + more * step > last {
                    return invalid("a progression beyond the depth");
                }
                Ok(Self::Progression { first: first as u16, step: step as u16, count: more as u32 + 1 })
            }
            2 => {
                let mut value = reader.number(last)?;
                let more = reader.number(last - value)?;
                let mut values = vec![value as u16];
                for _ in 0..more {
                    value += reader.number(last)? + 1;
                    if value > last {
                        return invalid("a value beyond the depth");
                    }
                    values.push(value as u16);
                }
                Ok(Self::List(values))
            }
            3 => {
                let first = reader.number(last)?;
                let bytes = reader.number(last / 8)? + 1;
                let bits = reader.take(bytes as usize)?;
                let set = |bit: &u64| bits[(bit / 8) as usize] >> (bit % 8) & 1 == 1;
                let values: Vec<u64> = (0..8 * bytes).filter(set).map(|bit| first + bit).collect();
                if values.is_empty() || values[values.len() - 1] > last {
                    return invalid("a bitmap without values, or of values beyond the depth");
                }
                Ok(Self::List(values.into_iter().map(|value| value as u16).collect()))
            }
            form => invalid(format!("unknown form {form} of an alphabet")),
        }
    }
}

/// A list, stored as the distances between its values.
fn gaps(values: &[u16]) -> Vec<u8> {
    let mut bytes = vec![2];
    put_number(&mut bytes, u64::from(values[0]));
    put_number(&mut bytes, values.len() as u64 - 1);
    values.windows(2).for_each(|pair| put_number(&mut bytes, u64::from(pair[1] - pair[0] - 1)));
    bytes
}

/// A list, stored as one bit for each value from its first to its last.
fn bitmap(values: &[u16]) -> Vec<u8> {
    let (first, last) = (values[0], values[values.len() - 1]);
    let mut bits = vec![0u8; usize::from((last - first) / 8) + 1];
    values.iter().for_each(|value| bits[usize::from((value - first) / 8)] |= 1 << ((value - first) % 8));
    let mut bytes = vec![3];
    put_number(&mut bytes, u64::from(first));
    put_number(&mut bytes, bits.len() as u64 - 1);
    bytes.extend(bits);
    bytes
}

/// A lower bound on the bits saved by leaving out values that do not occur, for samples with these counts: a sample for
/// which a share `g` of the neighbouring values are gaps saves `-log2(1-g) > g` bits.
fn saving(counts: &[u64]) -> u64 {
    let mut occurring = vec![0usize];
    for &count in counts {
        occurring.push(occurring[occurring.len() - 1] + usize::from(count > 0));
    }
    let saved = |value: usize| {
        let (start, end) = (value.saturating_sub(NEIGHBOURS), (value + NEIGHBOURS + 1).min(counts.len()));
        let gaps = end - start - (occurring[end] - occurring[start]);
        64 * counts[value] * gaps as u64 / (end - start) as u64
    };
    (0..counts.len()).map(saved).sum::<u64>() / 64
}

fn gcd(a: u16, b: u16) -> u16 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests;
