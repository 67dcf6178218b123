//! A replica of PostgreSQL: a copy of the whole server by `pg_basebackup`, which follows by a slot of its own.
//!
//! The slot comes first, or the copy could lack what it needs to begin; and never without a cap, or a
//! replica that is gone fills the shop's disk. The server is fenced by its own catalogue: a database that
//! takes no connections takes none after a restart either. The replica gets that with everything else, and
//! is opened when it was promoted.

use super::{
    Command, Prospect, Replica, Standing, State,
    place::{user_of, write_closed},
};
use crate::{
    DatabaseError,
    changes::position::lsn_number,
    dump::{
        mysql::literal,
        postgres::{config, connect, execute, quoted, texts},
    },
    private::folder::Folder,
    private::server::as_user,
    restore::{name_of, postgres::to_server},
};
use host::process::{Signal, Spawn, run_to_end};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::{Instant, sleep};
use tokio_postgres::{Client, config::Host, error::SqlState};

const WHAT: &str = "PostgreSQL";
const INSTALL: &str =
    "install the version that the primary has, on Debian with `apt install postgresql-15`";
/// A copy that takes longer is none that anybody waits for.
const COPY_WITHIN: Duration = Duration::from_hours(23);
const PROMOTE_WITHIN: Duration = Duration::from_secs(60);
/// Whoever is cut off has rolled back by then.
const LEAVE_WITHIN: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A Unix socket's address has room for so many bytes (unix(7)); the socket's own name takes some.
const MAX_SOCKET_FOLDER: usize = 80;
/// What must be no less on a standby (PostgreSQL manual, 27.4.3), or what statements depend on.
const SETTINGS: &str = "'max_connections', 'max_worker_processes', 'max_wal_senders', \
    'max_prepared_transactions', 'max_locks_per_transaction', 'max_replication_slots', 'wal_level', \
    'max_slot_wal_keep_size', 'shared_buffers', 'work_mem', 'maintenance_work_mem', \
    'effective_cache_size', 'shared_preload_libraries', 'TimeZone', 'DateStyle', 'lc_messages', \
    'default_text_search_config', 'max_wal_size', 'random_page_cost'";

async fn one(
    client: &Client,
    what: &str,
    statement: &str,
) -> Result<Option<String>, DatabaseError> {
    let answer = texts::<1>(client, what, statement).await?;
    Ok(answer.into_iter().flatten().flatten().next())
}

async fn is(client: &Client, what: &str, condition: &str) -> Result<bool, DatabaseError> {
    let answer = one(client, what, &format!("SELECT {condition}")).await?;
    Ok(answer.is_some_and(|answer| answer == "t"))
}

pub(super) async fn prospect(replica: &Replica) -> Result<Prospect, DatabaseError> {
    let server = to_server(&replica.primary).await?;
    let client = &server.client;
    let statement = "SELECT current_setting('server_version_num'), \
        current_setting('max_slot_wal_keep_size', true), \
        (SELECT rolreplication OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user), \
        (SELECT sum(pg_database_size(oid)) FROM pg_catalog.pg_database \
         WHERE has_database_privilege(oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'MEMBER')), \
        current_setting('max_replication_slots')::int > \
         (SELECT count(*) FROM pg_replication_slots WHERE slot_name <> ";
    let statement = format!(
        "{statement}{0}), current_setting('max_wal_senders')::int > 1, \
         (SELECT pg_has_role(datdba, 'MEMBER') FROM pg_database WHERE datname = {1}), \
         current_setting('wal_level') <> 'minimal'",
        literal(&replica.name),
        literal(&name_of(&replica.primary))
    );
    let rows = texts::<8>(client, "ask what a replica takes", &statement).await?;
    let Some([version, cap, may, bytes, slots, senders, owns, level]) = rows.into_iter().next()
    else {
        return Err(replica.failed("look at", "the server says nothing of itself"));
    };
    let mut obstacles = Vec::new();
    let yes = |answer: Option<String>| answer.is_some_and(|answer| answer == "t");
    let mut expect = |holds: bool, mend: &str| {
        if !holds {
            obstacles.push(mend.to_owned());
        }
    };
    let cap = cap.unwrap_or_default();
    expect(
        cap != "-1" && !cap.is_empty(),
        "without a cap, a slot that nobody reads from fills the shop's disk: \
         ALTER SYSTEM SET max_slot_wal_keep_size = '4GB', then SELECT pg_reload_conf()",
    );
    expect(
        yes(may),
        "the account may not replicate; as a superuser: ALTER ROLE its_name REPLICATION",
    );
    expect(yes(owns), "the account does not own the database, and could not fence it");
    expect(yes(slots), "there is no slot left: set max_replication_slots higher, and restart");
    expect(yes(senders), "nobody may follow: set max_wal_senders higher, and restart");
    expect(yes(level), "ALTER SYSTEM SET wal_level = 'replica', then restart PostgreSQL");
    if let Err(error) = programs(major(version.as_deref())) {
        obstacles.push(error.to_string());
    }
    let others = format!(
        "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname NOT IN ('postgres', {}) \
         ORDER BY datname",
        literal(&name_of(&replica.primary))
    );
    let others = texts::<1>(client, "list databases", &others).await?;
    Ok(Prospect {
        bytes: bytes.and_then(|bytes| bytes.parse().ok()).unwrap_or_default(),
        obstacles,
        others: others.into_iter().flatten().flatten().collect(),
    })
}

