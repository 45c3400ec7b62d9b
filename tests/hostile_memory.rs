//! How much memory a few hostile bytes can ask for. The only test of its binary, since it counts all allocations.

mod common;

use ansel::{Codec, Error, Limits, Options};
use common::*;
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Bytes that a header is changed to, by their place.
type Claims<'a> = &'a [(usize, &'a [u8])];

/// More than this is a large allocation, in bytes.
const LARGE: usize = 4 << 20;

/// The most bytes that `work` had allocated at once, beyond what was allocated before.
fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    let result = work();
    (result, ALLOCATOR.peak_usage().saturating_sub(before))
}

fn assert_refused_cheaply(codec: &Codec, file: &[u8], what: &str) {
    let (error, peak) = peak_of(|| codec.decompress(file).expect_err(what));
    assert!(matches!(error, Error::Format(_) | Error::LimitsExceeded { .. }), "{what}: {error}");
    assert!(peak < LARGE, "{what}: {peak} bytes");
    let (_, peak) = peak_of(|| codec.read_header(file).map(drop));
    assert!(peak < LARGE, "{what}: {peak} bytes for the header");
}

/// A small file whose header claims other things, with the right checksum where the tables are as long as before.
fn claiming(file: &[u8], changes: Claims<'_>) -> Vec<u8> {
    let mut changed = file.to_vec();
    for (at, bytes) in changes {
        changed[*at..*at + bytes.len()].copy_from_slice(bytes);
    }
    let same_tables = changed[field::TILES..=field::BLOCKS] == file[field::TILES..=field::BLOCKS];
    if same_tables {
        repair_header(&mut changed);
    }
    changed
}

#[test]
fn hostile_files_are_refused_without_large_allocations() {
    let codec = codec_with_threads(1);
    let file = codec.compress(&gentle(3, 9, 7), &metadata()).expect("a compressed image");
    let tile = field::FIXED + 3 * field::METADATA_ENTRY;
    let (most, zeros) = ([0xff; 4], [0; 4]);
    let cases: [(&str, Claims<'_>); 9] = [
        ("the largest width", &[(field::WIDTH, &most)]),
        ("the largest sides", &[(field::WIDTH, &most), (field::HEIGHT, &most)]),
        ("a width of zero", &[(field::WIDTH, &zeros)]),
        ("the most tiles", &[(field::TILES, &most)]),
        (
            "the most tiles, and as many pixels",
            &[
                (field::WIDTH, &[0, 0, 0, 0x20]),
                (field::HEIGHT, &[1, 0, 0, 0]),
                (field::TILE_WIDTH, &[1, 0, 1, 0]),
                (field::TILES, &[0, 0, 0, 0x20]),
            ],
        ),
        ("the most metadata blocks", &[(field::BLOCKS, &[0xff])]),
        ("much metadata", &[(field::FIXED + 5, &[0, 0, 0, 3])]),
        ("the most metadata", &[(field::FIXED + 5, &most)]),
        ("a stream of 4 GiB", &[(tile + 2, &[0xfc, 0xff, 0xff, 0xff])]),
    ];
    for (what, changes) in cases {
        assert_refused_cheaply(&codec, &claiming(&file, changes), what);
    }
    samples_limit_holds_before_allocation(&file);
    metadata_that_inflates_stays_within_its_declared_size();
}

/// 4096 x 4096 pixels in one tile, which the default limits allow.
fn samples_limit_holds_before_allocation(file: &[u8]) {
    let side = [0, 0x10, 0, 0];
    let large = claiming(
        file,
        &[
            (field::WIDTH, &side),
            (field::HEIGHT, &side),
            (field::TILE_WIDTH, &side[..2]),
            (field::TILE_HEIGHT, &side[..2]),
        ],
    );
    let limits = Limits { samples: 3 * (1 << 24) - 1, ..Limits::default() };
    assert_refused_cheaply(&Codec::new(Options { limits, ..Options::default() }), &large, "a large image");
    let limits = Limits { samples: 3 * (1 << 24), ..Limits::default() };
    let codec = Codec::new(Options { limits, ..Options::default() });
    assert!(codec.read_header(&large).is_ok(), "the limit, not another check, refused the large image");
}

/// A block that claims 100 bytes and inflates to 32 MiB.
fn metadata_that_inflates_stays_within_its_declared_size() {
    let codec = codec_with_threads(1);
    let mut large = ansel::Metadata::default();
    large.set(ansel::MetadataKind::Icc, vec![0; 32 << 20]);
    let file = codec.compress(&ramp(1, 4, 4), &large).expect("a compressed image");
    let stored = u32::from_le_bytes(file[field::FIXED + 1..][..4].try_into().expect("four bytes"));
    assert!(stored < 64 << 10, "zeros compress well");
    let bomb = claiming(&file, &[(field::FIXED + 5, &(stored + 100).to_le_bytes())]);
    assert_refused_cheaply(&codec, &bomb, "a block that inflates beyond its declared size");
    let limits = Limits { metadata_bytes: (32 << 20) - 1, ..Limits::default() };
    let codec = Codec::new(Options { limits, ..Options::default() });
    assert_refused_cheaply(&codec, &file, "a block beyond the limit");
}
