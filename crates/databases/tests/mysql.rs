//! MySQL itself, beside MariaDB: what is its own of types, of its log, and of how it speaks.

use crate::{
    care::{change_setting_there_and_back, examine, mend_indexes_there_and_back, setting_of, told},
    changes::suite::{Replica, options},
    dump::suite::{differences, differences_to, dump, round_trip, story, values},
    orders::suite as orders,
    replay::{Tape, becomes, open, restored},
    restore::{beside, swapped, whole},
    scratch,
};
use databases::{
    DatabaseError, care,
    changes::{self, Position, Stream},
    orders::OrderReader,
    private::{self, MySql, MySqlProgram},
};
use host::process::Signal;
use kernel::config::{DatabaseKind, DatabaseUrl};
use mysql_async::{Conn, prelude::Queryable};
use std::{path::Path, time::Duration};
use tempfile::TempDir;

fn program() -> Option<MySqlProgram> {
    let root = testkit::mysql(Path::new(env!("CARGO_TARGET_TMPDIR")))?;
    Some(MySqlProgram::below(&root).expect("what was unpacked is a MySQL"))
}

async fn start(
    folder: &Path,
    port: Option<u16>,
    settings: &[(&str, &str)],
) -> Option<Result<MySql, DatabaseError>> {
    let settings = settings.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let options = private::Options { port, settings, ..private::Options::default() };
    Some(MySql::start(&program()?, &folder.join("mysql"), options).await)
}

pub(crate) async fn server(settings: &[(&str, &str)]) -> Option<(TempDir, MySql)> {
    let folder = scratch::folder();
    let server = start(folder.path(), None, settings).await?;
    let server = server.unwrap_or_else(|error| panic!("{}", story(&error)));
    for name in ["one", "other"] {
        server.create_database(name).await.unwrap();
    }
    Some((folder, server))
}

const TELLING: &[(&str, &str)] =
    &[("binlog-row-metadata", "FULL"), ("log-bin-trust-function-creators", "ON")];

pub(crate) fn url(server: &MySql, database: &str) -> DatabaseUrl {
    DatabaseUrl { kind: DatabaseKind::MySql, secret: server.url(database) }
}

async fn run(server: &MySql, database: &str, statements: &[&str]) {
    let mut conn = Conn::from_url(server.url(database)).await.unwrap();
    for statement in statements {
        if let Err(error) = conn.query_drop(*statement).await {
            panic!("{statement}: {error}");
        }
    }
    conn.disconnect().await.unwrap();
}

/// Of the numbers 1 to 300, which MariaDB has as a table of its own.
const NUMBERS: &str = "CREATE VIEW numbers AS WITH RECURSIVE n AS (SELECT 1 AS seq UNION ALL \
    SELECT seq + 1 FROM n WHERE seq < 300) SELECT seq FROM n";

const TYPES: [&str; 6] = [
    "SET sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO'",
    "CREATE TABLE types (id bigint unsigned PRIMARY KEY AUTO_INCREMENT, ti tinyint, zf int(6) zerofill, \
     de decimal(30,10), f float, f2 float(7,2), d double, bi bit(9), t text, vc varchar(20), ch char(4), \
     l1 varchar(20) CHARACTER SET latin1, u2 varchar(20) CHARACTER SET ucs2, vb varbinary(20), \
     bi4 binary(4), bl longblob, j json, da date, tm time(6), dt datetime(6), ts timestamp(3) NULL, \
     y year, e enum('klein','groß'), s set('a','b','ü'), g point, ge geometry SRID 0, \
     old varchar(9) COLLATE utf8mb4_0900_as_cs, made varchar(36) DEFAULT (uuid()), b boolean, \
     twice bigint AS (ti * 2) STORED, half double AS (d / 2) VIRTUAL, sku varchar(20) AS (j->>'$.sku') STORED, \
     hidden int DEFAULT 3 INVISIBLE, CHECK (ti < 100), KEY functional ((lower(vc))), KEY down (de DESC))",
    "INSERT INTO types (id) VALUES (0)",
    "INSERT INTO types (id, ti, zf, de, f, f2, d, bi, t, vc, ch, l1, u2, vb, bi4, bl, j, da, tm, dt, ts, y, \
     e, s, g, ge, old, b, hidden) VALUES (18446744073709551614, -128, 42, -1234567890.0123456789, 16777217, 12345.67, \
     1e308, b'100000101', 'tab\\t line\\n return\\r back\\\\slash \\\\N quote'' nul\\0 \\Z ü 🛒', '', 'ab  ', \
     'café', 'Größe', x'00ff5c27ff', x'01', x'f09f', '{\"a\" : 1,  \"ä\":null, \"sku\": \"L-1\"}', '0000-00-00', \
     '-838:59:59.000000', '9999-12-31 23:59:59.999999', '2026-11-22 03:04:05.678', 0, 'groß', 'a,ü', \
     POINT(1.5, -2), ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))'), 'Ä', true, 7)",
    "INSERT INTO types (id, f, d, da, dt, e, s, made) VALUES (3, 1.17549435e-38, 2.2250738585072014e-308, \
     '2026-02-31', '0000-00-00 00:00:00', 'nonsense', '', 'x')",
    "INSERT INTO types (id, f, d, da, dt, e, s) VALUES \
     (4, -3.4028235e38, 0.1e0 + 0.2e0, '0001-01-01', '2026-00-00 00:00:00', NULL, NULL)",
];

