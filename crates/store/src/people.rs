//! People and what they may do. How they prove who they are is in `credentials` and `sign_in`.

use crate::{Store, StoreError, ledger};
use kernel::{Grant, LedgerEntry, PersonId, Personal, Role};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row};

/// Somebody who may sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRecord {
    pub id: PersonId,
    /// For people.
    pub name: String,
    /// Lower-case; nobody else has it.
    pub email: Option<String>,
    /// Ordered, each once.
    pub grants: Vec<Grant>,
    pub has_password: bool,
    pub has_second_factor: bool,
    /// How many are left.
    pub recovery_codes: u32,
    /// Unix milliseconds.
    pub created_ms: i64,
    /// When they were here last, to the minute; `None`: never.
    pub seen_ms: Option<i64>,
}

/// Somebody to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPerson {
    pub id: PersonId,
    pub name: String,
    pub email: Option<String>,
    pub grants: Vec<Grant>,
}

/// What is to be changed of somebody; `None` stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PersonChange {
    pub name: Option<String>,
    /// `Some(None)` takes it away.
    pub email: Option<Option<String>>,
    pub grants: Option<Vec<Grant>>,
}

/// What became of a change to the people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeopleOutcome {
    Done,
    /// There is nobody of this id.
    Missing,
    /// Somebody has this id or this e-mail address.
    Taken,
    /// Nobody would be left who may manage people.
    LastOwner,
}

const PEOPLE: &str = "SELECT id, name, email, password IS NOT NULL, totp IS NOT NULL,
       (SELECT count(*) FROM recovery_code WHERE person = id), created_ms, seen_ms,
       (SELECT group_concat(role || '@' || shop, ' ') FROM person_role WHERE person = id)
     FROM person";

impl Store {
    /// Adds somebody, who has no password yet.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like.
    pub async fn add_person(
        &self,
        person: NewPerson,
        now_ms: i64,
    ) -> Result<PeopleOutcome, StoreError> {
        let write = move |connection: &Connection| {
            let inserted = insert(connection, &person, now_ms);
            unless_taken(inserted)
        };
        self.writer.write(write).await
    }

    /// Everybody, by id.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn people(&self) -> Result<Vec<PersonRecord>, StoreError> {
        let select = |connection: &Connection| {
            let mut select = connection.prepare_cached(&format!("{PEOPLE} ORDER BY id"))?;
            let rows = select.query_map([], read_row)?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        self.reader.read(select).await?.into_iter().map(to_person).collect()
    }

    /// # Errors
    /// When the store cannot be read.
    pub async fn person(&self, id: &PersonId) -> Result<Option<PersonRecord>, StoreError> {
        let id = id.clone();
        let select = move |connection: &Connection| {
            connection
                .prepare_cached(&format!("{PEOPLE} WHERE id = ?1"))?
                .query_row([id.as_str()], read_row)
                .optional()
        };
        self.reader.read(select).await?.map(to_person).transpose()
    }

    /// Changes somebody. Never leaves nobody who is owner of everything.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like; nothing is changed then.
    pub async fn change_person(
        &self,
        id: &PersonId,
        change: PersonChange,
    ) -> Result<PeopleOutcome, StoreError> {
        let id = id.clone();
        let write = move |connection: &Connection| {
            if !exists(connection, &id)? {
                return Ok(PeopleOutcome::Missing);
            }
            let stays = change.grants.as_ref().is_none_or(|all| all.contains(&everything()));
            if !stays && is_last_owner(connection, &id)? {
                return Ok(PeopleOutcome::LastOwner);
            }
            unless_taken(update(connection, &id, &change))
        };
        self.writer.write(write).await
    }

    /// Removes somebody with all that opens something to them, tells the ledger of it and makes them
    /// unreadable there: all of it or nothing. Never the last owner.
    ///
    /// # Errors
    /// As of [`Store::change_person`].
    pub async fn remove_person(
        &self,
        id: &PersonId,
        entry: LedgerEntry,
    ) -> Result<PeopleOutcome, StoreError> {
        let id = id.clone();
        let write = move |connection: &Connection| {
            if is_last_owner(connection, &id)? {
                return Ok(PeopleOutcome::LastOwner);
            }
            let select = "SELECT email FROM person WHERE id = ?1";
            let email = connection.query_row(select, [id.as_str()], |row| row.get(0)).optional()?;
            let Some(email) = email else { return Ok(PeopleOutcome::Missing) };
            connection.execute("DELETE FROM person WHERE id = ?1", [id.as_str()])?;
            ledger::append(connection, &entry)?;
            let mail = Option::<String>::map(email, Personal::Mail);
            for personal in [Personal::Person(id.to_string())].into_iter().chain(mail) {
                ledger::forget(connection, &personal)?;
            }
            Ok(PeopleOutcome::Done)
        };
        self.writer.write(write).await
    }

