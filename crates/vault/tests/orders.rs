//! One order comes back under its own number, on each kind of database, and nothing else moves.

use databases::{
    dump::{Dump, Folder, Options as DumpOptions, Reader, Side, TableDifference, compare},
    live::{Change, Live, Standing},
    private::{MariaDb, Options as ServerOptions, Postgres},
};
use kernel::config::{DatabaseKind, DatabaseUrl};
use shops::{Child, EmailPath, OrderGraph, PersonalColumns, Through};
use std::{fs, os::unix::fs::PermissionsExt as _, time::Instant};
use tempfile::TempDir;
use vault::orders::{
    Closure, Deleted, Difference, Options, Past, Restoration, Role, State, Wanted, find, forget,
    restoration,
};

/// A shop with what is hard: a cart above the order, a triangle of keys, a circle, a link without a
/// foreign key, and other people's rows that point to an order.
const SCHEMA: [&str; 12] = [
    "create table customer (id integer primary key, email varchar(100) not null)",
    "create table product (id integer primary key, name varchar(40) not null)",
    "create table cart (id varchar(36) primary key, customer_id integer not null references customer(id))",
    "create table orders (id integer primary key, number varchar(20) not null unique, \
     cart_id varchar(36) not null references cart(id), \
     customer_id integer not null references customer(id), first_line integer, \
     total decimal(12,2) not null, note varchar(200))",
    "create table shipping_line (id integer primary key, order_id integer not null references orders(id))",
    "create table order_line (id integer primary key, order_id integer not null references orders(id), \
     shipping_id integer references shipping_line(id), product_id integer not null references product(id), \
     quantity integer not null)",
    "create table payment (id integer primary key, order_id integer not null references orders(id), \
     amount decimal(12,2) not null)",
    "create table refund (id integer primary key, payment_id integer not null references payment(id))",
    "create table note (id integer primary key, order_no varchar(20), words varchar(100))",
    "create table ticket (id integer primary key, order_id integer references orders(id) on delete set null)",
    "create table session (id integer primary key, order_id integer references orders(id) on delete set null)",
    "create table gift (order_id integer not null references orders(id), \
     product_id integer not null references product(id), primary key (order_id, product_id))",
];

const ROWS: [&str; 12] = [
    "insert into customer values (1, 'ann@example.test'), (2, 'bob@example.test')",
    "insert into product values (1, 'Lamp'), (2, 'It''s a \\\\ shade')",
    "insert into cart values ('c-1', 1), ('c-2', 2), ('c-3', 1)",
    "insert into orders values (1, 'A-1', 'c-1', 1, null, 10.00, null), \
     (2, 'A-2', 'c-2', 2, null, 25.50, 'Größe\tmit Tab \\\\N'), (3, 'A-3', 'c-3', 1, null, 7.20, '')",
    "insert into shipping_line values (1, 1), (2, 2), (3, 3)",
    "insert into order_line values (1, 1, 1, 1, 1), (2, 2, 2, 1, 2), (3, 2, null, 2, 1), (4, 3, 3, 2, 5)",
    "update orders set first_line = 2 where id = 2",
    "insert into payment values (1, 1, 10.00), (2, 2, 25.50), (3, 3, 7.20)",
    "insert into refund values (1, 2)",
    "insert into note values (1, 'A-2', 'please wrap'), (2, 'A-3', 'no')",
    "insert into ticket values (1, 2), (2, 3)",
    "insert into session values (1, 2), (2, 1)",
];

/// As a shop does it: children first.
const DELETION: [&str; 8] = [
    "update orders set first_line = null where id = 2",
    "delete from refund where id = 1",
    "delete from payment where order_id = 2",
    "delete from order_line where order_id = 2",
    "delete from shipping_line where order_id = 2",
    "delete from note where order_no = 'A-2'",
    "delete from orders where id = 2",
    "delete from cart where id = 'c-2'",
];