/// Each kind of value that a document may have, and documents too large for places of two bytes.
const DOCUMENTS: [&str; 8] = [
    "CREATE TABLE documents (id int PRIMARY KEY AUTO_INCREMENT, j json)",
    r#"INSERT INTO documents (j) VALUES ('null'), ('true'), ('false'), ('0'), ('-1'), ('32768'), ('-40000'), ('65536'),
     ('3000000000'), ('9223372036854775807'), ('-9223372036854775808'), ('18446744073709551615'), ('1.5'), ('1e100'), ('-2.5e-9'), ('1e15'),
     ('100000.0'), ('1.0'), ('0.0'), ('-0.0'), ('123456789012345680000'), ('1e-7'), ('""'), ('"a\\"b\\\\c\\/\\n\\t\\u0001ü🛒"'), ('[]'), ('{}'),
     ('[1, [2, [3, {"a": []}]], null]'), ('{"b": 1, "a": 2, "aa": {"x": [true, false, null]}, "": 3}')"#,
    "INSERT INTO documents (j) SELECT JSON_OBJECT('d', CAST('2026-11-22' AS DATE), 't', CAST('-12:34:56.789' AS TIME(3)), \
     'dt', CAST('2026-11-22 03:04:05.5' AS DATETIME(1)), 'de', CAST(12345678.90123 AS DECIMAL(20,5)), 'b', x'00ff7f', \
     'bit', b'101', 'y', CAST(2026 AS YEAR), 'g', ST_GeomFromText('POINT(1 2)'))",
    "INSERT INTO documents (j) SELECT JSON_ARRAY(CAST('1000-01-01 00:00:00' AS DATETIME), -0.00001, 0.5, CAST(-7 AS DECIMAL(5,0)), 99999999999999999999.5)",
    "INSERT INTO documents (j) SELECT JSON_ARRAYAGG(JSON_OBJECT('n', seq, 'text', REPEAT('ü', seq))) FROM numbers",
    "INSERT INTO documents (j) SELECT JSON_OBJECTAGG(CONCAT('key', seq), JSON_ARRAY(seq, seq / 7, REPEAT('y', 200))) FROM numbers",
    "UPDATE documents SET j = JSON_SET(j, '$.a', 5, '$.aa.x[1]', 'new') WHERE JSON_EXTRACT(j, '$.b') = 1",
    "UPDATE documents SET j = NULL WHERE id = 1",
];

