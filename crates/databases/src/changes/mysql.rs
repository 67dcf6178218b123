//! Changes of MariaDB and MySQL, from the rows in the binary log.
//!
//! The server is asked for whole rows with the names of their columns, uncompressed, in its log; anything else
//! is refused with the setting to change. Its log is kept by its own rules: a stream that comes too
//! late finds its place gone, and says so.

mod json;
mod raw;
mod rows;
mod statement;
mod stream;
mod value;

use super::{Obstacle, ObstacleKind, Options, Position, Tables};
use crate::{
    DatabaseError,
    dump::mysql::{connect, execute, literal, log_status, texts},
};
use kernel::config::DatabaseUrl;
use mysql_async::Conn;
use std::collections::BTreeMap;

pub(crate) use json::number_text as json_number;
pub(crate) use rows::mapped_by;
pub(crate) use statement::{Statement, names};
pub(super) use stream::Stream;
pub(crate) use stream::statement as statement_of;

/// Settings of the server, their one good value, and whether a server that does not know them is fine.
const SETTINGS: [(&str, &str, bool); 7] = [
    ("log_bin", "ON", false),
    ("binlog_format", "ROW", false),
    ("binlog_row_image", "FULL", false),
    ("binlog_row_metadata", "FULL", false),
    // MariaDB's compression of events, and MySQL's of transactions.
    ("log_bin_compress", "OFF", true),
    ("binlog_transaction_compression", "OFF", true),
    ("binlog_row_value_options", "", true),
];

pub(super) async fn survey(
    url: &DatabaseUrl,
    options: &Options,
) -> Result<Vec<Obstacle>, DatabaseError> {
    let mut conn = connect(url).await?;
    let mut obstacles = settings(&mut conn).await?;
    if !may_replicate(&mut conn).await? {
        let mend = "as an administrator: GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO \
                    its user";
        obstacles.push(Obstacle::new(ObstacleKind::Rights, "REPLICATION SLAVE", mend));
    }
    obstacles.extend(tables(&mut conn, options).await?);
    end(conn).await;
    Ok(obstacles)
}

async fn settings(conn: &mut Conn) -> Result<Vec<Obstacle>, DatabaseError> {
    let names: Vec<_> = SETTINGS.iter().map(|(name, ..)| format!("'{name}'")).collect();
    let statement = format!("SHOW GLOBAL VARIABLES WHERE Variable_name IN ({})", names.join(", "));
    let found = texts(conn, "read settings", &statement).await?;
    let found: BTreeMap<String, String> = found
        .into_iter()
        .filter_map(|row| {
            let mut row = row.into_iter().flatten();
            Some((row.next()?.to_ascii_lowercase(), row.next()?))
        })
        .collect();
    let mut obstacles = Vec::new();
    for (name, good, may_lack) in SETTINGS {
        let is_good = match found.get(name) {
            Some(value) => value.eq_ignore_ascii_case(good),
            None => may_lack,
        };
        if !is_good {
            let mend = match name {
                "log_bin" => "set log_bin in the server's configuration, and restart it".to_owned(),
                _ => format!(
                    "SET GLOBAL {name} = '{good}', and set it in the server's configuration; what \
                     was begun before keeps the old value until it connects anew"
                ),
            };
            obstacles.push(Obstacle::new(ObstacleKind::Setting, name, mend));
        }
    }
    Ok(obstacles)
}

async fn may_replicate(conn: &mut Conn) -> Result<bool, DatabaseError> {
    let grants = texts(conn, "read the user's rights", "SHOW GRANTS").await?;
    Ok(grants.into_iter().flatten().flatten().any(|grant| {
        let rights = grant.split(" ON *.*").next().filter(|rights| rights.len() < grant.len());
        rights.is_some_and(|rights| {
            rights.contains("ALL PRIVILEGES") || rights.contains("REPLICATION SLAVE")
        })
    }))
}

