//! Dumps of a real PostgreSQL.

use super::suite::{
    Taken, blocking, differences, differences_to, dump, loaded, round_trip, story, try_dump, values,
};
use crate::scratch;
use databases::{
    dump::{Dump, KeyOrder, Options, Position},
    private::{self, Postgres},
};
use kernel::config::{DatabaseKind, DatabaseUrl};
use std::{
    io::Read,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};
use tempfile::TempDir;
use tokio_postgres::NoTls;

async fn server() -> (TempDir, Postgres) {
    let folder = scratch::folder();
    let options = private::Options::default();
    let server = Postgres::start(&folder.path().join("pg"), options).await.unwrap();
    for name in ["one", "other"] {
        server.create_database(name).await.unwrap();
    }
    (folder, server)
}

fn url(server: &Postgres, database: &str) -> DatabaseUrl {
    DatabaseUrl { kind: DatabaseKind::Postgres, secret: server.url(database) }
}

/// Whatever a value may look like.
pub(crate) const TYPES: &str = r#"
CREATE TYPE mood AS ENUM ('fröhlich', 'so-so');
CREATE DOMAIN price AS numeric(12,2) CHECK (VALUE >= 0);
CREATE TYPE point3 AS (x float8, y float8, note text);
CREATE TABLE types (
  id bigint PRIMARY KEY, b bool, i2 int2, i4 int4, n numeric, f4 float4, f8 float8, m money,
  t text, v varchar(20), c char(5), by bytea, u uuid, j json, jb jsonb, x xml,
  d date, ti time, tz timetz, ts timestamp, tsz timestamptz, iv interval,
  ia int[], ta text[], r int4range, e mood, p price, comp point3, net inet, mac macaddr,
  bits bit(3), vb varbit, pt point, box box, ts_v tsvector, reg regclass, lsn pg_lsn);
INSERT INTO types (id) VALUES (-9223372036854775808);
INSERT INTO types VALUES (1, true, -32768, 2147483647, 'NaN', 'NaN', 'NaN', '$1,234.56',
  E'tab\t line\n return\r back\\slash \\N \b\f\v quote'' ü 🛒', '', 'ab', '\x00ff5c0a09', 
  '3f2504e0-4f89-11d3-9a0c-0305e82c3301', '{"a" : 1,  "a":2}', '{"z":1e400,"ä":null}', '<a>ü</a>',
  '0044-03-15 BC', '24:00', '23:59:59.999999+14', '-infinity', '2026-11-22 03:04:05.678901+02',
  '1 year -2 mons 3 days -04:05:06.7', '{{1,NULL},{3,4}}', ARRAY['a,b', NULL, '"q"', E'\n', ''],
  '[1,5)', 'fröhlich', 19.90, ROW('-0', 'Infinity', E'a"\t,b'), '10.0.0.0/8', '08:00:2b:01:02:03',
  B'101', B'', '(1.5,-2)', '((0,0),(1,1))', 'fat:2A cat', 'types', '16/B374D848');
INSERT INTO types (id, n, f4, f8, ts, tsz, d) VALUES
  (2, 123456789012345678901234567890.000000000001, 1.17549435e-38, '-0', '294276-12-31', 'infinity',
   'infinity'), (3, '-Infinity', '-Infinity', 4.9406564584124654e-324, '4713-01-01 BC', 'epoch',
   '5874897-12-31'), (4, -0.10, 16777217, 0.1, NULL, NULL, NULL);
"#;

const SHAPES: &str = r#"
CREATE SCHEMA "Größe.1";
CREATE SEQUENCE "Größe.1"."Nummer" START 17 INCREMENT 5;
SELECT nextval('"Größe.1"."Nummer"');
CREATE SEQUENCE fresh;
CREATE TABLE "Größe.1"."Bestell""ung" ("Schlüssel a" int, "b" text COLLATE "C", "Wert" text,
  PRIMARY KEY ("b", "Schlüssel a"));