const SHAPES: [&str; 20] = [
    "CREATE TABLE `Größe \"1\".``x` (`Schlüssel a` int, b varchar(20), `Wert` text, PRIMARY KEY (b, `Schlüssel a`))",
    "INSERT INTO `Größe \"1\".``x` VALUES (2, 'x', 'ä'), (1, 'x', NULL), (1, 'y', ''), (3, 'é', 'z')",
    "CREATE TABLE no_key (a int, b text)",
    "INSERT INTO no_key VALUES (1, 'a'), (1, 'a'), (NULL, NULL)",
    "SET sql_generate_invisible_primary_key = ON",
    "CREATE TABLE key_of_the_server (a int, b text)",
    "SET sql_generate_invisible_primary_key = OFF",
    "INSERT INTO key_of_the_server VALUES (1, 'a'), (1, 'a')",
    "CREATE TABLE sold (id int PRIMARY KEY AUTO_INCREMENT) AUTO_INCREMENT = 77",
    "CREATE TABLE log (at date, what varchar(20), PRIMARY KEY (at, what)) PARTITION BY RANGE (to_days(at)) \
     (PARTITION p25 VALUES LESS THAN (to_days('2026-01-01')), PARTITION pmax VALUES LESS THAN MAXVALUE)",
    "INSERT INTO log VALUES ('2025-03-04', 'old'), ('2026-03-04', 'new')",
    "CREATE TABLE old_engine (id int PRIMARY KEY, v text, FULLTEXT (v)) ENGINE=MyISAM",
    "INSERT INTO old_engine VALUES (2, 'zwei'), (1, 'eins')",
    "CREATE FUNCTION plus1(x int) RETURNS int DETERMINISTIC RETURN x + 1",
    "CREATE VIEW a_second AS SELECT plus1(id) AS n FROM old_engine",
    "CREATE ROLE IF NOT EXISTS seller",
    "CREATE TRIGGER loud BEFORE INSERT ON sold FOR EACH ROW BEGIN SET @x = ';;'; \
     SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END",
    "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END",
    "CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM no_key",
    "CREATE TABLE compressed (id int PRIMARY KEY, v text) ROW_FORMAT=COMPRESSED",
];

#[tokio::test]
async fn every_type_and_every_shape_comes_back() {
    let Some((_folder, server)) = server(TELLING).await else { return };
    run(&server, "one", &[NUMBERS]).await;
    run(&server, "one", &TYPES).await;
    run(&server, "one", &DOCUMENTS).await;
    run(&server, "one", &SHAPES).await;
    let (one, other) = (url(&server, "one"), url(&server, "other"));
    let taken = round_trip(&one, &other).await;
    let Some(Position::Binlog { file, offset, gtid }) = &taken.reader.manifest().position else {
        panic!("no position")
    };
    assert!(!file.is_empty() && *offset > 0 && gtid.is_none(), "{file} {offset} {gtid:?}");
    assert_eq!(values(&taken, "types", "hidden"), ["3", "3", "3", "7"]);
    assert_eq!(values(&taken, "types", "old")[3], "Ä");
    assert!(taken.reader.table("types").unwrap().column("sku").is_none());
    let mut conn = Conn::from_url(server.url("other")).await.unwrap();
    let sku: Option<String> =
        conn.query_first("SELECT sku FROM types WHERE ti = -128").await.unwrap();
    assert_eq!(sku.as_deref(), Some("L-1"));
    assert_eq!(conn.query::<i64, _>("SELECT n FROM a_second ORDER BY n").await.unwrap(), [2, 3]);
    let error = conn.query_drop("INSERT INTO sold VALUES (1)").await.unwrap_err();
    assert!(error.to_string().contains("no"), "{error}");
    assert_eq!(differences(&one, &other).await, []);
    conn.disconnect().await.unwrap();
    server.stop().await.unwrap();
}

const CHANGES: [&str; 27] = [
    "CREATE TABLE mark (id varchar(20) PRIMARY KEY)",
    "SET time_zone = '+09:00', sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO'",
    "UPDATE types SET ti = 5, t = CONCAT('ü\\t', COALESCE(t, '')), ts = '2026-03-29 03:30:00.5' WHERE id > 0",
    "INSERT INTO types (id, d, f, de, tm, dt, g) VALUES (101, 1e15, -1e-20, 0.5, '-00:00:00.000001', '1000-01-01 00:00:00.1', NULL), \
     (102, 1e14, 3e38, -0.5, '00:00:01.5', '2026-11-22', NULL), (103, 1e-15, 1e14, 99999999999999999999.9, '-01:02:03', NULL, NULL)",
    "DELETE FROM types WHERE id = 4",
    "CREATE TABLE `Größe \"1\".``x` (`Schlüssel a` int, b varchar(20), PRIMARY KEY (b, `Schlüssel a`))",
    "INSERT INTO `Größe \"1\".``x` VALUES (2, 'x'), (1, 'é')",
    "UPDATE `Größe \"1\".``x` SET `Schlüssel a` = `Schlüssel a` + 10",
    "CREATE TABLE no_key (a int, b text)",
    "INSERT INTO no_key VALUES (1, 'a'), (NULL, NULL)",
    "CREATE TABLE other_engine (id int PRIMARY KEY, v text) ENGINE=MyISAM",
    "INSERT INTO other_engine VALUES (1, 'eins'), (2, 'zwei')",
    "CREATE TABLE selected AS SELECT id, v FROM other_engine",
    "BEGIN",
    "INSERT INTO no_key VALUES (9, 'never')",
    "ROLLBACK",
    "BEGIN",
    "INSERT INTO no_key VALUES (2, 'kept')",
    "SAVEPOINT s",
    "INSERT INTO no_key VALUES (3, 'never')",
    "ROLLBACK TO s",
    "COMMIT",
    "CREATE TABLE emptied (id int PRIMARY KEY)",
    "INSERT INTO emptied VALUES (1), (2)",
    "TRUNCATE TABLE one.emptied",
    "INSERT INTO emptied VALUES (3)",
    "INSERT INTO mark VALUES ('1')",
];

