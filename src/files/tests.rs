//! Small files in memory: what is written is read back, in every format and shape; what could not be restored is
//! refused.

use std::io::Cursor;

use ndarray::Array3;

use super::*;
use crate::base::error::ErrorKind;
use crate::image::{MetadataKind, Palette};

fn read(file: &[u8]) -> Result<ImageFile> {
    read_image(Cursor::new(file), &Limits::default())
}

fn written(planes: &Planes, metadata: &Metadata, format: ImageFormat) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    write_image(planes, metadata, format, &mut file).map(|()| file)
}

/// Samples of all sizes that the depth allows.
fn example(channels: usize, width: usize, height: usize, depth: u32) -> Planes {
    let sample = |(c, y, x): (usize, usize, usize)| {
        let mixed = (37 * c + 101 * y + 211 * x + 1).wrapping_mul(0x9e37_79b9) >> 7;
        (mixed & ((1 << depth) - 1)) as u16
    };
    Planes::new(Array3::from_shape_fn((channels, height, width), sample), depth).expect("valid planes")
}

/// The message of the error; fails if there is none, or one of another kind.
fn unsupported<T>(result: Result<T>) -> String {
    refusal(result, ErrorKind::Unsupported)
}

fn broken<T>(result: Result<T>) -> String {
    refusal(result, ErrorKind::Damaged)
}

fn refusal<T>(result: Result<T>, kind: ErrorKind) -> String {
    match result {
        Err(error) if error.kind() == kind => error.to_string(),
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("not refused"),
    }
}

/// Whether the specification of a format allows such samples.
fn holds(format: ImageFormat, channels: usize, depth: u32) -> bool {
    match format {
        ImageFormat::Png => matches!((channels, depth), (1, 1 | 2 | 4) | (_, 8 | 16)),
        ImageFormat::Tiff => matches!(depth, 8 | 16),
        ImageFormat::Pnm => true,
        ImageFormat::Bmp => channels != 2 && depth == 8,
        _ => channels > 2 && depth == 8,
    }
}

#[test]
fn every_shape_comes_back_from_every_format_that_holds_it_and_is_refused_by_the_others() {
    for format in WRITABLE_FORMATS {
        for (channels, depth) in (1..=4).flat_map(|channels| (1..=16).map(move |depth| (channels, depth))) {
            for (width, height) in [(1, 1), (13, 5), (8, 3)] {
                let planes = example(channels, width, height, depth);
                let file = written(&planes, &Metadata::default(), format);
                let what = format!("{format:?}, {channels} channels of {depth} bits");
                if !holds(format, channels, depth) {
                    assert!(unsupported(file).contains("write ."), "{what}");
                    continue;
                }
                let image = read(&file.expect("a file")).unwrap_or_else(|e| panic!("{what}: {e}"));
                assert!(image.planes == planes, "{what}: other samples");
                assert!(image.metadata == Metadata::default() && image.not_kept.is_empty(), "{what}");
                assert_eq!(image.lossy_source, None);
            }
        }
    }
}

#[test]
fn rows_are_read_and_written_in_parts() {
    for format in WRITABLE_FORMATS {
        let planes = example(3, 9, 11, 8);
        let mut file = Vec::new();
        let mut writer =
            create_image(ImageInfo::of(&planes), &Metadata::default(), format, &mut file).expect("a writer");
        for rows in [0..1, 1..5, 5..11] {
            writer.write_rows(&planes.rows(rows)).expect("rows");
        }
        assert!(unsupported(writer.write_rows(&planes.rows(0..1))).contains("announced"));
        writer.finish().expect("a file");
        assert_eq!(file, written(&planes, &Metadata::default(), format).expect("a file"));
        let mut reader = open_image(Cursor::new(&file), &Limits::default()).expect("a reader");
        assert_eq!(reader.info(), ImageInfo::of(&planes));
        assert!(reader.read_rows(4).expect("rows") == planes.rows(0..4));
        assert_eq!(reader.rows_left(), 7);
        assert!(reader.read_rows(100).expect("rows") == planes.rows(4..11));
        assert!(reader.read_rows(1).is_err());
        let mut writer =
            create_image(ImageInfo::of(&planes), &Metadata::default(), format, Vec::new()).expect("a writer");
        assert!(unsupported(writer.write_rows(&example(3, 8, 1, 8))).contains("announced"));
        writer.write_rows(&planes.rows(0..3)).expect("rows");
        assert!(unsupported(writer.finish()).contains("3 of 11"));
    }
}

