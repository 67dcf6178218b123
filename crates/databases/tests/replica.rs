//! Second servers of real databases: made, followed with, fenced, unfenced, promoted, taken away.

use databases::{
    DatabaseError,
    care::{self, Sight},
    private::{MariaDb, Options, Postgres},
    replica::{Made, Replica, State},
};
use host::process::{Process, Signal, Spawn};
use kernel::config::{DatabaseKind, DatabaseUrl};
use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    time::Duration,
};
use testkit::wait_until;

const LONG: Duration = Duration::from_secs(60);

enum Server {
    Postgres(Postgres),
    MariaDb(MariaDb),
}

impl Server {
    async fn execute(&self, statement: &str) -> Result<(), DatabaseError> {
        match self {
            Self::Postgres(server) => server.execute("shop", statement).await,
            Self::MariaDb(server) => server.execute("shop", statement).await,
        }
    }

    fn url(&self) -> DatabaseUrl {
        match self {
            Self::Postgres(server) => {
                DatabaseUrl { kind: DatabaseKind::Postgres, secret: server.url("shop") }
            }
            Self::MariaDb(server) => {
                DatabaseUrl { kind: DatabaseKind::MySql, secret: server.url("shop") }
            }
        }
    }
}

fn free() -> SocketAddr {
    // Another address of the loopback, as of another machine.
    let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), 0)).unwrap();
    listener.local_addr().unwrap()
}

fn replica_of(server: &Server, folder: &Path) -> Replica {
    Replica {
        primary: server.url(),
        name: "storewarden_replica_shop_second".to_owned(),
        folder: folder.join("second"),
        address: free(),
        bandwidth: Some(64 << 20),
    }
}

/// A second server, which ends with its test however that ends.
struct Serving(Process);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.end_now(Signal::Quit, Duration::from_secs(5));
    }
}

fn serve(replica: &Replica, folder: &Path) -> Serving {
    let command = replica.command().unwrap();
    let mut words = command.words.iter();
    let spawn = Spawn::new(words.next().unwrap()).args(words).directory("/");
    let spawn = spawn.output_to(folder.join("second.log"));
    match command.user {
        Some(user) => Serving(spawn.user(user).start().unwrap()),
        None => Serving(spawn.start().unwrap()),
    }
}

async fn until_it_follows(replica: &Replica) {
    wait_until("the replica to follow", LONG, async || {
        let seen = replica.standing().await.unwrap();
        let is_there = seen.state == State::Follows && seen.behind_ms == Some(0);
        if is_there { Ok(()) } else { Err(seen) }
    })
    .await;
}

async fn make(replica: &Replica) -> Result<(), DatabaseError> {
    let replica = replica.clone();
    tokio::task::spawn_blocking(move || replica.make()).await.unwrap()
}

async fn count(url: &DatabaseUrl) -> u64 {
    use databases::live::Live;
    let url = url.clone();
    let count = move || {
        let mut live = Live::connect(&url).unwrap();
        let name = if url.kind == DatabaseKind::Postgres { "public.orders" } else { "orders" };
        let table = live.table(name).unwrap().clone();
        live.page(&table, "id", None, 1000).unwrap().len()
    };
    tokio::task::spawn_blocking(count).await.unwrap() as u64
}

/// From nothing to the shop's only database; `writer` must be kept out of the first one then.
async fn made_fenced_and_promoted(server: &Server, folder: &Path, writer: &DatabaseUrl) {
    let replica = replica_of(server, folder);
    let found = replica.prospect().await.unwrap();
    assert_eq!(found.obstacles, Vec::<String>::new());
    assert_eq!(replica.standing().await.unwrap().state, State::Absent);
    make(&replica).await.unwrap();
    make(&replica).await.unwrap();
    assert_eq!(replica.made().unwrap(), Made::Whole);
    assert_eq!(replica.standing().await.unwrap().state, State::Silent);
    let mut process = serve(&replica, folder);
    until_it_follows(&replica).await;
    server.execute("INSERT INTO orders VALUES (3)").await.unwrap();
    until_it_follows(&replica).await;
    if let Server::Postgres(_) = server {
        seen_by_its_primary(&replica, writer).await;
    }

    replica.fence().await.unwrap();
    replica.fence().await.unwrap();
    assert!(replica.is_fenced().await.unwrap());
    assert!(write(writer, 90).await.is_err(), "the fence lets a writer through");
    replica.lift().await.unwrap();
    assert!(!replica.is_fenced().await.unwrap());
    write(writer, 4).await.unwrap();
    assert!(!replica.is_promoted().await.unwrap());

    replica.fence().await.unwrap();
    replica.catch_up(LONG).await.unwrap();
    replica.promote().await.unwrap();
    replica.promote().await.unwrap();
    assert!(replica.is_promoted().await.unwrap());
    assert!(replica.is_fenced().await.unwrap());
    assert_eq!(replica.standing().await.unwrap().state, State::Promoted);
    let there = databases::replica::at(writer, replica.address);
    write(&there, 5).await.unwrap();
    assert!(write(writer, 91).await.is_err(), "the old primary takes writes");
    assert_eq!(count(&replica.url()).await, 5);

    let end = match server {
        Server::Postgres(_) => Signal::Interrupt,
        Server::MariaDb(_) => Signal::Terminate,
    };
    process.0.stop_with(end, LONG).await.unwrap();
    replica.remove().await.unwrap();
    replica.remove().await.unwrap();
    assert!(replica.is_removed().await.unwrap());
}

