//! Copies of snapshots in other repositories.

use crate::{
    place::{NOW_MS, Place, assert_same, files_of, noise, origin, password, quick, quiet},
    restic::restic,
};
use kernel::config::Secret;
use std::{fs, sync::Arc};
use vault::{
    InitOptions, Repository, VaultError, check,
    copy::{self, Copied},
    restore,
    storage::Folder,
};

fn other(place: &Place, name: &str, options: &InitOptions) -> Repository {
    let storage = Arc::new(Folder::new(place.path(name)));
    Repository::init(storage, &password(), &origin(), options, NOW_MS).unwrap()
}

fn like(place: &Place) -> InitOptions {
    InitOptions { like: Some(place.repository.clone()), ..quick() }
}

fn request(snapshots: &[vault::Snapshot]) -> copy::Request {
    let snapshots = snapshots.iter().map(|snapshot| snapshot.id).collect();
    copy::Request { snapshots, read_back: true, origin: origin() }
}

#[test]
fn a_copy_holds_the_same_and_is_made_once() {
    let place = Place::new();
    place.write("media/a.jpg", noise(1, 20 << 20));
    place.write("index.html", "lamp".repeat(10_000));
    let first = place.back_up().unwrap().snapshot;
    place.write("index.html", "lamps".repeat(10_000));
    let second = place.back_up().unwrap().snapshot;
    let to = other(&place, "copy", &like(&place));
    let run = |snapshots: &[vault::Snapshot]| {
        copy::run(&place.repository, &to, &request(snapshots), &quiet).unwrap()
    };
    let report = run(std::slice::from_ref(&first));
    assert!(report.is_cut_alike && report.sent_bytes > 20 << 20, "{report:?}");
    let report = run(&[first.clone(), second.clone()]);
    assert!(report.sent_bytes < 1 << 20, "{report:?}");
    let told: Vec<_> = report.copies.iter().map(|copy| (copy.from, copy.was_there)).collect();
    assert_eq!(told, [(first.id, true), (second.id, false)]);
    let again = run(&[first.clone(), second.clone()]);
    assert_eq!((again.sent_blobs, again.copies.iter().all(|copy| copy.was_there)), (0, true));
    assert_eq!(to.snapshots().unwrap().len(), 2);

    let report = check::run(&to, check::Data::All, &origin(), &quiet).unwrap();
    assert!(report.is_clean(), "{:#?}", report.damage);
    let Copied { to: id, .. } = again.copies[1];
    let snapshot = to.snapshot(&id.to_string()).unwrap();
    assert_eq!((snapshot.original, snapshot.time), (Some(second.id), second.time));
    let asked = restore::Request {
        snapshot,
        path: place.shop(),
        target: place.path("back"),
        origin: origin(),
    };
    assert!(restore::run(&to.reader().unwrap(), &asked, &quiet).unwrap().is_whole());
    assert_same(&place.shop(), &place.path("back"));
    if let Some((is_well, said)) = restic(&place.path("copy"), &["check", "--read-data"]) {
        assert!(is_well, "{said}");
    }

    // A copy of a copy is known as what it is.
    let third = other(&place, "third", &like(&place));
    copy::run(&to, &third, &request(&to.snapshots().unwrap()), &quiet).unwrap();
    let back = request(&third.snapshots().unwrap());
    let report = copy::run(&third, &place.repository, &back, &quiet).unwrap();
    assert!(report.copies.iter().all(|copy| copy.was_there), "{report:?}");
}

#[test]
fn other_passwords_and_other_cuts_are_no_hindrance() {
    let place = Place::new();
    place.write("index.html", "lamp".repeat(100_000));
    let snapshot = place.back_up().unwrap().snapshot;
    let storage = Arc::new(Folder::new(place.path("copy")));
    let secret = Secret::new("another".into());
    let to = Repository::init(storage, &secret, &origin(), &quick(), NOW_MS).unwrap();
    let report = copy::run(&place.repository, &to, &request(&[snapshot]), &quiet).unwrap();
    assert!(!report.is_cut_alike);
    assert!(check::run(&to, check::Data::All, &origin(), &quiet).unwrap().is_clean());
}

#[test]
fn what_is_damaged_is_not_copied_and_what_arrives_damaged_is_no_copy() {
    let place = Place::new();
    place.write("media/a.jpg", noise(1, 3 << 20));
    let snapshot = place.back_up().unwrap().snapshot;
    let asked = request(&[snapshot]);
    // Sent by a run of before, listed, and changed since.
    let to = other(&place, "copy", &like(&place));
    copy::run(&place.repository, &to, &asked, &quiet).unwrap();
    to.remove_snapshots(&[to.snapshots().unwrap()[0].id]).unwrap();
    let flip = |repository: &str, at: usize| {
        let packs = files_of(&place.path(repository), "data");
        let longest = packs.iter().max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
        let mut bytes = fs::read(longest).unwrap();
        bytes[at] ^= 1;
        fs::write(longest, bytes).unwrap();
    };
    flip("copy", 5000);
    let error = copy::run(&place.repository, &to, &asked, &quiet).unwrap_err();
    assert!(matches!(error, VaultError::DamagedBlob { .. }), "{error:?}");
    assert_eq!(to.snapshots().unwrap(), []);

    flip("repository", 5000);
    let to = other(&place, "other", &like(&place));
    let error = copy::run(&place.repository, &to, &asked, &quiet).unwrap_err();
    assert!(matches!(error, VaultError::DamagedBlob { .. }), "{error:?}");
    assert_eq!(to.snapshots().unwrap(), []);
    let nothing = copy::Request { snapshots: vec![vault::Id::of(b"x")], ..asked };
    let error = copy::run(&place.repository, &to, &nothing, &quiet).unwrap_err();
    assert!(matches!(error, VaultError::NoSnapshot(_)), "{error:?}");
}
