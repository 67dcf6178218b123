//! Object lock, in a bucket of SeaweedFS: what a host that was taken over can and cannot do.

use crate::{
    journal,
    place::{NOW_MS, Place, assert_same, noise, origin, password, quick, quiet},
    storage::suite,
};
use bytes::Bytes;
use kernel::config::{S3Settings, Secret};
use outbound::{
    OutboundError,
    bucket::{Bucket, Keeping},
    http::{Client, ClientOptions},
};
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use testkit::{Credentials, Seaweed};
use tokio::runtime::Handle;
use vault::{
    Repository, VaultError, backup, check, extend, prune, restore,
    storage::{Fault, FileName, LockMode, ObjectLock, Objects, Past, Storage, WriteOnly},
};

const DAY: Duration = Duration::from_hours(24);
/// As docs/backup-storage.md gives it for SeaweedFS.
const POLICY: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [{
    "Effect": "Deny",
    "Principal": { "AWS": "arn:aws:iam::000000000000:user/host" },
    "Action": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
    "NotResource": "arn:aws:s3:::lamps/shop/locks/*"
  }]
}"#;

fn settings(server: &Seaweed, who: Credentials, prefix: &str) -> S3Settings {
    S3Settings {
        endpoint: server.endpoint().into(),
        region: "us-east-1".into(),
        bucket: "lamps".into(),
        prefix: prefix.into(),
        key_id: Secret::new(who.key_id.into()),
        secret: Secret::new(who.secret.into()),
    }
}

fn objects(server: &Seaweed, who: Credentials, prefix: &str) -> Objects {
    let lock = ObjectLock { mode: LockMode::Compliance, lasts: DAY };
    Objects::new(settings(server, who, prefix), Some(lock), Vec::new()).unwrap()
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}

/// A bucket with object lock, once the server is ready to make one and to keep something in it.
async fn make_bucket(server: &Seaweed, client: &Client) {
    let bucket = Bucket::new(settings(server, Seaweed::OWNER, "ready"), client.clone());
    let limit = Duration::from_secs(60);
    testkit::wait_until("a bucket", limit, async || bucket.make(true, now_ms()).await).await;
    let put = async || {
        bucket.put("lamp", Bytes::from_static(b"lamp"), Keeping::default(), now_ms()).await
    };
    testkit::wait_until("an object", limit, put).await;
}

/// Times of versions are told in seconds: gives one that lies after all that was and before all that
/// will be.
async fn a_moment_between() -> i64 {
    let moment_ms = now_ms();
    let has_passed = async || if now_ms() > moment_ms + 1100 { Ok(()) } else { Err(now_ms()) };
    testkit::wait_until("another second", Duration::from_secs(60), has_passed).await;
    moment_ms
}

fn check_clean(storage: Arc<dyn Storage>) -> Repository {
    let repository = Repository::open(storage, &password()).unwrap();
    let report = check::run(&repository, check::Data::All, &origin(), &quiet).unwrap();
    assert!(report.is_clean(), "{:#?}", report.damage);
    repository
}

