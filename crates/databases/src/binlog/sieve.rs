//! What of a binary log is about one database. Whole groups are not held in memory: each event is decided
//! when it comes.

use super::LogFiles;
use crate::{
    DatabaseError,
    changes::{
        RawEvent,
        mysql::{Statement, mapped_by, names, statement_of},
    },
};
use std::{
    collections::{BTreeSet, HashSet},
    io,
};

/// Set in the last event with rows of a statement (MariaDB, sql/log_event.h, `STMT_END_F`).
const STATEMENT_ENDS: u8 = 1;
/// Of a rows event: its head, the table's id in 6 bytes, and then the flags.
const FLAGS_AT: usize = 19 + 6;
/// What a statement may be about that belongs to no database.
const OF_SERVER: [&str; 3] = ["USER", "ROLE", "SERVER"];
/// What stands before the name of what it is about.
const ABOUT: [&str; 9] =
    ["TABLE", "VIEW", "SEQUENCE", "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", WHOLE[0], WHOLE[1]];
/// And of a database as a whole.
const WHOLE: [&str; 2] = ["DATABASE", "SCHEMA"];
/// A definer and its like may stand before.
const MOST_WORDS_BEFORE: usize = 24;

/// Takes a log event by event, and leaves what one database needs.
#[derive(Debug)]
pub struct Sieve {
    database: String,
    tables: HashSet<u64>,
    /// Databases that statements of ours were said in.
    said_in: BTreeSet<String>,
    /// Rows of ours that came last: they end their statement if what ended it is left out.
    rows: Option<(crate::changes::RawFile, Vec<u8>)>,
}

impl Sieve {
    #[must_use]
    pub fn new(database: &str) -> Self {
        Self {
            database: database.to_owned(),
            tables: HashSet::new(),
            said_in: BTreeSet::new(),
            rows: None,
        }
    }

    /// Other databases that must be there, empty, so that statements can be said in them.
    pub fn said_in(&self) -> impl Iterator<Item = &str> {
        self.said_in.iter().map(String::as_str)
    }

    /// Takes the next event, and writes what is to be played of it.
    ///
    /// # Errors
    /// [`DatabaseError::NotReplayed`] names what cannot be played once more, or was not written.
    pub fn take(
        &mut self,
        event: &RawEvent<'_>,
        files: Option<&mut LogFiles>,
    ) -> Result<(), DatabaseError> {
        match event.kind() {
            23..=25 | 30..=32 => return self.take_rows(event, files),
            kind => {
                if self.wants(kind, event)? {
                    let Some(files) = files else { return Ok(()) };
                    self.write_rows(files)?;
                    return files.put(event).map_err(|error| unwritten(&error));
                }
            }
        }
        Ok(())
    }

    /// All came.
    ///
    /// # Errors
    /// As of [`Sieve::take`].
    pub fn finish(&mut self, files: &mut LogFiles) -> Result<(), DatabaseError> {
        self.write_rows(files)
    }

    /// Numbers of events: MariaDB, log_event.h, `Log_event_type`.
    fn wants(&mut self, kind: u8, event: &RawEvent<'_>) -> Result<bool, DatabaseError> {
        Ok(match kind {
            2 => self.wants_statement(event)?,
            // A description, an end of a transaction, and a GTID.
            15 | 16 | 162 => true,
            19 => {
                let (id, database) = mapped_by(event.body()).ok_or_else(|| odd(event))?;
                let is_ours = database == self.database;
                if is_ours {
                    self.tables.insert(id);
                } else {
                    self.tables.remove(&id);
                }
                is_ours
            }
            // An end of a file, values for statements that change rows by themselves, the statement behind
            // rows, and what a file begins with.
            3 | 4 | 5 | 13 | 14 | 160 | 161 | 163 => false,
            kind => {
                let why = format!("an event of kind {kind} in the server's log cannot be played");
                return Err(not_played(&why));
            }
        })
    }

