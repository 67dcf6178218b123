//! The databases of a snapshot, loaded into servers of our own.

use super::{
    Check, CheckKind, Outcome, Request, Stage, Watch,
    boot::{Booted, boot},
    changes::{self, Replayed},
    check, dumps,
    order::round_trip,
    orders::{Compared, compare},
    scratch::Scratch,
};
use databases::{
    DatabaseError,
    dump::{self, Kind, LoadReport, Manifest},
    private::{MariaDb, MySql, MySqlProgram, Options, Postgres},
    restore::{Beside, Stage as Restoring},
};
use kernel::{
    Value,
    config::{DatabaseKind, DatabaseUrl},
};
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

/// Its name in the server that is started for it.
const NAME: &str = "drill";

/// What was found.
pub(super) struct Found {
    pub(super) took: Duration,
    pub(super) tables: u64,
    pub(super) rows: u64,
    pub(super) database: Check,
    pub(super) looked: Looked,
    pub(super) boot: Booted,
}

/// Of the shop's own database.
pub(super) struct Looked {
    pub(super) replayed: Replayed,
    pub(super) orders: Check,
    pub(super) round_trip: Check,
}

/// A server that lives as long as this.
enum Server {
    Postgres(Postgres),
    MariaDb(MariaDb),
    MySql(MySql),
    /// SQLite needs none.
    File(PathBuf),
}

pub(super) fn drill(scratch: &Scratch, request: &Request, watch: Watch<'_>) -> Found {
    let begun = Instant::now();
    let nothing = |database: Check| Found {
        took: begun.elapsed(),
        tables: 0,
        rows: 0,
        looked: Looked {
            replayed: Replayed::not(request, "changes_untried"),
            orders: unlooked(request, "database_not_loaded"),
            round_trip: unfollowed(request, "database_not_loaded"),
        },
        boot: unbooted(request),
        database,
    };
    let found = match dumps(&scratch.files()) {
        Ok(found) => found,
        Err(error) => return nothing(unknown(&error.to_string())),
    };
    if found.is_empty() && request.live.is_some() {
        return nothing(check(CheckKind::Database, Outcome::Failed, "database_missing", []));
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return nothing(unknown(&error.to_string())),
    };
    let start = |url: Option<&DatabaseUrl>| match &request.boot {
        Some(wanted) => {
            watch(&Stage::Boot);
            runtime.block_on(boot(wanted, scratch, url))
        }
        None => unbooted(request),
    };
    if found.is_empty() {
        let database = check(CheckKind::Database, Outcome::Absent, "no_database", []);
        let found = nothing(database);
        return Found { boot: start(None), ..found };
    }
    let mut booted = unbooted(request);
    let mut all = LoadReport::default();
    let mut looked = Looked {
        replayed: Replayed::not(request, "changes_unknown"),
        orders: unlooked(request, "orders_unknown"),
        round_trip: unfollowed(request, "no_graph"),
    };
    let mut took = Duration::ZERO;
    for (number, folder) in found.iter().enumerate() {
        let place = scratch.server().join(number.to_string());
        let loading = Instant::now();
        let loaded = load(&runtime, folder, &place, (request, watch));
        let (server, reader, report) = match loaded {
            Ok(loaded) => loaded,
            Err(error) => return nothing(of_error(folder, &error)),
        };
        took += loading.elapsed();
        all.tables += report.tables;
        all.rows += report.rows;
        let url = server.url();
        if request.live.as_ref().is_some_and(|live| live.kind == url.kind) {
            looked = look(&runtime, (&reader, &url), request, watch);
            took += looked.replayed.took;
        }
        // After all that was to be read: a shop that runs writes.
        if number + 1 == found.len() {
            booted = start(Some(&url));
        }
        runtime.block_on(server.stop());
    }
    let (tables, rows) = (all.tables as u64, all.rows);
    let figures = [("tables", tables.into()), ("rows", rows.into())];
    let database = check(CheckKind::Database, Outcome::Passed, "database_loaded", figures);
    Found { took, tables, rows, database, looked, boot: booted }
}

