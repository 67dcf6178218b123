//! The store from outside: what is acknowledged stays, what is damaged takes only itself along, limits say so.

// Clippy takes only what is under `cfg(test)` for a test's helper, which may unwrap and print.
#[cfg(test)]
mod clock;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod full;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod model;
#[cfg(test)]
mod rollups;
#[cfg(test)]
mod stand;
#[cfg(test)]
mod together;
