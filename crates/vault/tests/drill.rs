//! Drills of real databases and files: what is whole is found so, and what is not is named.

use crate::place::{NOW_MS, Place, files_of, noise, origin, quiet, request};
use databases::{
    dump,
    orders::OrderQuery,
    private::{MariaDb, Options, Postgres},
};
use kernel::config::{DatabaseKind, DatabaseUrl};
use shops::OrderGraph;
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Mutex,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use vault::{
    Snapshot, backup,
    drill::{self, CheckKind, Objective, Outcome, Stage, Verdict},
};

const HOUR_MS: i64 = 60 * 60 * 1000;
const ORDERS: &str = "create table orders (id bigint primary key, placed_ms bigint not null, \
                      total bigint not null)";

const LINES: &str = "create table order_lines (id bigint primary key, order_id bigint not null, \
                     what varchar(20), foreign key (order_id) references orders (id))";

fn graph() -> OrderGraph {
    OrderGraph {
        root: "orders".into(),
        key: "id".into(),
        numbers: vec!["id".into()],
        ..OrderGraph::default()
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// A folder that a database server's own user may pass through.
fn open_folder() -> TempDir {
    let folder = testkit::folder();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
    folder
}

/// A hundred orders, one a minute, the last an hour before the backup.
fn rows(from: i64, to: i64) -> String {
    let row = |id: i64| format!("({id}, {}, {})", NOW_MS - HOUR_MS - (100 - id) * 60_000, id * 100);
    let rows: Vec<String> = (from..=to).map(row).collect();
    format!("insert into orders values {}", rows.join(", "))
}

fn query() -> OrderQuery {
    let text = "select id, placed_ms, total from orders where id > :after order by id limit :limit";
    OrderQuery::new(text).unwrap()
}

/// A backup of the shop's files and of this database.
fn back_up(place: &Place, live: &DatabaseUrl) -> Snapshot {
    let dump = dump::Dump::begin(live, dump::Options::new(NOW_MS)).unwrap();
    let stream = |file: dump::DumpFile| backup::Stream {
        path: Path::new(drill::DATABASES).join("shop").join(file.name),
        content: file.content,
        is_whole: file.is_whole,
    };
    let streams = dump.into_files().into_iter().map(stream).collect();
    let request = backup::Request { streams, ..request(vec![place.shop()]) };
    backup::run(&place.repository, request, &quiet).unwrap().snapshot
}

struct Ground {
    place: Place,
    folder: TempDir,
    snapshot: Snapshot,
    live: DatabaseUrl,
}

impl Ground {
    fn new(live: DatabaseUrl) -> Self {
        let (place, folder) = (Place::new(), open_folder());
        place.write("media/a.jpg", noise(1, 300_000));
        place.write("index.php", "lamp");
        let snapshot = back_up(&place, &live);
        Self { place, folder, snapshot, live }
    }

    fn scratch(&self) -> PathBuf {
        self.folder.path().join("drill")
    }

    fn request(&self) -> drill::Request {
        drill::Request {
            snapshot: self.snapshot.clone(),
            dump: None,
            changes: None,
            scratch: self.scratch(),
            live: Some(self.live.clone()),
            orders: Some(query()),
            graphs: vec![graph()],
            boot: None,
            objective: Objective { back_within_ms: 600_000, lose_at_most_ms: 86_400_000 },
            origin: origin(),
            now_ms: NOW_MS + HOUR_MS,
        }
    }

    fn drill(&self, request: &drill::Request) -> drill::Report {
        let reader = self.place.repository.reader().unwrap();
        let report = drill::run(&reader, request, &|_| {}).unwrap();
        assert!(!self.scratch().exists(), "the drill left its folder");
        report
    }
}

fn outcomes(report: &drill::Report) -> Vec<(CheckKind, Outcome)> {
    report.checks.iter().map(|check| (check.kind, check.outcome)).collect()
}

fn said(report: &drill::Report, kind: CheckKind) -> String {
    let check = report.checks.iter().find(|check| check.kind == kind).unwrap();
    format!("{} {:?}", check.said.code, check.said.params)
}

#[test]
fn a_postgres_shop_is_restored_and_its_orders_are_compared() {
    let runtime = runtime();
    let home = open_folder();
    let server =
        runtime.block_on(Postgres::start(&home.path().join("live"), Options::default())).unwrap();
    runtime.block_on(server.create_database("shop")).unwrap();
    let execute = |text: &str| runtime.block_on(server.execute("shop", text)).unwrap();
    execute(ORDERS);
    execute(LINES);
    execute(&rows(1, 100));
    execute(
        "insert into order_lines values (1, 99, 'a'), (2, 100, 'b'), (3, 100, 'c'), (4, 100, null)",
    );
    let live = DatabaseUrl { kind: DatabaseKind::Postgres, secret: server.url("shop") };
    let ground = Ground::new(live);
    let passed = CheckKind::ALL.map(|kind| match kind {
        CheckKind::Boot | CheckKind::Changes => (kind, Outcome::Absent),
        _ => (kind, Outcome::Passed),
    });

    // The shop sells on, an order is corrected, and another is removed.
    execute("insert into orders values (101, 1795348900000, 5), (102, 1795348990000, 6)");
    execute("update orders set total = 1 where id = 50");
    execute("delete from orders where id = 60");
    let stages: Mutex<Vec<&str>> = Mutex::default();
    let reader = ground.place.repository.reader().unwrap();
    let report = drill::run(&reader, &ground.request(), &|stage| {
        let name = match stage {
            Stage::Files(_) => "files",
            Stage::Server => "server",
            Stage::Database(_) => "database",
            Stage::Changes { .. } => "changes",
            Stage::Orders => "orders",
            Stage::Boot => "boot",
        };
        let mut stages = stages.lock().unwrap();
        if stages.last() != Some(&name) {
            stages.push(name);
        }
    });
    let report = report.unwrap();
    assert_eq!(outcomes(&report), passed, "{:#?}", report.checks);
    assert_eq!((report.verdict, report.score), (Verdict::Good, Some(100)));
    assert_eq!((report.tables, report.rows), (2, 104));
    let followed = said(&report, CheckKind::RoundTrip);
    for part in ["order_whole", "\"order\": Text(\"100\")", "\"rows\": Integer(4)"] {
        assert!(followed.contains(part), "{followed}");
    }
    assert_eq!(report.lost_ms(), 3_600_000);
    assert_eq!(*stages.lock().unwrap(), ["files", "server", "database", "orders"]);
    let of_orders = report.checks.iter().find(|check| check.kind == CheckKind::Orders);
    let orders = &of_orders.unwrap().said.params;
    for (name, count) in [("compared", 100_u64), ("same", 98), ("changed", 1), ("gone", 1)] {
        assert_eq!(orders[name], count.into(), "{name}");
    }

    // An order that the shop had well before the backup, and the backup lacks.
    execute(&rows(-1, -1));
    let late = format!("insert into orders values (200, {}, 7)", NOW_MS - HOUR_MS / 2);
    execute(&late);
    let report = ground.drill(&ground.request());
    assert_eq!(report.verdict, Verdict::Broken, "{:#?}", report.checks);
    assert!(said(&report, CheckKind::Orders).contains("200"), "{:#?}", report.checks);

    // A restore that takes longer, and a restore point that is older, than was agreed.
    execute("delete from orders where id in (-1, 200)");
    let objective = Objective { back_within_ms: 0, lose_at_most_ms: 1 };
    let report = ground.drill(&drill::Request { objective, ..ground.request() });
    assert_eq!((report.verdict, report.score), (Verdict::Short, Some(81)));

    // A pack with a damaged piece: the file is named, and the backup is called broken.
    for pack in files_of(&ground.place.path("repository"), "data") {
        let mut bytes = fs::read(&pack).unwrap();
        bytes[40] ^= 1;
        fs::write(&pack, bytes).unwrap();
    }
    let report = ground.drill(&ground.request());
    assert_eq!(report.verdict, Verdict::Broken, "{:#?}", report.checks);
    runtime.block_on(server.stop()).unwrap();
}

#[test]
fn a_mariadb_shop_is_restored_and_a_missing_dump_is_no_backup() {
    let runtime = runtime();
    let home = open_folder();
    let server =
        runtime.block_on(MariaDb::start(&home.path().join("live"), Options::default())).unwrap();
    runtime.block_on(server.create_database("shop")).unwrap();
    let execute = |text: &str| runtime.block_on(server.execute("shop", text)).unwrap();
    execute(ORDERS);
    execute(LINES);
    execute(&rows(1, 100));
    execute(
        "insert into order_lines values (1, 99, 'a'), (2, 100, 'b'), (3, 100, 'c'), (4, 100, null)",
    );
    let live = DatabaseUrl { kind: DatabaseKind::MySql, secret: server.url("shop") };
    let ground = Ground::new(live);
    let report = ground.drill(&ground.request());
    assert_eq!(report.verdict, Verdict::Good, "{:#?}", report.checks);
    let snapshot = ground.place.back_up().unwrap().snapshot;
    let report = ground.drill(&drill::Request { snapshot, ..ground.request() });
    let expect = (CheckKind::Database, Outcome::Failed);
    assert!(outcomes(&report).contains(&expect), "{:#?}", report.checks);
    assert_eq!(report.verdict, Verdict::Broken);
    runtime.block_on(server.stop()).unwrap();
}
