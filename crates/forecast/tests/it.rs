//! The crate from outside: what holds for any counts, a shop drawn with a seed, and the published figures of a real one.

#[cfg(test)]
mod change;
#[cfg(test)]
mod counts;
#[cfg(test)]
mod figures;
#[cfg(test)]
mod risk;
#[cfg(test)]
mod trend;
