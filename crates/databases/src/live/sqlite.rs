//! Rows of an SQLite file, in the types that they have there.

use super::{
    Cell, Change, Counter, LOCK_LIMIT, MOST_ROWS, Required,
    counting::{counted, counting},
    expected, find, wanted,
};
use crate::{
    DatabaseError,
    dump::{
        Field, Row, Table,
        sqlite::{failed, path, push_value, quoted, shapes, value},
    },
};
use kernel::config::DatabaseUrl;
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params_from_iter};
use std::collections::BTreeMap;

#[derive(Debug)]
pub(super) struct Rows {
    connection: Connection,
}

impl Rows {
    pub(super) fn open(url: &DatabaseUrl) -> Result<(Vec<Table>, Required, Self), DatabaseError> {
        let open = |source| DatabaseError::OpenSqlite { place: url.to_string(), source };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path(url)?, flags).map_err(open)?;
        connection.busy_timeout(LOCK_LIMIT).map_err(open)?;
        connection.execute_batch("PRAGMA foreign_keys = ON").map_err(open)?;
        let shapes = shapes(&connection)?.into_iter().enumerate();
        let tables: Vec<Table> = shapes.map(|(number, shape)| shape.into_table(number)).collect();
        let required = required(&connection, &tables)?;
        Ok((tables, required, Self { connection }))
    }

    pub(super) fn lookup(
        &self,
        table: &Table,
        wanted: &[(&str, &[u8])],
    ) -> Result<Vec<Row>, DatabaseError> {
        look_up(&self.connection, table, wanted)
    }

    pub(super) fn page(
        &self,
        table: &Table,
        column: &str,
        after: Option<&[u8]>,
        most: usize,
    ) -> Result<Vec<Row>, DatabaseError> {
        let column = quoted(column);
        let behind = if after.is_some() { "> ?" } else { "IS NOT NULL" };
        let which = format!("WHERE {column} {behind} ORDER BY {column} LIMIT {most}");
        let asked: Vec<Field> = after.map(|after| Some(after.to_vec())).into_iter().collect();
        select(&self.connection, table, &which, &asked)
    }

    pub(super) fn rows_among(
        &self,
        table: &Table,
        column: &str,
        values: &[Vec<u8>],
    ) -> Result<Vec<Row>, DatabaseError> {
        let marks = vec!["?"; values.len()].join(", ");
        let asked: Vec<Field> = values.iter().map(|value| Some(value.clone())).collect();
        let which = format!("WHERE {} IN ({marks})", quoted(column));
        select(&self.connection, table, &which, &asked)
    }

    /// Of tables that never give a key again; the others count from their rows.
    pub(super) fn counters(&self) -> Result<Vec<Counter>, DatabaseError> {
        let failed = failed("read what counts by itself");
        let there = "SELECT 1 FROM main.sqlite_master WHERE name = 'sqlite_sequence'";
        let mut there = self.connection.prepare(there).map_err(&failed)?;
        if !there.exists([]).map_err(&failed)? {
            return Ok(Vec::new());
        }
        let mut prepared = self
            .connection
            .prepare("SELECT name, seq FROM main.sqlite_sequence")
            .map_err(&failed)?;
        let counter = |row: &rusqlite::Row<'_>| {
            Ok(Counter { schema: None, name: row.get(0)?, column: None, last: row.get(1)? })
        };
        let counters = prepared.query_map([], counter).map_err(&failed)?;
        counters.collect::<Result<_, _>>().map_err(&failed)
    }

    pub(super) fn advance(&self, counter: &Counter, to: i64) -> Result<(), DatabaseError> {
        let statement = "UPDATE main.sqlite_sequence SET seq = ?2 WHERE name = ?1 AND seq < ?2";
        let moved = self.connection.execute(statement, rusqlite::params![counter.name, to]);
        moved.map(drop).map_err(failed("move a counter on"))
    }

    pub(super) fn count_between(
        &self,
        table: &Table,
        column: &str,
        ranges: &[(i64, i64)],
    ) -> Result<Vec<u64>, DatabaseError> {
        let from = format!("main.{}", quoted(&table.name));
        let counts = || {
            let mut statement =
                self.connection.prepare(&counting(&from, &quoted(column), ranges))?;
            let number = |row: &rusqlite::Row<'_>, at| row.get(at).map(i64::unsigned_abs);
            let counts = statement.query_map([], |row| Ok((number(row, 0)?, number(row, 1)?)))?;
            counts.collect::<Result<BTreeMap<_, _>, _>>()
        };
        let counts = counts().map_err(failed(format!("count rows of `{}`", table.name)))?;
        counted(table, ranges, &counts)
    }

    pub(super) fn each_between(
        &self,
        table: &Table,
        column: &str,
        range: (i64, i64),
        take: &mut dyn FnMut(&[u8]),
    ) -> Result<(), DatabaseError> {
        let (name, column) = (quoted(&table.name), quoted(column));
        let statement = format!(
            "SELECT {column} FROM main.{name} WHERE {column} BETWEEN ? AND ? ORDER BY {column}"
        );
        let mut each = || {
            let mut statement = self.connection.prepare(&statement)?;
            let mut rows = statement.query([range.0, range.1])?;
            while let Some(row) = rows.next()? {
                take(row.get::<_, i64>(0)?.to_string().as_bytes());
            }
            Ok(())
        };
        each().map_err(failed(format!("read keys of `{}`", table.name)))
    }

    pub(super) fn among(
        &self,
        table: &Table,
        column: &str,
        values: &[Vec<u8>],
    ) -> Result<Vec<Vec<u8>>, DatabaseError> {
        let failed = failed(format!("look keys of `{}` up", table.name));
        let (name, column) = (quoted(&table.name), quoted(column));
        let marks = vec!["?"; values.len()].join(", ");
        let statement = format!("SELECT {column} FROM main.{name} WHERE {column} IN ({marks})");
        let fields: Vec<Field> = values.iter().map(|value| Some(value.clone())).collect();
        let mut prepared = self.connection.prepare(&statement).map_err(&failed)?;
        let asked = params_from_iter(self::values(table, &fields)?);
        let mut rows = prepared.query(asked).map_err(&failed)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(&failed)? {
            let mut bytes = Vec::new();
            if push_value(&mut bytes, row.get_ref(0).map_err(&failed)?) {
                found.push(bytes);
            }
        }
        Ok(found)
    }

    pub(super) fn apply(
        &mut self,
        tables: &[Table],
        changes: &[Change],
    ) -> Result<(), DatabaseError> {
        let failed = failed("change rows");
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = begun.map_err(&failed)?;
        // What is dropped without its commit is taken back.
        changes.iter().try_for_each(|change| make(&transaction, tables, change))?;
        transaction.commit().map_err(&failed)
    }
}

