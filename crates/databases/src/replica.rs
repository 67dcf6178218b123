//! A second server that follows a shop's database: made, looked at, and put in its place once the first one
//! was fenced.
//!
//! Everything here may be asked for again after a kill: what is half made is made anew, and what is so
//! already stays. Who runs the new server is the caller's business: [`Replica::command`] says how. Nothing
//! here decides that a database is to change its place.

mod mysql;
mod place;
mod postgres;

use crate::{
    DatabaseError,
    dump::postgres::runtime,
    private::folder::Folder,
    restore::{name_of, with_name},
};
use kernel::config::{DatabaseKind, DatabaseUrl};
use place::{Note, Phase};
use std::{net::SocketAddr, path::PathBuf, time::Duration};

pub use place::Made;

/// A second server of one database.
#[derive(Debug, Clone)]
pub struct Replica {
    /// What is followed, by an account that may replicate, and fence it.
    pub primary: DatabaseUrl,
    /// What the primary knows it by: up to 63 of `a-z`, `0-9` and `_`.
    pub name: String,
    /// Where its data goes: a folder of its own, made when it is not there.
    pub folder: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
    /// Bytes a second of the primary's that are read at most while it is made.
    pub bandwidth: Option<u64>,
}

/// What is known before one is made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prospect {
    /// What is copied, and for a while twice of it where it is loaded from a dump.
    pub bytes: u64,
    /// What keeps it from being made, each with what mends it.
    pub obstacles: Vec<String>,
    /// Other databases of the same server, which a replica of PostgreSQL has as well.
    pub others: Vec<String>,
}

/// The program that serves it, for whoever starts it and brings it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    pub words: Vec<String>,
    /// Whom it runs as; `None`: as we do.
    pub user: Option<String>,
}

/// How a replica stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub state: State,
    /// Of the primary's log; `None`: not known.
    pub behind_bytes: Option<u64>,
    pub behind_ms: Option<u64>,
    /// What the server says of it, where it does not follow.
    pub said: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing is in its folder.
    Absent,
    /// It is not whole yet.
    Begun,
    /// Its server does not answer.
    Silent,
    Follows,
    /// Its server answers, and does not follow.
    Broken,
    /// It follows nobody: it was promoted.
    Promoted,
}

impl State {
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Begun => "begun",
            Self::Silent => "silent",
            Self::Follows => "follows",
            Self::Broken => "broken",
            Self::Promoted => "promoted",
        }
    }
}

impl Standing {
    fn bare(state: State) -> Self {
        Self { state, behind_bytes: None, behind_ms: None, said: None }
    }
}

impl Replica {
    /// The same database of the second server, for the same account.
    #[must_use]
    pub fn url(&self) -> DatabaseUrl {
        at(&self.primary, self.address)
    }

    /// What it would take to make it.
    ///
    /// # Errors
    /// When the primary does not let us look.
    pub async fn prospect(&self) -> Result<Prospect, DatabaseError> {
        match self.primary.kind {
            DatabaseKind::Postgres => postgres::prospect(self).await,
            DatabaseKind::MySql => mysql::prospect(self).await,
            DatabaseKind::Sqlite => Err(no_server()),
        }
    }

    /// What is in its folder.
    ///
    /// # Errors
    /// When it cannot be looked into.
    pub fn made(&self) -> Result<Made, DatabaseError> {
        place::made(&self.folder, &self.name)
    }

    /// Fills its folder with the primary's data as of one moment, and with what its server needs to follow
    /// from there. What somebody who was killed had begun is made anew. Blocks its thread, whose end ends
    /// what it has started: call it outside of asynchronous code.
    ///
    /// # Errors
    /// When something else is in the folder, or the primary refuses.
    pub fn make(&self) -> Result<(), DatabaseError> {
        match self.made()? {
            Made::Whole => return Ok(()),
            Made::Foreign => {
                return Err(self.failed("make", "there is something else in its folder"));
            }
            Made::Absent | Made::Begun => {}
        }
        let users: &[&'static str] = match self.primary.kind {
            DatabaseKind::Postgres => &["postgres", "nobody"],
            _ => &["mysql", "nobody"],
        };
        let folder = Folder::prepare(&self.folder, users)?;
        Note::new(&self.name, Phase::Begun).write(&folder.path)?;
        place::clear(&folder.path)?;
        match self.primary.kind {
            DatabaseKind::Postgres => runtime()?.block_on(postgres::make(self, &folder))?,
            DatabaseKind::MySql => mysql::make(self, &folder)?,
            DatabaseKind::Sqlite => return Err(no_server()),
        }
        Note::new(&self.name, Phase::Whole).write(&folder.path)
    }

