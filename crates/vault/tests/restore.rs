//! Restoring: all, a folder, a file, again after it was stopped, and never out of the target.

use crate::place::{Place, assert_same, files_of, noise, origin, quiet};
use std::{
    fs,
    os::unix::fs::{MetadataExt as _, symlink},
    path::Path,
};
use vault::{
    Snapshot,
    restore::{self, FailureKind, Report, Request},
};

fn restore(place: &Place, snapshot: &Snapshot, path: &Path, into: &str) -> Report {
    let request = Request {
        snapshot: snapshot.clone(),
        path: path.into(),
        target: place.path(into),
        origin: origin(),
    };
    restore::run(&place.repository.reader().unwrap(), &request, &quiet).unwrap()
}

#[test]
fn all_a_folder_or_a_file_is_restored() {
    let place = Place::new();
    let file = place.write("media/a.jpg", noise(1, 2 << 20));
    place.write("code/index.ts", "lamp");
    let snapshot = place.back_up().unwrap().snapshot;
    assert!(restore(&place, &snapshot, Path::new("/"), "all").is_whole());
    let all = place.path("all").join(place.shop().strip_prefix("/").unwrap());
    assert_same(&place.shop(), &all);
    let report = restore(&place, &snapshot, &place.shop().join("media"), "folder");
    assert_eq!((report.files, report.bytes), (1, 2 << 20));
    assert_same(&place.shop().join("media"), &place.path("folder"));
    restore(&place, &snapshot, &file, "file");
    assert!(fs::read(place.path("file/a.jpg")).unwrap() == fs::read(&file).unwrap());
}

#[test]
fn what_is_right_already_is_kept_and_what_is_not_is_mended() {
    let place = Place::new();
    place.write("a", noise(1, 3 << 20));
    place.write("b", noise(2, 3 << 20));
    place.write("c", "small");
    let snapshot = place.back_up().unwrap().snapshot;
    let back = place.path("back");
    assert_eq!(restore(&place, &snapshot, &place.shop(), "back").kept_files, 0);
    // As if it had been stopped within b, and somebody had written into c and added d.
    let unfinished = fs::read(back.join("b")).unwrap()[..2 << 20].to_vec();
    fs::remove_file(back.join("b")).unwrap();
    let name = format!(".storewarden-{}", vault::Id::of(b"b").short());
    fs::write(back.join(name), unfinished).unwrap();
    fs::write(back.join("c"), "SMALL").unwrap();
    let report = restore(&place, &snapshot, &place.shop(), "back");
    assert_eq!((report.files, report.kept_files), (3, 1));
    assert!(report.is_whole());
    assert_same(&place.shop(), &back);
    let report = restore(&place, &snapshot, &place.shop(), "back");
    assert_eq!((report.files, report.kept_files), (3, 3));
}

#[test]
fn a_damaged_piece_is_named_and_the_rest_is_restored() {
    let place = Place::new();
    for number in 0..300 {
        place.write(&format!("small/{number}"), format!("lamp {number}").repeat(20));
    }
    place.write("big", noise(1, 6 << 20));
    let snapshot = place.back_up().unwrap().snapshot;
    let packs = files_of(&place.path("repository"), "data");
    let pack = packs.iter().max_by_key(|pack| fs::metadata(pack).unwrap().len()).unwrap();
    let mut bytes = fs::read(pack).unwrap();
    bytes[1000] ^= 4;
    fs::write(pack, bytes).unwrap();
    let report = restore(&place, &snapshot, &place.shop(), "back");
    assert!(!report.is_whole());
    let [failure] = &report.failures[..] else { panic!("{:?}", report.failures) };
    let FailureKind::Damaged { pack: named, .. } = failure.kind else { panic!("{failure:?}") };
    assert_eq!(pack.file_name().unwrap(), &*named.to_string());
    assert_eq!(report.files, 300, "{failure:?}");
    assert!(failure.why.contains("were changed"), "{}", failure.why);
    assert!(
        !place.path("back").join(&failure.path).exists(),
        "half a file under a whole one's name"
    );
    let mut beside = place.path("back").join(&failure.path).into_os_string();
    beside.push(".damaged");
    assert!(Path::new(&beside).exists());
    // A pack that is cut off costs what was in its end.
    let length = fs::metadata(pack).unwrap().len();
    fs::File::options().write(true).open(pack).unwrap().set_len(length / 2).unwrap();
    let report = restore(&place, &snapshot, &place.shop(), "again");
    assert!(!report.is_whole() && report.files < 301, "{report:?}");
    // Without it, folders are still made and other packs' files restored.
    fs::remove_file(pack).unwrap();
    let report = restore(&place, &snapshot, &place.shop(), "third");
    assert!(!report.is_whole());
    assert!(place.path("third/small").is_dir());
}

#[test]
fn nothing_is_written_through_a_link_in_the_target() {
    let place = Place::new();
    place.write("media/a.jpg", "lamp");
    place.write("b", "lamp");
    let snapshot = place.back_up().unwrap().snapshot;
    let outside = place.path("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "secret").unwrap();
    fs::create_dir(place.path("back")).unwrap();
    symlink(&outside, place.path("back/media")).unwrap();
    symlink(outside.join("secret"), place.path("back/b")).unwrap();
    let report = restore(&place, &snapshot, &place.shop(), "back");
    let [failure] = &report.failures[..] else { panic!("{report:?}") };
    assert_eq!((failure.path.as_path(), &failure.kind), (Path::new("media"), &FailureKind::Unsafe));
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(outside.join("secret")).unwrap(), "secret");
    // The link itself is replaced by the file.
    assert_eq!(fs::read_to_string(place.path("back/b")).unwrap(), "lamp");
    assert!(fs::symlink_metadata(place.path("back/b")).unwrap().is_file());
}

#[test]
fn holes_stay_holes() {
    let place = Place::new();
    let path = place.write("sparse", "");
    fs::File::options().write(true).open(&path).unwrap().set_len(64 << 20).unwrap();
    let snapshot = place.back_up().unwrap().snapshot;
    assert!(restore(&place, &snapshot, &place.shop(), "back").is_whole());
    let metadata = fs::metadata(place.path("back/sparse")).unwrap();
    assert_eq!(metadata.len(), 64 << 20);
    assert!(metadata.blocks() < 100, "{} blocks", metadata.blocks());
}
