use super::*;
use crate::base::error::{Error, FormatError};
use crate::testing::Random;

/// One block that is compressed, one that is not, one that is empty.
fn example() -> Metadata {
    let mut metadata = Metadata::default();
    metadata.set(MetadataKind::Xmp, Vec::new());
    metadata.set(MetadataKind::Icc, b"profile ".repeat(1000));
    metadata.set(MetadataKind::Exif, Random(9).bytes(300));
    metadata
}

fn stored(metadata: &Metadata) -> (Vec<MetadataEntry>, Vec<u8>) {
    metadata.store(&Limits::default()).expect("metadata within the limits")
}

fn defect(entries: &[MetadataEntry], stored: &[u8]) -> FormatError {
    match Metadata::load(entries, stored) {
        Err(Error::Format(defect)) => defect,
        other => panic!("no defect found: {other:?}"),
    }
}

#[test]
fn what_is_stored_is_loaded() {
    for metadata in [Metadata::default(), example()] {
        let (entries, stored) = stored(&metadata);
        assert_eq!(Metadata::load(&entries, &stored).expect("valid metadata"), metadata);
    }
}

#[test]
fn blocks_are_compressed_where_that_is_shorter() {
    let (entries, stored) = stored(&example());
    let sizes: Vec<_> = entries.iter().map(|entry| (entry.kind, entry.bytes)).collect();
    assert_eq!(sizes, [(1, 8000), (2, 300), (3, 0)]);
    assert!(entries[0].stored_bytes < 100, "{} bytes", entries[0].stored_bytes);
    assert_eq!((entries[1].stored_bytes, entries[2].stored_bytes), (300, 0));
    assert_eq!(stored.len(), entries[0].stored_bytes as usize + 300);
    assert_eq!(stored[entries[0].stored_bytes as usize..], Random(9).bytes(300));
}

#[test]
fn a_kind_that_is_set_again_is_replaced_and_the_order_is_kept() {
    let mut metadata = example();
    metadata.set(MetadataKind::Icc, vec![1]);
    let kinds: Vec<_> = metadata.blocks().iter().map(|block| block.kind).collect();
    assert_eq!(kinds, [MetadataKind::Icc, MetadataKind::Exif, MetadataKind::Xmp]);
    assert_eq!(metadata.get(MetadataKind::Icc), Some(&[1][..]));
    assert_eq!(Metadata::default().get(MetadataKind::Icc), None);
}

#[test]
fn metadata_beyond_the_limit_is_not_stored() {
    let limits = |metadata_bytes| Limits { metadata_bytes, ..Limits::default() };
    assert!(example().store(&limits(8300)).is_ok());
    let refused = example().store(&limits(8299));
    assert!(matches!(refused, Err(Error::LimitsExceeded { value: 8300, limit: 8299, .. })), "{refused:?}");
}

#[test]
fn every_truncation_is_a_truncation() {
    let (entries, stored) = stored(&example());
    for length in 0..stored.len() {
        assert_eq!(defect(&entries, &stored[..length]).kind(), FormatErrorKind::Truncated);
    }
}

#[test]
fn every_flipped_bit_is_found() {
    let (entries, mut stored) = stored(&example());
    for bit in 0..8 * stored.len() {
        stored[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(defect(&entries, &stored).kind(), FormatErrorKind::MetadataChecksum);
        stored[bit / 8] ^= 1 << (bit % 8);
    }
    assert_eq!(Metadata::load(&entries, &stored).expect("undamaged"), example());
}

#[test]
fn a_length_that_lies_is_found() {
    let (entries, stored) = stored(&example());
    for bytes in [100, 7999, 8001, u32::MAX] {
        let mut lying = entries.clone();
        lying[0].bytes = bytes;
        assert_eq!(defect(&lying, &stored).kind(), FormatErrorKind::InvalidField, "{bytes} declared");
    }
    let mut lying = entries.clone();
    lying[0].stored_bytes -= 1;
    assert_eq!(defect(&lying, &stored).kind(), FormatErrorKind::MetadataChecksum);
    // The checksum is right now, but the stream is still incomplete.
    lying[0].checksum = checksum(&stored[..lying[0].stored_bytes as usize]);
    assert_eq!(defect(&lying, &stored).kind(), FormatErrorKind::InvalidField);
    // Equal lengths declare that the block is not compressed.
    lying[0].stored_bytes += 1;
    lying[0].bytes = lying[0].stored_bytes;
    lying[0].checksum = [0; CHECKSUM_BYTES];
    assert_eq!(defect(&lying, &stored).kind(), FormatErrorKind::MetadataChecksum);
}

#[test]
fn bytes_after_a_compressed_block_are_found() {
    let mut block = deflate(&[7; 1000]);
    block.extend(b"hidden");
    let entry = MetadataEntry { kind: 1, stored_bytes: block.len() as u32, bytes: 1000, checksum: checksum(&block) };
    assert_eq!(defect(&[entry], &block).kind(), FormatErrorKind::InvalidField);
}

#[test]
fn a_block_that_inflates_without_end_is_cut_at_its_declared_length() {
    let bomb = deflate(&vec![0; 16 << 20]);
    assert!(bomb.len() < 1 << 15);
    let declared = 1 << 15;
    let entry = MetadataEntry { kind: 1, stored_bytes: bomb.len() as u32, bytes: declared, checksum: checksum(&bomb) };
    let defect = defect(&[entry], &bomb);
    assert_eq!(defect.kind(), FormatErrorKind::InvalidField);
    assert!(defect.to_string().contains("not one stream"), "{defect}");
}

#[test]
fn entries_that_break_a_rule_are_invalid() {
    let valid = stored(&example()).0;
    let kinds: Vec<_> = valid.iter().map(|entry| entry.check().expect("a valid entry")).collect();
    assert_eq!(kinds, [MetadataKind::Icc, MetadataKind::Exif, MetadataKind::Xmp]);
    let unknown = |kind| MetadataEntry { kind, ..valid[0] };
    let longer = MetadataEntry { stored_bytes: valid[0].bytes + 1, ..valid[0] };
    for entry in [unknown(0), unknown(6), unknown(255), longer] {
        match entry.check() {
            Err(Error::Format(defect)) => assert_eq!(defect.kind(), FormatErrorKind::InvalidField),
            other => panic!("no defect found: {other:?}"),
        }
    }
}

#[test]
fn what_is_not_deflate_is_found() {
    let stored = Random(9).bytes(50);
    let entry = MetadataEntry { kind: 2, stored_bytes: 50, bytes: 60, checksum: checksum(&stored) };
    assert_eq!(defect(&[entry], &stored).kind(), FormatErrorKind::InvalidField);
}

#[test]
fn blocks_that_are_not_what_they_should_be_are_neither_stored_nor_loaded() {
    for (kind, bytes) in [(MetadataKind::Palette, &[1, 1, 0, 0, 0][..]), (MetadataKind::PngChunks, b"\0\0\0\0tEX")] {
        let mut metadata = Metadata::default();
        metadata.set(kind, bytes.to_vec());
        assert!(matches!(metadata.store(&Limits::default()), Err(Error::Format(_))));
        let length = bytes.len() as u32;
        let entry = MetadataEntry { kind: kind as u8, stored_bytes: length, bytes: length, checksum: checksum(bytes) };
        assert_eq!(defect(&[entry], bytes).kind(), FormatErrorKind::InvalidField);
        // Blocks of other kinds are not interpreted.
        let entry = MetadataEntry { kind: MetadataKind::Exif as u8, ..entry };
        assert!(Metadata::load(&[entry], bytes).is_ok());
    }
}
