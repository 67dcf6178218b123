//! The store's formats, one after the other. A step, once released, is never changed; a newer
//! format is a new step. The number of the last step that ran is the file's `user_version`.

use crate::{StoreError, kept};
use rusqlite::Connection;

const STEPS: [&str; 11] = [
    include_str!("migrations/0001_first.sql"),
    include_str!("migrations/0002_runs.sql"),
    include_str!("migrations/0003_ledger.sql"),
    include_str!("migrations/0004_incidents.sql"),
    include_str!("migrations/0005_people.sql"),
    include_str!("migrations/0006_logs.sql"),
    include_str!("migrations/0007_drains.sql"),
    include_str!("migrations/0008_secrets.sql"),
    include_str!("migrations/0009_drills.sql"),
    include_str!("migrations/0010_erasures.sql"),
    include_str!("migrations/0011_heartbeats.sql"),
];

/// The format that this program writes, and the newest that it understands.
pub const FORMAT: i64 = STEPS.len() as i64;

/// Brings a store to the format of this program, one step a transaction, with a copy kept before the
/// first.
pub(crate) fn run(connection: &mut Connection) -> Result<(), StoreError> {
    let found = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(StoreError::read)?;
    if !(0..=FORMAT).contains(&found) {
        return Err(StoreError::Newer { found, known: FORMAT });
    }
    kept::keep(connection, found, FORMAT)?;
    run_from(connection, found, FORMAT)
}

fn run_from(connection: &mut Connection, found: i64, wanted: i64) -> Result<(), StoreError> {
    for (from, step) in (0..wanted).zip(STEPS).skip_while(|(from, _)| *from < found) {
        let to = from + 1;
        let mut run_step = || {
            let transaction = connection.transaction()?;
            transaction.execute_batch(step)?;
            transaction.pragma_update(None, "user_version", to)?;
            transaction.commit()
        };
        run_step().map_err(|source| StoreError::Migrate { from, to, source: source.into() })?;
        tracing::info!(format = to, "the store was brought up to date");
    }
    Ok(())
}

/// An older store, as a test needs it.
#[cfg(test)]
pub(crate) fn run_to(connection: &mut Connection, wanted: i64) -> Result<(), StoreError> {
    run_from(connection, 0, wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(connection: &Connection) -> Vec<String> {
        let mut select = connection.prepare("SELECT sql FROM sqlite_schema ORDER BY name").unwrap();
        let rows = select.query_map([], |row| row.get::<_, Option<String>>(0)).unwrap();
        rows.map(|sql| sql.unwrap().unwrap_or_default()).collect()
    }

    #[test]
    fn every_older_store_comes_to_the_same_format_as_an_empty_one() {
        let mut empty = Connection::open_in_memory().unwrap();
        run(&mut empty).unwrap();
        for format in 0..=FORMAT {
            let mut older = Connection::open_in_memory().unwrap();
            run_from(&mut older, 0, format).unwrap();
            run(&mut older).unwrap();
            assert_eq!(schema(&older), schema(&empty), "from format {format}");
        }
    }

    #[test]
    fn a_store_of_a_newer_program_is_left_alone() {
        let mut newer = Connection::open_in_memory().unwrap();
        newer.pragma_update(None, "user_version", FORMAT + 1).unwrap();
        let error = run(&mut newer).unwrap_err();
        assert!(matches!(error, StoreError::Newer { .. }), "{error}");
        assert!(schema(&newer).is_empty());
    }

    #[test]
    fn every_table_is_strict() {
        let mut connection = Connection::open_in_memory().unwrap();
        run(&mut connection).unwrap();
        let lax = "SELECT count(*) FROM pragma_table_list \
                   WHERE type = 'table' AND NOT strict AND name NOT LIKE 'sqlite_%'";
        let count: i64 = connection.query_row(lax, [], |row| row.get(0)).unwrap();
        assert_eq!(count, 0);
    }
}