/// What the shop's own database is held against.
fn look(
    runtime: &Runtime,
    (reader, url): (&dump::Reader<dump::Folder>, &DatabaseUrl),
    request: &Request,
    watch: Watch<'_>,
) -> Looked {
    // Against the dump, before it becomes another.
    let round_trip = follow(reader, url, request);
    let replayed = changes::replay(reader.manifest(), beside(url), request, watch);
    watch(&Stage::Orders);
    let orders = match replayed.check.outcome {
        Outcome::Passed | Outcome::Absent => {
            runtime.block_on(of_orders(url, (request, replayed.until_ms)))
        }
        _ => unlooked(request, "changes_not_made"),
    };
    Looked { replayed, orders, round_trip }
}

/// The database itself is the one that is made: there is none that it comes beside.
fn beside(url: &DatabaseUrl) -> Beside {
    Beside { live: url.clone(), name: NAME.to_owned(), mark: NAME.to_owned() }
}

fn load(
    runtime: &Runtime,
    folder: &Path,
    place: &Path,
    (request, watch): (&Request, Watch<'_>),
) -> Result<(Server, dump::Reader<dump::Folder>, LoadReport), DatabaseError> {
    let reader = dump::Reader::open(dump::Folder::at(folder))?;
    watch(&Stage::Server);
    let server = runtime.block_on(Server::start(reader.manifest(), place))?;
    let url = server.url();
    let tell = |progress: dump::LoadProgress| watch(&Stage::Database(&progress));
    let goes_on = request.changes.is_some() && url.kind != DatabaseKind::Sqlite;
    let loaded = if goes_on {
        // As a restore does it that changes go on from: every row is held against the dump as well.
        beside(&url).restore(&reader, None, &|stage| match stage {
            Restoring::Loading(progress) => watch(&Stage::Database(progress)),
            Restoring::Comparing { .. } => {}
        })
    } else {
        dump::load(&reader, &url, None, &tell)
    };
    match loaded {
        Ok(report) => Ok((server, reader, report)),
        Err(error) => {
            runtime.block_on(server.stop());
            Err(error)
        }
    }
}

impl Server {
    async fn start(of: &Manifest, place: &Path) -> Result<Self, DatabaseError> {
        Ok(match of.kind {
            Kind::Postgres => {
                let server = Postgres::start(place, options()).await?;
                server.create_database(NAME).await?;
                Self::Postgres(server)
            }
            // Neither loads what the other one's schema says.
            Kind::MySql if !of.server.contains("MariaDB") => {
                let program = MySqlProgram::of_machine().ok_or(DatabaseError::NotInstalled {
                    what: "MySQL",
                    mend: "its dumps are tried on a MySQL: install its server here",
                })?;
                let server = MySql::start(&program, place, options()).await?;
                server.create_database(NAME).await?;
                Self::MySql(server)
            }
            Kind::MySql => {
                let server = MariaDb::start(place, options()).await?;
                server.create_database(NAME).await?;
                Self::MariaDb(server)
            }
            Kind::Sqlite => {
                std::fs::create_dir_all(place)
                    .map_err(|source| DatabaseError::Prepare { path: place.to_owned(), source })?;
                Self::File(place.join(NAME))
            }
        })
    }

    fn url(&self) -> DatabaseUrl {
        let (kind, secret) = match self {
            Self::Postgres(server) => (DatabaseKind::Postgres, server.url(NAME)),
            Self::MariaDb(server) => (DatabaseKind::MySql, server.url(NAME)),
            Self::MySql(server) => (DatabaseKind::MySql, server.url(NAME)),
            Self::File(path) => (DatabaseKind::Sqlite, format!("sqlite:{}", path.display())),
        };
        DatabaseUrl { kind, secret }
    }

    async fn stop(self) {
        let stopped = match self {
            Self::Postgres(server) => server.stop().await,
            Self::MariaDb(server) => server.stop().await,
            Self::MySql(server) => server.stop().await,
            Self::File(_) => Ok(()),
        };
        if let Err(error) = stopped {
            tracing::warn!(%error, "a drill's database server did not end well");
        }
    }
}

/// What is loaded is real: nobody else on this machine is let in, and it does not outlive us.
fn options() -> Options {
    Options { locked: true, tied: true, ..Options::default() }
}

async fn of_orders(restored: &DatabaseUrl, (request, until_ms): (&Request, Option<i64>)) -> Check {
    let (Some(live), Some(query)) = (&request.live, &request.orders) else {
        return unlooked(request, "orders_unknown");
    };
    let dump = request.dump.as_ref().unwrap_or(&request.snapshot);
    let as_of_ms = until_ms.unwrap_or(dump.time.ms());
    match compare(restored, live, query, as_of_ms).await {
        Ok(found) => judged(&found),
        Err(error) => {
            let said = [("error", story(&error).into())];
            check(CheckKind::Orders, Outcome::Unknown, "orders_unread", said)
        }
    }
}

fn judged(found: &Compared) -> Check {
    if found.lacking > 0 {
        let first: Vec<String> = found.first_lacking.iter().map(i64::to_string).collect();
        let said = [
            ("count", Value::from(found.lacking)),
            ("first", first.join(", ").into()),
            ("compared", found.restored.into()),
        ];
        return check(CheckKind::Orders, Outcome::Failed, "orders_lacking", said);
    }
    let mut said = vec![
        ("compared", Value::from(found.restored)),
        ("same", found.same.into()),
        ("changed", found.changed.into()),
        ("gone", found.gone.into()),
    ];
    said.extend(found.newest_ms.map(|newest_ms| ("newest_ms", newest_ms.into())));
    check(CheckKind::Orders, Outcome::Passed, "orders_as_live", said)
}

/// Orders that there should be, and that nobody looked at.
fn unlooked(request: &Request, code: &str) -> Check {
    match (&request.live, &request.orders) {
        (Some(_), Some(_)) => check(CheckKind::Orders, Outcome::Unknown, code, []),
        _ => check(CheckKind::Orders, Outcome::Absent, "no_orders", []),
    }
}

fn follow(reader: &dump::Reader<dump::Folder>, loaded: &DatabaseUrl, request: &Request) -> Check {
    if request.graphs.is_empty() {
        return unfollowed(request, "no_graph");
    }
    round_trip(reader, &request.graphs, loaded).unwrap_or_else(|error| {
        let said = [("error", story(&error).into())];
        check(CheckKind::RoundTrip, Outcome::Unknown, "order_unread", said)
    })
}

/// An order that nobody followed: what belongs to one is not known, or it lacks its database.
fn unfollowed(request: &Request, code: &str) -> Check {
    match &request.live {
        Some(_) if !request.graphs.is_empty() => {
            check(CheckKind::RoundTrip, Outcome::Unknown, code, [])
        }
        _ => check(CheckKind::RoundTrip, Outcome::Absent, "no_graph", []),
    }
}

/// A shop that was not started: nobody said how, or it lacks its database.
fn unbooted(request: &Request) -> Booted {
    match request.boot {
        Some(_) => Booted::not(Outcome::Unknown, "boot_without_database"),
        None => Booted::not(Outcome::Absent, "no_boot"),
    }
}

/// A server that is not installed or does not start says nothing about the backup.
fn of_error(folder: &Path, error: &DatabaseError) -> Check {
    if let DatabaseError::NotInstalled { .. }
    | DatabaseError::OutOfReach { .. }
    | DatabaseError::Prepare { .. }
    | DatabaseError::Run { .. }
    | DatabaseError::NotReady { .. }
    | DatabaseError::Ended { .. } = error
    {
        return unknown(&story(error));
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let said = [("database", name.into()), ("error", story(error).into())];
    check(CheckKind::Database, Outcome::Failed, "database_unloadable", said)
}

fn unknown(error: &str) -> Check {
    check(CheckKind::Database, Outcome::Unknown, "database_untried", [("error", error.into())])
}

fn story(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut behind = error.source();
    while let Some(error) = behind {
        text = format!("{text}: {error}");
        behind = error.source();
    }
    text
}
