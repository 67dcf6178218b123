//! Dumps of SQLite files.

use super::suite::{self, differences, round_trip, values};
use crate::scratch;
use kernel::config::{DatabaseKind, DatabaseUrl};
use rusqlite::Connection;
use std::path::Path;

fn url(path: &Path) -> DatabaseUrl {
    DatabaseUrl { kind: DatabaseKind::Sqlite, secret: format!("sqlite:{}", path.display()) }
}

const EVERYTHING: &str = r#"
PRAGMA user_version = 42;
CREATE TABLE "Größe ""1""" (id INTEGER PRIMARY KEY AUTOINCREMENT, anything, t TEXT, r REAL, b BLOB,
  twice GENERATED ALWAYS AS (id * 2) STORED);
INSERT INTO "Größe ""1""" (id, anything, t, r, b) VALUES
  (-9223372036854775808, NULL, '', 1, x''),
  (1, 9223372036854775807, 'ü🛒' || char(9) || char(10) || '\N', 0.1, x'00ff5c0a09'),
  (2, '12', 'x', 9e999, zeroblob(5)), (3, 12, '''', -9e999, NULL), (4, 12.0, CAST(x'ff00' AS TEXT), 0, NULL),
  (5, x'31', 'a', 5e-324, NULL), (9, 'inf', NULL, 1e300, NULL);
DELETE FROM "Größe ""1""" WHERE id = 9;
CREATE TABLE keyless (a, b); INSERT INTO keyless VALUES (1, 2), (1, 2), (NULL, NULL);
CREATE TABLE pairs (a TEXT, b INT, c, PRIMARY KEY (a, b)) WITHOUT ROWID;
INSERT INTO pairs VALUES ('x', 2, 1), ('x', 1, NULL), ('ä', 1, 1);
CREATE TABLE empty (id INTEGER PRIMARY KEY) STRICT;
CREATE TABLE child (id INTEGER PRIMARY KEY, parent INT REFERENCES child, a TEXT, b INT,
  FOREIGN KEY (a, b) REFERENCES pairs);
INSERT INTO child VALUES (1, 2, 'x', 1), (2, 1, NULL, NULL);
CREATE INDEX by_parent ON child (parent);
CREATE VIEW v AS SELECT a FROM pairs;
CREATE TRIGGER loud BEFORE INSERT ON empty BEGIN SELECT RAISE(FAIL, 'no; never'); END;
"#;

#[tokio::test]
async fn everything_in_a_file_comes_back() {
    for mode in ["wal", "delete"] {
        let folder = scratch::folder();
        let (file, other) = (folder.path().join("one.db"), folder.path().join("other.db"));
        let connection = Connection::open(&file).unwrap();
        connection.pragma_update(None, "journal_mode", mode).unwrap();
        connection.execute_batch(EVERYTHING).unwrap();
        let taken = round_trip(&url(&file), &url(&other)).await;
        let table = r#"Größe "1""#;
        assert_eq!(
            values(&taken, table, "anything")[1..],
            ["9223372036854775807", "'12", "12", "12.0", "x1"]
        );
        assert_eq!(values(&taken, table, "r"), ["1.0", "0.1", "inf", "-inf", "0.0", "5e-324"]);
        assert_eq!(values(&taken, "pairs", "b"), ["1", "2", "1"]);
        let copy = Connection::open(&other).unwrap();
        let version: i64 = copy.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
        let statement = r#"INSERT INTO "Größe ""1""" DEFAULT VALUES RETURNING id"#;
        let next: i64 = copy.query_row(statement, [], |row| row.get(0)).unwrap();
        assert_eq!((version, next), (42, 10));
        assert!(copy.execute_batch("INSERT INTO empty VALUES (1)").is_err());
        assert_eq!(differences(&url(&file), &url(&other)).await[0].extra, 1);
    }
}

#[tokio::test]
async fn a_writer_is_not_held_up_where_there_is_a_log_and_is_not_in_the_dump() {
    let folder = scratch::folder();
    let file = folder.path().join("one.db");
    let connection = Connection::open(&file).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    connection
        .execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)")
        .unwrap();
    let url = url(&file);
    let dump = suite::blocking(move || {
        let dump = databases::dump::Dump::begin(&url, databases::dump::Options::new(0)).unwrap();
        connection.execute_batch("INSERT INTO t VALUES (2)").unwrap();
        dump
    })
    .await;
    let kept = folder.path().join("dump");
    suite::blocking(move || {
        let files = databases::dump::Folder::at(kept);
        files.take(dump).unwrap();
        let reader = databases::dump::Reader::open(files).unwrap();
        assert_eq!(reader.table("t").unwrap().row_count, 1);
    })
    .await;
}
