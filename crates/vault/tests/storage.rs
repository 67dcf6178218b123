//! What every storage does alike.

use bytes::Bytes;
use std::{num::NonZeroU64, sync::Arc};
use vault::{
    Id, VaultError,
    storage::{FileKind, FileName, Folder, Listed, Storage, Throttle, WriteOnly},
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
        assert!(matches!(short, VaultError::Storage { .. }), "{short:?}");
        let behind = storage.read_range(file, 200_000, 1).unwrap_err();
        assert!(matches!(behind, VaultError::Storage { .. }), "{behind:?}");
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
