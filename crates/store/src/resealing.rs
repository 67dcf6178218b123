//! Brings every secret in the store under the key that seals now: what an older format kept in
//! clear, and what an older key sealed.

use crate::{SealKeys, StoreError};
use rusqlite::Connection;

/// Where secrets lie: table, key column, the column with the sealed bytes, what an older format
/// kept in clear, and the first part of their place.
const SECRETS: [(&str, &str, &str, Option<&str>, &str); 5] = [
    ("certificate", "host_key", "key_sealed", Some("key_pem"), "certificate"),
    ("acme_account", "directory", "sealed", Some("credentials"), "acme"),
    ("person", "id", "totp", None, "totp"),
    ("person", "id", "totp_new", None, "totp"),
    ("secret", "name", "sealed", None, "secret"),
];

/// The place of a secret, to which its seal is bound.
pub(crate) fn place(kind: &str, key: &str) -> String {
    format!("{kind}/{key}")
}

/// Runs at every opening; writes nothing when all is as it should be. After a crash it goes on
/// where it was.
///
/// # Errors
/// When the store cannot be read or written. A secret that no key opens is left as it is.
pub(crate) fn run(connection: &mut Connection, keys: &SealKeys) -> Result<(), StoreError> {
    let mut was_clear = false;
    for (table, key, sealed, clear, kind) in SECRETS {
        let transaction = connection.transaction().map_err(StoreError::write)?;
        if let Some(clear) = clear {
            was_clear |= seal_clear(&transaction, keys, [table, key, sealed, clear, kind])?;
        }
        seal_again(&transaction, keys, [table, key, sealed, kind])?;
        transaction.commit().map_err(StoreError::write)?;
    }
    if was_clear {
        // What was in clear must not stay behind in free pages or in the log.
        let sweep = "VACUUM; PRAGMA wal_checkpoint(TRUNCATE);";
        connection.execute_batch(sweep).map_err(StoreError::write)?;
        tracing::info!("secrets that lay in the store in clear are sealed");
    }
    Ok(())
}

fn seal_clear(
    connection: &Connection,
    keys: &SealKeys,
    [table, key, sealed, clear, kind]: [&str; 5],
) -> Result<bool, StoreError> {
    let select = format!("SELECT {key}, {clear} FROM {table} WHERE {sealed} IS NULL");
    let update = format!("UPDATE {table} SET {sealed} = ?2, {clear} = '' WHERE {key} = ?1");
    let rows: Vec<(String, String)> = all(connection, &select)?;
    for (name, secret) in &rows {
        let bytes = keys.seal(&place(kind, name), secret.as_bytes())?;
        connection.execute(&update, (name, bytes)).map_err(StoreError::write)?;
    }
    Ok(!rows.is_empty())
}

fn seal_again(
    connection: &Connection,
    keys: &SealKeys,
    [table, key, sealed, kind]: [&str; 4],
) -> Result<(), StoreError> {
    let select = format!("SELECT {key}, {sealed} FROM {table} WHERE {sealed} IS NOT NULL");
    let update = format!("UPDATE {table} SET {sealed} = ?2 WHERE {key} = ?1");
    let rows: Vec<(String, Vec<u8>)> = all(connection, &select)?;
    for (name, bytes) in rows.iter().filter(|(_, bytes)| !keys.is_current(bytes)) {
        let place = place(kind, name);
        match keys.unseal(&place, bytes) {
            Ok(secret) => {
                let bytes = keys.seal(&place, &secret)?;
                connection.execute(&update, (name, bytes)).map_err(StoreError::write)?;
            }
            Err(error) => tracing::error!(%error, "a secret stays closed until its key is back"),
        }
    }
    Ok(())
}

fn all<T: rusqlite::types::FromSql>(
    connection: &Connection,
    select: &str,
) -> Result<Vec<(String, T)>, StoreError> {
    let read = || {
        let mut select = connection.prepare(select)?;
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<Result<Vec<_>, _>>()
    };
    read().map_err(StoreError::read)
}
