//! A folder with a repository in it and files to back up beside it.

use kernel::config::Secret;
use rand::{Rng as _, SeedableRng as _, rngs::SmallRng};
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};
use tempfile::TempDir;
use vault::{
    InitOptions, Origin, Repository, Snapshot, VaultError, backup, check,
    drill::{self, Objective},
    progress::Progress,
    restore,
    storage::Folder,
};

/// 2026-11-22 12:00 UTC.
pub(crate) const NOW_MS: i64 = 1_795_348_800_000;

pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) repository: Repository,
}

pub(crate) fn password() -> Secret {
    Secret::new("a password".into())
}

/// Opens in a millisecond; what a password costs is tested where it matters.
pub(crate) fn quick() -> InitOptions {
    InitOptions { cost_log: 4, ..InitOptions::default() }
}

pub(crate) fn origin() -> Origin {
    Origin::of_this_process()
}

pub(crate) fn quiet(_: &Progress) {}

impl Place {
    /// In memory, where there is such a folder: else the tests wait for the disk more than for us.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| testkit::folder());
        let storage = Arc::new(Folder::new(folder.path().join("repository")));
        let repository =
            Repository::init(storage, &password(), &origin(), &quick(), NOW_MS).unwrap();
        fs::create_dir(folder.path().join("shop")).unwrap();
        Self { folder, repository }
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    pub(crate) fn shop(&self) -> PathBuf {
        self.path("shop")
    }

    /// Writes a file of the shop, and the folders above it.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.shop().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn request(&self) -> backup::Request {
        request(vec![self.shop()])
    }

    pub(crate) fn back_up(&self) -> Result<backup::Report, VaultError> {
        backup::run(&self.repository, self.request(), &quiet)
    }

    /// Restores the shop into a folder of this name.
    pub(crate) fn restore(
        &self,
        snapshot: &Snapshot,
        into: &str,
    ) -> Result<restore::Report, VaultError> {
        let request = restore::Request {
            snapshot: snapshot.clone(),
            path: self.shop(),
            target: self.path(into),
            origin: origin(),
        };
        restore::run(&self.repository.reader()?, &request, &quiet)
    }

    pub(crate) fn check(&self) -> check::Report {
        check::run(&self.repository, check::Data::All, &origin(), &quiet).unwrap()
    }

    pub(crate) fn assert_clean(&self) -> check::Report {
        let report = self.check();
        assert!(report.is_clean(), "{:#?}", report.damage);
        report
    }
}

pub(crate) fn request(paths: Vec<PathBuf>) -> backup::Request {
    backup::Request {
        paths,
        streams: Vec::new(),
        buckets: Vec::new(),
        excludes: Vec::new(),
        tags: Vec::new(),
        origin: origin(),
        now_ms: NOW_MS,
    }
}

/// Of a snapshot without a shop beside it, held against what nobody misses.
pub(crate) fn drill_request(snapshot: Snapshot, scratch: PathBuf) -> drill::Request {
    drill::Request {
        snapshot,
        dump: None,
        changes: None,
        scratch,
        live: None,
        orders: None,
        graphs: Vec::new(),
        boot: None,
        objective: Objective { back_within_ms: 600_000, lose_at_most_ms: 600_000 },
        origin: origin(),
        now_ms: NOW_MS,
    }
}

/// In memory where there are so many bytes of room: what is killed a hundred times waits for the disk more
/// than for anything else. Others may pass through it, as through [`testkit::folder`].
pub(crate) fn folder_with_room(bytes: u64) -> TempDir {
    let memory = Path::new("/dev/shm");
    let room = rustix::fs::statvfs(memory).map_or(0, |found| found.f_bavail * found.f_frsize);
    match tempfile::tempdir_in(memory) {
        Ok(folder) if room > bytes => {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
            folder
        }
        _ => testkit::folder(),
    }
}

/// Bytes that do not compress, other ones for every seed.
pub(crate) fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut noise = vec![0; bytes];
    SmallRng::seed_from_u64(seed).fill_bytes(&mut noise);
    noise
}

/// Whether two folders hold the same, names, contents, kinds and modes.
pub(crate) fn assert_same(left: &Path, right: &Path) {
    assert_eq!(listing(left), listing(right));
}

fn listing(folder: &Path) -> Vec<(PathBuf, u32, i64, Vec<u8>)> {
    use std::os::unix::fs::MetadataExt as _;
    let mut found = Vec::new();
    let mut waiting = vec![PathBuf::new()];
    while let Some(below) = waiting.pop() {
        for entry in fs::read_dir(folder.join(&below)).unwrap() {
            let entry = entry.unwrap();
            let path = below.join(entry.file_name());
            let metadata = fs::symlink_metadata(entry.path()).unwrap();
            let content = if metadata.is_dir() {
                waiting.push(path.clone());
                Vec::new()
            } else if metadata.is_symlink() {
                fs::read_link(entry.path()).unwrap().into_os_string().into_encoded_bytes()
            } else {
                fs::read(entry.path()).unwrap()
            };
            found.push((path, metadata.mode(), metadata.mtime_nsec(), content));
        }
    }
    found.sort();
    found
}

/// Every file of the repository of one kind, by its folder.
pub(crate) fn files_of(repository: &Path, folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut waiting = vec![repository.join(folder)];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { waiting.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}