    /// What serves it, once it is made.
    ///
    /// # Errors
    /// When the server is not installed here, or the folder is gone.
    pub fn command(&self) -> Result<Command, DatabaseError> {
        match self.primary.kind {
            DatabaseKind::Postgres => postgres::command(self),
            DatabaseKind::MySql => mysql::command(self),
            DatabaseKind::Sqlite => Err(no_server()),
        }
    }

    /// Has its server end at once but in order, however many are connected. Whoever keeps it must know that
    /// it is to end, or brings it back.
    pub fn hurry(&self) {
        if self.primary.kind == DatabaseKind::Postgres {
            postgres::hurry(self);
        }
    }

    /// How it stands now. What cannot be seen is [`State::Silent`], with what was said.
    ///
    /// # Errors
    /// When its folder cannot be looked into.
    pub async fn standing(&self) -> Result<Standing, DatabaseError> {
        match self.made()? {
            Made::Absent | Made::Foreign => return Ok(Standing::bare(State::Absent)),
            Made::Begun => return Ok(Standing::bare(State::Begun)),
            Made::Whole => {}
        }
        let seen = match self.primary.kind {
            DatabaseKind::Postgres => postgres::standing(self).await,
            DatabaseKind::MySql => mysql::standing(self).await,
            DatabaseKind::Sqlite => return Err(no_server()),
        };
        Ok(seen.unwrap_or_else(|error| {
            let said = story(&error);
            Standing { said: Some(said), ..Standing::bare(State::Silent) }
        }))
    }

    /// Takes away what the primary keeps for it, and its folder. Its server must have ended.
    ///
    /// # Errors
    /// When the primary does not answer: what it keeps for it would fill its disk.
    pub async fn remove(&self) -> Result<(), DatabaseError> {
        match self.made()? {
            Made::Absent => return Ok(()),
            Made::Foreign => {
                return Err(self.failed("remove", "there is something else in its folder"));
            }
            Made::Begun | Made::Whole => {}
        }
        if self.primary.kind == DatabaseKind::Postgres {
            postgres::forget(self).await?;
        }
        place::remove(&self.folder)
    }

    /// Whether the primary keeps nothing for it and its folder is gone.
    ///
    /// # Errors
    /// As of [`Replica::remove`].
    pub async fn is_removed(&self) -> Result<bool, DatabaseError> {
        let is_kept = match self.primary.kind {
            DatabaseKind::Postgres => postgres::is_known(self).await?,
            _ => false,
        };
        Ok(!is_kept && self.made()? == Made::Absent)
    }

    /// Keeps everybody from writing on the primary's database: nobody is let in any more, and whoever is
    /// there is cut off. It stays so over a restart of that server.
    ///
    /// # Errors
    /// When the primary refuses, or somebody does not leave in time.
    pub async fn fence(&self) -> Result<(), DatabaseError> {
        match self.primary.kind {
            DatabaseKind::Postgres => postgres::fence(self).await,
            DatabaseKind::MySql => mysql::fence(self).await,
            DatabaseKind::Sqlite => Err(no_server()),
        }
    }

    /// Lets everybody write on the primary again.
    ///
    /// # Errors
    /// When the primary refuses.
    pub async fn lift(&self) -> Result<(), DatabaseError> {
        match self.primary.kind {
            DatabaseKind::Postgres => postgres::lift(self).await,
            DatabaseKind::MySql => mysql::lift(self).await,
            DatabaseKind::Sqlite => Err(no_server()),
        }
    }

    /// Whether nobody can write there, by trying.
    ///
    /// # Errors
    /// When that cannot be told.
    pub async fn is_fenced(&self) -> Result<bool, DatabaseError> {
        match self.primary.kind {
            DatabaseKind::Postgres => postgres::is_fenced(self).await,
            DatabaseKind::MySql => mysql::is_fenced(self).await,
            DatabaseKind::Sqlite => Err(no_server()),
        }
    }

