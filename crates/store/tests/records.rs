//! What was written is there, in the form it was written, after the store was opened again.

use crate::people::session;
use kernel::{Actor, Drain, InstanceName, Params, ShopId, plan::RunId};
use std::{fs, os::unix::fs::PermissionsExt};
use store::{MarkRecord, MinuteRecord, Store, StoredCertificate};

fn shop(name: &str) -> ShopId {
    name.parse().unwrap()
}

#[tokio::test]
async fn minutes_are_overwritten_by_what_is_known() {
    let folder = testkit::folder();
    let store = Store::open(folder.path()).unwrap();
    let a = shop("a");
    let orders = MinuteRecord {
        at_ms: 60_000,
        orders: Some(2),
        revenue_minor: Some(-5),
        ..Default::default()
    };
    let traffic =
        MinuteRecord { at_ms: 60_000, requests: Some(9), errors: Some(0), ..Default::default() };
    store.record_orders(&a, vec![orders], "7:8".into()).await.unwrap();
    store.put_minutes(&a, vec![traffic]).await.unwrap();
    store.put_minutes(&shop("b"), vec![MinuteRecord::default()]).await.unwrap();
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    let whole = MinuteRecord {
        at_ms: 60_000,
        orders: Some(2),
        revenue_minor: Some(-5),
        requests: Some(9),
        errors: Some(0),
    };
    assert_eq!(store.minutes(&a, 60_000, 60_001).await.unwrap(), [whole]);
    assert!(store.minutes(&a, 0, 60_000).await.unwrap().is_empty());
    assert_eq!(store.order_mark(&a).await.unwrap().as_deref(), Some("7:8"));
    assert_eq!(store.order_mark(&shop("b")).await.unwrap(), None);
}

#[tokio::test]
async fn marks_come_the_newest_last_and_no_more_than_asked_for() {
    let folder = testkit::folder();
    let store = Store::open(folder.path()).unwrap();
    let mark = |at_ms: i64| {
        let params = Params::from([("instance".to_owned(), "one".into())]);
        MarkRecord { at_ms, kind: "instance_down".into(), params }
    };
    let a = shop("a");
    for at_ms in [1, 2, 3, 4] {
        store.add_mark((at_ms > 2).then_some(&a), mark(at_ms)).await.unwrap();
    }
    let marks = store.marks(2, 2).await.unwrap();
    assert_eq!(marks, [(Some(a.clone()), mark(3)), (Some(a), mark(4))]);
    assert_eq!(store.prune(4, 0).await.unwrap(), 3);
    assert_eq!(store.marks(0, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn certificates_accounts_and_drains_are_kept_and_replaced() {
    let folder = testkit::folder();
    let store = Store::open(folder.path()).unwrap();
    let certificate = |not_after_ms| StoredCertificate {
        host_key: "a.example".into(),
        chain_pem: "chain".into(),
        key_pem: "secret".into(),
        not_after_ms,
    };
    store.put_certificate(certificate(1)).await.unwrap();
    store.put_certificate(certificate(2)).await.unwrap();
    assert_eq!(store.certificates().await.unwrap(), [certificate(2)]);
    assert!(!format!("{:?}", certificate(1)).contains("secret"));
    store.put_acme_account("https://ca".into(), "{1}".into()).await.unwrap();
    store.put_acme_account("https://ca".into(), "{2}".into()).await.unwrap();
    assert_eq!(store.acme_account("https://ca").await.unwrap().as_deref(), Some("{2}"));
    assert_eq!(store.acme_account("https://other").await.unwrap(), None);
    let (a, one): (ShopId, InstanceName) = (shop("a"), "one".parse().unwrap());
    let (run, person) = (Drain::of_run(RunId(7), 5), Drain::by(Actor::CommandLine, 6));
    store.set_drain(&a, &one, Some(run.clone())).await.unwrap();
    store.set_drain(&a, &one, Some(person)).await.unwrap();
    let drains = store.drains().await.unwrap();
    assert_eq!(drains.into_iter().collect::<Vec<_>>(), [((a.clone(), one.clone()), run)]);
    store.set_drain(&a, &one, None).await.unwrap();
    assert!(store.drains().await.unwrap().is_empty());
}

#[tokio::test]
async fn versions_never_come_twice() {
    let folder = testkit::folder();
    let mut last = 0;
    for _ in 0..3 {
        let store = Store::open(folder.path()).unwrap();
        for _ in 0..3 {
            let version = store.next_snapshot_version().await.unwrap();
            assert_eq!(version, last + 1);
            last = version;
        }
    }
}

#[tokio::test]
async fn one_write_that_fails_takes_no_other_with_it() {
    let folder = testkit::folder();
    let store = Store::open(folder.path()).unwrap();
    let anna = store.owner_or_first("anna".parse().unwrap(), 1).await.unwrap().unwrap();
    let add = |hash| store.add_session(session(hash, anna.as_str(), 1_000));
    add(1).await.unwrap();
    let (first, twice, last) = tokio::join!(add(2), add(1), add(3));
    assert!(first.is_ok() && twice.is_err() && last.is_ok());
    assert_eq!(store.sessions(None, 0, 0).await.unwrap().len(), 3);
    assert!(store.health().writable);
}

#[tokio::test]
async fn the_files_are_their_owners_alone() {
    let folder = testkit::folder();
    let store = Store::open(folder.path()).unwrap();
    store.next_snapshot_version().await.unwrap();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.path());
    }
}
