//! A private PostgreSQL, made with the `initdb` of the machine.

use super::{
    Options,
    folder::{Folder, password},
    server::{Server, as_user, check_name, free_port},
};
use crate::DatabaseError;
use host::process::{Signal, Spawn, run_to_end};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio_postgres::NoTls;

const WHAT: &str = "PostgreSQL";
const SUPERUSER: &str = "shop";
const INITDB_WITHIN: Duration = Duration::from_secs(120);
/// A Unix socket's address has room for so many bytes (unix(7)); the socket's own name takes some.
const MAX_SOCKET_FOLDER: usize = 80;

/// The server's programs on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// Where `initdb` and `postgres` lie.
    pub programs: PathBuf,
    /// The major version.
    pub version: u32,
}

impl Installation {
    fn all() -> Vec<Self> {
        let entries = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let found = entries.filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            let programs = entry.path().join("bin");
            let is_whole = ["initdb", "postgres"].iter().all(|p| programs.join(p).is_file());
            is_whole.then_some(Self { programs, version })
        });
        found.collect()
    }

    /// That of a major version: a cluster's files are no other's.
    ///
    /// # Errors
    /// [`DatabaseError::NotInstalled`].
    pub(super) fn of_version(version: u32) -> Result<Self, DatabaseError> {
        Self::all().into_iter().find(|found| found.version == version).ok_or(
            DatabaseError::NotInstalled {
                what: "PostgreSQL of the very version that the base backup is of",
                mend: "install it, on Debian the package `postgresql-VERSION`",
            },
        )
    }
}

/// A running PostgreSQL of ours. Dropped, it ends at once; [`Postgres::stop`] ends it in order.
#[derive(Debug)]
pub struct Postgres {
    server: Server,
    port: u16,
    password: Option<String>,
}

impl Postgres {
    /// The newest installation under `/usr/lib/postgresql` (Debian's place), or `None`.
    #[must_use]
    pub fn find() -> Option<Installation> {
        Installation::all().into_iter().max_by_key(|found| found.version)
    }

    /// Starts a server in `directory`; the first time there, it makes one. Unless it is locked,
    /// everyone on this machine may do everything in it (`trust`): nothing but samples belongs there.
    /// Every commit is durable (`fsync` is on), and `wal_level` is `logical`.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, the folder is out of reach for the user it runs as, or it
    /// does not become ready; the log's end is in the message.
    pub async fn start(directory: &Path, options: Options) -> Result<Self, DatabaseError> {
        let installation = Self::find().ok_or(DatabaseError::NotInstalled {
            what: WHAT,
            mend: "install it, on Debian with `apt install postgresql`",
        })?;
        let folder = Folder::prepare(directory, &["postgres", "nobody"])?;
        let data = folder.path.join("data");
        let password = options.locked.then(password).transpose()?;
        if !data.join("PG_VERSION").exists() {
            initialise(&installation, &folder, &data, password.as_deref()).await?;
        }
        let port = options.port.map_or_else(|| free_port(&folder), Ok)?;
        let spawn = Spawn::new(installation.programs.join("postgres"))
            .arg("-D")
            .arg(&data)
            .args(settings(&data, port, &options).iter().flat_map(|s| ["-c", s.as_str()]));
        // SIGINT is a fast shutdown, SIGQUIT an immediate one (PostgreSQL manual, 19.5).
        let spawn = if options.tied { spawn.tied_to_this_thread(Signal::Quit) } else { spawn };
        let mut server = Server::start(WHAT, spawn, &folder, (Signal::Interrupt, Signal::Quit))?;
        let url = url(port, "postgres", password.as_deref());
        server.until_ready(async || execute(&url, "SELECT 1").await.is_ok()).await?;
        Ok(Self { server, port, password })
    }

    /// The address of one of its databases, for a user who may do everything.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        url(self.port, database, self.password.as_deref())
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// # Errors
    /// When the name is not plain or the database exists.
    pub async fn create_database(&self, name: &str) -> Result<(), DatabaseError> {
        check_name(name)?;
        self.execute("postgres", &format!("CREATE DATABASE {name}")).await
    }

    /// Runs statements, separated by semicolons, in one of its databases.
    ///
    /// # Errors
    /// When the server refuses one of them.
    pub async fn execute(&self, database: &str, statements: &str) -> Result<(), DatabaseError> {
        execute(&self.url(database), statements).await
    }

    /// Sends the server's first process a signal, for tests of what a shop lives through.
    ///
    /// # Errors
    /// When it has ended.
    pub fn signal(&self, signal: Signal) -> Result<(), DatabaseError> {
        let sent = self.server.process().signal(signal);
        sent.map_err(|source| DatabaseError::Run { what: WHAT, source })
    }

    /// Ends it in order: connections are cut, what was committed is on disk.
    ///
    /// # Errors
    /// When it did not end well.
    pub async fn stop(self) -> Result<(), DatabaseError> {
        self.server.stop().await
    }
}

fn url(port: u16, database: &str, password: Option<&str>) -> String {
    let password = password.map(|password| format!(":{password}")).unwrap_or_default();
    format!("postgres://{SUPERUSER}{password}@127.0.0.1:{port}/{database}")
}

async fn initialise(
    installation: &Installation,
    folder: &Folder,
    data: &Path,
    password: Option<&str>,
) -> Result<(), DatabaseError> {
    let spawn = Spawn::new(installation.programs.join("initdb"))
        .args(["-U", SUPERUSER, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D"])
        .arg(data)
        .directory("/");
    let spawn = match password {
        Some(password) => {
            folder.close()?;
            let file = folder.write("password", password)?;
            let file = format!("--pwfile={}", file.display());
            spawn.args(["-A", "scram-sha-256"]).arg(file)
        }
        None => spawn.args(["-A", "trust"]),
    };
    let spawn = as_user(spawn, folder);
    tokio::task::spawn_blocking(move || run_to_end(spawn, INITDB_WITHIN))
        .await
        .expect("invariant: starting a command does not panic")
        .map(|_| ())
        .map_err(|source| DatabaseError::Run { what: WHAT, source })
}

fn settings(data: &Path, port: u16, options: &Options) -> Vec<String> {
    // Without a socket it is reached over TCP all the same.
    let socket = data.to_str().filter(|path| path.len() <= MAX_SOCKET_FOLDER).unwrap_or("");
    let ours = [
        ("listen_addresses", "127.0.0.1".to_owned()),
        ("port", port.to_string()),
        ("unix_socket_directories", socket.to_owned()),
        ("shared_buffers", "64MB".to_owned()),
        ("max_connections", "100".to_owned()),
        ("wal_level", "logical".to_owned()),
        ("logging_collector", "off".to_owned()),
    ];
    let ours = ours.into_iter().map(|(name, value)| format!("{name}={value}"));
    ours.chain(options.settings.iter().map(|(name, value)| format!("{name}={value}"))).collect()
}

async fn execute(url: &str, statements: &str) -> Result<(), DatabaseError> {
    let place = || "127.0.0.1, a server of our own".to_owned();
    let connect = |source| DatabaseError::ConnectPostgres { place: place(), source };
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.map_err(connect)?;
    let driver = tokio::spawn(connection);
    let done = client.batch_execute(statements).await.map_err(DatabaseError::ReadPostgres);
    drop(client);
    // The statement's own result is the one that counts; the connection has ended with the client.
    let _ = driver.await;
    done
}
