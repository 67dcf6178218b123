//! A dump of an SQLite file: one read transaction, which lets writers go on where the file has a
//! write-ahead log; else of a private copy, made while they wait.
//!
//! Values have types of their own in SQLite, whatever the column says, and keep them: whole numbers
//! stand as they are, reals with a point, an exponent or `inf`, text behind `'`, bytes behind `x`.

use super::{
    Column, Dump, Field, KeyOrder, Kind, Manifest, Options, Reference, Sequence, line,
    manifest::{FORMAT, sequence_value},
    writing::{self, Draft, Jobs, Reading, Select, Shape, Sink},
};
use crate::DatabaseError;
use kernel::config::DatabaseUrl;
use rusqlite::{
    Connection, OpenFlags, Row,
    backup::Backup,
    types::{ToSql, ToSqlOutput, ValueRef},
};
use std::{collections::BTreeMap, path::PathBuf, time::Duration};
use tempfile::NamedTempFile;

/// How long a writer is waited for.
const BUSY_LIMIT: Duration = Duration::from_secs(20);

pub(super) fn begin(url: &DatabaseUrl, options: Options) -> Result<Dump, DatabaseError> {
    let url = url.clone();
    writing::begin(move || {
        let source = Source::open(&url)?;
        let draft = draft(&source.connection, &url, &options)?;
        let reading: Reading = Box::new(move |jobs| read(&source, jobs));
        Ok((draft, reading))
    })
}

pub(crate) fn path(url: &DatabaseUrl) -> Result<PathBuf, DatabaseError> {
    let path = url.secret.strip_prefix("sqlite:").ok_or_else(|| DatabaseError::Url {
        url: url.to_string(),
        reason: "it does not begin with `sqlite:`".into(),
    })?;
    Ok(PathBuf::from(path.strip_prefix("//").unwrap_or(path)))
}

pub(crate) fn failed(what: impl Into<String>) -> impl Fn(rusqlite::Error) -> DatabaseError {
    let what = what.into();
    move |source| DatabaseError::DumpSqlite { what: what.clone(), source }
}

pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

struct Source {
    connection: Connection,
    /// Removed with the dump.
    _copy: Option<NamedTempFile>,
}

impl Source {
    /// Opens the file in a read transaction, or a copy of it.
    fn open(url: &DatabaseUrl) -> Result<Self, DatabaseError> {
        let open = |source| DatabaseError::OpenSqlite { place: url.to_string(), source };
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path(url)?, flags).map_err(open)?;
        connection.busy_timeout(BUSY_LIMIT).map_err(open)?;
        let mode = connection.query_row("PRAGMA journal_mode", [], |row| row.get::<_, String>(0));
        if mode.map_err(open)? == "wal" {
            connection.execute_batch("BEGIN").map_err(open)?;
            // The snapshot is taken with the first read, not with BEGIN.
            connection
                .query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
                .map_err(open)?;
            return Ok(Self { connection, _copy: None });
        }
        let copy = NamedTempFile::new();
        let copy =
            copy.map_err(|error| DatabaseError::DumpCut(format!("no place for a copy: {error}")))?;
        let mut private = Connection::open(copy.path()).map_err(open)?;
        let backup = Backup::new(&connection, &mut private).map_err(failed("copy the file"))?;
        backup
            .run_to_completion(i32::MAX, Duration::ZERO, None)
            .map_err(failed("copy the file"))?;
        drop(backup);
        Ok(Self { connection: private, _copy: Some(copy) })
    }
}

fn draft(
    connection: &Connection,
    url: &DatabaseUrl,
    options: &Options,
) -> Result<Draft, DatabaseError> {
    let (shapes, left_out) = catalog(connection)?;
    let dumped: Vec<&str> = shapes.iter().map(|shape| shape.name.as_str()).collect();
    let (schema_pre, schema_post) = schema(connection, &dumped)?;
    let bytes = connection.query_row(
        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
        [],
        |row| row.get::<_, i64>(0),
    );
    let bytes = bytes.map_err(failed("read the size"))?;
    let mut draft = Draft {
        manifest: Manifest {
            format: FORMAT,
            kind: Kind::Sqlite,
            server: format!("SQLite {}", rusqlite::version()),
            database: path(url)?.display().to_string(),
            taken_ms: options.now_ms,
            position: None,
            settings: settings(connection)?,
            tables: Vec::new(),
            sequences: sequences(connection)?,
            files: Vec::new(),
            rights: Vec::new(),
            left_out,
        },
        selects: Vec::new(),
        schema_pre,
        schema_post,
        approximate_bytes: u64::try_from(bytes).ok(),
    };
    for (number, shape) in shapes.into_iter().enumerate() {
        let table = shape.into_table(number);
        if !options.wants(&table) {
            continue;
        }
        let list = |names: &mut dyn Iterator<Item = &String>| {
            names.map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
        };
        let columns = list(&mut table.columns.iter().map(|column| &column.name));
        let order = match table.key.as_slice() {
            [] => String::new(),
            key => format!(" ORDER BY {}", list(&mut key.iter())),
        };
        let statement = format!("SELECT {columns} FROM main.{}{order}", quoted(&table.name));
        draft.selects.push(Select { statement, is_held: false });
        draft.manifest.tables.push(table);
    }
    Ok(draft)
}

