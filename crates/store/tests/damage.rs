//! Damaged files: a clear word, a copy, and not a byte of what is there changed.

use kernel::ShopId;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use store::{FILE_NAME, MarkRecord, MinuteRecord, Store, StoreError};
use testkit::process::Signal;

const LIMIT: Duration = Duration::from_secs(60);
const TEST: &str = "damage::a_damaged_store_is_named_copied_and_left_as_it_is";

fn mark(number: i64) -> MarkRecord {
    let params = [("text".to_owned(), "x".repeat(700).into())].into();
    MarkRecord { at_ms: number, kind: "reload".into(), params }
}

/// Fills a store, and goes on until it is killed: what it writes last stands in the log.
async fn write_until_killed(folder: &Path) {
    let store = Store::open(folder).unwrap();
    let shop: ShopId = "a".parse().unwrap();
    for number in 1.. {
        store.add_mark(None, mark(number)).await.unwrap();
        store.put_minutes(&shop, vec![MinuteRecord::default()]).await.unwrap();
        fs::write(folder.join("written"), number.to_string()).unwrap();
    }
}

/// Every file of the store with its bytes, but for what whoever looks makes anew: the shared memory, and
/// an empty log.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let all = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let names = all.filter(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with(FILE_NAME) && !name.ends_with("-shm")
    });
    let read = names.map(|path| (path.clone(), fs::read(path).unwrap()));
    read.filter(|(path, bytes)| !(path == &log_of(&folder.join(FILE_NAME)) && bytes.is_empty()))
        .collect()
}

/// Damages a store, tries to open it twice, and looks that it is as it was, with one copy beside it.
fn check(whole: &Path, damage: impl FnOnce(&Path), complaint: &str) {
    let folder = testkit::folder();
    for (path, bytes) in files(whole) {
        fs::write(folder.path().join(path.file_name().unwrap()), bytes).unwrap();
    }
    let file = folder.path().join(FILE_NAME);
    damage(&file);
    let before = files(folder.path());
    for _ in 0..2 {
        let error = Store::open(folder.path()).map(|_| "a store").unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{complaint}: {error}");
        let words = error.to_string();
        assert!(words.contains(complaint) && words.contains("a copy is"), "{words}");
    }
    let mut after = files(folder.path());
    for (path, bytes) in &before {
        assert!(after.remove(path).as_ref() == Some(bytes), "{complaint}: {path:?} was changed");
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let suffix = name.strip_prefix(FILE_NAME).unwrap();
        let copies = after.iter().filter(|(copy, kept)| {
            let name = copy.to_string_lossy();
            name.contains(".damaged-") && name.ends_with(suffix) && *kept == bytes
        });
        assert_eq!(copies.count(), 1, "{complaint}: {after:?}");
    }
    assert_eq!(after.len(), before.len(), "{complaint}: one copy of each, however often we start");
}

fn flip(path: &Path, at: usize, count: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at..at + count].iter_mut().for_each(|byte| *byte ^= 0xa5);
    fs::write(path, bytes).unwrap();
}

fn cut_in_half(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2 / 4096 * 4096]).unwrap();
}

fn log_of(file: &Path) -> PathBuf {
    file.with_extension("sqlite-wal")
}

#[tokio::test]
async fn a_damaged_store_is_named_copied_and_left_as_it_is() {
    if let Some(folder) = testkit::role() {
        return write_until_killed(Path::new(&folder)).await;
    }
    let folder = testkit::folder();
    let mut writer = testkit::this_test(TEST, folder.path().to_str().unwrap()).start().unwrap();
    testkit::wait_until("a file and a log with something in them", LIMIT, async || {
        let written = fs::read_to_string(folder.path().join("written")).unwrap_or_default();
        let log = fs::metadata(log_of(&folder.path().join(FILE_NAME))).map_or(0, |log| log.len());
        let enough = written.parse().is_ok_and(|count: u32| count > 900) && log > 100_000;
        if enough { Ok(()) } else { Err((written, log)) }
    })
    .await;
    writer.signal(Signal::Kill).unwrap();
    writer.wait().await.unwrap();
    let whole = folder.path();
    // A log whose last transaction was cut off is how a crash looks.
    let torn = testkit::folder();
    for (path, bytes) in files(whole) {
        fs::write(torn.path().join(path.file_name().unwrap()), bytes).unwrap();
    }
    let log = log_of(&torn.path().join(FILE_NAME));
    let bytes = fs::read(&log).unwrap();
    fs::write(&log, &bytes[..bytes.len() - 100]).unwrap();
    Store::open(torn.path()).unwrap();

    check(whole, |file| flip(&log_of(file), 32 + 24 + 50, 1), "broken at frame 1");
    check(whole, |file| flip(&log_of(file), 20, 1), "head of its write-ahead log");
    check(whole, |file| fs::write(file, "").unwrap(), "it is empty");
    // Without its log, which else would stand in for damaged pages.
    let alone = |damage: fn(&Path)| {
        move |file: &Path| {
            fs::remove_file(log_of(file)).unwrap();
            damage(file);
        }
    };
    check(whole, alone(|file| fs::write(file, "no database at all").unwrap()), "not a database");
    check(whole, alone(|file| flip(file, 0, 16)), "not a database");
    check(whole, alone(|file| flip(file, 5 * 4096, 64)), "page");
    check(whole, alone(cut_in_half), "malformed");
}

#[tokio::test]
async fn what_was_settled_is_whole_in_one_file() {
    let folder = testkit::folder();
    let store = Store::open(folder.path()).unwrap();
    for number in 0..50 {
        store.add_mark(None, mark(number)).await.unwrap();
    }
    store.settle().await.unwrap();
    let file = folder.path().join(FILE_NAME);
    assert_eq!(fs::metadata(log_of(&file)).unwrap().len(), 0);
    // As a process that ends without closing it leaves it: the file alone.
    let copy = testkit::folder();
    fs::copy(&file, copy.path().join(FILE_NAME)).unwrap();
    let copied = Store::open(copy.path()).unwrap();
    assert_eq!(copied.marks(0, 100).await.unwrap().len(), 50);
    store.add_mark(None, mark(50)).await.unwrap();
    assert_eq!(store.marks(0, 100).await.unwrap().len(), 51);
}
