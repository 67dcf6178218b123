//! The databases crate against real servers: private PostgreSQL and MariaDB, and SQLite.

mod private;
mod scratch;
