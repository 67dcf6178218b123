//! Changes of PostgreSQL: a publication of chosen tables, a slot that keeps the log for us, and the
//! stream of the plugin `pgoutput`.
//!
//! Two things must never happen to the shop. A slot without a cap keeps the log until the disk is full:
//! it is refused. And a published table whose rows have no identity refuses to be updated: such a
//! table is never published, and so the publication never is one FOR ALL TABLES, in which the next
//! table of some extension would be.

mod catalog;
mod pgoutput;
mod stream;
mod wire;

use super::{BEGIN_LIMIT, CONNECT_LIMIT, LOCK_LIMIT, Obstacle, ObstacleKind, Options, Position};
use crate::DatabaseError;
use catalog::{Candidate, Identity};
use kernel::config::DatabaseUrl;
use wire::{Use, Wire};

pub(super) use stream::Stream;

/// Another who reads from the slot, or a lock that is held.
const OBJECT_IN_USE: &str = "55006";
const UNDEFINED_OBJECT: &str = "42704";

pub(super) async fn survey(
    url: &DatabaseUrl,
    options: &Options,
) -> Result<Vec<Obstacle>, DatabaseError> {
    check_name(&options.name)?;
    let mut wire = connect(url, Use::Queries).await?;
    let mut obstacles = settings(&mut wire).await?;
    let candidates = catalog::candidates(&mut wire, options).await?;
    obstacles.extend(missing(&candidates, options));
    let is_begun = catalog::is_published(&mut wire, &options.name).await?;
    for candidate in &candidates {
        let (kind, mend) = match candidate.identity {
            Identity::None => {
                (ObstacleKind::NoIdentity, format!("{}, or leave it out", candidate.mend()))
            }
            Identity::Key => (ObstacleKind::KeysOnly, candidate.mend()),
            Identity::Whole => continue,
        };
        obstacles.push(Obstacle::new(kind, &candidate.label, mend));
    }
    for candidate in candidates.iter().filter(|one| is_begun && !one.is_published) {
        let mend = "it was made since; have new tables followed as well";
        obstacles.push(Obstacle::new(ObstacleKind::NotFollowed, &candidate.label, mend));
    }
    Ok(obstacles)
}

/// Tables that were named and are not there, or are of a kind that tells no changes.
fn missing(candidates: &[Candidate], options: &Options) -> Vec<Obstacle> {
    let super::Tables::Some(labels) = &options.tables else { return Vec::new() };
    labels
        .iter()
        .filter(|label| candidates.iter().all(|one| one.label != **label))
        .map(|label| {
            let mend = "there is no ordinary, logged table of this name; it is written with its \
                        schema, as `public.orders`";
            Obstacle::new(ObstacleKind::Unreadable, label, mend)
        })
        .collect()
}

async fn settings(wire: &mut Wire) -> Result<Vec<Obstacle>, DatabaseError> {
    let statement = "SELECT current_setting('wal_level'), \
        current_setting('max_slot_wal_keep_size', true), \
        (SELECT rolreplication OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)";
    let answer = ask(wire, "read settings", statement).await?;
    let [level, cap, may_replicate] = answer.as_slice() else {
        return Err(odd_answer("read settings"));
    };
    let mut obstacles = Vec::new();
    if level != "logical" {
        let mend = "ALTER SYSTEM SET wal_level = 'logical', then restart PostgreSQL";
        obstacles.push(Obstacle::new(ObstacleKind::Setting, "wal_level", mend));
    }
    obstacles.extend(Obstacle::uncapped(cap));
    if may_replicate != "t" {
        obstacles.push(Obstacle::may_not_replicate());
    }
    Ok(obstacles)
}

pub(super) async fn begin(url: &DatabaseUrl, options: &Options) -> Result<Position, DatabaseError> {
    publish(url, options).await?;
    let mut wire = connect(url, Use::Replication).await?;
    // The plugin looks the publication up as it was when a change was made: so the slot comes later.
    let statement =
        format!("CREATE_REPLICATION_SLOT \"{}\" LOGICAL pgoutput NOEXPORT_SNAPSHOT", options.name);
    let made = wire.query("make a replication slot", &statement, BEGIN_LIMIT).await?;
    let lsn = made.into_iter().next().and_then(|row| row.into_iter().nth(1)).flatten();
    let lsn = lsn.and_then(|lsn| String::from_utf8(lsn).ok());
    lsn.map(|lsn| Position::Lsn { lsn }).ok_or_else(|| odd_answer("make a replication slot"))
}

