//! Rows put back in PostgreSQL: what is restored comes over in temporary tables, what was there stays
//! in a schema of its own, which is made in the same transaction.
//!
//! Readers go on. Whoever writes waits: the lock that keeps them out is asked for in short tries, each
//! shorter than the time after which the server looks for circles, so nobody of the shop is ended.

use super::{
    KEPT, NOTE, Obstacle, RowCounts, RowsBack,
    job::{Job, Link, Way, quoted as quoted_in},
    pairs, refused,
    transaction::{
        Deed, Keys, Session, hold, kept_names, note, note_table, noted, set_apart, turn,
    },
};
use crate::{
    DatabaseError,
    dump::{
        Kind, Table,
        postgres::{
            MANNERS, Session as Connection, config, connect, execute, literal, qualified, quoted,
            runtime, shapes,
        },
    },
    restore::with_name,
};
use futures_util::{SinkExt, StreamExt};
use kernel::config::DatabaseUrl;
use std::{
    pin::pin,
    thread,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;
use tokio_postgres::{SimpleQueryMessage, error::SqlState};

/// Less than `deadlock_timeout` as servers are installed.
const TRY_LOCK: Duration = Duration::from_millis(500);
const BETWEEN_TRIES: Duration = Duration::from_millis(100);
/// How long the tables' lock is asked for, again and again.
const LOCK_LIMIT: Duration = Duration::from_secs(30);

const ORDERS: [[Deed; 3]; 3] = [
    [Deed::Delete, Deed::Insert, Deed::Update],
    [Deed::Insert, Deed::Update, Deed::Delete],
    [Deed::Delete, Deed::Update, Deed::Insert],
];

pub(super) struct Rows {
    connection: Connection,
    runtime: Runtime,
}

impl Rows {
    fn connect(url: &DatabaseUrl) -> Result<Self, DatabaseError> {
        let runtime = runtime()?;
        let connection = runtime.block_on(async { connect(url, &config(url)?).await })?;
        let mut rows = Self { connection, runtime };
        rows.run("set up the session", MANNERS)?;
        Ok(rows)
    }

    fn tables(&self) -> Result<Vec<Table>, DatabaseError> {
        let found = self.runtime.block_on(shapes(&self.connection.client))?;
        Ok(found.into_iter().enumerate().map(|(number, shape)| shape.into_table(number)).collect())
    }

    /// One at a time. Somebody who was killed may still be at work on the server.
    fn alone(&mut self, of: &RowsBack) -> Result<(), DatabaseError> {
        let wait = format!("SELECT pg_advisory_lock(hashtext({}))", literal(&schema(of)));
        self.run("wait for whoever puts rows back", &wait)
    }

    /// What the note says.
    fn look(&mut self, of: &RowsBack) -> Result<Option<Vec<RowCounts>>, DatabaseError> {
        let name = schema(of);
        let there = format!("SELECT 1 FROM pg_namespace WHERE nspname = {}", literal(&name));
        if self.texts("look for what was done", &there)?.is_empty() {
            return Ok(None);
        }
        let table = format!("SELECT to_regclass({})", literal(&kept(of, NOTE)));
        let found = self.texts("look for what was done", &table)?;
        if found.into_iter().flatten().flatten().next().is_none() {
            return Err(DatabaseError::NameTaken(name));
        }
        match noted(self, &kept(of, NOTE))? {
            (Some(mark), counts) if mark == of.mark => Ok(Some(counts)),
            _ => Err(DatabaseError::NameTaken(name)),
        }
    }

    /// Nobody else writes into the tables from here on, nor, where rows go, into those that refer to
    /// them.
    fn lock(&mut self, jobs: &[Job], links: &[Link], rows_go: bool) -> Result<(), DatabaseError> {
        let what = "wait for whoever writes into the tables";
        let mut tables: Vec<&str> = jobs.iter().map(|job| job.live_only.as_str()).collect();
        let of_others = links.iter().filter(|link| rows_go && link.child_job.is_none());
        tables.extend(of_others.map(|link| link.child.as_str()));
        let lock = format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", tables.join(", "));
        let limit = format!("SET LOCAL lock_timeout = {}", TRY_LOCK.as_millis());
        self.run(what, &format!("SAVEPOINT quiet; {limit}"))?;
        let begun = Instant::now();
        loop {
            match self.run(what, &lock) {
                Ok(()) => return self.run(what, "SET LOCAL lock_timeout = '10s'"),
                Err(error) if !is_busy(&error) => return Err(error),
                Err(_) if begun.elapsed() > LOCK_LIMIT => {
                    return Err(refused(&jobs[0].label, Obstacle::Busy, &tables.join(", ")));
                }
                Err(_) => {
                    self.run(what, &format!("ROLLBACK TO SAVEPOINT quiet; {limit}"))?;
                    thread::sleep(BETWEEN_TRIES);
                }
            }
        }
    }

    /// Turns the shop's own triggers off, and gives what turns them on again, each as it was.
    fn quiet_triggers(&mut self, jobs: &[Job]) -> Result<Vec<String>, DatabaseError> {
        let what = "turn triggers off";
        let mut again = Vec::new();
        for job in jobs {
            let statement = format!(
                "SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = {}::regclass AND \
                 NOT tgisinternal AND tgenabled <> 'D'",
                literal(&job.live)
            );
            for row in self.texts(what, &statement)? {
                let [name, how] = row.try_into().unwrap_or_default();
                let name = quoted(&name.unwrap_or_default());
                let enable = match how.as_deref() {
                    Some("R") => "ENABLE REPLICA",
                    Some("A") => "ENABLE ALWAYS",
                    _ => "ENABLE",
                };
                again.push(format!("ALTER TABLE {} {enable} TRIGGER {name}", job.live_only));
                let off = format!("ALTER TABLE {} DISABLE TRIGGER {name}", job.live_only);
                self.run(what, &off)?;
            }
        }
        Ok(again)
    }

    /// Rows that go, or are changed, may have what others need, or be needed by them until those are
    /// changed: one order is tried after the other, and the first one's refusal told.
    fn turn(&mut self, jobs: &[Job], links: &[Link], way: Way) -> Result<(), DatabaseError> {
        let what = "change rows";
        self.run(what, "SET CONSTRAINTS ALL DEFERRED; SAVEPOINT before")?;
        let mut first = None;
        for order in ORDERS {
            let done = turn(self, (jobs, links), way, Keys::Held, order).and_then(|()| {
                self.run("look whether foreign keys hold", "SET CONSTRAINTS ALL IMMEDIATE")
            });
            let Err(error) = done else { return Ok(()) };
            first = first.or(Some(error));
            self.run(what, "ROLLBACK TO SAVEPOINT before")?;
        }
        Err(by_constraint(first.expect("invariant: one was tried"), jobs))
    }

    /// Numbers that were given out by now are not given again.
    fn forward_sequences(&mut self, jobs: &[Job], live: &[Table]) -> Result<(), DatabaseError> {
        let what = "set sequences forward";
        for job in jobs {
            let table = live.iter().find(|table| table.label() == job.label);
            for column in table.into_iter().flat_map(|table| &table.columns) {
                let owned = format!(
                    "SELECT pg_get_serial_sequence({}, {})",
                    literal(&job.live),
                    literal(&column.name)
                );
                let found = self.texts(what, &owned)?.into_iter().flatten().flatten().next();
                let Some(sequence) = found else { continue };
                let forward = format!(
                    "SELECT setval({}, m) FROM (SELECT max({}) AS m FROM {}) x \
                     WHERE m > (SELECT last_value FROM {sequence})",
                    literal(&sequence),
                    quoted(&column.name),
                    job.live_only
                );
                self.texts(what, &forward)?;
            }
        }
        Ok(())
    }

    /// The restored database and its tables. One runtime drives both connections, for rows go from the
    /// one to the other.
    fn beside(&self, url: &DatabaseUrl) -> Result<(Connection, Vec<Table>), DatabaseError> {
        self.runtime.block_on(async {
            let connection = connect(url, &config(url)?).await?;
            execute(&connection.client, "set up the session", MANNERS).await?;
            let found = shapes(&connection.client).await?.into_iter().enumerate();
            Ok((connection, found.map(|(number, shape)| shape.into_table(number)).collect()))
        })
    }

    /// Columns that the server lets nobody change.
    fn fix_columns(&mut self, jobs: &mut [Job]) -> Result<(), DatabaseError> {
        for job in jobs {
            let statement = format!(
                "SELECT attname FROM pg_attribute WHERE attrelid = {}::regclass AND attidentity = 'a'",
                literal(&job.live)
            );
            let names = self.texts("read columns", &statement)?;
            job.fixed = names.into_iter().flatten().flatten().map(|name| quoted(&name)).collect();
        }
        Ok(())
    }

    /// The restored rows, from the other database into a temporary table here.
    fn fetch(&mut self, from: &Connection, job: &Job, table: &Table) -> Result<(), DatabaseError> {
        let what = format!("fetch the restored rows of `{}`", job.label);
        let (names, key) = (job.names(), job.key.join(", "));
        for (name, temporary) in [(&job.stage, "TEMPORARY "), (&job.old, ""), (&job.new, "")] {
            let ends = if temporary.is_empty() { "" } else { " ON COMMIT DROP" };
            let name = name.strip_prefix("pg_temp.").unwrap_or(name);
            let make = format!(
                "CREATE {temporary}TABLE {name}{ends} AS SELECT {names} FROM {} WITH NO DATA",
                job.live_only
            );
            self.run(&what, &make)?;
        }
        let failed = |source| DatabaseError::DumpPostgres { what: what.clone(), source };
        let source = qualified(table.schema.as_deref(), &table.name);
        self.runtime.block_on(async {
            let out = format!("COPY (SELECT {names} FROM ONLY {source}) TO STDOUT");
            let rows = from.client.copy_out(&out).await.map_err(failed)?;
            let into = format!("COPY {} ({names}) FROM STDIN", job.stage);
            let sink = self.connection.client.copy_in(&into).await.map_err(failed)?;
            let (mut rows, mut sink) = (pin!(rows), pin!(sink));
            while let Some(some) = rows.next().await {
                sink.send(some.map_err(failed)?).await.map_err(failed)?;
            }
            sink.finish().await.map_err(failed)
        })?;
        for name in [&job.stage, &job.old, &job.new] {
            self.run(&what, &format!("ALTER TABLE {name} ADD PRIMARY KEY ({key})"))?;
        }
        self.run(&what, &format!("ANALYZE {}", job.stage))
    }
}

impl Session for Rows {
    const KIND: Kind = Kind::Postgres;

    fn run(&mut self, what: &str, statement: &str) -> Result<(), DatabaseError> {
        let done = self.connection.client.batch_execute(statement);
        let done = self.runtime.block_on(done);
        done.map_err(|source| DatabaseError::DumpPostgres { what: what.to_owned(), source })
    }

    fn texts(
        &mut self,
        what: &str,
        statement: &str,
    ) -> Result<Vec<Vec<Option<String>>>, DatabaseError> {
        let answer = self.runtime.block_on(self.connection.client.simple_query(statement));
        let failed = |source| DatabaseError::DumpPostgres { what: what.to_owned(), source };
        let row = |message: SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect())
            }
            _ => None,
        };
        Ok(answer.map_err(failed)?.into_iter().filter_map(row).collect())
    }
}

