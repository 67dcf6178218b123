//! Changes of a real PostgreSQL.

use super::suite::{Replica, options};
use crate::{
    dump::{postgres::TYPES, suite::story},
    scratch,
};
use databases::{
    DatabaseError,
    changes::{self, Change, ObstacleKind, Stream},
    private::{self, Postgres},
};
use host::process::Signal;
use kernel::config::{DatabaseKind, DatabaseUrl};
use std::{path::Path, time::Duration};
use tempfile::TempDir;

async fn server(settings: &[(&str, &str)]) -> (TempDir, Postgres) {
    let folder = scratch::folder();
    let server = start(folder.path(), None, settings).await.unwrap();
    server.create_database("one").await.unwrap();
    (folder, server)
}

async fn start(
    folder: &Path,
    port: Option<u16>,
    settings: &[(&str, &str)],
) -> Result<Postgres, DatabaseError> {
    let settings = settings.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let options = private::Options { port, settings, ..private::Options::default() };
    Postgres::start(&folder.join("pg"), options).await
}

const CAPPED: &[(&str, &str)] = &[("max_slot_wal_keep_size", "1GB")];

fn url(server: &Postgres) -> DatabaseUrl {
    DatabaseUrl { kind: DatabaseKind::Postgres, secret: server.url("one") }
}

const TABLES: &str = r#"
CREATE TABLE mark (id text PRIMARY KEY);
CREATE TABLE copied (LIKE types INCLUDING ALL);
CREATE SCHEMA "Größe.1"; CREATE TABLE "Größe.1"."Bestell""ung" ("ä" int, b text, PRIMARY KEY (b, "ä"));
CREATE TABLE keyed (id int PRIMARY KEY, long text, note text);
ALTER TABLE keyed ALTER long SET STORAGE EXTERNAL;
CREATE TABLE no_key (a int, b text);
CREATE TABLE made (id int PRIMARY KEY, net numeric, gross numeric GENERATED ALWAYS AS (net * 2) STORED);
CREATE TABLE emptied (id int PRIMARY KEY);
ALTER TABLE types REPLICA IDENTITY FULL; ALTER TABLE copied REPLICA IDENTITY FULL;
ALTER TABLE "Größe.1"."Bestell""ung" REPLICA IDENTITY FULL; ALTER TABLE no_key REPLICA IDENTITY FULL;
ALTER TABLE made REPLICA IDENTITY FULL;
ALTER DATABASE one SET TimeZone = 'Asia/Tokyo'; ALTER DATABASE one SET DateStyle = 'German';
ALTER DATABASE one SET extra_float_digits = 0; ALTER DATABASE one SET bytea_output = 'escape';
ALTER DATABASE one SET IntervalStyle = 'sql_standard';
"#;

const CHANGES: [&str; 12] = [
    "INSERT INTO copied SELECT * FROM types",
    "UPDATE copied SET t = 'ü' || chr(9) || coalesce(t, ''), tsz = '2026-03-29 03:30 Europe/Berlin'; \
     UPDATE copied SET id = 77 WHERE id = 3; DELETE FROM copied WHERE id = 2",
    r#"INSERT INTO "Größe.1"."Bestell""ung" VALUES (1, 'x'), (2, 'x'); UPDATE "Größe.1"."Bestell""ung" SET b = 'é'"#,
    "INSERT INTO keyed SELECT n, repeat(md5(n::text), 300), NULL FROM generate_series(1, 5) n",
    "UPDATE keyed SET note = 'short' WHERE id = 1",
    "UPDATE keyed SET id = 100 WHERE id = 2",
    "DELETE FROM keyed WHERE id = 3",
    "BEGIN; INSERT INTO keyed VALUES (9, 'never', 'never'); ROLLBACK",
    "INSERT INTO no_key VALUES (1, 'a'), (NULL, NULL); UPDATE no_key SET b = 'b' WHERE a = 1",
    "INSERT INTO made (id, net) VALUES (1, 1.50), (2, NULL)",
    "INSERT INTO emptied VALUES (1), (2); TRUNCATE emptied; INSERT INTO emptied VALUES (3)",
    "INSERT INTO keyed VALUES (50, repeat('🛒', 1000000), NULL)",
];

