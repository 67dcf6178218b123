//! An order of every platform comes back, on tables that were built after the platform's own: its keys and
//! the keys that it lacks, its prefixes, generated columns and circles. Its software is not there.
//!
//! What a platform is made of stands in `platforms/*.sql`, in parts: `schema`, `once`, then `order` as often as
//! orders are wanted, `delete` as the platform deletes one, `soft` where it only marks it, `reuse` for another
//! order under its number, `apart` for a table that takes no part in transactions, `stays` for tables that no
//! restored order touches.

use databases::{
    dump::{Dump, Folder, Options as DumpOptions, Reader, Side, compare},
    live::{Change, Live, Standing},
    private::{MariaDb, Options as ServerOptions, Postgres},
};
use kernel::config::{DatabaseKind, DatabaseUrl};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use shops::{OrderGraph, Tried, platform};
use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt as _};
use tempfile::TempDir;
use vault::orders::{
    Closure, Deleted, Difference, Forgotten, Options, Past, Restoration, Wanted, find, fitting,
    forget, restoration,
};

/// Orders of one digit; this one is deleted, and that one comes in between.
const ORDERS: std::ops::RangeInclusive<u32> = 1..=6;
const DELETED: u32 = 3;
const LATER: u32 = 7;
/// Whose buyer had their data erased.
const FORGOTTEN: u32 = 5;

/// A platform's tables.
struct Case {
    platform: &'static str,
    sql: &'static str,
    /// What people call an order by; `{n}` is the order.
    number: &'static str,
}

const fn case(platform: &'static str, sql: &'static str, number: &'static str) -> Case {
    Case { platform, sql, number }
}

const ON_MARIADB: [Case; 7] = [
    case("woocommerce", include_str!("platforms/woocommerce.sql"), "10{n}"),
    case("woocommerce", include_str!("platforms/woocommerce_posts.sql"), "10{n}"),
    case("magento", include_str!("platforms/magento.sql"), "00000000{n}"),
    case("prestashop", include_str!("platforms/prestashop.sql"), "REF{n}"),
    case("opencart", include_str!("platforms/opencart.sql"), "{n}"),
    case("opencart", include_str!("platforms/opencart_3.sql"), "{n}"),
    case("shopware", include_str!("platforms/shopware.sql"), "{n}0000"),
];

const ON_POSTGRES: [Case; 2] = [
    case("medusa", include_str!("platforms/medusa.sql"), "{n}"),
    case("saleor", include_str!("platforms/saleor.sql"), "{n}"),
];

/// A platform in a database of its own, and how statements are run in it.
struct Shop<'a> {
    parts: BTreeMap<&'a str, &'a str>,
    number: &'a str,
    graph: OrderGraph,
    url: DatabaseUrl,
    run: &'a dyn Fn(&str),
    random: StdRng,
}

impl<'a> Shop<'a> {
    fn new(case: &'a Case, url: DatabaseUrl, seed: u64, run: &'a dyn Fn(&str)) -> Self {
        let mut parts = BTreeMap::new();
        for part in case.sql.split("\n--: ").skip(1) {
            let (name, text) = part.split_once('\n').unwrap();
            parts.insert(name, text);
        }
        let random = StdRng::seed_from_u64(seed);
        let graph = OrderGraph::default();
        let mut shop = Self { parts, number: case.number, graph, url, run, random };
        shop.make("schema", 0);
        shop.make("once", 0);
        let mut orders: Vec<u32> = ORDERS.collect();
        orders.shuffle(&mut shop.random);
        orders.into_iter().for_each(|order| shop.make("order", order));
        let graphs = &platform(case.platform).unwrap().graphs;
        assert!(graphs.iter().all(|graph| graph.tried == Tried::Schema), "{}", case.platform);
        shop.graph = fitting(graphs, &mut shop.live()).unwrap().unwrap();
        shop
    }

