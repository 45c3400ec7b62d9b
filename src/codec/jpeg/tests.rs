use std::io::Cursor;
use std::sync::LazyLock;

use super::*;
use crate::base::error::ErrorKind;
use crate::base::stop::Stop;
use crate::testing::Random;
use crate::{FileKind, MetadataKind};

static CODEC: LazyLock<Codec> = LazyLock::new(Codec::default);

const SEQUENTIAL: &[u8] = include_bytes!("../../../tests/jpeg/sequential.jpg");
const PROGRESSIVE: &[u8] = include_bytes!("../../../tests/jpeg/progressive.jpg");
const GREY: &[u8] = include_bytes!("../../../tests/jpeg/grey.jpg");
const CMYK: &[u8] = include_bytes!("../../../tests/jpeg/cmyk.jpg");

/// The ansel file of a JPEG file; checks that the JPEG file comes back.
fn kept(jpeg: &[u8]) -> Vec<u8> {
    let file = CODEC.compress_jpeg(jpeg).expect("a compressed file");
    assert!(CODEC.decompress_jpeg(&file[..]).expect("a file that decodes") == jpeg);
    assert!(file.len() <= jpeg.len() + 70, "{} bytes of {}", file.len(), jpeg.len());
    file
}

fn info(file: &[u8]) -> JpegInfo {
    CODEC.read_jpeg_info(file).expect("a valid file")
}

#[test]
fn jpeg_files_come_back_smaller_or_are_stored() {
    for (jpeg, size, components, progressive, coder) in [
        (SEQUENTIAL, (93, 61), 3, false, "Lepton"),
        (PROGRESSIVE, (93, 61), 3, true, "Lepton"),
        (GREY, (93, 61), 1, false, "Lepton"),
        (CMYK, (33, 21), 4, false, "stored"),
    ] {
        let file = kept(jpeg);
        let info = info(&file);
        assert_eq!(((info.width, info.height), info.components, info.progressive), (size, components, progressive));
        assert_eq!((info.coder, info.depth), (coder, 8));
        assert_eq!((info.jpeg_bytes, info.bytes), (jpeg.len() as u64, file.len() as u64));
        assert_eq!(info.sha256, <[u8; 32]>::from(Sha256::digest(jpeg)));
    }
}

/// The small files of the other tests consist mostly of tables.
#[test]
fn a_photograph_gets_a_sixth_smaller() {
    let photograph = include_bytes!("../../../tests/images/kodim23.png");
    let planes = read_image(Cursor::new(photograph), &Limits::default()).expect("the photograph").planes;
    let mut jpeg = Cursor::new(Vec::new());
    planes.to_image().expect("an image").write_to(&mut jpeg, image::ImageFormat::Jpeg).expect("a JPEG file");
    let jpeg = jpeg.into_inner();
    let file = kept(&jpeg);
    assert!(6 * file.len() < 5 * jpeg.len(), "{} bytes of {}", file.len(), jpeg.len());
}

#[test]
fn whatever_is_behind_or_missing_of_a_jpeg_file_comes_back() {
    let noise = Random(3).bytes(400);
    kept(&[SEQUENTIAL, &noise].concat());
    kept(&[PROGRESSIVE, PROGRESSIVE].concat());
    for jpeg in [SEQUENTIAL, PROGRESSIVE, GREY] {
        let scan = jpeg.windows(2).position(|bytes| bytes == [0xff, 0xda]).expect("a scan");
        for length in (scan..jpeg.len()).step_by(97) {
            kept(&jpeg[..length]);
        }
        let mut random = Random(5);
        for _ in 0..40 {
            let mut damaged = jpeg.to_vec();
            let at = scan + random.index(jpeg.len() - scan);
            damaged[at] = random.below(256) as u8;
            kept(&damaged);
        }
    }
}

#[test]
fn decompressing_gives_the_pixels_and_the_metadata() {
    let decoded = CODEC.decompress(&kept(SEQUENTIAL)).expect("pixels");
    let image = read_image(Cursor::new(SEQUENTIAL), &Limits::default()).expect("an image");
    assert!(decoded.planes == image.planes && decoded.metadata == image.metadata);
    assert_eq!(decoded.metadata.get(MetadataKind::Icc).map(<[u8]>::len), Some(200));
}