/// `150014` is 15.
fn major(version: Option<&str>) -> u32 {
    version.and_then(|version| version.parse::<u32>().ok()).unwrap_or_default() / 10_000
}

/// Where the server's programs of a version lie (Debian's place).
fn programs(major: u32) -> Result<PathBuf, DatabaseError> {
    let programs = PathBuf::from(format!("/usr/lib/postgresql/{major}/bin"));
    let all = ["postgres", "pg_ctl", "pg_basebackup", "pg_verifybackup"];
    if all.iter().all(|program| programs.join(program).is_file()) {
        return Ok(programs);
    }
    Err(DatabaseError::NotInstalled { what: WHAT, mend: INSTALL })
}

/// Of the version that the data is of.
fn programs_of(data: &Path) -> Result<PathBuf, DatabaseError> {
    let path = data.join("PG_VERSION");
    let text =
        std::fs::read_to_string(&path).map_err(|source| DatabaseError::Prepare { path, source })?;
    programs(text.trim().parse().unwrap_or_default())
}

pub(super) async fn make(replica: &Replica, folder: &Folder) -> Result<(), DatabaseError> {
    let found = prospect(replica).await?;
    if let Some(first) = found.obstacles.into_iter().next() {
        return Err(replica.failed("make", first));
    }
    let server = to_server(&replica.primary).await?;
    let client = &server.client;
    if !is_known_to(client, replica).await? {
        let name = literal(&replica.name);
        let make = format!("SELECT pg_create_physical_replication_slot({name}, true)");
        execute(client, "make a replication slot", &make).await?;
    }
    let version = one(client, "ask for the version", "SHOW server_version_num").await?;
    let programs = programs(major(version.as_deref()))?;
    let data = folder.path.join("data");
    let spawn = copy(replica, &programs, &data)?.tied_to_this_thread(Signal::Kill);
    let failed = |source| DatabaseError::Run { what: WHAT, source };
    run_to_end(as_user(spawn, folder), COPY_WITHIN).map_err(failed)?;
    let verify = Spawn::new(programs.join("pg_verifybackup")).arg(&data).directory("/");
    let verify = verify.tied_to_this_thread(Signal::Kill);
    run_to_end(as_user(verify, folder), COPY_WITHIN).map_err(failed)?;
    configure(client, folder, &data).await
}

