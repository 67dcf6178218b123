//! A bucket, laid out as restic's S3 backend does: keys are the paths that a folder would have.
//!
//! Every request says all of what it wants, so that one that failed on its way is sent again, a few
//! times, ever later; one that was refused is not. With object lock nothing that was written can be
//! deleted for some time, and nothing is written over: docs/backup-storage.md says for whom.

use super::{Fault, FileKind, FileName, Listed, Storage, failed, too_short};
use crate::VaultError;
use bytes::Bytes;
use kernel::config::S3Settings;
use outbound::{
    OutboundError,
    bucket::{Bucket, Keeping, LockMode},
    http::{Client, ClientOptions},
};
use std::{
    fmt,
    ops::Range,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::runtime::Runtime;

mod media;
mod past;
mod target;

pub(crate) use media::Ended;
pub use media::MediaBucket;
pub use past::{Lost, Past};
pub use target::MediaTarget;
pub(crate) use target::{Written, part_bytes};

/// Longer answers are an error: of packs that others wrote the longest (restic: 128 MiB, and a blob).
const ANSWER_BYTES: usize = 160 << 20;
/// Waits before the second try and those after it.
const WAITS: [Duration; 4] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(20),
];
/// Locks that end this much before they should are left.
const NEARLY_MS: i64 = 60 * 60 * 1000;
/// Requests at the same time: what a line far away needs to be full, and not more than memory bears.
const PARALLEL: usize = 3;

/// How firmly, and for how long, what is written cannot be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectLock {
    pub mode: LockMode,
    /// From when it was written, or from when [`crate::extend::run`] last saw that it is needed.
    pub lasts: Duration,
}

/// A bucket as a repository's storage.
pub struct Objects {
    bucket: Bucket,
    label: String,
    /// Of everything but the repository's own locks; `None` for a bucket without object lock.
    lock: Option<ObjectLock>,
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
        lock: Option<ObjectLock>,
        extra_roots_pem: Vec<String>,
    ) -> Result<Self, VaultError> {
        let options = ClientOptions { extra_roots_pem, body_limit_bytes: ANSWER_BYTES };
        let label = settings.bucket.clone();
        let client = Client::new(&options)
            .map_err(|source| failed("reach", "a repository", &label, Fault::Other, source))?;
        let bucket = Bucket::new(settings, client);
        let label = bucket.label();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .thread_name("vault-bucket")
            .build()
            .map_err(|source| failed("reach", "a repository", &label, Fault::Other, source))?;
        Ok(Self { bucket, label, lock, runtime: Some(runtime) })
    }

    /// Makes the bucket; one with object lock, which it cannot get later, where that is wanted.
    ///
    /// # Errors
    /// [`VaultError::Storage`], also when there is one already.
    pub fn make_bucket(&self, with_lock: bool) -> Result<(), VaultError> {
        self.try_often("make", "the bucket", &async |bucket: &Bucket, now_ms| {
            bucket.make(with_lock, now_ms).await
        })
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
                    fault: fault(&error),
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
        // 409: somebody else writes the same at this moment.
        OutboundError::Refused { status, .. } => {
            matches!(*status, 408 | 409 | 429 | 500 | 502..=504)
        }
        _ => false,
    }
}

/// By what S3 and those who speak its language answer
/// (docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, read 2026-11).
fn fault(error: &OutboundError) -> Fault {
    let OutboundError::Refused { status, said, .. } = error else {
        return if may_pass(error) { Fault::Unreachable } else { Fault::Other };
    };
    match (*status, said.as_str()) {
        (_, "NoSuchBucket") => Fault::NoPlace,
        (_, "ObjectLocked") => Fault::Protected,
        (_, "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "ExpiredToken" | "InvalidToken") => {
            Fault::Login
        }
        (507, _) | (_, "QuotaExceeded" | "XMinioStorageFull" | "InsufficientStorage") => {
            Fault::Full
        }
        (401, _) => Fault::Login,
        (403 | 405, _) => Fault::NotPermitted,
        _ if may_pass(error) => Fault::Unreachable,
        _ => Fault::Other,
    }
}

