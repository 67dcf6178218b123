//! Killed at any moment while it backs up, prunes, copies, restores or tries a backup: every repository
//! stays whole, what was acknowledged stays, and nothing half stands under a whole one's name.

use crate::{
    killing::{DAY_MS, Killing, Work, assert_kept, note, noted},
    place::{
        NOW_MS, Place, assert_same, drill_request, folder_with_room, noise, origin, password,
        quick, quiet, request,
    },
    restic::restic,
};
use databases::{dump, orders::OrderQuery};
use kernel::config::{DatabaseKind, DatabaseUrl};
use rand::RngExt as _;
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::Arc,
};
use vault::{
    Id, InitOptions, Repository, Snapshot, backup,
    check::Data,
    copy,
    drill::{self, Verdict},
    prune, restore,
    storage::Folder,
};

const KILLS: u32 = 200;
/// A drill of that little wants half of it.
const DRILL_BYTES: u64 = 1 << 30;
const FILES: u32 = 12;
const FILE_BYTES: usize = 60_000;

#[test]
fn while_it_backs_up() {
    play("kills::while_it_backs_up", |work| {
        let repository = open(&work.folder, "repository");
        work.change(FILES, FILE_BYTES);
        work.within(|work| back_up_all(work, &repository));
        tidy_up(work, &repository, "forgotten");
    });
}

#[test]
fn while_it_prunes() {
    play("kills::while_it_prunes", |work| {
        let repository = open(&work.folder, "repository");
        work.change(FILES, FILE_BYTES);
        back_up(work, &repository);
        work.forget(&repository, "forgotten");
        let run = |now_ms| prune::run(&repository, &prune::Options::new(origin(), now_ms));
        // What is marked is deleted three days later.
        work.within(|work| run(work.now_ms).and_then(|_| run(work.now_ms + 3 * DAY_MS))).unwrap();
    });
}

#[test]
fn while_it_copies() {
    play("kills::while_it_copies", |work| {
        let (from, to) = (open(&work.folder, "repository"), open(&work.folder, "copy"));
        work.change(FILES, FILE_BYTES);
        let snapshots = vec![back_up(work, &from).id];
        let read_back = work.dice.random_range(0..2) == 0;
        let asked = copy::Request { snapshots, read_back, origin: origin() };
        work.within(|work| {
            let report = copy::run(&from, &to, &asked, &quiet).unwrap();
            work.note("copied", report.copies[0].to);
        });
        tidy_up(work, &from, "forgotten");
        tidy_up(work, &to, "uncopied");
    });
}

#[test]
fn while_it_restores() {
    play("kills::while_it_restores", |work| {
        let repository = open(&work.folder, "repository");
        work.change(FILES, FILE_BYTES);
        let snapshot = back_up(work, &repository);
        let (shop, target) = (work.folder.join("shop"), work.folder.join("back"));
        let asked = restore::Request { snapshot, path: shop.clone(), target, origin: origin() };
        let reader = repository.reader().unwrap();
        // Over what lives before have left there.
        let report = work.within(|_| restore::run(&reader, &asked, &quiet).unwrap());
        assert!(report.is_whole(), "{report:?}");
        assert_same(&shop, &asked.target);
        tidy_up(work, &repository, "forgotten");
    });
}

#[test]
fn while_it_tries_a_backup() {
    play("kills::while_it_tries_a_backup", |work| {
        let repository = open(&work.folder, "repository");
        work.change(FILES, FILE_BYTES);
        let snapshot = back_up_all(work, &repository);
        let text =
            "select id, placed_ms, total from orders where id > :after order by id limit :limit";
        let asked = drill::Request {
            live: Some(live(&work.folder)),
            orders: Some(OrderQuery::new(text).unwrap()),
            now_ms: work.now_ms,
            ..drill_request(snapshot, work.folder.join("scratch/drill"))
        };
        let reader = repository.reader().unwrap();
        let report = work.within(|_| drill::run(&reader, &asked, &|_| {}).unwrap());
        assert_eq!(report.verdict, Verdict::Good, "{:#?}", report.checks);
        assert!(!asked.scratch.exists(), "the drill left its folder");
        tidy_up(work, &repository, "forgotten");
    });
}

