//! How much memory a few hostile bytes can allocate. The only test in this binary, since it counts all allocations.

mod common;

use std::io::Cursor;

use ansel::{Codec, Error, Limits};
use common::raw::RawPart;
use common::*;
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// An allocation above this is large, in bytes.
const LARGE: usize = 4 << 20;
/// Most samples of the images decoded here, which take less than a large allocation.
const SAMPLES: u64 = 1 << 18;

/// Returns the result of `work`, and the peak of its allocations beyond those before, in bytes.
fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    let result = work();
    (result, ALLOCATOR.peak_usage().saturating_sub(before))
}

fn codec_with_limits(limits: Limits) -> Codec {
    Codec::builder().limits(limits).threads(1).build().expect("a codec")
}

fn assert_refused_cheaply(codec: &Codec, file: &[u8], what: &str) {
    let (error, peak) = peak_of(|| codec.decompress(file).expect_err(what));
    assert!(matches!(error, Error::Format(_) | Error::LimitsExceeded { .. }), "{what}: {error}");
    assert!(peak < LARGE, "{what}: {peak} bytes");
    let (_, peak) = peak_of(|| codec.verify(Cursor::new(file)).map(drop));
    assert!(peak < LARGE, "{what}: {peak} bytes to verify");
    let (_, peak) = peak_of(|| codec.read_info(Cursor::new(file)).map(drop));
    assert!(peak < LARGE, "{what}: {peak} bytes for the tables");
}

#[test]
fn hostile_files_are_refused_without_large_allocations() {
    let codec = codec_with_limits(Limits { samples: SAMPLES, ..Limits::default() });
    let planes = gentle(3, 9, 7);
    let file = codec.compress(&planes, &metadata()).expect("a compressed image");
    // Creates sessions and models, which do not count as allocated by a file.
    codec.decompress(&file).expect("a file that decodes");
    let most = u64::from(u32::MAX);
    let changed = |change: &dyn Fn(&mut RawFile)| {
        let mut raw = RawFile::parse(&file);
        change(&mut raw);
        raw.to_bytes()
    };
    type Case = (&'static str, fn(&mut RawFile, u64));
    let cases: [Case; 15] = [
        ("the largest width", |raw, _| raw.width = 1 << 24),
        ("the largest sides", |raw, _| (raw.width, raw.height) = (1 << 24, (1 << 31) - 1)),
        ("a width of zero", |raw, _| raw.width = 0),
        ("the most samples of the limit", |raw, _| (raw.width, raw.height) = (1 << 10, 85)),
        ("the most tiles", |raw, _| (raw.width, raw.bands[0].tile) = (10_000, (1, 1))),
        ("the most bands", |raw, _| (raw.height, raw.band_rows) = (9000, 1)),
        ("tables and no streams", |raw, _| raw.bands[0].streams.clear()),
        ("the most parts", |raw, _| raw.bands[0].count = 255),
        ("the most metadata blocks", |raw, _| raw.blocks = 255),
        ("much metadata", |raw, _| raw.entries[0].bytes = 3 << 24),
        ("much stored metadata", |raw, _| (raw.entries[0].stored_bytes, raw.entries[0].bytes) = (3 << 24, 3 << 24)),
        ("the most metadata", |raw, most| raw.entries[0].bytes = most),
        ("a stream of 4 GiB", |raw, most| raw.bands[0].tiles[0].lengths[0] = most),
        ("a palette of nothing", |raw, _| {
            let part = &mut raw.bands[0].parts[0];
            (part.kind, part.transforms) = (0x13, vec![vec![2, 255, 255]]);
        }),
        ("a deflated transform that is none", |raw, _| {
            let part = &mut raw.bands[0].parts[0];
            (part.kind, part.transforms) = (0x13, vec![vec![0x81; 500]]);
        }),
    ];
    for (what, change) in cases {
        assert_refused_cheaply(&codec, &changed(&|raw| change(raw, most)), what);
    }
    lengths_that_lie(&codec, &file);
    a_transform_that_inflates(&codec, &file);
    streams_that_claim_more(&codec);
    samples_limit_holds_before_allocation(&file);
    memory_limit_holds_before_allocation(&file);
    metadata_that_inflates_stays_within_its_declared_size();
    jpeg_files_that_claim_more(&codec);
}

/// A file that holds a JPEG file in a Lepton stream with this header.
fn lepton_file(header: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, header).expect("memory");
    let stored = encoder.finish().expect("memory");
    let number = |number: usize| (number as u32).to_le_bytes();
    let (jpeg_bytes, length) = (64 << 20, number(header.len()));
    let fixed = [b"\xcf\x84\x01Z\x01\0\0\0MS", &length[..], &[0x83, 58, 0, 0, 0, 0]].concat();
    let stream = [&fixed[..], &number(jpeg_bytes), &number(stored.len()), &stored, b"CMP"].concat();
    let mut file = b"\x89ANSL\r\n\x1a\x01\x0f".to_vec();
    file.extend(common::raw::number(jpeg_bytes as u64));
    file.extend([7; 32]);
    file.push(1);
    file.extend(common::raw::number(stream.len() as u64));
    file.extend(xxhash_rust::xxh3::xxh3_64(&stream).to_le_bytes());
    let sum = common::raw::checksum(&file);
    file.extend(sum);
    [file, stream].concat()
}

