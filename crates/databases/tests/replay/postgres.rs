//! On a real PostgreSQL.

use super::{Tape, UNTIL_MS, becomes, open, restored};
use crate::{
    changes::suite::options,
    dump::{
        postgres::TYPES,
        suite::{blocking, story},
    },
    scratch,
};
use databases::{
    changes,
    private::{self, Postgres},
    replay::Wanted,
};
use kernel::config::{DatabaseKind, DatabaseUrl};
use tempfile::TempDir;

const SHOP: &str = r#"
CREATE TABLE mark (id text PRIMARY KEY);
CREATE TABLE customers (id serial PRIMARY KEY, mail text NOT NULL UNIQUE, likes int);
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer int REFERENCES customers
  ON DELETE SET NULL, net numeric, gross numeric GENERATED ALWAYS AS (net * 2) STORED);
CREATE TABLE lines ("order" bigint REFERENCES orders ON DELETE CASCADE, line int, what text,
  PRIMARY KEY ("order", line));
COMMENT ON CONSTRAINT lines_order_fkey ON lines IS 'it''s so';
CREATE TABLE keyed (id int PRIMARY KEY, long text, note text);
ALTER TABLE keyed ALTER long SET STORAGE EXTERNAL;
CREATE TABLE no_key (a int, b text, j json, at timestamptz DEFAULT '2026-01-01');
CREATE TABLE unique_only (a int NOT NULL UNIQUE, b text);
CREATE TABLE emptied (id int PRIMARY KEY);
CREATE TABLE swapped (id int PRIMARY KEY, place int UNIQUE);
CREATE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO no_key (a) VALUES (-1); RETURN NEW; END';
CREATE TRIGGER loud AFTER INSERT ON customers FOR EACH ROW EXECUTE FUNCTION loud();
ALTER TABLE customers REPLICA IDENTITY FULL; ALTER TABLE orders REPLICA IDENTITY FULL;
ALTER TABLE lines REPLICA IDENTITY FULL; ALTER TABLE no_key REPLICA IDENTITY FULL;
ALTER TABLE unique_only REPLICA IDENTITY FULL; ALTER TABLE types REPLICA IDENTITY FULL;
INSERT INTO customers (mail) SELECT 'c' || n FROM generate_series(1, 50) n;
INSERT INTO orders (customer, net) SELECT 1 + n % 50, n FROM generate_series(1, 300) n;
INSERT INTO lines SELECT o.id, l, 'thing' FROM orders o, generate_series(1, 3) l;
INSERT INTO keyed SELECT n, repeat(md5(n::text), 300), NULL FROM generate_series(1, 9) n;
INSERT INTO no_key (a, b, j) VALUES (1, 'a', '{"x" : 1}'), (1, 'a', '{"x" : 1}'), (NULL, NULL, NULL);
INSERT INTO unique_only VALUES (1, 'x'), (2, 'y');
INSERT INTO swapped VALUES (1, 1), (2, 2), (3, 3);
"#;

/// Made before the dump, and made a second time after it: in between, unique values were others'.
const AROUND: &str = r#"
UPDATE swapped SET place = 9 WHERE id = 1; UPDATE swapped SET place = 1 WHERE id = 2; UPDATE swapped SET place = 2 WHERE id = 1;
UPDATE keyed SET id = 100 WHERE id = 2; INSERT INTO keyed VALUES (2, 'new', 'x');
UPDATE keyed SET note = 'before' WHERE id = 3; DELETE FROM keyed WHERE id = 3;
INSERT INTO no_key (a) VALUES (77);
UPDATE customers SET mail = 'd' || id WHERE id = 5; DELETE FROM customers WHERE id = 6;
INSERT INTO emptied VALUES (1); TRUNCATE emptied; INSERT INTO emptied VALUES (2);
INSERT INTO mark VALUES ('0')"#;

const LATER: [&str; 13] = [
    "UPDATE types SET t = 'ü' || chr(9) || coalesce(t, ''); UPDATE types SET id = 77 WHERE id = 3; DELETE FROM types WHERE id = 2",
    "INSERT INTO types SELECT id + 1000, b, i2, i4, n, f4, f8, m, t, v, c, by, u, j, jb, x, d, ti, tz, ts, tsz, iv, ia, ta, r, e, p, comp, net, mac, bits, vb, pt, box, ts_v, reg, lsn FROM types WHERE id = 1",
    "UPDATE keyed SET note = 'short' WHERE id = 1; UPDATE keyed SET id = 200 WHERE id = 4; DELETE FROM keyed WHERE id = 5",
    "INSERT INTO customers (mail) VALUES ('new'), (E'tab\\t\\\\N \\n')",
    "DELETE FROM customers WHERE id = 1; DELETE FROM orders WHERE id BETWEEN 10 AND 20",
    "DELETE FROM no_key WHERE ctid = (SELECT min(ctid) FROM no_key WHERE a = 1); INSERT INTO no_key (a, b) VALUES (NULL, 'n'); UPDATE no_key SET j = '[1]' WHERE a IS NULL AND b IS NULL",
    "UPDATE unique_only SET b = 'z' WHERE a = 1; UPDATE unique_only SET a = 5 WHERE a = 2",
    "INSERT INTO emptied VALUES (7); TRUNCATE emptied; INSERT INTO emptied VALUES (8)",
    "BEGIN; UPDATE swapped SET place = 4 WHERE id = 1; UPDATE swapped SET place = 2 WHERE id = 3; UPDATE swapped SET place = 3 WHERE id = 1; COMMIT",
    "INSERT INTO orders (customer, net) SELECT 7, n FROM generate_series(1, 3000) n",
    "UPDATE orders SET net = net + 1 WHERE id > 250; INSERT INTO lines SELECT id, 1, 'x' FROM orders WHERE id > 2900",
    "DELETE FROM orders WHERE id % 3 = 0",
    "INSERT INTO mark VALUES ('end')",
];

