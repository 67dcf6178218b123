//! A repository: its storage, its key, and reading and writing of files that are one sealed JSON text.

use crate::{
    Id, Snapshot, VaultError,
    chunker::Polynomial,
    crypto::{self, Key},
    id::IdSet,
    index::Index,
    packer::locked,
    reader::Reader,
    storage::{Fault, FileKind, FileName, Storage},
};
use bytes::Bytes;
use kernel::config::Secret;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

mod keys;

pub use keys::{KeyInfo, RepositoryKey};

/// Before a sealed JSON text that is compressed (restic's design document, "Unpacked Data Format").
const COMPRESSED: u8 = 2;
/// Of indexes and snapshots, as fast as it gets: they are small.
const LEVEL: i32 = 3;
/// Snapshots and indexes are small, and a line far away takes as long for one as for many.
const SMALL_FILES_AT_ONCE: usize = 16;

/// A file by its name, and what came of reading it.
type ReadFile<T> = (Id, Result<T, VaultError>);

/// An open repository. Clones share storage and key.
#[derive(Debug, Clone)]
pub struct Repository {
    storage: Arc<dyn Storage>,
    key: Key,
    config: Config,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Config {
    version: u32,
    id: String,
    chunker_polynomial: String,
}

/// How a repository is made.
#[derive(Debug, Clone)]
pub struct InitOptions {
    /// What is asked of whoever guesses passwords: 2 to this power rounds of scrypt, 15 unless told.
    /// Less is right only for a password that is itself a random key.
    pub cost_log: u8,
    /// Cut files into the same pieces as another repository, so that copies between both share them.
    pub like: Option<Repository>,
}

impl Default for InitOptions {
    fn default() -> Self {
        Self { cost_log: 15, like: None }
    }
}

impl Repository {
    /// Makes a repository with one key. Of several who do so at the same moment at most one succeeds.
    ///
    /// # Errors
    /// [`VaultError::Exists`] where one is already, or somebody else is about to make it: it can be
    /// opened then, or soon; [`VaultError::Storage`].
    pub fn init(
        storage: Arc<dyn Storage>,
        password: &Secret,
        owner: &crate::Origin,
        options: &InitOptions,
        now_ms: i64,
    ) -> Result<Self, VaultError> {
        let label = storage.label();
        // A folder that is not there yet has no keys, and is no mistake here.
        let found = storage.size(FileName::CONFIG)?;
        let has_keys = || match storage.list(FileKind::Key) {
            Ok(keys) => Ok(!keys.is_empty()),
            Err(VaultError::Storage { fault: Fault::NoPlace, .. }) => Ok(false),
            Err(error) => Err(error),
        };
        if found.is_some() || has_keys()? {
            return Err(VaultError::Exists(label));
        }
        let polynomial = match &options.like {
            Some(like) => like.polynomial()?,
            None => Polynomial::random(),
        };
        let config = Config {
            version: 2,
            id: Id::from_bytes(crypto::random()).to_string(),
            chunker_polynomial: polynomial.to_string(),
        };
        let repository = Self { storage, key: Key::random(), config };
        let ours = repository.write_key(password, owner, options.cost_log, now_ms)?;
        // Who came at the same moment sees our key, or we see theirs, and leave it to them.
        if repository.ids(FileKind::Key)?.iter().any(|key| *key != ours) {
            repository.storage.remove(FileName::new(FileKind::Key, ours))?;
            return Err(VaultError::Exists(label));
        }
        let text = serde_json::to_vec(&repository.config).expect("invariant: texts and numbers");
        // Last: a repository with a configuration has a key.
        repository.storage.write(FileName::CONFIG, repository.key.sealed(&text).into())?;
        Ok(repository)
    }

    /// # Errors
    /// [`VaultError::NoRepository`], [`VaultError::WrongPassword`] and [`VaultError::Damaged`] are
    /// told apart; [`VaultError::Version`]; [`VaultError::Storage`].
    pub fn open(storage: Arc<dyn Storage>, password: &Secret) -> Result<Self, VaultError> {
        Self::open_known(storage, password, None)
    }

