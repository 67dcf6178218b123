//! What restores have put aside: the databases that others took the place of, and the rows that were
//! others before. Found by their names, which end with a moment; whether anybody still needs one, the
//! caller knows.

use super::{KEPT, mysql, name_of, postgres};
use crate::{
    DatabaseError,
    dump::{
        mysql as maria,
        postgres::{config, connect, execute, literal, quoted, runtime, texts},
    },
};
use kernel::config::{DatabaseKind, DatabaseUrl};
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// Of a name that was too long for the server at least so much is left.
const SHORTENED: usize = 30;
const BEFORE: &str = "_before_";
const ROWS_BEFORE: &str = "_rows_before_";
const BUSY_LIMIT: Duration = Duration::from_secs(20);
/// What SQLite keeps beside a file (sqlite.org/tempfiles.html).
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Something that a restore in place has put aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aside {
    /// Of a database or a schema its own, of an SQLite file its whole path; of rows in SQLite what the
    /// names of their tables begin with.
    pub name: String,
    pub kind: AsideKind,
    /// The moment in its name. Unix milliseconds.
    pub since_ms: i64,
    /// `None`: the database does not say.
    pub bytes: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AsideKind {
    /// A whole database, as the shop had it.
    Database,
    /// Rows of single tables.
    Rows,
}

/// Everything that restores of this database have put aside, the oldest first.
///
/// # Errors
/// When the server does not let us look.
pub fn aside(live: &DatabaseUrl) -> Result<Vec<Aside>, DatabaseError> {
    let mut found = match live.kind {
        DatabaseKind::Postgres => runtime()?.block_on(in_postgres(live))?,
        DatabaseKind::MySql => runtime()?.block_on(in_mysql(live))?,
        DatabaseKind::Sqlite => in_sqlite(live)?,
    };
    found.sort_by(|one, other| (one.since_ms, &one.name).cmp(&(other.since_ms, &other.name)));
    Ok(found)
}

/// Removes one of them for good, by its name; gone already, nothing happens. PostgreSQL refuses a
/// database that somebody is in.
///
/// # Errors
/// [`DatabaseError::NameTaken`] for a name that no restore of this database makes; when the server
/// does not do it.
pub fn remove_aside(live: &DatabaseUrl, name: &str) -> Result<(), DatabaseError> {
    let kind = kind_of(live, name).ok_or_else(|| DatabaseError::NameTaken(name.to_owned()))?;
    match live.kind {
        DatabaseKind::Postgres => runtime()?.block_on(remove_in_postgres(live, name, kind)),
        DatabaseKind::MySql => runtime()?.block_on(remove_in_mysql(live, name)),
        DatabaseKind::Sqlite => remove_in_sqlite(live, name, kind),
    }
}

fn kind_of(live: &DatabaseUrl, name: &str) -> Option<AsideKind> {
    read(live, name, None).map(|aside| aside.kind)
}

/// What a name says, if a restore of this database may have made it.
fn read(live: &DatabaseUrl, name: &str, bytes: Option<u64>) -> Option<Aside> {
    let of = |kind, since_ms| Some(Aside { name: name.to_owned(), kind, since_ms, bytes });
    if let Some(date) = name.strip_prefix(KEPT) {
        return of(AsideKind::Rows, moment(date)?);
    }
    let own = name_of(live);
    if live.kind == DatabaseKind::Sqlite {
        let (path, own) = (Path::new(name), Path::new(&own));
        if path.parent() != own.parent() || path.extension() != own.extension() {
            return None;
        }
        let stem = own.file_stem()?.to_str()?;
        let date = path.file_stem()?.to_str()?.strip_prefix(stem)?.strip_prefix(".before-")?;
        return of(AsideKind::Database, moment(&date.replace('-', "_"))?);
    }
    // The longer one first, for the shorter one is its end.
    for (word, kind) in [(ROWS_BEFORE, AsideKind::Rows), (BEFORE, AsideKind::Database)] {
        let Some((short, date)) = name.rsplit_once(word) else { continue };
        let is_ours = short == own || short.len() >= SHORTENED && own.starts_with(short);
        if is_ours {
            return of(kind, moment(date)?);
        }
    }
    None
}

/// `20261122_101500_250`, and without its last part as it was before.
fn moment(date: &str) -> Option<i64> {
    let parts: Vec<&str> = date.split('_').collect();
    let (day, time, ms) = match *parts.as_slice() {
        [day, time] => (day, time, "000"),
        [day, time, ms] => (day, time, ms),
        _ => return None,
    };
    let is_whole = day.len() == 8 && time.len() == 6 && ms.len() == 3;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_whole || !digits(day) || !digits(time) || !digits(ms) {
        return None;
    }
    let number = |text: &str| text.parse::<i64>().ok();
    let (year, month, day) = (number(&day[..4])?, number(&day[4..6])?, number(&day[6..])?);
    let (hour, minute, second) = (number(&time[..2])?, number(&time[2..4])?, number(&time[4..])?);
    let is_time = (1..=12).contains(&month) && (1..=31).contains(&day);
    if !is_time || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some(seconds * 1000 + number(ms)?)
}

/// Days since 1970 (Howard Hinnant, chrono-Compatible Low-Level Date Algorithms, `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn bytes(text: Option<&String>) -> Option<u64> {
    text.and_then(|text| text.parse().ok())
}

