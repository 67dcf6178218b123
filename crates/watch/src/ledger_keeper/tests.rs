//! Checkpoints by the clock and by number, and destinations that come and go.

use super::*;
use crate::live::Live;
use kernel::{Actor, LedgerEntry, Params};
use outbound::http::ClientOptions;
use std::{fs, path::Path};
use store::{LedgerFile, Witness};
use tempfile::TempDir;

const MINUTE: i64 = 60_000;
const T: i64 = 1_767_225_600_000;

/// A keeper with a folder to send to, which is there or not.
struct Scene {
    state: TempDir,
    usb: TempDir,
    store: Store,
    keeper: LedgerKeeper,
}

impl Scene {
    fn new() -> Self {
        let (state, usb) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = Store::open(state.path()).unwrap();
        let key = Arc::new(LedgerKey::open(state.path()).unwrap());
        let client = Client::new(&ClientOptions::default()).unwrap();
        let settings = LedgerSettings {
            checkpoint_ms: 10 * MINUTE.unsigned_abs(),
            to: vec![DestinationSettings::Folder(usb.path().join("disk"))],
        };
        let keeper = LedgerKeeper::new(store.clone(), key, client, &settings);
        Self { state, usb, store, keeper }
    }

    fn mount(&self) {
        fs::create_dir(self.usb.path().join("disk")).unwrap();
    }

    async fn append(&self, records: u32) {
        for _ in 0..records {
            let (at_ms, kind, params) = (T, "tried".to_owned(), Params::new());
            let actor = Actor::Storewarden;
            let entry = LedgerEntry { at_ms, actor, shop: None, kind, subject: None, params };
            self.store.append_to_ledger(entry).await.unwrap();
        }
    }

    /// A turn, and how it stands after it: covered, delivered.
    async fn turn(&mut self, now_ms: i64) -> (u64, Option<u64>) {
        self.keeper.turn(now_ms).await;
        let standing = self.now();
        (standing.covered, standing.destinations[0].delivered)
    }

    fn now(&self) -> LedgerStanding {
        self.keeper.standing().borrow().clone()
    }

    fn failing(&self) -> Option<Failing> {
        self.now().destinations[0].failing.clone()
    }

    fn witnesses(&self) -> Vec<Witness> {
        let mut files = Vec::new();
        collect(self.usb.path(), &mut files);
        files
    }
}

fn collect(folder: &Path, files: &mut Vec<Witness>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            let checkpoint = Checkpoint::parse(&fs::read_to_string(&path).unwrap()).unwrap();
            files.push(Witness { name: path.display().to_string(), checkpoint });
        }
    }
}

#[tokio::test]
async fn a_checkpoint_is_made_in_time_and_when_much_is_new() {
    let mut scene = Scene::new();
    scene.mount();
    assert_eq!(scene.turn(T).await, (0, None));
    scene.append(1).await;
    assert_eq!(scene.turn(T + MINUTE).await, (0, None), "not yet");
    assert_eq!(scene.turn(T + 10 * MINUTE).await, (1, Some(1)));
    assert_eq!(scene.turn(T + 20 * MINUTE).await, (1, Some(1)), "nothing is new");
    scene.append(256).await;
    assert_eq!(scene.turn(T + 21 * MINUTE).await, (257, Some(257)));
    scene.append(1).await;
    assert_eq!(scene.turn(T).await, (258, Some(258)), "the clock went back");
    let keys = [scene.keeper.key.public()];
    let file = LedgerFile::open(scene.state.path()).unwrap();
    let found = file.verify(&scene.witnesses(), &keys).unwrap();
    assert!(found.holds(), "{:?}", found.faults);
    assert_eq!((found.checkpoints, found.witnesses.len(), found.covered), (3, 3, 258));
}