async fn server() -> (TempDir, Postgres, DatabaseUrl) {
    let folder = scratch::folder();
    let settings = vec![("max_slot_wal_keep_size".to_owned(), "1GB".to_owned())];
    let options = private::Options { settings, ..private::Options::default() };
    let server = Postgres::start(&folder.path().join("pg"), options).await.unwrap();
    server.create_database("one").await.unwrap();
    for statements in [TYPES, SHOP] {
        server.execute("one", statements).await.unwrap();
    }
    let url = DatabaseUrl { kind: DatabaseKind::Postgres, secret: server.url("one") };
    (folder, server, url)
}

async fn run(server: &Postgres, statements: &[&str]) {
    for statement in statements {
        if let Err(error) = server.execute("one", statement).await {
            panic!("{statement}: {}", story(&error));
        }
    }
}

#[tokio::test]
async fn a_restored_database_becomes_what_the_shops_is_over_ends() {
    let (_folder, server, url) = server().await;
    let from = changes::begin(&url, &options()).await.unwrap();
    let mut stream = open(&url, &from).await;
    run(&server, &[AROUND]).await;
    let (_taken, beside, position) = restored(&url).await;
    run(&server, &LATER).await;
    let tape = Tape::record(&mut stream, "end").await;
    let before = tape.0.iter().filter(|(at, _)| at.order(&position).unwrap().is_le()).count();
    assert!(before > 0 && before < tape.0.len(), "{before}");
    let all = u64::try_from(tape.0.len()).unwrap();
    let progress = becomes(tape, &beside, &position, &[all - 2]).await;
    assert!(progress.changes > 6_000 && progress.checked > 3_000, "{progress:?}");
    assert_eq!(progress.transactions, all);

    // Keys, triggers and numbers are as they were.
    let then = |statement: &'static str| server.execute("then", statement);
    let refused = then("INSERT INTO lines VALUES (999999, 1, 'x')").await.unwrap_err();
    assert!(story(&refused).contains("lines_order_fkey"), "{}", story(&refused));
    let is = "DO $$ BEGIN ASSERT (SELECT obj_description(oid, 'pg_constraint') FROM pg_constraint \
        WHERE conname = 'lines_order_fkey') = 'it''s so'; \
        ASSERT (SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'storewarden%') = 0; END $$";
    then(is).await.unwrap();
    let works = "INSERT INTO customers (mail) VALUES ('later'); INSERT INTO orders (net) VALUES (1); \
        DO $$ BEGIN ASSERT (SELECT count(*) FROM no_key WHERE a = -1) = 53; END $$; \
        DELETE FROM customers WHERE id = 2";
    then(works).await.unwrap();
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_name_and_others_are_left_alone() {
    let (_folder, server, url) = server().await;
    let from = changes::begin(&url, &options()).await.unwrap();
    let mut stream = open(&url, &from).await;
    let (_taken, beside, position) = restored(&url).await;
    let redefine = ["ALTER TABLE customers ADD phone text", "UPDATE customers SET phone = '1'"];
    run(&server, &redefine).await;
    run(&server, &["INSERT INTO mark VALUES ('end')"]).await;
    let tape = Tape::record(&mut stream, "end").await;
    let again = Tape(tape.0.clone());
    let wanted = Wanted { beside, until_ms: UNTIL_MS, tables: Vec::new() };
    let (only, at) = (wanted.clone(), position.clone());
    let refused = blocking(move || tape.play(&wanted, &position, None)).await.unwrap_err();
    assert!(story(&refused).contains("`public.customers`"), "{}", story(&refused));
    // Of the tables that are asked for, nothing was redefined.
    let only = Wanted { tables: vec!["public.mark".to_owned()], ..only };
    let progress = blocking(move || again.play(&only, &at, None)).await.unwrap();
    assert_eq!((progress.changes, progress.checked), (1, 1));
}
