//! Brings a dump back: into a new database beside the shop's own ([`Beside`]), and from there into its
//! place ([`swap`]), or single tables of it into the live ones ([`RowsBack`]).
//!
//! All of it writes, so its account is another than the one that reads the shop's database. Whatever
//! ends us in between, the same call again goes on, and what the shop has is never without a name.
//! Everything here blocks its thread.

mod aside;
pub(crate) mod mysql;
pub(crate) mod postgres;
mod rows;
mod sqlite;

use crate::{
    DatabaseError,
    dump::{
        Files, LoadProgress, LoadReport, Reader, Side, TableDifference, compare_told,
        postgres::runtime,
    },
};
pub use aside::{Aside, AsideKind, aside, remove_aside};
use kernel::config::{DatabaseKind, DatabaseUrl};
pub(crate) use mysql::{comment as comment_in_mysql, to_server as to_mysql};
pub(crate) use postgres::to_server as to_postgres;
pub(crate) use rows::KEPT;
pub use rows::{Obstacle, RowCounts, RowsBack, count, may_come_back};
use std::cell::Cell;

/// A database that a dump is restored into, beside another one.
#[derive(Debug, Clone)]
pub struct Beside {
    /// The shop's own database, by an account that may make others on its server.
    pub live: DatabaseUrl,
    /// What the new one is called; of SQLite the whole path of its file.
    pub name: String,
    /// Stands in the new one, so that another attempt finds its own, and nobody takes another's away.
    pub mark: String,
}

/// What is there under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Absent,
    /// An empty database that says nothing of where it comes from.
    Empty,
    /// Ours, and not whole yet.
    Begun,
    /// Ours, and held against the backup.
    Whole,
    /// Somebody else's.
    Foreign,
}

/// Where a restore is.
#[derive(Debug)]
pub enum Stage<'a> {
    Loading(&'a LoadProgress),
    /// Every row is held against the dump: so many bytes of so many.
    Comparing {
        bytes_done: u64,
        bytes: u64,
    },
}

