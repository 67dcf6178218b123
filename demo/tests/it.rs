//! The sample shop and its customers, over real HTTP and real databases.

#![expect(clippy::unwrap_used, reason = "a test that can't go on panics")]

mod customers;
mod running;
mod shop;
mod stage;
