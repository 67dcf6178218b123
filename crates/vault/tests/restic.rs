//! Debian's restic as the judge: it reads and checks what we write, and we what it writes.

use crate::place::{NOW_MS, Place, assert_same, noise, origin, password, quiet, request};
use host::process::{Output, Spawn, run_to_end};
use std::{fs, path::Path, sync::Arc, time::Duration};
use vault::{
    Repository, VaultError, check,
    lock::LockKind,
    prune::{self, Options},
    storage::Folder,
};

const LIMIT: Duration = Duration::from_mins(2);

/// `None` where restic is not installed: `cargo xtask test` installs it.
pub(crate) fn restic(repository: &Path, arguments: &[&str]) -> Option<(bool, String)> {
    if !["/usr/bin/restic", "/usr/local/bin/restic"].iter().any(|path| Path::new(path).exists()) {
        eprintln!(
            "NOT TESTED: what restic says, for it is not there; `cargo xtask test` installs it"
        );
        return None;
    }
    let spawn = Spawn::new("restic")
        .args(["--no-cache", "--repo"])
        .arg(repository)
        .args(arguments)
        .env("RESTIC_PASSWORD", password().reveal());
    Some(match run_to_end(spawn, LIMIT) {
        Ok(Output { stdout, .. }) => (true, String::from_utf8_lossy(&stdout).into_owned()),
        Err(error) => (false, format!("{error:?}")),
    })
}

/// Runs restic, which must succeed; what it said.
fn must(repository: &Path, arguments: &[&str]) -> Option<String> {
    let (is_well, said) = restic(repository, arguments)?;
    assert!(is_well, "restic {arguments:?}: {said}");
    Some(said)
}

#[test]
fn restic_checks_and_restores_and_goes_on_with_what_we_wrote() {
    let place = Place::new();
    let root = place.path("repository");
    place.write("media/a.jpg", noise(1, 5 << 20));
    place.write("index.html", "<h1>Lamps</h1>".repeat(2000));
    place.write("odd\n\"name\\", "odd");
    std::os::unix::fs::symlink("index.html", place.shop().join("link")).unwrap();
    let ours = place.back_up().unwrap().snapshot;
    let Some(said) = must(&root, &["check", "--read-data"]) else { return };
    assert!(said.contains("no errors were found"), "{said}");
    let back = place.path("back");
    must(&root, &["restore", &ours.id.to_string(), "--target", back.to_str().unwrap()]);
    let restored = back.join(place.shop().strip_prefix("/").unwrap());
    assert_same(&place.shop(), &restored);
    // The same content is the same pieces: restic has nothing to add but its own trees.
    let said = must(&root, &["backup", "--json", place.shop().to_str().unwrap()]).unwrap();
    let summary: serde_json::Value =
        serde_json::from_str(said.lines().last().unwrap_or_default()).unwrap();
    assert_eq!(summary["data_blobs"], 0, "{summary}");
    let theirs = summary["snapshot_id"].as_str().unwrap();
    let theirs = place.repository.snapshot(theirs).unwrap();
    assert!(place.restore(&theirs, "ours").unwrap().is_whole());
    assert_same(&place.shop(), &place.path("ours"));
    place.assert_clean();
}

#[test]
fn a_repository_that_restic_made_is_ours_too() {
    let place = Place::new();
    let root = place.path("theirs");
    if must(&root, &["init"]).is_none() {
        return;
    }
    place.write("media/a.jpg", noise(1, 5 << 20));
    place.write("empty", "");
    must(&root, &["backup", "--tag", "nightly", place.shop().to_str().unwrap()]);
    let repository = Repository::open(Arc::new(Folder::new(&root)), &password()).unwrap();
    let report = check::run(&repository, check::Data::All, &origin(), &quiet).unwrap();
    assert!(report.is_clean(), "{:?}", report.damage);
    let theirs = repository.snapshot("latest").unwrap();
    assert_eq!(theirs.tags, ["nightly"]);
    let next = vault::backup::run(&repository, request(vec![place.shop()]), &quiet).unwrap();
    let summary = next.snapshot.summary.as_ref().unwrap();
    assert_eq!((summary.data_blobs, summary.files_unmodified), (0, 2), "{summary:?}");
    assert_eq!(next.snapshot.parent, Some(theirs.id));
    must(&root, &["check", "--read-data"]);
}