/// Lepton streams whose headers declare more data than they have, declare a large image, or inflate to a large size.
fn jpeg_files_that_claim_more(codec: &Codec) {
    let frame = |side: u8| [b"\xff\xc0\0\x0b\x08", &[side, 0, side, 0][..], b"\x01\x01\x11\0\xff\xda"].concat();
    let with = |segments: &[u8], fields: &[u8]| {
        [b"HDR", &(segments.len() as u32).to_le_bytes()[..], segments, b"HH\x01", &[0; 16], fields].concat()
    };
    for (what, header) in [
        ("long segments", b"HDR\xff\xff\xff\xff\xff\xc0".to_vec()),
        ("a large frame", with(&frame(0xff), b"")),
        ("much behind", with(&frame(1), b"GRB\xff\xff\xff\xff")),
        ("many errors", with(&frame(1), b"FRS\xff\xff\xff\x7f")),
        ("many restarts", with(&frame(1), b"CRS\xff\xff\xff\xff")),
        ("many parts", [&with(&frame(1), b"")[..], b"HH\xff", &[0; 16 * 255]].concat()),
        ("a header that is no header", vec![0; 48 << 20]),
    ] {
        let file = lepton_file(&header);
        let small = codec_with_limits(Limits { samples: SAMPLES, metadata_bytes: 1 << 20, ..Limits::default() });
        for codec in [codec, &small] {
            let (error, peak) = peak_of(|| codec.decompress_jpeg(&file[..]).expect_err(what));
            assert!(matches!(error, Error::Format(_) | Error::LimitsExceeded { .. }), "{what}: {error}");
            let inflated = if header.len() < LARGE { LARGE } else { 3 * header.len() };
            assert!(peak < inflated, "{what}: {peak} bytes");
        }
    }
}

/// Lengths of a band and of a transform far beyond the file.
fn lengths_that_lie(codec: &Codec, file: &[u8]) {
    let raw = RawFile::parse(file);
    let start = [raw.header(), raw.metadata.clone()].concat();
    for length in [1 << 20, u64::from(u32::MAX), 1 << 62, u64::MAX] {
        let length = common::raw::number(length);
        let band = [&start[..], &length, &raw.bands[0].table()].concat();
        assert_refused_cheaply(codec, &band, "a long table");
        let mut body = [&[9, 7, 1, 0x13][..], &length, &[2, 0, 0]].concat();
        body.insert(0, body.len() as u8);
        let sum = common::raw::checksum(&body);
        assert_refused_cheaply(codec, &[&start[..], &body, &sum].concat(), "a long transform");
    }
}