    /// Runs a part for an order. What is the buyer's own has their name in it.
    fn make(&mut self, part: &str, order: u32) {
        let quantity = self.random.random_range(1..=4_u32);
        let Some(text) = self.parts.get(part) else { return };
        let text = text
            .replace("{n}", &order.to_string())
            .replace("{r}", &quantity.to_string())
            .replace("{who}", &buyer(order));
        for statement in text.split(";\n").map(str::trim).filter(|text| !text.is_empty()) {
            (self.run)(statement.trim_end_matches(';'));
        }
    }

    fn number(&self, order: u32) -> String {
        self.number.replace("{n}", &order.to_string())
    }

    /// By its number; where several have one, by its key.
    fn wanted(&self, order: u32) -> Wanted {
        match self.graph.shared.is_empty() {
            true => Wanted::Number(self.number(order)),
            false => Wanted::Key(order.to_string()),
        }
    }

    fn live(&self) -> Live {
        Live::connect(&self.url).unwrap()
    }

    fn dump(&self) -> (TempDir, Reader<Folder>) {
        let folder = testkit::folder();
        let files = Folder::at(folder.path().join("dump"));
        files.take(Dump::begin(&self.url, DumpOptions::new(7)).unwrap()).unwrap();
        (folder, Reader::open(files).unwrap())
    }

    fn difference(&self, then: &Reader<Folder>, live: &mut Live) -> Difference {
        let (mut past, wanted) = (Past(then), self.wanted(DELETED));
        let found = find(&mut past, &self.graph, &wanted).unwrap();
        assert_eq!(found.len(), 1, "{}: {wanted:?}", self.graph.root);
        let mut closure = Closure::of(&mut past, &self.graph, &found[0].row).unwrap();
        Difference::between(&mut past, &self.graph, &mut closure, live).unwrap()
    }

    fn plan(
        &self,
        then: &Reader<Folder>,
        live: &mut Live,
        erased: Option<&str>,
    ) -> Result<Restoration, String> {
        let difference = self.difference(then, live);
        let options = Options { set_back: false, erased };
        let made = restoration(&self.graph, &difference, live, options).unwrap();
        made.map_err(|refusal| refusal.0.code)
    }

    /// Tables with rows that are missing or others, but for those that no order touches.
    fn lost(&self, then: &Reader<Folder>) -> Vec<String> {
        let stays = self.parts.get("stays").map_or("", |text| text.trim());
        let found = compare(&Side::Dump(then), &Side::<Folder>::Live(&self.url), None).unwrap();
        found
            .into_iter()
            .filter(|one| one.missing + one.different > 0 || one.not_compared.is_some())
            .filter(|one| !one.table.ends_with(stays) || stays.is_empty())
            .map(|one| format!("{one:?}"))
            .collect()
    }

    fn is_as(&self, then: &Reader<Folder>) {
        let found = compare(&Side::Dump(then), &Side::<Folder>::Live(&self.url), None).unwrap();
        assert_eq!(found, [], "{}", self.graph.root);
    }
}

fn buyer(order: u32) -> String {
    format!("Zoe{order}")
}

fn suite(shop: &mut Shop<'_>) {
    let root = shop.graph.root.clone();
    let (_folder, then) = shop.dump();
    let mut live = shop.live();
    assert!(shop.difference(&then, &mut live).is_same(), "{root}");
    let mail = Wanted::Email(format!("{}@example.test", buyer(DELETED)));
    let found = find(&mut Past(&then), &shop.graph, &mail).unwrap();
    assert!(found.iter().any(|order| order.numbers == [shop.number(DELETED)]), "{root}: {found:?}");
    // What is no order yet is not found as one.
    for draft in ["90", "900"] {
        let found = find(&mut Past(&then), &shop.graph, &Wanted::Number(draft.to_owned()));
        assert_eq!(found.unwrap(), [], "{root}");
    }
    marked(shop, &then, &mut live);

    // Deleted, while the shop sells on.
    shop.make("delete", DELETED);
    shop.make("order", LATER);
    let (_second, after) = shop.dump();
    let gone = Deleted::default().of(&then, &shop.graph, &mut live).unwrap();
    let numbers: Vec<_> = gone.into_iter().flat_map(|found| found.numbers).collect();
    assert_eq!(numbers, [shop.number(DELETED)], "{root}");
    comes_back(shop, (&then, &after), &mut live);
    comes_back_without_its_buyer(shop, (&then, &after), &mut live);
    is_forgotten(shop, &mut live);
    refusals(shop, &then);
}