/// The copy, its log with it, and what it follows by.
fn copy(replica: &Replica, programs: &Path, data: &Path) -> Result<Spawn, DatabaseError> {
    let config = config(&replica.primary)?;
    let (host, port) = match (config.get_hosts().first(), config.get_ports().first()) {
        (Some(Host::Tcp(host)), port) => (host.clone(), port.copied().unwrap_or(5432)),
        (Some(Host::Unix(path)), port) => {
            (path.display().to_string(), port.copied().unwrap_or(5432))
        }
        (None, _) => return Err(replica.failed("make", "its primary has no address")),
    };
    let word = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
    let user = config.get_user().map(|user| format!(" user={}", word(user))).unwrap_or_default();
    let at =
        format!("host={} port={port}{user} application_name={}", word(&host), word(&replica.name));
    let mut spawn = Spawn::new(programs.join("pg_basebackup"))
        .args(["--format=plain", "--wal-method=stream", "--checkpoint=fast", "--no-password"])
        .args(["--manifest-checksums=SHA256", "--write-recovery-conf"])
        .args([format!("--slot={}", replica.name), format!("--dbname={at}")])
        .arg("--pgdata")
        .arg(data)
        .directory("/");
    if let Some(bandwidth) = replica.bandwidth {
        // Between these it is in range (pg_basebackup(1)).
        let kilobytes = (bandwidth / 1024).clamp(32, 1 << 20);
        spawn = spawn.arg(format!("--max-rate={kilobytes}k"));
    }
    Ok(match config.get_password() {
        Some(password) => spawn.env("PGPASSWORD", String::from_utf8_lossy(password).into_owned()),
        None => spawn,
    })
}

/// Settings and rules of the primary's, where it shows them; Debian keeps them outside of its data.
async fn configure(client: &Client, folder: &Folder, data: &Path) -> Result<(), DatabaseError> {
    let statement =
        format!("SELECT name, current_setting(name) FROM pg_settings WHERE name IN ({SETTINGS})");
    let mut text = String::new();
    for [name, value] in texts::<2>(client, "read settings", &statement).await? {
        let value = value.unwrap_or_default().replace('\'', "''");
        text.push_str(&format!("{} = '{value}'\n", name.unwrap_or_default()));
    }
    let rules = "SELECT pg_read_file(current_setting('hba_file'))";
    let rules = match one(client, "read who is let in", rules).await {
        Ok(Some(rules)) => rules,
        // The account may not; what lies with the data, or what every account with a password fits.
        Ok(None) | Err(_) => match std::fs::read_to_string(data.join("pg_hba.conf")) {
            Ok(rules) => rules,
            Err(_) => "local all all peer\nhost all all all scram-sha-256\n\
                       host replication all all scram-sha-256\n"
                .to_owned(),
        },
    };
    let rules = write_closed(&folder.path, "pg_hba.conf", &rules, folder.user)?;
    let names = write_closed(&folder.path, "pg_ident.conf", "", folder.user)?;
    let socket = data.to_str().filter(|path| path.len() <= MAX_SOCKET_FOLDER).unwrap_or("");
    text.push_str(&format!(
        "hba_file = '{}'\nident_file = '{}'\nunix_socket_directories = '{socket}'\n\
         hot_standby = on\nlogging_collector = off\n",
        rules.display(),
        names.display()
    ));
    write_closed(&folder.path, "postgresql.conf", &text, folder.user).map(|_| ())
}

pub(super) fn command(replica: &Replica) -> Result<Command, DatabaseError> {
    let data = replica.folder.join("data");
    let programs = programs_of(&data)?;
    let path = |path: PathBuf| path.display().to_string();
    let words = vec![
        path(programs.join("postgres")),
        "-D".to_owned(),
        path(data),
        "-c".to_owned(),
        format!("config_file={}", path(replica.folder.join("postgresql.conf"))),
        // These stand in the copy as well, and must be ours.
        "-c".to_owned(),
        format!("listen_addresses={}", replica.address.ip()),
        "-c".to_owned(),
        format!("port={}", replica.address.port()),
    ];
    Ok(Command { words, user: user_of(&replica.folder)? })
}

/// Asked to end as systems do, it waits for everybody who is connected.
pub(super) fn hurry(replica: &Replica) {
    let pid = std::fs::read_to_string(replica.folder.join("data/postmaster.pid")).ok();
    let pid = pid.as_deref().and_then(|text| text.lines().next()?.trim().parse::<u32>().ok());
    if let Some(pid) = pid
        && let Err(error) = host::process::signal(pid, Signal::Interrupt)
    {
        tracing::debug!(%error, "a server that is to end has ended");
    }
}

