//! Killed at any moment, again and again: the repository stays whole, and what was acknowledged stays.

use crate::{
    place::{NOW_MS, Place, noise, origin, password, quiet, request},
    restic::restic,
};
use host::process::{Process, Signal};
use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::SmallRng};
use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use vault::{Repository, backup, check, prune, restore, storage::Folder};

const NAME: &str = "kills::killed_two_hundred_times_nothing_acknowledged_is_lost";
const KILLS: u32 = 200;
/// Of all kills; what is left of it decides how many there are on a slow machine.
const LIMIT: Duration = Duration::from_secs(30);
const AT_LEAST: u32 = 60;
const CALM_ROUNDS: u32 = 4;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn seed() -> u64 {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(rand::random);
    println!("SEED={seed}");
    seed
}

#[tokio::test]
async fn killed_two_hundred_times_nothing_acknowledged_is_lost() {
    if let Some(folder) = testkit::role() {
        return tokio::task::spawn_blocking(move || work(Path::new(&folder))).await.unwrap();
    }
    let seed = seed();
    let mut dice = SmallRng::seed_from_u64(seed);
    let place = Place::new();
    for number in 0..20 {
        place.write(&format!("{number}/a"), noise(number, 100_000));
    }
    let folder = place.folder.path().to_owned();
    let mut calm = start(&folder, dice.next_u64(), CALM_ROUNDS).await;
    let begun = Instant::now();
    assert!(calm.wait().await.unwrap().success(), "{}", said(&folder));
    // Killed within its first two rounds, whatever this machine needs for one.
    let most = begun.elapsed().as_micros() as u64 * 2 / u64::from(CALM_ROUNDS);
    let begun = Instant::now();
    let mut kills = 0;
    while kills < KILLS && (begun.elapsed() < LIMIT || kills < AT_LEAST) {
        let mut worker = start(&folder, dice.next_u64(), 1000).await;
        let wait = Duration::from_micros(dice.random_range(0..most));
        let ended = tokio::time::timeout(wait, worker.wait()).await;
        assert!(ended.is_err(), "it ended by itself: {}", said(&folder));
        worker.signal(Signal::Kill).unwrap();
        worker.wait().await.unwrap();
        kills += 1;
        let folder = folder.clone();
        let data = if kills % 20 == 0 { check::Data::All } else { check::Data::None };
        tokio::task::spawn_blocking(move || assert_whole(&folder, data)).await.unwrap();
    }
    println!("{kills} kills in {:?}", begun.elapsed());
    let acknowledged = assert_whole(&folder, check::Data::All);
    assert!(acknowledged > 0, "nothing was ever acknowledged");
    if let Some((is_well, said)) = restic(&place.path("repository"), &["check", "--read-data"]) {
        assert!(is_well, "{said}");
    }
}

/// A worker that has begun.
async fn start(folder: &Path, seed: u64, rounds: u32) -> Process {
    let ready = folder.join("ready");
    fs::remove_file(&ready).ok();
    let worker = testkit::this_test(NAME, folder.to_str().unwrap())
        .env("WORK_SEED", seed.to_string())
        .env("WORK_ROUNDS", rounds.to_string())
        .output_to(folder.join("work.log"))
        .start()
        .unwrap();
    testkit::wait_until("a worker", Duration::from_secs(60), async || fs::metadata(&ready)).await;
    worker
}

fn said(folder: &Path) -> String {
    fs::read_to_string(folder.join("work.log")).unwrap_or_default()
}

fn open(folder: &Path) -> Repository {
    Repository::open(Arc::new(Folder::new(folder.join("repository"))), &password()).unwrap()
}

/// Everything that was acknowledged and not forgotten is there; how many.
fn assert_whole(folder: &Path, data: check::Data) -> usize {
    let repository = open(folder);
    let report = check::run(&repository, data, &origin(), &quiet).unwrap();
    assert!(report.is_clean(), "{:#?}", report.damage);
    let read = |name: &str| -> BTreeSet<String> {
        let text = fs::read_to_string(folder.join(name)).unwrap_or_default();
        text.lines().filter(|line| line.len() == 64).map(str::to_owned).collect()
    };
    let there: BTreeSet<String> =
        repository.snapshots().unwrap().iter().map(|snapshot| snapshot.id.to_string()).collect();
    let kept: Vec<String> = read("acknowledged").difference(&read("forgotten")).cloned().collect();
    for id in &kept {
        assert!(there.contains(id), "snapshot {id} was acknowledged and is gone");
    }
    kept.len()
}

fn note(folder: &Path, name: &str, id: vault::Id) {
    let mut file = fs::File::options().create(true).append(true).open(folder.join(name)).unwrap();
    writeln!(file, "{id}").unwrap();
}

/// Backs up, forgets, prunes and restores until it is killed.
fn work(folder: &Path) {
    let seed = std::env::var("WORK_SEED").unwrap().parse().unwrap();
    let mut dice = SmallRng::seed_from_u64(seed);
    let rounds: u32 = std::env::var("WORK_ROUNDS").unwrap().parse().unwrap();
    let repository = open(folder);
    fs::write(folder.join("ready"), "").unwrap();
    let shop = folder.join("shop");
    // Each life is ten days later, so that graces end.
    let mut now_ms = NOW_MS + i64::try_from(seed % 1000).unwrap() * 10 * DAY_MS;
    for _ in 0..rounds {
        now_ms += DAY_MS;
        let file: PathBuf = shop.join(format!("{}/a", dice.random_range(0..20)));
        fs::write(file, noise(dice.next_u64(), 100_000)).unwrap();
        let asked = backup::Request { now_ms, ..request(vec![shop.clone()]) };
        let snapshot = backup::run(&repository, asked, &quiet).unwrap().snapshot;
        note(folder, "acknowledged", snapshot.id);
        let snapshots = repository.snapshots().unwrap();
        if snapshots.len() > 4 {
            let oldest = snapshots[dice.random_range(0..snapshots.len() - 1)].id;
            note(folder, "forgotten", oldest);
            repository.remove_snapshots(&[oldest]).unwrap();
        }
        if dice.random_range(0..2) == 0 {
            prune::run(&repository, &prune::Options::new(origin(), now_ms)).unwrap();
        }
        if dice.random_range(0..3) == 0 {
            let asked = restore::Request {
                snapshot,
                path: shop.clone(),
                target: folder.join("back"),
                origin: origin(),
            };
            let report = restore::run(&repository.reader().unwrap(), &asked, &quiet).unwrap();
            assert!(report.is_whole(), "{report:?}");
        }
    }
}
