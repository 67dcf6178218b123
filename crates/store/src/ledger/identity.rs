//! Keyed ids: how human beings stand in the ledger, and how they are forgotten.

use super::record::{hex, put};
use kernel::Personal;
use ring::hmac;
use rusqlite::{Connection, OptionalExtension as _};

/// Digits of a keyed id: 128 bits, so that no two human beings ever share one.
const DIGITS: usize = 32;

/// The keyed id of a human being, with a key of their own when they had none.
pub(super) fn keyed(
    connection: &Connection,
    personal: &Personal,
) -> Result<String, rusqlite::Error> {
    if let Some(known) = find(connection, personal)? {
        return Ok(known);
    }
    // SQLite seeds its generator from the system's; a key need only be beyond guessing.
    let key: [u8; 32] =
        connection.prepare_cached("SELECT randomblob(32)")?.query_row([], |row| row.get(0))?;
    let keyed_id = keyed_id(&key, personal);
    connection
        .prepare_cached(
            "INSERT INTO ledger_identity (keyed_id, class, id, key) VALUES (?, ?, ?, ?)",
        )?
        .execute((&keyed_id, personal.class(), personal.id(), key))?;
    Ok(keyed_id)
}

/// The keyed id of a human being who has one.
pub(super) fn find(
    connection: &Connection,
    personal: &Personal,
) -> Result<Option<String>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT keyed_id FROM ledger_identity WHERE class = ?1 AND id = ?2")?
        .query_row((personal.class(), personal.id()), |row| row.get(0))
        .optional()
}

/// Who is behind a keyed id; `None` when they were forgotten, and for other texts.
pub(super) fn resolve(
    connection: &Connection,
    keyed_id: &str,
) -> Result<Option<Personal>, rusqlite::Error> {
    let select = "SELECT class || ':' || id FROM ledger_identity WHERE keyed_id = ?1";
    let text: Option<String> =
        connection.prepare_cached(select)?.query_row([keyed_id], |row| row.get(0)).optional()?;
    Ok(text.and_then(|text| text.parse().ok()))
}

/// Deletes a human being's key, and overwrites its place in the file.
pub(crate) fn forget(
    connection: &Connection,
    personal: &Personal,
) -> Result<bool, rusqlite::Error> {
    connection.pragma_update(None, "secure_delete", true)?;
    let deleted = connection.execute(
        "DELETE FROM ledger_identity WHERE class = ?1 AND id = ?2",
        (personal.class(), personal.id()),
    );
    connection.pragma_update(None, "secure_delete", false)?;
    deleted.map(|rows| rows > 0)
}

/// Whether a text has the form of a keyed id.
pub(super) fn is_keyed_id(text: &str) -> bool {
    text.split_once('#').is_some_and(|(class, digits)| {
        matches!(class, "person" | "customer" | "mail")
            && digits.len() == DIGITS
            && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    })
}

fn keyed_id(key: &[u8; 32], personal: &Personal) -> String {
    let mut bytes = Vec::new();
    put(&mut bytes, personal.class().as_bytes());
    put(&mut bytes, personal.id().as_bytes());
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &bytes);
    format!("{}#{}", personal.class(), &hex(tag.as_ref())[..DIGITS])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyed_id_depends_on_key_class_and_id() {
        let anna = Personal::Person("anna".into());
        let id = keyed_id(&[7; 32], &anna);
        assert!(is_keyed_id(&id) && id.starts_with("person#"), "{id}");
        assert_eq!(keyed_id(&[7; 32], &anna), id);
        assert_ne!(keyed_id(&[8; 32], &anna), id);
        assert_ne!(keyed_id(&[7; 32], &Personal::Person("bert".into())), id);
        let customer = keyed_id(&[7; 32], &Personal::Customer("anna".into()));
        assert_ne!(customer.split_once('#').unwrap().1, id.split_once('#').unwrap().1);
        assert!(!is_keyed_id("run#00000000000000000000000000000000"));
        assert!(!is_keyed_id("person#1"));
    }
}
