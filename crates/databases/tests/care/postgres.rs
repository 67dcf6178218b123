//! What a PostgreSQL suffers from.

use super::{
    change_setting_there_and_back, examine, mend_indexes_there_and_back, mend_of, options,
    setting_of, told,
};
use crate::scratch;
use databases::{
    care::{self, Index, IndexState, Mend, Setting, Sight, Trouble, Why},
    private::{self, Postgres},
};
use kernel::config::{DatabaseKind, DatabaseUrl};
use std::time::Duration;
use tempfile::TempDir;
use tokio_postgres::NoTls;

const SHOP: &str = "
CREATE EXTENSION pg_stat_statements;
CREATE TABLE customer (id serial PRIMARY KEY, email text NOT NULL);
CREATE TABLE orders (id serial PRIMARY KEY, customer_id int REFERENCES customer, state text NOT NULL,
  note text, number text NOT NULL);
CREATE TABLE line (order_id int REFERENCES orders, place int, PRIMARY KEY (order_id, place));
CREATE TABLE log (at timestamptz, what text);
CREATE TABLE counted (id serial PRIMARY KEY);
CREATE INDEX never ON orders (note);
CREATE INDEX twice ON orders (number);
CREATE UNIQUE INDEX once ON orders (number);
CREATE INDEX shorter ON line (order_id);
INSERT INTO customer (email) SELECT 'c' || n || '@example.test' FROM generate_series(1, 5000) n;
INSERT INTO orders (customer_id, state, note, number)
  SELECT n, CASE n % 2 WHEN 0 THEN 'open' ELSE 'paid' END, repeat(md5(n::text), 8), 'N' || n
  FROM generate_series(1, 5000) n;
INSERT INTO line SELECT id, 1 FROM orders;
INSERT INTO log SELECT now(), 'x' FROM generate_series(1, 2000);
SELECT setval('counted_id_seq', 2000000000);
ANALYZE;
";

async fn server(settings: &[(&str, &str)]) -> (TempDir, Postgres, DatabaseUrl) {
    let folder = scratch::folder();
    let settings = settings.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let options = private::Options { settings, ..private::Options::default() };
    let server = Postgres::start(&folder.path().join("pg"), options).await.unwrap();
    server.create_database("shop").await.unwrap();
    let url = DatabaseUrl { kind: DatabaseKind::Postgres, secret: server.url("shop") };
    (folder, server, url)
}

const COUNTS: &[(&str, &str)] = &[("shared_preload_libraries", "pg_stat_statements")];

#[tokio::test]
async fn what_a_shop_suffers_from_is_found_and_mended_and_nothing_else_is() {
    let (_folder, server, url) = server(COUNTS).await;
    server.execute("shop", SHOP).await.unwrap();
    let (client, connection) = tokio_postgres::connect(&server.url("shop"), NoTls).await.unwrap();
    let driver = tokio::spawn(connection);
    for number in 1..=30 {
        let email = format!("c{number}@example.test");
        client.query("SELECT id FROM customer WHERE email = $1", &[&email]).await.unwrap();
        // Half of all rows: no index helps.
        client.query("SELECT count(*) FROM orders WHERE state = 'open'", &[]).await.unwrap();
        client.query("SELECT * FROM orders WHERE number = $1", &[&email]).await.unwrap();
    }
    let found = examine(&url).await;
    let expect = [
        "key_runs_out public.counted.id",
        "missing_index public.customer(email)",
        "unindexed_reference public.orders(customer_id)",
        "duplicate_index public.line/shorter",
        "no_key public.log",
        "unused_index public.orders/never",
        "duplicate_index public.orders/twice",
    ];
    assert_eq!(told(&found), expect);
    assert!(found.server.starts_with("PostgreSQL 1"), "{}", found.server);
    assert!(found.blind.is_empty(), "{:?}", found.blind);
    assert_eq!(found.tables.iter().filter_map(|table| table.rows).max(), Some(5000));
    let slow = found.queries.iter().find(|query| query.text.contains("email = $1")).unwrap();
    assert_eq!((slow.calls, slow.rows), (30, 30));
    assert!(slow.plan.as_deref().unwrap().contains("Seq Scan on customer"), "{slow:?}");
    assert_eq!(
        mend_of(&found, "public.customer(email)").statement(),
        "CREATE INDEX CONCURRENTLY \"customer_email_idx\" ON \"public\".\"customer\" (\"email\")"
    );
    let Mend::MakeIndex { index } = mend_of(&found, "public.customer(email)") else { panic!() };
    assert_eq!(care::goes_by(&url, &slow.text, &index).await.unwrap(), Some(false));
    let prospect = care::prospect(&url, &index, &["email".to_owned()]).await.unwrap();
    assert_eq!((prospect.may, prospect.rows), (Some(true), Some(5000)));
    assert!(prospect.index_bytes.is_some_and(|bytes| bytes > 100_000), "{prospect:?}");
    care::make_index(&url, &index).await.unwrap();
    assert_eq!(care::goes_by(&url, &slow.text, &index).await.unwrap(), Some(true));
    care::drop_index(&url, &index).await.unwrap();
    mend_indexes_there_and_back(&url).await;
    drop(client);
    driver.await.unwrap().ok();
}

