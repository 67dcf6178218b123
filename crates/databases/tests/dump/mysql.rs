//! Dumps of a real MariaDB.

use super::suite::{blocking, differences, dump, loaded, round_trip, story, try_dump, values};
use crate::scratch;
use databases::{
    dump::{Dump, Options, Position},
    private::{self, MariaDb},
};
use kernel::config::{DatabaseKind, DatabaseUrl};
use mysql_async::{Conn, prelude::Queryable};
use std::{
    io::Read,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};
use tempfile::TempDir;

async fn server() -> (TempDir, MariaDb) {
    let folder = scratch::folder();
    let options = private::Options::default();
    let server = MariaDb::start(&folder.path().join("maria"), options).await.unwrap();
    for name in ["one", "other"] {
        server.create_database(name).await.unwrap();
    }
    (folder, server)
}

fn url(server: &MariaDb, database: &str) -> DatabaseUrl {
    let secret = server.url(database).replace("mysql://", "mariadb://");
    DatabaseUrl { kind: DatabaseKind::MySql, secret }
}

async fn run(server: &MariaDb, database: &str, statements: &[&str]) {
    let mut conn = Conn::from_url(server.url(database)).await.unwrap();
    for statement in statements {
        if let Err(error) = conn.query_drop(*statement).await {
            panic!("{statement}: {error}");
        }
    }
    conn.disconnect().await.unwrap();
}

pub(crate) const TYPES: [&str; 5] = [
    "SET sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO'",
    "CREATE TABLE types (id bigint unsigned PRIMARY KEY AUTO_INCREMENT, ti tinyint, zf int(6) zerofill, \
     de decimal(30,10), f float, f2 float(7,2), d double, bi bit(9), t text, vc varchar(20), ch char(4), \
     l1 varchar(20) CHARACTER SET latin1, u2 varchar(20) CHARACTER SET ucs2, vb varbinary(20), \
     bi4 binary(4), bl longblob, j json, da date, tm time(6), dt datetime(6), ts timestamp(3) NULL, \
     y year, e enum('klein','groß'), s set('a','b','ü'), g point, ge geometry, u uuid, i6 inet6, \
     twice bigint AS (ti * 2) STORED, half double AS (d / 2) VIRTUAL, hidden int INVISIBLE DEFAULT 3)",
    "INSERT INTO types (id) VALUES (0)",
    "INSERT INTO types (id, ti, zf, de, f, f2, d, bi, t, vc, ch, l1, u2, vb, bi4, bl, j, da, tm, dt, ts, y, \
     e, s, g, ge, u, i6, hidden) VALUES (18446744073709551614, -128, 42, -1234567890.0123456789, 16777217, 12345.67, \
     1e308, b'100000101', 'tab\\t line\\n return\\r back\\\\slash \\\\N quote'' nul\\0 \\Z ü 🛒', '', 'ab  ', \
     'café', 'Größe', x'00ff5c27ff', x'01', x'f09f', '{\"a\" : 1,  \"ä\":null}', '0000-00-00', \
     '-838:59:59.999999', '9999-12-31 23:59:59.999999', '2026-11-22 03:04:05.678', 0, 'groß', 'a,ü', \
     POINT(1.5, -2), ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))', 4326), \
     '3f2504e0-4f89-11d3-9a0c-0305e82c3301', '::ffff:1.2.3.4', 7)",
    "INSERT INTO types (id, f, d, da, dt, e, s) VALUES (3, 1.17549435e-38, 2.2250738585072014e-308, \
     '2026-02-31', '0000-00-00 00:00:00', 'nonsense', ''), \
     (4, -3.4028235e38, 0.1e0 + 0.2e0, '0001-01-01', '2026-00-00 00:00:00', NULL, NULL)",
];

