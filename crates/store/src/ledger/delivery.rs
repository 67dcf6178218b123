//! Which checkpoints have still to go where.

use super::{
    checkpoint::{self, Checkpoint},
    query,
    record::{from_sequence, to_sequence},
};
use crate::{Store, StoreError};
use rusqlite::Connection;

/// What of the ledger lies elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LedgerCopies {
    /// The newest one, and the last that each destination has got; newest first.
    pub checkpoints: Vec<Checkpoint>,
    /// Of every destination that ever got one.
    pub deliveries: Vec<LedgerDelivery>,
}

/// The last checkpoint that a destination has got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerDelivery {
    /// What it is remembered by.
    pub destination: String,
    /// The checkpoint's.
    pub sequence: u64,
    /// Unix milliseconds.
    pub at_ms: i64,
}

impl Store {
    /// The checkpoints that a destination has not got, oldest first, `limit` at most. One that was
    /// never asked for before begins with the last checkpoint there is.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like.
    pub async fn undelivered_checkpoints(
        &self,
        destination: String,
        limit: u32,
    ) -> Result<Vec<Checkpoint>, StoreError> {
        let read = move |connection: &Connection| {
            let store = query::store_id(connection)?;
            let from = begin(connection, &destination)?;
            checkpoint::after(connection, &store, from, limit)
        };
        self.writer.write(read).await
    }

    /// Notes that a destination has got everything up to this checkpoint.
    ///
    /// # Errors
    /// As of [`Store::undelivered_checkpoints`].
    pub async fn note_delivery(
        &self,
        destination: String,
        sequence: u64,
        at_ms: i64,
    ) -> Result<(), StoreError> {
        let write = move |connection: &Connection| {
            let update = "UPDATE ledger_delivery SET sequence = max(sequence, ?2), at_ms = ?3
                 WHERE destination = ?1";
            connection
                .prepare_cached(update)?
                .execute((&destination, from_sequence(sequence), at_ms))
                .map(|_| ())
        };
        self.writer.write(write).await
    }

    /// The checkpoints that matter to whoever asks where copies lie.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn ledger_copies(&self) -> Result<LedgerCopies, StoreError> {
        self.reader.read(copies).await
    }
}

fn copies(connection: &Connection) -> Result<LedgerCopies, rusqlite::Error> {
    let select = "SELECT destination, sequence, at_ms FROM ledger_delivery
         WHERE at_ms IS NOT NULL ORDER BY destination";
    let mut select = connection.prepare_cached(select)?;
    let rows = select.query_map([], |row| {
        let (destination, at_ms) = (row.get(0)?, row.get(2)?);
        Ok(LedgerDelivery { destination, sequence: to_sequence(row.get(1)?), at_ms })
    })?;
    let deliveries: Vec<LedgerDelivery> = rows.collect::<Result<_, _>>()?;
    let store = query::store_id(connection)?;
    Ok(LedgerCopies { checkpoints: checkpoint::that_matter(connection, &store)?, deliveries })
}

/// How far a destination has got; from now on that is remembered, delivered or not.
fn begin(connection: &Connection, destination: &str) -> Result<i64, rusqlite::Error> {
    let insert = "INSERT INTO ledger_delivery (destination, sequence)
         SELECT ?1, coalesce(max(sequence), 1) - 1 FROM ledger_checkpoint
         WHERE true ON CONFLICT (destination) DO NOTHING";
    connection.prepare_cached(insert)?.execute([destination])?;
    connection
        .prepare_cached("SELECT sequence FROM ledger_delivery WHERE destination = ?1")?
        .query_row([destination], |row| row.get(0))
}
