//! Secrets that others keep here, by name, and the repositories that they open.

use crate::{Store, StoreError, resealing::place};
use rusqlite::{Connection, OptionalExtension as _};

/// The first part of the place of every such secret.
const KIND: &str = "secret";

/// A repository that was there once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRepository {
    /// As the configuration names it.
    pub place: String,
    /// Its own.
    pub id: String,
    /// When its data were last read again, and how much was damaged.
    pub checked: Option<(i64, u64)>,
}

impl Store {
    /// A secret by its name.
    ///
    /// # Errors
    /// When the store cannot be read, and [`StoreError::Unseal`] when there is one that no key opens:
    /// another one must not take its place.
    pub async fn secret(&self, name: &str) -> Result<Option<String>, StoreError> {
        let wanted = name.to_owned();
        let select = move |connection: &Connection| {
            let select = "SELECT sealed FROM secret WHERE name = ?1";
            connection.query_row(select, [wanted], |row| row.get(0)).optional()
        };
        let sealed: Option<Vec<u8>> = self.reader.read(select).await?;
        sealed.map(|sealed| self.keys.unseal_text(&place(KIND, name), &sealed)).transpose()
    }

    /// Keeps a secret where there is none of this name yet, and gives the one that is there then.
    ///
    /// # Errors
    /// As of [`Store::secret`]; [`StoreError::Full`] and the like.
    pub async fn add_secret(&self, name: &str, secret: &str) -> Result<String, StoreError> {
        let sealed = self.keys.seal(&place(KIND, name), secret.as_bytes())?;
        let wanted = name.to_owned();
        let write = move |connection: &Connection| {
            let insert = "INSERT INTO secret (name, sealed) VALUES (?1, ?2)
                          ON CONFLICT (name) DO NOTHING";
            connection.execute(insert, (wanted, sealed)).map(|_| ())
        };
        self.writer.write(write).await?;
        let kept = self.secret(name).await?;
        kept.ok_or_else(|| StoreError::Unseal { place: place(KIND, name) })
    }

    /// Notes that there is a repository at a place.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like.
    pub async fn know_repository(&self, place: &str, id: &str) -> Result<(), StoreError> {
        let (place, id) = (place.to_owned(), id.to_owned());
        let write = move |connection: &Connection| {
            let insert = "INSERT INTO repository (place, id) VALUES (?1, ?2)
                          ON CONFLICT (place) DO UPDATE SET id = excluded.id
                          WHERE id <> excluded.id";
            connection.execute(insert, (place, id)).map(|_| ())
        };
        self.writer.write(write).await
    }

    /// Notes what reading a repository's data again has found.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like.
    pub async fn repository_checked(
        &self,
        place: &str,
        at_ms: i64,
        damaged: u64,
    ) -> Result<(), StoreError> {
        let place = place.to_owned();
        let damaged = i64::try_from(damaged).unwrap_or(i64::MAX);
        let write = move |connection: &Connection| {
            let update = "UPDATE repository SET checked_ms = ?2, damaged = ?3 WHERE place = ?1";
            connection.execute(update, (place, at_ms, damaged)).map(|_| ())
        };
        self.writer.write(write).await
    }

    /// Every repository that was noted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn repositories(&self) -> Result<Vec<KnownRepository>, StoreError> {
        let select = |connection: &Connection| {
            let mut select = connection
                .prepare_cached("SELECT place, id, checked_ms, damaged FROM repository")?;
            let rows = select.query_map([], |row| {
                let checked: (Option<i64>, Option<i64>) = (row.get(2)?, row.get(3)?);
                let count = |damaged| u64::try_from(damaged).unwrap_or(0);
                let checked = checked.0.zip(checked.1).map(|(at, damaged)| (at, count(damaged)));
                Ok(KnownRepository { place: row.get(0)?, id: row.get(1)?, checked })
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
    async fn the_first_secret_of_a_name_stays() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.secret("backup:lamps").await.unwrap(), None);
        assert_eq!(store.add_secret("backup:lamps", "one").await.unwrap(), "one");
        assert_eq!(store.add_secret("backup:lamps", "other").await.unwrap(), "one");
        drop(store);
        std::fs::remove_file(folder.path().join(crate::KEY_FILE)).unwrap();
        // Without its key it is no reason to make another.
        let store = Store::open(folder.path()).unwrap();
        assert!(store.secret("backup:lamps").await.is_err());
        assert!(store.add_secret("backup:lamps", "other").await.is_err());
    }

    #[tokio::test]
    async fn repositories_are_remembered_with_what_was_found() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.know_repository("/b", "1").await.unwrap();
        store.repository_checked("/b", 5, 2).await.unwrap();
        store.know_repository("/b", "1").await.unwrap();
        let expect = KnownRepository { place: "/b".into(), id: "1".into(), checked: Some((5, 2)) };
        assert_eq!(store.repositories().await.unwrap(), [expect]);
    }
}
