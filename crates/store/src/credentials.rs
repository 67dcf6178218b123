//! How people prove who they are: a password (as its hash), a second factor (sealed), recovery
//! codes (as hashes). Whether a proof is good is judged elsewhere; here only that none is good
//! twice.

use crate::{Store, StoreError, TokenHash, people::to_id, resealing::place};
use kernel::PersonId;
use rusqlite::{Connection, OptionalExtension};
use std::fmt;

/// What a sign-in is held against.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub person: PersonId,
    /// A PHC string; `None`: nobody signs in with a password here.
    pub password: Option<String>,
    /// The secret that codes are made from; `None`: no second factor.
    pub second_factor: Option<Vec<u8>>,
}

impl fmt::Debug for Credentials {
    /// Never prints a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("person", &self.person).finish_non_exhaustive()
    }
}

/// The first part of the place of a second factor's secret.
const KIND: &str = "totp";

type CredentialsRow = (String, Option<String>, Option<Vec<u8>>);

impl Store {
    /// The credentials of whoever has this id or, in lower case, this e-mail address.
    ///
    /// # Errors
    /// When the store cannot be read, or the second factor cannot be opened.
    pub async fn credentials(&self, name: &str) -> Result<Option<Credentials>, StoreError> {
        let name = name.to_owned();
        let select = move |connection: &Connection| {
            connection
                .prepare_cached(
                    "SELECT id, password, totp FROM person WHERE id = ?1 OR email = ?1
                     ORDER BY id = ?1 DESC LIMIT 1",
                )?
                .query_row([name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()
        };
        let found: Option<CredentialsRow> = self.reader.read(select).await?;
        let Some((id, password, sealed)) = found else { return Ok(None) };
        let second_factor = self.open_second_factor(&id, sealed)?;
        Ok(Some(Credentials { person: to_id(&id)?, password, second_factor }))
    }

    /// Sets a password by its hash, and ends every session but `keep` and every link of the person.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like; all is as before then.
    pub async fn set_password(
        &self,
        person: &PersonId,
        password: String,
        keep: Option<TokenHash>,
    ) -> Result<(), StoreError> {
        let id = person.clone();
        let write = move |connection: &Connection| {
            set_password(connection, id.as_str(), Some(&password), keep)
        };
        self.writer.write(write).await
    }

    /// Takes away everything a person can sign in with, and ends what they began. `false`: there is
    /// no such person.
    ///
    /// # Errors
    /// As of [`Store::set_password`].
    pub async fn reset_credentials(&self, person: &PersonId) -> Result<bool, StoreError> {
        let id = person.clone();
        let write = move |connection: &Connection| {
            set_password(connection, id.as_str(), None, None)?;
            remove_second_factor(connection, id.as_str())
        };
        self.writer.write(write).await
    }

    /// Uses an invitation up and sets the password of whom it invited; `None` when it is none that
    /// is good at `now_ms`.
    ///
    /// # Errors
    /// As of [`Store::set_password`].
    pub async fn accept_invitation(
        &self,
        hash: TokenHash,
        password: String,
        now_ms: i64,
    ) -> Result<Option<PersonId>, StoreError> {
        let write = move |connection: &Connection| {
            let invited = "DELETE FROM one_time_link
                           WHERE hash = ?1 AND purpose = 'invitation' AND expires_ms > ?2
                           RETURNING person";
            let invited = connection.query_row(invited, (hash, now_ms), |row| row.get(0));
            let invited: Option<String> = invited.optional()?;
            if let Some(id) = &invited {
                set_password(connection, id, Some(&password), None)?;
            }
            Ok(invited)
        };
        self.writer.write(write).await?.map(|id| to_id(&id)).transpose()
    }

    /// Keeps the secret of a second factor that is not in force before it is confirmed.
    ///
    /// # Errors
    /// As of [`Store::set_password`].
    pub async fn begin_second_factor(
        &self,
        person: &PersonId,
        secret: &[u8],
    ) -> Result<(), StoreError> {
        let sealed = self.keys.seal(&place(KIND, person.as_str()), secret)?;
        let id = person.clone();
        let write = move |connection: &Connection| {
            let update = "UPDATE person SET totp_new = ?2 WHERE id = ?1";
            connection.execute(update, (id.as_str(), sealed)).map(|_| ())
        };
        self.writer.write(write).await
    }

    /// The secret that [`Store::begin_second_factor`] keeps.
    ///
    /// # Errors
    /// As of [`Store::credentials`].
    pub async fn begun_second_factor(
        &self,
        person: &PersonId,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let id = person.clone();
        let select = move |connection: &Connection| {
            let select = "SELECT totp_new FROM person WHERE id = ?1";
            connection.query_row(select, [id.as_str()], |row| row.get(0)).optional()
        };
        let sealed: Option<Option<Vec<u8>>> = self.reader.read(select).await?;
        self.open_second_factor(person.as_str(), sealed.flatten())
    }

    /// Puts the begun second factor in force, with `codes` in place of older recovery codes. `step`
    /// is the one whose code proved it.
    ///
    /// # Errors
    /// As of [`Store::set_password`].
    pub async fn confirm_second_factor(
        &self,
        person: &PersonId,
        step: i64,
        codes: Vec<TokenHash>,
    ) -> Result<(), StoreError> {
        let id = person.clone();
        let write = move |connection: &Connection| {
            connection.execute(
                "UPDATE person SET totp = totp_new, totp_new = NULL, totp_step = ?2
                 WHERE id = ?1 AND totp_new IS NOT NULL",
                (id.as_str(), step),
            )?;
            put_recovery_codes(connection, id.as_str(), &codes)
        };
        self.writer.write(write).await
    }

    /// Takes the second factor away, and the recovery codes with it. `false`: no such person.
    ///
    /// # Errors
    /// As of [`Store::set_password`].
    pub async fn remove_second_factor(&self, person: &PersonId) -> Result<bool, StoreError> {
        let id = person.clone();
        let write = move |connection: &Connection| remove_second_factor(connection, id.as_str());
        self.writer.write(write).await
    }

    /// Uses the code of a step up: `true` once for each, and never for one before the last.
    ///
    /// # Errors
    /// As of [`Store::set_password`]; the code may be used again then.
    pub async fn use_second_factor(
        &self,
        person: &PersonId,
        step: i64,
    ) -> Result<bool, StoreError> {
        let id = person.clone();
        let write = move |connection: &Connection| {
            connection
                .execute(
                    "UPDATE person SET totp_step = ?2
                     WHERE id = ?1 AND totp IS NOT NULL AND totp_step < ?2",
                    (id.as_str(), step),
                )
                .map(|changed| changed == 1)
        };
        self.writer.write(write).await
    }

    /// Puts recovery codes in place of older ones, by their hashes.
    ///
    /// # Errors
    /// As of [`Store::set_password`].
    pub async fn put_recovery_codes(
        &self,
        person: &PersonId,
        codes: Vec<TokenHash>,
    ) -> Result<(), StoreError> {
        let id = person.clone();
        let write =
            move |connection: &Connection| put_recovery_codes(connection, id.as_str(), &codes);
        self.writer.write(write).await
    }

    /// Uses a recovery code up: `true` once.
    ///
    /// # Errors
    /// As of [`Store::use_second_factor`].
    pub async fn use_recovery_code(
        &self,
        person: &PersonId,
        code: TokenHash,
    ) -> Result<bool, StoreError> {
        let id = person.clone();
        let write = move |connection: &Connection| {
            let delete = "DELETE FROM recovery_code WHERE hash = ?1 AND person = ?2";
            connection.execute(delete, (code, id.as_str())).map(|deleted| deleted == 1)
        };
        self.writer.write(write).await
    }

    fn open_second_factor(
        &self,
        person: &str,
        sealed: Option<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        sealed.map(|sealed| self.keys.unseal(&place(KIND, person), &sealed)).transpose()
    }
}

fn set_password(
    connection: &Connection,
    person: &str,
    password: Option<&str>,
    keep: Option<TokenHash>,
) -> rusqlite::Result<()> {
    connection.execute("UPDATE person SET password = ?2 WHERE id = ?1", (person, password))?;
    connection.execute("DELETE FROM one_time_link WHERE person = ?1", [person])?;
    let sessions = "DELETE FROM session WHERE person = ?1 AND (?2 IS NULL OR hash <> ?2)";
    connection.execute(sessions, (person, keep)).map(|_| ())
}

fn remove_second_factor(connection: &Connection, person: &str) -> rusqlite::Result<bool> {
    connection.execute("DELETE FROM recovery_code WHERE person = ?1", [person])?;
    let update = "UPDATE person SET totp = NULL, totp_new = NULL WHERE id = ?1";
    connection.execute(update, [person]).map(|changed| changed == 1)
}

fn put_recovery_codes(
    connection: &Connection,
    person: &str,
    codes: &[TokenHash],
) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM recovery_code WHERE person = ?1", [person])?;
    let mut insert =
        connection.prepare_cached("INSERT INTO recovery_code (hash, person) VALUES (?1, ?2)")?;
    for code in codes {
        insert.execute((code, person))?;
    }
    Ok(())
}
