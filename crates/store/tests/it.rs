//! The store as control uses it, killed, full and opened again.

mod crash;
mod full;
mod records;
