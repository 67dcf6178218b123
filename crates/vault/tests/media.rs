//! Buckets of a shop's media as a part of its backups: what is read, what is not read again, and what
//! happens to objects that change meanwhile.

use crate::place::{NOW_MS, Place, noise, origin, quiet};
use bytes::Bytes;
use kernel::config::{S3Settings, Secret};
use outbound::{
    bucket::{Bucket, Keeping},
    http::{Client, ClientOptions},
};
use std::{
    fs,
    io::{self, BufRead as _, BufReader, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Once},
    thread,
    time::Duration,
};
use testkit::{Credentials, Moto, Seaweed, wait_until};
use tokio::runtime::Handle;
use vault::{
    Snapshot, VaultError,
    backup::{self, NoteKind},
    restore,
    storage::{Fault, MediaBucket},
};

/// Read in several parts.
const LONG: usize = 20 << 20;
/// What the second of them is asked for by.
const SECOND_PART: &str = "range: bytes=8388608-";
/// A server that has just been started may refuse what it does not refuse a moment later.
const SERVED_WITHIN: Duration = Duration::from_secs(60);

/// A bucket of a shop, and a repository on a disk.
pub(crate) struct Shop {
    pub(crate) place: Place,
    pub(crate) settings: S3Settings,
    pub(crate) bucket: Bucket,
    pub(crate) runtime: Handle,
}

impl Shop {
    pub(crate) fn new(endpoint: &str, owner: &Credentials) -> Self {
        let settings = S3Settings {
            endpoint: endpoint.into(),
            region: "us-east-1".into(),
            bucket: "pictures".into(),
            prefix: "of/shop".into(),
            key_id: Secret::new(owner.key_id.into()),
            secret: Secret::new(owner.secret.into()),
        };
        let options = ClientOptions { extra_roots_pem: Vec::new(), body_limit_bytes: 64 << 20 };
        let bucket = Bucket::new(settings.clone(), Client::new(&options).unwrap());
        Self { place: Place::new(), settings, bucket, runtime: Handle::current() }
    }

    pub(crate) fn make_bucket(&self) {
        let made = wait_until("a bucket", SERVED_WITHIN, async || {
            match self.bucket.make(false, now_ms()).await {
                Ok(()) => Ok(()),
                // Made by the try before, whose answer said otherwise.
                Err(error) => self.bucket.list("", now_ms()).await.map(drop).map_err(|_| error),
            }
        });
        self.runtime.block_on(made);
    }

    pub(crate) fn put(&self, key: &str, content: impl Into<Bytes>) {
        let content = content.into();
        let put = wait_until("an object to be put", SERVED_WITHIN, async || {
            self.bucket.put(key, content.clone(), Keeping::default(), now_ms()).await
        });
        self.runtime.block_on(put);
    }

    pub(crate) fn delete(&self, key: &str) {
        let deleted = wait_until("an object to be deleted", SERVED_WITHIN, async || {
            self.bucket.delete(key, now_ms()).await
        });
        self.runtime.block_on(deleted);
    }

    pub(crate) fn back_up(&self) -> Result<backup::Report, VaultError> {
        self.back_up_from(self.settings.clone())
    }

    pub(crate) fn back_up_of(&self, key: &str, content: &'static str) -> Snapshot {
        self.put(key, content);
        self.back_up().unwrap().snapshot
    }

    pub(crate) fn settings_of(&self, who: &Credentials) -> S3Settings {
        let (key_id, secret) = (Secret::new(who.key_id.into()), Secret::new(who.secret.into()));
        S3Settings { key_id, secret, ..self.settings.clone() }
    }

    fn back_up_from(&self, settings: S3Settings) -> Result<backup::Report, VaultError> {
        let bucket = MediaBucket::new(settings, Vec::new()).unwrap();
        // A second after the one before, which is the one that it is held against.
        let before = self.place.repository.snapshots()?.len();
        let request = backup::Request {
            buckets: vec![bucket],
            excludes: vec!["thumbnails".into()],
            now_ms: NOW_MS + i64::try_from(before).unwrap() * 1000,
            ..self.place.request()
        };
        backup::run(&self.place.repository, request, &quiet)
    }

    /// What the snapshot has of the bucket, in a folder.
    fn restored(&self, snapshot: &Snapshot, name: &str) -> PathBuf {
        let request = restore::Request {
            snapshot: snapshot.clone(),
            path: "/buckets/pictures/of/shop".into(),
            target: self.place.path(name),
            origin: origin(),
        };
        let reader = self.place.repository.reader().unwrap();
        assert!(restore::run(&reader, &request, &quiet).unwrap().is_whole());
        self.place.path(name)
    }
}

