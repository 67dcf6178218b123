//! A copy elsewhere is what is here, up to what was sent, wherever it lies and whoever was killed when;
//! what is missing there is named, and nothing behind it counts.

use super::{commit, field, key, lookups, row, small, table, whole};
use crate::{sftp, storage};
use databases::changes::{Change, Event};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use testkit::{Moto, Sshd};
use vault::{
    VaultError,
    journal::{
        Entry, Reader, Writer,
        away::{self, Away, Durable, Fetched},
    },
    storage::{Fault, FileKind, FileName, Folder, Listed, Sftp, Storage, WriteOnly},
};

const NOW_MS: i64 = 1_795_348_800_000;

/// A journal that grows by the transaction.
struct Journal {
    folder: PathBuf,
    writer: Option<Writer>,
    number: u64,
}

impl Journal {
    fn new(folder: &Path) -> Self {
        let folder = folder.join("journal");
        let writer = Some(Writer::open(&folder, &key(), small()).unwrap());
        Self { folder, writer, number: 0 }
    }

    fn writer(&mut self) -> &mut Writer {
        self.writer.as_mut().unwrap()
    }

    fn grow(&mut self, transactions: u64) {
        let orders = table("orders", &["id", "note"], &[0]);
        for _ in 0..transactions {
            self.number += 1;
            let number = self.number;
            let image = whole(vec![field(number), field(number * 7919)]);
            self.writer().append(&Event::Begin).unwrap();
            self.writer().append(&row(&orders, Change::Inserted(image))).unwrap();
            self.writer().append(&commit(number, NOW_MS + number.cast_signed())).unwrap();
            self.writer().sync().unwrap();
        }
    }

    fn durable(&self) -> Durable {
        let tail = self.writer.as_ref().unwrap().tail();
        Durable { number: tail.number, bytes: tail.durable_bytes }
    }

    /// Sends all, however often a log becomes a segment meanwhile.
    fn send(&self, away: &mut Away) -> Result<away::Sent, VaultError> {
        loop {
            match away.send(&self.folder, Some(self.durable()), NOW_MS) {
                Err(VaultError::File { source, .. })
                    if source.kind() == std::io::ErrorKind::NotFound => {}
                sent => return sent,
            }
        }
    }

    /// Waits until every older log is a segment.
    fn settle(&mut self) {
        self.writer.take().unwrap().close().unwrap();
        self.writer = Some(Writer::open(&self.folder, &key(), small()).unwrap());
    }
}

fn open(storage: &Arc<dyn Storage>) -> Away {
    Away::open(Arc::clone(storage), &key()).unwrap()
}

/// What comes back, and the transactions in it.
fn fetched(storage: &dyn Storage) -> (Fetched, u64) {
    let folder = testkit::folder();
    let to = folder.path().join("back");
    let fetched = away::fetch(storage, &key(), None, &to, &|_, _| {}).unwrap().unwrap();
    let reader = Reader::open(&to, &key(), &lookups()).unwrap();
    let mut last = 0;
    reader
        .scan(None, |entry| {
            let Entry::Version(version) = entry else { panic!("{entry:?}") };
            assert_eq!(version.sequence, last + 1, "one is missing");
            last = version.sequence;
            assert_eq!(version.row.after().unwrap().fields[0], field(last));
            Ok(())
        })
        .unwrap();
    assert_eq!(fetched.until_ms, if last == 0 { 0 } else { NOW_MS + last.cast_signed() });
    (fetched, last)
}

/// What every place does alike. `removes`: whether it lets something go.
pub(crate) fn suite(storage: impl Storage + 'static, removes: bool) {
    let storage: Arc<dyn Storage> = Arc::new(storage);
    let folder = testkit::folder();
    let mut journal = Journal::new(folder.path());
    assert_eq!(away::kept(storage.as_ref(), &key()).unwrap(), []);
    let mut away = open(&storage);
    for round in 1..=70 {
        journal.grow(3);
        journal.send(&mut away).unwrap();
        if round % 23 == 0 {
            // As another process finds it.
            away = open(&storage);
            let (found, last) = fetched(storage.as_ref());
            assert_eq!((found.lacks, last), (vec![], journal.number));
        }
    }
    journal.settle();
    journal.grow(1);
    journal.send(&mut away).unwrap();
    assert_eq!(journal.send(&mut away).unwrap(), away::Sent::default(), "nothing new");
    let (found, last) = fetched(storage.as_ref());
    assert_eq!((found.lacks, last), (vec![], journal.number));
    assert_eq!(away.keeps_all(), !removes);
    let pieces = storage.list(FileKind::JournalPiece).unwrap().len();
    assert_eq!(pieces < 70, removes, "{pieces} pieces");
    assert!(storage.list(FileKind::JournalSegment).unwrap().len() > 2);
    let kept = away::kept(storage.as_ref(), &key()).unwrap();
    assert_eq!((kept.len(), kept[0].begun_ms), (1, NOW_MS));
    assert_eq!(kept[0].bytes, away.bytes());
}