async fn in_postgres(live: &DatabaseUrl) -> Result<Vec<Aside>, DatabaseError> {
    let server = postgres::to_server(live).await?;
    // Of one that we may not come into, the server does not say the size.
    let databases = "SELECT datname, CASE WHEN has_database_privilege(datname, 'CONNECT') \
                     THEN pg_database_size(datname) END FROM pg_database \
                     WHERE strpos(datname, '_before_') > 0";
    let mut rows = texts::<2>(&server.client, "look for what was put aside", databases).await?;
    let inside = connect(live, &config(live)?).await?;
    let schemas = format!(
        "SELECT nspname, (SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c \
         WHERE c.relnamespace = n.oid AND c.relkind = 'r') FROM pg_namespace n \
         WHERE starts_with(nspname, {})",
        literal(KEPT)
    );
    rows.extend(texts::<2>(&inside.client, "look for rows that were put aside", &schemas).await?);
    let one = |[name, size]: &[Option<String>; 2]| read(live, name.as_ref()?, bytes(size.as_ref()));
    Ok(rows.iter().filter_map(one).collect())
}

async fn remove_in_postgres(
    live: &DatabaseUrl,
    name: &str,
    kind: AsideKind,
) -> Result<(), DatabaseError> {
    let what = "remove what was put aside";
    match kind {
        AsideKind::Rows => {
            let inside = connect(live, &config(live)?).await?;
            let statement = format!("DROP SCHEMA IF EXISTS {} CASCADE", quoted(name));
            execute(&inside.client, what, &statement).await
        }
        AsideKind::Database => {
            let server = postgres::to_server(live).await?;
            let statement = format!("DROP DATABASE IF EXISTS {}", quoted(name));
            execute(&server.client, what, &statement).await
        }
    }
}

async fn in_mysql(live: &DatabaseUrl) -> Result<Vec<Aside>, DatabaseError> {
    let mut conn = mysql::to_server(live).await?;
    let statement = "SELECT s.SCHEMA_NAME, CAST(SUM(t.DATA_LENGTH + t.INDEX_LENGTH) AS CHAR) \
                     FROM information_schema.SCHEMATA s LEFT JOIN information_schema.TABLES t \
                     ON t.TABLE_SCHEMA = s.SCHEMA_NAME \
                     WHERE LOCATE('_before_', s.SCHEMA_NAME) > 0 GROUP BY s.SCHEMA_NAME";
    let rows = maria::texts(&mut conn, "look for what was put aside", statement).await?;
    let one = |row: &Vec<Option<String>>| match row.as_slice() {
        [Some(name), size] => read(live, name, bytes(size.as_ref())),
        _ => None,
    };
    Ok(rows.iter().filter_map(one).collect())
}

async fn remove_in_mysql(live: &DatabaseUrl, name: &str) -> Result<(), DatabaseError> {
    let mut conn = mysql::to_server(live).await?;
    let statement = format!("DROP DATABASE IF EXISTS {}", maria::quoted(name));
    maria::execute(&mut conn, "remove what was put aside", &statement).await
}

fn in_sqlite(live: &DatabaseUrl) -> Result<Vec<Aside>, DatabaseError> {
    let own = name_of(live);
    let folder = folder_of(&own);
    let failed = |source| file(folder, source);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let size = path.metadata().ok().map(|metadata| metadata.len());
        found.extend(path.to_str().and_then(|name| read(live, name, size)));
    }
    // What the tables of rows take, SQLite does not say without reading all of them.
    let mut rows = BTreeMap::new();
    for table in tables_of_rows(live)? {
        if let Some(aside) = prefix(&table).and_then(|prefix| read(live, prefix, None)) {
            rows.insert(aside.name.clone(), aside);
        }
    }
    found.extend(rows.into_values());
    Ok(found)
}

/// `storewarden_before_20261122_101500_250` of `storewarden_before_20261122_101500_250_orders`.
fn prefix(table: &str) -> Option<&str> {
    let date = table.strip_prefix(KEPT)?;
    // With the milliseconds, and as it was before.
    [19, 15].into_iter().find_map(|length| {
        let is_end = date.as_bytes().get(length) == Some(&b'_');
        let is_date = is_end && moment(date.get(..length)?).is_some();
        is_date.then(|| &table[..KEPT.len() + length])
    })
}

