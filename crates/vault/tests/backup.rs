//! What is backed up, what is not, and when there is no snapshot at all.

use crate::place::{NOW_MS, Place, assert_same, noise, origin, password, quick, quiet, request};
use kernel::config::Secret;
use std::{
    ffi::OsString,
    fs,
    io::{self, Read},
    os::unix::{
        ffi::OsStringExt as _,
        fs::{PermissionsExt as _, symlink},
    },
    path::Path,
    sync::{Arc, Mutex},
};
use vault::{
    Repository, VaultError,
    backup::{self, NoteKind, Stream},
    check, restore,
    storage::{Fault, FileKind, FileName, Folder, Listed, Storage, Throttle, WriteOnly},
};

fn stream(path: &str, content: impl Read + Send + 'static, whole: u64) -> Stream {
    let is_whole = move |bytes| {
        if bytes == whole { Ok(()) } else { Err(format!("{bytes} of {whole} bytes came")) }
    };
    Stream { path: path.into(), content: Box::new(content), is_whole: Box::new(is_whole) }
}

#[test]
fn everything_comes_back_as_it_was() {
    let place = Place::new();
    place.write("index.html", "<h1>Lamps</h1>");
    place.write("media/a.jpg", noise(1, 3 << 20));
    place.write("media/empty", "");
    place.write("bin/run", "#!/bin/sh");
    let run = place.shop().join("bin/run");
    fs::set_permissions(&run, fs::Permissions::from_mode(0o4711)).unwrap();
    symlink("../media/a.jpg", place.shop().join("bin/link")).unwrap();
    fs::hard_link(place.shop().join("media/a.jpg"), place.shop().join("media/b.jpg")).unwrap();
    fs::create_dir(place.shop().join("nothing")).unwrap();
    let odd = OsString::from_vec(b"odd\xff\n\"name\\".to_vec());
    fs::write(place.shop().join(odd), "odd").unwrap();
    let report = place.back_up().unwrap();
    assert_eq!((report.notes, report.note_count), (Vec::new(), 0));
    place.assert_clean();
    let restored = place.restore(&report.snapshot, "back").unwrap();
    assert!(restored.is_whole(), "{restored:?}");
    assert_same(&place.shop(), &place.path("back"));
}

#[test]
fn what_has_not_changed_is_not_read_again() {
    let place = Place::new();
    let big = place.write("media/a.jpg", noise(1, 12 << 20));
    place.write("media/b.jpg", noise(2, 1 << 20));
    let first = place.back_up().unwrap().snapshot;
    let second = place.back_up().unwrap().snapshot;
    let summary = second.summary.as_ref().unwrap();
    assert_eq!(second.parent, Some(first.id));
    assert_eq!((summary.files_unmodified, summary.files_changed), (2, 0));
    // Folders above the shop are others' as well, and may have changed.
    let reader = place.repository.reader().unwrap();
    let shop = |snapshot| reader.node(snapshot, &place.shop()).unwrap().subtree;
    assert_eq!((summary.data_blobs, shop(&second)), (0, shop(&first)));
    // Of a file that grew only its end is new.
    let mut content = fs::read(&big).unwrap();
    content.extend_from_slice(b"more");
    fs::write(&big, content).unwrap();
    let third = place.back_up().unwrap().snapshot;
    let summary = third.summary.unwrap();
    assert_eq!((summary.files_unmodified, summary.files_changed), (1, 1));
    assert!(summary.data_added < 9 << 20, "{summary:?}");
    assert_eq!(place.repository.snapshots().unwrap().len(), 3);
    place.assert_clean();
}

#[test]
fn an_unreadable_file_fails_the_run_and_leaves_no_snapshot() {
    let place = Place::new();
    place.write("good", "good");
    // What root cannot read either: a link to itself is read as a link, a folder that is none is not.
    let error = if host::users::is_root() {
        // /proc/self/mem can be opened by everybody and read by nobody at its beginning.
        backup::run(&place.repository, request(vec!["/proc/self/mem".into()]), &quiet)
    } else {
        let bad = place.write("bad", "bad");
        fs::set_permissions(bad, fs::Permissions::from_mode(0o0)).unwrap();
        place.back_up()
    };
    let error = error.unwrap_err();
    assert!(matches!(error, VaultError::Unreadable { count: 1, .. }), "{error:?}");
    assert!(place.repository.snapshots().unwrap().is_empty());
    place.assert_clean();
}

#[test]
fn special_files_and_the_repository_itself_are_left_out_with_a_word() {
    let place = Place::new();
    place.write("good", "good");
    let socket = place.shop().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(socket).unwrap();
    let report =
        backup::run(&place.repository, request(vec![place.folder.path().into()]), &quiet).unwrap();
    let mut kinds: Vec<NoteKind> = report.notes.iter().map(|note| note.kind).collect();
    kinds.sort_by_key(|kind| format!("{kind:?}"));
    assert_eq!(kinds, [NoteKind::Repository, NoteKind::Special]);
    assert_eq!(report.snapshot.summary.unwrap().total_files_processed, 1);
}