#[test]
fn a_folder_has_a_copy_of_a_journal() {
    let folder = testkit::folder();
    suite(Folder::new(folder.path()), true);
}

#[test]
fn so_has_one_that_lets_nothing_go() {
    let folder = testkit::folder();
    suite(WriteOnly::new(Arc::new(Folder::new(folder.path()))), false);
}

#[tokio::test]
async fn so_has_another_machine() {
    if !Sshd::is_installed() {
        return;
    }
    let sshd = Sshd::start("internal-sftp").await;
    let work = move || {
        let folder = testkit::folder();
        let storage = Sftp::new(sftp::settings(&sshd, folder.path())).unwrap();
        suite(storage, true);
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}

#[tokio::test]
async fn so_has_a_bucket() {
    let Some(moto) = Moto::start(Path::new(env!("CARGO_TARGET_TMPDIR"))).await else { return };
    let work = move || {
        let bucket = storage::objects(&moto, "lamps", "shop");
        bucket.make_bucket(false).unwrap();
        suite(bucket, true);
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}

#[test]
fn what_is_missing_there_is_named_and_nothing_behind_it_counts() {
    let folder = testkit::folder();
    let mut journal = Journal::new(folder.path());
    let place = folder.path().join("place");
    fs::create_dir(&place).unwrap();
    let storage: Arc<dyn Storage> = Arc::new(Folder::new(&place));
    let mut away = open(&storage);
    for _ in 0..30 {
        journal.grow(4);
        journal.settle();
        journal.send(&mut away).unwrap();
    }
    journal.grow(1);
    journal.send(&mut away).unwrap();
    journal.grow(1);
    journal.send(&mut away).unwrap();
    let files = |kind: FileKind| {
        let listed = storage.list(kind).unwrap().into_iter();
        let mut files: Vec<FileName> = listed.map(|one| FileName::new(kind, one.id)).collect();
        files.sort();
        files
    };
    let check = |file: FileName, said: &str| {
        let path = place.join(file.path());
        let bytes = fs::read(&path).unwrap();
        let mut flipped = bytes.clone();
        flipped[bytes.len() / 2] ^= 1;
        let mut reached = Vec::new();
        for changed in [None, Some(flipped)] {
            match &changed {
                None => fs::remove_file(&path).unwrap(),
                Some(flipped) => fs::write(&path, flipped).unwrap(),
            }
            let (found, last) = fetched(storage.as_ref());
            assert!(last < journal.number, "{said}: {last}");
            let is_named = changed.is_none() || found.lacks[0].contains(&file.id().to_string());
            assert!(found.lacks.len() == 1 && is_named, "{said}: {:?}", found.lacks);
            reached.push(last);
        }
        fs::write(&path, bytes).unwrap();
        assert_eq!(reached[0], reached[1], "{said}");
    };
    let (segments, pieces) = (files(FileKind::JournalSegment), files(FileKind::JournalPiece));
    check(segments[1], "a segment in the midst");
    check(segments[segments.len() - 1], "the last segment");
    check(pieces[0], "the first piece");
    let (found, last) = fetched(storage.as_ref());
    assert_eq!((found.lacks, last), (vec![], journal.number));
}

#[test]
fn what_is_old_here_goes_there_as_well() {
    let folder = testkit::folder();
    let mut journal = Journal::new(folder.path());
    let storage: Arc<dyn Storage> = Arc::new(Folder::new(folder.path()));
    let mut away = open(&storage);
    journal.grow(200);
    journal.settle();
    journal.send(&mut away).unwrap();
    let before = storage.list(FileKind::JournalSegment).unwrap().len();
    let gone = vault::journal::forget(&journal.folder, &key(), NOW_MS + 120).unwrap().len();
    assert!(gone > 0);
    journal.grow(100);
    journal.settle();
    let sent = open(&storage).send(&journal.folder, Some(journal.durable()), NOW_MS).unwrap();
    // With them, pieces of logs that are segments by now.
    assert!(sent.removed >= gone as u64, "{sent:?}");
    assert!(storage.list(FileKind::JournalSegment).unwrap().len() > before - gone);
    // The journal of a machine that is lost stays as long as changes are kept.
    let next = testkit::folder();
    let mut another = Journal::new(next.path());
    another.grow(2);
    let mut away = open(&storage);
    away.send(&another.folder, Some(another.durable()), NOW_MS + 5_000).unwrap();
    assert_eq!(away.forget(&[&another.folder], NOW_MS + 5_000).unwrap(), 0);
    assert_eq!(away::kept(storage.as_ref(), &key()).unwrap().len(), 2);
    assert!(away.forget(&[&another.folder], NOW_MS + 5_001).unwrap() > 0);
    assert_eq!(away::kept(storage.as_ref(), &key()).unwrap().len(), 1);
}

#[test]
fn a_machine_that_was_set_back_sends_under_another_name() {
    let folder = testkit::folder();
    let mut journal = Journal::new(folder.path());
    fs::create_dir(folder.path().join("place")).unwrap();
    let storage: Arc<dyn Storage> = Arc::new(Folder::new(folder.path().join("place")));
    journal.grow(10);
    journal.send(&mut open(&storage)).unwrap();
    journal.settle();
    let before = folder.path().join("before");
    fs::create_dir(&before).unwrap();
    for entry in fs::read_dir(&journal.folder).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, before.join(path.file_name().unwrap())).unwrap();
    }
    journal.grow(10);
    journal.send(&mut open(&storage)).unwrap();
    journal.writer = None;
    fs::remove_dir_all(&journal.folder).unwrap();
    fs::rename(&before, &journal.folder).unwrap();
    journal.writer = Some(Writer::open(&journal.folder, &key(), small()).unwrap());
    journal.number = 10;
    journal.grow(5);
    let mut away = open(&storage);
    journal.send(&mut away).unwrap();
    assert_eq!(away::kept(storage.as_ref(), &key()).unwrap().len(), 2);
    assert_eq!(fetched(storage.as_ref()).1, 15);
}