INSERT INTO "Größe.1"."Bestell""ung" VALUES (2, 'x', 'ä'), (1, 'x', NULL), (1, 'X', ''), (3, 'é', 'z');
CREATE TABLE no_key (a int, b text);
INSERT INTO no_key VALUES (1, 'a'), (1, 'a'), (NULL, NULL);
CREATE TABLE no_columns ();
INSERT INTO no_columns DEFAULT VALUES; INSERT INTO no_columns DEFAULT VALUES;
CREATE TABLE empty (id serial PRIMARY KEY, uniq int NOT NULL UNIQUE);
CREATE TABLE dropped (id int PRIMARY KEY, gone int, stays text);
INSERT INTO dropped VALUES (1, 2, 'x'); ALTER TABLE dropped DROP COLUMN gone;
CREATE TABLE product (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, net numeric NOT NULL,
  gross numeric GENERATED ALWAYS AS (net * 1.19) STORED, parent int REFERENCES product);
INSERT INTO product (net) VALUES (10), (20); INSERT INTO product (net, parent) VALUES (5, 1);
UPDATE product SET parent = 3 WHERE id = 1;
CREATE TABLE a (id int PRIMARY KEY, b int); CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a);
INSERT INTO a VALUES (1, 1); INSERT INTO b VALUES (1, 1);
ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b;
CREATE TABLE log (at date, what text, PRIMARY KEY (at, what)) PARTITION BY RANGE (at);
CREATE TABLE log_25 PARTITION OF log FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE log_26 PARTITION OF log FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO log VALUES ('2025-03-04', 'old'), ('2026-03-04', 'new');
CREATE TABLE base (id int PRIMARY KEY); CREATE TABLE derived (extra text) INHERITS (base);
INSERT INTO base VALUES (1); INSERT INTO derived VALUES (2, 'two');
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY); INSERT INTO unlogged VALUES (1);
CREATE VIEW expensive AS SELECT * FROM product WHERE net > 7;
CREATE MATERIALIZED VIEW summed AS SELECT sum(net) AS s FROM expensive;
CREATE MATERIALIZED VIEW summed_again AS SELECT s FROM summed;
CREATE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
CREATE TRIGGER t BEFORE INSERT ON empty FOR EACH ROW EXECUTE FUNCTION loud();
CREATE INDEX ON product (parent) WHERE net > 1;
"#;

#[tokio::test]
async fn every_type_and_every_shape_comes_back() {
    let (_folder, server) = server().await;
    server.execute("one", TYPES).await.unwrap();
    server.execute("one", SHAPES).await.unwrap();
    let (one, other) = (url(&server, "one"), url(&server, "other"));
    let taken = round_trip(&one, &other).await;
    let manifest = taken.reader.manifest();
    assert!(matches!(manifest.position, Some(Position::Lsn { .. })), "{manifest:?}");
    assert_eq!(values(&taken, "types", "id")[..2], ["-9223372036854775808", "1"]);
    assert_eq!(values(&taken, "types", "f8"), ["-", "NaN", "-0", "5e-324", "0.1"]);
    assert_eq!(values(&taken, "types", "f4")[4], "1.6777216e+07");
    assert_eq!(values(&taken, "types", "d")[1], "0044-03-15 BC");
    assert_eq!(values(&taken, "public.log_25", "what"), ["old"]);
    assert_eq!(values(&taken, "Bestell\"ung", "b"), ["X", "x", "x", "é"]);
    assert!(taken.reader.table("product").unwrap().column("gross").is_none());
    assert_eq!(taken.reader.table("empty").unwrap().key, ["id"]);
    assert_eq!(taken.reader.table("product").unwrap().references[0].table, "product");
    assert_eq!(taken.reader.table("types").unwrap().key_order, KeyOrder::Number);
    let next = "SELECT nextval('\"Größe.1\".\"Nummer\"') + nextval('fresh') + \
                nextval('product_id_seq') + (SELECT s FROM summed_again)::int";
    // 22, 1, 4 and 30: as they would have gone on.
    assert_eq!(number(&server, "other", next).await, 57);
    let error = server.execute("other", "INSERT INTO empty VALUES (1, 1)").await.unwrap_err();
    assert!(story(&error).contains("no"), "the trigger is there: {}", story(&error));
}