fn tables_of_rows(live: &DatabaseUrl) -> Result<Vec<String>, DatabaseError> {
    let what = "look for rows that were put aside";
    let failed = |source| DatabaseError::DumpSqlite { what: what.to_owned(), source };
    let connection = open(live, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
    let names = || -> rusqlite::Result<Vec<String>> {
        let select = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB ?1";
        let mut select = connection.prepare(select)?;
        let rows = select.query_map([format!("{KEPT}*")], |row| row.get(0))?;
        rows.collect()
    };
    names().map_err(failed)
}

fn remove_in_sqlite(live: &DatabaseUrl, name: &str, kind: AsideKind) -> Result<(), DatabaseError> {
    if kind == AsideKind::Database {
        for path in BESIDE.map(|end| PathBuf::from(format!("{name}{end}"))) {
            remove(&path)?;
        }
        return remove(Path::new(name));
    }
    let what = "remove rows that were put aside";
    let failed = |source| DatabaseError::DumpSqlite { what: what.to_owned(), source };
    let tables = tables_of_rows(live)?;
    let drop = |table: &String| format!("DROP TABLE \"{}\";", table.replace('"', "\"\""));
    let statements: String =
        tables.iter().filter(|table| prefix(table) == Some(name)).map(drop).collect();
    let connection = open(live, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed)?;
    connection.execute_batch(&format!("BEGIN IMMEDIATE; {statements} COMMIT")).map_err(failed)
}

fn open(live: &DatabaseUrl, mode: OpenFlags) -> rusqlite::Result<Connection> {
    let flags = mode | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(name_of(live), flags)?;
    connection.busy_timeout(BUSY_LIMIT)?;
    Ok(connection)
}

fn remove(path: &Path) -> Result<(), DatabaseError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file(path, error)),
        _ => Ok(()),
    }
}

fn folder_of(file: &str) -> &Path {
    let folder = Path::new(file).parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

fn file(path: &Path, source: io::Error) -> DatabaseError {
    DatabaseError::DumpFile { name: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_restores_put_aside_is_known_by_its_name() {
        let long = "a".repeat(50);
        let check = |kind, secret: &str, name: &str, expect: Option<(AsideKind, i64)>| {
            let live = DatabaseUrl { kind, secret: secret.to_owned() };
            let found = read(&live, name, None).map(|aside| (aside.kind, aside.since_ms));
            assert_eq!(found, expect, "{name}");
        };
        let (database, rows) = (AsideKind::Database, AsideKind::Rows);
        const AT_MS: i64 = 1_795_348_800_250;
        const BARE_MS: i64 = 1_795_348_800_000;
        let postgres = |name: &str, expect| {
            check(DatabaseKind::Postgres, "postgres://h/shop", name, expect);
        };
        postgres("shop_before_20261122_120000_250", Some((database, AT_MS)));
        postgres("shop_before_20261122_120000", Some((database, BARE_MS)));
        postgres("storewarden_before_20261122_120000_250", Some((rows, AT_MS)));
        postgres("other_before_20261122_120000", None);
        postgres("shop_before_christmas", None);
        postgres("shop_before_20261322_120000", None);
        postgres("shop_restored_20261122_120000_250", None);
        postgres("shop", None);
        let short = format!("{}_before_20261122_120000_250", &long[..33]);
        check(
            DatabaseKind::Postgres,
            &format!("postgres://h/{long}"),
            &short,
            Some((database, AT_MS)),
        );
        let mysql = |name: &str, expect| check(DatabaseKind::MySql, "mysql://h/shop", name, expect);
        mysql("shop_before_20261122_120000_250", Some((database, AT_MS)));
        mysql("shop_rows_before_20261122_120000", Some((rows, BARE_MS)));
        mysql("shop_rows_before_2026", None);
        let sqlite =
            |name: &str, expect| check(DatabaseKind::Sqlite, "sqlite:/a/shop.db", name, expect);
        sqlite("/a/shop.before-20261122-120000-250.db", Some((database, AT_MS)));
        sqlite("/a/shop.before-20261122-120000.db", Some((database, BARE_MS)));
        sqlite("/b/shop.before-20261122-120000.db", None);
        sqlite("/a/shop.before-20261122-120000.db-wal", None);
        assert_eq!(moment("20000229_000000"), Some(951_782_400_000));
        let table = "storewarden_before_20261122_120000_250_orders";
        assert_eq!(prefix(table), Some(&table[..38]));
        let older = "storewarden_before_20261122_120000_orders";
        assert_eq!(prefix(older), Some(&older[..34]));
    }
}
