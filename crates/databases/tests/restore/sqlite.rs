//! Restores of an SQLite file.

use super::{beside, discarded, kill_it, restore_as_told, standing, swapped, whole};
use crate::{
    dump::suite::{differences_to, dump, story},
    scratch,
};
use databases::restore::Standing;
use kernel::config::{DatabaseKind, DatabaseUrl};
use rusqlite::Connection;
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

fn shop(folder: &Path) -> (Connection, DatabaseUrl) {
    let path = folder.join("shop.db");
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL;
             CREATE TABLE customers (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE);
             CREATE TABLE orders (id INTEGER PRIMARY KEY, customer REFERENCES customers, total REAL);
             CREATE VIEW big AS SELECT * FROM orders WHERE total > 10;
             WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 3000)
               INSERT INTO orders SELECT n, NULL, n / 100.0 FROM n;
             INSERT INTO customers (name) VALUES ('Ä'), (x'00ff'), (7.5);",
        )
        .unwrap();
    let secret = format!("sqlite:{}", path.display());
    (connection, DatabaseUrl { kind: DatabaseKind::Sqlite, secret })
}

fn orders(path: &Path) -> i64 {
    let connection = Connection::open(path).unwrap();
    connection.query_row("SELECT count(*) FROM orders", [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_file_comes_back_beside_the_live_one_and_takes_its_place() {
    let folder = scratch::folder();
    let (connection, live) = shop(folder.path());
    let path = |name: &str| folder.path().join(name);
    let name = |name: &str| path(name).display().to_string();
    fs::set_permissions(path("shop.db"), fs::Permissions::from_mode(0o640)).unwrap();
    let taken = dump(&live).await;
    connection.execute_batch("DELETE FROM orders WHERE id > 10").unwrap();
    let ours = beside(&live, &name("then.db"));
    let (taken, report) = whole(taken, &ours).await;
    assert_eq!((report.tables, report.rows), (2, 3003));
    assert_eq!(fs::metadata(path("then.db")).unwrap().permissions().mode() & 0o777, 0o640);

    // Somebody else has it open: they would go on writing into the old one.
    let mut other = host::process::Spawn::new("/bin/sleep")
        .arg("60")
        .stdin(host::process::Stdin::Descriptor(fs::File::open(path("shop.db")).unwrap().into()))
        .start()
        .unwrap();
    let error = swapped(&live, &name("then.db"), &name("before.db")).await.unwrap_err();
    assert!(story(&error).contains("has it open"), "{}", story(&error));
    other.signal(host::process::Signal::Kill).unwrap();
    other.wait().await.unwrap();

    // What is in the write-ahead log only is not lost.
    drop(connection);
    swapped(&live, &name("then.db"), &name("before.db")).await.unwrap();
    swapped(&live, &name("then.db"), &name("before.db")).await.unwrap();
    assert_eq!((orders(&path("shop.db")), orders(&path("before.db"))), (3000, 10));
    let connection = Connection::open(path("shop.db")).unwrap();
    let mode = connection.query_row("PRAGMA journal_mode", [], |row| row.get::<_, String>(0));
    assert_eq!(mode.unwrap(), "wal");
    drop(connection);
    let (_taken, found) = differences_to(taken, &live).await;
    assert_eq!(found, []);

    // Ended between its two steps: the file has both names, and goes on.
    fs::hard_link(path("shop.db"), path("then.db")).unwrap();
    swapped(&live, &name("before.db"), &name("then.db")).await.unwrap();
    assert_eq!((orders(&path("shop.db")), orders(&path("then.db"))), (10, 3000));
    discarded(&ours).await.unwrap();
    assert_eq!(standing(&ours).await, Standing::Absent);
}

#[tokio::test]
async fn whoever_is_killed_in_it_is_gone_on_after() {
    if let Some(role) = testkit::role() {
        return super::blocking(move || restore_as_told(DatabaseKind::Sqlite, &role)).await;
    }
    let folder = scratch::folder();
    let (_connection, live) = shop(folder.path());
    let taken = dump(&live).await;
    let name = folder.path().join("then.db").display().to_string();
    let test = "restore::sqlite::whoever_is_killed_in_it_is_gone_on_after";
    let _taken = kill_it(test, taken, &beside(&live, &name), 8).await;
}
