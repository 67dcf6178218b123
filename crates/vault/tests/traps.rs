//! The traps of backups that this crate was made around, each of them met with other tools, and the tests
//! that hold them shut. Those without a test elsewhere have theirs here.
//!
//! | trap | held shut by |
//! |---|---|
//! | unreadable files are left out, and the run says it went well | `backup::an_unreadable_file_fails_the_run_and_leaves_no_snapshot` |
//! | a dump that fails leaves a snapshot with half of it | `backup::a_stream_is_whole_or_there_is_no_snapshot`, `databases` `dump::postgres::a_dump_that_is_cut_off_never_ends_well`, [`a_dump_whose_server_is_killed_leaves_no_snapshot`] |
//! | one bad piece ends a restore | `restore::a_damaged_piece_is_named_and_the_rest_is_restored` |
//! | a restore takes a gigabyte | `cargo xtask bench vault` |
//! | a second tool prunes beside a write | `restic::locks_are_honoured_both_ways`, `restic::a_lock_that_restic_holds_keeps_prune_away_until_it_is_gone`, `prune::beside_anybody_or_over_damage_nothing_is_pruned`, `machines` |
//! | a check that does not read data finds no rotten bit | `damage::only_reading_the_data_finds_what_lies_within_packs`, `damage::shares_together_read_every_pack_once` |
//! | a password costs 14 seconds in a build for tests | [`a_password_costs_a_moment_in_every_build`] |
//! | success is reported over nothing | [`nothing_is_no_backup`], `backup::exclusions_and_missing_sources_are_told` |
//! | a host that was taken over destroys its backups | `locks::a_host_that_was_taken_over_cannot_destroy_what_it_wrote` |
//! | a dump in no order shares nothing with the one before | [`two_dumps_share_what_did_not_change`] |
//! | one order is only found by reading all of a dump | `databases` `dump::postgres::one_order_is_read_from_few_bytes` |
//! | tables without transactions are dumped as of many moments | `databases` `dump::mysql::what_would_be_missed_is_refused` |

use crate::place::{NOW_MS, Place, noise, origin, quiet, request};
use databases::{
    dump::{Dump, DumpFile, Options},
    private::{self, MariaDb},
};
use host::process::{Signal, by_command, signal};
use kernel::config::{DatabaseKind, DatabaseUrl, Secret};
use std::{
    io::{self, Read},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;
use vault::{
    Repository, Snapshot, VaultError,
    backup::{self, Stream},
    drill::DATABASES,
    storage::Folder,
};

fn stream(file: DumpFile) -> Stream {
    let path = Path::new(DATABASES).join("shop").join(file.name);
    Stream { path, content: file.content, is_whole: file.is_whole }
}

fn back_up(place: &Place, streams: Vec<Stream>) -> Result<Snapshot, VaultError> {
    let asked = backup::Request { streams, ..request(vec![place.shop()]) };
    Ok(backup::run(&place.repository, asked, &quiet)?.snapshot)
}

/// Whoever reads it past so many bytes finds its server killed.
struct Fatal {
    inner: Box<dyn Read + Send>,
    left: usize,
    server: u32,
}

impl Read for Fatal {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        if self.left > 0 && read >= self.left {
            signal(self.server, Signal::Kill).map_err(io::Error::other)?;
        }
        self.left = self.left.saturating_sub(read);
        Ok(read)
    }
}

#[test]
fn a_dump_whose_server_is_killed_leaves_no_snapshot() {
    let runtime = Runtime::new().unwrap();
    let (place, home) = (Place::new(), testkit::folder());
    place.write("media/a.jpg", noise(1, 300_000));
    let folder = home.path().join("live");
    let start = || runtime.block_on(MariaDb::start(&folder, private::Options::default())).unwrap();
    let server = start();
    runtime.block_on(server.create_database("shop")).unwrap();
    // More than lies between the server and us at once.
    for statement in [
        "create table orders (id int primary key, note text)",
        "insert into orders select seq, repeat(md5(seq), 30) from seq_1_to_40000",
    ] {
        runtime.block_on(server.execute("shop", statement)).unwrap();
    }
    let streams = |server: &MariaDb| {
        let live = DatabaseUrl { kind: DatabaseKind::MySql, secret: server.url("shop") };
        let dump = Dump::begin(&live, Options::new(NOW_MS)).unwrap();
        dump.into_files().into_iter().map(stream).collect::<Vec<_>>()
    };

    let path = folder.display().to_string();
    let found = by_command("mariadbd", |words| words.iter().any(|word| word.contains(&path)));
    let pid = found.unwrap().unwrap().identity.pid;
    let mut broken = streams(&server);
    let rows = broken.iter_mut().find(|stream| stream.path.ends_with("orders/rows")).unwrap();
    let inner = std::mem::replace(&mut rows.content, Box::new(io::empty()));
    rows.content = Box::new(Fatal { inner, left: 100_000, server: pid });
    let error = back_up(&place, broken).unwrap_err();
    let VaultError::Stream { path, .. } = &error else { panic!("{error:?}") };
    assert!(path.ends_with("orders/rows"), "{error:?}");
    assert!(place.repository.snapshots().unwrap().is_empty());
    place.assert_clean();
    drop(server);

    let server = start();
    back_up(&place, streams(&server)).unwrap();
    place.assert_clean();
    runtime.block_on(server.stop()).unwrap();
}

#[test]
fn a_password_costs_a_moment_in_every_build() {
    let place = Place::new();
    // As hard as ours are.
    place.repository.add_key(&Secret::new("another".into()), &origin(), 15, NOW_MS).unwrap();
    let storage = Arc::new(Folder::new(place.path("repository")));
    let begun = Instant::now();
    Repository::open(storage, &Secret::new("another".into())).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn nothing_is_no_backup() {
    let place = Place::new();
    let nothing = backup::run(&place.repository, request(Vec::new()), &quiet).unwrap_err();
    assert!(matches!(nothing, VaultError::NoSources), "{nothing:?}");
    assert!(place.repository.snapshots().unwrap().is_empty());
}

#[test]
fn two_dumps_share_what_did_not_change() {
    let place = Place::new();
    let file = place.path("live.db");
    let connection = rusqlite::Connection::open(&file).unwrap();
    let insert = |from: u32, to: u32| {
        // What compresses well would be small in any order.
        let text = format!(
            "insert into orders with recursive row(id) as \
             (select {from} union all select id + 1 from row where id + 1 < {to}) \
             select id, hex(randomblob(64)) from row"
        );
        connection.execute_batch(&text).unwrap();
    };
    connection.execute_batch("create table orders (id integer primary key, note text)").unwrap();
    insert(0, 200_000);
    let live =
        DatabaseUrl { kind: DatabaseKind::Sqlite, secret: format!("sqlite:{}", file.display()) };
    let added = || {
        let dump = Dump::begin(&live, Options::new(NOW_MS)).unwrap();
        let streams = dump.into_files().into_iter().map(stream).collect();
        back_up(&place, streams).unwrap().summary.unwrap().data_added
    };
    let whole = added();
    // New orders, and some of one day corrected.
    insert(200_000, 200_100);
    connection.execute_batch("update orders set note = 'x' where id between 500 and 520").unwrap();
    let more = added();
    assert!(whole > 25_000_000 && more * 2 < whole, "{more} of {whole} bytes are new");
}