    /// Whether the primary's server says anything at all, be it a refusal.
    pub async fn does_primary_answer(&self) -> bool {
        match self.is_fenced().await {
            Ok(_) => true,
            Err(DatabaseError::ConnectPostgres { source, .. }) => source.code().is_some(),
            Err(DatabaseError::ConnectMySql { source, .. }) => {
                !matches!(source, mysql_async::Error::Io(_))
            }
            Err(DatabaseError::TimedOut(_)) => false,
            Err(_) => true,
        }
    }

    /// Waits until it has all that the primary has at this moment, which must be fenced.
    ///
    /// # Errors
    /// [`DatabaseError::TimedOut`] when it does not within `limit`.
    pub async fn catch_up(&self, limit: Duration) -> Result<(), DatabaseError> {
        match self.primary.kind {
            DatabaseKind::Postgres => postgres::catch_up(self, limit).await,
            DatabaseKind::MySql => mysql::catch_up(self, limit).await,
            DatabaseKind::Sqlite => Err(no_server()),
        }
    }

    /// Makes it a server that follows nobody and takes writes, with all that it has received.
    ///
    /// # Errors
    /// When its server refuses.
    pub async fn promote(&self) -> Result<(), DatabaseError> {
        match self.primary.kind {
            DatabaseKind::Postgres => postgres::promote(self).await,
            DatabaseKind::MySql => mysql::promote(self).await,
            DatabaseKind::Sqlite => Err(no_server()),
        }
    }

    /// Whether it follows nobody and takes writes, by trying.
    ///
    /// # Errors
    /// When its server does not answer.
    pub async fn is_promoted(&self) -> Result<bool, DatabaseError> {
        match self.primary.kind {
            DatabaseKind::Postgres => postgres::is_promoted(self).await,
            DatabaseKind::MySql => mysql::is_promoted(self).await,
            DatabaseKind::Sqlite => Err(no_server()),
        }
    }

    fn failed(&self, what: &str, why: impl Into<String>) -> DatabaseError {
        let what = format!("{what} the replica of {} in {}", self.primary, self.folder.display());
        DatabaseError::Change { what, why: why.into() }
    }
}

/// The same database and account at another server.
#[must_use]
pub fn at(url: &DatabaseUrl, address: SocketAddr) -> DatabaseUrl {
    if url.kind == DatabaseKind::Sqlite {
        return url.clone();
    }
    let named = with_name(url, &name_of(url)).secret;
    let (scheme, rest) = named.split_once("://").unwrap_or(("", &named));
    let (server, path) = rest.split_once('/').unwrap_or((rest, ""));
    let account = server.rsplit_once('@').map(|(account, _)| format!("{account}@"));
    let (name, query) = path.split_once('?').unwrap_or((path, ""));
    let elsewhere = ["host=", "hostaddr=", "port=", "socket="];
    let kept = query.split('&').filter(|part| {
        !part.is_empty() && !elsewhere.iter().any(|elsewhere| part.starts_with(elsewhere))
    });
    let query: Vec<&str> = kept.collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let account = account.unwrap_or_default();
    DatabaseUrl { kind: url.kind, secret: format!("{scheme}://{account}{address}/{name}{query}") }
}

/// An error with what is behind it.
fn story(error: &DatabaseError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}

fn no_server() -> DatabaseError {
    let (what, why) = ("a replica of SQLite".to_owned(), "SQLite has no server".to_owned());
    DatabaseError::Change { what, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_found_at_another_server_by_the_same_account() {
        let check = |secret: &str, kind, expect: &str| {
            let url = DatabaseUrl { kind, secret: secret.to_owned() };
            assert_eq!(at(&url, "127.0.0.2:5433".parse().unwrap()).secret, expect);
        };
        let (postgres, mysql) = (DatabaseKind::Postgres, DatabaseKind::MySql);
        check("postgres://a:b%2f@h:1/shop", postgres, "postgres://a:b%2f@127.0.0.2:5433/shop");
        check("postgres://h/shop?sslmode=x", postgres, "postgres://127.0.0.2:5433/shop?sslmode=x");
        check(
            "postgres://shop@/shop?host=/run/postgresql",
            postgres,
            "postgres://shop@127.0.0.2:5433/shop",
        );
        check("mysql://a@h:3306/x?b=1", mysql, "mysql://a@127.0.0.2:5433/x?b=1");
    }
}
