//! Restores on a real PostgreSQL.

use super::{
    beside, discarded, kill_it, refuses_others, restore_as_told, restored, standing, swapped, whole,
};
use crate::{
    dump::suite::{differences, differences_to, dump, story},
    scratch,
};
use databases::{
    private::{self, Postgres},
    restore::{Standing, lacking},
};
use kernel::config::{DatabaseKind, DatabaseUrl};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};
use tempfile::TempDir;
use tokio_postgres::NoTls;

/// A shop's account that owns everything, one that reads, and what shops have.
const SHOP: &str = "
SET ROLE keeper;
CREATE TYPE state AS ENUM ('open', 'paid');
CREATE TABLE customers (id serial PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer int NOT NULL REFERENCES customers, total numeric NOT NULL, state state NOT NULL);
CREATE TABLE lines (\"order\" bigint REFERENCES orders ON DELETE CASCADE, line int, what text,
  PRIMARY KEY (\"order\", line));
CREATE VIEW paid AS SELECT * FROM orders WHERE state = 'paid';
CREATE MATERIALIZED VIEW sums AS SELECT customer, sum(total) FROM orders GROUP BY customer;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER noted BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION note();
INSERT INTO customers (name) SELECT 'customer ' || n FROM generate_series(1, 200) n;
INSERT INTO orders (customer, total, state)
  SELECT 1 + n % 200, n / 100.0, CASE n % 2 WHEN 0 THEN 'open' ELSE 'paid' END::state
  FROM generate_series(1, 3000) n;
INSERT INTO lines SELECT o.id, l, repeat('thing ', 20) FROM orders o, generate_series(1, 3) l;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
RESET ROLE;
ALTER DATABASE shop SET work_mem = '8MB';
GRANT CREATE ON DATABASE shop TO reader;
";

async fn server() -> (TempDir, Postgres, DatabaseUrl) {
    let folder = scratch::folder();
    let options = private::Options::default();
    let server = Postgres::start(&folder.path().join("pg"), options).await.unwrap();
    server
        .execute("postgres", "CREATE ROLE keeper LOGIN; CREATE ROLE reader LOGIN;")
        .await
        .unwrap();
    server.execute("postgres", "CREATE DATABASE shop OWNER keeper").await.unwrap();
    server.execute("shop", SHOP).await.unwrap();
    let url = DatabaseUrl { kind: DatabaseKind::Postgres, secret: server.url("shop") };
    (folder, server, url)
}

async fn number(url: &str, statement: &str) -> Result<i64, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let driver = tokio::spawn(connection);
    let found = client.query_one(statement, &[]).await.map(|row| row.get(0));
    drop(client);
    driver.await.unwrap().ok();
    found
}

#[tokio::test]
async fn a_database_comes_back_beside_the_live_one_with_its_rights() {
    let (_folder, server, live) = server().await;
    let taken = dump(&live).await;
    server.execute("shop", "DELETE FROM orders WHERE id > 10").await.unwrap();
    let ours = beside(&live, "shop_then");
    assert_eq!(standing(&ours).await, Standing::Absent);
    let (taken, report) = whole(taken, &ours).await;
    assert_eq!((report.tables, report.rows), (3, 200 + 3000 + 9000));
    for (statement, expect) in [
        ("SELECT count(*) FROM orders", 3000),
        ("SELECT count(*) FROM sums", 200),
        ("SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tableowner = 'keeper'", 3),
        ("SELECT has_table_privilege('reader', 'orders', 'SELECT')::int::bigint", 1),
        ("SELECT has_table_privilege('reader', 'orders', 'DELETE')::int::bigint", 0),
        ("SELECT has_database_privilege('reader', 'shop_then', 'CREATE')::int::bigint", 1),
        ("SELECT (current_setting('work_mem') = '8MB')::int::bigint", 1),
        ("SELECT nextval('customers_id_seq')", 201),
    ] {
        let found = number(&server.url("shop_then"), statement).await.unwrap();
        assert_eq!(found, expect, "{statement}");
    }
    let taken = refuses_others(taken, &ours).await;
    // Once more: it is there, and is held against the backup once more.
    server.execute("shop_then", "DELETE FROM lines WHERE line = 2").await.unwrap();
    let (taken, report) = restored(taken, &ours, None).await;
    let said = story(&report.unwrap_err());
    assert!(said.contains("public.lines") && said.contains("3000 rows missing"), "{said}");
    discarded(&ours).await.unwrap();
    discarded(&ours).await.unwrap();
    assert_eq!(standing(&ours).await, Standing::Absent);
    let (_taken, report) = restored(taken, &ours, Some(&["orders"])).await;
    assert_eq!(report.unwrap().rows, 3000);
    assert_eq!(number(&server.url("shop_then"), "SELECT count(*) FROM lines").await.unwrap(), 0);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn it_takes_the_live_ones_place_under_those_who_use_it_and_goes_back() {
    let (_folder, server, live) = server().await;
    let taken = dump(&live).await;
    server.execute("shop", "DELETE FROM orders WHERE id > 10").await.unwrap();
    let ours = beside(&live, "shop_then");
    let (taken, _) = whole(taken, &ours).await;
    // Customers who come back at once whenever they are put out.
    let (stop, url) = (Arc::new(AtomicBool::new(false)), server.url("shop"));
    let customers: Vec<_> = (0..4)
        .map(|_| {
            let (stop, url) = (Arc::clone(&stop), url.clone());
            tokio::spawn(async move {
                let mut seen = 0;
                while !stop.load(Relaxed) {
                    if let Ok(found) = number(&url, "SELECT count(*) FROM orders").await {
                        assert!([10, 3000].contains(&found), "{found}");
                        seen += 1;
                    }
                }
                seen
            })
        })
        .collect();
    // And one who never leaves by himself.
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    let stays = tokio::spawn(connection);
    client.batch_execute("BEGIN; SELECT 1 FROM orders LIMIT 1").await.unwrap();
    swapped(&live, "shop_then", "shop_before").await.unwrap();
    swapped(&live, "shop_then", "shop_before").await.unwrap();
    assert!(stays.await.unwrap().is_err(), "a session outlived its database");
    let count = "SELECT count(*) FROM orders";
    assert_eq!(number(&url, count).await.unwrap(), 3000);
    assert_eq!(number(&server.url("shop_before"), count).await.unwrap(), 10);
    assert_eq!(standing(&ours).await, Standing::Absent);
    let (taken, found) = differences_to(taken, &live).await;
    assert_eq!(found, []);
    swapped(&live, "shop_before", "shop_then").await.unwrap();
    assert_eq!(number(&url, count).await.unwrap(), 10);
    assert_eq!(standing(&ours).await, Standing::Whole);
    stop.store(true, Relaxed);
    for customer in customers {
        assert!(customer.await.unwrap() > 0);
    }
    let error = swapped(&live, "nothing", "shop_before").await.unwrap_err();
    assert!(story(&error).contains("no database `nothing`"), "{}", story(&error));
    let error = swapped(&live, "shop_then", "postgres").await.unwrap_err();
    assert!(story(&error).contains("already a database `postgres`"), "{}", story(&error));
    drop(taken);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn an_account_is_told_what_it_lacks() {
    let (_folder, server, live) = server().await;
    let check = async |role: &str, expect: &[&str]| {
        let secret = live.secret.replace("postgres://shop@", &format!("postgres://{role}@"));
        let url = DatabaseUrl { kind: DatabaseKind::Postgres, secret };
        let found = super::blocking(move || lacking(&url).unwrap()).await;
        assert_eq!(found, expect, "{role}");
    };
    check("shop", &[]).await;
    check("keeper", &["CREATEDB"]).await;
    check("reader", &["CREATEDB", "to own shop"]).await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn whoever_is_killed_in_it_is_gone_on_after() {
    if let Some(role) = testkit::role() {
        return super::blocking(move || restore_as_told(DatabaseKind::Postgres, &role)).await;
    }
    let (_folder, server, live) = server().await;
    let taken = dump(&live).await;
    let ours = beside(&live, "shop_then");
    let test = "restore::postgres::whoever_is_killed_in_it_is_gone_on_after";
    let _taken = kill_it(test, taken, &ours, 8).await;
    assert_eq!(differences(&live, &ours.url()).await, []);
    server.stop().await.unwrap();
}