#[test]
fn every_truncation_is_an_error() {
    for format in WRITABLE_FORMATS {
        let file = written(&example(3, 7, 6, 8), &Metadata::default(), format).expect("a file");
        for length in 0..file.len() {
            let result = read(&file[..length]);
            // The directory of a TIFF file, or the padding of a WebP file: nothing of the image is missing.
            let end = if matches!(format, ImageFormat::WebP) { 1 } else { 0 };
            assert!(result.is_err() || length + end >= file.len(), "{format:?}: {length} of {} bytes", file.len());
            assert!(!matches!(result, Err(Error::Io { .. })), "{format:?}: {length} bytes");
        }
    }
}

#[test]
fn every_changed_byte_of_a_png_file_is_an_error() {
    let mut metadata = Metadata::default();
    metadata.set(MetadataKind::Exif, b"II*\0\x08\0\0\0\0\0".to_vec());
    let file = written(&example(3, 7, 6, 8), &metadata, ImageFormat::Png).expect("a file");
    for at in 0..file.len() {
        let mut changed = file.clone();
        changed[at] ^= 0x10;
        assert!(read(&changed).is_err(), "byte {at}");
    }
}

#[test]
fn images_beyond_the_limits_are_refused_before_they_are_read() {
    let limits = Limits { samples: 99, ..Limits::default() };
    for format in WRITABLE_FORMATS {
        let file = written(&example(4, 5, 5, 8), &Metadata::default(), ImageFormat::Png).expect("a file");
        let refused = open_image(Cursor::new(file), &limits);
        assert!(matches!(refused, Err(Error::LimitsExceeded { value: 100, limit: 99, .. })), "{format:?}");
    }
    let limits = Limits { metadata_bytes: 400, ..Limits::default() };
    let mut metadata = Metadata::default();
    metadata.set(MetadataKind::Icc, vec![7; 1000]);
    for format in [ImageFormat::Png, ImageFormat::Tiff, ImageFormat::WebP] {
        let file = written(&example(3, 5, 5, 8), &metadata, format).expect("a file");
        let refused = open_image(Cursor::new(&file), &limits);
        let is = |value| (1000..1100).contains(&value); // profile and chunk header
        assert!(matches!(refused, Err(Error::LimitsExceeded { value, limit: 400, .. }) if is(value)), "{format:?}");
        assert!(read(&file).expect("within the limits").metadata == metadata, "{format:?}");
    }
}

#[test]
fn the_size_of_metadata_beyond_the_limit_is_that_of_all() {
    let text = [&b"Comment\0"[..], &[b'a'; 92]].concat();
    let samples = deflated(&[0, 1]);
    let head = header(1, 1, 8, 0);
    let file = png(&[
        (b"IHDR", &head),
        (b"tEXt", &text),
        (b"IDAT", &samples),
        (b"tEXt", &text),
        (b"tEXt", &text),
        (b"IEND", b""),
    ]);
    let open = |metadata_bytes| open_image(Cursor::new(&file), &Limits { metadata_bytes, ..Limits::default() });
    for limit in [0, 150, 3 * 108 - 1] {
        let refused = open(limit);
        assert!(matches!(refused, Err(Error::LimitsExceeded { value: 324, .. })), "{refused:?}");
    }
    assert!(open(324).is_ok());
}

/// A PNG file of chunks; their checksums are right.
fn png(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in chunks {
        file.extend((data.len() as u32).to_be_bytes());
        file.extend(*kind);
        file.extend(*data);
        let mut sum = flate2::Crc::new();
        sum.update(*kind);
        sum.update(data);
        file.extend(sum.sum().to_be_bytes());
    }
    file
}

fn header(width: u8, height: u8, depth: u8, colour: u8) -> [u8; 13] {
    [0, 0, 0, width, 0, 0, 0, height, depth, colour, 0, 0, 0]
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("deflated bytes")
}

/// The chunks of a PNG file, all IDAT chunks as a single empty one.
fn chunks_of(file: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<(String, Vec<u8>)> = Vec::new();
    let mut rest = &file[8..];
    while !rest.is_empty() {
        let length = u32::from_be_bytes(rest[..4].try_into().expect("four bytes")) as usize;
        let kind = String::from_utf8(rest[4..8].to_vec()).expect("a type");
        let data = if kind == "IDAT" { Vec::new() } else { rest[8..8 + length].to_vec() };
        if kind != "IDAT" || found.last().is_none_or(|last| last.0 != "IDAT") {
            found.push((kind, data));
        }
        rest = &rest[12 + length..];
    }
    found
}

