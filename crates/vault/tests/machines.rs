//! Two machines on one repository: each honours the other's locks, and what a machine that died has
//! left holds nobody up for longer than half an hour.

use crate::place::{NOW_MS, Place, noise, origin, password, quiet, request};
use host::process::Signal;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};
use testkit::wait_until;
use vault::{
    InitOptions, Origin, Repository, VaultError, backup,
    lock::LockKind,
    prune::{self, Options},
    storage::Folder,
};

/// The library that sets a program's clock (github.com/wolfcw/libfaketime), in the folder of the
/// machine's architecture.
fn faketime() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?;
    let mut found =
        folders.filter_map(|entry| Some(entry.ok()?.path().join("faketime/libfaketimeMT.so.1")));
    found.find(|path| path.exists())
}

fn elsewhere() -> Origin {
    Origin { hostname: "elsewhere".into(), ..origin() }
}

fn open(folder: &Path) -> Repository {
    let storage = Arc::new(Folder::new(folder.join("repository")));
    Repository::open(storage, &password()).unwrap()
}

const NAME: &str = "machines::a_machine_that_died_holds_nobody_up_for_long";

#[tokio::test]
async fn a_machine_that_died_holds_nobody_up_for_long() {
    if let Some(folder) = testkit::role() {
        let folder = PathBuf::from(folder);
        let _lock = open(&folder).lock(LockKind::Exclusive, &elsewhere()).unwrap();
        fs::write(folder.join("ready"), "").unwrap();
        loop {
            thread::park();
        }
    }
    let Some(faketime) = faketime() else {
        println!("skipped: this machine has no faketime");
        return;
    };
    let place = Place::new();
    place.write("a", noise(1, 100_000));
    let die = async |clock: &str| {
        let mut machine = testkit::this_test(NAME, place.folder.path().to_str().unwrap())
            .env("LD_PRELOAD", &faketime)
            .env("FAKETIME", clock)
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .output_to(place.path("machine.log"))
            .tied_to_this_thread(Signal::Kill)
            .start()
            .unwrap();
        let ready = place.path("ready");
        let said = || fs::read_to_string(place.path("machine.log")).unwrap_or_default();
        let is_ready = async || fs::metadata(&ready).map_err(|error| (error, said()));
        wait_until("another machine's lock", Duration::from_secs(60), is_ready).await;
        machine.signal(Signal::Kill).unwrap();
        machine.wait().await.unwrap();
        fs::remove_file(ready).unwrap();
    };
    let both = || {
        let pruned = prune::run(&place.repository, &Options::new(origin(), NOW_MS));
        [place.back_up().map(drop), pruned.map(drop)]
    };

    // Whether it is gone, nobody here can know yet.
    die("-28m").await;
    for outcome in both() {
        let Err(VaultError::Locked(holder)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(holder.hostname, "elsewhere");
        assert!(holder.to_string().contains("on elsewhere holds an exclusive lock since"));
    }
    assert_eq!(place.repository.locks(&origin()).unwrap().len(), 1);
    for file in crate::place::files_of(&place.path("repository"), "locks") {
        fs::remove_file(file).unwrap();
    }

    die("-31m").await;
    both().into_iter().for_each(Result::unwrap);
    assert_eq!(place.repository.locks(&origin()).unwrap(), []);
    place.assert_clean();
}

#[test]
fn two_back_up_at_once_and_neither_prunes_meanwhile() {
    let place = Place::new();
    place.write("a", noise(1, 4 << 20));
    place.back_up().unwrap();
    let together = Barrier::new(2);
    let live = |origin: Origin, name: &str| {
        let repository = open(place.folder.path());
        let shop = place.path(name);
        fs::create_dir_all(&shop).unwrap();
        for round in 0..4 {
            fs::write(shop.join("new"), noise(round, 1 << 20)).unwrap();
            together.wait();
            let asked = backup::Request { origin: origin.clone(), ..request(vec![shop.clone()]) };
            backup::run(&repository, asked, &quiet).unwrap();
            // The other one may be in the midst of its backup, or of this.
            match prune::run(&repository, &Options::new(origin.clone(), NOW_MS)) {
                Ok(_) | Err(VaultError::Locked(_)) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| live(origin(), "one"));
        scope.spawn(|| live(elsewhere(), "other"));
    });
    assert_eq!(place.assert_clean().snapshots, 9);

    let lock = place.repository.lock(LockKind::Shared, &elsewhere()).unwrap();
    place.back_up().unwrap();
    let refused = prune::run(&place.repository, &Options::new(origin(), NOW_MS)).unwrap_err();
    let VaultError::Locked(holder) = refused else { panic!("{refused:?}") };
    assert_eq!(holder.hostname, "elsewhere");
    drop(lock);
    prune::run(&place.repository, &Options::new(origin(), NOW_MS)).unwrap();
    place.assert_clean();
}

#[test]
fn of_all_who_make_a_repository_at_once_at_most_one_does_and_the_others_find_it() {
    const MACHINES: usize = 6;
    for round in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let start = Barrier::new(MACHINES);
        let init = || {
            let storage = Arc::new(Folder::new(folder.path().join("repository")));
            let options = InitOptions { cost_log: 4, like: None };
            Repository::init(storage, &password(), &origin(), &options, NOW_MS)
        };
        let at_once = || {
            start.wait();
            init()
        };
        let made = thread::scope(|scope| {
            let makers: Vec<_> = (0..MACHINES).map(|_| scope.spawn(at_once)).collect();
            makers.into_iter().map(|maker| maker.join().unwrap()).collect::<Vec<_>>()
        });
        let mut ids = Vec::new();
        for one in made {
            match one {
                Ok(repository) => ids.push(repository.id().to_owned()),
                Err(VaultError::Exists(_)) => {}
                Err(error) => panic!("round {round}: {error:?}"),
            }
        }
        assert!(ids.len() <= 1, "round {round}: {ids:?}");
        // Where each saw another's key nobody has made it, and whoever comes next does.
        if ids.is_empty() {
            ids.push(init().unwrap().id().to_owned());
        }
        let repository = open(folder.path());
        assert_eq!(repository.id(), ids[0], "round {round}");
        assert_eq!(repository.keys().unwrap().len(), 1, "round {round}");
    }
}
