//! Checkpoints: signed words about how far the ledger had come, that can be kept elsewhere.

use super::{
    LedgerFault, LedgerHash, LedgerKey, LedgerPublicKey, last, query,
    record::{from_sequence, hex, put, put_number, to_sequence, unhex},
    verification::Chain,
};
use crate::{Store, StoreError};
use rusqlite::{Connection, OptionalExtension as _, Row};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// What a checkpoint's encoding begins with, and what its JSON says.
const FORMAT: &str = "storewarden-checkpoint-1";
/// Longer JSON is no checkpoint of ours.
const TEXT_LIMIT: usize = 4_096;

/// How far a ledger had come, signed by whoever kept it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    format: String,
    /// Which store's ledger.
    pub store: String,
    /// Of the last record that it covers.
    pub sequence: u64,
    /// Of records up to there.
    pub count: u64,
    pub hash: LedgerHash,
    /// Unix milliseconds, by the clock of the machine that signed.
    pub at_ms: i64,
    pub key: LedgerPublicKey,
    signature: Signature,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Signature([u8; 64]);

/// Why text is no checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    #[error("understand a checkpoint: it is longer than {TEXT_LIMIT} bytes")]
    TooLong,
    #[error("understand a checkpoint")]
    Malformed(#[source] serde_json::Error),
    #[error("understand a checkpoint of format `{0}`: this program knows `{FORMAT}`")]
    Format(String),
}

/// What came of the wish for a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub enum CheckpointOutcome {
    Made(Checkpoint),
    /// There is no record since the last one.
    NothingNew,
    /// The records since the last one do not hold; nothing was signed.
    Broken(LedgerFault),
}

impl Checkpoint {
    /// Reads one as it was sent to a destination.
    ///
    /// # Errors
    /// When the text is no checkpoint. Whether it is a true one, [`Checkpoint::is_genuine`] says.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        if text.len() > TEXT_LIMIT {
            return Err(CheckpointError::TooLong);
        }
        let checkpoint: Self = serde_json::from_str(text).map_err(CheckpointError::Malformed)?;
        if checkpoint.format != FORMAT {
            return Err(CheckpointError::Format(checkpoint.format));
        }
        Ok(checkpoint)
    }

    /// As it is sent: one line of JSON.
    #[must_use]
    pub fn text(&self) -> String {
        let json = serde_json::to_string(self);
        format!("{}\n", json.expect("invariant: numbers and texts are always JSON"))
    }

    /// What it is called at a destination: `STORE/SEQUENCE-HASH.json`. Checkpoints of two histories
    /// never share a name.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{:012}-{}.json", self.store, self.sequence, &self.hash.to_string()[..8])
    }

    /// Whether its key really signed it. Whose key that is, is another question.
    #[must_use]
    pub fn is_genuine(&self) -> bool {
        // A key of nothing but zeros is a point of small order, under which a signature of zeros holds for
        // one message in four.
        self.key != LedgerPublicKey::NONE
            && self.key.verifies(&self.signed_bytes(), &self.signature.0)
    }

    fn sign(
        store: String,
        (sequence, hash): (i64, LedgerHash),
        at_ms: i64,
        key: &LedgerKey,
    ) -> Self {
        let sequence = to_sequence(sequence);
        let mut checkpoint = Self {
            format: FORMAT.to_owned(),
            store,
            sequence,
            count: sequence,
            hash,
            at_ms,
            key: key.public(),
            signature: Signature([0; 64]),
        };
        checkpoint.signature = Signature(key.sign(&checkpoint.signed_bytes()));
        checkpoint
    }

    fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put(&mut bytes, FORMAT.as_bytes());
        put(&mut bytes, self.store.as_bytes());
        put(&mut bytes, self.sequence.to_string().as_bytes());
        put(&mut bytes, self.count.to_string().as_bytes());
        put(&mut bytes, self.hash.to_string().as_bytes());
        put_number(&mut bytes, self.at_ms);
        bytes
    }
}

impl Store {
    /// Looks through the records since the last checkpoint and signs how far the ledger has come.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like; there is no new checkpoint then.
    pub async fn make_ledger_checkpoint(
        &self,
        key: Arc<LedgerKey>,
        at_ms: i64,
    ) -> Result<CheckpointOutcome, StoreError> {
        self.writer.write(move |connection| make(connection, &key, at_ms)).await
    }

    /// The last checkpoint, and the sequence of the last record (0 when there is none).
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn ledger_progress(&self) -> Result<(Option<Checkpoint>, u64), StoreError> {
        let read = |connection: &Connection| {
            let store = query::store_id(connection)?;
            let last_record = last(connection)?.map_or(0, |(sequence, _)| to_sequence(sequence));
            Ok((newest(connection, &store)?, last_record))
        };
        self.reader.read(read).await
    }
}

