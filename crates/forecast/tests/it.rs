//! The crate from outside: what holds for any counts, a shop drawn with a seed, and the published figures of a real one.

#[cfg(test)]
mod counts;
#[cfg(test)]
mod figures;
#[cfg(test)]
mod trend;
