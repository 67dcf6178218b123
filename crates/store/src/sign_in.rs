//! One-time links and sessions. Only hashes arrive here, so that a copy of the store lets nobody
//! in.

use crate::{
    Store, StoreError,
    people::{to_grants, to_id},
};
use kernel::{Grant, PersonId};
use rusqlite::{Connection, OptionalExtension};

/// SHA-256 of a secret that nobody can guess.
pub type TokenHash = [u8; 32];

/// What a one-time link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkPurpose {
    /// To sign one browser in.
    SignIn,
    /// To choose a password.
    Invitation,
}

/// How somebody signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInMethod {
    /// By a link that whoever may read the state directory made.
    Link,
    Invitation,
    Password,
    /// By password and a code of the second factor.
    SecondFactor,
    /// By password and a recovery code.
    RecoveryCode,
}

/// A session to be begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    pub hash: TokenHash,
    /// By which it is named to people; opens nothing.
    pub id: String,
    pub person: PersonId,
    pub method: SignInMethod,
    /// What the browser calls itself.
    pub browser: Option<String>,
    pub created_ms: i64,
    /// When it ends, whatever happens.
    pub expires_ms: i64,
}

/// A session as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    pub id: String,
    pub person: PersonId,
    pub method: SignInMethod,
    pub browser: Option<String>,
    pub created_ms: i64,
    /// To the minute.
    pub seen_ms: i64,
    pub expires_ms: i64,
}

/// Who is behind a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    pub session: SessionRecord,
    pub grants: Vec<Grant>,
    pub has_second_factor: bool,
}

const SESSION: &str = "session.id, session.person, method, browser, session.created_ms,
       session.seen_ms, expires_ms";

impl Store {
    /// Makes a link for somebody, valid until `expires_ms` (unix milliseconds) or its first use. An
    /// invitation takes the place of those before it.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like, or when there is no such person; it is not valid then.
    pub async fn add_link(
        &self,
        hash: TokenHash,
        person: &PersonId,
        purpose: LinkPurpose,
        expires_ms: i64,
    ) -> Result<(), StoreError> {
        let id = person.clone();
        let write = move |connection: &Connection| {
            if purpose == LinkPurpose::Invitation {
                let before = "DELETE FROM one_time_link WHERE person = ?1 AND purpose = ?2";
                connection.execute(before, (id.as_str(), purpose.as_str()))?;
            }
            connection
                .execute(
                    "INSERT INTO one_time_link (hash, person, purpose, expires_ms)
                     VALUES (?1, ?2, ?3, ?4)",
                    (hash, id.as_str(), purpose.as_str(), expires_ms),
                )
                .map(|_| ())
        };
        self.writer.write(write).await
    }

    /// Uses a link up: whom it was for, once, when it has not expired by `now_ms`.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like; it is as valid as before then.
    pub async fn use_link(
        &self,
        hash: TokenHash,
        purpose: LinkPurpose,
        now_ms: i64,
    ) -> Result<Option<PersonId>, StoreError> {
        let write = move |connection: &Connection| {
            connection
                .query_row(
                    "DELETE FROM one_time_link WHERE hash = ?1 AND purpose = ?2 AND expires_ms > ?3
                     RETURNING person",
                    (hash, purpose.as_str(), now_ms),
                    |row| row.get::<_, String>(0),
                )
                .optional()
        };
        self.writer.write(write).await?.map(|id| to_id(&id)).transpose()
    }

