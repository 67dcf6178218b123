//! Changes of a real MariaDB.

use super::suite::{Replica, options};
use crate::{
    dump::{mysql::TYPES, suite::story},
    scratch,
};
use databases::{
    DatabaseError,
    changes::{self, Position, Stream},
    private::{self, MariaDb},
};
use host::process::Signal;
use kernel::config::{DatabaseKind, DatabaseUrl};
use mysql_async::{Conn, prelude::Queryable};
use std::{path::Path, time::Duration};
use tempfile::TempDir;

async fn server(settings: &[(&str, &str)]) -> (TempDir, MariaDb) {
    let folder = scratch::folder();
    let server = start(folder.path(), None, settings).await.unwrap();
    server.create_database("one").await.unwrap();
    server.create_database("elsewhere").await.unwrap();
    (folder, server)
}

async fn start(
    folder: &Path,
    port: Option<u16>,
    settings: &[(&str, &str)],
) -> Result<MariaDb, DatabaseError> {
    let settings = settings.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let options = private::Options { port, settings, ..private::Options::default() };
    MariaDb::start(&folder.join("maria"), options).await
}

const TELLING: &[(&str, &str)] = &[("binlog-row-metadata", "FULL")];

fn url(server: &MariaDb) -> DatabaseUrl {
    DatabaseUrl { kind: DatabaseKind::MySql, secret: server.url("one") }
}

async fn run(server: &MariaDb, statements: &[&str]) {
    let mut conn = Conn::from_url(server.url("one")).await.unwrap();
    for statement in statements {
        if let Err(error) = conn.query_drop(*statement).await {
            panic!("{statement}: {error}");
        }
    }
    conn.disconnect().await.unwrap();
}

const CHANGES: [&str; 32] = [
    "CREATE TABLE mark (id varchar(20) PRIMARY KEY)",
    "SET time_zone = '+09:00'",
    "UPDATE types SET ti = 5, t = CONCAT('ü\\t', COALESCE(t, '')), ts = '2026-03-29 03:30:00.5' WHERE id > 0",
    "INSERT INTO types (id, d, f, de, tm, dt, g) VALUES (101, 1e15, -1e-20, 0.5, '-00:00:00.000001', '1000-01-01 00:00:00.1', NULL), \
     (102, 1e14, 3e38, -0.5, '00:00:01.5', '2026-11-22', NULL), (103, 1e-15, 1e14, 99999999999999999999.9, '-01:02:03', NULL, NULL), \
     (104, -1e-16, 123456.789, -99999999999999999999.9999999999, NULL, NULL, NULL)",
    "DELETE FROM types WHERE id = 4",
    "CREATE TABLE `Größe \"1\".``x` (`Schlüssel a` int, b varchar(20), PRIMARY KEY (b, `Schlüssel a`))",
    "INSERT INTO `Größe \"1\".``x` VALUES (2, 'x'), (1, 'é')",
    "UPDATE `Größe \"1\".``x` SET `Schlüssel a` = `Schlüssel a` + 10",
    "CREATE TABLE ids (id uuid PRIMARY KEY, i inet6, b binary(16), z int(9) zerofill, dz decimal(8,2) zerofill, \
     d2 double(9,3), tb tinyblob, mb mediumtext, t2 time(2), t4 time(4), d1 datetime(1), b64 bit(64), n bigint unsigned)",
    "INSERT INTO ids VALUES ('3f2504e0-4f89-11d3-9a0c-0305e82c3301', '::1', x'0102', 7, 1.5, 1.0005, 'a', 'b', '-12:00:00.05', \
     '838:59:59.9999', '2026-01-02 03:04:05.6', 1, 18446744073709551615)",
    "INSERT INTO ids VALUES ('01932c5e-7b2a-7c3d-8e4f-5a6b7c8d9e00', '2001:db8::1:0:0:1', x'00', 0, 0, -0.5, '', NULL, '00:00:00', \
     NULL, NULL, ~0, 0), ('00000000-0000-0000-0000-000000000000', '::1.2.3.4', x'', NULL, 123456.78, 1e5, NULL, '🛒', NULL, NULL, NULL, 0, 1)",
    "CREATE TABLE no_key (a int, b text)",
    "INSERT INTO no_key VALUES (1, 'a'), (NULL, NULL)",
    "CREATE TABLE other_engine (id int PRIMARY KEY, v text) ENGINE=MyISAM",
    "INSERT INTO other_engine VALUES (1, 'eins'), (2, 'zwei')",
    "CREATE TABLE selected AS SELECT id, v FROM other_engine",
    "BEGIN",
    "INSERT INTO no_key VALUES (9, 'never')",
    "ROLLBACK",
    "BEGIN",
    "INSERT INTO no_key VALUES (2, 'kept')",
    "SAVEPOINT s",
    "INSERT INTO no_key VALUES (3, 'never')",
    "ROLLBACK TO s",
    "COMMIT",
    "CREATE TABLE emptied (id int PRIMARY KEY)",
    "INSERT INTO emptied VALUES (1), (2)",
    "TRUNCATE TABLE one.emptied",
    "INSERT INTO emptied VALUES (3)",
    "CREATE TABLE long_ones (id int PRIMARY KEY, v longblob)",
    "INSERT INTO long_ones VALUES (1, REPEAT(x'00ff5c0a', 500000)), (2, '')",
    "INSERT INTO mark VALUES ('1')",
];

