//! A binary log that was kept as it came ([`crate::changes::Event::Raw`]): written into files again that
//! `mariadb-binlog` reads ([`LogFiles`]), and played once more on a server of our own ([`play`]), with everything
//! of it that is about one database and nothing else ([`Sieve`]).
//!
//! Never plays anything on a server that is not ours: statements in a log name databases, and nobody knows
//! which.

mod files;
mod play;
mod scene;
mod sieve;

pub use files::{LogFiles, Written};
pub use play::{is_possible, play};
pub use scene::Scene;
pub use sieve::Sieve;
