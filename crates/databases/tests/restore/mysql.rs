//! Restores on a real MariaDB.

use super::{
    beside, discarded, kill_it, refuses_others, restore_as_told, standing, swapped, whole,
};
use crate::{
    dump::suite::{differences_to, dump, story},
    scratch,
};
use databases::{
    private::{self, MariaDb},
    restore::{Standing, lacking},
};
use kernel::config::{DatabaseKind, DatabaseUrl};
use mysql_async::{Conn, prelude::Queryable};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};
use tempfile::TempDir;

const SHOP: [&str; 9] = [
    "CREATE TABLE customers (id int AUTO_INCREMENT PRIMARY KEY, name varchar(90) NOT NULL UNIQUE)",
    "CREATE TABLE orders (id bigint AUTO_INCREMENT PRIMARY KEY, customer int NOT NULL, \
     total decimal(12,2) NOT NULL, FOREIGN KEY (customer) REFERENCES customers (id))",
    "CREATE TABLE `order lines` (`order` bigint, line int, what text, PRIMARY KEY (`order`, line), \
     FOREIGN KEY (`order`) REFERENCES orders (id) ON DELETE CASCADE)",
    "CREATE SEQUENCE numbers START WITH 17",
    "INSERT INTO customers (name) SELECT CONCAT('customer ', seq) FROM seq_1_to_200",
    "INSERT INTO orders (customer, total) SELECT 1 + seq % 200, seq / 100 FROM seq_1_to_3000",
    "INSERT INTO `order lines` SELECT o.id, l.seq, REPEAT('thing ', 20) FROM orders o, seq_1_to_3 l",
    "CREATE VIEW big AS SELECT * FROM orders WHERE total > 10",
    "CREATE EVENT `purge` ON SCHEDULE EVERY 1 SECOND DO DELETE FROM `order lines` WHERE line = 99",
];

async fn server() -> (TempDir, MariaDb, DatabaseUrl) {
    let folder = scratch::folder();
    let options = private::Options::default();
    let server = MariaDb::start(&folder.path().join("maria"), options).await.unwrap();
    server.create_database("shop").await.unwrap();
    run(&server, "shop", &SHOP).await;
    let secret = server.url("shop").replace("mysql://", "mariadb://");
    (folder, server, DatabaseUrl { kind: DatabaseKind::MySql, secret })
}

async fn run(server: &MariaDb, database: &str, statements: &[&str]) {
    for statement in statements {
        let done = server.execute(database, statement).await;
        done.unwrap_or_else(|error| panic!("{statement}: {}", story(&error)));
    }
}

async fn number(url: &str, statement: &str) -> i64 {
    let mut conn = Conn::from_url(url).await.unwrap();
    let found = conn.query_first(statement).await.unwrap().unwrap();
    conn.disconnect().await.unwrap();
    found
}

#[tokio::test]
async fn a_database_comes_back_beside_the_live_one_and_takes_its_place() {
    let (_folder, server, live) = server().await;
    let taken = dump(&live).await;
    run(&server, "shop", &["DELETE FROM orders WHERE id > 10"]).await;
    let ours = beside(&live, "shop_then");
    assert_eq!(standing(&ours).await, Standing::Absent);
    let (taken, report) = whole(taken, &ours).await;
    assert_eq!((report.tables, report.rows), (3, 200 + 3000 + 9000));
    // What would act by itself is left out, and said.
    assert!(report.left_out[0].contains("EVENT `purge`"), "{:?}", report.left_out);
    let tables = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'shop_then'";
    assert_eq!(number(&server.url("shop_then"), tables).await, 5);
    let taken = refuses_others(taken, &ours).await;

    // Customers who look all the time see the one or the other, but for the order that is deleted below.
    let (stop, url) = (Arc::new(AtomicBool::new(false)), server.url("shop"));
    let customers: Vec<_> = (0..4)
        .map(|_| {
            let (stop, url) = (Arc::clone(&stop), url.clone());
            tokio::spawn(async move {
                let mut conn = Conn::from_url(url).await.unwrap();
                while !stop.load(Relaxed) {
                    let seen = "SELECT COUNT(*) FROM orders";
                    let found: i64 = conn.query_first(seen).await.unwrap().unwrap();
                    assert!([10, 2999, 3000].contains(&found), "{found}");
                }
                conn.disconnect().await.unwrap();
            })
        })
        .collect();
    swapped(&live, "shop_then", "shop_before").await.unwrap();
    swapped(&live, "shop_then", "shop_before").await.unwrap();
    let (taken, found) = differences_to(taken, &live).await;
    assert_eq!(found, []);
    // Views stay, and show what is there now; keys of others lead to tables of the same database.
    assert_eq!(number(&url, "SELECT COUNT(*) FROM big").await, 2000);
    let astray = "SELECT COUNT(*) FROM information_schema.KEY_COLUMN_USAGE WHERE \
                  REFERENCED_TABLE_SCHEMA <> TABLE_SCHEMA";
    assert_eq!(number(&url, astray).await, 0);
    run(&server, "shop", &["DELETE FROM orders WHERE id = 5"]).await;
    assert_eq!(number(&url, "SELECT COUNT(*) FROM `order lines` WHERE `order` = 5").await, 0);
    run(&server, "shop", &["INSERT INTO orders VALUES (5, 6, 0.05)"]).await;
    let count = "SELECT COUNT(*) FROM orders";
    assert_eq!(number(&server.url("shop_before"), count).await, 10);
    swapped(&live, "shop_before", "shop_then").await.unwrap();
    assert_eq!(number(&url, count).await, 10);
    stop.store(true, Relaxed);
    for customer in customers {
        customer.await.unwrap();
    }
    discarded(&ours).await.unwrap();
    assert_eq!(standing(&ours).await, Standing::Absent);

    // Tables with triggers are not moved.
    let (taken, _) = whole(taken, &ours).await;
    let trigger = "CREATE TRIGGER noted BEFORE INSERT ON orders FOR EACH ROW SET @a = 1";
    run(&server, "shop", &[trigger]).await;
    let error = swapped(&live, "shop_then", "shop_other").await.unwrap_err();
    assert!(story(&error).contains("noted of orders"), "{}", story(&error));
    drop(taken);
    server.stop().await.unwrap();
}

