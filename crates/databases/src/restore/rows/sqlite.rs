//! Rows put back in an SQLite file: the restored one is attached and read, what was there is kept in
//! tables of the file itself, for only then are they of one transaction with the rows.
//!
//! Triggers are off for this connection, and foreign keys, which are looked at in the end. Whoever
//! writes waits meanwhile, or gives up after their own time.

use super::{
    KEPT, NOTE, Obstacle, RowCounts, RowsBack,
    job::{Job, Link, Way},
    only_columns, pairs, refused,
    transaction::{
        Deed, Keys, Session, hold, kept_names, note, note_table, noted, set_apart, turn,
    },
};
use crate::{
    DatabaseError,
    dump::{
        Kind, Table,
        sqlite::{failed, path, quoted, shapes},
    },
};
use kernel::config::DatabaseUrl;
use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig, types::ValueRef};
use std::time::Duration;

/// How long somebody who writes is waited for.
const BUSY_LIMIT: Duration = Duration::from_secs(20);

/// Foreign keys are off: values that only one row may have are free before they are needed.
const ORDER: [Deed; 3] = [Deed::Delete, Deed::Update, Deed::Insert];

pub(super) struct Rows {
    connection: Connection,
}

impl Rows {
    fn open(url: &DatabaseUrl) -> Result<Self, DatabaseError> {
        let open = |source| DatabaseError::OpenSqlite { place: url.to_string(), source };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path(url)?, flags).map_err(open)?;
        connection.busy_timeout(BUSY_LIMIT).map_err(open)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).map_err(open)?;
        connection.execute_batch("PRAGMA foreign_keys = OFF").map_err(open)?;
        Ok(Self { connection })
    }

    fn tables(&self) -> Result<Vec<Table>, DatabaseError> {
        let found = shapes(&self.connection)?.into_iter().enumerate();
        Ok(found.map(|(number, shape)| shape.into_table(number)).collect())
    }

    fn attach(&mut self, with: &str) -> Result<(), DatabaseError> {
        let attached = self.connection.execute("ATTACH ?1 AS restored", [with]);
        attached.map(drop).map_err(failed("look into the restored file"))
    }

    fn look(&mut self, of: &RowsBack) -> Result<Option<Vec<RowCounts>>, DatabaseError> {
        let there = "SELECT count(*) FROM sqlite_schema WHERE name = ?1";
        let count = self.connection.query_row(there, [plain(of, NOTE)], |row| row.get::<_, i64>(0));
        if count.map_err(failed("look for what was done"))? == 0 {
            return Ok(None);
        }
        match noted(self, &kept(of, NOTE))? {
            (Some(mark), counts) if mark == of.mark => Ok(Some(counts)),
            _ => Err(DatabaseError::NameTaken(plain(of, NOTE))),
        }
    }

    /// The whole of it, or nothing.
    fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        self.run("wait for whoever writes", "BEGIN IMMEDIATE").map_err(by_others)?;
        // Dropped without its commit, the connection takes everything back.
        let done = work(self)?;
        self.run("keep the rows", "COMMIT")?;
        Ok(done)
    }
}

impl Session for Rows {
    const KIND: Kind = Kind::Sqlite;

    fn run(&mut self, what: &str, statement: &str) -> Result<(), DatabaseError> {
        self.connection.execute_batch(statement).map_err(failed(what))
    }

    fn texts(
        &mut self,
        what: &str,
        statement: &str,
    ) -> Result<Vec<Vec<Option<String>>>, DatabaseError> {
        let failed = failed(what);
        let mut prepared = self.connection.prepare(statement).map_err(&failed)?;
        let width = prepared.column_count();
        let mut rows = prepared.query([]).map_err(&failed)?;
        let mut texts = Vec::new();
        while let Some(row) = rows.next().map_err(&failed)? {
            let text = |at| match row.get_ref(at) {
                Ok(ValueRef::Integer(number)) => Some(number.to_string()),
                Ok(ValueRef::Text(text)) => Some(String::from_utf8_lossy(text).into_owned()),
                _ => None,
            };
            texts.push((0..width).map(text).collect());
        }
        Ok(texts)
    }
}

fn plain(of: &RowsBack, name: &str) -> String {
    format!("{KEPT}{}_{name}", of.kept)
}

fn kept(of: &RowsBack, name: &str) -> String {
    format!("main.{}", quoted(&plain(of, name)))
}

fn jobs(of: &RowsBack, pairs: &[(&Table, &Table)]) -> Vec<Job> {
    let job = |(number, (from, live)): (usize, &(&Table, &Table))| {
        let [old, new] = kept_names(number + 1).map(|name| kept(of, &name));
        let stage = format!("restored.{}", quoted(&from.name));
        Job::new(Kind::Sqlite, from, live, [stage, old, new])
    };
    pairs.iter().enumerate().map(job).collect()
}

