//! Killed at any moment, again and again: what was acknowledged is there, whole, and nothing is there in part.

use super::{commit, field, key, lookups, row, small, table, whole};
use crate::{
    killing::{SIGKILL, die_in, seed},
    place::folder_with_room,
};
use databases::changes::{Change, Event, Position};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use std::{
    fs,
    io::Write as _,
    os::unix::process::ExitStatusExt as _,
    path::Path,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};
use vault::journal::{Entry, Reader, Writer};

const NAME: &str = "journal::kills::killed_two_hundred_times_nothing_acknowledged_is_lost";
/// When a writer dies, counted from when it has opened its journal.
const WAIT_US: &str = "WAIT_US";
const KILLS: u32 = 200;
/// It writes some dozens of transactions in it.
const LIFE_US: u64 = 2_500;
/// For one of them to end, on a busy machine.
const LONG: Duration = Duration::from_secs(120);
const ROOM_BYTES: u64 = 256 << 20;
/// Rows of transaction n.
const ROWS: u64 = 7;

fn number_of(position: &Position) -> u64 {
    let Position::Lsn { lsn } = position else { panic!("{position}") };
    u64::from_str_radix(lsn.split_once('/').unwrap().1, 16).unwrap()
}

#[tokio::test]
async fn killed_two_hundred_times_nothing_acknowledged_is_lost() {
    if let Some(folder) = testkit::role() {
        return work(Path::new(&folder));
    }
    let mut dice = SmallRng::seed_from_u64(seed());
    let folder = folder_with_room(ROOM_BYTES);
    let begun = Instant::now();
    let mut last = 0;
    for _ in 0..KILLS {
        let mut worker = testkit::this_test(NAME, folder.path().to_str().unwrap())
            .env(WAIT_US, dice.random_range(0..LIFE_US).to_string())
            .output_to(folder.path().join("work.log"))
            .start()
            .unwrap();
        let ended = tokio::time::timeout(LONG, worker.wait()).await.unwrap().unwrap();
        let said = fs::read_to_string(folder.path().join("work.log")).unwrap();
        assert_eq!(ended.signal(), Some(SIGKILL), "{said}");
        let found = count(folder.path());
        assert!(found >= last, "{found} transactions, and there were {last} once");
        last = found;
    }
    println!("{KILLS} kills in {:?}, {last} transactions", begun.elapsed());
    assert!(last > 0, "nothing was ever acknowledged");
    let journal = folder.path().join("journal");
    Writer::open(&journal, &key(), small()).unwrap().close().unwrap();
    Reader::open(&journal, &key(), &lookups()).unwrap().check().unwrap();
}

/// The transactions, of which none may be missing or in part.
fn count(folder: &Path) -> u64 {
    let acknowledged = fs::read_to_string(folder.join("acknowledged")).unwrap_or_default();
    let acknowledged: u64 = acknowledged.lines().last().map_or(0, |line| line.parse().unwrap());
    let reader = Reader::open(&folder.join("journal"), &key(), &lookups()).unwrap();
    let (mut expect, mut number) = (0, 0);
    reader
        .scan(None, |entry| {
            let Entry::Version(version) = entry else { panic!("{entry:?}") };
            number = expect / ROWS + 1;
            assert_eq!(number_of(&version.position), number);
            assert_eq!((version.sequence, version.place), (number, expect % ROWS));
            assert_eq!(version.row.after().unwrap().fields[1], field(expect));
            expect += 1;
            Ok(())
        })
        .unwrap();
    assert_eq!(expect % ROWS, 0, "a transaction in part");
    assert!(number >= acknowledged, "{acknowledged} was acknowledged, {number} are there");
    number
}

/// Writes until it is killed; what comes again after a restart is some of what came before.
fn work(folder: &Path) {
    let mut writer = Writer::open(&folder.join("journal"), &key(), small()).unwrap();
    let lines = table("lines", &["order_id", "id"], &[1]);
    let file = fs::File::options().create(true).append(true).open(folder.join("acknowledged"));
    let mut acknowledged = file.unwrap();
    let mut number = writer.last().map_or(0, number_of).saturating_sub(3);
    let wait = Duration::from_micros(std::env::var(WAIT_US).unwrap().parse().unwrap());
    let (_never, is_done) = mpsc::channel();
    thread::spawn(move || die_in(wait, &is_done));
    loop {
        for _ in 0..3 {
            number += 1;
            writer.append(&Event::Begin).unwrap();
            for place in 0..ROWS {
                let id = (number - 1) * ROWS + place;
                let image = whole(vec![field(number), field(id)]);
                writer.append(&row(&lines, Change::Inserted(image))).unwrap();
            }
            writer.append(&commit(number, 1000 + i64::try_from(number).unwrap())).unwrap();
        }
        writer.sync().unwrap();
        writeln!(acknowledged, "{number}").unwrap();
    }
}
