//! The engine over a real store, with a performer whose effects are lines of a file.

// Clippy takes only what is under `cfg(test)` for a test's helper, which may unwrap.
#[cfg(test)]
mod crash;
#[cfg(test)]
mod fencing;
#[cfg(test)]
mod forgoing;
#[cfg(test)]
mod full;
#[cfg(test)]
mod runs;
#[cfg(test)]
mod waiting;
#[cfg(test)]
mod world;
