//! A private MySQL, of the machine's own programs or of packages that lie unpacked in a folder.

use super::{
    Options,
    folder::{Folder, password},
    mariadb::{execute, url},
    server::{Server, as_user, check_name, free_port},
};
use crate::DatabaseError;
use host::{
    process::{Signal, Spawn, run_to_end},
    users,
};
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

const WHAT: &str = "MySQL";
const INSTALL_WITHIN: Duration = Duration::from_secs(120);
const LOADER: &str = "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2";

/// How MySQL's server is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MySqlProgram {
    words: Vec<OsString>,
    /// Its texts and character sets, where they are not where it looks for them.
    share: Option<PathBuf>,
}

impl MySqlProgram {
    /// The machine's; `None` where there is none, or one of MariaDB under its name.
    #[must_use]
    pub fn of_machine() -> Option<Self> {
        let program = fs::canonicalize("/usr/sbin/mysqld").ok()?;
        let is_mysql = program.file_name().is_some_and(|name| name == "mysqld");
        is_mysql.then(|| Self { words: vec![program.into()], share: None })
    }

    /// One of packages of Debian that were unpacked below a folder, with all that they need: beside
    /// MariaDB, which no machine has installed together with it. `None` where it is not there.
    #[must_use]
    pub fn below(root: &Path) -> Option<Self> {
        let (loader, program) = (root.join(LOADER), root.join("usr/sbin/mysqld"));
        let libraries = loader.parent()?.as_os_str().to_owned();
        let is_there = loader.is_file() && program.is_file();
        let words =
            [loader.into_os_string(), "--library-path".into(), libraries, program.into_os_string()];
        let share = root.join("usr/share/mysql");
        is_there.then(|| Self { words: words.to_vec(), share: Some(share) })
    }

    fn spawn(&self, folder: &Folder) -> Spawn {
        let spawn = Spawn::new(&self.words[0]).args(&self.words[1..]).arg("--no-defaults");
        match &self.share {
            Some(share) => spawn
                .args(users::is_root().then_some("--user=root"))
                .arg(format!("--lc-messages-dir={}", share.display()))
                .arg(format!("--character-sets-dir={}", share.join("charsets").display())),
            None => as_user(spawn, folder),
        }
    }
}

/// A running MySQL of ours. Dropped, it ends; [`MySql::stop`] ends it and says how.
#[derive(Debug)]
pub struct MySql {
    server: Server,
    port: u16,
    password: Option<String>,
}

impl MySql {
    /// Starts a server in `directory`; the first time there, it makes one. `root` may do everything,
    /// without a password unless it is locked: nothing but samples belongs there then. Every commit is
    /// durable, and the binary log has whole rows.
    ///
    /// # Errors
    /// When the folder is out of reach for the user it runs as, or it does not become ready; the log's
    /// end is in the message.
    pub async fn start(
        program: &MySqlProgram,
        directory: &Path,
        options: Options,
    ) -> Result<Self, DatabaseError> {
        let mut folder = Folder::prepare(directory, &["mysql", "nobody"])?;
        if program.share.is_some() {
            // What lies unpacked below somebody's folder may be out of reach for another user.
            folder.user = None;
        }
        let data = folder.path.join("data");
        let password = options.locked.then(password).transpose()?;
        if options.locked {
            folder.close()?;
        }
        if !data.join("mysql.ibd").exists() {
            install(program, &folder, &data, password.as_deref()).await?;
        }
        let port = options.port.map_or_else(|| free_port(&folder), Ok)?;
        let spawn = program.spawn(&folder).args(arguments(&folder.path, &data, port, &options));
        let spawn = if options.tied { spawn.tied_to_this_thread(Signal::Kill) } else { spawn };
        let mut server =
            Server::start(WHAT, spawn, &folder, (Signal::Terminate, Signal::Terminate))?;
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

/// A server that resolves no names knows nobody at an address but whoever is made for it.
async fn install(
    program: &MySqlProgram,
    folder: &Folder,
    data: &Path,
    password: Option<&str>,
) -> Result<(), DatabaseError> {
    let password = password.unwrap_or_default();
    let text = format!(
        "ALTER USER root@localhost IDENTIFIED BY '{password}';\n\
         CREATE USER root@'127.0.0.1' IDENTIFIED BY '{password}';\n\
         GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n"
    );
    let first = folder.write("first.sql", &text)?;
    let spawn = program
        .spawn(folder)
        .args(["--initialize-insecure", "--secure-file-priv=NULL"])
        .arg(format!("--datadir={}", data.display()))
        .arg(format!("--init-file={}", first.display()))
        .directory("/");
    tokio::task::spawn_blocking(move || run_to_end(spawn, INSTALL_WITHIN))
        .await
        .expect("invariant: starting a command does not panic")
        .map(|_| ())
        .map_err(|source| DatabaseError::Run { what: WHAT, source })
}

fn arguments(folder: &Path, data: &Path, port: u16, options: &Options) -> Vec<String> {
    let mut arguments = vec![
        format!("--datadir={}", data.display()),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--port={port}"),
        format!("--socket={}", folder.join("mysql.sock").display()),
        format!("--pid-file={}", folder.join("mysql.pid").display()),
        "--mysqlx=OFF".to_owned(),
        "--secure-file-priv=NULL".to_owned(),
        "--skip-name-resolve".to_owned(),
        "--server-id=1".to_owned(),
        "--innodb-buffer-pool-size=64M".to_owned(),
        "--max-connections=100".to_owned(),
    ];
    arguments.extend(options.settings.iter().map(|(name, value)| format!("--{name}={value}")));
    arguments
}
