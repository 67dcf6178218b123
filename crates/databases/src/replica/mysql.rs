//! A replica of MariaDB: a server of its own, filled by our dump of the one database, which follows that
//! database by the primary's global transaction ids.
//!
//! Accounts come along as they are, since whoever is let in at the primary is to be let in here. What the
//! primary does to other databases is not followed. It is fenced twice: by `read_only`, which a restart
//! forgets, and by locking whoever has rights on the database, which a restart does not.

use super::{
    Command, Prospect, Replica, Standing, State, at,
    place::{Note, Phase, user_of, write_closed},
};
use crate::{
    DatabaseError,
    dump::{
        Dump, Folder as DumpFolder, Options, Position, Reader, load,
        mysql::{connect, execute, failed, literal, quoted, texts},
        postgres::runtime,
    },
    private::{
        MariaDb,
        folder::Folder,
        mariadb::{arguments_for_making, install},
        server::Server,
    },
    restore::{mysql::to_server, name_of, with_name},
};
use host::process::{Signal, Spawn};
use mysql_async::{Conn, Opts, Row, prelude::Queryable};
use std::{fs, path::Path, time::Duration};
use tokio::time::{Instant, sleep};

const WHAT: &str = "MariaDB";
const CONFIGURATION: &str = "replica.cnf";
const LEAVE_WITHIN: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Whoever holds a lock is waited for that long.
const LOCK_LIMIT_S: u64 = 10;
/// `ER_PASSWORD_NO_MATCH` (MariaDB error codes).
const NO_SUCH_ACCOUNT: u16 = 1133;
/// Accounts that every server has of its own.
const OF_THE_SERVER: &str = "'mariadb.sys', 'mysql', 'PUBLIC'";
/// Settings that say how statements are understood, and how large they may be.
const SETTINGS: [&str; 9] = [
    "character_set_server",
    "collation_server",
    "sql_mode",
    "lower_case_table_names",
    "max_connections",
    "max_allowed_packet",
    "innodb_buffer_pool_size",
    "binlog_row_metadata",
    "time_zone",
];

async fn one(conn: &mut Conn, what: &str, statement: &str) -> Result<String, DatabaseError> {
    let rows = texts(conn, what, statement).await?;
    Ok(rows.into_iter().flatten().flatten().next().unwrap_or_default())
}