pub(crate) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// The whole of it, at any server.
fn suite(shop: &Shop) {
    shop.place.write("index.html", "lamp");
    let missing = shop.back_up().unwrap_err();
    let VaultError::Bucket { source, .. } = &missing else { panic!("{missing:?}") };
    assert!(matches!(**source, VaultError::Storage { fault: Fault::NoPlace, .. }), "{missing:?}");
    shop.make_bucket();
    shop.put("a/long.jpg", noise(1, LONG));
    shop.put("a/b/Straße 1 + 2.jpg", noise(2, 100_000));
    shop.put("thumbnails/small.jpg", noise(3, 1_000));
    shop.put("empty", Bytes::new());
    let first = shop.back_up().unwrap();
    assert_eq!((first.notes, first.note_count), (Vec::new(), 0));
    assert!(first.snapshot.paths.contains(&"/buckets/pictures/of/shop".to_owned()));
    let back = shop.restored(&first.snapshot, "first");
    assert_eq!(fs::read(back.join("a/long.jpg")).unwrap(), noise(1, LONG));
    assert_eq!(fs::read(back.join("a/b/Straße 1 + 2.jpg")).unwrap(), noise(2, 100_000));
    assert_eq!(fs::read(back.join("empty")).unwrap(), b"");
    assert!(!back.join("thumbnails").exists());

    // What is the same is not read again, and its folder is the same one.
    let second = shop.back_up().unwrap().snapshot;
    let summary = second.summary.as_ref().unwrap();
    assert_eq!((summary.files_unmodified, summary.files_changed, summary.files_new), (4, 0, 0));
    assert_eq!(summary.data_blobs, 0);

    // As long as before and another one.
    shop.put("a/b/Straße 1 + 2.jpg", noise(4, 100_000));
    shop.delete("empty");
    let third = shop.back_up().unwrap().snapshot;
    let summary = third.summary.as_ref().unwrap();
    assert_eq!((summary.files_unmodified, summary.files_changed), (2, 1));
    let back = shop.restored(&third, "third");
    assert_eq!(fs::read(back.join("a/b/Straße 1 + 2.jpg")).unwrap(), noise(4, 100_000));
    assert!(!back.join("empty").exists());
    shop.place.assert_clean();
}

/// Passes on to a server what it is asked, and has `before` see the head of each request first. Serves
/// until the test's process ends.
fn relay(endpoint: &str, before: impl Fn(&str) + Send + Sync + 'static) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let own = format!("http://{}", listener.local_addr()?);
    let server = endpoint.trim_start_matches("http://").to_owned();
    let before = Arc::new(before);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (server, before) = (server.clone(), Arc::clone(&before));
            // It ends when whoever asks goes away.
            thread::spawn(move || pass_on(stream, &server, before.as_ref()));
        }
    });
    Ok(own)
}

/// Of requests without a body.
fn pass_on(asks: TcpStream, server: &str, before: &dyn Fn(&str)) -> io::Result<()> {
    let mut server = TcpStream::connect(server)?;
    let (mut answers, mut back) = (server.try_clone()?, asks.try_clone()?);
    thread::spawn(move || {
        let passed = io::copy(&mut answers, &mut back);
        back.shutdown(Shutdown::Both).and(passed)
    });
    let mut head = String::new();
    let mut asks = BufReader::new(asks);
    while asks.read_line(&mut head)? > 0 {
        if head.ends_with("\r\n\r\n") {
            before(&head);
            server.write_all(head.as_bytes())?;
            head.clear();
        }
    }
    server.shutdown(Shutdown::Both)
}

/// Another content while one is read: never half of each.
fn meanwhile(shop: &Arc<Shop>) {
    shop.put("a/long.jpg", noise(5, LONG));
    // Too long to be read before it is its turn.
    shop.put("b/gone.jpg", noise(6, 3 << 20));
    let (changed, theirs) = (Once::new(), Arc::clone(shop));
    let endpoint = relay(&shop.settings.endpoint, move |head| {
        if head.contains("/a/long.jpg") && head.contains(SECOND_PART) {
            changed.call_once(|| {
                theirs.put("a/long.jpg", noise(7, LONG));
                theirs.delete("b/gone.jpg");
            });
        }
    });
    let settings = S3Settings { endpoint: endpoint.unwrap(), ..shop.settings.clone() };
    let report = shop.back_up_from(settings).unwrap();
    let kinds: Vec<NoteKind> = report.notes.iter().map(|note| note.kind).collect();
    assert_eq!(kinds, [NoteKind::Changed, NoteKind::Vanished], "{:?}", report.notes);
    let back = shop.restored(&report.snapshot, "meanwhile");
    assert!(fs::read(back.join("a/long.jpg")).unwrap() == noise(7, LONG));

    // A bucket without anything in it is another one than it was: two folders.
    let all = ["a/long.jpg", "a/b/Straße 1 + 2.jpg", "thumbnails/small.jpg"];
    all.iter().for_each(|key| shop.delete(key));
    let emptied = shop.back_up().unwrap_err();
    assert!(matches!(emptied, VaultError::Emptied { count: 2, .. }), "{emptied:?}");
}

#[tokio::test]
async fn a_bucket_of_media_is_backed_up_from_moto() {
    let Some(moto) = Moto::start(Path::new(env!("CARGO_TARGET_TMPDIR"))).await else { return };
    let shop = Arc::new(Shop::new(moto.endpoint(), &Seaweed::OWNER));
    let work = move || {
        suite(&shop);
        meanwhile(&shop);
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}

#[tokio::test]
async fn a_bucket_of_media_is_backed_up_from_seaweedfs() {
    let Some(seaweed) = Seaweed::start(Path::new(env!("CARGO_TARGET_TMPDIR"))).await else {
        return;
    };
    let shop = Arc::new(Shop::new(seaweed.endpoint(), &Seaweed::OWNER));
    let work = move || {
        suite(&shop);
        meanwhile(&shop);
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}
