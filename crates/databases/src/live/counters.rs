//! What a database counts keys by: sequences, and columns that count by themselves. Another one that
//! takes rows over counts on behind them, so that nobody gets a key that is somebody's.

use super::{Database, Live};
use crate::DatabaseError;

/// One of them, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counter {
    pub schema: Option<String>,
    /// The sequence, or the table.
    pub name: String,
    /// Of a table that counts by itself.
    pub column: Option<String>,
    /// What it gave last.
    pub last: i64,
}

impl Live {
    /// Those that gave something already, and count upwards.
    ///
    /// # Errors
    /// When the database refuses to tell.
    pub fn counters(&mut self) -> Result<Vec<Counter>, DatabaseError> {
        match &mut self.database {
            Database::Postgres(database) => database.counters(),
            Database::MySql(database) => database.counters(),
            Database::Sqlite(database) => database.counters(),
        }
    }

    /// Lets those that are here count on behind what they gave elsewhere, and so many further. What is
    /// there already stays.
    ///
    /// # Errors
    /// When the account may not; those before it are moved then.
    pub fn advance(&mut self, elsewhere: &[Counter], further: i64) -> Result<(), DatabaseError> {
        let here = self.counters()?;
        for counter in elsewhere {
            let to = counter.last.saturating_add(further);
            let is_it = |one: &&Counter| one.schema == counter.schema && one.name == counter.name;
            if here.iter().find(is_it).is_some_and(|one| one.last >= to) {
                continue;
            }
            match &mut self.database {
                Database::Postgres(database) => database.advance(counter, to)?,
                Database::MySql(database)
                    if self.tables.iter().any(|it| it.name == counter.name) =>
                {
                    database.advance(counter, to)?;
                }
                Database::MySql(_) => {}
                Database::Sqlite(database) => database.advance(counter, to)?,
            }
        }
        Ok(())
    }
}
