//! What leaves the machine by our own wish: requests, each with a deadline and a limit, objects in
//! buckets, and copies put elsewhere.
//!
//! It follows no redirect, reads no proxy from the environment and tries nothing twice: whoever
//! sends knows whether that is wanted. Addresses may hold secrets, so no error and no `Debug` shows
//! more of one than scheme and host.

pub mod bucket;
pub mod destination;
mod error;
pub mod http;
pub mod reach;

pub use error::OutboundError;
