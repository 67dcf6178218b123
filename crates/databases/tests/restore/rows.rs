//! Rows put back into living tables, on all three kinds of databases: what comes, what stays, what is
//! refused, what is taken back, and what is left by whoever was killed.

use super::{beside, restored};
use crate::{
    dump::suite::{Taken, blocking, differences_to, dump, story},
    scratch,
};
use databases::{
    DatabaseError,
    dump::{Folder, Side, TableDifference, compare},
    private::{self, MariaDb, MySql, Postgres},
    restore::{Obstacle, RowCounts, RowsBack, count, may_come_back},
};
use host::process::Signal;
use kernel::config::{DatabaseKind, DatabaseUrl};
use mysql_async::{Conn, prelude::Queryable};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use rusqlite::Connection;
use std::time::Duration;
use tempfile::TempDir;
use tokio_postgres::NoTls;

/// In the words of all three.
const SHOP: [&str; 8] = [
    "CREATE TABLE customers (id int PRIMARY KEY, name varchar(90) NOT NULL UNIQUE, brought_by int, \
     FOREIGN KEY (brought_by) REFERENCES customers (id))",
    "CREATE TABLE orders (id int PRIMARY KEY, customer int NOT NULL, total decimal(12,2) NOT NULL, \
     FOREIGN KEY (customer) REFERENCES customers (id))",
    "CREATE TABLE order_lines (order_id int, line int, what varchar(90), \
     PRIMARY KEY (order_id, line), FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE)",
    "CREATE TABLE notes (what varchar(90))",
    "INSERT INTO customers WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE \
     n < 200) SELECT n, concat('customer ', n), NULL FROM n",
    "UPDATE customers SET brought_by = 201 - id WHERE id > 1",
    "INSERT INTO orders SELECT id, id, id / 4.0 FROM customers WHERE id > 100",
    "INSERT INTO order_lines SELECT id, 1, concat('thing ', id) FROM orders",
];
/// What happens after the backup.
const AFTER: [&str; 6] = [
    "UPDATE customers SET brought_by = NULL WHERE brought_by IN (1, 2, 3, 4)",
    "DELETE FROM customers WHERE id IN (1, 2, 3, 4)",
    "UPDATE customers SET name = 'somebody' WHERE id = 7",
    "INSERT INTO orders VALUES (1000, 150, 7.5)",
    "INSERT INTO order_lines VALUES (1000, 1, 'new')",
    "DELETE FROM order_lines WHERE order_id = 150",
];

enum Server {
    Postgres(Postgres),
    MariaDb(MariaDb),
    MySql(MySql),
    Sqlite,
}

struct Shop {
    server: Server,
    folder: TempDir,
    live: DatabaseUrl,
}

impl Shop {
    async fn open(kind: DatabaseKind) -> Self {
        let folder = scratch::folder();
        let options = private::Options::default();
        let path = folder.path().join("server");
        let (server, secret) = match kind {
            DatabaseKind::Postgres => {
                let server = Postgres::start(&path, options).await.unwrap();
                server.create_database("shop").await.unwrap();
                let url = server.url("shop");
                (Server::Postgres(server), url)
            }
            DatabaseKind::MySql => {
                let server = MariaDb::start(&path, options).await.unwrap();
                server.create_database("shop").await.unwrap();
                let url = server.url("shop");
                (Server::MariaDb(server), url)
            }
            DatabaseKind::Sqlite => {
                (Server::Sqlite, format!("sqlite:{}", folder.path().join("shop.db").display()))
            }
        };
        Self::filled(server, folder, DatabaseUrl { kind, secret }).await
    }

    /// MySQL itself; `None` where it is not there.
    async fn open_mysql() -> Option<Self> {
        let (folder, server) = crate::mysql::server(&[]).await?;
        server.create_database("shop").await.unwrap();
        let live = crate::mysql::url(&server, "shop");
        Some(Self::filled(Server::MySql(server), folder, live).await)
    }

    async fn filled(server: Server, folder: TempDir, live: DatabaseUrl) -> Self {
        let shop = Self { server, folder, live };
        shop.run(&SHOP).await;
        shop
    }

    async fn run(&self, statements: &[&str]) {
        for statement in statements {
            match &self.server {
                Server::Postgres(server) => server.execute("shop", statement).await.unwrap(),
                Server::MariaDb(server) => server.execute("shop", statement).await.unwrap(),
                Server::MySql(server) => server.execute("shop", statement).await.unwrap(),
                Server::Sqlite => self.sqlite().execute_batch(statement).unwrap(),
            }
        }
    }