#[tokio::test]
async fn everything_that_is_committed_comes_as_it_is_in_a_dump() {
    let (_folder, server) = server(CAPPED).await;
    for statements in [TYPES, TABLES] {
        server.execute("one", statements).await.unwrap();
    }
    let url = url(&server);
    let from = changes::begin(&url, &options()).await.unwrap();
    let mut replica = Replica::default();
    let mut stream = replica.open(&url, &from).await;
    for statements in CHANGES {
        server.execute("one", statements).await.unwrap();
    }
    server.execute("one", "INSERT INTO mark VALUES ('1')").await.unwrap();
    replica.follow(&mut stream, "1", true).await;
    let tables = ["copied", r#"Bestell"ung"#, "keyed", "no_key", "made", "emptied", "mark"];
    let labels = tables.map(|name| match name.starts_with('B') {
        true => format!("Größe.1.{name}"),
        false => format!("public.{name}"),
    });
    let labels: Vec<_> = labels.iter().map(String::as_str).collect();
    replica.assert_same(&url, &labels).await;

    // A long value that was not touched is not there; neither is more than the key of what is gone.
    let keyed = replica.changes_of("public.keyed");
    let Change::Updated { before: None, after } = keyed[5] else { panic!("{:?}", keyed[5]) };
    assert_eq!((after.absent.as_slice(), after.field(1)), ([1].as_slice(), None));
    let Change::Updated { before: Some(before), .. } = keyed[6] else { panic!("{:?}", keyed[6]) };
    assert_eq!(before.absent, [1, 2]);
    let Change::Deleted(gone) = keyed[7] else { panic!("{:?}", keyed[7]) };
    assert_eq!(
        (gone.field(0), gone.absent.as_slice()),
        (Some(&Some(b"3".to_vec())), [1, 2].as_slice())
    );

    // Another shape is told before the first row that has it.
    let ddl = "ALTER TABLE keyed ADD price numeric(12,2) DEFAULT 1.5; ALTER TABLE keyed DROP note; \
        INSERT INTO keyed VALUES (60, 'x', 2); INSERT INTO mark VALUES ('2')";
    server.execute("one", ddl).await.unwrap();
    replica.follow(&mut stream, "2", true).await;
    let changed: Vec<_> = replica.schema_changes.iter().map(|c| c.table.as_deref()).collect();
    assert_eq!(changed, [Some("public.keyed")]);
    let last = replica.changes.iter().rev().find(|row| row.table.name == "keyed").unwrap();
    let columns: Vec<_> = last.table.columns.iter().map(|c| c.type_name.as_str()).collect();
    assert_eq!(columns, ["integer", "text", "numeric(12,2)"]);
    assert_eq!(replica.repeated, 0);
}

#[tokio::test]
async fn killed_servers_and_streams_lose_nothing_and_double_nothing() {
    let (folder, mut server) = server(CAPPED).await;
    let tables =
        "CREATE TABLE t (id serial PRIMARY KEY, v text); CREATE TABLE mark (id text PRIMARY KEY);
        ALTER TABLE t REPLICA IDENTITY FULL";
    server.execute("one", tables).await.unwrap();
    let from = changes::begin(&url(&server), &options()).await.unwrap();
    let mut replica = Replica::default();
    for round in 0..3 {
        let url = url(&server);
        let mut stream = replica.open(&url, &from).await;
        let write = format!(
            "INSERT INTO t (v) SELECT 'r{round}' FROM generate_series(1, 50); INSERT INTO mark VALUES ('{round}')"
        );
        server.execute("one", &write).await.unwrap();
        // Not acknowledged: it comes again, and is known again.
        let before = replica.repeated;
        replica.follow(&mut stream, &round.to_string(), false).await;
        assert_eq!(replica.repeated, before, "what lies before the place came again");
        drop(stream);
        // As if nothing of it had reached the disk.
        let mut again = Stream::open(&url, &options(), &from).await.unwrap();
        let before = replica.repeated;
        server.execute("one", &format!("UPDATE t SET v = 'u{round}' WHERE id % 7 = {round}; INSERT INTO mark VALUES ('{round}b')")).await.unwrap();
        replica.follow(&mut again, &format!("{round}b"), false).await;
        assert!(replica.repeated > before, "nothing came again");
        server.execute("one", &format!("DELETE FROM t WHERE id % 11 = {round}")).await.unwrap();
        server.signal(Signal::Kill).unwrap();
        let error = replica.follow_to_error(&mut again).await;
        assert!(!matches!(error, DatabaseError::ChangesUnknown { .. }), "{}", story(&error));
        let port = server.port();
        drop(server);
        server = restarted(folder.path(), port).await;
    }
    let url = url(&server);
    server.execute("one", "INSERT INTO mark VALUES ('end')").await.unwrap();
    let mut stream = replica.open(&url, &from).await;
    replica.follow(&mut stream, "end", true).await;
    replica.assert_same(&url, &["public.t", "public.mark"]).await;
    drop(stream);
    changes::remove(&url, &options()).await.unwrap();
    changes::remove(&url, &options()).await.unwrap();
}

/// Its children notice only after a while that their parent was killed.
async fn restarted(folder: &Path, port: u16) -> Postgres {
    let start = async || start(folder, Some(port), CAPPED).await;
    testkit::wait_until("PostgreSQL", Duration::from_secs(60), start).await
}

#[tokio::test]
async fn what_could_harm_the_shop_or_lose_an_order_is_refused() {
    let (_folder, server) = server(&[]).await;
    let url = url(&server);
    let run = async |statements: &str| server.execute("one", statements).await.unwrap();
    let kinds = async || {
        let obstacles = changes::survey(&url, &options()).await.unwrap();
        obstacles.iter().map(|one| (one.kind, one.subject.clone())).collect::<Vec<_>>()
    };
    run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE plugin (v text)").await;
    let expect = [
        (ObstacleKind::Uncapped, "max_slot_wal_keep_size".to_owned()),
        (ObstacleKind::NoIdentity, "public.plugin".to_owned()),
        (ObstacleKind::KeysOnly, "public.t".to_owned()),
    ];
    assert_eq!(kinds().await, expect);
    let error = changes::begin(&url, &options()).await.unwrap_err();
    assert!(error.to_string().contains("max_slot_wal_keep_size"), "{error}");
    run("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'").await;
    run("SELECT pg_reload_conf(); ALTER TABLE plugin REPLICA IDENTITY FULL").await;
    testkit::wait_until("the setting", Duration::from_secs(30), async || {
        let found = kinds().await;
        if found == [expect[2].clone()] { Ok(()) } else { Err(found) }
    })
    .await;
    let from = changes::begin(&url, &options()).await.unwrap();
    let error = changes::begin(&url, &options()).await.unwrap_err();
    assert!(error.to_string().contains("already exists"), "{}", story(&error));

    // The next table is not followed until somebody says so; a table without an identity never is.
    run("CREATE TABLE later (id int PRIMARY KEY)").await;
    let not_followed = (ObstacleKind::NotFollowed, "public.later".to_owned());
    assert!(kinds().await.contains(&not_followed));
    changes::follow_new_tables(&url, &options()).await.unwrap();
    assert!(!kinds().await.contains(&not_followed));
    run("CREATE TABLE bare (v text)").await;
    let error = changes::follow_new_tables(&url, &options()).await.unwrap_err();
    assert!(error.to_string().contains("REPLICA IDENTITY FULL"), "{error}");
    run("INSERT INTO bare VALUES ('a'); UPDATE bare SET v = 'b'; DROP TABLE bare").await;

    // What nobody follows moves the place on; then what lies before it is gone.
    run("CREATE TABLE mark (id text PRIMARY KEY)").await;
    changes::follow_new_tables(&url, &options()).await.unwrap();
    let mut replica = Replica::default();
    let mut stream = replica.open(&url, &from).await;
    run("CREATE TABLE noise (v text); INSERT INTO noise SELECT repeat('x', 1000) FROM generate_series(1, 4000)").await;
    run("INSERT INTO mark VALUES ('1')").await;
    replica.follow(&mut stream, "1", true).await;
    drop(stream);
    let lost = async |what: &str| {
        testkit::wait_until(what, Duration::from_secs(30), async || {
            match Stream::open(&url, &options(), &from).await {
                Err(DatabaseError::ChangesLost { reason, .. }) => Ok(reason),
                other => Err(format!("{other:?}")),
            }
        })
        .await
    };
    assert!(lost("an old place").await.contains("acknowledged"));
    // A slot that keeps more than the cap is given up by the server, and not the shop's disk.
    for _ in 0..4 {
        run("INSERT INTO noise VALUES ('y'); SELECT pg_switch_wal()").await;
    }
    testkit::wait_until("the slot to be given up", Duration::from_secs(60), async || {
        run("INSERT INTO noise VALUES ('z'); SELECT pg_switch_wal()").await;
        server.execute("one", "CHECKPOINT").await.unwrap();
        match Stream::open(&url, &options(), replica.at.as_ref().unwrap()).await {
            Err(DatabaseError::ChangesLost { reason, .. }) if reason.contains("invalidated") => {
                Ok(())
            }
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    changes::remove(&url, &options()).await.unwrap();
    assert!(lost("no slot").await.contains("not there"));
}
