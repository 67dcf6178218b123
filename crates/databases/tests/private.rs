//! Private servers: made, started again on the same folder, gone with their owner.

use crate::scratch;
use databases::{
    orders::{OrderQuery, OrderReader},
    private::{MariaDb, Options, Postgres},
};
use kernel::config::{DatabaseKind, DatabaseUrl};
use std::{fs, net::TcpStream, os::unix::fs::PermissionsExt};

#[tokio::test]
async fn postgres_keeps_its_data_over_a_restart_and_ends_when_dropped() {
    let folder = scratch::folder();
    let directory = folder.path().join("postgres");
    let server = Postgres::start(&directory, Options::default()).await.unwrap();
    server.create_database("one").await.unwrap();
    server.execute("one", "CREATE TABLE t (a int); INSERT INTO t VALUES (1)").await.unwrap();
    let port = server.port();
    server.stop().await.unwrap();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    let options = Options { port: Some(port), ..Options::default() };
    let server = Postgres::start(&directory, options).await.unwrap();
    server.execute("one", "UPDATE t SET a = 2").await.unwrap();
    assert!(server.create_database("One; DROP").await.is_err());
    drop(server);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[tokio::test]
async fn mariadb_keeps_its_data_over_a_restart_and_ends_when_dropped() {
    let folder = scratch::folder();
    let directory = folder.path().join("mariadb");
    let server = MariaDb::start(&directory, Options::default()).await.unwrap();
    server.create_database("one").await.unwrap();
    server.execute("one", "CREATE TABLE t (a int)").await.unwrap();
    let port = server.port();
    server.stop().await.unwrap();
    let options = Options { port: Some(port), ..Options::default() };
    let server = MariaDb::start(&directory, options).await.unwrap();
    server.execute("one", "INSERT INTO t VALUES (1)").await.unwrap();
    drop(server);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let folder = scratch::folder();
    let settings = vec![("shared_buffers".to_owned(), "nonsense".to_owned())];
    let options = Options { settings, ..Options::default() };
    let error = Postgres::start(&folder.path().join("p"), options).await.unwrap_err();
    assert!(error.to_string().contains("shared_buffers"), "{error}");
}

#[tokio::test]
async fn a_folder_out_of_reach_is_named_before_anything_runs() {
    if !host::users::is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let error = Postgres::start(&folder.path().join("p"), Options::default()).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("o+x") && text.contains(&*folder.path().to_string_lossy()), "{text}");
}

#[tokio::test]
async fn a_locked_server_lets_only_its_owner_in() {
    let folder = scratch::folder();
    let options = || Options { locked: true, ..Options::default() };
    let query = |text| OrderQuery::new(text).unwrap();
    let stranger = |kind, secret| DatabaseUrl { kind, secret };

    let server = Postgres::start(&folder.path().join("postgres"), options()).await.unwrap();
    server.create_database("one").await.unwrap();
    let url = format!("postgres://shop@127.0.0.1:{}/one", server.port());
    let rows = query("select 1::bigint, 2::bigint, 3::bigint where 1 > :after limit :limit");
    let refused = OrderReader::connect(&stranger(DatabaseKind::Postgres, url), rows).await;
    assert!(refused.is_err(), "let in without a password");
    server.stop().await.unwrap();

    let server = MariaDb::start(&folder.path().join("mariadb"), options()).await.unwrap();
    server.create_database("one").await.unwrap();
    let url = format!("mysql://root@127.0.0.1:{}/one", server.port());
    let rows = query("select 1, 2, 3 from dual where 1 > :after limit :limit");
    let refused = OrderReader::connect(&stranger(DatabaseKind::MySql, url), rows).await;
    assert!(refused.is_err(), "let in without a password");
    server.stop().await.unwrap();
}