/// Is told where a restore is.
pub type Watch<'a> = &'a dyn Fn(&Stage<'_>);

impl Beside {
    /// Where the new database is.
    #[must_use]
    pub fn url(&self) -> DatabaseUrl {
        with_name(&self.live, &self.name)
    }

    /// What is there by now.
    ///
    /// # Errors
    /// When the server does not let us look.
    pub fn standing(&self) -> Result<Standing, DatabaseError> {
        match self.live.kind {
            DatabaseKind::Postgres => runtime()?.block_on(postgres::standing(self)),
            DatabaseKind::MySql => runtime()?.block_on(mysql::standing(self)),
            DatabaseKind::Sqlite => Ok(sqlite::standing(self)),
        }
    }

    /// Makes the database, or goes on with it, fills it, and holds every row against the dump. Only
    /// the rows of some tables where those are named; the others are made and stay empty.
    ///
    /// # Errors
    /// [`DatabaseError::NameTaken`]; [`DatabaseError::Differs`] names the first table that is not as
    /// it was backed up; as of [`crate::dump::load`] else. What was made stays for the next attempt,
    /// or for [`Beside::discard`].
    pub fn restore<F: Files>(
        &self,
        reader: &Reader<F>,
        only_tables: Option<&[String]>,
        watch: Watch<'_>,
    ) -> Result<LoadReport, DatabaseError> {
        let told = |progress: LoadProgress| watch(&Stage::Loading(&progress));
        match self.live.kind {
            DatabaseKind::Postgres => postgres::restore(self, reader, only_tables, watch, &told),
            DatabaseKind::MySql => mysql::restore(self, reader, only_tables, watch, &told),
            DatabaseKind::Sqlite => sqlite::restore(self, reader, only_tables, watch, &told),
        }
    }

    /// Takes the new database away, if there is one and it is ours.
    ///
    /// # Errors
    /// [`DatabaseError::NameTaken`] when it is somebody else's.
    pub fn discard(&self) -> Result<(), DatabaseError> {
        match self.live.kind {
            DatabaseKind::Postgres => runtime()?.block_on(postgres::discard(self)),
            DatabaseKind::MySql => runtime()?.block_on(mysql::discard(self)),
            DatabaseKind::Sqlite => sqlite::discard(self),
        }
    }
}

/// What an account lacks to restore beside its database and to take its place; empty: nothing.
///
/// # Errors
/// When the server does not let us in.
pub fn lacking(live: &DatabaseUrl) -> Result<Vec<String>, DatabaseError> {
    match live.kind {
        DatabaseKind::Postgres => runtime()?.block_on(postgres::lacking(live)),
        DatabaseKind::MySql => runtime()?.block_on(mysql::lacking(live)),
        DatabaseKind::Sqlite => sqlite::lacking(live),
    }
}

/// Puts the database `with` in the place of the shop's own, which is called `aside` from then on: at
/// once, so that whoever looks sees the one or the other. Done already, nothing happens. The way back
/// is the same with the two names exchanged.
///
/// PostgreSQL ends the sessions of both and lets nobody in meanwhile; MariaDB has whoever asks wait;
/// of SQLite, nobody may have the file open.
///
/// # Errors
/// [`DatabaseError::NotSwapped`]: everything is as before.
pub fn swap(live: &DatabaseUrl, with: &str, aside: &str) -> Result<(), DatabaseError> {
    match live.kind {
        DatabaseKind::Postgres => runtime()?.block_on(postgres::swap(live, with, aside)),
        DatabaseKind::MySql => runtime()?.block_on(mysql::swap(live, with, aside)),
        DatabaseKind::Sqlite => sqlite::swap(live, with, aside),
    }
}

/// Whether `with` is in the place of the shop's own database by now.
///
/// # Errors
/// When the server does not let us look.
pub fn is_swapped(live: &DatabaseUrl, with: &str, aside: &str) -> Result<bool, DatabaseError> {
    match live.kind {
        DatabaseKind::Postgres => runtime()?.block_on(postgres::is_swapped(live, with, aside)),
        DatabaseKind::MySql => runtime()?.block_on(mysql::is_swapped(live, with, aside)),
        DatabaseKind::Sqlite => Ok(sqlite::is_swapped(with, aside)),
    }
}

/// The name of the database that an address names, or the path of an SQLite file.
#[must_use]
pub fn name_of(url: &DatabaseUrl) -> String {
    match url.kind {
        DatabaseKind::Sqlite => {
            let path = url.secret.strip_prefix("sqlite:").unwrap_or(&url.secret);
            path.strip_prefix("//").unwrap_or(path).to_owned()
        }
        DatabaseKind::Postgres | DatabaseKind::MySql => {
            let (_, name, _) = split(&url.secret);
            decoded(name)
        }
    }
}

/// The address of another database of the same server, for the same account.
#[must_use]
pub fn with_name(url: &DatabaseUrl, name: &str) -> DatabaseUrl {
    let secret = match url.kind {
        DatabaseKind::Sqlite => format!("sqlite:{name}"),
        DatabaseKind::Postgres | DatabaseKind::MySql => {
            let (server, _, rest) = split(&url.secret);
            format!("{server}{}{rest}", encoded(name))
        }
    };
    DatabaseUrl { kind: url.kind, secret }
}

/// Up to the name, the name, and what comes after it.
fn split(secret: &str) -> (&str, &str, &str) {
    let server = secret.find("://").map_or(0, |at| at + 3);
    let name = secret[server..].find('/').map_or(secret.len(), |at| server + at + 1);
    let rest = secret[name..].find('?').map_or(secret.len(), |at| name + at);
    (&secret[..name], &secret[name..rest], &secret[rest..])
}

fn encoded(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'~' => {
                text.push(char::from(byte));
            }
            byte => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

fn decoded(name: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = name.as_bytes();
    while let [first, others @ ..] = rest {
        let code = others.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match code.filter(|_| *first == b'%').and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &others[2..];
            }
            None => {
                bytes.push(*first);
                rest = others;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Every row of the dump is in the database, and no other.
fn hold_against<F: Files>(
    reader: &Reader<F>,
    url: &DatabaseUrl,
    only_tables: Option<&[String]>,
    watch: Watch<'_>,
) -> Result<(), DatabaseError> {
    let asked = |name: &String, label: &String| {
        only_tables.is_none_or(|only| only.contains(name) || only.contains(label))
    };
    let mut tables = Vec::new();
    let mut bytes = 0;
    for table in reader.tables() {
        let label = table.label();
        if asked(&table.name, &label) {
            bytes += table.rows.bytes;
            tables.push(label);
        }
    }
    let done = Cell::new(0);
    let progress = |more: u64| {
        done.set(done.get() + more);
        watch(&Stage::Comparing { bytes_done: done.get(), bytes });
    };
    let (dump, live) = (Side::Dump(reader), Side::<F>::Live(url));
    let found = compare_told(&dump, &live, Some(&tables), &progress)?;
    found.into_iter().next().map_or(Ok(()), |first| Err(differs(first)))
}

fn differs(first: TableDifference) -> DatabaseError {
    let TableDifference { table, missing, extra, different, keys, not_compared } = first;
    let what = not_compared.unwrap_or_else(|| {
        let keys = keys.join("; ");
        format!("{missing} rows missing, {extra} too many, {different} different; keys {keys}")
    });
    DatabaseError::Differs { table, what }
}

fn not_swapped(live: &DatabaseUrl, why: impl Into<String>) -> DatabaseError {
    DatabaseError::NotSwapped { database: name_of(live), why: why.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_addresses_and_come_back() {
        let check = |secret: &str, kind, expect: &str, other: &str| {
            let url = DatabaseUrl { kind, secret: secret.to_owned() };
            assert_eq!(name_of(&url), expect);
            assert_eq!(with_name(&url, "x y").secret, other);
            assert_eq!(name_of(&with_name(&url, "Größe 1/2%")), "Größe 1/2%");
        };
        let postgres = DatabaseKind::Postgres;
        check("postgres://a:b%2f@h:1/shop", postgres, "shop", "postgres://a:b%2f@h:1/x%20y");
        check("postgres://h/my%20shop?q=1", postgres, "my shop", "postgres://h/x%20y?q=1");
        check("mariadb://h/a?b=/c", DatabaseKind::MySql, "a", "mariadb://h/x%20y?b=/c");
        check("sqlite:///var/a.db", DatabaseKind::Sqlite, "/var/a.db", "sqlite:x y");
        check("sqlite:/var/a.db", DatabaseKind::Sqlite, "/var/a.db", "sqlite:x y");
    }
}