async fn firsts(
    conn: &mut Conn,
    what: &str,
    statement: &str,
) -> Result<Vec<String>, DatabaseError> {
    let rows = texts(conn, what, statement).await?;
    Ok(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
}

pub(super) async fn prospect(replica: &Replica) -> Result<Prospect, DatabaseError> {
    let conn = &mut to_server(&replica.primary).await?;
    let mut obstacles = Vec::new();
    let version = one(conn, "ask for the version", "SELECT VERSION()").await?;
    if !version.contains("MariaDB") {
        obstacles.push(format!("{version} is no MariaDB: replicas of others are not made"));
    }
    if one(conn, "ask for the binary log", "SELECT @@log_bin").await? != "1" {
        obstacles.push("write `log_bin` under [mysqld], and restart MariaDB".to_owned());
    }
    if one(conn, "ask for the binary log", "SELECT @@binlog_format").await? != "ROW" {
        obstacles.push("SET GLOBAL binlog_format = 'ROW', and write it under [mysqld]".to_owned());
    }
    if texts(conn, "ask for the place in the binary log", "SHOW MASTER STATUS").await.is_err() {
        obstacles.push(
            "the account may not replicate: GRANT REPLICATION SLAVE, REPLICATION SLAVE ADMIN, \
             BINLOG MONITOR, READ_ONLY ADMIN, CONNECTION ADMIN ON *.* TO its_name"
                .to_owned(),
        );
    }
    if MariaDb::find().is_none() {
        obstacles
            .push("install MariaDB here, on Debian with `apt install mariadb-server`".to_owned());
    }
    let statement = format!(
        "SELECT COALESCE(SUM(DATA_LENGTH + INDEX_LENGTH), 0) FROM information_schema.TABLES \
         WHERE TABLE_SCHEMA = {}",
        literal(&name_of(&replica.primary))
    );
    let bytes = one(conn, "ask how large the database is", &statement).await?;
    // Written as a decimal by the server.
    let bytes = bytes.split('.').next().and_then(|whole| whole.parse().ok()).unwrap_or_default();
    Ok(Prospect { bytes, obstacles, others: Vec::new() })
}

pub(super) fn make(replica: &Replica, folder: &Folder) -> Result<(), DatabaseError> {
    let runtime = runtime()?;
    let (found, source) = runtime.block_on(async {
        Ok::<_, DatabaseError>((prospect(replica).await?, Source::read(replica).await?))
    })?;
    if let Some(first) = found.obstacles.into_iter().next() {
        return Err(replica.failed("make", first));
    }
    let data = folder.path.join("data");
    runtime.block_on(install(folder, &data))?;
    configure(replica, folder, &source, true)?;
    let dump = Dump::begin(&replica.primary, Options::new(0))?;
    let dump = match replica.bandwidth {
        Some(bandwidth) => dump.slowed(bandwidth),
        None => dump,
    };
    let taken = DumpFolder::at(folder.path.join("dump"));
    taken.take(dump)?;
    let reader = Reader::open(taken)?;
    let Some(Position::Binlog { gtid, .. }) = &reader.manifest().position else {
        return Err(replica.failed("make", "its primary's binary log does not say where it is"));
    };
    // The server leaves the rest out where one statement fails: the database that is made last says so.
    let first = format!(
        "{}CREATE DATABASE {}{};\n",
        source.accounts,
        quoted(&name_of(&replica.primary)),
        source.like
    );
    let first = write_closed(&folder.path, "first.sql", &first, folder.user)?;
    let spawn = Spawn::new(server_program()?)
        .arg(format!("--defaults-file={}", folder.path.join(CONFIGURATION).display()))
        .args(arguments_for_making(&first))
        .env("TMPDIR", &folder.path)
        .tied_to_this_thread(Signal::Kill);
    let (url, end) = (replica.url(), (Signal::Terminate, Signal::Kill));
    let server = runtime.block_on(async {
        let mut server = Server::start(WHAT, spawn, folder, end)?;
        server.until_ready(async || to_server(&url).await.is_ok()).await?;
        Ok::<_, DatabaseError>(server)
    })?;
    load(&reader, &url, None, &|_| {})?;
    runtime.block_on(async {
        let conn = &mut to_server(&url).await?;
        let from = literal(gtid.as_deref().unwrap_or_default());
        let what = "say whom to follow";
        execute(conn, what, &format!("SET GLOBAL gtid_slave_pos = {from}")).await?;
        execute(conn, what, &source.follow).await
    })?;
    runtime.block_on(server.stop())?;
    for name in ["dump", "first.sql"] {
        let path = folder.path.join(name);
        let removed =
            if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(|source| DatabaseError::Prepare { path, source })?;
    }
    Ok(())
}

fn server_program() -> Result<std::path::PathBuf, DatabaseError> {
    let mend = "install it, on Debian with `apt install mariadb-server`";
    MariaDb::find().ok_or(DatabaseError::NotInstalled { what: WHAT, mend })
}

/// What the new server must know of the first one.
struct Source {
    server_id: u32,
    settings: Vec<(&'static str, String)>,
    /// Statements, a line each.
    accounts: String,
    /// What comes behind `CREATE DATABASE`.
    like: String,
    /// The statement that names the primary.
    follow: String,
}

impl Source {
    async fn read(replica: &Replica) -> Result<Self, DatabaseError> {
        let conn = &mut to_server(&replica.primary).await?;
        let theirs = one(conn, "ask for its id", "SELECT @@server_id").await?;
        let mut settings = Vec::new();
        for name in SETTINGS {
            let value = one(conn, "read settings", &format!("SELECT @@global.{name}")).await?;
            settings.push((name, value));
        }
        let like = format!(
            "SELECT CONCAT(' CHARACTER SET ', DEFAULT_CHARACTER_SET_NAME, ' COLLATE ', \
             DEFAULT_COLLATION_NAME) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {}",
            literal(&name_of(&replica.primary))
        );
        Ok(Self {
            server_id: server_id(&replica.name, theirs.parse().unwrap_or_default()),
            settings,
            accounts: accounts(conn).await?,
            like: one(conn, "ask what the database is like", &like).await?,
            follow: follow(replica)?,
        })
    }
}

/// Never the primary's own, nor 0.
fn server_id(name: &str, theirs: u32) -> u32 {
    let id = crc32c::crc32c(name.as_bytes()) | 2;
    if id == theirs { id ^ 4 } else { id }
}

/// Every account with its password as the server keeps it, and what it may.
async fn accounts(conn: &mut Conn) -> Result<String, DatabaseError> {
    let what = "read the accounts";
    let is_role = "COALESCE(JSON_VALUE(Priv, '$.is_role'), 'false') IN ('true', '1')";
    let roles = format!(
        "SELECT User FROM mysql.global_priv WHERE {is_role} AND User NOT IN ({OF_THE_SERVER})"
    );
    let mut lines = String::new();
    for role in firsts(conn, what, &roles).await? {
        lines.push_str(&format!("CREATE ROLE IF NOT EXISTS {};\n", quoted(&role)));
    }
    let named = format!(
        "SELECT CONCAT(QUOTE(User), '@', QUOTE(Host)) FROM mysql.global_priv WHERE NOT ({is_role}) \
         AND User NOT IN ({OF_THE_SERVER})"
    );
    for name in firsts(conn, what, &named).await? {
        let made = match one(conn, what, &format!("SHOW CREATE USER {name}")).await {
            // Whoever comes by a name is nobody to a server that looks no names up.
            Err(DatabaseError::DumpMySql { source: mysql_async::Error::Server(error), .. })
                if error.code == NO_SUCH_ACCOUNT =>
            {
                continue;
            }
            made => made?,
        };
        let made = made.replacen("CREATE USER", "CREATE OR REPLACE USER", 1);
        lines.push_str(&format!("{};\n", made.replace('\n', " ")));
        for grant in firsts(conn, what, &format!("SHOW GRANTS FOR {name}")).await? {
            // Nobody in particular starts the server, and may not hand that on.
            if grant.starts_with("GRANT PROXY") {
                continue;
            }
            lines.push_str(&format!("{};\n", grant.replace('\n', " ")));
        }
    }
    Ok(lines)
}

fn follow(replica: &Replica) -> Result<String, DatabaseError> {
    let place = replica.primary.to_string();
    let address = match replica.primary.secret.split_once("://") {
        Some((_, rest)) => format!("mysql://{rest}"),
        None => replica.primary.secret.clone(),
    };
    let opts = Opts::from_url(&address)
        .map_err(|error| DatabaseError::Url { url: place, reason: error.to_string() })?;
    Ok(format!(
        "CHANGE MASTER TO MASTER_HOST = {}, MASTER_PORT = {}, MASTER_USER = {}, MASTER_PASSWORD = {}, \
         MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 5",
        literal(opts.ip_or_hostname()),
        opts.tcp_port(),
        literal(opts.user().unwrap_or_default()),
        literal(opts.pass().unwrap_or_default())
    ))
}

fn configure(
    replica: &Replica,
    folder: &Folder,
    source: &Source,
    follows: bool,
) -> Result<(), DatabaseError> {
    let path = |name: &str| folder.path.join(name).display().to_string();
    // A pattern: these two stand for others there.
    let database = name_of(&replica.primary).replace('_', "\\_").replace('%', "\\%");
    let mut text = format!(
        "[mysqld]\ndatadir={}\ntmpdir={}\nsocket={}\npid-file={}\nbind-address={}\nport={}\n\
         server-id={}\nskip-name-resolve\nlog-bin=replica\nrelay-log=relay\nlog-slave-updates\nbinlog-format=ROW\n\
         sync-binlog=1\ngtid-strict-mode=1\nreplicate-wild-do-table=\"{database}.%\"\n",
        path("data"),
        path(""),
        path("mariadb.sock"),
        path("mariadb.pid"),
        replica.address.ip(),
        replica.address.port(),
        source.server_id,
    );
    for (name, value) in &source.settings {
        text.push_str(&format!(
            "{}={value}\n",
            name.replace('_', "-").replace("time-zone", "default-time-zone")
        ));
    }
    write_read_only(&folder.path, &text, follows, folder.user)
}

/// The last line says whether it may be written on.
fn write_read_only(
    folder: &Path,
    text: &str,
    is_read_only: bool,
    user: Option<&str>,
) -> Result<(), DatabaseError> {
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("read-only=")).collect();
    let text = format!("{}\nread-only={}\n", kept.join("\n"), u8::from(is_read_only));
    write_closed(folder, CONFIGURATION, &text, user).map(|_| ())
}

pub(super) fn command(replica: &Replica) -> Result<Command, DatabaseError> {
    let configuration = replica.folder.join(CONFIGURATION);
    let words = vec![
        server_program()?.display().to_string(),
        format!("--defaults-file={}", configuration.display()),
    ];
    Ok(Command { words, user: user_of(&replica.folder)? })
}

pub(super) async fn standing(replica: &Replica) -> Result<Standing, DatabaseError> {
    let conn = &mut to_server(&replica.url()).await?;
    let rows: Vec<Row> =
        conn.query("SHOW SLAVE STATUS").await.map_err(failed("ask how it follows"))?;
    let Some(row) = rows.first() else {
        let is_closed =
            one(conn, "ask whether it takes writes", "SELECT @@read_only").await? == "1";
        return Ok(match is_closed {
            true => {
                let said = "it follows nobody, and takes no writes".to_owned();
                Standing { said: Some(said), ..Standing::bare(State::Broken) }
            }
            false => Standing::bare(State::Promoted),
        });
    };
    let says = |name: &str| {
        let found = row.get_opt::<Option<String>, _>(name).and_then(Result::ok).flatten();
        found.unwrap_or_default()
    };
    let follows = says("Slave_IO_Running") == "Yes" && says("Slave_SQL_Running") == "Yes";
    let error =
        ["Last_SQL_Error", "Last_IO_Error"].map(says).into_iter().find(|said| !said.is_empty());
    let behind_ms =
        says("Seconds_Behind_Master").parse::<u64>().ok().map(|seconds| seconds * 1_000);
    let place = (says("Relay_Master_Log_File"), says("Exec_Master_Log_Pos").parse().ok());
    let behind_bytes = behind(replica, place).await;
    // It counts from the last event: whoever has none to do is behind by nothing.
    let behind_ms = if behind_bytes == Some(0) { Some(0) } else { behind_ms };
    let state = if follows { State::Follows } else { State::Broken };
    let said = (!follows).then(|| error.unwrap_or_else(|| "it does not follow".to_owned()));
    Ok(Standing { state, behind_bytes, behind_ms: behind_ms.filter(|_| follows), said })
}

/// Of the primary's log, within one file of it; `None`: not known.
async fn behind(replica: &Replica, (file, done): (String, Option<u64>)) -> Option<u64> {
    let conn = &mut to_server(&replica.primary).await.ok()?;
    let rows =
        texts(conn, "ask for the place in the binary log", "SHOW MASTER STATUS").await.ok()?;
    let mut row = rows.into_iter().next()?.into_iter();
    let (theirs, place) = (row.next()??, row.next()??.parse::<u64>().ok()?);
    (theirs == file).then(|| place.saturating_sub(done.unwrap_or(place)))
}

/// Those who may write there, but for us and whoever may do everything.
fn writers(replica: &Replica) -> String {
    let database = literal(&name_of(&replica.primary));
    let mut tables = Vec::new();
    for table in ["SCHEMA_PRIVILEGES", "TABLE_PRIVILEGES"] {
        tables.push(format!(
            "SELECT GRANTEE FROM information_schema.{table} WHERE {database} LIKE TABLE_SCHEMA AND \
             PRIVILEGE_TYPE IN ('INSERT', 'UPDATE', 'DELETE', 'CREATE', 'ALTER', 'DROP')"
        ));
    }
    tables.push(
        "SELECT GRANTEE FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE IN ('INSERT', \
         'UPDATE', 'DELETE')"
            .to_owned(),
    );
    format!(
        "SELECT DISTINCT GRANTEE FROM ({}) g WHERE GRANTEE NOT LIKE '\\'root\\'@%' AND \
         GRANTEE <> CONCAT(QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', 1)), '@', \
         QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)))",
        tables.join(" UNION ALL ")
    )
}

pub(super) async fn fence(replica: &Replica) -> Result<(), DatabaseError> {
    let conn = &mut to_server(&replica.primary).await?;
    let what = "fence the primary";
    // What is done here is nothing that a replica is to do.
    execute(conn, what, "SET SESSION sql_log_bin = 0").await?;
    execute(conn, what, &format!("SET SESSION lock_wait_timeout = {LOCK_LIMIT_S}")).await?;
    let locked = firsts(conn, what, &unlocked(replica)).await?;
    if let Some(mut note) = Note::read(&replica.folder)? {
        note.locked.extend(locked.iter().cloned());
        note.locked.sort();
        note.locked.dedup();
        note.write(&replica.folder)?;
    }
    for account in &locked {
        execute(conn, what, &format!("ALTER USER {account} ACCOUNT LOCK")).await?;
    }
    execute(conn, what, "SET GLOBAL read_only = 1").await?;
    let ends = Instant::now() + LEAVE_WITHIN;
    loop {
        let there = firsts(conn, what, THERE).await?;
        if there.is_empty() {
            return Ok(());
        }
        if Instant::now() >= ends {
            return Err(replica.failed("fence the primary of", "somebody does not leave"));
        }
        for id in there {
            // Whoever has left meanwhile cannot be cut off.
            if let Err(error) = execute(conn, what, &format!("KILL {id}")).await {
                tracing::debug!(%error, "a session had ended");
            }
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Sessions, but for ours and those that replicate.
const THERE: &str = "SELECT ID FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND \
    COMMAND NOT LIKE 'Binlog Dump%' AND COMMAND NOT LIKE 'Slave%' AND COMMAND <> 'Daemon' AND \
    USER NOT IN ('system user', 'event_scheduler')";

fn unlocked(replica: &Replica) -> String {
    format!(
        "SELECT w.GRANTEE FROM ({}) w JOIN mysql.global_priv p ON w.GRANTEE = CONCAT(QUOTE(p.User), '@', \
         QUOTE(p.Host)) WHERE COALESCE(JSON_VALUE(p.Priv, '$.account_locked'), 'false') NOT IN ('true', '1')",
        writers(replica)
    )
}

pub(super) async fn lift(replica: &Replica) -> Result<(), DatabaseError> {
    let conn = &mut to_server(&replica.primary).await?;
    let what = "lift the fence";
    execute(conn, what, "SET SESSION sql_log_bin = 0").await?;
    execute(conn, what, "SET GLOBAL read_only = 0").await?;
    let Some(note) = Note::read(&replica.folder)? else { return Ok(()) };
    for account in &note.locked {
        execute(conn, what, &format!("ALTER USER {account} ACCOUNT UNLOCK")).await?;
    }
    Note::new(&replica.name, Phase::Whole).write(&replica.folder)
}

pub(super) async fn is_fenced(replica: &Replica) -> Result<bool, DatabaseError> {
    let conn = &mut to_server(&replica.primary).await?;
    let what = "ask whether it is fenced";
    let is_closed = one(conn, what, "SELECT @@global.read_only").await? == "1";
    Ok(is_closed && firsts(conn, what, &unlocked(replica)).await?.is_empty())
}

pub(super) async fn catch_up(replica: &Replica, limit: Duration) -> Result<(), DatabaseError> {
    let primary = &mut to_server(&replica.primary).await?;
    let what = "ask how far it is";
    let wanted = one(primary, what, "SELECT @@global.gtid_binlog_pos").await?;
    let conn = &mut to_server(&replica.url()).await?;
    let rows: Vec<Row> = conn.query("SHOW SLAVE STATUS").await.map_err(failed(what))?;
    if rows.is_empty() {
        return Ok(());
    }
    let wait = format!("SELECT MASTER_GTID_WAIT({}, {})", literal(&wanted), limit.as_secs());
    match one(conn, what, &wait).await?.as_str() {
        "0" => Ok(()),
        _ => Err(DatabaseError::TimedOut(limit)),
    }
}

pub(super) async fn promote(replica: &Replica) -> Result<(), DatabaseError> {
    let conn = &mut to_server(&replica.url()).await?;
    let what = "promote the replica";
    let path = replica.folder.join(CONFIGURATION);
    let text = fs::read_to_string(&path)
        .map_err(|source| DatabaseError::Prepare { path: path.clone(), source })?;
    let rows: Vec<Row> = conn.query("SHOW SLAVE STATUS").await.map_err(failed(what))?;
    if !rows.is_empty() {
        execute(conn, what, "STOP SLAVE").await?;
        execute(conn, what, "RESET SLAVE ALL").await?;
    }
    write_read_only(&replica.folder, &text, false, user_of(&replica.folder)?.as_deref())?;
    execute(conn, what, "SET GLOBAL read_only = 0").await
}

pub(super) async fn is_promoted(replica: &Replica) -> Result<bool, DatabaseError> {
    let conn = &mut connect(&with_name(
        &at(&replica.primary, replica.address),
        &name_of(&replica.primary),
    ))
    .await?;
    let what = "ask whether it takes writes";
    let rows: Vec<Row> = conn.query("SHOW SLAVE STATUS").await.map_err(failed(what))?;
    Ok(rows.is_empty() && one(conn, what, "SELECT @@global.read_only").await? == "0")
}
