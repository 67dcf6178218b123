//! What kind of trouble a storage has, so that somebody can say what to do about it.

use std::{fmt, io};

/// Why a storage did not do what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nobody answers, or who answers is too busy. Trying later may help.
    Unreachable,
    /// Another machine answers than the one that was agreed on, or one that nobody knows yet.
    HostKey,
    /// Our key or password is not taken.
    Login,
    /// The bucket, or the folder that the repository should lie in, is not there.
    NoPlace,
    /// We may come in, but not do this.
    NotPermitted,
    /// It is locked against everybody for some time yet.
    Protected,
    Full,
    Other,
}

impl Fault {
    /// For programs, and for words in other languages.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "storage_unreachable",
            Self::HostKey => "storage_host_key",
            Self::Login => "storage_login",
            Self::NoPlace => "storage_no_place",
            Self::NotPermitted => "storage_not_permitted",
            Self::Protected => "storage_protected",
            Self::Full => "storage_full",
            Self::Other => "storage_failed",
        }
    }

    /// What may be done about it, in one sentence.
    #[must_use]
    pub fn mend(self) -> &'static str {
        match self {
            Self::Unreachable => "see whether the other side runs and the line to it is up",
            Self::HostKey => {
                "compare the key that it shows (ssh-keyscan) with the one its owner tells you, and only \
                 then put it into the file of known hosts"
            }
            Self::Login => "see whether the key is right, and known to the other side",
            Self::NoPlace => "see whether the bucket or folder is there, and spelt so",
            Self::NotPermitted => "see which rights these credentials have there",
            Self::Protected => "wait until its lock has ended: that is what the lock is for",
            Self::Full => "make room there, or let fewer snapshots be kept",
            Self::Other => "see what the other side says",
        }
    }

    /// Of this machine's own disks.
    pub(crate) fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::NotPermitted
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::NotFound => Self::NoPlace,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