    fn sqlite(&self) -> Connection {
        let connection = Connection::open(self.folder.path().join("shop.db")).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON").unwrap();
        connection
    }

    async fn number(&self, statement: &str) -> i64 {
        match &self.server {
            Server::Postgres(server) => {
                let (client, connection) =
                    tokio_postgres::connect(&server.url("shop"), NoTls).await.unwrap();
                let driver = tokio::spawn(connection);
                let found = client.query_one(statement, &[]).await.unwrap().get(0);
                drop(client);
                driver.await.unwrap().unwrap();
                found
            }
            Server::MariaDb(_) | Server::MySql(_) => {
                let mut conn = Conn::from_url(&self.live.secret).await.unwrap();
                let found = conn.query_first(statement).await.unwrap().unwrap();
                conn.disconnect().await.unwrap();
                found
            }
            Server::Sqlite => self.sqlite().query_row(statement, [], |row| row.get(0)).unwrap(),
        }
    }

    fn beside_name(&self) -> String {
        match &self.server {
            Server::Sqlite => self.folder.path().join("then.db").display().to_string(),
            _ => "shop_then".to_owned(),
        }
    }

    /// A dump, and a database beside the live one with the rows of these tables.
    async fn then(&self, tables: &[&str]) -> Taken {
        let taken = dump(&self.live).await;
        let (taken, report) =
            restored(taken, &beside(&self.live, &self.beside_name()), Some(tables)).await;
        report.unwrap_or_else(|error| panic!("{}", story(&error)));
        taken
    }

    fn back(&self, kept: &str) -> RowsBack {
        RowsBack { live: self.live.clone(), kept: kept.to_owned(), mark: format!("run {kept}") }
    }

    async fn put(
        &self,
        kept: &str,
        tables: &[&str],
        exact: bool,
    ) -> Result<Vec<RowCounts>, DatabaseError> {
        let (back, with, tables) = (self.back(kept), self.beside_name(), owned(tables));
        blocking(move || back.put(&with, &tables, exact)).await
    }

    /// Put back, or why not; after a refusal nothing is different.
    async fn refuses(&self, kept: &str, tables: &[&str], exact: bool) -> (Obstacle, String) {
        let before = dump(&self.live).await;
        let error = self.put(kept, tables, exact).await.unwrap_err();
        let (_, found) = differences_to(before, &self.live).await;
        assert_eq!(found, []);
        // What was made for it goes.
        self.take_back(kept).await.unwrap();
        match &error {
            DatabaseError::RowsRefused { obstacle, .. } => (*obstacle, story(&error)),
            other => panic!("{}", story(other)),
        }
    }

    async fn look(&self, kept: &str) -> Option<Vec<RowCounts>> {
        let back = self.back(kept);
        blocking(move || back.look().unwrap()).await
    }

    async fn take_back(&self, kept: &str) -> Result<(), DatabaseError> {
        let back = self.back(kept);
        blocking(move || back.take_back()).await
    }

