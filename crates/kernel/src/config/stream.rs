//! Whether every change of a shop's database is followed, and what becomes of what was followed.

use super::{DatabaseUrl, RepositorySettings};

/// `[shop.ID.stream]`.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamSettings {
    /// The same database by an account that may replicate; `None`: by the one that reads it.
    pub follow_as: Option<DatabaseUrl>,
    /// Labels of tables that are not followed: `public.django_session`, or `sessions` where tables
    /// have no schema. None twice.
    pub leave_out: Vec<String>,
    /// What was committed longer ago than this is to be in the journal.
    pub behind_at_most_ms: u64,
    /// How long the journal is kept.
    pub keep_ms: u64,
    /// So far apart lie the restore points that are listed; any moment between them is one as well.
    pub points_ms: u64,
    /// The server's own log is kept as it comes, too: the binary log of MariaDB and MySQL, the WAL of
    /// PostgreSQL.
    pub raw: bool,
    /// Of PostgreSQL whose WAL is kept: how often a base backup is taken that it goes on from.
    pub base_every_ms: u64,
    /// The places that get a copy, none twice; empty: it stays on this machine.
    pub copies: Vec<StreamCopySettings>,
}

/// A place that gets a copy of the journal as it grows.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamCopySettings {
    pub to: RepositorySettings,
    /// What came meanwhile is sent together.
    pub every_ms: u64,
}

impl StreamCopySettings {
    /// Of a shop whose database changes all the time: what a bucket counts, and its owner is billed for,
    /// in a month of 30 days. `None` where nobody counts.
    #[must_use]
    pub fn requests_a_month(&self) -> Option<u64> {
        let is_counted = matches!(self.to, RepositorySettings::S3 { .. });
        is_counted.then(|| MONTH_MS.div_ceil(self.every_ms.max(1)))
    }
}

const MONTH_MS: u64 = 30 * 24 * 60 * 60 * 1000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{S3Settings, Secret};

    #[test]
    fn only_a_bucket_counts_requests() {
        let bucket = S3Settings {
            endpoint: "https://s3.example".to_owned(),
            region: "r".to_owned(),
            bucket: "b".to_owned(),
            prefix: String::new(),
            key_id: Secret::new("id".to_owned()),
            secret: Secret::new("secret".to_owned()),
        };
        let bucket = RepositorySettings::S3 { bucket, lock: None };
        let every = |to, every_ms| StreamCopySettings { to, every_ms }.requests_a_month();
        assert_eq!(every(bucket.clone(), 5_000), Some(518_400));
        assert_eq!(every(bucket, 60_000), Some(43_200));
        assert_eq!(every(RepositorySettings::Folder("/mnt".into()), 200), None);
    }
}