#[tokio::test]
async fn a_destination_that_is_away_is_asked_less_and_less_and_gets_all_when_it_is_back() {
    let mut scene = Scene::new();
    scene.append(1).await;
    assert_eq!(scene.turn(T).await, (1, None));
    let failing = scene.failing().unwrap();
    assert_eq!((failing.since_ms, failing.retry_at_ms), (T, T + 30_000));
    assert!(failing.error.contains("is the folder there"), "{}", failing.error);
    scene.turn(T + 29_999).await;
    assert_eq!(scene.failing(), Some(failing), "it is not asked before its time");
    let mut waits = Vec::new();
    for _ in 0..9 {
        let now_ms = scene.failing().unwrap().retry_at_ms;
        scene.append(1).await;
        scene.turn(now_ms).await;
        waits.push((scene.failing().unwrap().retry_at_ms - now_ms) / 1000);
    }
    assert_eq!(waits, [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
    assert_eq!(scene.failing().unwrap().since_ms, T);
    scene.mount();
    let now_ms = scene.failing().unwrap().retry_at_ms;
    let (covered, delivered) = scene.turn(now_ms).await;
    assert_eq!((covered, delivered, scene.failing()), (10, Some(10), None));
    let (store, mut kept) = (scene.store.clone(), scene.witnesses());
    kept.sort_by_key(|witness| witness.checkpoint.sequence);
    let first = &kept[0];
    assert_eq!(first.checkpoint.sequence, 1, "the first one was remembered all the time");
    assert!(first.name.ends_with(&first.checkpoint.name()), "{}", first.name);
    assert_eq!(kept.last().unwrap().checkpoint.sequence, 10);
    let id = scene.keeper.deliveries[0].destination.id();
    assert!(store.undelivered_checkpoints(id, 9).await.unwrap().is_empty());
    // Another life of control knows what this one has sent.
    scene.keeper.deliveries[0].delivered = None;
    assert_eq!(scene.turn(now_ms).await, (10, Some(10)));
    assert_eq!(scene.witnesses().len(), kept.len());
}

#[tokio::test]
async fn a_ledger_that_was_changed_gets_no_checkpoint_and_is_told_of() {
    let mut scene = Scene::new();
    scene.mount();
    scene.append(2).await;
    assert_eq!(scene.turn(T).await, (2, Some(2)));
    scene.append(2).await;
    let other = rusqlite::Connection::open(scene.state.path().join(store::FILE_NAME)).unwrap();
    other
        .execute_batch(
            "DROP TRIGGER ledger_is_never_updated;
             UPDATE ledger SET kind = 'nothing' WHERE sequence = 3",
        )
        .unwrap();
    assert_eq!(scene.turn(T + 10 * MINUTE).await, (2, Some(2)));
    let (fault, since_ms) = scene.now().broken.unwrap();
    assert_eq!((fault.sequence, since_ms), (3, T + 10 * MINUTE));
    scene.turn(T + 20 * MINUTE).await;
    assert_eq!(scene.now().broken.unwrap().1, T + 10 * MINUTE);
    other.execute_batch("UPDATE ledger SET kind = 'tried' WHERE sequence = 3").unwrap();
    assert_eq!(scene.turn(T + 30 * MINUTE).await, (4, Some(4)));
    assert_eq!(scene.now().broken, None);
}

#[tokio::test]
async fn the_task_follows_its_settings_and_ends_when_told() {
    let Scene { state, usb, store, keeper } = Scene::new();
    let mut standing = keeper.standing();
    let nowhere = LedgerSettings { checkpoint_ms: 60_000, to: Vec::new() };
    let (settings, received) = watch::channel(nowhere);
    let (stop, stopped) = watch::channel(false);
    let entry = LedgerEntry {
        at_ms: T,
        actor: Actor::Storewarden,
        shop: None,
        kind: "tried".into(),
        subject: None,
        params: Params::new(),
    };
    store.append_to_ledger(entry).await.unwrap();
    let picture = Watch::new(Live::new(T));
    let task = tokio::spawn(keeper.run(picture, received, stopped));
    standing.wait_for(|standing| standing.covered == 1).await.unwrap();
    let elsewhere = DestinationSettings::Folder(usb.path().to_owned());
    settings.send(LedgerSettings { checkpoint_ms: 60_000, to: vec![elsewhere] }).unwrap();
    let delivered = |standing: &LedgerStanding| {
        standing.destinations.first().is_some_and(|one| one.delivered == Some(1))
    };
    standing.wait_for(delivered).await.unwrap();
    stop.send(true).unwrap();
    task.await.unwrap();
    drop(state);
}
