//! A dump of PostgreSQL: one snapshot, exported to the second connection and to `pg_dump`, which
//! writes the schema; rows by COPY.
//!
//! Tables are locked as a SELECT locks them (ACCESS SHARE) before any row is read, since TRUNCATE
//! and ALTER TABLE do not mind snapshots. Whoever wants to redefine a table waits for some seconds;
//! then the dump fails and lets them through.

mod catalog;
mod note;
mod schema;
mod watch;

use super::{
    Dump, Kind, Manifest, Options, Position, Table,
    manifest::FORMAT,
    writing::{self, Draft, Jobs, Reading, Select, Sink},
};
use crate::DatabaseError;
use catalog::Catalog;
pub(crate) use catalog::shapes;
use futures_util::StreamExt;
use kernel::config::DatabaseUrl;
pub(crate) use note::{Note, literal};
use std::{collections::BTreeMap, pin::pin, sync::mpsc, thread, time::Duration};
use tokio::{runtime::Runtime, task::JoinHandle};
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};
use watch::Watch;

/// Whoever changes a table's definition right now is waited for that long.
const LOCK_LIMIT: Duration = Duration::from_secs(20);
const CONNECT_LIMIT: Duration = Duration::from_secs(20);

/// Whatever these are set to on the server, a value is written in one way only, and whole.
pub(crate) const MANNERS: &str = "SET client_encoding = 'UTF8'; SET DateStyle = 'ISO'; \
    SET IntervalStyle = 'postgres'; SET TimeZone = 'UTC'; SET extra_float_digits = 3; \
    SET bytea_output = 'hex'; SET lc_monetary = 'C'; SET row_security = off; \
    SET search_path = ''; SET synchronize_seqscans = off; SET xmloption = 'content'; \
    SET idle_in_transaction_session_timeout = 0;";

pub(super) fn begin(url: &DatabaseUrl, options: Options) -> Result<Dump, DatabaseError> {
    let url = url.clone();
    writing::begin(move || {
        let runtime = runtime()?;
        let (draft, first, second) = runtime.block_on(open(&url, &options))?;
        let reading: Reading = Box::new(move |jobs| {
            let mut pids = vec![runtime.block_on(pid(&first.client))?];
            pids.extend(second.as_ref().map(|second| second.pid.clone()));
            let _watch = Watch::begin(&url, pids, jobs)?;
            read(&runtime, &first, second, jobs)
        });
        Ok((draft, reading))
    })
}

/// A connection, and what drives it.
pub(crate) struct Session {
    pub(crate) client: Client,
    driver: JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

pub(crate) fn runtime() -> Result<Runtime, DatabaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| DatabaseError::DumpCut(format!("no runtime for it: {error}")))
}

pub(crate) fn config(url: &DatabaseUrl) -> Result<Config, DatabaseError> {
    let mut config: Config = url.secret.parse().map_err(|error: tokio_postgres::Error| {
        DatabaseError::Url { url: url.to_string(), reason: error.to_string() }
    })?;
    config.application_name("storewarden").connect_timeout(CONNECT_LIMIT);
    Ok(config)
}

pub(crate) async fn connect(url: &DatabaseUrl, config: &Config) -> Result<Session, DatabaseError> {
    let connected = config.connect(NoTls).await;
    let (client, connection) = connected
        .map_err(|source| DatabaseError::ConnectPostgres { place: url.to_string(), source })?;
    let driver = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection to PostgreSQL ended");
        }
    });
    Ok(Session { client, driver })
}

pub(crate) async fn execute(
    client: &Client,
    what: &str,
    statements: &str,
) -> Result<(), DatabaseError> {
    let done = client.batch_execute(statements).await;
    done.map_err(|source| DatabaseError::DumpPostgres { what: what.to_owned(), source })
}

/// The answer's rows as text.
pub(crate) async fn texts<const N: usize>(
    client: &Client,
    what: &str,
    statement: &str,
) -> Result<Vec<[Option<String>; N]>, DatabaseError> {
    let answer = client.simple_query(statement).await;
    let answer =
        answer.map_err(|source| DatabaseError::DumpPostgres { what: what.to_owned(), source })?;
    let row = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => {
            Some(std::array::from_fn(|at| row.try_get(at).ok().flatten().map(ToOwned::to_owned)))
        }
        _ => None,
    };
    Ok(answer.iter().filter_map(row).collect())
}

async fn open(
    url: &DatabaseUrl,
    options: &Options,
) -> Result<(Draft, Session, Option<Second>), DatabaseError> {
    let config = config(url)?;
    let first = connect(url, &config).await?;
    begin_snapshot(&first.client, options, None).await?;
    let [[snapshot, lsn, server, database]] = texts::<4>(
        &first.client,
        "export a snapshot",
        "SELECT pg_export_snapshot(), \
         CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() \
         ELSE pg_current_wal_lsn() END, current_setting('server_version'), current_database()",
    )
    .await?
    .try_into()
    .map_err(|_| DatabaseError::DumpCut("PostgreSQL exports no snapshot".to_owned()))?;
    let snapshot = snapshot.unwrap_or_default();
    let second = (options.connections > 1).then(|| Second::begin(url, options, &snapshot));
    let second = second.transpose()?;
    let catalog = Catalog::read(&first.client).await?;
    let sequences = catalog.sequences(&first.client).await?;
    let (schema_pre, schema_post) = schema::dump(&config, &snapshot)?;
    let manifest = Manifest {
        format: FORMAT,
        kind: Kind::Postgres,
        server: server.unwrap_or_default(),
        database: database.unwrap_or_default(),
        taken_ms: options.now_ms,
        position: lsn.map(|lsn| Position::Lsn { lsn }),
        settings: BTreeMap::new(),
        tables: Vec::new(),
        sequences,
        files: Vec::new(),
        rights: catalog.rights,
        left_out: catalog.left_out,
    };
    let select = |statement| Select { statement, is_held: false };
    let mut draft = Draft {
        manifest,
        selects: Vec::new(),
        schema_pre,
        schema_post,
        approximate_bytes: Some(catalog.approximate_bytes),
    };
    for (number, shape) in catalog.tables.into_iter().enumerate() {
        let table = shape.into_table(number);
        if !options.wants(&table) {
            continue;
        }
        draft.selects.push(select(copy_out(&table)));
        draft.manifest.tables.push(table);
    }
    Ok((draft, first, second))
}