#[tokio::test]
async fn a_host_that_was_taken_over_cannot_destroy_what_it_wrote() {
    let Some(server) = Seaweed::start(Path::new(env!("CARGO_TARGET_TMPDIR"))).await else { return };
    let client = Client::new(&ClientOptions::default()).unwrap();
    make_bucket(&server, &client).await;
    let work = move || {
        suite(&objects(&server, Seaweed::OWNER, "suite"), true);
        suite(&WriteOnly::new(Arc::new(objects(&server, Seaweed::HOST, "only"))), false);
        // What is let go is hidden, and still there.
        journal::away::suite(objects(&server, Seaweed::OWNER, "journal"), true);
        let raw = |who| Bucket::new(settings(&server, who, "shop"), client.clone());
        let runtime = Handle::current();
        let policy = POLICY.to_owned();
        runtime.block_on(raw(Seaweed::OWNER).set_policy(policy, now_ms())).unwrap();
        journal::away::suite(objects(&server, Seaweed::HOST, "added"), false);

        let place = Place::new();
        place.write("media/a.jpg", noise(1, 20 << 20));
        place.write("index.html", "lamp");
        let host: Arc<dyn Storage> = Arc::new(objects(&server, Seaweed::HOST, "shop"));
        let repository =
            Repository::init(host.clone(), &password(), &origin(), &quick(), NOW_MS).unwrap();
        let snapshot = backup::run(&repository, place.request(), &quiet).unwrap().snapshot;
        let moment_ms = runtime.block_on(a_moment_between());

        let over = host.write(FileName::CONFIG, Bytes::from_static(b"else")).unwrap_err();
        assert!(matches!(over, VaultError::Storage { fault: Fault::Protected, .. }), "{over:?}");
        runtime.block_on(attack(&raw(Seaweed::HOST)));
        assert!(Repository::open(host.clone(), &password()).is_err(), "it was written over");

        let past = || Past::new(objects(&server, Seaweed::HOST, "shop"), moment_ms);
        let seen = check_clean(Arc::new(past()));
        let asked = restore::Request {
            snapshot,
            path: place.shop(),
            target: place.path("back"),
            origin: origin(),
        };
        let reader = seen.reader().unwrap();
        assert!(restore::run(&reader, &asked, &quiet).unwrap().is_whole());
        assert_same(&place.shop(), &place.path("back"));
        let lost = past().lost().unwrap();
        assert!(lost.hidden + lost.overwritten >= 5 && lost.bytes > 1 << 20, "{lost:?}");
        assert!(past().bring_back().unwrap() >= 5);
        let lost = past().lost().unwrap();
        assert_eq!((lost.hidden, lost.overwritten, lost.bytes), (0, 0, 0), "{lost:?}");
        let repository = check_clean(host);
        assert_eq!(past().bring_back().unwrap(), 0);

        cannot_prune(&repository);
        extends_and_forgets(objects(&server, Seaweed::OWNER, "shop"));
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}

/// With all that the host may do: deletes what it can, and writes over what it cannot.
async fn attack(bucket: &Bucket) {
    let versions = bucket.versions("", now_ms()).await.unwrap();
    assert!(versions.len() >= 5, "{versions:?}");
    for version in versions.iter().filter(|version| !version.key.starts_with("locks/")) {
        let key = &version.key;
        let deleted = bucket.delete(key, now_ms()).await.unwrap_err();
        assert!(matches!(deleted, OutboundError::Refused { status: 403, .. }), "{deleted}");
        let deleted = bucket.delete_version(key, &version.id, now_ms()).await.unwrap_err();
        assert!(matches!(deleted, OutboundError::Refused { status: 403, .. }), "{deleted}");
        let sooner = bucket.lock(key, LockMode::Compliance, now_ms() + 60_000, now_ms()).await;
        sooner.unwrap_err();
        bucket.put(key, Bytes::from_static(b"x"), Keeping::default(), now_ms()).await.unwrap();
    }
}

/// And says so at once.
fn cannot_prune(repository: &Repository) {
    let begun = Instant::now();
    let snapshots = repository.snapshots().unwrap();
    let error = repository.remove_snapshots(&[snapshots[0].id]).unwrap_err();
    assert!(
        matches!(error, VaultError::Storage { fault: Fault::NotPermitted, transient: false, .. }),
        "{error:?}"
    );
    prune::run(repository, &prune::Options::new(origin(), NOW_MS)).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

fn extends_and_forgets(owner: Objects) {
    let repository = Repository::open(Arc::new(owner), &password()).unwrap();
    let until_ms = now_ms() + 3 * i64::try_from(DAY.as_millis()).unwrap();
    let run = || extend::run(&repository, until_ms, &origin(), &quiet).unwrap();
    let first = run();
    assert!(first.extended == first.files && first.files >= 5, "{first:?}");
    assert_eq!(run(), extend::Report { extended: 0, ..first });
    let snapshots: Vec<_> = repository.snapshots().unwrap().iter().map(|one| one.id).collect();
    repository.remove_snapshots(&snapshots).unwrap();
    let pruned = prune::run(&repository, &prune::Options::new(origin(), NOW_MS)).unwrap();
    assert!(pruned.marked_packs >= 2, "{pruned:?}");
}
