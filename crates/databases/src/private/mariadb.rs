//! A private MariaDB, made with the `mariadb-install-db` of the machine.

use super::{
    Options,
    folder::{Folder, password},
    server::{Server, as_user, check_name, free_port},
};
use crate::DatabaseError;
use host::process::{Signal, Spawn, run_to_end};
use mysql_async::{Conn, Opts, prelude::Queryable};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

const WHAT: &str = "MariaDB";
/// Where it puts temporary tables. A starting server removes all of them that it finds, those of
/// other servers too, so none shares its place.
const TEMPORARY: &str = "TMPDIR";
const INSTALL_WITHIN: Duration = Duration::from_secs(120);

/// A running MariaDB of ours. Dropped, it ends; [`MariaDb::stop`] ends it and says how.
#[derive(Debug)]
pub struct MariaDb {
    server: Server,
    port: u16,
    password: Option<String>,
}

impl MariaDb {
    /// The server's program, or `None` where it is not installed.
    #[must_use]
    pub fn find() -> Option<PathBuf> {
        let server = PathBuf::from("/usr/sbin/mariadbd");
        (server.is_file() && Path::new("/usr/bin/mariadb-install-db").is_file()).then_some(server)
    }

    /// Starts a server in `directory`; the first time there, it makes one. `root` may do everything,
    /// without a password unless it is locked: nothing but samples belongs there then. Every commit is
    /// durable, and the binary log has whole rows.
    ///
    /// # Errors
    /// When MariaDB is not installed, the folder is out of reach for the user it runs as, or it
    /// does not become ready; the log's end is in the message.
    pub async fn start(directory: &Path, options: Options) -> Result<Self, DatabaseError> {
        let program = Self::find().ok_or(DatabaseError::NotInstalled {
            what: WHAT,
            mend: "install it, on Debian with `apt install mariadb-server`",
        })?;
        let folder = Folder::prepare(directory, &["mysql", "nobody"])?;
        let data = folder.path.join("data");
        if !data.join("mysql").exists() {
            install(&folder, &data).await?;
        }
        let port = options.port.map_or_else(|| free_port(&folder), Ok)?;
        let password = options.locked.then(password).transpose()?;
        let locking = password.as_deref().map(|password| lock(&folder, password)).transpose()?;
        let spawn = Spawn::new(program)
            .args(arguments(&folder.path, &data, port, &options))
            .args(locking)
            .env(TEMPORARY, &folder.path);
        let spawn = if options.tied { spawn.tied_to_this_thread(Signal::Kill) } else { spawn };
        let mut server = Server::start(WHAT, spawn, &folder, (Signal::Terminate, Signal::Quit))?;
        let url = url(port, "mysql", password.as_deref());
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

    /// What its command line client reads, as a file of options: it holds the password.
    #[must_use]
    pub(crate) fn options_of_client(&self) -> String {
        let password = self.password.as_deref().unwrap_or_default();
        // Newer clients want a certificate of a server that they reach by an address.
        format!(
            "[client]\nhost=127.0.0.1\nport={}\nprotocol=tcp\nuser=root\npassword={password}\n\
             max_allowed_packet=1G\nloose-skip-ssl\nloose-disable-ssl-verify-server-cert\n",
            self.port
        )
    }

    /// # Errors
    /// When the name is not plain or the database exists.
    pub async fn create_database(&self, name: &str) -> Result<(), DatabaseError> {
        check_name(name)?;
        self.execute("mysql", &format!("CREATE DATABASE {name} CHARACTER SET utf8mb4")).await
    }

    /// Runs one statement in one of its databases.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn execute(&self, database: &str, statement: &str) -> Result<(), DatabaseError> {
        execute(&self.url(database), statement).await
    }

    /// Sends the server a signal, for tests of what a shop lives through.
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

pub(super) fn url(port: u16, database: &str, password: Option<&str>) -> String {
    let password = password.map(|password| format!(":{password}")).unwrap_or_default();
    format!("mysql://root{password}@127.0.0.1:{port}/{database}?prefer_socket=false")
}

/// Every account gets the password before anybody is let in.
fn lock(folder: &Folder, password: &str) -> Result<String, DatabaseError> {
    folder.close()?;
    let text = format!(
        "UPDATE mysql.global_priv SET priv = json_set(priv, '$.plugin', 'mysql_native_password', \
         '$.authentication_string', password('{password}'));\nFLUSH PRIVILEGES;\n"
    );
    let file = folder.write("lock.sql", &text)?;
    Ok(format!("--init-file={}", file.display()))
}

pub(crate) async fn install(folder: &Folder, data: &Path) -> Result<(), DatabaseError> {
    let spawn = Spawn::new("/usr/bin/mariadb-install-db")
        .arg("--no-defaults")
        .arg(format!("--datadir={}", data.display()))
        .args(["--skip-test-db", "--auth-root-authentication-method=normal", "--skip-name-resolve"])
        .env(TEMPORARY, &folder.path)
        .directory("/");
    let spawn = as_user(spawn, folder);
    tokio::task::spawn_blocking(move || run_to_end(spawn, INSTALL_WITHIN))
        .await
        .expect("invariant: starting a command does not panic")
        .map(|_| ())
        .map_err(|source| DatabaseError::Run { what: WHAT, source })
}

/// What a server is told while it is filled, beside its configuration: it follows nobody yet, writes no log
/// of its own, and takes these statements first.
pub(crate) fn arguments_for_making(first: &Path) -> [String; 4] {
    let words = ["--skip-log-bin", "--skip-slave-start", "--read-only=0"].map(str::to_owned);
    let [log, follow, write] = words;
    [log, follow, write, format!("--init-file={}", first.display())]
}

fn arguments(folder: &Path, data: &Path, port: u16, options: &Options) -> Vec<String> {
    let mut arguments = vec![
        "--no-defaults".to_owned(),
        format!("--datadir={}", data.display()),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--port={port}"),
        format!("--socket={}", folder.join("mariadb.sock").display()),
        format!("--pid-file={}", folder.join("mariadb.pid").display()),
        "--skip-name-resolve".to_owned(),
        "--log-bin".to_owned(),
        "--server-id=1".to_owned(),
        "--binlog-format=ROW".to_owned(),
        "--sync-binlog=1".to_owned(),
        "--innodb-buffer-pool-size=64M".to_owned(),
        "--max-connections=100".to_owned(),
        "--character-set-server=utf8mb4".to_owned(),
        "--collation-server=utf8mb4_general_ci".to_owned(),
    ];
    arguments.extend(options.settings.iter().map(|(name, value)| format!("--{name}={value}")));
    arguments
}

pub(super) async fn execute(url: &str, statement: &str) -> Result<(), DatabaseError> {
    let place = || "127.0.0.1, a server of our own".to_owned();
    let connect = |source| DatabaseError::ConnectMySql { place: place(), source };
    let opts = Opts::from_url(url).map_err(|error| connect(error.into()))?;
    let mut connection = Conn::new(opts).await.map_err(connect)?;
    let done = connection.query_drop(statement).await.map_err(DatabaseError::ReadMySql);
    // The statement's own result is the one that counts.
    let _ = connection.disconnect().await;
    done
}
