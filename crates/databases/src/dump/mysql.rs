//! A dump of MariaDB or MySQL: one connection, one consistent snapshot, rows by plain SELECT.
//!
//! Values come as the server writes them in its text protocol, strings in the bytes that they are
//! stored in, whatever their character set. Tables without transactions know no snapshots: they are
//! locked against writing for the moment in which they are read into memory.

pub(crate) mod catalog;
pub(crate) mod literal;
pub(super) mod schema;

use super::{
    Dump, Kind, Manifest, Options, Position, Table, line,
    manifest::FORMAT,
    postgres::runtime,
    writing::{self, Draft, Jobs, Reading, Select, Sink},
};
use crate::DatabaseError;
use catalog::Catalog;
pub(crate) use catalog::{shapes, without_transactions};
use kernel::config::DatabaseUrl;
use mysql_async::{Conn, Opts, OptsBuilder, Row, Value, prelude::Queryable};
use std::{collections::BTreeMap, time::Duration};
use tokio::runtime::Runtime;

/// Whoever writes to a table without transactions, or redefines one, is waited for that long.
const LOCK_LIMIT: Duration = Duration::from_secs(20);
const CONNECT_LIMIT: Duration = Duration::from_secs(20);
/// How often a snapshot's place in MySQL's log is looked for.
const PLACE_ATTEMPTS: u32 = 8;
const SNAPSHOT: &str = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";
/// How long the server waits for us while a slow taker takes rows.
const NET_LIMIT: Duration = Duration::from_secs(3_600);

pub(super) fn begin(url: &DatabaseUrl, options: Options) -> Result<Dump, DatabaseError> {
    let url = url.clone();
    writing::begin(move || {
        let runtime = runtime()?;
        let (draft, sessions) = runtime.block_on(open(&url, &options))?;
        let reading: Reading = Box::new(move |jobs| read(&runtime, sessions, jobs));
        Ok((draft, reading))
    })
}

/// The connection with the snapshot, and what it began with.
struct Sessions {
    snapshot: Conn,
    /// Holds the locks of tables without transactions.
    locks: Option<Conn>,
    fingerprint: String,
}

pub(crate) async fn connect(url: &DatabaseUrl) -> Result<Conn, DatabaseError> {
    let place = url.to_string();
    // The client knows one scheme for both.
    let address = match url.secret.split_once("://") {
        Some((_, rest)) => format!("mysql://{rest}"),
        None => url.secret.clone(),
    };
    let opts = Opts::from_url(&address)
        .map_err(|error| DatabaseError::Url { url: place.clone(), reason: error.to_string() })?;
    let opts = OptsBuilder::from_opts(opts)
        .prefer_socket(false)
        .connect_attribute("program_name", "storewarden");
    match tokio::time::timeout(CONNECT_LIMIT, Conn::new(opts)).await {
        Ok(connected) => connected.map_err(|source| DatabaseError::ConnectMySql { place, source }),
        Err(_elapsed) => Err(DatabaseError::TimedOut(CONNECT_LIMIT)),
    }
}

pub(crate) async fn execute(
    conn: &mut Conn,
    what: &str,
    statement: &str,
) -> Result<(), DatabaseError> {
    conn.query_drop(statement).await.map_err(failed(what))
}

/// The answer's rows as text; what is no text is shown as well as it can be.
pub(crate) async fn texts(
    conn: &mut Conn,
    what: &str,
    statement: &str,
) -> Result<Vec<Vec<Option<String>>>, DatabaseError> {
    let rows: Vec<Row> = conn.query(statement).await.map_err(failed(what))?;
    let text = |value: Value| match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        other => Some(other.as_sql(true)),
    };
    Ok(rows.into_iter().map(|row| row.unwrap().into_iter().map(text).collect()).collect())
}

pub(crate) fn failed(what: &str) -> impl Fn(mysql_async::Error) -> DatabaseError {
    move |source| DatabaseError::DumpMySql { what: what.to_owned(), source }
}

pub(crate) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

