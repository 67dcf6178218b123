//! A drill that is killed takes its database server with it, and the next one begins in its place.

use crate::place::{NOW_MS, Place, drill_request, noise, password, quiet, request};
use databases::{
    dump,
    private::{Options, Postgres},
};
use host::process::{Process, Signal, by_command};
use kernel::config::{DatabaseKind, DatabaseUrl};
use std::{fs, path::Path, sync::Arc, time::Duration};
use testkit::wait_until;
use vault::{
    Repository, backup,
    drill::{self, CheckKind, Outcome, Stage},
    storage::Folder,
};

const NAME: &str = "drill_kills::a_drill_that_is_killed_takes_its_server_with_it";
const LIMIT: Duration = Duration::from_secs(60);

/// Its stages, as far as this worker has come.
fn work(folder: &Path) {
    let storage = Arc::new(Folder::new(folder.join("repository")));
    let repository = Repository::open(storage, &password()).unwrap();
    let snapshot = repository.snapshot("latest").unwrap();
    let asked = drill_request(snapshot, folder.join("scratch/drill"));
    let report = drill::run(&repository.reader().unwrap(), &asked, &|stage| {
        if matches!(stage, Stage::Database(_)) {
            fs::write(folder.join("loading"), "").unwrap();
        }
    });
    let report = report.unwrap();
    let database = report.checks.iter().find(|check| check.kind == CheckKind::Database).unwrap();
    assert_eq!(database.outcome, Outcome::Passed, "{:#?}", report.checks);
    assert_eq!(report.rows, 30_000);
}

fn start(place: &Place) -> Process {
    fs::remove_file(place.path("loading")).ok();
    testkit::this_test(NAME, place.folder.path().to_str().unwrap())
        .output_to(place.path("work.log"))
        .tied_to_this_thread(Signal::Kill)
        .start()
        .unwrap()
}

#[tokio::test]
async fn a_drill_that_is_killed_takes_its_server_with_it() {
    if let Some(folder) = testkit::role() {
        return tokio::task::spawn_blocking(move || work(Path::new(&folder))).await.unwrap();
    }
    let (place, scratch) = (Place::new(), testkit::folder());
    std::os::unix::fs::symlink(scratch.path(), place.path("scratch")).unwrap();
    place.write("media/a.jpg", noise(1, 300_000));
    let server = Postgres::start(&scratch.path().join("live"), Options::default()).await.unwrap();
    server.create_database("shop").await.unwrap();
    let rows = "create table orders (id bigint primary key, note text not null); \
                insert into orders select n, repeat('lamp', 50) from generate_series(1, 30000) n";
    for statement in rows.split("; ") {
        server.execute("shop", statement).await.unwrap();
    }
    let live = DatabaseUrl { kind: DatabaseKind::Postgres, secret: server.url("shop") };
    let place = tokio::task::spawn_blocking(move || {
        back_up(&place, &live);
        place
    })
    .await
    .unwrap();
    server.stop().await.unwrap();

    let drills = scratch.path().join("drill").display().to_string();
    let server =
        || by_command("postgres", |words| words.iter().any(|word| word.contains(&drills))).unwrap();
    let limit = LIMIT;
    for loading in [false, true] {
        let mut worker = start(&place);
        wait_until("the drill's server", limit, async || {
            let is_there = if loading { place.path("loading").exists() } else { true };
            let said = || fs::read_to_string(place.path("work.log")).unwrap_or_default();
            server().filter(|_| is_there).ok_or_else(said)
        })
        .await;
        worker.signal(Signal::Kill).unwrap();
        worker.wait().await.unwrap();
        wait_until("the end of the server", limit, async || server().map_or(Ok(()), Err)).await;
    }
    let mut worker = start(&place);
    let ended = tokio::time::timeout(LIMIT, worker.wait()).await.unwrap().unwrap();
    assert!(ended.success(), "{}", fs::read_to_string(place.path("work.log")).unwrap());
    assert!(!Path::new(&drills).exists() && server().is_none());
    place.assert_clean();
}

fn back_up(place: &Place, live: &DatabaseUrl) {
    let dump = dump::Dump::begin(live, dump::Options::new(NOW_MS)).unwrap();
    let stream = |file: dump::DumpFile| backup::Stream {
        path: Path::new(drill::DATABASES).join("shop").join(file.name),
        content: file.content,
        is_whole: file.is_whole,
    };
    let streams = dump.into_files().into_iter().map(stream).collect();
    let asked = backup::Request { streams, ..request(vec![place.shop()]) };
    backup::run(&place.repository, asked, &quiet).unwrap();
}
