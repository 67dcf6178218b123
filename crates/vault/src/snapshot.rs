//! What a backup leaves behind: who made it of what and when, and the tree it made.

use crate::{Id, Time};
use serde::{Deserialize, Deserializer, Serialize};

/// A backup that ended well. Its fields are restic's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The name of its file.
    #[serde(skip, default = "nameless")]
    pub id: Id,
    /// When the backup began.
    pub time: Time,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Id>,
    pub tree: Id,
    /// What was backed up: whole paths of folders and files, and of streams those they got.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub paths: Vec<String>,
    #[serde(default)]
    pub hostname: String,
    #[serde(default)]
    pub username: String,
    #[serde(default)]
    pub uid: u32,
    #[serde(default)]
    pub gid: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excludes: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub program_version: String,
    /// Of a copy the snapshot that it was made of at first, in whichever repository that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<Id>,
    /// Absent in those that restic before 0.17 made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
}

/// Figures of the run that made a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    pub backup_start: Time,
    pub backup_end: Time,
    pub files_new: u64,
    pub files_changed: u64,
    pub files_unmodified: u64,
    pub dirs_new: u64,
    pub dirs_changed: u64,
    pub dirs_unmodified: u64,
    pub data_blobs: u64,
    pub tree_blobs: u64,
    /// Bytes that the repository did not have yet, before and after packing.
    pub data_added: u64,
    pub data_added_packed: u64,
    pub total_files_processed: u64,
    pub total_bytes_processed: u64,
}

impl Default for Summary {
    fn default() -> Self {
        let time = Time::from_ms(0);
        Self {
            backup_start: time,
            backup_end: time,
            files_new: 0,
            files_changed: 0,
            files_unmodified: 0,
            dirs_new: 0,
            dirs_changed: 0,
            dirs_unmodified: 0,
            data_blobs: 0,
            tree_blobs: 0,
            data_added: 0,
            data_added_packed: 0,
            total_files_processed: 0,
            total_bytes_processed: 0,
        }
    }
}

/// Whoever works on a repository: stands in snapshots, locks and keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub hostname: String,
    pub username: String,
    pub uid: u32,
    pub gid: u32,
    pub pid: u32,
}

impl Origin {
    /// This process on this machine.
    #[must_use]
    pub fn of_this_process() -> Self {
        let uid = rustix::process::getuid().as_raw();
        Self {
            hostname: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            username: host::users::name_of(uid).unwrap_or_else(|| uid.to_string()),
            uid,
            gid: rustix::process::getgid().as_raw(),
            pid: std::process::id(),
        }
    }
}

fn nameless() -> Id {
    Id::from_bytes([0; 32])
}

/// Go writes an empty list as null.
fn null_is_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