/// The tables, and what is none of them and has rows all the same.
fn catalog(connection: &Connection) -> Result<(Vec<Shape>, Vec<String>), DatabaseError> {
    let (mut shapes, mut left_out) = (Vec::new(), Vec::new());
    let list = "SELECT name, type FROM pragma_table_list WHERE schema = 'main' AND \
                name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND \
                name NOT LIKE 'storewarden\\_before\\_%' ESCAPE '\\' ORDER BY name";
    for [name, kind] in texts(connection, list)? {
        match kind.as_str() {
            "table" => shapes.push(shape(connection, name)?),
            "virtual" => left_out.push(format!("{name}: a virtual table, made by its module")),
            _ => {}
        }
    }
    Ok((shapes, left_out))
}

/// The tables, in the order of their names.
pub(crate) fn shapes(connection: &Connection) -> Result<Vec<Shape>, DatabaseError> {
    catalog(connection).map(|(shapes, _)| shapes)
}

fn texts<const N: usize>(
    connection: &Connection,
    statement: &str,
) -> Result<Vec<[String; N]>, DatabaseError> {
    let failed = failed("read the schema");
    let mut prepared = connection.prepare(statement).map_err(&failed)?;
    let mut rows = prepared.query([]).map_err(&failed)?;
    let mut texts = Vec::new();
    while let Some(row) = rows.next().map_err(&failed)? {
        texts.push(std::array::from_fn(|at| text(row, at)));
    }
    Ok(texts)
}

fn text(row: &Row<'_>, at: usize) -> String {
    match row.get_ref(at) {
        Ok(ValueRef::Integer(number)) => number.to_string(),
        Ok(ValueRef::Text(text)) => String::from_utf8_lossy(text).into_owned(),
        _ => String::new(),
    }
}

fn shape(connection: &Connection, name: String) -> Result<Shape, DatabaseError> {
    let table = name.replace('\'', "''");
    let mut shape = Shape { name, ..Shape::default() };
    let mut key = Vec::new();
    let columns = format!("SELECT name, type, pk, hidden FROM pragma_table_xinfo('{table}')");
    for [name, type_name, place, hidden] in texts(connection, &columns)? {
        if hidden == "0" {
            if place != "0" {
                key.push((place.parse::<u32>().unwrap_or(0), name.clone(), type_name.clone()));
            }
            shape.columns.push(Column { name, type_name });
        }
    }
    key.sort();
    // Then it is the number of the row itself, and no other kind of value can be in it.
    if let [(_, _, type_name)] = key.as_slice()
        && type_name.eq_ignore_ascii_case("INTEGER")
    {
        shape.key_order = KeyOrder::Number;
    }
    shape.key = key.into_iter().map(|(_, name, _)| name).collect();
    let indexed = format!(
        "SELECT x.name FROM pragma_index_list('{table}') l, pragma_index_xinfo(l.name) x \
         WHERE x.seqno = 0 AND x.cid >= 0"
    );
    for [column] in texts(connection, &indexed)? {
        shape.looked_up.push(column);
    }
    let foreign = format!(
        "SELECT id, \"table\", \"from\", COALESCE(\"to\", '') FROM pragma_foreign_key_list('{table}') \
         ORDER BY id, seq"
    );
    let mut last = String::new();
    for [id, table, from, to] in texts(connection, &foreign)? {
        if last != id {
            last = id;
            shape.references.push(Reference { table, ..Reference::default() });
        }
        if let Some(reference) = shape.references.last_mut() {
            reference.columns.push(from);
            // Without a name it is the other table's primary key.
            reference.to.extend(Some(to).filter(|to| !to.is_empty()));
        }
    }
    Ok(shape)
}

