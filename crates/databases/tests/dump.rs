//! Dumps of every kind of database: whole, of one moment, loaded again, and looked into.

mod damage;
mod mysql;
mod postgres;
mod sqlite;
mod suite;