fn graph() -> OrderGraph {
    let text = str::to_owned;
    OrderGraph {
        root: text("orders"),
        key: text("id"),
        numbers: vec![text("number")],
        emails: vec![EmailPath {
            column: text("email"),
            table: Some(Through {
                name: text("customer"),
                from: text("customer_id"),
                to: text("id"),
                only: Vec::new(),
            }),
        }],
        children: vec![Child {
            table: text("note"),
            columns: vec![text("order_no")],
            of: text("orders"),
            to: vec![text("number")],
            ..Child::default()
        }],
        beside: vec![text("session")],
        with: vec![text("cart")],
        ..OrderGraph::default()
    }
}

/// What the servers' databases are called.
pub(crate) const SCHEMA_DATABASE: &str = "shop";

/// A shop's database, and how statements are run in it.
pub(crate) struct Shop<'a> {
    pub(crate) url: DatabaseUrl,
    pub(crate) run: Box<dyn Fn(&str) + 'a>,
}

impl Shop<'_> {
    pub(crate) fn new(url: DatabaseUrl, run: Box<dyn Fn(&str) + '_>) -> Shop<'_> {
        let shop = Shop { url, run };
        SCHEMA.iter().chain(&ROWS).for_each(|statement| (shop.run)(statement));
        shop
    }

    pub(crate) fn delete(&self) {
        DELETION.iter().for_each(|statement| (self.run)(statement));
    }

    pub(crate) fn dump(&self) -> (TempDir, Reader<Folder>) {
        let folder = testkit::folder();
        let files = Folder::at(folder.path().join("dump"));
        files.take(Dump::begin(&self.url, DumpOptions::new(7)).unwrap()).unwrap();
        (folder, Reader::open(files).unwrap())
    }

    pub(crate) fn differences(&self, then: &Reader<Folder>) -> Vec<TableDifference> {
        compare(&Side::Dump(then), &Side::<Folder>::Live(&self.url), None).unwrap()
    }

    pub(crate) fn live(&self) -> Live {
        Live::connect(&self.url).unwrap()
    }
}

pub(crate) fn difference(then: &Reader<Folder>, live: &mut Live, number: &str) -> Difference {
    let mut past = Past(then);
    let found = find(&mut past, &graph(), &Wanted::Number(number.into())).unwrap();
    assert_eq!(found.len(), 1, "{number}");
    let mut closure = Closure::of(&mut past, &graph(), &found[0].row).unwrap();
    Difference::between(&mut past, &graph(), &mut closure, live).unwrap()
}

pub(crate) fn plan(
    difference: &Difference,
    live: &mut Live,
    options: Options<'_>,
) -> Result<Restoration, String> {
    let made = restoration(&graph(), difference, live, options).unwrap();
    made.map_err(|refusal| format!("{} {:?}", refusal.0.code, refusal.0.params))
}

fn states(difference: &Difference) -> Vec<(String, State)> {
    let name = |table: &str| table.rsplit('.').next().unwrap_or_default().to_owned();
    let mut states: Vec<_> =
        difference.rows.iter().map(|row| (name(&row.table), row.state)).collect();
    states.sort_by(|a, b| a.0.cmp(&b.0));
    states
}

