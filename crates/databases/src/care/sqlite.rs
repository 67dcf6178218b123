//! What an SQLite suffers from. Nobody counts what its statements take.

use super::{
    Blind, Examination, Figures, Finding, Index, IndexState, Mend, Options, Prospect, Setting,
    SettingSeen, SettingState, Sight, TableSize, Trouble, Why,
};
use crate::{
    DatabaseError,
    dump::sqlite::{failed, path, quoted},
};
use kernel::config::DatabaseUrl;
use rusqlite::{Connection, OpenFlags};

const JOURNAL_MODE: &str = "journal_mode";

/// Has something done where waiting for a file keeps nobody else.
pub(super) async fn aside<T: Send + 'static>(
    url: &DatabaseUrl,
    work: impl FnOnce(&DatabaseUrl) -> Result<T, DatabaseError> + Send + 'static,
) -> Result<T, DatabaseError> {
    let url = url.clone();
    let done = tokio::task::spawn_blocking(move || work(&url)).await;
    done.map_err(|error| super::odd("everything", error.to_string()))?
}

fn open(url: &DatabaseUrl, flags: OpenFlags) -> Result<Connection, DatabaseError> {
    let opened = |source| DatabaseError::OpenSqlite { place: url.to_string(), source };
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path(url)?, flags).map_err(opened)?;
    connection.busy_timeout(super::STATEMENT_LIMIT).map_err(opened)?;
    Ok(connection)
}

