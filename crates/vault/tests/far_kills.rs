//! Killed at any moment while it backs up to a bucket or behind SFTP, and copies from there into a
//! folder: both stay whole, and what was acknowledged stays.

use crate::{
    killing::{Killing, Work, assert_kept},
    place::{NOW_MS, Place, noise, origin, password, quick, quiet, request},
    sftp,
};
use kernel::config::{S3Settings, Secret};
use rand::RngExt as _;
use std::{fs, path::Path, sync::Arc};
use testkit::{Moto, Sshd};
use vault::{
    InitOptions, Repository, backup,
    check::Data,
    copy, prune,
    storage::{Folder, HostKey, Objects, Sftp, SftpSettings, Storage},
};

const KILLS: u32 = 24;
const FILES: u32 = 8;
const FILE_BYTES: usize = 200_000;

#[tokio::test]
async fn over_sftp_nothing_acknowledged_is_lost() {
    if let Some(folder) = testkit::role() {
        return tokio::task::spawn_blocking(move || Work::run(&folder, round)).await.unwrap();
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
        return tokio::task::spawn_blocking(move || Work::run(&folder, round)).await.unwrap();
    }
    let Some(moto) = Moto::start(Path::new(env!("CARGO_TARGET_TMPDIR"))).await else { return };
    let far = format!("s3\n{}", moto.endpoint());
    kill_again_and_again("far_kills::in_a_bucket_nothing_acknowledged_is_lost", &far).await;
}

fn bucket(endpoint: &str) -> S3Settings {
    S3Settings {
        endpoint: endpoint.into(),
        region: "us-east-1".into(),
        bucket: "lamps".into(),
        prefix: String::new(),
        key_id: Secret::new("key".into()),
        secret: Secret::new("s3cret".into()),
    }
}

/// What `far` says: a storage, by lines.
fn storage(folder: &Path) -> Arc<dyn Storage> {
    let far = fs::read_to_string(folder.join("far")).unwrap();
    let lines: Vec<&str> = far.lines().collect();
    match lines[..] {
        ["s3", endpoint] => Arc::new(Objects::new(bucket(endpoint), None, Vec::new()).unwrap()),
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
    let place = Place::new();
    for number in 0..FILES {
        place.write(&format!("{number}/a"), noise(number.into(), FILE_BYTES));
    }
    let folder = place.folder.path().to_owned();
    fs::write(folder.join("far"), far).unwrap();
    tokio::task::spawn_blocking(move || make(&folder)).await.unwrap();
    let folder = place.folder.path();
    let killing = Killing { name, folder, kills: KILLS };
    killing.run(assert_whole).await;
}

fn make(folder: &Path) {
    let far = fs::read_to_string(folder.join("far")).unwrap();
    if let Some(endpoint) = far.strip_prefix("s3\n") {
        Objects::new(bucket(endpoint), None, Vec::new()).unwrap().make_bucket(false).unwrap();
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

/// Nothing of it is ever forgotten.
fn assert_whole(folder: &Path, data: Data) {
    let [far, near] = open(folder);
    for (repository, noted) in [(far, "backed-up"), (near, "copied")] {
        let there = assert_kept(&repository, folder, (noted, "nothing"), data);
        assert!(!there.is_empty(), "nothing was ever {noted}");
    }
}

/// Backs up, prunes and copies until it is killed.
fn round(work: &mut Work) {
    let [far, near] = open(&work.folder);
    work.change(FILES, FILE_BYTES);
    let now_ms = work.now_ms;
    let (read_back, prunes) =
        (work.dice.random_range(0..2) == 0, work.dice.random_range(0..4) == 0);
    work.within(|work| {
        let asked = backup::Request { now_ms, ..request(vec![work.folder.join("shop")]) };
        let snapshot = backup::run(&far, asked, &quiet).unwrap().snapshot;
        work.note("backed-up", snapshot.id);
        let asked = copy::Request { snapshots: vec![snapshot.id], read_back, origin: origin() };
        let report = copy::run(&far, &near, &asked, &quiet).unwrap();
        work.note("copied", report.copies[0].to);
        if prunes {
            prune::run(&far, &prune::Options::new(origin(), now_ms)).unwrap();
            prune::run(&near, &prune::Options::new(origin(), now_ms)).unwrap();
        }
    });
}
