//! How a database gets to a moment between two backups.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// By what a database goes on from a backup to a moment. Nobody need say: the journal goes first, and
/// where a redefined table stands in its way, the server's own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// By the journal of changes: rows, from a dump on, in the shop's own server.
    Journal,
    /// By the server's own log, statements that change tables included: the WAL of PostgreSQL, the
    /// binary log of MariaDB and MySQL.
    Log,
}

/// What going to a moment by the server's own log takes. Times are unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByLog {
    pub until_ms: i64,
    /// The moment of the backup that it goes on from.
    pub from_ms: i64,
    pub transactions: u64,
    /// Changes of rows.
    pub changes: u64,
    /// When the last of them was committed; `None`: nothing was changed.
    pub last_ms: Option<i64>,
    /// The statement or table that stands in the journal's way, and since when; empty: none does.
    pub what: String,
    pub redefined_ms: i64,
}

/// What going to a moment by PostgreSQL's write-ahead log takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByWal {
    /// Unix milliseconds; and when the base backup had ended that it goes on from.
    pub until_ms: i64,
    pub from_ms: i64,
    /// Of the log that is replayed, and of the cluster before.
    pub segments: u64,
    pub wal_bytes: u64,
    pub base_bytes: u64,
}

impl Way {
    const ALL: [Self; 2] = [Self::Journal, Self::Log];

    /// As wishes and the command line write it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Journal => "journal",
            Self::Log => "log",
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Way {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|way| way.code() == text).ok_or("write `journal` or `log`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_is_written_as_it_is_read() {
        for way in Way::ALL {
            assert_eq!(way.to_string().parse(), Ok(way));
            assert_eq!(serde_json::to_value(way).unwrap(), way.code());
        }
        assert!("".parse::<Way>().is_err());
    }
}
