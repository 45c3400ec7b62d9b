//! A service that stores uploaded images, each once, named by its pixels:
//! `cargo run --release --example axum-upload -- STORE [127.0.0.1:8080]`.
//!
//! ```text
//! POST /images                        an image file, or an .ansel file  -> its name; 201 if it is new
//! GET  /images/NAME                   the .ansel file
//! GET  /images/NAME/png               the image as PNG
//! GET  /images/NAME/png?crop=X,Y,W,H  a part of it; only the tiles that it needs are read
//! ```
//!
//! Clients are not trusted: bytes, samples, memory and work are limited, only so many requests are processed at once
//! while others wait for a while, and work is cancelled when its client disconnects.

use std::error::Error;
use std::fs::File;
use std::io::{BufReader, Cursor};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ansel::{Codec, ErrorKind, FileKind, ImageInfo, Limits, Metadata, Planes, Rect, Stop};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Path as UrlPath, RawQuery, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Most bytes of an upload.
const MOST_BYTES: usize = 64 << 20;
/// How long a request waits for its turn, and for the bytes of its upload.
const PATIENCE: Duration = Duration::from_secs(20);

/// State shared by all requests.
#[derive(Clone)]
pub struct Service {
    folder: Arc<Path>,
    codec: Codec,
    turns: Arc<Semaphore>,
}

/// An HTTP status with a message.
type Refusal = (StatusCode, String);

impl Service {
    /// A service with its files in a folder, which processes at most `at_once` requests at a time.
    pub fn open(folder: &Path, at_once: usize) -> Result<Self, Box<dyn Error>> {
        std::fs::create_dir_all(folder)?;
        // 64 million samples; the limits of work and memory follow from this.
        let limits = Limits { samples: 1 << 26, ..Limits::untrusted() };
        let codec = Codec::builder().limits(limits).build()?;
        Ok(Self { folder: folder.into(), codec, turns: Arc::new(Semaphore::new(at_once)) })
    }

    pub fn router(self) -> Router {
        Router::new()
            .route("/images", post(upload))
            .route("/images/{name}", get(file))
            .route("/images/{name}/png", get(png))
            .layer(DefaultBodyLimit::max(MOST_BYTES))
            .with_state(self)
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let turn = timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
        match turn {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err((StatusCode::SERVICE_UNAVAILABLE, "too much to do: try again later".to_owned())),
        }
    }

    /// Runs work in its own thread. If the client disconnects, this future is dropped, and the work is cancelled; it
    /// keeps its turn until then.
    async fn work<T: Send + 'static>(
        &self,
        turn: OwnedSemaphorePermit,
        work: impl FnOnce(&Self) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let stop = Stop::default();
        let service = Self { codec: self.codec.stopped_by(&stop), ..self.clone() };
        let _leaving = StopWhenDropped(stop);
        let work = move || {
            let _turn = turn;
            work(&service)
        };
        let failed = |_| (StatusCode::INTERNAL_SERVER_ERROR, "the work failed".to_owned());
        tokio::task::spawn_blocking(work).await.map_err(failed)?
    }

    /// Stores an image, unless it is stored already; returns its name, and whether it is new.
    fn put(&self, upload: &[u8]) -> Result<(String, bool), Refusal> {
        let planes = match FileKind::of(upload) {
            Some(_) => self.codec.decompress(upload).map_err(refusal)?.planes,
            None => ansel::read_image(Cursor::new(upload), self.codec.limits()).map_err(refusal)?.planes,
        };
        let name = name_of(&planes).map_err(refusal)?;
        let path = self.path(&name)?;
        if path.exists() {
            return Ok((name, false));
        }
        let file = self.codec.compress(&planes, &Metadata::default()).map_err(refusal)?;
        // The file gets its name when it is complete, and is removed otherwise.
        let written = tempfile::NamedTempFile::new_in(&self.folder).and_then(|unfinished| {
            std::fs::write(unfinished.path(), file)?;
            Ok(unfinished.persist(&path)?)
        });
        written.map_err(|_| (StatusCode::INSUFFICIENT_STORAGE, "it could not be stored".to_owned()))?;
        Ok((name, true))
    }

    fn path(&self, name: &str) -> Result<PathBuf, Refusal> {
        let is_name = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        let unknown = || (StatusCode::NOT_FOUND, "there is no such image".to_owned());
        if is_name { Ok(self.folder.join(name).with_extension("ansel")) } else { Err(unknown()) }
    }

    fn open_file(&self, name: &str) -> Result<File, Refusal> {
        File::open(self.path(name)?).map_err(|_| (StatusCode::NOT_FOUND, "there is no such image".to_owned()))
    }

    fn png(&self, name: &str, crop: Option<Rect>) -> Result<Vec<u8>, Refusal> {
        let mut archive = self.codec.open(BufReader::new(self.open_file(name)?)).map_err(refusal)?;
        let ImageInfo { width, height, .. } = archive.header().info();
        let planes = archive.region(crop.unwrap_or(Rect { x: 0, y: 0, width, height })).map_err(refusal)?;
        let mut png = Vec::new();
        ansel::write_image(&planes, &Metadata::default(), image::ImageFormat::Png, &mut png).map_err(refusal)?;
        Ok(png)
    }
}