const SHAPES: [&str; 26] = [
    "CREATE SEQUENCE numbers START 17 INCREMENT 5",
    "SELECT NEXTVAL(numbers)",
    "CREATE TABLE `Größe \"1\".``x` (`Schlüssel a` int, b varchar(20), `Wert` text, PRIMARY KEY (b, `Schlüssel a`))",
    "INSERT INTO `Größe \"1\".``x` VALUES (2, 'x', 'ä'), (1, 'x', NULL), (1, 'y', ''), (3, 'é', 'z')",
    "CREATE TABLE no_key (a int, b text)",
    "INSERT INTO no_key VALUES (1, 'a'), (1, 'a'), (NULL, NULL)",
    "CREATE TABLE empty (id int PRIMARY KEY AUTO_INCREMENT) AUTO_INCREMENT = 77",
    "CREATE TABLE a (id int PRIMARY KEY, b int)",
    "CREATE TABLE b (id int PRIMARY KEY, a int, parent int, FOREIGN KEY (a) REFERENCES a (id), \
     FOREIGN KEY (parent) REFERENCES b (id))",
    "INSERT INTO a VALUES (1, 1)",
    "INSERT INTO b VALUES (1, 1, NULL), (2, 1, 1)",
    "ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b (id)",
    "CREATE TABLE log (at date, what varchar(20), PRIMARY KEY (at, what)) PARTITION BY RANGE (to_days(at)) \
     (PARTITION p25 VALUES LESS THAN (to_days('2026-01-01')), PARTITION pmax VALUES LESS THAN MAXVALUE)",
    "INSERT INTO log VALUES ('2025-03-04', 'old'), ('2026-03-04', 'new')",
    "CREATE TABLE old_engine (id int PRIMARY KEY, v text, FULLTEXT (v)) ENGINE=MyISAM",
    "INSERT INTO old_engine VALUES (2, 'zwei'), (1, 'eins')",
    "CREATE TABLE sought (id int PRIMARY KEY, v text, FULLTEXT (v)) ENGINE=InnoDB",
    "INSERT INTO sought VALUES (1, 'lamp'), (2, 'chair'), (3, 'table')",
    "CREATE FUNCTION plus1(x int) RETURNS int DETERMINISTIC RETURN x + 1",
    "CREATE VIEW a_second AS SELECT plus1(id) AS n FROM z_first",
    "CREATE OR REPLACE VIEW a_second AS SELECT 1 AS n",
    "CREATE VIEW z_first AS SELECT id FROM b WHERE id > 1",
    "CREATE OR REPLACE VIEW a_second AS SELECT plus1(id) AS n FROM z_first",
    "CREATE TRIGGER loud BEFORE INSERT ON empty FOR EACH ROW BEGIN SET @x = ';;'; \
     SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END",
    "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END",
    "CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM no_key",
];

#[tokio::test]
async fn every_type_and_every_shape_comes_back() {
    let (_folder, server) = server().await;
    run(&server, "one", &["SET GLOBAL log_bin_trust_function_creators = 1"]).await;
    run(&server, "one", &TYPES).await;
    let shapes: Vec<_> = SHAPES
        .into_iter()
        .filter(|s| !s.contains("AS n FROM z_first") || s.contains("REPLACE"))
        .collect();
    run(&server, "one", &shapes).await;
    let (one, other) = (url(&server, "one"), url(&server, "other"));
    let taken = round_trip(&one, &other).await;
    let Some(Position::Binlog { file, offset, gtid }) = &taken.reader.manifest().position else {
        panic!("no position")
    };
    assert!(!file.is_empty() && *offset > 0 && gtid.is_some(), "{file} {offset} {gtid:?}");
    assert_eq!(
        values(&taken, "types", "f"),
        ["-", "1.1754943508222875e-38", "-3.4028234663852886e38", "16777216"]
    );
    assert_eq!(
        values(&taken, "types", "d")[1..],
        ["2.2250738585072014e-308", "0.30000000000000004", "1e308"]
    );
    assert_eq!(values(&taken, "types", "da")[1..], ["2026-02-31", "0001-01-01", "0000-00-00"]);
    assert_eq!(values(&taken, "types", "e")[1..], ["", "-", "groß"]);
    assert_eq!(values(&taken, "types", "hidden"), ["3", "3", "3", "7"]);
    assert!(taken.reader.table("types").unwrap().column("twice").is_none());
    assert_eq!(values(&taken, "old_engine", "v"), ["eins", "zwei"]);
    let mut conn = Conn::from_url(server.url("other")).await.unwrap();
    let next: (i64, i64) = conn
        .query_first("SELECT NEXTVAL(numbers), (SELECT n FROM a_second)")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(next.1, 3);
    assert!(next.0 >= 22, "{next:?}");
    // What a server finds that is started before InnoDB had the time to count.
    let counted = "SELECT n_rows FROM mysql.innodb_table_stats \
                   WHERE database_name = 'other' AND table_name = 'sought'";
    assert_eq!(conn.query::<u64, _>(counted).await.unwrap(), [3]);
    let error = conn.query_drop("INSERT INTO empty VALUES (1)").await.unwrap_err();
    assert!(error.to_string().contains("no"), "{error}");
    let there: Vec<String> = conn.query("SELECT EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = 'other' UNION SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'other'").await.unwrap();
    assert_eq!(there.len(), 3, "{there:?}");
}

