//! Orders from a real MariaDB.

use super::suite::{self, SELECT, TABLE, keys, query, url};
use crate::scratch;
use databases::{
    DatabaseError,
    orders::{OrderReader, OrderWindow},
    private::{MariaDb, Options},
};
use kernel::config::DatabaseKind;
use mysql_async::{Conn, prelude::Queryable};
use std::time::{Duration, Instant};
use tempfile::TempDir;

async fn server() -> (TempDir, MariaDb) {
    let folder = scratch::folder();
    let server = MariaDb::start(&folder.path().join("maria"), Options::default()).await.unwrap();
    server.create_database("shop").await.unwrap();
    server.execute("shop", TABLE).await.unwrap();
    (folder, server)
}

async fn reader(server: &MariaDb, select: &str) -> OrderReader {
    // As people write it; the client itself knows `mysql` only.
    let secret = server.url("shop").replace("mysql://", "mariadb://");
    OrderReader::connect(&url(DatabaseKind::MySql, secret), query(select)).await.unwrap()
}

async fn client(server: &MariaDb) -> Conn {
    Conn::from_url(server.url("shop")).await.unwrap()
}

fn insert(key: i64) -> String {
    format!("INSERT INTO shop_order VALUES ({key}, {}, {})", key * 1_000, key * 10)
}

#[tokio::test]
async fn orders_are_read_on_by_key() {
    let (_folder, server) = server().await;
    let mut reader = reader(&server, SELECT).await;
    suite::reads_on_by_key(&mut reader, async |key| {
        server.execute("shop", &insert(key)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_order_whose_transaction_overlaps_a_later_one_is_not_missed() {
    let (_folder, server) = server().await;
    let (mut early, mut late) = (client(&server).await, client(&server).await);
    let mut reader = reader(&server, SELECT).await;
    let mut window = OrderWindow::starting_after(None);
    early.query_drop("BEGIN").await.unwrap();
    early.query_drop(insert(7)).await.unwrap();
    late.query_drop(insert(8)).await.unwrap();
    assert_eq!(keys(&reader.follow(&mut window, 0).await.unwrap()), [8]);
    early.query_drop("COMMIT").await.unwrap();
    assert_eq!(keys(&reader.follow(&mut window, 1_000).await.unwrap()), [7]);
    assert!(reader.follow(&mut window, 2_000).await.unwrap().is_empty());
}

#[tokio::test]
async fn nothing_can_be_written_through_the_reader() {
    let (_folder, server) = server().await;
    let function = "CREATE FUNCTION sly() RETURNS BIGINT MODIFIES SQL DATA BEGIN \
                    INSERT INTO shop_order VALUES (9, 9, 9); RETURN 9; END";
    let setting = "SET GLOBAL log_bin_trust_function_creators = 1";
    server.execute("shop", setting).await.unwrap();
    server.execute("shop", function).await.unwrap();
    let mut reader = reader(&server, "SELECT sly(), 1, 1 WHERE :after < :limit").await;
    let error = reader.new_orders(Some(0), 1).await.unwrap_err();
    let DatabaseError::ReadMySql(mysql_async::Error::Server(source)) = &error else {
        panic!("{error:?}")
    };
    // ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION.
    assert_eq!(source.code, 1792, "{source}");
    let count: Option<i64> =
        client(&server).await.query_first("SELECT count(*) FROM shop_order").await.unwrap();
    assert_eq!(count, Some(0));
}

#[tokio::test]
async fn a_slow_statement_is_ended_and_the_next_one_served() {
    let (_folder, server) = server().await;
    let slow = "SELECT 1, 1, 1 WHERE sleep(if(:after > 0, 60, 0)) = 7 LIMIT :limit";
    let mut reader = reader(&server, slow).await;
    let begins = Instant::now();
    assert!(reader.new_orders(Some(1), 1).await.is_err());
    assert!(begins.elapsed() < Duration::from_secs(10));
    assert!(reader.new_orders(Some(0), 1).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_restart_of_the_server_is_survived() {
    let (folder, server) = server().await;
    let mut reader = reader(&server, SELECT).await;
    server.execute("shop", &insert(1)).await.unwrap();
    assert_eq!(reader.newest_key().await.unwrap(), Some(1));
    let options = Options { port: Some(server.port()), ..Options::default() };
    server.stop().await.unwrap();
    assert!(reader.new_orders(None, 1).await.is_err());
    let _server = MariaDb::start(&folder.path().join("maria"), options).await.unwrap();
    assert_eq!(reader.newest_key().await.unwrap(), Some(1));
}
