//! Tokens of programs: named, scoped, ending, kept as hashes.

use crate::{Store, StoreError, TokenHash};
use kernel::{Actor, Scope, TokenName};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row};

/// A token as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    pub name: TokenName,
    pub scope: Scope,
    /// Who made it.
    pub made_by: Actor,
    /// Unix milliseconds, as the others.
    pub created_ms: i64,
    pub expires_ms: i64,
    /// To the minute; `None`: never.
    pub used_ms: Option<i64>,
}

const TOKEN: &str = "SELECT name, scope, made_by, created_ms, expires_ms, used_ms FROM api_token";

impl Store {
    /// Keeps a token by its secret's hash; `false` when one of this name is there.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like; it is not valid then.
    pub async fn add_token(&self, token: TokenRecord, hash: TokenHash) -> Result<bool, StoreError> {
        let scope = serde_json::to_string(&token.scope)
            .map_err(|error| StoreError::Malformed(format!("scope of a token: {error}")))?;
        let write = move |connection: &Connection| {
            let inserted = connection.execute(
                "INSERT INTO api_token (name, hash, scope, made_by, created_ms, expires_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                (
                    token.name.as_str(),
                    hash,
                    scope,
                    token.made_by.to_string(),
                    token.created_ms,
                    token.expires_ms,
                ),
            );
            match inserted {
                Ok(_) => Ok(true),
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                    Ok(false)
                }
                Err(error) => Err(error),
            }
        };
        self.writer.write(write).await
    }

    /// All tokens, those that have ended included, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn tokens(&self) -> Result<Vec<TokenRecord>, StoreError> {
        let select = |connection: &Connection| {
            let mut select = connection.prepare_cached(&format!("{TOKEN} ORDER BY name"))?;
            let rows = select.query_map([], read_row)?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        self.reader.read(select).await?.into_iter().map(to_token).collect()
    }

    /// The token of a secret, when it has not ended by `now_ms`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn token(
        &self,
        hash: TokenHash,
        now_ms: i64,
    ) -> Result<Option<TokenRecord>, StoreError> {
        let select = move |connection: &Connection| {
            connection
                .prepare_cached(&format!("{TOKEN} WHERE hash = ?1 AND expires_ms > ?2"))?
                .query_row((hash, now_ms), read_row)
                .optional()
        };
        self.reader.read(select).await?.map(to_token).transpose()
    }

    /// Notes that a token is in use.
    ///
    /// # Errors
    /// As of [`Store::add_token`].
    pub async fn touch_token(&self, name: &TokenName, now_ms: i64) -> Result<(), StoreError> {
        let name = name.clone();
        let write = move |connection: &Connection| {
            let update = "UPDATE api_token SET used_ms = ?2 WHERE name = ?1";
            connection.execute(update, (name.as_str(), now_ms)).map(|_| ())
        };
        self.writer.write(write).await
    }

    /// Ends a token for good; `false` when there is none of this name.
    ///
    /// # Errors
    /// As of [`Store::add_token`]; it goes on then.
    pub async fn remove_token(&self, name: &TokenName) -> Result<bool, StoreError> {
        let name = name.clone();
        let write = move |connection: &Connection| {
            let delete = "DELETE FROM api_token WHERE name = ?1";
            connection.execute(delete, [name.as_str()]).map(|deleted| deleted == 1)
        };
        self.writer.write(write).await
    }
}

type TokenRow = (String, String, String, i64, i64, Option<i64>);

fn read_row(row: &Row<'_>) -> rusqlite::Result<TokenRow> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
}

fn to_token(row: TokenRow) -> Result<TokenRecord, StoreError> {
    let (name, scope, made_by, created_ms, expires_ms, used_ms) = row;
    let malformed = |what: &str| StoreError::Malformed(format!("{what} of the token `{name}`"));
    Ok(TokenRecord {
        scope: serde_json::from_str(&scope).map_err(|_| malformed("scope"))?,
        made_by: made_by.parse().map_err(|_| malformed("maker"))?,
        name: name.parse().map_err(|_| malformed("name"))?,
        created_ms,
        expires_ms,
        used_ms,
    })
}