/// Rights go by names: on the database, on a table, on a column of one.
#[tokio::test]
async fn what_was_granted_holds_for_what_took_the_place() {
    let (_folder, server, live) = server().await;
    for statement in [
        "CREATE USER till@'%' IDENTIFIED BY 'x'",
        "GRANT SELECT ON shop.orders TO till@'%'",
        "GRANT SELECT (id), UPDATE (name) ON shop.customers TO till@'%'",
        "CREATE USER app@'%' IDENTIFIED BY 'x'",
        "GRANT ALL ON shop.* TO app@'%'",
    ] {
        run(&server, "mysql", &[statement]).await;
    }
    let ask = async |user: &str, statement: &str| {
        let url = server.url("shop").replace("root@", &format!("{user}:x@"));
        let mut conn = Conn::from_url(url).await.unwrap();
        let done = conn.query_drop(statement).await;
        conn.disconnect().await.unwrap();
        done.is_ok()
    };
    let holds = async || {
        let check = async |user: &str, statement: &str, expect: bool| {
            assert_eq!(ask(user, statement).await, expect, "{user}: {statement}");
        };
        check("till", "SELECT total FROM orders LIMIT 1", true).await;
        check("till", "SELECT id FROM customers LIMIT 1", true).await;
        check("till", "UPDATE customers SET name = 'new' WHERE id = 9", true).await;
        check("till", "SELECT name FROM customers LIMIT 1", false).await;
        check("till", "DELETE FROM orders WHERE id = 0", false).await;
        check("till", "SELECT 1 FROM `order lines` LIMIT 1", false).await;
        check("app", "DELETE FROM `order lines` WHERE line = 0", true).await;
    };
    holds().await;
    let taken = dump(&live).await;
    let (_taken, _) = whole(taken, &beside(&live, "shop_then")).await;
    swapped(&live, "shop_then", "shop_before").await.unwrap();
    holds().await;
    // What was set aside is nobody's but an administrator's.
    assert!(!ask("till", "SELECT 1 FROM shop_before.orders LIMIT 1").await);
    swapped(&live, "shop_before", "shop_then").await.unwrap();
    holds().await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn an_account_is_told_what_it_lacks() {
    let (_folder, server, live) = server().await;
    for statement in [
        "CREATE USER reader@'%' IDENTIFIED BY 'x'",
        "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON shop.* TO reader@'%'",
        "CREATE USER keeper@'%' IDENTIFIED BY 'x'",
        "GRANT ALL ON `shop%`.* TO keeper@'%'",
    ] {
        run(&server, "mysql", &[statement]).await;
    }
    let check = async |role: &str, expect: usize| {
        let secret = live.secret.replace("root@", &format!("{role}:x@"));
        let url = DatabaseUrl { kind: DatabaseKind::MySql, secret };
        let found = super::blocking(move || lacking(&url).unwrap()).await;
        assert_eq!(found.len(), expect, "{role}: {found:?}");
    };
    check("reader", 11).await;
    check("keeper", 0).await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn whoever_is_killed_in_it_is_gone_on_after() {
    if let Some(role) = testkit::role() {
        return super::blocking(move || restore_as_told(DatabaseKind::MySql, &role)).await;
    }
    let (_folder, server, live) = server().await;
    let taken = dump(&live).await;
    let test = "restore::mysql::whoever_is_killed_in_it_is_gone_on_after";
    let _taken = kill_it(test, taken, &beside(&live, "shop_then"), 8).await;
    server.stop().await.unwrap();
}
