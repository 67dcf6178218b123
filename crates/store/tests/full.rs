//! A full disk: writes fail as a whole and say why, reads go on, and room brings writing back.

use std::{fs, path::Path, time::Duration};
use store::{MarkRecord, Store, StoreError};
use testkit::process::{Spawn, run_to_end};

const TEST: &str = "full::a_full_disk_stops_writing_until_there_is_room";
/// Mounts a small file system at `$1` that only the following process sees, and becomes that.
const ON_A_SMALL_DISK: &str = r#"mount -t tmpfs -o size=2m tmpfs "$1" && shift && exec "$@""#;

/// A command that runs with a mount table of its own; without root, as root of a user namespace.
fn alone(is_root: bool, script: &str) -> Spawn {
    let unshare = Spawn::new("unshare").arg("--mount");
    let unshare = if is_root { unshare } else { unshare.args(["--user", "--map-root-user"]) };
    unshare.args(["sh", "-c", script, "sh"])
}

#[tokio::test]
async fn a_full_disk_stops_writing_until_there_is_room() {
    if let Some(disk) = testkit::role() {
        return fill_and_free(Path::new(&disk)).await;
    }
    let folder = testkit::folder();
    let limit = Duration::from_secs(60);
    let is_root = testkit::is_root();
    if run_to_end(alone(is_root, "mount -t tmpfs tmpfs /tmp"), limit).is_err() {
        // Not everywhere may one mount; the writer's own test makes SQLite full without.
        eprintln!("skipped: this machine lets us mount nothing");
        return;
    }
    let role = folder.path().to_str().unwrap();
    let wrapper = alone(is_root, ON_A_SMALL_DISK).arg(folder.path()).arg(testkit::program());
    run_to_end(testkit::this_test_below(wrapper, TEST, role), limit).unwrap();
}

async fn fill_and_free(disk: &Path) {
    let store = Store::open(disk).unwrap();
    let ballast = disk.join("ballast");
    fs::write(&ballast, vec![0; 1_000_000]).unwrap();
    let (written, error) = fill(&store).await;
    assert!(matches!(error, StoreError::Full(_)), "{error:?}");
    let health = store.health();
    assert!(!health.writable && health.last_error.is_some(), "{health:?}");
    assert_eq!(store.marks(0, 1_000).await.unwrap().len(), written);
    fs::remove_file(ballast).unwrap();
    store.add_mark(None, mark(10)).await.unwrap();
    assert!(store.health().writable);
    drop(store);
    let store = Store::open(disk).unwrap();
    assert_eq!(store.marks(0, 1_000).await.unwrap().len(), written + 1);
}

fn mark(bytes: usize) -> MarkRecord {
    let params = [("text".to_owned(), "x".repeat(bytes).into())].into();
    MarkRecord { at_ms: 1, kind: "reload".into(), params }
}

/// Writes until it fails: how many writes were acknowledged, and the failure.
async fn fill(store: &Store) -> (usize, StoreError) {
    for written in 0..1_000 {
        if let Err(error) = store.add_mark(None, mark(20_000)).await {
            return (written, error);
        }
    }
    panic!("the disk never was full");
}
