//! The pictures of a report: thumbnails of images, and maps of their bits.

use ansel::{Codec, Limits, Metadata, Planes};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::ImageFormat;
use ndarray::{Array2, Array3, ArrayView2, s};

use super::files::ReportFile;
use crate::cli::failure::{Result, about};
use crate::cli::{heat, input, jpeg, map};

/// The longest side of a picture, in pixels.
const SIDE: usize = 320;

/// An image and the map of its bits.
#[derive(Debug)]
pub struct Figure {
    pub file: ReportFile,
    /// Data URIs of PNG files.
    pub thumbnail: String,
    pub map: Option<String>,
    /// What the map cannot show.
    pub note: Option<String>,
    /// Bits per pixel, averaged over the pixels of the thumbnail.
    bits: Option<Array2<f32>>,
}

impl Figure {
    /// Decodes a file; its map is coloured later.
    pub fn of(codec: &Codec, limits: &Limits, file: &ReportFile) -> Result<Self> {
        let opened = input::open_ansel(&file.place, limits)?;
        let reading = about("read", file.place.path());
        if file.is_jpeg {
            let planes = codec.decompress(&jpeg::read_whole(&file.place, opened)?).map_err(reading)?.planes;
            let note = Some("no map: the bits of a JPEG file's pixels are not known".to_owned());
            return Ok(Self { file: file.clone(), thumbnail: thumbnail(&planes)?, map: None, note, bits: None });
        }
        let map = codec.bit_map(opened).map_err(reading)?;
        let bits = Some(shrunk(heat::bits_of_pixels(&map, None).view()));
        let note = map::spread(&map);
        Ok(Self { file: file.clone(), thumbnail: thumbnail(&map.planes)?, map: None, note, bits })
    }
}

/// Colours all maps on a common scale; returns its end.
pub fn colour_all<'a>(figures: impl Iterator<Item = &'a mut Figure>) -> Result<f32> {
    let mut figures: Vec<&mut Figure> = figures.collect();
    let scale = heat::scale_of(figures.iter().flat_map(|figure| figure.bits.iter().flatten()));
    for figure in &mut figures {
        if let Some(bits) = &figure.bits {
            figure.map = Some(data_uri(&Planes::new(heat::colours(bits, scale), 8)?)?);
        }
    }
    Ok(scale)
}

/// A thumbnail of an image, with 8 bits per sample.
fn thumbnail(planes: &Planes) -> Result<String> {
    let most = f32::from(u16::MAX >> (u16::BITS - planes.depth()));
    let channel = |channel: usize| {
        let samples = planes.samples().slice(s![channel, .., ..]).mapv(f32::from);
        shrunk(samples.view()).mapv(|sample| (sample * 255.0 / most).round() as u16)
    };
    let channels: Vec<Array2<u16>> = (0..planes.channels()).map(channel).collect();
    let (height, width) = channels[0].dim();
    let samples = Array3::from_shape_fn((channels.len(), height, width), |(channel, y, x)| channels[channel][[y, x]]);
    data_uri(&Planes::new(samples, 8)?)
}

/// Averages squares, so that no side is longer than [`SIDE`].
fn shrunk(values: ArrayView2<'_, f32>) -> Array2<f32> {
    let (height, width) = values.dim();
    let factor = height.max(width).div_ceil(SIDE);
    Array2::from_shape_fn((height.div_ceil(factor), width.div_ceil(factor)), |(y, x)| {
        let (bottom, right) = (height.min((y + 1) * factor), width.min((x + 1) * factor));
        values.slice(s![y * factor..bottom, x * factor..right]).mean().unwrap_or_default()
    })
}

fn data_uri(planes: &Planes) -> Result<String> {
    let mut png = Vec::new();
    ansel::write_image(planes, &Metadata::default(), ImageFormat::Png, &mut png)?;
    Ok(format!("data:image/png;base64,{}", STANDARD.encode(png)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pictures_are_means() {
        let values = Array2::from_shape_fn((3, 641), |(_, x)| (x / 3) as f32);
        let small = shrunk(values.view());
        assert_eq!(small.dim(), (1, 214));
        assert!(small.iter().enumerate().all(|(x, &mean)| (mean - x as f32).abs() < 1e-4));
        assert_eq!(shrunk(values.slice(s![.., ..320])), values.slice(s![.., ..320]));
    }
}