fn schema(of: &RowsBack) -> String {
    format!("{KEPT}{}", of.kept)
}

fn kept(of: &RowsBack, name: &str) -> String {
    qualified(Some(&schema(of)), name)
}

fn jobs(of: &RowsBack, pairs: &[(&Table, &Table)]) -> Vec<Job> {
    let job = |(number, (from, live)): (usize, &(&Table, &Table))| {
        let [old, new] = kept_names(number + 1).map(|name| kept(of, &name));
        let stage = format!("pg_temp.{}", quoted_in(Kind::Postgres, &format!("stage_{number}")));
        Job::new(Kind::Postgres, from, live, [stage, old, new])
    };
    pairs.iter().enumerate().map(job).collect()
}

pub(super) fn check(
    live: &DatabaseUrl,
    restored: &[Table],
    tables: &[String],
) -> Result<(), DatabaseError> {
    pairs(restored, &Rows::connect(live)?.tables()?, tables).map(drop)
}

pub(super) fn look(of: &RowsBack) -> Result<Option<Vec<RowCounts>>, DatabaseError> {
    Rows::connect(&of.live)?.look(of)
}

pub(super) fn put(
    of: &RowsBack,
    with: &str,
    tables: &[String],
    exact: bool,
) -> Result<Vec<RowCounts>, DatabaseError> {
    let mut session = Rows::connect(&of.live)?;
    session.alone(of)?;
    if let Some(done) = session.look(of)? {
        return Ok(done);
    }
    let (from, restored) = session.beside(&with_name(&of.live, with))?;
    let live = session.tables()?;
    let pairs = pairs(&restored, &live, tables)?;
    let mut jobs = jobs(of, &pairs);
    session.fix_columns(&mut jobs)?;
    let links = Link::of(Kind::Postgres, &live, &jobs);
    // Whatever fails from here on, the connection ends with it, and the transaction with that.
    let schema = quoted(&schema(of));
    session.run("begin to put rows back", &format!("BEGIN; CREATE SCHEMA {schema}"))?;
    for (job, (table, _)) in jobs.iter().zip(&pairs) {
        session.fetch(&from, job, table)?;
    }
    session.run("note what was done", &note_table(&kept(of, NOTE)))?;
    session.lock(&jobs, &links, exact)?;
    let triggers = session.quiet_triggers(&jobs)?;
    let counts = set_apart(&mut session, &jobs, exact)?;
    session.turn(&jobs, &links, Way::Forth)?;
    hold(&mut session, &jobs)?;
    finish(&mut session, &jobs, &live, &triggers)?;
    note(&mut session, &kept(of, NOTE), &of.mark, &counts)?;
    session.run("keep the rows", "COMMIT")?;
    Ok(counts)
}

