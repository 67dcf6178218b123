//! What a backup is made of, as the tree it will be: from the root down to each path that was named.

use super::Stream;
use crate::{VaultError, storage::MediaBucket};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs, io,
    path::{Component, Path, PathBuf},
};

/// A folder on the way to what was named, or one of those.
#[derive(Debug, Default)]
pub(super) struct Branch {
    pub(super) below: BTreeMap<OsString, Branch>,
    pub(super) kind: BranchKind,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum BranchKind {
    /// Of it only what was named.
    #[default]
    Way,
    /// A folder or file, with all that is in it.
    Whole,
    Stream,
    /// The media bucket of this number.
    Bucket(usize),
}

impl Branch {
    /// # Errors
    /// When nothing was named, a path is not whole or not there, or a stream has another's place.
    pub(super) fn of(
        paths: &[PathBuf],
        streams: &[Stream],
        buckets: &[MediaBucket],
    ) -> Result<Self, VaultError> {
        if paths.is_empty() && streams.is_empty() && buckets.is_empty() {
            return Err(VaultError::NoSources);
        }
        let mut root = Self::default();
        let streams = streams.iter().map(|stream| (stream.path.as_path(), BranchKind::Stream));
        let numbered = buckets.iter().enumerate();
        let buckets = numbered.map(|(at, bucket)| (bucket.path(), BranchKind::Bucket(at)));
        for (path, kind) in streams.chain(buckets) {
            let place = root.place(path)?;
            if place.kind != BranchKind::Way || !place.below.is_empty() {
                return Err(taken(path));
            }
            place.kind = kind;
        }
        for path in paths {
            fs::symlink_metadata(path).map_err(|source| match source.kind() {
                io::ErrorKind::NotFound => VaultError::NoSource(path.clone()),
                _ => VaultError::File { operation: "look at", path: path.clone(), source },
            })?;
            let place = root.place(path)?;
            if place.holds_no_files() {
                return Err(taken(path));
            }
            place.below.clear();
            place.kind = BranchKind::Whole;
        }
        root.prune();
        Ok(root)
    }

    /// What was named, in order.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect(Path::new("/"), &mut paths);
        paths
    }

    fn collect(&self, at: &Path, paths: &mut Vec<String>) {
        if self.kind != BranchKind::Way {
            paths.push(at.to_string_lossy().into_owned());
        }
        for (name, branch) in &self.below {
            branch.collect(&at.join(name), paths);
        }
    }

    fn place(&mut self, path: &Path) -> Result<&mut Self, VaultError> {
        let odd = || VaultError::Malformed {
            what: "path of a backup",
            text: path.to_string_lossy().into_owned(),
        };
        if !path.is_absolute() {
            return Err(odd());
        }
        let mut branch = self;
        for part in path.components() {
            match part {
                Component::RootDir => {}
                Component::Normal(name) => {
                    branch = branch.below.entry(name.to_owned()).or_default();
                }
                _ => return Err(odd()),
            }
        }
        Ok(branch)
    }

    fn holds_no_files(&self) -> bool {
        matches!(self.kind, BranchKind::Stream | BranchKind::Bucket(_))
            || self.below.values().any(Self::holds_no_files)
    }

    /// What lies within something whole is in it already.
    fn prune(&mut self) {
        if self.kind == BranchKind::Whole {
            self.below.clear();
        }
        self.below.values_mut().for_each(Self::prune);
    }
}

fn taken(path: &Path) -> VaultError {
    VaultError::Stream { path: path.to_owned(), why: "something else has its place".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(path: &str) -> Stream {
        Stream { path: path.into(), content: Box::new(io::empty()), is_whole: Box::new(|_| Ok(())) }
    }

    #[test]
    fn paths_within_others_are_named_once() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        fs::create_dir_all(&inner).unwrap();
        let outer = folder.path().join("a");
        let root =
            Branch::of(&[inner.clone(), outer.clone()], &[stream("/db/x.sql")], &[]).unwrap();
        let expect = ["/db/x.sql".to_owned(), outer.to_string_lossy().into_owned()];
        assert_eq!(root.paths(), expect);
        let whole = Branch::of(&[PathBuf::from("/"), inner], &[], &[]).unwrap();
        assert_eq!(whole.paths(), ["/"]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let check = |paths: &[&str], streams: &[&str], expect: &str| {
            let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
            let streams: Vec<Stream> = streams.iter().map(|path| stream(path)).collect();
            let error = Branch::of(&paths, &streams, &[]).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(expect), "{paths:?} {streams:?}: {error}");
        };
        check(&[], &[], "back up nothing");
        check(&["relative"], &[], "it is not there");
        check(&["/usr/../etc"], &[], "path of a backup");
        check(&["/does/not/exist"], &[], "it is not there");
        check(&[], &["/a/b", "/a/b"], "something else has its place");
        check(&[], &["/a/b", "/a"], "something else has its place");
        check(&["/usr"], &["/usr/dump.sql"], "something else has its place");
    }
}