pub(super) fn make(
    connection: &Connection,
    key: &LedgerKey,
    at_ms: i64,
) -> Result<CheckpointOutcome, rusqlite::Error> {
    let store = query::store_id(connection)?;
    let before = newest(connection, &store)?;
    let mut chain = match &before {
        None => Chain::of_store(&store),
        Some(before) => Chain::after(before),
    };
    let fault = match &before {
        Some(before) => chain.check_anchor(connection, before)?,
        None => None,
    };
    if let Some(fault) = fault.map_or_else(|| chain.follow(connection), |fault| Ok(Some(fault)))? {
        return Ok(CheckpointOutcome::Broken(fault));
    }
    let end = (from_sequence(chain.sequence()), chain.hash());
    if before.is_none_or(|before| chain.sequence() > before.sequence) && chain.sequence() > 0 {
        let checkpoint = Checkpoint::sign(store, end, at_ms, key);
        insert(connection, &checkpoint)?;
        return Ok(CheckpointOutcome::Made(checkpoint));
    }
    Ok(CheckpointOutcome::NothingNew)
}

fn insert(connection: &Connection, checkpoint: &Checkpoint) -> Result<(), rusqlite::Error> {
    let insert = "INSERT INTO ledger_checkpoint (sequence, count, hash, at_ms, key, signature)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let values = (
        from_sequence(checkpoint.sequence),
        from_sequence(checkpoint.count),
        checkpoint.hash.as_bytes(),
        checkpoint.at_ms,
        checkpoint.key.as_bytes(),
        checkpoint.signature.0,
    );
    connection.prepare_cached(insert)?.execute(values).map(|_| ())
}

const COLUMNS: &str = "sequence, count, hash, at_ms, key, signature";

fn newest(connection: &Connection, store: &str) -> Result<Option<Checkpoint>, rusqlite::Error> {
    let select = format!("SELECT {COLUMNS} FROM ledger_checkpoint ORDER BY sequence DESC LIMIT 1");
    connection.prepare_cached(&select)?.query_row([], |row| from_row(row, store)).optional()
}

/// The checkpoints after a sequence, oldest first.
pub(super) fn after(
    connection: &Connection,
    store: &str,
    sequence: i64,
    limit: u32,
) -> Result<Vec<Checkpoint>, rusqlite::Error> {
    let select = format!(
        "SELECT {COLUMNS} FROM ledger_checkpoint WHERE sequence > ?1 ORDER BY sequence LIMIT ?2"
    );
    let mut select = connection.prepare_cached(&select)?;
    select.query_map((sequence, limit), |row| from_row(row, store))?.collect()
}

/// The newest one and those that some destination has got last, newest first.
pub(super) fn that_matter(
    connection: &Connection,
    store: &str,
) -> Result<Vec<Checkpoint>, rusqlite::Error> {
    let select = format!(
        "SELECT {COLUMNS} FROM ledger_checkpoint
         WHERE sequence = (SELECT max(sequence) FROM ledger_checkpoint)
            OR sequence IN (SELECT sequence FROM ledger_delivery WHERE at_ms IS NOT NULL)
         ORDER BY sequence DESC"
    );
    let mut select = connection.prepare_cached(&select)?;
    select.query_map([], |row| from_row(row, store))?.collect()
}

/// What cannot be a key or a signature becomes one that is never genuine.
fn from_row(row: &Row<'_>, store: &str) -> Result<Checkpoint, rusqlite::Error> {
    let bytes = |column| Ok::<_, rusqlite::Error>(row.get_ref(column)?.as_blob()?.to_vec());
    Ok(Checkpoint {
        format: FORMAT.to_owned(),
        store: store.to_owned(),
        sequence: to_sequence(row.get(0)?),
        count: to_sequence(row.get(1)?),
        hash: LedgerHash::from_bytes(&bytes(2)?).unwrap_or(LedgerHash::NONE),
        at_ms: row.get(3)?,
        key: LedgerPublicKey::from_bytes(&bytes(4)?).unwrap_or(LedgerPublicKey::NONE),
        signature: Signature(bytes(5)?.try_into().unwrap_or([0; 64])),
    })
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl TryFrom<String> for Signature {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        unhex(&text).map(Self).ok_or("expected a signature of 128 hexadecimal digits")
    }
}

impl From<Signature> for String {
    fn from(signature: Signature) -> Self {
        hex(&signature.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a damaged row is read as.
    fn nobodys(sequence: u64) -> Checkpoint {
        Checkpoint {
            format: FORMAT.to_owned(),
            store: "0".repeat(32),
            sequence,
            count: sequence,
            hash: LedgerHash::NONE,
            at_ms: 1,
            key: LedgerPublicKey::NONE,
            signature: Signature([0; 64]),
        }
    }

    #[test]
    fn what_nobody_signed_is_never_genuine() {
        assert!((1..100).all(|sequence| !nobodys(sequence).is_genuine()));
    }

    #[test]
    fn no_text_makes_it_panic() {
        let whole = nobodys(1).text();
        let read = |text: &str| {
            if let Ok(checkpoint) = Checkpoint::parse(text) {
                std::hint::black_box(checkpoint.is_genuine());
                assert!(!checkpoint.name().is_empty());
            }
        };
        read(&whole);
        bolero::check!().with_type::<(String, Vec<(u16, u8)>)>().for_each(|(text, flips)| {
            read(text);
            let mut flipped = whole.clone().into_bytes();
            for (at, to) in flips {
                let at = usize::from(*at) % flipped.len();
                flipped[at] = *to;
            }
            read(&String::from_utf8_lossy(&flipped));
        });
    }
}