    /// The owner of longest standing; where nobody was ever added, `first` is, as owner. `None`
    /// when there are people, but no owner among them.
    ///
    /// # Errors
    /// As of [`Store::add_person`].
    pub async fn owner_or_first(
        &self,
        first: PersonId,
        now_ms: i64,
    ) -> Result<Option<PersonId>, StoreError> {
        let write = move |connection: &Connection| {
            let owner = "SELECT id FROM person JOIN person_role ON person = id
                         WHERE role = 'owner' AND shop = '' ORDER BY created_ms, id LIMIT 1";
            let owner = connection.query_row(owner, [], |row| row.get::<_, String>(0));
            if let Some(owner) = owner.optional()? {
                return Ok(Some(owner));
            }
            let anybody = connection.prepare_cached("SELECT 1 FROM person")?.exists([])?;
            if anybody {
                return Ok(None);
            }
            let (id, name) = (first.clone(), "Owner".to_owned());
            let owner = NewPerson { id, name, email: None, grants: vec![everything()] };
            insert(connection, &owner, now_ms)?;
            Ok(Some(first.to_string()))
        };
        self.writer.write(write).await?.map(|id| to_id(&id)).transpose()
    }
}

fn everything() -> Grant {
    Grant { role: Role::Owner, shop: None }
}

fn insert(connection: &Connection, person: &NewPerson, now_ms: i64) -> rusqlite::Result<()> {
    let row = (person.id.as_str(), &person.name, &person.email, now_ms);
    let add = "INSERT INTO person (id, name, email, created_ms) VALUES (?1, ?2, ?3, ?4)";
    connection.execute(add, row)?;
    put_grants(connection, &person.id, &person.grants)
}

fn update(connection: &Connection, id: &PersonId, change: &PersonChange) -> rusqlite::Result<()> {
    // The address first: it alone may be refused, and then nothing must have been written.
    if let Some(email) = &change.email {
        connection.execute("UPDATE person SET email = ?2 WHERE id = ?1", (id.as_str(), email))?;
    }
    if let Some(name) = &change.name {
        connection.execute("UPDATE person SET name = ?2 WHERE id = ?1", (id.as_str(), name))?;
    }
    if let Some(grants) = &change.grants {
        connection.execute("DELETE FROM person_role WHERE person = ?1", [id.as_str()])?;
        put_grants(connection, id, grants)?;
    }
    Ok(())
}

fn put_grants(connection: &Connection, id: &PersonId, grants: &[Grant]) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO person_role (person, role, shop) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    )?;
    for grant in grants {
        let shop = grant.shop.as_ref().map_or("", |shop| shop.as_str());
        insert.execute((id.as_str(), grant.role.as_str(), shop))?;
    }
    Ok(())
}

fn exists(connection: &Connection, id: &PersonId) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM person WHERE id = ?1")?.exists([id.as_str()])
}

fn is_last_owner(connection: &Connection, id: &PersonId) -> rusqlite::Result<bool> {
    let mut owners = connection.prepare_cached(
        "SELECT count(*), coalesce(max(person = ?1), 0) FROM person_role
         WHERE role = 'owner' AND shop = ''",
    )?;
    owners.query_row([id.as_str()], |row| {
        let (count, among): (i64, bool) = (row.get(0)?, row.get(1)?);
        Ok(count == 1 && among)
    })
}

/// A name that is somebody else's is an answer, not a failure.
fn unless_taken(result: rusqlite::Result<()>) -> rusqlite::Result<PeopleOutcome> {
    match result {
        Ok(()) => Ok(PeopleOutcome::Done),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            Ok(PeopleOutcome::Taken)
        }
        Err(error) => Err(error),
    }
}

type PersonRow =
    (String, String, Option<String>, bool, bool, u32, i64, Option<i64>, Option<String>);

fn read_row(row: &Row<'_>) -> rusqlite::Result<PersonRow> {
    Ok((
        row.get(0)?,
        row.get(1)?,
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
        row.get(6)?,
        row.get(7)?,
        row.get(8)?,
    ))
}

fn to_person(row: PersonRow) -> Result<PersonRecord, StoreError> {
    let (id, name, email, has_password, has_second_factor, codes, created_ms, seen_ms, grants) =
        row;
    Ok(PersonRecord {
        id: to_id(&id)?,
        name,
        email,
        grants: to_grants(&grants.unwrap_or_default())?,
        has_password,
        has_second_factor,
        recovery_codes: codes,
        created_ms,
        seen_ms,
    })
}

pub(crate) fn to_id(id: &str) -> Result<PersonId, StoreError> {
    id.parse().map_err(|_| StoreError::Malformed(format!("id `{id}` of a person")))
}

/// Grants as `ROLE@SHOP` with a space between; nothing after the `@` is all shops.
pub(crate) fn to_grants(text: &str) -> Result<Vec<Grant>, StoreError> {
    let parse = |text: &str| {
        let (role, shop) = text.split_once('@')?;
        let shop = if shop.is_empty() { None } else { Some(shop.parse().ok()?) };
        Some(Grant { role: role.parse().ok()?, shop })
    };
    let malformed = || StoreError::Malformed(format!("roles `{text}`"));
    let grants = text.split_whitespace().map(|text| parse(text).ok_or_else(malformed));
    let mut grants: Vec<Grant> = grants.collect::<Result<_, _>>()?;
    grants.sort();
    Ok(grants)
}
