//! The ledger of a store that somebody else may be writing to, or nobody.

use super::{
    LedgerFilter, LedgerPage, LedgerPaging, LedgerPublicKey, Verification, Witness, query,
    verification,
};
use crate::{FILE_NAME, Store, StoreError, connection};
use rusqlite::{Connection, Transaction};
use std::path::{Path, PathBuf};

impl Store {
    /// Holds every record and every checkpoint of the store against each other, over a connection of
    /// its own: nobody who reads waits for it.
    ///
    /// # Errors
    /// When the store cannot be read at all. What is merely wrong stands in the result.
    pub async fn verify_ledger(
        &self,
        keys: Vec<LedgerPublicKey>,
    ) -> Result<Verification, StoreError> {
        let path = self.reader.read(|connection| Ok(connection.path().map(PathBuf::from))).await?;
        let path = path.expect("invariant: a store is a file");
        let work = move || LedgerFile(connection::open_for_reading(&path)?).verify(&[], &keys);
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The runtime shuts down.
            Err(_) => Err(StoreError::Closed),
        }
    }
}

/// Reads a ledger without a running control and without changing anything. Blocks its thread.
#[derive(Debug)]
pub struct LedgerFile(Connection);

impl LedgerFile {
    /// Opens the store in a state directory, to read only.
    ///
    /// # Errors
    /// When there is none, or one from before there was a ledger.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let connection = connection::open_for_reading(&directory.join(FILE_NAME))?;
        let exists = "SELECT count(*) FROM sqlite_schema WHERE name = 'ledger_origin'";
        let tables: i64 =
            connection.query_row(exists, [], |row| row.get(0)).map_err(StoreError::read)?;
        if tables == 0 {
            let what = "it is from before there was a ledger; `storewarden up` gives it one";
            return Err(StoreError::Malformed(what.to_owned()));
        }
        Ok(Self(connection))
    }

    /// Holds every record and every checkpoint against each other, and against those from elsewhere.
    /// Checkpoints are believed when one of `keys` signed them.
    ///
    /// # Errors
    /// When the store cannot be read at all. What is merely wrong stands in the result.
    pub fn verify(
        &self,
        witnesses: &[Witness],
        keys: &[LedgerPublicKey],
    ) -> Result<Verification, StoreError> {
        let transaction = self.snapshot()?;
        verification::verify(&transaction, witnesses, keys).map_err(StoreError::read)
    }

    /// As [`Store::ledger`](crate::Store::ledger).
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn page(
        &self,
        paging: LedgerPaging,
        limit: u32,
        filter: &LedgerFilter,
    ) -> Result<LedgerPage, StoreError> {
        let transaction = self.snapshot()?;
        query::page(&transaction, paging, limit, filter).map_err(StoreError::read)
    }

    /// The state of one moment, whoever writes meanwhile.
    fn snapshot(&self) -> Result<Transaction<'_>, StoreError> {
        self.0.unchecked_transaction().map_err(StoreError::read)
    }
}