    /// Whom a link is for, without using it up.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn link(
        &self,
        hash: TokenHash,
        purpose: LinkPurpose,
        now_ms: i64,
    ) -> Result<Option<PersonId>, StoreError> {
        let select = move |connection: &Connection| {
            connection
                .query_row(
                    "SELECT person FROM one_time_link
                     WHERE hash = ?1 AND purpose = ?2 AND expires_ms > ?3",
                    (hash, purpose.as_str(), now_ms),
                    |row| row.get::<_, String>(0),
                )
                .optional()
        };
        self.reader.read(select).await?.map(|id| to_id(&id)).transpose()
    }

    /// # Errors
    /// As of [`Store::add_link`].
    pub async fn add_session(&self, session: NewSession) -> Result<(), StoreError> {
        let write = move |connection: &Connection| {
            let NewSession { hash, id, person, method, browser, created_ms, expires_ms } = &session;
            connection.execute(
                "INSERT INTO session
                   (hash, id, person, method, browser, created_ms, seen_ms, expires_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7)",
                (hash, id, person.as_str(), method.as_str(), browser, created_ms, expires_ms),
            )?;
            note_person(connection, person.as_str(), *created_ms)
        };
        self.writer.write(write).await
    }

    /// Who is behind a session that was used after `idle_since_ms` and has not expired by `now_ms`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn signed_in(
        &self,
        hash: TokenHash,
        idle_since_ms: i64,
        now_ms: i64,
    ) -> Result<Option<SignedIn>, StoreError> {
        let select = move |connection: &Connection| {
            let select = format!(
                "SELECT {SESSION}, totp IS NOT NULL,
                   (SELECT group_concat(role || '@' || shop, ' ') FROM person_role
                    WHERE person_role.person = session.person)
                 FROM session JOIN person ON person.id = session.person
                 WHERE hash = ?1 AND session.seen_ms > ?2 AND expires_ms > ?3"
            );
            connection
                .prepare_cached(&select)?
                .query_row((hash, idle_since_ms, now_ms), |row| {
                    Ok((read_session(row)?, row.get(7)?, row.get::<_, Option<String>>(8)?))
                })
                .optional()
        };
        let Some((session, has_second_factor, grants)) = self.reader.read(select).await? else {
            return Ok(None);
        };
        let grants = to_grants(&grants.unwrap_or_default())?;
        Ok(Some(SignedIn { session: to_session(session)?, grants, has_second_factor }))
    }

    /// Notes that a session is in use.
    ///
    /// # Errors
    /// As of [`Store::add_link`].
    pub async fn touch_session(&self, hash: TokenHash, now_ms: i64) -> Result<(), StoreError> {
        let write = move |connection: &Connection| {
            let update = "UPDATE session SET seen_ms = ?2 WHERE hash = ?1 RETURNING person";
            let person = connection.query_row(update, (hash, now_ms), |row| row.get(0));
            let person: Option<String> = person.optional()?;
            match person {
                Some(person) => note_person(connection, &person, now_ms),
                None => Ok(()),
            }
        };
        self.writer.write(write).await
    }

    /// The sessions of one person, or of all, that have not expired by `now_ms`; the youngest
    /// first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn sessions(
        &self,
        person: Option<&PersonId>,
        idle_since_ms: i64,
        now_ms: i64,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        let person = person.map(ToString::to_string);
        let select = move |connection: &Connection| {
            let select = format!(
                "SELECT {SESSION} FROM session
                 WHERE (?1 IS NULL OR person = ?1) AND seen_ms > ?2 AND expires_ms > ?3
                 ORDER BY created_ms DESC, id"
            );
            let mut select = connection.prepare_cached(&select)?;
            let rows = select.query_map((person, idle_since_ms, now_ms), read_session)?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        self.reader.read(select).await?.into_iter().map(to_session).collect()
    }

    /// Ends a session by its id, of this person only when one is given. Whose it was; `None` when
    /// there is no such session.
    ///
    /// # Errors
    /// As of [`Store::add_link`]; it goes on then.
    pub async fn end_session(
        &self,
        id: String,
        of: Option<&PersonId>,
    ) -> Result<Option<PersonId>, StoreError> {
        let of = of.map(ToString::to_string);
        let write = move |connection: &Connection| {
            let delete = "DELETE FROM session WHERE id = ?1 AND (?2 IS NULL OR person = ?2)
                          RETURNING person";
            connection.query_row(delete, (id, of), |row| row.get::<_, String>(0)).optional()
        };
        self.writer.write(write).await?.map(|id| to_id(&id)).transpose()
    }

    /// Ends all sessions of a person but `keep`; how many there were.
    ///
    /// # Errors
    /// As of [`Store::end_session`].
    pub async fn end_sessions(
        &self,
        person: &PersonId,
        keep: Option<TokenHash>,
    ) -> Result<usize, StoreError> {
        let id = person.clone();
        let write = move |connection: &Connection| {
            let delete = "DELETE FROM session WHERE person = ?1 AND (?2 IS NULL OR hash <> ?2)";
            connection.execute(delete, (id.as_str(), keep))
        };
        self.writer.write(write).await
    }
}

fn note_person(connection: &Connection, person: &str, now_ms: i64) -> rusqlite::Result<()> {
    let update = "UPDATE person SET seen_ms = ?2 WHERE id = ?1";
    connection.prepare_cached(update)?.execute((person, now_ms)).map(|_| ())
}

impl LinkPurpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::Invitation => "invitation",
        }
    }
}

impl SignInMethod {
    const ALL: [Self; 5] =
        [Self::Link, Self::Invitation, Self::Password, Self::SecondFactor, Self::RecoveryCode];

    /// As it is kept, and as the API and the ledger have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Invitation => "invitation",
            Self::Password => "password",
            Self::SecondFactor => "second_factor",
            Self::RecoveryCode => "recovery_code",
        }
    }
}

type SessionRow = (String, String, String, Option<String>, i64, i64, i64);

fn read_session(row: &rusqlite::Row<'_>) -> rusqlite::Result<SessionRow> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?))
}

fn to_session(row: SessionRow) -> Result<SessionRecord, StoreError> {
    let (id, person, method, browser, created_ms, seen_ms, expires_ms) = row;
    let known = SignInMethod::ALL.into_iter().find(|known| known.as_str() == method);
    let method =
        known.ok_or_else(|| StoreError::Malformed(format!("method `{method}` of a session")))?;
    let person = to_id(&person)?;
    Ok(SessionRecord { id, person, method, browser, created_ms, seen_ms, expires_ms })
}
