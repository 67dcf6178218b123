//! What an SQLite suffers from.

use super::{
    change_setting_there_and_back, examine, mend_indexes_there_and_back, mend_of, setting_of, told,
};
use databases::care::{Sight, Trouble};
use kernel::config::{DatabaseKind, DatabaseUrl};
use rusqlite::Connection;

#[tokio::test]
async fn references_without_an_index_and_a_journal_that_makes_readers_wait_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let shop = "CREATE TABLE customer (id integer PRIMARY KEY);
        CREATE TABLE orders (id integer PRIMARY KEY, customer_id int REFERENCES customer,
          cart_id int REFERENCES customer);
        CREATE INDEX carts ON orders (cart_id);
        WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2000)
        INSERT INTO orders SELECT n, NULL, NULL FROM n;";
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(shop).unwrap();
    let url =
        DatabaseUrl { kind: DatabaseKind::Sqlite, secret: format!("sqlite:{}", path.display()) };
    let found = examine(&url).await;
    assert_eq!(told(&found), ["unindexed_reference orders(customer_id)"]);
    let made = "CREATE INDEX \"orders_customer_id_idx\" ON \"orders\" (\"customer_id\")";
    assert_eq!(mend_of(&found, "orders(customer_id)").statement(), made);
    mend_indexes_there_and_back(&url).await;
    let waits =
        |one: &Trouble| matches!(one, Trouble::Setting { name, .. } if name == "journal_mode");
    assert!(found.findings.iter().any(|one| waits(&one.trouble)), "{:?}", found.findings);
    assert_eq!(found.blind[0].what, Sight::Queries);
    change_setting_there_and_back(&url, &setting_of(&found, "journal_mode")).await;
}
