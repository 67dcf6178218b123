//! Rows of MariaDB and MySQL, by the text protocol, in the bytes that their columns store.

use super::{
    Cell, Change, Changing, Counter, LOCK_LIMIT, MOST_ROWS, Required, STATEMENT_LIMIT,
    counting::{counted, counting},
    expected, find, wanted,
};
use crate::{
    DatabaseError,
    dump::{
        Row, Table,
        mysql::{
            connect, execute, failed,
            literal::{Form, form, push_literal},
            projection, quoted, shapes, texts,
        },
        postgres::runtime,
    },
};
use kernel::config::DatabaseUrl;
use mysql_async::{Conn, Value, prelude::Queryable};
use std::{
    collections::{HashMap, HashSet},
    fmt,
    fmt::Write,
};
use tokio::runtime::Runtime;

pub(super) struct Rows {
    conn: Conn,
    /// Of columns with text, by table and column.
    charsets: HashMap<(String, String), String>,
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
        let (tables, required, charsets, conn) = runtime.block_on(async {
            let mut conn = connect(url).await?;
            let shapes = shapes(&mut conn).await?;
            let charsets = charsets(&mut conn).await?;
            let required = required(&mut conn).await?;
            set_up(&mut conn).await?;
            let tables = shapes.into_iter().enumerate();
            let tables = tables.map(|(number, shape)| shape.into_table(number)).collect();
            Ok::<_, DatabaseError>((tables, required, charsets, conn))
        })?;
        Ok((tables, required, Self { conn, charsets, runtime }))
    }

    /// The tables that take no part in transactions.
    pub(super) fn apart(&mut self) -> Result<HashSet<String>, DatabaseError> {
        let statement = "SELECT t.TABLE_NAME FROM information_schema.TABLES t \
            JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE \
            WHERE t.TABLE_SCHEMA = DATABASE() AND e.TRANSACTIONS = 'NO'";
        let asked = texts(&mut self.conn, "read the engines of tables", statement);
        let rows = self.runtime.block_on(asked)?;
        Ok(rows.into_iter().flatten().flatten().collect())
    }

    pub(super) fn lookup(
        &mut self,
        table: &Table,
        wanted: &[(&str, &[u8])],
        to_change: bool,
    ) -> Result<Vec<Row>, DatabaseError> {
        let is = |(column, value): &(&str, &[u8])| {
            format!("{} = {}", quoted(column), self.comparable(table, column, value))
        };
        let is: Vec<String> = wanted.iter().map(is).collect();
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
        let behind = match after {
            Some(after) => {
                format!("{} > {}", quoted(column), self.comparable(table, column, after))
            }
            None => format!("{} IS NOT NULL", quoted(column)),
        };
        let which = format!("WHERE {behind} ORDER BY {} LIMIT {most}", quoted(column));
        self.select(table, &which)
    }

    pub(super) fn rows_among(
        &mut self,
        table: &Table,
        column: &str,
        values: &[Vec<u8>],
    ) -> Result<Vec<Row>, DatabaseError> {
        let literals: Vec<String> =
            values.iter().map(|value| self.comparable(table, column, value)).collect();
        self.select(table, &format!("WHERE {} IN ({})", quoted(column), literals.join(", ")))
    }

    fn select(&mut self, table: &Table, which: &str) -> Result<Vec<Row>, DatabaseError> {
        let statement =
            format!("SELECT {} FROM {} {which}", projection(table), quoted(&table.name));
        let what = format!("look rows of `{}` up", table.label());
        let asked = self.conn.query::<mysql_async::Row, _>(statement);
        let answer = self.runtime.block_on(asked).map_err(failed(&what))?;
        let field = |value: Value| match value {
            Value::NULL => Ok(None),
            Value::Bytes(bytes) => Ok(Some(bytes)),
            _ => Err(DatabaseError::RowValue { table: table.label() }),
        };
        let row = |row: mysql_async::Row| {
            let fields = row.unwrap().into_iter().map(field).collect::<Result<_, _>>()?;
            Ok(Row { fields })
        };
        answer.into_iter().map(row).collect()
    }

    /// The highest values of columns that count by themselves.
    pub(super) fn counters(&mut self) -> Result<Vec<Counter>, DatabaseError> {
        let statement = "SELECT table_name, column_name FROM information_schema.columns \
            WHERE table_schema = DATABASE() AND extra LIKE '%auto_increment%'";
        let what = "read what counts by itself";
        let asked = self.conn.query::<(String, String), _>(statement);
        let columns = self.runtime.block_on(asked).map_err(failed(what))?;
        let mut counters = Vec::new();
        for (name, column) in columns {
            let statement = format!("SELECT MAX({}) FROM {}", quoted(&column), quoted(&name));
            let asked = self.conn.query_first::<Option<i64>, _>(statement);
            let last = self.runtime.block_on(asked).map_err(failed(what))?.flatten();
            let counter = |last| Counter { schema: None, name, column: Some(column), last };
            counters.extend(last.map(counter));
        }
        Ok(counters)
    }

    /// The server itself takes no smaller number than what its rows have.
    pub(super) fn advance(&mut self, counter: &Counter, to: i64) -> Result<(), DatabaseError> {
        let next = to.saturating_add(1);
        let statement = format!("ALTER TABLE {} AUTO_INCREMENT = {next}", quoted(&counter.name));
        self.run("move a counter on", &statement)
    }

    pub(super) fn count_between(
        &mut self,
        table: &Table,
        column: &str,
        ranges: &[(i64, i64)],
    ) -> Result<Vec<u64>, DatabaseError> {
        let statement = counting(&quoted(&table.name), &quoted(column), ranges);
        let what = format!("count rows of `{}`", table.label());
        let asked = self.conn.query::<(u64, u64), _>(statement);
        let counts = self.runtime.block_on(asked).map_err(failed(&what))?.into_iter().collect();
        counted(table, ranges, &counts)
    }

    pub(super) fn each_between(
        &mut self,
        table: &Table,
        column: &str,
        (first, last): (i64, i64),
        take: &mut dyn FnMut(&[u8]),
    ) -> Result<(), DatabaseError> {
        let (name, column) = (quoted(&table.name), quoted(column));
        let statement = format!(
            "SELECT {column} FROM {name} WHERE {column} BETWEEN {first} AND {last} ORDER BY {column}"
        );
        let what = format!("read keys of `{}`", table.label());
        self.runtime.block_on(async {
            let mut rows = self.conn.query_iter(statement).await.map_err(failed(&what))?;
            while let Some(row) = rows.next().await.map_err(failed(&what))? {
                if let Some(Value::Bytes(value)) = row.unwrap().into_iter().next() {
                    take(&value);
                }
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
            values.iter().map(|value| self.comparable(table, column, value)).collect();
        // All columns, so that the value is written as in every row; `IN` takes them by the index.
        let statement = format!(
            "SELECT {} FROM {} WHERE {} IN ({})",
            projection(table),
            quoted(&table.name),
            quoted(column),
            literals.join(", ")
        );
        let what = format!("look keys of `{}` up", table.label());
        let asked = self.conn.query::<mysql_async::Row, _>(statement);
        let rows = self.runtime.block_on(asked).map_err(failed(&what))?;
        let at = table.column(column);
        let value = |row: mysql_async::Row| match row.unwrap().into_iter().nth(at?)? {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        };
        Ok(rows.into_iter().filter_map(value).collect())
    }

    fn comparable(&self, table: &Table, column: &str, value: &[u8]) -> String {
        let charset = self.charsets.get(&(table.name.clone(), column.to_owned()));
        comparable(table, column, charset.map(String::as_str), value)
    }

    fn is(&self, table: &Table, key: &[Cell]) -> Result<String, DatabaseError> {
        let is = |(column, value): (&str, &[u8])| {
            format!("{} = {}", quoted(column), self.comparable(table, column, value))
        };
        let is: Vec<String> = wanted(table, key)?.into_iter().map(is).collect();
        Ok(is.join(" AND "))
    }
}

impl Changing for Rows {
    fn change(&mut self, tables: &[Table], change: &Change) -> Result<(), DatabaseError> {
        let table = find(tables, change.table())?;
        let name = quoted(&table.name);
        let statement = match change {
            Change::Insert { row, .. } => {
                let columns: Vec<_> = row.iter().map(|cell| quoted(&cell.column)).collect();
                let values: Vec<_> = row.iter().map(|cell| stored(table, cell)).collect();
                format!("INSERT INTO {name} ({}) VALUES (", columns.join(", "))
                    .into_bytes()
                    .into_iter()
                    .chain(values.join(&b", "[..]))
                    .chain(*b")")
                    .collect()
            }
            Change::Update { key, were, become_, .. } => {
                let rows = self.lookup(table, &wanted(table, key)?, true)?;
                expected(table, key, were, &rows)?;
                let set = |cell: &Cell| {
                    [quoted(&cell.column).as_bytes(), b" = ", &stored(table, cell)].concat()
                };
                let sets: Vec<Vec<u8>> = become_.iter().map(set).collect();
                [
                    format!("UPDATE {name} SET ").as_bytes(),
                    &sets.join(&b", "[..]),
                    b" WHERE ",
                    self.is(table, key)?.as_bytes(),
                ]
                .concat()
            }
            Change::Delete { key, were, .. } => {
                let rows = self.lookup(table, &wanted(table, key)?, true)?;
                expected(table, key, were, &rows)?;
                format!("DELETE FROM {name} WHERE {}", self.is(table, key)?).into_bytes()
            }
        };
        let what = format!("change a row of `{}`", table.label());
        let done = self.conn.query_drop(statement);
        self.runtime.block_on(done).map_err(failed(&what))
    }

    fn run(&mut self, what: &str, statement: &str) -> Result<(), DatabaseError> {
        self.runtime.block_on(execute(&mut self.conn, what, statement))
    }
}

/// A literal that an index of the column serves: in the column's own character set.
pub(crate) fn comparable(
    table: &Table,
    column: &str,
    charset: Option<&str>,
    value: &[u8],
) -> String {
    let found = table.columns.iter().find(|known| known.name == column);
    let form = found.map_or(Form::Bytes, |column| form(&column.type_name));
    if form != Form::Bytes {
        return literal(value, form);
    }
    let charset = charset.unwrap_or("binary");
    if value.is_empty() {
        return format!("_{charset} ''");
    }
    let mut text = format!("_{charset} 0x");
    for byte in value {
        write!(text, "{byte:02x}").expect("invariant: a String takes what is written");
    }
    text
}

/// As [`crate::dump`] reads and loads.
async fn set_up(conn: &mut Conn) -> Result<(), DatabaseError> {
    let what = "set up the session";
    let version = texts(conn, what, "SELECT VERSION()").await?;
    let is_mariadb = version.iter().flatten().flatten().any(|name| name.contains("MariaDB"));
    let limit = if is_mariadb {
        format!("max_statement_time = {}", STATEMENT_LIMIT.as_secs())
    } else {
        format!("max_execution_time = {}", STATEMENT_LIMIT.as_millis())
    };
    let settings = format!(
        "SET SESSION {limit}, lock_wait_timeout = {locks}, innodb_lock_wait_timeout = {locks}, \
         time_zone = '+00:00', \
         sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,STRICT_ALL_TABLES'",
        locks = LOCK_LIMIT.as_secs()
    );
    execute(conn, what, "SET NAMES utf8mb4").await?;
    execute(conn, what, &settings).await?;
    execute(conn, what, "SET character_set_results = NULL").await
}

/// The character sets of columns with text, by table and column.
pub(crate) async fn charsets(
    conn: &mut Conn,
) -> Result<HashMap<(String, String), String>, DatabaseError> {
    let statement = "SELECT TABLE_NAME, COLUMN_NAME, CHARACTER_SET_NAME \
        FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND \
        CHARACTER_SET_NAME IS NOT NULL";
    let rows = texts(conn, "read columns", statement).await?;
    let entry = |row: Vec<Option<String>>| {
        let mut row = row.into_iter();
        let (table, column, charset) = (row.next()??, row.next()??, row.next()??);
        Some(((table, column), charset))
    };
    Ok(rows.into_iter().filter_map(entry).collect())
}

async fn required(conn: &mut Conn) -> Result<Required, DatabaseError> {
    let statement = "SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS \
        WHERE TABLE_SCHEMA = DATABASE() AND IS_NULLABLE = 'NO'";
    let rows = texts(conn, "read columns", statement).await?;
    let pair = |row: Vec<Option<String>>| {
        let mut row = row.into_iter();
        Some((row.next()??, row.next()??))
    };
    Ok(rows.into_iter().filter_map(pair).collect())
}

/// As the column stores it.
fn stored(table: &Table, cell: &Cell) -> Vec<u8> {
    let found = table.columns.iter().find(|known| known.name == cell.column);
    let form = found.map_or(Form::Bytes, |column| form(&column.type_name));
    let mut text = Vec::new();
    push_literal(&mut text, cell.value.as_deref(), form);
    text
}

fn literal(value: &[u8], form: Form) -> String {
    let mut text = Vec::new();
    push_literal(&mut text, Some(value), form);
    String::from_utf8_lossy(&text).into_owned()
}
