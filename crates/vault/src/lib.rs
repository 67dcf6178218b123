//! Backups: one encrypted, deduplicated repository in restic's format (docs/formats/repository.md),
//! on a disk, in a bucket or behind SFTP, and what is done with it: back up, copy, look inside, restore,
//! check, forget and prune.
//!
//! Everything here blocks its thread: it runs in a child process of its own, whose limits on
//! processor and memory are its parent's affair. It knows no shop and no schedule. A dump is a stream
//! with an end that somebody vouches for; only a drill ([`drill`]) and whoever looks for one order
//! ([`orders`]) know what is in one. What changed since, row by row, is in a [`journal`]:
//! [`stream`] fills it, in a process of its own, and by it a database goes back to a [`moment`].
//! A server's own log is kept as it is by [`wal`].

pub mod backup;
pub mod check;
mod chunker;
pub mod copy;
mod crypto;
pub mod drill;
mod dump_files;
mod error;
pub mod extend;
pub mod forget;
mod id;
mod index;
pub mod journal;
pub mod lock;
pub mod moment;
pub mod orders;
mod pack;
mod packer;
pub mod progress;
pub mod prune;
mod reader;
mod repository;
pub mod restore;
mod snapshot;
pub mod storage;
pub mod stream;
mod tree;
pub mod wal;
mod walk;

pub use dump_files::DumpFiles;
pub use error::VaultError;
pub use id::Id;
pub use reader::Reader;
pub use repository::{InitOptions, KeyInfo, Repository, RepositoryKey};
pub use snapshot::{Origin, Snapshot, Summary};
pub use tree::{Node, NodeKind, Time, Xattr};