    /// As [`Repository::open`], without a password's hundreds of milliseconds where its key is known from
    /// before and still is its key.
    ///
    /// # Errors
    /// As of [`Repository::open`].
    pub fn open_known(
        storage: Arc<dyn Storage>,
        password: &Secret,
        known: Option<&RepositoryKey>,
    ) -> Result<Self, VaultError> {
        let sealed = match storage.read(FileName::CONFIG) {
            Err(VaultError::Missing { .. }) => {
                return Err(VaultError::NoRepository(storage.label()));
            }
            other => other?,
        };
        let mut sealed = Vec::from(sealed);
        let opens = |key: &Key| key.open(&mut sealed.clone()).is_ok();
        let key = match known.and_then(RepositoryKey::key).filter(opens) {
            Some(key) => key,
            None => keys::find(storage.as_ref(), password, &opens)?,
        };
        let text = key.open(&mut sealed).expect("invariant: the key was tried");
        let config: Config = parse(FileName::CONFIG, text)?;
        if !matches!(config.version, 1 | 2) {
            return Err(VaultError::Version(config.version));
        }
        let repository = Self { storage, key, config };
        repository.polynomial()?;
        Ok(repository)
    }

    /// What [`Repository::open_known`] takes.
    #[must_use]
    pub fn known_key(&self) -> RepositoryKey {
        RepositoryKey::of(&self.key)
    }

    /// The repository's own id, which copies of it share.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.config.id
    }

    #[must_use]
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// Reads every index, and gives what looks inside snapshots.
    ///
    /// # Errors
    /// [`VaultError::Damaged`] naming the index; [`VaultError::Storage`].
    pub fn reader(&self) -> Result<Reader, VaultError> {
        Ok(Reader::new(self.clone(), Arc::new(Index::load(self)?)))
    }