fn finish(
    session: &mut Rows,
    jobs: &[Job],
    live: &[Table],
    triggers: &[String],
) -> Result<(), DatabaseError> {
    for trigger in triggers {
        session.run("turn triggers on again", trigger)?;
    }
    session.forward_sequences(jobs, live)
}

pub(super) fn take_back(of: &RowsBack) -> Result<(), DatabaseError> {
    let mut session = Rows::connect(&of.live)?;
    session.alone(of)?;
    let Some(done) = session.look(of)? else { return Ok(()) };
    let live = session.tables()?;
    let names: Vec<String> = done.into_iter().map(|counts| counts.table).collect();
    let mut pairs = pairs(&live, &live, &names)?;
    let kept_columns = session.kept_tables(of, &pairs)?;
    for ((from, _), columns) in pairs.iter_mut().zip(&kept_columns) {
        *from = columns;
    }
    let mut jobs = jobs(of, &pairs);
    session.fix_columns(&mut jobs)?;
    let links = Link::of(Kind::Postgres, &live, &jobs);
    session.run("begin to take rows back", "BEGIN")?;
    session.lock(&jobs, &links, true)?;
    let triggers = session.quiet_triggers(&jobs)?;
    session.turn(&jobs, &links, Way::Back)?;
    finish(&mut session, &jobs, &live, &triggers)?;
    let drop = format!("DROP SCHEMA {} CASCADE; COMMIT", quoted(&schema(of)));
    session.run("keep what was taken back", &drop)
}