async fn number(server: &Postgres, database: &str, statement: &str) -> i64 {
    let (client, connection) = tokio_postgres::connect(&server.url(database), NoTls).await.unwrap();
    tokio::spawn(connection);
    client.query_one(statement, &[]).await.unwrap().get(0)
}

const SHOP: &str = "
CREATE TABLE orders AS SELECT n AS id, md5(n::text)::uuid AS code, to_timestamp(n) AS placed,
  n * 3 AS total FROM generate_series(1, 100000) n;
CREATE TABLE lines AS SELECT md5('l' || n)::uuid AS id, n / 3 + 1 AS order_id,
  'sku-' || n % 977 AS sku, n % 5 AS n FROM generate_series(0, 299990) n;
CREATE TABLE refunds AS SELECT md5('r' || n) AS id, md5('l' || n * 50)::uuid AS line_id, n AS total
  FROM generate_series(1, 5000) n;
ALTER TABLE orders ADD PRIMARY KEY (id);
ALTER TABLE lines ADD PRIMARY KEY (id), ADD FOREIGN KEY (order_id) REFERENCES orders;
ALTER TABLE refunds ADD PRIMARY KEY (id), ADD FOREIGN KEY (line_id) REFERENCES lines;
";

/// The rows of one order: by its number, its lines by theirs, their refunds by each line.
async fn order(taken: Taken, id: &'static str) -> (Taken, Vec<usize>, u64) {
    blocking(move || {
        let Taken { folder, reader } = taken;
        let reader =
            databases::dump::Reader::open(databases::dump::Folder::at(folder.path().join("dump")))
                .inspect(|_| drop(reader))
                .unwrap();
        let table = |name: &str| reader.table(name).unwrap();
        let orders = reader.lookup(table("orders"), "id", id.as_bytes()).unwrap();
        let lines = reader.lookup(table("lines"), "order_id", id.as_bytes()).unwrap();
        let refunds = lines.iter().flat_map(|line| {
            let id = line.fields[0].as_deref().unwrap();
            reader.lookup(table("refunds"), "line_id", id).unwrap()
        });
        let counts = vec![orders.len(), lines.len(), refunds.count()];
        let bytes = reader.bytes_read();
        (Taken { folder, reader }, counts, bytes)
    })
    .await
}

#[tokio::test]
async fn one_order_is_read_from_few_bytes() {
    let (_folder, server) = server().await;
    server.execute("one", SHOP).await.unwrap();
    let taken = dump(&url(&server, "one")).await;
    let all: u64 = taken.reader.tables().iter().map(|t| t.rows.bytes + t.index.bytes).sum();
    let (taken, counts, bytes) = order(taken, "83317").await;
    assert_eq!(counts, [1, 3, 1]);
    eprintln!("one order: {bytes} of {all} bytes, {:.2} %", bytes as f64 * 100.0 / all as f64);
    assert!(bytes * 100 < all * 5, "{bytes} of {all} bytes were read");
    let (_, counts, _) = order(taken, "100017").await;
    assert_eq!(counts, [0, 0, 0]);
}