    /// Every snapshot, the oldest first.
    ///
    /// # Errors
    /// [`VaultError::Damaged`] naming the snapshot; [`VaultError::Storage`].
    pub fn snapshots(&self) -> Result<Vec<Snapshot>, VaultError> {
        let mut snapshots = Vec::new();
        for (id, read) in self.read_all::<Snapshot>(FileKind::Snapshot)? {
            match read {
                Ok(snapshot) => snapshots.push(Snapshot { id, ..snapshot }),
                // Forgotten by another program since.
                Err(VaultError::Missing { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        snapshots.sort_by_key(|snapshot: &Snapshot| (snapshot.time, snapshot.id));
        Ok(snapshots)
    }

    /// The snapshot whose id begins so; `latest` is the newest one.
    ///
    /// # Errors
    /// [`VaultError::NoSnapshot`], [`VaultError::AmbiguousSnapshot`], and as of
    /// [`Repository::snapshots`].
    pub fn snapshot(&self, begin: &str) -> Result<Snapshot, VaultError> {
        let none = || VaultError::NoSnapshot(begin.to_owned());
        if begin == "latest" {
            return self.snapshots()?.pop().ok_or_else(none);
        }
        if begin.is_empty() {
            return Err(none());
        }
        let ids = self.storage.list(FileKind::Snapshot)?;
        let mut fitting = ids.iter().filter(|listed| listed.id.to_string().starts_with(begin));
        let first = fitting.next().ok_or_else(none)?;
        if fitting.next().is_some() {
            return Err(VaultError::AmbiguousSnapshot(begin.to_owned()));
        }
        self.read_snapshot(first.id)
    }

    pub(crate) fn read_snapshot(&self, id: Id) -> Result<Snapshot, VaultError> {
        let mut snapshot: Snapshot = self.read_json(FileName::new(FileKind::Snapshot, id))?;
        snapshot.id = id;
        Ok(snapshot)
    }

    /// Removes snapshots; what only they used stays until prune. Needs no lock: whoever reads one at
    /// the moment has read it whole.
    ///
    /// # Errors
    /// [`VaultError::Storage`], at the first that cannot be removed.
    pub fn remove_snapshots(&self, ids: &[Id]) -> Result<(), VaultError> {
        for id in ids {
            self.storage.remove(FileName::new(FileKind::Snapshot, *id))?;
        }
        Ok(())
    }

    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    /// Whether blobs and files may be compressed.
    pub(crate) fn compresses(&self) -> bool {
        self.config.version >= 2
    }

    pub(crate) fn polynomial(&self) -> Result<Polynomial, VaultError> {
        self.config.chunker_polynomial.parse().map_err(|()| {
            let why = format!("`{}` cuts no files", self.config.chunker_polynomial);
            VaultError::damaged(FileName::CONFIG, why)
        })
    }

    /// Reads a file whose name is the hash of its bytes, and holds it against the name.
    pub(crate) fn read_named(&self, file: FileName) -> Result<Bytes, VaultError> {
        let bytes = self.storage.read(file)?;
        if Id::of(&bytes) != file.id() {
            return Err(VaultError::damaged(file, "its bytes are not those it was named after"));
        }
        Ok(bytes)
    }

    pub(crate) fn read_json<T: DeserializeOwned>(&self, file: FileName) -> Result<T, VaultError> {
        let mut sealed = Vec::from(self.read_named(file)?);
        let text = self.key.open(&mut sealed).map_err(|_| {
            VaultError::damaged(file, "it was not sealed with the repository's key")
        })?;
        match text.split_first() {
            Some((&COMPRESSED, rest)) => {
                let plain = zstd::stream::decode_all(rest)
                    .map_err(|error| VaultError::damaged(file, format!("decompress: {error}")))?;
                parse(file, &plain)
            }
            _ => parse(file, text),
        }
    }

    pub(crate) fn write_json<T: Serialize>(
        &self,
        kind: FileKind,
        value: &T,
    ) -> Result<Id, VaultError> {
        let plain = serde_json::to_vec(value).expect("invariant: our own types are JSON");
        let text = if self.compresses() {
            let mut text = vec![COMPRESSED];
            let packed = zstd::bulk::compress(&plain, LEVEL);
            text.extend(packed.expect("invariant: zstd compresses whatever fits into memory"));
            text
        } else {
            plain
        };
        let sealed = self.key.sealed(&text);
        let id = Id::of(&sealed);
        self.storage.write(FileName::new(kind, id), sealed.into())?;
        Ok(id)
    }

    /// Every file of a kind, and what came of reading it. Where each request is a way, many go at once.
    pub(crate) fn read_all<T: DeserializeOwned + Send>(
        &self,
        kind: FileKind,
    ) -> Result<Vec<ReadFile<T>>, VaultError> {
        let ids: Vec<Id> = self.storage.list(kind)?.iter().map(|listed| listed.id).collect();
        let next = AtomicUsize::new(0);
        let all = Mutex::new(Vec::with_capacity(ids.len()));
        let work = || {
            while let Some(id) = ids.get(next.fetch_add(1, Relaxed)) {
                let read = self.read_json(FileName::new(kind, *id));
                locked(&all).push((*id, read));
            }
        };
        let is_far = self.storage.folder().is_none();
        let threads = if is_far { SMALL_FILES_AT_ONCE.min(ids.len()) } else { 1 };
        thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        let mut all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
        all.sort_unstable_by_key(|(id, _)| *id);
        Ok(all)
    }

    /// The ids of all files of a kind.
    pub(crate) fn ids(&self, kind: FileKind) -> Result<IdSet, VaultError> {
        Ok(self.storage.list(kind)?.into_iter().map(|listed| listed.id).collect())
    }
}

fn parse<T: DeserializeOwned>(file: FileName, text: &[u8]) -> Result<T, VaultError> {
    serde_json::from_slice(text)
        .map_err(|error| VaultError::damaged(file, format!("understand it: {error}")))
}
