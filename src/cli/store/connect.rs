//! A scheme and a bucket -> a store, with credentials and settings from the environment.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, S3CopyIfNotExists};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::{BackoffConfig, ObjectStore, RetryConfig};
use tokio::runtime::{Builder, Runtime};

use super::io_error;
use crate::cli::lock::lock;

/// A bucket, with the runtime that talks to its server.
#[derive(Debug)]
pub struct Store {
    pub objects: Arc<dyn ObjectStore>,
    /// Prefix of its URLs: s3://BUCKET.
    pub root: String,
    runtime: Runtime,
}

impl Store {
    pub fn new(objects: Arc<dyn ObjectStore>, root: String) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        Ok(Self { objects, root, runtime })
    }

    /// Blocks until a future is done.
    pub fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        self.runtime.block_on(answer)
    }
}

/// The connected stores, by prefix of their URLs.
static CONNECTED: Mutex<Option<HashMap<String, Arc<Store>>>> = Mutex::new(None);

/// The store of a bucket. Sends no request yet.
pub fn store(scheme: &str, bucket: &str) -> io::Result<Arc<Store>> {
    let root = format!("{scheme}://{bucket}");
    let mut connected = lock(&CONNECTED);
    let connected = connected.get_or_insert_default();
    if let Some(store) = connected.get(&root) {
        return Ok(store.clone());
    }
    let store = Arc::new(Store::new(connect(scheme, bucket)?, root.clone())?);
    connected.insert(root, store.clone());
    Ok(store)
}

fn connect(scheme: &str, bucket: &str) -> io::Result<Arc<dyn ObjectStore>> {
    // Fails if a provider is installed already, which is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match scheme {
        "s3" => {
            let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retries());
            if builder.get_config_value(&AmazonS3ConfigKey::CopyIfNotExists).is_none() {
                builder = builder.with_copy_if_not_exists(S3CopyIfNotExists::Multipart);
            }
            Ok(Arc::new(builder.build().map_err(io_error)?))
        }
        "gs" => {
            let builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket).with_retry(retries());
            Ok(Arc::new(builder.build().map_err(io_error)?))
        }
        "az" => {
            let builder = MicrosoftAzureBuilder::from_env().with_container_name(bucket).with_retry(retries());
            Ok(Arc::new(builder.build().map_err(io_error)?))
        }
        "file" if bucket.is_empty() => Ok(Arc::new(LocalFileSystem::new())),
        "file" => Err(io::Error::new(io::ErrorKind::InvalidInput, "file:// needs a path from the root: file:///PATH")),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the supported schemes are s3://, gs://, az:// and file://",
        )),
    }
}

/// Retries after transient failures (errors 5xx, lost connections, timeouts): the first wait is 0.1 s, each later one
/// up to twice as long as the one before.
fn retries() -> RetryConfig {
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_secs(10), base: 2.0 };
    RetryConfig { backoff, max_retries: 8, retry_timeout: Duration::from_secs(120) }
}