#[tokio::test]
async fn a_dump_is_of_one_moment_whatever_is_written_meanwhile() {
    let (_folder, server) = server().await;
    // Every change keeps the sum of both tables.
    run(
        &server,
        "one",
        &[
            "CREATE TABLE a (id int PRIMARY KEY, n bigint, pad text)",
            "CREATE TABLE b (id int PRIMARY KEY, n bigint, pad text)",
            "INSERT INTO a SELECT seq, 100, repeat('x', 200) FROM seq_1_to_20000",
            "INSERT INTO b SELECT seq, 100, repeat('y', 200) FROM seq_1_to_20000",
            "CREATE USER reader",
            "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON one.* TO reader",
        ],
    )
    .await;
    let stop = AtomicBool::new(false);
    let mut one = url(&server, "one");
    one.secret = one.secret.replace("root@", "reader@");
    let mut conn = Conn::from_url(server.url("one")).await.unwrap();
    let write = async {
        let mut changes = 0;
        while !stop.load(Relaxed) {
            let id = changes * 7 % 20_000 + 1;
            for change in [
                "BEGIN".to_owned(),
                format!("UPDATE a SET n = n - {changes} WHERE id = {id}"),
                format!("UPDATE b SET n = n + {changes} WHERE id = {id}"),
                format!("INSERT INTO a VALUES ({}, 5, '')", 30_000 + changes),
                format!("INSERT INTO b VALUES ({}, -5, '')", 30_000 + changes),
                "COMMIT".to_owned(),
            ] {
                conn.query_drop(change).await.unwrap();
            }
            changes += 1;
        }
        changes
    };
    let take = async {
        let taken = [dump(&one).await, dump(&one).await];
        stop.store(true, Relaxed);
        taken
    };
    let (changes, taken) = tokio::join!(write, take);
    assert!(changes > 0);
    for taken in taken {
        let sum = |table| -> i64 {
            values(&taken, table, "n").iter().map(|n| n.parse::<i64>().unwrap()).sum()
        };
        assert_eq!(sum("a") + sum("b"), 2 * 20_000 * 100);
    }
}

#[tokio::test]
async fn what_would_be_missed_is_refused() {
    let (_folder, server) = server().await;
    run(
        &server,
        "one",
        &[
            "CREATE TABLE t (id int PRIMARY KEY, v text) ENGINE=MyISAM",
            "INSERT INTO t SELECT seq, repeat('x', 100) FROM seq_1_to_1000",
            "CREATE USER reader",
            "GRANT SELECT, LOCK TABLES, SHOW VIEW ON one.* TO reader",
        ],
    )
    .await;
    let mut reader = url(&server, "one");
    reader.secret = reader.secret.replace("root@", "reader@");
    let refused = async |options: Options, expect: &str| {
        let error = try_dump(&reader, options).await.err().unwrap();
        assert!(story(&error).contains(expect), "{}", story(&error));
    };
    refused(Options::new(0), "TRIGGER, EVENT is missing").await;
    run(&server, "one", &["GRANT TRIGGER, EVENT ON one.* TO reader"]).await;
    let small = Options { lock_nontransactional_up_to_bytes: 50_000, ..Options::new(0) };
    refused(small, "ENGINE=InnoDB").await;
    let taken = try_dump(&reader, Options::new(0)).await.unwrap();
    assert_eq!(taken.reader.table("t").unwrap().row_count, 1_000);
}

#[tokio::test]
async fn a_table_that_is_redefined_meanwhile_fails_the_dump() {
    let (_folder, server) = server().await;
    run(
        &server,
        "one",
        &[
            "CREATE TABLE a (id int PRIMARY KEY, pad text)",
            "INSERT INTO a SELECT seq, repeat('x', 1000) FROM seq_1_to_5000",
            "CREATE TABLE b (id int PRIMARY KEY)",
            "INSERT INTO b VALUES (1)",
        ],
    )
    .await;
    for change in ["TRUNCATE b", "ALTER TABLE b ADD COLUMN c int", "CREATE TABLE d (id int)"] {
        let one = url(&server, "one");
        let dump = blocking(move || Dump::begin(&one, Options::new(0)).unwrap()).await;
        // It is not held up, since nobody reads this table now.
        run(&server, "one", &["SET lock_wait_timeout = 10", change]).await;
        let failure = blocking(move || {
            let mut failure = None;
            for mut file in dump.into_files() {
                failure = file.content.read_to_end(&mut Vec::new()).err().or(failure);
            }
            failure.map(|error| error.to_string())
        })
        .await;
        assert!(failure.is_some(), "{change}");
    }
}

#[tokio::test]
async fn one_table_is_loaded_without_the_others() {
    let (_folder, server) = server().await;
    run(
        &server,
        "one",
        &[
            "CREATE TABLE a (id int PRIMARY KEY)",
            "CREATE TABLE b (id int PRIMARY KEY, a int, FOREIGN KEY (a) REFERENCES a (id))",
            "INSERT INTO a VALUES (1)",
            "INSERT INTO b VALUES (1, 1), (2, 1)",
        ],
    )
    .await;
    let (one, other) = (url(&server, "one"), url(&server, "other"));
    let (taken, report) = loaded(dump(&one).await, &other, Some(&["b"])).await;
    assert_eq!(report.unwrap().rows, 2);
    let found = differences(&one, &other).await;
    assert_eq!((found.len(), found[0].table.as_str(), found[0].missing), (1, "a", 1));
    let (_, again) = loaded(taken, &other, None).await;
    assert!(story(&again.unwrap_err()).contains("which has tables"));
}
