//! The crate from outside.

// Clippy takes only what is under `cfg(test)` for a test's helper, which may unwrap and print.
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod page;
#[cfg(test)]
mod remote_write;
#[cfg(test)]
mod rolled;
#[cfg(test)]
mod text;
