//! The log gives back what was acknowledged, whatever became of its tail.

use super::*;
use crate::files::Quarantine;
use std::{fs, path::Path};

fn sample(number: i64) -> (SeriesRef, Sample) {
    let id = u32::try_from(number % 7).unwrap();
    let sample = Sample { at_ms: 1_700_000_000_000 + number, value: 1.5 };
    (SeriesRef { slot: id, id }, sample)
}

/// The numbers of the samples that are read again, and what became of the rest.
fn read_again(folder: &Path) -> (Vec<i64>, Replayed) {
    let aside = folder.join("quarantine");
    fs::create_dir_all(&aside).unwrap();
    let mut found = Vec::new();
    let replayed = replay(folder, 1, &Quarantine::new(aside), |id, sample| {
        let number = sample.at_ms - 1_700_000_000_000;
        assert_eq!((u64::from(id), sample.value), (number.cast_unsigned() % 7, 1.5));
        found.push(number);
    });
    (found, replayed.unwrap())
}

fn open(folder: &Path) -> Log {
    Log::new(folder.to_owned(), &read_again(folder).1)
}

/// Five frames of three samples, and the file they are in.
fn write_five(folder: &Path) -> PathBuf {
    let log = open(folder);
    for frame in 0..5 {
        let samples: Vec<_> = (frame * 3..frame * 3 + 3).map(sample).collect();
        log.commit(log.append(&samples)).unwrap();
    }
    folder.join(file_name(1))
}

#[test]
fn a_log_cut_anywhere_gives_back_a_prefix() {
    let folder = testkit::folder();
    let path = write_five(folder.path());
    let whole = fs::read(&path).unwrap();
    for cut in 0..=whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let (found, replayed) = read_again(folder.path());
        assert_eq!(found, (0..found.len() as i64).collect::<Vec<_>>(), "cut at {cut}");
        assert_eq!(found.len() % 3, 0, "whole frames only");
        assert_eq!(replayed.damaged_bytes, 0);
    }
}

#[test]
fn a_flipped_bit_in_the_last_frame_gives_back_a_prefix_and_earlier_ones_take_one_frame() {
    let folder = testkit::folder();
    let path = write_five(folder.path());
    let whole = fs::read(&path).unwrap();
    let frame_bytes = (whole.len() - frame::PREAMBLE_BYTES) / 5;
    for position in frame::PREAMBLE_BYTES..whole.len() {
        let mut flipped = whole.clone();
        flipped[position] ^= 1 << (position % 8);
        fs::write(&path, &flipped).unwrap();
        let (found, replayed) = read_again(folder.path());
        let hit = ((position - frame::PREAMBLE_BYTES) / frame_bytes) as i64;
        let expect: Vec<i64> = (0..15).filter(|number| number / 3 != hit).collect();
        assert_eq!(found, expect, "flipped at {position}");
        assert_eq!(replayed.torn_bytes > 0, hit == 4);
        assert_eq!(replayed.damaged_bytes > 0, hit < 4);
    }
}

#[test]
fn whoever_waits_together_is_written_together_and_all_of_it_is_there() {
    let folder = testkit::folder();
    let log = open(folder.path());
    std::thread::scope(|threads| {
        for thread in 0..4 {
            let log = &log;
            threads.spawn(move || {
                for number in 0..50 {
                    log.commit(log.append(&[sample(thread * 50 + number)])).unwrap();
                }
            });
        }
    });
    let (mut found, _) = read_again(folder.path());
    found.sort_unstable();
    assert_eq!(found, (0..200).collect::<Vec<_>>());
}

#[test]
fn what_cannot_be_written_waits_and_is_written_later_just_once() {
    let folder = testkit::folder();
    let log = open(folder.path());
    log.commit(log.append(&[sample(0)])).unwrap();
    log.end_file().unwrap();
    // A folder in the place of the next file.
    let obstacle = folder.path().join(file_name(2));
    fs::create_dir(&obstacle).unwrap();
    let ticket = log.append(&[sample(1)]);
    assert!(log.commit(ticket).is_err());
    assert!(log.last_error().is_some() && log.waiting_bytes() > 0);
    fs::remove_dir(&obstacle).unwrap();
    log.commit(log.append(&[sample(2)])).unwrap();
    assert!(log.last_error().is_none() && log.waiting_bytes() == 0);
    log.commit(ticket).unwrap();
    assert_eq!(read_again(folder.path()).0, [0, 1, 2]);
}

#[test]
fn frames_that_were_written_twice_count_once_and_old_files_go() {
    let folder = testkit::folder();
    let path = write_five(folder.path());
    fs::copy(&path, folder.path().join(file_name(2))).unwrap();
    let (found, replayed) = read_again(folder.path());
    assert_eq!(found, (0..15).collect::<Vec<_>>());
    assert_eq!((replayed.next_number, replayed.next_sequence), (3, 6));
    let log = open(folder.path());
    assert!(log.size_bytes().unwrap() > 0);
    log.remove_before(3).unwrap();
    assert_eq!(log.size_bytes().unwrap(), 0);
    assert_eq!(read_again(folder.path()).1.next_number, 1);
}