    fn wants_statement(&mut self, event: &RawEvent<'_>) -> Result<bool, DatabaseError> {
        let (said_in, text) = statement_of(event.body()).ok_or_else(|| odd(event))?;
        Ok(match Statement::of(&text) {
            Statement::Begin | Statement::Commit => true,
            Statement::Aside => false,
            Statement::Definition => {
                let is_ours = match names(&text, &self.database) {
                    true => true,
                    false => said_in == self.database && !is_elsewhere(&text),
                };
                let is_wanted = is_ours && !is_of_server(&text);
                if is_wanted && said_in != self.database && !said_in.is_empty() {
                    self.said_in.insert(said_in);
                }
                is_wanted
            }
            Statement::Empties { database, .. } => database.unwrap_or(said_in) == self.database,
            Statement::Unknown { word } => {
                let why =
                    format!("a statement `{word}` is in the server's log, and not what it did");
                return Err(not_played(&why));
            }
        })
    }

    fn take_rows(
        &mut self,
        event: &RawEvent<'_>,
        files: Option<&mut LogFiles>,
    ) -> Result<(), DatabaseError> {
        let id = event.body().get(..6).ok_or_else(|| odd(event))?;
        let id = id.iter().rev().fold(0, |id, byte| id << 8 | u64::from(*byte));
        let Some(files) = files else { return Ok(()) };
        if self.tables.contains(&id) {
            self.write_rows(files)?;
            self.rows = Some((event.file.clone(), event.bytes.to_vec()));
            return Ok(());
        }
        let ends = event.bytes.get(FLAGS_AT).is_some_and(|flags| flags & STATEMENT_ENDS != 0);
        if ends && let Some((file, rows)) = &mut self.rows {
            let checksum_bytes = RawEvent { file, bytes: rows }.checksum_bytes();
            end_statement(rows, checksum_bytes);
        }
        Ok(())
    }

    fn write_rows(&mut self, files: &mut LogFiles) -> Result<(), DatabaseError> {
        let Some((file, bytes)) = self.rows.take() else { return Ok(()) };
        let event = RawEvent { file: &file, bytes: &bytes };
        files.put(&event).map_err(|error| unwritten(&error))
    }
}

/// Accounts and servers: those of the shop's server are none of ours.
fn is_of_server(text: &str) -> bool {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let second = words.skip(1).find(|word| !["OR", "REPLACE"].contains(&&*word.to_uppercase()));
    second.is_some_and(|word| OF_SERVER.contains(&&*word.to_uppercase()))
}

/// Whether a statement that does not name our database is about another one: about it as a whole, or
/// about a table that it names with its database.
fn is_elsewhere(text: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let mut words = text.split(|c| !is_part(c)).filter(|word| !word.is_empty());
    let is_about = |word: &&str| ABOUT.contains(&&*word.to_uppercase());
    let Some(about) = words.by_ref().take(MOST_WORDS_BEFORE).find(is_about) else { return false };
    if WHOLE.contains(&&*about.to_uppercase()) {
        return true;
    }
    let is_between = |word: &&str| ["IF", "NOT", "EXISTS"].contains(&&*word.to_uppercase());
    let Some(name) = words.find(|word| !is_between(word)) else { return false };
    let behind = name.as_ptr() as usize - text.as_ptr() as usize + name.len();
    text[behind..].trim_start_matches('`').starts_with('.')
}

/// It is the last of its statement from now on.
fn end_statement(rows: &mut [u8], checksum_bytes: usize) {
    if let Some(flags) = rows.get_mut(FLAGS_AT) {
        *flags |= STATEMENT_ENDS;
    }
    if checksum_bytes == 4
        && let Some((content, sum)) = rows.split_last_chunk_mut::<4>()
    {
        *sum = crc32(content).to_le_bytes();
    }
}

/// CRC-32 of IEEE 802.3, as zlib's: for the few events that are changed.
fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = 0xedb8_8320 & (sum & 1).wrapping_neg();
            sum = sum >> 1 ^ carry;
        }
    }
    !sum
}

fn odd(event: &RawEvent<'_>) -> DatabaseError {
    let (name, begins) = (&event.file.name, event.begins());
    not_played(&format!("an event of the server's log is malformed, at {name}:{begins}"))
}

fn not_played(why: &str) -> DatabaseError {
    DatabaseError::NotReplayed { table: String::new(), why: why.to_owned() }
}