async fn open(url: &DatabaseUrl, options: &Options) -> Result<(Draft, Sessions), DatabaseError> {
    let mut snapshot = connect(url).await?;
    let version = manners(&mut snapshot, options).await?;
    let is_mariadb = version.contains("MariaDB");
    let catalog = Catalog::read(&mut snapshot).await?;
    let locks = lock_nontransactional(url, &catalog, options).await?;
    let position = if is_mariadb {
        execute(&mut snapshot, "begin a snapshot", SNAPSHOT).await?;
        position(&mut snapshot).await?
    } else {
        place_of_snapshot(&mut snapshot).await?
    };
    // Whatever is looked at within the transaction could not be redefined until its end, and who
    // wants to would hold up everybody else: so let go of it each time.
    execute(&mut snapshot, "begin a snapshot", "SAVEPOINT storewarden").await?;
    let (schema_pre, schema_post) = schema::dump(&mut snapshot, &catalog).await?;
    let sequences = schema::sequences(&mut snapshot, &catalog).await?;
    execute(&mut snapshot, "let go of tables", "ROLLBACK TO SAVEPOINT storewarden").await?;
    execute(&mut snapshot, "ask for bytes", "SET character_set_results = NULL").await?;
    let fingerprint = catalog.fingerprint.clone();
    let mut draft = Draft {
        manifest: Manifest {
            format: FORMAT,
            kind: Kind::MySql,
            server: version,
            database: catalog.database,
            taken_ms: options.now_ms,
            position,
            settings: catalog.settings,
            tables: Vec::new(),
            sequences,
            files: Vec::new(),
            rights: catalog.rights,
            left_out: catalog.left_out,
        },
        selects: Vec::new(),
        schema_pre,
        schema_post,
        approximate_bytes: Some(catalog.approximate_bytes),
    };
    for (number, found) in catalog.tables.into_iter().enumerate() {
        let table = found.shape.into_table(number);
        if !options.wants(&table) {
            continue;
        }
        let statement = select(&table);
        draft.selects.push(Select { statement, is_held: !found.is_transactional });
        draft.manifest.tables.push(table);
    }
    Ok((draft, Sessions { snapshot, locks, fingerprint }))
}

