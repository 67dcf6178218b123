//! A bucket of a shop's media: its objects are backed up as files are. Nothing is written to it.

use super::{Objects, is_refused_with};
use crate::VaultError;
use kernel::config::S3Settings;
use outbound::bucket::{Bucket, Object, Part};
use std::{
    io::{self, Read},
    ops::Range,
    path::{Path, PathBuf},
};

/// Where buckets lie in a snapshot, each by its name and the prefix of what was asked for.
const BUCKETS: &str = "/buckets";
/// An object is read so much at a time; each part is checked to be of the same content.
const PART_BYTES: u64 = 8 << 20;
/// Somebody may read all objects but this one.
const FORBIDDEN: u16 = 403;

/// Read by whoever may list and get its objects (`s3:ListBucket`, `s3:GetObject`).
#[derive(Debug)]
pub struct MediaBucket {
    pub(super) objects: Objects,
    path: PathBuf,
}

impl MediaBucket {
    /// Reaches nothing yet.
    ///
    /// # Errors
    /// As of [`Objects::new`].
    pub fn new(settings: S3Settings, extra_roots_pem: Vec<String>) -> Result<Self, VaultError> {
        let path = path_of(&settings);
        Ok(Self { objects: Objects::new(settings, None, extra_roots_pem)?, path })
    }

    /// Its place in a snapshot: `/buckets/NAME/PREFIX`.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Everything that is in it below its prefix.
    pub(crate) fn list(&self) -> Result<Vec<Object>, VaultError> {
        let listed = self.objects.try_often("list", "media", &async |bucket: &Bucket, now_ms| {
            bucket.list("", now_ms).await
        });
        listed.map_err(|error| self.told(error))
    }

    /// An object as it is now; `None`: it is gone.
    pub(crate) fn look_again(&self, key: &str) -> Result<Option<Object>, VaultError> {
        let listed = self.objects.try_often("look at", key, &async |bucket: &Bucket, now_ms| {
            bucket.list(key, now_ms).await
        });
        let listed = listed.map_err(|error| self.told(error))?;
        Ok(listed.into_iter().find(|object| object.key == key))
    }

    /// The content of an object, as it was listed; of one that somebody has begun to read, what came of
    /// its [`MediaBucket::first`] part.
    pub(crate) fn read<'a>(
        &'a self,
        object: &'a Object,
        begun: Option<Result<Part, VaultError>>,
    ) -> Content<'a> {
        Content { bucket: self, object, begun, at: 0, part: bytes::Bytes::new(), ended: None }
    }

    /// The first part of an object, for whoever reads it in a while.
    pub(crate) fn first(&self, object: &Object) -> Result<Part, VaultError> {
        self.part(object, &(0..object.size_bytes.min(PART_BYTES)))
    }

    pub(super) fn part(&self, object: &Object, range: &Range<u64>) -> Result<Part, VaultError> {
        self.objects.try_often("read", &object.key, &async |bucket: &Bucket, now_ms| {
            bucket.get_same(&object.key, &object.etag, range.clone(), now_ms).await
        })
    }

    /// What went wrong, with where.
    pub(super) fn told(&self, error: VaultError) -> VaultError {
        VaultError::Bucket { place: self.objects.label.clone(), source: Box::new(error) }
    }
}

fn path_of(settings: &S3Settings) -> PathBuf {
    Path::new(BUCKETS).join(&settings.bucket).join(&settings.prefix)
}

/// Reads an object to its end, and knows why it ended before.
pub(crate) struct Content<'a> {
    bucket: &'a MediaBucket,
    object: &'a Object,
    begun: Option<Result<Part, VaultError>>,
    at: u64,
    part: bytes::Bytes,
    ended: Option<Ended>,
}

/// Why there is no more of an object.
pub(crate) enum Ended {
    Changed,
    Gone,
    /// Of this object alone.
    Refused(VaultError),
    /// Of the whole bucket: nobody answers, or nobody may read it.
    Failed(VaultError),
}

impl Content<'_> {
    /// Why reading failed; `None` where it did not.
    pub(crate) fn ended(self) -> Option<Ended> {
        self.ended
    }

    fn end(&mut self, why: Ended) -> io::Error {
        self.ended = Some(why);
        io::Error::other("an object of a bucket could not be read to its end")
    }
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.part.is_empty() && self.at < self.object.size_bytes {
            let range = self.at..self.object.size_bytes.min(self.at + PART_BYTES);
            let read = match self.begun.take() {
                Some(first) => first,
                None => self.bucket.part(self.object, &range),
            };
            match read {
                Ok(Part::Same(part)) => (self.part, self.at) = (part, range.end),
                Ok(Part::Changed) => return Err(self.end(Ended::Changed)),
                Ok(Part::Gone) => return Err(self.end(Ended::Gone)),
                Err(error) if is_refused_with(&error, FORBIDDEN) => {
                    return Err(self.end(Ended::Refused(error)));
                }
                Err(error) => {
                    let error = self.bucket.told(error);
                    return Err(self.end(Ended::Failed(error)));
                }
            }
        }
        let count = self.part.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.part.split_to(count));
        Ok(count)
    }
}