fn play(name: &str, round: fn(&mut Work)) {
    if let Some(folder) = testkit::role() {
        return Work::run(&folder, round);
    }
    let (place, scratch) = (Place::new(), folder_with_room(DRILL_BYTES));
    symlink(scratch.path(), place.path("scratch")).unwrap();
    for number in 0..FILES {
        let content = noise(number.into(), FILE_BYTES);
        note(place.folder.path(), "contents", Id::of(&content));
        place.write(&format!("{number}/a"), content);
    }
    let options = InitOptions { like: Some(place.repository.clone()), ..quick() };
    let copy = Arc::new(Folder::new(place.path("copy")));
    Repository::init(copy, &password(), &origin(), &options, NOW_MS).unwrap();
    rusqlite::Connection::open(place.path("live.db")).unwrap().execute_batch(ORDERS).unwrap();
    let live = fs::read(place.path("live.db")).unwrap();

    let folder = place.folder.path();
    let killing = Killing { name, folder, kills: KILLS };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(killing.run(assert_whole));
    assert!(!noted(folder, "acknowledged").is_empty(), "nothing was ever acknowledged");
    assert!(fs::read(place.path("live.db")).unwrap() == live, "the shop's database was changed");
    for repository in ["repository", "copy"] {
        if let Some((is_well, said)) = restic(&place.path(repository), &["check", "--read-data"]) {
            assert!(is_well, "{said}");
        }
    }
}

const ORDERS: &str = "create table orders (id integer primary key, placed_ms integer not null, \
                      total integer not null); \
                      insert into orders values (1, 1795348000000, 5), (2, 1795348100000, 6);";

fn live(folder: &Path) -> DatabaseUrl {
    let secret = format!("sqlite:{}", folder.join("live.db").display());
    DatabaseUrl { kind: DatabaseKind::Sqlite, secret }
}

fn open(folder: &Path, name: &str) -> Repository {
    Repository::open(Arc::new(Folder::new(folder.join(name))), &password()).unwrap()
}

/// Backs the files up, and says so when it is done.
fn back_up(work: &Work, repository: &Repository) -> Snapshot {
    back_up_with(work, repository, Vec::new())
}

/// And the database as well.
fn back_up_all(work: &Work, repository: &Repository) -> Snapshot {
    let dump = dump::Dump::begin(&live(&work.folder), dump::Options::new(work.now_ms)).unwrap();
    let stream = |file: dump::DumpFile| backup::Stream {
        path: Path::new(drill::DATABASES).join("shop").join(file.name),
        content: file.content,
        is_whole: file.is_whole,
    };
    back_up_with(work, repository, dump.into_files().into_iter().map(stream).collect())
}

fn back_up_with(work: &Work, repository: &Repository, streams: Vec<backup::Stream>) -> Snapshot {
    let asked =
        backup::Request { streams, now_ms: work.now_ms, ..request(vec![work.folder.join("shop")]) };
    let snapshot = backup::run(repository, asked, &quiet).unwrap().snapshot;
    work.note("acknowledged", snapshot.id);
    snapshot
}

/// So that two hundred lives find no more than the first.
fn tidy_up(work: &mut Work, repository: &Repository, noted: &str) {
    work.forget(repository, noted);
    if work.dice.random_range(0..4) == 0 {
        prune::run(repository, &prune::Options::new(origin(), work.now_ms)).unwrap();
    }
}

fn assert_whole(folder: &Path, data: Data) {
    assert_kept(&open(folder, "repository"), folder, ("acknowledged", "forgotten"), data);
    assert_kept(&open(folder, "copy"), folder, ("copied", "uncopied"), data);
    assert_no_half_file(&folder.join("back"), &noted(folder, "contents"));
}

/// Whatever stands under a file's own name in a restore is what was in some backup.
fn assert_no_half_file(back: &Path, contents: &std::collections::BTreeSet<String>) {
    let files: Vec<PathBuf> = (0..FILES).map(|number| back.join(format!("{number}/a"))).collect();
    for file in files.into_iter().filter(|file| file.exists()) {
        let id = Id::of(&fs::read(&file).unwrap()).to_string();
        assert!(contents.contains(&id), "{} is half", file.display());
    }
}