/// A place whose writer is killed after so many calls: before or after what it was about.
#[derive(Debug)]
struct Killed {
    storage: Arc<dyn Storage>,
    calls_left: AtomicU64,
    after: bool,
}

impl Killed {
    fn call(&self, act: impl FnOnce() -> Result<(), VaultError>) -> Result<(), VaultError> {
        let killed = || VaultError::Storage {
            operation: "write",
            file: "a file".to_owned(),
            place: "a place".to_owned(),
            transient: true,
            fault: Fault::Unreachable,
            source: "killed".into(),
        };
        if self.calls_left.fetch_sub(1, Relaxed) > 1 {
            return act();
        }
        self.calls_left.store(1, Relaxed);
        if self.after {
            act()?;
        }
        Err(killed())
    }
}

impl Storage for Killed {
    fn label(&self) -> String {
        self.storage.label()
    }

    fn read(&self, file: FileName) -> Result<bytes::Bytes, VaultError> {
        self.storage.read(file)
    }

    fn read_range(
        &self,
        file: FileName,
        offset: u64,
        length: u32,
    ) -> Result<bytes::Bytes, VaultError> {
        self.storage.read_range(file, offset, length)
    }

    fn size(&self, file: FileName) -> Result<Option<u64>, VaultError> {
        self.storage.size(file)
    }

    fn list(&self, kind: FileKind) -> Result<Vec<Listed>, VaultError> {
        self.storage.list(kind)
    }

    fn write(&self, file: FileName, bytes: bytes::Bytes) -> Result<(), VaultError> {
        self.call(|| self.storage.write(file, bytes))
    }

    fn remove(&self, file: FileName) -> Result<(), VaultError> {
        self.call(|| self.storage.remove(file))
    }
}

#[test]
fn killed_at_every_call_all_that_was_sent_is_there() {
    let seed: u64 =
        std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    println!("SEED={seed}");
    let mut dice = SmallRng::seed_from_u64(seed);
    let folder = testkit::folder();
    let mut journal = Journal::new(folder.path());
    fs::create_dir(folder.path().join("place")).unwrap();
    let storage: Arc<dyn Storage> = Arc::new(Folder::new(folder.path().join("place")));
    let (mut kills, mut sent) = (0, 0);
    while kills < 200 {
        let killed = Killed {
            storage: Arc::clone(&storage),
            calls_left: dice.random_range(1..40).into(),
            after: dice.random(),
        };
        let mut away = open(&(Arc::new(killed) as Arc<dyn Storage>));
        loop {
            journal.grow(dice.random_range(1..4));
            match journal.send(&mut away) {
                Ok(_) => sent = journal.number,
                Err(error) => break assert!(error.story().contains("killed"), "{error:?}"),
            }
        }
        kills += 1;
        if kills % 40 == 0 {
            let (found, last) = fetched(storage.as_ref());
            assert_eq!(found.lacks, Vec::<String>::new());
            assert!((sent..=journal.number).contains(&last), "{sent} {last}");
        }
    }
    println!("{sent} transactions");
    journal.send(&mut open(&storage)).unwrap();
    assert_eq!(fetched(storage.as_ref()).1, journal.number);
}
