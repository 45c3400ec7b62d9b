//! Bytes -> the bits of each sample: where a file spends them.

use std::io::Read;
use std::ops::Range;

use ndarray::{Array3, Axis, s};

use super::{Codec, FileInfo};
use crate::base::error::Result;
use crate::base::limits::check_memory;
use crate::image::Planes;
use crate::image::planes::zeroed;
use crate::streams::DecodedTile;

/// Memory of an image with the bits of each sample, relative to its samples: 2 and 4 bytes.
const MEMORY_OF_SAMPLES: u64 = 3;

/// The samples of a file, with the bits that each takes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BitMap {
    /// The samples.
    pub planes: Planes,
    /// The ideal code length of each sample in bits, `-log2` of its probability, with axes (channel, row, column).
    ///
    /// Where a transform changes channels, these are the bits of what is coded: with a lattice, luma, blue and red
    /// chroma stand in place of red, green and blue. The bits of a palette index, or of a grey sample coded for three
    /// equal ones, are spread evenly over the channels.
    pub bits: Array3<f32>,
    /// Number of samples coded by methods that do not code single samples (VP8L, PNG's coding, bits-back): the bits of
    /// each such tile are spread evenly over its samples.
    pub spread_samples: u64,
    /// The ideal code length of all samples in bits, as in [`Verified`](super::Verified): the sum of `bits`, up to
    /// rounding.
    pub ideal_bits: f64,
    /// All that is known without decoding.
    pub info: FileInfo,
}

impl Codec {
    /// Decodes a file, and returns the bits of each sample.
    ///
    /// ```
    /// # let planes = ansel::Planes::new(ndarray::Array3::from_shape_fn((1, 9, 30), |(_, y, x)| (x * y) as u16), 9)?;
    /// # let file = ansel::Codec::default().compress(&planes, &ansel::Metadata::default())?;
    /// let map = ansel::Codec::default().bit_map(&file[..])?;
    /// assert_eq!(map.bits.dim(), map.planes.samples().dim());
    /// let sum: f64 = map.bits.iter().map(|&bits| f64::from(bits)).sum();
    /// assert!((sum / map.ideal_bits - 1.0).abs() < 1e-6);
    /// # Ok::<(), ansel::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`decompress`](Self::decompress). A file that holds a JPEG file has no samples of its own:
    /// [`Error::Format`](crate::Error::Format).
    pub fn bit_map(&self, input: impl Read) -> Result<BitMap> {
        let codec = Self { keeps_sample_bits: true, ..self.clone() };
        let mut decoder = codec.decoder(input)?;
        let header = decoder.header().clone();
        let samples = header.samples().saturating_add(header.band_samples());
        check_memory(samples.saturating_mul(MEMORY_OF_SAMPLES), codec.limits())?;
        let (height, width) = (header.height() as usize, header.width() as usize);
        let mut bits = zeroed((header.channels(), height, width))?;
        let mut planes = Planes::zeros(header.channels(), header.height(), header.width(), header.depth())?;
        let (mut first, mut bands, mut spread_samples) = (0, Vec::new(), 0);
        while let Some(band) = decoder.next_band()? {
            let rows = first..first + band.height() as usize;
            first = rows.end;
            planes.samples_mut().slice_mut(s![.., rows.clone(), ..]).assign(band.samples());
            let sample_bits = decoder.take_sample_bits().expect("this codec keeps them");
            bits.slice_mut(s![.., rows, ..]).assign(&sample_bits.samples);
            spread_samples += sample_bits.spread;
            bands.extend(decoder.band().cloned());
        }
        let (ideal_bits, bytes) = (decoder.ideal_bits(), decoder.bytes());
        let info = FileInfo { header, metadata: decoder.into_metadata(), bands, bytes };
        Ok(BitMap { planes, bits, spread_samples, ideal_bits, info })
    }
}

/// The bits of each sample in a rectangle of the image.
#[derive(Debug)]
pub(super) struct SampleBits {
    /// With axes (channel, row, column).
    pub samples: Array3<f32>,
    /// Number of samples over which the bits of their tile are spread evenly.
    pub spread: u64,
}

impl SampleBits {
    /// All bits are 0.
    pub fn new(shape: (usize, usize, usize)) -> Result<Self> {
        Ok(Self { samples: zeroed(shape)?, spread: 0 })
    }

    /// Adds a part of a tile, with these channels.
    pub fn add_part(&mut self, tile: &DecodedTile, channels: Range<usize>) {
        let count = channels.len();
        let mut bits = self.samples.slice_mut(s![channels, .., ..]);
        match &tile.sample_bits {
            Some(coded) if coded.dim() == bits.dim() => bits.assign(coded),
            // An array with two axes is broadcast to all channels.
            Some(coded) => bits.assign(&(coded.sum_axis(Axis(0)) / count as f32)),
            None => {
                let samples = bits.len();
                bits.fill((tile.bits.total / samples as f64) as f32);
                self.spread += if tile.bits.total > 0.0 { samples as u64 } else { 0 };
            }
        }
    }
}