#[test]
fn locks_are_honoured_both_ways() {
    let place = Place::new();
    let root = place.path("repository");
    place.write("a", "1");
    place.back_up().unwrap();
    let theirs = |arguments: &[&str]| restic(&root, arguments).map(|(is_well, _)| is_well);
    let shop = place.shop();
    let shop = shop.to_str().unwrap();
    {
        let _shared = place.repository.lock(LockKind::Shared, &origin()).unwrap();
        let Some(is_well) = theirs(&["prune"]) else { return };
        assert!(!is_well, "restic pruned beside our shared lock");
        assert_eq!(theirs(&["backup", shop]), Some(true));
        assert_eq!(theirs(&["unlock"]), Some(true));
        let locks = place.repository.locks(&origin()).unwrap();
        assert_eq!(locks.len(), 1, "restic took our lock for a stale one");
    }
    {
        let _exclusive = place.repository.lock(LockKind::Exclusive, &origin()).unwrap();
        assert_eq!(theirs(&["backup", shop]), Some(false));
    }
    assert_eq!(theirs(&["backup", shop]), Some(true));
    assert_eq!(theirs(&["prune"]), Some(true));
    place.assert_clean();
}

/// restic holds its lock while it waits for what it is to back up from its input.
#[tokio::test]
async fn a_lock_that_restic_holds_keeps_prune_away_until_it_is_gone() {
    let place = Place::new();
    let root = place.path("repository");
    place.write("a", "1");
    place.back_up().unwrap();
    if !Path::new("/usr/bin/restic").exists() {
        return;
    }
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut restic = Spawn::new("restic")
        .args(["--no-cache", "--repo"])
        .arg(&root)
        .args(["backup", "--stdin"])
        .env("RESTIC_PASSWORD", password().reveal())
        .stdin(host::process::Stdin::Descriptor(theirs.into()))
        .output_to(place.path("restic.log"))
        .start()
        .unwrap();
    testkit::wait_until("restic's lock", LIMIT, async || {
        let locks = place.repository.locks(&origin()).map_err(|error| error.story())?;
        if locks.len() == 1 {
            Ok(())
        } else {
            Err(fs::read_to_string(place.path("restic.log")).unwrap_or_default())
        }
    })
    .await;
    let refused = prune::run(&place.repository, &Options::new(origin(), NOW_MS)).unwrap_err();
    assert!(matches!(refused, VaultError::Locked(_)), "{refused:?}");
    // A shared one keeps no backup away.
    place.back_up().unwrap();
    restic.signal(host::process::Signal::Kill).unwrap();
    restic.wait().await.unwrap();
    drop(ours);
    // Its process is gone, so its lock holds nobody back.
    prune::run(&place.repository, &Options::new(origin(), NOW_MS)).unwrap();
    place.assert_clean();
}

#[test]
fn restic_reads_what_prune_left() {
    let place = Place::new();
    let root = place.path("repository");
    let kept = place.write("a", noise(1, 2 << 20));
    place.write("b", noise(2, 20 << 20));
    let first = place.back_up().unwrap().snapshot;
    fs::remove_file(place.shop().join("b")).unwrap();
    place.back_up().unwrap();
    place.repository.remove_snapshots(&[first.id]).unwrap();
    let prune = |now_ms| prune::run(&place.repository, &Options::new(origin(), now_ms)).unwrap();
    let marked = prune(NOW_MS);
    assert!(marked.marked_packs + marked.repacked_packs > 0, "{marked:?}");
    place.assert_clean();
    if must(&root, &["check", "--read-data"]).is_none() {
        return;
    }
    let deleted = prune(NOW_MS + 3 * 24 * 60 * 60 * 1000);
    assert!(deleted.deleted_packs > 0, "{deleted:?}");
    place.assert_clean();
    must(&root, &["check", "--read-data"]);
    let back = place.path("back");
    must(&root, &["restore", "latest", "--target", back.to_str().unwrap()]);
    let restored = back.join(kept.strip_prefix("/").unwrap());
    assert!(fs::read(restored).unwrap() == fs::read(kept).unwrap());
}
