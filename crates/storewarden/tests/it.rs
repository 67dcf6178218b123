//! The program as a person starts it: real processes, a real shop server behind it, real visitors,
//! and kills at bad moments.

// Clippy takes only what is under `cfg(test)` for a test's helper, which may unwrap.
#[cfg(test)]
mod clock;
#[cfg(test)]
mod command_line;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod init;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod people;
#[cfg(test)]
mod stand;
#[cfg(test)]
mod supervision;
#[cfg(test)]
mod watching;
