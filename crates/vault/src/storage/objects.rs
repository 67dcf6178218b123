//! A bucket, laid out as restic's S3 backend does: keys are the paths that a folder would have.
//!
//! Every request says all of what it wants, so that one that failed on its way is sent again, a few
//! times, ever later; one that was refused is not.

use super::{FileKind, FileName, Listed, Storage, failed, too_short};
use crate::VaultError;
use bytes::Bytes;
use kernel::config::S3Settings;
use outbound::{
    OutboundError,
    bucket::{Bucket, Keeping},
    http::{Client, ClientOptions},
};
use std::{
    error::Error,
    fmt,
    ops::Range,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::runtime::Runtime;

/// Longer answers are an error: of packs that others wrote the longest (restic: 128 MiB, and a blob).
const ANSWER_BYTES: usize = 160 << 20;
/// Waits before the second try and those after it.
const WAITS: [Duration; 4] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(20),
];
/// Requests at the same time: what a line far away needs to be full, and not more than memory bears.
const PARALLEL: usize = 3;

/// A bucket as a repository's storage.
pub struct Objects {
    bucket: Bucket,
    label: String,
    /// Packs, snapshots, indexes and keys cannot be deleted for so long after they were written, by
    /// nobody; `None` for a bucket without object lock.
    locked_for: Option<Duration>,
    /// Always there but while it is dropped.
    runtime: Option<Runtime>,
}

impl Objects {
    /// Reaches nothing yet. `extra_roots_pem` are root certificates beside the system's.
    ///
    /// # Errors
    /// When the system gives no thread, or a certificate is none.
    pub fn new(
        settings: S3Settings,
        locked_for: Option<Duration>,
        extra_roots_pem: Vec<String>,
    ) -> Result<Self, VaultError> {
        let options = ClientOptions { extra_roots_pem, body_limit_bytes: ANSWER_BYTES };
        let label = settings.bucket.clone();
        let client = Client::new(&options)
            .map_err(|source| failed("reach", "a repository", &label, source))?;
        let bucket = Bucket::new(settings, client);
        let label = bucket.label();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .thread_name("vault-bucket")
            .build()
            .map_err(|source| failed("reach", "a repository", &label, source))?;
        Ok(Self { bucket, label, locked_for, runtime: Some(runtime) })
    }

    /// Tries until it is decided, or has been tried often enough.
    fn try_often<T>(
        &self,
        operation: &'static str,
        what: impl fmt::Display,
        request: &impl AsyncFn(&Bucket, i64) -> Result<T, OutboundError>,
    ) -> Result<T, VaultError> {
        let runtime = self.runtime.as_ref().expect("invariant: there until it is dropped");
        let mut waits = WAITS.iter();
        loop {
            let error = match runtime.block_on(request(&self.bucket, now_ms())) {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let wait = waits.next().filter(|_| may_pass(&error));
            let Some(wait) = wait else {
                return Err(VaultError::Storage {
                    operation,
                    file: what.to_string(),
                    place: self.label.clone(),
                    transient: may_pass(&error),
                    source: error.into(),
                });
            };
            tracing::warn!(error = error.story(), ?wait, "a bucket is asked again");
            thread::sleep(*wait);
        }
    }

    fn get(&self, file: FileName, range: Option<&Range<u64>>) -> Result<Bytes, VaultError> {
        let key = file.path();
        let found = self.try_often("read", file, &async |bucket: &Bucket, now_ms| {
            bucket.get(&key, range.cloned(), now_ms).await
        })?;
        found.ok_or_else(|| VaultError::Missing { file, place: self.label.clone() })
    }
}

/// Whether trying again may help: nobody answered, or somebody who was too busy.
fn may_pass(error: &OutboundError) -> bool {
    match error {
        OutboundError::Reach { .. }
        | OutboundError::Answer { .. }
        | OutboundError::Deadline { .. } => true,
        OutboundError::Refused { status, .. } => *status >= 500 || matches!(*status, 408 | 429),
        _ => false,
    }
}

/// 416: the object has no such bytes.
fn is_behind_the_end(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(OutboundError::Refused { status: 416, .. }))
}

impl Storage for Objects {
    fn label(&self) -> String {
        self.label.clone()
    }

    fn read(&self, file: FileName) -> Result<Bytes, VaultError> {
        self.get(file, None)
    }

    fn read_range(&self, file: FileName, offset: u64, length: u32) -> Result<Bytes, VaultError> {
        if length == 0 {
            return Ok(Bytes::new());
        }
        let end = offset + u64::from(length);
        match self.get(file, Some(&(offset..end))) {
            Ok(bytes) if bytes.len() == length as usize => Ok(bytes),
            Ok(_) => Err(too_short(file, offset, length)),
            Err(VaultError::Storage { source, .. }) if is_behind_the_end(source.as_ref()) => {
                Err(too_short(file, offset, length))
            }
            Err(error) => Err(error),
        }
    }

    fn size(&self, file: FileName) -> Result<Option<u64>, VaultError> {
        let key = file.path();
        self.try_often("look at", file, &async |bucket: &Bucket, now_ms| {
            bucket.size(&key, now_ms).await
        })
    }

    fn list(&self, kind: FileKind) -> Result<Vec<Listed>, VaultError> {
        let begin = format!("{}/", kind.folder());
        let all = format!("all {}", kind.folder());
        let objects = self.try_often("list", all, &async |bucket: &Bucket, now_ms| {
            bucket.list(&begin, now_ms).await
        })?;
        let listed = objects.into_iter().filter_map(|object| {
            let (_, name) = object.key.rsplit_once('/')?;
            Some(Listed { id: name.parse().ok()?, size_bytes: object.size_bytes })
        });
        Ok(listed.collect())
    }

    fn write(&self, file: FileName, bytes: Bytes) -> Result<(), VaultError> {
        let key = file.path();
        // A lock that cannot be removed would keep everybody else away.
        let locked_for = self.locked_for.filter(|_| file.kind() != FileKind::Lock);
        self.try_often("write", file, &async |bucket: &Bucket, now_ms: i64| {
            let locked_until_ms = locked_for.map(|time| {
                now_ms.saturating_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
            });
            let keeping = Keeping { content_type: None, locked_until_ms };
            bucket.put(&key, bytes.clone(), keeping, now_ms).await
        })
    }

    fn remove(&self, file: FileName) -> Result<(), VaultError> {
        let key = file.path();
        self.try_often("remove", file, &async |bucket: &Bucket, now_ms| {
            bucket.delete(&key, now_ms).await
        })
    }

    fn parallel(&self) -> usize {
        PARALLEL
    }
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects").field("label", &self.label).finish_non_exhaustive()
    }
}

/// Whoever drops it may be within another runtime, where nobody may wait.
impl Drop for Objects {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Signatures are made for now.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
