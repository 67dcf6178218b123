//! A bucket that a shop's media are restored into.

use super::{MediaBucket, Objects, THERE_ALREADY, UNKNOWN_WISH, is_refused_with};
use crate::VaultError;
use bytes::Bytes;
use kernel::config::S3Settings;
use outbound::bucket::{Bucket, LEAST_PART_BYTES, MOST_PARTS, Object, Only, Part, Served, Told};

/// Written by whoever may also put (`s3:PutObject`), and taken back by whoever may delete
/// (`s3:DeleteObject`, `s3:DeleteObjectVersion`).
#[derive(Debug)]
pub struct MediaTarget(MediaBucket);

/// What came of writing an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    Done,
    /// Another one is there by now than was wanted to be.
    OtherIsThere,
}

/// How long the parts of an object are that is so long; of a short one it is whole.
pub(crate) fn part_bytes(size_bytes: u64) -> u64 {
    LEAST_PART_BYTES.max(size_bytes.div_ceil(MOST_PARTS))
}

impl MediaTarget {
    /// Reaches nothing yet.
    ///
    /// # Errors
    /// As of [`Objects::new`].
    pub fn new(settings: S3Settings, extra_roots_pem: Vec<String>) -> Result<Self, VaultError> {
        MediaBucket::new(settings, extra_roots_pem).map(Self)
    }

    /// Whether what is written over is kept; `None`: we may not see it.
    ///
    /// # Errors
    /// [`VaultError::Storage`] of a bucket that cannot be reached.
    pub fn keeps_versions(&self) -> Result<Option<bool>, VaultError> {
        let what = "whether versions are kept";
        let told = self.objects().try_often("see", what, &async |bucket: &Bucket, now_ms| {
            bucket.keeps_versions(now_ms).await
        });
        match told {
            Ok(keeps) => Ok(Some(keeps)),
            // Not allowed, or not known there.
            Err(error)
                if [403, 405, UNKNOWN_WISH].iter().any(|&no| is_refused_with(&error, no)) =>
            {
                Ok(None)
            }
            Err(error) => Err(self.0.told(error)),
        }
    }

    pub(crate) fn list(&self) -> Result<Vec<Object>, VaultError> {
        self.0.list()
    }

    pub(crate) fn look_again(&self, key: &str) -> Result<Option<Object>, VaultError> {
        self.0.look_again(key)
    }

    pub(crate) fn part(&self, object: &Object, begin: u64, end: u64) -> Result<Part, VaultError> {
        self.told_here(self.0.part(object, &(begin..end)))
    }

    pub(crate) fn told(&self, key: &str) -> Result<Option<Told>, VaultError> {
        self.told_here(self.objects().try_often(
            "look at",
            key,
            &async |bucket: &Bucket, now_ms| bucket.told(key, now_ms).await,
        ))
    }

    pub(crate) fn put(
        &self,
        key: &str,
        body: &Bytes,
        (served, only): (&Served, Only<'_>),
    ) -> Result<Written, VaultError> {
        self.told_here(as_wanted(only, |only| {
            self.objects().try_often("write", key, &async |bucket: &Bucket, now_ms| {
                bucket.serve(key, body.clone(), (served, only), now_ms).await
            })
        }))
    }

    /// Writes an object part by part; `part` gives them by their place, counted from 0.
    pub(crate) fn put_parts(
        &self,
        key: &str,
        count: u64,
        (served, only): (&Served, Only<'_>),
        part: &mut dyn FnMut(u64) -> Result<Bytes, VaultError>,
    ) -> Result<Written, VaultError> {
        let objects = self.objects();
        let upload = objects.try_often("write", key, &async |bucket: &Bucket, now_ms| {
            bucket.begin_parts(key, served, now_ms).await
        });
        let upload = self.told_here(upload)?;
        let written = self.parts_of(key, &upload, count, part).and_then(|etags| {
            self.told_here(as_wanted(only, |only| {
                objects.try_often("write", key, &async |bucket: &Bucket, now_ms| {
                    bucket.end_parts(key, (&upload, &etags), only, now_ms).await
                })
            }))
        });
        if matches!(written, Ok(Written::Done)) {
            return written;
        }
        // Parts that nobody makes an object of would lie there for ever, and be paid for.
        let dropped = objects.try_often("give up", key, &async |bucket: &Bucket, now_ms| {
            bucket.drop_parts(key, &upload, now_ms).await
        });
        let dropped = self.told_here(dropped);
        written.and_then(|written| dropped.map(|()| written))
    }

    fn parts_of(
        &self,
        key: &str,
        upload: &str,
        count: u64,
        part: &mut dyn FnMut(u64) -> Result<Bytes, VaultError>,
    ) -> Result<Vec<String>, VaultError> {
        let mut etags = Vec::new();
        for at in 0..count {
            let body = part(at)?;
            let number = etags.len() + 1;
            let put = self.objects().try_often("write", key, &async |bucket: &Bucket, now_ms| {
                bucket.put_part(key, (upload, number), body.clone(), now_ms).await
            });
            etags.push(self.told_here(put)?);
        }
        Ok(etags)
    }

    /// Removes an object, or one version of it for good.
    pub(crate) fn remove(&self, key: &str, version: Option<&str>) -> Result<(), VaultError> {
        let request = async |bucket: &Bucket, now_ms| match version {
            Some(version) => bucket.delete_version(key, version, now_ms).await,
            None => bucket.delete(key, now_ms).await,
        };
        self.told_here(self.objects().try_often("remove", key, &request))
    }

    fn objects(&self) -> &Objects {
        &self.0.objects
    }

    /// As a wish of the bucket, and not of the repository.
    fn told_here<T>(&self, outcome: Result<T, VaultError>) -> Result<T, VaultError> {
        outcome.map_err(|error| self.0.told(error))
    }
}

/// Writes only what is wanted, where the server knows how to; elsewhere whatever was seen a moment ago.
fn as_wanted(
    only: Only<'_>,
    write: impl Fn(Only<'_>) -> Result<(), VaultError>,
) -> Result<Written, VaultError> {
    let mut written = write(only);
    if matches!(&written, Err(error) if is_refused_with(error, UNKNOWN_WISH)) {
        written = write(Only::Always);
    }
    match written {
        Ok(()) => Ok(Written::Done),
        Err(error) if is_refused_with(&error, THERE_ALREADY) => Ok(Written::OtherIsThere),
        Err(error) => Err(error),
    }
}
