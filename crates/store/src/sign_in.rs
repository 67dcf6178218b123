//! One-time sign-in tokens and sessions. Only hashes arrive here, so that a copy of the store lets
//! nobody in.

use crate::{Store, StoreError};
use rusqlite::Connection;

/// SHA-256 of a token that nobody can guess.
pub type TokenHash = [u8; 32];

impl Store {
    /// Makes a sign-in token valid until `expires_ms` (unix milliseconds) or its first use.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like; it is not valid then.
    pub async fn add_sign_in_token(
        &self,
        hash: TokenHash,
        expires_ms: i64,
    ) -> Result<(), StoreError> {
        self.insert("sign_in_token", hash, expires_ms).await
    }

    /// Uses a sign-in token up: `true` once, for a token that has not expired by `now_ms`.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like; it is as valid as before then.
    pub async fn use_sign_in_token(
        &self,
        hash: TokenHash,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let write = move |connection: &Connection| {
            connection
                .prepare_cached("DELETE FROM sign_in_token WHERE hash = ?1 AND expires_ms > ?2")?
                .execute((hash, now_ms))
                .map(|deleted| deleted == 1)
        };
        self.writer.write(write).await
    }

    /// # Errors
    /// As of [`Store::add_sign_in_token`].
    pub async fn add_session(&self, hash: TokenHash, expires_ms: i64) -> Result<(), StoreError> {
        self.insert("session", hash, expires_ms).await
    }

    /// Whether there is such a session that has not expired by `now_ms`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn session_valid(&self, hash: TokenHash, now_ms: i64) -> Result<bool, StoreError> {
        let select = move |connection: &Connection| {
            connection
                .prepare_cached("SELECT 1 FROM session WHERE hash = ?1 AND expires_ms > ?2")?
                .exists((hash, now_ms))
        };
        self.reader.read(select).await
    }

    /// Ends a session; one that does not exist is ended already.
    ///
    /// # Errors
    /// As of [`Store::add_sign_in_token`]; it goes on then.
    pub async fn end_session(&self, hash: TokenHash) -> Result<(), StoreError> {
        let write = move |connection: &Connection| {
            connection
                .prepare_cached("DELETE FROM session WHERE hash = ?1")?
                .execute([hash])
                .map(|_| ())
        };
        self.writer.write(write).await
    }

    async fn insert(
        &self,
        table: &'static str,
        hash: TokenHash,
        expires_ms: i64,
    ) -> Result<(), StoreError> {
        let write = move |connection: &Connection| {
            connection
                .prepare_cached(&format!("INSERT INTO {table} (hash, expires_ms) VALUES (?1, ?2)"))?
                .execute((hash, expires_ms))
                .map(|_| ())
        };
        self.writer.write(write).await
    }
}
