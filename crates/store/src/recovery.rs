//! A store on another machine: the copy of it that goes into backups, and what it must leave behind
//! before it goes on from one.

use crate::{FILE_NAME, Store, StoreError, connection};
use rusqlite::Connection;
use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt as _, path::Path};

/// What a store left behind that was copied from another machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeftBehind {
    /// Browsers that were signed in.
    pub sessions: u64,
    /// Invitations and links to sign in: some were used since.
    pub links: u64,
    /// Messages that were still to be sent, and are of another day.
    pub notices: u64,
}

/// Copies the store of a state directory, as of one moment, into a file that is new and its owner's
/// alone. Whoever writes to the store meanwhile is not held up; what was deleted from it is not in
/// the copy. Blocks its thread.
///
/// # Errors
/// When there is no store, the file is there already, or its disk is full.
pub fn copy(directory: &Path, to: &Path) -> Result<(), StoreError> {
    let connection = connection::open_for_reading(&directory.join(FILE_NAME))?;
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    made.map_err(|source| StoreError::OpenFile { path: to.to_owned(), source: source.into() })?;
    let failed =
        |source: rusqlite::Error| StoreError::Open { path: to.to_owned(), source: source.into() };
    let name = to.to_str().ok_or_else(|| failed(rusqlite::Error::InvalidPath(to.to_owned())))?;
    // An empty file may be written to; none of it is half there afterwards (sqlite.org/lang_vacuum.html).
    connection.execute("VACUUM INTO ?1", [name]).map_err(failed).map(|_| ())
}

impl Store {
    /// Ends what only the machine could go on with that this store was copied from: who was signed
    /// in, links that were sent, messages that waited. Said once more, there is nothing left to end.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like; nothing was ended then.
    pub async fn leave_behind(&self) -> Result<LeftBehind, StoreError> {
        let write = |connection: &Connection| {
            let ended = |statement| connection.execute(statement, []).map(|count| count as u64);
            Ok(LeftBehind {
                sessions: ended("DELETE FROM session")?,
                links: ended("DELETE FROM one_time_link")?,
                notices: ended("DELETE FROM notice WHERE outcome IS NULL")?,
            })
        };
        self.writer.write(write).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KEY_FILE, LedgerFile};
    use kernel::{Actor, LedgerEntry, Params};
    use std::os::unix::fs::PermissionsExt as _;

    fn entry(kind: &str) -> LedgerEntry {
        LedgerEntry {
            at_ms: 1,
            actor: Actor::Storewarden,
            shop: None,
            kind: kind.to_owned(),
            subject: None,
            params: Params::new(),
        }
    }

    #[tokio::test]
    async fn a_copy_goes_on_where_the_store_was() {
        let (here, there) = (testkit::folder(), testkit::folder());
        let store = Store::open(here.path()).unwrap();
        store.append_to_ledger(entry("one")).await.unwrap();
        store.add_secret("backup:lamps", "secret").await.unwrap();
        let file = there.path().join(FILE_NAME);
        copy(here.path(), &file).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(copy(here.path(), &file).is_err(), "nothing is overwritten");
        store.append_to_ledger(entry("lost")).await.unwrap();
        std::fs::copy(here.path().join(KEY_FILE), there.path().join(KEY_FILE)).unwrap();
        let again = Store::open(there.path()).unwrap();
        let record = again.append_to_ledger(entry("recovered")).await.unwrap();
        assert_eq!(record.sequence, 2);
        assert_eq!(again.secret("backup:lamps").await.unwrap().as_deref(), Some("secret"));
        assert!(LedgerFile::open(there.path()).unwrap().verify(&[], &[]).unwrap().holds());
    }

    #[tokio::test]
    async fn what_was_of_the_other_machine_is_left_behind() {
        let folder = testkit::folder();
        let store = Store::open(folder.path()).unwrap();
        let fill = |connection: &Connection| {
            connection.execute_batch(
                "INSERT INTO person (id, name, created_ms) VALUES ('anna', 'Anna', 1);
                 INSERT INTO session VALUES (x'01', '1', 'anna', 'password', NULL, 1, 1, 2);
                 INSERT INTO one_time_link VALUES (x'02', 'anna', 'sign_in', 2);
                 INSERT INTO notice (dedup, route, message, queued_ms) VALUES ('a', 'r', '', 1);
                 INSERT INTO notice (dedup, route, message, queued_ms, outcome, outcome_ms)
                 VALUES ('b', 'r', '', 1, 'sent', 2);",
            )
        };
        store.writer.write(fill).await.unwrap();
        let expect = LeftBehind { sessions: 1, links: 1, notices: 1 };
        assert_eq!(store.leave_behind().await.unwrap(), expect);
        assert_eq!(store.leave_behind().await.unwrap(), LeftBehind::default());
    }
}
