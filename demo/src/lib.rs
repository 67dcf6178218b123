//! The demonstration: a sample shop, the customers who visit it, and the director that puts both on
//! a stage behind Storewarden. Nothing of it is part of the product; the product never depends on
//! it and learns of the shop only what any shop's owner would tell it.

pub mod customers;
pub mod director;
pub mod guide;
pub mod shop;
pub mod stage;

/// The database servers of stages, for plays that want one without a shop.
pub use databases::private;

/// A random token of 32 hexadecimal digits.
fn token() -> String {
    format!("{:032x}", rand::random::<u128>())
}
