//! A full disk: commits fail and say why, reads go on, what waits is written when there is room.

use crate::stand::{BEGIN_MS, append, labels, open, read, sample, series};
use series::{Labels, Limits, Sample, Series, SeriesError, SeriesRef};
use std::{fs, path::Path, time::Duration};
use testkit::process::{Spawn, run_to_end};

const TEST: &str = "full::a_full_disk_refuses_commits_until_there_is_room_and_loses_nothing";
/// Mounts a small file system at `$1` that only the following process sees, and becomes that.
const ON_A_SMALL_DISK: &str = r#"mount -t tmpfs -o size=3m tmpfs "$1" && shift && exec "$@""#;

/// A command that runs with a mount table of its own; without root, as root of a user namespace.
fn alone(is_root: bool, script: &str) -> Spawn {
    let unshare = Spawn::new("unshare").arg("--mount");
    let unshare = if is_root { unshare } else { unshare.args(["--user", "--map-root-user"]) };
    unshare.args(["sh", "-c", script, "sh"])
}

#[tokio::test]
async fn a_full_disk_refuses_commits_until_there_is_room_and_loses_nothing() {
    if let Some(disk) = testkit::role() {
        return fill_and_free(Path::new(&disk));
    }
    let folder = testkit::folder();
    let limit = Duration::from_secs(60);
    let is_root = testkit::is_root();
    if run_to_end(alone(is_root, "mount -t tmpfs tmpfs /tmp"), limit).is_err() {
        // Not everywhere may one mount; the log's own test makes a write fail without.
        eprintln!("skipped: this machine lets us mount nothing");
        return;
    }
    let role = folder.path().to_str().unwrap();
    let wrapper = alone(is_root, ON_A_SMALL_DISK).arg(folder.path()).arg(testkit::program());
    run_to_end(testkit::this_test_below(wrapper, TEST, role), limit).unwrap();
}

const BATCH: i64 = 2_000;

fn batch(series: SeriesRef, number: i64) -> Vec<(SeriesRef, Sample)> {
    let at = (number * BATCH..(number + 1) * BATCH).map(|tick| BEGIN_MS + tick);
    at.map(|at_ms| (series, sample(at_ms, (at_ms % 977) as f64))).collect()
}

fn fill_and_free(disk: &Path) {
    let limits = Limits { waiting_bytes: 300_000, ..Limits::default() };
    let store = Series::open(disk, limits, BEGIN_MS).unwrap();
    let one = series(&store, 1);
    let ballast = disk.join("ballast");
    fs::write(&ballast, vec![0; 1_500_000]).unwrap();
    let mut number = 0;
    let error = loop {
        let appended = store.append(&batch(one, number), BEGIN_MS).unwrap();
        number += 1;
        if let Err(error) = store.commit(appended.ticket) {
            break error;
        }
        assert!(number < 1_000, "the disk never was full");
    };
    assert!(error.is_disk_full(), "{error:?}");
    let stats = store.stats().unwrap();
    assert!(stats.waiting_bytes > 0 && stats.log_error.is_some_and(|error| error.is_disk_full()));
    assert_eq!(read(&store, 1).len() as i64, number * BATCH, "reads go on");
    // Neither can a part be made nor can series be defined, and nothing half-made is left.
    assert!(store.condense(BEGIN_MS).unwrap_err().is_disk_full());
    let many: Vec<Labels> = (0..5_000).map(|number| labels(number + 2)).collect();
    assert!(store.series_all(&many, BEGIN_MS).unwrap_err().is_disk_full());
    assert_eq!(store.select(&[]).len(), 1);
    loop {
        match store.append(&batch(one, number), BEGIN_MS) {
            Ok(appended) => assert!(store.commit(appended.ticket).is_err()),
            Err(error) => {
                assert!(matches!(error, SeriesError::Behind { .. }), "{error:?}");
                break;
            }
        }
        number += 1;
    }
    fs::remove_file(ballast).unwrap();
    store.condense(BEGIN_MS).unwrap();
    append(&store, &batch(one, number), BEGIN_MS);
    assert!(store.stats().unwrap().log_error.is_none());
    drop(store);
    assert_eq!(read(&open(disk), 1).len() as i64, (number + 1) * BATCH);
}

#[test]
fn a_line_to_the_log_has_a_limit_and_empties_again() {
    let folder = testkit::folder();
    let limits = Limits { waiting_bytes: 50_000, ..Limits::default() };
    let store = Series::open(folder.path(), limits, BEGIN_MS).unwrap();
    let one = series(&store, 1);
    let mut number = 0;
    let error = loop {
        match store.append(&batch(one, number), BEGIN_MS) {
            Ok(appended) => assert_eq!(appended.taken as i64, BATCH),
            Err(error) => break error,
        }
        number += 1;
    };
    assert!(matches!(error, SeriesError::Behind { waiting_bytes } if waiting_bytes > 50_000));
    assert_eq!(store.stats().unwrap().refused_batches, 1);
    store.condense(BEGIN_MS).unwrap();
    append(&store, &batch(one, number), BEGIN_MS);
    assert_eq!(read(&store, 1).len() as i64, (number + 1) * BATCH);
}