#[test]
fn exclusions_and_missing_sources_are_told() {
    let place = Place::new();
    place.write("keep", "1");
    place.write("var/cache/x", "2");
    let excluding = backup::Request { excludes: vec!["var/cache".into()], ..place.request() };
    let report = backup::run(&place.repository, excluding, &quiet).unwrap();
    assert_eq!(report.snapshot.summary.unwrap().total_files_processed, 1);
    let missing = request(vec![place.path("nowhere")]);
    let error = backup::run(&place.repository, missing, &quiet).unwrap_err();
    assert!(matches!(error, VaultError::NoSource(_)), "{error:?}");
}

#[test]
fn a_stream_is_whole_or_there_is_no_snapshot() {
    let place = Place::new();
    place.write("good", "good");
    let check = |stream: Stream, expect: &str| {
        let request = backup::Request { streams: vec![stream], ..place.request() };
        let error = backup::run(&place.repository, request, &quiet).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
        assert!(place.repository.snapshots().unwrap().is_empty());
    };
    check(stream("/db/a.sql", &b"half"[..], 8), "4 of 8 bytes came");
    let broken = Read::chain(&b"half"[..], Broken);
    check(stream("/db/a.sql", broken, 8), "the dump broke off");
    let dump = noise(3, 2 << 20);
    let good = stream("/db/shop/a.sql", io::Cursor::new(dump.clone()), 2 << 20);
    let request = backup::Request { streams: vec![good], ..place.request() };
    let snapshot = backup::run(&place.repository, request, &quiet).unwrap().snapshot;
    let reader = place.repository.reader().unwrap();
    let node = reader.node(&snapshot, Path::new("/db/shop/a.sql")).unwrap();
    let mut read = Vec::new();
    assert_eq!(reader.copy_to(&node, &mut read).unwrap(), 2 << 20);
    assert!(read == dump);
    assert_eq!(reader.read_range(&node, 1_000_000, 5).unwrap(), dump[1_000_000..1_000_005]);
    assert_eq!(reader.read_range(&node, (2 << 20) - 2, 50).unwrap(), dump[(2 << 20) - 2..]);
    assert!(reader.read_range(&node, 9 << 20, 50).unwrap().is_empty());
    let gone = reader.node(&snapshot, Path::new("/db/none")).unwrap_err();
    assert!(matches!(gone, VaultError::NoSuchPath { .. }), "{gone:?}");
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the dump broke off"))
    }
}

#[test]
fn a_wrong_password_no_repository_and_damage_are_told_apart() {
    let place = Place::new();
    let root = place.path("repository");
    let open = |password: &str| {
        let storage = Arc::new(Folder::new(&root));
        Repository::open(storage, &Secret::new(password.into()))
    };
    open("a password").unwrap();
    assert!(matches!(open("another"), Err(VaultError::WrongPassword(_))));
    let nowhere = Repository::open(Arc::new(Folder::new(place.path("none"))), &password());
    assert!(matches!(nowhere, Err(VaultError::NoRepository(_))));
    let storage = Arc::new(Folder::new(&root));
    let twice = Repository::init(storage, &password(), &origin(), &quick(), NOW_MS);
    assert!(matches!(twice, Err(VaultError::Exists(_))));
    let key = crate::place::files_of(&root, "keys").remove(0);
    let mut bytes = fs::read(&key).unwrap();
    bytes[40] ^= 1;
    fs::write(&key, bytes).unwrap();
    assert!(matches!(open("a password"), Err(VaultError::Damaged { .. })));
}

#[test]
fn a_second_key_opens_too_and_the_last_one_stays() {
    let place = Place::new();
    let sheet = Secret::new("from the recovery sheet".into());
    let id = place.repository.add_key(&sheet, &origin(), 4, NOW_MS).unwrap();
    let storage = || Arc::new(Folder::new(place.path("repository")));
    let keys = Repository::open(storage(), &sheet).unwrap().keys().unwrap();
    assert_eq!(keys.len(), 2);
    let other = keys.iter().find(|key| key.id != id).unwrap();
    place.repository.remove_key(other.id).unwrap();
    assert!(matches!(Repository::open(storage(), &password()), Err(VaultError::WrongPassword(_))));
    assert!(matches!(place.repository.remove_key(id), Err(VaultError::LastKey)));
    place.repository.add_key(&password(), &origin(), 15, NOW_MS).unwrap();
    Repository::open(storage(), &password()).unwrap();
}

