//! What every storage does alike, a bucket of moto's among them.

use crate::place::{NOW_MS, Place, assert_same, noise, origin, password, quick, quiet};
use bytes::Bytes;
use kernel::config::{S3Settings, Secret};
use outbound::http::{Client, ClientOptions, HeaderMap, Method, Request};
use std::{num::NonZeroU64, path::PathBuf, sync::Arc, time::Duration};
use tempfile::TempDir;
use testkit::process::{Process, Signal, Spawn};
use vault::{
    Id, Repository, VaultError, backup, check, prune, restore,
    storage::{FileKind, FileName, Folder, Listed, Objects, Storage, Throttle, WriteOnly},
};

/// An empty storage, and what it must do.
fn suite(storage: &dyn Storage, removes: bool) {
    for kind in FileKind::NAMED {
        assert_eq!(storage.list(kind).unwrap(), [], "{kind:?}");
        let content = Bytes::from(vec![7; 100_000]);
        let file = FileName::new(kind, Id::of(&content));
        assert_eq!(storage.size(file).unwrap(), None);
        assert!(matches!(storage.read(file), Err(VaultError::Missing { .. })), "{kind:?}");
        assert!(matches!(storage.read_range(file, 0, 1), Err(VaultError::Missing { .. })));
        storage.write(file, content.clone()).unwrap();
        storage.write(file, content.clone()).unwrap();
        assert_eq!(storage.size(file).unwrap(), Some(100_000));
        assert!(storage.read(file).unwrap() == content);
        assert_eq!(storage.read_range(file, 99_990, 10).unwrap(), content[99_990..]);
        assert_eq!(storage.read_range(file, 5, 0).unwrap().len(), 0);
        let short = storage.read_range(file, 99_990, 11).unwrap_err();
        assert!(matches!(short, VaultError::Damaged { .. }), "{short:?}");
        let behind = storage.read_range(file, 200_000, 1).unwrap_err();
        assert!(matches!(behind, VaultError::Damaged { .. }), "{behind:?}");
        assert_eq!(storage.list(kind).unwrap(), [Listed { id: file.id(), size_bytes: 100_000 }]);
        if removes || kind == FileKind::Lock {
            storage.remove(file).unwrap();
            storage.remove(file).unwrap();
            assert_eq!(storage.list(kind).unwrap(), []);
        } else {
            storage.remove(file).unwrap_err();
            storage.write(file, Bytes::from_static(b"other")).unwrap_err();
            assert_eq!(storage.list(kind).unwrap().len(), 1);
        }
    }
    let many: Vec<Id> = (0..30_u8).map(|number| Id::of(&[number])).collect();
    for id in &many {
        storage.write(FileName::new(FileKind::Index, *id), Bytes::new()).unwrap();
    }
    let listed = storage.list(FileKind::Index).unwrap();
    assert!(many.iter().all(|id| listed.iter().any(|listed| listed.id == *id)));
    assert_eq!(storage.size(FileName::CONFIG).unwrap(), None);
    storage.write(FileName::CONFIG, Bytes::from_static(b"config")).unwrap();
    assert_eq!(storage.read(FileName::CONFIG).unwrap(), "config");
    storage.remove_unfinished().unwrap();
}

#[test]
fn a_folder_keeps_files() {
    let folder = testkit::folder();
    suite(&Folder::new(folder.path()), true);
    let nowhere = Folder::new(folder.path().join("unmounted"));
    nowhere.list(FileKind::Snapshot).unwrap_err();
}

#[test]
fn a_throttled_one_does_too() {
    let folder = testkit::folder();
    let rate = NonZeroU64::new(1 << 30).unwrap();
    suite(&Throttle::new(Arc::new(Folder::new(folder.path())), rate), true);
}

#[test]
fn one_that_only_adds_does_too() {
    let folder = testkit::folder();
    suite(&WriteOnly::new(Arc::new(Folder::new(folder.path()))), false);
}

/// moto, an S3 for tests; `cargo xtask test` installs it. Takes every request, whoever signed it.
struct Moto {
    server: Process,
    endpoint: String,
    _folder: TempDir,
}

impl Drop for Moto {
    fn drop(&mut self) {
        // Of a server that has ended by itself there is nothing to bring to an end.
        self.server.signal(Signal::Kill).ok();
    }
}

impl Moto {
    async fn start() -> Option<Self> {
        let own = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("moto/bin/moto_server");
        if !own.exists() {
            eprintln!("NOT TESTED: buckets, for moto is not there; `cargo xtask test` installs it");
            return None;
        }
        let folder = testkit::folder();
        let address = testkit::free_port();
        let server = Spawn::new(own)
            .args(["-H", "127.0.0.1", "-p", &address.port().to_string()])
            .output_to(folder.path().join("moto.log"))
            .start()
            .unwrap();
        let limit = Duration::from_secs(60);
        testkit::wait_until("moto", limit, async || {
            tokio::net::TcpStream::connect(address).await.map(drop)
        })
        .await;
        let endpoint = format!("http://{address}");
        let client = Client::new(&ClientOptions::default()).unwrap();
        let make = Request {
            method: Method::PUT,
            url: format!("{endpoint}/lamps"),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            deadline: limit,
        };
        assert!(client.send(make).await.unwrap().status.is_success());
        Some(Self { server, endpoint, _folder: folder })
    }

    fn objects(&self, bucket: &str, prefix: &str) -> Objects {
        let settings = S3Settings {
            endpoint: self.endpoint.clone(),
            region: "us-east-1".into(),
            bucket: bucket.into(),
            prefix: prefix.into(),
            key_id: Secret::new("key".into()),
            secret: Secret::new("s3cret".into()),
        };
        Objects::new(settings, None, Vec::new()).unwrap()
    }
}

#[tokio::test]
async fn a_bucket_does_too_and_takes_backups() {
    let Some(moto) = Moto::start().await else { return };
    let work = move || {
        suite(&moto.objects("lamps", "suite"), true);
        suite(&WriteOnly::new(Arc::new(moto.objects("lamps", "only"))), false);
        let nowhere: Arc<dyn Storage> = Arc::new(moto.objects("nowhere", ""));
        let made = Repository::init(nowhere, &password(), &origin(), &quick(), NOW_MS);
        let story = made.unwrap_err().story();
        assert!(story.contains("NoSuchBucket") && !story.contains("s3cret"), "{story}");
        let place = Place::new();
        place.write("media/a.jpg", noise(1, 20 << 20));
        place.write("index.html", "lamp");
        let storage: Arc<dyn Storage> = Arc::new(moto.objects("lamps", "of/shop"));
        let repository =
            Repository::init(storage, &password(), &origin(), &quick(), NOW_MS).unwrap();
        let snapshot = backup::run(&repository, place.request(), &quiet).unwrap().snapshot;
        let report = check::run(&repository, check::Data::All, &origin(), &quiet).unwrap();
        assert!(report.is_clean(), "{:?}", report.damage);
        let asked = restore::Request {
            snapshot,
            path: place.shop(),
            target: place.path("back"),
            origin: origin(),
        };
        let reader = repository.reader().unwrap();
        assert!(restore::run(&reader, &asked, &quiet).unwrap().is_whole());
        assert_same(&place.shop(), &place.path("back"));
        let pruned = prune::run(&repository, &prune::Options::new(origin(), NOW_MS)).unwrap();
        assert_eq!(pruned.marked_packs, 0);
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}