/// A shop that marks what it deletes has its marks taken away.
fn marked(shop: &mut Shop<'_>, then: &Reader<Folder>, live: &mut Live) {
    shop.make("soft", DELETED);
    let back = shop.plan(then, live, None).unwrap();
    assert_eq!(back.changes.is_empty(), !shop.parts.contains_key("soft"), "{}", shop.graph.root);
    live.apply(&back.changes).unwrap();
    shop.is_as(then);
}

fn comes_back(shop: &Shop<'_>, (then, after): (&Reader<Folder>, &Reader<Folder>), live: &mut Live) {
    let root = &shop.graph.root;
    assert!(shop.difference(then, live).is_gone(), "{root}");
    assert_ne!(shop.lost(then), [""; 0], "{root}");
    let back = shop.plan(then, live, None).unwrap();
    assert_eq!(live.standing(&back.changes).unwrap(), Standing::NotMade, "{root}");
    live.apply(&back.changes).unwrap();
    assert_eq!(live.standing(&back.changes).unwrap(), Standing::Made, "{root}");
    assert_eq!(shop.lost(then), [""; 0], "{root}");
    let is_derived = shop.graph.children.iter().any(|child| child.derived);
    let is_said = back.notes.iter().any(|note| note.code == "order_lookups_as_they_were");
    assert_eq!(is_said, is_derived, "{root}: {:?}", back.notes);
    live.apply(&back.undo(live.tables())).unwrap();
    shop.is_as(after);
}

fn comes_back_without_its_buyer(
    shop: &Shop<'_>,
    (then, after): (&Reader<Folder>, &Reader<Folder>),
    live: &mut Live,
) {
    let root = &shop.graph.root;
    let back = shop.plan(then, live, Some("erased-1")).unwrap();
    assert!(back.notes.iter().any(|note| note.code == "order_stays_erased"), "{root}");
    live.apply(&back.changes).unwrap();
    assert!(!shop.difference(then, live).is_gone(), "{root}");
    let name = buyer(DELETED);
    for change in &back.changes {
        let Change::Insert { table, row } = change else { continue };
        let texts = row.iter().filter_map(|cell| cell.value.as_deref());
        let mut telling = texts.map(String::from_utf8_lossy).filter(|text| text.contains(&name));
        assert_eq!(telling.next(), None, "{root}: {table}");
    }
    live.apply(&back.undo(live.tables())).unwrap();
    shop.is_as(after);
}

