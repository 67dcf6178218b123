//! Media of a backup put into their bucket again: what is put, what is passed over, what stays, and what
//! comes back when it is taken back.

use crate::{
    media::{Shop, now_ms},
    place::{noise, origin, quiet},
};
use outbound::bucket::Told;
use std::path::Path;
use testkit::{Credentials, Moto, Seaweed};
use vault::{
    Snapshot, VaultError,
    restore::objects::{self, Counts, Report, Request, TakenBack},
    storage::{Fault, MediaTarget},
};

/// Written in several parts.
const LONG: usize = 12 << 20;
const KEYS: [&str; 4] = ["a/b/Straße 1 + 2.jpg", "a/long.mp4", "empty", "plain.txt"];

/// A run of one shop's.
struct Run<'a> {
    shop: &'a Shop,
    target: MediaTarget,
    snapshot: Snapshot,
    mark: &'static str,
}

impl<'a> Run<'a> {
    fn new(shop: &'a Shop, snapshot: &Snapshot, mark: &'static str) -> Self {
        let target = MediaTarget::new(shop.settings.clone(), Vec::new()).unwrap();
        Self { shop, target, snapshot: snapshot.clone(), mark }
    }

    fn request(&self) -> Request<'_> {
        Request {
            snapshot: self.snapshot.clone(),
            path: "/buckets/pictures/of/shop".into(),
            target: &self.target,
            origin: origin(),
            mark: self.mark.into(),
        }
    }

    fn count(&self) -> Counts {
        objects::count(&self.shop.place.repository.reader().unwrap(), &self.request()).unwrap()
    }

    fn put(&self, overwrite: bool) -> Report {
        let reader = self.shop.place.repository.reader().unwrap();
        objects::run(&reader, &self.request(), overwrite, &quiet).unwrap()
    }

    fn take_back(&self) -> TakenBack {
        let reader = self.shop.place.repository.reader().unwrap();
        objects::take_back(&reader, &self.request()).unwrap()
    }
}

fn told(shop: &Shop, key: &str) -> Option<Told> {
    shop.runtime.block_on(shop.bucket.told(key, now_ms())).unwrap()
}

fn content(shop: &Shop, key: &str) -> Option<Vec<u8>> {
    let found = shop.runtime.block_on(shop.bucket.get(key, None, now_ms())).unwrap();
    found.map(Vec::from)
}

fn original(key: &str) -> Vec<u8> {
    match key {
        "a/b/Straße 1 + 2.jpg" => noise(2, 100_000),
        "a/long.mp4" => noise(1, LONG),
        "empty" => Vec::new(),
        _ => b"as it was".to_vec(),
    }
}

/// A backup of a bucket that has lost everything since.
fn emptied(shop: &Shop) -> Snapshot {
    shop.make_bucket();
    KEYS.iter().for_each(|key| shop.put(key, original(key)));
    let report = shop.back_up().unwrap();
    assert_eq!(report.note_count, 0, "{:?}", report.notes);
    KEYS.iter().for_each(|key| shop.delete(key));
    report.snapshot
}

/// Into an empty bucket, once more, and taken back.
fn comes_back(shop: &Shop, snapshot: &Snapshot) {
    let first = Run::new(shop, snapshot, "lamps-1");
    let bytes = 100_000 + 9 + LONG as u64;
    assert_eq!(first.count(), Counts { new: 4, new_bytes: bytes, ..Counts::default() });
    let expect = Report { put: 4, put_bytes: bytes, ..Report::default() };
    assert_eq!(first.put(false), expect);
    for key in KEYS {
        assert!(content(shop, key) == Some(original(key)), "{key}");
    }
    let types = [
        ("a/b/Straße 1 + 2.jpg", "image/jpeg"),
        ("a/long.mp4", "video/mp4"),
        ("plain.txt", "text/plain"),
    ];
    for (key, expect) in types {
        let headers = told(shop, key).unwrap().served.headers;
        assert!(headers.contains(&("content-type", expect.to_owned())), "{key}: {headers:?}");
    }

    // Begun again it puts what is not there. The long one has another ETag, for it came in parts, and is
    // read instead.
    shop.delete("plain.txt");
    let counts = first.count();
    assert_eq!((counts.new, counts.same + counts.unsure, counts.differ), (1, 3, 0), "{counts:?}");
    let expect = Report { put: 1, put_bytes: 9, kept: 3, ..Report::default() };
    assert_eq!(first.put(false), expect);

    // Somebody has written one since: that stays.
    shop.put("plain.txt", "somebody else's");
    let taken = first.take_back();
    assert_eq!((taken.removed, taken.brought_back, taken.left.count), (3, 0, 0), "{taken:?}");
    assert_eq!(content(shop, "plain.txt").unwrap(), b"somebody else's");
    assert_eq!(content(shop, "a/long.mp4"), None);
    shop.delete("plain.txt");
}

