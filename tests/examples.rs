//! The programs in `examples/` work as described.

#![cfg(feature = "files")]

mod common;

#[allow(dead_code)]
#[path = "../examples/axum-upload.rs"]
mod axum_upload;
#[allow(dead_code)]
#[path = "../examples/content-store.rs"]
mod content_store;
#[allow(dead_code)]
#[path = "../examples/rayon-batch.rs"]
mod rayon_batch;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use ansel::{Codec, Limits, Metadata, Planes};
use image::ImageFormat;

use common::{flat, gentle, noise};

fn png(planes: &Planes) -> Vec<u8> {
    let mut bytes = Vec::new();
    ansel::write_image(planes, &Metadata::default(), ImageFormat::Png, &mut bytes).expect("a PNG");
    bytes
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect();
    names.sort();
    names
}

#[test]
fn rayon_batch_compresses_a_folder_and_names_what_failed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (source, target) = (folder.path().join("in"), folder.path().join("out"));
    std::fs::create_dir(&source).expect("a folder");
    let image = gentle(3, 40, 30);
    std::fs::write(source.join("a.png"), png(&image)).expect("a file");
    let jpeg = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/jpeg/progressive.jpg");
    std::fs::copy(jpeg, source.join("b.jpg")).expect("a file");
    let arguments = [source.clone(), target.clone()];
    rayon_batch::run(&arguments).expect("both are compressed");
    assert_eq!(names(&target), ["a.ansel", "b.ansel"]);
    let (codec, read) = (Codec::default(), |name: &str| std::fs::read(target.join(name)).expect("a file"));
    assert!(codec.decompress(&read("a.ansel")).expect("an image").planes == image);
    assert!(codec.decompress_jpeg(&read("b.ansel")[..]).expect("a JPEG file") == std::fs::read(jpeg).expect("a file"));
    std::fs::write(source.join("c.png"), "no image").expect("a file");
    assert_eq!(rayon_batch::run(&arguments).expect_err("one fails").to_string(), "1 of 3 files failed");
}

#[test]
fn content_store_has_each_image_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    for (name, planes) in [("a.png", gentle(3, 20, 10)), ("b.png", gentle(3, 20, 10)), ("c.png", gentle(1, 20, 10))] {
        std::fs::write(path(name), png(&planes)).expect("a file");
    }
    content_store::run(&["store", "a.png", "b.png", "c.png"].map(path)).expect("images are stored");
    assert_eq!(names(&path("store")).len(), 2);
    assert!(content_store::run(&["store", "none.png"].map(path)).is_err());
}

/// Runs a service in its own thread for the rest of the test.
fn serve(folder: &Path, at_once: usize) -> SocketAddr {
    let service = axum_upload::Service::open(folder, at_once).expect("a service");
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        runtime.expect("a runtime").block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            tell.send(listener.local_addr().expect("an address")).expect("someone who listens");
            axum::serve(listener, service.router()).await.expect("a service");
        });
    });
    told.recv_timeout(Duration::from_secs(60)).expect("a service that starts")
}

/// Sends a request.
fn send(address: SocketAddr, request: &str, body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let head = format!("{request} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).expect("a head");
    let _ = stream.write_all(body); // a service that refuses a body may close before reading it
    stream
}

/// Sends a request; returns the status and the body of the response.
fn ask(address: SocketAddr, request: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let (mut stream, mut answer) = (send(address, request, body), Vec::new());
    let _ = stream.read_to_end(&mut answer);
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head");
    let status = String::from_utf8_lossy(&answer[9..12]).parse().expect("a status");
    (status, answer.split_off(end + 4))
}

#[test]
fn axum_upload_stores_images_once_and_serves_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let address = serve(folder.path(), 2);
    let image = gentle(3, 90, 70);
    let (status, name) = ask(address, "POST /images", &png(&image));
    assert_eq!(status, 201);
    let name = String::from_utf8(name).expect("a name");
    assert_eq!(names(folder.path()), [format!("{name}.ansel")]);

    let (status, file) = ask(address, &format!("GET /images/{name}"), b"");
    assert_eq!(status, 200);
    assert!(Codec::default().decompress(&file).expect("an image").planes == image);
    // The same pixels in files of other formats.
    let mut bmp = Vec::new();
    ansel::write_image(&image, &Metadata::default(), ImageFormat::Bmp, &mut bmp).expect("a BMP");
    for upload in [bmp, file] {
        assert_eq!(ask(address, "POST /images", &upload), (200, name.clone().into_bytes()));
    }

    let shown = |query: &str| {
        let (status, png) = ask(address, &format!("GET /images/{name}/png{query}"), b"");
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&png));
        ansel::read_image(std::io::Cursor::new(png), &Limits::default()).expect("a PNG").planes
    };
    assert!(shown("") == image);
    let part = image.samples().slice(ndarray::s![.., 20..29, 30..46]).to_owned();
    assert!(shown("?crop=30,20,16,9") == Planes::new(part, 8).expect("planes"));

    for (request, body, expected) in [
        (format!("GET /images/{name}/png?crop=80,0,20,20"), &b""[..], 400),
        (format!("GET /images/{name}/png?crop=a"), b"", 400),
        (format!("GET /images/{}", "0".repeat(64)), b"", 404),
        ("GET /images/..%2f..%2fetc%2fpasswd".to_owned(), b"", 404),
        ("POST /images".to_owned(), b"no image", 400),
        ("POST /images".to_owned(), &png(&image)[..90], 400),
        ("POST /images".to_owned(), b"P5 100000 100000 255\n", 413),
    ] {
        let (status, said) = ask(address, &request, body);
        assert_eq!(status, expected, "{request}: {}", String::from_utf8_lossy(&said));
    }
    assert_eq!(ask(address, "POST /images", &vec![0; (64 << 20) + 1]).0, 413);
    assert_eq!(names(folder.path()).len(), 1);
}

#[test]
fn axum_upload_ends_work_whose_client_has_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let address = serve(folder.path(), 1);
    // This would take minutes in a test build.
    let large = png(&noise(3, 2400, 2400));
    let client = send(address, "POST /images", &large);
    std::thread::sleep(Duration::from_millis(1500));
    drop(client);
    let started = Instant::now();
    let (status, _) = ask(address, "POST /images", &png(&flat(1, 9, 9, 7)));
    assert_eq!(status, 201, "the only turn was not given back within {:?}", started.elapsed());
    assert_eq!(names(folder.path()).len(), 1);
}
