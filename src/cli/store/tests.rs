//! Objects in memory and in folders, with the interface of servers. tests/stores uses a server.

use std::io::{BufRead, ErrorKind, Read, Seek, SeekFrom, Write};

use object_store::memory::InMemory;
use sha2::{Digest, Sha256};

use super::*;

fn in_memory() -> Arc<Store> {
    Arc::new(Store::new(Arc::new(InMemory::new()), "s3://bucket".to_owned()).expect("a store"))
}

fn object(store: &Arc<Store>, key: &str) -> Object {
    Object::new(store.clone(), Path::parse(key).expect("a key"), None)
}

fn put(object: &Object, content: &[u8], overwrite: bool) -> io::Result<()> {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(content).expect("a written file");
    object.put(&mut file, &Sha256::digest(content).into(), overwrite)
}

fn content(object: &Object) -> Vec<u8> {
    let mut bytes = Vec::new();
    object.open().and_then(|mut object| object.read_to_end(&mut bytes)).expect("an object");
    bytes
}

#[test]
fn nothing_is_overwritten_unasked() {
    // The second is sent in parts.
    for bytes in [3, 20 << 20] {
        let store = in_memory();
        let (object, first, other) = (object(&store, "a/x"), vec![1; bytes], vec![2; bytes]);
        put(&object, &first, false).expect("a free place");
        let refused = put(&object, &other, false).expect_err("what is there stays");
        assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
        assert!(content(&object) == first);
        put(&object, &first, false).expect("its own result, of a request that was sent twice");
        put(&object, &other, true).expect("allowed to overwrite");
        assert!(content(&object) == other);
        let folder = self::object(&store, "a");
        assert_eq!(folder.list(true).expect("a list"), [object], "parts are left");
    }
}

#[test]
fn an_object_has_the_positions_of_a_file() {
    let object = object(&in_memory(), "x");
    let bytes: Vec<u8> = (0..300_000_u32).map(|i| (i / 7) as u8).collect();
    put(&object, &bytes, false).expect("a free place");
    let (mut file, mut part) = (object.open().expect("an object"), [0; 1000]);
    for (to, position) in [
        (SeekFrom::End(-1000), 299_000),
        (SeekFrom::Start(5), 5),
        (SeekFrom::Current(100_000), 101_005),
        (SeekFrom::Current(-2000), 100_005),
    ] {
        assert_eq!(file.seek(to).expect("a position"), position);
        file.read_exact(&mut part).expect("bytes");
        assert_eq!(part[..], bytes[position as usize..][..1000]);
    }
    assert!(file.seek(SeekFrom::Current(-1_000_000)).is_err());
    file.seek(SeekFrom::Start(1 << 40)).expect("a position");
    assert!(file.fill_buf().expect("no bytes").is_empty());
}

#[test]
fn little_is_fetched_at_first_and_more_where_reading_goes_on() {
    let object = object(&in_memory(), "x");
    put(&object, &vec![7; 1 << 20], false).expect("a free place");
    let mut file = object.open().expect("an object");
    let fetched = |file: &mut Ranged| {
        let bytes = file.fill_buf().expect("bytes").len();
        file.consume(bytes);
        bytes
    };
    assert_eq!([(); 4].map(|()| fetched(&mut file)), [1 << 16, 1 << 17, 1 << 18, 1 << 19]);
    file.seek(SeekFrom::Start(10)).expect("a position");
    assert_eq!(fetched(&mut file), 1 << 16);
    file.seek(SeekFrom::End(-10)).expect("a position");
    assert_eq!([fetched(&mut file), fetched(&mut file)], [10, 0]);
}

#[test]
fn an_object_that_is_replaced_is_not_read_on() {
    let object = object(&in_memory(), "x");
    put(&object, &vec![7; 1 << 20], false).expect("a free place");
    let mut file = object.open().expect("an object");
    put(&object, &vec![8; 1 << 20], true).expect("allowed to overwrite");
    assert!(file.fill_buf().is_err_and(|error| error.to_string().contains("replaced")));
}

#[test]
fn lists_have_what_is_below() {
    let store = in_memory();
    for key in ["a/2.png", "a/1.png", "a/b/3.png", "ab/4.png", "5.png"] {
        put(&object(&store, key), key.as_bytes(), false).expect("a free place");
    }
    let list = |key: &str, recursive| -> Vec<String> {
        let listed = object(&store, key).list(recursive).expect("a list");
        listed.iter().map(|object| object.url().display().to_string()).collect()
    };
    assert_eq!(list("a", false), ["s3://bucket/a/1.png", "s3://bucket/a/2.png"]);
    assert_eq!(list("a", true), ["s3://bucket/a/1.png", "s3://bucket/a/2.png", "s3://bucket/a/b/3.png"]);
    assert_eq!(list("", true).len(), 5);
    assert!(list("c", true).is_empty());
    let (there, gone) = (object(&store, "5.png"), object(&store, "6.png"));
    assert_eq!(there.bytes().expect("an answer"), Some(5));
    there.remove().expect("an object to remove");
    assert_eq!(there.bytes().expect("an answer"), None);
    assert!(gone.open().is_err_and(|error| error.kind() == ErrorKind::NotFound));
}
