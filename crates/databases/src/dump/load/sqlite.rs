//! Rows into an SQLite file, a transaction a table; indexes, views and triggers after them.

use super::{Loading, not_empty};
use crate::{
    DatabaseError,
    dump::{
        Files, Table,
        manifest::{SCHEMA_POST, SCHEMA_PRE},
        reader::{broken, decoded, lines},
        sqlite::{Value, failed, path, quoted, value},
    },
};
use kernel::config::DatabaseUrl;
use rusqlite::{Connection, params_from_iter};

pub(super) fn load<F: Files>(
    loading: &Loading<'_, F>,
    into: &DatabaseUrl,
) -> Result<(), DatabaseError> {
    let open = |source| DatabaseError::OpenSqlite { place: into.to_string(), source };
    let connection = Connection::open(path(into)?).map_err(open)?;
    let there = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0));
    let there: i64 = there.map_err(open)?;
    if there != 0 {
        return Err(not_empty(into));
    }
    let run =
        |what: &str, statements: &str| connection.execute_batch(statements).map_err(failed(what));
    let settings = &loading.reader.manifest().settings;
    let setting = |name: &str| settings.get(name).map_or("0", String::as_str).replace('\'', "''");
    run(
        "set up the file",
        &format!(
            "PRAGMA foreign_keys = OFF; PRAGMA encoding = '{}'; PRAGMA user_version = {}; \
             PRAGMA application_id = {}",
            setting("encoding"),
            setting("user_version"),
            setting("application_id")
        ),
    )?;
    run("make the tables", &loading.schema(SCHEMA_PRE)?)?;
    for table in &loading.tables {
        loading.begins(table);
        let rows = fill(&connection, loading, table)?;
        loading.ends(table, rows)?;
    }
    for sequence in &loading.reader.manifest().sequences {
        let what = failed(format!("set sequence `{}`", sequence.name));
        let forget = "DELETE FROM sqlite_sequence WHERE name = ?1";
        connection.execute(forget, [&sequence.name]).map_err(&what)?;
        let set = "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)";
        connection.execute(set, (&sequence.name, sequence.value)).map_err(&what)?;
    }
    run("make indexes, views and triggers", &loading.schema(SCHEMA_POST)?)
}

fn fill<F: Files>(
    connection: &Connection,
    loading: &Loading<'_, F>,
    table: &Table,
) -> Result<u64, DatabaseError> {
    let failed = failed(format!("load table `{}`", table.name));
    let columns: Vec<_> = table.columns.iter().map(|column| quoted(&column.name)).collect();
    let marks = vec!["?"; columns.len()].join(", ");
    let statement =
        format!("INSERT INTO {} ({}) VALUES ({marks})", quoted(&table.name), columns.join(", "));
    let transaction = connection.unchecked_transaction().map_err(&failed)?;
    let mut prepared = transaction.prepare(&statement).map_err(&failed)?;
    let mut rows = 0;
    for block in loading.reader.blocks(table)? {
        let block = block?;
        loading.block_done(&block);
        for line in lines(&block) {
            let row = decoded(table, line)?;
            let values: Option<Vec<Value<'_>>> = row.fields.iter().map(value).collect();
            let values = values
                .ok_or_else(|| broken(&table.rows.name, "a value is of no kind".to_owned()))?;
            rows += prepared.execute(params_from_iter(values)).map_err(&failed)? as u64;
        }
    }
    drop(prepared);
    transaction.commit().map_err(&failed)?;
    Ok(rows)
}
