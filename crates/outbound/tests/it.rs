//! Requests and copies against real servers on this machine.

// Clippy takes only what is under `cfg(test)` for a test's helper, which may unwrap.
#[cfg(test)]
mod buckets;
#[cfg(test)]
mod destinations;
#[cfg(test)]
mod http;
#[cfg(test)]
mod server;