/// Makes the publication what the options say.
pub(super) async fn publish(url: &DatabaseUrl, options: &Options) -> Result<(), DatabaseError> {
    check_name(&options.name)?;
    let mut wire = connect(url, Use::Queries).await?;
    let candidates = catalog::candidates(&mut wire, options).await?;
    if let Some(none) = candidates.iter().find(|one| one.identity == Identity::None) {
        return Err(DatabaseError::ChangesRefused {
            what: format!("`{}`", none.label),
            mend: none.mend(),
        });
    }
    let is_there = catalog::is_published(&mut wire, &options.name).await?;
    if is_there && candidates.iter().all(|one| one.is_published) {
        return Ok(());
    }
    if candidates.is_empty() {
        return Err(DatabaseError::ChangesRefused {
            what: "a database without tables".to_owned(),
            mend: "begin when the shop has made them".to_owned(),
        });
    }
    let tables: Vec<_> = candidates.iter().map(|one| format!("ONLY {}", one.quoted)).collect();
    let (tables, name) = (tables.join(", "), &options.name);
    let statement = match is_there {
        true => format!("ALTER PUBLICATION \"{name}\" SET TABLE {tables}"),
        false => format!("CREATE PUBLICATION \"{name}\" FOR TABLE {tables}"),
    };
    let limit = format!("SET lock_timeout = {}", LOCK_LIMIT.as_millis());
    wire.query("set a limit", &limit, CONNECT_LIMIT).await?;
    wire.query("publish the tables", &statement, CONNECT_LIMIT).await?;
    Ok(())
}

pub(super) async fn remove(url: &DatabaseUrl, options: &Options) -> Result<(), DatabaseError> {
    check_name(&options.name)?;
    let mut wire = connect(url, Use::Replication).await?;
    let drop_slot = format!("DROP_REPLICATION_SLOT \"{}\" WAIT", options.name);
    match wire.query("remove the replication slot", &drop_slot, CONNECT_LIMIT).await {
        Ok(_) => {}
        Err(DatabaseError::ChangesServer { code, .. }) if code == UNDEFINED_OBJECT => {}
        Err(error) => return Err(error),
    }
    let statement = format!("DROP PUBLICATION IF EXISTS \"{}\"", options.name);
    wire.query("remove the publication", &statement, CONNECT_LIMIT).await?;
    Ok(())
}

/// A connection on which every value is written as in a dump.
async fn connect(url: &DatabaseUrl, its_use: Use) -> Result<Wire, DatabaseError> {
    let mut wire = Wire::connect(url, its_use).await?;
    wire.query("set up the session", crate::dump::POSTGRES_MANNERS, CONNECT_LIMIT).await?;
    Ok(wire)
}

/// The first row of an answer as text, NULL as nothing.
async fn ask(wire: &mut Wire, what: &str, statement: &str) -> Result<Vec<String>, DatabaseError> {
    let rows = wire.query(what, statement, CONNECT_LIMIT).await?;
    let row = rows.into_iter().next().unwrap_or_default();
    Ok(row.into_iter().map(text).collect())
}

fn text(field: crate::dump::Field) -> String {
    field.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

fn odd_answer(what: &str) -> DatabaseError {
    DatabaseError::ChangesUnknown {
        event: "an answer".to_owned(),
        place: what.to_owned(),
        reason: "it has another form than PostgreSQL's manual says".to_owned(),
    }
}

/// Names go into statements as they are, and slots take no others (PostgreSQL manual, 27.2.6).
fn check_name(name: &str) -> Result<(), DatabaseError> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    match !name.is_empty() && name.len() <= 63 && name.bytes().all(fits) {
        true => Ok(()),
        false => Err(DatabaseError::Name(name.to_owned())),
    }
}