#[tokio::test]
async fn everything_that_is_committed_comes_as_it_is_in_a_dump() {
    let (_folder, server) = server(TELLING).await;
    let url = url(&server);
    let from = changes::begin(&url, &options()).await.unwrap();
    let mut replica = Replica::default();
    let mut stream = replica.open(&url, &from).await;
    run(&server, &TYPES).await;
    run(&server, &CHANGES).await;
    replica.follow(&mut stream, "1", true).await;
    let tables = [
        "types",
        "Größe \"1\".`x",
        "ids",
        "no_key",
        "other_engine",
        "selected",
        "emptied",
        "long_ones",
        "mark",
    ];
    replica.assert_same(&url, &tables).await;

    // A table that is redefined and renamed is another from the next row on.
    let redefine = [
        "ALTER TABLE other_engine ADD price decimal(12,2) DEFAULT 1.5 FIRST, CHANGE v w text",
        "RENAME TABLE other_engine TO renamed",
        "UPDATE renamed SET price = 2 WHERE id = 1",
        "INSERT INTO elsewhere.mark SELECT 'none' FROM DUAL WHERE FALSE",
        "INSERT INTO mark VALUES ('2')",
    ];
    server.execute("elsewhere", "CREATE TABLE mark (id varchar(20) PRIMARY KEY)").await.unwrap();
    run(&server, &redefine).await;
    // MyISAM's rows are under another name now.
    let rows = replica.tables.remove("other_engine").unwrap();
    let wider = |(key, mut row): (_, Vec<_>)| {
        row.insert(0, Some(b"1.50".to_vec()));
        (key, row)
    };
    replica.tables.insert("renamed".to_owned(), rows.into_iter().map(wider).collect());
    replica.follow(&mut stream, "2", true).await;
    replica.assert_same(&url, &["renamed", "mark"]).await;
    let told = replica.schema_changes.iter().filter_map(|change| change.statement.as_deref());
    let told: Vec<_> = told.filter(|text| !text.starts_with("CREATE")).collect();
    assert_eq!(told, redefine[..2]);
    assert_eq!(replica.repeated, 0);
}

#[tokio::test]
async fn killed_servers_and_streams_lose_nothing_and_double_nothing() {
    let (folder, mut server) = server(TELLING).await;
    run(
        &server,
        &[
            "CREATE TABLE t (id int PRIMARY KEY AUTO_INCREMENT, v text)",
            "CREATE TABLE mark (id varchar(20) PRIMARY KEY)",
        ],
    )
    .await;
    let from = changes::begin(&url(&server), &options()).await.unwrap();
    let mut replica = Replica::default();
    for round in 0..3 {
        let url = url(&server);
        let mut stream = replica.open(&url, &from).await;
        let mark = |name: &str| format!("INSERT INTO mark VALUES ('{round}{name}')");
        run(
            &server,
            &[&format!("INSERT INTO t (v) SELECT 'r{round}' FROM seq_1_to_50"), &mark("a")],
        )
        .await;
        let before = replica.repeated;
        replica.follow(&mut stream, &format!("{round}a"), false).await;
        assert_eq!(replica.repeated, before, "what lies before the place came again");
        drop(stream);
        let mut again = Stream::open(&url, &options(), &from).await.unwrap();
        run(
            &server,
            &[
                &format!("UPDATE t SET v = 'u{round}' WHERE id % 7 = {round}"),
                "FLUSH BINARY LOGS",
                &mark("b"),
            ],
        )
        .await;
        replica.follow(&mut again, &format!("{round}b"), false).await;
        assert!(replica.repeated > before, "nothing came again");
        run(&server, &[&format!("DELETE FROM t WHERE id % 11 = {round}")]).await;
        server.signal(Signal::Kill).unwrap();
        let error = replica.follow_to_error(&mut again).await;
        assert!(!matches!(error, DatabaseError::ChangesUnknown { .. }), "{}", story(&error));
        let port = server.port();
        drop(server);
        let start = async || start(folder.path(), Some(port), TELLING).await;
        server = testkit::wait_until("MariaDB", Duration::from_secs(60), start).await;
    }
    let url = url(&server);
    run(&server, &["INSERT INTO mark VALUES ('end')"]).await;
    let mut stream = replica.open(&url, &from).await;
    replica.follow(&mut stream, "end", true).await;
    replica.assert_same(&url, &["t", "mark"]).await;
}

