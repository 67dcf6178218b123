//! Orders from a real PostgreSQL.

use super::suite::{self, SELECT, TABLE, keys, query, url};
use crate::scratch;
use databases::{
    DatabaseError,
    orders::{OrderReader, OrderWindow},
    private::{Options, Postgres},
};
use kernel::config::DatabaseKind;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

async fn server() -> (TempDir, Postgres) {
    let folder = scratch::folder();
    let server = Postgres::start(&folder.path().join("pg"), Options::default()).await.unwrap();
    server.create_database("shop").await.unwrap();
    server.execute("shop", TABLE).await.unwrap();
    (folder, server)
}

async fn reader(server: &Postgres, select: &str) -> OrderReader {
    let url = url(DatabaseKind::Postgres, server.url("shop"));
    OrderReader::connect(&url, query(select)).await.unwrap()
}

async fn client(server: &Postgres) -> Client {
    let (client, connection) = tokio_postgres::connect(&server.url("shop"), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn insert(key: i64) -> String {
    format!("INSERT INTO shop_order VALUES ({key}, {}, {})", key * 1_000, key * 10)
}

#[tokio::test]
async fn orders_are_read_on_by_key() {
    let (_folder, server) = server().await;
    let select = SELECT.replace("AND total <> ':after'", "AND ':after' <> ''");
    let mut reader = reader(&server, &select).await;
    let client = client(&server).await;
    suite::reads_on_by_key(&mut reader, async |key| {
        client.batch_execute(&insert(key)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_order_whose_transaction_overlaps_a_later_one_is_not_missed() {
    let (_folder, server) = server().await;
    let (early, late) = (client(&server).await, client(&server).await);
    let mut reader = reader(&server, &SELECT.replace("AND total <> ':after'", "")).await;
    let mut window = OrderWindow::starting_after(None);
    early.batch_execute(&format!("BEGIN; {}", insert(7))).await.unwrap();
    late.batch_execute(&insert(8)).await.unwrap();
    assert_eq!(keys(&reader.follow(&mut window, 0).await.unwrap()), [8]);
    // A restart of ours in between must not make a difference either.
    window = OrderWindow::from_text(&window.to_text(), 10).unwrap();
    early.batch_execute("COMMIT").await.unwrap();
    assert_eq!(keys(&reader.follow(&mut window, 1_000).await.unwrap()), [7]);
    assert!(reader.follow(&mut window, 2_000).await.unwrap().is_empty());
}

#[tokio::test]
async fn nothing_can_be_written_through_the_reader() {
    let (_folder, server) = server().await;
    let sly = "WITH x AS (INSERT INTO shop_order VALUES (:after, 1, 1) RETURNING *) \
               SELECT * FROM x LIMIT :limit";
    let mut reader = reader(&server, sly).await;
    let error = reader.new_orders(Some(1), 1).await.unwrap_err();
    assert!(read_only(&error), "{error:?}");
    let count = client(&server).await.query_one("SELECT count(*) FROM shop_order", &[]).await;
    assert_eq!(count.unwrap().get::<_, i64>(0), 0);
}

fn read_only(error: &DatabaseError) -> bool {
    let DatabaseError::ReadPostgres(source) = error else { return false };
    source.code() == Some(&tokio_postgres::error::SqlState::READ_ONLY_SQL_TRANSACTION)
}

#[tokio::test]
async fn a_slow_statement_is_ended_and_the_next_one_served() {
    let (_folder, server) = server().await;
    let slow = "SELECT 1, 1, 1 FROM pg_sleep(CASE WHEN :after > 0 THEN 60 ELSE 0 END) \
                WHERE :limit > 0";
    let mut reader = reader(&server, slow).await;
    let begins = Instant::now();
    let error = reader.new_orders(Some(1), 1).await.unwrap_err();
    assert!(matches!(error, DatabaseError::ReadPostgres(_)), "{error:?}");
    assert!(begins.elapsed() < Duration::from_secs(10));
    assert_eq!(keys(&reader.new_orders(Some(0), 1).await.unwrap()), [1]);
}

#[tokio::test]
async fn a_restart_of_the_server_is_survived() {
    let (folder, server) = server().await;
    let mut reader = reader(&server, &SELECT.replace("AND total <> ':after'", "")).await;
    server.execute("shop", &insert(1)).await.unwrap();
    assert_eq!(reader.newest_key().await.unwrap(), Some(1));
    let options = Options { port: Some(server.port()), ..Options::default() };
    server.stop().await.unwrap();
    assert!(reader.new_orders(None, 1).await.is_err());
    let _server = Postgres::start(&folder.path().join("pg"), options).await.unwrap();
    assert_eq!(reader.newest_key().await.unwrap(), Some(1));
}

#[tokio::test]
async fn odd_rows_and_odd_addresses_are_told_without_the_password() {
    let (_folder, server) = server().await;
    let mut reader = reader(&server, "SELECT 1, 'x', 1 WHERE :after < :limit").await;
    let error = reader.new_orders(None, 1).await.unwrap_err().to_string();
    assert!(error.contains("column 2 (placed at)"), "{error}");
    let wrong = url(DatabaseKind::Postgres, "postgres://me:secret@127.0.0.1:1/shop");
    let error = OrderReader::connect(&wrong, query(SELECT)).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
}
