//! Damaged files: what is damaged is told and kept, everything else is served.

use crate::stand::{BEGIN_MS, append, open, read, sample, series};
use series::{Sample, Series, SeriesError};
use std::{
    fs,
    path::{Path, PathBuf},
};

const SERIES: u32 = 30;
const TICKS: i64 = 600;

fn expected(number: u32) -> Vec<Sample> {
    let at = |tick| sample(BEGIN_MS + tick * 1_000 + tick % 3, f64::from(number) + tick as f64);
    (0..TICKS).map(at).collect()
}

/// Two parts of half the samples each.
fn fill(folder: &Path) -> Series {
    let store = open(folder);
    let all: Vec<_> = (0..SERIES).map(|number| series(&store, number)).collect();
    for half in 0..2 {
        for (number, series) in (0..).zip(&all) {
            let samples = expected(number);
            let half = samples.chunks(300).nth(half).unwrap();
            let batch: Vec<_> = half.iter().map(|sample| (*series, *sample)).collect();
            append(&store, &batch, BEGIN_MS);
        }
        // By its age; too few parts to be merged.
        assert!(store.maintain(BEGIN_MS + 1_800_000).unwrap().flushed);
    }
    store
}

fn parts(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("parts")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn flip(path: &Path, position: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[position] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

/// How many samples are there; each must be one that was appended.
fn count(store: &Series) -> usize {
    let found = (0..SERIES).map(|number| {
        let (found, expect) = (read(store, number), expected(number));
        assert!(found.iter().all(|sample| expect.contains(sample)), "series {number}");
        found.len()
    });
    found.sum()
}

const ALL: usize = SERIES as usize * TICKS as usize;

#[test]
fn a_damaged_block_takes_its_samples_and_its_part_is_kept_when_it_is_merged() {
    let folder = testkit::folder();
    drop(fill(folder.path()));
    let parts = parts(folder.path());
    assert_eq!(parts.len(), 2);
    flip(&parts[0], 1_000);
    let store = open(folder.path());
    assert_eq!(count(&store), ALL - 300);
    assert!(store.stats().unwrap().damaged > 0);
    store.condense(BEGIN_MS + 1).unwrap();
    assert_eq!(count(&store), ALL - 300);
    let stats = store.stats().unwrap();
    assert_eq!((stats.raw.parts, stats.quarantined), (1, 1));
    let kept = fs::read_dir(folder.path().join("quarantine")).unwrap().next().unwrap().unwrap();
    assert!(
        kept.file_name()
            .to_str()
            .unwrap()
            .ends_with(parts[0].file_name().unwrap().to_str().unwrap())
    );
}

#[test]
fn a_part_that_cannot_be_opened_is_set_aside_and_the_others_are_served() {
    let folder = testkit::folder();
    drop(fill(folder.path()));
    let parts = parts(folder.path());
    let length = fs::metadata(&parts[1]).unwrap().len() as usize;
    flip(&parts[1], length - 20);
    let store = open(folder.path());
    assert_eq!(count(&store), ALL / 2);
    let stats = store.stats().unwrap();
    assert_eq!((stats.damaged, stats.quarantined, stats.raw.parts), (1, 1, 1));
    // And it goes on.
    let one = series(&store, 1);
    append(&store, &[(one, expected(1)[599])], BEGIN_MS);
    assert_eq!(count(&store), ALL / 2 + 1);
}

#[test]
fn any_flipped_byte_of_a_part_loses_no_more_than_that_part() {
    let folder = testkit::folder();
    drop(fill(folder.path()));
    let path = parts(folder.path()).swap_remove(0);
    let whole = fs::read(&path).unwrap();
    for position in (8..whole.len()).step_by(whole.len() / 40) {
        flip(&path, position);
        let store = open(folder.path());
        let found = count(&store);
        let is_told = store.stats().unwrap().damaged > 0;
        assert!(found >= ALL / 2 && (is_told || found == ALL), "byte {position}: {found}");
        drop(store);
        fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn what_a_crash_left_between_the_steps_of_a_merge_is_put_right() {
    let folder = testkit::folder();
    let store = fill(folder.path());
    let inputs: Vec<_> = parts(folder.path())
        .into_iter()
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    store.condense(BEGIN_MS + 1).unwrap();
    drop(store);
    assert_eq!(parts(folder.path()).len(), 1);
    // The merged part has its name, the inputs are still there; and one more was half-made.
    inputs.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
    fs::write(inputs[0].0.with_extension("part.new"), b"half").unwrap();
    let store = open(folder.path());
    assert_eq!(count(&store), ALL);
    assert_eq!(parts(folder.path()).len(), 1);
}

#[test]
fn a_newer_format_is_refused_and_nothing_is_changed() {
    let folder = testkit::folder();
    drop(fill(folder.path()));
    for path in [parts(folder.path()).swap_remove(0), folder.path().join("catalog")] {
        let mut bytes = fs::read(&path).unwrap();
        bytes[7] = 2;
        fs::write(&path, &bytes).unwrap();
        let error = Series::open(folder.path(), series::Limits::default(), BEGIN_MS).unwrap_err();
        assert!(matches!(error, SeriesError::Newer { path: newer } if newer == path));
        assert_eq!(fs::read(&path).unwrap(), bytes);
        bytes[7] = 1;
        fs::write(&path, bytes).unwrap();
    }
    assert_eq!(count(&open(folder.path())), ALL);
}

#[test]
fn a_lost_definition_takes_its_series_and_its_id_is_not_given_to_another() {
    let folder = testkit::folder();
    drop(fill(folder.path()));
    let path = folder.path().join("catalog");
    let length = fs::metadata(&path).unwrap().len() as usize;
    flip(&path, length - 3);
    let store = open(folder.path());
    assert_eq!(store.select(&[]).len(), SERIES as usize - 1);
    let lost = series(&store, SERIES - 1);
    append(&store, &[(lost, expected(SERIES - 1)[0])], BEGIN_MS);
    assert_eq!(read(&store, SERIES - 1).len(), 1, "the samples of before are nobody's");
}
