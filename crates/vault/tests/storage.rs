//! What every storage does alike, a bucket of moto's among them.

use crate::place::{NOW_MS, Place, assert_same, noise, origin, password, quick, quiet};
use bytes::Bytes;
use kernel::config::{S3Settings, Secret};
use std::{num::NonZeroU64, path::Path, sync::Arc};
use testkit::Moto;
use vault::{
    Id, Repository, VaultError, backup, check, prune, restore,
    storage::{FileKind, FileName, Folder, Listed, Objects, Storage, Throttle, WriteOnly},
};

/// An empty storage, and what it must do.
pub(crate) fn suite(storage: &dyn Storage, removes: bool) {
    for kind in FileKind::NAMED.into_iter().chain(FileKind::OF_JOURNALS) {
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

pub(crate) fn objects(moto: &Moto, bucket: &str, prefix: &str) -> Objects {
    let settings = S3Settings {
        endpoint: moto.endpoint().into(),
        region: "us-east-1".into(),
        bucket: bucket.into(),
        prefix: prefix.into(),
        key_id: Secret::new("key".into()),
        secret: Secret::new("s3cret".into()),
    };
    Objects::new(settings, None, Vec::new()).unwrap()
}

#[tokio::test]
async fn a_bucket_does_too_and_takes_backups() {
    let Some(moto) = Moto::start(Path::new(env!("CARGO_TARGET_TMPDIR"))).await else { return };
    let work = move || {
        objects(&moto, "lamps", "").make_bucket(false).unwrap();
        suite(&objects(&moto, "lamps", "suite"), true);
        suite(&WriteOnly::new(Arc::new(objects(&moto, "lamps", "only"))), false);
        let nowhere: Arc<dyn Storage> = Arc::new(objects(&moto, "nowhere", ""));
        let made = Repository::init(nowhere, &password(), &origin(), &quick(), NOW_MS);
        let story = made.unwrap_err().story();
        assert!(story.contains("NoSuchBucket") && !story.contains("s3cret"), "{story}");
        let place = Place::new();
        place.write("media/a.jpg", noise(1, 20 << 20));
        place.write("index.html", "lamp");
        let storage: Arc<dyn Storage> = Arc::new(objects(&moto, "lamps", "of/shop"));
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
