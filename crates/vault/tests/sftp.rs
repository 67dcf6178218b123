//! A folder behind a real sshd.

use crate::{
    place::{NOW_MS, Place, assert_same, noise, origin, password, quick, quiet},
    restic::restic,
    storage::suite,
};
use bytes::Bytes;
use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use testkit::{
    Sshd,
    process::{Signal, Spawn, run_to_end},
};
use vault::{
    Id, Repository, VaultError, backup, check, prune, restore,
    storage::{Fault, FileKind, FileName, HostKey, Sftp, SftpSettings, Storage, WriteOnly},
};

pub(crate) fn settings(sshd: &Sshd, folder: &Path) -> SftpSettings {
    SftpSettings {
        port: Some(sshd.port()),
        user: Some(sshd.user()),
        host_key: HostKey::Pinned(sshd.host_key()),
        identity: Some(sshd.identity()),
        config: Some("none".into()),
        ..SftpSettings::new("127.0.0.1", folder.display().to_string())
    }
}

#[tokio::test]
async fn a_folder_behind_sftp_keeps_files_and_takes_backups() {
    if !Sshd::is_installed() {
        return;
    }
    let sshd = Sshd::start("internal-sftp").await;
    let work = move || {
        let place = Place::new();
        let open = |name: &str| Sftp::new(settings(&sshd, &place.path(name))).unwrap();
        fs::create_dir(place.path("suite")).unwrap();
        fs::create_dir(place.path("only")).unwrap();
        suite(&open("suite"), true);
        suite(&WriteOnly::new(Arc::new(open("only"))), false);
        let unmounted = open("unmounted").list(FileKind::Snapshot).unwrap_err();
        assert_eq!(fault(&unmounted), Fault::NoPlace);
        place.write("media/a.jpg", noise(1, 20 << 20));
        place.write("index.html", "lamp");
        let storage: Arc<dyn Storage> = Arc::new(open("not/yet/there"));
        let repository =
            Repository::init(storage.clone(), &password(), &origin(), &quick(), NOW_MS).unwrap();
        let snapshot = backup::run(&repository, place.request(), &quiet).unwrap().snapshot;
        let report = check::run(&repository, check::Data::All, &origin(), &quiet).unwrap();
        assert!(report.is_clean(), "{:?}", report.damage);
        let asked = restore::Request {
            snapshot,
            path: place.shop(),
            target: place.path("back"),
            origin: origin(),
        };
        let reader = repository.reader().unwrap();
        assert!(restore::run(&reader, &asked, &quiet).unwrap().is_whole());
        assert_same(&place.shop(), &place.path("back"));
        let half = place.path("not/yet/there/data/00/half-tmp-1");
        fs::create_dir_all(half.parent().unwrap()).unwrap();
        fs::write(&half, "half").unwrap();
        prune::run(&repository, &prune::Options::new(origin(), NOW_MS)).unwrap();
        assert!(!half.exists());
        if let Some((is_well, said)) = restic(&place.path("not/yet/there"), &["check"]) {
            assert!(is_well, "{said}");
        }
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_killed_in_the_middle_is_asked_again() {
    if !Sshd::is_installed() {
        return;
    }
    let mut sshd = Sshd::start("internal-sftp").await;
    let place = Place::new();
    place.write("media/a.jpg", noise(1, 60 << 20));
    let storage = Arc::new(Sftp::new(settings(&sshd, &place.path("far"))).unwrap());
    let (far, request) = (place.path("far"), place.request());
    let is_under_way = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&is_under_way);
    let work = tokio::task::spawn_blocking(move || {
        let repository =
            Repository::init(storage, &password(), &origin(), &quick(), NOW_MS).unwrap();
        let watch = |progress: &vault::progress::Progress| {
            told.fetch_or(progress.bytes > 0, Relaxed);
        };
        backup::run(&repository, request, &watch).unwrap();
        let report = check::run(&repository, check::Data::All, &origin(), &quiet).unwrap();
        assert!(report.is_clean(), "{:?}", report.damage);
    });
    let is_writing = async || {
        let packs = fs::read_dir(far.join("data")).map_or(0, Iterator::count);
        if packs > 0 || is_under_way.load(Relaxed) { Ok(()) } else { Err(packs) }
    };
    testkit::wait_until("packs", Duration::from_secs(60), is_writing).await;
    sshd.kill().await;
    sshd.begin().await;
    work.await.unwrap();
    drop(place);
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up_and_asked_again() {
    if !Sshd::is_installed() {
        return;
    }
    let sshd = Sshd::start("internal-sftp").await;
    let work = move || {
        let folder = testkit::folder();
        let short = SftpSettings {
            answer_limit: Duration::from_secs(3),
            patience: Duration::ZERO,
            ..settings(&sshd, folder.path())
        };
        let storage = Sftp::new(short).unwrap();
        storage.list(FileKind::Lock).unwrap();
        sshd.signal_connections(Signal::Stop);
        let begun = Instant::now();
        let error = storage.list(FileKind::Lock).unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
        assert_eq!(fault(&error), Fault::Unreachable, "{}", error.story());
        assert!(matches!(error, VaultError::Storage { transient: true, .. }));
        storage.list(FileKind::Lock).unwrap();
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}

#[tokio::test]
async fn what_keeps_us_out_is_named() {
    if !Sshd::is_installed() {
        return;
    }
    let sshd = Sshd::start("internal-sftp").await;
    let closed = testkit::free_port().port();
    let work = move || {
        let folder = testkit::folder();
        let good = || SftpSettings { patience: Duration::ZERO, ..settings(&sshd, folder.path()) };
        let check = |settings: SftpSettings, expect: Fault| {
            let error = Sftp::new(settings).unwrap().list(FileKind::Lock).unwrap_err();
            assert_eq!(fault(&error), expect, "{}", error.story());
        };
        let strange = HostKey::Pinned(sshd.strange_key());
        check(SftpSettings { host_key: strange, ..good() }, Fault::HostKey);
        let empty = folder.path().join("known %h hosts");
        fs::write(&empty, "").unwrap();
        check(SftpSettings { host_key: HostKey::KnownIn(empty.clone()), ..good() }, Fault::HostKey);
        let strange = Some(sshd.strange_identity());
        check(SftpSettings { identity: strange, ..good() }, Fault::Login);
        check(SftpSettings { port: Some(closed), ..good() }, Fault::Unreachable);
        fs::write(&empty, format!("[127.0.0.1]:{} {}\n", sshd.port(), sshd.host_key())).unwrap();
        let known = SftpSettings { host_key: HostKey::KnownIn(empty), ..good() };
        Sftp::new(known).unwrap().list(FileKind::Lock).unwrap();
        for host in ["-oProxyCommand=x", "", "a\nb"] {
            let odd = SftpSettings { host: host.into(), ..good() };
            assert!(matches!(Sftp::new(odd), Err(VaultError::Malformed { .. })), "{host}");
        }
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}

#[tokio::test]
async fn a_server_that_may_not_write_or_has_no_room_says_so() {
    if !Sshd::is_installed() {
        return;
    }
    let read_only = Sshd::start("internal-sftp -R").await;
    let sshd = Sshd::start("internal-sftp").await;
    let work = move || {
        let folder = testkit::folder();
        let bytes = Bytes::from(noise(1, 3 << 20));
        let file = FileName::new(FileKind::Pack, Id::of(&bytes));
        let storage = Sftp::new(settings(&read_only, folder.path())).unwrap();
        let error = storage.write(file, bytes.clone()).unwrap_err();
        assert_eq!(fault(&error), Fault::NotPermitted, "{}", error.story());
        let small = folder.path().join("small");
        fs::create_dir(&small).unwrap();
        let mount = Spawn::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "none"]).arg(&small);
        if run_to_end(mount, Duration::from_secs(30)).is_err() {
            println!("NOT TESTED: a full disk, for none could be mounted");
            return;
        }
        let storage = Sftp::new(settings(&sshd, &small)).unwrap();
        let error = storage.write(file, bytes).unwrap_err();
        let left = fs::read_dir(&small).unwrap().count();
        let unmount = Spawn::new("umount").arg("-l").arg(&small);
        run_to_end(unmount, Duration::from_secs(30)).unwrap();
        assert_eq!(fault(&error), Fault::Full, "{}", error.story());
        assert!(left <= 1, "only the folder of packs");
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}

fn fault(error: &VaultError) -> Fault {
    match error {
        VaultError::Storage { fault, .. } => *fault,
        other => panic!("{other:?}"),
    }
}
