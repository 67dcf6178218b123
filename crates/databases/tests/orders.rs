//! One suite for the three kinds of database, then what only one of them can do.

mod mysql;
mod postgres;
mod sqlite;
pub(crate) mod suite;
