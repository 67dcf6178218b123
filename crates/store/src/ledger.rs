//! The ledger: what was done, in a chain that shows every change made to it afterwards.
//!
//! The format is docs/formats/ledger.md. Nothing here sends a checkpoint anywhere; what is still to
//! be sent to whom is remembered here, the sending is others'.

use crate::{Store, StoreError};
use kernel::{Actor, LedgerEntry, Params, Personal, Value};
use record::Fields;
use rusqlite::{Connection, OptionalExtension as _};

mod checkpoint;
mod delivery;
mod file;
mod identity;
mod key;
mod query;
mod record;
mod verification;

pub(crate) use identity::forget;

pub use checkpoint::{Checkpoint, CheckpointError, CheckpointOutcome};
pub use delivery::{LedgerCopies, LedgerDelivery};
pub use file::LedgerFile;
pub use key::{LedgerKey, LedgerKeyError, LedgerPublicKey};
pub use query::{LedgerFilter, LedgerPage, LedgerPaging};
pub use record::{LedgerHash, LedgerRecord};
pub use verification::{LedgerBreak, LedgerFault, Verification, Witness};

/// Longer texts of an entry are cut: what strangers can make us write must not fill the disk.
const TEXT_LIMIT: usize = 2_000;

impl Store {
    /// Adds what was done at the end of the ledger. Human beings in it become keyed ids, and texts
    /// beyond 2,000 characters are cut; the record that comes back is the one that was written.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like; nothing was written then.
    pub async fn append_to_ledger(&self, entry: LedgerEntry) -> Result<LedgerRecord, StoreError> {
        self.writer.write(move |connection| append(connection, &entry)).await
    }

    /// A page of the ledger, with who is behind the keyed ids on it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn ledger(
        &self,
        paging: LedgerPaging,
        limit: u32,
        filter: LedgerFilter,
    ) -> Result<LedgerPage, StoreError> {
        self.reader.read(move |connection| query::page(connection, paging, limit, &filter)).await
    }

    /// Makes a human being unreadable in the ledger for good; whether they stood in it.
    ///
    /// # Errors
    /// As of [`Store::append_to_ledger`].
    pub async fn forget_in_ledger(&self, personal: Personal) -> Result<bool, StoreError> {
        self.writer.write(move |connection| forget(connection, &personal)).await
    }
}

/// Adds an entry within the transaction that `connection` is in, so that a change and its entry are
/// written together or not at all. The transaction must have begun as one that writes.
pub(crate) fn append(
    connection: &Connection,
    entry: &LedgerEntry,
) -> Result<LedgerRecord, rusqlite::Error> {
    let (last, previous) = match last(connection)? {
        Some(last) => last,
        None => (0, record::origin(query::store_id(connection)?.as_bytes())),
    };
    let actor = match &entry.actor {
        Actor::Person(id) => identity::keyed(connection, &Personal::Person(id.clone()))?,
        other => cut(&other.to_string()),
    };
    let subject = entry.subject.as_deref().map(|text| nameless(connection, text)).transpose()?;
    let params = nameless_params(connection, &entry.params)?;
    let params_text =
        serde_json::to_string(&params).expect("invariant: numbers and texts are always JSON");
    let kind = cut(&entry.kind);
    let fields = Fields {
        sequence: last + 1,
        at_ms: entry.at_ms,
        actor: actor.as_bytes(),
        shop: entry.shop.as_ref().map(|shop| shop.as_str().as_bytes()),
        kind: kind.as_bytes(),
        subject: subject.as_deref().map(str::as_bytes),
        params: params_text.as_bytes(),
    };
    let hash = record::hash(&fields, &previous, &mut Vec::new());
    let insert = "INSERT INTO ledger
        (sequence, at_ms, actor, shop, kind, subject, params, previous, hash)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    connection.prepare_cached(insert)?.execute((
        last + 1,
        entry.at_ms,
        &actor,
        entry.shop.as_ref().map(kernel::ShopId::as_str),
        &kind,
        &subject,
        &params_text,
        previous.as_bytes(),
        hash.as_bytes(),
    ))?;
    Ok(LedgerRecord {
        sequence: record::to_sequence(last + 1),
        at_ms: entry.at_ms,
        actor,
        shop: entry.shop.as_ref().map(ToString::to_string),
        kind,
        subject,
        params,
        previous,
        hash,
    })
}

/// The last record's sequence and hash.
fn last(connection: &Connection) -> Result<Option<(i64, LedgerHash)>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT sequence, hash FROM ledger ORDER BY sequence DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

fn nameless_params(connection: &Connection, params: &Params) -> Result<Params, rusqlite::Error> {
    let without_name = |(name, value): (&String, &Value)| {
        let value = match value {
            Value::Text(text) => Value::Text(nameless(connection, text)?),
            // JSON has no word for infinity; a text keeps what it was.
            Value::Number(number) if !number.is_finite() => Value::Text(number.to_string()),
            number => number.clone(),
        };
        Ok((cut(name), value))
    };
    params.iter().map(without_name).collect()
}

/// A text as it may stand in the ledger.
fn nameless(connection: &Connection, text: &str) -> Result<String, rusqlite::Error> {
    match text.parse::<Personal>() {
        Ok(personal) => identity::keyed(connection, &personal),
        Err(_) if is_mail_address(text) => {
            identity::keyed(connection, &Personal::Mail(text.to_owned()))
        }
        Err(_) => Ok(cut(text)),
    }
}

/// A net below callers who forgot that an address is a human being's. It catches what is nothing but
/// an address, and a little more.
fn is_mail_address(text: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || matches!(c, ':' | '/' | '@');
    text.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && !name.contains(odd) && host.contains('.') && !host.contains(odd)
    })
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_LIMIT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_a_human_being_is_recognised() {
        let check = |text: &str, expect: bool| assert_eq!(is_mail_address(text), expect, "{text}");
        check("anna@lamps.example", true);
        check("anna.b+c@mail.lamps.example", true);
        check("postgres://shop@db.example/shop", false);
        check("could not reach a@b.c in time", false);
        check("shop@3001", false);
        check("@lamps.example", false);
        check("", false);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("ä"), "ä");
        assert_eq!(cut(&"ä".repeat(TEXT_LIMIT)), "ä".repeat(TEXT_LIMIT));
        assert_eq!(cut(&"ä".repeat(TEXT_LIMIT + 1)), format!("{}…", "ä".repeat(TEXT_LIMIT)));
    }
}
