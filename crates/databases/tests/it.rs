//! The databases crate against real servers: private PostgreSQL and MariaDB, and SQLite.

mod orders;
mod private;
mod scratch;