pub(super) fn check(
    live: &DatabaseUrl,
    restored: &[Table],
    tables: &[String],
) -> Result<(), DatabaseError> {
    pairs(restored, &Rows::open(live)?.tables()?, tables).map(drop)
}

pub(super) fn look(of: &RowsBack) -> Result<Option<Vec<RowCounts>>, DatabaseError> {
    Rows::open(&of.live)?.look(of)
}

pub(super) fn put(
    of: &RowsBack,
    with: &str,
    tables: &[String],
    exact: bool,
) -> Result<Vec<RowCounts>, DatabaseError> {
    let mut session = Rows::open(&of.live)?;
    session.attach(with)?;
    let beside = DatabaseUrl { kind: of.live.kind, secret: format!("sqlite:{with}") };
    let restored = Rows::open(&beside)?.tables()?;
    session.transaction(|session| {
        if let Some(done) = session.look(of)? {
            return Ok(done);
        }
        let live = session.tables()?;
        let pairs = pairs(&restored, &live, tables)?;
        let jobs = jobs(of, &pairs);
        let links = Link::of(Kind::Sqlite, &live, &jobs);
        for (number, job) in jobs.iter().enumerate() {
            let [old, new] = kept_names(number + 1).map(|name| plain(of, &name));
            for name in [old, new] {
                session.run("make tables for the rows that were there", &make(job, &name))?;
            }
        }
        let counts = set_apart(session, &jobs, exact)?;
        turn(session, (&jobs, &links), Way::Forth, Keys::Off, ORDER)
            .map_err(|error| by_constraint(error, &jobs))?;
        hold(session, &jobs)?;
        session.run("note what was done", &note_table(&kept(of, NOTE)))?;
        note(session, &kept(of, NOTE), &of.mark, &counts)?;
        Ok(counts)
    })
}

/// A table like the live one, with its key.
fn make(job: &Job, name: &str) -> String {
    let (names, key) = (job.names(), job.key.join(", "));
    let (table, index) = (quoted(name), quoted(&format!("{name}_key")));
    format!(
        "CREATE TABLE main.{table} AS SELECT {names} FROM {} WHERE 0; \
         CREATE UNIQUE INDEX main.{index} ON {table} ({key})",
        job.live
    )
}

pub(super) fn take_back(of: &RowsBack) -> Result<(), DatabaseError> {
    let mut session = Rows::open(&of.live)?;
    session.transaction(|session| {
        let Some(done) = session.look(of)? else { return Ok(()) };
        let live = session.tables()?;
        let names: Vec<String> = done.into_iter().map(|counts| counts.table).collect();
        let mut kept_tables = Vec::new();
        for (number, (_, table)) in pairs(&live, &live, &names)?.into_iter().enumerate() {
            let [old, _] = kept_names(number + 1).map(|name| plain(of, &name).replace('\'', "''"));
            let columns = format!("SELECT name FROM pragma_table_info('{old}')");
            let columns = session.texts("read what was kept", &columns)?;
            let columns: Vec<String> = columns.into_iter().flatten().flatten().collect();
            kept_tables.push(only_columns(table, &columns)?);
        }
        let pairs = pairs(&kept_tables, &live, &names)?;
        let jobs = jobs(of, &pairs);
        let links = Link::of(Kind::Sqlite, &live, &jobs);
        turn(session, (&jobs, &links), Way::Back, Keys::Off, ORDER)
            .map_err(|error| by_constraint(error, &jobs))?;
        for job in &jobs {
            for name in [&job.old, &job.new] {
                session.run("forget what was kept", &format!("DROP TABLE {name}"))?;
            }
        }
        session.run("forget what was kept", &format!("DROP TABLE {}", kept(of, NOTE)))
    })
}

/// Somebody who writes has it for longer than is waited.
fn by_others(error: DatabaseError) -> DatabaseError {
    match &error {
        DatabaseError::DumpSqlite { source, .. }
            if source.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) =>
        {
            refused("the file", Obstacle::Busy, &source.to_string())
        }
        _ => error,
    }
}

/// What a constraint refuses, in SQLite's words.
fn by_constraint(error: DatabaseError, jobs: &[Job]) -> DatabaseError {
    let DatabaseError::DumpSqlite { source, .. } = &error else { return error };
    if source.sqlite_error_code() != Some(ErrorCode::ConstraintViolation) {
        return error;
    }
    refused(&jobs[0].label, Obstacle::Constraint, &source.to_string())
}