/// Over what is another now, and without what is newer.
fn over_others(shop: &Shop, snapshot: &Snapshot, keeps_versions: bool) {
    let run = Run::new(shop, snapshot, if keeps_versions { "lamps-3" } else { "lamps-2" });
    assert_eq!(run.target.keeps_versions().unwrap(), Some(keeps_versions));
    run.put(true);
    // As long as before and another, and one of another length; and one that the backup knows nothing of.
    let (alike, longer) = (noise(9, LONG), b"it is longer than it was".to_vec());
    shop.put("a/long.mp4", alike.clone());
    shop.put("plain.txt", longer.clone());
    shop.put("newer.txt", "newer");
    let counts = run.count();
    assert_eq!((counts.new, counts.differ), (0, 1), "{counts:?}");
    let report = run.put(false);
    assert_eq!((report.put, report.kept, report.stay.count), (0, 2, 2), "{report:?}");
    let mut stay = report.stay.first.clone();
    stay.sort();
    assert_eq!(stay, ["a/long.mp4", "plain.txt"]);
    assert!(content(shop, "a/long.mp4") == Some(alike.clone()));

    let second = Run { mark: "lamps-over", ..Run::new(shop, snapshot, "") };
    let report = second.put(true);
    assert_eq!((report.put, report.overwritten, report.kept), (2, 2, 2), "{report:?}");
    assert_eq!((report.stay.count, report.failures), (0, Vec::new()));
    for key in KEYS {
        assert!(content(shop, key) == Some(original(key)), "{key}");
    }
    assert_eq!(content(shop, "newer.txt").unwrap(), b"newer");

    let taken = second.take_back();
    match keeps_versions {
        true => {
            assert_eq!((taken.removed, taken.brought_back, taken.left.count), (0, 2, 0));
            assert!(content(shop, "a/long.mp4") == Some(alike));
            assert_eq!(content(shop, "plain.txt").unwrap(), longer);
        }
        false => {
            assert_eq!((taken.removed, taken.brought_back, taken.left.count), (0, 0, 2));
            assert!(content(shop, "a/long.mp4") == Some(original("a/long.mp4")));
        }
    }
    assert_eq!(content(shop, "newer.txt").unwrap(), b"newer");
    KEYS.iter().for_each(|key| shop.delete(key));
    shop.delete("newer.txt");
}

fn suite(shop: &Shop) {
    let snapshot = emptied(shop);
    comes_back(shop, &snapshot);
    over_others(shop, &snapshot, false);
    shop.runtime.block_on(shop.bucket.keep_versions(now_ms())).unwrap();
    over_others(shop, &snapshot, true);
    comes_back(shop, &snapshot);
    shop.place.assert_clean();
}

#[tokio::test]
async fn media_come_back_into_a_bucket_of_moto() {
    let Some(moto) = Moto::start(Path::new(env!("CARGO_TARGET_TMPDIR"))).await else { return };
    let shop = Shop::new(moto.endpoint(), &Seaweed::OWNER);
    tokio::task::spawn_blocking(move || suite(&shop)).await.unwrap();
}

#[tokio::test]
async fn media_come_back_into_a_bucket_of_seaweedfs() {
    let Some(seaweed) = Seaweed::start(Path::new(env!("CARGO_TARGET_TMPDIR"))).await else {
        return;
    };
    let shop = Shop::new(seaweed.endpoint(), &Seaweed::OWNER);
    let work = move || {
        suite(&shop);
        let snapshot = shop.back_up_of("plain.txt", "as it was");
        may_not_write(&shop, &snapshot, &Seaweed::READER);
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}

/// Keys that read for the backups are told to be too few.
fn may_not_write(shop: &Shop, snapshot: &Snapshot, reader: &Credentials) {
    shop.delete("plain.txt");
    let mut run = Run::new(shop, snapshot, "lamps-4");
    run.target = MediaTarget::new(shop.settings_of(reader), Vec::new()).unwrap();
    let repository = shop.place.repository.reader().unwrap();
    let refused = objects::run(&repository, &run.request(), false, &quiet).unwrap_err();
    let VaultError::Bucket { source, .. } = &refused else { panic!("{refused:?}") };
    let is_refused = matches!(**source, VaultError::Storage { fault: Fault::NotPermitted, .. });
    assert!(is_refused, "{refused:?}");
    assert_eq!(content(shop, "plain.txt"), None);
}