struct StopWhenDropped(Stop);

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.stop();
    }
}

async fn upload(State(service): State<Service>, request: Request) -> Result<Response, Refusal> {
    // Bytes are read only when it is the upload's turn, so that waiting requests take no memory.
    let turn = service.turn().await?;
    let upload = match timeout(PATIENCE, Bytes::from_request(request, &service)).await {
        Ok(Ok(upload)) => upload,
        Ok(Err(refused)) => return Ok(refused.into_response()), // includes 413
        Err(_) => return Err((StatusCode::REQUEST_TIMEOUT, "the bytes come too slowly".to_owned())),
    };
    let (name, is_new) = service.work(turn, move |service| service.put(&upload)).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, [(header::LOCATION, format!("/images/{name}"))], name).into_response())
}

async fn file(State(service): State<Service>, UrlPath(name): UrlPath<String>) -> Result<Response, Refusal> {
    let turn = service.turn().await?;
    let read = move |service: &Service| {
        let (mut bytes, mut file) = (Vec::new(), service.open_file(&name)?);
        let read = std::io::Read::read_to_end(&mut file, &mut bytes);
        read.map(|_| bytes).map_err(|_| (StatusCode::INTERNAL_SERVER_ERROR, "it could not be read".to_owned()))
    };
    let bytes = service.work(turn, read).await?;
    Ok(([(header::CONTENT_TYPE, "image/x-ansel")], bytes).into_response())
}

async fn png(
    State(service): State<Service>,
    UrlPath(name): UrlPath<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let crop = query.as_deref().map(rectangle).transpose()?;
    let turn = service.turn().await?;
    let png = service.work(turn, move |service| service.png(&name, crop)).await?;
    // The pixels with a given name never change.
    Ok(([(header::CONTENT_TYPE, "image/png"), (header::CACHE_CONTROL, "immutable")], png).into_response())
}

/// `crop=X,Y,W,H`.
fn rectangle(query: &str) -> Result<Rect, Refusal> {
    let numbers = query.strip_prefix("crop=").map(|text| text.split(',').map(str::parse).collect());
    match numbers {
        Some(Ok::<Vec<u32>, _>(numbers)) if numbers.len() == 4 => {
            Ok(Rect { x: numbers[0], y: numbers[1], width: numbers[2], height: numbers[3] })
        }
        _ => Err((StatusCode::BAD_REQUEST, "write ?crop=X,Y,WIDTH,HEIGHT".to_owned())),
    }
}

/// The response to an error: what the client can do about it.
fn refusal(error: ansel::Error) -> Refusal {
    let status = match error.kind() {
        ErrorKind::Damaged | ErrorKind::Misuse => StatusCode::BAD_REQUEST,
        ErrorKind::Limits => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorKind::Stopped => StatusCode::REQUEST_TIMEOUT,
        _ => return (StatusCode::INTERNAL_SERVER_ERROR, "it could not be done".to_owned()), // details are not for clients
    };
    (status, error.to_string())
}

/// The SHA-256 of the shape and the samples.
fn name_of(planes: &Planes) -> ansel::Result<String> {
    let ImageInfo { width, height, channels, depth } = ImageInfo::of(planes);
    let mut digest = Sha256::new_with_prefix(format!("{width} {height} {channels} {depth} "));
    planes.to_interleaved::<u16>()?.iter().for_each(|sample| digest.update(sample.to_le_bytes()));
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (folder, address) = match &arguments[..] {
        [folder] => (folder, "127.0.0.1:8080"),
        [folder, address] => (folder, address.as_str()),
        _ => return Err("usage: axum-upload STORE [ADDRESS]".into()),
    };
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let service = Service::open(Path::new(folder), at_once)?;
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("http://{}/images", listener.local_addr()?);
    axum::serve(listener, service.router()).await?;
    Ok(())
}
