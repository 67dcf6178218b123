//! Who had their data erased, by a keyed hash: the address itself is never kept.

use crate::{Store, StoreError};
use kernel::ShopId;
use rusqlite::Connection;

/// A person who had their data erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureRecord {
    /// A keyed hash of their address, as its writer made it.
    pub person: String,
    /// When they asked for it last. Unix milliseconds.
    pub at_ms: i64,
}

impl Store {
    /// Notes that somebody had their data erased; a later time takes the place of an earlier one.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like.
    pub async fn add_erasure(
        &self,
        shop: &ShopId,
        erasure: ErasureRecord,
    ) -> Result<(), StoreError> {
        let shop = shop.clone();
        let write = move |connection: &Connection| {
            let insert = "INSERT INTO erasure (shop, person, at_ms) VALUES (?1, ?2, ?3)
                          ON CONFLICT (shop, person) DO UPDATE
                          SET at_ms = max(at_ms, excluded.at_ms)";
            connection.execute(insert, (shop.as_str(), erasure.person, erasure.at_ms)).map(|_| ())
        };
        self.writer.write(write).await
    }

    /// All of a shop, in the order of their hashes.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn erasures(&self, shop: &ShopId) -> Result<Vec<ErasureRecord>, StoreError> {
        let wanted = shop.clone();
        let select = move |connection: &Connection| {
            let mut select = connection.prepare_cached(
                "SELECT person, at_ms FROM erasure WHERE shop = ?1 ORDER BY person",
            )?;
            let rows = select.query_map([wanted.as_str()], |row| {
                Ok(ErasureRecord { person: row.get(0)?, at_ms: row.get(1)? })
            })?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        self.reader.read(select).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_person_is_kept_once_a_shop_with_the_last_time() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let (lamps, tables): (ShopId, ShopId) =
            ("lamps".parse().unwrap(), "tables".parse().unwrap());
        let note = |at_ms| ErasureRecord { person: "a1".into(), at_ms };
        for at_ms in [5, 9, 7] {
            store.add_erasure(&lamps, note(at_ms)).await.unwrap();
        }
        assert_eq!(store.erasures(&lamps).await.unwrap(), [note(9)]);
        assert_eq!(store.erasures(&tables).await.unwrap(), []);
    }
}
