//! Rows of PostgreSQL. Whatever the type, a literal without one is read as the column's, and what the
//! server writes is read back by it.

use super::{
    Cell, Change, Changing, Counter, LOCK_LIMIT, MOST_ROWS, Required, STATEMENT_LIMIT,
    counting::{counted, counting},
    expected, find, naming, wanted,
};
use crate::{
    DatabaseError,
    dump::{
        Row, Table,
        postgres::{
            MANNERS, Session, config, connect, execute, literal as text, qualified, quoted,
            runtime, shapes, texts,
        },
    },
};
use futures_util::StreamExt as _;
use kernel::config::DatabaseUrl;
use std::{collections::BTreeMap, fmt, pin::pin};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, SimpleQueryMessage};

pub(super) struct Rows {
    session: Session,
    runtime: Runtime,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").finish_non_exhaustive()
    }
}

impl Rows {
    pub(super) fn connect(
        url: &DatabaseUrl,
    ) -> Result<(Vec<Table>, Required, Self), DatabaseError> {
        let runtime = runtime()?;
        let (tables, required, session) = runtime.block_on(async {
            let session = connect(url, &config(url)?).await?;
            let limits = format!(
                "{MANNERS} SET statement_timeout = {}; SET lock_timeout = {};",
                STATEMENT_LIMIT.as_millis(),
                LOCK_LIMIT.as_millis()
            );
            execute(&session.client, "set up the session", &limits).await?;
            let shapes = shapes(&session.client).await?;
            let tables = shapes.into_iter().enumerate();
            let tables = tables.map(|(number, shape)| shape.into_table(number)).collect();
            let required = required(&session.client).await?;
            Ok::<_, DatabaseError>((tables, required, session))
        })?;
        Ok((tables, required, Self { session, runtime }))
    }

    pub(super) fn lookup(
        &mut self,
        table: &Table,
        wanted: &[(&str, &[u8])],
        to_change: bool,
    ) -> Result<Vec<Row>, DatabaseError> {
        let is = |(column, value): &(&str, &[u8])| {
            Ok(format!("{} = {}", quoted(column), literal(table, Some(value))?))
        };
        let is: Vec<String> = wanted.iter().map(is).collect::<Result<_, DatabaseError>>()?;
        let lock = if to_change { " FOR UPDATE" } else { "" };
        self.select(table, &format!("WHERE {} LIMIT {}{lock}", is.join(" AND "), MOST_ROWS + 1))
    }

    pub(super) fn page(
        &mut self,
        table: &Table,
        column: &str,
        after: Option<&[u8]>,
        most: usize,
    ) -> Result<Vec<Row>, DatabaseError> {
        let column = quoted(column);
        let behind = match after {
            Some(after) => format!("{column} > {}", literal(table, Some(after))?),
            None => format!("{column} IS NOT NULL"),
        };
        self.select(table, &format!("WHERE {behind} ORDER BY {column} LIMIT {most}"))
    }

    pub(super) fn rows_among(
        &mut self,
        table: &Table,
        column: &str,
        values: &[Vec<u8>],
    ) -> Result<Vec<Row>, DatabaseError> {
        let literals: Vec<String> =
            values.iter().map(|value| literal(table, Some(value))).collect::<Result<_, _>>()?;
        self.select(table, &format!("WHERE {} IN ({})", quoted(column), literals.join(", ")))
    }

