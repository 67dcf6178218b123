//! What restores put aside is found with its size, and goes when somebody says so; nothing else does.

use crate::{dump::suite::blocking, scratch};
use databases::{
    DatabaseError,
    private::{self, MariaDb, Postgres},
    restore::{Aside, AsideKind, aside, remove_aside},
};
use kernel::config::{DatabaseKind, DatabaseUrl};
use rusqlite::Connection;
use std::fs;

/// 2026-11-22 12:00 UTC.
const NOON_MS: i64 = 1_795_348_800_000;

async fn found(live: &DatabaseUrl) -> Vec<Aside> {
    let live = live.clone();
    blocking(move || aside(&live)).await.unwrap()
}

/// All of it goes, one after the other; what nobody put aside does not.
async fn goes(live: &DatabaseUrl, expect: &[(&str, AsideKind, i64)], foreign: &str) {
    let there = found(live).await;
    let told: Vec<(&str, AsideKind, i64)> =
        there.iter().map(|one| (one.name.as_str(), one.kind, one.since_ms)).collect();
    assert_eq!(told, expect);
    let (url, name) = (live.clone(), foreign.to_owned());
    let refused = blocking(move || remove_aside(&url, &name)).await.unwrap_err();
    assert!(matches!(refused, DatabaseError::NameTaken(_)), "{refused:?}");
    for (left, one) in (0..there.len()).rev().zip(&there) {
        // Said twice, it is gone all the same.
        for _ in 0..2 {
            let (url, name) = (live.clone(), one.name.clone());
            blocking(move || remove_aside(&url, &name)).await.unwrap();
        }
        assert_eq!(found(live).await.len(), left);
    }
}

#[tokio::test]
async fn what_was_put_aside_in_postgresql_is_found_and_goes() {
    let folder = scratch::folder();
    let options = private::Options::default();
    let server = Postgres::start(&folder.path().join("pg"), options).await.unwrap();
    let kept = ["shop_before_20261122_120000", "shop_before_20261122_120001_250"];
    for name in ["shop", "other_before_20261122_120000", kept[0], kept[1]] {
        server.execute("postgres", &format!("CREATE DATABASE {name}")).await.unwrap();
    }
    let schema = "storewarden_before_20261122_120002_500";
    let rows = format!(
        "CREATE SCHEMA {schema}; CREATE TABLE {schema}.note (a int); \
                        CREATE SCHEMA storewarden_before; CREATE TABLE orders (a int)"
    );
    server.execute("shop", &rows).await.unwrap();
    let live = DatabaseUrl { kind: DatabaseKind::Postgres, secret: server.url("shop") };
    assert!(found(&live).await[0].bytes.is_some_and(|bytes| bytes > 1 << 20));
    let expect = [
        (kept[0], AsideKind::Database, NOON_MS),
        (kept[1], AsideKind::Database, NOON_MS + 1_250),
        (schema, AsideKind::Rows, NOON_MS + 2_500),
    ];
    goes(&live, &expect, "other_before_20261122_120000").await;
    server.execute("shop", "SELECT * FROM orders").await.unwrap();
    server.execute("other_before_20261122_120000", "SELECT 1").await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn what_was_put_aside_in_mariadb_is_found_and_goes() {
    let folder = scratch::folder();
    let options = private::Options::default();
    let server = MariaDb::start(&folder.path().join("maria"), options).await.unwrap();
    let kept = ["shop_before_20261122_120000_250", "shop_rows_before_20261122_120001"];
    for name in ["shop", "shop_before_christmas", kept[0], kept[1]] {
        server.create_database(name).await.unwrap();
    }
    server.execute(kept[0], "CREATE TABLE orders AS SELECT seq FROM seq_1_to_1000").await.unwrap();
    let secret = server.url("shop").replace("mysql://", "mariadb://");
    let live = DatabaseUrl { kind: DatabaseKind::MySql, secret };
    assert!(found(&live).await[0].bytes.is_some_and(|bytes| bytes > 1_000));
    let expect = [
        (kept[0], AsideKind::Database, NOON_MS + 250),
        (kept[1], AsideKind::Rows, NOON_MS + 1_000),
    ];
    goes(&live, &expect, "shop_before_christmas").await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn what_was_put_aside_in_sqlite_is_found_and_goes() {
    let folder = scratch::folder();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let connection = Connection::open(path("shop.db")).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE storewarden_before_20261122_120001_250_note (a);
             CREATE TABLE storewarden_before_20261122_120001_250_orders (a);
             CREATE TABLE orders (a);",
        )
        .unwrap();
    let kept = path("shop.before-20261122-120000-000.db");
    fs::write(&kept, "twelve bytes").unwrap();
    fs::write(format!("{kept}-wal"), "more").unwrap();
    fs::write(path("shop.before-christmas.db"), "mine").unwrap();
    let secret = format!("sqlite:{}", path("shop.db"));
    let live = DatabaseUrl { kind: DatabaseKind::Sqlite, secret };
    assert_eq!(found(&live).await[0].bytes, Some(12));
    let rows = "storewarden_before_20261122_120001_250";
    let expect =
        [(kept.as_str(), AsideKind::Database, NOON_MS), (rows, AsideKind::Rows, NOON_MS + 1_250)];
    goes(&live, &expect, &path("shop.before-christmas.db")).await;
    assert!(!folder.path().join("shop.before-20261122-120000-000.db-wal").exists());
    assert!(folder.path().join("shop.before-christmas.db").exists());
    connection.query_row("SELECT count(*) FROM orders", [], |_| Ok(())).unwrap();
}
