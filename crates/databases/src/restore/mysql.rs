//! A restored database of MariaDB or MySQL. Its tables take the place of the live ones by one
//! statement; views, routines and events of the live database stay as they are.

use super::{Beside, Standing, Watch, hold_against, name_of, not_swapped, with_name};
use crate::{
    DatabaseError,
    dump::{
        Files, LoadProgress, LoadReport, Reader,
        load::{
            Journal, go_on,
            mysql::{JOURNAL, marked},
        },
        mysql::{catalog::may, connect, execute, literal, quoted, texts},
        postgres::runtime,
    },
};
use kernel::config::DatabaseUrl;
use mysql_async::{Conn, prelude::Queryable};
use std::time::Duration;

/// Whoever is at work in a table is waited for that long, and everybody else behind us.
const LOCK_LIMIT_S: u32 = 20;
/// Whoever was killed may still be at work on the server.
const OTHERS_LIMIT: Duration = Duration::from_mins(10);
/// The same, for whoever only wants to see.
const LOOK_LIMIT: Duration = Duration::from_secs(10);
/// Says how far changes are that are made once more in a restored database.
const REPLAY: &str = "`storewarden_replay`";
/// What it takes to restore, as rights on the new database and on the live one.
const NEEDED: [&str; 11] = [
    "SELECT",
    "INSERT",
    "CREATE",
    "DROP",
    "ALTER",
    "INDEX",
    "REFERENCES",
    "CREATE VIEW",
    "SHOW VIEW",
    "TRIGGER",
    "EVENT",
];

/// A connection to the server, in none of the shop's databases.
pub(crate) async fn to_server(live: &DatabaseUrl) -> Result<Conn, DatabaseError> {
    connect(&with_name(live, "information_schema")).await
}

/// As [`to_server`], one at a time: what somebody who was killed had asked for happens all the same, and
/// the server lets go of their lock when it has.
async fn alone(live: &DatabaseUrl, limit: Duration) -> Result<Conn, DatabaseError> {
    let mut conn = to_server(live).await?;
    let name = literal(&format!("restore {}", name_of(live)));
    // Names of locks have 64 characters.
    let wait = format!("SELECT GET_LOCK(SHA2({name}, 256), {})", limit.as_secs());
    let got = firsts(&mut conn, "wait for whoever restores", &wait).await?;
    if got.first().is_some_and(|got| got == "1") {
        return Ok(conn);
    }
    Err(DatabaseError::TimedOut(limit))
}

