//! MariaDB's log is kept as it came, whoever ends meanwhile: its files are written again, and moments are
//! reached by it across everything that redefines tables.

use crate::stream::{Following, LONG, now_ms, options, place, settings, until, until_followed};
use databases::{
    binlog::{LogFiles, Written},
    dump::{Dump, Folder, Options as DumpOptions, Reader as Dumped, Side, compare},
    private::MariaDb,
    restore::{Beside, with_name},
};
use host::process::{Signal, Spawn, run_to_end};
use kernel::config::{DatabaseKind, DatabaseUrl};
use std::{fs, path::Path};
use testkit::wait_until;
use vault::{
    VaultError,
    journal::{Lookups, Place, RawSpan, Reader},
    moment::{Journals, LogPath, Obstacle},
};

const TABLES: [&str; 3] = [
    "CREATE TABLE customers (id int AUTO_INCREMENT PRIMARY KEY, mail varchar(90) NOT NULL)",
    "CREATE TABLE orders (id int PRIMARY KEY, customer int, at timestamp NOT NULL DEFAULT '2026-11-22 10:00:00', \
     FOREIGN KEY (customer) REFERENCES customers (id) ON DELETE CASCADE)",
    "CREATE TRIGGER note AFTER INSERT ON orders FOR EACH ROW UPDATE customers SET mail = CONCAT(mail, '+') \
     WHERE id = NEW.customer",
];
const REDEFINED: [&str; 8] = [
    "ALTER TABLE orders ADD phone varchar(20) NOT NULL DEFAULT 'ü;\\'\\n'",
    "INSERT INTO orders (id, customer, phone) VALUES (3, 1, '3'), (4, 2, 'x\\0y')",
    "CREATE TABLE notes (id int PRIMARY KEY, what blob) SELECT id, mail AS what FROM customers",
    "RENAME TABLE notes TO remarks",
    "DELETE FROM customers WHERE id = 1",
    "ALTER TABLE remarks MODIFY what longblob, ADD KEY (what(10))",
    "CREATE VIEW newest AS SELECT max(id) AS id FROM orders",
    "UPDATE remarks SET what = REPEAT('\\0\\r\\n', 9000)",
];
const LATER: [&str; 3] =
    ["DROP TABLE remarks", "ALTER TABLE orders DROP COLUMN phone", "TRUNCATE TABLE orders"];

fn url(server: &MariaDb) -> DatabaseUrl {
    DatabaseUrl { kind: DatabaseKind::MySql, secret: server.url("one") }
}

async fn run(server: &MariaDb, statements: &[&str]) {
    for statement in statements {
        let done = server.execute("one", statement).await;
        done.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    }
}

async fn dumped(server: &MariaDb, folder: &Path) {
    let (url, folder) = (url(server), folder.to_owned());
    let take =
        move || Folder::at(folder).take(Dump::begin(&url, DumpOptions::new(now_ms())).unwrap());
    tokio::task::spawn_blocking(take).await.unwrap().unwrap();
}

/// MariaDB's log knows the second of a transaction and no more: one that nothing else is of, and that the
/// journal has.
async fn moment(place: &Place) -> i64 {
    let begun = now_ms();
    wait_until("the second after the next", LONG, async || match now_ms() {
        now if now / 1000 > begun / 1000 + 1 => Ok(()),
        now => Err(now),
    })
    .await;
    let is_there = |standing: &vault::stream::Standing| {
        standing.current_ms.is_some_and(|current_ms| current_ms > begun + 1000)
    };
    until(place, "the journal to be so far", is_there).await;
    begun + 1000
}

/// Goes to a moment by the log, in a database beside, and says what is not as it was then.
fn go(
    place: &Place,
    live: &DatabaseUrl,
    folder: &Path,
    (name, until_ms): (&str, i64),
) -> Result<String, Obstacle> {
    let dump = Dumped::open(Folder::at(folder.join("begin"))).unwrap();
    let path: LogPath = Journals::of(place).unwrap().by_log(dump.manifest(), until_ms).unwrap()?;
    println!("{:?}, since {}", path.forecast, path.what);
    let beside = Beside { live: live.clone(), name: name.to_owned(), mark: "test-1".to_owned() };
    let told = |stage: &vault::moment::LogStage<'_>| match stage {
        vault::moment::LogStage::Compared { rows } => println!("{rows} rows compared"),
        vault::moment::LogStage::Playing { bytes } => println!("{bytes} bytes played"),
        _ => {}
    };
    let went = path.go(&dump, &beside, &folder.join("scratch"), now_ms(), &told);
    went.unwrap_or_else(|error| panic!("{}", error.story()));
    assert!(!folder.join("scratch").exists(), "nothing is left");
    let then = Dumped::open(Folder::at(folder.join(name))).unwrap();
    let found = compare(&Side::Dump(&then), &Side::<Folder>::Live(&beside.url()), None).unwrap();
    Ok(found.iter().map(|one| format!("{one:?}")).collect())
}

