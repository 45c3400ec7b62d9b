//! A scheme and a bucket -> a store, with the credentials and settings of the environment.

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

use super::said;
use crate::cli::lock::lock;

/// A bucket, and the thread that talks to its server.
#[derive(Debug)]
pub struct Store {
    pub objects: Arc<dyn ObjectStore>,
    /// What its URLs begin with: s3://BUCKET.
    pub root: String,
    runtime: Runtime,
}

impl Store {
    pub fn new(objects: Arc<dyn ObjectStore>, root: String) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        Ok(Self { objects, root, runtime })
    }

    /// Waits for an answer.
    pub fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        self.runtime.block_on(answer)
    }
}

/// The stores that are connected, by what their URLs begin with.
static CONNECTED: Mutex<Option<HashMap<String, Arc<Store>>>> = Mutex::new(None);

/// The store of a bucket. Servers are asked nothing yet.
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
    // Fails if there is one already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match scheme {
        "s3" => {
            let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retries());
            if builder.get_config_value(&AmazonS3ConfigKey::CopyIfNotExists).is_none() {
                builder = builder.with_copy_if_not_exists(S3CopyIfNotExists::Multipart);
            }
            Ok(Arc::new(builder.build().map_err(said)?))
        }
        "gs" => {
            let builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket).with_retry(retries());
            Ok(Arc::new(builder.build().map_err(said)?))
        }
        "az" => {
            let builder = MicrosoftAzureBuilder::from_env().with_container_name(bucket).with_retry(retries());
            Ok(Arc::new(builder.build().map_err(said)?))
        }
        "file" if bucket.is_empty() => Ok(Arc::new(LocalFileSystem::new())),
        "file" => Err(io::Error::new(io::ErrorKind::InvalidInput, "file:// needs a path from the root: file:///PATH")),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "there are s3://, gs://, az:// and file://")),
    }
}

/// What a request that fails in passing (errors 5xx, lost connections, no answer) costs at most: the first wait is 0.1 s,
/// each later one up to twice as long as the one before it.
fn retries() -> RetryConfig {
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_secs(10), base: 2.0 };
    RetryConfig { backoff, max_retries: 8, retry_timeout: Duration::from_secs(120) }
}