/// What must hold of every kind of database.
fn suite(shop: &Shop<'_>) {
    let (_folder, then) = shop.dump();
    let mut live = shop.live();
    assert!(difference(&then, &mut live, "A-2").is_same());
    let by_email = find(&mut Past(&then), &graph(), &Wanted::Email("ann@example.test".into()));
    let numbers: Vec<_> = by_email.unwrap().into_iter().flat_map(|found| found.numbers).collect();
    assert_eq!(numbers, ["A-1", "A-3"]);

    // Deleted, while the shop sells on.
    shop.delete();
    (shop.run)("insert into cart values ('c-4', 2)");
    (shop.run)("insert into orders values (4, 'A-4', 'c-4', 2, null, 1.00, null)");
    (shop.run)("update product set name = 'Lamp 2' where id = 1");
    let (_second, after) = shop.dump();
    let gone = difference(&then, &mut live, "A-2");
    assert!(gone.is_gone());
    let lost = |names: &[&str]| -> Vec<_> {
        names.iter().map(|name| ((*name).to_owned(), State::Gone)).collect()
    };
    let mut expect = lost(&["cart", "note", "order_line", "order_line", "orders", "payment"]);
    expect.extend(lost(&["refund", "shipping_line"]));
    expect.push(("ticket".into(), State::Changed));
    assert_eq!(states(&gone), expect);

    // Nobody needs to know its number.
    let mut search = Deleted::default();
    let numbers = |found: Vec<vault::orders::Found>| -> Vec<String> {
        found.into_iter().flat_map(|found| found.numbers).collect()
    };
    assert_eq!(numbers(search.of(&after, &graph(), &mut live).unwrap()), [""; 0]);
    assert_eq!(numbers(search.of(&then, &graph(), &mut live).unwrap()), ["A-2"]);
    assert_eq!(numbers(search.of(&then, &graph(), &mut live).unwrap()), [""; 0]);

    let back = plan(&gone, &mut live, Options::default()).unwrap();
    assert_eq!(live.standing(&back.changes).unwrap(), Standing::NotMade);
    live.apply(&back.changes).unwrap();
    assert_eq!(live.standing(&back.changes).unwrap(), Standing::Made);
    let undo = back.undo(live.tables());
    assert_eq!(live.standing(&undo).unwrap(), Standing::NotMade);
    assert!(difference(&then, &mut live, "A-2").is_same());
    let told: Vec<_> = shop
        .differences(&then)
        .into_iter()
        .map(|table| {
            (
                table.table.rsplit('.').next().unwrap().to_owned(),
                table.missing,
                table.extra,
                table.different,
            )
        })
        .collect();
    // All that is another is what the shop did meanwhile, and the session, which is nobody's order.
    let row = |name: &str, extra, different| (name.to_owned(), 0, extra, different);
    assert_eq!(
        told,
        [row("cart", 1, 0), row("orders", 1, 0), row("product", 0, 1), row("session", 0, 1)]
    );

    // Taken back, row for row.
    live.apply(&undo).unwrap();
    assert_eq!(live.standing(&undo).unwrap(), Standing::Made);
    assert_eq!(shop.differences(&after), []);

    // Somebody else has its number, or its key, by now.
    (shop.run)("insert into cart values ('c-5', 2)");
    (shop.run)("insert into orders values (9, 'A-2', 'c-5', 2, null, 1.00, null)");
    let refused = plan(&difference(&then, &mut live, "A-2"), &mut live, Options::default());
    assert!(refused.unwrap_err().starts_with("order_number_reused"));
    (shop.run)("update orders set id = 2, number = 'B-9' where id = 9");
    let refused = plan(&difference(&then, &mut live, "A-2"), &mut live, Options::default());
    assert!(refused.unwrap_err().starts_with("order_key_reused"));
    (shop.run)("delete from orders where id = 2");

    // Somebody is quicker: nothing is changed at all.
    let back = plan(&difference(&then, &mut live, "A-2"), &mut live, Options::default()).unwrap();
    (shop.run)("insert into payment values (2, 1, 99.00)");
    let (_third, before) = shop.dump();
    live.apply(&back.changes).unwrap_err();
    assert_eq!(shop.differences(&before), []);
    (shop.run)("delete from payment where id = 2");

    // The buyer and a product are gone, too: they come back with it, and that is said.
    (shop.run)("delete from cart where customer_id = 2 and id <> 'c-4'");
    (shop.run)("update orders set customer_id = 1");
    (shop.run)("update cart set customer_id = 1");
    (shop.run)("delete from customer where id = 2");
    let with_buyer = difference(&then, &mut live, "A-2");
    let needed = with_buyer.rows.iter().filter(|row| row.role == Role::Needed);
    assert_eq!(needed.map(|row| row.state).collect::<Vec<_>>(), [State::Gone]);
    let back = plan(&with_buyer, &mut live, Options::default()).unwrap();
    assert_eq!(back.notes.len(), 1);
    live.apply(&back.changes).unwrap();
    assert!(difference(&then, &mut live, "A-2").is_same());

    // An order that is there and was changed is left alone, unless somebody asks.
    (shop.run)("update order_line set quantity = 50 where id = 2");
    (shop.run)("insert into payment values (77, 2, 3.00)");
    let changed = difference(&then, &mut live, "A-2");
    let other: Vec<_> = states(&changed).into_iter().filter(|(_, is)| *is != State::Same).collect();
    assert_eq!(
        other,
        [("order_line".to_owned(), State::Changed), ("payment".to_owned(), State::New)]
    );
    let line = changed.rows.iter().find(|row| row.state == State::Changed).unwrap();
    let told: Vec<_> = line
        .changes()
        .map(|(column, then, now)| {
            (column, changed.shown(then.unwrap()), changed.shown(now.unwrap()))
        })
        .collect();
    assert_eq!(told, [("quantity", Some("2".to_owned()), Some("50".to_owned()))]);
    assert_eq!(plan(&changed, &mut live, Options::default()).unwrap().changes, []);
    let back = plan(&changed, &mut live, Options { set_back: true, erased: None }).unwrap();
    assert!(matches!(back.changes.as_slice(), [Change::Update { .. }]));
    live.apply(&back.changes).unwrap();
    assert_eq!(
        difference(&then, &mut live, "A-2")
            .rows
            .iter()
            .filter(|row| row.state == State::Changed)
            .count(),
        0
    );

    // A column that its rows had is gone: where it would go, nobody knows.
    shop.delete_again();
    (shop.run)("alter table orders drop column note");
    let mut live = shop.live();
    let refused = plan(&difference(&then, &mut live, "A-2"), &mut live, Options::default());
    assert!(refused.unwrap_err().starts_with("order_column_gone"));
    is_forgotten(&mut live);
}

