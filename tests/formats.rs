//! Every image file in some folders is either refused with a reason, or read as the image crate reads it and restored
//! after compression with its metadata; for PNG files, all their information is restored. The folders are
//! `tests/formats`, and those in `ANSEL_FORMATS`, such as PngSuite or the test images of the image crate.

mod common;

use std::io::Cursor;
use std::path::{Path, PathBuf};

use ansel::{Codec, Error, ErrorKind, ImageFile, Limits, Metadata, Planes};
use flate2::read::ZlibDecoder;
use image::{DynamicImage, ImageFormat};

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Reads a file in bands of a few rows, and at once; both must agree.
fn read(file: &[u8]) -> Result<ImageFile, Error> {
    let whole = ansel::read_image(Cursor::new(file), &Limits::default())?;
    let mut reader = ansel::open_image(Cursor::new(file), &Limits::default()).expect("it was read before");
    let mut start = 0;
    while reader.rows_left() > 0 {
        let band = reader.read_rows(7).expect("it was read before");
        assert!(band == whole.planes.rows(start..start + band.height()), "rows from {start} on differ");
        start += band.height();
    }
    Ok(whole)
}

/// Fails unless the image crate decodes to the same samples, apart from its conversions: it expands palettes and depths
/// below eight bits.
fn assert_same_samples(path: &Path, file: &[u8], planes: &Planes) {
    let mut reader = image::ImageReader::new(Cursor::new(file));
    match ImageFormat::from_path(path) {
        Ok(ImageFormat::Tga) => reader.set_format(ImageFormat::Tga),
        _ => reader = reader.with_guessed_format().expect("a format"),
    }
    let theirs = reader.decode().unwrap_or_else(|e| panic!("{}: not decoded by the image crate: {e}", path.display()));
    let theirs = match (planes.channels(), planes.depth()) {
        (1, ..=8) => DynamicImage::from(theirs.to_luma8()),
        (1, _) => DynamicImage::from(theirs.to_luma16()),
        (2, ..=8) => DynamicImage::from(theirs.to_luma_alpha8()),
        (2, _) => DynamicImage::from(theirs.to_luma_alpha16()),
        (3, ..=8) => DynamicImage::from(theirs.to_rgb8()),
        (3, _) => DynamicImage::from(theirs.to_rgb16()),
        (_, ..=8) => DynamicImage::from(theirs.to_rgba8()),
        _ => DynamicImage::from(theirs.to_rgba16()),
    };
    let theirs = Planes::try_from(&theirs).expect("planes");
    let scale = if planes.depth() < 8 { 255 / ((1 << planes.depth()) - 1) } else { 1 };
    let ours = Planes::new(planes.samples().mapv(|sample| sample * scale), theirs.depth()).expect("planes");
    assert!(ours == theirs, "{}: other samples than those of the image crate", path.display());
}

/// The header and chunks of a PNG file, with a placeholder for the samples, and with profiles uncompressed.
fn chunks(file: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<(String, Vec<u8>)> = Vec::new();
    let mut rest = &file[8..];
    while rest.len() >= 12 {
        let length = u32::from_be_bytes(rest[..4].try_into().expect("four bytes")) as usize;
        let kind = String::from_utf8_lossy(&rest[4..8]).into_owned();
        let mut data = rest[8..8 + length].to_vec();
        rest = &rest[12 + length..];
        match &*kind {
            "IHDR" => data[12] = 0, // interlacing only concerns how samples are stored
            "IDAT" => data.clear(),
            "iCCP" => {
                let start = data.iter().position(|&byte| byte == 0).expect("a name") + 2;
                let mut profile = data[..start].to_vec();
                std::io::copy(&mut ZlibDecoder::new(&data[start..]), &mut profile).expect("a profile");
                data = profile;
            }
            _ => (),
        }
        if kind != "IDAT" || found.last().is_none_or(|(last, _)| last != "IDAT") {
            found.push((kind.clone(), data));
        }
        if kind == "IEND" {
            break;
        }
    }
    found
}