#[tokio::test]
async fn what_is_not_shown_is_said_and_not_taken_for_good() {
    let (_folder, server, url) = server(&[]).await;
    server.execute("shop", "CREATE ROLE clerk LOGIN; CREATE TABLE a (id int)").await.unwrap();
    let (_, place) = url.secret.split_once('@').unwrap();
    let secret = format!("postgres://clerk@{place}");
    let found = examine(&DatabaseUrl { kind: DatabaseKind::Postgres, secret }).await;
    let sights: Vec<_> = found.blind.iter().map(|blind| blind.what).collect();
    assert_eq!(sights, [Sight::Sessions, Sight::Queries]);
    assert!(found.blind[0].mend.contains("pg_monitor"), "{:?}", found.blind);
    server.execute("shop", "CREATE EXTENSION pg_stat_statements").await.unwrap();
    let found = examine(&url).await;
    assert_eq!(found.blind.len(), 1);
    assert!(found.blind[0].mend.contains("a restart"), "not loaded: {:?}", found.blind);
}

#[tokio::test]
async fn settings_are_held_against_the_machine_and_against_what_is_safe() {
    let settings = [
        ("fsync", "off"),
        ("synchronous_commit", "off"),
        ("work_mem", "64MB"),
        ("max_connections", "100"),
    ];
    let (_folder, _server, url) = server(&settings).await;
    let machine = care::Options { memory_bytes: Some(2 << 30), ..options() };
    let found = care::examine(&url, &machine).await.unwrap();
    let told = |name: &str| {
        let is =
            |trouble: &Trouble| matches!(trouble, Trouble::Setting { name: n, .. } if n == name);
        found.findings.iter().find(|one| is(&one.trouble)).cloned()
    };
    for (name, why) in [
        ("fsync", Why::DamagedByACrash),
        ("synchronous_commit", Why::LostByACrash),
        ("work_mem", Why::TooMuchMemory),
    ] {
        let finding = told(name).unwrap_or_else(|| panic!("{name} in {:#?}", found.findings));
        assert!(
            matches!(&finding.trouble, Trouble::Setting { why: w, .. } if *w == why),
            "{finding:?}"
        );
    }
    let at_the_start = Mend::Setting { line: "work_mem = 5MB".to_owned() };
    assert_eq!(told("work_mem").unwrap().mend.unwrap(), at_the_start);
    assert!(told("shared_buffers").is_none(), "an empty database needs no cache");
}

