//! Killed at any moment, again and again: what was acknowledged is there, whole, and nothing is there in part.

use super::{commit, field, key, lookups, row, small, table, whole};
use databases::changes::{Change, Event, Position};
use host::process::Signal;
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use std::{
    fs,
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};
use vault::journal::{Entry, Reader, Writer};

const NAME: &str = "journal::kills::killed_two_hundred_times_nothing_acknowledged_is_lost";
const KILLS: u32 = 200;
/// Of all kills; what is left of it decides how many there are on a slow machine.
const LIMIT: Duration = Duration::from_secs(15);
const AT_LEAST: u32 = 40;
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
    let seed: u64 =
        std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    println!("SEED={seed}");
    let mut dice = SmallRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let (mut kills, mut last) = (0, 0);
    while kills < KILLS && (begun.elapsed() < LIMIT || kills < AT_LEAST) {
        let ready = folder.path().join("ready");
        fs::remove_file(&ready).ok();
        let mut worker = testkit::this_test(NAME, folder.path().to_str().unwrap())
            .output_to(folder.path().join("work.log"))
            .start()
            .unwrap();
        let is_ready = async || fs::metadata(&ready);
        testkit::wait_until("a writer", Duration::from_secs(60), is_ready).await;
        let wait = Duration::from_micros(dice.random_range(0..30_000));
        let ended = tokio::time::timeout(wait, worker.wait()).await;
        assert!(ended.is_err(), "{}", fs::read_to_string(folder.path().join("work.log")).unwrap());
        worker.signal(Signal::Kill).unwrap();
        worker.wait().await.unwrap();
        kills += 1;
        let found = count(folder.path());
        assert!(found >= last, "{found} transactions, and there were {last} once");
        last = found;
    }
    println!("{kills} kills in {:?}, {last} transactions", begun.elapsed());
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
    fs::write(folder.join("ready"), "").unwrap();
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
