//! What must survive: an SQLite database in the state directory, owned by control.
//!
//! **Acknowledged means durable**: a write that returned `Ok` is on disk. One thread writes; it
//! takes whatever has queued up as one transaction, so that many writers share one flush and a
//! single one waits for no other. Readers have a connection of their own and never wait for it.
//!
//! The store knows no shop's database and no clock. No secret lies in it in clear: what opens our own
//! doors is kept as a hash, what must be read again is sealed with a key that lies elsewhere. The file
//! is its owner's alone all the same (mode 0600).

mod connection;
mod credentials;
mod damage;
mod drills;
mod erasures;
mod error;
mod heartbeats;
mod incidents;
mod kept;
mod ledger;
mod migrations;
mod minutes;
mod operations;
mod people;
mod recovery;
mod resealing;
mod runs;
mod seal;
mod secrets;
mod sign_in;
mod tokens;
mod writer;

use connection::Reader;
use std::{path::Path, sync::Arc};
use writer::Writer;

pub use credentials::Credentials;
pub use drills::DrillRecord;
pub use erasures::ErasureRecord;
pub use error::StoreError;
pub use heartbeats::HeartbeatRecord;
pub use incidents::{IncidentChanges, IncidentFilter, IncidentRecord, NoticeOutcome, NoticeRecord};
pub use kept::{TakenBack, format_of, take_back};
pub use ledger::{
    Checkpoint, CheckpointError, CheckpointOutcome, LedgerBreak, LedgerCopies, LedgerDelivery,
    LedgerFault, LedgerFile, LedgerFilter, LedgerHash, LedgerKey, LedgerKeyError, LedgerPage,
    LedgerPaging, LedgerPublicKey, LedgerRecord, Verification, Witness,
};
pub use migrations::FORMAT;
pub use minutes::{MarkRecord, MinuteRecord};
pub use operations::StoredCertificate;
pub use people::{NewPerson, PeopleOutcome, PersonChange, PersonRecord};
pub use recovery::{LeftBehind, copy};
pub use runs::{RunFilter, RunPaging, RunWrite};
pub use seal::{KEY_FILE, SealKeys};
pub use secrets::KnownRepository;
pub use sign_in::{LinkPurpose, NewSession, SessionRecord, SignInMethod, SignedIn, TokenHash};
pub use tokens::TokenRecord;
pub use writer::StoreHealth;

/// The name of the database in the state directory.
pub const FILE_NAME: &str = "storewarden.sqlite";

/// A handle; clones share the same threads. The database is closed with the last of them.
#[derive(Debug, Clone)]
pub struct Store {
    // In this order: who only reads cannot bring the log into the file, so the writer closes last.
    reader: Reader,
    writer: Writer,
    path: Arc<Path>,
    keys: Arc<SealKeys>,
}

impl Store {
    /// Opens the store in a directory, makes it when there is none, and brings an older one up to
    /// date, of which a copy is kept. Blocks its thread.
    ///
    /// # Errors
    /// When the file cannot be opened, was written by a newer program, or is damaged; a damaged one is
    /// left as it is, and a copy of it kept.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        Self::open_with(directory, SealKeys::open(&directory.join(KEY_FILE))?)
    }

    /// As [`Store::open`], with keys for secrets that lie elsewhere than in the directory.
    ///
    /// # Errors
    /// As there.
    pub fn open_with(directory: &Path, keys: SealKeys) -> Result<Self, StoreError> {
        let path = directory.join(FILE_NAME);
        damage::look(&path)?;
        let mut connection = connection::open_for_writing(&path)?;
        migrations::run(&mut connection)?;
        resealing::run(&mut connection, &keys)?;
        let (writer, reader) = (Writer::start(connection), connection::open_for_reading(&path)?);
        Ok(Self { reader: Reader::new(reader), writer, path: path.into(), keys: Arc::new(keys) })
    }

    /// Brings everything that is written into the one file, and empties the write-ahead log, where what
    /// was deleted may still stand: to be called when nobody writes any more, before the process ends.
    ///
    /// # Errors
    /// When the file cannot be written, or somebody holds it. What is in the log stays there.
    pub async fn settle(&self) -> Result<(), StoreError> {
        let path = Arc::clone(&self.path);
        let settle = move || {
            let connection = connection::open_for_writing(&path)?;
            let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
            let busy: i64 = connection
                .query_row(checkpoint, [], |row| row.get(0))
                .map_err(StoreError::write)?;
            if busy == 0 { Ok(()) } else { Err(StoreError::Held) }
        };
        match tokio::task::spawn_blocking(settle).await {
            Ok(outcome) => outcome,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The runtime shuts down.
            Err(_) => Err(StoreError::Closed),
        }
    }

    /// Whether the last write succeeded; when it did not, why. It becomes writable again with the
    /// first write that does.
    #[must_use]
    pub fn health(&self) -> StoreHealth {
        self.writer.health()
    }
}
