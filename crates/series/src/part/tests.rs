use super::*;
use crate::{
    block::{Span, TimesEncoder},
    sample::Sample,
};
use std::fs;

const NAME: PartName = PartName { tier: Tier::Raw, first: 1, last: 1 };

fn rows(id: u32, begin: i64) -> Vec<Sample> {
    let row = |tick: i32| Sample {
        at_ms: begin + i64::from(tick * 5_000 + tick * 7 % 11),
        value: f64::from(id) + f64::from(tick),
    };
    (0..100).map(row).collect()
}

/// 150 series of two blocks each.
fn write(folder: &Path) -> Part {
    let mut writer = PartWriter::create(folder, NAME, 1).unwrap();
    let mut times = TimesEncoder::default();
    for id in (0..300).step_by(2) {
        for begin in [1_000, 1_000_000] {
            let rows = rows(id, begin);
            let block = Sample::encode(&rows, &mut times);
            writer.add(id, Span::of(&rows).unwrap(), &block).unwrap();
        }
    }
    writer.finish(Closing { log_from: 7, seen: 3, ..Closing::default() }).unwrap()
}

/// Every row that can be read, and how often something was damaged.
fn read_all(part: &Part) -> (usize, usize) {
    let (mut found, mut damaged) = (0, 0);
    for page in 0..part.pages() {
        let Ok(entries) = part.page(page) else {
            damaged += 1;
            continue;
        };
        for entry in entries {
            match part.rows::<Sample>(&entry) {
                Ok(read) => {
                    let begin = if entry.span.from_ms < 1_000_000 { 1_000 } else { 1_000_000 };
                    assert_eq!(read, rows(entry.id, begin), "nothing is invented");
                    found += 1;
                }
                Err(_) => damaged += 1,
            }
        }
    }
    (found, damaged)
}

#[test]
fn a_part_gives_back_what_was_put_in_and_shares_columns_of_times() {
    let folder = testkit::folder();
    let part = write(folder.path());
    assert_eq!(read_all(&part), (300, 0));
    assert_eq!((part.footer.rows, part.footer.closing.log_from, part.level), (30_000, 7, 1));
    assert_eq!((part.footer.from_ms, part.footer.until_ms), (1_000, rows(0, 1_000_000)[99].at_ms));
    for id in 0..300 {
        assert_eq!(part.entries(id).unwrap().len(), if id % 2 == 0 { 2 } else { 0 }, "{id}");
    }
    let columns: std::collections::HashSet<Vec<u8>> = (0..300)
        .step_by(2)
        .map(|id| {
            let Ok(Block::Columns { times: crate::block::Times::Column(column), .. }) =
                part.block(&part.entries(id).unwrap()[0])
            else {
                panic!("samples are columns")
            };
            column.to_vec()
        })
        .collect();
    assert_eq!(columns.len(), 1);
    assert!(part.size_bytes < 300 * 150, "{} bytes", part.size_bytes);
}

#[test]
fn a_flipped_byte_takes_what_it_stands_in_and_no_more() {
    let folder = testkit::folder();
    let part = write(folder.path());
    let bytes = fs::read(&part.path).unwrap();
    let (mut unopened, mut partly) = (0, 0);
    for position in (0..bytes.len()).step_by(37) {
        let mut flipped = bytes.clone();
        flipped[position] ^= 0x20;
        fs::write(&part.path, &flipped).unwrap();
        match Part::open(folder.path(), NAME) {
            Ok(Opened::Whole(part)) => {
                let (found, damaged) = read_all(&part);
                assert!(damaged > 0 || found == 300, "byte {position}");
                partly += usize::from(damaged > 0);
            }
            Ok(Opened::Damaged(_)) | Err(SeriesError::Newer { .. }) => unopened += 1,
            Err(error) => panic!("byte {position}: {error}"),
        }
    }
    assert!(partly > 100 && unopened < 10, "{partly} parts with damage, {unopened} not opened");
}

#[test]
fn a_part_cut_anywhere_is_damaged() {
    let folder = testkit::folder();
    let part = write(folder.path());
    let bytes = fs::read(&part.path).unwrap();
    for cut in (0..bytes.len()).step_by(101) {
        fs::write(&part.path, &bytes[..cut]).unwrap();
        assert!(matches!(Part::open(folder.path(), NAME), Ok(Opened::Damaged(_))), "at {cut}");
    }
}

#[test]
fn any_bytes_are_no_part() {
    let folder = testkit::folder();
    let path = folder.path().join(NAME.to_string());
    bolero::check!().with_iterations(300).with_type::<Vec<u8>>().for_each(|bytes| {
        let mut file = vec![0; HEADER_BYTES];
        file[..8].copy_from_slice(&frame::preamble(FILE));
        file.extend(bytes);
        let footer = Footer {
            index_at: bytes.first().copied().unwrap_or_default().into(),
            entries: bytes.last().copied().unwrap_or_default().into(),
            closing: Closing::default(),
            from_ms: 0,
            until_ms: 0,
            rows: 0,
            fences_sum: 0,
        };
        file.extend(footer.to_bytes());
        fs::write(&path, &file).unwrap();
        if let Ok(Opened::Whole(part)) = Part::open(folder.path(), NAME) {
            assert_eq!(read_all(&part).0, 0);
        }
    });
}