/// What the platform wants there stands where something must, and the orders are whose they were.
fn is_forgotten(live: &mut Live) {
    let (table, instead) = ("customer".to_owned(), Some("nobody".to_owned()));
    let personal =
        PersonalColumns { table, columns: vec!["email".to_owned()], only: Vec::new(), instead };
    let graph = OrderGraph { personal: vec![personal], ..graph() };
    let of = |live: &mut Live, address: &str| -> Vec<String> {
        let found = find(live, &graph, &Wanted::Email(address.to_owned())).unwrap();
        found.into_iter().flat_map(|found| found.numbers).collect()
    };
    let (ann, bob) = (of(live, "ann@example.test"), of(live, "bob@example.test"));
    let erased = |text: &str| (text == "ann@example.test").then(|| "erased-1".to_owned());
    let forgotten = forget(live, &graph, &erased, &mut |_| ()).unwrap();
    assert_eq!((forgotten.people.len(), forgotten.rows), (1, 1));
    assert_eq!(forgotten.orders, ann.len() as u64);
    assert_eq!((of(live, "nobody"), of(live, "bob@example.test")), (ann, bob));
}

impl Shop<'_> {
    fn delete_again(&self) {
        (self.run)("delete from payment where id = 77");
        self.delete();
    }
}

pub(crate) fn open_folder() -> TempDir {
    let folder = testkit::folder();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
    folder
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[test]
fn an_order_of_sqlite_comes_back() {
    let folder = testkit::folder();
    let path = folder.path().join("shop.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON").unwrap();
    let url =
        DatabaseUrl { kind: DatabaseKind::Sqlite, secret: format!("sqlite:{}", path.display()) };
    let run = |statement: &str| {
        let statement = statement
            .replace("first_line integer,", "first_line integer references order_line(id),");
        connection.execute_batch(&statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
    };
    suite(&Shop::new(url, Box::new(run)));
}

/// Another one that came into the same range of numbers makes up for the count, and not for the order.
#[test]
fn a_deleted_order_is_not_hidden_by_one_that_came_beside_it() {
    let graph = OrderGraph {
        root: "orders".to_owned(),
        key: "id".to_owned(),
        numbers: vec!["number".to_owned()],
        ..OrderGraph::default()
    };
    let check = |ids: &str, goes: i64, comes: i64| {
        let folder = testkit::folder();
        let path = folder.path().join("shop.db");
        let connection = rusqlite::Connection::open(&path).unwrap();
        let fill = format!(
            "create table orders (id integer primary key, number text, pad text);
             with recursive n (n) as (select 1 union all select n + 1 from n where n < 4000)
             insert into orders select id, 'N-' || id, hex(randomblob(200)) from (select {ids} id from n) where id <> 900"
        );
        connection.execute_batch(&fill).unwrap();
        let url = DatabaseUrl {
            kind: DatabaseKind::Sqlite,
            secret: format!("sqlite:{}", path.display()),
        };
        let files = Folder::at(folder.path().join("dump"));
        files.take(Dump::begin(&url, DumpOptions::new(7)).unwrap()).unwrap();
        let then = Reader::open(files).unwrap();
        let root = then.tables()[0].clone();
        assert!(then.spans(&root).unwrap().len() > 10, "it is one run");
        // Nothing went, and something came: by keys alone, but for the last run.
        connection.execute_batch(&format!("insert into orders values ({comes}, 'N', '')")).unwrap();
        let mut live = Live::connect(&url).unwrap();
        let before = then.bytes_read();
        assert!(Deleted::default().of(&then, &graph, &mut live).unwrap().is_empty());
        let (read, all) = (then.bytes_read() - before, root.rows.bytes);
        assert!(read < all / 4, "{read} of {all} bytes were read for {ids}");
        connection.execute_batch(&format!("delete from orders where id = {comes}")).unwrap();
        let change = format!(
            "delete from orders where id = {goes}; insert into orders values ({comes}, 'N-{comes}', '')"
        );
        connection.execute_batch(&change).unwrap();
        let mut live = Live::connect(&url).unwrap();
        let found = Deleted::default().of(&then, &graph, &mut live).unwrap();
        let numbers: Vec<_> = found.into_iter().flat_map(|found| found.numbers).collect();
        assert_eq!(numbers, [format!("N-{goes}")], "{ids}");
        let mut late = Deleted::until(Instant::now());
        assert!(late.of(&then, &graph, &mut live).unwrap().is_empty() && late.is_cut());
    };
    check("n", 895, 900);
    check("2 * n + 1", 2001, 2002);
}

/// A statement, and the foreign key that closes the circle once both of its tables are there.
pub(crate) fn with_circle(statement: &str) -> Vec<&str> {
    let circle = "alter table orders add foreign key (first_line) references order_line(id)";
    let closes = statement.starts_with("create table order_line");
    [Some(statement), closes.then_some(circle)].into_iter().flatten().collect()
}

#[test]
fn an_order_of_postgres_comes_back() {
    let (runtime, home) = (runtime(), open_folder());
    let server =
        runtime.block_on(Postgres::start(&home.path().join("pg"), ServerOptions::default()));
    let server = server.unwrap();
    runtime.block_on(server.create_database("shop")).unwrap();
    let url = DatabaseUrl { kind: DatabaseKind::Postgres, secret: server.url("shop") };
    let run = |statement: &str| {
        for statement in with_circle(statement) {
            runtime.block_on(server.execute(SCHEMA_DATABASE, statement)).unwrap();
        }
    };
    suite(&Shop::new(url, Box::new(run)));
}

#[test]
fn an_order_of_mariadb_comes_back() {
    let (runtime, home) = (runtime(), open_folder());
    let server =
        runtime.block_on(MariaDb::start(&home.path().join("db"), ServerOptions::default()));
    let server = server.unwrap();
    runtime.block_on(server.create_database("shop")).unwrap();
    let secret = server.url("shop").replace("mysql://", "mariadb://");
    let url = DatabaseUrl { kind: DatabaseKind::MySql, secret };
    let run = |statement: &str| {
        for statement in with_circle(statement) {
            runtime.block_on(server.execute(SCHEMA_DATABASE, statement)).unwrap();
        }
    };
    suite(&Shop::new(url, Box::new(run)));
}
