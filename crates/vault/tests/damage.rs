//! One bit of any file of a repository changed is found and named.

use crate::{
    killing::seed,
    place::{Place, files_of, noise, origin, password, quiet},
};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use std::{fs, ops::Range, path::Path, sync::Arc};
use vault::{
    Repository, VaultError,
    check::{self, Damage, DamageKind, Data},
    lock::LockKind,
    storage::{FileName, Folder},
};

const FLIPS_OF_EACH: u32 = 5;
const PICTURE: &str = "media/a.jpg";

/// What opening and checking say is damaged.
fn found(root: &Path, data: Data) -> Vec<Damage> {
    match Repository::open(Arc::new(Folder::new(root)), &password()) {
        Err(error @ VaultError::Damaged { file, .. }) => {
            let (kind, why) = (DamageKind::File(file), error.story());
            vec![Damage { kind, why, affected: Vec::new() }]
        }
        Err(error) => panic!("{error:?}"),
        Ok(repository) => check::run(&repository, data, &origin(), &quiet).unwrap().damage,
    }
}

/// A part of one kind of file.
#[derive(Debug, Clone, Copy)]
enum Part {
    Whole,
    /// Of a pack: what is in front of its header, the header, and the header's length at the end.
    Blobs,
    Header,
    Length,
}

impl Part {
    fn of(self, file: &[u8]) -> Range<usize> {
        let end = file.len() - 4;
        let header = || end - u32::from_le_bytes(file[end..].try_into().unwrap()) as usize;
        match self {
            Self::Whole => 0..file.len(),
            Self::Blobs => 0..header(),
            Self::Header => header()..end,
            Self::Length => end..file.len(),
        }
    }
}

/// What a finding must be about, and whose loss it must call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    /// The file of the repository.
    File,
    /// The file of the repository, and the picture that needs it.
    FileAndPicture,
    /// The place in the pack, and the picture.
    BlobAndPicture,
    /// The place in the pack, and the shop's folders.
    BlobAndFolder,
}

#[test]
fn a_changed_bit_in_any_kind_of_file_is_found_and_named() {
    let mut dice = SmallRng::seed_from_u64(seed());
    let place = Place::new();
    let root = place.path("repository");
    // Nothing else, so that it is known whose loss each bit is.
    place.write(PICTURE, noise(1, 2 << 20));
    place.back_up().unwrap();
    let lock = place.repository.lock(LockKind::Shared, &origin()).unwrap();
    assert_eq!(found(&root, Data::All), []);
    let one = |folder: &str| {
        let [file] = &files_of(&root, folder)[..] else { panic!("one of {folder}") };
        file.clone()
    };
    let mut packs = files_of(&root, "data");
    packs.sort_by_key(|pack| fs::metadata(pack).unwrap().len());
    let [trees, data] = &packs[..] else { panic!("one pack of trees, and one of data: {packs:?}") };
    let check = |dice: &mut SmallRng, file: &Path, part: Part, names: Names| {
        let whole = fs::read(file).unwrap();
        for _ in 0..FLIPS_OF_EACH {
            let mut bytes = whole.clone();
            let at = dice.random_range(part.of(&whole));
            bytes[at] ^= 1 << dice.random_range(0..8);
            fs::write(file, bytes).unwrap();
            let found = found(&root, Data::All);
            let is_named = found.iter().any(|damage| is_of(damage, file, names, &place));
            assert!(is_named, "{} byte {at}, {part:?}: {found:#?}", file.display());
        }
        fs::write(file, whole).unwrap();
    };
    check(&mut dice, &root.join("config"), Part::Whole, Names::File);
    check(&mut dice, &one("keys"), Part::Whole, Names::File);
    check(&mut dice, &one("locks"), Part::Whole, Names::File);
    check(&mut dice, &one("snapshots"), Part::Whole, Names::File);
    check(&mut dice, &one("index"), Part::Whole, Names::File);
    check(&mut dice, data, Part::Blobs, Names::BlobAndPicture);
    check(&mut dice, data, Part::Header, Names::FileAndPicture);
    check(&mut dice, data, Part::Length, Names::FileAndPicture);
    check(&mut dice, trees, Part::Blobs, Names::BlobAndFolder);
    check(&mut dice, trees, Part::Header, Names::File);
    check(&mut dice, trees, Part::Length, Names::File);
    drop(lock);
    assert_eq!(found(&root, Data::All), []);
}

/// By its name among the files of the repository, which people are told as well, and by what is lost.
fn is_of(damage: &Damage, file: &Path, names: Names, place: &Place) -> bool {
    let name = file.file_name().unwrap().to_str().unwrap();
    let is_named = match damage.kind {
        DamageKind::File(_) if name == "config" => {
            damage.kind == DamageKind::File(FileName::CONFIG)
        }
        DamageKind::File(file) => file.id().to_string() == name,
        DamageKind::Blob { pack, .. } => pack.to_string() == name,
        DamageKind::MissingBlob(_) => false,
    };
    let is_blob = matches!(damage.kind, DamageKind::Blob { .. });
    let wants_blob = matches!(names, Names::BlobAndPicture | Names::BlobAndFolder);
    let is_lost = |path: &Path| damage.affected.iter().any(|(_, lost)| lost == path);
    let whose = match names {
        Names::File => true,
        Names::FileAndPicture | Names::BlobAndPicture => is_lost(&place.shop().join(PICTURE)),
        Names::BlobAndFolder => {
            damage.affected.iter().any(|(_, lost)| place.shop().join("media").starts_with(lost))
        }
    };
    is_named && is_blob == wants_blob && whose && damage.why.contains(name)
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