#[tokio::test]
async fn a_dump_is_of_one_moment_whatever_is_written_meanwhile() {
    let (_folder, server) = server().await;
    // Every change keeps the sum of both tables.
    let tables = "CREATE TABLE a (id int PRIMARY KEY, n bigint, pad text); \
        CREATE TABLE b (id int PRIMARY KEY, n bigint, pad text); \
        INSERT INTO a SELECT n, 100, repeat('x', 200) FROM generate_series(1, 20000) n; \
        INSERT INTO b SELECT n, 100, repeat('y', 200) FROM generate_series(1, 20000) n;";
    server.execute("one", tables).await.unwrap();
    let stop = AtomicBool::new(false);
    let one = url(&server, "one");
    let (client, connection) = tokio_postgres::connect(&server.url("one"), NoTls).await.unwrap();
    tokio::spawn(connection);
    let write = async {
        let mut changes = 0;
        while !stop.load(Relaxed) {
            let id = changes * 7 % 20_000 + 1;
            let change = format!(
                "BEGIN; UPDATE a SET n = n - {changes} WHERE id = {id}; \
                 UPDATE b SET n = n + {changes} WHERE id = {id}; \
                 INSERT INTO a VALUES ({0}, 5, ''); INSERT INTO b VALUES ({0}, -5, ''); COMMIT",
                30_000 + changes
            );
            client.batch_execute(&change).await.unwrap();
            changes += 1;
        }
        changes
    };
    let take = async {
        let mut taken = Vec::new();
        for connections in [1, 2, 2] {
            let options = Options { connections, ..Options::new(0) };
            taken.push(try_dump(&one, options).await.unwrap());
        }
        stop.store(true, Relaxed);
        taken
    };
    let (changes, taken) = tokio::join!(write, take);
    assert!(changes > 0);
    for taken in taken {
        let sum = |table| -> i64 {
            values(&taken, table, "n").iter().map(|n| n.parse::<i64>().unwrap()).sum()
        };
        assert_eq!(sum("a") + sum("b"), 2 * 20_000 * 100);
    }
}

#[tokio::test]
async fn whoever_may_not_see_everything_dumps_nothing() {
    let (_folder, server) = server().await;
    let setup = "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY); \
                 CREATE ROLE reader LOGIN; GRANT SELECT ON t TO reader;";
    server.execute("one", setup).await.unwrap();
    let mut reader = url(&server, "one");
    reader.secret = reader.secret.replace("shop@", "reader@");
    let refused = async |expect: &str| {
        let error = try_dump(&reader, Options::new(0)).await.err().unwrap();
        assert!(story(&error).contains(expect), "{}", story(&error));
    };
    refused("`public.u`, which the role may not read").await;
    server.execute("one", "GRANT pg_read_all_data TO reader").await.unwrap();
    try_dump(&reader, Options::new(0)).await.unwrap();
    let hidden = "INSERT INTO u VALUES (1); ALTER TABLE u ENABLE ROW LEVEL SECURITY";
    server.execute("one", hidden).await.unwrap();
    refused("row-level security").await;
    server
        .execute("one", "ALTER TABLE u DISABLE ROW LEVEL SECURITY; SELECT lo_create(0)")
        .await
        .unwrap();
    refused("large objects").await;
}

#[tokio::test]
async fn a_dump_that_is_cut_off_never_ends_well() {
    let (_folder, server) = server().await;
    let table = "CREATE TABLE a (id int PRIMARY KEY, pad text); CREATE TABLE b (id int PRIMARY KEY);\
        INSERT INTO a SELECT n, repeat(md5(n::text), 20) FROM generate_series(1, 20000) n";
    server.execute("one", table).await.unwrap();
    let one = url(&server, "one");
    // The server goes in the middle of a table.
    let url = one.clone();
    let (mut files, head) = blocking(move || {
        let mut files = Dump::begin(&url, Options::new(0)).unwrap().into_files().into_iter();
        let mut schema = files.next().unwrap();
        let mut text = String::new();
        schema.content.read_to_string(&mut text).unwrap();
        (schema.is_whole)(text.len() as u64).unwrap();
        let mut rows = files.next().unwrap();
        let mut head = [0; 1_000];
        rows.content.read_exact(&mut head).unwrap();
        (vec![rows].into_iter().chain(files), head)
    })
    .await;
    assert!(head.starts_with(b"1\t"));
    server.stop().await.unwrap();
    blocking(move || {
        let mut rows = files.next().unwrap();
        let error = std::io::copy(&mut rows.content, &mut std::io::sink()).unwrap_err();
        assert!(error.to_string().contains("read table `public."), "{error}");
        assert!((rows.is_whole)(1_000).is_err());
        for mut file in files.filter(|file| {
            file.name.starts_with("tables/public.a/") || file.name == "manifest.json"
        }) {
            let error = file.content.read_to_end(&mut Vec::new()).unwrap_err();
            assert!(error.to_string().contains("read table `public."), "{}: {error}", file.name);
        }
    })
    .await;
}

