//! What can go wrong with a backup, as codes with parameters.

use super::Trouble;
use databases::DatabaseError;
use host::HostError;
use std::io::ErrorKind;
use vault::{VaultError, storage::Fault};

impl Trouble {
    /// Of a repository, at a place.
    pub(crate) fn of(error: VaultError, place: &str) -> Box<Self> {
        let message = error.story();
        let at = ("place", place.into());
        let trouble = |code: &str| Self::new(code, [at.clone()], message.clone());
        let with = |code: &str, name: &'static str, value: String| {
            Self::new(code, [at.clone(), (name, value.into())], message.clone())
        };
        Box::new(match error {
            VaultError::Storage { fault, transient, source, .. } => {
                let mut said = story(source.as_ref());
                said.push_str(". ");
                said.push_str(fault.mend());
                let trouble = with(fault.code(), "error", said);
                if transient || fault == Fault::Unreachable { trouble.for_now() } else { trouble }
            }
            VaultError::NoRepository(_) => trouble("repository_missing"),
            VaultError::WrongPassword(_) => trouble("repository_wrong_password"),
            VaultError::Locked(holder) => {
                with("repository_locked", "holder", holder.to_string()).for_now()
            }
            VaultError::LockLost => trouble("repository_lock_lost").for_now(),
            VaultError::Damaged { .. }
            | VaultError::DamagedBlob { .. }
            | VaultError::Missing { .. }
            | VaultError::UnknownBlob(_) => with("repository_damaged", "error", message.clone()),
            VaultError::NoSnapshot(name) | VaultError::AmbiguousSnapshot(name) => {
                with("no_snapshot", "snapshot", name)
            }
            VaultError::NoSuchPath { path } => {
                with("no_such_path", "path", path.display().to_string())
            }
            VaultError::Unreadable { count, first } => {
                let said = [("count", count.into()), ("first", first.into())];
                Self::new("files_unreadable", said, message)
            }
            VaultError::Stream { path, why } => {
                let said = [("path", path.display().to_string().into()), ("error", why.into())];
                Self::new("stream_broken", said, message)
            }
            VaultError::NoSource(path) => {
                with("source_missing", "path", path.display().to_string())
            }
            VaultError::Bucket { place, source } => return Self::of(*source, &place),
            VaultError::Emptied { path, count } => {
                let said = [("path", path.display().to_string().into()), ("count", count.into())];
                Self::new("source_empty", said, message)
            }
            VaultError::NoSources => trouble("no_sources"),
            VaultError::File { path, source, .. } => of_file(&path, &source, message),
            _ => with("backup_failed", "error", message.clone()),
        })
    }

    /// Of a worker, and in a control group of what it started too.
    pub(crate) fn out_of_memory(bytes: u64, limit_bytes: u64) -> Self {
        let said = [("bytes", bytes.into()), ("limit_bytes", limit_bytes.into())];
        let message = format!(
            "it needed {bytes} bytes of memory and may have {limit_bytes}: give it more by `memory` in \
             its table `backup`"
        );
        Self::new("memory_limit", said, message)
    }

    /// Of the shop's database.
    pub(super) fn of_database(error: &DatabaseError, name: &str) -> Box<Self> {
        let message = story(error);
        let said = [("database", name.into()), ("error", message.as_str().into())];
        Box::new(Self::new("database_not_dumped", said, format!("dump {name}: {message}")))
    }

    /// Of this machine.
    pub(super) fn of_host(error: &HostError, what: &'static str) -> Box<Self> {
        let said = [("what", what.into()), ("error", story(error).into())];
        Box::new(Self::new("not_told_by_machine", said, format!("{what}: {}", story(error))))
    }
}

fn of_file(path: &std::path::Path, source: &std::io::Error, message: String) -> Trouble {
    let code = match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "disk_full",
        ErrorKind::PermissionDenied => "file_refused",
        _ => "file_failed",
    };
    let said = [("path", path.display().to_string().into()), ("error", source.to_string().into())];
    Trouble::new(code, said, message)
}

/// An error and all that lies behind it, in one line.
pub(crate) fn story(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut behind = error.source();
    while let Some(error) = behind {
        text.push_str(": ");
        text.push_str(&error.to_string());
        behind = error.source();
    }
    text
}
