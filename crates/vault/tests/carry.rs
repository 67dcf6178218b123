//! A shop went back in time: the orders that it had taken since come along, and who cannot is named.

use databases::{
    live::Live,
    private::{MariaDb, Options as ServerOptions, Postgres},
};
use kernel::config::{DatabaseKind, DatabaseUrl};
use shops::OrderGraph;
use std::{fs, os::unix::fs::PermissionsExt as _};
use tempfile::TempDir;
use vault::orders::{Carried, CarryOptions, carry};

const SCHEMA: [&str; 4] = [
    "create table customer (id {key}, email varchar(100) not null)",
    "create table orders (id {key}, number varchar(20) not null unique, \
     customer_id integer not null references customer(id), state varchar(20) not null)",
    "create table order_line (id {key}, order_id integer not null references orders(id), \
     price integer not null)",
    "create table payment (id {key}, order_id integer not null references orders(id), \
     amount integer not null)",
];

/// As the backup has them.
const THEN: [&str; 4] = [
    "insert into customer (email) values ('ann@example.test'), ('bob@example.test')",
    "insert into orders (number, customer_id, state) values ('A-1', 1, 'paid'), ('A-2', 2, 'open')",
    "insert into order_line (order_id, price) values (1, 500), (2, 700)",
    "insert into payment (order_id, amount) values (1, 500)",
];

/// What the shop did since.
const SINCE: [&str; 6] = [
    "insert into customer (email) values ('cid@example.test')",
    "insert into orders (number, customer_id, state) \
     values ('A-3', 3, 'paid'), ('A-4', 1, 'open'), ('A-5', 2, 'open')",
    "insert into order_line (order_id, price) values (3, 1900), (3, 50), (4, 20), (5, 70)",
    "insert into payment (order_id, amount) values (3, 1950)",
    "update orders set state = 'paid' where number = 'A-2'",
    "insert into payment (order_id, amount) values (2, 700)",
];

fn graph() -> OrderGraph {
    OrderGraph {
        root: "orders".to_owned(),
        key: "id".to_owned(),
        numbers: vec!["number".to_owned()],
        ..OrderGraph::default()
    }
}

/// The database that was put aside, and the one that is in its place.
struct Shop<'a> {
    aside: DatabaseUrl,
    here: DatabaseUrl,
    run: &'a dyn Fn(&DatabaseUrl, &str),
}

impl Shop<'_> {
    fn carry(&self, options: CarryOptions) -> Carried {
        let mut from = Live::connect(&self.aside).unwrap();
        let mut to = Live::connect(&self.here).unwrap();
        carry(&mut from, &mut to, &graph(), options, &mut |_| ()).unwrap()
    }

    /// `A-1 paid`, and so on: by their numbers, with what their lines and payments come to.
    fn orders(&self) -> Vec<String> {
        let mut live = Live::connect(&self.here).unwrap();
        let table = |live: &Live, name: &str| live.table(name).unwrap().clone();
        let (orders, lines) = (table(&live, "orders"), table(&live, "order_line"));
        let payments = table(&live, "payment");
        let text = |value: &Option<Vec<u8>>| {
            String::from_utf8(value.clone().unwrap()).unwrap().trim_matches('\'').to_owned()
        };
        let rows = live.page(&orders, "id", None, 100).unwrap();
        let mut told = Vec::new();
        for row in rows {
            let key = row.fields[0].clone().unwrap();
            let mut sum = |table, column: usize| -> i64 {
                let rows = live.lookup(table, &[("order_id", &key)]).unwrap();
                rows.iter().map(|row| text(&row.fields[column]).parse::<i64>().unwrap()).sum()
            };
            let (price, paid) = (sum(&lines, 2), sum(&payments, 2));
            told.push(format!("{} {} {price}/{paid}", text(&row.fields[1]), text(&row.fields[3])));
        }
        told
    }
}

fn named(orders: &[vault::orders::Found]) -> Vec<&str> {
    orders.iter().map(|order| order.numbers[0].as_str()).collect()
}

