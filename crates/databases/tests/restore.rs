//! What was dumped comes back: beside the live database, in its place, and back again; and whoever is
//! killed in the midst of it leaves something that the next attempt finishes.

mod aside;
mod mysql;
mod postgres;
mod rows;
mod sqlite;

use crate::dump::suite::{Taken, blocking, differences_to, story};
use databases::{
    DatabaseError,
    dump::{Folder, LoadReport, Reader},
    restore::{self, Beside, Standing},
};
use host::process::Signal;
use kernel::config::{DatabaseKind, DatabaseUrl};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use std::{
    path::Path,
    time::{Duration, Instant},
};

const MARK: &str = "run-7";

pub(crate) fn beside(live: &DatabaseUrl, name: &str) -> Beside {
    Beside { live: live.clone(), name: name.to_owned(), mark: MARK.to_owned() }
}

pub(crate) async fn restored(
    taken: Taken,
    beside: &Beside,
    only: Option<&[&str]>,
) -> (Taken, Result<LoadReport, DatabaseError>) {
    let beside = beside.clone();
    let only: Option<Vec<String>> =
        only.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    blocking(move || {
        let report = beside.restore(&taken.reader, only.as_deref(), &|_| {});
        (taken, report)
    })
    .await
}

/// Restores all of it, and sees that every row is there.
pub(crate) async fn whole(taken: Taken, beside: &Beside) -> (Taken, LoadReport) {
    let (taken, report) = restored(taken, beside, None).await;
    let report = report.unwrap_or_else(|error| panic!("{}", story(&error)));
    assert_eq!(standing(beside).await, Standing::Whole);
    let (taken, mut found) = differences_to(taken, &beside.url()).await;
    // MySQL's databases have no comment, which in MariaDB takes the place of the restore's own table.
    found.retain(|table| table.table != "storewarden_restore");
    assert_eq!(found, []);
    (taken, report)
}

pub(crate) async fn standing(beside: &Beside) -> Standing {
    let beside = beside.clone();
    blocking(move || beside.standing().unwrap()).await
}

async fn discarded(beside: &Beside) -> Result<(), DatabaseError> {
    let beside = beside.clone();
    blocking(move || beside.discard()).await
}

pub(crate) async fn swapped(
    live: &DatabaseUrl,
    with: &str,
    aside: &str,
) -> Result<(), DatabaseError> {
    let (live, with, aside) = (live.clone(), with.to_owned(), aside.to_owned());
    blocking(move || {
        let done = restore::swap(&live, &with, &aside);
        assert_eq!(restore::is_swapped(&live, &with, &aside).unwrap(), done.is_ok());
        done
    })
    .await
}

/// Nobody takes what another one made for theirs, and nobody takes it away.
async fn refuses_others(taken: Taken, ours: &Beside) -> Taken {
    let others = Beside { mark: "run-8".to_owned(), ..ours.clone() };
    assert_eq!(standing(&others).await, Standing::Foreign);
    let (taken, report) = restored(taken, &others, None).await;
    assert!(matches!(report, Err(DatabaseError::NameTaken(_))), "{report:?}");
    assert!(matches!(discarded(&others).await, Err(DatabaseError::NameTaken(_))));
    taken
}

/// Kills the process that restores, again and again; the next one goes on, and the last is let live.
async fn kill_it(test: &str, taken: Taken, beside: &Beside, kills: u32) -> Taken {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(rand::random);
    println!("SEED={seed}");
    let mut dice = SmallRng::seed_from_u64(seed);
    let dump = taken.folder.path().join("dump");
    let (mut killed, mut ended) = (0, 0);
    // About as long as one takes that nobody kills, whatever the machine.
    let mut longest_ms = 400;
    while killed < kills {
        let role = format!("{}\n{}\n{}", beside.live.secret, beside.name, dump.display());
        let mut worker = testkit::this_test(test, &role)
            .output_to(taken.folder.path().join("worker.log"))
            .tied_to_this_thread(Signal::Kill)
            .start()
            .unwrap();
        let wait = Duration::from_millis(dice.random_range(5..longest_ms));
        let begun = Instant::now();
        match tokio::time::timeout(wait, worker.wait()).await {
            Err(_still_at_it) => {
                worker.signal(Signal::Kill).unwrap();
                worker.wait().await.unwrap();
                killed += 1;
            }
            Ok(status) => {
                let said = std::fs::read_to_string(taken.folder.path().join("worker.log"));
                assert!(status.unwrap().success(), "{}", said.unwrap_or_default());
                assert_eq!(standing(beside).await, Standing::Whole);
                discarded(beside).await.unwrap();
                longest_ms = u64::try_from(begun.elapsed().as_millis()).unwrap().max(10);
                ended += 1;
                assert!(ended < 20 * kills, "{killed} kills only");
            }
        }
    }
    println!("{killed} killed, {ended} ended");
    let (taken, _) = whole(taken, beside).await;
    taken
}

/// What is killed.
fn restore_as_told(kind: DatabaseKind, role: &str) {
    let told: Vec<&str> = role.lines().collect();
    let live = DatabaseUrl { kind, secret: told[0].to_owned() };
    let reader = Reader::open(Folder::at(Path::new(told[2]))).unwrap();
    let report = beside(&live, told[1]).restore(&reader, None, &|_| {});
    report.unwrap_or_else(|error| panic!("{}", story(&error)));
}
