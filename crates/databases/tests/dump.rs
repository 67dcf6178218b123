//! Dumps of every kind of database: whole, of one moment, loaded again, and looked into.

mod damage;
pub(crate) mod mysql;
pub(crate) mod postgres;
mod sqlite;
pub(crate) mod suite;