#[test]
fn a_host_that_may_only_add_still_takes_backups() {
    let place = Place::new();
    place.write("a", "1");
    let storage = Arc::new(WriteOnly::new(Arc::new(Folder::new(place.path("repository")))));
    let repository = Repository::open(storage, &password()).unwrap();
    let snapshot = backup::run(&repository, place.request(), &quiet).unwrap().snapshot;
    let error = repository.remove_snapshots(&[snapshot.id]).unwrap_err();
    assert!(error.story().contains("may only add"), "{}", error.story());
    assert_eq!(place.repository.snapshots().unwrap().len(), 1);
    place.assert_clean();
}

#[test]
fn a_rate_is_kept() {
    let place = Place::new();
    place.write("a", noise(5, 1 << 20));
    let rate = (2 << 20).try_into().unwrap();
    let storage = Throttle::new(Arc::new(Folder::new(place.path("repository"))), rate);
    let repository = Repository::open(Arc::new(storage), &password()).unwrap();
    let begun = std::time::Instant::now();
    backup::run(&repository, place.request(), &quiet).unwrap();
    // A megabyte at two a second; what comes last is paid for by nobody.
    assert!(begun.elapsed().as_millis() > 300, "{:?}", begun.elapsed());
}

#[test]
fn the_way_back_and_reading_again_keep_the_rate_too() {
    let place = Place::new();
    // A pack each: what is asked for first is paid for by what comes after it.
    let back_up = |number| {
        place.write(&format!("media/{number}"), noise(number, 512 << 10));
        place.back_up().unwrap().snapshot
    };
    let snapshots: Vec<_> = (0..5).map(back_up).collect();
    let whole = snapshots.last().unwrap();
    let rate = (2 << 20).try_into().unwrap();
    let storage = Throttle::new(Arc::new(Folder::new(place.path("repository"))), rate);
    let repository = Repository::open(Arc::new(storage), &password()).unwrap();
    let took = |work: &dyn Fn()| {
        let begun = std::time::Instant::now();
        work();
        begun.elapsed().as_millis()
    };
    let wanted = || restore::Request {
        snapshot: whole.clone(),
        path: "/".into(),
        target: place.path("restored"),
        origin: origin(),
    };
    let restored = took(&|| {
        let report = restore::run(&repository.reader().unwrap(), &wanted(), &quiet).unwrap();
        assert!(report.is_whole());
    });
    let read = took(&|| {
        let report = check::run(&repository, check::Data::All, &origin(), &quiet).unwrap();
        assert!(report.damage.is_empty());
    });
    // Two and a half megabytes at two a second; what two threads ask for first is free.
    assert!(restored > 600 && read > 600, "{restored} ms, {read} ms");
}

/// A storage whose disk is full after so many files.
#[derive(Debug)]
struct Full {
    inner: Folder,
    left: Mutex<u32>,
}

impl Storage for Full {
    fn label(&self) -> String {
        self.inner.label()
    }

    fn read(&self, file: FileName) -> Result<bytes::Bytes, VaultError> {
        self.inner.read(file)
    }

    fn read_range(&self, file: FileName, at: u64, length: u32) -> Result<bytes::Bytes, VaultError> {
        self.inner.read_range(file, at, length)
    }

    fn size(&self, file: FileName) -> Result<Option<u64>, VaultError> {
        self.inner.size(file)
    }

    fn list(&self, kind: FileKind) -> Result<Vec<Listed>, VaultError> {
        self.inner.list(kind)
    }

    fn write(&self, file: FileName, bytes: bytes::Bytes) -> Result<(), VaultError> {
        let mut left = self.left.lock().unwrap();
        if *left == 0 {
            return Err(VaultError::Storage {
                operation: "write",
                file: file.to_string(),
                place: self.label(),
                transient: false,
                fault: Fault::Full,
                source: io::Error::from(io::ErrorKind::StorageFull).into(),
            });
        }
        *left -= 1;
        self.inner.write(file, bytes)
    }

    fn remove(&self, file: FileName) -> Result<(), VaultError> {
        self.inner.remove(file)
    }
}

#[test]
fn a_full_disk_is_told_wherever_it_strikes_and_nothing_looks_good() {
    // A lock, a pack of data, one of trees, an index, the snapshot.
    for left in 0..=5 {
        let place = Place::new();
        place.write("a", noise(1, 1 << 20));
        let inner = Folder::new(place.path("repository"));
        let storage = Arc::new(Full { inner, left: Mutex::new(left) });
        let repository = Repository::open(storage, &password()).unwrap();
        let outcome = backup::run(&repository, place.request(), &quiet);
        if left == 5 {
            outcome.unwrap();
        } else {
            let error = outcome.unwrap_err();
            assert!(error.story().contains("no storage space"), "{left}: {}", error.story());
            assert!(place.repository.snapshots().unwrap().is_empty(), "{left}");
        }
        place.assert_clean();
        // With room again it goes on where it was.
        place.back_up().unwrap();
    }
}
