//! A bucket as it was: for whoever finds that what is in it was deleted or written over.
//!
//! A bucket with object lock keeps every version. Whoever has taken a host over can put marks of
//! deletion over objects and other content before them, but not do away with what was there: it is
//! seen by looking at a time before that.

use super::{Objects, is_refused_with};
use crate::{
    VaultError,
    packer::locked,
    storage::{Fault, FileKind, FileName, Listed, Storage, failed, too_short},
};
use bytes::Bytes;
use outbound::bucket::{Bucket, Keeping, Version};
use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex},
};

/// What was there at a time, to be read and checked and restored from. Nothing is written to it.
#[derive(Debug)]
pub struct Past {
    objects: Objects,
    at_ms: i64,
    /// Read when it is needed for the first time.
    seen: Mutex<Option<Arc<HashMap<String, Seen>>>>,
}

#[derive(Debug, Clone)]
struct Seen {
    version: String,
    size_bytes: u64,
    /// Whether everybody else sees it, too.
    is_latest: bool,
    now: Now,
}

/// What everybody sees by the same name now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Now {
    /// This, or the same content again.
    Same,
    Other,
    Nothing,
}

/// What is not any more as it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lost {
    /// Files that were there then.
    pub files: u64,
    /// Those of them that are hidden.
    pub hidden: u64,
    /// Those that others stand before.
    pub overwritten: u64,
    /// Of these two.
    pub bytes: u64,
}

impl Past {
    /// At this time, by the bucket's own clock: unix milliseconds. Reaches nothing yet.
    #[must_use]
    pub fn new(objects: Objects, at_ms: i64) -> Self {
        Self { objects, at_ms, seen: Mutex::default() }
    }

    /// What [`Past::bring_back`] would write, by what the bucket says of its objects.
    ///
    /// # Errors
    /// [`VaultError::Storage`]
    pub fn lost(&self) -> Result<Lost, VaultError> {
        let mut lost = Lost::default();
        let locks = format!("{}/", FileKind::Lock.folder());
        for (_, seen) in self.seen()?.iter().filter(|(key, _)| !key.starts_with(&locks)) {
            lost.files += 1;
            let count = match seen.now {
                Now::Same => continue,
                Now::Other => &mut lost.overwritten,
                Now::Nothing => &mut lost.hidden,
            };
            *count += 1;
            lost.bytes += seen.size_bytes;
        }
        Ok(lost)
    }

    /// Writes what was there, and is not any more, again, so that everybody sees it; how many files. What
    /// came since stays beside it. Needs no right to delete.
    ///
    /// # Errors
    /// [`VaultError::Storage`], at the first that cannot be read or written.
    pub fn bring_back(&self) -> Result<u64, VaultError> {
        let mut brought = 0;
        for kind in FileKind::NAMED.into_iter().filter(|kind| *kind != FileKind::Lock) {
            for listed in self.list(kind)? {
                brought += u64::from(self.bring_back_one(FileName::new(kind, listed.id))?);
            }
        }
        brought += u64::from(self.bring_back_one(FileName::CONFIG)?);
        Ok(brought)
    }

    fn bring_back_one(&self, file: FileName) -> Result<bool, VaultError> {
        let key = file.path();
        match self.seen()?.get(&key) {
            None | Some(Seen { is_latest: true, .. }) => return Ok(false),
            Some(_) => {}
        }
        let bytes = self.read(file)?;
        match self.objects.read(file) {
            // Brought back before.
            Ok(there) if there == bytes => return Ok(false),
            Ok(_) | Err(VaultError::Missing { .. }) => {}
            Err(error) => return Err(error),
        }
        let lock = self.objects.lock;
        self.objects.try_often("write", file, &async |bucket: &Bucket, now_ms: i64| {
            let keeping = Keeping {
                locked_until_ms: lock.map(|lock| now_ms.saturating_add(super::as_ms(lock.lasts))),
                lock_mode: lock.map(|lock| lock.mode).unwrap_or_default(),
                ..Keeping::default()
            };
            bucket.put(&key, bytes.clone(), keeping, now_ms).await
        })?;
        Ok(true)
    }

    fn seen(&self) -> Result<Arc<HashMap<String, Seen>>, VaultError> {
        let mut seen = locked(&self.seen);
        if let Some(seen) = &*seen {
            return Ok(Arc::clone(seen));
        }
        let what = "all that was there";
        let versions = self.objects.try_often("list", what, &async |bucket: &Bucket, now_ms| {
            bucket.versions("", now_ms).await
        })?;
        let found = Arc::new(at(versions, self.at_ms));
        *seen = Some(Arc::clone(&found));
        Ok(found)
    }

    fn get(&self, file: FileName, range: Option<&Range<u64>>) -> Result<Bytes, VaultError> {
        let missing = || VaultError::Missing { file, place: self.label() };
        let key = file.path();
        let version = self.seen()?.get(&key).map(|seen| seen.version.clone());
        let version = version.ok_or_else(missing)?;
        let found = self.objects.try_often("read", file, &async |bucket: &Bucket, now_ms| {
            bucket.get_version(&key, &version, range.cloned(), now_ms).await
        })?;
        found.ok_or_else(missing)
    }
}

