//! One bit of any file of a repository changed is found and named.

use crate::place::{Place, files_of, noise, origin, password, quiet};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use std::{fs, path::Path, sync::Arc};
use vault::{
    Repository, VaultError,
    check::{self, DamageKind, Data},
    lock::LockKind,
    storage::{FileKind, Folder},
};

const FLIPS_OF_EACH: u32 = 6;

fn seed() -> u64 {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(rand::random);
    println!("SEED={seed}");
    seed
}

/// What opening and checking say is damaged.
fn found(root: &Path, data: Data) -> Vec<DamageKind> {
    match Repository::open(Arc::new(Folder::new(root)), &password()) {
        Err(VaultError::Damaged { file, .. }) => vec![DamageKind::File(file)],
        Err(error) => panic!("{error:?}"),
        Ok(repository) => {
            let report = check::run(&repository, data, &origin(), &quiet).unwrap();
            report.damage.into_iter().map(|damage| damage.kind).collect()
        }
    }
}

#[test]
fn a_changed_bit_in_any_kind_of_file_is_found_and_named() {
    let mut dice = SmallRng::seed_from_u64(seed());
    let place = Place::new();
    let root = place.path("repository");
    place.write("media/a.jpg", noise(1, 2 << 20));
    place.write("index.html", "lamp".repeat(5000));
    place.back_up().unwrap();
    let lock = place.repository.lock(LockKind::Shared, &origin()).unwrap();
    let kinds = [
        ("config", FileKind::Config),
        ("keys", FileKind::Key),
        ("locks", FileKind::Lock),
        ("snapshots", FileKind::Snapshot),
        ("index", FileKind::Index),
        ("data", FileKind::Pack),
    ];
    assert_eq!(found(&root, Data::All), []);
    for (folder, kind) in kinds {
        let files = match folder {
            "config" => vec![root.join("config")],
            folder => files_of(&root, folder),
        };
        for file in &files {
            for flip in 0..FLIPS_OF_EACH {
                let whole = fs::read(file).unwrap();
                let mut bytes = whole.clone();
                // Of a pack its header and its length as well.
                let at = match flip {
                    0 => bytes.len() - 1,
                    1 => bytes.len() - 20,
                    _ => dice.random_range(0..bytes.len()),
                };
                bytes[at] ^= 1 << dice.random_range(0..8);
                fs::write(file, bytes).unwrap();
                let found = found(&root, Data::All);
                let is_named = found.iter().any(|found| is_of(found, kind, file));
                assert!(is_named, "{} byte {at}: {found:?}", file.display());
                fs::write(file, whole).unwrap();
            }
        }
    }
    drop(lock);
    assert_eq!(found(&root, Data::All), []);
}

fn is_of(found: &DamageKind, kind: FileKind, file: &Path) -> bool {
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    match found {
        DamageKind::File(file) if kind == FileKind::Config => file.kind() == kind,
        DamageKind::File(file) => file.kind() == kind && file.id().to_string() == name,
        DamageKind::Blob { pack, .. } => kind == FileKind::Pack && pack.to_string() == name,
        DamageKind::MissingBlob(_) => false,
    }
}

#[test]
fn a_file_that_is_gone_is_named_with_what_needs_it() {
    for folder in ["data", "index", "snapshots"] {
        let place = Place::new();
        let root = place.path("repository");
        place.write("media/a.jpg", noise(1, 2 << 20));
        place.back_up().unwrap();
        for file in files_of(&root, folder) {
            fs::remove_file(file).unwrap();
        }
        let report = place.check();
        let affected = report.damage.iter().flat_map(|damage| &damage.affected);
        let names_the_picture =
            affected.clone().any(|(_, path)| *path == place.shop().join("media/a.jpg"));
        match folder {
            // Nobody knows of a snapshot that is gone; its count says so.
            "snapshots" => assert!(report.is_clean() && report.snapshots == 0),
            "data" => assert!(!report.is_clean() && report.packs == 0),
            _ => assert!(!report.is_clean(), "{folder}"),
        }
        // With its tree gone as well nobody knows who needs the picture.
        assert!(!names_the_picture);
    }
    let place = Place::new();
    place.write("media/a.jpg", noise(1, 2 << 20));
    place.back_up().unwrap();
    let packs = files_of(&place.path("repository"), "data");
    let largest = packs.iter().max_by_key(|pack| fs::metadata(pack).unwrap().len()).unwrap();
    fs::remove_file(largest).unwrap();
    let report = check::run(&place.repository, Data::None, &origin(), &quiet).unwrap();
    let [damage] = &report.damage[..] else { panic!("{:?}", report.damage) };
    assert!(damage.affected.iter().any(|(_, path)| *path == place.shop().join("media/a.jpg")));
}

#[test]
fn shares_together_read_every_pack_once() {
    let place = Place::new();
    for number in 0..6 {
        place.write("a", noise(number, 1 << 20));
        place.back_up().unwrap();
    }
    let read = |data| {
        let report = check::run(&place.repository, data, &origin(), &quiet).unwrap();
        assert!(report.is_clean());
        report.packs_read
    };
    let all = read(Data::All);
    assert_eq!(all, 12);
    assert_eq!((1..=5).map(|part| read(Data::Share { part, of: 5 })).sum::<u64>(), all);
    assert_eq!(read(Data::None), 0);
}

#[test]
fn only_reading_the_data_finds_what_lies_within_packs() {
    let place = Place::new();
    place.write("a", noise(1, 1 << 20));
    place.back_up().unwrap();
    let packs = files_of(&place.path("repository"), "data");
    let pack = packs.iter().max_by_key(|pack| fs::metadata(pack).unwrap().len()).unwrap();
    let mut bytes = fs::read(pack).unwrap();
    bytes[5000] ^= 1;
    fs::write(pack, bytes).unwrap();
    let root = place.path("repository");
    assert_eq!(found(&root, Data::None), []);
    assert_eq!(found(&root, Data::All).len(), 1);
}