/// A description that inflates to 32 MiB.
fn a_transform_that_inflates(codec: &Codec, file: &[u8]) {
    use std::io::Write;
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&vec![0; 32 << 20]).expect("memory");
    let bomb = encoder.finish().expect("memory");
    for kind in 0..=4 {
        let mut raw = RawFile::parse(file);
        raw.bands[0].parts[0].kind = 0x13;
        raw.bands[0].parts[0].transforms = vec![[&[0x80 | kind], &bomb[..]].concat()];
        assert_refused_cheaply(codec, &raw.to_bytes(), "a transform that inflates");
    }
}

/// VP8L and PNG streams that are invalid or too long: the tile size comes from the container.
fn streams_that_claim_more(codec: &Codec) {
    let file = codec.compress(&drawing(3, 40, 30), &ansel::Metadata::default()).expect("a compressed image");
    let mut raw = RawFile::parse(&file);
    let mut random = Random(5);
    let mut streams: Vec<Vec<u8>> = [0, 1, 10, 1000].map(|length| random.bytes(length)).into();
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, &vec![0; 32 << 20]).expect("memory");
    streams.push(encoder.finish().expect("memory"));
    for coder in [2, 3] {
        raw.bands[0].parts = vec![RawPart { kind: 3, transforms: vec![], coder: vec![coder] }];
        for stream in &streams {
            raw.bands[0].tiles[0].lengths = vec![stream.len() as u64];
            raw.bands[0].streams = stream.clone();
            assert_refused_cheaply(codec, &raw.to_bytes(), "a stream of VP8L or PNG");
        }
    }
}

/// 4096 x 4096 pixels in one tile, which the default limits allow.
fn samples_limit_holds_before_allocation(file: &[u8]) {
    let mut raw = RawFile::parse(file);
    (raw.width, raw.height, raw.band_rows) = (4096, 4096, 4096);
    raw.bands[0].tile = (4096, 4096);
    let large = raw.to_bytes();
    let limited = |samples| codec_with_limits(Limits { samples, ..Limits::default() });
    assert_refused_cheaply(&limited(3 * (1 << 24) - 1), &large, "a large image");
    let info = limited(3 * (1 << 24)).read_info(Cursor::new(&large));
    assert!(info.is_ok(), "the limit, not another check, refused the large image: {info:?}");
}

/// 2^31 samples in less than a hundred bytes, which the default limits allow, except for a limit of memory.
fn memory_limit_holds_before_allocation(file: &[u8]) {
    let mut raw = RawFile::parse(file);
    (raw.width, raw.height, raw.band_rows) = (1 << 14, 43_690, 1);
    let limited = |memory| codec_with_limits(Limits { memory, ..Limits::default() });
    assert_refused_cheaply(&limited(1 << 30), &raw.to_bytes(), "an image that takes much memory");
    raw.band_rows = 1 << 10;
    assert_refused_cheaply(&limited(1 << 20), &raw.to_bytes(), "a band that takes much memory");
}

/// A block that declares 100 bytes and inflates to 32 MiB.
fn metadata_that_inflates_stays_within_its_declared_size() {
    let codec = codec_with_threads(1);
    let mut large = ansel::Metadata::default();
    large.set(ansel::MetadataKind::Icc, vec![0; 32 << 20]);
    let file = codec.compress(&ramp(1, 4, 4), &large).expect("a compressed image");
    let mut bomb = RawFile::parse(&file);
    assert!(bomb.entries[0].stored_bytes < 64 << 10, "zeros compress well");
    bomb.entries[0].bytes = bomb.entries[0].stored_bytes + 100;
    assert_refused_cheaply(&codec, &bomb.to_bytes(), "a block that inflates beyond its declared size");
    let codec = codec_with_limits(Limits { metadata_bytes: (32 << 20) - 1, ..Limits::default() });
    assert_refused_cheaply(&codec, &file, "a block beyond the limit");
}
