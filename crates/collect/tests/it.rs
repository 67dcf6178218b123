//! The collectors against recorded answers, against servers that mean no good, and against real ones.

// Clippy takes only what is under `cfg(test)` for a test's helper, which may unwrap.
#[cfg(test)]
mod databases;
#[cfg(test)]
mod discovery;
#[cfg(test)]
mod document;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod queues;
#[cfg(test)]
mod real;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod server;