    async fn close(self) {
        match self.server {
            Server::Postgres(server) => server.stop().await.unwrap(),
            Server::MariaDb(server) => server.stop().await.unwrap(),
            Server::MySql(server) => server.stop().await.unwrap(),
            Server::Sqlite => {}
        }
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn numbers(counts: &[RowCounts]) -> Vec<(u64, u64, u64)> {
    counts.iter().map(|of| (of.added, of.changed, of.only_live)).collect()
}

async fn differences(
    taken: Taken,
    live: &DatabaseUrl,
    tables: &[&str],
) -> (Taken, Vec<TableDifference>) {
    let (live, tables) = (live.clone(), owned(tables));
    blocking(move || {
        let (then, now) = (Side::Dump(&taken.reader), Side::<Folder>::Live(&live));
        let found = compare(&then, &now, Some(&tables)).unwrap();
        (taken, found)
    })
    .await
}

/// What all three do alike.
async fn rows_come_back(shop: Shop) {
    let all = ["customers", "order_lines", "orders"];
    let then = shop.then(&all).await;
    shop.run(&AFTER).await;
    let now = dump(&shop.live).await;

    // What would happen is counted before, and nothing happens by it.
    let (then, counts) = {
        let (live, tables) = (shop.live.clone(), owned(&["order_lines", "customers"]));
        blocking(move || {
            may_come_back(&then.reader, &live, &tables).unwrap();
            let counts = count(&then.reader, &live, &tables).unwrap();
            (then, counts)
        })
        .await
    };
    assert_eq!(numbers(&counts), [(1, 0, 1), (4, 5, 0)]);
    let put = shop.put("1", &["order_lines", "customers"], false).await;
    let put = put.unwrap_or_else(|error| panic!("{}", story(&error)));
    assert_eq!(put, counts);
    assert_eq!(shop.look("1").await.as_ref(), Some(&counts));
    // Again, nothing happens; what is kept is in no dump.
    shop.run(&["UPDATE customers SET name = 'else' WHERE id = 9"]).await;
    assert_eq!(shop.put("1", &["customers"], false).await.unwrap(), counts);
    let taken = dump(&shop.live).await;
    assert_eq!(taken.reader.tables().len(), 4);
    let (then, found) = differences(then, &shop.live, &["customers", "order_lines"]).await;
    let [customers, lines] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((customers.different, customers.keys.as_slice()), (1, owned(&["9"]).as_slice()));
    assert_eq!((lines.missing, lines.extra, lines.different), (0, 1, 0));

    // Taken back: everything is as it was, but for what the shop changed since.
    shop.run(&["UPDATE customers SET name = 'newest' WHERE id = 7"]).await;
    shop.take_back("1").await.unwrap();
    shop.take_back("1").await.unwrap();
    assert_eq!(shop.look("1").await, None);
    let (now, found) = differences(now, &shop.live, &["customers", "order_lines", "orders"]).await;
    let [customers] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(customers.keys, ["7", "9"], "{customers:?}");
    shop.run(&[
        "UPDATE customers SET name = 'somebody' WHERE id = 7",
        "UPDATE customers SET name = 'customer 9' WHERE id = 9",
    ])
    .await;

    // Exactly as it was, and back.
    shop.put("2", &["orders", "customers", "order_lines"], true).await.unwrap();
    let (then, found) = differences_to(then, &shop.live).await;
    assert_eq!(found, []);
    shop.take_back("2").await.unwrap();
    let (_now, found) = differences_to(now, &shop.live).await;
    assert_eq!(found, []);
    drop(then);
    shop.close().await;
}

async fn what_cannot_be_is_refused(shop: Shop) {
    let then = shop.then(&["customers", "orders", "order_lines", "notes"]).await;
    shop.run(&AFTER).await;
    let check = async |kept: &str, tables: &[&str], exact: bool, expect: Obstacle| {
        let (obstacle, said) = shop.refuses(kept, tables, exact).await;
        assert_eq!(obstacle, expect, "{said}");
    };
    check("a", &["notes"], false, Obstacle::NoKey).await;
    check("b", &["nowhere"], false, Obstacle::NoTable).await;
    // The new order has a line, which would be lost with it.
    check("c", &["orders"], true, Obstacle::ReferredTo).await;
    // The order of a line that comes back is gone.
    shop.run(&[
        "DELETE FROM order_lines WHERE order_id = 180",
        "DELETE FROM orders WHERE id = 180",
    ])
    .await;
    let lost = match shop.live.kind {
        DatabaseKind::Postgres => Obstacle::Constraint,
        _ => Obstacle::Refers,
    };
    check("d", &["order_lines"], false, lost).await;
    shop.put("e", &["order_lines", "orders"], false).await.unwrap();
    // Somebody new has the name of somebody who comes back.
    shop.run(&["INSERT INTO customers VALUES (300, 'customer 2', NULL)"]).await;
    check("f", &["customers"], false, Obstacle::Constraint).await;
    shop.put("g", &["customers"], true).await.unwrap();
    let (_then, found) = differences(then, &shop.live, &["customers"]).await;
    assert_eq!(found, []);
    // Somebody else's is not touched.
    let others = RowsBack { mark: "another run".to_owned(), ..shop.back("g") };
    let looked = blocking(move || (others.look(), others.take_back())).await;
    let taken = |error: &DatabaseError| matches!(error, DatabaseError::NameTaken(_));
    assert!(looked.0.is_err_and(|e| taken(&e)) && looked.1.is_err_and(|e| taken(&e)));
    // A column that is gone.
    shop.run(&["ALTER TABLE orders DROP COLUMN total"]).await;
    check("h", &["orders"], false, Obstacle::OtherColumns).await;
    shop.close().await;
}

/// Kills whoever puts rows back, again and again: each time it is done or it is not, whole.
async fn killed_in_it(kind: DatabaseKind, test: &str) {
    if let Some(role) = testkit::role() {
        return blocking(move || put_as_told(kind, &role)).await;
    }
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(rand::random);
    println!("SEED={seed}");
    let mut dice = SmallRng::seed_from_u64(seed);
    let shop = Shop::open(kind).await;
    let mut then = shop.then(&["customers", "orders", "order_lines"]).await;
    shop.run(&AFTER).await;
    let mut now = dump(&shop.live).await;
    let (mut killed, mut ended, mut after) = (0, 0, 0);
    // Where nothing is asked of a server it is done soon.
    let longest = if kind == DatabaseKind::Sqlite { 150 } else { 900 };
    while killed < 6 && ended < 12 {
        let log = shop.folder.path().join("worker.log");
        let role = format!("{}\n{}", shop.live.secret, shop.beside_name());
        let mut worker = testkit::this_test(test, &role)
            .output_to(&log)
            .tied_to_this_thread(Signal::Kill)
            .start()
            .unwrap();
        let wait = Duration::from_millis(dice.random_range(5..longest));
        match tokio::time::timeout(wait, worker.wait()).await {
            Err(_still_at_it) => {
                worker.signal(Signal::Kill).unwrap();
                worker.wait().await.unwrap();
                killed += 1;
            }
            Ok(status) => {
                let said = std::fs::read_to_string(&log);
                assert!(status.unwrap().success(), "{}", said.unwrap_or_default());
                ended += 1;
            }
        }
        if shop.look("7").await.is_some() {
            after += 1;
            let (taken, found) = differences_to(then, &shop.live).await;
            (then, _) = (taken, assert_eq!(found, []));
            shop.take_back("7").await.unwrap();
        }
        let (taken, found) = differences_to(now, &shop.live).await;
        (now, _) = (taken, assert_eq!(found, []));
    }
    println!("{killed} killed, {ended} ended, {after} times it was done");
    shop.put("7", &["orders", "customers", "order_lines"], true).await.unwrap();
    let (_then, found) = differences_to(then, &shop.live).await;
    assert_eq!(found, []);
    shop.close().await;
}

fn put_as_told(kind: DatabaseKind, role: &str) {
    let told: Vec<&str> = role.lines().collect();
    let live = DatabaseUrl { kind, secret: told[0].to_owned() };
    let back = RowsBack { live, kept: "7".to_owned(), mark: "run 7".to_owned() };
    let done = back.put(told[1], &owned(&["orders", "customers", "order_lines"]), true);
    done.unwrap_or_else(|error| panic!("{}", story(&error)));
}

#[tokio::test]
async fn rows_come_back_in_postgresql() {
    rows_come_back(Shop::open(DatabaseKind::Postgres).await).await;
}

#[tokio::test]
async fn rows_come_back_in_mariadb() {
    rows_come_back(Shop::open(DatabaseKind::MySql).await).await;
}

#[tokio::test]
async fn rows_come_back_in_sqlite() {
    rows_come_back(Shop::open(DatabaseKind::Sqlite).await).await;
}

#[tokio::test]
async fn rows_come_back_in_mysql_and_what_cannot_be_is_refused() {
    let Some(shop) = Shop::open_mysql().await else { return };
    rows_come_back(shop).await;
    what_cannot_be_is_refused(Shop::open_mysql().await.expect("it was there")).await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_in_postgresql() {
    what_cannot_be_is_refused(Shop::open(DatabaseKind::Postgres).await).await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_in_mariadb() {
    what_cannot_be_is_refused(Shop::open(DatabaseKind::MySql).await).await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_in_sqlite() {
    what_cannot_be_is_refused(Shop::open(DatabaseKind::Sqlite).await).await;
}

#[tokio::test]
async fn killed_in_it_postgresql_has_all_or_nothing() {
    let test = "restore::rows::killed_in_it_postgresql_has_all_or_nothing";
    killed_in_it(DatabaseKind::Postgres, test).await;
}

#[tokio::test]
async fn killed_in_it_mariadb_has_all_or_nothing() {
    let test = "restore::rows::killed_in_it_mariadb_has_all_or_nothing";
    killed_in_it(DatabaseKind::MySql, test).await;
}

#[tokio::test]
async fn killed_in_it_sqlite_has_all_or_nothing() {
    let test = "restore::rows::killed_in_it_sqlite_has_all_or_nothing";
    killed_in_it(DatabaseKind::Sqlite, test).await;
}

#[tokio::test]
async fn triggers_do_not_fire_and_numbers_go_on() {
    let shop = Shop::open(DatabaseKind::Postgres).await;
    shop.run(&[
        "CREATE TABLE items (id serial PRIMARY KEY, always int GENERATED ALWAYS AS IDENTITY, \
         name text, shouted text GENERATED ALWAYS AS (upper(name)) STORED, data json)",
        "INSERT INTO items (name, data) SELECT 'item ' || n, '{\"a\": 1}' FROM generate_series(1, 20) n",
        "CREATE FUNCTION cry() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''fired''; END'",
        "CREATE TRIGGER one BEFORE INSERT OR UPDATE ON items FOR EACH ROW EXECUTE FUNCTION cry()",
        "CREATE TRIGGER two BEFORE DELETE ON items FOR EACH ROW EXECUTE FUNCTION cry()",
        "ALTER TABLE items DISABLE TRIGGER two",
    ])
    .await;
    let then = shop.then(&["items"]).await;
    shop.run(&[
        "DELETE FROM items WHERE id > 10",
        "ALTER TABLE items DISABLE TRIGGER one",
        "UPDATE items SET name = 'else' WHERE id = 3",
        "ALTER TABLE items ENABLE ALWAYS TRIGGER one",
        "SELECT setval('items_id_seq', 12)",
    ])
    .await;
    let counts = shop.put("1", &["items"], false).await;
    let counts = counts.unwrap_or_else(|error| panic!("{}", story(&error)));
    assert_eq!(numbers(&counts), [(10, 1, 0)]);
    let (_then, found) = differences(then, &shop.live, &["items"]).await;
    assert_eq!(found, []);
    assert_eq!(shop.number("SELECT last_value FROM items_id_seq").await, 20);
    let as_before = "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND \
                     (tgname, tgenabled) IN (('one', 'A'), ('two', 'D'))";
    assert_eq!(shop.number(as_before).await, 2);
    shop.close().await;

    let shop = Shop::open(DatabaseKind::Sqlite).await;
    let _then = shop.then(&["customers"]).await;
    shop.run(&AFTER).await;
    shop.run(&[
        "CREATE TRIGGER t BEFORE INSERT ON customers BEGIN SELECT RAISE(ABORT, 'fired'); END",
    ])
    .await;
    shop.put("1", &["customers"], false).await.unwrap();
    assert_eq!(shop.number("SELECT count(*) FROM customers").await, 200);

    let shop = Shop::open(DatabaseKind::MySql).await;
    let _then = shop.then(&["customers", "notes"]).await;
    shop.run(&["CREATE TRIGGER t BEFORE INSERT ON customers FOR EACH ROW SET @a = 1"]).await;
    assert_eq!(shop.refuses("1", &["customers"], false).await.0, Obstacle::Triggers);
    shop.run(&["DROP TRIGGER t", "ALTER TABLE notes ADD id int PRIMARY KEY AUTO_INCREMENT"]).await;
    shop.close().await;
}

/// Readers go on, and whoever writes waits and is not ended.
#[tokio::test]
async fn a_shop_sells_on_meanwhile() {
    for kind in [DatabaseKind::Postgres, DatabaseKind::MySql] {
        let shop = Shop::open(kind).await;
        let _then = shop.then(&["customers", "orders", "order_lines"]).await;
        shop.run(&AFTER).await;
        let sell = async {
            for id in 2000..2060 {
                let order = format!("INSERT INTO orders VALUES ({id}, 150, 1.0)");
                let line = format!("INSERT INTO order_lines VALUES ({id}, 1, 'sold')");
                shop.run(&[&order, &line]).await;
            }
        };
        let (put, ()) = tokio::join!(shop.put("1", &["order_lines", "orders"], false), sell);
        put.unwrap_or_else(|error| panic!("{}", story(&error)));
        assert_eq!(shop.number("SELECT count(*) FROM orders WHERE id >= 2000").await, 60);
        assert_eq!(shop.number("SELECT count(*) FROM order_lines WHERE order_id = 150").await, 1);
        shop.close().await;
    }
}