/// What the primary tells of it, and to whom.
async fn seen_by_its_primary(replica: &Replica, stranger: &DatabaseUrl) {
    let seen = care::glance(&replica.primary).await.unwrap();
    let found: Vec<_> = seen.replicas.iter().map(|one| (&*one.name, &*one.state)).collect();
    assert_eq!(found, [(&*replica.name, "streaming")]);
    assert!(seen.replicas[0].behind_bytes.is_some() && seen.blind.is_empty(), "{seen:?}");
    let seen = care::glance(stranger).await.unwrap();
    assert_eq!(seen.replicas, []);
    let blind: Vec<_> = seen.blind.iter().map(|blind| blind.what).collect();
    assert!(blind.contains(&Sight::Replication), "{blind:?}");
}

async fn write(url: &DatabaseUrl, id: u32) -> Result<(), String> {
    let statement = format!("INSERT INTO orders VALUES ({id})");
    match url.kind {
        DatabaseKind::Postgres => {
            let connected = tokio_postgres::connect(&url.secret, tokio_postgres::NoTls).await;
            let (client, connection) = connected.map_err(|error| error.to_string())?;
            let driver = tokio::spawn(connection);
            let done = client.batch_execute(&statement).await.map_err(|error| error.to_string());
            driver.abort();
            done
        }
        _ => {
            use mysql_async::prelude::Queryable as _;
            let opts = mysql_async::Opts::from_url(&url.secret).unwrap();
            let connected = mysql_async::Conn::new(opts).await;
            let mut conn = connected.map_err(|error| error.to_string())?;
            let done = conn.query_drop(statement).await.map_err(|error| error.to_string());
            conn.disconnect().await.ok();
            done
        }
    }
}

#[tokio::test]
async fn a_replica_of_postgres_takes_over_from_a_primary_that_nobody_writes_on() {
    if Postgres::find().is_none() {
        println!("skipped: PostgreSQL is not installed");
        return;
    }
    let folder = testkit::folder();
    let server = Postgres::start(&folder.path().join("first"), Options::default()).await.unwrap();
    server.create_database("shop").await.unwrap();
    server.execute("postgres", "CREATE ROLE trader LOGIN").await.unwrap();
    let tables = "CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders VALUES (1), (2); \
        GRANT ALL ON orders TO trader";
    server.execute("shop", tables).await.unwrap();
    let secret = server.url("shop").replace("shop@", "trader@");
    let writer = DatabaseUrl { kind: DatabaseKind::Postgres, secret };
    let server = Server::Postgres(server);
    // A slot without a cap would fill the disk.
    let replica = replica_of(&server, folder.path());
    let found = replica.prospect().await.unwrap();
    assert!(found.obstacles[0].contains("max_slot_wal_keep_size"), "{found:?}");
    let refused = make(&replica).await.unwrap_err().to_string();
    assert!(refused.contains("max_slot_wal_keep_size"), "{refused}");
    replica.remove().await.unwrap();
    server.execute("ALTER SYSTEM SET max_slot_wal_keep_size = '1GB'").await.unwrap();
    server.execute("SELECT pg_reload_conf()").await.unwrap();
    made_fenced_and_promoted(&server, folder.path(), &writer).await;
}

#[tokio::test]
async fn a_replica_of_mariadb_takes_over_from_a_primary_that_nobody_writes_on() {
    if MariaDb::find().is_none() {
        println!("skipped: MariaDB is not installed");
        return;
    }
    let folder = testkit::folder();
    let server = MariaDb::start(&folder.path().join("first"), Options::default()).await.unwrap();
    server.create_database("shop").await.unwrap();
    for statement in [
        "CREATE TABLE orders (id int PRIMARY KEY)",
        "INSERT INTO orders VALUES (1), (2)",
        "CREATE USER trader@'%' IDENTIFIED BY 'x''y'",
        "GRANT ALL ON shop.* TO trader@'%'",
    ] {
        server.execute("shop", statement).await.unwrap();
    }
    let secret = server.url("shop").replace("root@", "trader:x'y@");
    let writer = DatabaseUrl { kind: DatabaseKind::MySql, secret };
    made_fenced_and_promoted(&Server::MariaDb(server), folder.path(), &writer).await;
}