async fn begin_snapshot(
    client: &Client,
    options: &Options,
    snapshot: Option<&str>,
) -> Result<(), DatabaseError> {
    let import = snapshot.map(|id| format!("SET TRANSACTION SNAPSHOT '{id}'")).unwrap_or_default();
    let statements = format!(
        "{MANNERS} SET statement_timeout = {}; SET lock_timeout = {}; \
         BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {import}",
        options.statement_limit.as_millis().min(i32::MAX as u128),
        LOCK_LIMIT.as_millis(),
    );
    execute(client, "begin a snapshot", &statements).await
}

/// The process that serves a connection, on the server's machine.
async fn pid(client: &Client) -> Result<String, DatabaseError> {
    let answer = texts::<1>(client, "ask for the process", "SELECT pg_backend_pid()").await?;
    let pid = answer.into_iter().flatten().flatten().next();
    pid.ok_or_else(|| DatabaseError::DumpCut("PostgreSQL does not say who serves us".to_owned()))
}

pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub(crate) fn qualified(schema: Option<&str>, name: &str) -> String {
    match schema {
        Some(schema) => format!("{}.{}", quoted(schema), quoted(name)),
        None => quoted(name),
    }
}

fn copy_out(table: &Table) -> String {
    let list = |names: &mut dyn Iterator<Item = &String>| {
        names.map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
    };
    let columns = list(&mut table.columns.iter().map(|column| &column.name));
    let order = match table.key.as_slice() {
        [] => String::new(),
        key => format!(" ORDER BY {}", list(&mut key.iter())),
    };
    let name = qualified(table.schema.as_deref(), &table.name);
    format!("COPY (SELECT {columns} FROM ONLY {name}{order}) TO STDOUT")
}

/// A second connection with the first one's snapshot, on a thread of its own: rows that nobody takes
/// yet hold their thread up, and the other connection goes on.
struct Second {
    pid: String,
    jobs: mpsc::Sender<Jobs>,
    thread: thread::JoinHandle<Result<(), DatabaseError>>,
}

impl Second {
    fn begin(url: &DatabaseUrl, options: &Options, snapshot: &str) -> Result<Self, DatabaseError> {
        let (jobs, given) = mpsc::channel::<Jobs>();
        let (opened, answer) = mpsc::channel();
        let (url, options, snapshot) = (url.clone(), options.clone(), snapshot.to_owned());
        let work = move || {
            let runtime = runtime()?;
            let (session, pid) = runtime.block_on(async {
                let session = connect(&url, &config(&url)?).await?;
                begin_snapshot(&session.client, &options, Some(&snapshot)).await?;
                let pid = pid(&session.client).await?;
                Ok::<_, DatabaseError>((session, pid))
            })?;
            // Whoever began has gone: then there are no jobs either.
            let _ = opened.send(pid);
            let Ok(jobs) = given.recv() else { return Ok(()) };
            jobs.each(|select, sink| runtime.block_on(copy(&session.client, select, sink)))
        };
        let thread = thread::Builder::new().name("dump-second".to_owned()).spawn(work);
        let thread = thread.map_err(|error| DatabaseError::DumpCut(error.to_string()))?;
        match answer.recv() {
            Ok(pid) => Ok(Self { pid, jobs, thread }),
            Err(_ended) => match thread.join().expect("invariant: reading rows does not panic") {
                Ok(()) => Err(DatabaseError::DumpCut("its second connection ended".to_owned())),
                Err(error) => Err(error),
            },
        }
    }
}

fn read(
    runtime: &Runtime,
    first: &Session,
    second: Option<Second>,
    jobs: &Jobs,
) -> Result<(), DatabaseError> {
    let second = second.map(|second| {
        // It waits for them, or has ended and says so below.
        let _ = second.jobs.send(jobs.clone());
        second.thread
    });
    let read = jobs.each(|select, sink| runtime.block_on(copy(&first.client, select, sink)));
    if let Some(second) = second {
        second.join().expect("invariant: reading rows does not panic")?;
    }
    read?;
    runtime.block_on(execute(&first.client, "end the snapshot", "COMMIT"))
}

async fn copy(client: &Client, select: &Select, sink: &mut Sink) -> Result<(), DatabaseError> {
    let label = sink.table().label();
    let failed =
        |source| DatabaseError::DumpPostgres { what: format!("read table `{label}`"), source };
    let rows = client.copy_out(&select.statement).await.map_err(failed)?;
    let mut rows = pin!(rows);
    while let Some(row) = rows.next().await {
        let row = row.map_err(failed)?;
        // One message a row, whatever is in it (PostgreSQL manual, 55.2.6).
        if memchr::memchr(b'\n', &row).map(|at| at + 1) != Some(row.len()) {
            let reason = format!("PostgreSQL sent something else than a row of `{label}`");
            return Err(DatabaseError::DumpCut(reason));
        }
        sink.row(&row)?;
    }
    Ok(())
}
