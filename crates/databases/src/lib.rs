//! Clients of the databases that shops run on: PostgreSQL, MariaDB and MySQL, SQLite.
//!
//! A shop's database is a guest house: one connection, read only, a limit on every statement
//! ([`orders`]). [`dump`] reads all of it as of one moment, as gently; [`changes`] follows what is
//! changed from then on, and [`live`] looks single rows up and changes them; [`restore`] brings a
//! whole database back, and [`replay`] on to a later moment; [`replica`] makes a second server that follows it;
//! [`care`] finds what a database suffers from, and [`statistics`] asks a server for its own figures. Databases of our
//! own, for the demo, tests and drills, are in [`private`].
//! What the rows mean is the caller's business; no platform is known here.

pub mod binlog;
pub mod care;
pub mod changes;
pub mod dump;
mod error;
pub mod live;
pub mod orders;
pub mod private;
pub mod replay;
pub mod replica;
pub mod restore;
pub mod statistics;
pub mod wal;

pub use error::DatabaseError;
