//! The databases crate against real servers: private PostgreSQL and MariaDB, and SQLite.

// Clippy takes only what is under `cfg(test)` for a test's helper, which may unwrap.
#[cfg(test)]
mod care;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod dump;
#[cfg(test)]
mod mysql;
#[cfg(test)]
mod orders;
#[cfg(test)]
mod private;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod replica;
#[cfg(test)]
mod restore;
#[cfg(test)]
mod scratch;