/// Tables whose rows come in a form that is not understood.
async fn tables(conn: &mut Conn, options: &Options) -> Result<Vec<Obstacle>, DatabaseError> {
    let what = "look at the tables";
    let statement = "SELECT TABLE_NAME, TABLE_TYPE, DATABASE() FROM information_schema.TABLES \
        WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')";
    let found = texts(conn, what, statement).await?;
    let mut obstacles = Vec::new();
    let mut labels = Vec::new();
    for row in found {
        let mut row = row.into_iter().map(Option::unwrap_or_default);
        let (label, kind) = (row.next().unwrap_or_default(), row.next().unwrap_or_default());
        if kind == "SYSTEM VERSIONED" && options.tables.has(&label) {
            let mend = "system-versioned tables are not followed: leave it out";
            obstacles.push(Obstacle::new(ObstacleKind::Unreadable, &label, mend));
        }
        labels.push(label);
    }
    if let Tables::Some(wanted) = &options.tables {
        for label in wanted.iter().filter(|label| !labels.contains(*label)) {
            let mend = "there is no table of this name in the database";
            obstacles.push(Obstacle::new(ObstacleKind::Unreadable, label, mend));
        }
    }
    let statement = "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE FROM \
        information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()";
    for row in texts(conn, what, statement).await? {
        let mut row = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || row.next().unwrap_or_default();
        let (label, column, kind) = (next(), next(), next());
        let is_followed = options.tables.has(&label) && labels.contains(&label);
        if let Some(mend) = unreadable(&kind).filter(|_| is_followed) {
            let subject = format!("{label}.{column}");
            obstacles.push(Obstacle::new(ObstacleKind::Unreadable, subject, mend));
        }
    }
    Ok(obstacles)
}

/// What to do about a column whose values are not understood.
fn unreadable(column_type: &str) -> Option<&'static str> {
    let column_type = column_type.to_ascii_lowercase();
    if column_type.contains("mariadb-5.3") {
        return Some("its times are in the form of MariaDB 5.3: ALTER TABLE … FORCE renews it");
    }
    if column_type.contains("compressed") {
        return Some("compressed columns are not followed: leave the table out");
    }
    column_type.starts_with("vector").then_some("vectors are not followed: leave the table out")
}

async fn is_mariadb(conn: &mut Conn) -> Result<bool, DatabaseError> {
    let answer = texts(conn, "ask for the version", "SELECT VERSION()").await?;
    Ok(answer.into_iter().flatten().flatten().any(|version| version.contains("MariaDB")))
}

pub(super) async fn begin(url: &DatabaseUrl) -> Result<Position, DatabaseError> {
    let mut conn = connect(url).await?;
    let Some((file, offset, filters)) = log_status(&mut conn).await? else {
        return Err(DatabaseError::ChangesRefused {
            what: "a server without a binary log".to_owned(),
            mend: "set log_bin in the server's configuration, and restart it".to_owned(),
        });
    };
    if !filters.is_empty() {
        return Err(DatabaseError::ChangesRefused {
            what: "a binary log that leaves databases out".to_owned(),
            mend: "remove binlog_do_db and binlog_ignore_db from the server's configuration"
                .to_owned(),
        });
    }
    stream::check_length(&file, offset)?;
    let gtid = gtid(&mut conn, &file, offset).await?;
    end(conn).await;
    Ok(Position::Binlog { file, offset, gtid })
}

/// What MariaDB calls a place of its log, so that it is known again; `None` of MySQL, and where there is
/// no such place.
async fn gtid(conn: &mut Conn, file: &str, offset: u64) -> Result<Option<String>, DatabaseError> {
    if !is_mariadb(conn).await? {
        return Ok(None);
    }
    let statement = format!("SELECT BINLOG_GTID_POS({}, {offset})", literal(file));
    let what = "ask for the place in the binary log";
    let answer = texts(conn, what, &statement).await?;
    Ok(answer.into_iter().flatten().flatten().next())
}

/// Sets what a replica sets before it asks for the log.
async fn introduce(conn: &mut Conn) -> Result<(), DatabaseError> {
    let what = "introduce us as a replica";
    // In nanoseconds; a silent server is one that is gone.
    let heartbeat = super::STATUS_EVERY.as_nanos();
    execute(conn, what, &format!("SET @master_heartbeat_period = {heartbeat}")).await?;
    // MariaDB sends its own events as they are to whoever can read them.
    execute(conn, what, "SET @mariadb_slave_capability = 4").await
}

async fn end(conn: Conn) {
    // All that was asked of it is here.
    let _ = conn.disconnect().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_in_a_form_of_their_own_are_known() {
        let check =
            |kind: &str, expect: bool| assert_eq!(unreadable(kind).is_some(), expect, "{kind}");
        check("datetime /* mariadb-5.3 */", true);
        check("text /*M!100301 COMPRESSED*/", true);
        check("vector(3)", true);
        check("json", false);
        check("longtext", false);
    }
}