fn is_refused_with(error: &VaultError, wanted: u16) -> bool {
    let VaultError::Storage { source, .. } = error else { return false };
    matches!(source.downcast_ref(),
        Some(OutboundError::Refused { status, .. }) if *status == wanted)
}

/// The object has no such bytes.
const BEHIND_THE_END: u16 = 416;
/// There is one of this key already.
const THERE_ALREADY: u16 = 412;
/// A server that does not know how to write only what is new.
const UNKNOWN_WISH: u16 = 501;

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
            Err(error) if is_refused_with(&error, BEHIND_THE_END) => {
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
        let lock = self.lock.filter(|_| file.kind() != FileKind::Lock);
        let length = bytes.len() as u64;
        let put = |only_new| {
            self.try_often("write", file, &async |bucket: &Bucket, now_ms: i64| {
                let keeping = Keeping {
                    content_type: None,
                    locked_until_ms: lock.map(|lock| now_ms.saturating_add(as_ms(lock.lasts))),
                    lock_mode: lock.map(|lock| lock.mode).unwrap_or_default(),
                    only_new,
                };
                bucket.put(&key, bytes.clone(), keeping, now_ms).await
            })
        };
        let mut written = put(lock.is_some());
        if matches!(&written, Err(error) if is_refused_with(error, UNKNOWN_WISH)) {
            written = put(false);
        }
        match written {
            // By us, when the answer to the try before was lost, or by somebody with the same content.
            Err(error) if is_refused_with(&error, THERE_ALREADY) => match self.size(file)? {
                Some(there) if there == length => Ok(()),
                _ => {
                    let why = "something else of this name is there";
                    Err(failed("write", file, &self.label, Fault::Protected, why))
                }
            },
            other => other,
        }
    }

    fn remove(&self, file: FileName) -> Result<(), VaultError> {
        let key = file.path();
        self.try_often("remove", file, &async |bucket: &Bucket, now_ms| {
            bucket.delete(&key, now_ms).await
        })
    }

    fn keep_until(&self, file: FileName, until_ms: i64) -> Result<bool, VaultError> {
        let Some(lock) = self.lock else { return Ok(false) };
        let key = file.path();
        let found = self.try_often("look at", file, &async |bucket: &Bucket, now_ms| {
            bucket.look(&key, now_ms).await
        })?;
        let found = found.ok_or_else(|| VaultError::Missing { file, place: self.label.clone() })?;
        // A lock is never shortened, and one that is nearly as long is not worth a request.
        if found.locked_until_ms.is_some_and(|locked_ms| locked_ms + NEARLY_MS >= until_ms) {
            return Ok(false);
        }
        self.try_often("lock", file, &async |bucket: &Bucket, now_ms| {
            bucket.lock(&key, lock.mode, until_ms, now_ms).await
        })?;
        Ok(true)
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

fn as_ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// Signatures are made for now.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    as_ms(since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_bucket_answers_is_understood() {
        let check = |status, said: &str, expect: (Fault, bool)| {
            let place = String::new();
            let error =
                OutboundError::Refused { operation: "put", place, status, said: said.into() };
            assert_eq!((fault(&error), may_pass(&error)), expect, "{status} {said}");
        };
        check(404, "NoSuchBucket", (Fault::NoPlace, false));
        check(403, "AccessDenied", (Fault::NotPermitted, false));
        check(403, "", (Fault::NotPermitted, false));
        check(403, "InvalidAccessKeyId", (Fault::Login, false));
        check(403, "SignatureDoesNotMatch", (Fault::Login, false));
        check(400, "ObjectLocked", (Fault::Protected, false));
        check(507, "XMinioStorageFull", (Fault::Full, false));
        check(403, "QuotaExceeded", (Fault::Full, false));
        check(501, "NotImplemented", (Fault::Other, false));
        check(503, "SlowDown", (Fault::Unreachable, true));
        check(500, "InternalError", (Fault::Unreachable, true));
        check(429, "", (Fault::Unreachable, true));
    }
}
