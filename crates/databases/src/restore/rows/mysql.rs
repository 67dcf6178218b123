//! Rows put back in MariaDB and MySQL: the restored database lies on the same server, and what was
//! there is kept in one more. Its tables are made before, for making one ends a transaction; what is
//! in them is written with the rows themselves.
//!
//! Foreign keys are off meanwhile, so nothing goes by a cascade, and looked at in the end. Readers go
//! on; whoever writes into the tables waits for their rows.

use super::{
    NOTE, Obstacle, RowCounts, RowsBack,
    job::{Job, Link, Way, quoted},
    only_columns, pairs, refused,
    transaction::{
        Deed, Keys, Session, hold, kept_names, note, note_table, noted, set_apart, turn,
    },
};
use crate::{
    DatabaseError,
    dump::{
        Kind, Table,
        mysql::{connect, execute, literal, shapes, texts},
        postgres::runtime,
    },
    restore::{name_of, with_name},
};
use kernel::config::DatabaseUrl;
use mysql_async::Conn;
use std::{
    thread,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

const BETWEEN_TRIES: Duration = Duration::from_millis(100);
/// How long rows are asked for without waiting: who waits with rows in hand may end up in a circle,
/// which the server ends by ending somebody of the shop.
const LOCK_LIMIT: Duration = Duration::from_secs(30);
/// Whoever was killed may still be at work on the server.
const OTHERS_LIMIT_S: u32 = 600;
/// The same, for whoever only wants to see.
const LOOK_LIMIT_S: u32 = 10;
/// ER_LOCK_WAIT_TIMEOUT, ER_LOCK_DEADLOCK, ER_LOCK_NOWAIT of MySQL (MariaDB manual, error codes).
const BUSY: [u16; 3] = [1205, 1213, 3572];
/// Values come as they were stored, and nothing is changed on the way. What does not fit is found out
/// afterwards.
const MANNERS: &str = "SET SESSION foreign_key_checks = 0, time_zone = '+00:00', \
    sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', net_write_timeout = 86400, \
    net_read_timeout = 86400, wait_timeout = 86400, lock_wait_timeout = 20, \
    innodb_lock_wait_timeout = 10";

/// Foreign keys are off: values that only one row may have are free before they are needed.
const ORDER: [Deed; 3] = [Deed::Delete, Deed::Update, Deed::Insert];

pub(super) struct Rows {
    conn: Conn,
    runtime: Runtime,
}

impl Rows {
    fn connect(url: &DatabaseUrl) -> Result<Self, DatabaseError> {
        let runtime = runtime()?;
        let conn = runtime.block_on(connect(url))?;
        let mut rows = Self { conn, runtime };
        for statement in [
            "SET NAMES utf8mb4",
            MANNERS,
            "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        ] {
            rows.run("set up the session", statement)?;
        }
        Ok(rows)
    }

    fn tables(&mut self) -> Result<Vec<Table>, DatabaseError> {
        let found = self.runtime.block_on(shapes(&mut self.conn))?;
        Ok(found.into_iter().enumerate().map(|(number, shape)| shape.into_table(number)).collect())
    }

    /// One at a time.
    fn alone(&mut self, of: &RowsBack, limit_s: u32) -> Result<(), DatabaseError> {
        let what = "wait for whoever puts rows back";
        // Names of locks have 64 characters.
        let wait =
            format!("SELECT GET_LOCK(SHA2({}, 256), {limit_s})", literal(&kept_database(of)));
        match self.count(what, &wait)? {
            1 => Ok(()),
            _ => Err(refused(&of.kept, Obstacle::Busy, what)),
        }
    }

    fn look(&mut self, of: &RowsBack) -> Result<Kept, DatabaseError> {
        let (what, name) = ("look for what was done", kept_database(of));
        let list = format!(
            "SELECT t.TABLE_NAME FROM information_schema.SCHEMATA s \
             LEFT JOIN information_schema.TABLES t ON t.TABLE_SCHEMA = s.SCHEMA_NAME \
             WHERE s.SCHEMA_NAME = {}",
            literal(&name)
        );
        let rows = self.texts(what, &list)?;
        if rows.is_empty() {
            return Ok(Kept::Nothing);
        }
        let names: Vec<String> = rows.into_iter().flatten().flatten().collect();
        if names.is_empty() {
            return Ok(Kept::Begun);
        }
        if !names.iter().any(|name| name == NOTE) {
            return Err(DatabaseError::NameTaken(name));
        }
        match noted(self, &kept(of, NOTE))? {
            (None, _) => Ok(Kept::Begun),
            (Some(mark), counts) if mark == of.mark => Ok(Kept::Done(counts)),
            (Some(_others), _) => Err(DatabaseError::NameTaken(name)),
        }
    }

    /// The database for what was there, with empty tables.
    fn make(&mut self, of: &RowsBack, jobs: &[Job]) -> Result<(), DatabaseError> {
        let (what, name) = ("make a database for the rows that were there", kept_database(of));
        let name = quoted(Kind::MySql, &name);
        self.forget(of)?;
        self.run(what, &format!("CREATE DATABASE {name}"))?;
        self.run(what, &format!("{} ENGINE = InnoDB", note_table(&kept(of, NOTE))))?;
        for job in jobs {
            for name in [&job.old, &job.new] {
                self.run(what, &format!("CREATE TABLE {name} LIKE {}", job.live))?;
            }
        }
        Ok(())
    }

    /// Begins, and has every row of the tables: nobody else writes into them from here on.
    fn lock(&mut self, jobs: &[Job]) -> Result<(), DatabaseError> {
        let what = "wait for whoever writes into the tables";
        let begun = Instant::now();
        loop {
            self.run(what, "START TRANSACTION")?;
            let tried = jobs.iter().try_for_each(|job| {
                let all = format!("SELECT count(*) FROM {} FOR UPDATE NOWAIT", job.live);
                self.count(what, &all).map(drop)
            });
            match tried {
                Ok(()) => return Ok(()),
                Err(error) if !is_busy(&error) => return Err(error),
                Err(_) if begun.elapsed() > LOCK_LIMIT => {
                    return Err(refused(&jobs[0].label, Obstacle::Busy, what));
                }
                Err(_) => {
                    self.run(what, "ROLLBACK")?;
                    thread::sleep(BETWEEN_TRIES);
                }
            }
        }
    }

    /// Tables that could not be changed all or not at all, or not without something else happening.
    fn refuse(&mut self, pairs: &[(&Table, &Table)]) -> Result<(), DatabaseError> {
        let what = "look whether the tables can be changed";
        for (_, table) in pairs {
            let name = literal(&table.name);
            let engine = format!(
                "SELECT t.ENGINE FROM information_schema.TABLES t JOIN information_schema.ENGINES e \
                 ON e.ENGINE = t.ENGINE WHERE t.TABLE_SCHEMA = DATABASE() AND t.TABLE_NAME = {name} \
                 AND e.TRANSACTIONS <> 'YES'"
            );
            if let Some(engine) = self.texts(what, &engine)?.into_iter().flatten().flatten().next()
            {
                return Err(refused(&table.name, Obstacle::NoTransactions, &engine));
            }
            let trigger = format!(
                "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE \
                 EVENT_OBJECT_SCHEMA = DATABASE() AND EVENT_OBJECT_TABLE = {name}"
            );
            if let Some(name) = self.texts(what, &trigger)?.into_iter().flatten().flatten().next() {
                return Err(refused(&table.name, Obstacle::Triggers, &name));
            }
        }
        Ok(())
    }

    /// The note goes last: as long as there is something, it says whose that is.
    fn forget(&mut self, of: &RowsBack) -> Result<(), DatabaseError> {
        let (what, name) = ("forget what was kept", kept_database(of));
        let list = format!(
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND \
             TABLE_NAME <> {}",
            literal(&name),
            literal(NOTE)
        );
        for table in self.texts(what, &list)?.into_iter().flatten().flatten() {
            self.run(what, &format!("DROP TABLE {}", kept(of, &table)))?;
        }
        let name = quoted(Kind::MySql, &name);
        self.run(what, &format!("DROP DATABASE IF EXISTS {name}"))
    }
}

impl Session for Rows {
    const KIND: Kind = Kind::MySql;

    fn run(&mut self, what: &str, statement: &str) -> Result<(), DatabaseError> {
        self.runtime.block_on(execute(&mut self.conn, what, statement))
    }

    fn texts(
        &mut self,
        what: &str,
        statement: &str,
    ) -> Result<Vec<Vec<Option<String>>>, DatabaseError> {
        self.runtime.block_on(texts(&mut self.conn, what, statement))
    }
}

/// What there is of the database that keeps rows.
enum Kept {
    Nothing,
    Begun,
    Done(Vec<RowCounts>),
}

/// Of another name than a whole database that made room for one that came back.
fn kept_database(of: &RowsBack) -> String {
    let mut short = name_of(&of.live);
    // Servers take 64 characters.
    while short.chars().count() > 64 - "_rows_before_".len() - of.kept.len() {
        short.pop();
    }
    format!("{short}_rows_before_{}", of.kept)
}

fn kept(of: &RowsBack, name: &str) -> String {
    format!("{}.{}", quoted(Kind::MySql, &kept_database(of)), quoted(Kind::MySql, name))
}

fn jobs(of: &RowsBack, with: &str, pairs: &[(&Table, &Table)]) -> Vec<Job> {
    let job = |(number, (from, live)): (usize, &(&Table, &Table))| {
        let [old, new] = kept_names(number + 1).map(|name| kept(of, &name));
        let stage = format!("{}.{}", quoted(Kind::MySql, with), quoted(Kind::MySql, &from.name));
        Job::new(Kind::MySql, from, live, [stage, old, new])
    };
    pairs.iter().enumerate().map(job).collect()
}

pub(super) fn check(
    live: &DatabaseUrl,
    restored: &[Table],
    tables: &[String],
) -> Result<(), DatabaseError> {
    let mut session = Rows::connect(live)?;
    let live = session.tables()?;
    session.refuse(&pairs(restored, &live, tables)?)
}

pub(super) fn look(of: &RowsBack) -> Result<Option<Vec<RowCounts>>, DatabaseError> {
    let mut session = Rows::connect(&of.live)?;
    session.alone(of, LOOK_LIMIT_S)?;
    match session.look(of)? {
        Kept::Done(counts) => Ok(Some(counts)),
        Kept::Nothing | Kept::Begun => Ok(None),
    }
}

pub(super) fn put(
    of: &RowsBack,
    with: &str,
    tables: &[String],
    exact: bool,
) -> Result<Vec<RowCounts>, DatabaseError> {
    let mut session = Rows::connect(&of.live)?;
    session.alone(of, OTHERS_LIMIT_S)?;
    if let Kept::Done(done) = session.look(of)? {
        return Ok(done);
    }
    let restored = Rows::connect(&with_name(&of.live, with))?.tables()?;
    let live = session.tables()?;
    let pairs = pairs(&restored, &live, tables)?;
    session.refuse(&pairs)?;
    let jobs = jobs(of, with, &pairs);
    let links = Link::of(Kind::MySql, &live, &jobs);
    session.make(of, &jobs)?;
    session.lock(&jobs)?;
    // Whatever fails from here on, the connection ends with it, and the transaction with that.
    let counts = set_apart(&mut session, &jobs, exact)?;
    turn(&mut session, (&jobs, &links), Way::Forth, Keys::Off, ORDER)
        .map_err(|error| by_constraint(error, &jobs))?;
    hold(&mut session, &jobs)?;
    note(&mut session, &kept(of, NOTE), &of.mark, &counts)?;
    session.run("keep the rows", "COMMIT")?;
    Ok(counts)
}

pub(super) fn take_back(of: &RowsBack) -> Result<(), DatabaseError> {
    let mut session = Rows::connect(&of.live)?;
    session.alone(of, OTHERS_LIMIT_S)?;
    let done = match session.look(of)? {
        Kept::Nothing => return Ok(()),
        Kept::Begun => return session.forget(of),
        Kept::Done(done) => done,
    };
    let live = session.tables()?;
    let names: Vec<String> = done.into_iter().map(|counts| counts.table).collect();
    let mut kept_tables = Vec::new();
    for (number, (_, table)) in pairs(&live, &live, &names)?.into_iter().enumerate() {
        let [old, _] = kept_names(number + 1);
        let statement = format!(
            "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {} AND \
             TABLE_NAME = {} AND EXTRA NOT LIKE '%GENERATED%'",
            literal(&kept_database(of)),
            literal(&old)
        );
        let columns = session.texts("read what was kept", &statement)?;
        let columns: Vec<String> = columns.into_iter().flatten().flatten().collect();
        kept_tables.push(only_columns(table, &columns)?);
    }
    let pairs = pairs(&kept_tables, &live, &names)?;
    session.refuse(&pairs)?;
    let jobs = jobs(of, "", &pairs);
    let links = Link::of(Kind::MySql, &live, &jobs);
    session.lock(&jobs)?;
    turn(&mut session, (&jobs, &links), Way::Back, Keys::Off, ORDER)
        .map_err(|error| by_constraint(error, &jobs))?;
    // Once it is over there is nothing to be done again.
    session.run("forget what was done", &format!("DELETE FROM {}", kept(of, NOTE)))?;
    session.run("keep what was taken back", "COMMIT")?;
    session.forget(of)
}

fn is_busy(error: &DatabaseError) -> bool {
    let DatabaseError::DumpMySql { source: mysql_async::Error::Server(said), .. } = error else {
        return false;
    };
    BUSY.contains(&said.code)
}

/// A duplicate of a unique key, in the words of the server (ER_DUP_ENTRY, ER_CONSTRAINT_FAILED).
fn by_constraint(error: DatabaseError, jobs: &[Job]) -> DatabaseError {
    let DatabaseError::DumpMySql { source: mysql_async::Error::Server(said), .. } = &error else {
        return error;
    };
    if ![1062, 4025, 3819].contains(&said.code) {
        return error;
    }
    refused(&jobs[0].label, Obstacle::Constraint, &said.message)
}