pub(super) async fn standing(replica: &Replica) -> Result<Standing, DatabaseError> {
    let follower = to_server(&replica.url()).await?;
    let statement = "SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn(), \
        pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn(), \
        (extract(epoch FROM now() - pg_last_xact_replay_timestamp()) * 1000)::bigint, \
        (SELECT status FROM pg_stat_wal_receiver)";
    let rows = texts::<5>(&follower.client, "ask how it follows", statement).await?;
    let Some([recovers, replayed, is_whole, age_ms, receiver]) = rows.into_iter().next() else {
        return Err(replica.failed("look at", "it says nothing of itself"));
    };
    if recovers.as_deref() != Some("t") {
        return Ok(Standing::bare(State::Promoted));
    }
    let behind_bytes = behind(replica, replayed.as_deref()).await;
    // Whoever has replayed all is behind by nothing, however old the last transaction is.
    let is_there = is_whole.as_deref() == Some("t") && behind_bytes.is_none_or(|bytes| bytes == 0);
    let behind_ms = match is_there {
        true => Some(0),
        false => age_ms.and_then(|age_ms| age_ms.parse::<i64>().ok()).map(i64::unsigned_abs),
    };
    let follows = receiver.as_deref() == Some("streaming");
    let said = (!follows).then(|| "nothing comes from its primary".to_owned());
    let state = if follows { State::Follows } else { State::Broken };
    Ok(Standing { state, behind_bytes, behind_ms: behind_ms.filter(|_| follows), said })
}

/// Of the primary's log; `None` when that does not answer.
async fn behind(replica: &Replica, replayed: Option<&str>) -> Option<u64> {
    let server = to_server(&replica.primary).await.ok()?;
    let now = flushed(&server.client).await.ok()?;
    Some(now.saturating_sub(lsn_number(replayed?)?))
}

/// The end of a server's log.
async fn flushed(client: &Client) -> Result<u64, DatabaseError> {
    let what = "ask for the end of the log";
    let lsn = one(client, what, "SELECT pg_current_wal_flush_lsn()").await?;
    let odd =
        || DatabaseError::Answer { what: "the end of the log", reason: "no place".to_owned() };
    lsn.as_deref().and_then(lsn_number).ok_or_else(odd)
}

async fn is_known_to(client: &Client, replica: &Replica) -> Result<bool, DatabaseError> {
    let known = format!(
        "EXISTS (SELECT 1 FROM pg_replication_slots WHERE slot_name = {})",
        literal(&replica.name)
    );
    is(client, "look for the slot", &known).await
}

pub(super) async fn is_known(replica: &Replica) -> Result<bool, DatabaseError> {
    is_known_to(&to_server(&replica.primary).await?.client, replica).await
}

/// Whoever used the slot until now may be about to leave.
pub(super) async fn forget(replica: &Replica) -> Result<(), DatabaseError> {
    let server = to_server(&replica.primary).await?;
    let ends = Instant::now() + LEAVE_WITHIN;
    let drop = format!(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = {}",
        literal(&replica.name)
    );
    loop {
        match execute(&server.client, "drop the slot", &drop).await {
            Err(DatabaseError::DumpPostgres { source, .. })
                if source.code() == Some(&SqlState::OBJECT_IN_USE) && Instant::now() < ends =>
            {
                sleep(LOOK_EVERY).await;
            }
            done => return done,
        }
    }
}

pub(super) async fn fence(replica: &Replica) -> Result<(), DatabaseError> {
    let server = to_server(&replica.primary).await?;
    let (client, name) = (&server.client, name_of(&replica.primary));
    let close = format!("ALTER DATABASE {} ALLOW_CONNECTIONS false", quoted(&name));
    execute(client, "close the database", &close).await?;
    let there = format!(
        "FROM pg_stat_activity WHERE datname = {} AND pid <> pg_backend_pid() AND backend_type IN \
         ('client backend', 'walsender', 'background worker', 'parallel worker')",
        literal(&name)
    );
    let ends = Instant::now() + LEAVE_WITHIN;
    loop {
        let cut = format!("SELECT count(pg_terminate_backend(pid)) {there}");
        let left = one(client, "cut everybody off", &cut).await?;
        if left.as_deref() == Some("0") {
            break;
        }
        if Instant::now() >= ends {
            return Err(replica.failed("fence the primary of", "somebody does not leave"));
        }
        sleep(LOOK_EVERY).await;
    }
    let prepared =
        format!("EXISTS (SELECT 1 FROM pg_prepared_xacts WHERE database = {})", literal(&name));
    match is(client, "look for prepared transactions", &prepared).await? {
        true => Err(replica.failed("fence the primary of", "a prepared transaction is open")),
        false => Ok(()),
    }
}

