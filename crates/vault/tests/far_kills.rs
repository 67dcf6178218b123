//! Killed at any moment while it backs up to a bucket or behind SFTP, and copies from there into a
//! folder: both stay whole, and what was acknowledged stays.

use crate::{
    place::{NOW_MS, Place, noise, origin, password, quick, quiet, request},
    sftp,
};
use kernel::config::{S3Settings, Secret};
use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::SmallRng};
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use testkit::{
    Moto, Sshd,
    process::{Process, Signal},
};
use vault::{
    InitOptions, Repository, backup, check, copy, prune,
    storage::{Folder, HostKey, Objects, Sftp, SftpSettings, Storage},
};

const KILLS: u32 = 24;
const AT_LEAST: u32 = 6;
const LIMIT: Duration = Duration::from_secs(5);
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

#[tokio::test]
async fn over_sftp_nothing_acknowledged_is_lost() {
    if let Some(folder) = testkit::role() {
        return tokio::task::spawn_blocking(move || work(Path::new(&folder))).await.unwrap();
    }
    if !Sshd::is_installed() {
        return;
    }
    let sshd = Sshd::start("internal-sftp").await;
    let settings = sftp::settings(&sshd, Path::new(""));
    let HostKey::Pinned(key) = settings.host_key else { panic!("it is pinned") };
    let far =
        format!("sftp\n{}\n{}\n{}\n{key}", sshd.port(), sshd.user(), sshd.identity().display());
    kill_again_and_again("far_kills::over_sftp_nothing_acknowledged_is_lost", &far).await;
}

#[tokio::test]
async fn in_a_bucket_nothing_acknowledged_is_lost() {
    if let Some(folder) = testkit::role() {
        return tokio::task::spawn_blocking(move || work(Path::new(&folder))).await.unwrap();
    }
    let Some(moto) = Moto::start(Path::new(env!("CARGO_TARGET_TMPDIR"))).await else { return };
    let far = format!("s3\n{}", moto.endpoint());
    kill_again_and_again("far_kills::in_a_bucket_nothing_acknowledged_is_lost", &far).await;
}

/// What `far` says: a storage, by lines.
fn storage(folder: &Path) -> Arc<dyn Storage> {
    let far = fs::read_to_string(folder.join("far")).unwrap();
    let lines: Vec<&str> = far.lines().collect();
    match lines[..] {
        ["s3", endpoint] => {
            let settings = S3Settings {
                endpoint: endpoint.into(),
                region: "us-east-1".into(),
                bucket: "lamps".into(),
                prefix: String::new(),
                key_id: Secret::new("key".into()),
                secret: Secret::new("s3cret".into()),
            };
            Arc::new(Objects::new(settings, None, Vec::new()).unwrap())
        }
        ["sftp", port, user, identity, key] => {
            let settings = SftpSettings {
                port: Some(port.parse().unwrap()),
                user: Some(user.into()),
                host_key: HostKey::Pinned(key.into()),
                identity: Some(identity.into()),
                config: Some("none".into()),
                ..SftpSettings::new("127.0.0.1", folder.join("far-away").display().to_string())
            };
            Arc::new(Sftp::new(settings).unwrap())
        }
        _ => panic!("{far}"),
    }
}

async fn kill_again_and_again(name: &str, far: &str) {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(rand::random);
    println!("SEED={seed}");
    let mut dice = SmallRng::seed_from_u64(seed);
    let place = Place::new();
    for number in 0..8 {
        place.write(&format!("{number}/a"), noise(number, 200_000));
    }
    let folder = place.folder.path().to_owned();
    fs::write(folder.join("far"), far).unwrap();
    tokio::task::spawn_blocking(move || make(&folder)).await.unwrap();
    let folder = place.folder.path().to_owned();
    let mut calm = start(name, &folder, dice.next_u64(), 2).await;
    let begun = Instant::now();
    assert!(calm.wait().await.unwrap().success(), "{}", said(&folder));
    let most = begun.elapsed().as_micros() as u64;
    let begun = Instant::now();
    let mut kills = 0;
    while kills < KILLS && (begun.elapsed() < LIMIT || kills < AT_LEAST) {
        let mut worker = start(name, &folder, dice.next_u64(), 1000).await;
        let wait = Duration::from_micros(dice.random_range(0..most));
        let ended = tokio::time::timeout(wait, worker.wait()).await;
        assert!(ended.is_err(), "it ended by itself: {}", said(&folder));
        worker.signal(Signal::Kill).unwrap();
        worker.wait().await.unwrap();
        kills += 1;
        let folder = folder.clone();
        let data = if kills % 8 == 0 { check::Data::All } else { check::Data::None };
        tokio::task::spawn_blocking(move || assert_whole(&folder, data)).await.unwrap();
    }
    println!("{kills} kills in {:?}", begun.elapsed());
    let kept = tokio::task::spawn_blocking(move || assert_whole(&folder, check::Data::All));
    assert!(kept.await.unwrap().iter().all(|kept| *kept > 0), "nothing was ever acknowledged");
}