/// Sets the session so that values are written in one way only; gives the server's version.
async fn manners(conn: &mut Conn, options: &Options) -> Result<String, DatabaseError> {
    let what = "set up the session";
    let answer = texts(conn, what, "SELECT VERSION()").await?;
    let version = answer.into_iter().flatten().flatten().next().unwrap_or_default();
    let limit = if version.contains("MariaDB") {
        format!("max_statement_time = {}", options.statement_limit.as_secs())
    } else {
        format!("max_execution_time = {}", options.statement_limit.as_millis())
    };
    let net = NET_LIMIT.as_secs();
    let settings = format!(
        "SET SESSION {limit}, lock_wait_timeout = {}, net_write_timeout = {net}, \
         net_read_timeout = {net}, wait_timeout = {net}, time_zone = '+00:00', sql_mode = '', \
         sql_quote_show_create = 1, group_concat_max_len = 1048576",
        LOCK_LIMIT.as_secs()
    );
    execute(conn, what, &settings).await?;
    execute(conn, what, "SET NAMES utf8mb4").await?;
    execute(conn, what, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ").await?;
    Ok(version)
}

/// MariaDB tells where in its binary log a snapshot lies, without any lock (MariaDB manual,
/// "Enhancements for START TRANSACTION WITH CONSISTENT SNAPSHOT").
async fn position(conn: &mut Conn) -> Result<Option<Position>, DatabaseError> {
    let what = "ask for the place in the binary log";
    let status = texts(conn, what, "SHOW STATUS LIKE 'binlog_snapshot_%'").await?;
    let status: BTreeMap<String, String> = status
        .into_iter()
        .filter_map(|row| {
            let mut row = row.into_iter();
            Some((row.next()??.to_ascii_lowercase(), row.next()??))
        })
        .collect();
    let file = status.get("binlog_snapshot_file").filter(|file| !file.is_empty());
    let offset = status.get("binlog_snapshot_position").and_then(|offset| offset.parse().ok());
    let (Some(file), Some(offset)) = (file, offset) else { return Ok(None) };
    let statement = format!("SELECT BINLOG_GTID_POS({}, {offset})", literal(file));
    let gtid = texts(conn, what, &statement).await?.into_iter().flatten().flatten().next();
    let gtid = gtid.filter(|gtid| !gtid.is_empty());
    Ok(Some(Position::Binlog { file: file.clone(), offset, gtid }))
}

/// Begins a snapshot of MySQL, and tells its place in the log where that can be known. The server does not
/// say where a snapshot lies; but it begins another file of its log only when all that is in the one before is
/// committed. A snapshot that begins then, and before anything is in the new file, lies where that begins:
/// it is tried a few times. Nobody has to wait for that.
async fn place_of_snapshot(snapshot: &mut Conn) -> Result<Option<Position>, DatabaseError> {
    for _ in 0..PLACE_ATTEMPTS {
        let rotated = snapshot.query_drop("FLUSH BINARY LOGS").await;
        execute(snapshot, "begin a snapshot", SNAPSHOT).await?;
        let place = match rotated {
            Ok(()) => beginning_of_log(snapshot).await,
            Err(error) => Err(failed("begin a file of the binary log")(error)),
        };
        match place {
            Ok(Some(place)) => return Ok(Some(place)),
            Ok(None) => execute(snapshot, "begin a snapshot", "ROLLBACK").await?,
            Err(error) if is_refusal(&error) => {
                tracing::info!(%error, "the dump knows its time, and not its place in the log");
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
    }
    tracing::info!("too much is written: the dump knows its time, and not its place in the log");
    execute(snapshot, "begin a snapshot", SNAPSHOT).await?;
    Ok(None)
}

/// Whether the server answered, and would not.
fn is_refusal(error: &DatabaseError) -> bool {
    matches!(error, DatabaseError::DumpMySql { source: mysql_async::Error::Server(_), .. })
}

/// Where the last file of the log begins, if nothing is in it yet.
async fn beginning_of_log(conn: &mut Conn) -> Result<Option<Position>, DatabaseError> {
    let Some((file, offset, _)) = log_status(conn).await? else { return Ok(None) };
    let events = format!("SHOW BINLOG EVENTS IN {} LIMIT 2", literal(&file));
    let events = texts(conn, "look at the binary log", &events).await?;
    // What describes the file, and what was before it.
    let last = events.last().and_then(|event| event.get(4)?.as_deref());
    let is_there = events.len() == 2 && last == Some(offset.to_string().as_str());
    Ok(is_there.then_some(Position::Binlog { file, offset, gtid: None }))
}

/// File and offset at which the server's log ends, and which databases it leaves out; `None`: there is no log.
pub(crate) async fn log_status(
    conn: &mut Conn,
) -> Result<Option<(String, u64, Vec<String>)>, DatabaseError> {
    let what = "ask for the place in the binary log";
    // MySQL has another name for it since 8.4.
    let status = match texts(conn, what, "SHOW MASTER STATUS").await {
        Ok(status) => status,
        Err(_unknown) => texts(conn, what, "SHOW BINARY LOG STATUS").await?,
    };
    let mut status =
        status.into_iter().next().unwrap_or_default().into_iter().map(Option::unwrap_or_default);
    let (file, offset) = (status.next(), status.next().and_then(|offset| offset.parse().ok()));
    let filters = status.take(2).filter(|filter| !filter.is_empty()).collect();
    Ok(file.zip(offset).map(|(file, offset)| (file, offset, filters)))
}

/// Locks tables without transactions for everybody's writing, when they are few and small.
async fn lock_nontransactional(
    url: &DatabaseUrl,
    catalog: &Catalog,
    options: &Options,
) -> Result<Option<Conn>, DatabaseError> {
    let tables: Vec<_> = catalog.tables.iter().filter(|table| !table.is_transactional).collect();
    let Some(first) = tables.first() else { return Ok(None) };
    let bytes: u64 = tables.iter().map(|table| table.bytes).sum();
    if bytes > options.lock_nontransactional_up_to_bytes {
        return Err(DatabaseError::DumpRefused {
            what: format!(
                "`{}` and {} more tables without transactions, {bytes} bytes in all",
                first.shape.name,
                tables.len() - 1
            ),
            mend: format!(
                "no snapshot has them, and they are too large to be locked meanwhile: ALTER TABLE {} \
                 ENGINE=InnoDB, or raise the limit of what may be locked",
                quoted(&first.shape.name)
            ),
        });
    }
    let mut locks = connect(url).await?;
    let list: Vec<_> =
        tables.iter().map(|table| format!("{} READ", quoted(&table.shape.name))).collect();
    let limit = format!("SET SESSION lock_wait_timeout = {}", LOCK_LIMIT.as_secs());
    execute(&mut locks, "lock tables without transactions", &limit).await?;
    let lock = format!("LOCK TABLES {}", list.join(", "));
    execute(&mut locks, "lock tables without transactions", &lock).await?;
    Ok(Some(locks))
}

fn select(table: &Table) -> String {
    let key: Vec<_> = table.key.iter().map(|name| quoted(name)).collect();
    let order =
        if key.is_empty() { String::new() } else { format!(" ORDER BY {}", key.join(", ")) };
    format!("SELECT {} FROM {}{order}", projection(table), quoted(&table.name))
}

/// All columns, so that each value is written whole.
pub(crate) fn projection(table: &Table) -> String {
    let columns: Vec<_> = table
        .columns
        .iter()
        .map(|column| {
            let name = quoted(&column.name);
            // Six digits are written of a float; of a double, as many as it takes.
            let is_float = column.type_name.to_ascii_lowercase().starts_with("float");
            if is_float { format!("{name} * 1e0") } else { name }
        })
        .collect();
    columns.join(", ")
}

fn read(runtime: &Runtime, sessions: Sessions, jobs: &Jobs) -> Result<(), DatabaseError> {
    let Sessions { mut snapshot, locks, fingerprint } = sessions;
    jobs.each_held(|select, sink| runtime.block_on(copy(&mut snapshot, select, sink)))?;
    if let Some(mut locks) = locks {
        let unlock = execute(&mut locks, "unlock tables", "UNLOCK TABLES");
        runtime.block_on(unlock)?;
    }
    jobs.each(|select, sink| runtime.block_on(copy(&mut snapshot, select, sink)))?;
    runtime.block_on(async {
        execute(&mut snapshot, "end the snapshot", "COMMIT").await?;
        execute(&mut snapshot, "end the snapshot", "SET NAMES utf8mb4").await?;
        let now = catalog::fingerprint(&mut snapshot).await?;
        if now != fingerprint {
            let reason = "the definition of a table changed meanwhile".to_owned();
            return Err(DatabaseError::DumpCut(reason));
        }
        // All that was asked of it is here.
        let _ = snapshot.disconnect().await;
        Ok(())
    })
}

async fn copy(conn: &mut Conn, select: &Select, sink: &mut Sink) -> Result<(), DatabaseError> {
    let what = format!("read table `{}`", sink.table().label());
    let failed = failed(&what);
    let mut line = Vec::new();
    let mut rows = conn.query_iter(&select.statement).await.map_err(&failed)?;
    while let Some(row) = rows.next().await.map_err(&failed)? {
        let values = row.unwrap();
        line.clear();
        let fields = values.iter().map(|value| match value {
            Value::NULL => Ok(None),
            Value::Bytes(bytes) => Ok(Some(bytes.as_slice())),
            _ => Err(DatabaseError::DumpCut(format!("{what}: a value came in another form"))),
        });
        let fields: Vec<_> = fields.collect::<Result<_, _>>()?;
        line::push_row(&mut line, fields);
        sink.row(&line)?;
    }
    drop(rows);
    execute(conn, &what, "ROLLBACK TO SAVEPOINT storewarden").await
}