#[tokio::test]
async fn what_is_not_understood_or_gone_stops_the_stream_by_name() {
    let (_folder, server) = server(&[]).await;
    let url = url(&server);
    run(
        &server,
        &[
            "CREATE TABLE mark (id varchar(20) PRIMARY KEY)",
            "CREATE TABLE t (id int PRIMARY KEY, v text)",
        ],
    )
    .await;
    let error = changes::begin(&url, &options()).await.unwrap_err();
    assert!(error.to_string().contains("SET GLOBAL binlog_row_metadata = 'FULL'"), "{error}");
    run(&server, &["SET GLOBAL binlog_row_metadata = 'FULL'"]).await;
    let begin = async || changes::begin(&url, &options()).await.unwrap();
    let stops = async |from: &Position, word: &str| {
        let mut stream = Stream::open(&url, &options(), from).await.unwrap();
        let error = Replica::default().follow_to_error(&mut stream).await;
        assert!(matches!(error, DatabaseError::ChangesUnknown { .. }), "{}", story(&error));
        assert!(error.to_string().contains(word), "{error}");
    };

    let from = begin().await;
    let statement = ["SET SESSION binlog_format = 'STATEMENT'", "INSERT INTO t VALUES (1, 'a')"];
    run(&server, &statement).await;
    stops(&from, "a statement `INSERT`").await;

    let from = begin().await;
    run(&server, &["SET GLOBAL log_bin_compress = ON"]).await;
    run(&server, &["INSERT INTO t VALUES (2, REPEAT('a', 10000))"]).await;
    let refused = Stream::open(&url, &options(), &from).await.unwrap_err();
    assert!(refused.to_string().contains("log_bin_compress"), "{refused}");
    run(&server, &["SET GLOBAL log_bin_compress = OFF"]).await;
    stops(&from, "log_bin_compress").await;

    let from = begin().await;
    run(&server, &["FLUSH BINARY LOGS"]).await;
    let next = begin().await;
    let Position::Binlog { file, .. } = &next else { panic!("{next}") };
    // The server keeps a file, without a word, until InnoDB has what is in it on disk.
    let purged = async || -> Result<(), String> {
        let purge = format!("PURGE BINARY LOGS TO '{file}'");
        run(&server, &[&purge]).await;
        let mut conn = Conn::from_url(server.url("one")).await.unwrap();
        let logs: Vec<mysql_async::Row> = conn.query("SHOW BINARY LOGS").await.unwrap();
        conn.disconnect().await.unwrap();
        let first: Option<String> = logs.first().and_then(|row| row.get(0));
        (first.as_ref() == Some(file)).then_some(()).ok_or_else(|| format!("{first:?} is there"))
    };
    testkit::wait_until("the log's removal", Duration::from_secs(60), purged).await;
    let lost = async |from: &Position| match Stream::open(&url, &options(), from).await {
        Err(DatabaseError::ChangesLost { reason, .. }) => reason,
        other => panic!("{other:?}"),
    };
    assert!(lost(&from).await.contains("removed"));
    // The same names and offsets in another history.
    run(&server, &["RESET MASTER", "INSERT INTO t VALUES (3, REPEAT('b', 2000))"]).await;
    let from = begin().await;
    run(&server, &["RESET MASTER", "INSERT INTO t VALUES (4, REPEAT('c', 1000))"]).await;
    assert!(lost(&from).await.contains("ends before"));
    run(&server, &["INSERT INTO t VALUES (5, REPEAT('c', 5000))"]).await;
    assert!(lost(&from).await.contains("another server's log"));
}