/// What must hold of every kind of database.
fn suite(shop: &Shop<'_>, key: &str) {
    let (run, aside, here) = (shop.run, &shop.aside, &shop.here);
    for statement in SCHEMA.iter().map(|statement| statement.replace("{key}", key)) {
        run(aside, &statement);
        run(here, &statement);
    }
    for statement in THEN {
        run(aside, statement);
        run(here, statement);
    }
    SINCE.iter().for_each(|statement| run(aside, statement));

    let carried = shop.carry(CarryOptions { newer_states: false, keys_free: 5 });
    assert_eq!((carried.orders, carried.states, carried.refused.len()), (3, 0, 0));
    assert_eq!(named(&carried.others), ["A-2"]);
    let since = ["A-3 paid 1950/1950", "A-4 open 20/0", "A-5 open 70/0"];
    let with = |second| [&["A-1 paid 500/500", second], &since[..]].concat();
    assert_eq!(shop.orders(), with("A-2 open 700/0"));
    let of = |carried: &Carried| (carried.orders, carried.states, carried.others.len());
    assert_eq!(of(&shop.carry(CarryOptions::default())), (0, 0, 1), "once more does no harm");

    // Nobody gets a key that somebody had there.
    run(here, "insert into customer (email) values ('dot@example.test')");
    let mut live = Live::connect(here).unwrap();
    let customers = live.table("customer").unwrap().clone();
    let last = live.page(&customers, "id", None, 100).unwrap().pop().unwrap();
    let last = String::from_utf8(last.fields[0].clone().unwrap()).unwrap();
    assert!(last.parse::<i64>().unwrap() > 3 + 5, "{last}");

    let carried = shop.carry(CarryOptions { newer_states: true, keys_free: 0 });
    assert_eq!((of(&carried), carried.rows), ((0, 1, 0), 2));
    assert_eq!(shop.orders(), with("A-2 paid 700/700"));

    // A number that somebody else has, a column that is not there: those stay away whole, by name.
    run(aside, "insert into orders (number, customer_id, state) values ('A-6', 1, 'open')");
    run(aside, "insert into orders (number, customer_id, state) values ('A-7', 1, 'open')");
    run(aside, "insert into order_line (order_id, price) values (7, 70)");
    run(here, "insert into orders (id, number, customer_id, state) values (90, 'A-6', 2, 'open')");
    let carried = shop.carry(CarryOptions::default());
    let refused = |carried: &Carried| -> Vec<String> {
        let told = carried.refused.iter().map(|(order, why)| (order.numbers[0].clone(), &why.code));
        told.map(|(order, why)| format!("{order} {why}")).collect()
    };
    assert_eq!(refused(&carried), ["A-6 order_number_reused"]);
    assert_eq!(carried.orders, 1);
    run(aside, "insert into orders (number, customer_id, state) values ('A-8', 1, 'open')");
    run(aside, "alter table order_line add column gift varchar(20)");
    run(aside, "insert into order_line (order_id, price, gift) values (8, 1, 'red'), (8, 2, null)");
    run(aside, "insert into orders (number, customer_id, state) values ('A-9', 1, 'open')");
    run(aside, "insert into order_line (order_id, price) values (9, 5)");
    let carried = shop.carry(CarryOptions::default());
    assert_eq!(refused(&carried), ["A-6 order_number_reused", "A-8 order_column_gone"]);
    assert_eq!(carried.orders, 1, "a column without a value keeps nobody away");
    let last = shop.orders();
    assert_eq!(last[last.len() - 2..], ["A-9 open 5/0", "A-6 open 0/0"]);
}

fn open_folder() -> TempDir {
    let folder = testkit::folder();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
    folder
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[test]
fn newer_orders_of_sqlite_come_along() {
    let folder = testkit::folder();
    let url = |name: &str| {
        let path = folder.path().join(name);
        rusqlite::Connection::open(&path).unwrap();
        let secret = format!("sqlite:{}", path.display());
        DatabaseUrl { kind: DatabaseKind::Sqlite, secret }
    };
    let run = |url: &DatabaseUrl, statement: &str| {
        let connection = rusqlite::Connection::open(&url.secret["sqlite:".len()..]).unwrap();
        connection.execute_batch(statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
    };
    let shop = Shop { aside: url("aside.db"), here: url("here.db"), run: &run };
    suite(&shop, "integer primary key autoincrement");
}

#[test]
fn newer_orders_of_postgres_come_along() {
    let (runtime, home) = (runtime(), open_folder());
    let server =
        runtime.block_on(Postgres::start(&home.path().join("pg"), ServerOptions::default()));
    let server = server.unwrap();
    let url = |name: &str| {
        runtime.block_on(server.create_database(name)).unwrap();
        DatabaseUrl { kind: DatabaseKind::Postgres, secret: server.url(name) }
    };
    let (aside, here) = (url("aside"), url("here"));
    let run = |url: &DatabaseUrl, statement: &str| {
        let name = if *url == aside { "aside" } else { "here" };
        runtime.block_on(server.execute(name, statement)).unwrap();
    };
    let shop = Shop { aside: aside.clone(), here, run: &run };
    suite(&shop, "integer generated by default as identity primary key");
}

#[test]
fn newer_orders_of_mariadb_come_along() {
    let (runtime, home) = (runtime(), open_folder());
    let server =
        runtime.block_on(MariaDb::start(&home.path().join("db"), ServerOptions::default()));
    let server = server.unwrap();
    let url = |name: &str| {
        runtime.block_on(server.create_database(name)).unwrap();
        let secret = server.url(name).replace("mysql://", "mariadb://");
        DatabaseUrl { kind: DatabaseKind::MySql, secret }
    };
    let (aside, here) = (url("aside"), url("here"));
    let run = |url: &DatabaseUrl, statement: &str| {
        let name = if *url == aside { "aside" } else { "here" };
        runtime.block_on(server.execute(name, statement)).unwrap();
    };
    let shop = Shop { aside: aside.clone(), here, run: &run };
    suite(&shop, "integer auto_increment primary key");
}