#[test]
fn what_is_no_jpeg_file_is_refused() {
    for bytes in [&b""[..], b"\xff\xd8", b"\xff\xd8\xff\xd9", b"\x89PNG\r\n\x1a\n", &SEQUENTIAL[..30], &SEQUENTIAL[2..]]
    {
        let error = CODEC.compress_jpeg(bytes).expect_err("no JPEG file");
        assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    }
    let image =
        CODEC.compress(&crate::Planes::zeros(1, 2, 2, 8).expect("planes"), &Default::default()).expect("a file");
    assert_eq!(CODEC.decompress_jpeg(&image[..]).expect_err("an image").kind(), ErrorKind::Damaged);
    let file = kept(GREY);
    assert_eq!(FileKind::of(&file), Some(FileKind::Jpeg));
    for error in [
        CODEC.decoder(&file[..]).map(drop).expect_err("a JPEG file"),
        CODEC.open(Cursor::new(&file)).map(drop).expect_err("a JPEG file"),
        CODEC.verify(&file[..]).map(drop).expect_err("a JPEG file"),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    }
}

#[test]
fn damage_of_every_byte_is_found() {
    for file in [kept(GREY), kept(CMYK)] {
        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 1 << (at % 8);
            let error = CODEC.decompress_jpeg(&damaged[..]).map(drop).expect_err("damage");
            assert!(matches!(error, Error::Format(_)), "byte {at}: {error}");
        }
        for length in 0..file.len() {
            assert!(matches!(CODEC.decompress_jpeg(&file[..length]), Err(Error::Format(_))), "{length} bytes");
        }
        assert!(CODEC.decompress_jpeg(&[&file[..], b"x"].concat()[..]).is_err());
    }
}

/// A file with another stream, and with matching checksums.
fn with_stream(jpeg: &[u8], stream: &[u8]) -> Vec<u8> {
    let header = JpegHeader::new(jpeg.len() as u32, Sha256::digest(jpeg).into(), JpegCoder::Lepton, stream);
    [&header.to_bytes(), stream].concat()
}

/// Whatever the library makes of manipulated streams, the result is an error or the original file.
#[test]
fn streams_that_were_changed_on_purpose_are_errors() {
    for jpeg in [SEQUENTIAL, PROGRESSIVE, GREY] {
        let stream = lepton::encode(jpeg, frame_of(jpeg).expect("a frame")).expect("a stream");
        let mut random = Random(9);
        for round in 0..200 {
            let mut changed = stream.clone();
            let at = random.index(if round % 2 == 0 { 40 } else { stream.len() });
            changed[at] = random.below(256) as u8;
            match CODEC.decompress_jpeg(&with_stream(jpeg, &changed)[..]) {
                Ok(decoded) => assert!(decoded == jpeg, "byte {at}"),
                Err(error) => assert!(matches!(error, Error::Format(_) | Error::LimitsExceeded { .. }), "{error}"),
            }
        }
        for length in (0..stream.len()).step_by(13) {
            assert!(CODEC.decompress_jpeg(&with_stream(jpeg, &stream[..length])[..]).is_err(), "{length} bytes");
        }
    }
}

#[test]
fn limits_hold_before_anything_is_decoded() {
    let (file, samples) = (kept(SEQUENTIAL), 93 * 61 * 3);
    let codec = |limits| Codec::builder().limits(limits).build().expect("a codec");
    let enough = codec(Limits { samples, memory: 2 * samples, metadata_bytes: 2000, ..Limits::default() });
    assert!(enough.compress_jpeg(SEQUENTIAL).expect("a file") == file);
    assert!(enough.decompress_jpeg(&file[..]).expect("a file") == SEQUENTIAL);
    for limits in
        [Limits { samples: samples - 1, ..Limits::default() }, Limits { memory: 2 * samples - 1, ..Limits::default() }]
    {
        let codec = codec(limits);
        for error in [
            codec.compress_jpeg(SEQUENTIAL).map(drop).expect_err("too many samples"),
            codec.decompress_jpeg(&file[..]).map(drop).expect_err("too many samples"),
            codec.read_jpeg_info(&file[..]).map(drop).expect_err("too many samples"),
        ] {
            assert_eq!(error.kind(), ErrorKind::Limits, "{error}");
        }
    }
    let behind = [SEQUENTIAL, &vec![0; 100_000]].concat();
    let file = kept(&behind);
    let small = codec(Limits { metadata_bytes: 50_000, ..Limits::default() });
    assert_eq!(small.decompress_jpeg(&file[..]).expect_err("much behind").kind(), ErrorKind::Limits);
    assert_eq!(small.compress_jpeg(&behind).expect_err("much behind").kind(), ErrorKind::Limits);
}

#[test]
fn work_that_was_stopped_ends() {
    let stop = Stop::default();
    stop.stop();
    let codec = CODEC.stopped_by(&stop);
    assert!(matches!(codec.compress_jpeg(GREY), Err(Error::Stopped)));
    assert!(matches!(codec.decompress_jpeg(&kept(GREY)[..]), Err(Error::Stopped)));
}