pub(super) fn index_state(url: &DatabaseUrl, index: &Index) -> Result<IndexState, DatabaseError> {
    let connection = open(url, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let statement =
        "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?1 AND name = ?2";
    let found = connection
        .query_row(statement, [&index.table, &index.name], |row| row.get::<_, i64>(0))
        .map_err(failed(format!("look at index `{}`", index.name)))?;
    Ok(if found == 0 { IndexState::Absent } else { IndexState::Whole })
}

pub(super) fn prospect(url: &DatabaseUrl, index: &Index) -> Result<Prospect, DatabaseError> {
    let connection = open(url, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let rows = tables(&connection)?.into_iter().find(|table| table.table == index.table);
    let file = path(url)?;
    let may = std::fs::metadata(file).ok().map(|about| !about.permissions().readonly());
    Ok(Prospect {
        account: "-".to_owned(),
        may,
        rows: rows.and_then(|table| table.rows),
        table_bytes: None,
        index_bytes: None,
        oldest_ms: None,
    })
}

/// The only setting that is kept in the file itself.
pub(super) fn setting_seen(
    url: &DatabaseUrl,
    setting: &Setting,
) -> Result<SettingSeen, DatabaseError> {
    let connection = open(url, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let value: String = connection
        .query_row(&format!("PRAGMA {}", setting.name), [], |row| row.get(0))
        .map_err(failed(format!("read {}", setting.name)))?;
    let state = if value == setting.to { SettingState::Held } else { SettingState::Other };
    let may = std::fs::metadata(path(url)?).ok().map(|about| !about.permissions().readonly());
    Ok(SettingSeen { state, value, account: "-".to_owned(), may })
}

/// Waits for writers that are there before it, and keeps those out that come while it runs.
pub(super) fn run(url: &DatabaseUrl, statement: &str) -> Result<(), DatabaseError> {
    let connection = open(url, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.execute_batch(statement).map_err(failed("mend the database"))
}

pub(super) fn examine(url: &DatabaseUrl, options: &Options) -> Result<Examination, DatabaseError> {
    let connection = open(url, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let looked = failed("look at the database");
    let pragma = |name: &str| -> Result<u64, DatabaseError> {
        connection
            .query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0))
            .map(|value| u64::try_from(value).unwrap_or_default())
            .map_err(failed(format!("read {name}")))
    };
    let (pages, free, page) =
        (pragma("page_count")?, pragma("freelist_count")?, pragma("page_size")?);
    let mode: String =
        connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).map_err(&looked)?;
    let tables = tables(&connection)?;
    let mut findings = Vec::new();
    if mode != "wal" {
        let setting = Setting {
            name: JOURNAL_MODE.to_owned(),
            set: "PRAGMA journal_mode = wal".to_owned(),
            back: format!("PRAGMA journal_mode = {mode}"),
            from: mode.clone(),
            to: "wal".to_owned(),
            restart: false,
            lasts: true,
        };
        let trouble = Trouble::Setting {
            name: JOURNAL_MODE.to_owned(),
            value: mode,
            advised: "wal".to_owned(),
            why: Why::ReadersWait,
        };
        findings.push(Finding::new(trouble, Some(Mend::ChangeSetting { setting })));
    }
    if free > pages / 4 && free * page > 64 << 20 {
        let trouble = Trouble::EmptySpace {
            table: "main".to_owned(),
            empty_bytes: free * page,
            bytes: pages * page,
        };
        let statement = "VACUUM".to_owned();
        findings.push(Finding::new(trouble, Some(Mend::Statement { statement })));
    }
    let is_large = |table: &&TableSize| table.rows.is_some_and(|rows| rows >= options.large_rows);
    for table in tables.iter().filter(is_large) {
        findings.extend(references(&connection, table)?);
    }
    let mend = "SQLite counts no statements".to_owned();
    Ok(Examination {
        server: format!("SQLite {}", rusqlite::version()),
        figures: Figures {
            size_bytes: pages * page,
            connections: None,
            cache_hits: None,
            up_s: None,
            counted_s: None,
        },
        tables,
        queries: Vec::new(),
        replicas: Vec::new(),
        findings,
        blind: vec![Blind { what: Sight::Queries, mend }],
    })
}

fn tables(connection: &Connection) -> Result<Vec<TableSize>, DatabaseError> {
    let names = texts(
        connection,
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )?;
    let mut tables = Vec::new();
    for table in names {
        // Of all rows, the highest number: counting them reads the whole table.
        let statement = format!("SELECT coalesce(max(rowid), 0) FROM {}", quoted(&table));
        let rows = connection.query_row(&statement, [], |row| row.get::<_, i64>(0));
        let rows = match rows {
            Ok(rows) => u64::try_from(rows).unwrap_or_default(),
            // It has no rowid: it is counted.
            Err(_) => {
                let statement = format!("SELECT count(*) FROM {}", quoted(&table));
                let counted = connection.query_row(&statement, [], |row| row.get::<_, i64>(0));
                let counted = counted.map_err(failed(format!("count the rows of `{table}`")))?;
                u64::try_from(counted).unwrap_or_default()
            }
        };
        tables.push(TableSize { table, rows: Some(rows), bytes: None, index_bytes: None });
    }
    tables.sort_by_key(|table| std::cmp::Reverse(table.rows));
    tables.truncate(super::MOST_TABLES);
    Ok(tables)
}

/// References of a table that no index begins with.
fn references(connection: &Connection, table: &TableSize) -> Result<Vec<Finding>, DatabaseError> {
    let name = table.table.replace('\'', "''");
    let statement = format!(
        "SELECT f.\"from\" || char(9) || f.\"table\" FROM pragma_foreign_key_list('{name}') f WHERE f.seq = 0 \
         AND NOT EXISTS (SELECT 1 FROM pragma_index_list('{name}') l JOIN pragma_index_info(l.name) i \
         WHERE i.seqno = 0 AND i.name = f.\"from\") AND NOT EXISTS (SELECT 1 FROM \
         pragma_table_info('{name}') c WHERE c.pk = 1 AND c.name = f.\"from\")"
    );
    let found = texts(connection, &statement)?;
    Ok(found
        .iter()
        .filter_map(|row| row.split_once('\t'))
        .map(|(column, to)| {
            let name = format!("{}_{column}_idx", table.table);
            let make = format!(
                "CREATE INDEX {} ON {} ({})",
                quoted(&name),
                quoted(&table.table),
                quoted(column)
            );
            let drop = format!("DROP INDEX {}", quoted(&name));
            let index = Index { table: table.table.clone(), name, make, drop };
            let trouble = Trouble::UnindexedReference {
                table: table.table.clone(),
                columns: vec![column.to_owned()],
                rows: table.rows.unwrap_or_default(),
                to: to.to_owned(),
            };
            Finding::new(trouble, Some(Mend::MakeIndex { index }))
        })
        .collect())
}

fn texts(connection: &Connection, statement: &str) -> Result<Vec<String>, DatabaseError> {
    let looked = failed("look at the tables");
    let mut prepared = connection.prepare(statement).map_err(&looked)?;
    let rows = prepared.query_map([], |row| row.get(0)).map_err(&looked)?;
    rows.collect::<Result<_, _>>().map_err(looked)
}