#[tokio::test]
async fn a_table_is_not_redefined_under_a_dump_but_nobody_waits_for_long() {
    let (_folder, server) = server().await;
    // More than what may wait for being taken: the dump is not over before it is read.
    let table = "CREATE TABLE a (id int PRIMARY KEY, pad text); \
                 INSERT INTO a SELECT n, repeat('x', 500) FROM generate_series(1, 100000) n";
    server.execute("one", table).await.unwrap();
    let begin = async || {
        let one = url(&server, "one");
        blocking(move || Dump::begin(&one, Options::new(0)).unwrap()).await
    };
    let dump = begin().await;
    let hasty = "SET lock_timeout = '200ms'; TRUNCATE a";
    let error = server.execute("one", hasty).await.unwrap_err();
    assert!(story(&error).contains("lock timeout"), "{}", story(&error));
    // Dropped unread, it lets go at once.
    drop(dump);
    let patient = "SET lock_timeout = '60s'; ALTER TABLE a ADD COLUMN b int";
    server.execute("one", patient).await.unwrap();
    // Held, it lets go after some seconds, and has failed.
    let dump = begin().await;
    server.execute("one", "SET lock_timeout = '60s'; TRUNCATE a").await.unwrap();
    let failure = blocking(move || {
        let rows = dump.into_files().into_iter().find(|file| file.name.ends_with("rows"));
        std::io::copy(&mut rows.unwrap().content, &mut std::io::sink()).unwrap_err()
    })
    .await;
    assert!(failure.to_string().contains("let somebody through"), "{failure}");
    assert!(failure.to_string().contains("TRUNCATE a"), "{failure}");
}

#[tokio::test]
async fn differences_are_found_and_named() {
    let (_folder, server) = server().await;
    let same = "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE k (v text); \
                INSERT INTO t SELECT n, 'v' FROM generate_series(1, 1000) n; \
                INSERT INTO k VALUES ('a'), ('a'), ('b');";
    server.execute("one", same).await.unwrap();
    let (one, other) = (url(&server, "one"), url(&server, "other"));
    let taken = round_trip(&one, &other).await;
    let change = "DELETE FROM t WHERE id = 1; UPDATE t SET v = 'w' WHERE id IN (500, 501); \
                  INSERT INTO t VALUES (2000, 'v'); DELETE FROM k WHERE v = 'b'; \
                  INSERT INTO k VALUES ('a'); CREATE TABLE new (id int)";
    server.execute("other", change).await.unwrap();
    let found = differences(&one, &other).await;
    let (_, from_dump) = differences_to(taken, &other).await;
    assert_eq!(found, from_dump);
    let [k, new, t] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(
        (k.missing, k.extra, k.different, k.keys.as_slice()),
        (1, 1, 0, &["a".to_owned(), "b".to_owned()][..])
    );
    assert!(new.not_compared.as_ref().unwrap().contains("left side does not have it"));
    assert_eq!((t.missing, t.extra, t.different), (1, 1, 2));
    assert_eq!(t.keys, ["500", "501", "1", "2000"]);
}

#[tokio::test]
async fn one_table_is_loaded_without_the_others() {
    let (_folder, server) = server().await;
    let tables = "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY, \
                  a int REFERENCES a); INSERT INTO a VALUES (1); INSERT INTO b VALUES (1, 1), (2, 1)";
    server.execute("one", tables).await.unwrap();
    let (one, other) = (url(&server, "one"), url(&server, "other"));
    let (taken, report) = loaded(dump(&one).await, &other, Some(&["b"])).await;
    let report = report.unwrap();
    assert_eq!((report.tables, report.rows), (1, 2));
    assert!(report.left_out[0].contains("b b_a_fkey"), "{report:?}");
    // It is not empty any more.
    let (taken, again) = loaded(taken, &other, None).await;
    assert!(story(&again.unwrap_err()).contains("which has tables"));
    let (_, none) = loaded(taken, &other, Some(&["c"])).await;
    assert!(story(&none.unwrap_err()).contains("`c`"));
}
