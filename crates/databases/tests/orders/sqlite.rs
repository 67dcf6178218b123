//! Orders from SQLite files.

use super::suite::{self, SELECT, TABLE, keys, query, url};
use databases::{
    DatabaseError,
    orders::{OrderReader, OrderWindow},
};
use kernel::config::DatabaseKind;
use rusqlite::Connection;
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

fn shop(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(&format!("PRAGMA journal_mode = wal; {TABLE}")).unwrap();
    connection
}

async fn reader(path: &Path, select: &str) -> Result<OrderReader, DatabaseError> {
    let secret = format!("sqlite:{}", path.display());
    OrderReader::connect(&url(DatabaseKind::Sqlite, secret), query(select)).await
}

fn insert(connection: &Connection, key: i64) {
    connection
        .execute("INSERT INTO shop_order VALUES (?1, ?2, ?3)", (key, key * 1_000, key * 10))
        .unwrap();
}

#[tokio::test]
async fn orders_are_read_on_by_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.sqlite");
    let shop = shop(&path);
    let mut reader = reader(&path, SELECT).await.unwrap();
    suite::reads_on_by_key(&mut reader, async |key| insert(&shop, key)).await;
}

#[tokio::test]
async fn many_orders_come_page_by_page() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.sqlite");
    let shop = shop(&path);
    shop.execute_batch(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12345) \
         INSERT INTO shop_order SELECT i, i, i FROM n",
    )
    .unwrap();
    let mut reader = reader(&path, SELECT).await.unwrap();
    let mut window = OrderWindow::starting_after(None);
    let first = reader.follow(&mut window, 0).await.unwrap();
    let second = reader.follow(&mut window, 1).await.unwrap();
    let all: Vec<i64> = (1..=12_345).collect();
    assert_eq!([keys(&first), keys(&second)].concat(), all);
}

#[tokio::test]
async fn the_file_is_opened_for_reading_only_and_never_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.sqlite");
    assert!(reader(&path, SELECT).await.is_err());
    assert!(!path.exists());
    drop(shop(&path));
    let before = fs::read(&path).unwrap();
    let _shop = Connection::open(&path).unwrap();
    reader(&path, SELECT).await.unwrap().new_orders(None, 1).await.unwrap();
    assert_eq!(fs::read(&path).unwrap(), before);
    fs::write(folder.path().join("text"), "no database, but long enough to be looked at").unwrap();
    let wrong = reader(&folder.path().join("text"), SELECT).await.unwrap_err();
    assert!(matches!(wrong, DatabaseError::OpenSqlite { .. }), "{wrong:?}");
}

#[tokio::test]
async fn a_slow_statement_is_ended_and_the_next_one_served() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.sqlite");
    let _shop = shop(&path);
    let slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE :after > 0) \
                SELECT count(*), 1, 1 FROM n LIMIT :limit";
    let mut reader = reader(&path, slow).await.unwrap();
    let begins = Instant::now();
    let error = reader.new_orders(Some(1), 1).await.unwrap_err();
    assert!(matches!(error, DatabaseError::ReadSqlite(_)), "{error:?}");
    assert!(begins.elapsed() < Duration::from_secs(10));
    assert_eq!(keys(&reader.new_orders(Some(0), 1).await.unwrap()), [1]);
}

#[tokio::test]
async fn a_file_put_in_place_of_the_old_one_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let (path, restored) = (folder.path().join("shop.sqlite"), folder.path().join("restored"));
    let old = shop(&path);
    // With a write-ahead log beside it a file must not be replaced at all.
    old.execute_batch("PRAGMA journal_mode = delete").unwrap();
    insert(&old, 1);
    let mut reader = reader(&path, SELECT).await.unwrap();
    assert_eq!(reader.newest_key().await.unwrap(), Some(1));
    drop(old);
    let new = shop(&restored);
    insert(&new, 2);
    drop(new);
    fs::rename(&restored, &path).unwrap();
    assert_eq!(reader.newest_key().await.unwrap(), Some(2));
}