/// Every event that was kept, in files.
fn written(place: &Place, folder: &Path) -> Result<Written, VaultError> {
    let key = place.key()?.expect("there is a key");
    let reader = Reader::open(&place.folder(), &key, &Lookups::default())?;
    let mut files = LogFiles::into_folder(folder);
    reader.raw(&RawSpan::default(), &mut |event| {
        files.put(&event).unwrap();
        Ok(())
    })?;
    Ok(files.finish().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mariadb_goes_back_across_tables_that_were_redefined() {
    if MariaDb::find().is_none() {
        println!("skipped: MariaDB is not installed");
        return;
    }
    let folder = testkit::folder();
    let telling = options(&[("binlog-row-metadata", "FULL")]);
    let mut server = MariaDb::start(&folder.path().join("maria"), telling.clone()).await.unwrap();
    server.create_database("one").await.unwrap();
    server.create_database("other").await.unwrap();
    run(&server, &TABLES).await;
    let settings = settings(DatabaseKind::MySql, server.url("one"));
    let place = place(folder.path());
    let following = Following::begin(&place, &settings);
    until_followed(&place).await;
    run(&server, &["INSERT INTO customers (mail) VALUES ('a'), ('b')"]).await;
    dumped(&server, &folder.path().join("begin")).await;
    run(&server, &["INSERT INTO orders (id, customer) VALUES (1, 1), (2, 2)"]).await;
    server.execute("other", "CREATE TABLE one (a int PRIMARY KEY)").await.unwrap();
    server.execute("other", "INSERT INTO one VALUES (1), (2)").await.unwrap();
    let first = moment(&place).await;
    dumped(&server, &folder.path().join("first")).await;
    // Whoever follows is told to end and begins again; then the server is killed.
    following.end();
    let mut again = None;
    for (at, statement) in REDEFINED.iter().enumerate() {
        run(&server, &[statement]).await;
        if at == 3 {
            again = Some(Following::begin(&place, &settings));
            let port = server.port();
            server.signal(Signal::Kill).unwrap();
            let _ = server.stop().await;
            let options = private(&telling, port);
            server = MariaDb::start(&folder.path().join("maria"), options).await.unwrap();
        }
    }
    let second = moment(&place).await;
    dumped(&server, &folder.path().join("second")).await;
    run(&server, &["FLUSH BINARY LOGS"]).await;
    run(&server, &LATER).await;
    let third = moment(&place).await;
    dumped(&server, &folder.path().join("third")).await;

    let live = url(&server);
    let (at, root) = (place.clone(), folder.path().to_owned());
    let gone = move || {
        for (name, until_ms) in [("first", first), ("second", second), ("third", third)] {
            let found = go(&at, &live, &root, (name, until_ms)).unwrap();
            assert!(found.is_empty(), "{name} is not as it was: {found}");
        }
        with_name(&live, "second")
    };
    let restored = tokio::task::spawn_blocking(gone).await.unwrap();
    println!("{restored}");
    again.expect("it was begun again").end();

    let log = folder.path().join("log");
    fs::create_dir(&log).unwrap();
    let written = written(&place, &log).unwrap_or_else(|error| panic!("{}", error.story()));
    println!("{written:?}");
    assert!(written.files.len() >= 3, "{written:?}");
    let read = Spawn::new("/usr/bin/mariadb-binlog")
        .args(["--no-defaults", "--verify-binlog-checksum", "--gtid-strict-mode=0", "-v"])
        .args(&written.files);
    let read = tokio::task::spawn_blocking(move || run_to_end(read, LONG)).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&read.stdout);
    for statement in ["RENAME TABLE notes", "DROP COLUMN phone", "### INSERT INTO `one`.`orders`"] {
        assert!(text.contains(statement), "{statement}");
    }
    server.stop().await.unwrap();
}

fn private(telling: &databases::private::Options, port: u16) -> databases::private::Options {
    databases::private::Options { port: Some(port), ..telling.clone() }
}
