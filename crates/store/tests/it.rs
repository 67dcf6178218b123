//! The store as control uses it, killed, full and opened again.

// Clippy takes only what is under `cfg(test)` for a test's helper, which may unwrap.
#[cfg(test)]
mod crash;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod full;
#[cfg(test)]
mod incidents;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod people;
#[cfg(test)]
mod records;
#[cfg(test)]
mod runs;