fn required(connection: &Connection, tables: &[Table]) -> Result<Required, DatabaseError> {
    let statement = "SELECT name FROM pragma_table_info(?1) WHERE \"notnull\" <> 0 OR pk <> 0";
    let failed = failed("read columns");
    let mut prepared = connection.prepare(statement).map_err(&failed)?;
    let mut required = Required::new();
    for table in tables {
        let names = prepared.query_map([&table.name], |row| row.get::<_, String>(0));
        for name in names.map_err(&failed)? {
            required.insert((table.label(), name.map_err(&failed)?));
        }
    }
    Ok(required)
}

fn look_up(
    connection: &Connection,
    table: &Table,
    wanted: &[(&str, &[u8])],
) -> Result<Vec<Row>, DatabaseError> {
    let is: Vec<_> = wanted.iter().map(|(column, _)| format!("{} = ?", quoted(column))).collect();
    let which = format!("WHERE {} LIMIT {}", is.join(" AND "), MOST_ROWS + 1);
    let fields: Vec<Field> = wanted.iter().map(|(_, value)| Some(value.to_vec())).collect();
    select(connection, table, &which, &fields)
}

fn select(
    connection: &Connection,
    table: &Table,
    which: &str,
    asked: &[Field],
) -> Result<Vec<Row>, DatabaseError> {
    let failed = failed(format!("look rows of `{}` up", table.name));
    let columns: Vec<_> = table.columns.iter().map(|column| quoted(&column.name)).collect();
    let statement =
        format!("SELECT {} FROM main.{} {which}", columns.join(", "), quoted(&table.name));
    let mut prepared = connection.prepare(&statement).map_err(&failed)?;
    let mut rows = prepared.query(params_from_iter(values(table, asked)?)).map_err(&failed)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(&failed)? {
        let mut fields = Vec::with_capacity(columns.len());
        for at in 0..columns.len() {
            let mut bytes = Vec::new();
            let is_there = push_value(&mut bytes, row.get_ref(at).map_err(&failed)?);
            fields.push(Some(bytes).filter(|_| is_there));
        }
        found.push(Row { fields });
    }
    Ok(found)
}

fn make(connection: &Connection, tables: &[Table], change: &Change) -> Result<(), DatabaseError> {
    let table = find(tables, change.table())?;
    let name = quoted(&table.name);
    let (statement, cells): (String, Vec<&Cell>) = match change {
        Change::Insert { row, .. } => {
            let columns: Vec<_> = row.iter().map(|cell| quoted(&cell.column)).collect();
            let marks = vec!["?"; columns.len()].join(", ");
            let columns = columns.join(", ");
            (format!("INSERT INTO main.{name} ({columns}) VALUES ({marks})"), row.iter().collect())
        }
        Change::Update { key, were, become_, .. } => {
            expected(table, key, were, &look_up(connection, table, &wanted(table, key)?)?)?;
            let sets = pairs(become_).join(", ");
            let is = pairs(key).join(" AND ");
            let cells = become_.iter().chain(key).collect();
            (format!("UPDATE main.{name} SET {sets} WHERE {is}"), cells)
        }
        Change::Delete { key, were, .. } => {
            expected(table, key, were, &look_up(connection, table, &wanted(table, key)?)?)?;
            let is: Vec<_> = wanted(table, key)?.into_iter().map(|(column, _)| column).collect();
            let is: Vec<_> = is.iter().map(|column| format!("{} = ?", quoted(column))).collect();
            let cells = key.iter().filter(|cell| cell.value.is_some()).collect();
            (format!("DELETE FROM main.{name} WHERE {}", is.join(" AND ")), cells)
        }
    };
    let fields: Vec<Field> = cells.into_iter().map(|cell| cell.value.clone()).collect();
    let values = values(table, &fields)?;
    let done = connection.execute(&statement, params_from_iter(values));
    done.map(drop).map_err(failed(format!("change a row of `{}`", table.name)))
}

fn pairs(cells: &[Cell]) -> Vec<String> {
    cells.iter().map(|cell| format!("{} = ?", quoted(&cell.column))).collect()
}

fn values<'a>(
    table: &Table,
    fields: &'a [Field],
) -> Result<Vec<crate::dump::sqlite::Value<'a>>, DatabaseError> {
    let values: Option<Vec<_>> = fields.iter().map(value).collect();
    values.ok_or_else(|| DatabaseError::RowValue { table: table.label() })
}
