//! Pruning in two steps, and what keeps a pack from going.

use crate::place::{NOW_MS, Place, assert_same, files_of, noise, origin};
use std::fs;
use vault::{
    VaultError,
    lock::LockKind,
    prune::{self, Figures, Options},
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn run(place: &Place, now_ms: i64) -> Figures {
    let options = Options::new(origin(), now_ms);
    let planned = prune::plan(&place.repository, &options).unwrap();
    let done = prune::run(&place.repository, &options).unwrap();
    assert_eq!(planned, done);
    place.assert_clean();
    done
}

fn packs(place: &Place) -> usize {
    files_of(&place.path("repository"), "data").len()
}

/// Two snapshots, the first of which alone uses most of what there is.
fn place_with_waste() -> (Place, vault::Snapshot) {
    let place = Place::new();
    place.write("gone", noise(1, 20 << 20));
    place.write("kept", noise(2, 5 << 20));
    let first = place.back_up().unwrap().snapshot;
    fs::remove_file(place.shop().join("gone")).unwrap();
    place.back_up().unwrap();
    (place, first)
}

#[test]
fn what_nobody_uses_is_marked_first_and_deleted_after_its_grace() {
    let (place, first) = place_with_waste();
    let before = packs(&place);
    let nothing = run(&place, NOW_MS);
    assert_eq!(nothing.marked_packs + nothing.repacked_packs + nothing.deleted_packs, 0);
    place.repository.remove_snapshots(&[first.id]).unwrap();
    let marked = run(&place, NOW_MS);
    assert!(marked.marked_packs + marked.repacked_packs >= 2, "{marked:?}");
    assert!(packs(&place) >= before, "nothing goes at once");
    let waiting = run(&place, NOW_MS + DAY_MS);
    assert_eq!(waiting.deleted_packs, 0);
    assert!(waiting.waiting_packs >= 2);
    // A clock that went back makes nobody older.
    assert_eq!(run(&place, NOW_MS - 400 * DAY_MS).deleted_packs, 0);
    let deleted = run(&place, NOW_MS + 3 * DAY_MS);
    assert!(deleted.deleted_bytes > 15 << 20, "{deleted:?}");
    assert!(packs(&place) < before);
    let last = place.repository.snapshot("latest").unwrap();
    assert!(place.restore(&last, "back").unwrap().is_whole());
    assert_same(&place.shop(), &place.path("back"));
    let settled = run(&place, NOW_MS + 9 * DAY_MS);
    assert_eq!(settled, Figures { kept_packs: settled.kept_packs, ..Figures::default() });
}

#[test]
fn a_marked_pack_that_is_used_again_comes_back() {
    let (place, first) = place_with_waste();
    // A backup that began before the marking, by a program that sets no locks: its snapshot comes
    // after.
    let file = files_of(&place.path("repository"), "snapshots")
        .into_iter()
        .find(|path| path.ends_with(first.id.to_string()))
        .unwrap();
    let sealed = fs::read(&file).unwrap();
    place.repository.remove_snapshots(&[first.id]).unwrap();
    run(&place, NOW_MS);
    fs::write(file, sealed).unwrap();
    // Even before the next prune it can be restored.
    place.assert_clean();
    assert!(place.restore(&first, "back").unwrap().is_whole());
    let recovered = run(&place, NOW_MS + 3 * DAY_MS);
    assert!(recovered.recovered_packs > 0, "{recovered:?}");
    assert!(place.restore(&first, "again").unwrap().is_whole());
}

#[test]
fn nothing_new_builds_on_a_marked_pack() {
    let (place, first) = place_with_waste();
    place.repository.remove_snapshots(&[first.id]).unwrap();
    run(&place, NOW_MS);
    place.write("gone", noise(1, 20 << 20));
    let again = place.back_up().unwrap().snapshot;
    assert!(again.summary.as_ref().unwrap().data_added > 19 << 20);
    run(&place, NOW_MS + 3 * DAY_MS);
    assert!(place.restore(&again, "back").unwrap().is_whole());
    assert_same(&place.shop(), &place.path("back"));
}

#[test]
fn what_is_left_of_killed_runs_goes_in_time() {
    let (place, _) = place_with_waste();
    let root = place.path("repository");
    let pack = &files_of(&root, "data")[0];
    // The same bytes under another name: a pack that no index knows.
    let orphan = root.join("data/00").join("0".repeat(64));
    fs::create_dir_all(orphan.parent().unwrap()).unwrap();
    fs::copy(pack, &orphan).unwrap();
    fs::write(root.join("data/00/abc-tmp-123"), "half").unwrap();
    assert_eq!(place.check().orphans, 1);
    assert_eq!(run(&place, NOW_MS).marked_packs, 1);
    assert!(orphan.exists() && !root.join("data/00/abc-tmp-123").exists());
    assert_eq!(run(&place, NOW_MS + 3 * DAY_MS).deleted_packs, 1);
    assert!(!orphan.exists());
}

#[test]
fn beside_anybody_or_over_damage_nothing_is_pruned() {
    let (place, first) = place_with_waste();
    place.repository.remove_snapshots(&[first.id]).unwrap();
    let options = Options::new(origin(), NOW_MS);
    {
        let _lock = place.repository.lock(LockKind::Shared, &origin()).unwrap();
        let error = prune::run(&place.repository, &options).unwrap_err();
        assert!(matches!(error, VaultError::Locked(_)), "{error:?}");
    }
    let _exclusive = place.repository.lock(LockKind::Exclusive, &origin()).unwrap();
    assert!(matches!(place.back_up(), Err(VaultError::Locked(_))));
    drop(_exclusive);
    let snapshot = &files_of(&place.path("repository"), "snapshots")[0];
    let whole = fs::read(snapshot).unwrap();
    let mut bytes = whole.clone();
    bytes[30] ^= 1;
    fs::write(snapshot, bytes).unwrap();
    let before = packs(&place);
    let error = prune::run(&place.repository, &options).unwrap_err();
    assert!(matches!(error, VaultError::Damaged { .. }), "{error:?}");
    assert_eq!(packs(&place), before);
}