    fn select(&mut self, table: &Table, which: &str) -> Result<Vec<Row>, DatabaseError> {
        let columns: Vec<_> = table.columns.iter().map(|column| quoted(&column.name)).collect();
        let statement = format!("SELECT {} FROM ONLY {} {which}", columns.join(", "), name(table));
        let failed = failed(format!("look rows of `{}` up", table.label()));
        let asked = self.session.client.simple_query(&statement);
        let answer = self.runtime.block_on(asked).map_err(failed)?;
        let field = |row: &tokio_postgres::SimpleQueryRow, at| {
            row.get(at).map(|text: &str| text.as_bytes().to_vec())
        };
        let row = |message: SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => {
                let fields = (0..table.columns.len()).map(|at| field(&row, at)).collect();
                Some(Row { fields })
            }
            _ => None,
        };
        Ok(answer.into_iter().filter_map(row).collect())
    }

    /// What its sequences gave last, by schema and name.
    pub(super) fn counters(&mut self) -> Result<Vec<Counter>, DatabaseError> {
        let statement = "SELECT schemaname, sequencename, last_value::text \
            FROM pg_catalog.pg_sequences WHERE last_value IS NOT NULL AND increment_by > 0";
        let asked = texts::<3>(&self.session.client, "read sequences", statement);
        let found = self.runtime.block_on(asked)?;
        let counter = |[schema, name, last]: [Option<String>; 3]| {
            Some(Counter { schema, name: name?, column: None, last: last?.parse().ok()? })
        };
        Ok(found.into_iter().filter_map(counter).collect())
    }

    pub(super) fn advance(&mut self, counter: &Counter, to: i64) -> Result<(), DatabaseError> {
        let Counter { schema, name, .. } = counter;
        let schema = schema.as_deref().unwrap_or("public");
        let statement = format!(
            "SELECT pg_catalog.setval(pg_catalog.format('%I.%I', schemaname, sequencename)::regclass, \
             least({to}, max_value)) FROM pg_catalog.pg_sequences \
             WHERE schemaname = {} AND sequencename = {} AND coalesce(last_value, 0) < {to} \
             AND increment_by > 0",
            text(schema),
            text(name)
        );
        self.run("move a sequence on", &statement)
    }

    pub(super) fn count_between(
        &mut self,
        table: &Table,
        column: &str,
        ranges: &[(i64, i64)],
    ) -> Result<Vec<u64>, DatabaseError> {
        let statement = counting(&format!("ONLY {}", name(table)), &quoted(column), ranges);
        let what = format!("count rows of `{}`", table.label());
        let asked = texts::<2>(&self.session.client, &what, &statement);
        let mut counts = BTreeMap::new();
        for [number, count] in self.runtime.block_on(asked)? {
            let read = |text: Option<String>| text.and_then(|text| text.parse::<u64>().ok());
            counts.extend(read(number).zip(read(count)));
        }
        counted(table, ranges, &counts)
    }

    pub(super) fn each_between(
        &mut self,
        table: &Table,
        column: &str,
        (first, last): (i64, i64),
        take: &mut dyn FnMut(&[u8]),
    ) -> Result<(), DatabaseError> {
        let (name, column) = (name(table), quoted(column));
        let statement = format!(
            "COPY (SELECT {column} FROM ONLY {name} WHERE {column} BETWEEN {first} AND {last} \
             ORDER BY {column}) TO STDOUT"
        );
        let what = format!("read keys of `{}`", table.label());
        let failed = |source| DatabaseError::DumpPostgres { what: what.clone(), source };
        self.runtime.block_on(async {
            let rows = self.session.client.copy_out(&statement).await.map_err(failed)?;
            let mut rows = pin!(rows);
            while let Some(row) = rows.next().await {
                let row = row.map_err(failed)?;
                take(row.strip_suffix(b"\n").unwrap_or(&row));
            }
            Ok(())
        })
    }

    pub(super) fn among(
        &mut self,
        table: &Table,
        column: &str,
        values: &[Vec<u8>],
    ) -> Result<Vec<Vec<u8>>, DatabaseError> {
        let literals: Vec<String> =
            values.iter().map(|value| literal(table, Some(value))).collect::<Result<_, _>>()?;
        let (name, column) = (name(table), quoted(column));
        let statement =
            format!("SELECT {column} FROM ONLY {name} WHERE {column} IN ({})", literals.join(", "));
        let what = format!("look keys of `{}` up", table.label());
        let asked = texts::<1>(&self.session.client, &what, &statement);
        let found = self.runtime.block_on(asked)?;
        Ok(found.into_iter().filter_map(|[value]| value.map(String::into_bytes)).collect())
    }
}

impl Changing for Rows {
    fn change(&mut self, tables: &[Table], change: &Change) -> Result<(), DatabaseError> {
        let table = find(tables, change.table())?;
        let name = name(table);
        let statement = match change {
            Change::Insert { row, .. } => {
                let columns: Vec<_> = row.iter().map(|cell| quoted(&cell.column)).collect();
                let values = literals(table, row)?.join(", ");
                let columns = columns.join(", ");
                format!("INSERT INTO {name} ({columns}) OVERRIDING SYSTEM VALUE VALUES ({values})")
            }
            Change::Update { key, were, become_, .. } => {
                let rows = self.lookup(table, &wanted(table, key)?, true)?;
                expected(table, key, were, &rows)?;
                let sets = pairs(table, become_)?.join(", ");
                format!("UPDATE ONLY {name} SET {sets} WHERE {}", pairs(table, key)?.join(" AND "))
            }
            Change::Delete { key, were, .. } => {
                let rows = self.lookup(table, &wanted(table, key)?, true)?;
                expected(table, key, were, &rows)?;
                format!(
                    "DELETE FROM ONLY {name} WHERE {}",
                    pairs(table, &naming(key))?.join(" AND ")
                )
            }
        };
        self.run(&format!("change a row of `{}`", table.label()), &statement)
    }

    fn run(&mut self, what: &str, statement: &str) -> Result<(), DatabaseError> {
        self.runtime.block_on(execute(&self.session.client, what, statement))
    }
}

async fn required(client: &Client) -> Result<Required, DatabaseError> {
    let statement = "SELECT n.nspname || '.' || c.relname, a.attname \
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE a.attnum > 0 AND a.attnotnull AND c.relkind = 'r'";
    let columns = texts::<2>(client, "read columns", statement).await?;
    Ok(columns.into_iter().filter_map(|[table, column]| Some((table?, column?))).collect())
}

fn name(table: &Table) -> String {
    qualified(table.schema.as_deref(), &table.name)
}

fn failed(what: String) -> impl Fn(tokio_postgres::Error) -> DatabaseError {
    move |source| DatabaseError::DumpPostgres { what: what.clone(), source }
}

fn literals(table: &Table, cells: &[Cell]) -> Result<Vec<String>, DatabaseError> {
    cells.iter().map(|cell| literal(table, cell.value.as_deref())).collect()
}

/// `"column" = 'value'`, each.
fn pairs(table: &Table, cells: &[Cell]) -> Result<Vec<String>, DatabaseError> {
    let values = literals(table, cells)?;
    let pair = |(cell, value): (&Cell, String)| format!("{} = {value}", quoted(&cell.column));
    Ok(cells.iter().zip(values).map(pair).collect())
}

/// With doubled backslashes behind an `E`, whatever `standard_conforming_strings` says.
fn literal(table: &Table, value: Option<&[u8]>) -> Result<String, DatabaseError> {
    let Some(bytes) = value else { return Ok("NULL".to_owned()) };
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    let text = text.ok_or_else(|| DatabaseError::RowValue { table: table.label() })?;
    let text = text.replace('\'', "''");
    let is_escaped = text.contains('\\');
    Ok(if is_escaped { format!("E'{}'", text.replace('\\', "\\\\")) } else { format!("'{text}'") })
}
