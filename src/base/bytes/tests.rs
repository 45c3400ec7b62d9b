use super::*;

fn kind<T: std::fmt::Debug>(result: Result<T>) -> FormatErrorKind {
    match result {
        Err(Error::Format(defect)) => defect.kind(),
        other => panic!("no defect found: {other:?}"),
    }
}

fn written(number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_number(&mut bytes, number);
    bytes
}

/// Numbers around every change of length, and the extremes.
fn numbers() -> Vec<u64> {
    let around = |bits: u32| [(1u64 << bits) - 1, 1 << bits, (1 << bits) + 1];
    (0..64).flat_map(around).chain([u64::MAX, u64::MAX - 1]).collect()
}

#[test]
fn what_is_put_is_read() {
    for number in numbers() {
        let bytes = written(number);
        assert_eq!(bytes.len(), number_bytes(number));
        let mut input = Input::new(&bytes[..]);
        assert_eq!(input.number(number).expect("a number"), number);
        input.end().expect("no byte left");
        assert_eq!(input.seen(), bytes);
    }
}

#[test]
fn numbers_have_their_known_bytes() {
    for (number, bytes) in [
        (0, &b"\x00"[..]),
        (127, b"\x7f"),
        (128, b"\x80\x01"),
        (300, b"\xac\x02"),
        (16_383, b"\xff\x7f"),
        (16_384, b"\x80\x80\x01"),
        (u64::MAX, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
    ] {
        assert_eq!(written(number), bytes);
    }
}

#[test]
fn a_number_above_the_most_is_invalid() {
    for number in numbers().into_iter().filter(|&number| number > 0) {
        assert_eq!(kind(Input::new(&written(number)[..]).number(number - 1)), FormatErrorKind::InvalidField);
    }
}

#[test]
fn only_the_shortest_form_of_a_number_is_valid() {
    for number in numbers() {
        // More groups of zeros at the end, to 64 bits and beyond.
        let mut bytes = written(number);
        while bytes.len() < 12 {
            *bytes.last_mut().expect("a byte") |= 0x80;
            bytes.push(0);
            assert_eq!(kind(Input::new(&bytes[..]).number(u64::MAX)), FormatErrorKind::InvalidField, "{bytes:x?}");
        }
    }
    // Bits beyond the 64th.
    for last in [2, 3, 0x7f, 0x81, 0xff] {
        let bytes = [&[0xff; 9][..], &[last, 0, 0]].concat();
        assert_eq!(kind(Input::new(&bytes[..]).number(u64::MAX)), FormatErrorKind::InvalidField, "{last:x}");
    }
}

/// Whatever number three bytes are read as is written as the same bytes.
#[test]
fn numbers_of_up_to_three_bytes_have_one_form() {
    for bits in 0..1u32 << 24 {
        let bytes = &bits.to_le_bytes()[..3];
        let mut input = Input::new(bytes);
        if let Ok(number) = input.number(u64::MAX) {
            let mut again = [0; 3];
            let length = number_bytes(number);
            let mut rest = number;
            for (index, byte) in again[..length].iter_mut().enumerate() {
                *byte = (rest & 0x7f) as u8 | if index + 1 < length { 0x80 } else { 0 };
                rest >>= 7;
            }
            assert_eq!(input.seen(), &again[..length]);
        }
    }
}

#[test]
fn a_number_or_a_block_that_ends_early_is_truncated() {
    for bytes in [&b""[..], b"\x80", b"\xff\xff\xff"] {
        assert_eq!(kind(Input::new(bytes).number(u64::MAX)), FormatErrorKind::Truncated);
    }
    assert_eq!(kind(Input::new(&b"1234"[..]).block(5)), FormatErrorKind::Truncated);
    assert_eq!(kind(Input::new(&b"1234"[..]).block(u64::MAX)), FormatErrorKind::Truncated);
    assert_eq!(kind(Input::new(&b"1234"[..]).array::<5>()), FormatErrorKind::Truncated);
}

#[test]
fn fields_are_read_in_turn_and_remembered() {
    let mut input = Input::new(&b"\x07abcdefg\x80\x01"[..]);
    assert_eq!(input.byte().expect("a byte"), 7);
    assert_eq!(input.array().expect("an array"), *b"abc");
    assert_eq!(input.block(4).expect("a block"), b"defg");
    assert_eq!(input.seen(), b"\x07abcdefg");
    assert_eq!(kind(input.end()), FormatErrorKind::InvalidField);
    assert_eq!(input.number(128).expect("a number"), 128);
    input.end().expect("the end");
}

#[test]
fn an_error_of_the_system_is_no_truncation() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("no disk"))
        }
    }
    assert!(matches!(Input::new(Broken).byte(), Err(Error::Io { action: "read", .. })));
    assert_eq!(kind(Err::<(), _>(read_error(ErrorKind::UnexpectedEof.into()))), FormatErrorKind::Truncated);
}

#[test]
fn a_checksum_is_the_start_of_the_sha_256() {
    assert_eq!(checksum(b"abc"), [0xba, 0x78, 0x16, 0xbf]);
    let name = [0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23];
    assert_eq!(digest(b"abc"), name);
}