#[test]
fn png_chunks_come_back_in_their_places() {
    let samples = deflated(&[0, 1, 0, 2]);
    let xmp = b"XML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta/>";
    let french = b"XML:com.adobe.xmp\0\0\0fr\0\0<x:xmpmeta/>";
    let profile = [&b"My name\0\0"[..], &deflated(b"profile")].concat();
    let file = png(&[
        (b"IHDR", &header(1, 2, 8, 0)),
        (b"gAMA", &[0, 0, 177, 143]),
        (b"iCCP", &profile),
        (b"iTXt", french),
        (b"tRNS", &[0, 1]),
        (b"tEXt", b"Comment\0before"),
        (b"IDAT", &samples[..3]),
        (b"IDAT", &samples[3..]),
        (b"iTXt", xmp),
        (b"eXIf", b"II*\0\x08\0\0\0\0\0"),
        (b"prVt", b""),
        (b"tEXt", b"Comment\0behind"),
        (b"IEND", b""),
    ]);
    let image = read(&file).expect("an image");
    assert_eq!(image.metadata.get(MetadataKind::Icc), Some(&b"profile"[..]));
    assert_eq!(image.metadata.get(MetadataKind::Xmp), Some(&b"<x:xmpmeta/>"[..]));
    let described = image.metadata.blocks().last().expect("blocks").describe();
    assert!(described.ends_with("gAMA 4, iTXt 36, tRNS 2, tEXt 14, prVt 0, tEXt 14"), "{described}");
    let again = written(&image.planes, &image.metadata, ImageFormat::Png).expect("a file");
    let without_profile = |file: &[u8]| {
        let mut chunks = chunks_of(file);
        chunks.iter_mut().filter(|chunk| chunk.0 == "iCCP").for_each(|chunk| chunk.1.truncate(9));
        chunks
    };
    assert_eq!(without_profile(&again), without_profile(&file));
    assert!(read(&again).expect("an image").metadata == image.metadata);
    let mut stripped = image.metadata.clone();
    for format in [ImageFormat::Pnm, ImageFormat::Tiff, ImageFormat::Bmp] {
        assert!(unsupported(written(&image.planes, &stripped, format)).contains("strip"));
    }
    // Without its block, a marker is not a chunk.
    stripped = Metadata::default();
    stripped.set(MetadataKind::PngChunks, image.metadata.get(MetadataKind::PngChunks).expect("chunks").to_vec());
    let kinds: Vec<_> = chunks_of(&written(&image.planes, &stripped, ImageFormat::Png).expect("a file"))
        .into_iter()
        .map(|chunk| chunk.0)
        .collect();
    assert_eq!(kinds, ["IHDR", "gAMA", "iTXt", "tRNS", "tEXt", "IDAT", "prVt", "tEXt", "IEND"]);
}

#[test]
fn palettes_come_back_in_their_order() {
    for (depth, colours) in [(1u8, 2usize), (2, 3), (4, 16), (8, 200)] {
        for alpha in [0, 1, colours] {
            let palette: Vec<u8> = (0..3 * colours).map(|i| (97 * i) as u8).collect();
            let opacities: Vec<u8> = (0..alpha).map(|i| (50 * i) as u8).collect();
            let indices: Vec<u16> = (0..9).map(|x| (7 * x % colours) as u16).collect();
            let mut row = Vec::new();
            rows::pack(indices.iter().copied(), depth.into(), &mut row);
            let samples = deflated(&[&[0], &row[..]].concat());
            let head = header(9, 1, depth, 3);
            let mut chunks: Vec<(&[u8; 4], &[u8])> = vec![(b"IHDR", &head), (b"PLTE", &palette)];
            if alpha > 0 {
                chunks.push((b"tRNS", &opacities));
            }
            chunks.extend([(b"IDAT", &samples[..]), (b"IEND", &[])]);
            let file = png(&chunks);
            let image = read(&file).expect("an image");
            assert_eq!((image.planes.channels(), image.planes.depth()), (if alpha > 0 { 4 } else { 3 }, 8));
            let index = usize::from(indices[3]);
            assert_eq!(image.planes.samples()[[1, 0, 3]], u16::from(palette[3 * index + 1]));
            assert_eq!(image.metadata.blocks().len(), 1, "the usual order needs no chunks");
            let again = written(&image.planes, &image.metadata, ImageFormat::Png).expect("a file");
            assert_eq!(chunks_of(&again), chunks_of(&file));
            assert!(read(&again).expect("an image").planes == image.planes);
            let other = example(image.planes.channels(), 9, 1, 8);
            assert!(unsupported(written(&other, &image.metadata, ImageFormat::Png)).contains("palette"));
            let writer = create_image(ImageInfo::of(&image.planes), &image.metadata, ImageFormat::Tiff, Vec::new());
            assert_eq!(writer.expect("a writer").not_kept(), ["palette"]);
        }
    }
}