#[tokio::test]
async fn everything_that_is_committed_comes_as_it_is_in_a_dump() {
    let Some((folder, mut server)) = server(TELLING).await else { return };
    let one = url(&server, "one");
    run(&server, "one", &[NUMBERS]).await;
    let from = changes::begin(&one, &options()).await.unwrap();
    let mut replica = Replica::default();
    let mut stream = replica.open(&one, &from).await;
    run(&server, "one", &TYPES).await;
    run(&server, "one", &DOCUMENTS).await;
    run(&server, "one", &CHANGES).await;
    replica.follow(&mut stream, "1", true).await;
    let tables = [
        "types",
        "documents",
        "Größe \"1\".`x",
        "no_key",
        "other_engine",
        "selected",
        "emptied",
        "mark",
    ];
    replica.assert_same(&one, &tables).await;
    assert_eq!(replica.repeated, 0);

    // Killed, and with names of transactions from then on: nothing is lost, nothing comes twice.
    run(&server, "one", &["UPDATE documents SET j = JSON_ARRAY(id) WHERE id < 5"]).await;
    server.signal(Signal::Kill).unwrap();
    let error = replica.follow_to_error(&mut stream).await;
    assert!(!matches!(error, DatabaseError::ChangesUnknown { .. }), "{}", story(&error));
    let port = server.port();
    drop(server);
    let named = [TELLING, &[("gtid-mode", "ON"), ("enforce-gtid-consistency", "ON")]].concat();
    let again = async || start(folder.path(), Some(port), &named).await.expect("it was there");
    server = testkit::wait_until("MySQL", Duration::from_secs(60), again).await;
    let mut stream = replica.open(&one, &from).await;
    run(&server, "one", &["DELETE FROM documents WHERE id = 7", "INSERT INTO mark VALUES ('2')"])
        .await;
    replica.follow(&mut stream, "2", true).await;
    replica.assert_same(&one, &tables).await;
    assert_eq!(replica.repeated, 0);

    // What its log leaves out is refused before, and stops the stream where it comes all the same.
    run(&server, "one", &["SET GLOBAL binlog_row_value_options = PARTIAL_JSON"]).await;
    let refused = Stream::open(&one, &options(), &from).await.unwrap_err();
    assert!(refused.to_string().contains("binlog_row_value_options"), "{refused}");
    let compressed = [
        "SET GLOBAL binlog_row_value_options = ''",
        "SET SESSION binlog_transaction_compression = ON",
        "INSERT INTO documents (j) VALUES ('[\"compressed\"]')",
    ];
    run(&server, "one", &compressed).await;
    let error = replica.follow_to_error(&mut stream).await;
    assert!(matches!(error, DatabaseError::ChangesUnknown { .. }), "{}", story(&error));
    assert!(error.to_string().contains("binlog_transaction_compression"), "{error}");
    server.stop().await.unwrap();
}