/// As it stands in the file: tables, and what is made after their rows.
fn schema(connection: &Connection, tables: &[&str]) -> Result<(Vec<u8>, Vec<u8>), DatabaseError> {
    let (mut pre, mut post) = (String::new(), String::new());
    let statement = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL \
                     ORDER BY type = 'trigger', type = 'view', rowid";
    for [kind, name, table, sql] in texts(connection, statement)? {
        match kind.as_str() {
            "table" if tables.contains(&name.as_str()) => pre.push_str(&format!("{sql};\n")),
            "index" if tables.contains(&table.as_str()) => post.push_str(&format!("{sql};\n")),
            "view" | "trigger" => post.push_str(&format!("{sql};\n")),
            _ => {}
        }
    }
    Ok((pre.into_bytes(), post.into_bytes()))
}

fn settings(connection: &Connection) -> Result<BTreeMap<String, String>, DatabaseError> {
    let statement = "SELECT user_version, application_id, encoding FROM pragma_user_version, \
                     pragma_application_id, pragma_encoding";
    let [version, application, encoding] = texts(connection, statement)?.remove(0);
    Ok(BTreeMap::from([
        ("user_version".to_owned(), version),
        ("application_id".to_owned(), application),
        ("encoding".to_owned(), encoding),
    ]))
}

/// The last numbers that AUTOINCREMENT gave, by table.
fn sequences(connection: &Connection) -> Result<Vec<Sequence>, DatabaseError> {
    let there = "SELECT name FROM sqlite_schema WHERE name = 'sqlite_sequence'";
    if texts::<1>(connection, there)?.is_empty() {
        return Ok(Vec::new());
    }
    let rows = texts::<2>(connection, "SELECT name, seq FROM sqlite_sequence ORDER BY name")?;
    let sequence = |[name, value]: [String; 2]| {
        let value = sequence_value(&name, Some(&value))?;
        Ok(Sequence { schema: None, name, value, is_called: true })
    };
    rows.into_iter().map(sequence).collect()
}

fn read(source: &Source, jobs: &Jobs) -> Result<(), DatabaseError> {
    jobs.each(|select, sink| copy(&source.connection, select, sink))
}

fn copy(connection: &Connection, select: &Select, sink: &mut Sink) -> Result<(), DatabaseError> {
    let failed = failed(format!("read table `{}`", sink.table().label()));
    let width = sink.table().columns.len();
    let mut prepared = connection.prepare(&select.statement).map_err(&failed)?;
    let mut rows = prepared.query([]).map_err(&failed)?;
    let mut line = Vec::new();
    let mut value = Vec::new();
    while let Some(row) = rows.next().map_err(&failed)? {
        line.clear();
        for at in 0..width {
            if at > 0 {
                line.push(b'\t');
            }
            value.clear();
            if !push_value(&mut value, row.get_ref(at).map_err(&failed)?) {
                line.extend_from_slice(b"\\N");
                continue;
            }
            line::push_value(&mut line, &value);
        }
        line.push(b'\n');
        sink.row(&line)?;
    }
    Ok(())
}

/// A value with its type; false for NULL.
pub(crate) fn push_value(bytes: &mut Vec<u8>, value: ValueRef<'_>) -> bool {
    match value {
        ValueRef::Null => return false,
        ValueRef::Integer(number) => bytes.extend_from_slice(number.to_string().as_bytes()),
        ValueRef::Real(number) => bytes.extend_from_slice(format!("{number:?}").as_bytes()),
        ValueRef::Text(text) => {
            bytes.push(b'\'');
            bytes.extend_from_slice(text);
        }
        ValueRef::Blob(blob) => {
            bytes.push(b'x');
            bytes.extend_from_slice(blob);
        }
    }
    true
}

/// A field as the database's own types have it.
#[derive(Debug)]
pub(crate) struct Value<'a>(ValueRef<'a>);

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(self.0))
    }
}

/// What a field stands for; `None` when it is nothing that a dump writes.
pub(crate) fn value(field: &Field) -> Option<Value<'_>> {
    let Some(bytes) = field else { return Some(Value(ValueRef::Null)) };
    Some(Value(match bytes.split_first()? {
        (b'\'', text) => ValueRef::Text(text),
        (b'x', bytes) => ValueRef::Blob(bytes),
        _ => {
            let text = std::str::from_utf8(bytes).ok()?;
            match text.parse() {
                Ok(number) => ValueRef::Integer(number),
                Err(_no_integer) => ValueRef::Real(text.parse().ok()?),
            }
        }
    }))
}