/// Of each key the newest version that is not newer than that, unless it is a mark of deletion.
fn at(versions: Vec<Version>, at_ms: i64) -> HashMap<String, Seen> {
    let mut found: HashMap<String, Option<Seen>> = HashMap::new();
    // The newest of a key come first.
    let mut newest: Option<(String, Option<String>)> = None;
    for Version { key, id, size_bytes, etag, written_ms, is_latest } in versions {
        if newest.as_ref().is_none_or(|(known, _)| *known != key) {
            newest = Some((key.clone(), size_bytes.map(|_| etag.clone())));
        }
        let now = match newest.as_ref().and_then(|(_, etag)| etag.as_ref()) {
            None => Now::Nothing,
            Some(now) if is_latest || !etag.is_empty() && *now == etag => Now::Same,
            Some(_) => Now::Other,
        };
        if written_ms <= at_ms {
            found.entry(key).or_insert_with(|| {
                size_bytes.map(|size_bytes| Seen { version: id, size_bytes, is_latest, now })
            });
        }
    }
    found.into_iter().filter_map(|(key, seen)| Some((key, seen?))).collect()
}

impl Storage for Past {
    fn label(&self) -> String {
        format!("{}, as it was", self.objects.label)
    }

    fn read(&self, file: FileName) -> Result<Bytes, VaultError> {
        self.get(file, None)
    }

    fn read_range(&self, file: FileName, offset: u64, length: u32) -> Result<Bytes, VaultError> {
        if length == 0 {
            return Ok(Bytes::new());
        }
        match self.get(file, Some(&(offset..offset + u64::from(length)))) {
            Ok(bytes) if bytes.len() == length as usize => Ok(bytes),
            Ok(_) => Err(too_short(file, offset, length)),
            Err(error) if is_refused_with(&error, super::BEHIND_THE_END) => {
                Err(too_short(file, offset, length))
            }
            Err(error) => Err(error),
        }
    }

    fn size(&self, file: FileName) -> Result<Option<u64>, VaultError> {
        Ok(self.seen()?.get(&file.path()).map(|seen| seen.size_bytes))
    }

    /// Whoever held a lock at that time holds nobody back today.
    fn list(&self, kind: FileKind) -> Result<Vec<Listed>, VaultError> {
        if kind == FileKind::Lock {
            return Ok(Vec::new());
        }
        let begin = format!("{}/", kind.folder());
        let seen = self.seen()?;
        let listed =
            seen.iter().filter(|(key, _)| key.starts_with(&begin)).filter_map(|(key, seen)| {
                let (_, name) = key.rsplit_once('/')?;
                Some(Listed { id: name.parse().ok()?, size_bytes: seen.size_bytes })
            });
        Ok(listed.collect())
    }

    /// Nobody changes what was, so that there is nothing to lock.
    fn write(&self, file: FileName, _: Bytes) -> Result<(), VaultError> {
        if file.kind() == FileKind::Lock {
            return Ok(());
        }
        Err(failed("write", file, &self.label(), Fault::NotPermitted, "this is the past"))
    }

    fn remove(&self, file: FileName) -> Result<(), VaultError> {
        if file.kind() == FileKind::Lock {
            return Ok(());
        }
        Err(failed("remove", file, &self.label(), Fault::NotPermitted, "this is the past"))
    }

    fn parallel(&self) -> usize {
        self.objects.parallel()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_each_key_that_is_seen_which_was_the_newest_then() {
        let version = |key: &str, id: &str, size_bytes, written_ms| Version {
            key: key.into(),
            id: id.into(),
            size_bytes,
            etag: size_bytes.map_or_else(String::new, |bytes| bytes.to_string()),
            written_ms,
            is_latest: false,
        };
        let versions = [
            version("a", "a3", None, 30),
            version("a", "a2", Some(2), 20),
            version("a", "a1", Some(1), 10),
            version("b", "b2", Some(2), 20),
            version("b", "b1", None, 10),
        ];
        let check = |at_ms, expect: &[(&str, &str)]| {
            let found = at(versions.to_vec(), at_ms);
            let mut found: Vec<(&str, &str)> =
                found.iter().map(|(key, seen)| (key.as_str(), seen.version.as_str())).collect();
            found.sort_unstable();
            assert_eq!(found, expect, "{at_ms}");
        };
        check(5, &[]);
        check(10, &[("a", "a1")]);
        check(29, &[("a", "a2"), ("b", "b2")]);
        check(30, &[("b", "b2")]);
        let now = |at_ms, key: &str| at(versions.to_vec(), at_ms)[key].now;
        assert_eq!(now(10, "a"), Now::Nothing);
        assert_eq!(now(20, "b"), Now::Same);
        let again = [version("c", "c3", Some(1), 30), version("c", "c2", Some(2), 20)];
        let again: Vec<_> = again.into_iter().chain([version("c", "c1", Some(1), 10)]).collect();
        let now = |at_ms| at(again.clone(), at_ms)["c"].now;
        assert_eq!([10, 20, 30].map(now), [Now::Same, Now::Other, Now::Same]);
    }
}