/// A restored database knows somebody who had their data erased since, and nobody else is touched.
fn is_forgotten(shop: &Shop<'_>, live: &mut Live) {
    let root = &shop.graph.root;
    let (_folder, before) = shop.dump();
    let told = telling(&before, &buyer(FORGOTTEN));
    let others = |then: &Reader<Folder>| -> Vec<_> {
        let others = ORDERS.chain([LATER]).filter(|order| *order != FORGOTTEN);
        others.map(|order| telling(then, &buyer(order))).collect()
    };
    let address = format!("{}@example.test", buyer(FORGOTTEN)).to_lowercase();
    let theirs = Wanted::Email(format!("{}@example.test", buyer(FORGOTTEN)));
    let theirs = find(live, &shop.graph, &theirs).unwrap().len() as u64;
    let erased = |text: &str| (text.to_lowercase() == address).then(|| "erased-1".to_owned());
    let forgotten = forget(live, &shop.graph, &erased, &mut |_| ()).unwrap();
    let (_folder, after) = shop.dump();
    let left = telling(&after, &buyer(FORGOTTEN));
    assert!(!told.is_empty() && left.is_empty(), "{root}: {left:?} of {told:?}; {forgotten:?}");
    assert!(theirs > 0 && forgotten.people.len() == 1, "{root}: {forgotten:?}");
    assert_eq!(forgotten.orders, theirs, "{root}: {forgotten:?}");
    assert!(forgotten.left.is_empty(), "{root}: {forgotten:?}");
    assert_eq!(others(&after), others(&before), "{root}");
    let rows = |then: &Reader<Folder>| -> Vec<u64> {
        then.tables().iter().map(|table| table.row_count).collect()
    };
    assert_eq!(rows(&after), rows(&before), "{root}");
    let again = forget(live, &shop.graph, &erased, &mut |_| ()).unwrap();
    assert_eq!(again, Forgotten::default(), "{root}");
}

/// Where a name stands in a dump, `table.column` as often as it does.
fn telling(then: &Reader<Folder>, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for table in then.tables() {
        for row in then.rows(table).unwrap() {
            let row = row.unwrap();
            let fields = table.columns.iter().zip(&row.fields);
            let tells = fields.filter(|(_, field)| {
                field.as_deref().is_some_and(|value| String::from_utf8_lossy(value).contains(name))
            });
            found.extend(tells.map(|(column, _)| format!("{}.{}", table.name, column.name)));
        }
    }
    found.sort();
    found
}

fn refusals(shop: &mut Shop<'_>, then: &Reader<Folder>) {
    let refused = |shop: &Shop<'_>| shop.plan(then, &mut shop.live(), None).unwrap_err();
    if shop.parts.contains_key("apart") {
        shop.make("apart", DELETED);
        assert_eq!(refused(shop), "order_table_without_transactions");
    }
    shop.make("reuse", DELETED);
    let is_key = shop.graph.numbers.contains(&shop.graph.key) || !shop.graph.shared.is_empty();
    let expect = if is_key { "order_key_reused" } else { "order_number_reused" };
    assert_eq!(refused(shop), expect, "{}", shop.graph.root);
}

fn open_folder() -> TempDir {
    let folder = testkit::folder();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
    folder
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn seed() -> u64 {
    let seed = rand::random();
    println!("seed {seed}");
    seed
}

#[test]
fn orders_of_every_platform_on_mariadb_come_back() {
    let (runtime, home, seed) = (runtime(), open_folder(), seed());
    let server =
        runtime.block_on(MariaDb::start(&home.path().join("db"), ServerOptions::default()));
    let server = server.unwrap();
    for (at, case) in ON_MARIADB.iter().enumerate() {
        let name = format!("shop{at}");
        runtime.block_on(server.create_database(&name)).unwrap();
        let secret = server.url(&name).replace("mysql://", "mariadb://");
        let url = DatabaseUrl { kind: DatabaseKind::MySql, secret };
        let run = |statement: &str| {
            let done = runtime.block_on(server.execute(&name, statement));
            done.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
        };
        suite(&mut Shop::new(case, url, seed, &run));
    }
}

#[test]
fn orders_of_every_platform_on_postgres_come_back() {
    let (runtime, home, seed) = (runtime(), open_folder(), seed());
    let server =
        runtime.block_on(Postgres::start(&home.path().join("pg"), ServerOptions::default()));
    let server = server.unwrap();
    for (at, case) in ON_POSTGRES.iter().enumerate() {
        let name = format!("shop{at}");
        runtime.block_on(server.create_database(&name)).unwrap();
        let url = DatabaseUrl { kind: DatabaseKind::Postgres, secret: server.url(&name) };
        let run = |statement: &str| {
            let done = runtime.block_on(server.execute(&name, statement));
            done.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
        };
        suite(&mut Shop::new(case, url, seed, &run));
    }
}