#[test]
fn interlaced_png_files_are_read() {
    // One pixel in each of the first two passes.
    let samples = deflated(&[0, 1, 2, 0, 3, 4]);
    let mut head = header(5, 1, 16, 0);
    head[12] = 1;
    let wide = deflated(&[0, 0, 1, 0, 0, 5, 0, 0, 3, 0, 0, 2, 0, 4]);
    let file = png(&[(b"IHDR", &head), (b"IDAT", &wide), (b"IEND", b"")]);
    let image = read(&file).expect("an image");
    assert_eq!(image.planes.samples().iter().copied().collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert!(read(&png(&[(b"IHDR", &head), (b"IDAT", &samples), (b"IEND", b"")])).is_err());
}

#[test]
fn data_behind_the_samples_of_a_png_file_is_named() {
    let not_kept = |head: [u8; 13], data: &[&[u8]]| {
        let mut chunks: Vec<(&[u8; 4], &[u8])> = vec![(b"IHDR", &head)];
        chunks.extend(data.iter().map(|data| (b"IDAT", *data)));
        chunks.push((b"IEND", b""));
        read(&png(&chunks)).expect("an image").not_kept
    };
    let named = ["data behind the samples in the IDAT chunks"];
    let (head, exact) = (header(1, 2, 8, 0), deflated(&[0, 1, 0, 2]));
    assert!(not_kept(head, &[&exact]).is_empty());
    assert!(not_kept(head, &[&exact[..5], &[], &exact[5..]]).is_empty());
    assert_eq!(not_kept(head, &[&deflated(&[0, 1, 0, 2, 0])]), named);
    assert_eq!(not_kept(head, &[&exact, b"x"]), named);
    assert_eq!(not_kept(head, &[&[&exact[..], b"more"].concat()]), named);
    let mut interlaced = header(5, 1, 16, 0);
    interlaced[12] = 1;
    let passes = [0, 0, 1, 0, 0, 5, 0, 0, 3, 0, 0, 2, 0, 4];
    assert!(not_kept(interlaced, &[&deflated(&passes)]).is_empty());
    assert_eq!(not_kept(interlaced, &[&deflated(&[&passes[..], &[0]].concat())]), named);
}

#[test]
fn png_files_that_are_not_whole_or_not_one_image_are_refused() {
    let samples = deflated(&[0, 1]);
    let head = header(1, 1, 8, 0);
    let start: [(&[u8; 4], &[u8]); 1] = [(b"IHDR", &head)];
    let file = |between: &[(&[u8; 4], &[u8])]| png(&[&start, between, &[(b"IEND", b"")]].concat());
    let idat: (&[u8; 4], &[u8]) = (b"IDAT", &samples);
    assert!(read(&file(&[idat])).is_ok());
    assert!(unsupported(read(&file(&[(b"acTL", &[0; 8]), idat]))).contains("animation"));
    assert!(unsupported(read(&file(&[(b"CgBI", &[0; 4]), idat]))).contains("CgBI"));
    assert!(broken(read(&file(&[]))).contains("no IDAT"));
    assert!(broken(read(&file(&[idat, (b"tEXt", b"a\0b"), idat]))).contains("misplaced"));
    assert!(broken(read(&file(&[(b"IHDR", &head), idat]))).contains("misplaced"));
    assert!(broken(read(&file(&[(b"eXIf", b"MM"), (b"eXIf", b""), idat]))).contains("empty"));
    assert!(broken(read(&file(&[(b"iCCP", b"name\0\0"), idat]))).contains("empty"));
    assert!(broken(read(&png(&[start[0], idat]))).contains("ends early"));
    let palette = header(1, 1, 8, 3);
    assert!(read(&png(&[(b"IHDR", &palette), idat, (b"IEND", b"")])).is_err());
    assert!(broken(read(&png(&[(b"IHDR", &palette), (b"PLTE", &[9; 3]), idat, (b"IEND", b"")]))).contains("index 1"));
    // A broken profile is kept as it is.
    let image = read(&file(&[(b"iCCP", b"name\0\0xyz"), idat])).expect("an image");
    assert_eq!(image.metadata.get(MetadataKind::Icc), None);
    let again = written(&image.planes, &image.metadata, ImageFormat::Png).expect("a file");
    assert_eq!(chunks_of(&again)[1], ("iCCP".to_owned(), b"name\0\0xyz".to_vec()));
    // Bytes after the end of the file do not belong to it.
    let image = read(&[&file(&[idat])[..], b"more"].concat()).expect("an image");
    assert_eq!(image.not_kept, ["4 bytes behind the end of the PNG file"]);
}

#[test]
fn a_bomb_in_a_profile_is_stopped_at_the_limit() {
    let samples = deflated(&[0, 1]);
    let profile = [&b"x\0\0"[..], &deflated(&vec![0; 1 << 20])].concat();
    let file = png(&[(b"IHDR", &header(1, 1, 8, 0)), (b"iCCP", &profile), (b"IDAT", &samples), (b"IEND", b"")]);
    let limits = Limits { metadata_bytes: 1 << 16, ..Limits::default() };
    let refused = open_image(Cursor::new(&file), &limits);
    assert!(matches!(refused, Err(Error::LimitsExceeded { value: 0x10_0000.., .. })), "{refused:?}");
    assert!(read(&file).is_ok());
}

#[test]
fn metadata_that_says_nonsense_is_a_format_error() {
    let planes = example(3, 2, 2, 8);
    for kind in [MetadataKind::Palette, MetadataKind::PngChunks] {
        let mut metadata = Metadata::default();
        metadata.set(kind, b"nonsense".to_vec());
        assert!(matches!(written(&planes, &metadata, ImageFormat::Png), Err(Error::Format(_))), "{kind:?}");
    }
    let mut metadata = Metadata::default();
    let palette = Palette { depth: 1, colours: vec![[0; 3]], alpha: Vec::new() };
    metadata.set(MetadataKind::Palette, palette.to_bytes());
    assert!(unsupported(written(&example(3, 1, 1, 16), &metadata, ImageFormat::Png)).contains("palette"));
    assert!(unsupported(written(&example(1, 1, 1, 8), &metadata, ImageFormat::Png)).contains("palette"));
}

#[test]
fn a_pnm_file_is_read_whole_or_refused() {
    let samples = |file: &[u8]| {
        let planes = read(file).expect("an image").planes;
        (planes.channels(), planes.depth(), planes.samples().iter().copied().collect::<Vec<_>>())
    };
    assert_eq!(samples(b"P5 2 2 255\n\x01\x02\x03\xff"), (1, 8, vec![1, 2, 3, 255]));
    assert_eq!(samples(b"P6 1 1 255\n\x01\x02\x03"), (3, 8, vec![1, 2, 3]));
    assert_eq!(samples(b"P5 1 2 65535\n\x01\x02\x03\x04"), (1, 16, vec![0x102, 0x304]));
    assert_eq!(samples(b"P5 1 2 1023\n\x01\x02\x03\x04"), (1, 10, vec![0x102, 0x304]));
    assert_eq!(samples(b"P4 3 2\n\xa0\x40"), (1, 1, vec![0, 1, 0, 1, 0, 1]));
    assert_eq!(samples(b"P1 3 2\n101 0 1 0\n"), (1, 1, vec![0, 1, 0, 1, 0, 1]));
    assert_eq!(samples(b"P2 2 1 15\n 7 15"), (1, 4, vec![7, 15]));
    assert_eq!(samples(b"P3 1 1 65535\n0 65535 9\n"), (3, 16, vec![0, 65535, 9]));
    let pam = b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\nabcd";
    assert_eq!(samples(pam), (4, 8, b"abcd".map(u16::from).to_vec()));
    for (file, reason) in [
        (&b"P5 1 1 255\n\x01P5 1 1 255\n\x02"[..], "another image"),
        (b"P2 1 1 255\n1\nP2", "another image"),
        (b"P5 1 1 100\n\x01", "samples of 0 to 100"),
    ] {
        assert!(unsupported(read(file)).contains(reason));
    }
    for file in [&b"P5 2 2 255\n\x01"[..], b"P2 2 1 15\n7 16", b"P2 2 1 15\n7", b"P2 2 1 15\n7 x", b"P5 1 1 15\n\x10"] {
        broken(read(file));
    }
    let huge = read(b"P6 65535 65535 255\n\x01");
    assert!(matches!(huge, Err(Error::LimitsExceeded { .. })), "{huge:?}");
    assert!(read(b"P6 4294967295 4294967295 255\n\x01").is_err());
}

#[test]
fn a_farbfeld_file_has_sixteen_bits() {
    let file = [&b"farbfeld\0\0\0\x01\0\0\0\x01"[..], &[1, 2, 3, 4, 5, 6, 7, 8]].concat();
    let planes = read(&file).expect("an image").planes;
    assert_eq!((planes.depth(), planes.samples()[[3, 0, 0]]), (16, 0x708));
    broken(read(&file[..file.len() - 1]));
}

#[test]
fn a_tga_file_is_known_by_its_header() {
    let file = [&[0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 8, 0x20][..], &[7, 9]].concat();
    let planes = read(&file).expect("an image").planes;
    assert_eq!(planes.samples().iter().copied().collect::<Vec<_>>(), [7, 9]);
    broken(read(&file[..file.len() - 1]));
}

#[test]
fn gif_files_of_one_frame_are_read_and_others_refused() {
    let gif = |frames: usize, left: u16, transparent: Option<u8>| {
        let mut file = Vec::new();
        let mut encoder = ::gif::Encoder::new(&mut file, 3, 1, &[1, 2, 3, 4, 5, 6]).expect("a GIF");
        for _ in 0..frames {
            let frame = ::gif::Frame {
                left,
                width: 3,
                height: 1,
                transparent,
                buffer: vec![1, 0, 1].into(),
                ..Default::default()
            };
            encoder.write_frame(&frame).expect("a frame");
        }
        drop(encoder);
        file
    };
    let image = read(&gif(1, 0, None)).expect("an image");
    assert!(image.not_kept.is_empty());
    assert_eq!(image.planes.samples().iter().copied().collect::<Vec<_>>(), [4, 1, 4, 5, 2, 5, 6, 3, 6]);
    assert_eq!(image.metadata.get(MetadataKind::Palette), Some(&[1, 1, 1, 2, 3, 4, 5, 6][..]));
    let image = read(&gif(1, 0, Some(0))).expect("an image");
    assert_eq!(image.planes.samples()[[3, 0, 1]], 0);
    let mut commented = gif(1, 0, None);
    let end = commented.len() - 1;
    commented.splice(end..end, *b"!\xfe\x02hi\x00!\xfe\x01!\x00");
    assert_eq!(read(&commented).expect("an image").not_kept, ["a comment"]);
    assert!(unsupported(read(&gif(2, 0, None))).contains("animation"));
    assert!(unsupported(read(&gif(1, 1, None))).contains("canvas"));
    let file = gif(1, 0, None);
    for length in 0..file.len() {
        assert!(read(&file[..length]).is_err(), "{length} of {} bytes", file.len());
    }
}

#[test]
fn a_gif_file_needs_no_end_code_but_all_pixels() {
    let gif = |data: &[u8]| {
        let start = b"GIF89a\x03\0\x01\0\x80\0\0\x01\x02\x03\x04\x05\x06,\0\0\0\0\x03\0\x01\0\0\x02";
        [&start[..], &[data.len() as u8], data, b"\0;"].concat()
    };
    // Codes of 3 bits: clear, 1, 0, 1; then, of 4 bits, the end.
    let whole = read(&gif(&[0x0c, 0x52])).expect("an image");
    let endless = read(&gif(&[0x0c, 0x02])).expect("an image");
    assert!(endless.planes == whole.planes && endless.planes.samples()[[0, 0, 0]] == 4);
    broken(read(&gif(&[0x0c])));
    let file = gif(&[0x0c, 0x02]);
    for length in 0..file.len() {
        broken(read(&file[..length]));
    }
}

#[test]
fn kinds_of_jpeg_that_are_not_decoded_are_unsupported_and_not_damaged() {
    let mut file = Cursor::new(Vec::new());
    let original = example(1, 9, 8, 8).to_image().expect("an image");
    original.write_to(&mut file, ImageFormat::Jpeg).expect("a file");
    let mut jpeg = file.into_inner();
    let frame = jpeg.windows(2).position(|bytes| bytes == [0xff, 0xc0]).expect("the start of a frame");
    jpeg[frame + 4] = 12;
    assert!(unsupported(read(&jpeg)).contains("12-bit JPEG"));
    jpeg[frame + 4] = 8;
    for (marker, kind) in [(0xc3, "lossless"), (0xc5, "hierarchical"), (0xc9, "arithmetic"), (0xca, "arithmetic")] {
        jpeg[frame + 1] = marker;
        assert!(unsupported(read(&jpeg)).contains(kind));
    }
}

#[test]
fn samples_are_decoded_when_they_are_asked_for() {
    let mut file = Cursor::new(Vec::new());
    example(3, 64, 64, 8).to_image().expect("an image").write_to(&mut file, ImageFormat::Jpeg).expect("a file");
    let mut jpeg = file.into_inner();
    let tables = jpeg.windows(2).position(|bytes| bytes == [0xff, 0xc4]).expect("Huffman tables");
    jpeg[tables + 1] = 0xfe; // a comment: the scan cannot be decoded
    let mut reader = open_image(Cursor::new(&jpeg), &Limits::default()).expect("a reader");
    assert_eq!(reader.lossy_source(), Some("JPEG"));
    for _ in 0..2 {
        broken(reader.read_rows(1));
    }
}

#[test]
fn lossy_files_are_read_and_named() {
    let mut jpeg = Cursor::new(Vec::new());
    let original = example(1, 9, 8, 8).to_image().expect("an image");
    original.write_to(&mut jpeg, ImageFormat::Jpeg).expect("a file");
    let jpeg = jpeg.into_inner();
    let image = read(&jpeg).expect("an image");
    assert_eq!((image.lossy_source.as_deref(), image.planes.channels()), (Some("JPEG"), 1));
    for length in 0..jpeg.len() {
        assert!(read(&jpeg[..length]).is_err(), "{length} of {} bytes", jpeg.len());
    }
}

#[test]
fn a_tiff_file_keeps_profile_xmp_and_orientation() {
    let mut metadata = Metadata::default();
    metadata.set(MetadataKind::Icc, vec![7; 50]);
    metadata.set(MetadataKind::Xmp, b"<x:xmpmeta/>".to_vec());
    metadata.set(MetadataKind::Exif, tiff::exif(6));
    for (channels, depth) in [(1, 8), (2, 16), (3, 16), (4, 8)] {
        let planes = example(channels, 5, 3, depth);
        let file = written(&planes, &metadata, ImageFormat::Tiff).expect("a file");
        let image = read(&file).expect("an image");
        assert!(image.planes == planes && image.metadata == metadata, "{channels} channels of {depth} bits");
    }
}

#[test]
fn a_webp_file_keeps_profile_exif_and_xmp() {
    let mut metadata = Metadata::default();
    metadata.set(MetadataKind::Icc, vec![7; 51]);
    metadata.set(MetadataKind::Exif, b"II*\0\x08\0\0\0\0\0".to_vec());
    metadata.set(MetadataKind::Xmp, b"<x:xmpmeta/>".to_vec());
    let planes = example(4, 5, 3, 8);
    let image = read(&written(&planes, &metadata, ImageFormat::WebP).expect("a file")).expect("an image");
    assert!(image.planes == planes && image.metadata == metadata);
}

#[test]
fn what_the_colours_depend_on_is_refused_and_the_rest_is_named() {
    let planes = example(3, 2, 2, 8);
    let mut metadata = Metadata::default();
    metadata.set(MetadataKind::Exif, tiff::exif(6));
    metadata.set(MetadataKind::Xmp, b"<x:xmpmeta/>".to_vec());
    let not_kept = |metadata: &Metadata, format| {
        create_image(ImageInfo::of(&planes), metadata, format, Vec::new()).map(|writer| writer.not_kept().join(", "))
    };
    assert_eq!(not_kept(&metadata, ImageFormat::Pnm).expect("a writer"), "Exif, XMP");
    assert_eq!(not_kept(&metadata, ImageFormat::Tiff).expect("a writer"), "");
    assert_eq!(not_kept(&metadata, ImageFormat::Png).expect("a writer"), "");
    metadata.set(MetadataKind::Exif, [tiff::exif(6), vec![0]].concat());
    assert_eq!(not_kept(&metadata, ImageFormat::Tiff).expect("a writer"), "Exif (but for the orientation)");
    metadata.set(MetadataKind::Icc, vec![1]);
    for format in [ImageFormat::Pnm, ImageFormat::Bmp, ImageFormat::Qoi] {
        assert!(unsupported(not_kept(&metadata, format)).contains("ICC profile"));
    }
}

#[test]
fn floating_point_images_and_other_files_are_refused() {
    assert!(unsupported(read(b"#?RADIANCE\n")).contains("floating-point"));
    assert!(unsupported(read(b"\x76\x2f\x31\x01\x02\0\0\0")).contains("floating-point"));
    for file in [&b""[..], b"no image", &[0; 64]] {
        assert!(broken(read(file)).contains("no format"));
    }
    let others: [(&[u8], &str); 5] = [
        (b"II\x2b\0\x08\0\0\0", "BigTIFF"),
        (b"MM\0\x2b\0\x08\0\0", "BigTIFF"),
        (b"\xff\x0a\xfa\x1f", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\0\0\0\x18ftypheic", "HEIF"),
    ];
    for (file, name) in others {
        assert!(unsupported(read(file)).contains(name));
    }
    let icons = [0, 0, 1, 0, 2, 0];
    assert!(unsupported(read(&icons)).contains("several"));
    let mut file = Cursor::new(Vec::new());
    let mut encoder = ::tiff::encoder::TiffEncoder::new(&mut file).expect("an encoder");
    encoder.write_image::<::tiff::encoder::colortype::Gray32Float>(1, 1, &[0.5]).expect("a page");
    assert!(unsupported(read(file.get_ref())).contains("floating-point"));
    let mut file = Cursor::new(Vec::new());
    let mut encoder = ::tiff::encoder::TiffEncoder::new(&mut file).expect("an encoder");
    encoder.write_image::<::tiff::encoder::colortype::Gray8>(1, 1, &[5]).expect("a page");
    encoder.write_image::<::tiff::encoder::colortype::Gray8>(1, 1, &[5]).expect("a page");
    assert!(unsupported(read(file.get_ref())).contains("pages"));
}

#[test]
fn bmp_files_with_a_palette_are_colours_or_greys() {
    let planes = example(1, 3, 2, 8);
    let mut file = written(&planes, &Metadata::default(), ImageFormat::Bmp).expect("a file");
    assert!(read(&file).expect("an image").planes == planes);
    let palette = 14 + number_at(&file, 14);
    file[palette] = 9; // the blue of the first colour
    let image = read(&file).expect("an image");
    assert_eq!(image.planes.channels(), 3);
    assert_eq!(image.metadata.get(MetadataKind::Palette).map(<[u8]>::len), Some(2 + 3 * 256));
}

#[test]
fn what_bmp_and_tga_files_say_beside_the_samples_is_named() {
    let planes = example(3, 3, 2, 8);
    let mut bmp = written(&planes, &Metadata::default(), ImageFormat::Bmp).expect("a file");
    bmp[38..46].fill(0);
    assert!(read(&bmp).expect("an image").not_kept.is_empty());
    bmp[42] = 7;
    assert_eq!(read(&bmp).expect("an image").not_kept, ["the resolution"]);
    let mut tga = [&[0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 24, 0][..], &[1, 2, 3]].concat();
    assert!(read(&tga).expect("an image").not_kept.is_empty());
    tga[0] = 2;
    tga.splice(18..18, *b"hi");
    let image = read(&tga).expect("an image");
    assert_eq!(
        (image.planes.samples()[[2, 0, 0]], &image.not_kept[..]),
        (1, &["the text in the header".to_owned()][..])
    );
    let header = [0, 1, 1, 0, 0, 2, 0, 24, 0, 0, 0, 0, 2, 0, 1, 0, 8, 0x20];
    let image = read(&[&header[..], &[1, 2, 3, 4, 5, 6], &[1, 0]].concat()).expect("an image");
    assert_eq!((image.planes.samples()[[0, 0, 0]], &image.not_kept[..]), (6, &["the palette".to_owned()][..]));
}

#[test]
fn pixels_that_a_bmp_file_leaves_out_are_named() {
    let not_kept = |kind: u8, data: &[u8]| {
        let mut file = b"BM\0\0\0\0\0\0\0\0\x3e\0\0\0\x28\0\0\0\x04\0\0\0\x02\0\0\0\x01\0".to_vec();
        file.extend([if kind == 1 { 8 } else { 4 }, 0, kind, 0, 0, 0]);
        file.extend([0; 12]);
        file.extend([2, 0, 0, 0, 0, 0, 0, 0]);
        file.extend([10, 20, 30, 0, 40, 50, 60, 0]);
        file.extend(data);
        read(&file).expect("an image").not_kept
    };
    for whole in [&[4, 0, 0, 0, 4, 1, 0, 1][..], &[0, 4, 0, 1, 0, 1, 0, 0, 3, 1, 1, 0, 0, 1], &[9, 0, 0, 0, 4, 1, 0, 1]]
    {
        assert!(not_kept(1, whole).is_empty());
    }
    assert!(not_kept(2, &[4, 0x01, 0, 0, 0, 4, 0x01, 0x10, 0, 1]).is_empty());
    let named = |pixels| [format!("that {pixels} pixels are left out (they are black now)")];
    assert_eq!(not_kept(1, &[2, 0, 0, 0, 4, 1, 0, 1]), named(2));
    assert_eq!(not_kept(1, &[4, 0, 0, 1]), named(4));
    assert_eq!(not_kept(1, &[0, 2, 3, 1, 1, 0, 0, 1]), named(7));
    assert_eq!(not_kept(2, &[3, 0x01, 0, 0, 4, 0x01, 0, 1]), named(1));
}

fn number_at(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize
}

#[test]
fn the_error_of_another_library_is_kept() {
    let unknown_block = b"GIF89a\x01\0\x01\0\0\0\0\x99";
    let error = open_image(Cursor::new(unknown_block), &Limits::default()).expect_err("no such block");
    assert_eq!(error.kind(), ErrorKind::Damaged);
    let source = std::error::Error::source(&error).expect("the error of the gif crate");
    assert!(error.to_string().ends_with(&source.to_string()), "{error}: {source}");
}

#[test]
fn readers_and_writers_may_go_to_other_threads() {
    fn may_go(_: &impl Send) {}
    let reader = open_image(Cursor::new(b"P5 1 1 15 \x03"), &Limits::default()).expect("an image");
    let writer = create_image(reader.info(), &Metadata::default(), ImageFormat::Pnm, Vec::new()).expect("a writer");
    may_go(&reader);
    may_go(&writer);
    let rows = std::thread::spawn(|| {
        let mut reader = reader;
        reader.read_rows(1)
    })
    .join()
    .expect("no panic");
    assert_eq!(rows.expect("a row").samples()[[0, 0, 0]], 3);
}