const SHOP: [&str; 18] = [
    "CREATE TABLE mark (id varchar(20) PRIMARY KEY)",
    "CREATE TABLE customers (id int AUTO_INCREMENT PRIMARY KEY, mail varchar(90) NOT NULL UNIQUE)",
    "CREATE TABLE orders (id bigint AUTO_INCREMENT PRIMARY KEY, customer int, total decimal(12,2), \
     twice decimal(12,2) AS (total * 2) STORED, FOREIGN KEY (customer) REFERENCES customers (id) ON DELETE SET NULL ON UPDATE CASCADE)",
    "CREATE TABLE `order lines` (`order` bigint, line int, what text, price json, PRIMARY KEY (`order`, line), \
     FOREIGN KEY (`order`) REFERENCES orders (id) ON DELETE CASCADE ON UPDATE CASCADE)",
    "CREATE TABLE no_key (a int, b varchar(20), f float, bl blob, j json)",
    "CREATE TABLE plain (id int PRIMARY KEY, v text) ENGINE=MyISAM",
    "CREATE TABLE emptied (id int PRIMARY KEY)",
    "CREATE TABLE latin (k varchar(20) CHARACTER SET latin1, ci varchar(20), PRIMARY KEY (k, ci))",
    "CREATE TRIGGER loud AFTER INSERT ON customers FOR EACH ROW INSERT INTO no_key (a) VALUES (-1)",
    "INSERT INTO customers (mail) SELECT CONCAT('c', seq) FROM numbers WHERE seq <= 50",
    "INSERT INTO orders (customer, total) SELECT 1 + seq % 50, seq FROM numbers",
    "INSERT INTO `order lines` SELECT o.id, l.seq, 'thing', JSON_OBJECT('net', o.total, 'gross', o.total * 1.19) \
     FROM orders o, numbers l WHERE l.seq <= 3",
    "INSERT INTO no_key VALUES (1, 'a', 0.1, x'00ff27', '[1.50]'), (1, 'a', 0.1, x'00ff27', '[1.50]'), \
     (NULL, NULL, NULL, NULL, NULL)",
    "UPDATE no_key SET j = JSON_ARRAY(1.50, 'x') WHERE a = 1",
    "INSERT INTO plain VALUES (1, 'eins'), (2, 'zwei')",
    "INSERT INTO latin VALUES ('café', 'Ä'), ('x', '')",
    "INSERT INTO emptied VALUES (1)",
    "INSERT INTO mark VALUES ('0')",
];

const LATER: [&str; 21] = [
    "INSERT INTO customers (mail) VALUES ('new'), ('tab\\t\\\\N \\n')",
    "DELETE FROM customers WHERE id = 1",
    "UPDATE customers SET id = 777 WHERE id = 2",
    "DELETE FROM orders WHERE id BETWEEN 10 AND 20",
    "UPDATE orders SET id = 9000 WHERE id = 30",
    "UPDATE `order lines` SET price = JSON_SET(price, '$.net', 1.50, '$.note', 'x, 1.50 \\\\ \"') WHERE line = 2",
    "BEGIN",
    "INSERT INTO orders (id, customer, total) VALUES (5000, 3, 1)",
    "INSERT INTO `order lines` VALUES (5000, 1, 'gone with it', NULL)",
    "DELETE FROM orders WHERE id = 5000",
    "COMMIT",
    "DELETE FROM no_key WHERE a = 1 LIMIT 1",
    "UPDATE no_key SET bl = x'5c', f = 1e-5 WHERE a IS NULL",
    "INSERT INTO plain VALUES (3, 'drei')",
    "DELETE FROM plain WHERE id = 1",
    "TRUNCATE TABLE emptied",
    "INSERT INTO emptied VALUES (8)",
    "UPDATE latin SET ci = 'ö' WHERE ci = 'ä'",
    "DELETE FROM orders WHERE id % 3 = 0",
    "REPLACE INTO customers (id, mail) VALUES (4, 'replaced')",
    "INSERT INTO mark VALUES ('end')",
];

