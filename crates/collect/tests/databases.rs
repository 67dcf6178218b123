//! The servers of databases, real ones.

use crate::{
    queues,
    server::{check, collector, told},
};
use collect::Target;
use databases::private::{MariaDb, MySql, MySqlProgram, Options, Postgres};
use kernel::{
    config::{DatabaseKind, DatabaseUrl},
    readings::Readings,
};
use std::{path::Path, time::Duration};

/// The value of one metric with this label.
pub(crate) fn value(readings: &Readings, name: &str, label: Option<(&str, &str)>) -> Option<f64> {
    let mut found = None;
    readings.each(|reading| {
        if reading.name == name && label.is_none_or(|label| reading.labels.contains(&label)) {
            found = Some(reading.value);
        }
    });
    found
}

fn postgres(secret: String) -> Target {
    Target::Postgres(DatabaseUrl { kind: DatabaseKind::Postgres, secret })
}

#[tokio::test]
async fn postgres_with_a_session_that_waits_and_one_that_sees_nothing() {
    let folder = testkit::folder();
    let settings = vec![
        ("max_connections".to_owned(), "37".to_owned()),
        ("wal_level".to_owned(), "logical".to_owned()),
        ("deadlock_timeout".to_owned(), "60s".to_owned()),
    ];
    let options = Options { settings, ..Options::default() };
    let server = Postgres::start(&folder.path().join("pg"), options).await.unwrap();
    server.create_database("shop").await.unwrap();
    let setup = "CREATE TABLE t (a int); INSERT INTO t VALUES (1); CREATE ROLE nobody LOGIN;
        SELECT pg_create_physical_replication_slot('left_behind', true)";
    server.execute("shop", setup).await.unwrap();
    let open = |application: &str| format!("{}?application_name={application}", server.url("shop"));
    let (holds, connection) =
        tokio_postgres::connect(&open("holds"), tokio_postgres::NoTls).await.unwrap();
    let holding = tokio::spawn(connection);
    holds.batch_execute("BEGIN; UPDATE t SET a = 2").await.unwrap();
    let (waits, connection) =
        tokio_postgres::connect(&open("waits"), tokio_postgres::NoTls).await.unwrap();
    let waiting = tokio::spawn(connection);
    let blocked = tokio::spawn(async move { waits.batch_execute("UPDATE t SET a = 3").await });

    let mut asks = collector(postgres(server.url("shop")));
    let readings =
        testkit::wait_until("a lock that is waited for", Duration::from_secs(60), async || {
            let (outcome, readings) = told(&mut asks).await;
            outcome.unwrap();
            match value(&readings, "storewarden_pg_sessions_blocked", None) {
                Some(1.0) => Ok(readings),
                other => Err(other),
            }
        })
        .await;
    check(
        &readings,
        r#"pg_up 1
        pg_settings_max_connections 37
        pg_replication_is_replica 0
        pg_replication_lag_seconds 0
        storewarden_pg_sees_all 1
        storewarden_pg_locks_waiting 1
        pg_stat_activity_count{datname="shop",state="idle in transaction"} 1
        pg_replication_slot_is_active{slot_name="left_behind",slot_type="physical"} 0
        pg_stat_database_deadlocks{datname="shop"} 0"#,
    );
    let shop = Some(("datname", "shop"));
    let size = value(&readings, "pg_database_size_bytes", shop).unwrap();
    assert!(size > 1e6, "{size}");
    assert!(value(&readings, "pg_stat_database_xact_commit", shop).unwrap() >= 1.0);
    assert!(value(&readings, "pg_replication_slots_pg_wal_lsn_diff", None).unwrap() >= 0.0);
    let open_for = value(
        &readings,
        "pg_stat_activity_max_tx_duration",
        Some(("state", "idle in transaction")),
    );
    assert!(open_for.unwrap() > 0.0, "{open_for:?}");
    let checkpoints =
        ["pg_stat_bgwriter_checkpoints_timed_total", "pg_stat_checkpointer_num_timed_total"];
    assert_eq!(checkpoints.iter().filter(|name| value(&readings, name, None).is_some()).count(), 1);

    // A role without rights is told to have none, and nothing is said to be nought that it cannot see.
    let address = format!("postgres://nobody@127.0.0.1:{}/shop", server.port());
    let mut sees_nothing = collector(postgres(address));
    let (outcome, readings) = told(&mut sees_nothing).await;
    outcome.unwrap();
    check(&readings, "pg_up 1\nstorewarden_pg_sees_all 0\nstorewarden_pg_locks_waiting 1");
    assert!(value(&readings, "pg_stat_activity_count", Some(("state", "unknown"))).unwrap() >= 2.0);
    assert_eq!(value(&readings, "storewarden_pg_sessions_blocked", None), None);

    let vendure = &queues::VENDURE_ON_POSTGRES;
    server.create_database(vendure.platform).await.unwrap();
    server.execute(vendure.platform, &vendure.setup.join(";")).await.unwrap();
    queues::check_shop(vendure, DatabaseKind::Postgres, server.url(vendure.platform)).await;
    // Neither a table of another shop nor one that is not to be read is a queue of nothing.
    queues::check_unreadable("vendure", DatabaseKind::Postgres, server.url("shop")).await;
    let stranger = format!("postgres://nobody@127.0.0.1:{}/vendure", server.port());
    queues::check_unreadable("vendure", DatabaseKind::Postgres, stranger).await;

    drop(holds);
    holding.await.unwrap().unwrap();
    blocked.await.unwrap().unwrap();
    waiting.abort();
    server.stop().await.unwrap();
    let (outcome, readings) = told(&mut asks).await;
    assert!(outcome.is_err(), "{outcome:?}");
    check(&readings, "pg_up 0");
    assert_eq!(readings.len(), 2, "{readings:?}");
}