fn unwritten(error: &io::Error) -> DatabaseError {
    not_played(&format!("the server's log cannot be written here: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes::RawFile;

    fn event(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 19];
        bytes[4] = kind;
        bytes.extend_from_slice(body);
        bytes[13..17].copy_from_slice(&1000_u32.to_le_bytes());
        bytes
    }

    fn map(id: u8, database: &str) -> Vec<u8> {
        let mut body = vec![id, 0, 0, 0, 0, 0, 0, 0];
        body.push(u8::try_from(database.len()).unwrap());
        body.extend_from_slice(database.as_bytes());
        body.extend_from_slice(b"\0\x01t\0");
        event(19, &body)
    }

    fn rows(id: u8, flags: u8) -> Vec<u8> {
        event(23, &[id, 0, 0, 0, 0, 0, flags, 0])
    }

    fn said(database: &str, text: &str) -> Vec<u8> {
        let mut body = vec![0; 8];
        body.push(u8::try_from(database.len()).unwrap());
        body.extend_from_slice(&[0, 0, 0, 0]);
        body.extend_from_slice(database.as_bytes());
        body.push(0);
        body.extend_from_slice(text.as_bytes());
        event(2, &body)
    }

    fn left(events: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let mut files = LogFiles::into_folder(folder.path());
        let file = RawFile { name: "m.000001".to_owned(), description: Vec::new() };
        let mut sieve = Sieve::new("shop");
        for bytes in events {
            sieve.take(&RawEvent { file: &file, bytes }, Some(&mut files)).unwrap();
        }
        sieve.finish(&mut files).unwrap();
        let written = files.finish().unwrap();
        let Some(path) = written.files.first() else { return Vec::new() };
        let all = std::fs::read(path).unwrap();
        let mut rest = &all[4..];
        let mut found = Vec::new();
        for expect in events {
            // The flags may be others.
            let is_it = |taken: &[u8]| {
                taken[..FLAGS_AT] == expect[..FLAGS_AT]
                    && taken[FLAGS_AT + 1..] == expect[FLAGS_AT + 1..]
            };
            if rest.len() >= expect.len() && is_it(&rest[..expect.len()]) {
                found.push(rest[..expect.len()].to_vec());
                rest = &rest[expect.len()..];
            }
        }
        assert!(rest.is_empty(), "something else was written");
        found
    }

    #[test]
    fn what_is_about_another_database_is_left_out() {
        let gtid = event(162, &[0; 19]);
        let alter = said("shop", "ALTER TABLE t ADD a int");
        let from_there = said("other", "ALTER TABLE `shop`.t ADD b int");
        let (ours, theirs) = ([map(1, "shop"), rows(1, 1)], [map(2, "other"), rows(2, 1)]);
        let all: Vec<Vec<u8>> = [&gtid]
            .into_iter()
            .chain([&ours, &theirs].into_iter().flatten())
            .chain([
                &alter,
                &said("other", "CREATE TABLE u (a int)"),
                &from_there,
                &said("shop", "CREATE USER me"),
                &said("shop", "GRANT ALL ON shop.* TO me"),
                &said("other", "TRUNCATE TABLE t"),
                &said("shop", "CREATE TABLE IF NOT EXISTS `kept`.`note` (a int)"),
                &said("shop", "DROP DATABASE IF EXISTS kept"),
            ])
            .cloned()
            .collect();
        assert_eq!(left(&all), [gtid.clone(), ours[0].clone(), ours[1].clone(), alter, from_there]);
    }

    #[test]
    fn rows_end_their_statement_where_the_others_of_it_are_left_out() {
        let events = [map(1, "shop"), map(2, "other"), rows(1, 0), rows(2, 1)];
        let found = left(&events);
        assert_eq!(found, [map(1, "shop"), rows(1, 1)]);
    }

    #[test]
    fn what_rows_a_statement_changes_is_refused_by_its_name() {
        let file = RawFile { name: "m.000001".to_owned(), description: Vec::new() };
        let bytes = said("shop", "INSERT INTO t VALUES (1)");
        let error = Sieve::new("shop").take(&RawEvent { file: &file, bytes: &bytes }, None);
        assert!(error.unwrap_err().to_string().contains("`INSERT`"));
    }

    #[test]
    fn a_changed_event_has_its_checksum() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        let mut event = rows(1, 0);
        event.extend_from_slice(&[0; 4]);
        end_statement(&mut event, 4);
        let (content, sum) = event.split_last_chunk::<4>().unwrap();
        assert_eq!(*sum, crc32(content).to_le_bytes());
    }
}