#[tokio::test]
async fn a_database_comes_back_beside_the_live_one_goes_on_and_takes_its_place() {
    let Some((_folder, server)) = server(TELLING).await else { return };
    let live = url(&server, "one");
    run(&server, "one", &[NUMBERS]).await;
    run(&server, "one", &SHOP).await;
    changes::begin(&live, &options()).await.unwrap();
    let (_taken, then, position) = restored(&live).await;
    // The dump's place is exactly its moment.
    let mut stream = open(&live, &position).await;
    run(&server, "one", &LATER).await;
    let tape = Tape::record(&mut stream, "end").await;
    let all = u64::try_from(tape.len()).unwrap();
    let progress = becomes(tape, &then, &position, &[all - 3]).await;
    assert_eq!(progress.transactions, all);

    let taken = dump(&live).await;
    run(&server, "one", &["DROP TRIGGER loud", "DELETE FROM orders WHERE id > 10"]).await;
    let ours = beside(&live, "one_then");
    let (taken, _) = whole(taken, &ours).await;
    run(&server, "one_then", &["DROP TRIGGER loud"]).await;
    swapped(&live, "one_then", "one_before").await.unwrap();
    let (_taken, found) = differences_to(taken, &live).await;
    assert_eq!(found, []);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn orders_are_read_on_by_key() {
    let Some((_folder, server)) = server(&[]).await else { return };
    server.execute("one", orders::TABLE).await.unwrap();
    let query = orders::query(orders::SELECT);
    let mut reader = OrderReader::connect(&url(&server, "one"), query).await.unwrap();
    orders::reads_on_by_key(&mut reader, async |key| {
        let insert =
            format!("INSERT INTO shop_order VALUES ({key}, {}, {})", key * 1_000, key * 10);
        server.execute("one", &insert).await.unwrap();
    })
    .await;
    server.stop().await.unwrap();
}

const AILING: [&str; 9] = [
    "CREATE TABLE customer (id int PRIMARY KEY AUTO_INCREMENT, email varchar(190) NOT NULL)",
    "CREATE TABLE orders (id int unsigned PRIMARY KEY AUTO_INCREMENT, customer_id int, state varchar(9) \
     NOT NULL, note varchar(700), number varchar(30) NOT NULL, KEY never (note), KEY twice (number), \
     UNIQUE KEY once (number), FOREIGN KEY (customer_id) REFERENCES customer (id))",
    "CREATE TABLE log (at datetime, what text)",
    "CREATE TABLE old (id int PRIMARY KEY) ENGINE = MyISAM",
    "CREATE TABLE counted (id smallint PRIMARY KEY AUTO_INCREMENT) AUTO_INCREMENT = 30000",
    "INSERT INTO customer (email) SELECT concat('c', 300 * a.seq + b.seq, '@example.test') FROM numbers a, \
     numbers b WHERE a.seq < 18",
    "INSERT INTO orders (customer_id, state, note, number) SELECT id, if(id % 2, 'open', 'paid'), \
     repeat(sha2(id, 256), 10), concat('N', id) FROM customer",
    "INSERT INTO log SELECT now(), 'x' FROM customer",
    "ANALYZE TABLE customer, orders, log",
];

#[tokio::test]
async fn what_a_shop_suffers_from_is_found_and_mended() {
    let Some((_folder, server)) = server(&[("innodb-flush-log-at-trx-commit", "2")]).await else {
        return;
    };
    let one = url(&server, "one");
    run(&server, "one", &[NUMBERS]).await;
    run(&server, "one", &AILING).await;
    for number in 0..30 {
        let statements = [
            format!("SELECT id FROM customer WHERE email = 'c{number}@example.test'"),
            format!("SELECT id FROM orders WHERE number = 'N{number}' LIMIT 3"),
        ];
        for statement in statements {
            server.execute("one", &statement).await.unwrap();
        }
    }
    let found = examine(&one).await;
    let expect = [
        "key_runs_out counted.id",
        "missing_index customer(email)",
        "non_transactional old",
        "no_key log",
        "unused_index orders/never",
        "duplicate_index orders/twice",
    ];
    assert_eq!(told(&found), expect);
    assert!(found.server.starts_with("MySQL 9"), "{}", found.server);
    assert!(found.blind.is_empty(), "{:?}", found.blind);
    let slow = found.queries.iter().find(|query| query.text.contains("`email` = ?")).unwrap();
    assert_eq!(slow.calls, 30);
    assert!(slow.plan.as_deref().unwrap().contains("\"access_type\": \"ALL\""), "{slow:?}");
    mend_indexes_there_and_back(&one).await;
    let setting = setting_of(&found, "innodb_flush_log_at_trx_commit");
    assert!(setting.lasts && setting.set.starts_with("SET PERSIST "), "{setting:?}");
    change_setting_there_and_back(&one, &setting).await;
    let seen = care::glance(&one).await.unwrap();
    assert!(seen.connections.is_some(), "{seen:?}");
    server.stop().await.unwrap();
}