impl Rows {
    /// The live tables, with the columns that were kept of them.
    fn kept_tables(
        &mut self,
        of: &RowsBack,
        pairs: &[(&Table, &Table)],
    ) -> Result<Vec<Table>, DatabaseError> {
        let mut tables = Vec::new();
        for (number, (_, live)) in pairs.iter().enumerate() {
            let [old, _] = kept_names(number + 1).map(|name| kept(of, &name));
            let statement = format!(
                "SELECT attname FROM pg_attribute WHERE attrelid = {}::regclass AND attnum > 0",
                literal(&old)
            );
            let names = self.texts("read what was kept", &statement)?;
            let names: Vec<String> = names.into_iter().flatten().flatten().collect();
            tables.push(super::only_columns(live, &names)?);
        }
        Ok(tables)
    }
}

fn is_busy(error: &DatabaseError) -> bool {
    let DatabaseError::DumpPostgres { source, .. } = error else { return false };
    source.code().is_some_and(|code| {
        [SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED].contains(code)
    })
}

/// What a constraint refuses, in the words of the server.
fn by_constraint(error: DatabaseError, jobs: &[Job]) -> DatabaseError {
    let DatabaseError::DumpPostgres { source, .. } = &error else { return error };
    let Some(said) = source.as_db_error().filter(|said| said.constraint().is_some()) else {
        return error;
    };
    let detail = said.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    let what = format!("{}{detail}", said.message());
    let table = said.table().map_or_else(|| jobs[0].label.clone(), str::to_owned);
    refused(&table, Obstacle::Constraint, &what)
}
