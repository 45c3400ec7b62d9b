//! ansel as a format of the image crate: reading, writing, metadata, limits.

#![cfg(feature = "image-hooks")]

mod common;

use std::io::{BufReader, Cursor};
use std::sync::LazyLock;

use ansel::hooks::{AnselDecoder, AnselEncoder, register};
use ansel::{Codec, Metadata, Planes};
use common::*;
use image::{ColorType, DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageError, ImageReader, Limits};

static CODEC: LazyLock<Codec> = LazyLock::new(|| {
    let codec = Codec::default();
    assert!(register(&codec) && !register(&codec), "the first call counts");
    codec
});

fn compressed(planes: &Planes) -> Vec<u8> {
    CODEC.compress(planes, &metadata()).expect("a compressed image")
}

fn jpeg() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/jpeg/sequential.jpg")).expect("a JPEG file")
}

fn decoder(file: &[u8]) -> AnselDecoder<Cursor<&[u8]>> {
    AnselDecoder::new(&CODEC, Cursor::new(file)).expect("a decoder")
}

#[test]
fn image_open_reads_files_by_their_extension_and_by_their_first_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let planes = gentle(3, 31, 17);
    let file = compressed(&planes);
    for name in ["a.ansel", "b.ANSEL"] {
        std::fs::write(folder.path().join(name), &file).expect("a written file");
        assert_eq!(image::open(folder.path().join(name)).expect("an image"), planes.to_image().expect("an image"));
    }
    let nameless = folder.path().join("nameless");
    std::fs::write(&nameless, &file).expect("a written file");
    let reader = BufReader::new(std::fs::File::open(nameless).expect("a file"));
    let image = ImageReader::new(reader).with_guessed_format().expect("a format").decode().expect("an image");
    assert_eq!(image, planes.to_image().expect("an image"));
}

#[test]
fn every_kind_of_dynamic_image_comes_back() {
    for (channels, depth) in (1..=4).flat_map(|channels| [(channels, 8), (channels, 16)]) {
        let image = scaled(&gentle(channels, 13, 9), depth).to_image().expect("an image");
        let mut file = Vec::new();
        image.write_with_encoder(AnselEncoder::with_codec(&CODEC, &mut file)).expect("a written file");
        assert_eq!(DynamicImage::from_decoder(decoder(&file)).expect("an image"), image);
    }
    let encoder = AnselEncoder::with_codec(&CODEC, Vec::new());
    let floats = encoder.write_image(&[0; 12], 1, 1, ExtendedColorType::Rgb32F);
    assert!(matches!(floats, Err(ImageError::Unsupported(_))));
}

#[test]
fn other_depths_are_scaled() {
    for (depth, original, colour) in [
        (1, ExtendedColorType::L1, ColorType::L8),
        (4, ExtendedColorType::L4, ColorType::L8),
        (12, ExtendedColorType::L16, ColorType::L16),
    ] {
        let planes = scaled(&image(1, 32, 8, |(_, y, x)| (32 * y + x) as u8), depth);
        let file = CODEC.compress(&planes, &Metadata::default()).expect("a compressed image");
        let decoder = decoder(&file);
        assert_eq!((decoder.original_color_type(), decoder.color_type()), (original, colour));
        let image = DynamicImage::from_decoder(decoder).expect("an image");
        let back = Planes::try_from(&image).expect("planes");
        let (most, target) = ((1u32 << depth) - 1, (1u32 << back.depth()) - 1);
        let shrunk = back.samples().mapv(|sample| ((u32::from(sample) * most + target / 2) / target) as u16);
        assert!(shrunk == *planes.samples(), "{depth} bits");
        assert!(back.samples().iter().any(|&sample| u32::from(sample) == target), "{depth} bits");
    }
}

#[test]
fn metadata_comes_with_the_image() {
    let file = compressed(&gentle(3, 9, 7));
    let mut decoder = decoder(&file);
    assert_eq!(decoder.icc_profile().expect("a profile"), Some(icc_profile()));
    assert_eq!(decoder.xmp_metadata().expect("XMP"), Some(b"<x:xmpmeta/>".to_vec()));
    assert_eq!(decoder.exif_metadata().expect("Exif").map(|exif| exif.len()), Some(40));
    let mut file = Vec::new();
    let mut encoder = AnselEncoder::with_codec(&CODEC, &mut file);
    encoder.set_icc_profile(vec![1, 2, 3]).expect("a place for it");
    encoder.set_exif_metadata(vec![4, 5]).expect("a place for it");
    encoder.write_image(&[7, 8], 2, 1, ExtendedColorType::L8).expect("a written file");
    let metadata = CODEC.decompress(&file).expect("an image").metadata;
    assert_eq!(metadata.get(ansel::MetadataKind::Icc), Some(&[1, 2, 3][..]));
    assert_eq!(metadata.get(ansel::MetadataKind::Exif), Some(&[4, 5][..]));
}

#[test]
fn the_limits_of_both_crates_hold() {
    let file = compressed(&gentle(3, 31, 17));
    let (buffer, band) = (31 * 17 * 3, 2 * 31 * 17 * 3);
    let set = |width, most| {
        let mut limits = Limits::no_limits();
        (limits.max_image_width, limits.max_alloc) = (width, most);
        decoder(&file).set_limits(limits)
    };
    assert!(set(Some(31), Some(buffer + band)).is_ok());
    assert!(matches!(set(Some(30), None), Err(ImageError::Limits(_))));
    assert!(matches!(set(None, Some(buffer + band - 1)), Err(ImageError::Limits(_))));
    let limits = ansel::Limits { samples: 1000, ..ansel::Limits::default() };
    let small = Codec::builder().limits(limits).build().expect("a codec");
    assert!(matches!(AnselDecoder::new(&small, Cursor::new(&file)), Err(ImageError::Limits(_))));
}

#[test]
fn jpeg_files_that_are_kept_are_images_too() {
    let file = CODEC.compress_jpeg(&jpeg()).expect("a compressed file");
    let mut decoder = decoder(&file);
    assert_eq!(decoder.dimensions(), (93, 61));
    assert_eq!(decoder.icc_profile().expect("a profile").map(|profile| profile.len()), Some(200));
    let image = DynamicImage::from_decoder(decoder).expect("an image");
    assert_eq!(image, image::load_from_memory(&jpeg()).expect("an image"));
}

#[test]
fn damage_is_an_error() {
    let file = compressed(&noise(1, 20, 20));
    assert!(matches!(AnselDecoder::new(&CODEC, Cursor::new(&file[..20])), Err(ImageError::Decoding(_))));
    let mut damaged = file.clone();
    *damaged.last_mut().expect("bytes") ^= 1;
    assert!(matches!(DynamicImage::from_decoder(decoder(&damaged)), Err(ImageError::Decoding(_))));
    assert!(matches!(DynamicImage::from_decoder(decoder(&file[..file.len() - 1])), Err(ImageError::Decoding(_))));
}