async fn firsts(
    conn: &mut Conn,
    what: &str,
    statement: &str,
) -> Result<Vec<String>, DatabaseError> {
    let rows = texts(conn, what, statement).await?;
    Ok(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
}

async fn exists(conn: &mut Conn, name: &str) -> Result<bool, DatabaseError> {
    let statement = format!(
        "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {}",
        literal(name)
    );
    Ok(!firsts(conn, "look for a database", &statement).await?.is_empty())
}

/// What holds rows or numbers, our journal not counted.
async fn tables(conn: &mut Conn, database: &str) -> Result<Vec<String>, DatabaseError> {
    let statement = format!(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND \
         TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED', 'SEQUENCE') ORDER BY TABLE_NAME",
        literal(database)
    );
    let mut names = firsts(conn, "list tables", &statement).await?;
    names.retain(|name| ![JOURNAL, REPLAY].contains(&quoted(name).as_str()));
    Ok(names)
}

pub(super) async fn standing(beside: &Beside) -> Result<Standing, DatabaseError> {
    look(&mut alone(&beside.live, LOOK_LIMIT).await?, beside).await
}

async fn look(conn: &mut Conn, beside: &Beside) -> Result<Standing, DatabaseError> {
    if !exists(conn, &beside.name).await? {
        return Ok(Standing::Absent);
    }
    let statement = format!(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {}",
        literal(&beside.name)
    );
    let names = firsts(conn, "list tables", &statement).await?;
    if names.iter().any(|name| quoted(name) == JOURNAL) {
        let statement = format!("SELECT step FROM {}.{JOURNAL}", quoted(&beside.name));
        let steps = firsts(conn, "read how far the restore is", &statement).await?;
        let has = |step: &str| steps.iter().any(|one| one == step);
        return Ok(match has(&marked(&beside.mark)) {
            // Its table was made, and nothing more.
            false if steps.is_empty() && names.len() == 1 => Standing::Empty,
            false => Standing::Foreign,
            true if has("whole") => Standing::Whole,
            true => Standing::Begun,
        });
    }
    let comment = comment(conn, &beside.name).await?;
    let ours = marked(&beside.mark);
    let whole = comment.is_some_and(|comment| comment.split(", ").next() == Some(&*ours));
    Ok(match (whole, names.is_empty()) {
        (true, _) => Standing::Whole,
        (false, true) => Standing::Empty,
        (false, false) => Standing::Foreign,
    })
}

/// Databases have one since MariaDB 10.5; `None` where they do not.
pub(crate) async fn comment(
    conn: &mut Conn,
    database: &str,
) -> Result<Option<String>, DatabaseError> {
    let has = "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE \
               TABLE_SCHEMA = 'information_schema' AND TABLE_NAME = 'SCHEMATA' AND \
               COLUMN_NAME = 'SCHEMA_COMMENT'";
    let what = "read the comment of a database";
    if firsts(conn, what, has).await?.is_empty() {
        return Ok(None);
    }
    let statement = format!(
        "SELECT SCHEMA_COMMENT FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {}",
        literal(database)
    );
    Ok(firsts(conn, what, &statement).await?.into_iter().next())
}

pub(super) fn restore<F: Files>(
    beside: &Beside,
    reader: &Reader<F>,
    only_tables: Option<&[String]>,
    watch: Watch<'_>,
    told: &dyn Fn(LoadProgress),
) -> Result<LoadReport, DatabaseError> {
    let runtime = runtime()?;
    let (url, mark) = (beside.url(), beside.mark.clone());
    let is_whole = runtime.block_on(make(beside))?;
    let report = if is_whole {
        LoadReport::default()
    } else {
        go_on(reader, &url, only_tables, Journal { mark, role: None }, told)?
    };
    hold_against(reader, &url, only_tables, watch)?;
    if !is_whole {
        runtime.block_on(note_whole(beside))?;
    }
    Ok(report)
}

/// Makes the database with its journal; true when it was whole already.
async fn make(beside: &Beside) -> Result<bool, DatabaseError> {
    let conn = &mut alone(&beside.live, OTHERS_LIMIT).await?;
    let (name, what) = (quoted(&beside.name), "make a database");
    match look(conn, beside).await? {
        Standing::Foreign => return Err(DatabaseError::NameTaken(beside.name.clone())),
        Standing::Whole => return Ok(true),
        Standing::Begun => {
            let made = format!("SELECT step FROM {name}.{JOURNAL} WHERE step = 'tables'");
            if !firsts(conn, what, &made).await?.is_empty() {
                return Ok(false);
            }
            // Nobody knows which tables there are of it: it begins anew.
            execute(conn, what, &format!("DROP DATABASE {name}")).await?;
            create(conn, beside).await?;
        }
        Standing::Absent => create(conn, beside).await?,
        Standing::Empty => {}
    }
    let journal = format!(
        "CREATE TABLE IF NOT EXISTS {name}.{JOURNAL} (step VARCHAR(500) CHARACTER SET utf8mb4 \
         COLLATE utf8mb4_bin PRIMARY KEY) ENGINE = InnoDB"
    );
    execute(conn, what, &journal).await?;
    let mark = literal(&marked(&beside.mark));
    execute(conn, what, &format!("INSERT INTO {name}.{JOURNAL} VALUES ({mark})")).await?;
    Ok(false)
}

async fn create(conn: &mut Conn, beside: &Beside) -> Result<(), DatabaseError> {
    make_like(conn, &beside.live, &beside.name).await
}

/// A database with the character set of the live one.
async fn make_like(conn: &mut Conn, live: &DatabaseUrl, name: &str) -> Result<(), DatabaseError> {
    let statement = format!(
        "SELECT CONCAT(' CHARACTER SET ', DEFAULT_CHARACTER_SET_NAME, ' COLLATE ', \
         DEFAULT_COLLATION_NAME) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {}",
        literal(&name_of(live))
    );
    let what = "make a database";
    let like = firsts(conn, what, &statement).await?.into_iter().next();
    let like = like.unwrap_or_else(|| " CHARACTER SET utf8mb4".to_owned());
    execute(conn, what, &format!("CREATE DATABASE {}{like}", quoted(name))).await
}

/// A comment takes the place of the journal, so that nothing of ours stands among the shop's tables.
async fn note_whole(beside: &Beside) -> Result<(), DatabaseError> {
    let conn = &mut alone(&beside.live, OTHERS_LIMIT).await?;
    let (name, mark) = (quoted(&beside.name), literal(&marked(&beside.mark)));
    let what = "note that a restore is whole";
    let commented = conn.query_drop(format!("ALTER DATABASE {name} COMMENT = {mark}")).await;
    match commented {
        Ok(()) => execute(conn, what, &format!("DROP TABLE {name}.{JOURNAL}")).await,
        // MySQL, and MariaDB before 10.5: there the journal stays.
        Err(_) => {
            execute(conn, what, &format!("INSERT INTO {name}.{JOURNAL} VALUES ('whole')")).await
        }
    }
}

pub(super) async fn discard(beside: &Beside) -> Result<(), DatabaseError> {
    let conn = &mut alone(&beside.live, OTHERS_LIMIT).await?;
    match look(conn, beside).await? {
        Standing::Absent => Ok(()),
        Standing::Foreign => Err(DatabaseError::NameTaken(beside.name.clone())),
        Standing::Empty | Standing::Begun | Standing::Whole => {
            let statement = format!("DROP DATABASE IF EXISTS {}", quoted(&beside.name));
            execute(conn, "remove a restored database", &statement).await
        }
    }
}

/// Rights on databases that are not there yet are those on all, or on names that fit.
pub(super) async fn lacking(live: &DatabaseUrl) -> Result<Vec<String>, DatabaseError> {
    let conn = &mut to_server(live).await?;
    let grants = firsts(conn, "ask what the account may", "SHOW GRANTS").await?;
    let name = name_of(live);
    let has = |right: &str| {
        may(&grants, right, &name) && may(&grants, right, &format!("{name}_restored"))
    };
    Ok(NEEDED.into_iter().filter(|right| !has(right)).map(str::to_owned).collect())
}

pub(super) async fn swap(live: &DatabaseUrl, with: &str, aside: &str) -> Result<(), DatabaseError> {
    let (name, conn) = (name_of(live), &mut alone(live, OTHERS_LIMIT).await?);
    if is_done(conn, with, aside).await? {
        return Ok(());
    }
    let (old, new) = (tables(conn, &name).await?, tables(conn, with).await?);
    if new.is_empty() {
        return Err(not_swapped(live, format!("there are no tables in `{with}`")));
    }
    if !tables(conn, aside).await?.is_empty() {
        return Err(not_swapped(live, format!("there are tables in `{aside}` already")));
    }
    refuse_triggers(conn, live, [&name, with]).await?;
    if !exists(conn, aside).await? {
        make_like(conn, live, aside).await?;
    }
    let moved = |from: &str, to: &str, names: &[String]| {
        let one = |table: &String| {
            let table = quoted(table);
            format!("{}.{table} TO {}.{table}", quoted(from), quoted(to))
        };
        names.iter().map(one).collect::<Vec<_>>()
    };
    let renamings = [moved(&name, aside, &old), moved(with, &name, &new)].concat();
    let limit = format!("SET SESSION lock_wait_timeout = {LOCK_LIMIT_S}, foreign_key_checks = 0");
    execute(conn, "set up the session", &limit).await?;
    let renamed = conn.query_drop(format!("RENAME TABLE {}", renamings.join(", "))).await;
    renamed.map_err(|error| not_swapped(live, error.to_string()))
}

/// Tables with triggers are not moved to another database (MariaDB manual, RENAME TABLE).
async fn refuse_triggers(
    conn: &mut Conn,
    live: &DatabaseUrl,
    databases: [&str; 2],
) -> Result<(), DatabaseError> {
    let statement = format!(
        "SELECT CONCAT(TRIGGER_NAME, ' of ', EVENT_OBJECT_TABLE) FROM information_schema.TRIGGERS \
         WHERE TRIGGER_SCHEMA IN ({}, {})",
        literal(databases[0]),
        literal(databases[1])
    );
    match firsts(conn, "look for triggers", &statement).await?.first() {
        None => Ok(()),
        Some(trigger) => Err(not_swapped(
            live,
            format!(
                "it has triggers ({trigger}), and MariaDB moves no table with one; point the shop at \
                 `{}` instead",
                databases[1]
            ),
        )),
    }
}

pub(super) async fn is_swapped(
    live: &DatabaseUrl,
    with: &str,
    aside: &str,
) -> Result<bool, DatabaseError> {
    is_done(&mut alone(live, LOOK_LIMIT).await?, with, aside).await
}

async fn is_done(conn: &mut Conn, with: &str, aside: &str) -> Result<bool, DatabaseError> {
    Ok(!tables(conn, aside).await?.is_empty() && tables(conn, with).await?.is_empty())
}