pub(super) async fn lift(replica: &Replica) -> Result<(), DatabaseError> {
    open(&replica.primary).await
}

async fn open(url: &kernel::config::DatabaseUrl) -> Result<(), DatabaseError> {
    let open = format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", quoted(&name_of(url)));
    execute(&to_server(url).await?.client, "open the database", &open).await
}

/// Who is refused for the database's own sake cannot write; who cannot reach the server knows nothing.
pub(super) async fn is_fenced(replica: &Replica) -> Result<bool, DatabaseError> {
    match connect(&replica.primary, &config(&replica.primary)?).await {
        Ok(session) => Ok(!takes_writes(&session.client).await),
        Err(DatabaseError::ConnectPostgres { source, .. })
            if source.code() == Some(&SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE) =>
        {
            Ok(true)
        }
        Err(error) => Err(error),
    }
}

/// Whoever gets a number for a transaction has begun to write.
async fn takes_writes(client: &Client) -> bool {
    let begun = "BEGIN; SELECT pg_current_xact_id(); ROLLBACK";
    execute(client, "begin to write", begun).await.is_ok()
}

pub(super) async fn catch_up(replica: &Replica, limit: Duration) -> Result<(), DatabaseError> {
    let primary = to_server(&replica.primary).await?;
    // Who did not wait for their commit (`synchronous_commit = off`) were told that it is there all the same: one
    // that waits brings theirs to the disk too.
    let last = "SET synchronous_commit = on; SELECT pg_logical_emit_message(true, 'storewarden', 'fenced')";
    execute(&primary.client, "have everything reach the disk", last).await?;
    let wanted = flushed(&primary.client).await?;
    let follower = to_server(&replica.url()).await?;
    let ends = Instant::now() + limit;
    let ask = "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() END";
    loop {
        let replayed = one(&follower.client, "ask how far it is", ask).await?;
        if replayed.as_deref().and_then(lsn_number).is_none_or(|replayed| replayed >= wanted) {
            return Ok(());
        }
        if Instant::now() >= ends {
            return Err(DatabaseError::TimedOut(limit));
        }
        sleep(LOOK_EVERY).await;
    }
}

pub(super) async fn promote(replica: &Replica) -> Result<(), DatabaseError> {
    let recovers = "pg_is_in_recovery()";
    let follower = to_server(&replica.url()).await?;
    if is(&follower.client, "ask whether it follows", recovers).await? {
        let data = replica.folder.join("data");
        let spawn = Spawn::new(programs_of(&data)?.join("pg_ctl"))
            .args(["promote", "--wait", "--silent", "-D"])
            .arg(&data)
            .arg(format!("--timeout={}", PROMOTE_WITHIN.as_secs()))
            .directory("/");
        let spawn = match user_of(&replica.folder)? {
            Some(user) => spawn.user(user),
            None => spawn,
        };
        let run = move || run_to_end(spawn, PROMOTE_WITHIN + Duration::from_secs(5));
        let ran = tokio::task::spawn_blocking(run).await;
        ran.expect("invariant: starting a command does not panic")
            .map_err(|source| DatabaseError::Run { what: WHAT, source })?;
    }
    open(&replica.url()).await
}

pub(super) async fn is_promoted(replica: &Replica) -> Result<bool, DatabaseError> {
    let follower = to_server(&replica.url()).await?;
    if is(&follower.client, "ask whether it follows", "pg_is_in_recovery()").await? {
        return Ok(false);
    }
    let url = replica.url();
    match connect(&url, &config(&url)?).await {
        Ok(session) => Ok(takes_writes(&session.client).await),
        Err(DatabaseError::ConnectPostgres { source, .. })
            if source.code() == Some(&SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE) =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