fn make(folder: &Path) {
    let far = fs::read_to_string(folder.join("far")).unwrap();
    if let Some(endpoint) = far.strip_prefix("s3\n") {
        let settings = S3Settings {
            endpoint: endpoint.into(),
            region: "us-east-1".into(),
            bucket: "lamps".into(),
            prefix: String::new(),
            key_id: Secret::new("key".into()),
            secret: Secret::new("s3cret".into()),
        };
        Objects::new(settings, None, Vec::new()).unwrap().make_bucket(false).unwrap();
    }
    let made = Repository::init(storage(folder), &password(), &origin(), &quick(), NOW_MS).unwrap();
    let options = InitOptions { like: Some(made), ..quick() };
    let near = Arc::new(Folder::new(folder.join("near")));
    Repository::init(near, &password(), &origin(), &options, NOW_MS).unwrap();
}

/// Both repositories.
fn open(folder: &Path) -> [Repository; 2] {
    let near: Arc<dyn Storage> = Arc::new(Folder::new(folder.join("near")));
    [storage(folder), near].map(|storage| Repository::open(storage, &password()).unwrap())
}

async fn start(name: &str, folder: &Path, seed: u64, rounds: u32) -> Process {
    let ready = folder.join("ready");
    fs::remove_file(&ready).ok();
    let worker = testkit::this_test(name, folder.to_str().unwrap())
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

/// Everything that was acknowledged is there, in both; how much of it.
fn assert_whole(folder: &Path, data: check::Data) -> [usize; 2] {
    let names = ["backed-up", "copied"];
    let mut kept = [0, 0];
    for (number, repository) in open(folder).iter().enumerate() {
        let report = check::run(repository, data, &origin(), &quiet).unwrap();
        assert!(report.is_clean(), "{:#?}", report.damage);
        let there = repository.snapshots().unwrap();
        let noted = fs::read_to_string(folder.join(names[number])).unwrap_or_default();
        for id in noted.lines().filter(|line| line.len() == 64) {
            let is_there = there.iter().any(|snapshot| snapshot.id.to_string() == id);
            assert!(is_there, "snapshot {id} was {} and is gone", names[number]);
            kept[number] += 1;
        }
    }
    kept
}

fn note(folder: &Path, name: &str, id: vault::Id) {
    let mut file = fs::File::options().create(true).append(true).open(folder.join(name)).unwrap();
    writeln!(file, "{id}").unwrap();
}

/// Backs up, prunes and copies until it is killed.
fn work(folder: &Path) {
    let seed = std::env::var("WORK_SEED").unwrap().parse().unwrap();
    let mut dice = SmallRng::seed_from_u64(seed);
    let rounds: u32 = std::env::var("WORK_ROUNDS").unwrap().parse().unwrap();
    let [far, near] = open(folder);
    fs::write(folder.join("ready"), "").unwrap();
    let shop = folder.join("shop");
    let mut now_ms = NOW_MS + i64::try_from(seed % 1000).unwrap() * 10 * DAY_MS;
    for _ in 0..rounds {
        now_ms += DAY_MS;
        let file: PathBuf = shop.join(format!("{}/a", dice.random_range(0..8)));
        fs::write(file, noise(dice.next_u64(), 200_000)).unwrap();
        let asked = backup::Request { now_ms, ..request(vec![shop.clone()]) };
        let snapshot = backup::run(&far, asked, &quiet).unwrap().snapshot;
        note(folder, "backed-up", snapshot.id);
        let read_back = dice.random_range(0..2) == 0;
        let asked = copy::Request { snapshots: vec![snapshot.id], read_back, origin: origin() };
        let report = copy::run(&far, &near, &asked, &quiet).unwrap();
        note(folder, "copied", report.copies[0].to);
        if dice.random_range(0..4) == 0 {
            prune::run(&far, &prune::Options::new(origin(), now_ms)).unwrap();
            prune::run(&near, &prune::Options::new(origin(), now_ms)).unwrap();
        }
    }
}
