//! Parts give back what was written into them, and refuse what was damaged.

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
    let part = Arc::new(write(folder.path()));
    assert_eq!(read_all(&part), (300, 0));
    assert_eq!((part.footer.rows, part.footer.closing.log_from, part.level), (30_000, 7, 1));
    assert_eq!((part.footer.from_ms, part.footer.until_ms), (1_000, rows(0, 1_000_000)[99].at_ms));
    // In order, and not: the page that was read last is not always the one.
    let mut pages = Pages::default();
    for id in (0..300).chain([299, 0, 150, 3, 298]) {
        let entries = part.entries(id, &mut pages).unwrap();
        assert_eq!(entries.len(), if id % 2 == 0 { 2 } else { 0 }, "{id}");
        assert!(entries.iter().all(|entry| entry.id == id), "{id}");
    }
    let columns: std::collections::HashSet<Vec<u8>> = (0..300)
        .step_by(2)
        .map(|id| {
            let Ok(Block::Columns { times: crate::block::Times::Column(column), .. }) =
                part.block(&part.entries(id, &mut Pages::default()).unwrap()[0])
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
fn an_index_that_lies_leads_to_nothing_even_if_its_checksums_match() {
    let folder = testkit::folder();
    let path = folder.path().join(NAME.to_string());
    type Lie = (u32, u32, i64, i64, u16, u8);
    bolero::check!().with_iterations(500).with_type::<(Vec<u8>, Vec<Lie>)>().for_each(
        |(blocks, lies)| {
            let mut file = vec![0; HEADER_BYTES];
            file[..8].copy_from_slice(&frame::preamble(FILE));
            file.extend(blocks);
            let entries: Vec<Entry> = lies
                .iter()
                .map(|(id, rows, from_ms, until_ms, offset, length)| {
                    let (offset, length) = (u64::from(*offset % 300), u32::from(*length));
                    let begin = usize::try_from(offset).unwrap().min(file.len());
                    let end = (begin + length as usize).min(file.len());
                    let sum = crc32c::crc32c(&file[begin..end]);
                    let (rows, id) = (*rows % 10_000, *id);
                    let span = Span { rows, from_ms: *from_ms, until_ms: *until_ms };
                    Entry { id, span, offset, length, sum }
                })
                .collect();
            let index_at = file.len() as u64;
            let mut fences = Vec::new();
            for page in entries.chunks(PAGE_ENTRIES) {
                index::put_page(&mut file, page);
                fences.extend(page[0].id.to_le_bytes());
            }
            file.extend(&fences);
            let footer = Footer {
                index_at,
                entries: entries.len() as u64,
                closing: Closing::default(),
                from_ms: 0,
                until_ms: 0,
                rows: 0,
                fences_sum: crc32c::crc32c(&fences),
            };
            file.extend(footer.to_bytes());
            fs::write(&path, &file).unwrap();
            let Ok(Opened::Whole(part)) = Part::open(folder.path(), NAME) else {
                panic!("its checksums match")
            };
            for page in 0..part.pages() {
                for entry in part.page(page).unwrap() {
                    drop(part.rows::<Sample>(&entry));
                    drop(part.rows::<crate::sample::Rollup>(&entry));
                }
            }
        },
    );
}

#[test]
fn any_bytes_are_a_footer_or_none() {
    bolero::check!().with_type::<Vec<u8>>().for_each(|bytes| {
        let mut footer = bytes.clone();
        footer.resize(FOOTER_BYTES - 24, 0);
        let mut whole = footer.clone();
        whole.extend([0; 4]);
        whole.extend(crc32c::crc32c(&whole).to_le_bytes());
        whole.extend([0; 8]);
        whole.extend(END);
        let read = Footer::from_bytes(&whole).unwrap();
        assert_eq!(read.to_bytes(), whole);
        assert!(Footer::from_bytes(&footer).is_err());
        let path = testkit::folder();
        let file = path.path().join("footer");
        fs::write(&file, &whole).unwrap();
        let file = File::open(&file).unwrap();
        assert!(read.entries == 0 || read_fences(&file, &read, 0).is_err());
    });
}
