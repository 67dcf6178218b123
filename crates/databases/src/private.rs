//! Database servers of our own, in a folder of the caller's: for the demo, for tests, for drills.
//!
//! They listen on the loopback only, trust whoever reaches them there unless they are locked, and end
//! with their owner.
//! The servers refuse to run as root, so root hands their folder to another user of the machine.

mod cluster;
pub(crate) mod folder;
pub(crate) mod mariadb;
mod mysql;
mod postgres;
pub(crate) mod server;

pub use cluster::{Cluster, Recovered, RecoveredCluster, Recovery};
pub use mariadb::MariaDb;
pub use mysql::{MySql, MySqlProgram};
pub use postgres::{Installation, Postgres};

/// How a private server is started; the default is right for most.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `None`: one that is free.
    pub port: Option<u16>,
    /// Only we are let in, by a password that nobody is told: for data that is real. Of a server that
    /// is made here; it is not started a second time.
    pub locked: bool,
    /// It ends with the thread that starts it, even when that one is killed. A runtime's own threads
    /// come and go: this is for a thread that waits for the start itself.
    pub tied: bool,
    /// Further settings by name, as the server's configuration knows them.
    pub settings: Vec<(String, String)>,
}