const SETUP: [&str; 3] = [
    "CREATE TABLE t (a int) ENGINE=InnoDB",
    "INSERT INTO t VALUES (1)",
    "CREATE USER reader@'%' IDENTIFIED BY 'open sesame'",
];

fn settings() -> Options {
    Options { settings: vec![("max_connections".into(), "41".into())], ..Options::default() }
}

#[tokio::test]
async fn mariadb_with_rights_and_without() {
    let folder = testkit::folder();
    let server = MariaDb::start(&folder.path().join("mariadb"), settings()).await.unwrap();
    server.create_database("shop").await.unwrap();
    for statement in SETUP {
        server.execute("shop", statement).await.unwrap();
    }
    with_rights_and_without(server.url("shop"), server.port()).await;
    for shop in queues::SHOPS {
        server.create_database(shop.platform).await.unwrap();
        for statement in shop.setup {
            server.execute(shop.platform, statement).await.unwrap();
        }
        queues::check_shop(shop, DatabaseKind::MySql, server.url(shop.platform)).await;
    }
    queues::check_unreadable("magento", DatabaseKind::MySql, server.url("shopware")).await;
    queues::check_unreadable("vendure", DatabaseKind::MySql, server.url("shopware")).await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn mysql_with_rights_and_without() {
    // Says that nothing is tested where there is none.
    let Some(root) = testkit::mysql(Path::new(env!("CARGO_TARGET_TMPDIR"))) else { return };
    let program = MySqlProgram::below(&root).unwrap();
    let folder = testkit::folder();
    let server = MySql::start(&program, &folder.path().join("mysql"), settings()).await.unwrap();
    server.create_database("shop").await.unwrap();
    for statement in SETUP {
        server.execute("shop", statement).await.unwrap();
    }
    with_rights_and_without(server.url("shop"), server.port()).await;
    for shop in queues::SHOPS {
        server.create_database(shop.platform).await.unwrap();
        for statement in shop.setup {
            server.execute(shop.platform, statement).await.unwrap();
        }
        queues::check_shop(shop, DatabaseKind::MySql, server.url(shop.platform)).await;
    }
    queues::check_unreadable("magento", DatabaseKind::MySql, server.url("shopware")).await;
    queues::check_unreadable("vendure", DatabaseKind::MySql, server.url("shopware")).await;
    server.stop().await.unwrap();
}

async fn with_rights_and_without(url: String, port: u16) {
    let target = |secret| Target::MySql(DatabaseUrl { kind: DatabaseKind::MySql, secret });
    let mut all = collector(target(url));
    for _ in 0..2 {
        let (outcome, readings) = told(&mut all).await;
        outcome.unwrap();
        check(
            &readings,
            "mysql_up 1
            mysql_global_variables_max_connections 41
            mysql_global_variables_read_only 0
            storewarden_mysql_transactions 0
            storewarden_mysql_longest_transaction_seconds 0
            storewarden_mysql_sees_replication 1",
        );
        let some = |name| value(&readings, name, None).unwrap_or_else(|| panic!("{name}"));
        assert!(some("mysql_global_status_threads_connected") >= 1.0);
        assert!(some("mysql_global_status_innodb_buffer_pool_read_requests") > 0.0);
        assert!(some("mysql_global_status_innodb_buffer_pool_bytes_data") > 0.0);
        let size =
            value(&readings, "storewarden_mysql_schema_size_bytes", Some(("schema", "shop")));
        assert!(size.unwrap() > 0.0, "{size:?}");
    }
    let address = format!("mysql://reader:open%20sesame@127.0.0.1:{port}");
    let (outcome, readings) = told(&mut collector(target(address.clone()))).await;
    outcome.unwrap();
    check(&readings, "mysql_up 1\nstorewarden_mysql_sees_replication 0");
    assert_eq!(value(&readings, "storewarden_mysql_transactions", None), None);
    let (outcome, readings) = told(&mut collector(target(address.replace("open", "shut")))).await;
    let error = outcome.unwrap_err();
    assert!(!format!("{error:?}").contains("sesame"), "{error:?}");
    check(&readings, "mysql_up 0");
    assert_eq!(readings.len(), 2, "{readings:?}");
}
