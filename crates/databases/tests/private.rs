//! Private servers: made, started again on the same folder, gone with their owner.

use crate::scratch;
use databases::private::{MariaDb, Options, Postgres};
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
    let options = Options { port: None, settings };
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