#[tokio::test]
async fn settings_are_changed_and_are_again_what_they_were() {
    let (_folder, server, url) = server(&[]).await;
    // Each of them alone: the server takes several statements at once for one transaction.
    for statement in ["ALTER SYSTEM SET synchronous_commit = off", "SELECT pg_reload_conf()"] {
        server.execute("shop", statement).await.unwrap();
    }
    let reloaded = async {
        loop {
            let found = examine(&url).await;
            if found.findings.iter().any(|one| one.id() == "setting:synchronous_commit") {
                return found;
            }
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(60), reloaded).await.unwrap();
    let written = setting_of(&found, "synchronous_commit");
    assert_eq!(written.back, "ALTER SYSTEM SET synchronous_commit = 'off'");
    change_setting_there_and_back(&url, &written).await;
    // What only a restart brings waits for it.
    let (name, set, back) = (
        "max_wal_senders".to_owned(),
        "ALTER SYSTEM SET max_wal_senders = '12'".to_owned(),
        "ALTER SYSTEM SET max_wal_senders = '10'".to_owned(),
    );
    let (from, to) = ("10".to_owned(), "12".to_owned());
    let later = Setting { name, from, to, set, back, restart: true, lasts: true };
    change_setting_there_and_back(&url, &later).await;
    server.execute("shop", "CREATE ROLE clerk LOGIN").await.unwrap();
    let (_, place) = url.secret.split_once('@').unwrap();
    let secret = format!("postgres://clerk@{place}");
    let clerk = DatabaseUrl { kind: DatabaseKind::Postgres, secret };
    assert_eq!(care::setting_seen(&clerk, &written).await.unwrap().may, Some(false));
    let refused = care::change_setting(&clerk, &written).await.unwrap_err().to_string();
    assert!(refused.contains("synchronous_commit") && refused.contains("denied"), "{refused}");
}

#[tokio::test]
async fn an_index_that_somebody_left_half_made_is_found_and_made_whole() {
    let (_folder, server, url) = server(&[]).await;
    let shop = "CREATE TABLE a (n int); INSERT INTO a VALUES (1), (1), (2);";
    server.execute("shop", shop).await.unwrap();
    // What is there twice cannot be unique: what is left of the attempt is a broken index.
    let unique = "CREATE UNIQUE INDEX CONCURRENTLY half ON public.a (n)";
    server.execute("shop", unique).await.unwrap_err();
    let found = examine(&url).await;
    assert_eq!(told(&found), ["invalid_index public.a/half"]);
    let index = Index {
        table: "public.a".to_owned(),
        name: "half".to_owned(),
        make: unique.to_owned(),
        drop: "DROP INDEX CONCURRENTLY public.half".to_owned(),
    };
    assert_eq!(care::index_state(&url, &index).await.unwrap(), IndexState::Broken);
    let refused = care::make_index(&url, &index).await.unwrap_err().to_string();
    assert!(refused.contains("half") && refused.contains("could not create"), "{refused}");
    let left = care::index_state(&url, &index).await.unwrap();
    assert_eq!(left, IndexState::Absent, "nothing of it is left");
    server.execute("shop", "DELETE FROM a WHERE n = 1").await.unwrap();
    care::make_index(&url, &index).await.unwrap();
    assert_eq!(care::index_state(&url, &index).await.unwrap(), IndexState::Whole);
}

#[tokio::test]
async fn what_a_server_goes_on_with_for_somebody_dead_is_waited_for_and_not_done_twice() {
    let (_folder, server, url) = server(&[]).await;
    server.execute("shop", "CREATE TABLE a (n int); INSERT INTO a VALUES (1);").await.unwrap();
    let index = Index {
        table: "public.a".to_owned(),
        name: "a_n_idx".to_owned(),
        make: "CREATE INDEX CONCURRENTLY a_n_idx ON public.a (n)".to_owned(),
        drop: "DROP INDEX CONCURRENTLY public.a_n_idx".to_owned(),
    };
    let (client, connection) = tokio_postgres::connect(&server.url("shop"), NoTls).await.unwrap();
    let driver = tokio::spawn(connection);
    // An index waits for whoever has written and not yet said that this is it.
    client.batch_execute("BEGIN; INSERT INTO a VALUES (2)").await.unwrap();
    let (of, at) = (index.clone(), url.clone());
    let first = tokio::spawn(async move { care::make_index(&at, &of).await });
    let busy = async {
        while care::index_state(&url, &index).await.unwrap() != IndexState::Busy {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), busy).await.unwrap();
    first.abort();
    first.await.unwrap_err();
    assert_eq!(care::index_state(&url, &index).await.unwrap(), IndexState::Busy);
    let (made, ended) =
        tokio::join!(care::make_index(&url, &index), client.batch_execute("COMMIT"));
    made.unwrap();
    ended.unwrap();
    assert_eq!(care::index_state(&url, &index).await.unwrap(), IndexState::Whole);
    drop(client);
    driver.await.unwrap().ok();
}

#[tokio::test]
async fn a_glance_sees_who_waits_now_and_a_table_is_tidied_by_its_own_statement() {
    let (_folder, server, url) = server(&[("autovacuum", "off")]).await;
    let shop = "CREATE TABLE a (n int); INSERT INTO a SELECT generate_series(1, 30000); \
                DELETE FROM a; INSERT INTO a VALUES (1);";
    server.execute("shop", shop).await.unwrap();
    let seen = care::glance(&url).await.unwrap();
    assert!(seen.findings.is_empty() && seen.blind.is_empty(), "{seen:?}");
    assert!(seen.connections.is_some_and(|all| all.used >= 1 && all.most > all.used), "{seen:?}");
    let counted = async {
        loop {
            let found = examine(&url).await;
            if let Some(finding) =
                found.findings.iter().find(|one| one.id() == "dead_rows:public.a")
            {
                return finding.clone();
            }
        }
    };
    let finding = tokio::time::timeout(Duration::from_secs(60), counted).await.unwrap();
    let Some(Mend::TidyTable { table, statement }) = finding.mend else { panic!("{finding:?}") };
    let before = care::tidied(&url, &table).await.unwrap().unwrap();
    assert!(before.may && before.dead > 10_000, "{before:?}");
    care::tidy(&url, &table, &statement).await.unwrap();
    let done =
        async { while care::tidied(&url, &table).await.unwrap().unwrap().times == before.times {} };
    tokio::time::timeout(Duration::from_secs(60), done).await.unwrap();
    assert_eq!(care::tidied(&url, "public.none").await.unwrap(), None);
}

#[tokio::test]
async fn a_replica_that_stopped_or_is_not_shown_is_found_and_not_taken_for_none() {
    let (_folder, server, url) = server(&[("max_slot_wal_keep_size", "1GB")]).await;
    let slots = "CREATE ROLE clerk LOGIN; \
        SELECT pg_create_physical_replication_slot('second', true); \
        SELECT pg_create_physical_replication_slot('never_used'); \
        SELECT pg_create_physical_replication_slot('storewarden_shop', true);";
    server.execute("shop", slots).await.unwrap();
    let seen = care::glance(&url).await.unwrap();
    let names: Vec<_> = seen.replicas.iter().map(|one| (&*one.name, &*one.state)).collect();
    assert_eq!(names, [("second", "stopped")]);
    assert!(seen.replicas[0].behind_bytes.is_some(), "{seen:?}");
    assert_eq!(seen.replicas[0].behind_ms, None);
    let ids: Vec<_> = seen.findings.iter().map(care::Finding::id).collect();
    assert_eq!(ids, ["replica_behind:second"]);
    assert!(seen.blind.is_empty(), "{:?}", seen.blind);
}