/// Fails unless an image is restored from a PNG file; and a PNG file with its header, palette and all other chunks.
fn assert_comes_back(path: &Path, file: &[u8], planes: &Planes, metadata: &Metadata) {
    let mut again = Vec::new();
    ansel::write_image(planes, metadata, ImageFormat::Png, &mut again)
        .unwrap_or_else(|e| panic!("{}: not written: {e}", path.display()));
    if file.starts_with(b"\x89PNG") {
        assert_eq!(chunks(&again), chunks(file), "{}", path.display());
    }
    let image_again = read(&again).unwrap_or_else(|e| panic!("{}: not read again: {e}", path.display()));
    assert!(image_again.planes == *planes, "{}: other samples", path.display());
    assert!(image_again.metadata == *metadata, "{}: other metadata", path.display());
}

/// Fails unless an image is the same after compression, and again as a PNG file.
fn assert_comes_back_compressed(codec: &Codec, path: &Path, file: &[u8], image: &ImageFile) {
    let compressed = codec.compress(&image.planes, &image.metadata);
    let compressed = compressed.unwrap_or_else(|e| panic!("{}: not compressed: {e}", path.display()));
    let decoded = codec.decompress(&compressed).unwrap_or_else(|e| panic!("{}: not decompressed: {e}", path.display()));
    assert!(decoded.planes == image.planes, "{}: other samples after compression", path.display());
    assert!(decoded.metadata == image.metadata, "{}: other metadata after compression", path.display());
    assert_comes_back(path, file, &decoded.planes, &decoded.metadata);
}

/// Fails unless a file is refused, or restored; returns the reason if it is refused.
fn check(codec: &Codec, path: &Path) -> Option<Error> {
    let file = std::fs::read(path).expect("a readable file");
    match read(&file) {
        Ok(image) => {
            assert_same_samples(path, &file, &image.planes);
            assert_comes_back(path, &file, &image.planes, &image.metadata);
            assert_comes_back_compressed(codec, path, &file, &image);
            None
        }
        Err(error) => {
            assert!(!matches!(error, Error::Io { .. }), "{}: {error}", path.display());
            Some(error)
        }
    }
}

#[test]
fn every_file_of_the_repository_comes_back_or_is_refused_for_what_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats");
    let codec = Codec::default();
    let mut checked = 0;
    for (folder, least) in [("read", 27), ("unsupported", 10), ("broken", 5)] {
        let files = files(&root.join(folder));
        assert!(files.len() >= least, "{folder} has {} files", files.len());
        for path in &files {
            let refused = check(&codec, path);
            let kind = match &refused {
                None => "read",
                Some(error) if error.kind() == ErrorKind::Unsupported => "unsupported",
                Some(error) if error.kind() == ErrorKind::Damaged => "broken",
                Some(_) => "another error",
            };
            assert_eq!(kind, folder, "{}: {refused:?}", path.display());
            checked += 1;
        }
    }
    println!("{checked} files");
}

#[test]
fn every_file_of_the_folder_comes_back_or_is_refused() {
    let Some(folder) = std::env::var_os("ANSEL_FORMATS").map(PathBuf::from) else {
        println!("ANSEL_FORMATS names no folder of image files: those of the repository alone are checked");
        return;
    };
    let codec = Codec::default();
    let (mut read_files, mut refused) = (0, Vec::new());
    for path in files(&folder) {
        let name = path.strip_prefix(&folder).expect("below the folder");
        let suite = name.starts_with("pngsuite") && name.extension().is_some_and(|extension| extension == "png");
        let broken = suite && path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"x"));
        match check(&codec, &path) {
            None => {
                assert!(!broken, "{} was read", name.display());
                read_files += 1;
            }
            Some(error) => {
                assert!(!suite || broken, "{}: {error}", name.display());
                refused.push(format!("{}: {error}", name.display()));
            }
        }
    }
    println!("{read_files} files read, {} refused:\n{}", refused.len(), refused.join("\n"));
    assert!(read_files > 0, "no image in {}", folder.display());
}
